"""Epochs over HTTP: the state at every stage, the money, the manifest.

Subjects: api.routes.epochs, api.adapters.epochs, api.adapters.standpoint,
api.schemas.epochs.
"""

from dataclasses import replace

from contracts.evm import keccak
from contracts.leaves import FEES_ID, escrow_id
from tests.api_client import APIClient, problem_of
from tests.api_world import (
    ALICE,
    BOB,
    CAROL,
    SONG,
    SONG_1,
    USD,
    World,
    leaf,
    name_hash,
    timestamp,
)


def test_epochs__each_stage__state_is_derived(shared: APIClient) -> None:
    answer = shared.get("/v1/epochs").json()

    assert {item["epoch"]: item["state"] for item in answer["items"]} == {
        3: "open",
        2: "grace",
        1: "approved",
        0: "active",
    }
    assert answer["finality"] == "finalized"
    assert answer["block"]["number"] == 25
    assert answer["head"]["number"] == 30
    assert answer["next_cursor"] is None


def test_epoch__vetoed_once__next_attempt_stands(shared: APIClient) -> None:
    epoch = shared.get("/v1/epochs/1").json()

    assert (epoch["attempt"], epoch["vetoes"], epoch["state"]) == (2, 1, "approved")
    assert epoch["approvals"] == {"count": 1, "threshold": 2, "guardians": 3}
    assert epoch["active_at"] is None
    assert epoch["totals"] == [
        {
            "asset": str(USD),
            "paid_in": "100",
            "allocated": "70",
            "fees": "0",
            "escrow": "0",
            "unallocated": "30",
            "withdrawn": "0",
        }
    ]
    assert epoch["quarantine"] == [{"reason": "unregistered_work", "count": 1}]


def test_epoch__veto_without_new_attempt__vetoed(api: APIClient, world: World) -> None:
    world.mine(33)
    digest = world.compute(2, 1, [leaf(2, SONG, {BOB: 1})], paid_in=1)
    world.commit(2, 1, digest, paid_in=1)
    world.mine(34)
    world.veto(2, 1)
    world.finalize(34)

    epoch = api.get("/v1/epochs/2").json()

    assert (epoch["state"], epoch["attempt"], epoch["root"]) == ("vetoed", 2, None)
    assert epoch["is_computed_here"] is False


def test_epoch__committed_inside_the_window__pending(api: APIClient, world: World) -> None:
    world.commit(1, 2, world.manifest_of(1, 2), paid_in=100)
    world.finalize(30)

    epoch = api.get("/v1/epochs/1").json()

    assert (epoch["state"], epoch["committed_block"]) == ("pending", 30)
    assert epoch["active_at"] == timestamp(32)


def test_epoch__commitment_above_finality__not_seen_yet(api: APIClient, world: World) -> None:
    world.commit(1, 2, world.manifest_of(1, 2), paid_in=100)

    assert api.get("/v1/epochs/1").json()["state"] == "approved"


def test_epoch__other_manifest_committed__ours_does_not_stand(api: APIClient, world: World) -> None:
    other = World(world.engine, "other").compute(7, 1, [SONG_1], paid_in=100)
    world.distributions[other] = replace(
        world.distributions[world.manifest_of(1, 2)],
        manifest_digest=other,
        root=name_hash("theirs"),
    )
    world.commit(1, 2, other, paid_in=100)
    world.finalize(30)

    epoch = api.get("/v1/epochs/1").json()

    assert epoch["root"] == str(name_hash("theirs"))
    assert epoch["is_computed_here"] is False
    assert problem_of(api.get("/v1/epochs/1/manifest")) == (404, "not-found", ["epoch"])
    assert problem_of(api.get(f"/v1/proofs/1/{SONG}")) == (404, "not-found", ["epoch"])


def test_epoch__everything_withdrawn_and_final__settled(api: APIClient, world: World) -> None:
    world.finalize(28)

    epoch = api.get("/v1/epochs/0").json()

    assert epoch["state"] == "settled"
    assert epoch["totals"][0]["withdrawn"] == "950"


def test_epoch__fees_and_escrow__settled_once_leaves_and_fees_are_withdrawn(
    api: APIClient, world: World
) -> None:
    """Escrow is nobody's yet: it does not keep an epoch from being settled."""
    song, fees = leaf(1, SONG, {ALICE: 70}), leaf(1, FEES_ID, {CAROL: 12})
    world.veto(1, 2)
    world.mine(31)
    digest = world.compute(1, 3, [song, fees, world.escrow(1, escrow_id(SONG), 9)], paid_in=100)
    computed = api.get("/v1/epochs/1").json()["totals"]
    world.commit(1, 3, digest, paid_in=100)
    world.mine(34)
    world.withdraw(song)
    world.finalize(34)
    without_fees = api.get("/v1/epochs/1").json()
    world.mine(35)
    world.withdraw(fees)
    world.finalize(35)
    settled = api.get("/v1/epochs/1").json()

    (total,) = settled["totals"]
    terms = {name: total[name] for name in ("allocated", "fees", "escrow", "unallocated")}
    assert terms == {"allocated": "70", "fees": "12", "escrow": "9", "unallocated": "9"}
    assert (without_fees["state"], settled["state"]) == ("active", "settled")
    assert total["withdrawn"] == "82"
    assert [one["fees"] for one in computed] == ["0"]


def test_epoch__next_one__upcoming(shared: APIClient) -> None:
    epoch = shared.get("/v1/epochs/4").json()

    assert (epoch["state"], epoch["start"]) == ("upcoming", 1400)


def test_epoch__grace_over_but_not_final__ended(api: APIClient, world: World) -> None:
    world.mine(32)

    assert api.get("/v1/epochs/2").json()["state"] == "ended"


def test_epoch__grace_end_final__computable(api: APIClient, world: World) -> None:
    world.mine(32)
    world.finalize(32)

    assert api.get("/v1/epochs/2").json()["state"] == "computable"


def test_epoch__out_of_range__problem_names_the_field(shared: APIClient) -> None:
    assert problem_of(shared.get("/v1/epochs/5")) == (404, "not-found", ["epoch"])
    assert problem_of(shared.get("/v1/epochs/-1")) == (422, "bad-value", ["epoch"])
    assert problem_of(shared.get("/v1/epochs/9223372036854775808")) == (422, "bad-value", ["epoch"])


def test_epochs__page_over_new_epochs__nothing_skipped_or_repeated(
    api: APIClient, world: World
) -> None:
    first = api.get("/v1/epochs?limit=2").json()
    world.mine(50)

    second = api.get(f"/v1/epochs?limit=2&cursor={first['next_cursor']}").json()

    assert [item["epoch"] for item in first["items"]] == [3, 2]
    assert [item["epoch"] for item in second["items"]] == [1, 0]
    assert second["next_cursor"] is None


def test_manifest__standing_attempt__exact_bytes_and_digest(shared: APIClient) -> None:
    response = shared.get("/v1/epochs/0/manifest")

    epoch = shared.get("/v1/epochs/0").json()
    assert str(keccak(response.content)) == epoch["manifest_digest"]
    assert response.headers["etag"] == f'"{epoch["manifest_digest"]}"'
    known = {"If-None-Match": response.headers["etag"]}
    again = shared.get("/v1/epochs/0/manifest", headers=known)
    assert (again.status_code, again.content) == (304, b"")


def test_manifest__vetoed_attempt__still_served_by_number(shared: APIClient) -> None:
    assert shared.get("/v1/epochs/1/manifest").json()["attempt"] == "2"
    assert shared.get("/v1/epochs/1/manifest?attempt=1").json()["attempt"] == "1"
    assert problem_of(shared.get("/v1/epochs/1/manifest?attempt=3")) == (
        404,
        "not-found",
        ["epoch"],
    )
