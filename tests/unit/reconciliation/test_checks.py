"""`reconciliation.checks`, over `reconciliation.snapshot` and `reconciliation.reading`."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Epoch, Hash32, Timestamp
from reconciliation.checks import (
    Flow,
    Roots,
    facts_against_chain,
    money_against_debts,
    roots_against_chain,
    state_against_logs,
)
from reconciliation.discrepancy import Kind
from reconciliation.movements import LeafPlace
from reconciliation.reading import Reading
from reconciliation.snapshot import ChainState, Commitment, Committed, Rebuilt

ASSET, OTHER_ASSET = Address(b"\xaa" * 20), Address(b"\xab" * 20)
PAYEE = Address(b"\x01" * 20)
EPOCH, NEXT = Epoch(3), Epoch(4)
DIGEST, ROOT = Hash32(b"\x0d" * 32), Hash32(b"\x0e" * 32)
TX = Hash32(b"\x77" * 32)
LEAF = LeafPlace(EPOCH, Hash32(b"\x00" + b"\x07" * 31), 0, ASSET)
BLOCK = BlockRef(
    number=BlockNumber(9),
    hash=Hash32(b"\x09" * 32),
    parent_hash=Hash32(b"\x08" * 32),
    timestamp=Timestamp(1000),
)
COMMITMENT = Commitment(
    manifest_digest=DIGEST,
    root=ROOT,
    active_at=Timestamp(900),
    transaction_hash=TX,
    block_number=5,
    block_hash=Hash32(b"\x05" * 32),
    log_index=2,
)
NUMBERS: dict[str, Any] = {
    "paid_in": {(EPOCH, ASSET): 90, (NEXT, ASSET): 40},
    "remaining": {(EPOCH, ASSET): 30},
    "escrowed": {(EPOCH, ASSET): 7},
    "unallocated": {(EPOCH, ASSET): 10},
    "announced": {(EPOCH, ASSET): 4},
    "unclaimed": {(PAYEE, ASSET): 20},
    "paid_lines": {LEAF: 0b101},
    "holds": {PAYEE: 5000},
}
STATE = ChainState(
    block=BLOCK,
    balances={ASSET: Reading(value=100, is_proven=True, evidence="slot")},
    accounted={ASSET: 100},
    committed={EPOCH: Committed(DIGEST, ROOT)},
    escrow_expiry_s=500,
    **NUMBERS,
)
REBUILT = Rebuilt(
    block=BLOCK,
    cash={ASSET: 100},
    unclaimed_since={(PAYEE, ASSET): Timestamp(950)},
    settled_escrow=frozenset(),
    commitments={EPOCH: COMMITMENT},
    **NUMBERS,
)
ROOTS = Roots(
    booked={EPOCH: Committed(DIGEST, ROOT)}, documents={DIGEST: ROOT}, stored={DIGEST: ROOT}
)


def test_state_against_logs__agreement__nothing() -> None:
    assert state_against_logs(STATE, REBUILT) == []


def test_state_against_logs__key_that_one_side_lacks__is_zero_there() -> None:
    state = replace(STATE, remaining={**NUMBERS["remaining"], (NEXT, ASSET): 0})

    assert state_against_logs(state, REBUILT) == []


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("accounted", ASSET),
        ("paid_in", (NEXT, ASSET)),
        ("remaining", (EPOCH, ASSET)),
        ("escrowed", (EPOCH, ASSET)),
        ("unallocated", (EPOCH, ASSET)),
        ("announced", (EPOCH, ASSET)),
        ("unclaimed", (PAYEE, ASSET)),
        ("paid_lines", LEAF),
    ],
)
def test_state_against_logs__one_answer_off_by_one__one_divergence_of_its_asset(
    field: str, key: Any
) -> None:
    changed = dict(getattr(STATE, field))
    changed[key] += 1

    other: dict[str, Any] = {field: changed}
    (found,) = state_against_logs(replace(STATE, **other), REBUILT)

    assert (found.kind, found.asset) == (Kind.SOURCE_DIVERGENCE, ASSET)
    assert found.evidence[0].startswith(f"{field} ")


def test_state_against_logs__many_answers__one_divergence_with_all_as_evidence() -> None:
    state = replace(STATE, accounted={ASSET: 1}, paid_in={}, holds={})

    by_asset = {one.asset: one for one in state_against_logs(state, REBUILT)}

    assert set(by_asset) == {ASSET, None}
    assert len(by_asset[ASSET].evidence) == 1 + 2 + 1


@pytest.mark.parametrize(
    ("held", "kind"), [(99, Kind.INSOLVENCY), (101, Kind.MISSING_IN_BOOKS), (100, None)]
)
def test_money_against_debts__less_or_more__both_are_found(held: int, kind: Kind | None) -> None:
    reading = Reading(value=held, is_proven=False, evidence="balanceOf")
    state = replace(STATE, balances={ASSET: reading})
    flows = [
        Flow(
            transaction_hash=TX,
            block_number=7,
            block_hash=Hash32(b"\x04" * 32),
            log_index=1,
            asset=ASSET,
            net=net,
        )
        for net in (-1, 1)
    ]

    found = money_against_debts(state, {}, flows)

    assert [one.kind for one in found] == ([] if kind is None else [kind])
    assert all(one.place.transaction_hash == TX for one in found)
    assert all(f"moved {held - 100:+d} without an event" in one.evidence[2] for one in found)


def test_money_against_debts__surplus_that_was_booked_by_hand__none() -> None:
    reading = Reading(value=105, is_proven=True, evidence="slot")
    state = replace(STATE, balances={ASSET: reading})

    assert money_against_debts(state, {ASSET: 5}, []) == []


@pytest.mark.parametrize(
    "change",
    [
        {"booked": {}},
        {"booked": {EPOCH: Committed(DIGEST, DIGEST)}},
        {"documents": {}},
        {"documents": {DIGEST: DIGEST}},
        {"stored": {DIGEST: DIGEST}},
    ],
)
def test_roots__one_of_our_sides_differs__one_mismatch(change: dict[str, Any]) -> None:
    assert roots_against_chain(STATE, REBUILT, ROOTS) == []

    (found,) = roots_against_chain(STATE, REBUILT, replace(ROOTS, **change))

    assert (found.kind, found.subject) == (Kind.ROOT_MISMATCH, "epoch 3")
    assert (found.place.transaction_hash, found.place.log_index) == (TX, 2)


def test_roots__contract_holds_another__one_mismatch() -> None:
    state = replace(STATE, committed={EPOCH: Committed(DIGEST, DIGEST)})

    (found,) = roots_against_chain(state, REBUILT, ROOTS)

    assert found.actual == f"{DIGEST} for manifest {DIGEST}"


def test_facts__hold_and_transfer_that_are_not_indexed__found() -> None:
    same = facts_against_chain(STATE, holds={PAYEE: 5000}, announced={(EPOCH, ASSET): 4})
    none = facts_against_chain(STATE, holds={}, announced={})
    more = facts_against_chain(
        STATE, holds={PAYEE: 5000}, announced={(EPOCH, ASSET): 4, (NEXT, ASSET): 1}
    )

    assert same == []
    assert [one.kind for one in none] == [Kind.MISSING_IN_BOOKS] * 2
    assert [one.kind for one in more] == [Kind.MISSING_ON_CHAIN]
