"""What commands share: settings, the database, the settlement that is meant, and JSON output."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import orjson
import typer
from sqlalchemy import Engine

from contracts.addresses import Settlement
from scripts.bootstrap import migrate, open_database
from scripts.embedded.postgres import running_postgres
from scripts.errors import NotConfigured, NothingConfigured
from scripts.settings import ChainSettings, Settings, load_settings


def settings_of(context: typer.Context) -> Settings:
    """The settings, read when a command asks: `--help` and offline commands need none.

    A `--settlement` that is not there is refused here, before a database is started for it.

    Raises:
        BadSettings: with every problem found.
        NotConfigured: naming the settlements that there are.
    """
    environ = context.find_root().obj
    if not isinstance(environ, Mapping):
        raise TypeError("the command ran without its callback")
    settings = load_settings(environ)
    if "settlement" in context.params:
        chosen(settings, context.params["settlement"])
    return settings


@contextmanager
def database(settings: Settings) -> Iterator[Settings]:
    """Settings with a database URL: the configured one, or an embedded Postgres while it lasts."""
    if settings.database_url is not None:
        yield settings
        return
    with running_postgres(settings.data_directory / "postgres") as server:
        yield replace(settings, database_url=server.url())


@contextmanager
def migrated(settings: Settings) -> Iterator[tuple[Settings, Engine]]:
    """The database with the newest schema."""
    with database(settings) as ready:
        url = ready.database_url or ""
        migrate(url)
        engine = open_database(url)
        try:
            yield ready, engine
        finally:
            engine.dispose()


def chosen(settings: Settings, name: str | None) -> tuple[ChainSettings, Settlement]:
    """The settlement of that name, or the only one.

    Raises:
        NotConfigured: naming what there is.
    """
    known = [(chain, one) for chain in settings.chains for one in chain.settlements]
    found = [pair for pair in known if name in {None, pair[1].name}]
    if len(found) == 1:
        return found[0]
    if not known:
        raise NothingConfigured("settlement")
    names = ", ".join(settlement.name for _, settlement in known)
    raise NotConfigured(f"--settlement: name one of the configured settlements: {names}")


def print_json(document: object) -> None:
    """One JSON object on stdout."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    typer.echo(orjson.dumps(document, option=options).decode(), nl=False)
