"""Payout wallets: everything that left them must be ours, and cost what is booked.

A wallet's transactions are told by its nonces, one each, so none can hide: those that we stored are
found by their hashes, and every other nonce is looked for in the chain. What leaves a wallet
without a transaction of its own (an allowance, a delegation) shows in token transfers and in its
balance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import ZERO_ADDRESS, Address, BlockRef, Hash32, Timestamp
from reconciliation.chain_events import TokenTransfer
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletTransaction:
    """A mined transaction: `cost_wei` is all of its gas, `value_wei` what it carried."""

    nonce: int
    transaction_hash: Hash32
    block_number: int
    block_hash: Hash32
    timestamp: Timestamp
    to: Address | None
    value_wei: int
    cost_wei: int
    has_failed: bool

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
    """What the chain says of one wallet, from the nonce on that we first signed.

    `unlocated` are nonces that were spent in a transaction that the node does not show.
    `opening_wei` is the balance before the first transaction; None where the node has no such
    state.
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

    `signed` are the hashes that we stored, `settled` those that our outcomes say have settled
    something, `failures` those that our outcomes say have failed.
    """

    wallet: Address
    signed: frozenset[Hash32]
    first_nonce: int
    settled: frozenset[Hash32]
    failures: frozenset[Hash32]


@dataclass(frozen=True, slots=True, kw_only=True)
class GasEntry:
    """The cost of one transaction, as it is booked."""

    entry_id: Hash32
    transaction_hash: Hash32
    amount_wei: int


def outflows(history: WalletHistory, records: WalletRecords, at: BlockRef) -> list[Discrepancy]:
    """What left the wallet and is not ours."""
    wallet = history.wallet
    strange = [one for one in history.transactions if one.transaction_hash not in records.signed]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GasBook:
    """What is booked of one wallet's gas: everything up to a block, by transaction."""

    upto_block: int
    entries: Mapping[Hash32, GasEntry]


def gas_differences(
    history: WalletHistory, records: WalletRecords, book: GasBook
) -> list[Discrepancy]:
    """What transactions cost, by receipt and by entry, as far as the wallet's book goes.

    The cost of a transaction that is not ours is no expense of ours.
    """
    strange = {one.transaction_hash for one in history.transactions} - records.signed
    entries = book.entries
    costs = {
        one.transaction_hash: one
        for one in history.transactions
        if one.block_number <= book.upto_block
    }
    found = []
    for transaction_hash in sorted((costs.keys() | entries.keys()) - strange):
        mined, booked = costs.get(transaction_hash), entries.get(transaction_hash)
        cost, amount = mined.cost_wei if mined else 0, booked.amount_wei if booked else 0
        if cost == amount:
            continue
        place = mined.place if mined else Place(transaction_hash=transaction_hash)
        found.append(
            Discrepancy(
                kind=Kind.GAS,
                subject=f"transaction {transaction_hash}",
                asset=ZERO_ADDRESS,
                expected=str(amount),
                actual=str(cost),
                evidence=(
                    f"receipt: {cost} wei" if mined else "no receipt",
                    f"entry {booked.entry_id}: {amount} wei" if booked else "no entry",
                    f"transaction {transaction_hash}",
                ),
                place=Place(
                    transaction_hash=transaction_hash,
                    block_number=place.block_number,
                    block_hash=place.block_hash,
                    entry_id=booked.entry_id if booked else None,
                ),
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
