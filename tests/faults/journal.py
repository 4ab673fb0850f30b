"""Tampering with the books below their own rules: as somebody with the database's password could.

Imports nothing of what is supposed to find it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from contracts.evm import keccak

_ENTRIES = """
    SELECT e.id, e.contract, e.source_kind, e.source_id, e.leg, e.block_number, e.block_hash,
           e.effective_at, p.ordinal, p.asset, p.amount, d.kind AS debit, c.kind AS credit,
           d.payee AS debit_payee, c.payee AS credit_payee, d.work_id
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id
    JOIN ledger_account d ON d.id = p.debit_account
    JOIN ledger_account c ON c.id = p.credit_account
    WHERE e.status = 'posted' AND (%(kind)s = e.source_kind)
      AND (%(debit)s::text IS NULL OR d.kind = %(debit)s)
      AND (%(credit)s::text IS NULL OR c.kind = %(credit)s)
    ORDER BY e.source_id, e.leg, p.ordinal
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A posted entry, by one of its postings."""

    id: bytes
    contract: bytes
    source_id: bytes
    block_number: int | None
    block_hash: bytes | None
    effective_at: int
    ordinal: int
    asset: bytes
    amount: int
    payee: bytes | None
    work_id: bytes | None

    @property
    def log_index(self) -> int:
        return int.from_bytes(self.source_id[16:], "big")


class Journal:
    """The journal of a database, without triggers and foreign keys."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def open(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        with psycopg.connect(self._url, row_factory=dict_row) as connection:
            connection.execute("SET session_replication_role = replica")
            yield connection

    def entries(self, debit: str | None, credit: str | None, *, kind: str = "log") -> list[Entry]:
        """Posted entries from one kind of account to another, in chain order."""
        with self.open() as connection:
            values = {"debit": debit, "credit": credit, "kind": kind}
            rows = connection.execute(_ENTRIES, values).fetchall()
        return [
            Entry(
                id=row["id"],
                contract=row["contract"],
                source_id=row["source_id"],
                block_number=row["block_number"],
                block_hash=row["block_hash"],
                effective_at=row["effective_at"],
                ordinal=row["ordinal"],
                asset=row["asset"],
                amount=int(row["amount"]),
                payee=row["debit_payee"] or row["credit_payee"],
                work_id=row["work_id"],
            )
            for row in rows
        ]

    def execute(self, statement: str, *values: object) -> None:
        with self.open() as connection:
            assert connection.execute(statement, values).rowcount, statement

    def add_to_amount(self, entry: Entry, units: int) -> None:
        self.execute(
            "UPDATE posting SET amount = amount + %s WHERE entry_id = %s AND ordinal = %s",
            *(units, entry.id, entry.ordinal),
        )

    def delete(self, entry: Entry) -> None:
        self.execute("DELETE FROM posting WHERE entry_id = %s", entry.id)
        self.execute("DELETE FROM journal_entry WHERE id = %s", entry.id)

    def set_asset(self, entry: Entry, asset: bytes) -> None:
        self.execute("UPDATE posting SET asset = %s WHERE entry_id = %s", asset, entry.id)

    def set_payee(self, entry: Entry, side: str, payee: bytes) -> None:
        """Another account of the same kind, with this payee."""
        with self.open() as connection:
            row = connection.execute(
                f"SELECT a.* FROM posting p JOIN ledger_account a ON a.id = p.{side}_account"  # noqa: S608
                " WHERE p.entry_id = %s AND p.ordinal = %s",
                (entry.id, entry.ordinal),
            ).fetchone()
            assert row is not None
            forged = row | {"id": bytes(keccak(row["id"] + payee)), "payee": payee}
            _insert(connection, "ledger_account", forged)
            connection.execute(
                f"UPDATE posting SET {side}_account = %s WHERE entry_id = %s AND ordinal = %s",  # noqa: S608
                (forged["id"], entry.id, entry.ordinal),
            )

    def forge(self, model: Entry, posting: Mapping[str, object], **head: object) -> bytes:
        """A copy of an entry with other content; its id."""
        forged_id = bytes(keccak(model.id + repr(sorted(head.items())).encode()))
        with self.open() as connection:
            row = connection.execute(
                "SELECT * FROM journal_entry WHERE id = %s", (model.id,)
            ).fetchone()
            assert row is not None
            _insert(connection, "journal_entry", row | {"id": forged_id} | head)
            rows = connection.execute(
                "SELECT * FROM posting WHERE entry_id = %s", (model.id,)
            ).fetchall()
            for one in rows:
                status = {"status": head.get("status", one["status"])}
                _insert(
                    connection, "posting", one | {"entry_id": forged_id} | status | dict(posting)
                )
        return forged_id

    def account(self, entry: Entry, side: str) -> bytes:
        """The id of the account on one side of an entry."""
        with self.open() as connection:
            row = connection.execute(
                f"SELECT {side}_account AS id FROM posting WHERE entry_id = %s AND ordinal = %s",  # noqa: S608
                (entry.id, entry.ordinal),
            ).fetchone()
        assert row is not None
        return bytes(row["id"])

    def copy_row(self, table: str, where: str, changes: Mapping[str, object]) -> None:
        """One row of a table again, with changes."""
        with self.open() as connection:
            row = connection.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1").fetchone()  # noqa: S608
            assert row is not None
            _insert(connection, table, row | dict(changes))


def at(model: Entry, log_index: int) -> dict[str, object]:
    """The head of an entry that claims another log of the same block."""
    return {"source_id": model.source_id[:16] + log_index.to_bytes(8, "big")}


def _insert(
    connection: psycopg.Connection[dict[str, Any]], table: str, row: Mapping[str, Any]
) -> None:
    """Insert a row, but for what the database fills in by itself."""
    generated = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND (is_identity = 'YES' OR is_generated = 'ALWAYS')",
        (table,),
    ).fetchall()
    skipped = {one["column_name"] for one in generated}
    names = [name for name in row if name not in skipped]
    marks = ", ".join(["%s"] * len(names))
    columns = ", ".join(f'"{name}"' for name in names)
    connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608
        [row[name] for name in names],
    )


def empty_facts(url: str) -> int:
    """Take everything away that the indexer ever stored; the number of tables."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND (tablename LIKE 'fact%' OR tablename IN ('block', 'log', 'cursor'))"
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(row[0]) for row in rows)
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
    return len(rows)
