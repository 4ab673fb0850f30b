"""Tables of gate readings: what wallets held when the chain was asked, with the block of it.

A reading is a fact of its block, so it is in the registry of fact tables: a reorg that replaces the
block takes the reading back. There is one row for each wallet and gate, and no log index, because
no log says it. Whoever reads the chain writes it; `gate_readings` has the rule that keeps it right
while blocks are added.
"""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, PrimaryKeyConstraint, Table
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column, range_check


def _at_gate(name: str, *columns: Column[Any]) -> Table:
    """One row for each (wallet, gate), at a block."""
    lengths = {"wallet": "address", "gate_id": "bytes32"}
    return Table(
        name,
        SQLModel.metadata,
        Column("chain_id", BigInteger, nullable=False),
        Column("wallet", AddressColumn, nullable=False),
        Column("gate_id", Hash32Column, nullable=False),
        Column("block_number", BigInteger, nullable=False),
        *columns,
        PrimaryKeyConstraint("chain_id", "wallet", "gate_id", name=f"{name}_pk"),
        *(
            CheckConstraint(range_check(column, kind) or "", name=f"{name}_{column}_in_range")
            for column, kind in lengths.items()
        ),
        Index(f"{name}_by_block_number", "chain_id", "block_number"),  # what a reorg takes back
    )


GATE_READING = _at_gate(
    "gate_reading",
    Column("token", AddressColumn, nullable=False),
    Column("balance", Uint256Column, nullable=False),
)
"""The last reading of a wallet at a gate; the zero address is the native coin."""

GATE_ADMISSION = _at_gate("gate_admission")
"""The earliest reading that met a gate, for the archives of a stream that was seen through it."""
