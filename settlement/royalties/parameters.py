"""Ruleset parameters: the JSON bytes that governance put on chain, read strictly.

All numbers are decimal strings; the names are exactly those below. Only `completeness` may be left
out: then the logs of an epoch must be proved from receipts. The digest is over the bytes as they
stand on chain, so that parsing cannot change what was agreed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import ParametersColumns
from contracts.evm import Epoch, Hash32, keccak
from settlement.errors import BadParameters, NoParametersInForce
from settlement.royalties.canonical import JsonValue, canonical_json, without_repeated_keys
from settlement.royalties.certificate import Level
from settlement.royalties.usercentric_v1 import PLAYS_MAX

_FIELDS = frozenset({"k_ppm", "plays_max", "regions", "ruleset"})
_COMPLETENESS = "completeness"
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_REGION_RULE = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_UINT64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters in force in one epoch.

    `regions` is the factor in ppm of every known region rule; `completeness` is the least level at
    which the logs of an epoch must be certified; `document` is the JSON object as published.
    """

    ruleset: str
    k_ppm: int
    plays_max: int
    regions: Mapping[Hash32, int]
    completeness: Level
    digest: Hash32
    document: Mapping[str, JsonValue]


def parameters_from_bytes(data: bytes) -> Parameters:
    """Read the parameters of a `ParametersSet` event.

    Raises:
        BadParameters: naming the field and its value.
    """
    try:
        document = json.loads(data, object_pairs_hook=without_repeated_keys)
    except ValueError as error:  # also: not UTF-8, a key twice
        raise BadParameters("document", data[:64], f"JSON ({error})") from error
    if not isinstance(document, dict):
        raise BadParameters("document", document, "an object")
    if canonical_json(document) != data:
        raise BadParameters("document", data[:64], "canonical JSON (RFC 8785)")
    if document.keys() - {_COMPLETENESS} != _FIELDS:
        wanted = f"exactly {sorted(_FIELDS)}, and at most {_COMPLETENESS}"
        raise BadParameters("document", sorted(document), wanted)
    if not isinstance(document["ruleset"], str):
        raise BadParameters("ruleset", document["ruleset"], "a name")
    if not isinstance(document["regions"], dict):
        raise BadParameters("regions", document["regions"], "an object")
    plays_max = _number(document["plays_max"], "plays_max", maximum=PLAYS_MAX)
    if plays_max == 0:
        raise BadParameters("plays_max", "0", "positive")
    return Parameters(
        ruleset=document["ruleset"],
        k_ppm=_number(document["k_ppm"], "k_ppm", maximum=_UINT64_MAX),
        plays_max=plays_max,
        regions={
            _region_rule(rule): _number(factor, f"regions.{rule}", maximum=_UINT64_MAX)
            for rule, factor in document["regions"].items()
        },
        completeness=_level(document.get(_COMPLETENESS, Level.RECEIPTS.value)),
        digest=keccak(data),
        document=document,
    )


def parameters_in_force(columns: ParametersColumns, epoch: Epoch) -> Parameters:
    """The last parameters, in chain order, that take effect in or before the epoch.

    Raises:
        NoParametersInForce: none do.
        BadParameters: they cannot be read.
    """
    for index in reversed(range(len(columns))):
        if columns.effective_epoch[index] <= epoch:
            return parameters_from_bytes(columns.parameters[index])
    raise NoParametersInForce(epoch)


def _number(value: object, field: str, *, maximum: int) -> int:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or int(value) > maximum:
        raise BadParameters(field, value, f"a decimal string up to {maximum}")
    return int(value)


def _level(value: object) -> Level:
    if not isinstance(value, str) or value not in list(Level):
        raise BadParameters(_COMPLETENESS, value, f"one of {[level.value for level in Level]}")
    return Level(value)


def _region_rule(text: str) -> Hash32:
    if not _REGION_RULE.fullmatch(text):
        raise BadParameters("regions", text, "a region rule (0x and 64 lower-case digits)")
    return Hash32.from_hex(text)
