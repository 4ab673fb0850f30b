"""Storing gate readings: the one thing that answering about entitlements writes.

A reading is stored only if its block is in the index, and if no indexed transfer above that block
touches the wallet. Both are asked under a lock of the cursor's row, which every extension and every
reorg changes first: so an indexer comes wholly before, and is seen here, or wholly after, and then
deletes what it outdates (`indexer.adapters.gate_readings`, and the registry of fact tables).

Anybody may ask about any wallet, so a reading goes when it says nothing any more: whoever stores
some deletes up to `SWEPT_MAX` of those whose window is over. Admissions stay; to be admitted, a
wallet must have held something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.adapters.changes import change
from api.adapters.snapshot import Pool
from contracts.evm import Address, BlockNumber, ChainId, Hash32
from settlement.payments.gates import WINDOW_S

SWEPT_MAX: Final = 100

_LOCK_CURSOR: Final = "SELECT FROM cursor WHERE chain_id = %(chain_id)s FOR SHARE"
_IS_INDEXED: Final = """
    SELECT EXISTS (
        SELECT FROM block
        WHERE chain_id = %(chain_id)s AND number = %(number)s AND hash = %(hash)s)
"""
_IS_MOVED: Final = """
    SELECT EXISTS (
        SELECT FROM (
            SELECT address, source, target FROM fact_erc20_transfer
            WHERE chain_id = %(chain_id)s AND block_number > %(number)s
            UNION ALL
            SELECT address, source, target FROM fact_erc721_transfer
            WHERE chain_id = %(chain_id)s AND block_number > %(number)s
            UNION ALL
            SELECT address, source, target FROM fact_ticket_transfer
            WHERE chain_id = %(chain_id)s AND block_number > %(number)s
        ) moved
        WHERE address = %(token)s AND (source = %(wallet)s OR target = %(wallet)s))
"""
_STORE: Final = """
    INSERT INTO gate_reading (chain_id, wallet, gate_id, block_number, token, balance)
    VALUES (%(chain_id)s, %(wallet)s, %(gate_id)s, %(number)s, %(token)s, %(balance)s)
    ON CONFLICT (chain_id, wallet, gate_id) DO UPDATE
    SET block_number = excluded.block_number, balance = excluded.balance
    WHERE gate_reading.block_number <= excluded.block_number
"""
_ADMIT: Final = """
    INSERT INTO gate_admission (chain_id, wallet, gate_id, block_number)
    VALUES (%(chain_id)s, %(wallet)s, %(gate_id)s, %(number)s)
    ON CONFLICT (chain_id, wallet, gate_id) DO UPDATE SET block_number = excluded.block_number
    WHERE gate_admission.block_number > excluded.block_number
"""
_SWEEP: Final = """
    DELETE FROM gate_reading r USING (
        SELECT chain_id, wallet, gate_id FROM gate_reading
        WHERE chain_id = %(chain_id)s AND block_number < (
            SELECT b.number FROM block b, block h
            WHERE h.chain_id = %(chain_id)s AND h.number = %(number)s
              AND b.chain_id = %(chain_id)s AND b.timestamp > h.timestamp - %(window_s)s
            ORDER BY b.timestamp, b.number LIMIT 1)
        ORDER BY block_number LIMIT %(swept_max)s FOR UPDATE SKIP LOCKED
    ) over
    WHERE (r.chain_id, r.wallet, r.gate_id) = (over.chain_id, over.wallet, over.gate_id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReading:
    """What a wallet held of a gate's token when the chain was asked."""

    gate_id: Hash32
    token: Address
    balance: int
    is_met: bool


async def store_readings(
    pool: Pool,
    chain_id: ChainId,
    wallet: Address,
    readings: Sequence[NewReading],
    *,
    at: tuple[BlockNumber, Hash32],
) -> bool:
    """Keep readings of one block; False, and nothing kept, if it is not in the index any more."""
    number, block_hash = at
    place = {
        "chain_id": chain_id,
        "wallet": bytes(wallet),
        "number": number,
        "hash": bytes(block_hash),
    }
    async with change(pool) as connection:
        await connection.execute(_LOCK_CURSOR, place)
        cursor = await connection.execute(_IS_INDEXED, place)
        if await cursor.fetchone() != (True,):
            return False
        sweep = {"window_s": WINDOW_S, "swept_max": SWEPT_MAX}
        await connection.execute(_SWEEP, place | sweep)
        for reading in sorted(readings, key=lambda one: one.gate_id):
            values = place | {
                "gate_id": bytes(reading.gate_id),
                "token": bytes(reading.token),
                "balance": reading.balance,
            }
            if reading.is_met:
                await connection.execute(_ADMIT, values)
            cursor = await connection.execute(_IS_MOVED, values)
            if await cursor.fetchone() == (False,):
                await connection.execute(_STORE, values)
    return True
