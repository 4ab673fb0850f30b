"""A world to break, again and again: a snapshot of its chain, and a template of its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg
from psycopg import sql

from reconciliation.adapters.books import books_of
from reconciliation.adapters.chain import RPCChain
from reconciliation.adapters.documents import SqlDocuments
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Discrepancy
from reconciliation.overdue import Tolerances
from reconciliation.ports import Run, Sources
from reconciliation.reconcile import reconcile
from scripts.embedded.postgres import PostgresServer
from tests.faults.injector import Fault
from tests.payouts_settlement import CHAIN_ID, database_engine
from tests.reconciled_settlement import World

AnyWorld = TypeVar("AnyWorld", bound=World)


@dataclass
class Site(Generic[AnyWorld]):
    """A settled world, and how to come back to it."""

    world: AnyWorld
    server: PostgresServer
    template: str
    snapshot: str
    cases: int = 0

    @contextmanager
    def fresh(self) -> Iterator[tuple[AnyWorld, str]]:
        """The world as it was, on a database of its own."""
        node = self.world.node
        assert node.call("evm_revert", self.snapshot)
        self.snapshot = node.call("evm_snapshot")
        self.cases += 1
        name = f"{self.template}_{self.cases}"
        copy_database(self.server, self.template, name)
        url = self.server.url(name)
        self.world.engine = database_engine(url)
        try:
            yield self.world, url
        finally:
            self.world.engine.dispose()


def copy_database(server: PostgresServer, template: str, name: str) -> None:
    """A database like another one."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def chain_of(world: World, url: str) -> RPCChain:
    """The reconciliation's own client of an endpoint."""
    return RPCChain(
        url, world.settlement, timeout_s=10, finality_tag="none", finality_depth_blocks=0
    )


def reconciled(world: World, tolerances: Tolerances, *others: str) -> Run:
    """One run, over the world's node and other endpoints."""
    with books_of(world.engine, world.settlement) as books:
        sources = Sources(
            chain=chain_of(world, world.node.url),
            witnesses=tuple(chain_of(world, url) for url in others),
            books=books,
            documents=SqlDocuments(world.engine, world.settlement),
            facts=world.facts,
        )
        register = SqlRegister(world.engine, CHAIN_ID, world.place.payouts)
        run = reconcile(sources, register, settlement=world.settlement, tolerances=tolerances)
    assert run is not None
    return run


def missed(found: Discrepancy, fault: Fault) -> list[str]:
    """What of the fault's place its evidence does not have."""
    place = found.place
    return [
        name
        for name in ("entry_id", "transaction_hash", "block_number", "log_index")
        if getattr(fault, name) is not None and getattr(fault, name) != getattr(place, name)
    ]


def precision_and_recall(told: list[tuple[str, list[str]]]) -> tuple[int, int, int]:
    """Faults made, findings reported, and faults that were found with their type."""
    made = [kind for kind, _ in told if kind]
    right = sum(kind in found for kind, found in told if kind)
    return len(made), sum(len(found) for _, found in told), right
