"""Storing and reading back what was computed and approved, in Postgres.

A store lives inside one transaction, which its caller opens and ends.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from psycopg.errors import SerializationFailure
from sqlalchemy import ColumnElement, Connection, Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from contracts.approvals import AssetTotals
from contracts.evm import Address, ChainId, Epoch, Hash32, Timestamp
from contracts.leaves import Leaf, SplitLine, split_hash
from contracts.units import BaseUnits
from settlement.errors import ComputedElsewhere, ConflictingApproval, ConflictingComputation
from settlement.royalties.adapters import tables
from settlement.royalties.approve import SignedApproval
from settlement.royalties.compute_large_epoch import LargeEpoch
from settlement.royalties.derivation import ComputedEpoch
from settlement.royalties.manifest import manifest_digest
from settlement.royalties.shares import ShareBatch, whole_batch
from settlement.royalties.tree_flat import FlatTree

TREE_CHUNK_BYTES = 2**20


class ComputedEpochs:
    """Computed attempts at epochs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, computed: ComputedEpoch) -> None:
        """Keep an attempt; the same attempt again must be equal.

        A second worker waits here until the first one's transaction has ended.

        Raises:
            ConflictingComputation: another result is stored for this attempt.
            ComputedElsewhere: it was stored after this transaction took its snapshot.
        """
        self._record(computed, [whole_batch(computed.distribution.allocations)])

    def record_large(self, computed: LargeEpoch, shares: Iterable[ShareBatch], /) -> None:
        """Keep an attempt and how its fees were shared; the same attempt again must be equal.

        Shares are read only if it is not stored yet; they may be read from this very connection.

        Raises:
            ConflictingComputation: another result is stored for this attempt.
            ComputedElsewhere: it was stored after this transaction took its snapshot.
        """
        self._record(computed, shares)

    def _record(self, computed: ComputedEpoch | LargeEpoch, shares: Iterable[ShareBatch]) -> None:
        manifest = computed.manifest
        key = {
            "chain_id": manifest.chain_id,
            "contract": manifest.payouts,
            "epoch": manifest.epoch,
            "attempt": manifest.attempt,
        }
        row = key | {
            "settlement": manifest.settlement_name,
            "manifest_digest": computed.manifest_digest,
            "manifest": computed.manifest_bytes,
            "root": manifest.root,
            "leaf_count": manifest.leaf_count,
            "boundary_block": manifest.boundary_block.number,
            "reference_block": manifest.reference_block.number,
        }
        table = tables.COMPUTED_EPOCH
        statement = insert(table).values(row).on_conflict_do_nothing().returning(table.c.epoch)
        try:
            added = self._connection.execute(statement).one_or_none()
        except OperationalError as error:
            if not isinstance(error.orig, SerializationFailure):
                raise
            raise ComputedElsewhere(manifest.epoch, manifest.attempt) from error
        if added is not None:
            self._record_content(computed)
            for batch in shares:
                self._record_shares(computed.manifest_digest, batch)
            return
        stored = self._connection.execute(select(table.c.manifest).filter_by(**key)).scalar_one()
        if stored != computed.manifest_bytes:
            raise ConflictingComputation(
                manifest.epoch,
                manifest.attempt,
                stored=manifest_digest(stored),
                computed=computed.manifest_digest,
            )

    def leaves(self, digest: Hash32, /) -> Sequence[Leaf]:
        """The leaves of a computation with their lines, ascending by (work, part, asset)."""
        return self._leaves(digest)

    def leaf(self, digest: Hash32, work_id: Hash32, part: int, asset: bytes) -> Leaf | None:
        """One leaf of a computation with its lines."""
        line = tables.COMPUTED_LINE.c
        of_leaf = (line.work_id == work_id, line.part == part, line.asset == Address(asset))
        found = self._leaves(digest, *of_leaf)
        return found[0] if found else None

    def tree(self, digest: Hash32, /) -> FlatTree:
        """The tree of a computation, as it is stored: check the proofs that you take from it.

        Raises:
            BadValue: what is stored is no tree.
        """
        table = tables.COMPUTED_TREE
        chunks = self._connection.execute(
            select(table.c.nodes).filter_by(manifest_digest=digest).order_by(table.c.chunk)
        ).scalars()
        return FlatTree(b"".join(chunks))

    def certificate_digest(self, digest: Hash32, /) -> Hash32 | None:
        """The digest of the certificate that a stored manifest names; None if it is not stored."""
        table = tables.COMPUTED_CERTIFICATE
        statement = select(table.c.digest).filter_by(manifest_digest=digest)
        found: Hash32 | None = self._connection.execute(statement).scalar_one_or_none()
        return found

    def latest_manifest(
        self, epoch: Epoch, *, chain_id: ChainId, contract: Address
    ) -> bytes | None:
        """The manifest of the highest attempt computed for an epoch."""
        table = tables.COMPUTED_EPOCH
        statement = (
            select(table.c.manifest)
            .filter_by(chain_id=chain_id, contract=contract, epoch=epoch)
            .order_by(table.c.attempt.desc())
            .limit(1)
        )
        manifest: bytes | None = self._connection.execute(statement).scalar_one_or_none()
        return manifest

    def _leaves(self, digest: Hash32, *conditions: ColumnElement[bool]) -> Sequence[Leaf]:
        epoch = self._connection.execute(
            select(tables.COMPUTED_EPOCH.c.epoch).filter_by(manifest_digest=digest)
        ).scalar_one()
        line = tables.COMPUTED_LINE.c
        rows = self._connection.execute(
            select(line.work_id, line.part, line.asset, line.payee, line.amount)
            .where(line.manifest_digest == digest, *conditions)
            .order_by(line.work_id, line.part, line.asset, line.line)
        )
        return [
            _leaf(Epoch(epoch), tuple(lines))
            for _, lines in groupby(rows, key=attrgetter("work_id", "part", "asset"))
        ]

    def _record_content(self, computed: ComputedEpoch | LargeEpoch) -> None:
        digest, distribution = computed.manifest_digest, computed.distribution
        self._copy(tables.COMPUTED_CERTIFICATE, [_certificate(computed)])
        self._copy(tables.COMPUTED_TOTAL, (_total(digest, row) for row in distribution.totals))
        self._copy(tables.COMPUTED_LEAF, _leaf_rows(computed))
        self._copy(tables.COMPUTED_TREE, _tree_rows(computed))
        self._copy(
            tables.COMPUTED_LINE,
            (
                (digest, leaf.work_id, leaf.part, leaf.asset, index, line.payee, line.amount)
                for leaf in distribution.leaves
                for index, line in enumerate(leaf.lines)
            ),
        )
        self._copy(tables.COMPUTED_QUARANTINE, _quarantine_rows(computed))

    def _record_shares(self, digest: Hash32, batch: ShareBatch) -> None:
        self._copy(tables.COMPUTED_ALLOCATION, ((digest, *fee) for fee in batch.fees))
        self._copy(tables.COMPUTED_CREDIT, ((digest, *row) for row in batch.rows))

    def _copy(self, table: Table, rows: Iterable[tuple[object, ...]]) -> None:
        """COPY rows whose members are in the order of the table's columns."""
        columns = ", ".join(column.name for column in table.columns)
        raw = self._connection.connection.driver_connection
        if raw is None:
            raise RuntimeError("the connection is closed")
        with (
            raw.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row([_plain(value) for value in row])


class Approvals:
    """Guardians' approvals of computed attempts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, approval: SignedApproval) -> None:
        """Keep an approval; the same guardian's for the same attempt must be equal.

        Raises:
            ConflictingApproval: other content is stored.
        """
        row = {
            "chain_id": approval.chain_id,
            "contract": approval.contract,
            "epoch": approval.epoch,
            "attempt": approval.attempt,
            "guardian": approval.guardian,
            "guardian_set": approval.guardian_set,
            "manifest_digest": approval.manifest_digest,
            "deadline": approval.deadline,
            "digest": approval.digest,
            "signature": approval.signature,
        }
        table = tables.APPROVAL
        added = self._connection.execute(
            insert(table).values(row).on_conflict_do_nothing().returning(table.c.epoch)
        ).one_or_none()
        stored = self.of_attempt(
            approval.epoch,
            approval.attempt,
            chain_id=approval.chain_id,
            contract=approval.contract,
        )
        if added is None and approval not in stored:
            raise ConflictingApproval(approval.guardian, approval.epoch, approval.attempt)

    def of_attempt(
        self, epoch: Epoch, attempt: int, *, chain_id: ChainId, contract: Address
    ) -> tuple[SignedApproval, ...]:
        """All approvals of an attempt, ascending by guardian."""
        table = tables.APPROVAL
        rows = self._connection.execute(
            select(table)
            .filter_by(chain_id=chain_id, contract=contract, epoch=epoch, attempt=attempt)
            .order_by(table.c.guardian)
        )
        return tuple(
            SignedApproval(
                chain_id=ChainId(row.chain_id),
                contract=row.contract,
                epoch=Epoch(row.epoch),
                attempt=row.attempt,
                guardian=row.guardian,
                guardian_set=row.guardian_set,
                manifest_digest=row.manifest_digest,
                deadline=Timestamp(row.deadline),
                digest=row.digest,
                signature=row.signature,
            )
            for row in rows
        )


def _plain(value: object) -> object:
    """Addresses and hashes as plain bytes, which the driver knows."""
    return bytes(value) if isinstance(value, bytes) else value


def _leaf(epoch: Epoch, rows: Sequence[Any]) -> Leaf:
    return Leaf(
        epoch=epoch,
        work_id=rows[0].work_id,
        part=rows[0].part,
        asset=rows[0].asset,
        lines=tuple(SplitLine(payee=row.payee, amount=BaseUnits(row.amount)) for row in rows),
    )


def _certificate(computed: ComputedEpoch | LargeEpoch) -> tuple[object, ...]:
    certificate = computed.frame.certified.certificate
    return (
        computed.manifest_digest,
        certificate.digest,
        certificate.previous,
        certificate.level.value,
        certificate.start,
        certificate.end,
        certificate.document,
    )


def _total(digest: Hash32, totals: AssetTotals) -> tuple[object, ...]:
    return digest, *totals.words()


def _leaf_rows(computed: ComputedEpoch | LargeEpoch) -> Iterator[tuple[object, ...]]:
    for leaf, leaf_hash in zip(computed.distribution.leaves, computed.leaf_hashes, strict=True):
        yield (
            computed.manifest_digest,
            leaf.work_id,
            leaf.part,
            leaf.asset,
            leaf.amount,
            split_hash(leaf.lines),
            leaf_hash,
        )


def _tree_rows(computed: ComputedEpoch | LargeEpoch) -> Iterator[tuple[object, ...]]:
    nodes = computed.tree.nodes
    for chunk, at in enumerate(range(0, len(nodes), TREE_CHUNK_BYTES)):
        yield computed.manifest_digest, chunk, nodes[at : at + TREE_CHUNK_BYTES]


def _quarantine_rows(computed: ComputedEpoch | LargeEpoch) -> Iterator[tuple[object, ...]]:
    for ordinal, item in enumerate(computed.distribution.quarantine):
        yield (
            computed.manifest_digest,
            ordinal,
            item.block_number,
            item.log_index,
            item.position,
            item.reason.value,
            item.submitter,
            item.work_id,
            item.asset,
            item.amount,
        )
