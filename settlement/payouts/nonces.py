"""The nonces of one key: which are open, which we know nothing of, and what each open one needs.

    0 ──────────── finalized ─────────── head ─────────── pending ─────────── next
       spent, final            spent now       waiting in         what we sign with
                                               the node's pool

Every nonce below `next` is taken. Most are stored with all that was ever signed for them. Those
that are not were *adopted*: the chain, or the node's pool, showed more transactions of our key than
we had stored, because the database was restored from a backup, or the key was used elsewhere. What
waits for an adopted nonce can be anything, also a payment that we signed and forgot. The same holds
for a *filler*: an adopted nonce for which we signed a no-op, since the pool had nothing for it, or
since nobody includes what it has: we do not have its bytes, so we cannot send it with a higher fee.

So an adopted nonce counts as signed for every operation: while one of them, or a filler, is not
spent at the finalized block, nothing is signed with a new nonce (`forgotten`). Once they all are,
the operations that they paid are used at that same block, and the others cannot be paid by them any
more. What no count shows cannot be known: a payment that was forgotten and is in no pool that we
see, for a nonce above a gap. Against its return stands the contract alone, which settles a line
once.

An open nonce is never given up, since it would block every later one. Its newest transaction is
sent until the nonce is spent, and replaced, at the same nonce, if nobody includes it. Where nothing
is to be paid by it any more, a no-op replaces it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import Address, BlockNumber, Hash32
from settlement.payouts.gas import (
    NOOP_GAS,
    Fee,
    FeeAboveCap,
    FeeCaps,
    FeeQuote,
    outbidding_fee,
    replacement_fee,
)
from settlement.payouts.operation import Attempt, History, Operation, SignedTransaction
from settlement.payouts.view import ChainView


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Transactions of a key up to the finalized block, up to the head, and with the node's pool.

    The pool counts as far as it goes on without a gap.
    """

    finalized: int
    head: int
    pending: int

    @property
    def shown(self) -> int:
        """Every lower nonce is spent, or has something waiting."""
        return max(self.finalized, self.head, self.pending)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Nonces, ascending, that are not spent for good and of which we do not know all."""

    adopted: tuple[int, ...]
    fillers: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.adopted or self.fillers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What the chain asks at the head, what we pay at most, and how long we wait to be included."""

    head: BlockNumber
    quote: FeeQuote
    caps: FeeCaps
    replace_after_blocks: int


@dataclass(frozen=True, slots=True)
class Leave:
    """It waits, or is mined."""


@dataclass(frozen=True, slots=True)
class Resend:
    """The node does not have it: send the stored bytes."""

    transaction: SignedTransaction


@dataclass(frozen=True, slots=True)
class Replace:
    """Sign the same calls again for the same nonce."""

    attempt: Attempt
    fee: Fee


@dataclass(frozen=True, slots=True)
class Cancel:
    """Sign a no-op for the same nonce."""

    attempt: Attempt
    fee: Fee


@dataclass(frozen=True, slots=True)
class AtCap:
    """It should be replaced, and we do not pay as much; send it as it is if the node lacks it."""

    above: FeeAboveCap
    lacking: SignedTransaction | None


Care = Leave | Resend | Replace | Cancel | AtCap


def forgotten(in_flight: Iterable[Attempt], counts: Counts, *, next_nonce: int) -> Forgotten:
    """The nonces from the finalized count on that may pay something that we do not know of.

    Args:
        in_flight: everything stored for nonces from the finalized count on.
        counts: of the key.
        next_nonce: what would be signed with next.
    """
    stored = {attempt.nonce: attempt for attempt in in_flight}
    return Forgotten(
        adopted=tuple(
            nonce for nonce in range(counts.finalized, next_nonce) if nonce not in stored
        ),
        fillers=tuple(nonce for nonce, attempt in sorted(stored.items()) if attempt.is_filler),
    )


def useful_nonces(
    histories: Iterable[History], sender: Address
) -> Mapping[int, Sequence[Operation]]:
    """By nonce of a key, what is not over and could be paid by it: one operation for each leaf."""
    useful: defaultdict[int, dict[Hash32, Operation]] = defaultdict(dict)
    for history in histories:
        for attempt in (*history.attempts, *history.others):
            if attempt.sender == sender:
                useful[attempt.nonce][history.operation.event_op_id] = history.operation
    return {nonce: tuple(operations.values()) for nonce, operations in useful.items()}


def gap(missing: Forgotten, counts: Counts) -> int | None:
    """The adopted nonce for which neither the chain nor the pool has anything, if it is next.

    A node whose pool is behind its head does not tell.
    """
    is_told = counts.pending >= counts.head
    return counts.pending if is_told and counts.pending in missing.adopted else None


def waiting(missing: Forgotten, counts: Counts) -> int | None:
    """The adopted nonce that is to be mined next, if the pool has something for it."""
    is_in_pool = counts.head < counts.pending
    return counts.head if is_in_pool and counts.head in missing.adopted else None


def is_left(adopted_at: BlockNumber, market: Market) -> bool:
    """Whether nobody included what waits for a nonce since it was adopted, for too long."""
    return market.head - adopted_at >= market.replace_after_blocks


def care(
    attempt: Attempt,
    *,
    contracts: Collection[Address],
    is_useful: bool,
    view: ChainView,
    counts: Counts,
    market: Market,
) -> Care:
    """What one open nonce needs now.

    A nonce is only replaced while the head does not have it spent, and by who pays from the same
    contract: what it carries for a contract of another settlement is not known here. Cases: (1) the
    newest was not mined for too long, and nothing of ours is before it, or its fee is below what
    the chain asks → Replace, or Cancel if nothing is to be paid by it, or AtCap; (2) unknown to the
    node, nothing to be paid, a no-op is cheaper → Cancel; (3) unknown to the node → Resend; else
    Leave.

    Args:
        attempt: not spent at the finalized block.
        contracts: that are paid from.
        is_useful: whether an operation that is not over is about something that it can pay.
        view: with receipts and mempool for its hashes.
        counts: of its sender.
        market: at the head.
    """
    newest = attempt.newest
    if attempt.nonce < counts.head or view.receipt(attempt) is not None:
        return Leave()
    is_known = newest.tx_hash in view.known
    if attempt.transactions[0].to not in (*contracts, attempt.sender):
        return Leave() if is_known else Resend(newest)
    old = Fee(max_fee_wei=newest.max_fee_wei, tip_wei=newest.tip_wei)
    bid = replacement_fee if is_known else outbidding_fee
    fee = bid(old, market.quote, market.caps)
    if _is_due(attempt, counts, market):
        return _renewed(attempt, fee, is_useful=is_useful, is_known=is_known)
    if is_known:
        return Leave()
    if not is_useful and isinstance(fee, Fee) and _is_noop_cheaper(newest, fee):
        return Cancel(attempt, fee)
    return Resend(newest)


def _renewed(
    attempt: Attempt, fee: Fee | FeeAboveCap, *, is_useful: bool, is_known: bool
) -> Replace | Cancel | AtCap:
    """What follows the newest, if it may cost so much; what was given up stays given up."""
    if isinstance(fee, FeeAboveCap):
        return AtCap(fee, None if is_known else attempt.newest)
    is_noop = attempt.newest.is_noop or not is_useful
    return Cancel(attempt, fee) if is_noop else Replace(attempt, fee)


def _is_due(attempt: Attempt, counts: Counts, market: Market) -> bool:
    """Whether the newest waits for too long, or cannot be included with its tip."""
    newest, quote = attempt.newest, market.quote
    blocks = market.head - attempt.signed_at
    is_stale = attempt.nonce == counts.head and blocks >= market.replace_after_blocks
    return is_stale or newest.max_fee_wei < quote.base_fee_wei + min(quote.tip_wei, newest.tip_wei)


def _is_noop_cheaper(old: SignedTransaction, fee: Fee) -> bool:
    """Whether the least no-op at the new fee costs less than the old may; never true of a no-op."""
    return NOOP_GAS * fee.max_fee_wei < old.gas * old.max_fee_wei and not old.is_noop
