"""Progress of long work, with rates and time left: a bar on a terminal, else lines in the log.

The rates are those since the first news, so that a stretch of dense blocks does not make them jump.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import rich.progress
from rich.console import Console

log = logging.getLogger(__name__)

_EVERY_S = 5


@dataclass(slots=True)
class Progress:
    """How far one long work is; `unit` names what is counted, `now` is in seconds.

    With `bars` (see `shown_bars`) it has a bar there, without it writes log lines, at most every
    few seconds.
    """

    what: str
    unit: str
    bars: rich.progress.Progress | None = None
    now: Callable[[], float] = time.monotonic
    _started: tuple[float, int] | None = field(init=False, default=None)
    _shown_at: float = field(init=False, default=0)
    _bar: rich.progress.TaskID | None = field(init=False, default=None)

    def moved(
        self,
        *,
        done: int,
        total: int,
        besides: Mapping[str, int] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Tell how much is done of how much; the first call sets the start of the rate.

        Args:
            done: how much is done.
            total: how much there is.
            besides: what else was counted since the start, by unit.
            notes: what else there is to say, by name.
        """
        now = self.now()
        if self._started is None:
            self._started, self._shown_at = (now, done), now
        if self.bars is None and (done >= total or now - self._shown_at < _EVERY_S):
            return
        self._shown_at = now
        began, first = self._started
        counted = {self.unit: done - first} | dict(besides or {})
        rates = {unit: _rate(count, now - began) for unit, count in counted.items()}
        left_s = (total - done) // rates[self.unit]
        if self.bars is None:
            self._write(done, total, rates, left_s, notes or {})
            return
        says = [f"{rate:,} {unit}/s" for unit, rate in rates.items()]
        says.append("up to date" if done >= total else f"{timedelta(seconds=left_s)} left")
        says += [f"{name}: {note}" for name, note in (notes or {}).items()]
        self._draw(self.bars, done - first, max(total, done) - first, " · ".join(says))

    def _write(
        self, done: int, total: int, rates: Mapping[str, int], left_s: int, notes: Mapping[str, str]
    ) -> None:
        others = {f"{unit}_per_second": rate for unit, rate in rates.items() if unit != self.unit}
        log.info(
            "work in progress",
            extra={
                "what": self.what,
                "done": done,
                "total": total,
                "unit": self.unit,
                "per_second": rates[self.unit],
                "seconds_left": left_s,
                **others,
                **notes,
            },
        )

    def _draw(self, bars: rich.progress.Progress, done: int, total: int, says: str) -> None:
        """Move the bar, which begins where the first news was."""
        if self._bar is None:
            self._bar = bars.add_task(self.what, total=None, says="")
        is_whole = done >= total
        bars.update(
            self._bar, completed=1 if is_whole else done, total=1 if is_whole else total, says=says
        )


@contextmanager
def shown_bars(console: Console) -> Iterator[rich.progress.Progress | None]:
    """Bars at the foot of a terminal while the context lasts, with the log above; else None.

    The log then tells only of what somebody should see; the bars tell the rest.
    """
    if not console.is_terminal:
        yield None
        return
    bars = rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(bar_width=24),
        rich.progress.TaskProgressColumn(),
        rich.progress.TextColumn("{task.fields[says]}"),
        console=console,
        refresh_per_second=4,
    )
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = [_Above(console, handler) for handler in handlers]
    root.setLevel(max(level, logging.WARNING))
    try:
        with bars:
            yield bars
    finally:
        root.handlers = handlers
        root.setLevel(level)


class _Above(logging.Handler):
    """Prints the lines of another handler above the bars."""

    def __init__(self, console: Console, other: logging.Handler) -> None:
        super().__init__(other.level)
        self._console, self._other = console, other

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(
            self._other.format(record), markup=False, highlight=False, soft_wrap=True
        )


def _rate(count: int, duration_s: float) -> int:
    """Whole units a second, at least one: a rate of nothing would leave no time to tell."""
    return max(1, round(count / duration_s)) if duration_s > 0 else 1
