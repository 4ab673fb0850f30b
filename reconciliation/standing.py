"""What stands at a block, of things that are placed and lifted: holds, and announced transfers."""

from collections import Counter
from collections.abc import Iterable

from contracts.evm import Address, Timestamp
from contracts.money_events import (
    HoldEvent,
    PayeeHoldPlaced,
    TransferEvent,
    UnallocatedTransferAnnounced,
)
from reconciliation.snapshot import EpochAsset


def standing_holds(events: Iterable[HoldEvent], at: Timestamp) -> dict[Address, Timestamp]:
    """When the hold of each payee ends that is held at a timestamp; events are in chain order.

    The last event of a payee counts: a hold replaces the one before. At `expires_at` itself nobody
    is held any more.
    """
    last: dict[Address, Timestamp] = {}
    for event in events:
        ended = Timestamp(0)
        last[event.account] = event.expires_at if isinstance(event, PayeeHoldPlaced) else ended
    return {account: expires_at for account, expires_at in last.items() if expires_at > at}


def announced_transfers(events: Iterable[TransferEvent]) -> dict[EpochAsset, int]:
    """Unallocated units that are announced to leave, by epoch and asset; events in chain order."""
    standing: dict[bytes, UnallocatedTransferAnnounced] = {}
    for event in events:
        if isinstance(event, UnallocatedTransferAnnounced):
            standing[event.transfer_id] = event
        else:
            standing.pop(event.transfer_id, None)
    sums: Counter[EpochAsset] = Counter()
    for event in standing.values():
        sums[event.epoch, event.asset] += event.amount
    return dict(sums)
