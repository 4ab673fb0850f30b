"""Proofs over HTTP: served, refused, and checked.

Subjects: api.routes.proofs, api.proofs, api.adapters.leaves,
api.schemas.proofs.
"""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from contracts.calls import Withdrawal, withdrawal_from_call
from contracts.evm import Hash32
from contracts.leaves import leaf_hash
from settlement.royalties.tree import folded
from tests.api_client import APIClient, problem_of
from tests.api_world import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_ID,
    FILM,
    FILM_0,
    SONG,
    USD,
    World,
    address,
    block_hash,
    leaf,
    name_hash,
)


def test_proof__committed_leaf__verifies_and_can_be_sent(shared: APIClient, story: World) -> None:
    proof = shared.get(f"/v1/proofs/0/{FILM}").json()

    root = folded(
        leaf_hash(FILM_0, chain_id=CHAIN_ID, contract=story.settlement.payouts),
        [Hash32.from_hex(node) for node in proof["proof"]],
    )
    assert str(Hash32(root)) == proof["root"] == shared.get("/v1/epochs/0").json()["root"]
    call = withdrawal_from_call(bytes.fromhex(proof["calldata"][2:]))
    assert call == Withdrawal(FILM_0, tuple(Hash32.from_hex(node) for node in proof["proof"]))
    assert proof["op_id"] == str(story.op_id_of(FILM_0))
    assert proof["contract"] == str(story.settlement.payouts)
    assert (proof["amount"], proof["part"], proof["parts"]) == ("50", 0, 1)
    assert (proof["state"], proof["withdrawal"]) == ("active", "open")
    assert proof["reference_block"]["hash"] == str(block_hash(11))
    assert proof["lines"] == [{"payee": str(CAROL), "amount": "50", "outcome": None}]


def test_proof__withdrawn_leaf__tells_what_became_of_each_line(shared: APIClient) -> None:
    proof = shared.get(f"/v1/proofs/0/{SONG}?asset={USD}&part=0").json()

    outcomes = {line["payee"]: line["outcome"] for line in proof["lines"]}
    assert outcomes == {str(ALICE): "paid", str(BOB): "unclaimed"}
    assert (proof["withdrawal"], proof["state"]) == ("already_withdrawn", "active")


def test_proof__verdict_above_finality__still_open(api: APIClient, world: World) -> None:
    world.place_verdict(FILM)

    assert api.get(f"/v1/proofs/0/{FILM}").json()["withdrawal"] == "open"


def test_proof__work_under_verdict__refusal_is_named(api: APIClient, world: World) -> None:
    world.place_verdict(FILM)
    world.finalize(30)

    assert api.get(f"/v1/proofs/0/{FILM}").json()["withdrawal"] == "work_under_verdict"
    assert api.get(f"/v1/works/{FILM}").json()["is_under_verdict"] is True


def test_proof__not_committed__not_active(shared: APIClient) -> None:
    proof = shared.get(f"/v1/proofs/1/{SONG}").json()

    assert (proof["state"], proof["attempt"]) == ("approved", 2)
    assert proof["withdrawal"] == "epoch_not_active"


def test_proof__several_assets__one_must_be_named(api: APIClient, world: World) -> None:
    world.mine(32)
    euro = leaf(2, SONG, {BOB: 5}, asset=address("eur"))
    world.compute(2, 1, [leaf(2, SONG, {BOB: 5}), euro], paid_in=10)

    assert problem_of(api.get(f"/v1/proofs/2/{SONG}")) == (422, "bad-value", ["asset"])
    named = api.get(f"/v1/proofs/2/{SONG}?asset={euro.asset}").json()
    assert (named["asset"], named["parts"]) == (str(euro.asset), 1)


def test_proof__many_payees__each_part_has_its_own(api: APIClient, world: World) -> None:
    world.mine(32)
    parts = [replace(leaf(2, SONG, {BOB: 5}), part=part) for part in (0, 1)]
    world.compute(2, 1, parts, paid_in=10)

    assert problem_of(api.get(f"/v1/proofs/2/{SONG}")) == (422, "bad-value", ["part"])
    second = api.get(f"/v1/proofs/2/{SONG}?part=1").json()
    assert (second["part"], second["parts"]) == (1, 2)
    assert second["leaf"] == str(world.hash_of(parts[1]))


def test_proof__work_without_leaf__not_found(shared: APIClient) -> None:
    assert problem_of(shared.get(f"/v1/proofs/0/{name_hash('none')}")) == (
        404,
        "not-found",
        ["work"],
    )
    assert problem_of(shared.get("/v1/proofs/0/0x12")) == (422, "bad-value", ["work"])
    assert problem_of(shared.get(f"/v1/proofs/2/{SONG}")) == (404, "not-found", ["epoch"])


def test_proof__tampered_line__no_proof_is_served(api: APIClient, world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE computed_line SET amount = 51 WHERE amount = 50"))

    status, kind, _ = problem_of(api.get(f"/v1/proofs/0/{FILM}"))

    assert (status, kind) == (500, "stored-leaf-differs")


def test_proof__tampered_leaf_hash__no_proof_is_served(api: APIClient, world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE computed_leaf SET leaf_hash = :other WHERE work_id = :song"),
            {"other": bytes(name_hash("other")), "song": bytes(SONG)},
        )

    assert problem_of(api.get(f"/v1/proofs/0/{FILM}"))[:2] == (500, "stored-root-differs")


def test_proof__root_unchanged__304_while_the_chain_moves_on(api: APIClient, world: World) -> None:
    path = f"/v1/proofs/0/{FILM}"
    first = api.get(path)
    known = {"If-None-Match": first.headers["etag"]}
    world.finalize(26)

    assert first.json()["root"] in first.headers["etag"]
    assert api.get(path, headers=known).status_code == 304
    world.finalize(28)
    changed = api.get(path, headers=known)
    assert (changed.status_code, changed.json()["withdrawal"]) == (200, "already_withdrawn")


def test_verify__served_proof__valid(shared: APIClient) -> None:
    proof = shared.get(f"/v1/proofs/0/{FILM}").json()

    answer = shared.post("/v1/proofs/verify", json=_claim(proof)).json()

    assert answer["is_valid"] is True
    assert answer["proven_root"] == answer["committed_root"] == proof["root"]
    assert answer["leaf"] == proof["leaf"]


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 1},
        {"part": 1},
        {"asset": str(ALICE)},
        {"work_id": str(SONG)},
        {"proof": []},
        {"lines": [{"payee": str(CAROL), "amount": "51"}]},
        {"lines": [{"payee": str(ALICE), "amount": "50"}]},
    ],
)
def test_verify__anything_changed__not_valid(shared: APIClient, change: dict[str, Any]) -> None:
    claim = _claim(shared.get(f"/v1/proofs/0/{FILM}").json()) | change

    response = shared.post("/v1/proofs/verify", json=claim)

    assert response.status_code == 200
    assert response.json()["is_valid"] is False


def test_verify__proven_leaf_that_the_contract_cannot_pay__not_valid(
    api: APIClient, world: World
) -> None:
    to_the_asset_itself = leaf(1, SONG, {USD: 70})
    world.veto(1, 2)
    world.mine(32)
    digest = world.compute(1, 3, [to_the_asset_itself], paid_in=100)
    world.commit(1, 3, digest, paid_in=100)
    world.finalize(32)
    claim = _claim(api.get(f"/v1/proofs/1/{SONG}").json())

    answer = api.post("/v1/proofs/verify", json=claim).json()

    assert answer["proven_root"] == answer["committed_root"]
    assert (answer["is_split_well_formed"], answer["is_valid"]) == (False, False)


def test_verify__computed_but_not_committed__not_valid(shared: APIClient) -> None:
    claim = _claim(shared.get(f"/v1/proofs/1/{SONG}").json())

    answer = shared.post("/v1/proofs/verify", json=claim).json()

    assert (answer["is_valid"], answer["committed_root"]) == (False, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"epoch": "0"}, "epoch"),
        ({"epoch": 0.5}, "epoch"),
        ({"part": 2**32}, "part"),
        ({"asset": "0x00"}, "asset"),
        ({"lines": [{"payee": str(CAROL), "amount": 50}]}, "lines.0.amount"),
        ({"lines": [{"payee": str(CAROL), "amount": str(2**256)}]}, "lines.0.amount"),
        ({"lines": [{"payee": str(CAROL), "amount": str(2**256 - 1)}] * 2}, "lines"),
        ({"proof": [str(SONG)] * 65}, "proof"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_verify__bad_value__problem_names_the_field(
    shared: APIClient, change: dict[str, Any], field: str
) -> None:
    claim = _claim(shared.get(f"/v1/proofs/0/{FILM}").json()) | change

    response = shared.post("/v1/proofs/verify", json=claim)

    assert problem_of(response) == (422, "bad-value", [field])


def _claim(proof: dict[str, Any]) -> dict[str, Any]:
    claim = {name: proof[name] for name in ("epoch", "work_id", "part", "asset", "proof")}
    lines = [{name: line[name] for name in ("payee", "amount")} for line in proof["lines"]]
    return claim | {"lines": lines}
