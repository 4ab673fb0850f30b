"""`quittance payout stop` and `resume`: nothing is signed between them, by whatever key."""

from typing import Annotated

import typer

from scripts.cli.context import migrated, print_json, settings_of
from settlement.payouts.adapters.signing_record import RESUME, STOP, SqlSigningSwitch

ReasonOption = Annotated[str, typer.Option(help="Why; it is kept for ever.")]


def stop(context: typer.Context, reason: ReasonOption) -> None:
    """Stop signing at once, for every settlement of this database, until it is resumed.

    What was signed before is with the nodes, and may still be included.
    """
    _turn(context, STOP, reason)


def resume(context: typer.Context, reason: ReasonOption) -> None:
    """End a stop: the worker signs again what is due."""
    _turn(context, RESUME, reason)


def _turn(context: typer.Context, position: str, reason: str) -> None:
    with migrated(settings_of(context)) as (_, engine):
        switch = SqlSigningSwitch(engine)
        switch.turn(position, reason.strip())
        now = switch.stop()
    print_json(
        {"signing": "on"}
        if now is None
        else {"signing": "stopped", "reason": now.reason, "since": now.since}
    )
