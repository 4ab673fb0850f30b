from dataclasses import replace

import pytest

from api.epoch_state import EpochFacts, EpochState, epoch_state
from contracts.evm import Epoch, Timestamp
from settlement.royalties.epoch import Timeline

TIMELINE = Timeline(genesis=Timestamp(1000), length=100, grace=20)
EPOCH = Epoch(1)  # [1100, 1200), grace to 1220
NOTHING = EpochFacts(is_computed=False, approvals=0, active_at=None, vetoes=0, is_paid_out=False)
COMPUTED = replace(NOTHING, is_computed=True)
COMMITTED = replace(COMPUTED, approvals=2, active_at=Timestamp(1300))


def state(facts: EpochFacts, *, head: int, finalized: int) -> EpochState:
    return epoch_state(EPOCH, facts, TIMELINE, head=Timestamp(head), finalized=Timestamp(finalized))


@pytest.mark.parametrize(
    ("head", "finalized", "expected"),
    [
        (1099, 1000, EpochState.UPCOMING),
        (1100, 1000, EpochState.OPEN),
        (1199, 1199, EpochState.OPEN),
        (1200, 1199, EpochState.GRACE),
        (1219, 1200, EpochState.GRACE),
        (1220, 1219, EpochState.ENDED),
        (1230, 1220, EpochState.COMPUTABLE),
    ],
)
def test_epoch_state__nothing_computed__chain_time_decides(
    head: int, finalized: int, expected: EpochState
) -> None:
    assert state(NOTHING, head=head, finalized=finalized) is expected


@pytest.mark.parametrize(
    ("facts", "finalized", "expected"),
    [
        (COMPUTED, 1220, EpochState.COMPUTED),
        (replace(COMPUTED, approvals=1), 1220, EpochState.APPROVED),
        (COMMITTED, 1299, EpochState.PENDING),
        (COMMITTED, 1300, EpochState.ACTIVE),
        (replace(COMMITTED, is_paid_out=True), 1299, EpochState.PENDING),
        (replace(COMMITTED, is_paid_out=True), 1300, EpochState.SETTLED),
        (replace(NOTHING, active_at=Timestamp(1300)), 1300, EpochState.ACTIVE),
        (replace(NOTHING, vetoes=1), 1250, EpochState.VETOED),
        (replace(COMPUTED, vetoes=1), 1250, EpochState.COMPUTED),
    ],
)
def test_epoch_state__something_stands__it_decides(
    facts: EpochFacts, finalized: int, expected: EpochState
) -> None:
    assert state(facts, head=1400, finalized=finalized) is expected


def test_epoch_state__head_past_activation__finality_decides() -> None:
    assert state(COMMITTED, head=1500, finalized=1299) is EpochState.PENDING
