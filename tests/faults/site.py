"""A world to break, again and again: a snapshot of its chain, and a template of its database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from indexer.chain_profiles import chain_profile_named
from reconciliation.adapters.books import books_of
from reconciliation.adapters.chain import RPCChain
from reconciliation.adapters.documents import SqlDocuments
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Discrepancy
from reconciliation.overdue import Tolerances
from reconciliation.ports import Run, Sources
from reconciliation.reconcile import reconcile
from scripts.embedded.anvil import DevChain, running_anvil
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer
from tests.faults.forgeries import Fault
from tests.faults.liar import lying
from tests.payouts_settlement import CHAIN_ID, DevNode, database_engine
from tests.reconciled_settlement import World

AnyWorld = TypeVar("AnyWorld", bound=World)
Told = list[tuple[str, list[str]]]
"""What was made, and what was found, of every case."""


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


@contextmanager
def settled_site(
    server: PostgresServer,
    migrated: str,
    template: str,
    settled: Callable[[DevNode, Engine], AnyWorld],
    tolerances: Tolerances,
) -> Iterator[Site[AnyWorld]]:
    """A world on a chain and a database of its own, in which a reconciliation finds nothing."""
    copy_database(server, migrated, template)
    chain = DevChain(chain_id=CHAIN_ID, slots_in_an_epoch=6)
    engine = database_engine(server.url(template))
    with scratch_directory() as directory, running_anvil(directory, chain) as anvil:
        world = settled(DevNode(anvil.url), engine)
        run = reconciled(world, tolerances)
        assert (run.discrepancies, run.is_complete) == ((), True)
        engine.dispose()
        yield Site(world, server, template, world.node.call("evm_snapshot"))


def copy_database(server: PostgresServer, template: str, name: str) -> None:
    """A database like another one."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def chain_of(world: World, url: str) -> RPCChain:
    """The reconciliation's own client of an endpoint."""
    return RPCChain(
        url,
        world.settlement,
        timeout_s=10,
        finality_tag="none",
        finality_depth_blocks=0,
        profile=chain_profile_named("ethereum"),
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


def found_with(world: World, fault: Fault, tolerances: Tolerances, told: Told) -> list[Discrepancy]:
    """What a run finds of a fault, with the endpoint that lies beside the one that does not."""
    with ExitStack() as stack:
        others = (
            [] if fault.lie is None else [stack.enter_context(lying(world.node.url, fault.lie))]
        )
        found = reconciled(world, tolerances, *others).discrepancies
    told.append((fault.type, [one.kind.value for one in found]))
    return list(found)


def require_all_told(what: str, told: Told) -> str:
    """Precision and recall, in a line; every fault was found with its type, and nothing else."""
    made = sum(bool(kind) for kind, _ in told)
    reported = sum(len(found) for _, found in told)
    right = sum(kind in found for kind, found in told if kind)
    assert right == made == reported, told
    return (
        f"{what} {made}, reported {reported}, right {right}:"
        f" precision {right}/{reported}, recall {right}/{made}"
    )
