"""From facts of payment contracts to their posted, sealed books.

Subjects: indexer.adapters.book_reads, scripts.bookkeeping, scripts.wallets.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from contracts.event_spec import ContractName, EventSpec
from contracts.events import ERC20_TRANSFER
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, keccak
from contracts.operations import TIP_LIST
from contracts.payment_event_specs import (
    BATCH_LINE_PAID,
    CONTENT_PAID,
    RELAY_LINE_PAID,
    RELAY_UNCLAIMED_WITHDRAWN,
    TICKET_REFUNDED,
    TIP_PAID,
    TIP_RECEIVED,
)
from contracts.payment_events import LinePaid, TicketRefunded, TipPaid, TipReceived, TokensReceived
from indexer.adapters.book_reads import BOOKED_CONTRACTS, BookFacts, finalized_hashes
from indexer.adapters.tables import FACTS
from scripts.bookkeeping import (
    BookSource,
    WalletFacts,
    books_of_settlement,
    payment_sources,
    post_books,
    seal_books,
    wallet_source,
)
from scripts.bootstrap import open_database
from scripts.wallets import wallet_sources
from settlement.errors import Overdrawn
from settlement.ledger.accounts import CASH, FLOAT, GAS, PLATFORM_FEES, UNEXPLAINED, Account, Book
from settlement.ledger.accounts import WALLET as COINS
from settlement.ledger.adapters.reads import LedgerReads, books_of
from settlement.ledger.adapters.seals import SealReads
from settlement.ledger.gas import WalletOpened
from settlement.payouts.adapters.gas import SqlGas
from settlement.payouts.record_gas import AccountAt, Seen, WalletOpening
from tests.ledger_builders import ALICE, ASSET, BOB, CHAIN_ID
from tests.ledger_payment_builders import PAYER, PaymentChain
from tests.statement_world import SETTLEMENT, WALLET, StatementWorld

SUBJECTS = (WalletFacts, BookSource)
DEPLOYED = replace(
    SETTLEMENT,
    payments={name: Address(keccak(b"own" + name.encode())[:20]) for name in BOOKED_CONTRACTS},
)
ORDER, OP_ID = keccak(b"order"), keccak(b"op")
SALE: dict[str, Any] = {"order_id": ORDER, "payer": PAYER, "creator": ALICE, "asset": ASSET}
LINE: dict[str, Any] = {"op_id": OP_ID, "index": 0, "payee": ALICE}


class Facts:
    """A chain of blocks in Postgres, and facts by hand."""

    def __init__(self, database: str) -> None:
        self.engine = open_database(database)
        self.world = StatementWorld(self.engine)
        for _ in range(9):
            self.world.chain.funded(5)
        self.world.post()

    def add(
        self, spec: EventSpec, block: int, *, at: Address | None = None, **values: object
    ) -> None:
        place = {"chain_id": CHAIN_ID, "block_number": block, "log_index": 9 + block}
        address = at or DEPLOYED.payments[spec.contract]
        table = FACTS[spec.table]
        more = {"transaction_hash": ORDER, "transaction_index": 0} if spec.is_bulk else {}
        known = {name: value for name, value in more.items() if name in table.c}
        with self.engine.begin() as connection:
            row = place | {"address": address} | values | known
            connection.execute(insert(table).values(**row))

    def balance(self, name: ContractName, account: Account, asset: Address) -> int:
        book = Book(chain_id=CHAIN_ID, contract=DEPLOYED.payments[name])
        with self.engine.connect() as connection:
            found = LedgerReads(connection, book).balances_at(account, None)
        debits, credits = found.get(asset, (0, 0))
        return debits - credits


@pytest.fixture
def facts(database: str) -> Iterator[Facts]:
    made = Facts(database)
    made.add(CONTENT_PAID, 1, **SALE, content_id=keccak(b"song"), price=100, fee=10)
    made.add(TIP_PAID, 2, **SALE, amount=20, fee=2)
    made.add(
        TIP_RECEIVED,
        3,
        order_id=ORDER,
        creator=ALICE,
        payer=PAYER,
        op_id=OP_ID,
        number=0,
        amount=70,
        fee=7,
    )
    made.add(RELAY_LINE_PAID, 4, **LINE, list_id=TIP_LIST, asset=ZERO_ADDRESS, amount=70)
    transfer: dict[str, Any] = {
        "source": PAYER,
        "target": DEPLOYED.payments[ContractName.PAYOUT_BATCH],
    }
    made.add(ERC20_TRANSFER, 5, at=ASSET, **transfer, amount=90)
    made.add(BATCH_LINE_PAID, 6, **LINE, list_id=ORDER, asset=ASSET, amount=40)
    yield made
    made.engine.dispose()


def test_events__of_each_contract__as_records_in_chain_order(facts: Facts) -> None:
    sold = {name: value for name, value in SALE.items() if name != "order_id"}
    facts.add(
        TICKET_REFUNDED, 7, order_id=ORDER, **sold, event_id=ORDER, ticket_id=1, price=5, fee=1
    )
    with facts.engine.connect() as connection:
        found = {name: BookFacts(connection, DEPLOYED, name) for name in BOOKED_CONTRACTS}
        last = found[ContractName.TIP_RELAY].finalized()
        assert last is not None
        kinds = {
            name: [type(event) for event in reads.events(BlockNumber(0), last)]
            for name, reads in found.items()
        }
        later = found[ContractName.TIP_RELAY].events(BlockNumber(3), last)
        hashes = finalized_hashes(connection, CHAIN_ID, [BlockNumber(1), BlockNumber(10**6)])

    assert kinds[ContractName.TIP_RELAY] == [TipReceived, LinePaid]
    assert kinds[ContractName.TIP_SPLITTER] == [TipPaid]
    assert kinds[ContractName.TICKET_SALE] == [TicketRefunded]
    assert kinds[ContractName.PAYOUT_BATCH] == [TokensReceived, LinePaid]
    assert [type(event) for event in later] == [LinePaid]
    assert hashes == {BlockNumber(1): facts.world.chain.blocks[1].hash}


def test_post_books__every_contract__balances_and_seals(facts: Facts) -> None:
    post_books(facts.engine, DEPLOYED, payment_sources(DEPLOYED))
    seal_books(facts.engine, DEPLOYED, (DEPLOYED,))
    with facts.engine.connect() as connection:
        books = books_of_settlement(connection, DEPLOYED, (DEPLOYED,))
        links = [SealReads(connection, book) for book in books]
        assert len(links) >= len(BOOKED_CONTRACTS)

    relay, batch = ContractName.TIP_RELAY, ContractName.PAYOUT_BATCH
    assert facts.balance(relay, CASH, ZERO_ADDRESS) == 7
    assert facts.balance(relay, PLATFORM_FEES, ZERO_ADDRESS) == -7
    assert facts.balance(batch, FLOAT, ASSET) == -90
    assert facts.balance(batch, UNEXPLAINED, ASSET) == 40
    assert facts.balance(ContractName.PAY_PER_VIEW_SPLITTER, CASH, ASSET) == 0


def test_post_books__one_book_halts__the_others_are_posted(facts: Facts) -> None:
    facts.add(RELAY_UNCLAIMED_WITHDRAWN, 7, payee=BOB, asset=ZERO_ADDRESS, to=BOB, amount=999)

    with pytest.raises(Overdrawn):
        post_books(facts.engine, DEPLOYED, payment_sources(DEPLOYED))

    assert facts.balance(ContractName.PAYOUT_BATCH, FLOAT, ASSET) == -90
    assert facts.balance(ContractName.TIP_RELAY, CASH, ZERO_ADDRESS) == 0


class Gas:
    """One transaction of the wallet; serves `gas.GasFacts`."""

    def __init__(self, facts: Facts) -> None:
        self._facts, self._last = facts, facts.world.chain.blocks[-1]
        spent = PaymentChain().gas_spent(WALLET, gas=21_000, price=2)
        block = facts.world.chain.blocks[2]
        self._spent = replace(
            spent, block_number=block.number, block_hash=block.hash, timestamp=block.timestamp
        )

    def finalized(self) -> object:
        return self._last

    def opened(self) -> object:
        return WalletOpened(
            wallet=WALLET, block=self._facts.world.chain.blocks[1], balance_wei=100_000
        )

    def spent(self, after: BlockNumber, upto: object) -> list[object]:
        return [self._spent] if after < self._spent.block_number else []


def test_post_books__wallet__gas_in_its_own_book(facts: Facts) -> None:
    wallet = Address(b"\x99" * 20)
    source = wallet_source(
        DEPLOYED,
        wallet,
        lambda _: Gas(facts),  # type: ignore[arg-type, return-value]
        start_block=DEPLOYED.start_block,
    )

    post_books(facts.engine, DEPLOYED, [source])

    with facts.engine.connect() as connection:
        reads = LedgerReads(connection, Book(chain_id=CHAIN_ID, contract=wallet))
        assert reads.balances_at(GAS, None) == {ZERO_ADDRESS: (42_000, 0)}
        assert reads.balances_at(FLOAT, None) == {ZERO_ADDRESS: (0, 100_000)}
        assert reads.balances_at(COINS, None) == {ZERO_ADDRESS: (100_000, 42_000)}


def test_wallet_sources__recorded_wallet__with_the_first_settlement_of_its_chain(
    facts: Facts,
) -> None:
    wallet, block = Address(b"\x98" * 20), facts.world.chain.blocks[1]
    opening = WalletOpening(block=block, account=AccountAt(5, 0))
    with facts.engine.begin() as connection:
        SqlGas(connection, CHAIN_ID, wallet).open(opening)
    second = replace(DEPLOYED, name="second", start_block=BlockNumber(0))
    settlements = (replace(DEPLOYED, start_block=BlockNumber(1)), second)

    (source,) = wallet_sources(facts.engine, settlements[0], settlements)

    assert wallet_sources(facts.engine, second, settlements) == []
    assert source.book == Book(chain_id=CHAIN_ID, contract=wallet)
    assert source.start_block == 0
    with facts.engine.begin() as connection:
        SqlGas(connection, CHAIN_ID, wallet).add((), Seen(block, 0))
    post_books(facts.engine, settlements[0], [source])
    with facts.engine.connect() as connection:
        (book,) = (one for one in books_of(connection, CHAIN_ID) if one.contract == wallet)
        assert LedgerReads(connection, book).balances_at(COINS, None) == {ZERO_ADDRESS: (5, 0)}
