"""`quittance demo`: the whole line on real servers, as a story."""

import os
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli.context import settings_of
from scripts.demo.options import DemoOptions
from scripts.demo.story import run_demo


def demo(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    once: Annotated[bool, typer.Option(help="Exit when done, instead of serving the API.")] = False,
    json: Annotated[bool, typer.Option(help="Print one JSON object.")] = False,
    seed: Annotated[int, typer.Option(help="Decides every key and every choice.")] = 7,
    subscribers: Annotated[int, typer.Option(min=40, help="Wallets that subscribe.")] = 200,
    papers: Annotated[
        Path | None, typer.Option(help="Write journal and monthly close into this folder.")
    ] = None,
    works: Annotated[int, typer.Option(min=5, help="Works with one to five payees.")] = 50,
) -> None:
    """Settle three epochs on a real chain and a real database, then serve the API."""
    options = DemoOptions(
        seed=seed,
        subscribers=subscribers,
        works=works,
        is_served=not once,
        is_json=json,
        papers=papers,
        directory=settings_of(context).data_directory,
    )
    raise typer.Exit(run_demo(options, os.environ))
