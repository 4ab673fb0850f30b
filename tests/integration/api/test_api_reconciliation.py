"""Reconciliations over HTTP: runs, and what they found.

Subjects: api.routes.reconciliation, api.adapters.reconciliation,
api.schemas.reconciliation.
"""

from contracts.evm import Hash32
from reconciliation.discrepancy import Discrepancy, Kind
from tests.api_client import APIClient, problem_of
from tests.api_world import PAID_IN_DIFFERS, World, block_hash

UNCLAIMED_DIFFERS = Discrepancy(
    kind=Kind.UNCLAIMED, subject="payee", expected="1", actual="0", evidence=("a", "b")
)


def test_runs__none_yet__empty_list_at_the_finalized_block(shared: APIClient) -> None:
    runs = shared.get("/v1/reconciliation/runs").json()
    found = shared.get("/v1/reconciliation/discrepancies").json()

    assert (runs["items"], runs["block"]["number"]) == ([], 25)
    assert (found["run"], found["items"]) == (None, [])


def test_runs__pages_over_a_new_run__nothing_skipped_or_repeated(
    api: APIClient, world: World
) -> None:
    for _ in range(3):
        world.reconcile()
    first = api.get("/v1/reconciliation/runs?limit=2").json()
    world.reconcile(PAID_IN_DIFFERS)

    second = api.get(f"/v1/reconciliation/runs?limit=2&cursor={first['next_cursor']}").json()

    assert [one["run"] for one in first["items"]] == [3, 2]
    assert [one["run"] for one in second["items"]] == [1]
    assert second["next_cursor"] is None
    (newest,) = api.get("/v1/reconciliation/runs?limit=1").json()["items"]
    assert (newest["discrepancies"], newest["block"]["hash"]) == (1, str(block_hash(25)))


def test_discrepancies__newest_run__each_with_its_age(api: APIClient, world: World) -> None:
    world.reconcile(PAID_IN_DIFFERS, at=20)
    world.reconcile(at=21)
    world.reconcile(PAID_IN_DIFFERS, at=22)
    world.reconcile(PAID_IN_DIFFERS, UNCLAIMED_DIFFERS, at=25)

    answer = api.get("/v1/reconciliation/discrepancies").json()

    assert (answer["run"], answer["block"]["number"]) == (4, 25)
    first, second = answer["items"]
    assert first == {
        "id": str(PAID_IN_DIFFERS.id),
        "kind": "paid_in",
        "subject": PAID_IN_DIFFERS.subject,
        "expected": "1000",
        "actual": "999",
        "evidence": [],
        "since_block": 22,
    }
    assert (second["since_block"], second["evidence"]) == (25, ["a", "b"])


def test_discrepancies__pages_over_a_new_run__cursor_stays_in_its_run(
    api: APIClient, world: World
) -> None:
    world.reconcile(PAID_IN_DIFFERS, UNCLAIMED_DIFFERS)
    path = "/v1/reconciliation/discrepancies"
    first = api.get(f"{path}?limit=1").json()
    world.reconcile()

    second = api.get(f"{path}?limit=1&cursor={first['next_cursor']}").json()

    assert [one["kind"] for one in first["items"] + second["items"]] == ["paid_in", "unclaimed"]
    assert (second["run"], second["next_cursor"]) == (1, None)
    assert api.get(path).json()["items"] == []
    assert api.get(f"{path}?run=1").json()["items"][0]["id"] == str(Hash32(PAID_IN_DIFFERS.id))
    assert problem_of(api.get(f"{path}?run=9")) == (404, "not-found", ["run"])
