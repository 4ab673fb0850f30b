"""In-memory stores and a lying chain, for the use cases of the royalties room."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.batches import LogColumns
from contracts.evm import (
    ZERO_HASH,
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    keccak,
)
from contracts.leaves import Leaf
from contracts.units import BaseUnits
from settlement.errors import ConflictingApproval, ConflictingComputation
from settlement.royalties.approve import EpochStanding, SignedApproval, VerifierReport
from settlement.royalties.derivation import ComputedEpoch
from tests.royalties_builders import ScriptedChain, address

GUARDIANS = tuple(sorted(address(f"guardian {number}") for number in range(3)))


@dataclass
class ComputedInMemory:
    """Satisfies `compute_epoch.EpochStore`; can lose leaves on purpose."""

    lost_leaves: int = 0
    by_attempt: dict[tuple[int, int], ComputedEpoch] = field(default_factory=dict)

    def record(self, computed: ComputedEpoch) -> None:
        key = (computed.manifest.epoch, computed.manifest.attempt)
        stored = self.by_attempt.setdefault(key, computed)
        if stored.manifest_bytes != computed.manifest_bytes:
            raise ConflictingComputation(
                computed.manifest.epoch,
                computed.manifest.attempt,
                stored=stored.manifest_digest,
                computed=computed.manifest_digest,
            )

    def certificate_digest(self, manifest_digest: Hash32, /) -> Hash32 | None:
        found = (
            computed.manifest.completeness_digest
            for computed in self.by_attempt.values()
            if computed.manifest_digest == manifest_digest
        )
        return next(found, None)

    def leaves(self, manifest_digest: Hash32, /) -> Sequence[Leaf]:
        (found,) = (
            computed
            for computed in self.by_attempt.values()
            if computed.manifest_digest == manifest_digest
        )
        return found.distribution.leaves[self.lost_leaves :]


@dataclass
class FilesInMemory:
    """Satisfies `export.BundleWriter`."""

    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, files: Mapping[str, bytes]) -> None:
        self.files |= files


@dataclass
class ApprovalsInMemory:
    """Satisfies `approve.ApprovalStore`."""

    rows: list[SignedApproval] = field(default_factory=list)

    def record(self, approval: SignedApproval) -> None:
        same = [row for row in self.rows if _key(row) == _key(approval)]
        if same and same != [approval]:
            raise ConflictingApproval(approval.guardian, approval.epoch, approval.attempt)
        if not same:
            self.rows.append(approval)

    def of_attempt(
        self, epoch: Epoch, attempt: int, *, chain_id: ChainId, contract: Address
    ) -> tuple[SignedApproval, ...]:
        wanted = (chain_id, contract, epoch, attempt)
        found = [row for row in self.rows if _key(row)[:4] == wanted]
        return tuple(sorted(found, key=lambda row: row.guardian))


def _key(row: SignedApproval) -> tuple[object, ...]:
    return row.chain_id, row.contract, row.epoch, row.attempt, row.guardian


@dataclass
class PublishedBundle:
    """Satisfies `approve.Bundle`, with a verifier that says what the test wants."""

    computed: ComputedEpoch
    report: VerifierReport | None = None
    data: bytes | None = None

    def manifest(self) -> bytes:
        return self.computed.manifest_bytes if self.data is None else self.data

    def verify(self) -> VerifierReport:
        if self.report is not None:
            return self.report
        return VerifierReport(
            is_ok=True,
            manifest_digest=str(keccak(self.manifest())),
            root=str(self.computed.manifest.root),
            difference="",
        )


@dataclass
class GuardianView:
    """Satisfies `approve.ChainCheck`: a scripted chain, and what the contract says of it."""

    chain: ScriptedChain
    stands: EpochStanding
    money: dict[Address, BaseUnits]
    other_blocks: set[int] = field(default_factory=set)
    hidden_logs: int = 0

    def finalized(self) -> BlockRef:
        return self.chain.blocks[-1]

    def block_hash(self, number: BlockNumber, /) -> Hash32 | None:
        block = self.chain.block(number)
        if block is None or number in self.other_blocks:
            return None
        return block.hash

    def paid_in(self, epoch: Epoch, at: BlockRef, /) -> Mapping[Address, BaseUnits]:
        assert at == self.finalized()
        return self.money

    def standing(self, epoch: Epoch, at: BlockRef, /) -> EpochStanding:
        assert at == self.finalized()
        return self.stands

    def input_log_batches(self, epoch: Epoch, upto: BlockRef, /) -> Iterator[LogColumns]:
        logs = self.chain.input_logs(epoch, upto)
        kept = len(logs) - self.hidden_logs
        for start in range(0, kept, 3):
            part = slice(start, min(start + 3, kept))
            yield replace(logs, **{name: getattr(logs, name)[part] for name in logs.__slots__})


def standing_of(computed: ComputedEpoch) -> EpochStanding:
    """The contract waits for exactly this attempt."""
    return EpochStanding(
        next_epoch=computed.manifest.epoch,
        attempt=computed.manifest.attempt,
        guardian_set=1,
        threshold=2,
        guardians=GUARDIANS,
        previous_manifest_digest=ZERO_HASH,
    )


@dataclass(frozen=True)
class FixedSigner:
    """Satisfies `approve.GuardianSigner`; its signature names key and digest."""

    address: Address

    def sign(self, digest: Hash32) -> bytes:
        return (bytes(keccak(bytes(self.address))) + bytes(digest) + b"\x1b")[:65]
