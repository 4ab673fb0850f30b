"""Where siblings meet: small adapters that give one room what another room holds.

`settlement.payouts` asks for payable leaves and approved commits, `settlement.ledger` for committed
distributions; each declares a Protocol, and the classes here satisfy it from the stores of the
rooms that know. Reads of several rooms share one database snapshot.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.calls import Withdrawal
from contracts.evm import BlockRef, Epoch, Hash32
from contracts.leaves import Leaf, leaf_hash
from contracts.money_events import EpochCommitted
from indexer.adapters.reads import FactReads
from reconciliation.statements import works_under_verdict
from settlement.ledger import reserve
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.commitments import Distribution
from settlement.payouts.operation import Kind, Operation
from settlement.payouts.protocols import ApprovedCommit
from settlement.royalties.adapters.attempts import ComputedAttempt, ComputedAttempts
from settlement.royalties.adapters.store import Approvals, ComputedEpochs
from settlement.royalties.approve import ChainCheck
from settlement.royalties.commit import TooFewApprovals, plan_commit
from settlement.royalties.manifest_reading import manifest_from_bytes
from settlement.royalties.tree import Tree, leaf_tree
from settlement.royalties.tree_profiles import QUITTANCE_V1

_TREES_KEPT_MAX = 8


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One read-only view of the database, the same for all reads in it."""
    with engine.connect() as connection:
        isolated = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with isolated.begin():
            yield isolated


class CommittedDistributions:
    """`ledger.books.CommittedLeaves`: what royalties computed, for the books."""

    def __init__(self, connection: Connection, settlement: Settlement) -> None:
        self._connection, self._settlement = connection, settlement

    def distribution(self, epoch: Epoch, manifest_digest: Hash32) -> Distribution | None:
        """The distribution with this manifest; None if we never computed it."""
        data = ComputedAttempts(self._connection).manifest(manifest_digest)
        if data is None:
            return None
        manifest = manifest_from_bytes(data)
        if manifest.epoch != epoch or manifest.payouts != self._settlement.payouts:
            return None
        return Distribution(
            manifest_digest=manifest_digest,
            root=manifest.root,
            leaves=ComputedEpochs(self._connection).leaves(manifest_digest),
        )


class LedgerReservations:
    """`payouts.adapters.store.Reservations`: the books' pending entry of a planned withdrawal."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def reserve(self, connection: Connection, operation: Operation) -> None:
        """Reserve the leaf, in the transaction that stores the operation; a commit moves nothing.

        Raises:
            NothingToReserve: the books owe nothing on this leaf.
        """
        if operation.kind is Kind.WITHDRAW:
            reserve.reserve(LedgerStore(connection, self._book), operation.op_id)


class FinalizedFacts:
    """`payouts.protocols.Finality`: the finalized block up to which facts are indexed."""

    def __init__(self, engine: Engine, settlement: Settlement) -> None:
        self._engine, self._settlement = engine, settlement

    def finalized(self) -> BlockRef | None:
        """The finalized block; None while none is known."""
        with snapshot(self._engine) as connection:
            return FactReads(connection, self._settlement).finalized()


class PostedLeaves:
    """`payouts.protocols.PayableLeaves`: leaves that the books owe, with their proofs."""

    def __init__(self, engine: Engine, settlement: Settlement, book: Book) -> None:
        self._engine, self._settlement, self._book = engine, settlement, book
        self._trees = lru_cache(maxsize=_TREES_KEPT_MAX)(self._tree)

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[Withdrawal]:
        """Leaves with posted entries, not reserved, of works without a verdict at `at`."""
        with snapshot(self._engine) as connection:
            facts = FactReads(connection, self._settlement)
            held = works_under_verdict(facts.verdicts(at))
            due = [
                owed
                for owed in LedgerReads(connection, self._book).payable_leaves()
                if not owed.is_reserved and owed.work_id not in held
            ][:limit]
        return [
            self._withdrawal(owed.epoch, (owed.work_id, owed.part, owed.asset), at) for owed in due
        ]

    def _withdrawal(self, epoch: Epoch, key: tuple[Hash32, int, bytes], at: BlockRef) -> Withdrawal:
        tree, leaves, places = self._trees(self._committed(epoch, at))
        place = places[key]
        return Withdrawal(leaf=leaves[place], proof=tree.proof(place))

    def _committed(self, epoch: Epoch, at: BlockRef) -> Hash32:
        """Digest of the manifest that the chain committed to; an active epoch has one."""
        with snapshot(self._engine) as connection:
            events = FactReads(connection, self._settlement).commitments(epoch, at)
        last = events[-1]
        if not isinstance(last, EpochCommitted):
            raise TypeError(f"epoch {epoch} is payable in the books but vetoed on chain")
        return last.manifest_digest

    def _tree(
        self, manifest_digest: Hash32
    ) -> tuple[Tree, Sequence[Leaf], dict[tuple[Hash32, int, bytes], int]]:
        with snapshot(self._engine) as connection:
            leaves = ComputedEpochs(connection).leaves(manifest_digest)
        hashes = [
            leaf_hash(leaf, chain_id=self._settlement.chain_id, contract=self._settlement.payouts)
            for leaf in leaves
        ]
        places = {(leaf.work_id, leaf.part, bytes(leaf.asset)): i for i, leaf in enumerate(leaves)}
        return leaf_tree(QUITTANCE_V1, hashes), leaves, places


class ReadyCommits:
    """`payouts.protocols.ApprovedCommits`: the computed epoch that a quorum approved."""

    def __init__(self, engine: Engine, settlement: Settlement, chain: ChainCheck) -> None:
        self._engine, self._settlement, self._chain = engine, settlement, chain

    def approved(self, at: BlockRef) -> Sequence[ApprovedCommit]:
        """At most one: epochs are committed in sequence."""
        one = self._settlement
        with snapshot(self._engine) as connection:
            attempts = ComputedAttempts(connection)
            latest = attempts.latest(one.chain_id, one.payouts)
            if latest is None or self._is_committed(connection, latest, at):
                return ()
            manifest = attempts.manifest(latest.manifest_digest) or b""
            plan = plan_commit(
                manifest,
                standing=self._chain.standing(latest.epoch, at),
                store=Approvals(connection),
            )
        if isinstance(plan, TooFewApprovals):
            return ()
        return (ApprovedCommit(approval=plan.approval, signatures=plan.signatures),)

    def _is_committed(self, connection: Connection, latest: ComputedAttempt, at: BlockRef) -> bool:
        events = FactReads(connection, self._settlement).commitments(latest.epoch, at)
        return any(
            isinstance(event, EpochCommitted) and event.attempt == latest.attempt
            for event in events
        )
