"""An indexer that is killed at every commit, until it gets through; says how often it died.

It reads one line for each index to make, "WINDOW WORKERS LEVEL", and answers "DEATHS STATUS".
Each run is a fork of this process, which has everything imported. It does one write, and sends
itself SIGKILL in the middle of the second, when all of it was sent and COMMIT was not. So each
commit of an index is once the last thing that a process did, and once the thing it died in.

Usage: python -m tests.integration.crashing_indexer RPC_URL DATABASE_URL TOKEN
"""

import os
import signal
import sys
from functools import partial
from typing import Any

from sqlalchemy import Engine, event
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from contracts.evm import Address
from indexer.adapters.endpoints import open_endpoints
from indexer.adapters.store import owned_chain
from indexer.adapters.workers import RangesAhead
from indexer.errors import ChainOwned
from indexer.fetch_range import RangesHere
from indexer.levels import Level
from indexer.plan import IndexedChain
from indexer.ports import FactStore
from indexer.sync import is_synced, run_until
from tests.anvil_chain import LIMITS, opened, token_plan
from tests.postgres_facts import fact_engine

_WRITES = frozenset({"extend", "replace", "finalize", "fold_balances", "add_movements", "prove"})
_WRITES_PER_LIFE = 1
_LIVES_MAX = 200


class CountedWrites:
    """A store that knows which write it is at."""

    def __init__(self, store: FactStore) -> None:
        self._store, self.count = store, 0

    def __getattr__(self, name: str) -> Any:
        self.count += name in _WRITES
        return getattr(self._store, name)


def live(url: str, database_url: str, plan: IndexedChain, workers: int) -> None:
    """Index until done, or dead."""
    with fact_engine(database_url, is_new=False) as engine:
        until_free = Retrying(
            retry=retry_if_exception_type(ChainOwned),
            wait=wait_fixed(0.02),
            stop=stop_after_delay(60),
        )
        until_free(index, engine, url, plan, workers)


def index(engine: Engine, url: str, plan: IndexedChain, workers: int) -> None:
    """The same, as the chain's owner."""
    make_chain = partial(open_endpoints, [url], plan.chain_id, LIMITS)
    with owned_chain(engine, plan.chain_id) as owned:
        store = CountedWrites(owned)

        def die(_connection: object) -> None:
            if store.count > _WRITES_PER_LIFE:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(engine, "commit", die)
        ranges = RangesAhead(
            RangesHere(make_chain(), plan.question),
            make_chain,
            plan.question,
            workers=workers,
            behind_blocks_min=1,
        )
        run_until(opened(plan, url, store, ranges=ranges), is_synced, wait=lambda: None)
        ranges.close()


def live_until_done(url: str, database_url: str, plan: IndexedChain, workers: int) -> str:
    """Live again and again; how often it died, and how it ended."""
    for deaths in range(_LIVES_MAX):
        child = os.fork()
        if not child:
            live(url, database_url, plan, workers)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return f"{deaths} {os.waitstatus_to_exitcode(status)}"
    return f"{_LIVES_MAX} {-signal.SIGKILL}"


def main() -> None:
    """Make one index after the other, as they are asked for."""
    url, database_url, token = sys.argv[1:]
    for line in sys.stdin:
        window, workers, level = line.split()
        plan = token_plan(
            Address.from_hex(token), window_blocks_max=int(window), level=Level(level)
        )
        print(live_until_done(url, database_url, plan, int(workers)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
