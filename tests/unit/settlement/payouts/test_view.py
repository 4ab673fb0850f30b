"""What the views of the contract mean for an operation."""

import pytest

from contracts.calls import EpochState, EpochStatus
from contracts.evm import Epoch, Hash32, Timestamp
from settlement.errors import UnknownLines
from settlement.payouts.operation import EpochSubject, LeafSubject, Operation
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
    assert usage_of(operation(lines=lines), 0) is Usage.UNUSED
    assert usage_of(operation(lines=lines), 2**lines - 1) is Usage.SETTLED


def test_leaf_usage__some_flags__unused_only_for_who_was_planned_from_them() -> None:
    """Of all operations of a leaf at most one is unused: the rule against two nonces needs it."""
    planned = {settled: operation(lines=3, settled=settled) for settled in range(7)}
    for flags in range(8):
        usages = {settled: usage_of(one, flags) for settled, one in planned.items()}

        assert [one for one in usages if usages[one] is Usage.UNUSED] == [flags] * (flags < 7)
        for settled, usage in usages.items():
            if flags != settled:
                is_early = bool(settled & ~flags)
                assert usage is (Usage.EARLY if is_early else Usage.SETTLED)


@pytest.mark.parametrize("flags", [0b1000, 0b1111, 0b10001])
def test_leaf_usage__line_that_the_leaf_does_not_have__corrupt(flags: int) -> None:
    one = operation(lines=3)

    with pytest.raises(UnknownLines, match=str(one.op_id)):
        usage_of(one, flags)


def usage_of(one: Operation, flags: int) -> Usage:
    assert isinstance(one.subject, LeafSubject)
    return leaf_usage(one.op_id, one.subject, flags)
