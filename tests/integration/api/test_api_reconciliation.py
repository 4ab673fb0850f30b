"""Reconciliations over HTTP: runs, and what they found.

Subjects: api.routes.reconciliation, api.adapters.reconciliation,
api.schemas.reconciliation, api.adapters.register.
"""

from contracts.evm import Hash32
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Discrepancy, Kind
from tests.api_client import APIClient, problem_of
from tests.api_world import CHAIN_ID, PAID_IN_DIFFERS, World, block_hash

UNCLAIMED_DIFFERS = Discrepancy(
    kind=Kind.PAYEE, subject="payee", expected="1", actual="0", evidence=("a", "b")
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
        "kind": "amount",
        "subject": PAID_IN_DIFFERS.subject,
        "expected": "1000",
        "actual": "999",
        "evidence": [],
        "since_block": 22,
        "severity": "high",
        "owner": "finance",
        **dict.fromkeys(("asset", "transaction_hash", "block_number", "block_hash")),
        **dict.fromkeys(("log_index", "entry_id")),
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

    assert [one["kind"] for one in first["items"] + second["items"]] == ["amount", "payee"]
    assert (second["run"], second["next_cursor"]) == (1, None)
    assert api.get(path).json()["items"] == []
    assert api.get(f"{path}?run=1").json()["items"][0]["id"] == str(Hash32(PAID_IN_DIFFERS.id))
    assert problem_of(api.get(f"{path}?run=9")) == (404, "not-found", ["run"])


def test_register__found_explained_accepted_gone__each_with_its_history(
    api: APIClient, world: World
) -> None:
    register = SqlRegister(world.engine, CHAIN_ID, world.settlement.payouts)
    world.reconcile(PAID_IN_DIFFERS, UNCLAIMED_DIFFERS, at=20)
    register.explain(PAID_IN_DIFFERS.id, maker="ann", words="a gift")
    register.resolve(PAID_IN_DIFFERS.id, checker="ben")
    world.reconcile(PAID_IN_DIFFERS, at=25)
    path = "/v1/reconciliation/register"

    shown = {one["id"]: one for one in api.get(path).json()["items"]}
    history = api.get(f"{path}/{PAID_IN_DIFFERS.id}").json()["history"]
    first = api.get(f"{path}?limit=1").json()
    second = api.get(f"{path}?limit=1&cursor={first['next_cursor']}").json()

    explained, absent = shown[str(PAID_IN_DIFFERS.id)], shown[str(UNCLAIMED_DIFFERS.id)]
    assert (explained["status"], absent["status"]) == ("resolved", "absent")
    assert explained["explanation"] == {"maker": "ann", "text": "a gift"}
    assert (absent["first_run"], absent["last_run"], absent["age_days"]) == (1, 1, "0-1")
    assert explained["reproduce"].endswith(f"--only {PAID_IN_DIFFERS.id}")
    assert [(one["status"], one["by"]) for one in history] == [
        ("open", None),
        ("explained", "ann"),
        ("resolved", "ben"),
    ]
    assert {first["items"][0]["id"], second["items"][0]["id"]} == set(shown)
    assert second["next_cursor"] is None
    assert [one["kind"] for one in api.get(f"{path}?kind=payee").json()["items"]] == ["payee"]
    assert api.get(f"{path}?status=open").json()["items"] == []
    assert api.get(f"{path}?severity=low").json()["items"] == []
    assert problem_of(api.get(f"{path}/0x{'ee' * 32}")) == (404, "not-found", ["discrepancy"])
