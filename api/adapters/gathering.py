"""Questions put together: one statement for all that came while the last one was under way.

    asked     a ─┐      b  c  d ─┐         e ─┐
    under way    └── a ──────────┴─ b c d ────┴─ e ──
                 ▲ nothing is under way: asked at once

Nobody waits for others to come, and nobody longer than `PATIENCE_S` for others to be answered: then
the next statement goes another way, on a connection of its own. A statement begins after each of
its questions came, so an answer is never older than its question, and it is of one snapshot like
that of a statement for it alone. What fails, fails for all who asked together.
"""

from asyncio import Task, create_task, shield, wait
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from psycopg import AsyncConnection

from api.adapters.direct import direct_connection
from api.adapters.snapshot import Pool

Asked = TypeVar("Asked")
Answers = TypeVar("Answers")

TOGETHER_MAX: Final = 64
PATIENCE_S: Final = 0.02


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
        self._asked: list[Asked] = []
        self._open: Task[Answers] | None = None
        self._last: Task[Answers] | None = None

    async def ask(self, asked: Asked) -> tuple[int, Answers]:
        """The answers of a statement, and the place of this question among its questions.

        Raises:
            DatabaseUnavailable: no connection, no answer in time, or no schema.
        """
        if self._open is None or len(self._asked) >= TOGETHER_MAX:
            self._asked = []
            self._open = self._last = create_task(self._together(self._asked, self._last))
        task, place = self._open, len(self._asked)
        self._asked.append(asked)
        # Who goes away must not take the answers of the others along.
        return place, await shield(task)

    async def _together(self, asked: list[Asked], before: Task[Answers] | None) -> Answers:
        try:
            if before is not None and not before.done():
                await wait((before,), timeout=PATIENCE_S)
            async with direct_connection(self._pool) as connection:
                self._close(asked)
                return await self._answer(connection, asked)
        finally:
            self._close(asked)

    def _close(self, asked: list[Asked]) -> None:
        """No question is added to these any more; a full list was closed by the next one."""
        if asked is self._asked:
            self._open = None
