"""Where siblings meet: small adapters that give one room what another room holds.

`settlement.payouts` asks for payable leaves and approved commits, `settlement.ledger` for committed
distributions; each declares a Protocol, and the classes here satisfy it from the stores of the
rooms that know. Reads of several rooms share one database snapshot.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Protocol, assert_never

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.calls import Withdrawal
from contracts.event_spec import ContractName
from contracts.evm import ZERO_HASH, Address, BlockRef, Epoch, Hash32
from contracts.leaves import Leaf, leaf_hash
from contracts.money_events import EpochCommitted, HoldEvent, TransferEvent
from contracts.units import BaseUnits
from indexer.adapters.reads import FactReads
from reconciliation.adapters.stops import SqlAssetStops
from reconciliation.standing import standing_holds
from reconciliation.statements import works_under_verdict
from settlement.errors import StoredRootDiffers
from settlement.ledger import reserve
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.commitments import Distribution
from settlement.payouts.operation import (
    EpochSubject,
    Kind,
    LeafSubject,
    LineSubject,
    Operation,
)
from settlement.payouts.protocols import ApprovedCommit, OwedLeaf
from settlement.royalties.adapters.attempts import ComputedAttempt, ComputedAttempts
from settlement.royalties.adapters.store import Approvals, ComputedEpochs
from settlement.royalties.approve import ChainCheck
from settlement.royalties.commit import CommitPlan, plan_commit
from settlement.royalties.manifest_reading import manifest_from_bytes
from settlement.royalties.tree import folded
from settlement.royalties.tree_flat import FlatTree

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


LINE_KINDS = {ContractName.TIP_RELAY: Kind.TIP, ContractName.PAYOUT_BATCH: Kind.PAYOUT}
"""The contracts that owe lines of lists, and what paying one is."""


def line_books(settlement: Settlement) -> list[Book]:
    """The books of a settlement's contracts that owe lines, as far as they are deployed."""
    deployed = [settlement.payments[name] for name in LINE_KINDS if name in settlement.payments]
    return [Book(chain_id=settlement.chain_id, contract=contract) for contract in deployed]


def paying_contracts(settlement: Settlement) -> tuple[Address, ...]:
    """The contracts that the payout key of a settlement pays from."""
    return (settlement.payouts, *(book.contract for book in line_books(settlement)))


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

    def has_computed(self, epoch: Epoch, attempt: int) -> bool:
        """Whether we computed this attempt at the epoch, or a later one."""
        one = self._settlement
        latest = ComputedAttempts(self._connection).latest(one.chain_id, one.payouts)
        return latest is not None and (latest.epoch, latest.attempt) >= (epoch, attempt)


class LedgerReservations:
    """`payouts.adapters.store.Reservations`: the books' pending entry of a planned payment.

    The books are those of the contract that pays.
    """

    def reserve(self, connection: Connection, operation: Operation) -> None:
        """Reserve leaf or line, in the transaction that stores the operation.

        Raises:
            NothingToReserve: the books owe nothing on it.
            PlanOutdated: it, or lines of it, were settled since they were asked.
        """
        book = Book(chain_id=operation.chain_id, contract=operation.contract)
        books = LedgerStore(connection, book)
        match operation.subject:
            case LeafSubject(settled=settled):
                reserve.reserve(books, operation.event_op_id, settled=settled)
            case LineSubject():
                reserve.reserve_line(books, operation.op_id)
            case EpochSubject():
                pass  # a commit moves nothing
            case _:
                assert_never(operation.subject)


class FinalizedFacts:
    """`payouts.protocols.Finality`: the finalized block up to which facts are indexed."""

    def __init__(self, engine: Engine, settlement: Settlement) -> None:
        self._engine, self._settlement = engine, settlement

    def finalized(self) -> BlockRef | None:
        """The finalized block; None while none is known."""
        with snapshot(self._engine) as connection:
            return FactReads(connection, self._settlement).finalized()


class IndexedFacts:
    """`reconcile.StandingFacts`: what is indexed of holds and announced transfers."""

    def __init__(self, engine: Engine, settlement: Settlement) -> None:
        self._engine, self._settlement = engine, settlement

    def hold_events(self, upto: BlockRef) -> Sequence[HoldEvent]:
        """Holds placed and lifted, in chain order.

        Raises:
            NotIndexed: the block is not in the index.
        """
        with snapshot(self._engine) as connection:
            return FactReads(connection, self._settlement).hold_events(upto)

    def transfer_events(self, upto: BlockRef) -> Sequence[TransferEvent]:
        """What became of transfers of unallocated money, in chain order.

        Raises:
            NotIndexed: the block is not in the index.
        """
        with snapshot(self._engine) as connection:
            return FactReads(connection, self._settlement).transfer_events(upto)


class LeafPolicy(Protocol):
    """Rules that leaves and lines must pass before they are planned."""

    def allowed(self, connection: Connection, at: BlockRef) -> Collection[Hash32]:
        """The op-ids of those that may be paid, of all that the books owe."""
        ...


class PostedLeaves:
    """`payouts.protocols.PayableLeaves`: leaves that the books owe, with their proofs.

    Without a policy all of them may be paid, but for assets that do not tie out.
    """

    def __init__(
        self, engine: Engine, settlement: Settlement, book: Book, policy: LeafPolicy | None
    ) -> None:
        self._engine, self._settlement, self._book = engine, settlement, book
        self._policy = policy
        self._stops = SqlAssetStops(settlement.chain_id, settlement.payouts)
        self._trees = lru_cache(maxsize=_TREES_KEPT_MAX)(self._tree)

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[OwedLeaf]:
        """Leaves with posted entries, not reserved, with something that is not held at `at`.

        All open lines of each are allowed by the policy.
        """
        with snapshot(self._engine) as connection:
            facts = FactReads(connection, self._settlement)
            works = works_under_verdict(facts.verdicts(at))
            payees = standing_holds(facts.hold_events(at), at.timestamp).keys()
            leaves = LedgerReads(connection, self._book).payable_leaves()
            allowed = None if self._policy is None else self._policy.allowed(connection, at)
            stops = self._stops.stopped(connection)
            due = [
                owed
                for owed in leaves
                if not owed.is_reserved
                and stops.reason(owed.asset) is None
                and (allowed is None or owed.op_id in allowed)
                and owed.work_id not in works
                and any(line.payee not in payees for line in owed.open_lines)
            ][:limit]
        return [
            OwedLeaf(
                self._withdrawal(owed.epoch, (owed.work_id, owed.part, owed.asset), at),
                owed.settled,
            )
            for owed in due
        ]

    def _withdrawal(self, epoch: Epoch, key: tuple[Hash32, int, bytes], at: BlockRef) -> Withdrawal:
        """A leaf and its proof, both as stored, if they lead to the committed root.

        Raises:
            StoredRootDiffers: they do not.
        """
        committed = self._committed(epoch, at)
        with snapshot(self._engine) as connection:
            leaf = ComputedEpochs(connection).leaf(committed.manifest_digest, *key)
        tree = self._trees(committed.manifest_digest)
        hashed = ZERO_HASH if leaf is None else self._hash(leaf)
        rank = tree.rank(hashed)
        proof = () if rank is None else tuple(map(Hash32, tree.proof(rank)))
        led_to = Hash32(folded(hashed, proof))
        if leaf is None or led_to != committed.root:
            raise StoredRootDiffers(epoch, stored=committed.root, computed=led_to)
        return Withdrawal(leaf=leaf, proof=proof)

    def _hash(self, leaf: Leaf) -> Hash32:
        one = self._settlement
        return leaf_hash(leaf, chain_id=one.chain_id, contract=one.payouts)

    def _committed(self, epoch: Epoch, at: BlockRef) -> EpochCommitted:
        """What the chain committed to; an active epoch has one."""
        with snapshot(self._engine) as connection:
            events = FactReads(connection, self._settlement).commitments(epoch, at)
        last = events[-1]
        if not isinstance(last, EpochCommitted):
            raise TypeError(f"epoch {epoch} is payable in the books but vetoed on chain")
        return last

    def _tree(self, manifest_digest: Hash32) -> FlatTree:
        with snapshot(self._engine) as connection:
            return ComputedEpochs(connection).tree(manifest_digest)


class PostedLines:
    """`payouts.protocols.PayableLines`: lines that the books of one contract owe.

    Without a policy all of them may be paid, but for assets that do not tie out. A line whose payee
    is held on chain is planned like the others, and waits.
    """

    def __init__(
        self,
        engine: Engine,
        kind: Kind,
        book: Book,
        policy: LeafPolicy | None,
        stops: SqlAssetStops,
    ) -> None:
        self._engine, self._kind, self._book = engine, kind, book
        self._policy, self._stops = policy, stops

    @property
    def contract(self) -> Address:
        """What pays them."""
        return self._book.contract

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[LineSubject]:
        """Lines with posted entries, not reserved, allowed by the policy."""
        with snapshot(self._engine) as connection:
            lines = LedgerReads(connection, self._book).payable_lines()
            allowed = None if self._policy is None else self._policy.allowed(connection, at)
            stops = self._stops.stopped(connection)
        due = [
            line
            for line in lines
            if not line.is_reserved
            and stops.reason(line.asset) is None
            and (allowed is None or line.op_id in allowed)
        ]
        return [
            LineSubject(
                kind=self._kind,
                list_id=line.list_id,
                index=line.index,
                payee=line.payee,
                asset=line.asset,
                amount=BaseUnits(line.amount),
            )
            for line in due[:limit]
        ]


def posted_lines(
    engine: Engine, settlement: Settlement, policy: LeafPolicy | None
) -> tuple[PostedLines, ...]:
    """What each of those contracts owes."""
    named = [(kind, settlement.payments.get(name)) for name, kind in LINE_KINDS.items()]
    stops = SqlAssetStops(settlement.chain_id, settlement.payouts)
    return tuple(
        PostedLines(
            engine, kind, Book(chain_id=settlement.chain_id, contract=contract), policy, stops
        )
        for kind, contract in named
        if contract is not None
    )


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
        if not isinstance(plan, CommitPlan):
            return ()
        return (ApprovedCommit(approval=plan.approval, signatures=plan.signatures),)

    def _is_committed(self, connection: Connection, latest: ComputedAttempt, at: BlockRef) -> bool:
        events = FactReads(connection, self._settlement).commitments(latest.epoch, at)
        return any(
            isinstance(event, EpochCommitted) and event.attempt == latest.attempt
            for event in events
        )
