"""`quittance index`: follows the configured chains."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.evm import BlockNumber
from indexer.levels import Level
from scripts.launcher import stop_event

if TYPE_CHECKING:
    from scripts.indexing import ChainResult


def index(
    context: typer.Context,
    to_block: Annotated[int | None, typer.Option(min=0, help="Stop after this block.")] = None,
    until_synced: Annotated[bool, typer.Option(help="Stop when nothing is left.")] = False,
    verify: Annotated[
        Level | None, typer.Option(help="Prove this much, whatever is configured.")
    ] = None,
    json: Annotated[bool, typer.Option(help="Print one JSON object when it ends.")] = False,
) -> None:
    """Index the configured chains."""
    stop = stop_event()
    from scripts.cli.context import migrated, print_json, settings_of  # noqa: PLC0415 - a second
    from scripts.index import index_chains  # noqa: PLC0415 - that help need not take

    end_block = None if to_block is None else BlockNumber(to_block + 1)
    settings = settings_of(context)
    if verify is not None:
        chains = tuple(replace(chain, verify=verify.value) for chain in settings.chains)
        settings = replace(settings, chains=chains)
    with migrated(settings) as (ready, engine):
        results = index_chains(ready, engine, stop, end_block=end_block, until_synced=until_synced)
    if json:
        print_json({"chains": [_result(each) for each in results]})


def _result(result: "ChainResult") -> dict[str, object]:
    tally, duration_ms = result.tally, max(result.duration_ms, 1)
    return {
        "chain_id": result.chain.id,
        "name": result.chain.name,
        "level": result.chain.verify,
        "blocks": tally.blocks,
        "events": tally.events,
        "height": tally.height,
        "head": tally.head,
        "finalized": tally.finalized,
        "seconds": duration_ms / 1000,
        "blocks_per_second": tally.blocks * 1000 // duration_ms,
        "events_per_second": tally.events * 1000 // duration_ms,
        "stalled_on_fetch_seconds": tally.fetch_stalled_ms / 1000,
        "stalled_on_storage_seconds": tally.storage_stalled_ms / 1000,
    }
