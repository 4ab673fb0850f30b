"""The difference of two distributions: by payee, by work, by asset, and what must add up."""

from dataclasses import replace

import pytest

from contracts.evm import Epoch, Hash32, keccak
from contracts.leaves import FEES_ID, Leaf, SplitLine, escrow_id, suspense_id
from contracts.units import BaseUnits
from settlement.royalties.derivation import derive
from settlement.royalties.difference import Change, Difference, StoredOutcome, difference
from settlement.royalties.errors import DifferenceBroken
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    DUSD,
    EURT,
    FIRST_EPOCH,
    facts_of,
    sample_chain,
    totals_of,
    work,
)

SONG, FILM = sorted((keccak(b"song"), keccak(b"film")))
SAMPLE = derive(facts_of(sample_chain(), FIRST_EPOCH)).distribution


def leaf(work_id: Hash32, amounts: dict[bytes, int], *, part: int = 0) -> Leaf:
    lines = tuple(
        SplitLine(payee=payee, amount=BaseUnits(amount))  # type: ignore[arg-type]
        for payee, amount in sorted(amounts.items())
    )
    return Leaf(epoch=Epoch(1), work_id=work_id, part=part, asset=DUSD, lines=lines)


def outcome(paid_in: int, *leaves: Leaf) -> StoredOutcome:
    allocated = sum(one.amount for one in leaves)
    return StoredOutcome(
        totals=(totals_of(DUSD, paid_in=paid_in, allocated=allocated),), leaves=leaves
    )


def deltas(found: Difference) -> list[int]:
    return [one.change.delta for one in found.payees] + [one.change.delta for one in found.works]


BEFORE = outcome(100, leaf(SONG, {ANN: 40, BOB: 20}), leaf(FILM, {BOB: 30}))
NOW = outcome(90, leaf(SONG, {ANN: 40}), leaf(SONG, {CAT: 5}, part=1), leaf(FILM, {BOB: 45}))


def test_difference__two_epochs__by_payee_and_by_work() -> None:
    found = difference(NOW, BEFORE)

    payees = [(one.payee, one.change.now, one.change.before) for one in found.payees]
    assert payees == [(ANN, 40, 40), (BOB, 45, 50), (CAT, 5, 0)]
    works = [(one.work_id, one.change.delta) for one in found.works]
    assert works == [(SONG, -15), (FILM, 15)]


def test_difference__totals__paid_allocated_unallocated() -> None:
    (total,) = difference(NOW, BEFORE).totals

    assert (total.paid_in.delta, total.allocated.delta, total.unallocated.delta) == (-10, 0, -10)
    assert total.allocated == Change(now=BaseUnits(90), before=BaseUnits(90))


def test_difference__fees_and_escrow__in_the_totals_and_in_both_lists() -> None:
    other = (
        leaf(SONG, {ANN: 40}),
        leaf(FEES_ID, {CAT: 7}),
        leaf(escrow_id(FILM), {BOB: 3}),
        leaf(suspense_id(work("film")), {BOB: 2}),
    )
    totals = (totals_of(DUSD, paid_in=60, allocated=40, fees=7, escrow=5),)

    (total,) = difference(StoredOutcome(totals=totals, leaves=other), BEFORE).totals

    changes = (total.allocated, total.fees, total.escrow, total.unallocated, total.in_leaves)
    assert [one.delta for one in changes] == [-50, 7, 5, -2, -38]


def test_difference__the_same__all_zero_and_all_there() -> None:
    found = difference(SAMPLE, SAMPLE)

    assert set(deltas(found)) == {0}
    assert {one.work_id for one in found.works} == {one.work_id for one in SAMPLE.leaves}


def test_difference__nothing_before__everything_is_new() -> None:
    found = difference(SAMPLE, StoredOutcome())

    assert [one.asset for one in found.totals] == sorted((DUSD, EURT))
    for total in found.totals:
        assert total.in_leaves.before == 0
        of_asset = [one.change for one in found.works if one.asset == total.asset]
        assert sum(one.delta for one in of_asset) == total.in_leaves.delta


def test_difference__turned_round__deltas_change_their_sign() -> None:
    there, back = difference(SAMPLE, BEFORE), difference(BEFORE, SAMPLE)

    assert deltas(there) == [-delta for delta in deltas(back)]


@pytest.mark.parametrize("is_now", [True, False])
def test_difference__leaf_lost__refused(is_now: bool) -> None:
    short = replace(BEFORE, leaves=BEFORE.leaves[1:])
    pair = (short, NOW) if is_now else (NOW, short)
    side = "now" if is_now else "before"

    with pytest.raises(DifferenceBroken, match=f"payees {side} sum to 30, the totals say 90"):
        difference(*pair)


def test_difference__leaves_in_an_asset_without_totals__refused() -> None:
    with pytest.raises(DifferenceBroken, match="sum to 90, the totals say 0"):
        difference(StoredOutcome(leaves=BEFORE.leaves), StoredOutcome())
