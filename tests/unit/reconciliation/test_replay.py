"""`reconciliation.replay` over `reconciliation.movements`: events to entries and balances."""

from typing import Any

import pytest

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from contracts.leaves import FEES_ID, Leaf, SplitLine, escrow_id, suspense_id
from contracts.units import BaseUnits
from reconciliation.chain_events import ChainEvent, RawLog
from reconciliation.errors import BadLog
from reconciliation.movements import Expected, LeafPlace
from reconciliation.replay import Replay
from reconciliation.snapshot import Rebuilt

ASSET, CONTRACT = Address(b"\xaa" * 20), Address(b"\xc0" * 20)
ANN, BEN = Address(b"\x01" * 20), Address(b"\x02" * 20)
WORK, OP = Hash32.from_int(7), Hash32(b"\x0f" * 32)
DIGEST, ROOT = Hash32(b"\x0d" * 32), Hash32(b"\x0e" * 32)
CONTENT = escrow_id(Hash32(b"\x05" * 32))
SUSPENDED = suspense_id(WORK)
PLACE = LeafPlace(Epoch(0), WORK, 0, ASSET)
TOTALS = [(str(ASSET), 100, 0, 70, 15, 5, 10)]
AT = BlockRef(
    number=BlockNumber(99),
    hash=Hash32(bytes(32)),
    parent_hash=Hash32(bytes(32)),
    timestamp=Timestamp(2_000),
)


def event(block: int, name: str, *, transaction: int = 0, **values: Any) -> ChainEvent:
    hashed = (transaction or block).to_bytes(32, "big")
    log = RawLog(block, 0, b"\x09" * 32, hashed, CONTRACT, (), b"")
    return ChainEvent(log, ContractName.EPOCH_PAYOUTS, name, {"asset": ASSET, **values})


def funded(block: int, amount: int) -> ChainEvent:
    return event(block, "EpochFunded", epoch=0, amount=amount)


def committed(block: int, attempt: int = 1) -> ChainEvent:
    values: dict[str, Any] = {"manifest_digest": DIGEST, "root": ROOT, "totals": TOTALS}
    values |= {"active_at": 1_000}
    return event(block, "EpochCommitted", epoch=0, attempt=attempt, **values)


def line(block: int, name: str, payee: Address, amount: int, number: int) -> ChainEvent:
    values: dict[str, Any] = {"op_id": OP, "payee": payee, "amount": amount, "line": number}
    return event(block, name, **values)


def withdrawn(block: int) -> ChainEvent:
    values: dict[str, Any] = {"op_id": OP, "epoch": 0, "work_id": WORK, "part": 0}
    return event(block, "LeafWithdrawn", **values)


def replayed(
    *events: ChainEvent, leaves: tuple[Leaf, ...] = (), since: int = 0
) -> tuple[list[Expected], Rebuilt]:
    replay = Replay(ChainId(1), CONTRACT, flags_since=BlockNumber(since))
    times = {one.log.block_number: Timestamp(100 + one.log.block_number) for one in events}
    entries = list(replay.entries(events, times))
    entries += replay.activations({DIGEST: leaves}, AT)
    return entries, replay.rebuilt(AT)


def leaf(work_id: Hash32, *lines: tuple[Address, int]) -> Leaf:
    split = tuple(SplitLine(payee=who, amount=BaseUnits(units)) for who, units in lines)
    return Leaf(epoch=Epoch(0), work_id=work_id, part=0, asset=ASSET, lines=split)


LEAVES = (
    leaf(WORK, (ANN, 40), (BEN, 30)),
    leaf(FEES_ID, (BEN, 10)),
    leaf(CONTENT, (CONTRACT, 9)),
    leaf(SUSPENDED, (CONTRACT, 6)),
)


def test_replay__whole_life_of_an_epoch__every_balance() -> None:
    entries, rebuilt = replayed(
        funded(1, 60),
        funded(2, 40),
        committed(3),
        line(4, "PayeePaid", ANN, 40, 0),
        line(4, "PayeeUnclaimed", BEN, 30, 1),
        withdrawn(4),
        event(5, "EscrowReleased", epoch=0, escrow_id=SUSPENDED, beneficiary=ANN, amount=6),
        event(6, "EscrowExpired", epoch=0, escrow_id=CONTENT, amount=9),
        event(7, "UnclaimedWithdrawn", payee=BEN, amount=10),
        event(8, "UnallocatedTransferred", transfer_id=OP, epoch=0, amount=3),
        leaves=LEAVES,
    )

    assert len(entries) == 9 + 4
    assert dict(rebuilt.cash) == {ASSET: 100 - 40 - 10 - 3}
    assert rebuilt.paid_in == {(0, ASSET): 100}
    assert rebuilt.remaining == {(0, ASSET): 10}
    assert rebuilt.escrowed == {(0, ASSET): 0}
    assert rebuilt.unallocated == {(0, ASSET): 5 + 9 - 3}
    assert {key: units for key, units in rebuilt.unclaimed.items() if units} == {
        (BEN, ASSET): 20,
        (ANN, ASSET): 6,
    }
    assert rebuilt.unclaimed_since == {(BEN, ASSET): 104, (ANN, ASSET): 105}
    assert rebuilt.paid_lines[PLACE] == 0b11
    assert len(rebuilt.settled_escrow) == 2
    assert rebuilt.cash[ASSET] == sum(rebuilt.unclaimed.values()) + 10 + 11


def test_replay__veto__the_commitment_taken_back() -> None:
    veto = event(4, "EpochVetoed", epoch=0, attempt=1)

    entries, rebuilt = replayed(funded(1, 100), committed(3), veto, leaves=LEAVES)

    assert rebuilt.commitments == {}
    assert rebuilt.cash == {ASSET: 100}
    assert rebuilt.paid_in == {(0, ASSET): 100}
    assert {key: units for key, units in rebuilt.remaining.items() if units} == {}
    assert {key: units for key, units in rebuilt.unallocated.items() if units} == {}
    reversed_moves = tuple(sorted(one.reversed() for one in entries[1].movements))
    assert entries[2].movements == reversed_moves


def test_replay__not_active_yet__no_leaf_is_payable() -> None:
    late = committed(3)._replace(values={**committed(3).values, "active_at": 2_001})

    entries, rebuilt = replayed(funded(1, 100), late, leaves=LEAVES)

    assert [one.name for one in entries] == ["EpochFunded", "EpochCommitted"]
    assert rebuilt.remaining == {(0, ASSET): 80}


def test_replay__line_whose_leaf_is_not_named__refused() -> None:
    with pytest.raises(BadLog):
        replayed(line(4, "PayeePaid", ANN, 40, 0))


def test_replay__leaf_settled_before_a_clean_run__flags_not_asked_again() -> None:
    paid = (funded(1, 100), committed(3), line(4, "PayeePaid", ANN, 40, 0), withdrawn(4))

    assert replayed(*paid, since=3)[1].paid_lines == {PLACE: 0b01}
    assert replayed(*paid, since=4)[1].paid_lines == {}


def test_replay__holds_and_transfers__those_that_stand() -> None:
    announce = {"epoch": 0, "amount": 4}
    _, rebuilt = replayed(
        event(1, "PayeeHoldPlaced", account=ANN, expires_at=2_001),
        event(2, "PayeeHoldPlaced", account=BEN, expires_at=2_000),
        event(3, "UnallocatedTransferAnnounced", transfer_id=OP, **announce),
        event(4, "UnallocatedTransferAnnounced", transfer_id=DIGEST, **announce),
        event(5, "UnallocatedTransferCancelled", transfer_id=OP),
        event(6, "PayeeHoldPlaced", account=CONTRACT, expires_at=9_999),
        event(7, "PayeeHoldLifted", account=CONTRACT),
    )

    assert rebuilt.holds == {ANN: 2_001, BEN: 0, CONTRACT: 0}
    assert rebuilt.announced == {(0, ASSET): 4}


def test_questions__rebuilt__all_that_it_knows_of() -> None:
    _, rebuilt = replayed(
        funded(1, 100), committed(3), line(4, "PayeeUnclaimed", ANN, 40, 0), withdrawn(4)
    )

    questions = rebuilt.questions()

    assert questions.epochs == {0}
    assert questions.assets == {ASSET}
    assert (questions.unclaimed, questions.leaves) == (((ANN, ASSET),), (PLACE,))
