"""Ruleset parameters: the JSON bytes that governance put on chain, read strictly.

All numbers are decimal strings. `k_ppm`, `plays_max`, `regions` and `ruleset` must be there; these
may be left out:

| name | left out | says |
|---|---|---|
| `completeness` | `receipts` | how the logs of an epoch must be certified |
| `half_life` | no decay | which curve the weight of a work falls along (`half_life.py`) |
| `fees` | no fees | who takes which part of every subscriber's fee (`fees.py`) |
| `minutes_max` | no limit | the most minutes that a row may claim |

The digest is over the bytes as they stand on chain, so that parsing cannot change what was agreed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import ParametersColumns
from contracts.canonical import JsonValue, canonical_json, json_from_bytes
from contracts.evm import ZERO_ADDRESS, Address, Epoch, Hash32, keccak
from settlement.errors import BadParameters, NoParametersInForce
from settlement.royalties import half_life
from settlement.royalties.certificate import Level
from settlement.royalties.fees import ENTRIES_MAX, SUM_PPM_MAX, FeeEntry
from settlement.royalties.usercentric_v1 import PLAYS_MAX

_FIELDS = frozenset({"k_ppm", "plays_max", "regions", "ruleset"})
_OPTIONS = frozenset({"completeness", "fees", "half_life", "minutes_max"})
_FEE_FIELDS = frozenset({"name", "payee", "ppm"})
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_REGION_RULE = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_PAYEE = re.compile(r"0x[0-9a-f]{40}", re.ASCII)
_FEE_NAME = re.compile(r"[a-z_]{1,16}", re.ASCII)
_UINT32_MAX = 2**32 - 1
_UINT64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters in force in one epoch.

    `regions` is the factor in ppm of every known region rule; `completeness` is the least level at
    which the logs of an epoch must be certified; `fees` are in the order of the list; `minutes_max`
    is None where there is no limit; `document` is the JSON object as published.
    """

    ruleset: str
    k_ppm: int
    plays_max: int
    regions: Mapping[Hash32, int]
    completeness: Level
    has_half_life: bool
    fees: tuple[FeeEntry, ...]
    minutes_max: int | None
    digest: Hash32
    document: Mapping[str, JsonValue]


def parameters_from_bytes(data: bytes) -> Parameters:
    """Read the parameters of a `ParametersSet` event.

    Raises:
        BadParameters: naming the field and its value.
    """
    document = _document(data)
    if not isinstance(document["ruleset"], str):
        raise BadParameters("ruleset", document["ruleset"], "a name")
    if not isinstance(document["regions"], dict):
        raise BadParameters("regions", document["regions"], "an object")
    return Parameters(
        ruleset=document["ruleset"],
        k_ppm=_number(document["k_ppm"], "k_ppm", maximum=_UINT64_MAX),
        plays_max=_positive(document["plays_max"], "plays_max", maximum=PLAYS_MAX),
        regions={
            _region_rule(rule): _number(factor, f"regions.{rule}", maximum=_UINT64_MAX)
            for rule, factor in document["regions"].items()
        },
        completeness=_level(document.get("completeness", Level.RECEIPTS.value)),
        has_half_life="half_life" in document and _is_known_curve(document["half_life"]),
        fees=_fees(document["fees"]) if "fees" in document else (),
        minutes_max=(
            _positive(document["minutes_max"], "minutes_max", maximum=_UINT32_MAX)
            if "minutes_max" in document
            else None
        ),
        digest=keccak(data),
        document=document,
    )


def parameters_in_force(columns: ParametersColumns, epoch: Epoch) -> Parameters:
    """The parameters that are in force in the epoch.

    Raises:
        NoParametersInForce: none are.
        BadParameters: they cannot be read.
    """
    return parameters_from_bytes(columns.parameters[row_in_force(columns, epoch)])


def row_in_force(columns: ParametersColumns, epoch: Epoch) -> int:
    """The last row, in chain order, that takes effect in or before the epoch.

    Raises:
        NoParametersInForce: none does.
    """
    for row in reversed(range(len(columns))):
        if columns.effective_epoch[row] <= epoch:
            return row
    raise NoParametersInForce(epoch)


def _document(data: bytes) -> dict[str, JsonValue]:
    try:
        document = json_from_bytes(data)
    except ValueError as error:  # also: not UTF-8, a key twice
        raise BadParameters("document", data[:64], f"JSON ({error})") from error
    if not isinstance(document, dict):
        raise BadParameters("document", document, "an object")
    if canonical_json(document) != data:
        raise BadParameters("document", data[:64], "canonical JSON (RFC 8785)")
    if document.keys() - _OPTIONS != _FIELDS:
        wanted = f"exactly {sorted(_FIELDS)}, and at most {sorted(_OPTIONS)}"
        raise BadParameters("document", sorted(document), wanted)
    return document


def _number(value: object, field: str, *, maximum: int) -> int:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or int(value) > maximum:
        raise BadParameters(field, value, f"a decimal string up to {maximum}")
    return int(value)


def _positive(value: object, field: str, *, maximum: int) -> int:
    number = _number(value, field, maximum=maximum)
    if number == 0:
        raise BadParameters(field, value, "positive")
    return number


def _level(value: object) -> Level:
    if not isinstance(value, str) or value not in list(Level):
        raise BadParameters("completeness", value, f"one of {[level.value for level in Level]}")
    return Level(value)


def _is_known_curve(value: object) -> bool:
    if value != half_life.NAME:
        raise BadParameters("half_life", value, repr(half_life.NAME))
    return True


def _region_rule(text: str) -> Hash32:
    if not _REGION_RULE.fullmatch(text):
        raise BadParameters("regions", text, "a region rule (0x and 64 lower-case digits)")
    return Hash32.from_hex(text)


def _fees(value: object) -> tuple[FeeEntry, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= ENTRIES_MAX:
        raise BadParameters("fees", value, f"a list of 1 to {ENTRIES_MAX} entries")
    entries = tuple(_fee_entry(item, f"fees[{at}]") for at, item in enumerate(value))
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise BadParameters("fees", names, "a list of names without repetition")
    total = sum(entry.rate_ppm for entry in entries)
    if total > SUM_PPM_MAX:
        raise BadParameters("fees", str(total), f"at most {SUM_PPM_MAX} ppm in all")
    return entries


def _fee_entry(value: object, field: str) -> FeeEntry:
    if not isinstance(value, dict) or value.keys() != _FEE_FIELDS:
        raise BadParameters(field, value, f"an object of exactly {sorted(_FEE_FIELDS)}")
    name, payee = value["name"], value["payee"]
    if not isinstance(name, str) or not _FEE_NAME.fullmatch(name):
        raise BadParameters(f"{field}.name", name, "1 to 16 of a-z and _")
    if not isinstance(payee, str) or not _PAYEE.fullmatch(payee):
        raise BadParameters(f"{field}.payee", payee, "an address (0x and 40 lower-case digits)")
    if Address.from_hex(payee) == ZERO_ADDRESS:
        raise BadParameters(f"{field}.payee", payee, "an account that can be paid")
    rate = _positive(value["ppm"], f"{field}.ppm", maximum=SUM_PPM_MAX)
    return FeeEntry(name=name, payee=Address.from_hex(payee), rate_ppm=rate)
