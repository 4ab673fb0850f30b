from dataclasses import replace
from typing import Any

import pytest

from contracts.approvals import Approval, approval_digest
from contracts.evm import Epoch, Timestamp, keccak
from contracts.units import BaseUnits
from settlement.errors import ConflictingApproval
from settlement.royalties.approve import (
    Refusal,
    Refused,
    SignedApproval,
    VerifierReport,
    approve,
)
from settlement.royalties.derivation import derive
from tests.royalties_builders import (
    DUSD,
    FIRST_EPOCH,
    SETTLEMENT,
    address,
    facts_of,
    sample_chain,
)
from tests.royalties_fakes import (
    GUARDIANS,
    ApprovalsInMemory,
    FixedSigner,
    GuardianView,
    PublishedBundle,
    standing_of,
)

EPOCH = derive(facts_of(sample_chain(), FIRST_EPOCH))
DEADLINE = Timestamp(9_999_999)


def view(**changes: Any) -> GuardianView:
    """A chain that agrees with the bundle, but for the changes."""
    right = GuardianView(
        chain=sample_chain(),
        stands=standing_of(EPOCH),
        money={totals.asset: totals.paid_in for totals in EPOCH.manifest.totals},
    )
    return replace(right, **changes)


def approved(
    bundle: PublishedBundle | None = None,
    *,
    chain: GuardianView | None = None,
    store: ApprovalsInMemory | None = None,
    guardian: int = 0,
    deadline: Timestamp = DEADLINE,
) -> SignedApproval | Refused:
    return approve(
        bundle or PublishedBundle(EPOCH),
        settlement=SETTLEMENT,
        chain=chain or view(),
        signer=FixedSigner(GUARDIANS[guardian]),
        store=store or ApprovalsInMemory(),
        deadline=deadline,
    )


def reasons(result: SignedApproval | Refused) -> list[Refusal]:
    assert isinstance(result, Refused)
    return [finding.reason for finding in result.findings]


def test_approve__everything_agrees__signed_and_stored() -> None:
    store = ApprovalsInMemory()

    result = approved(store=store)

    manifest = EPOCH.manifest
    approval = Approval(
        epoch=FIRST_EPOCH,
        attempt=1,
        guardian_set=1,
        manifest_digest=EPOCH.manifest_digest,
        root=manifest.root,
        totals=manifest.totals,
        deadline=DEADLINE,
    )
    digest = approval_digest(approval, chain_id=SETTLEMENT.chain_id, contract=SETTLEMENT.payouts)
    assert isinstance(result, SignedApproval)
    assert (result.digest, result.guardian) == (digest, GUARDIANS[0])
    assert result.signature == FixedSigner(GUARDIANS[0]).sign(digest)
    assert store.rows == [result]


def test_approve__again__the_stored_approval() -> None:
    store = ApprovalsInMemory()

    assert approved(store=store) == approved(store=store)
    assert len(store.rows) == 1


def test_approve__again_with_another_deadline__conflict() -> None:
    store = ApprovalsInMemory()
    approved(store=store)

    with pytest.raises(ConflictingApproval, match="epoch 3 attempt 1"):
        approved(store=store, deadline=Timestamp(DEADLINE + 1))


@pytest.mark.parametrize(
    "report",
    [
        VerifierReport(is_ok=False, manifest_digest="", root="", difference="leaves.jsonl line 1"),
        VerifierReport(
            is_ok=True,
            manifest_digest=str(keccak(b"other")),
            root=str(EPOCH.manifest.root),
            difference="",
        ),
        VerifierReport(
            is_ok=True,
            manifest_digest=str(EPOCH.manifest_digest),
            root=str(keccak(b"other")),
            difference="",
        ),
    ],
)
def test_approve__verifier_found_something_else__refused(report: VerifierReport) -> None:
    assert reasons(approved(PublishedBundle(EPOCH, report))) == [Refusal.VERIFIER_DISAGREES]


def test_approve__unreadable_manifest__refused() -> None:
    bundle = PublishedBundle(EPOCH, data=b"{}")

    assert reasons(approved(bundle)) == [Refusal.MANIFEST_UNREADABLE]


def test_approve__bundle_of_another_settlement__refused() -> None:
    contracts = dict.fromkeys(SETTLEMENT.contracts, address("elsewhere"))
    facts = facts_of(sample_chain(), FIRST_EPOCH)
    other = derive(replace(facts, frame=replace(facts.frame, contracts=contracts)))

    assert reasons(approved(PublishedBundle(other))) == [Refusal.OTHER_SETTLEMENT]


def test_approve__grace_end_not_final_here__refused() -> None:
    chain = sample_chain()
    chain.blocks.pop()

    assert reasons(approved(chain=view(chain=chain))) == [Refusal.NOT_FINAL]


@pytest.mark.parametrize("block", [EPOCH.manifest.boundary_block, EPOCH.manifest.reference_block])
def test_approve__another_block_here__refused(block: Any) -> None:
    chain = view(other_blocks={block.number})

    assert reasons(approved(chain=chain)) == [Refusal.BLOCK_DIFFERS]


def test_approve__log_that_the_bundle_does_not_have__refused() -> None:
    chain = sample_chain()
    extra = view(hidden_logs=1, chain=chain)

    assert reasons(approved(chain=extra)) == [Refusal.LOGS_DIFFER]


@pytest.mark.parametrize("money", [{}, {DUSD: BaseUnits(1)}])
def test_approve__other_money_on_chain__refused(money: dict[Any, Any]) -> None:
    assert reasons(approved(chain=view(money=money))) == [Refusal.PAID_IN_DIFFERS]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"next_epoch": Epoch(FIRST_EPOCH + 1)}, Refusal.NOT_NEXT_EPOCH),
        ({"attempt": 2}, Refusal.WRONG_ATTEMPT),
        ({"guardians": GUARDIANS[1:]}, Refusal.NOT_A_GUARDIAN),
        ({"previous_manifest_digest": keccak(b"other")}, Refusal.PREVIOUS_DIFFERS),
    ],
)
def test_approve__contract_waits_for_something_else__refused(
    change: dict[str, Any], reason: Refusal
) -> None:
    chain = view(stands=replace(standing_of(EPOCH), **change))

    assert reasons(approved(chain=chain)) == [reason]


def test_approve__deadline_passed__refused() -> None:
    last = sample_chain().blocks[-1].timestamp

    assert reasons(approved(deadline=last)) == [Refusal.DEADLINE_PASSED]


def test_approve__several_things_wrong__all_named() -> None:
    stands = replace(standing_of(EPOCH), attempt=2, guardians=())

    result = approved(chain=view(stands=stands, money={}))

    assert reasons(result) == [
        Refusal.PAID_IN_DIFFERS,
        Refusal.WRONG_ATTEMPT,
        Refusal.NOT_A_GUARDIAN,
    ]


def test_approve__refused__nothing_stored() -> None:
    store = ApprovalsInMemory()

    approved(chain=view(money={}), store=store)

    assert store.rows == []
