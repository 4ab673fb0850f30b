"""Proofs of stored blocks: what `FactStoreContract` says of them, and what only a database can."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, text

from contracts.evm import ChainId
from indexer.adapters.proofs import prove_blocks, unproved_blocks
from indexer.adapters.store import PostgresFacts, owned_chain
from indexer.adapters.tables import BLOCK_IS_UNPROVED
from indexer.blocks import Proof
from indexer.errors import IndexDamaged
from indexer.levels import Level
from scripts.embedded.postgres import PostgresServer
from tests.builders_chain import eventful_chain
from tests.fact_store_contract import blocks_of, extension
from tests.fakes_chain import CHAIN_ID, FakeChain
from tests.postgres_facts import fact_engine


@pytest.fixture
def chain() -> FakeChain:
    return eventful_chain(10)


@pytest.fixture
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("proofs")) as engine:
        yield engine


@pytest.fixture
def store(engine: Engine, chain: FakeChain) -> Iterator[PostgresFacts]:
    with owned_chain(engine, CHAIN_ID) as store:
        store.extend(extension(chain, 0, 9, on=None, finalized=6))
        yield store


@pytest.fixture
def db_tx(engine: Engine, store: PostgresFacts) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection


def test_prove_blocks__other_logs_or_another_block__named(
    db_tx: Connection, chain: FakeChain
) -> None:
    blocks = blocks_of(chain, 2, 6, proof=Proof.RECEIPTS)
    digests, hashes = blocks.rows_digest.copy(), blocks.hash.copy()
    digests[1, 31] ^= 1
    hashes[3, 0] ^= 1

    with pytest.raises(IndexDamaged, match="block 3 is proved to have other logs"):
        prove_blocks(db_tx, CHAIN_ID, replace(blocks, rows_digest=digests))
    with pytest.raises(IndexDamaged, match=r"block 5 0x.* is proved, but not stored"):
        prove_blocks(db_tx, CHAIN_ID, replace(blocks, hash=hashes))
    with pytest.raises(IndexDamaged, match=r"block 9 0x.* is proved, but not stored"):
        prove_blocks(db_tx, CHAIN_ID, blocks_of(chain, 8, 10, proof=Proof.RECEIPTS))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Proof.EMPTY, Proof.RECEIPTS, Proof.EMPTY),
        (Proof.RECEIPTS, Proof.CORROBORATED, Proof.RECEIPTS),
        (Proof.CORROBORATED, Proof.STATED, Proof.CORROBORATED),
        (Proof.CORROBORATED, Proof.RECEIPTS, Proof.RECEIPTS),
        (Proof.STATED, Proof.EMPTY, Proof.EMPTY),
    ],
)
def test_prove_blocks__two_proofs__the_stronger(
    db_tx: Connection, chain: FakeChain, first: Proof, second: Proof, expected: Proof
) -> None:
    prove_blocks(db_tx, CHAIN_ID, blocks_of(chain, 3, 4, proof=first))
    prove_blocks(db_tx, CHAIN_ID, blocks_of(chain, 3, 4, proof=second))

    proofs = db_tx.execute(text("SELECT number, proof FROM block ORDER BY number")).all()

    assert [row.proof for row in proofs if row.number == 3] == [expected]
    assert {row.proof for row in proofs if row.number != 3} == {Proof.STATED}


def test_unproved_blocks__another_chain__not_ours(
    engine: Engine, db_tx: Connection, chain: FakeChain
) -> None:
    other = ChainId(CHAIN_ID + 1)

    assert unproved_blocks(db_tx, other, Level.RECEIPTS, blocks_max=9) is None
    with owned_chain(engine, other) as second:
        second.extend(extension(chain, 0, 9, on=None))  # nothing is final there

        assert second.unproved(Level.RECEIPTS, blocks_max=9) is None


def test_unproved_blocks__lowest__found_by_its_index(db_tx: Connection) -> None:
    db_tx.execute(text("SET LOCAL enable_seqscan = off"))

    plan = db_tx.execute(
        text(
            "EXPLAIN SELECT min(number) FROM block"  # noqa: S608
            f" WHERE chain_id = 31337 AND number <= 6 AND {BLOCK_IS_UNPROVED}"
        )
    ).scalars()

    assert "block_unproved" in "\n".join(plan)
