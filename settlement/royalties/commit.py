"""Use case: gather the guardians' approvals of an attempt into one commitment.

The result is plain vocabulary of `contracts`: whoever submits transactions takes it from here.
Signatures are ordered by signer, as the contract demands. Approvals under another guardian set, by
another guardian, over another manifest or with another deadline do not add up, and are left out.
"""

from dataclasses import dataclass

from contracts.approvals import Approval
from contracts.calls import GuardianSignature
from contracts.evm import Address, ChainId, Epoch, Hash32, Timestamp
from contracts.operations import commit_operation_id
from settlement.royalties.approve import ApprovalStore, EpochStanding, SignedApproval
from settlement.royalties.manifest import manifest_digest
from settlement.royalties.manifest_reading import manifest_from_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """A commitment that the contract will accept; signatures ascending by signer."""

    chain_id: ChainId
    contract: Address
    op_id: Hash32
    approval: Approval
    signatures: tuple[GuardianSignature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TooFewApprovals:
    """The quorum is not reached yet."""

    have: int
    need: int
    guardians: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class NotAwaited:
    """The contract waits for another epoch, or for another attempt at this one."""

    next_epoch: Epoch
    attempt: int


def plan_commit(
    manifest_data: bytes, *, standing: EpochStanding, store: ApprovalStore
) -> CommitPlan | TooFewApprovals | NotAwaited:
    """Gather a quorum for a computed manifest, under the guardian set in office.

    Guardians who named different deadlines do not agree: the deadline with most approvals counts,
    the later one of two with equally many.

    Raises:
        BadManifest: the manifest cannot be read.
    """
    manifest, digest = manifest_from_bytes(manifest_data), manifest_digest(manifest_data)
    if (standing.next_epoch, standing.attempt) != (manifest.epoch, manifest.attempt):
        return NotAwaited(standing.next_epoch, standing.attempt)
    usable = [
        approval
        for approval in store.of_attempt(
            manifest.epoch,
            manifest.attempt,
            chain_id=manifest.chain_id,
            contract=manifest.payouts,
        )
        if approval.manifest_digest == digest
        and approval.guardian_set == standing.guardian_set
        and approval.guardian in standing.guardians
    ]
    deadline, agreeing = _most_agreed(usable)
    if len(agreeing) < standing.threshold:
        return TooFewApprovals(
            have=len(agreeing),
            need=standing.threshold,
            guardians=tuple(approval.guardian for approval in agreeing),
        )
    approval = Approval(
        epoch=manifest.epoch,
        attempt=manifest.attempt,
        guardian_set=standing.guardian_set,
        manifest_digest=digest,
        root=manifest.root,
        totals=manifest.totals,
        deadline=deadline,
    )
    return CommitPlan(
        chain_id=manifest.chain_id,
        contract=manifest.payouts,
        op_id=commit_operation_id(
            manifest.epoch,
            manifest.attempt,
            chain_id=manifest.chain_id,
            contract=manifest.payouts,
        ),
        approval=approval,
        signatures=tuple(
            GuardianSignature(signed.guardian, signed.signature) for signed in agreeing
        ),
    )


def _most_agreed(
    approvals: list[SignedApproval],
) -> tuple[Timestamp, list[SignedApproval]]:
    by_deadline: dict[Timestamp, list[SignedApproval]] = {}
    for approval in sorted(approvals, key=lambda signed: signed.guardian):
        by_deadline.setdefault(approval.deadline, []).append(approval)
    if not by_deadline:
        return Timestamp(0), []
    deadline = max(by_deadline, key=lambda named: (len(by_deadline[named]), named))
    return deadline, by_deadline[deadline]
