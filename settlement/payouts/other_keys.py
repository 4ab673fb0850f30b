"""Keys that paid before: what they signed is sent for them, since nobody else would.

When another key is configured in the middle of a payout, what the key before it signed is still the
only thing that may pay: no second nonce is signed while the first is open. Its stored bytes need no
key to be sent again, so they are. What they cannot have without it is a higher fee, or a no-op: if
nobody includes them, the old key has to be configured once more until its nonces are spent.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, Hash32
from settlement.payouts.decision import unknown_to_node
from settlement.payouts.operation import Attempt, History
from settlement.payouts.protocols import PayoutChain, PayoutStore
from settlement.payouts.send import Sending
from settlement.payouts.view import ChainView


@dataclass(frozen=True, slots=True)
class OtherKeys:
    """Transaction counts of other keys at the finalized block, and everything open of them.

    `mined` are their counts at the head, of those that have something open.
    """

    spent: Mapping[Address, int]
    mined: Mapping[Address, int]
    attempts: tuple[Attempt, ...]

    @property
    def waited_for(self) -> tuple[Address, ...]:
        """The keys that have open nonces, ascending."""
        return tuple(sorted({attempt.sender for attempt in self.attempts}))


def other_keys(
    histories: Iterable[History],
    sender: Address,
    *,
    chain: PayoutChain,
    store: PayoutStore,
    finalized: BlockRef,
    head: BlockRef,
) -> OtherKeys:
    """The keys beside `sender` that signed for these operations, with all that is open of them.

    A nonce whose own operation is over belongs to it too: the ones after it wait for it.
    """
    senders = sorted(
        {one.sender for history in histories for one in (*history.attempts, *history.others)}
        - {sender}
    )
    spent = {one: chain.nonce_count(one, finalized) for one in senders}
    attempts = {one: store.open_attempts(one, first_nonce=spent[one]) for one in senders}
    mined = {one: chain.nonce_count(one, head) for one in senders if attempts[one]}
    return OtherKeys(spent, mined, tuple(each for one in senders for each in attempts[one]))


def send_for_others(
    others: OtherKeys, sending: Sending, view: ChainView, *, paused: Collection[Address]
) -> tuple[Hash32, ...]:
    """Send what the node lacks of other keys, but for contracts that are paused."""
    lacking = [one for one in unknown_to_node(others.attempts, view) if one.to not in paused]
    for transaction in lacking:
        sending.broadcast(transaction)
    return tuple(transaction.tx_hash for transaction in lacking)
