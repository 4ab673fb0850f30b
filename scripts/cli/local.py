"""`quittance up` and `devnet`: what runs on one machine, with a development chain if need be."""

import os
import threading
from contextlib import ExitStack

import typer

from scripts.cli.context import database, settings_of
from scripts.devnet import running_devnet
from scripts.launcher import stop_event
from scripts.up import up_environment, watch_children


def up(context: typer.Context) -> None:
    """Run indexer, worker and API on this machine; without configuration, on a dev chain."""
    stop = stop_event()
    settings = settings_of(context)
    with ExitStack() as stack:
        config = None
        if not settings.chains:
            config = stack.enter_context(running_devnet(settings.data_directory / "devnet"))
        ready = stack.enter_context(database(settings))
        environ = up_environment(os.environ, ready, config)
        watch_children(environ, ready, stop)


def devnet(context: typer.Context) -> None:
    """Run the development chain until Ctrl-C; prints its configuration file."""
    stop = stop_event()
    with running_devnet(settings_of(context).data_directory / "devnet") as config:
        typer.echo(str(config))
        _wait(stop)


def _wait(stop: threading.Event) -> None:
    while not stop.wait(0.5):
        pass
