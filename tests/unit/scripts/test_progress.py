"""Progress: bars on a terminal; else lines, rare, with rate and time left, none at the end."""

import logging
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from rich.console import Console

from scripts.progress import Progress, shown_bars


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


def test_progress__besides_and_notes__rates_and_words_in_the_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "scripts.progress")
    clock = iter([0, 10])
    progress = Progress("indexing dev", unit="blocks", now=lambda: next(clock))

    for done, events in ((100, 0), (150, 4_000)):
        progress.moved(
            done=done, total=1_000, besides={"events": events}, notes={"bottleneck": "storage"}
        )

    (line,) = (vars(record) for record in caplog.records)
    assert (line["per_second"], line["events_per_second"]) == (5, 400)
    assert (line["seconds_left"], line["bottleneck"]) == (170, "storage")


def test_bars__on_a_terminal__one_for_each_work_with_rates_and_time_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    screen = StringIO()
    clock = iter([0, 0, 10])
    with shown_bars(terminal(screen)) as bars:
        assert bars is not None
        other = Progress("indexing base", unit="blocks", bars=bars, now=lambda: next(clock))
        progress = Progress("indexing dev", unit="blocks", bars=bars, now=lambda: next(clock))
        other.moved(done=7, total=7)
        for done, events in ((9_000, 0), (9_050, 40_000)):
            progress.moved(
                done=done, total=10_000, besides={"events": events}, notes={"endpoint": "node:1"}
            )

    _, _, last = screen.getvalue().rpartition("indexing base")
    whole, begun = last.split("indexing dev")
    assert "100%" in whole
    assert "up to date" in whole
    for said in ("5%", "5 blocks/s", "4,000 events/s", "0:03:10 left", "endpoint: node:1"):
        assert said in begun
    assert caplog.messages == []


def test_bars__less_than_a_second_left__not_up_to_date() -> None:
    screen = StringIO()
    clock = iter([0, 1])
    with shown_bars(terminal(screen)) as bars:
        progress = Progress("indexing dev", unit="blocks", bars=bars, now=lambda: next(clock))
        for done in (0, 900):
            progress.moved(done=done, total=1_000)

    last = screen.getvalue().rpartition("indexing dev")[2]
    assert "0:00:00 left" in last
    assert "up to date" not in last


def test_bars__log_meanwhile__only_what_matters_and_above(
    log_lines: StringIO, root: logging.Logger
) -> None:
    screen = StringIO()

    with shown_bars(terminal(screen)):
        root.info("a range was indexed")
        root.warning("a range [failed]")
    root.info("afterwards")

    assert "a range was indexed" not in screen.getvalue()
    assert "a range [failed]" in screen.getvalue()
    assert log_lines.getvalue() == "afterwards\n"


def test_bars__work_fails__log_as_before(log_lines: StringIO, root: logging.Logger) -> None:
    with pytest.raises(ZeroDivisionError), shown_bars(terminal(StringIO())):
        raise ZeroDivisionError

    root.info("afterwards")

    assert log_lines.getvalue() == "afterwards\n"


def test_bars__not_a_terminal__none(log_lines: StringIO, root: logging.Logger) -> None:
    screen = StringIO()

    with shown_bars(Console(file=screen)) as bars:
        root.info("a range was indexed")

    assert bars is None
    assert screen.getvalue() == ""
    assert log_lines.getvalue() == "a range was indexed\n"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger without anybody else's handlers."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    logger.handlers = []
    yield logger
    logger.handlers = handlers
    logger.setLevel(level)


@pytest.fixture
def log_lines(root: logging.Logger) -> StringIO:
    """What the program's own handler writes, from INFO up."""
    written = StringIO()
    root.handlers = [logging.StreamHandler(written)]
    root.setLevel(logging.INFO)
    return written


def terminal(screen: StringIO) -> Console:
    return Console(file=screen, force_terminal=True, width=200, legacy_windows=False)
