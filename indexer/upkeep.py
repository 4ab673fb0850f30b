"""What is kept true of stored blocks, beside adding more: their proofs, and balances of tokens.

Both are about finalized blocks only, so a reorg never undoes them. Both say where they stand in the
store; what is remembered here only saves asking it again.
"""

from contracts.evm import BlockNumber, BlockRef
from indexer.blocks import BlockBatch
from indexer.fetched import FetchedRange, check_equal
from indexer.movements import MovementSums
from indexer.plan import IndexedChain
from indexer.ports import FactStore

_FOLD_ROWS = 1_000_000
"""What a crash leaves to be summed by the database, in one transaction of a few seconds."""

_FOLD_ACCOUNTS = 100_000
"""Their sums are in memory, and go to the database in one statement."""


class Upkeep:
    """Proofs and balances of one chain."""

    def __init__(self, plan: IndexedChain, store: FactStore) -> None:
        self._plan, self._store = plan, store
        self._unfolded_rows = 0
        self._sums: MovementSums | None = None
        self._folded: BlockRef | None = None
        self._are_all_proved = False

    def stored(self, fetched: FetchedRange, finalized: BlockRef | None) -> None:
        """Take note that this range was stored, and which block was the finalized one then."""
        bulk = (len(columns) for columns in fetched.decoded.facts if columns.spec.is_bulk)
        self._unfolded_rows += sum(bulk)
        if finalized is not None and fetched.range.end <= finalized.number + 1:
            self._sum(fetched)

    @property
    def is_fold_due(self) -> bool:
        """Whether so much waits that balances are to be folded before more is stored."""
        accounts = 0 if self._sums is None else len(self._sums)
        return self._unfolded_rows >= _FOLD_ROWS or accounts >= _FOLD_ACCOUNTS

    def fold(self, finalized: BlockRef | None) -> bool:
        """Bring balances up to the finalized block; whether they were behind."""
        sums, self._sums = self._sums, None
        self._unfolded_rows = 0
        if finalized is None or finalized == self._folded:
            return False
        was_behind = self._add(sums, finalized) or self._store.fold_balances(finalized)
        self._folded = finalized
        return was_behind

    def _sum(self, fetched: FetchedRange) -> None:
        start = fetched.range.start
        if self._sums is None or self._sums.upto != start - 1:
            is_first = start == self._plan.start_block
            self._sums = MovementSums(BlockNumber(-1 if is_first else start - 1))
        self._sums.add(fetched.range, fetched.decoded)

    def _add(self, sums: MovementSums | None, finalized: BlockRef) -> bool:
        """Hand over our own sums, if they are of all blocks that balances lack."""
        if sums is None or sums.upto != finalized.number:
            return False
        return self._store.add_movements(sums.movements())

    def unproved(self, *, blocks_max: int) -> BlockBatch | None:
        """Finalized blocks to be proved next; None once all have the proof that the level needs."""
        if self._are_all_proved:
            return None
        found = self._store.unproved(self._plan.level, blocks_max=blocks_max)
        self._are_all_proved = found is None
        return found

    def prove(self, held: BlockBatch, again: BlockBatch) -> None:
        """Give blocks that we hold the proofs that they have now that they were fetched again.

        Raises:
            ProofContradicts: they are not the blocks, or have not the logs, that we hold.
        """
        check_equal(self._plan.chain_id, held, again)
        self._store.prove(again)
