"""Lines of lists: tips that the relay owes, and lines of documents that the batch contract pays.

Each is owed under one op-id, has one account of its own, and is settled at most once, whole.
"""

from dataclasses import dataclass

from contracts.evm import Address, Hash32, Timestamp
from contracts.payment_events import LinePaid, LineUnclaimed
from contracts.units import BaseUnits
from settlement.ledger.accounts import Account, owed


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedLine:
    """Line `index` of a list as the books know it, settled or not.

    `payer` is who tipped; None for a line of a document.
    """

    op_id: Hash32
    list_id: Hash32
    index: int
    payee: Address
    asset: Address
    amount: BaseUnits
    payer: Address | None
    owed_since: Timestamp

    @property
    def account(self) -> Account:
        """Where its money is while it is open."""
        return owed(self.op_id, self.payee)

    def is_ended_by(self, event: LinePaid | LineUnclaimed) -> bool:
        """Whether the event is about exactly this line, to the unit, whenever it was."""
        return (
            event.op_id,
            event.list_id,
            event.index,
            event.payee,
            event.asset,
            event.amount,
        ) == (self.op_id, self.list_id, self.index, self.payee, self.asset, self.amount)

    def may_follow(self, event: LinePaid | LineUnclaimed) -> bool:
        """Whether the line may have become owed after the event: only a document comes late."""
        return self.payer is None and event.timestamp <= self.owed_since
