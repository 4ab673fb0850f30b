"""The verifier on a large epoch: 20,000 works, 5,000 submissions of 16 rows, every modifier on.

`python -m tests.bench.bench_verify [--works N] [--submissions N] [--workers N] [--keep DIRECTORY]`.
The engine makes the bundle; `scripts/verify_epoch.py` checks it as an auditor would run it, offline
and isolated, whole and then by one work and by one shard. Exit 1 if it finds a difference or takes
longer than the goal. On a busy machine wall time says little; the CPU time of all processes does.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter
from typing import Any

from contracts.event_spec import EventSpec
from contracts.events import (
    CONSUMPTION_SUBMITTED,
    EPOCH_FUNDED,
    SPLIT_TERMS_SET,
    SUBSCRIBED,
    WORK_TERMS_SET,
)
from contracts.evm import Address, LogIndex, keccak
from contracts.typed_data import usage_digest
from settlement.royalties.derivation import bundle_files, derive
from tests.royalties_builders import (
    ANN,
    BOB,
    CLOCK,
    DUSD,
    FIRST_EPOCH,
    REGION,
    TIER,
    ScriptedChain,
    _Event,
    address,
    facts_of,
    fee_json,
    parameters_json,
    work,
)

GOAL_S = 60
ROWS = 16
BLOCKS = 100
VERIFIER = Path(__file__).parents[2] / "scripts" / "verify_epoch.py"


def large_chain(works: int, submissions: int, seed: int = 7) -> ScriptedChain:
    """A chain in which every work is used; one work in ten is recognised, one is split further."""
    chance = random.Random(seed)
    chain = ScriptedChain(first_block_at=CLOCK.start_of(FIRST_EPOCH))
    chain.events.pop()  # parameters are set once an epoch
    fees = [fee_json("protocol", address("protocol"), 25_000)]
    chain.set_parameters(
        parameters_json(fees=fees, half_life="v1", minutes_max="100000"), effective=FIRST_EPOCH
    )
    ids = [work(f"work {at}") for at in range(works)]
    events = [_split(at) for at in range(works // 100)]
    events += [_terms(at, works, chance) for at in range(works)]
    rows = [ids[at % works] for at in range(submissions * ROWS)]
    chance.shuffle(rows)
    people = [address(f"subscriber {at}") for at in range(submissions)]
    for at, who in enumerate(people):
        amount = chance.randrange(10**6, 10**9)
        events += _payment(who, amount)
        own = sorted(set(rows[at * ROWS : (at + 1) * ROWS]))
        events.append(_usage(who, own, chance))
    per_block = -(-len(events) // BLOCKS)
    for first in range(0, len(events), per_block):
        block = chain.mine(chain.blocks[-1].timestamp)
        chain.events += [
            _Event(block, LogIndex(index), spec, values)
            for index, (spec, values) in enumerate(events[first : first + per_block])
        ]
    chain.mine(CLOCK.grace_end_of(FIRST_EPOCH) - 1)
    chain.finish(FIRST_EPOCH)
    return chain


Made = tuple[EventSpec, dict[str, Any]]


def _split(at: int) -> Made:
    payees = sorted(address(f"member {at} {one}") for one in range(3))
    values = {"owner": BOB, "effective_epoch": FIRST_EPOCH, "version": 1, "payees": payees}
    shares = [333_333, 333_333, 333_334]
    return SPLIT_TERMS_SET, values | {"account": address(f"split {at}"), "shares_ppm": shares}


def _terms(at: int, works: int, chance: random.Random) -> Made:
    payees: list[Address] = []
    if at % 10:
        payees = [address(f"creator {at}"), address(f"label {at % 50}")]
    if at % 10 == 1:
        payees.append(address(f"split {at % (works // 100)}"))
    first = [chance.randrange(1, 400_000) for _ in payees[1:]]
    return WORK_TERMS_SET, {
        "work_id": work(f"work {at}"),
        "registrant": ANN,
        "content_id": keccak(f"content {at}".encode()),
        "effective_epoch": FIRST_EPOCH,
        "version": 1,
        "price_ppm": chance.randrange(1, 2_000_000),
        "region_rule": REGION,
        "payees": sorted(payees),
        "shares_ppm": [*first, 1_000_000 - sum(first)] if payees else [],
    }


def _payment(who: Address, amount: int) -> list[Made]:
    epoch = {"epoch": FIRST_EPOCH, "asset": DUSD, "amount": amount}
    return [
        (EPOCH_FUNDED, epoch | {"source": who}),
        (SUBSCRIBED, epoch | {"subscriber": who, "tier_id": TIER, "payer": who}),
    ]


def _usage(who: Address, works: Sequence[Any], chance: random.Random) -> Made:
    values: dict[str, Any] = {
        "submitter": who,
        "epoch": FIRST_EPOCH,
        "tier_id": TIER,
        "part": 0,
        "work_ids": list(works),
        "minutes_played": [chance.randrange(1, 600) for _ in works],
        "plays": [chance.randrange(1, 60) for _ in works],
        "pseudonyms": [work(f"{who} {at}") for at in range(len(works))],
    }
    return CONSUMPTION_SUBMITTED, values | {"digest": usage_digest(**values)}


def timed(command: Sequence[str]) -> tuple[float, float, str, int]:
    """Wall and CPU seconds of a command with all its processes, what it said, and its exit code."""
    before, began = getrusage(RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done.stdout + done.stderr, done.returncode


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", type=int, default=20_000)
    parser.add_argument("--submissions", type=int, default=5_000)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.keep or Path(scratch)
        directory.mkdir(exist_ok=True)
        if not (directory / "bundle.json").exists():
            computed = derive(
                facts_of(large_chain(options.works, options.submissions), FIRST_EPOCH)
            )
            for name, data in bundle_files(computed).items():
                (directory / name).write_bytes(data)
        size = sum(file.stat().st_size for file in directory.iterdir())
        sys.stdout.write(f"bundle of {size:,} bytes in {directory}\n")
        program = [sys.executable, "-I", "-S", str(VERIFIER), str(directory)]
        workers = ["--workers", str(options.workers)] if options.workers else []
        cases: dict[str, list[str]] = {
            "whole": workers,
            "one work": ["--work", str(work("work 7"))],
            "shard 1 of 8": ["--shard", "1/8"],
        }
        code = 0
        for name, more in cases.items():
            wall, cpu, said, exit_code = timed([*program, *more, "--json"])
            result = json.loads(said)["result"] if exit_code == 0 else said
            sys.stdout.write(f"{name:<14} {wall:6.1f} s wall {cpu:6.1f} s CPU  {result[:300]}\n")
            if exit_code or (name == "whole" and wall > GOAL_S):
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
