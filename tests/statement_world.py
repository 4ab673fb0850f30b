"""Books of a settlement in Postgres over two months: royalties, sales, tips, a document, gas.

Epochs last ten days and begin on the first of January 1970; the first events are in the middle of
January, the last ones in February. Everything is posted with the rules of the product.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, insert
from sqlalchemy.dialects.postgresql import insert as pg_insert

from contracts.addresses import Settlement
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.events import EPOCH_CLOCK_STARTED, PAYEE_HOLD_PLACED, VERDICT_PLACED
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    Hash32,
    LogRef,
    keccak,
)
from contracts.operations import tip_operation_id
from contracts.payment_events import ContentPaid, ContentRefunded, LinePaid, TipReceived
from contracts.units import BaseUnits
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, CURSOR, FACTS, LOG
from indexer.blocks import Proof
from settlement.ledger import payment_rules
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.gas import GasSpent
from settlement.ledger.journal import JournalEntry
from settlement.ledger.lines import OwedLine
from settlement.payouts.adapters.gas_tables import PAYOUT_GAS_OPERATION
from tests.ledger_builders import (
    ALICE,
    ASSET,
    BOB,
    BOOK,
    CAROL,
    CHAIN_ID,
    SUBSCRIBER,
    Computed,
    MoneyChain,
    escrow_leaf,
    leaf,
    post_all,
    totals,
    work,
)

DAY = 86_400
GENESIS, LENGTH, GRACE = 0, 10 * DAY, 100
MONTH_S = 21 * DAY
JANUARY, FEBRUARY = "1970-01", "1970-02"
WALLET = Address(b"\x77" * 20)
CONTENT = keccak(b"content")
PAYMENTS = (
    ContractName.PAY_PER_VIEW_SPLITTER,
    ContractName.TIP_RELAY,
    ContractName.TICKET,
)


def address_of(name: str) -> Address:
    return (
        BOOK.contract if name == ContractName.EPOCH_PAYOUTS else Address(keccak(name.encode())[:20])
    )


SETTLEMENT = Settlement(
    name="main",
    chain_id=CHAIN_ID,
    start_block=BlockNumber(0),
    contracts={name: address_of(name) for name in ROYALTY_CONTRACTS},
    tokens=(ASSET,),
    payments={name: address_of(name) for name in PAYMENTS},
    collections=(),
)
SPLITTER = Book(chain_id=CHAIN_ID, contract=address_of(ContractName.PAY_PER_VIEW_SPLITTER))
RELAY = Book(chain_id=CHAIN_ID, contract=address_of(ContractName.TIP_RELAY))
WALLET_BOOK = Book(chain_id=CHAIN_ID, contract=WALLET)
NATIVE = payment_rules.NATIVE


@dataclass
class StatementWorld:
    """A chain in memory, its books in Postgres, and as many facts as statements read."""

    engine: Engine
    chain: MoneyChain = field(default_factory=MoneyChain)
    computed: Computed = field(default_factory=Computed)
    entries: dict[Book, list[JournalEntry]] = field(default_factory=dict)
    owed: list[tuple[OwedLine, JournalEntry]] = field(default_factory=list)

    def tell(self) -> None:
        """January: an epoch is paid for, active and half paid. February: sales, tips, the rest."""
        one = leaf({ALICE: 600, BOB: 300}, work_id=work(7))
        two = leaf({ALICE: 50}, work_id=work(8))
        held = escrow_leaf(40)
        self.chain.funded(1_000)
        made = self.computed.add([one, two, held])
        self.chain.committed(made, [totals(1_000, 950, escrow=40)])
        self.chain.mine(seconds=200)
        self.chain.withdrawn(one, refused=[BOB])
        self.chain.mine(seconds=MONTH_S)
        self.chain.withdrawn(two)
        self.chain.unclaimed_withdrawn(BOB, 100)
        self.chain.escrow_released(held, CAROL)
        self.sale(price=90, fee=10)
        self.refund(price=90, fee=10)
        self.sale(price=70, fee=7, order="second")
        self.tip(amount=33, fee=3)
        self.gas(21_000)
        self.chain.mine(seconds=MONTH_S + 10 * DAY)
        self.post()

    def sale(self, *, price: int, fee: int, order: str = "first") -> None:
        event = ContentPaid(**self._sold(order), price=BaseUnits(price), fee=BaseUnits(fee))
        self._book(SPLITTER, payment_rules.passed_through(event, 0))

    def refund(self, *, price: int, fee: int, order: str = "first") -> None:
        event = ContentRefunded(**self._sold(order), price=BaseUnits(price), fee=BaseUnits(fee))
        self._book(SPLITTER, payment_rules.passed_through(event, 0))

    def tip(self, *, amount: int, fee: int) -> None:
        """A tip to Alice, paid in the next block."""
        event = TipReceived(
            **self.chain._head(),
            order_id=keccak(b"tip"),
            creator=ALICE,
            payer=SUBSCRIBER,
            op_id=tip_operation_id(0, chain_id=CHAIN_ID, contract=RELAY.contract),
            number=0,
            amount=BaseUnits(amount),
            fee=BaseUnits(fee),
        )
        line, entry = payment_rules.tip_received(event, 0)
        self._book(RELAY, entry)
        self.owed.append((line, entry))
        paid = LinePaid(
            **self.chain._head(),
            op_id=line.op_id,
            list_id=line.list_id,
            payee=line.payee,
            index=0,
            asset=line.asset,
            amount=line.amount,
        )
        self._book(RELAY, payment_rules.line_ended(paid, line, 0))

    def gas(self, cost: int) -> None:
        block = self.chain.mine()
        spent = GasSpent(
            tx_hash=keccak(b"transaction"),
            sender=WALLET,
            block_number=block.number,
            block_hash=block.hash,
            timestamp=block.timestamp,
            gas_used=cost,
            effective_gas_price_wei=1,
            l1_fee_wei=0,
            other_fee_wei=0,
            value_wei=0,
        )
        self._book(WALLET_BOOK, payment_rules.gas_spent(spent, 0))
        paid_for = [*[("withdraw", 1)] * 6, *[("withdraw", 2)] * 4, ("tip", None)]
        with self.engine.begin() as connection:
            connection.execute(
                pg_insert(PAYOUT_GAS_OPERATION),
                [
                    {
                        "chain_id": CHAIN_ID,
                        "tx_hash": spent.tx_hash,
                        "ordinal": ordinal,
                        "op_id": Hash32.from_int(ordinal),
                        "kind": kind,
                        "epoch": epoch,
                    }
                    for ordinal, (kind, epoch) in enumerate(paid_for)
                ],
            )

    def post(self) -> None:
        """Write blocks and logs as the indexer does, and post all books up to the last block."""
        last = self.chain.blocks[-1]
        with self.engine.begin() as connection:
            connection.execute(
                pg_insert(BLOCK)
                .values([_block_row(block) for block in self.chain.blocks])
                .on_conflict_do_nothing()
            )
            place = {"number": last.number, "hash": last.hash}
            for table, more in (
                (CURSOR, {"sources_digest": keccak(b"sources")}),
                (CHAIN_FINALITY, {}),
            ):
                connection.execute(
                    pg_insert(table)
                    .values(chain_id=CHAIN_ID, **place, **more)
                    .on_conflict_do_update(index_elements=["chain_id"], set_=place)
                )
            connection.execute(
                pg_insert(FACTS[EPOCH_CLOCK_STARTED.table])
                .values(
                    **self._fact(ContractName.EPOCH_CLOCK, 0),
                    genesis=GENESIS,
                    length=LENGTH,
                    grace=GRACE,
                )
                .on_conflict_do_nothing()
            )
            refs = {event.ref: event for event in self.chain.events}
            connection.execute(
                pg_insert(LOG).values([_log_row(ref) for ref in refs]).on_conflict_do_nothing()
            )
            post_all(self.chain, self.computed, LedgerStore(connection, BOOK))
            for book in (SPLITTER, RELAY, WALLET_BOOK):
                store = LedgerStore(connection, book)
                store.record(self.entries.get(book, []))
                store.add_lines(self.owed if book == RELAY else [])
                store.advance(last)

    def hold(self, account: Address, *, at: int, expires_at: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                insert(FACTS[PAYEE_HOLD_PLACED.table]).values(
                    **self._fact(ContractName.EPOCH_PAYOUTS, at),
                    account=account,
                    reason_digest=keccak(b"reason"),
                    expires_at=expires_at,
                )
            )

    def place_verdict(self, work_id: Hash32, *, at: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                insert(FACTS[VERDICT_PLACED.table]).values(
                    **self._fact(ContractName.WORK_REGISTRY, at),
                    work_id=work_id,
                    case_digest=keccak(b"case"),
                )
            )

    def last_of_january(self) -> BlockRef:
        return [block for block in self.chain.blocks if block.timestamp < 31 * 86_400][-1]

    def _fact(self, name: ContractName, block: int) -> dict[str, object]:
        return {
            "chain_id": CHAIN_ID,
            "block_number": block,
            "log_index": 99,
            "address": SETTLEMENT.contracts[name],
        }

    def _sold(self, order: str) -> dict[str, Any]:
        return {
            **self.chain._head(),
            "order_id": keccak(order.encode()),
            "payer": SUBSCRIBER,
            "creator": ALICE,
            "content_id": CONTENT,
            "asset": ASSET,
        }

    def _book(self, book: Book, entry: JournalEntry | None) -> None:
        assert entry is not None
        self.entries.setdefault(book, []).append(entry)


def _block_row(block: BlockRef) -> dict[str, object]:
    return {
        "chain_id": CHAIN_ID,
        "number": block.number,
        "hash": block.hash,
        "parent_hash": block.parent_hash,
        "timestamp": block.timestamp,
        "header": b"",
        "rows_digest": keccak(b"rows"),
        "proof": Proof.EMPTY.value,
    }


def _log_row(ref: LogRef) -> dict[str, object]:
    return {
        "chain_id": CHAIN_ID,
        "block_number": ref.block_number,
        "log_index": ref.log_index,
        "address": BOOK.contract,
        "data": b"",
        "transaction_hash": transaction_of(ref.block_number),
        "transaction_index": 0,
        "topics": [bytes(32)],
    }


def transaction_of(block_number: int) -> Hash32:
    return keccak(f"transaction {block_number}".encode())
