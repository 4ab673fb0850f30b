"""Who holds which ticket, of which event: the last transfer of every ticket, as a table.

A wallet may have had a hundred thousand tickets, and an event may have as many: the transfers alone
find the few that a question is about only by reading all of either. So the database keeps one row
for each ticket, found by (holder, event). Triggers make the row anew, in the transaction that adds
or deletes transfers or issues, from the facts that are there then: a reorg stays a delete, and
blocks may come in any order. What is not both issued and moved has no row; the zero address holds
what was burned.
"""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column

TICKET_HOLDING = Table(
    "ticket_holding",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("address", AddressColumn, nullable=False),
    Column("ticket_id", Uint256Column, nullable=False),
    Column("event_id", Hash32Column, nullable=False),
    Column("holder", AddressColumn, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "address", "ticket_id", name="ticket_holding_pk"),
    Index(
        "ticket_holding_by_holder",
        *("chain_id", "address", "holder", "event_id", "block_number", "log_index"),
    ),
)
"""`block_number` and `log_index` are those of the transfer that made the holder one."""

_MOVED = """
    CREATE FUNCTION ticket_holding_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO ticket_holding AS h
        SELECT DISTINCT ON (c.chain_id, c.address, c.token_id)
            c.chain_id, c.address, c.token_id, i.event_id, c.target, c.block_number, c.log_index
        FROM changed c
        JOIN fact_ticket_issued i
          ON i.chain_id = c.chain_id AND i.address = c.address AND i.ticket_id = c.token_id
        ORDER BY c.chain_id, c.address, c.token_id, c.block_number DESC, c.log_index DESC
        ON CONFLICT (chain_id, address, ticket_id) DO UPDATE
            SET (holder, block_number, log_index)
              = (excluded.holder, excluded.block_number, excluded.log_index)
            WHERE (excluded.block_number, excluded.log_index) > (h.block_number, h.log_index);
        RETURN NULL;
    END $$
    """
"""The last of the new transfers of each ticket counts, if it is later than the one that did."""


def _renewed(ticket: str) -> str:
    """Make the rows anew of all tickets that a statement has changed something about.

    All transfers of such a ticket are read: in the order of blocks an index of all tickets would
    seem to do, and would be read from its end.
    """
    return f"""
    CREATE FUNCTION ticket_holding_renewed_by_{ticket}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM ticket_holding h USING changed c
        WHERE h.chain_id = c.chain_id AND h.address = c.address AND h.ticket_id = c.{ticket};
        INSERT INTO ticket_holding
        SELECT c.chain_id, c.address, c.{ticket}, i.event_id, t.target, t.block_number, t.log_index
        FROM (SELECT DISTINCT chain_id, address, {ticket} FROM changed) c
        JOIN fact_ticket_issued i
          ON i.chain_id = c.chain_id AND i.address = c.address AND i.ticket_id = c.{ticket}
        CROSS JOIN LATERAL (
            SELECT target, block_number, log_index FROM fact_ticket_transfer
            WHERE chain_id = c.chain_id AND address = c.address AND token_id = c.{ticket}
            ORDER BY (block_number, log_index) DESC LIMIT 1
        ) t
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$
    """  # noqa: S608 - names of our own


def _trigger(table: str, change: str, rows: str, function: str) -> str:
    return f"""
    CREATE TRIGGER {table}_{change.lower()}_held AFTER {change} ON {table}
        REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {function}()
    """


EXTRA_DDL: tuple[str, ...] = (
    _MOVED,
    _renewed("token_id"),
    _renewed("ticket_id"),
    _trigger("fact_ticket_transfer", "INSERT", "NEW", "ticket_holding_moved"),
    _trigger("fact_ticket_transfer", "DELETE", "OLD", "ticket_holding_renewed_by_token_id"),
    _trigger("fact_ticket_issued", "INSERT", "NEW", "ticket_holding_renewed_by_ticket_id"),
    _trigger("fact_ticket_issued", "DELETE", "OLD", "ticket_holding_renewed_by_ticket_id"),
)
