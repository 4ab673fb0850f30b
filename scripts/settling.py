"""Whether the epochs of a settlement can be paid within a day: said when the facts are there."""

import logging

from sqlalchemy import Connection

from contracts.addresses import Settlement
from indexer.adapters.reads import FactReads
from settlement.royalties.settling_time import LIMIT_S, SettlingTime

log = logging.getLogger(__name__)


def settling_time(connection: Connection, settlement: Settlement) -> SettlingTime | None:
    """What the contracts and the chain take; None before their events and a final block are here.

    The lag is that of the index as it stands: between its head and its finalized block.
    """
    facts = FactReads(connection, settlement)
    clock, veto_window_s = facts.clock(), facts.veto_window()
    head, finalized = facts.head(), facts.finalized()
    if clock is None or veto_window_s is None or head is None or finalized is None:
        return None
    return SettlingTime(
        grace_s=clock.grace,
        finality_lag_s=head.timestamp - finalized.timestamp,
        veto_window_s=veto_window_s,
    )


def warn_if_late(connection: Connection, settlement: Settlement) -> bool:
    """Say so in the log if a day is too short; whether there were facts to judge by."""
    found = settling_time(connection, settlement)
    if found is not None and not found.fits:
        log.warning(
            "epochs cannot be paid within a day of their end",
            extra={"settlement": settlement.name, "needed": str(found), "limit_s": LIMIT_S},
        )
    return found is not None
