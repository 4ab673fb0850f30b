"""`quittance serve`: the read API."""

import typer

from scripts.cli.context import migrated, settings_of
from scripts.serve import bound_socket, serve_api


def serve(context: typer.Context) -> None:
    """Serve the read API over HTTP; prints its URL."""
    with (
        migrated(settings_of(context)) as (settings, _),
        bound_socket(settings.api_host, settings.api_port) as listening,
    ):
        host, port = listening.getsockname()[:2]
        typer.echo(f"http://{host}:{port}")
        serve_api(settings, settings.database_url or "", listening)
