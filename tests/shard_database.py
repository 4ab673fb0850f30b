"""A database with the facts of one epoch and the tables of shards."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, insert, text
from sqlmodel import SQLModel

from contracts.event_spec import ContractName
from contracts.events import CONSUMPTION_SUBMITTED, SUBSCRIBED
from contracts.evm import BlockNumber, BlockRef, Epoch, Timestamp, keccak
from indexer.adapters.tables import BLOCK, FACTS
from settlement.royalties.adapters import shard_tables, tables
from tests.royalties_builders import SETTLEMENT
from tests.shard_inputs import UsageEvents

BOUNDARY_BLOCK, REFERENCE_BLOCK = BlockNumber(10_000_000), BlockNumber(10_000_001)


@contextmanager
def shard_engine(url: str) -> Iterator[Engine]:
    """An engine on a new database, with the border blocks of the epoch."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    wanted = (BLOCK, FACTS[CONSUMPTION_SUBMITTED.table], FACTS[SUBSCRIBED.table])
    SQLModel.metadata.create_all(engine, (*wanted, *tables.TABLES, *shard_tables.TABLES))
    with engine.begin() as connection:
        for statement in (*tables.EXTRA_DDL, *shard_tables.EXTRA_DDL):
            connection.execute(text(statement))
        connection.execute(insert(BLOCK), [_row(one) for one in (boundary(), reference())])
    try:
        yield engine
    finally:
        engine.dispose()


def boundary() -> BlockRef:
    return _block(BOUNDARY_BLOCK)


def reference() -> BlockRef:
    return _block(REFERENCE_BLOCK)


def store_events(engine: Engine, events: UsageEvents, epoch: Epoch) -> None:
    """Write events as the indexer would."""
    paid, used = events.subscribed, events.consumption
    subscriptions = [
        {
            "subscriber": paid.subscriber[at],
            "tier_id": paid.tier_id[at],
            "payer": paid.payer[at],
            "asset": paid.asset[at],
            "amount": paid.amount[at],
        }
        | _place(ContractName.SUBSCRIPTION_TIERS, paid.block_number[at], paid.log_index[at], epoch)
        for at in range(len(paid))
    ]
    submissions = [
        {
            "submitter": used.submitter[at],
            "tier_id": used.tier_id[at],
            "part": used.part[at],
            "work_ids": used.work_ids[at],
            "minutes_played": used.minutes_played[at],
            "plays": used.plays[at],
            "pseudonyms": used.pseudonyms[at],
            "digest": used.digest[at],
        }
        | _place(
            ContractName.CONSUMPTION_SUBMISSIONS, used.block_number[at], used.log_index[at], epoch
        )
        for at in range(len(used))
    ]
    with engine.begin() as connection:
        for spec, rows in ((SUBSCRIBED, subscriptions), (CONSUMPTION_SUBMITTED, submissions)):
            if rows:
                connection.execute(insert(FACTS[spec.table]), rows)


def _place(contract: ContractName, block: int, log: int, epoch: Epoch) -> dict[str, object]:
    return {
        "chain_id": SETTLEMENT.chain_id,
        "block_number": block,
        "log_index": log,
        "address": SETTLEMENT.contracts[contract],
        "epoch": epoch,
    }


def _block(number: BlockNumber) -> BlockRef:
    return BlockRef(
        number=number,
        hash=keccak(number.to_bytes(8, "big")),
        parent_hash=keccak((number - 1).to_bytes(8, "big")),
        timestamp=Timestamp(2_000_000_000),
    )


def _row(block: BlockRef) -> dict[str, object]:
    empty = {"header": b"", "rows_digest": keccak(b""), "proof": 1}
    return empty | {
        "chain_id": SETTLEMENT.chain_id,
        "number": block.number,
        "hash": block.hash,
        "parent_hash": block.parent_hash,
        "timestamp": block.timestamp,
    }
