import pytest

from settlement.royalties.settling_time import APPROVAL_S, LIMIT_S, SettlingTime


def spent(grace_s: int = 0, finality_lag_s: int = 0, veto_window_s: int = 0) -> SettlingTime:
    return SettlingTime(grace_s=grace_s, finality_lag_s=finality_lag_s, veto_window_s=veto_window_s)


@pytest.mark.parametrize("part", ["grace_s", "finality_lag_s", "veto_window_s"])
def test_settling_time__every_part__counts_to_the_second(part: str) -> None:
    rest = LIMIT_S - APPROVAL_S

    assert spent(**{part: rest}).total_s == LIMIT_S
    assert spent(**{part: rest}).fits
    assert not spent(**{part: rest + 1}).fits


def test_settling_time__told__all_parts_and_the_sum() -> None:
    told = str(spent(grace_s=1, finality_lag_s=20, veto_window_s=300))

    assert told == ("grace 1 s + finality lag 20 s + approval 3600 s + veto window 300 s = 3921 s")
