"""Sharded allocation: from usage rows in Postgres to stored totals, beside the plain functions.

`python -m tests.bench.bench_allocate [--rows N …] [--workers N] [--shards N] [--json]`. For each
size, an epoch of ten rows a subscriber is generated and written to a new Postgres (fsync on), and
vacuumed, as it would be after a month. It shares the CPUs with our processes. Then `--workers`
processes measure

    allocated once loaded   columns are in memory: judging, weights, shares, sums
    rows to totals          couplings, reads, shards, stored units, merge, stored total

The yardstick of the same run is `accept_usage`, `weigh_rows` and `usercentric_v1.allocate`, in one
process, on the subscribers of one row in a hundred. Exit 1 if shards of these rows give another
result, or if the first size gives another total when it is cut into 1, 2 or 16 shards.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import create_engine

from contracts.event_spec import ContractName
from contracts.evm import Address
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.charging import charge_fees
from settlement.royalties.distribution import weigh_rows
from settlement.royalties.inputs import epoch_inputs
from settlement.royalties.quarantine import accept_usage
from settlement.royalties.rulesets import ruleset_named
from settlement.royalties.shard_result import result_document
from tests.bench.allocate_run import (
    PARAMETERS,
    SCOPE,
    allocate_loaded,
    allocate_stored,
    computed_again,
    order_of,
    shard_facts,
    spent_by,
)
from tests.bench.processes import PeakMemory, cpu_s
from tests.bench.usage_facts import ASSET, UsageFacts, UsageShape, load_usage, usage_facts
from tests.royalties_builders import SETTLEMENT
from tests.shard_database import shard_engine
from tests.shard_inputs import UsageEvents, funded_for

MIB = 1 << 20
ROWS_EACH = 10
GOALS = "10 million rows on two cores: 10 s once loaded, 25 s rows to totals, 2,048 MiB"
CUTS = (1, 2, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One size; times in seconds, memory in MiB with shared pages once."""

    rows: int
    allocated_once_loaded_s: float
    allocated_cpu_s: float
    rows_to_totals_s: float
    our_cpu_s: float
    postgres_cpu_s: float
    our_memory: float
    postgres_memory: float
    load_average_before: float
    plain_rows_per_s: float
    is_right: bool


def main() -> int:
    options = _options()
    figures = []
    for place, rows in enumerate(options.rows):
        figures.append(_figures(rows, options, cuts=CUTS if place == 0 else ()))
    if options.json:
        sys.stdout.write(json.dumps([asdict(one) for one in figures], indent=2) + "\n")
    else:
        sys.stdout.write(_text(figures, options))
    return 0 if all(one.is_right for one in figures) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--works", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    return parser.parse_args()


def _figures(rows: int, options: argparse.Namespace, *, cuts: Sequence[int]) -> Figures:
    facts = usage_facts(UsageShape(subscribers=rows // ROWS_EACH, works=options.works))
    with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
        _say(f"{rows:,} rows are written to Postgres")
        url = _written(server.url("bench"), facts)
        load_average = os.getloadavg()[0]
        _say("allocated once loaded")
        loaded = spent_by(allocate_loaded, url, facts.shape, options)
        _say("rows to totals")
        postgres = _postmaster(directory / "postgres")
        ours_peak, postgres_peak = PeakMemory(), PeakMemory()
        before = cpu_s(postgres)
        with ours_peak.watching(os.getpid()), postgres_peak.watching(postgres):
            stored = spent_by(allocate_stored, url, facts.shape, options)
        postgres_cpu_s = cpu_s(postgres) - before
        _say(
            f"{loaded.wall:.2f} s once loaded, {stored.wall:.2f} s rows to totals,"
            f" {ours_peak.proportional // MIB} MiB; now the plain functions, and other cuts"
        )
        plain_rows_per_s, is_right = _yardstick(url, facts)
        is_right = is_right and _is_same_total(url, facts, cuts)
    return Figures(
        rows=rows,
        allocated_once_loaded_s=loaded.wall,
        allocated_cpu_s=loaded.cpu,
        rows_to_totals_s=stored.wall,
        our_cpu_s=stored.cpu,
        postgres_cpu_s=postgres_cpu_s,
        our_memory=ours_peak.proportional / MIB,
        postgres_memory=postgres_peak.proportional / MIB,
        load_average_before=load_average,
        plain_rows_per_s=plain_rows_per_s,
        is_right=is_right,
    )


def _written(url: str, facts: UsageFacts) -> str:
    contracts = SETTLEMENT.contracts
    with shard_engine(url):
        load_usage(
            url,
            facts,
            tiers=contracts[ContractName.SUBSCRIPTION_TIERS],
            usage=contracts[ContractName.CONSUMPTION_SUBMISSIONS],
        )
    return url


def _postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().partition("\n")[0])


def _yardstick(url: str, facts: UsageFacts) -> tuple[float, bool]:
    """Rows a second of the plain functions, and whether shards of their rows come to the same."""
    chosen = [Address(one.tobytes()) for one in facts.subscribers[::100]]
    order = order_of(facts, 4)
    with shard_facts(url) as reads:
        events = UsageEvents(reads.subscribed_by(chosen), reads.submitted_by(chosen))
    inputs = epoch_inputs(
        SCOPE,
        funded=funded_for(events.subscribed),
        subscribed=events.subscribed,
        consumption=events.consumption,
    )
    began = time.perf_counter()
    accepted = accept_usage(inputs, PARAMETERS, order.registry)
    weights = weigh_rows(accepted, inputs, PARAMETERS, order.registry).weights
    asset = Address(ASSET)
    charged = charge_fees(
        asset, inputs.fees[asset], PARAMETERS, registry=order.registry, scope=SCOPE
    )
    shared = ruleset_named(PARAMETERS.ruleset).allocate(charged.shareable, accepted.usage, weights)
    seconds = time.perf_counter() - began
    (sums,) = computed_again(order, events).assets
    rows = sum(map(len, events.consumption.work_ids))
    is_right = sums.per_work == shared.per_work and sums.unallocated == shared.unallocated
    return rows / seconds, is_right


def _is_same_total(url: str, facts: UsageFacts, cuts: Sequence[int]) -> bool:
    documents = set()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    stored = SqlShards(engine).total(order_of(facts, 1).key)
    engine.dispose()
    if stored is None:
        return False
    documents.add(result_document(stored))
    for count in cuts:
        with shard_facts(url) as reads:
            documents.add(result_document(computed_again(order_of(facts, count), reads)))
    return len(documents) == 1


def _text(figures: Sequence[Figures], options: argparse.Namespace) -> str:
    lines = [f"{options.workers} workers, {options.shards} shards, {options.works:,} works"]
    for one in figures:
        rate = one.rows / one.rows_to_totals_s
        lines += [
            "",
            f"{one.rows:,} rows, {one.rows // ROWS_EACH:,} subscribers"
            f" (load average before: {one.load_average_before:.1f})",
            f"  allocated once loaded {one.allocated_once_loaded_s:8.2f} s"
            f"  {one.rows / one.allocated_once_loaded_s:12,.0f} rows/s"
            f"  ({one.allocated_cpu_s:.2f} s CPU)",
            f"  rows to totals        {one.rows_to_totals_s:8.2f} s  {rate:12,.0f} rows/s"
            f"  {rate / one.plain_rows_per_s:6.1f} times the plain functions"
            f" ({one.plain_rows_per_s:,.0f} rows/s)",
            f"  CPU of the latter     {one.our_cpu_s:8.2f} s ours,"
            f" {one.postgres_cpu_s:.2f} s Postgres",
            f"  peak memory           {one.our_memory:8.0f} MiB ours,"
            f" {one.postgres_memory:.0f} MiB Postgres",
            f"  totals                {'right' if one.is_right else 'WRONG'}",
        ]
    if len(figures) > 1:
        first, last = figures[0], figures[-1]
        growth = (last.rows_to_totals_s / first.rows_to_totals_s) / (last.rows / first.rows)
        lines += ["", f"time per row, last size to first: {growth:.2f} (linear: 1)"]
    return "\n".join([*lines, f"goals: {GOALS}"]) + "\n"


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
