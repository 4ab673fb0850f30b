"""`index`: every configured chain, each in a thread of its own; may be killed any time."""

import threading
from collections.abc import Sequence

from rich.console import Console
from sqlalchemy import Engine

from contracts.evm import BlockNumber
from scripts.errors import NotConfigured, NothingConfigured
from scripts.indexing import ChainResult, ChainRun, IndexOrder
from scripts.progress import Progress, shown_bars
from scripts.settings import Settings

_STALLED_AFTER_S = 120


def index_chains(
    settings: Settings,
    engine: Engine,
    stop: threading.Event,
    *,
    end_block: BlockNumber | None,
    until_synced: bool,
) -> list[ChainResult]:
    """Index every configured chain, each in a thread of its own; returns what was done on each.

    Raises:
        NotConfigured: there is no chain, or nothing below the end block.
        IndexerError, ScriptError: the first failure of a chain that cannot be waited for
            (see `ChainRun.run`); the other chains are stopped too.
    """
    if not settings.chains:
        raise NothingConfigured("chain")
    for chain in settings.chains:
        if end_block is not None and end_block <= chain.start_block:
            raise NotConfigured(
                f"--to-block: {end_block - 1} is below start block {chain.start_block} of chain "
                f"{chain.name}"
            )
    order = IndexOrder(
        end_block=end_block,
        until_synced=until_synced,
        poll_s=settings.poll_interval_ms / 1000,
        stalled_after_s=_STALLED_AFTER_S,
    )
    with shown_bars(Console(stderr=True)) as bars:
        runs = [
            ChainRun(
                engine,
                chain,
                order,
                stop=stop,
                progress=Progress(f"indexing {chain.name}", unit="blocks", bars=bars),
            )
            for chain in settings.chains
        ]
        return _run_together(runs, stop)


def _run_together(runs: Sequence[ChainRun], stop: threading.Event) -> list[ChainResult]:
    """Run each in a thread of its own; when one fails, stop the others and raise its failure."""
    failures: list[BaseException] = []
    results: dict[ChainRun, ChainResult] = {}

    def run(one: ChainRun) -> None:
        try:
            results[one] = one.run()
        except BaseException as error:  # noqa: BLE001 - re-raised below, in the main thread
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=run, args=(one,), name=one.name) for one in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)
    if failures:
        raise failures[0]
    return [results[one] for one in runs]
