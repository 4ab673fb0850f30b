"""A settlement on a chain that can be reorganised, indexed and posted into a real database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, select, text

from contracts.calls import Withdrawal
from contracts.events import (
    EPOCH_COMMITTED,
    EPOCH_FUNDED,
    ERC20_TRANSFER,
    LEAF_WITHDRAWN,
    PAYEE_PAID,
)
from contracts.evm import Address, Hash32
from contracts.leaves import Leaf
from indexer.adapters.reads import FactReads
from indexer.adapters.store import owned_chain
from indexer.adapters.tables import TOKEN_BALANCE
from indexer.plan import IndexedChain
from scripts.settings import ChainSettings
from scripts.tables import METADATA
from scripts.wiring import LedgerReservations
from settlement.ledger.accounts import Book
from settlement.ledger.activation import leaf_operation_id
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.post import post_step
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.obligations import withdraw_operation
from settlement.payouts.operation import (
    Operation,
)
from tests.api_world import (
    ALICE,
    BOB,
    FILM_0,
    GUARDIANS,
    REGISTRANT,
    SONG_0,
    USD,
    settlement_named,
)
from tests.fakes_chain import CHAIN_ID, FakeChain, FakeLog, log_of, plan
from tests.ledger_builders import Computed
from tests.postgres_facts import snapshot, synced

SETTLEMENT = settlement_named("main")
BOOK = Book(chain_id=CHAIN_ID, contract=SETTLEMENT.payouts)
COMPUTED = Computed()
DISTRIBUTION = COMPUTED.add([SONG_0, FILM_0])
VETO_WINDOW = 4
DEPTH_BLOCKS = 8
CHAIN = ChainSettings(
    id=CHAIN_ID,
    name="dev",
    rpc=("http://127.0.0.1:1",),
    start_block=SETTLEMENT.start_block,
    finality_tag="none",
    finality_depth_blocks=DEPTH_BLOCKS,
    verify="receipts",
    profile="ethereum",
    workers=0,
    tokens=(),
    settlements=(SETTLEMENT,),
)


def indexing() -> IndexedChain:
    return plan(
        start_block=SETTLEMENT.start_block, depth_blocks=DEPTH_BLOCKS, sources=SETTLEMENT.sources()
    )


def funded(amount: int, *, epoch: int) -> FakeLog:
    return log_of(EPOCH_FUNDED, SETTLEMENT.payouts, (epoch, USD, REGISTRANT, amount))


def moved(source: Address, target: Address, amount: int) -> FakeLog:
    return log_of(ERC20_TRANSFER, USD, (source, target, amount))


def committed(paid_in: int, *, active_at: int) -> FakeLog:
    """Epoch 0 with its two leaves."""
    allocated = SONG_0.amount + FILM_0.amount
    totals = (USD, paid_in, 0, allocated, 0, paid_in - allocated, 0)
    manifest, root = DISTRIBUTION.manifest_digest, DISTRIBUTION.root
    values = (0, 1, manifest, root, active_at, 1, list(GUARDIANS[:2]), [totals])
    return log_of(EPOCH_COMMITTED, SETTLEMENT.payouts, values)


def withdrawn(leaf: Leaf) -> list[FakeLog]:
    op_id = op_id_of(leaf)
    lines = [
        log_of(PAYEE_PAID, SETTLEMENT.payouts, (op_id, line.payee, USD, line.amount, number))
        for number, line in enumerate(leaf.lines)
    ]
    whole = (op_id, leaf.epoch, leaf.work_id, leaf.part, USD, leaf.amount)
    return [*lines, log_of(LEAF_WITHDRAWN, SETTLEMENT.payouts, whole)]


def op_id_of(leaf: Leaf) -> Hash32:
    return leaf_operation_id(leaf, BOOK)


def operation_of(leaf: Leaf) -> Operation:
    return withdraw_operation(Withdrawal(leaf, ()), chain_id=CHAIN_ID, contract=SETTLEMENT.payouts)


def story() -> FakeChain:
    """Epoch 0 is active at block 8; the song is paid in block 11; the head is block 20.

    block   1 funded 1000   2 moved   3 committed   8 active   11 song paid, moved   12 final
    """
    chain = FakeChain()
    now = chain.canonical[-1].header.timestamp
    chain.mine(
        [funded(1_000, epoch=0)],
        [moved(ALICE, BOB, 70)],
        [committed(1_000, active_at=now + 3 + VETO_WINDOW)],
        *[()] * 7,
        [*withdrawn(SONG_0), moved(BOB, ALICE, 30), funded(55, epoch=1)],
        [moved(ALICE, BOB, 5)],
        *[()] * 8,
    )
    return chain


def replace_from_11(chain: FakeChain) -> None:
    """Blocks from 11 on become others: other money comes in, and the film is paid instead."""
    chain.reorg(
        10,
        [funded(77, epoch=1), moved(BOB, ALICE, 31)],
        withdrawn(FILM_0),
        *[()] * 14,
    )


class Indexed:
    """One database, with what the processes do to it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def index(self, chain: FakeChain) -> None:
        with owned_chain(self.engine, CHAIN_ID) as store:
            synced(indexing(), chain, store)

    def post(self) -> None:
        is_caught_up = False
        while not is_caught_up:
            with self.engine.begin() as connection:
                is_caught_up = post_step(
                    FactReads(connection, SETTLEMENT),
                    COMPUTED,
                    LedgerStore(connection, BOOK),
                    start_block=SETTLEMENT.start_block,
                    blocks_max=5,
                ).is_caught_up

    def plan_payouts(self, leaves: Sequence[Leaf]) -> int:
        with payouts_owner(
            self.engine, CHAIN_ID, sender=REGISTRANT, contracts=[SETTLEMENT.payouts]
        ) as owner:
            store = SqlPayoutStore(owner, CHAIN_ID, [SETTLEMENT.payouts], LedgerReservations())
            return store.plan([operation_of(leaf) for leaf in leaves])

    def answers(self) -> dict[str, Any]:
        """What reads of facts and books say, without what is zero."""
        with self.engine.connect() as connection:
            reads = LedgerReads(connection, BOOK)
            tokens = connection.execute(
                select(TOKEN_BALANCE.c.account, TOKEN_BALANCE.c.balance)
                .where(TOKEN_BALANCE.c.balance != 0)
                .order_by(TOKEN_BALANCE.c.account)
            )
            return {
                "facts": snapshot(connection),
                "tokens": [tuple(row) for row in tokens],
                "finalized": FactReads(connection, SETTLEMENT).finalized(),
                "cursor": LedgerStore(connection, BOOK).cursor(),
                "balances": [one for one in reads.balances() if one.posted or one.pending],
                "leaves": reads.payable_leaves(),
                "flows": reads.flows(),
                "commitments": reads.standing_commitments(),
            }

    def rows(self) -> Mapping[str, list[str]]:
        """Every row of every table."""
        with self.engine.connect() as connection:
            return {
                name: sorted(
                    str(row[0])
                    for row in connection.execute(text(f"SELECT t::text FROM {name} t"))  # noqa: S608
                )
                for name in sorted(METADATA.tables)
            }
