"""When an open submission is worth a look: only what may have changed is looked at.

Anybody can announce payments, and name transactions for them, as often as the limits of the API
allow. So what is open costs nothing by being open; a look has a cause, and the index is asked for
all causes at once:

    woken        new; or an event names its order in another block than it was seen in; or its block
                 was replaced; or another claim of its order has changed
    settles_at   its block is final from this height on
    safe_at      the same for safe
    ends_at      no block from this time on can hold its payment
    ask_at       only a node could tell: the index does not hold the transaction

Nodes are asked at most `ASKED_MAX` times in a run, whoever waits longest first, and rarer the older
a submission is. Nothing is lost by that: payments that name an order are found by their events, and
who tells of a transaction again has it looked at at once.
"""

from dataclasses import dataclass

from contracts.evm import Address, BlockNumber, Hash32, Timestamp
from settlement.payments.states import State

ASKED_MAX = 200
"""Questions to a node in one run, about transactions that the index does not hold."""

WAIT_S_MAX = 6 * 3600
_AGE_BY_WAIT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """An event of one of our contracts that names an order, in the chain as it is indexed."""

    contract: Address
    order_id: Hash32
    transaction_hash: Hash32
    block_number: BlockNumber
    block_hash: Hash32
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenIn:
    """The block that a look saw a transaction in; `is_indexed` says that the index has it."""

    number: BlockNumber
    hash: Hash32
    is_indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLook:
    """What makes an open submission worth the next look, besides being woken.

    `since` is when it was looked at first, by block time.
    """

    since: Timestamp
    ask_at: Timestamp | None
    ends_at: Timestamp | None
    safe_at: BlockNumber | None
    settles_at: BlockNumber | None
    seen_in: SeenIn | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How far the chain is at a run; what is not known is None, and makes nothing due."""

    now: Timestamp
    final_at: Timestamp | None
    safe: BlockNumber | None
    finalized: BlockNumber | None


def next_look(
    state: State,
    seen_in: SeenIn | None,
    *,
    since: Timestamp | None,
    now: Timestamp,
    until: Timestamp,
    waits_for: BlockNumber | None,
    is_past: bool,
) -> NextLook:
    """When to look again at a submission that is not at its end.

    Args:
        state: what this look found.
        seen_in: the block that has the transaction, if one has it.
        since: when it was looked at first; None where this is the first look.
        now: the newest block time that is known.
        until: the end of the intent's time.
        waits_for: another height that the end of this one waits for.
        is_past: that time is over at the finalized block, and still this is not the end.
    """
    first = now if since is None else since
    ends_at = None if is_past else until
    if seen_in is not None and seen_in.is_indexed:
        number = seen_in.number
        return NextLook(
            since=first,
            ask_at=None,
            ends_at=ends_at,
            safe_at=number if state is State.RECEIVED else None,
            settles_at=number if waits_for is None else max(number, waits_for),
            seen_in=seen_in,
        )
    return NextLook(
        since=first,
        ask_at=asked_next(first, now),
        ends_at=ends_at,
        safe_at=None,
        settles_at=None,
        seen_in=seen_in,
    )


def asked_next(since: Timestamp | None, now: Timestamp) -> Timestamp:
    """When a node is asked next about a transaction that is waited for since then."""
    age_s = 0 if since is None else now - since
    return Timestamp(now + max(1, min(age_s // _AGE_BY_WAIT, WAIT_S_MAX)))
