"""A database with the tables of the books alone, emptied for each test."""

from collections.abc import Iterator

from sqlalchemy import Engine, create_engine
from sqlmodel import SQLModel

from scripts.embedded.postgres import PostgresServer
from settlement.ledger.adapters import schema


def ledger_database(server: PostgresServer, name: str) -> Iterator[Engine]:
    """The tables and their rules, while the caller holds on to it."""
    engine = create_engine(server.url(name))
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection, tables=schema.TABLES)
        for statement in schema.EXTRA_DDL:
            connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


def emptied(engine: Engine) -> Engine:
    """The same database without a row: a superuser can switch the triggers off that refuse it."""
    names = ", ".join(table.name for table in schema.TABLES)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    return engine
