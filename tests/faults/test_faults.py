"""Sixteen types of fault, and those of wallets, in three places: found, typed, located, alone.

Subjects: reconciliation.reconcile, reconciliation.lines, reconciliation.matching,
reconciliation.checks, reconciliation.wallets, reconciliation.overdue, reconciliation.divergence.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.calls import release_escrow_call, withdraw_call
from reconciliation.discrepancy import Kind
from reconciliation.overdue import Tolerances
from scripts.embedded.postgres import PostgresServer
from tests.faults.injector import Injector
from tests.faults.liar import lying
from tests.faults.site import (
    Site,
    Told,
    found_with,
    missed,
    reconciled,
    require_all_told,
    settled_site,
)
from tests.faults.variants import NAMES, Variants
from tests.payouts_settlement import (
    BENEFICIARY_DELAY,
    VETO_WINDOW,
    DevNode,
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
TOLD: Told = []


@pytest.fixture(scope="module")
def site(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[Site[World]]:
    """One epoch: committed and mostly withdrawn by the submitter, two pull balances waiting."""
    with settled_site(postgres_server, _migrated_template, "faults", _settled, TOLERANCES) as made:
        yield made


def _settled(node: DevNode, engine: Engine) -> World:
    world = World(node, engine)
    _settle(world)
    return world


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
@pytest.mark.parametrize("kind", [*(one.value for one in Kind), "wallet_opening", "wallet_coins"])
def test_reconcile__one_fault__found_with_its_type_and_place(
    site: Site[World], kind: str, place: int
) -> None:
    with site.fresh() as (world, url):
        fault = Injector(world, url).all()[kind](place)
        found = found_with(world, fault, TOLERANCES, TOLD)

    assert [one.kind.value for one in found] == [fault.type], found
    assert missed(found[0], fault) == []


@pytest.mark.parametrize("name", NAMES)
def test_reconcile__one_fault_in_another_guise__found_with_its_type_and_nothing_else(
    site: Site[World], name: str
) -> None:
    with site.fresh() as (world, url):
        settlement = world.settlement
        guise = Variants(world, url).all()[name]()
        found = reconciled(world, TOLERANCES).discrepancies
        world.settlement = settlement

    assert [one.kind.value for one in found] == [guise.type] * guise.findings, found
    assert {one.asset for one in found} <= {guise.asset}
    if guise.transaction_hash is not None:
        assert [one.place.transaction_hash for one in found] == [guise.transaction_hash]


def test_reconcile__no_fault__two_honest_endpoints__nothing_found(site: Site[World]) -> None:
    with (
        site.fresh() as (world, _),
        lying(world.node.url, lambda _method, _params, result: result) as other,
    ):
        run = reconciled(world, TOLERANCES, other)
    TOLD.append(("", [one.kind.value for one in run.discrepancies]))

    assert run.discrepancies == ()
    assert (run.endpoints, run.proven, run.stated) == (2, 2, 0)


def test_faults__precision_and_recall__told(capsys: pytest.CaptureFixture[str]) -> None:
    line = require_all_told("faults", TOLD)

    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201


def test_injector__imports__nothing_of_the_reconciliation() -> None:
    for path in HERE.glob("*.py"):
        if path.name in {"site.py", *(one.name for one in HERE.glob("test_*.py"))}:
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
