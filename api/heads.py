"""The newest block that each chain's own endpoint tells of, asked seldom.

The index cannot say how far it is behind: if its process is dead, all that it knows is old. So the
composition root may give the API a way to ask the chain. Answers are kept for a moment, so that no
number of requests here becomes a flood there.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from contracts.evm import BlockNumber, ChainId
from indexer.errors import IndexerError

HeadSource = Callable[[ChainId], BlockNumber]
"""Asks a chain for its newest block; blocks, and raises `IndexerError` where there is no answer."""

KEPT_S = 2.0
ANSWER_S = 2.0
_log = logging.getLogger(__name__)


class Heads:
    """The newest block of each chain, at most `kept_s` old; None without a source or an answer.

    A chain is asked by one thread at a time, also when its answer is late.
    """

    def __init__(
        self, source: HeadSource | None, *, kept_s: float = KEPT_S, answer_s: float = ANSWER_S
    ) -> None:
        self._source = source
        self._kept_s, self._answer_s = kept_s, answer_s
        self._known: dict[ChainId, tuple[float, BlockNumber | None]] = {}
        self._late: dict[ChainId, asyncio.Task[BlockNumber]] = {}
        self._asking = asyncio.Lock()

    async def head(self, chain_id: ChainId) -> BlockNumber | None:
        """The newest block of a chain."""
        if self._source is None:
            return None
        async with self._asking:
            known = self._known.get(chain_id)
            if known is not None and monotonic() - known[0] < self._kept_s:
                return known[1]
            head = await self._ask(self._source, chain_id)
            self._known[chain_id] = (monotonic(), head)
            return head

    async def _ask(self, source: HeadSource, chain_id: ChainId) -> BlockNumber | None:
        asked = self._late.pop(chain_id, None)
        if asked is None:
            asked = asyncio.create_task(asyncio.to_thread(source, chain_id))
        done, _ = await asyncio.wait({asked}, timeout=self._answer_s)
        if not done:
            self._late[chain_id] = asked
            _log.warning("head was not answered in time", extra={"chain_id": chain_id})
            return None
        try:
            return asked.result()
        except IndexerError as error:
            _log.warning("head was not answered", extra={"chain_id": chain_id, "cause": str(error)})
            return None
