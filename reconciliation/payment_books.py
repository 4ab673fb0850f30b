"""The books of payment contracts against their chain: line by line, and the money they hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockRef
from reconciliation.chain_events import ChainEvent, TokenTransfer, events_of
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.lines import Corrections, Surroundings, judged
from reconciliation.matching import Booked, match
from reconciliation.movements import Expected
from reconciliation.overdue import Tolerances
from reconciliation.payment_movements import PaymentReplay
from reconciliation.ports import Books, Chain, PaymentBook

BOOKED = (
    ContractName.PAY_PER_VIEW_SPLITTER,
    ContractName.TIP_SPLITTER,
    ContractName.TICKET_SALE,
    ContractName.TIP_RELAY,
    ContractName.PAYOUT_BATCH,
)
"""The payment contracts that money goes through."""


def payment_discrepancies(
    chain: Chain, books: Books, settlement: Settlement, tolerances: Tolerances
) -> list[Discrepancy]:
    """What is wrong with the books of payment contracts, each at its own cursor."""
    found: list[Discrepancy] = []
    finalized = chain.finalized()
    for name in BOOKED:
        contract = settlement.payments.get(name)
        book = None if contract is None else books.payments(contract)
        if contract is None or book is None:
            continue
        cursor = book.cursor()
        reached = cursor or chain.block(settlement.start_block)
        if reached is not None and _is_late(reached, finalized, tolerances):
            found.append(_behind(name, cursor, finalized, tolerances))
        if cursor is None:
            continue
        at = chain.block(cursor.number)
        if at is None or at.hash != cursor.hash:
            found.append(_is_gone(name, cursor, at))
            continue
        part = _Part(
            chain=chain, settlement=settlement, name=name, contract=contract, book=book, at=at
        )
        found += part.compared()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One payment contract at the block of its books."""

    chain: Chain
    settlement: Settlement
    name: ContractName
    contract: Address
    book: PaymentBook
    at: BlockRef

    def compared(self) -> list[Discrepancy]:
        """Lines first, then the money that it holds."""
        documents = self.book.accepted() if self.name is ContractName.PAYOUT_BATCH else ()
        replay = PaymentReplay(self.settlement.chain_id, self.contract, documents)
        parts = (
            match(self._entries(replay), self.book.entries("log")),
            match(replay.owed_by_documents(self.at.timestamp), self.book.entries("document")),
        )
        corrections = Corrections(self.book.entries("manual"))
        found = judged(parts, self._around, corrections)
        cash = {asset: replay.cash[asset] for asset in (ZERO_ADDRESS, *self.settlement.tokens)}
        for asset, units in corrections.cash().items():
            cash[asset] = cash.get(asset, 0) + units
        for asset, units in cash.items():
            found += self._balance(asset, units)
        return found

    def _entries(self, replay: PaymentReplay) -> Iterator[Expected]:
        is_batch = self.name is ContractName.PAYOUT_BATCH
        received = self.settlement.tokens if is_batch else ()
        for chunk in self.chain.payment_logs(self.name, self.contract, received, self.at):
            ours = events_of(chunk.logs, {self.contract: self.name})
            transfers = (
                one
                for one in chunk.transfers
                if one.source != self.contract and one.target == self.contract and one.amount
            )
            both: Iterator[ChainEvent | TokenTransfer] = merge(
                ours, transfers, key=lambda one: one.log[:2]
            )
            yield from replay.entries(both, chunk.times)

    def _around(self, booked: Booked) -> Surroundings:
        """What stands in the place of an entry that nothing caused."""
        number = booked.block_number
        if number is None:
            return Surroundings(twin=self.book.twin(booked))
        there = self.chain.log_at(number, int.from_bytes(booked.source_id[-8:], "big"))
        return Surroundings(
            block_hash=self.chain.hashes((number,)).get(number),
            foreign=there if there and there.address != self.contract else None,
            twin=self.book.twin(booked),
        )

    def _balance(self, asset: Address, units: int) -> Sequence[Discrepancy]:
        """What the contract holds is what its events, and entries by hand, add up to."""
        reading, at = self.chain.reading(self.at, asset, self.contract), self.at
        if reading.value == units:
            return ()
        return (
            Discrepancy(
                kind=Kind.INSOLVENCY if reading.value < units else Kind.MISSING_IN_BOOKS,
                subject=f"balance/{self.name}/{asset}",
                asset=asset,
                expected=str(units),
                actual=str(reading.value),
                evidence=(
                    f"balance {reading.value}, {reading.basis}: {reading.evidence}",
                    f"{self.name} {self.contract}: {units} by its events",
                    f"block {at.number} {at.hash}",
                ),
                place=Place(block_number=at.number, block_hash=at.hash),
            ),
        )


def _is_late(reached: BlockRef, finalized: BlockRef, tolerances: Tolerances) -> bool:
    return finalized.timestamp - reached.timestamp > tolerances.books_behind_s


def _behind(
    name: ContractName, cursor: BlockRef | None, finalized: BlockRef, tolerances: Tolerances
) -> Discrepancy:
    """Books that nobody posts say nothing wrong, and nothing."""
    return Discrepancy(
        kind=Kind.TIMING,
        subject=f"cursor of the books of {name}",
        expected=f"block {cursor.number}" if cursor else "nothing posted",
        actual=f"block {finalized.number} is final",
        evidence=(
            f"block {finalized.number} {finalized.hash}",
            f"tolerance {tolerances.books_behind_s} s",
        ),
        place=Place(block_number=finalized.number, block_hash=finalized.hash),
    )


def _is_gone(name: ContractName, cursor: BlockRef, at: BlockRef | None) -> Discrepancy:
    return Discrepancy(
        kind=Kind.REORGED,
        subject=f"cursor of the books of {name}",
        expected=f"block {cursor.number} {cursor.hash}",
        actual=f"block {at.number} {at.hash}" if at else "no such block",
        evidence=(),
        place=Place(block_number=cursor.number, block_hash=cursor.hash),
    )
