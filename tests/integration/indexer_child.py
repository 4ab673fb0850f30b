"""An indexer in a process of its own, to be killed: prints one line per step.

Usage: python -m tests.integration.indexer_child RPC_URL DATABASE_URL TOKEN WINDOW
"""

import sys
import time

from sqlalchemy import Engine
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from contracts.evm import Address
from indexer.adapters.store import owned_chain
from indexer.errors import ChainOwned
from indexer.outcomes import Outcome
from indexer.sync import run_until
from tests.anvil_chain import opened, token_plan
from tests.postgres_facts import fact_engine


def main() -> None:
    """Index for ever."""
    rpc_url, database_url, token, window = sys.argv[1:]
    plan = token_plan(Address.from_hex(token), window_blocks_max=int(window))

    def show(outcome: Outcome) -> bool:
        print(type(outcome).__name__, flush=True)  # noqa: T201
        return False

    def index(engine: Engine) -> None:
        with owned_chain(engine, plan.chain_id) as store:
            print("owner", flush=True)  # noqa: T201
            run_until(opened(plan, rpc_url, store), show, wait=lambda: time.sleep(0.05))

    # The server notices a killed predecessor within moments, not at once.
    until_free = Retrying(
        retry=retry_if_exception_type(ChainOwned), wait=wait_fixed(0.1), stop=stop_after_delay(60)
    )
    with fact_engine(database_url, is_new=False) as engine:
        until_free(index, engine)


if __name__ == "__main__":
    main()
