"""The rule that keeps gate readings right while blocks are added.

A reading says what a wallet held at the end of a block. A later transfer of that token from or to
the wallet makes it wrong, so the transaction that stores the transfer deletes the reading, and the
next question asks the chain. Readings of tokens that are not indexed stay; whoever uses them knows.

    blocks    … ── 90 ── 91 ── 92
    reading        ▲ 3 tokens   └ transfer from the wallet: the reading is gone with this commit

A reading is stored only while its block is in the index and no such transfer is above it. The
writer holds the cursor's row for that, which every extension and every reorg changes first.
"""

from sqlalchemy import Connection, text

from contracts.evm import BlockNumber, ChainId

TRANSFER_TABLES = ("fact_erc20_transfer", "fact_erc721_transfer", "fact_ticket_transfer")
"""Every table of transfers; all have a source and a target, and the token is the address."""

_MOVED = " UNION ALL ".join(
    f"SELECT address, {side} AS wallet FROM {table} "  # noqa: S608 - names of our own
    "WHERE chain_id = :chain_id AND block_number >= :first AND block_number <= :last"
    for table in TRANSFER_TABLES
    for side in ("source", "target")
)
_ANY = text("SELECT EXISTS (SELECT FROM gate_reading WHERE chain_id = :chain_id)")
_DROP = text(
    "DELETE FROM gate_reading WHERE chain_id = :chain_id "  # noqa: S608 - see above
    f"AND (token, wallet) IN ({_MOVED})"
)


def drop_moved_readings(
    db_tx: Connection, chain_id: ChainId, *, first: BlockNumber, last: BlockNumber
) -> int:
    """Delete readings that transfers of these blocks (inclusive) make wrong; how many there were.

    The blocks are those that the transaction has just added. Without readings nothing is looked at.
    """
    if not db_tx.execute(_ANY, {"chain_id": chain_id}).scalar_one():
        return 0
    return db_tx.execute(_DROP, {"chain_id": chain_id, "first": first, "last": last}).rowcount
