"""Progress of long work, with rate and time left, at most every few seconds, as log lines."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

_EVERY_S = 5


@dataclass(slots=True)
class Progress:
    """How far one long work is; `unit` names what is counted, `now` is in seconds."""

    what: str
    unit: str
    now: Callable[[], float] = time.monotonic
    _started: tuple[float, int] | None = field(init=False, default=None)
    _shown_at: float = field(init=False, default=0)

    def moved(self, *, done: int, total: int) -> None:
        """Tell how much is done of how much; the first call sets the start of the rate."""
        now = self.now()
        if self._started is None:
            self._started, self._shown_at = (now, done), now
        if done >= total or now - self._shown_at < _EVERY_S:
            return
        self._shown_at = now
        began, first = self._started
        rate = max(1, round((done - first) / (now - began)))
        log.info(
            "work in progress",
            extra={
                "what": self.what,
                "done": done,
                "total": total,
                "unit": self.unit,
                "per_second": rate,
                "seconds_left": (total - done) // rate,
            },
        )
