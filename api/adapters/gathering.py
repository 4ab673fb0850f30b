"""Questions put together: one statement for all that came while the last one was under way.

    asked     a ─┐      b  c  d ─┐         e ─┐
    under way    └── a ──────────┴─ b c d ────┴─ e ──
                 ▲ nothing is under way: asked at once

Nobody waits for others to come, and nobody longer than `PATIENCE_S` for others to be answered: then
the next statement goes another way, on a connection of its own. A statement begins after each of
its questions came, so an answer is never older than its question, and it is of one snapshot like
that of a statement for it alone.

Nobody's question fails another's: where a statement of several fails, each of them is asked again,
alone, and only who cannot be answered alone is not. Those who ask alone leave connections to
others. Without a connection nothing was asked, and all who asked together are told so.
"""

from asyncio import Semaphore, Task, create_task, shield, wait
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import psycopg
from psycopg import AsyncConnection

from api.adapters.direct import CONNECTIONS_MAX, direct_connection
from api.adapters.snapshot import Pool
from api.errors import DatabaseUnavailable

Asked = TypeVar("Asked")
Answers = TypeVar("Answers")

TOGETHER_MAX: Final = 64
PATIENCE_S: Final = 0.02
ALONE_MAX: Final = CONNECTIONS_MAX // 2
"""Questions that are asked again at once."""


class _Together(Generic[Asked]):
    """Questions of one statement; `has_begun` once there was a connection to ask them on."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.has_begun = False


class Gathering(Generic[Asked, Answers]):
    """Gathers questions of one kind; `answer` answers all of a statement.

    How many statements wait, and for how long, is bounded by the pool.
    """

    def __init__(
        self,
        pool: Pool,
        answer: Callable[[AsyncConnection[Any], Sequence[Asked]], Awaitable[Answers]],
    ) -> None:
        self._pool, self._answer = pool, answer
        self._open: tuple[_Together[Asked], Task[Answers]] | None = None
        self._last: Task[Answers] | None = None
        self._alone = Semaphore(ALONE_MAX)

    async def ask(self, asked: Asked) -> tuple[int, Answers]:
        """The answers of a statement, and the place of this question among its questions.

        Raises:
            DatabaseUnavailable: no connection, no answer in time, or no schema.
        """
        if self._open is None or len(self._open[0].asked) >= TOGETHER_MAX:
            together = _Together[Asked]()
            self._last = create_task(self._answers(together, self._last))
            self._open = together, self._last
        one, task = self._open
        one.asked.append(asked)
        place = len(one.asked) - 1
        try:
            # Who goes away must not take the answers of the others along.
            return place, await shield(task)
        except (DatabaseUnavailable, psycopg.Error):
            if not one.has_begun or len(one.asked) == 1:
                raise
        async with self._alone, direct_connection(self._pool) as connection:
            return 0, await self._answer(connection, [asked])

    async def _answers(self, one: _Together[Asked], before: Task[Answers] | None) -> Answers:
        try:
            if before is not None and not before.done():
                await wait((before,), timeout=PATIENCE_S)
            async with direct_connection(self._pool) as connection:
                self._close(one)
                one.has_begun = True
                return await self._answer(connection, one.asked)
        finally:
            self._close(one)

    def _close(self, one: _Together[Asked]) -> None:
        """No question is added to these any more; a full list was closed by the next one."""
        if self._open is not None and one is self._open[0]:
            self._open = None
