"""What `/metrics` reads from the database."""

from collections import Counter

from api.adapters.epochs import read_epochs
from api.adapters.payout_standing import read_payout_standing
from api.adapters.reconciliation import read_kinds
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint, read_standpoint
from api.context import Context
from api.errors import NotIndexed
from api.metrics import Reading
from api.routes.status import read_statuses

EPOCHS_COUNTED = 32
"""Epochs of each settlement that are counted by state: the newest, whose state still changes."""


async def read_metrics(context: Context, reads: Snapshot) -> Reading:
    """Read everything in one snapshot; a settlement that is not indexed yet has no epochs."""
    epochs: list[tuple[str, str, int]] = []
    discrepancies: list[tuple[str, str, int]] = []
    payouts = [await read_payout_standing(reads, one) for one in context.deps.settlements]
    for settlement in context.deps.settlements:
        try:
            at = await read_standpoint(reads, settlement)
        except NotIndexed:
            continue
        states = await _states(reads, at)
        epochs += [(settlement.name, state, count) for state, count in sorted(states.items())]
        found = await read_kinds(reads, settlement)
        discrepancies += [(settlement.name, kind, count) for kind, count in sorted(found.items())]
    return Reading(
        chains=tuple(await read_statuses(context, reads)),
        epochs=tuple(epochs),
        discrepancies=tuple(discrepancies),
        payouts=tuple(payouts),
    )


async def _states(reads: Snapshot, at: Standpoint) -> Counter[str]:
    low = max(at.first_epoch, at.current_epoch - EPOCHS_COUNTED + 1)
    return Counter(
        epoch.state.value for epoch in await read_epochs(reads, at, low, at.current_epoch)
    )
