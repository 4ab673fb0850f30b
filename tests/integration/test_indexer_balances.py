"""Balances that are kept at one block, against a sum over all transfers of the chain."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import Connection, Engine, delete, select

from contracts.addresses import Settlement
from contracts.events import ERC20_APPROVAL, ERC20_TRANSFER
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, ChainId
from contracts.units import UINT256_MAX
from indexer.adapters.balances import balances_number, fold_balances, unfold_balances
from indexer.adapters.reads import FactReads
from indexer.adapters.store import PostgresFacts, owned_chain
from indexer.adapters.tables import TOKEN_BALANCE
from indexer.errors import IndexDamaged, NotIndexed
from scripts.embedded.postgres import PostgresServer
from tests.fact_store_contract import extension, movements, ref, replacement
from tests.fakes_chain import CHAIN_ID, TOKEN, FakeChain, FakeLog, log_of
from tests.postgres_facts import fact_engine

ALICE, BOB, CAROL = Address(b"\x0a" * 20), Address(b"\x0b" * 20), Address(b"\x0c" * 20)
Balances = dict[Address, int]

STORY = (
    (ZERO_ADDRESS, ALICE, 1_000),  # block 1: mint
    (ALICE, BOB, 400),
    (BOB, BOB, 50),  # to itself
    (BOB, CAROL, 0),
    (BOB, ZERO_ADDRESS, 100),  # burn
    (ALICE, CAROL, 600),  # all that is left
    (ZERO_ADDRESS, CAROL, UINT256_MAX),
    (ZERO_ADDRESS, CAROL, UINT256_MAX),
    (CAROL, ALICE, UINT256_MAX),
    (BOB, ALICE, 7),
)
"""Blocks 1 to 10, one transfer each."""


def transfer(source: Address, target: Address, amount: int) -> FakeLog:
    return log_of(ERC20_TRANSFER, TOKEN, (source, target, amount))


def summed(upto: int) -> Balances:
    """The balances that are not zero after blocks up to this one."""
    sums: Counter[Address] = Counter()
    for source, target, amount in STORY[:upto]:
        sums[source] -= amount
        sums[target] += amount
    return {account: balance for account, balance in sums.items() if balance}


@pytest.fixture
def chain() -> FakeChain:
    chain = FakeChain()
    approval = log_of(ERC20_APPROVAL, TOKEN, (ALICE, BOB, 5))
    chain.mine(*([approval, transfer(*one)] for one in STORY))
    return chain


@pytest.fixture
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("balances")) as engine:
        yield engine


@pytest.fixture
def store(engine: Engine) -> Iterator[PostgresFacts]:
    with owned_chain(engine, CHAIN_ID) as store:
        yield store


@pytest.fixture
def db_tx(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@pytest.fixture
def reads(db_tx: Connection) -> FactReads:
    settlement = Settlement(
        name="s", chain_id=CHAIN_ID, start_block=BlockNumber(0), contracts={}, tokens=(TOKEN,)
    )
    return FactReads(db_tx, settlement)


def kept(db_tx: Connection, chain_id: ChainId = CHAIN_ID) -> Balances:
    """Kept balances that are not zero."""
    of_chain = select(TOKEN_BALANCE).where(TOKEN_BALANCE.c.chain_id == chain_id)
    rows = db_tx.execute(of_chain).all()
    assert {row.token for row in rows} <= {TOKEN}
    return {row.account: row.balance for row in rows if row.balance}


def rows(db_tx: Connection) -> set[tuple[object, ...]]:
    """Everything that is kept, also zeros."""
    return {tuple(row) for row in db_tx.execute(select(TOKEN_BALANCE))}


@pytest.mark.parametrize("stops", [(10,), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10), (4, 9, 10), (0, 7, 10)])
def test_fold__any_steps__the_sum_of_all_transfers(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain, stops: tuple[int, ...]
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=10))

    for stop in stops:
        assert store.fold_balances(ref(chain, stop))
        assert kept(db_tx) == summed(stop)
        assert balances_number(db_tx, CHAIN_ID) == stop


@pytest.mark.parametrize("cuts", [(11,), (4, 11), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)])
def test_add_movements__any_steps__rows_as_the_store_folds_them(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain, cuts: tuple[int, ...]
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=10))
    store.fold_balances(ref(chain, 10))
    folded = rows(db_tx)
    unfold_balances(db_tx, CHAIN_ID, BlockNumber(-1))
    db_tx.execute(delete(TOKEN_BALANCE))

    for start, end in pairwise((0, *cuts)):
        assert store.add_movements(movements(chain, start, end))
        assert kept(db_tx) == summed(end - 1)

    assert rows(db_tx) == folded
    assert balances_number(db_tx, CHAIN_ID) == 10


def test_add_movements__after_a_fold__joins_on(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=10))
    store.fold_balances(ref(chain, 5))

    assert not store.add_movements(movements(chain, 5, 9))
    assert not store.add_movements(movements(chain, 7, 9))
    assert kept(db_tx) == summed(5)
    assert store.add_movements(movements(chain, 6, 9))

    assert kept(db_tx) == summed(8)


def test_fold__twice__as_once(store: PostgresFacts, db_tx: Connection, chain: FakeChain) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=10))
    store.fold_balances(ref(chain, 6))

    assert not store.fold_balances(ref(chain, 6))
    assert not store.fold_balances(ref(chain, 5))

    assert kept(db_tx) == summed(6)
    assert balances_number(db_tx, CHAIN_ID) == 6


def test_fold__zero_address__minus_the_supply(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=10))
    store.fold_balances(ref(chain, 8))

    assert kept(db_tx)[ZERO_ADDRESS] == -(900 + 2 * UINT256_MAX)
    assert kept(db_tx)[CAROL] == 600 + 2 * UINT256_MAX  # more than a uint256


def test_fold__more_than_any_uint256__exact(store: PostgresFacts, db_tx: Connection) -> None:
    """A token may emit what it likes; a sum of 79 digits must not stop the indexer."""
    chain = FakeChain()
    chain.mine([transfer(ZERO_ADDRESS, ALICE, UINT256_MAX)] * 200)
    store.extend(extension(chain, 0, 2, on=None, finalized=1))

    store.fold_balances(ref(chain, 1))

    assert kept(db_tx) == {ALICE: 200 * UINT256_MAX, ZERO_ADDRESS: -200 * UINT256_MAX}


def test_fold__block_that_is_not_finalized__refused(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain
) -> None:
    store.extend(extension(chain, 0, 11, on=None))
    with pytest.raises(IndexDamaged, match="block 3 is not finalized"):
        store.fold_balances(ref(chain, 3))
    store.finalize(ref(chain, 3))
    with pytest.raises(IndexDamaged, match="block 4 is not finalized"):
        store.fold_balances(ref(chain, 4))

    assert kept(db_tx) == {}


def test_fold__two_tokens_and_chains__each_its_own(
    engine: Engine, store: PostgresFacts, db_tx: Connection, chain: FakeChain
) -> None:
    other = ChainId(CHAIN_ID + 1)
    with owned_chain(engine, other) as second:
        second.extend(extension(chain, 0, 4, on=None, finalized=3))
        store.extend(extension(chain, 0, 11, on=None, finalized=10))
        second.fold_balances(ref(chain, 3))
        store.fold_balances(ref(chain, 9))

    assert kept(db_tx, other) == summed(3)
    assert kept(db_tx) == summed(9)


def test_fold__fails__sums_and_cursor_stay(
    store: PostgresFacts, engine: Engine, chain: FakeChain
) -> None:
    """A crash between the sums and the cursor undoes the sums."""
    store.extend(extension(chain, 0, 11, on=None, finalized=10))
    with engine.connect() as connection:
        fold_balances(connection, CHAIN_ID, BlockNumber(10))
        connection.rollback()

        assert kept(connection) == {}
        assert fold_balances(connection, CHAIN_ID, BlockNumber(10))
        assert kept(connection) == summed(10)
        connection.rollback()


def test_reorg__above_the_cursor__sums_stay_and_new_blocks_count(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain, reads: FactReads
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=5))
    store.fold_balances(ref(chain, 5))
    old_head = ref(chain, 10)
    rewound = replacement(chain, head=10, ancestor=7)
    chain.reorg(3, [transfer(BOB, ALICE, 1)], [])

    store.replace(rewound)
    assert kept(db_tx) == summed(5)
    store.extend(extension(chain, 8, 10, on=ref(chain, 7), finalized=9))

    expected = summed(7)
    assert reads.token_balance(TOKEN, BOB, ref(chain, 9)) == expected[BOB] - 1
    with pytest.raises(NotIndexed):
        reads.token_balance(TOKEN, BOB, old_head)
    store.fold_balances(ref(chain, 9))
    assert kept(db_tx)[BOB] == expected[BOB] - 1
    assert kept(db_tx)[ALICE] == expected.get(ALICE, 0) + 1


def test_reorg__below_the_cursor__refused(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=5))
    store.fold_balances(ref(chain, 5))

    with pytest.raises(IndexDamaged, match="finalized block 5 would be deleted"):
        store.replace(replacement(chain, head=10, ancestor=4))

    assert kept(db_tx) == summed(5)


@pytest.mark.parametrize("height", [-1, 0, 1, 5, 8, 9])
def test_unfold__above_a_height__as_if_never_added(
    store: PostgresFacts, db_tx: Connection, chain: FakeChain, height: int
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=10))
    store.fold_balances(ref(chain, 9))

    assert unfold_balances(db_tx, CHAIN_ID, BlockNumber(height)) == (height < 9)
    assert not unfold_balances(db_tx, CHAIN_ID, BlockNumber(height))

    assert kept(db_tx) == summed(max(height, 0))
    assert balances_number(db_tx, CHAIN_ID) == height
    assert store.fold_balances(ref(chain, 10))
    assert kept(db_tx) == summed(10)


@pytest.mark.parametrize("cursor", [None, 3, 6, 10])
def test_token_balance__any_block_wherever_the_cursor_is__the_sum_up_to_it(
    store: PostgresFacts, chain: FakeChain, reads: FactReads, cursor: int | None
) -> None:
    store.extend(extension(chain, 0, 11, on=None, finalized=10))
    if cursor is not None:
        store.fold_balances(ref(chain, cursor))

    for at in range(11):
        expected = summed(at)
        for account in (ALICE, BOB, CAROL, ZERO_ADDRESS):
            balance = reads.token_balance(TOKEN, account, ref(chain, at))
            assert balance == expected.get(account, 0), (at, account)
    assert reads.token_balance(Address(b"\x77" * 20), ALICE, ref(chain, 10)) == 0
