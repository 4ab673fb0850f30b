"""Indexing 592,240 logs, from a cold database to proved rows and balances, beside a web3.py loop.

`python -m tests.bench.bench_index [--level headers|receipts|all] [--runs N] [--blocks N] [--json]
[--work-dir DIRECTORY] [--latency-ms N] [--stages] [--profile FILE]`. Builds the yardstick chain
(once for a work directory), replays it over HTTP on this machine, and runs `quittance index` on a
new database each time. The node, Postgres (fsync on) and our processes share the CPUs, so a rate
means little beside those of another machine; the ratio to the web3.py loop of the same run says
more. That loop indexes the first blocks only, and its rate is that of the part.

Every row is compared with what the generator knows: blocks, transfers, approvals, times,
transaction hashes, balances. Exit 1 if one is wrong.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from tests.bench.build_chain import built_chain
from tests.bench.chain_files import ChainFiles
from tests.bench.index_run import IndexRun, Place, index_run
from tests.bench.processes import ROOT, running_node
from tests.bench.stages import stage_laps
from tests.bench.yardstick import YARDSTICK, shape_of

LEVELS = ("headers", "receipts")
MIB = 1 << 20
GOAL_TRANSFERS_PER_S = 150_000
GOAL_MEMORY_MIB = 600
QUOTED = {"Subsquid": 12_000, "Ponder": 5_400, "ethereum-etl": 5_100, "web3.py loop": 2_700}
"""Transfers a second on a chain of this shape, from a node, and with Postgres, on the same two
cores: measured once, on another machine, when the goal was set. Nothing here measures them again,
but for the loop."""


def main() -> int:
    options = _options()
    with _work_directory(options.work_dir) as work:
        _say("the chain is built, unless the work directory holds it")
        chain = built_chain(work / f"chain-{options.blocks}", shape_of(options.blocks))
        if options.stages or options.profile:
            for level in options.level:
                profile = options.profile and options.profile.with_suffix(f".{level}")
                sys.stdout.write(_stages_text(_stages(chain, level, profile)))
            return 0
        _say(f"the web3.py loop indexes {options.loop_blocks} blocks")
        loop = _web3_loop(chain, min(options.loop_blocks, chain.shape.blocks))
        runs = [run for level in options.level for run in _index_runs(chain, level, options)]
        report = _report(chain, runs, loop)
        for level in options.level:
            _say(f"the stages of --verify {level} run one by one")
            report["levels"][level]["stages"] = _stages(chain, level, None)
    sys.stdout.write(json.dumps(report, indent=2) + "\n" if options.json else _text(report))
    return 0 if all(run.is_right for run in runs) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", choices=(*LEVELS, "all"), default="all")
    parser.add_argument("--runs", type=int, default=3, help="of each level")
    parser.add_argument("--blocks", type=int, default=YARDSTICK.blocks, help="of the chain")
    parser.add_argument("--loop-blocks", type=int, default=300, help="that the web3.py loop gets")
    parser.add_argument("--latency-ms", type=int, default=0, help="of each answer of the node")
    parser.add_argument("--work-dir", type=Path, help="keeps the chain for the next time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--stages", action="store_true", help="only time the stages, one by one")
    parser.add_argument(
        "--profile",
        type=Path,
        help="like --stages; writes cProfile files, with the level for a suffix",
    )
    options = parser.parse_args()
    options.level = LEVELS if options.level == "all" else (options.level,)
    return options


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


@contextmanager
def _work_directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="quittance-bench-") as directory:
        yield Path(directory)


def _web3_loop(chain: ChainFiles, blocks: int) -> dict[str, float]:
    with (
        scratch_directory() as directory,
        running_postgres(directory / "postgres") as server,
        running_node(chain.directory) as node,
    ):
        command = [sys.executable, "-m", "tests.bench.web3_loop", node.url, server.url("plain")]
        done = subprocess.run([*command, str(blocks)], cwd=ROOT, check=True, capture_output=True)
    result: dict[str, float] = json.loads(done.stdout)
    return {"blocks": blocks, **result, "transfers_per_s": result["transfers"] / result["seconds"]}


def _index_runs(chain: ChainFiles, level: str, options: argparse.Namespace) -> list[IndexRun]:
    """Each on a Postgres of its own, so that no run pays for the one before."""
    runs = []
    for place in range(options.runs):
        _say(f"run {place + 1} of {options.runs} with --verify {level}")
        with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
            where = Place(
                chain=chain, server=server, directory=directory, latency_ms=options.latency_ms
            )
            runs.append(index_run(where, level, f"bench_{place}"))
    return runs


def _report(chain: ChainFiles, runs: Sequence[IndexRun], loop: dict[str, float]) -> dict[str, Any]:
    levels = dict.fromkeys(run.level for run in runs)
    return {
        "chain": asdict(chain.shape),
        "levels": {
            level: _level_report(chain, [run for run in runs if run.level == level], loop)
            for level in levels
        },
        "web3_loop": loop,
        "quoted_transfers_per_s": QUOTED,
        "goals": {"transfers_per_s": GOAL_TRANSFERS_PER_S, "memory_mib": GOAL_MEMORY_MIB},
    }


def _level_report(
    chain: ChainFiles, runs: Sequence[IndexRun], loop: dict[str, float]
) -> dict[str, Any]:
    shape = chain.shape
    figures: dict[str, Callable[[IndexRun], float]] = {
        "transfers/s of indexing": lambda run: shape.transfers / run.indexing_s,
        "transfers/s of the command": lambda run: shape.transfers / run.command_s,
        "logs/s of indexing": lambda run: shape.logs / run.indexing_s,
        "blocks/s of indexing": lambda run: shape.blocks / run.indexing_s,
        "times the web3.py loop": lambda run: (
            shape.transfers / run.indexing_s / loop["transfers_per_s"]
        ),
        "indexing, s": lambda run: run.indexing_s,
        "command, s": lambda run: run.command_s,
        "our CPU, s": lambda run: run.cpu_s["ours"],
        "Postgres CPU, s": lambda run: run.cpu_s["postgres"],
        "node CPU, s": lambda run: run.cpu_s["node"],
        "our peak memory, shared pages once, MiB": lambda run: run.memory.proportional / MIB,
        "our peak memory, shared pages each time, MiB": lambda run: run.memory.resident / MIB,
        "Postgres's, shared pages once, MiB": lambda run: run.postgres_memory.proportional / MIB,
        "our processes": lambda run: run.memory.processes,
    }
    return {
        "figures": {
            name: _spread([figure(run) for run in runs]) for name, figure in figures.items()
        },
        "calls": dict(runs[-1].calls),
        "tables": [
            {
                name: {"rows": table.actual.count, "is_equal": table.is_equal}
                for name, table in run.tables.items()
            }
            for run in runs
        ],
    }


def _stages(chain: ChainFiles, level: str, profile: Path | None) -> dict[str, Any]:
    laps = stage_laps(chain, level, profile)
    return {
        "level": level,
        "wall_s": laps.wall_s | {"sum": laps.total(laps.wall_s)},
        "cpu_s": laps.cpu_s | {"sum": laps.total(laps.cpu_s)},
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _text(report: dict[str, Any]) -> str:
    shape, loop = report["chain"], report["web3_loop"]
    lines = [
        "{blocks:,} blocks, {transfers:,} transfers, {approvals:,} approvals, {noise:,} other logs,"
        " {accounts:,} accounts".format(**shape)
    ]
    for level, found in report["levels"].items():
        lines += ["", f"--verify {level}, {len(found['tables'])} cold runs: median (min to max)"]
        lines += [f"  {name:46} {_figure(one)}" for name, one in found["figures"].items()]
        lines.append(
            "  requests: "
            + ", ".join(f"{count} {method}" for method, count in found["calls"].items())
        )
        for run in found["tables"]:
            verdicts = (
                f"{name} {table['rows']:,} {'right' if table['is_equal'] else 'WRONG'}"
                for name, table in run.items()
            )
            lines.append("  rows: " + ", ".join(verdicts))
        lines += ["", _stages_text(found["stages"])]
    quoted = ", ".join(
        f"{name} {rate:,}" for name, rate in report["quoted_transfers_per_s"].items()
    )
    lines += [
        "",
        f"web3.py loop in this run: {loop['transfers_per_s']:,.0f} transfers/s"
        f" (its first {loop['blocks']:,} blocks, {loop['seconds']:.1f} s)",
        f"goals: {GOAL_TRANSFERS_PER_S:,} transfers/s, {GOAL_MEMORY_MIB} MiB",
        f"quoted, not measured here (another machine of two cores): {quoted}",
    ]
    return "\n".join(lines) + "\n"


def _stages_text(stages: dict[str, Any]) -> str:
    title = f"stages of --verify {stages['level']}, in one process, one after the other"
    lines = [f"{title:70}   wall s    CPU s"]
    for stage, wall_s in stages["wall_s"].items():
        lines.append(f"  {stage:68} {wall_s:8.3f} {stages['cpu_s'][stage]:8.3f}")
    return "\n".join(lines) + "\n"


def _figure(one: dict[str, float]) -> str:
    digits = 2 if one["max"] < 100 and one["max"] != int(one["max"]) else 0
    low, high = f"{one['min']:,.{digits}f}", f"{one['max']:,.{digits}f}"
    return f"{one['median']:>10,.{digits}f} ({low} to {high})"


if __name__ == "__main__":
    sys.exit(main())
