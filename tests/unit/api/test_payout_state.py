import pytest

from api.payout_state import payout_state
from settlement.payouts.decision import State
from settlement.payouts.operation import CLOSING_FATES, Fate


@pytest.mark.parametrize(
    ("fates", "nonces_signed", "is_on_chain", "expected"),
    [
        ([], 0, False, State.PLANNED),
        ([], 1, False, State.SIGNED),
        ([], 1, True, State.MINED),
        ([], 0, True, State.USED_ELSEWHERE),
        ([Fate.REVERTED], 1, False, State.REVERTED_FINAL),
        ([Fate.REFUSED], 1, False, State.REFUSED_FINAL),
        ([Fate.DISPLACED], 1, False, State.DISPLACED),
        ([Fate.REVERTED], 2, False, State.SIGNED),
        ([Fate.REVERTED, Fate.SETTLED], 2, True, State.FINAL),
        ([Fate.SETTLED_ELSEWHERE], 1, True, State.USED_ELSEWHERE),
        ([Fate.SUPERSEDED], 0, False, State.SUPERSEDED),
    ],
)
def test_payout_state__what_is_stored__decides(
    fates: list[Fate], nonces_signed: int, is_on_chain: bool, expected: State
) -> None:
    assert payout_state(fates, nonces_signed=nonces_signed, is_on_chain=is_on_chain) is expected


@pytest.mark.parametrize("fate", CLOSING_FATES)
def test_payout_state__closed__whatever_else_is_known(fate: Fate) -> None:
    closed = payout_state([fate], nonces_signed=3, is_on_chain=False)

    assert closed in {State.FINAL, State.USED_ELSEWHERE, State.SUPERSEDED}
