"""What the views of the contract mean for an operation."""

import pytest

from contracts.calls import EpochState, EpochStatus
from contracts.evm import Epoch, Hash32, Timestamp
from settlement.errors import PartlyPaid
from settlement.payouts.operation import EpochSubject, LeafSubject
from settlement.payouts.view import Usage, commit_usage, leaf_usage
from tests.fakes_payout_chain import operation

OURS, THEIRS = Hash32.from_int(1), Hash32.from_int(2)
SUBJECT = EpochSubject(epoch=Epoch(4), attempt=2, manifest_digest=OURS)


def state(attempt: int, status: EpochStatus, digest: Hash32) -> EpochState:
    return EpochState(
        root=Hash32.from_int(3),
        manifest_digest=digest,
        active_at=Timestamp(0),
        attempt=attempt,
        status=status,
    )


@pytest.mark.parametrize(
    ("seen", "usage"),
    [
        (state(1, EpochStatus.NONE, Hash32(bytes(32))), Usage.UNUSED),
        (state(1, EpochStatus.PENDING, THEIRS), Usage.UNUSED),
        (state(2, EpochStatus.NONE, Hash32(bytes(32))), Usage.UNUSED),
        (state(2, EpochStatus.PENDING, OURS), Usage.SETTLED),
        (state(2, EpochStatus.ACTIVE, OURS), Usage.SETTLED),
        (state(2, EpochStatus.PENDING, THEIRS), Usage.SUPERSEDED),
        (state(3, EpochStatus.NONE, Hash32(bytes(32))), Usage.SUPERSEDED),
        (state(3, EpochStatus.ACTIVE, OURS), Usage.SUPERSEDED),
    ],
)
def test_commit_usage__state_of_epoch__table(seen: EpochState, usage: Usage) -> None:
    assert commit_usage(SUBJECT, seen) is usage


@pytest.mark.parametrize("lines", [1, 3, 32])
def test_leaf_usage__all_or_no_flags__settled_or_unused(lines: int) -> None:
    one = operation(lines=lines)
    assert isinstance(one.subject, LeafSubject)

    assert leaf_usage(one.op_id, one.subject, 0) is Usage.UNUSED
    assert leaf_usage(one.op_id, one.subject, 2**lines - 1) is Usage.SETTLED


@pytest.mark.parametrize("flags", [0b001, 0b110, 0b1111])
def test_leaf_usage__some_flags_or_too_many__corrupt(flags: int) -> None:
    one = operation(lines=3)
    assert isinstance(one.subject, LeafSubject)

    with pytest.raises(PartlyPaid, match=str(one.op_id)):
        leaf_usage(one.op_id, one.subject, flags)
