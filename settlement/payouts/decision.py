"""Where an operation stands, and the one next thing to do for it.

                 ┌────────────── reorg, dropped by the mempool ─────────────┐
                 ▼                                                          │
    planned → signed → pending → mined ─┬→ final            (settled by us) │
                 │                      ├→ reverted_final, refused_final ───┼→ sign anew
                 └──────────────────────┴→ displaced ───────────────────────┘

The rule against a second payment, for each operation on its own:

    a new nonce is signed only if, at one finalized block,
      (a) the operation is unused on chain, and
      (b) every nonce ever signed for any operation of its leaf is spent: below the sender's
          transaction count,
      (c) and so is every nonce of the key of which we do not know what we signed for it, because
          what we stored was lost (`payouts.nonces`).

(b) holds for whatever spent the nonce. If it was a stranger's hash, no hash of ours can execute any
more. If it was ours, it ran, and by (a) it settled no line that was open when the operation was
planned: it reverted, or this item was refused; and its other hashes cannot execute any more. So
nothing that we stored can still pay, and by (c) nothing that we forgot, as far as the chain and the
node's pool show that there was something to forget; against the rest stands the contract.

(c) is asked of the configured key alone. What an earlier key signed and a restored backup forgot is
kept from paying twice by the contract's flags: that key may be in a thief's hands, and then
whatever it does must not keep anybody from being paid.

A leaf is paid by one operation, unless lines of it are held: a withdrawal leaves those out, and the
operation is over. Once the hold has ended the books plan another one, for what is open then; its id
says which lines were settled before. By (a) of all operations of a leaf at most one is unused at a
block, and by (b) at most one nonce at a time can pay a leaf: the contract's flag of a line, which
keeps strangers and us apart, is never what keeps two transactions of ours apart. Receipts
take no part in the rule: a missing receipt proves nothing (the node may be behind, or lie), and a
revert that is not final can turn into a success. They only say what became of a spent nonce.

A nonce that is not spent is sent again, or replaced at the same nonce. That holds for all open
nonces of the sender, also those whose operations are closed: a gap would block every later nonce.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import BlockNumber, Hash32
from settlement.payouts.operation import Attempt, Fate, History, Outcome, SignedTransaction
from settlement.payouts.view import ChainView, Receipt, Usage


@dataclass(frozen=True, slots=True)
class SignNew:
    """Nothing of ours can pay any more and nothing did: sign with a new nonce."""


@dataclass(frozen=True, slots=True)
class Rebroadcast:
    """The node does not know these any more (or never did): send the stored bytes."""

    transactions: tuple[SignedTransaction, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Something of ours is on its way."""


@dataclass(frozen=True, slots=True)
class Done:
    """The operation is over at the finalized block."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Exhausted:
    """All allowed nonces ran without paying: a person looks, and for a while no other is signed."""

    attempts: int


Action = SignNew | Rebroadcast | Wait | Done | Exhausted


class State(StrEnum):
    """Where an operation stands; in the last three it is closed."""

    PLANNED = "planned"
    SIGNED = "signed"
    PENDING = "pending"
    MINED = "mined"
    REVERTED_FINAL = "reverted_final"
    REFUSED_FINAL = "refused_final"
    DISPLACED = "displaced"
    FINAL = "final"
    USED_ELSEWHERE = "used_elsewhere"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A state, with the transaction and block that it rests on, if any."""

    state: State
    tx_hash: Hash32 | None = None
    block_number: BlockNumber | None = None
    block_hash: Hash32 | None = None


_STATES = {
    Fate.SETTLED: State.FINAL,
    Fate.SETTLED_UNSEEN: State.FINAL,
    Fate.SETTLED_ELSEWHERE: State.USED_ELSEWHERE,
    Fate.SUPERSEDED: State.SUPERSEDED,
    Fate.REVERTED: State.REVERTED_FINAL,
    Fate.REFUSED: State.REFUSED_FINAL,
    Fate.DISPLACED: State.DISPLACED,
}


_CLOSING = (Usage.SETTLED, Usage.SUPERSEDED)


def next_action(
    history: History,
    usage: Usage,
    view: ChainView,
    *,
    attempts_max: int,
    retry_after_blocks: int,
) -> Action:
    """The one thing to do for an operation that is not closed; see the rule above.

    Cases: (1) used on chain → Done; (2) a nonce of ours is open → Rebroadcast what the node lacks,
    else Wait; (3) early → Wait; (4) unused and no open nonce → SignNew; after `attempts_max` nonces
    Exhausted, and SignNew once more whenever `retry_after_blocks` have passed: whatever stood in
    the way ends some day, and nothing that is owed is given up.

    Args:
        history: with every nonce and every hash ever signed for the operation and its leaf.
        usage: at `view.finalized`.
        view: `spent` covers every sender in the history.
        attempts_max: nonces that may be spent on one operation in a row.
        retry_after_blocks: between the signing of the last of them and the next.
    """
    if usage in _CLOSING:
        return Done(_closing_outcome(history, usage, view))
    if any(view.is_open(attempt) for attempt in (*history.attempts, *history.others)):
        lacking = unknown_to_node(history.attempts, view)
        return Rebroadcast(lacking) if lacking else Wait()
    if usage is Usage.EARLY:
        return Wait()
    if len(history.attempts) >= attempts_max:
        last = max(attempt.signed_at for attempt in history.attempts)
        if view.finalized.number - last < retry_after_blocks:
            return Exhausted(len(history.attempts))
    return SignNew()


def unknown_to_node(attempts: Iterable[Attempt], view: ChainView) -> tuple[SignedTransaction, ...]:
    """The newest transaction of each open nonce that the node neither mined nor holds.

    An older hash of the same nonce in the mempool is replaced, or refused as underpriced; either
    way the nonce stays the same.
    """
    ordered = sorted(attempts, key=lambda attempt: (attempt.sender, attempt.nonce))
    return tuple(
        attempt.newest
        for attempt in ordered
        if view.is_open(attempt)
        and view.receipt(attempt) is None
        and attempt.hashes[-1] not in view.known
    )


def spent_outcomes(history: History, usage: Usage, view: ChainView) -> tuple[Outcome, ...]:
    """What became of each spent nonce of an unused operation that has no outcome on record yet."""
    if usage is not Usage.UNUSED:
        return ()
    recorded = {(outcome.sender, outcome.nonce) for outcome in history.outcomes}
    return tuple(
        _spent_outcome(history, attempt, view)
        for attempt in history.attempts
        if not view.is_open(attempt) and (attempt.sender, attempt.nonce) not in recorded
    )


def reverts(history: History, usage: Usage, view: ChainView) -> int:
    """How many transactions with an operation reverted as a whole, recorded yet or not."""
    outcomes = (*history.outcomes, *spent_outcomes(history, usage, view))
    return sum(outcome.fate is Fate.REVERTED for outcome in outcomes)


def standing(history: History, usage: Usage, view: ChainView) -> Standing:
    """The state of an operation, derived: recorded outcomes first, then the chain."""
    if history.closing is not None:
        return _standing_of_outcome(history.closing)
    if usage in _CLOSING:
        return _standing_of_outcome(_closing_outcome(history, usage, view))
    if not history.attempts:
        return Standing(state=State.PLANNED)
    open_attempts = [attempt for attempt in history.attempts if view.is_open(attempt)]
    if not open_attempts:
        return _standing_of_outcome(_spent_outcome(history, history.attempts[-1], view))
    return _standing_of_attempt(open_attempts[-1], view)


def _standing_of_attempt(attempt: Attempt, view: ChainView) -> Standing:
    receipt = view.receipt(attempt)
    if receipt is not None:
        return Standing(
            state=State.MINED,
            tx_hash=receipt.tx_hash,
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
        )
    known = [tx_hash for tx_hash in attempt.hashes if tx_hash in view.known]
    if known:
        return Standing(state=State.PENDING, tx_hash=known[-1])
    return Standing(state=State.SIGNED, tx_hash=attempt.hashes[-1])


def _standing_of_outcome(outcome: Outcome) -> Standing:
    return Standing(
        state=_STATES[outcome.fate],
        tx_hash=outcome.tx_hash,
        block_number=outcome.block_number,
        block_hash=outcome.block_hash,
    )


def _closing_outcome(history: History, usage: Usage, view: ChainView) -> Outcome:
    """Who settled it, as far as receipts tell. The fact of the event is the truth of that."""
    if usage is Usage.SUPERSEDED:
        return _outcome_at_finalized(history, Fate.SUPERSEDED, view)
    recorded = {(outcome.sender, outcome.nonce) for outcome in history.outcomes}
    spent = [attempt for attempt in history.attempts if not view.is_open(attempt)]
    settling = [
        (attempt, receipt)
        for attempt in spent
        if (receipt := view.final_receipt(attempt)) is not None
        and history.operation.event_op_id in receipt.settled
    ]
    for attempt, receipt in settling:
        if (attempt.sender, attempt.nonce) not in recorded:
            return _outcome_of_receipt(history, attempt, receipt, Fate.SETTLED)
    if settling:  # the node said something else of these nonces before, which is on record
        return _outcome_at_finalized(history, Fate.SETTLED_UNSEEN, view)
    is_explained = all(view.final_receipt(attempt) is not None for attempt in spent)
    fate = Fate.SETTLED_ELSEWHERE if is_explained else Fate.SETTLED_UNSEEN
    return _outcome_at_finalized(history, fate, view)


def _spent_outcome(history: History, attempt: Attempt, view: ChainView) -> Outcome:
    receipt = view.final_receipt(attempt)
    noops = {one.tx_hash for one in attempt.transactions if one.is_noop}
    if receipt is not None and receipt.tx_hash in noops:
        return _outcome_of_receipt(history, attempt, receipt, Fate.DISPLACED)
    if receipt is None:
        return Outcome(
            op_id=history.operation.op_id,
            fate=Fate.DISPLACED,
            refusal=None,
            sender=attempt.sender,
            nonce=attempt.nonce,
            tx_hash=None,
            block_number=view.finalized.number,
            block_hash=view.finalized.hash,
        )
    fate = Fate.REFUSED if receipt.is_success else Fate.REVERTED
    return _outcome_of_receipt(history, attempt, receipt, fate)


def _outcome_of_receipt(
    history: History, attempt: Attempt, receipt: Receipt, fate: Fate
) -> Outcome:
    return Outcome(
        op_id=history.operation.op_id,
        fate=fate,
        refusal=receipt.refused.get(history.operation.event_op_id),
        sender=attempt.sender,
        nonce=attempt.nonce,
        tx_hash=receipt.tx_hash,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
    )


def _outcome_at_finalized(history: History, fate: Fate, view: ChainView) -> Outcome:
    return Outcome(
        op_id=history.operation.op_id,
        fate=fate,
        refusal=None,
        sender=None,
        nonce=None,
        tx_hash=None,
        block_number=view.finalized.number,
        block_hash=view.finalized.hash,
    )
