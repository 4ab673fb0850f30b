"""Use case of a guardian: check a published bundle against the chain, then sign its approval.

Three things must hold before anything is signed:

1. the verifier, a program of its own, recomputes the bundle and finds it right;
2. the guardian's own view of the chain has the same blocks, raw logs, money, and settlement;
3. the contract waits for exactly this epoch and attempt, and the signer is a guardian in office.

The verifier cannot know whether the bundle's logs are all the logs: step 2 does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contracts.addresses import Settlement
from contracts.approvals import Approval, approval_digest
from contracts.batches import LogColumns
from contracts.evm import (
    ZERO_HASH,
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    Timestamp,
)
from contracts.units import BaseUnits
from settlement.errors import BadManifest, ConflictingApproval
from settlement.royalties.input_digest import InputDigest, RollingHash
from settlement.royalties.manifest import Manifest, manifest_digest
from settlement.royalties.manifest_reading import manifest_from_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierReport:
    """What the verifier of bundles found; `difference` is its first finding, empty if none."""

    is_ok: bool
    manifest_digest: str
    root: str
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStanding:
    """What the payouts contract says about an epoch, at one block."""

    next_epoch: Epoch
    attempt: int
    guardian_set: int
    threshold: int
    guardians: tuple[Address, ...]
    previous_manifest_digest: Hash32


class Bundle(Protocol):
    """A published bundle in a directory."""

    def verify(self) -> VerifierReport:
        """Recompute it with the verifier.

        Raises:
            VerifierUnavailable: there is no verdict.
        """

    def manifest(self) -> bytes:
        """The bytes of its manifest."""


class ChainCheck(Protocol):
    """The guardian's own view of the chain; every read is pinned to a block.

    All methods raise `ChainUnavailable` if the chain does not answer.
    """

    def finalized(self) -> BlockRef:
        """The finalized block."""

    def block_hash(self, number: BlockNumber, /) -> Hash32 | None:
        """The hash of the block of this number."""

    def paid_in(self, epoch: Epoch, at: BlockRef, /) -> Mapping[Address, BaseUnits]:
        """Money received for the epoch, by asset."""

    def standing(self, epoch: Epoch, at: BlockRef, /) -> EpochStanding:
        """Where the epoch stands."""

    def input_log_batches(self, epoch: Epoch, upto: BlockRef, /) -> Iterable[LogColumns]:
        """The raw logs that the epoch depends on, in chain order, as they are asked for."""


class GuardianSigner(Protocol):
    """Holds a guardian's key."""

    @property
    def address(self) -> Address:
        """The guardian."""

    def sign(self, digest: Hash32) -> bytes:
        """A 65-byte ECDSA signature (r ‖ s ‖ v) over the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedApproval:
    """One guardian's approval of one attempt."""

    chain_id: ChainId
    contract: Address
    epoch: Epoch
    attempt: int
    guardian: Address
    guardian_set: int
    manifest_digest: Hash32
    deadline: Timestamp
    digest: Hash32
    signature: bytes


class ApprovalStore(Protocol):
    """Approvals, for ever."""

    def record(self, approval: SignedApproval) -> None:
        """Keep an approval.

        Raises:
            ConflictingApproval: other content of this guardian is stored for this attempt.
        """

    def of_attempt(
        self, epoch: Epoch, attempt: int, *, chain_id: ChainId, contract: Address
    ) -> tuple[SignedApproval, ...]:
        """All approvals of an attempt, ascending by guardian."""


class Refusal(StrEnum):
    """Why nothing was signed."""

    VERIFIER_DISAGREES = "verifier_disagrees"
    MANIFEST_UNREADABLE = "manifest_unreadable"
    OTHER_SETTLEMENT = "other_settlement"
    NOT_FINAL = "not_final"
    BLOCK_DIFFERS = "block_differs"
    LOGS_DIFFER = "logs_differ"
    PAID_IN_DIFFERS = "paid_in_differs"
    PREVIOUS_DIFFERS = "previous_differs"
    NOT_NEXT_EPOCH = "not_next_epoch"
    WRONG_ATTEMPT = "wrong_attempt"
    NOT_A_GUARDIAN = "not_a_guardian"
    DEADLINE_PASSED = "deadline_passed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason not to sign, with the numbers."""

    reason: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was signed; all findings of the check that failed."""

    findings: tuple[Finding, ...]


def approve(
    bundle: Bundle,
    *,
    settlement: Settlement,
    chain: ChainCheck,
    signer: GuardianSigner,
    store: ApprovalStore,
    deadline: Timestamp,
) -> SignedApproval | Refused:
    """Check a bundle and sign its approval; doing it again gives the stored approval.

    Args:
        bundle: the published bundle.
        settlement: the deployment that this guardian guards.
        chain: the guardian's own view of the chain.
        signer: the guardian's key.
        store: the approvals.
        deadline: last second at which the approval may be committed; all guardians must name one
            and the same, or their signatures do not add up.

    Raises:
        ConflictingApproval: this guardian approved other content for this attempt.
        VerifierUnavailable, ChainUnavailable: no check, no signature.
    """
    data = bundle.manifest()
    try:
        manifest = manifest_from_bytes(data)
    except BadManifest as error:
        return Refused((Finding(Refusal.MANIFEST_UNREADABLE, str(error)),))
    findings = tuple(_verifier_findings(bundle.verify(), manifest_digest(data), manifest.root))
    findings = findings or tuple(_settlement_findings(manifest, settlement))
    if findings:
        return Refused(findings)
    finalized = chain.finalized()
    standing = chain.standing(manifest.epoch, finalized)
    findings = (
        *_chain_findings(manifest, chain, finalized),
        *_standing_findings(manifest, standing, signer.address),
        *_deadline_findings(deadline, finalized),
    )
    if findings:
        return Refused(findings)
    approval = Approval(
        epoch=manifest.epoch,
        attempt=manifest.attempt,
        guardian_set=standing.guardian_set,
        manifest_digest=manifest_digest(data),
        root=manifest.root,
        totals=manifest.totals,
        deadline=deadline,
    )
    return _signed(approval, settlement, signer, store)


def _signed(
    approval: Approval, settlement: Settlement, signer: GuardianSigner, store: ApprovalStore
) -> SignedApproval:
    digest = approval_digest(approval, chain_id=settlement.chain_id, contract=settlement.payouts)
    before = store.of_attempt(
        approval.epoch,
        approval.attempt,
        chain_id=settlement.chain_id,
        contract=settlement.payouts,
    )
    for stored in before:
        if stored.guardian == signer.address and stored.digest != digest:
            raise ConflictingApproval(signer.address, approval.epoch, approval.attempt)
        if stored.guardian == signer.address:
            return stored
    signed = SignedApproval(
        chain_id=settlement.chain_id,
        contract=settlement.payouts,
        epoch=approval.epoch,
        attempt=approval.attempt,
        guardian=signer.address,
        guardian_set=approval.guardian_set,
        manifest_digest=approval.manifest_digest,
        deadline=approval.deadline,
        digest=digest,
        signature=signer.sign(digest),
    )
    store.record(signed)
    return signed


def _verifier_findings(report: VerifierReport, digest: Hash32, root: Hash32) -> Iterator[Finding]:
    if not report.is_ok:
        yield Finding(Refusal.VERIFIER_DISAGREES, report.difference)
    elif report.manifest_digest != str(digest):
        detail = f"verified manifest {report.manifest_digest}, read {digest}"
        yield Finding(Refusal.VERIFIER_DISAGREES, detail)
    elif report.root != str(root):
        yield Finding(Refusal.VERIFIER_DISAGREES, f"verified root {report.root}, read {root}")


def _settlement_findings(manifest: Manifest, settlement: Settlement) -> Iterator[Finding]:
    ours = (settlement.chain_id, settlement.start_block, dict(settlement.contracts))
    theirs = (manifest.chain_id, manifest.start_block, dict(manifest.contracts))
    if ours != theirs:
        detail = f"manifest of chain {manifest.chain_id} contract {manifest.payouts}"
        yield Finding(Refusal.OTHER_SETTLEMENT, detail)


def _chain_findings(
    manifest: Manifest, chain: ChainCheck, finalized: BlockRef
) -> Iterator[Finding]:
    grace_end = manifest.clock.grace_end_of(manifest.epoch)
    if finalized.timestamp < grace_end:
        detail = f"finalized block {finalized.number} is before the grace end, {grace_end}"
        yield Finding(Refusal.NOT_FINAL, detail)
        return
    for name, point in (
        ("boundary", manifest.boundary_block),
        ("reference", manifest.reference_block),
    ):
        seen = chain.block_hash(point.number)
        if seen != point.hash:
            detail = f"{name} block {point.number} is {seen} here, {point.hash} in the manifest"
            yield Finding(Refusal.BLOCK_DIFFERS, detail)
            return
    yield from _log_findings(manifest, chain)
    paid_in = {totals.asset: totals.paid_in for totals in manifest.totals}
    seen_paid_in = dict(chain.paid_in(manifest.epoch, finalized))
    if paid_in != seen_paid_in:
        detail = f"{seen_paid_in} on chain, {paid_in} in the manifest"
        yield Finding(Refusal.PAID_IN_DIFFERS, detail)


def _log_findings(manifest: Manifest, chain: ChainCheck) -> Iterator[Finding]:
    point = manifest.reference_block
    reference = BlockRef(
        number=point.number, hash=point.hash, parent_hash=ZERO_HASH, timestamp=point.timestamp
    )
    rolled = RollingHash()
    for logs in chain.input_log_batches(manifest.epoch, reference):
        rolled.add(logs)
    here = rolled.digest
    if here != InputDigest(manifest.input_count, manifest.input_rolling_hash):
        detail = f"{here.count} logs here, {manifest.input_count} in the manifest, or other content"
        yield Finding(Refusal.LOGS_DIFFER, detail)


def _standing_findings(
    manifest: Manifest, standing: EpochStanding, guardian: Address
) -> Iterator[Finding]:
    if standing.next_epoch != manifest.epoch:
        detail = f"epoch {standing.next_epoch} is next, the manifest is of {manifest.epoch}"
        yield Finding(Refusal.NOT_NEXT_EPOCH, detail)
    if standing.attempt != manifest.attempt:
        detail = f"attempt {standing.attempt} is awaited, the manifest is {manifest.attempt}"
        yield Finding(Refusal.WRONG_ATTEMPT, detail)
    if guardian not in standing.guardians:
        detail = f"{guardian} is not in guardian set {standing.guardian_set}"
        yield Finding(Refusal.NOT_A_GUARDIAN, detail)
    if standing.previous_manifest_digest != manifest.previous_manifest_digest:
        detail = (
            f"{standing.previous_manifest_digest} is committed for the epoch before, "
            f"the manifest names {manifest.previous_manifest_digest}"
        )
        yield Finding(Refusal.PREVIOUS_DIFFERS, detail)


def _deadline_findings(deadline: Timestamp, finalized: BlockRef) -> Iterator[Finding]:
    if deadline <= finalized.timestamp:
        detail = f"deadline {deadline}, finalized block at {finalized.timestamp}"
        yield Finding(Refusal.DEADLINE_PASSED, detail)
