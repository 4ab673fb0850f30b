"""`quittance allocate`: DAPR over a data set, without chain or database.

A data set is `{"tier_fees": {user: fee}, "usage": [{"user", "work", "minutes", "price_ppm",
"region_ppm", "plays"?}], "bandwidth_ppm"?: {work: ppm}}`. The output is the one place where amounts
are JSON numbers: it equals the published results byte for byte.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli.problems import BadInput, bad_input_ends, read_object
from settlement.royalties.rulesets import RULESETS, ruleset_named
from settlement.royalties.usercentric_v1 import (
    K_PPM_DEFAULT,
    PLAYS_MAX,
    Allocation,
    Usage,
    credibility_of_rows,
)

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,38}", re.ASCII)
_INTEGER_END = 10**1000
"""Products of three such numbers can still be written down."""
_FIELDS = ("tier_fees", "usage", "bandwidth_ppm")
_ROW_FIELDS = ("user", "work", "minutes", "price_ppm", "region_ppm", "plays")


def allocate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET.json", help="fees and usage")],
    ruleset: Annotated[str, typer.Option(help="name of a published ruleset")] = RULESETS[-1][0],
    param: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="k_ppm or plays_max; may be repeated")
    ] = None,
) -> None:
    """Share every user's fee over what that user used, and print what each work gets."""
    with bad_input_ends("--ruleset"):
        rules = ruleset_named(ruleset)
    with bad_input_ends(str(dataset)):
        k_ppm, plays_max = _parameters(param or [])
        document = read_object(dataset)
        place = str(dataset)
        fees = _integers(_map(document, "tier_fees", place), "tier_fees", place)
        usage = _usage(document, place)
        weights = rules.weigh(usage, k_ppm=k_ppm, plays_max=plays_max)
        output = _spelled(rules.allocate(fees, usage, weights), place)
    typer.echo(output, nl=False)


def _parameters(options: Sequence[str]) -> tuple[int, int]:
    values = {"k_ppm": K_PPM_DEFAULT, "plays_max": PLAYS_MAX}
    for option in options:
        name, _, value = option.partition("=")
        if name not in values:
            raise BadInput("--param", "name", name, f"one of {', '.join(values)}")
        if not _DECIMAL.fullmatch(value):
            raise BadInput("--param", name, value, "a decimal integer that is not negative")
        values[name] = int(value)
    if not 1 <= values["plays_max"] <= PLAYS_MAX:
        raise BadInput("--param", "plays_max", values["plays_max"], f"in 1 to {PLAYS_MAX}")
    return values["k_ppm"], values["plays_max"]


def _usage(document: Mapping[str, object], place: str) -> Usage[str]:
    _warn_of_unknown(document, _FIELDS, place)
    rows = document.get("usage")
    if not isinstance(rows, list):
        raise BadInput(place, "usage", rows, "a list")
    columns: dict[str, list[int]] = {name: [] for name in _ROW_FIELDS[2:]}
    users, works = [], []
    for number, row in enumerate(rows):
        field = f"usage[{number}]"
        if not isinstance(row, dict):
            raise BadInput(place, field, row, "an object")
        _warn_of_unknown(row, _ROW_FIELDS, f"{place}: {field}")
        users.append(_id(row, "user", f"{place}: {field}"))
        works.append(_id(row, "work", f"{place}: {field}"))
        for name, column in columns.items():
            value = row.get(name, 0 if name == "plays" else None)
            column.append(_integer(value, f"{field}.{name}", place))
    bandwidth = _map(document, "bandwidth_ppm", place) if "bandwidth_ppm" in document else {}
    credibility = _integers(bandwidth, "bandwidth_ppm", place)
    return Usage(
        user=users,
        work=works,
        minutes=columns["minutes"],
        price_ppm=columns["price_ppm"],
        region_ppm=columns["region_ppm"],
        plays=columns["plays"],
        credibility_ppm=credibility_of_rows(works, credibility),
    )


def _map(document: Mapping[str, object], name: str, place: str) -> Mapping[str, object]:
    value = document.get(name)
    if not isinstance(value, dict):
        raise BadInput(place, name, value, "an object")
    return value


def _integers(values: Mapping[str, object], field: str, place: str) -> dict[str, int]:
    return {key: _integer(value, f"{field}.{key}", place) for key, value in values.items()}


def _integer(value: object, field: str, place: str) -> int:
    if type(value) is not int or value < 0:
        raise BadInput(place, field, value, "an integer that is not negative")
    if value >= _INTEGER_END:
        raise BadInput(place, field, f"of {len(str(value))} digits", "below 10^1000")
    return value


def _id(row: Mapping[str, object], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise BadInput(place, name, value, "text")
    return value


def _warn_of_unknown(found: Collection[str], known: Collection[str], place: str) -> None:
    for name in sorted(set(found) - set(known)):
        typer.echo(f"{place}: field {name!r} is not known and was ignored", err=True)


def _spelled(allocation: Allocation[str], place: str) -> bytes:
    document = {
        "per_work": allocation.per_work,
        "unallocated": allocation.unallocated,
        "reputation": {
            work: {
                "distinct_users": reputation.distinct_users,
                "weighted_usage": reputation.weighted_usage,
            }
            for work, reputation in allocation.reputation.items()
        },
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can spell
        raise BadInput(place, "work", text[error.start], "text that UTF-8 can spell") from error
