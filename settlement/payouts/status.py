"""The whole history of one operation, as `quittance payout status` shows it."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, BlockNumber, BlockRef, Hash32
from settlement.payouts.decision import Standing, standing
from settlement.payouts.observe import observe
from settlement.payouts.operation import Attempt, History, SignedTransaction
from settlement.payouts.protocols import Finality, Histories, PayoutChain
from settlement.payouts.view import ChainView


class Purpose(StrEnum):
    """What a transaction does to its nonce."""

    CALL = "call"
    REPLACEMENT = "replacement"
    NOOP = "noop"


class Place(StrEnum):
    """Where a transaction is."""

    MINED = "mined"
    WAITING = "waiting"
    UNKNOWN = "unknown"  # to the node; the newest of its nonce is sent again
    DEAD = "dead"  # its nonce was spent for good by another


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One transaction of a nonce that could pay the operation, in the order of signing."""

    sender: Address
    nonce: int
    ordinal: int
    purpose: Purpose
    tx_hash: Hash32
    gas: int
    max_fee_wei: int
    tip_wei: int
    place: Place
    block_number: BlockNumber | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutStatus:
    """What is stored, and where it stands at `finalized`; None while no block is finalized.

    `versions` are all transactions of all its nonces, and of those of its leaf: calls, replacements
    and no-ops.
    """

    history: History
    versions: tuple[Version, ...]
    standing: Standing | None
    finalized: BlockRef | None


def payout_status(
    op_id: Hash32, *, histories: Histories, chain: PayoutChain, finality: Finality
) -> PayoutStatus | None:
    """Look one operation up; None if it was never planned.

    Raises:
        ChainUnavailable: the node does not have the finalized block, or did not answer.
    """
    history = histories.history(op_id)
    if history is None:
        return None
    finalized = finality.finalized()
    if finalized is None:
        return PayoutStatus(history=history, versions=(), standing=None, finalized=None)
    sighting = observe(chain, finalized, [history], spent={}, open_attempts=())
    return PayoutStatus(
        history=history,
        versions=tuple(
            _version(attempt, ordinal, transaction, sighting.view)
            for attempt in (*history.attempts, *history.others)
            for ordinal, transaction in enumerate(attempt.transactions)
        ),
        standing=standing(history, sighting.usages[op_id], sighting.view),
        finalized=finalized,
    )


def _version(
    attempt: Attempt, ordinal: int, transaction: SignedTransaction, view: ChainView
) -> Version:
    receipt = view.receipts.get(transaction.tx_hash)
    if receipt is not None:
        place = Place.MINED
    elif not view.is_open(attempt) and view.final_receipt(attempt) is not None:
        place = Place.DEAD
    else:
        place = Place.WAITING if transaction.tx_hash in view.known else Place.UNKNOWN
    purpose = Purpose.REPLACEMENT if ordinal else Purpose.CALL
    return Version(
        sender=attempt.sender,
        nonce=attempt.nonce,
        ordinal=ordinal,
        purpose=Purpose.NOOP if transaction.is_noop else purpose,
        tx_hash=transaction.tx_hash,
        gas=transaction.gas,
        max_fee_wei=transaction.max_fee_wei,
        tip_wei=transaction.tip_wei,
        place=place,
        block_number=None if receipt is None else receipt.block_number,
    )
