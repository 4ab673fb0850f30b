"""Compares what was indexed with what the generator knows, row by row through digests."""

import hashlib
from dataclasses import dataclass

import psycopg

from tests.bench.chain_files import ChainFiles, Rows
from tests.bench.yardstick import CHAIN_ID, TOKEN

_EVENT = """
SELECT fact.block_number, fact.log_index, encode(fact.address, 'hex'),
    encode(fact.{0}, 'hex'), encode(fact.{1}, 'hex'), fact.amount,
    encode(fact.transaction_hash, 'hex'), fact.transaction_index, block.timestamp
FROM {2} AS fact
JOIN block ON block.chain_id = fact.chain_id AND block.number = fact.block_number
WHERE fact.chain_id = {3} ORDER BY fact.block_number, fact.log_index
"""
_QUERIES = {
    "block": f"""
SELECT number, encode(hash, 'hex'), encode(parent_hash, 'hex'), timestamp
FROM block WHERE chain_id = {CHAIN_ID} ORDER BY number
""",  # noqa: S608 - constants of the bench
    "transfer": _EVENT.format("source", "target", "fact_erc20_transfer", CHAIN_ID),
    "approval": _EVENT.format("owner", "spender", "fact_erc20_approval", CHAIN_ID),
    "balance": f"""
SELECT encode(account, 'hex'), balance FROM token_balance
WHERE chain_id = {CHAIN_ID} AND token = '\\x{TOKEN.hex()}' AND balance <> 0 ORDER BY account
""",  # noqa: S608
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table against the generator."""

    expected: Rows
    actual: Rows

    @property
    def is_equal(self) -> bool:
        return self.expected == self.actual


def compared(database_url: str, chain: ChainFiles) -> dict[str, Comparison]:
    """Blocks, transfers, approvals (each with time and transaction hash) and balances."""
    with psycopg.connect(database_url) as connection:
        return {
            name: Comparison(chain.expected[name], _rows(connection, query))
            for name, query in _QUERIES.items()
        }


def _rows(connection: psycopg.Connection, query: str) -> Rows:
    digest, count = hashlib.sha256(), 0
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT".encode()) as copy:
        for part in copy:
            digest.update(part)
            count += bytes(part).count(b"\n")
    return Rows(count, digest.hexdigest())
