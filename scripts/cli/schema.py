"""`quittance db`: the database schema."""

from typing import Annotated

import typer
from sqlalchemy import URL

from scripts.cli.context import migrated, print_json, settings_of

app = typer.Typer(help="The database schema.", no_args_is_help=True)


@app.command()
def migrate(
    context: typer.Context,
    json: Annotated[bool, typer.Option(help="Print one JSON object.")] = False,
) -> None:
    """Bring the database schema up to date."""
    with migrated(settings_of(context)) as (_, engine):
        if json:
            print_json({"database": shown_url(engine.url)})


def shown_url(url: URL) -> str:
    """The address of a database without its password, which libpq also takes from the query."""
    secret = {name: "***" for name in url.query if "password" in name}
    return url.update_query_dict(secret).render_as_string(hide_password=True)
