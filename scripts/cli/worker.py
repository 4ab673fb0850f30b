"""`quittance worker`: does what follows from facts, over and over."""

import typer

from scripts.cli.context import migrated, settings_of
from scripts.errors import NothingConfigured
from scripts.launcher import stop_event
from scripts.worker import work


def worker(context: typer.Context) -> None:
    """Post the journal, compute epochs, submit payouts, reconcile."""
    stop = stop_event()
    given = settings_of(context)
    if not given.settlements:
        raise NothingConfigured("settlement")
    with migrated(given) as (settings, engine):
        work(settings, engine, stop)
