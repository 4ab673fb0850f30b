"""`quittance schedule`: hints for workers on other machines."""

import typer

from scripts.cli.context import settings_of
from scripts.launcher import stop_event
from scripts.schedule import schedule_jobs


def schedule(context: typer.Context) -> None:
    """Enqueue hints to look again (needs a broker; without one the worker does it)."""
    schedule_jobs(settings_of(context), stop_event())
