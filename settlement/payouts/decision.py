"""Where an operation stands, and the one next thing to do for it.

                 ┌────────────── reorg, dropped by the mempool ─────────────┐
                 ▼                                                          │
    planned → signed → pending → mined ─┬→ final            (settled by us) │
                 │                      ├→ reverted_final, refused_final ───┼→ sign anew
                 └──────────────────────┴→ displaced ───────────────────────┘

The rule against a second payment, for each operation on its own:

    a new nonce is signed only if, at one finalized block,
      (a) the op-id is unused on chain, and
      (b) every nonce ever signed for the operation is spent: below the sender's transaction count.

(b) holds for whatever spent the nonce. If it was a stranger's hash, no hash of ours can execute any
more. If it was ours, it ran, and by (a) it did not pay: it reverted, or this item was refused; and
its other hashes cannot execute any more. So nothing that we ever signed can still pay. Receipts
take no part in the rule: a missing receipt proves nothing (the node may be behind, or lie), and a
revert that is not final can turn into a success. They only say what became of a spent nonce.

A nonce that is not spent is sent again as it is, byte for byte. That holds for all open nonces of
the sender, also those whose operations are closed: a gap would block every later nonce.
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
    """All allowed nonces ran without paying: a person looks."""

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


def next_action(history: History, usage: Usage, view: ChainView, *, attempts_max: int) -> Action:
    """The one thing to do for an operation that is not closed; see the rule above.

    Cases: (1) used on chain → Done; (2) a nonce of ours is open → Rebroadcast what the node lacks,
    else Wait; (3) unused and no open nonce → SignNew, or Exhausted after `attempts_max` nonces.

    Args:
        history: with every nonce and every hash ever signed for the operation.
        usage: at `view.finalized`.
        view: `spent` covers every sender in the history.
        attempts_max: nonces that may be spent on one operation.
    """
    if usage is not Usage.UNUSED:
        return Done(_closing_outcome(history, usage, view))
    if any(view.is_open(attempt) for attempt in history.attempts):
        lacking = unknown_to_node(history.attempts, view)
        return Rebroadcast(lacking) if lacking else Wait()
    if len(history.attempts) >= attempts_max:
        return Exhausted(len(history.attempts))
    return SignNew()


def unknown_to_node(attempts: Iterable[Attempt], view: ChainView) -> tuple[SignedTransaction, ...]:
    """The newest transaction of each open nonce that the node neither mined nor holds.

    An older hash of the same nonce in the mempool is replaced, or refused as underpriced; either
    way the nonce stays the same.
    """
    ordered = sorted(attempts, key=lambda attempt: (attempt.sender, attempt.nonce))
    return tuple(
        attempt.transactions[-1]
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


def standing(history: History, usage: Usage, view: ChainView) -> Standing:
    """The state of an operation, derived: recorded outcomes first, then the chain."""
    if history.closing is not None:
        return _standing_of_outcome(history.closing)
    if usage is not Usage.UNUSED:
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
    op_id = history.operation.op_id
    spent = [attempt for attempt in history.attempts if not view.is_open(attempt)]
    for attempt in spent:
        receipt = view.final_receipt(attempt)
        if receipt is not None and op_id in receipt.settled:
            return _outcome_of_receipt(history, attempt, receipt, Fate.SETTLED)
    is_explained = all(view.final_receipt(attempt) is not None for attempt in spent)
    fate = Fate.SETTLED_ELSEWHERE if is_explained else Fate.SETTLED_UNSEEN
    return _outcome_at_finalized(history, fate, view)


def _spent_outcome(history: History, attempt: Attempt, view: ChainView) -> Outcome:
    receipt = view.final_receipt(attempt)
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
    op_id = history.operation.op_id
    return Outcome(
        op_id=op_id,
        fate=fate,
        refusal=receipt.refused.get(op_id),
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
