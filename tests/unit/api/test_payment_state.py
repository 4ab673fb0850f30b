"""The state of a submission between two looks."""

from typing import Any

import pytest

from api.payment_state import live_state
from settlement.payments.states import State

SEEN: dict[str, Any] = {
    "is_terminal": False,
    "is_from_facts": True,
    "is_covered": True,
    "is_on_chain": True,
    "is_final": False,
}


@pytest.mark.parametrize(
    ("recorded", "changes", "expected"),
    [
        (None, {}, State.AWAITED),
        (State.AWAITED, {"is_covered": False, "is_on_chain": False}, State.AWAITED),
        (State.RECEIVED, {}, State.RECEIVED),
        (State.SAFE, {}, State.SAFE),
        (State.RECEIVED, {"is_on_chain": False}, State.GONE),
        (State.SAFE, {"is_on_chain": False}, State.GONE),
        (State.RECEIVED, {"is_final": True}, State.FINAL),
        (State.SAFE, {"is_final": True, "is_from_facts": False}, State.SAFE),
        (State.RECEIVED, {"is_covered": False, "is_on_chain": False}, State.RECEIVED),
        (State.GONE, {}, State.GONE),
        (State.REFUSED, {"is_on_chain": False}, State.REFUSED),
        (State.FINAL, {"is_terminal": True, "is_final": True}, State.FINAL),
        (State.EXPIRED, {"is_terminal": True, "is_covered": False}, State.EXPIRED),
    ],
)
def test_live_state__recorded_and_what_the_facts_say__derived(
    recorded: State | None, changes: dict[str, Any], expected: State
) -> None:
    assert live_state(recorded, **SEEN | changes) is expected
