"""`quittance serve`: the read API."""

import typer

from scripts.cli.context import migrated, settings_of
from scripts.serve import bound_socket, serve_api


def serve(context: typer.Context) -> None:
    """Serve the read API over HTTP; prints its URL."""
    given = settings_of(context)
    with (
        bound_socket(given.api_host, given.api_port) as listening,
        migrated(given) as (settings, _),
    ):
        host, port = listening.getsockname()[:2]
        typer.echo(f"http://{host}:{port}")
        serve_api(settings, settings.database_url or "", listening)
