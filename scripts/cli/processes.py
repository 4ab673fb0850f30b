"""The processes, the database schema, the development chain, and the demo."""

import os
import threading
from contextlib import ExitStack
from typing import Annotated

import typer

from contracts.evm import BlockNumber
from scripts import processes
from scripts.cli.context import database, migrated, print_json, settings_of
from scripts.demo.options import DemoOptions
from scripts.devnet import running_devnet
from scripts.launcher import stop_event
from scripts.up import up_environment, watch_children

SCHEMA = typer.Typer(help="The database schema.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (demo, up, index, schedule, worker, serve, devnet):
        app.command()(command)
    app.add_typer(SCHEMA, name="db")


def demo(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    once: Annotated[bool, typer.Option(help="Exit when done, instead of serving the API.")] = False,
    json: Annotated[bool, typer.Option(help="Print one JSON object.")] = False,
    seed: Annotated[int, typer.Option(help="Decides every key and every choice.")] = 7,
    subscribers: Annotated[int, typer.Option(min=40, help="Wallets that subscribe.")] = 200,
    works: Annotated[int, typer.Option(min=5, help="Works with one to five payees.")] = 50,
) -> None:
    """Settle three epochs on a real chain and a real database, then serve the API."""
    from scripts.demo.story import run_demo  # noqa: PLC0415 - a second of imports, for demo only

    options = DemoOptions(
        seed=seed,
        subscribers=subscribers,
        works=works,
        is_served=not once,
        is_json=json,
        directory=settings_of(context).data_directory,
    )
    raise typer.Exit(run_demo(options, os.environ))


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


def index(
    context: typer.Context,
    to_block: Annotated[int | None, typer.Option(help="Stop after this block.")] = None,
    until_synced: Annotated[bool, typer.Option(help="Stop when nothing is left.")] = False,
) -> None:
    """Index the configured chains."""
    stop = stop_event()
    end_block = None if to_block is None else BlockNumber(to_block + 1)
    with migrated(settings_of(context)) as (settings, engine):
        processes.index(settings, engine, stop, end_block=end_block, until_synced=until_synced)


def schedule(context: typer.Context) -> None:
    """Enqueue hints to look again (needs a broker; without one the worker does it)."""
    processes.schedule(settings_of(context), stop_event())


def worker(context: typer.Context) -> None:
    """Post the journal, compute epochs, submit payouts, reconcile."""
    stop = stop_event()
    with migrated(settings_of(context)) as (settings, engine):
        processes.work(settings, engine, stop)


def serve(context: typer.Context) -> None:
    """Serve the read API over HTTP; prints its URL."""
    with (
        migrated(settings_of(context)) as (settings, _),
        processes.bound_socket(settings.api_host, settings.api_port) as listening,
    ):
        host, port = listening.getsockname()[:2]
        typer.echo(f"http://{host}:{port}")
        processes.serve(settings, settings.database_url or "", listening)


def devnet(context: typer.Context) -> None:
    """Run the development chain until Ctrl-C; prints its configuration file."""
    stop = stop_event()
    with running_devnet(settings_of(context).data_directory / "devnet") as config:
        typer.echo(str(config))
        _wait(stop)


@SCHEMA.command()
def migrate(
    context: typer.Context,
    json: Annotated[bool, typer.Option(help="Print one JSON object.")] = False,
) -> None:
    """Bring the database schema up to date."""
    with migrated(settings_of(context)) as (_, engine):
        if json:
            print_json({"database": engine.url.render_as_string(hide_password=True)})


def _wait(stop: threading.Event) -> None:
    while not stop.wait(0.5):
        pass
