"""One cold run of `quittance index` on the yardstick chain, measured from outside.

The database is new and migrated, on a Postgres with fsync on and nothing tuned; the command is the
user's, with a configuration that names the token and nothing else. Two clocks: `command_s` is from
the start of the process to its end, imports included; `indexing_s` is from the first request that
reaches the node to the end of the process.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

import scripts.bootstrap
from scripts.embedded.postgres import PostgresServer
from tests.bench.chain_files import ChainFiles
from tests.bench.expected import Comparison, compared
from tests.bench.processes import PeakMemory, cpu_s, running_node
from tests.bench.yardstick import CHAIN_ID, TOKEN

_COMMAND = Path(sys.executable).with_name("quittance")
_OUTPUT_TAIL = 3_000
_CONFIGURATION = """
[[chain]]
id = {chain_id}
name = "yardstick"
rpc = ["{url}"]
start_block = 0
finality = {{ tag = "finalized", depth = 0 }}
tokens = ["0x{token}"]
"""


class IndexFailed(RuntimeError):
    """The command did not exit with 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run happens."""

    chain: ChainFiles
    server: PostgresServer
    directory: Path
    latency_ms: int

    @property
    def postmaster(self) -> int:
        """Postgres's first process, for its CPU time."""
        pid_file = self.directory / "postgres" / "data" / "postmaster.pid"
        return int(pid_file.read_text().split()[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRun:
    """What one run took, and whether the database holds what it must."""

    level: str
    command_s: float
    indexing_s: float
    cpu_s: Mapping[str, float]
    memory: PeakMemory
    postgres_memory: PeakMemory
    calls: Mapping[str, int]
    tables: Mapping[str, Comparison]

    @property
    def is_right(self) -> bool:
        return all(table.is_equal for table in self.tables.values())


def index_run(place: Place, level: str, name: str) -> IndexRun:
    """Index the whole chain into a database of this name.

    Raises:
        IndexFailed: with the end of what the command wrote.
    """
    database_url = place.server.url(name)
    scripts.bootstrap.migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    with running_node(place.chain.directory, latency_ms=place.latency_ms) as node:
        before = {"postgres": cpu_s(place.postmaster), "node": cpu_s(node.process_id)}
        memory, postgres_memory = PeakMemory(), PeakMemory()
        with postgres_memory.watching(place.postmaster):
            started = time.monotonic()
            own_cpu_s = _index(place.directory, node.url, database_url, level, memory)
            ended = time.monotonic()
        after = {"postgres": cpu_s(place.postmaster), "node": cpu_s(node.process_id)}
        counts = node.call("bench_counts")
    return IndexRun(
        level=level,
        command_s=ended - started,
        indexing_s=ended - counts["first_ns"] / 1e9,
        cpu_s={"ours": own_cpu_s} | {one: after[one] - before[one] for one in after},
        memory=memory,
        postgres_memory=postgres_memory,
        calls=counts["calls"],
        tables=compared(database_url, place.chain),
    )


def _index(
    directory: Path, rpc_url: str, database_url: str, level: str, memory: PeakMemory
) -> float:
    """Run the command to its end; its CPU seconds, with those of its children."""
    config, output = directory / "bench.toml", directory / "index.log"
    text = _CONFIGURATION.format(chain_id=CHAIN_ID, url=rpc_url, token=TOKEN.hex())
    config.write_text(text)
    command = [str(_COMMAND), "index", "--until-synced", "--verify", level]
    environ = os.environ | {
        "QUITTANCE_CONFIG": str(config),
        "QUITTANCE_DATABASE_URL": database_url,
        "QUITTANCE_DATA_DIR": str(directory / "unused"),
    }
    with output.open("wb") as file:
        process = subprocess.Popen(command, env=environ, stdout=file, stderr=file)
        with memory.watching(process.pid):
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = output.read_text()[-_OUTPUT_TAIL:]
        raise IndexFailed(f"`quittance index` exited with {process.returncode}:\n{tail}")
    return usage.ru_utime + usage.ru_stime
