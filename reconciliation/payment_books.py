"""The books of payment contracts against their chain: line by line, and the money they hold."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from heapq import merge

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockRef, Hash32
from reconciliation.begun import begun
from reconciliation.chain_events import ChainEvent, TokenTransfer, events_of
from reconciliation.checks import Flow, causes_of, place_of_flows, spelled_flow
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.divergence import LogTally
from reconciliation.lines import Corrections, Surroundings, in_other_assets, judged
from reconciliation.matching import Booked, match, uncaused
from reconciliation.movements import Expected
from reconciliation.overdue import Tolerances, left_alone, waiting
from reconciliation.payment_movements import PaymentReplay, Unexplained
from reconciliation.ports import Books, Chain, PaymentBook
from reconciliation.reading import Reading
from reconciliation.replay import cash_by_transaction

BOOKED = (
    ContractName.PAY_PER_VIEW_SPLITTER,
    ContractName.TIP_SPLITTER,
    ContractName.TICKET_SALE,
    ContractName.TIP_RELAY,
    ContractName.PAYOUT_BATCH,
)
"""The payment contracts that money goes through."""

READ = ("log", "document", "manual")
"""Kinds of cause that their entries can have."""

LINE = "line "
"""How the subject begins of a line that was paid and that nobody owed; its op-id follows."""


def booked_contracts(settlement: Settlement) -> dict[ContractName, Address]:
    """Those of a settlement."""
    return {name: settlement.payments[name] for name in BOOKED if name in settlement.payments}


def payment_holdings(settlement: Settlement) -> list[tuple[Address, Address]]:
    """What its payment contracts may hold: coins and tokens, by asset and holder."""
    assets = (ZERO_ADDRESS, *settlement.tokens)
    return [(asset, one) for one in booked_contracts(settlement).values() for asset in assets]


def payment_tallies(chain: Chain, settlement: Settlement, at: BlockRef) -> dict[Address, LogTally]:
    """Digests of the logs of every payment contract up to a block, as one endpoint has them."""
    tallies: dict[Address, LogTally] = {}
    for name, contract in booked_contracts(settlement).items():
        tally = tallies[contract] = LogTally()
        for chunk in chain.payment_logs(name, contract, _received(name, settlement), at):
            tally.add(sorted((*chunk.logs, *(one.log for one in chunk.transfers))))
    return tallies


def payment_entries(
    chain: Chain,
    settlement: Settlement,
    name: ContractName,
    replay: PaymentReplay,
    at: BlockRef,
) -> Iterator[Expected]:
    """The entries that a payment contract's events cause up to a block, in chain order."""
    contract = settlement.payments[name]
    for chunk in chain.payment_logs(name, contract, _received(name, settlement), at):
        ours = events_of(chunk.logs, {contract: name})
        transfers = (
            one
            for one in chunk.transfers
            if one.source != contract and one.target == contract and one.amount
        )
        both: Iterator[ChainEvent | TokenTransfer] = merge(
            ours, transfers, key=lambda one: one.log[:2]
        )
        yield from replay.entries(both, chunk.times)


def _received(name: ContractName, settlement: Settlement) -> Sequence[Address]:
    """Tokens whose transfers to a contract are money of its books."""
    return settlement.tokens if name is ContractName.PAYOUT_BATCH else ()


def payment_discrepancies(
    chain: Chain,
    books: Books,
    settlement: Settlement,
    tolerances: Tolerances,
    failed: Mapping[int, Hash32],
) -> list[Discrepancy]:
    """What is wrong with the books of payment contracts, each at its own cursor.

    `failed` are failed transactions of our wallets, by block.
    """
    found: list[Discrepancy] = []
    finalized = chain.finalized()
    for name, contract in booked_contracts(settlement).items():
        book = books.payments(contract)
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
            chain=chain,
            settlement=settlement,
            name=name,
            contract=contract,
            book=book,
            at=at,
            failed=failed,
        )
        found += part.compared(tolerances)
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
    failed: Mapping[int, Hash32]

    def compared(self, tolerances: Tolerances) -> list[Discrepancy]:
        """Lines first, then the money that it holds, then what waits for too long."""
        documents = self.book.accepted() if self.name is ContractName.PAYOUT_BATCH else ()
        replay = PaymentReplay(self.settlement.chain_id, self.contract, documents)
        entries = payment_entries(self.chain, self.settlement, self.name, replay, self.at)
        with begun(self.book.entries("log")) as booked:
            of_logs = match(entries, booked)
        with closing(self.book.entries("document")) as booked:
            of_documents = match(replay.owed_by_documents(self.at.timestamp), booked)
        parts = (of_logs, of_documents, uncaused(self.book, READ))
        corrections = Corrections(self.book.entries("manual"))
        found = judged(parts, self._around, corrections)
        found += in_other_assets(self.book.misstated(), found)
        found += [nobody_owed(self.name, self.contract, one) for one in replay.unexplained]
        found += self._money(replay.cash, corrections.cash())
        found += waiting(self.at, self.book.reservations(), tolerances)
        return found + left_alone(
            f"unclaimed/{self.name}", replay.unclaimed, replay.unclaimed_since, self.at, tolerances
        )

    def _money(
        self, cash: Mapping[Address, int], by_hand: Mapping[Address, int]
    ) -> list[Discrepancy]:
        """What it holds of coins, of every configured token, and of what else its books name."""
        moved = (asset for asset, units in cash.items() if units)
        assets = sorted({ZERO_ADDRESS, *self.settlement.tokens, *moved, *by_hand})
        booked = {asset: cash.get(asset, 0) + by_hand.get(asset, 0) for asset in assets}
        held = {asset: self.chain.reading(self.at, asset, self.contract) for asset in assets}
        uneven = {asset for asset in assets if held[asset].value != booked[asset]}
        flows = self._flows(uneven - {ZERO_ADDRESS})
        return [
            found
            for asset in sorted(uneven)
            for found in money_of_events(
                (self.name, self.contract),
                flows,
                at=self.at,
                asset=asset,
                units=booked[asset],
                held=held[asset],
            )
        ]

    def _flows(self, assets: Collection[Address]) -> Sequence[Flow]:
        """Transfers that no event explains; only of what is not even, so they are seldom read."""
        if not assets:
            return ()
        replay = PaymentReplay(self.settlement.chain_id, self.contract)
        entries = payment_entries(self.chain, self.settlement, self.name, replay, self.at)
        return self.chain.flows(self.contract, self.at, assets, cash_by_transaction(entries))

    def _around(self, booked: Booked) -> Surroundings:
        """What stands in the place of an entry that nothing caused."""
        number = booked.block_number
        if number is None:
            return Surroundings(twin=self.book.twin(booked))
        there = self.chain.log_at(number, int.from_bytes(booked.source_id[-8:], "big"))
        return Surroundings(
            block_hash=self.chain.hashes((number,)).get(number),
            foreign=there if there and there.address != self.contract else None,
            failed=self.failed.get(number),
            twin=self.book.twin(booked),
        )


def money_of_events(
    of: tuple[ContractName, Address],
    flows: Sequence[Flow],
    *,
    at: BlockRef,
    asset: Address,
    units: int,
    held: Reading,
) -> Sequence[Discrepancy]:
    """What a contract holds is what its events, and entries by hand, add up to."""
    if held.value == units:
        return ()
    name, contract = of
    causes = causes_of(flows, asset, held.value - units)
    return (
        Discrepancy(
            kind=Kind.INSOLVENCY if held.value < units else Kind.MISSING_IN_BOOKS,
            subject=f"balance/{name}/{asset}",
            asset=asset,
            expected=str(units),
            actual=str(held.value),
            evidence=(
                f"balance {held.value}, {held.basis}: {held.evidence}",
                f"{name} {contract}: {units} by its events",
                *map(spelled_flow, causes),
                f"block {at.number} {at.hash}",
            ),
            place=place_of_flows(causes, at),
        ),
    )


def nobody_owed(name: ContractName, contract: Address, line: Unexplained) -> Discrepancy:
    """A line that left a contract although no tip and no accepted document says it is owed."""
    log = line.log
    return Discrepancy(
        kind=Kind.UNAUTHORISED_OUTFLOW,
        subject=f"{LINE}{line.op_id}",
        asset=line.asset,
        expected="a line of a tip or of an accepted document",
        actual=f"{line.amount} of {line.asset} to {line.payee}",
        evidence=(
            f"{name} {contract}: line {line.line} of list {line.list_id}",
            f"transaction 0x{log.transaction_hash.hex()}",
            f"log {log.block_number}/{log.log_index} of {contract}",
            f"block {log.block_number} 0x{log.block_hash.hex()}",
            "was a backup restored? then two persons give the document again: "
            "`quittance payout document add FILE`, `quittance payout document accept DIGEST`",
        ),
        place=Place(
            transaction_hash=Hash32(log.transaction_hash),
            block_number=log.block_number,
            block_hash=Hash32(log.block_hash),
            log_index=log.log_index,
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
