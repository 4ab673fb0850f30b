"""Everything from the chain alone: balances, allocations and payouts, and only then the books.

It reads one endpoint and the accepted documents; no fact table, and no book until everything is
rebuilt. What is not on chain comes from documents, and every part says so: how an epoch is divided
among leaves, which is checked against the root that the chain committed to, and which lines an
accepted order lists, which nothing on chain binds before they are paid.

| part | from |
|---|---|
| `balance` of a contract | state at the block, proven where the node proves it |
| `payouts`, cash, fees, tips owed, pull balances, float | logs |
| what a leaf made payable, or put in escrow | the document of its manifest, root on chain |
| what a line of an order owes | the accepted document |
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockRef, Epoch
from reconciliation.checks import money_against_debts, state_against_logs
from reconciliation.discrepancy import Discrepancy
from reconciliation.matching import Booked
from reconciliation.movements import CASH, Expected
from reconciliation.payment_books import booked_contracts, money_of_events, payment_entries
from reconciliation.payment_movements import PaymentReplay
from reconciliation.ports import Chain, Documents
from reconciliation.reconcile import ChainSide, chain_side, unexplained_flows
from settlement.ledger.documents import AcceptedDocument

FROM_LOGS, FROM_STATE = "chain: logs", "chain: state"
FROM_DOCUMENT, FROM_ORDER = "document, root on chain", "accepted document"
_PAID = ("PayeePaid", "LinePaid")
_BY_LEAVES = ("payable:", "escrow:", "suspense:")
_SOURCES = ("log", "manifest_leaf", "document")

Accounts = Mapping[tuple[str, bytes], int]
"""Debits less credits by account and asset."""


class StandingBook(Protocol):
    """The books of one contract, asked last."""

    def cursor(self) -> BlockRef | None:
        """The block that everything final is posted up to."""
        ...

    def entries(self, source_kind: str) -> Generator[Booked]:
        """Posted entries of one kind of cause; close them when done."""
        ...


class PaymentBook(StandingBook, Protocol):
    """The books of a payment contract, and the documents that were accepted for it."""

    def accepted(self) -> Sequence[AcceptedDocument]:
        """Documents whose lines the contract pays."""
        ...


class StandingBooks(StandingBook, Protocol):
    """The books of a settlement."""

    def payments(self, contract: Address) -> PaymentBook:
        """The books of a payment contract."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One rebuilt number of one contract, at a block, and what it follows from."""

    contract: Address
    block: BlockRef
    name: str
    asset: Address
    amount: int
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """An account of which chain and books have other balances, debits less credits."""

    contract: Address
    account: str
    asset: Address
    chain: int
    books: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FromChain:
    """A settlement, rebuilt at `block`; a payment contract at the block of its own books.

    `unsound` are committed epochs without a document that hashes to their root: nothing is
    allocated for these. `contradictions` are within the chain itself.
    """

    block: BlockRef
    parts: Sequence[Part]
    unsound: Sequence[Epoch]
    contradictions: Sequence[Discrepancy]
    differences: Sequence[Differs]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contract:
    """What one contract is rebuilt to."""

    parts: tuple[Part, ...]
    contradictions: tuple[Discrepancy, ...]
    accounts: Accounts


def from_chain_only(
    chain: Chain, documents: Documents, books: StandingBooks, *, settlement: Settlement
) -> FromChain:
    """Rebuild a settlement and its payment contracts, then compare every account with the books.

    Each at the cursor of its books, or at the finalized block where nothing is posted.

    Raises:
        ChainUnavailable: the endpoint does not answer for this block.
        BadAnswer, BadLog: a contract answers what its interface rules out.
    """
    at = _block_of(chain, books)
    side = chain_side(chain, at, documents, None, settlement=settlement)
    rebuilt = {settlement.payouts: _royalties(chain, side, settlement)}
    compared: dict[Address, StandingBook] = {settlement.payouts: books}
    for name, contract in booked_contracts(settlement).items():
        book = books.payments(contract)
        rebuilt[contract] = _payments(chain, settlement, name, book)
        compared[contract] = book
    return FromChain(
        block=side.at,
        parts=tuple(part for one in rebuilt.values() for part in one.parts),
        unsound=tuple(
            epoch
            for epoch, one in sorted(side.rebuilt.commitments.items())
            if not side.is_sound(one)
        ),
        contradictions=tuple(each for one in rebuilt.values() for each in one.contradictions),
        differences=tuple(
            each
            for contract, one in rebuilt.items()
            for each in _differences(contract, one.accounts, compared[contract])
        ),
    )


def _block_of(chain: Chain, book: StandingBook) -> BlockRef:
    cursor = book.cursor()
    at = None if cursor is None else chain.block(cursor.number)
    return at or chain.finalized()


def _royalties(chain: Chain, side: ChainSide, settlement: Settlement) -> _Contract:
    """`EpochPayouts`: balances of the contract first, then every account that is not empty."""
    entries = (*side.logs.only_expected, *side.leaves.only_expected)
    accounts = _accounts(entries)
    flows = unexplained_flows(chain, side, {}, settlement)

    def part(name: str, asset: Address, amount: int, basis: str) -> Part:
        return Part(
            contract=settlement.payouts,
            block=side.at,
            name=name,
            asset=asset,
            amount=amount,
            basis=basis,
        )

    balances = (
        part("balance", asset, reading.value, f"{FROM_STATE}, {reading.basis}")
        for asset, reading in sorted(side.state.balances.items())
    )
    return _Contract(
        parts=(*balances, *_parts(entries, accounts, part, frozenset())),
        contradictions=(
            *state_against_logs(side.state, side.rebuilt),
            *money_against_debts(side.state, {}, flows),
        ),
        accounts=accounts,
    )


def _payments(
    chain: Chain, settlement: Settlement, name: ContractName, book: PaymentBook
) -> _Contract:
    """A payment contract; the lines that it owes by documents are told apart from its tips."""
    contract, at = settlement.payments[name], _block_of(chain, book)
    documents = book.accepted() if name is ContractName.PAYOUT_BATCH else ()
    replay = PaymentReplay(settlement.chain_id, contract, documents)
    by_logs = list(payment_entries(chain, settlement, name, replay, at))
    ordered = replay.owed_by_documents(at.timestamp)
    accounts = _accounts((*by_logs, *ordered))
    by_orders = frozenset(
        path for one in ordered for moved in one.movements for path in (moved.debit, moved.credit)
    )

    def part(name_of_it: str, asset: Address, amount: int, basis: str) -> Part:
        return Part(
            contract=contract, block=at, name=name_of_it, asset=asset, amount=amount, basis=basis
        )

    readings = {
        asset: chain.reading(at, asset, contract) for asset in (ZERO_ADDRESS, *settlement.tokens)
    }
    balances = (
        part("balance", asset, reading.value, f"{FROM_STATE}, {reading.basis}")
        for asset, reading in readings.items()
        if reading.value or replay.cash[asset]
    )
    return _Contract(
        parts=(*balances, *_parts(by_logs, accounts, part, by_orders)),
        contradictions=tuple(
            found
            for asset, reading in readings.items()
            for found in money_of_events(
                name, contract, at=at, asset=asset, units=replay.cash[asset], held=reading
            )
        ),
        accounts=accounts,
    )


def _parts(
    entries: Iterable[Expected],
    accounts: Accounts,
    part: Callable[[str, Address, int, str], Part],
    by_orders: frozenset[str],
) -> Iterator[Part]:
    """What was paid out, then every account that is not empty."""
    paid: defaultdict[Address, int] = defaultdict(int)
    for entry in entries:
        for moved in entry.movements if entry.name in _PAID else ():
            paid[Address(moved.asset)] += moved.amount if moved.credit == CASH else 0
    for asset, units in sorted(paid.items()):
        yield part("payouts", asset, units, FROM_LOGS)
    for (path, raw), units in sorted(accounts.items()):
        if units:
            basis = FROM_DOCUMENT if path.startswith(_BY_LEAVES) else FROM_LOGS
            basis = FROM_ORDER if path in by_orders else basis
            yield part(path, Address(raw), abs(units), basis)


def _accounts(entries: Iterable[Expected | Booked]) -> dict[tuple[str, bytes], int]:
    sums: defaultdict[tuple[str, bytes], int] = defaultdict(int)
    for entry in entries:
        for asset, amount, debit, credit in entry.movements:
            sums[debit, bytes(asset)] += amount
            sums[credit, bytes(asset)] -= amount
    return dict(sums)


def _differences(contract: Address, accounts: Accounts, book: StandingBook) -> Iterator[Differs]:
    booked: defaultdict[tuple[str, bytes], int] = defaultdict(int)
    for source_kind in _SOURCES:
        with closing(book.entries(source_kind)) as entries:
            for key, units in _accounts(entries).items():
                booked[key] += units
    for path, raw in sorted(accounts.keys() | booked.keys()):
        one, other = accounts.get((path, raw), 0), booked.get((path, raw), 0)
        if one != other:
            yield Differs(
                contract=contract, account=path, asset=Address(raw), chain=one, books=other
            )
