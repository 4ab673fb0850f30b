"""`quittance allocate` beside the published rule, written down once more from its text to its text.

The published rule is the reference formula of "cwe": integers, floors where it says so, largest
remainder by row, maps in ascending order of ids. It is transcribed here as literally as Python
allows, the spelling of the answer included, and shares nothing with the engine.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from scripts.cli.allocate import allocate

PUBLISHED = Path(__file__).parents[3] / "shared" / "vectors" / "dapr"
NAMES = ["a", "Z", "é", "zß", "\U0001f3b5", 'q"\\', "tab\t", "\u007f\u0001", "0x0a", ""]

app = typer.Typer()
app.command("allocate")(allocate)
app.command("nothing")(lambda: None)


def allocated(path: Path) -> bytes:
    result = CliRunner().invoke(app, ["allocate", str(path)])
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return result.stdout_bytes


def data_sets() -> list[Path]:
    """Every published data set that has an answer beside it."""
    return sorted(
        path
        for path in PUBLISHED.rglob("*.json")
        if path.with_name(f"{path.stem}_expected.json").exists()
    )


@pytest.mark.skipif(not PUBLISHED.exists(), reason="published data sets are not here")
def test_allocate__every_published_data_set__byte_for_byte() -> None:
    found = data_sets()

    assert found
    for path in found:
        assert allocated(path) == path.with_name(f"{path.stem}_expected.json").read_bytes(), path


@pytest.mark.parametrize("seed", range(60))
def test_allocate__random_data_set__bytes_of_the_transcribed_rule(
    seed: int, tmp_path: Path
) -> None:
    document = data_set(random.Random(seed))
    path = tmp_path / "data.json"
    path.write_text(json.dumps(document, ensure_ascii=seed % 2 == 0), encoding="utf-8")

    assert allocated(path) == transcribed(document).encode()


def data_set(pick: random.Random) -> dict[str, Any]:
    users = pick.sample(NAMES, pick.randint(0, 6))
    works = pick.sample(NAMES, pick.randint(1, 8))
    small = pick.random() < 0.5
    minutes_max, rows_max = (7, 12) if small else (2**64 - 1, 30)
    rows = []
    for _ in range(pick.randint(0, rows_max)):
        row = {
            "user": pick.choice(NAMES),
            "work": pick.choice(works),
            "minutes": pick.choice([0, 1, pick.randint(0, minutes_max)]),
            "price_ppm": pick.choice([0, 1, 10**6, pick.randint(0, 2**64 - 1 if not small else 9)]),
            "region_ppm": pick.choice([0, 10**6, 900_000, pick.randint(0, 2 * 10**6)]),
        }
        if pick.random() < 0.7:
            row["plays"] = pick.choice([0, 1, 2, 64, pick.randint(0, 300), 2**64 - 1])
        rows.append(row)
    fees = {user: pick.choice([0, 1, 10, 10**18, pick.randint(0, 2**128 - 1)]) for user in users}
    document: dict[str, Any] = {"tier_fees": fees, "usage": rows}
    if pick.random() < 0.6:
        ppm = [0, 1, 250_000, 10**6, 10**6 + 1, 2**64 - 1]
        document["bandwidth_ppm"] = {work: pick.choice(ppm) for work in works[::2]}
    return document


def multiplier(plays: int) -> int:
    """Mean worth of a play, in ppm."""
    count = min(max(plays, 1), 100_000)
    if count not in MULTIPLIERS:
        total = 0
        for j in range(1, count + 1):
            total += 10**12 // (10**6 + 10**6 * (j - 1))
        MULTIPLIERS[count] = total // count
    return MULTIPLIERS[count]


MULTIPLIERS: dict[int, int] = {}


def transcribed(document: dict[str, Any]) -> str:
    bandwidth = document.get("bandwidth_ppm", {})
    per_work: dict[str, int] = {}
    users_of: dict[str, set[str]] = {}
    usage_of: dict[str, int] = {}
    unallocated = 0
    for user in sorted(document["tier_fees"]):
        fee = document["tier_fees"][user]
        mine = [row for row in document["usage"] if row["user"] == user]
        raws, creds = [], []
        for row in mine:
            value = row["minutes"] * row["price_ppm"] * row["region_ppm"]
            raws.append(value * multiplier(row.get("plays", 0)) // 10**6)
            credible = min(bandwidth.get(row["work"], 10**6), 10**6)
            creds.append(raws[-1] * credible // 10**6)
            users_of.setdefault(row["work"], set()).add(user)
            usage_of[row["work"]] = usage_of.get(row["work"], 0) + creds[-1]
        if sum(raws) == 0 or sum(creds) == 0:
            unallocated += fee
            continue
        target = fee * sum(creds) // sum(raws)
        unallocated += fee - target
        shares = [target * cred // sum(creds) for cred in creds]
        left = target - sum(shares)
        by_remainder = sorted(
            range(len(mine)), key=lambda at: (-(target * creds[at] % sum(creds)), at)
        )
        for at in by_remainder[:left]:
            shares[at] += 1
        for row, share in zip(mine, shares, strict=True):
            per_work[row["work"]] = per_work.get(row["work"], 0) + share
    works = [f"    {quoted(work)}: {per_work[work]}" for work in sorted(per_work)]
    reputation = [
        f"    {quoted(work)}: {{\n"
        f'      "distinct_users": {len(users_of[work])},\n'
        f'      "weighted_usage": {usage_of[work]}\n'
        "    }"
        for work in sorted(usage_of)
    ]
    return (
        f'{{\n  "per_work": {braced(works)},\n  "unallocated": {unallocated},\n'
        f'  "reputation": {braced(reputation)}\n}}\n'
    )


def braced(entries: list[str]) -> str:
    return "{\n" + ",\n".join(entries) + "\n  }" if entries else "{}"


def quoted(name: str) -> str:
    """JSON text as serde_json spells it: only quotes, backslashes and controls are escaped."""
    short = {'"': '\\"', "\\": "\\\\", "\t": "\\t"}
    return (
        '"'
        + "".join(short.get(one) or (one if one >= " " else f"\\u{ord(one):04x}") for one in name)
        + '"'
    )
