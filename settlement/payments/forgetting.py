"""Use case: forget intents that nobody paid, since anybody may write one.

An intent that was paid, rightly or not, is kept for ever, with every verdict. One whose time is
long over, and for which no money came, is worth nothing to anybody: it goes, with the transactions
that somebody named for it and what was found of these.

    until                     until + kept
    ──┤─────────────────────────┤────────────►  time of the final block up to which all was noted
      no payment is in time     forgotten, if it was recorded as long ago

Nothing is lost by it. Its id is the hash of its content: whoever says the same again has the same
intent, and what the index has of its order is looked at as if it had never been forgotten.

What may go at all is the database's to say (`payment_forgettable`): nothing that a payment is bound
to, that is being looked at, or that money came for. A run looks at `PAGE` intents, after the last
one of the run before.
"""

from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Hash32, Timestamp
from settlement.payments.verify_payment import PaymentDesk

PAGE = 2_000


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """An intent in the order in which they are looked at."""

    until: Timestamp
    intent_id: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What a run did; `last` is the last intent that it looked at, None at the end of all."""

    count: int
    last: Turn | None


class UnpaidIntents(Protocol):
    """Where intents are forgotten; each call is one transaction."""

    def forget(
        self, before: Timestamp, kept_s: int, *, after: Turn | None, limit: int
    ) -> Forgotten:
        """Forget those of the next intents that may go.

        Args:
            before: only those whose time was over by then.
            kept_s: only those that were recorded longer ago than that.
            after: the last one that was looked at.
            limit: how many are looked at.
        """
        ...


def forget_unpaid(
    desk: PaymentDesk, intents: UnpaidIntents, *, kept_s: int, after: Turn | None
) -> Forgotten:
    """Forget what is due of the next intents.

    Time is that of the final block up to which every event was noted: of an index that is behind
    it cannot be said that a payment did not come.
    """
    with desk.open_facts() as facts:
        noted = facts.block(desk.watch.looked_up_to())
    if noted is None or noted.timestamp < kept_s:
        return Forgotten(count=0, last=after)
    return intents.forget(Timestamp(noted.timestamp - kept_s), kept_s, after=after, limit=PAGE)
