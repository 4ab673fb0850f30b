"""The whole indexer on a real chain and a real Postgres, with reorgs, kills and rivals."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from contracts.events import ERC20_TRANSFER
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, ChainId, Hash32
from indexer.adapters.store import owned_chain
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, FACTS, REORG
from indexer.blocks import Proof, hash_rows
from indexer.errors import ChainOwned, ReorgTooDeep, WrongChain
from indexer.levels import Level
from indexer.plan import IndexedChain
from indexer.rows_digest import range_digest
from indexer.sync import is_synced, run_until
from scripts.embedded.anvil import AnvilNode
from scripts.embedded.postgres import PostgresServer
from tests.anvil_chain import CHAIN_ID, AnvilToken, opened, token_plan
from tests.fakes_chain import Snapshot
from tests.postgres_facts import fact_engine, snapshot

ROOT = Path(__file__).resolve().parents[2]
TRANSFER = FACTS[ERC20_TRANSFER.table]


@pytest.fixture
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("anvil")) as engine:
        yield engine


@pytest.fixture
def token(anvil: AnvilNode) -> AnvilToken:
    return AnvilToken(anvil.url)


def index(engine: Engine, node: AnvilNode, plan: IndexedChain) -> Snapshot:
    """Index to the head, in a new session."""
    with owned_chain(engine, CHAIN_ID) as store:
        run_until(opened(plan, node.url, store), is_synced, wait=lambda: None)
    with engine.connect() as connection:
        return snapshot(connection)


def index_anew(server: PostgresServer, node: AnvilNode, plan: IndexedChain) -> Snapshot:
    """What an index of the chain as it is now holds."""
    with fact_engine(server.url("anvil_anew")) as engine:
        return index(engine, node, plan)


def folded(connection: Connection) -> dict[Address, int]:
    """Balances from the indexed transfers."""
    balances: dict[Address, int] = {}
    for source, target, amount in connection.execute(
        select(TRANSFER.c.source, TRANSFER.c.target, TRANSFER.c.amount)
    ):
        balances[source] = balances.get(source, 0) - amount
        balances[target] = balances.get(target, 0) + amount
    balances.pop(ZERO_ADDRESS)
    return balances


def digest(connection: Connection) -> Hash32:
    """The rows digest of all blocks."""
    query = select(BLOCK.c.hash, BLOCK.c.rows_digest).order_by(BLOCK.c.number)
    hashes, digests = zip(*connection.execute(query), strict=True)
    return range_digest(BlockNumber(0), hash_rows(hashes), hash_rows(digests))


def reorg_depths(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(select(REORG.c.depth_blocks).order_by(REORG.c.id)))


def test_index__transfers__balances_equal_the_chain(
    engine: Engine, anvil: AnvilNode, token: AnvilToken
) -> None:
    token.move(30)
    token.mine(25)
    token.move(5)

    taken = index(engine, anvil, token_plan(token.address))

    assert len(taken["block"]) == token.head() + 1
    assert len(taken[ERC20_TRANSFER.table]) == 36
    with engine.connect() as connection:
        on_chain = {who: units for who, units in token.balances().items() if units}
        assert folded(connection) == on_chain


def test_index__reorg_eight_deep__equals_a_new_index(
    engine: Engine, postgres_server: PostgresServer, anvil: AnvilNode, token: AnvilToken
) -> None:
    plan = token_plan(token.address)
    token.move(40)
    before = index(engine, anvil, plan)

    token.reorg(8)
    token.move(3, amount=1_000)
    after = index(engine, anvil, plan)

    assert reorg_depths(engine) == [8]
    assert after == index_anew(postgres_server, anvil, plan)
    assert after["block"][:-11] == before["block"][:-8]
    assert after["block"][-11][1] != before["block"][-8][1]
    assert len(after[ERC20_TRANSFER.table]) == 41 - 8 + 3


def test_index__head_moves_back_while_down__equals_a_new_index(
    engine: Engine, postgres_server: PostgresServer, anvil: AnvilNode, token: AnvilToken
) -> None:
    plan = token_plan(token.address)
    token.move(30)
    index(engine, anvil, plan)

    token.rollback(5)
    after = index(engine, anvil, plan)

    assert reorg_depths(engine) == [5]
    assert len(after["block"]) == token.head() + 1
    assert after == index_anew(postgres_server, anvil, plan)


def test_index__reorg_past_finality__halts_and_keeps_every_row(
    engine: Engine, anvil: AnvilNode, token: AnvilToken
) -> None:
    plan = token_plan(token.address)
    token.move(40)
    before = index(engine, anvil, plan)
    token.reorg(20)

    with pytest.raises(ReorgTooDeep, match="replaced finalized block"):
        index(engine, anvil, plan)

    with engine.connect() as connection:
        assert snapshot(connection) == before
    assert reorg_depths(engine) == []


def proofs(engine: Engine) -> dict[int, Proof]:
    """The proof of every finalized block."""
    final = select(CHAIN_FINALITY.c.number).scalar_subquery()
    query = select(BLOCK.c.number, BLOCK.c.proof).where(BLOCK.c.number <= final)
    with engine.connect() as connection:
        return {number: Proof(proof) for number, proof in connection.execute(query)}


def test_index__stored_at_headers__proved_later_without_another_row(
    engine: Engine, anvil: AnvilNode, token: AnvilToken
) -> None:
    token.move(30)
    token.mine(20)
    before = index(engine, anvil, token_plan(token.address, level=Level.HEADERS))
    stated = proofs(engine)

    after = index(engine, anvil, token_plan(token.address))

    assert after == before
    assert set(stated.values()) == {Proof.EMPTY, Proof.STATED}
    assert {number: one for number, one in proofs(engine).items() if one is Proof.EMPTY} == {
        number: one for number, one in stated.items() if one is Proof.EMPTY
    }
    assert set(proofs(engine).values()) == {Proof.EMPTY, Proof.RECEIPTS}


def test_open__other_chain_configured__rejected(engine: Engine, anvil: AnvilNode) -> None:
    foreign = replace(token_plan(Address(b"\x01" * 20)), chain_id=ChainId(1))

    with owned_chain(engine, ChainId(1)) as store, pytest.raises(WrongChain):
        opened(foreign, anvil.url, store)


@contextmanager
def child(
    node: AnvilNode, database_url: str, token: Address, *, window: int
) -> Iterator[subprocess.Popen[str]]:
    """An indexer in its own process; killed at the end, if it is still there."""
    command = [sys.executable, "-m", "tests.integration.indexer_child"]
    arguments = [node.url, database_url, str(token), str(window)]
    with subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_of(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def test_index__killed_again_and_again__nothing_lost_or_doubled(
    engine: Engine, postgres_server: PostgresServer, anvil: AnvilNode, token: AnvilToken
) -> None:
    token.move(60)
    url = postgres_server.url("anvil")

    deaths = []
    for steps in (2, 4, 7):
        with child(anvil, url, token.address, window=2) as process:
            lines_of(process, 1 + steps)
            process.send_signal(signal.SIGKILL)
            deaths.append(process.wait(60))
        if steps == 4:
            token.reorg(6)
            token.move(2, amount=500)
    with child(anvil, url, token.address, window=2) as process:
        seen = lines_of(process, 1)
        while seen[-1] != "Idle":
            seen += lines_of(process, 1)
            assert seen[-1], "the child ended"

    plan = token_plan(token.address)
    assert deaths == [-signal.SIGKILL] * 3
    with engine.connect() as connection:
        assert snapshot(connection) == index_anew(postgres_server, anvil, plan)


def test_owner__second_process__refused_until_the_first_is_killed(
    engine: Engine, postgres_server: PostgresServer, anvil: AnvilNode, token: AnvilToken
) -> None:
    url = postgres_server.url("anvil")

    with child(anvil, url, token.address, window=5) as process:
        assert lines_of(process, 1) == ["owner"]
        with pytest.raises(ChainOwned):
            index(engine, anvil, token_plan(token.address))
        process.kill()
        process.wait(60)

    patiently = Retrying(
        retry=retry_if_exception_type(ChainOwned), wait=wait_fixed(0.1), stop=stop_after_delay(60)
    )
    assert patiently(index, engine, anvil, token_plan(token.address))["block"]


GRID = [  # window in blocks, workers (0: none), level
    (3, 0, Level.RECEIPTS),
    (7, 1, Level.RECEIPTS),
    (12, 2, Level.HEADERS),
    (20, 4, Level.NONE),
    (12, 8, Level.RECEIPTS),
]


def test_index__killed_at_every_commit__one_digest_for_all_windows_and_workers(
    engine: Engine, postgres_server: PostgresServer, anvil: AnvilNode, token: AnvilToken
) -> None:
    token.move(40)
    token.mine(8)
    token.move(12)
    found = []
    url = postgres_server.url("anvil")
    command = [sys.executable, "-m", "tests.integration.crashing_indexer", anvil.url, url]

    with subprocess.Popen(
        [*command, str(token.address)],
        cwd=ROOT,
        text=True,
        bufsize=1,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as crashing:
        assert crashing.stdin
        assert crashing.stdout
        for window, workers, level in GRID:
            with fact_engine(url):  # makes it empty
                crashing.stdin.write(f"{window} {workers} {level}\n")
                deaths, exit_code = map(int, crashing.stdout.readline().split())
            assert exit_code == 0
            assert deaths >= 40 // window
            with engine.connect() as connection:
                found.append((digest(connection), snapshot(connection)))

    anew = index_anew(postgres_server, anvil, token_plan(token.address))
    assert len({one for one, _ in found}) == 1
    assert all(facts == anew for _, facts in found)
