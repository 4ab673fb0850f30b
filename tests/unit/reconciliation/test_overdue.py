"""`reconciliation.overdue` and `reconciliation.divergence`."""

from dataclasses import replace

import pytest

from contracts.evm import Address, BlockNumber, Hash32, Timestamp
from contracts.leaves import Leaf, SplitLine, escrow_id
from contracts.units import BaseUnits
from reconciliation.chain_events import RawLog
from reconciliation.discrepancy import Kind
from reconciliation.divergence import LogTally, Witness, answers_differ, blocks_differ
from reconciliation.movements import LeafPlace
from reconciliation.overdue import OpenReservation, Tolerances, dormant, late
from tests.unit.reconciliation.test_checks import (
    ASSET,
    BLOCK,
    COMMITMENT,
    DIGEST,
    EPOCH,
    PAYEE,
    REBUILT,
    STATE,
)

CONTRACT, RELAY = Address(b"\xc0" * 20), Address(b"\xc1" * 20)
TOLERANCES = Tolerances(books_behind_s=100, reservation_s=200, unclaimed_s=50)
RESERVATION = OpenReservation(
    op_id=Hash32(b"\x01" * 32),
    entry_id=Hash32(b"\x02" * 32),
    asset=ASSET,
    amount=5,
    planned_at=Timestamp(800),
)
ESCROW = Leaf(
    epoch=EPOCH,
    work_id=escrow_id(DIGEST),
    part=0,
    asset=ASSET,
    lines=(SplitLine(payee=PAYEE, amount=BaseUnits(9)),),
)
NO_LOGS = LogTally()


@pytest.mark.parametrize(("behind_s", "count"), [(100, 0), (101, 1)])
def test_late__books_behind__above_the_tolerance(behind_s: int, count: int) -> None:
    finalized = replace(
        BLOCK, number=BlockNumber(99), timestamp=Timestamp(BLOCK.timestamp + behind_s)
    )

    found = late(BLOCK, finalized, (), TOLERANCES)

    assert [one.kind for one in found] == [Kind.TIMING] * count


@pytest.mark.parametrize(("planned_at", "count"), [(800, 0), (799, 1)])
def test_late__reservation__above_the_tolerance(planned_at: int, count: int) -> None:
    one = replace(RESERVATION, planned_at=Timestamp(planned_at))

    found = late(BLOCK, BLOCK, (one,), TOLERANCES)

    assert [each.subject for each in found] == [f"operation {RESERVATION.op_id}"] * count


@pytest.mark.parametrize(("since", "count"), [(950, 0), (949, 1)])
def test_dormant__pull_balance__above_the_tolerance(since: int, count: int) -> None:
    rebuilt = replace(REBUILT, unclaimed_since={(PAYEE, ASSET): Timestamp(since)})

    found = dormant(rebuilt, STATE, {}, TOLERANCES)

    assert [one.kind for one in found] == [Kind.UNCLAIMED_OR_EXPIRED] * count


@pytest.mark.parametrize(
    ("expiry_s", "is_settled", "count"), [(101, False, 0), (100, False, 1), (100, True, 0)]
)
def test_dormant__escrow__from_its_expiry_on(expiry_s: int, is_settled: bool, count: int) -> None:
    place = LeafPlace(ESCROW.epoch, ESCROW.work_id, 0, ASSET)
    rebuilt = replace(
        REBUILT,
        unclaimed_since={},
        settled_escrow=frozenset({place} if is_settled else ()),
        commitments={EPOCH: COMMITMENT},
    )
    state = replace(STATE, escrow_expiry_s=expiry_s)

    found = dormant(rebuilt, state, {DIGEST: [ESCROW]}, TOLERANCES)

    assert [one.actual for one in found] == ["9 in escrow"] * count


def test_blocks_differ__other_hash_or_none__found() -> None:
    others = {"same": BLOCK.hash, "fork": DIGEST, "behind": None}

    found = blocks_differ(BLOCK, "here", others)

    assert [one.subject for one in found] == ["block/fork", "block/behind"]


def logs(*indexes: int) -> LogTally:
    tally = LogTally()
    tally.add(RawLog(4, one, b"\x04" * 32, b"\x05" * 32, b"\xc0" * 20, (), b"") for one in indexes)
    return tally


@pytest.mark.parametrize(("other", "count"), [((1, 2), 0), ((1,), 1), ((2, 1), 1), ((), 1)])
def test_answers_differ__logs__first_block_named(other: tuple[int, ...], count: int) -> None:
    honest = {RELAY: logs(3)}
    witness = Witness(host="b", tallies={CONTRACT: logs(*other)} | honest, balances={})

    found = answers_differ(BLOCK, "a", {CONTRACT: logs(1, 2)} | honest, {}, witness)

    assert [(one.kind, one.place.block_number) for one in found] == [
        (Kind.SOURCE_DIVERGENCE, 4)
    ] * count


@pytest.mark.parametrize(("units", "count"), [(100, 0), (99, 1)])
def test_answers_differ__balances__each_found(units: int, count: int) -> None:
    key = (ASSET, Address(b"\xc0" * 20))
    witness = Witness(host="b", tallies={}, balances={key: units})

    found = answers_differ(BLOCK, "a", {}, {key: 100}, witness)

    assert [one.asset for one in found] == [ASSET] * count
