"""Proofs over HTTP: served, refused, and checked.

Subjects: api.routes.proofs, api.proofs, api.adapters.leaves,
api.schemas.proofs.
"""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from contracts.calls import Withdrawal, release_escrow_call, withdrawal_from_call
from contracts.evm import Hash32
from contracts.leaves import FEES_ID, Leaf, escrow_id, leaf_hash, suspense_id
from settlement.royalties.tree import folded
from settlement.royalties.tree_flat import flat_tree, split_nodes
from tests.api_client import APIClient, problem_of
from tests.api_world import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_ID,
    FILM,
    FILM_0,
    SONG,
    SONG_1,
    USD,
    World,
    address,
    block_hash,
    leaf,
    name_hash,
    timestamp,
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


def test_proof__payee_held__line_and_leaf_say_so(api: APIClient, world: World) -> None:
    both = leaf(1, SONG, {ALICE: 50, BOB: 20})
    world.veto(1, 2)
    world.mine(31)
    world.commit(1, 3, world.compute(1, 3, [both], paid_in=100), paid_in=100)
    world.mine(34)
    world.hold(BOB, expires_at=timestamp(36))

    def outcomes(number: int) -> tuple[str, dict[str, str | None]]:
        world.finalize(number)
        proof = api.get(f"/v1/proofs/1/{SONG}").json()
        lines = {line["payee"]: line["outcome"] for line in proof["lines"]}
        return proof["withdrawal"], lines

    one_held = outcomes(34)
    world.mine(35)
    world.withdraw(both, held=[BOB])
    only_held_left = outcomes(35)
    world.mine(36)
    hold_over = outcomes(36)
    world.mine(37)
    world.withdraw(both, settled=[ALICE])

    assert one_held == ("open", {str(ALICE): None, str(BOB): "held"})
    assert only_held_left == ("all_lines_held", {str(ALICE): "paid", str(BOB): "held"})
    assert hold_over == ("open", {str(ALICE): "paid", str(BOB): None})
    assert outcomes(37) == ("already_withdrawn", {str(ALICE): "paid", str(BOB): "paid"})


def test_proof__fee_leaf__withdrawn_like_any_other(api: APIClient, world: World) -> None:
    fees = leaf(1, FEES_ID, {CAROL: 12})
    commit_others(world, fees)

    proof = api.get(f"/v1/proofs/1/{FEES_ID}").json()

    assert (proof["kind"], proof["function"], proof["withdrawal"]) == ("fees", "withdraw", "open")
    assert withdrawal_from_call(bytes.fromhex(proof["calldata"][2:])).leaf == fees
    assert api.post("/v1/proofs/verify", json=_claim(proof)).json()["is_valid"] is True


def test_proof__escrow_leaf__opened_by_release_once_it_has_a_beneficiary(
    api: APIClient, world: World
) -> None:
    held = world.escrow(1, escrow_id(name_hash("content")), 9)
    suspended = world.escrow(1, suspense_id(SONG), 3)
    commit_others(world, held, suspended)

    proof = api.get(f"/v1/proofs/1/{held.work_id}").json()
    of_suspense = api.get(f"/v1/proofs/1/{suspended.work_id}").json()
    verified = api.post("/v1/proofs/verify", json=_claim(proof)).json()
    world.mine(35)
    op_id = world.release(held, BOB)
    world.finalize(35)
    released = api.get(f"/v1/proofs/1/{held.work_id}").json()

    nodes = tuple(Hash32.from_hex(node) for node in proof["proof"])
    assert proof["calldata"] == "0x" + release_escrow_call(Withdrawal(held, nodes)).hex()
    assert (proof["kind"], proof["function"]) == ("escrow", "releaseEscrow")
    assert (proof["withdrawal"], of_suspense["withdrawal"]) == ("in_escrow", "in_escrow")
    assert (of_suspense["kind"], of_suspense["function"]) == ("suspense", "releaseEscrow")
    assert verified["is_valid"] is True
    assert (released["withdrawal"], released["op_id"]) == ("already_withdrawn", str(op_id))
    assert [line["outcome"] for line in released["lines"]] == ["released"]


def test_verify__escrow_id_with_another_payee__not_well_formed(
    api: APIClient, world: World
) -> None:
    wrong = leaf(1, suspense_id(SONG), {BOB: 9})
    commit_others(world, wrong)
    claim = _claim(api.get(f"/v1/proofs/1/{wrong.work_id}").json())

    answer = api.post("/v1/proofs/verify", json=claim).json()

    assert answer["proven_root"] == answer["committed_root"]
    assert (answer["is_split_well_formed"], answer["is_valid"]) == (False, False)


def commit_others(world: World, *others: Leaf) -> None:
    """Epoch 1 is active at the finalized block 34, with these leaves and one of a work."""
    world.veto(1, 2)
    world.mine(31)
    digest = world.compute(1, 3, [SONG_1, *others], paid_in=100)
    world.commit(1, 3, digest, paid_in=100)
    world.mine(34)
    world.finalize(34)


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


@pytest.mark.parametrize(
    ("place", "kind"), [(0, "stored-root-differs"), (1, "stored-leaf-differs")]
)
def test_proof__tampered_tree__no_proof_is_served(
    api: APIClient, world: World, place: int, kind: str
) -> None:
    """The tree of epoch 0 has three nodes: its root, and two leaves."""
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE computed_tree SET nodes = overlay(nodes PLACING :other FROM :at)"),
            {"other": bytes(name_hash("other")), "at": 32 * place + 1},
        )

    answers = [problem_of(api.get(f"/v1/proofs/0/{work}"))[:2] for work in (FILM, SONG)]

    assert answers == [(500, kind)] * 2


def test_proof__tree_is_not_stored__no_proof_is_served(api: APIClient, world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM computed_tree"))

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


def test_verify__inner_node_shown_as_leaf__not_valid(api: APIClient, world: World) -> None:
    """Folding the node alone leads to the root; no leaf that a claim can spell hashes to it."""
    leaves = [leaf(1, name_hash(str(number)), {BOB: 25}) for number in range(4)]
    world.veto(1, 2)
    world.mine(32)
    digest = world.compute(1, 3, leaves, paid_in=100)
    world.commit(1, 3, digest, paid_in=100)
    world.finalize(32)
    nodes = split_nodes(flat_tree(world.hash_of(one) for one in leaves).nodes[:])
    low, high = sorted(nodes[3:5])
    proof = [str(Hash32(nodes[2]))]
    claim = _claim(api.get(f"/v1/proofs/1/{leaves[0].work_id}").json()) | {"proof": proof}
    forged = {
        "work_id": str(Hash32(low)),
        "lines": [{"payee": str(BOB), "amount": str(int.from_bytes(high, "big"))}],
    }

    answers = [api.post("/v1/proofs/verify", json=claim | change).json() for change in ({}, forged)]
    named = api.post("/v1/proofs/verify", json=claim | {"leaf": str(Hash32(nodes[1]))})

    assert folded(nodes[1], [nodes[2]]) == nodes[0]
    for answer in answers:
        assert answer["committed_root"] == str(Hash32(nodes[0]))
        assert answer["proven_root"] != answer["committed_root"]
        assert answer["is_valid"] is False
    assert problem_of(named) == (422, "bad-value", ["leaf"])


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
