"""Payout wallets: everything that left them must be ours.

A wallet's transactions are told by its nonces, one each, so none can hide: those that we stored are
found by their hashes, and every other nonce is looked for in the chain. What leaves a wallet
without a transaction of its own (an allowance, a delegation) shows in token transfers and in its
balance.

A database that was lost cannot say what was signed before it. So of the nonces before the first
that it signed, a transaction is only strange if coins left by it; token transfers show as ever.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import ZERO_ADDRESS, Address, BlockRef, Hash32, Timestamp
from reconciliation.chain_events import TokenTransfer
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.reading import Reading


class ReceiptBasis(StrEnum):
    """Why a receipt is believed."""

    PROVEN = "proven"
    """Header, transactions root and receipts root of its block were rebuilt."""
    EARLIER = "checked earlier"
    """An earlier run went so far, proved what it could, and found nothing wrong."""
    STATED = "stated"
    """The node said so, and does not give what would prove it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletTransaction:
    """A mined transaction: `cost_wei` is all that it was charged, `value_wei` the coins it sent.

    `unknown_fees` are fields of its receipt that seem to name a fee which nothing is known of: then
    `cost_wei` is what left the wallet in its block, where the node has the state to tell, and
    `is_cost_known` says so; several in one block share what left. `contradiction` is what of it the
    header of its block rules out, if anything.
    """

    nonce: int
    transaction_hash: Hash32
    block_number: int
    block_hash: Hash32
    timestamp: Timestamp
    to: Address | None
    value_wei: int
    cost_wei: int
    has_failed: bool
    basis: ReceiptBasis = ReceiptBasis.STATED
    contradiction: str = ""
    unknown_fees: tuple[str, ...] = ()
    is_cost_known: bool = True

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(
            transaction_hash=self.transaction_hash,
            block_number=self.block_number,
            block_hash=self.block_hash,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletHistory:
    """What the chain says of one wallet, from the first nonce on that we know of.

    `unlocated` are nonces that were spent in a transaction that the node does not show.
    `opening_wei` is the balance before the first transaction; None where the node has no such
    state. A transaction takes 600 bytes: a hundred thousand of them, which pay millions of lines,
    60 MB while a run lasts.
    """

    wallet: Address
    first_nonce: int
    nonce: Reading
    balance: Reading
    opening_wei: int | None
    transactions: tuple[WalletTransaction, ...]
    unlocated: tuple[int, ...]
    transfers: tuple[TokenTransfer, ...]

    @property
    def failed_by_block(self) -> dict[int, Hash32]:
        """Failed transactions by their blocks."""
        return {
            one.block_number: one.transaction_hash for one in self.transactions if one.has_failed
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRecords:
    """What our side says of one wallet.

    `signed` are the hashes that we stored, from `first_nonce` on (None: nothing was signed),
    `settled` those that our outcomes say have settled something, `failures` those that our outcomes
    say have failed. Its gas is recorded from `book_nonce` on (None: it is not), with the hashes
    `recorded`, which are a help to find transactions and prove nothing.
    """

    wallet: Address
    signed: frozenset[Hash32]
    first_nonce: int | None
    settled: frozenset[Hash32]
    failures: frozenset[Hash32]
    book_nonce: int | None
    recorded: frozenset[Hash32]

    @property
    def known_from(self) -> int:
        """The first nonce that we know anything of."""
        return min(one for one in (self.first_nonce, self.book_nonce) if one is not None)

    def is_strange(self, one: WalletTransaction) -> bool:
        """Whether a transaction is not ours."""
        is_before = self.first_nonce is None or one.nonce < self.first_nonce
        return one.transaction_hash not in self.signed and not (is_before and not one.value_wei)


def outflows(history: WalletHistory, records: WalletRecords, at: BlockRef) -> list[Discrepancy]:
    """What left the wallet and is not ours."""
    wallet = history.wallet
    strange = [one for one in history.transactions if records.is_strange(one)]
    found = [
        Discrepancy(
            kind=Kind.UNAUTHORISED_OUTFLOW,
            subject=f"transaction {one.transaction_hash}",
            expected="a transaction that we stored before it was sent",
            actual=f"{one.value_wei} wei and {one.cost_wei} wei of gas to {one.to}",
            evidence=(
                f"wallet {wallet} nonce {one.nonce}",
                f"transaction {one.transaction_hash}",
                f"block {one.block_number} {one.block_hash}",
                *(_spell(transfer) for transfer in _transfers_of(one, history)),
            ),
            place=one.place,
        )
        for one in strange
    ]
    found += [
        Discrepancy(
            kind=Kind.UNAUTHORISED_OUTFLOW,
            subject=f"wallet {wallet} nonce {nonce}",
            expected="a transaction that we stored before it was sent",
            actual="a nonce spent by a transaction that the node does not show",
            evidence=(f"wallet {wallet}", f"block {at.number} {at.hash}"),
            place=Place(block_number=at.number, block_hash=at.hash),
        )
        for nonce in history.unlocated
        if records.first_nonce is not None and nonce >= records.first_nonce
    ]
    told = {one.transaction_hash for one in strange}
    found += [
        Discrepancy(
            kind=Kind.UNAUTHORISED_OUTFLOW,
            subject=f"log {one.log.block_number}/{one.log.log_index}",
            asset=Address(one.log.address),
            expected="no token leaves a payout wallet",
            actual=_spell(one),
            evidence=(
                f"wallet {wallet}",
                f"transaction 0x{one.log.transaction_hash.hex()}",
                f"block {one.log.block_number} 0x{one.log.block_hash.hex()}",
            ),
            place=Place(
                transaction_hash=Hash32(one.log.transaction_hash),
                block_number=one.log.block_number,
                block_hash=Hash32(one.log.block_hash),
                log_index=one.log.log_index,
            ),
        )
        for one in history.transfers
        if one.log.transaction_hash not in told and one.source == wallet and one.amount
    ]
    return found + _drained(history, at)


def contradicted(history: WalletHistory) -> list[Discrepancy]:
    """Receipts that the headers of their blocks rule out."""
    return [
        Discrepancy(
            kind=Kind.SOURCE_DIVERGENCE,
            subject=f"receipt of transaction {one.transaction_hash}",
            expected="what the header of its block commits to",
            actual=one.contradiction,
            evidence=(
                f"wallet {history.wallet} nonce {one.nonce}",
                f"transaction {one.transaction_hash}",
                f"block {one.block_number} {one.block_hash}",
            ),
            place=one.place,
        )
        for one in history.transactions
        if one.contradiction
    ]


def unknown_fees_of(history: WalletHistory) -> tuple[str, ...]:
    """A line of evidence where receipts name fees of which it is not known what they came to."""
    named = sorted(
        {name for one in history.transactions if not one.is_cost_known for name in one.unknown_fees}
    )
    if not named:
        return ()
    return (
        f"receipts name fees that are not known here ({', '.join(named)}), and the node has no"
        " state of their blocks: they may explain it; book them with a manual entry",
    )


def failures(
    history: WalletHistory, records: WalletRecords, *, at: BlockRef, tolerance_s: int
) -> list[Discrepancy]:
    """Failed transactions of ours that our records say have settled, or say nothing of."""
    found = []
    for one in history.transactions:
        is_claimed = one.transaction_hash in records.settled
        is_old = at.timestamp - one.timestamp > tolerance_s
        is_silent = one.transaction_hash not in records.failures and is_old
        if one.has_failed and one.transaction_hash in records.signed and (is_claimed or is_silent):
            found.append(
                Discrepancy(
                    kind=Kind.REVERTED,
                    subject=f"transaction {one.transaction_hash}",
                    expected="settled" if is_claimed else "no outcome",
                    actual="failed",
                    evidence=(
                        f"wallet {history.wallet} nonce {one.nonce}",
                        f"transaction {one.transaction_hash}",
                        f"block {one.block_number} {one.block_hash}",
                    ),
                    place=one.place,
                )
            )
    return found


def _drained(history: WalletHistory, at: BlockRef) -> list[Discrepancy]:
    """Less coins than the transactions leave; more is money that somebody sent."""
    if history.opening_wei is None or history.unlocated:
        return []
    spent = sum(one.cost_wei + one.value_wei for one in history.transactions)
    left, actual = history.opening_wei - spent, history.balance.value
    if actual >= left:
        return []
    return [
        Discrepancy(
            kind=Kind.UNAUTHORISED_OUTFLOW,
            subject=f"balance of wallet {history.wallet}",
            asset=ZERO_ADDRESS,
            expected=f"{left} wei or more",
            actual=f"{actual} wei",
            evidence=(
                f"{history.opening_wei} wei before nonce {history.first_nonce}",
                f"{spent} wei spent by {len(history.transactions)} transactions",
                f"balance {actual}, {history.balance.basis}: {history.balance.evidence}",
                f"block {at.number} {at.hash}",
                *unknown_fees_of(history),
            ),
            place=Place(block_number=at.number, block_hash=at.hash),
        )
    ]


def _transfers_of(one: WalletTransaction, history: WalletHistory) -> list[TokenTransfer]:
    return [
        transfer
        for transfer in history.transfers
        if transfer.log.transaction_hash == one.transaction_hash
        and transfer.source == history.wallet
    ]


def _spell(one: TokenTransfer) -> str:
    return f"{one.amount} of {Address(one.log.address)} to {one.target}"
