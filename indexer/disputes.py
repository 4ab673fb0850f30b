"""Blocks about which endpoints contradict each other: kept as evidence, and waited for.

While a dispute is open, nothing is stored, so neither the block nor any above it is ever called
final, or paid from. It ends when all configured endpoints answer and say the same: when the one
that was wrong has been put right, or is not configured any more.
"""

import logging

from indexer.agreement import Statement, Verdict
from indexer.errors import BlockDisputed
from indexer.outcomes import Disputed
from indexer.plan import IndexedChain
from indexer.ports import FactStore, WitnessedChain

log = logging.getLogger(__name__)


class Disputes:
    """The disputes of one chain; what is known of them is in the store."""

    def __init__(self, plan: IndexedChain, chain: WitnessedChain, store: FactStore) -> None:
        self._plan, self._chain, self._store = plan, chain, store
        self._wanted = plan.question.wanted
        self._fork: tuple[Statement, ...] = ()

    def opened(self, error: BlockDisputed) -> Disputed:
        """Keep who said what."""
        self._store.add_statements(error.statements)
        log.error(
            "endpoints contradict each other",
            extra={
                "chain_id": self._plan.chain_id,
                "block_number": error.number,
                "cause": str(error),
            },
        )
        return Disputed(error.number, str(error))

    def still_open(self) -> Disputed | None:
        """Ask again about the lowest disputed block; None once there is none."""
        found = self._store.open_dispute()
        if found is None:
            return None
        number, asked = found
        statements = self._chain.ask_again(number, asked, self._wanted)
        self._store.add_statements(statements)
        if all(one.verdict is Verdict.AGREED for one in statements):
            log.warning(
                "endpoints agree again",
                extra={"chain_id": self._plan.chain_id, "block_number": number},
            )
            return None
        return Disputed(number, str(BlockDisputed(statements)))

    def note_fork(self) -> None:
        """Keep what endpoints said of blocks that can still change, where they differed."""
        agreement = self._chain.agreement
        fork = () if agreement is None else agreement.fork
        if fork and fork != self._fork:
            self._store.add_statements(fork)
        self._fork = fork
