"""Everything from the chain alone: balances, allocations and payouts, and only then the books.

It reads one endpoint and the accepted documents; no fact table, and no book until everything is
rebuilt. What is not on chain comes from documents, and every part says so: how an epoch is divided
among leaves, which is checked against the root that the chain committed to, and which lines an
accepted order lists, which nothing on chain binds before they are paid.

| part | from |
|---|---|
| `balance` of a contract or payout wallet | state at the block, proven where the node proves it |
| `payouts`, cash, fees, tips owed, pull balances, float | logs |
| what a leaf made payable, or put in escrow | the document of its manifest, root on chain |
| what a line of an order owes | the accepted document |
| `gas` and coins sent of a wallet | receipts of its transactions, found by nonce |
| `brought in` to a wallet | its balance and its receipts, added up |

Entries are added up as they stream by: what is held is a sum for each account, and the leaves of
one document at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain as chained
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
from reconciliation.rebuilt_wallets import (
    BROUGHT_IN,
    GAS,
    SENT,
    SOURCES,
    RebuiltWallet,
    booked_accounts,
    rebuilt_wallet,
)
from reconciliation.reconcile import epoch_entries, unexplained_flows
from reconciliation.replay import GENESIS, Replay
from reconciliation.snapshot import ChainState
from reconciliation.wallets import WalletRecords, contradicted
from settlement.ledger.documents import AcceptedDocument

FROM_LOGS, FROM_STATE = "chain: logs", "chain: state"
FROM_DOCUMENT, FROM_ORDER = "document, root on chain", "accepted document"
FROM_RECEIPTS, FROM_BOTH = "chain: receipts", "chain: state and receipts"
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
        """The books of a payment contract, or of a payout wallet."""
        ...

    def wallets(self) -> Sequence[WalletRecords]:
        """Wallets that we pay from."""
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
    """A settlement, rebuilt at `block`; contracts and wallets at the block of their own books.

    `unsound` are committed epochs without a document that hashes to their root: nothing is
    allocated for these. `contradictions` are within the chain itself.
    """

    block: BlockRef
    parts: Sequence[Part]
    unsound: Sequence[Epoch]
    contradictions: Sequence[Discrepancy]
    differences: Sequence[Differs]
    wallets: Sequence[RebuiltWallet]


class _Sums:
    """What entries come to, by account and asset; and what was paid out, by asset."""

    def __init__(self, entries: Iterable[Expected | Booked] = ()) -> None:
        self.accounts: defaultdict[tuple[str, bytes], int] = defaultdict(int)
        self.paid: defaultdict[Address, int] = defaultdict(int)
        self.add(entries)

    def add(self, entries: Iterable[Expected | Booked]) -> None:
        for entry in entries:
            is_paid = isinstance(entry, Expected) and entry.name in _PAID
            for asset, amount, debit, credit in entry.movements:
                self.accounts[debit, bytes(asset)] += amount
                self.accounts[credit, bytes(asset)] -= amount
                if is_paid and credit == CASH:
                    self.paid[Address(asset)] += amount


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contract:
    """What one contract or wallet is rebuilt to."""

    parts: tuple[Part, ...]
    contradictions: tuple[Discrepancy, ...]
    accounts: Accounts


def from_chain_only(
    chain: Chain, documents: Documents, books: StandingBooks, *, settlement: Settlement
) -> FromChain:
    """Rebuild a settlement, its payment contracts and its wallets; then compare every account.

    Each at the cursor of its books, or at the finalized block where nothing is posted.

    Raises:
        ChainUnavailable: the endpoint does not answer for this block.
        BadAnswer, BadLog: a contract answers what its interface rules out.
    """
    at = _block_of(chain, books)
    royalties, unsound = _royalties(chain, at, documents, settlement)
    rebuilt = {settlement.payouts: royalties}
    booked: dict[Address, Callable[[], Accounts]] = {
        settlement.payouts: lambda: _booked(books, _SOURCES)
    }
    for name, contract in booked_contracts(settlement).items():
        book = books.payments(contract)
        rebuilt[contract] = _payments(chain, settlement, name, book)
        booked[contract] = partial(_booked, book, _SOURCES)
    wallets = []
    for records in books.wallets():
        book = books.payments(records.wallet)
        wallet, rebuilt[records.wallet] = _wallet(chain, records, _block_of(chain, book))
        wallets.append(wallet)
        if book.cursor() is not None:
            booked[records.wallet] = partial(_booked_wallet, book)
    return FromChain(
        block=at,
        parts=tuple(part for one in rebuilt.values() for part in one.parts),
        unsound=unsound,
        contradictions=tuple(each for one in rebuilt.values() for each in one.contradictions),
        differences=tuple(
            each
            for contract, accounts in booked.items()
            for each in _differences(contract, rebuilt[contract].accounts, accounts())
        ),
        wallets=tuple(wallets),
    )


def _block_of(chain: Chain, book: StandingBook) -> BlockRef:
    cursor = book.cursor()
    at = None if cursor is None else chain.block(cursor.number)
    return at or chain.finalized()


def _royalties(
    chain: Chain, at: BlockRef, documents: Documents, settlement: Settlement
) -> tuple[_Contract, tuple[Epoch, ...]]:
    """`EpochPayouts`: its balances, every account that is not empty; epochs without a document."""
    replay = Replay(settlement.chain_id, settlement.payouts)
    sums = _Sums(epoch_entries(replay, chain, at, settlement))
    unsound = []
    for epoch, committed in sorted(replay.commitments.items()):
        digest = committed.manifest_digest
        document = documents.of({digest}).get(digest)
        if document is None or document.root != committed.root:
            unsound.append(epoch)
        else:
            sums.add(replay.activations({digest: document.leaves}, at))
    rebuilt = replay.rebuilt(at)
    state = chain.state(at, rebuilt.questions())
    flows = unexplained_flows(chain, state, {}, settlement)
    part = partial(_part, settlement.payouts, at)
    contract = _Contract(
        parts=(*_balances(state, part), *_parts(sums, part, frozenset())),
        contradictions=(
            *state_against_logs(state, rebuilt),
            *money_against_debts(state, {}, flows),
        ),
        accounts=sums.accounts,
    )
    return contract, tuple(unsound)


def _balances(state: ChainState, part: Callable[[str, Address, int, str], Part]) -> Iterator[Part]:
    for asset, reading in sorted(state.balances.items()):
        yield part("balance", asset, reading.value, f"{FROM_STATE}, {reading.basis}")


def _payments(
    chain: Chain, settlement: Settlement, name: ContractName, book: PaymentBook
) -> _Contract:
    """A payment contract; the lines that it owes by documents are told apart from its tips."""
    contract, at = settlement.payments[name], _block_of(chain, book)
    documents = book.accepted() if name is ContractName.PAYOUT_BATCH else ()
    replay = PaymentReplay(settlement.chain_id, contract, documents)
    sums = _Sums(payment_entries(chain, settlement, name, replay, at))
    ordered = replay.owed_by_documents(at.timestamp)
    sums.add(ordered)
    by_orders = frozenset(
        path for one in ordered for moved in one.movements for path in (moved.debit, moved.credit)
    )
    part = partial(_part, contract, at)
    readings = {
        asset: chain.reading(at, asset, contract) for asset in (ZERO_ADDRESS, *settlement.tokens)
    }
    balances = (
        part("balance", asset, reading.value, f"{FROM_STATE}, {reading.basis}")
        for asset, reading in readings.items()
        if reading.value or replay.cash[asset]
    )
    return _Contract(
        parts=(*balances, *_parts(sums, part, by_orders)),
        contradictions=tuple(
            found
            for asset, reading in readings.items()
            for found in money_of_events(
                (name, contract), (), at=at, asset=asset, units=replay.cash[asset], held=reading
            )
        ),
        accounts=sums.accounts,
    )


def _wallet(chain: Chain, records: WalletRecords, at: BlockRef) -> tuple[RebuiltWallet, _Contract]:
    """A payout wallet; every receipt is proven anew, where the node proves it."""
    history = chain.wallet(records, at, proven_upto=GENESIS)
    wallet = rebuilt_wallet(history, records, at)
    receipts = ", ".join(f"{count} {basis}" for basis, count in sorted(wallet.receipts.items()))
    from_receipts = f"{FROM_RECEIPTS}, {receipts or 'none'}"
    amounts = (
        ("balance", wallet.coins_wei, f"{FROM_STATE}, {history.balance.basis}"),
        (GAS, wallet.gas_wei, from_receipts),
        (SENT, wallet.sent_wei, from_receipts),
        (BROUGHT_IN, wallet.brought_in_wei, FROM_BOTH),
    )
    contract = _Contract(
        parts=tuple(
            _part(records.wallet, at, name, ZERO_ADDRESS, units, basis)
            for name, units, basis in amounts
        ),
        contradictions=tuple(contradicted(history)),
        accounts=wallet.accounts(),
    )
    return wallet, contract


def _part(  # noqa: PLR0917 (the fields of a part, in their order)
    contract: Address, block: BlockRef, name: str, asset: Address, amount: int, basis: str
) -> Part:
    return Part(contract=contract, block=block, name=name, asset=asset, amount=amount, basis=basis)


def _parts(
    sums: _Sums, part: Callable[[str, Address, int, str], Part], by_orders: frozenset[str]
) -> Iterator[Part]:
    """What was paid out, then every account that is not empty."""
    for asset, units in sorted(sums.paid.items()):
        yield part("payouts", asset, units, FROM_LOGS)
    for (path, raw), units in sorted(sums.accounts.items()):
        if units:
            basis = FROM_DOCUMENT if path.startswith(_BY_LEAVES) else FROM_LOGS
            basis = FROM_ORDER if path in by_orders else basis
            yield part(path, Address(raw), abs(units), basis)


def _booked(book: StandingBook, sources: Sequence[str]) -> Accounts:
    sums = _Sums()
    for source_kind in sources:
        with closing(book.entries(source_kind)) as entries:
            sums.add(entries)
    return sums.accounts


def _booked_wallet(book: StandingBook) -> Accounts:
    return booked_accounts(chained.from_iterable(book.entries(one) for one in SOURCES))


def _differences(contract: Address, accounts: Accounts, booked: Accounts) -> Iterator[Differs]:
    for path, raw in sorted(accounts.keys() | booked.keys()):
        one, other = accounts.get((path, raw), 0), booked.get((path, raw), 0)
        if one != other:
            yield Differs(
                contract=contract, account=path, asset=Address(raw), chain=one, books=other
            )
