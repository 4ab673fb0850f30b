"""Lines of progress: rare, with rate and time left, and none when the work is done."""

import logging
from collections.abc import Callable

import pytest

from scripts.progress import Progress


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[int, int, int]]]:
    caplog.set_level(logging.INFO, "scripts.progress")

    def read() -> list[tuple[int, int, int]]:
        """(done, per second, seconds left) of every line so far."""
        extras = [vars(record) for record in caplog.records]
        assert {(one["what"], one["unit"]) for one in extras} <= {("indexing dev", "blocks")}
        return [(one["done"], one["per_second"], one["seconds_left"]) for one in extras]

    return read


def follow(*steps: tuple[float, int, int]) -> None:
    """Tell of (second, done, total), one after the other."""
    clock = iter([second for second, _, _ in steps])
    progress = Progress("indexing dev", unit="blocks", now=lambda: next(clock))
    for _, done, total in steps:
        progress.moved(done=done, total=total)


def test_progress__first_news__no_line(lines: Callable[[], list[tuple[int, int, int]]]) -> None:
    follow((100, 40, 1_000))

    assert lines() == []


def test_progress__soon_after__no_line(lines: Callable[[], list[tuple[int, int, int]]]) -> None:
    follow((100, 0, 1_000), (104.9, 100, 1_000))

    assert lines() == []


def test_progress__rate__counted_from_the_first_news(
    lines: Callable[[], list[tuple[int, int, int]]],
) -> None:
    follow((100, 400, 1_000), (105, 450, 1_000), (109, 490, 1_000), (110, 700, 1_000))

    assert lines() == [(450, 10, 55), (700, 30, 10)]


def test_progress__slower_than_one_a_second__rate_of_one(
    lines: Callable[[], list[tuple[int, int, int]]],
) -> None:
    follow((0, 0, 10), (60, 1, 10))

    assert lines() == [(1, 1, 9)]


def test_progress__done__no_line(lines: Callable[[], list[tuple[int, int, int]]]) -> None:
    follow((0, 0, 10), (60, 10, 10), (120, 11, 10))

    assert lines() == []
