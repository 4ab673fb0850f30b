"""Sixteen types of fault, each in three places: found, typed rightly, located, and nothing else.

Subjects: reconciliation.reconcile, reconciliation.lines, reconciliation.matching,
reconciliation.checks, reconciliation.wallets, reconciliation.overdue, reconciliation.divergence.
"""

import ast
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from contracts.calls import release_escrow_call, withdraw_call
from reconciliation.adapters.books import books_of
from reconciliation.adapters.chain import RPCChain
from reconciliation.adapters.documents import SqlDocuments
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.overdue import Tolerances
from reconciliation.ports import Run, Sources
from reconciliation.reconcile import reconcile
from scripts.embedded.anvil import DevChain, running_anvil
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer
from tests.faults.injector import Fault, Injector
from tests.faults.liar import lying
from tests.payouts_settlement import (
    BENEFICIARY_DELAY,
    CHAIN_ID,
    VETO_WINDOW,
    DevNode,
    database_engine,
    fee_leaf,
    payee,
    suspense_leaf,
    withdrawal_of,
    withdrawals,
)
from tests.reconciled_settlement import World

HERE = Path(__file__).parent
PLACES = range(3)
TOLERANCES = Tolerances(
    books_behind_s=3_000, reservation_s=50_000, unrecorded_s=1_000, unclaimed_s=20_000
)
TOLD: list[tuple[str, list[str]]] = []
"""What was made, and what was found, of every case."""


@dataclass
class Site:
    """A settled world, and how to come back to it: a snapshot of the chain, a template database."""

    world: World
    server: PostgresServer
    template: str
    snapshot: str
    cases: int = 0

    def fresh(self) -> tuple[World, str]:
        """The world as it was, on a database of its own."""
        node = self.world.node
        assert node.call("evm_revert", self.snapshot)
        self.snapshot = node.call("evm_snapshot")
        self.cases += 1
        name = f"faults_{self.cases}"
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(
                statement.format(sql.Identifier(name), sql.Identifier(self.template))
            )
        url = self.server.url(name)
        self.world.engine = database_engine(url)
        return self.world, url


def reconciled(world: World, *others: str) -> Run:
    def chain(url: str) -> RPCChain:
        return RPCChain(
            url, world.settlement, timeout_s=10, finality_tag="none", finality_depth_blocks=0
        )

    with books_of(world.engine, world.settlement) as books:
        sources = Sources(
            chain=chain(world.node.url),
            witnesses=tuple(map(chain, others)),
            books=books,
            documents=SqlDocuments(world.engine, world.settlement),
            facts=world.facts,
        )
        register = SqlRegister(world.engine, CHAIN_ID, world.place.payouts)
        run = reconcile(sources, register, settlement=world.settlement, tolerances=TOLERANCES)
    assert run is not None
    return run


@pytest.fixture(scope="module")
def site(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[Site]:
    """One epoch: committed and mostly withdrawn by the submitter, two pull balances waiting."""
    template = "faults_template"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(template), sql.Identifier(_migrated_template)
            )
        )
    chain = DevChain(chain_id=CHAIN_ID, slots_in_an_epoch=6)
    engine = database_engine(postgres_server.url(template))
    with scratch_directory() as directory, running_anvil(directory, chain) as anvil:
        world = World(DevNode(anvil.url), engine)
        _settle(world)
        assert reconciled(world).discrepancies == ()
        engine.dispose()
        yield Site(world, postgres_server, template, world.node.call("evm_snapshot"))


def _settle(world: World) -> None:
    node, place, money = world.node, world.place, world.money
    world.store_document()
    world.submit(commit=True)
    node.advance(VETO_WINDOW)
    refusing = [withdrawals(place)[work].leaf.lines[0].payee for work in (1, 2)]
    for one in refusing:
        node.send(money.functions.refuse(str(one), True))
    world.submit(0, 1, 2)
    for one in refusing:
        node.send(money.functions.refuse(str(one), False))
    node.send(world.payouts.functions.pushUnclaimed(str(refusing[0]), str(place.token)))
    world.call(withdraw_call(withdrawal_of(fee_leaf(place), place)))
    claims, suspended = node.contract("ContentClaims", place.claims), suspense_leaf(place)
    node.send(claims.functions.announceBeneficiary(bytes(suspended.work_id), str(payee(7, 7))))
    node.advance(BENEFICIARY_DELAY)
    node.send(claims.functions.applyBeneficiary(bytes(suspended.work_id)))
    world.call(release_escrow_call(withdrawal_of(suspended, place)))
    world.post()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [one.value for one in Kind])
def test_reconcile__one_fault__found_with_its_type_and_place(
    site: Site, kind: str, place: int
) -> None:
    world, url = site.fresh()
    with ExitStack() as stack:
        stack.callback(world.engine.dispose)
        fault = Injector(world, url).all()[kind](place)
        others = (
            [] if fault.lie is None else [stack.enter_context(lying(world.node.url, fault.lie))]
        )
        found = reconciled(world, *others).discrepancies
        TOLD.append((fault.type, [one.kind.value for one in found]))

    assert [one.kind.value for one in found] == [fault.type], found
    assert _differing(found[0], fault) == []


def test_reconcile__no_fault__two_honest_endpoints__nothing_found(site: Site) -> None:
    world, _ = site.fresh()
    with lying(world.node.url, lambda _method, _params, result: result) as other:
        run = reconciled(world, other)
    world.engine.dispose()
    TOLD.append(("", [one.kind.value for one in run.discrepancies]))

    assert run.discrepancies == ()
    assert (run.endpoints, run.proven, run.stated) == (2, 1, 0)


def test_faults__precision_and_recall__told(capsys: pytest.CaptureFixture[str]) -> None:
    made = [kind for kind, _ in TOLD if kind]
    right = sum(kind in found for kind, found in TOLD if kind)
    told = sum(len(found) for _, found in TOLD)

    with capsys.disabled():
        print(  # noqa: T201
            f"\nfaults {len(made)}, reported {told}, right {right}:"
            f" precision {right}/{told}, recall {right}/{len(made)}"
        )

    assert right == len(made) == told


def test_injector__imports__nothing_of_the_reconciliation() -> None:
    for path in HERE.glob("*.py"):
        if path.name == Path(__file__).name:
            continue
        tree = ast.parse(path.read_text())
        names = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
        }
        assert not {name for name in names if name.split(".")[0] == "reconciliation"}, path


def _differing(found: Discrepancy, fault: Fault) -> list[str]:
    """What of the fault's place its evidence does not have."""
    place = found.place
    return [
        name
        for name in ("entry_id", "transaction_hash", "block_number", "log_index")
        if getattr(fault, name) is not None and getattr(fault, name) != getattr(place, name)
    ]
