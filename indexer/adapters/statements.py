"""Who said what, where endpoints did not agree: the table of it, its one writer, its reads.

Statements about one block that were made together share a `look`: the digest of what was said. The
same look is not written twice, so a dispute that goes on for hours is a few rows. A dispute is open
until the endpoints are asked again and agree; while one is open, disputes of higher blocks are not
written, because nothing above it counts anyway.

Retention: for ever. Rows are few, and they are what a provider can be shown; triggers refuse to
change or delete them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    func,
    insert,
    select,
)
from sqlmodel import SQLModel

from contracts.columns import Hash32Column
from contracts.evm import BlockNumber, ChainId, Hash32
from indexer.agreement import Asked, Statement, Verdict


def _one_of(column: str, values: type[Asked] | type[Verdict]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


PROVIDER_STATEMENT = Table(
    "provider_statement",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("asked", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("look", Hash32Column, nullable=False),
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint(_one_of("asked", Asked), name="provider_statement_asked"),
    CheckConstraint(_one_of("verdict", Verdict), name="provider_statement_verdict"),
    Index("provider_statement_of_block", "chain_id", "block_number", "asked", "id"),
)
"""What one endpoint said about one block."""

EXTRA_DDL: Final = (
    """CREATE FUNCTION indexer_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$""",
    """CREATE TRIGGER provider_statement_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON provider_statement
        FOR EACH STATEMENT EXECUTE FUNCTION indexer_refuse_change()""",
)
"""What SQLAlchemy cannot say."""

_OF: Final = PROVIDER_STATEMENT.c
_About: TypeAlias = tuple[BlockNumber, Asked, Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDispute:
    """A block about which endpoints do not agree, and who said what at last."""

    number: BlockNumber
    asked: Asked
    statements: tuple[Statement, ...]


def add_statements(db_tx: Connection, chain_id: ChainId, statements: Sequence[Statement]) -> None:
    """Append what was said, unless it is what was said before."""
    for about, group in groupby(sorted(statements, key=_about), key=_about):
        made = tuple(group)
        look = _look(made)
        if _is_new(db_tx, chain_id, about, look):
            rows = [
                {
                    "chain_id": chain_id,
                    "block_number": one.number,
                    "asked": one.asked.value,
                    "host": one.host,
                    "said": one.said,
                    "verdict": one.verdict.value,
                    "look": look,
                }
                for one in made
            ]
            db_tx.execute(insert(PROVIDER_STATEMENT), rows)


def open_disputes(db_tx: Connection, chain_id: ChainId) -> list[OpenDispute]:
    """The disputes of a chain that are not settled, the lowest block first."""
    newest = (
        select(func.max(_OF.id))
        .where(_OF.chain_id == chain_id, _OF.verdict != Verdict.FORKED.value)
        .group_by(_OF.block_number, _OF.asked)
    )
    query = (
        select(_OF.block_number, _OF.asked, _OF.look)
        .where(_OF.id.in_(newest), _OF.verdict == Verdict.DISPUTED.value)
        .order_by(_OF.block_number, _OF.asked)
    )
    return [
        _dispute(db_tx, chain_id, Asked(row.asked), (BlockNumber(row.block_number), row.look))
        for row in db_tx.execute(query).all()
    ]


def _dispute(
    db_tx: Connection, chain_id: ChainId, asked: Asked, place: tuple[BlockNumber, Hash32]
) -> OpenDispute:
    number, look = place
    query = (
        select(_OF.host, _OF.said)
        .distinct()
        .where(_OF.chain_id == chain_id, _OF.block_number == number)
        .where(_OF.asked == asked.value, _OF.look == look)
        .order_by(_OF.host)
    )
    statements = tuple(
        Statement(
            host=row.host, number=number, asked=asked, said=row.said, verdict=Verdict.DISPUTED
        )
        for row in db_tx.execute(query)
    )
    return OpenDispute(number=number, asked=asked, statements=statements)


def _is_new(db_tx: Connection, chain_id: ChainId, about: _About, look: Hash32) -> bool:
    """Whether a look changes what is known of the block."""
    number, asked, verdict = about
    if verdict is Verdict.FORKED:
        return look != _last_look(db_tx, chain_id, about)
    disputes = open_disputes(db_tx, chain_id)
    if verdict is Verdict.AGREED:
        return any((one.number, one.asked) == (number, asked) for one in disputes)
    is_lowest = all(one.number >= number for one in disputes)
    return is_lowest and look != _last_look(db_tx, chain_id, about)


def _last_look(db_tx: Connection, chain_id: ChainId, about: _About) -> Hash32 | None:
    """What was said last of the block; of forks and of disputes apart."""
    number, asked, verdict = about
    is_fork = _OF.verdict == Verdict.FORKED.value
    query = (
        select(_OF.look)
        .where(_OF.chain_id == chain_id, _OF.block_number == number, _OF.asked == asked.value)
        .where(is_fork if verdict is Verdict.FORKED else ~is_fork)
        .order_by(_OF.id.desc())
        .limit(1)
    )
    look: Hash32 | None = db_tx.execute(query).scalar()
    return look


def _about(statement: Statement) -> _About:
    return statement.number, statement.asked, statement.verdict


def _look(statements: Sequence[Statement]) -> Hash32:
    """The digest of what was said, by host, and of what it means together."""
    lines = sorted(f"{one.verdict.value} {one.host} {one.said}" for one in statements)
    return Hash32(sha256("\n".join(lines).encode()).digest())
