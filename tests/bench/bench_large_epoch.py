"""A large epoch end to end: from an index in Postgres to a result that is stored and checked.

`python -m tests.bench.bench_large_epoch [--rows N] [--works N] [--steps NAME …] [--whole]
[--keep DIRECTORY] [--json]`. An index of a settlement is generated (facts, raw logs, linked
headers) and written to a new Postgres, then each step runs in a process of its own:

    compute     shards, leaves, tree, manifest; every fee and row stored; the root read back
    export      the same again, and the bundle written
    reputation  how many used each work; computed again from the facts
    explain     why one work earned what it earned, by every subscriber who used it
    shadow      what other parameters would have paid
    verify      `verify_epoch.py` on the bundle

It prints wall time, CPU seconds of ours and of Postgres (which other work on the machine does not
change much), and the most memory that the process and its children held. With `--whole` the
epoch is held in memory, as a small one is: the yardstick. Exit 1 if a step failed, or the verifier
does not agree.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from contracts.event_spec import ContractName
from contracts.evm import Address, Hash32
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, CURSOR, FACTS, LOG
from scripts.bootstrap import migrate, open_database
from scripts.bootstrap_settlement import VERIFIER
from scripts.computing import compute_now
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from scripts.reviewing import explained, reputations, shadowed
from scripts.sharding import ShardedAllocation
from settlement.royalties.compute_epoch import NotYetComputable
from tests.bench.processes import PeakMemory, cpu_s
from tests.bench.usage_facts import (
    ASSET,
    CHAIN_ID,
    SUBMISSIONS_PER_BLOCK,
    UsageFacts,
    UsageShape,
    load_usage,
    usage_facts,
)
from tests.royalties_builders import (
    ANN,
    CLOCK,
    FIRST_EPOCH,
    SETTLEMENT,
    START_BLOCK,
    ScriptedChain,
    encoded,
    fee_json,
    parameters_json,
)

MIB = 1 << 20
ROWS_EACH = 10
STEPS = ("compute", "export", "reputation", "explain", "shadow", "verify")
_PARAMETERS = parameters_json(
    completeness="headers", fees=[fee_json("protocol", ANN, 25_000)], half_life="v1"
)
_OTHER = parameters_json(completeness="headers", k_ppm="500000")


def main() -> int:
    options = _options()
    subscribers = options.rows // ROWS_EACH
    before_usage = START_BLOCK + 1 + -(-subscribers // SUBMISSIONS_PER_BLOCK)
    facts = usage_facts(
        UsageShape(subscribers=subscribers, works=options.works, first_usage_block=before_usage)
    )
    figures: dict[str, dict[str, float]] = {}
    with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
        url = server.url("bench")
        began = time.perf_counter()
        _write_index(url, facts)
        _say(f"{options.rows:,} rows written in {time.perf_counter() - began:.0f} s")
        postmaster = (directory / "postgres" / "data" / "postmaster.pid").read_text()
        postgres = int(postmaster.partition("\n")[0])
        bundle, work_id = options.keep or directory / "bundle", Hash32(facts.works[0].tobytes())
        for step in options.steps:
            arguments = (step, url, bundle, work_id, options.whole)
            figures[step] = _measured(arguments, postgres)
            _say(f"{step:10} " + ", ".join(f"{name} {one}" for name, one in figures[step].items()))
    if options.json:
        sys.stdout.write(json.dumps({"rows": options.rows, "steps": figures}) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--works", type=int, default=10_000)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--keep", type=Path, help="leave the bundle in this directory")
    parser.add_argument("--whole", action="store_true", help="hold the epoch, as a small one")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def _write_index(url: str, facts: UsageFacts) -> None:
    migrate(url)
    engine = open_database(url)
    chain = ScriptedChain()
    chain.events.pop()  # its own parameters
    chain.set_parameters(_PARAMETERS, effective=FIRST_EPOCH)
    for work_id, price in zip(facts.works, facts.price_ppm.tolist(), strict=True):
        chain.set_terms(Hash32(work_id.tobytes()), {ANN: 1_000_000}, price_ppm=price)
    chain.fund(FIRST_EPOCH, Address(ASSET), int(facts.fees.astype(object).sum()))
    blocks = facts.shape.first_usage_block - START_BLOCK
    blocks += -(-facts.shape.subscribers * 6 // 5 // SUBMISSIONS_PER_BLOCK)
    for _ in range(blocks):
        chain.mine(CLOCK.start_of(FIRST_EPOCH) + 2)
    chain.finish(FIRST_EPOCH)
    _store(engine, chain)
    engine.dispose()
    contracts = SETTLEMENT.contracts
    load_usage(
        url,
        facts,
        tiers=contracts[ContractName.SUBSCRIPTION_TIERS],
        usage=contracts[ContractName.CONSUMPTION_SUBMISSIONS],
        has_logs=True,
    )


def _store(engine: Engine, chain: ScriptedChain) -> None:
    head = {"chain_id": CHAIN_ID, "number": chain.blocks[-1].number, "hash": chain.blocks[-1].hash}
    rows: dict[Any, list[dict[str, Any]]] = {
        BLOCK: [
            {
                "chain_id": CHAIN_ID,
                "number": block.number,
                "hash": block.hash,
                "parent_hash": block.parent_hash,
                "timestamp": block.timestamp,
                "header": chain.headers[block.number],
                "rows_digest": block.hash,
                "proof": 0,
            }
            for block in chain.blocks
        ],
        CHAIN_FINALITY: [head],
        CURSOR: [head | {"sources_digest": bytes(32)}],
        LOG: [],
    }
    for event in chain.events:
        topics, data = encoded(event)
        place = {
            "chain_id": CHAIN_ID,
            "block_number": event.block.number,
            "log_index": event.log_index,
            "address": SETTLEMENT.contracts[event.spec.contract],
        }
        rows.setdefault(FACTS[event.spec.table], []).append(place | event.values)
        raw = {"topics": topics, "data": data, "transaction_hash": bytes(32)}
        rows[LOG].append(place | raw | {"transaction_index": 0})
    with engine.begin() as connection:
        for table, of_table in rows.items():
            connection.execute(insert(table), of_table)


def _measured(arguments: tuple[str, str, Path, Hash32, bool], postgres: int) -> dict[str, float]:
    """Run one step in a process of its own; what it took."""
    peak = PeakMemory()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=arguments)
    began, ours, theirs = time.perf_counter(), _cpu_of_children(), cpu_s(postgres)
    process.start()
    with peak.watching(process.pid or os.getpid()):
        process.join()
    if process.exitcode:
        sys.exit(f"{arguments[0]} failed")
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "our_cpu_s": round(_cpu_of_children() - ours, 1),
        "postgres_cpu_s": round(cpu_s(postgres) - theirs, 1),
        "mib": round(peak.proportional / MIB, 1),
    }


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(step: str, url: str, bundle: Path, work_id: Hash32, is_whole: bool) -> None:
    engine = open_database(url)
    shards = ShardedAllocation(
        engine=engine, settlement=SETTLEMENT, submissions_min=2**62 if is_whole else 1
    )
    steps: dict[str, Callable[[], object]] = {
        "compute": lambda: compute_now(FIRST_EPOCH, shards=shards),
        "export": lambda: compute_now(FIRST_EPOCH, shards=shards, directory=bundle),
        "reputation": lambda: reputations(FIRST_EPOCH, shards=shards),
        "explain": lambda: explained(FIRST_EPOCH, work_id, None, shards=shards),
        "shadow": lambda: shadowed(FIRST_EPOCH, shards=shards, parameters=_OTHER),
        "verify": lambda: _verify(bundle),
    }
    answer = steps[step]()
    engine.dispose()
    if isinstance(answer, NotYetComputable):
        sys.exit(f"{step}: {answer}")


def _verify(bundle: Path) -> None:
    words = [sys.executable, "-I", "-S", str(VERIFIER), str(bundle)]
    subprocess.run(words, check=True, stdout=sys.stderr)


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
