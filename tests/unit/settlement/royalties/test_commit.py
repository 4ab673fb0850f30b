from dataclasses import replace
from typing import Any

import pytest

from contracts.calls import GuardianSignature
from contracts.evm import Timestamp, keccak
from contracts.operations import commit_operation_id
from settlement.royalties.approve import SignedApproval, approve
from settlement.royalties.commit import CommitPlan, NotAwaited, TooFewApprovals, plan_commit
from settlement.royalties.derivation import derive
from tests.royalties_builders import FIRST_EPOCH, SETTLEMENT, facts_of, sample_chain
from tests.royalties_fakes import (
    GUARDIANS,
    ApprovalsInMemory,
    FixedSigner,
    GuardianView,
    PublishedBundle,
    standing_of,
)

EPOCH = derive(facts_of(sample_chain(), FIRST_EPOCH))
STANDING = standing_of(EPOCH)


def approvals(*deadlines: int) -> ApprovalsInMemory:
    """Guardian i, from the highest down, approved with deadline i."""
    store = ApprovalsInMemory()
    chain = GuardianView(
        chain=sample_chain(),
        stands=STANDING,
        money={totals.asset: totals.paid_in for totals in EPOCH.manifest.totals},
    )
    for guardian, deadline in zip(GUARDIANS[::-1], deadlines, strict=False):
        signed = approve(
            PublishedBundle(EPOCH),
            settlement=SETTLEMENT,
            chain=chain,
            signer=FixedSigner(guardian),
            store=store,
            deadline=Timestamp(deadline),
        )
        assert isinstance(signed, SignedApproval)
    return store


def planned(store: ApprovalsInMemory, **changes: Any) -> CommitPlan | TooFewApprovals | NotAwaited:
    return plan_commit(EPOCH.manifest_bytes, standing=replace(STANDING, **changes), store=store)


def test_plan_commit__quorum__signatures_by_ascending_signer() -> None:
    store = approvals(9_000_000, 9_000_000, 9_000_000)

    plan = planned(store)

    assert isinstance(plan, CommitPlan)
    assert [signed.signer for signed in plan.signatures] == list(GUARDIANS)
    assert plan.signatures[0] == GuardianSignature(
        GUARDIANS[0], store.of_attempt(FIRST_EPOCH, 1, **_place())[0].signature
    )
    assert (plan.approval.root, plan.approval.totals) == (
        EPOCH.manifest.root,
        EPOCH.manifest.totals,
    )
    assert plan.op_id == commit_operation_id(FIRST_EPOCH, 1, **_place())


def test_plan_commit__one_short__says_how_many() -> None:
    plan = planned(approvals(9_000_000))

    assert plan == TooFewApprovals(have=1, need=2, guardians=(GUARDIANS[2],))


def test_plan_commit__nobody__zero_of_two() -> None:
    assert planned(ApprovalsInMemory()) == TooFewApprovals(have=0, need=2, guardians=())


def test_plan_commit__deadlines_differ__most_agreed_counts() -> None:
    plan = planned(approvals(9_000_000, 9_000_001, 9_000_001))

    assert isinstance(plan, CommitPlan)
    assert plan.approval.deadline == 9_000_001
    assert [signed.signer for signed in plan.signatures] == list(GUARDIANS[:2])


def test_plan_commit__each_another_deadline__no_quorum() -> None:
    plan = planned(approvals(9_000_000, 9_000_001, 9_000_002))

    assert plan == TooFewApprovals(have=1, need=2, guardians=(GUARDIANS[0],))


def test_plan_commit__guardian_left_office__not_counted() -> None:
    plan = planned(approvals(9_000_000, 9_000_000), guardians=GUARDIANS[:2])

    assert plan == TooFewApprovals(have=1, need=2, guardians=(GUARDIANS[1],))


def test_plan_commit__guardian_set_replaced__none_counted() -> None:
    plan = planned(approvals(9_000_000, 9_000_000), guardian_set=2)

    assert plan == TooFewApprovals(have=0, need=2, guardians=())


def test_plan_commit__approval_of_another_manifest__not_counted() -> None:
    store = approvals(9_000_000, 9_000_000)
    store.rows[0] = replace(store.rows[0], manifest_digest=keccak(b"other"))

    assert isinstance(planned(store), TooFewApprovals)


@pytest.mark.parametrize(
    "changes", [{"next_epoch": FIRST_EPOCH + 1}, {"attempt": 2}], ids=["epoch", "attempt"]
)
def test_plan_commit__contract_waits_for_another__not_planned(changes: dict[str, Any]) -> None:
    plan = planned(approvals(9_000_000, 9_000_000), **changes)

    standing = replace(STANDING, **changes)
    assert plan == NotAwaited(standing.next_epoch, standing.attempt)


def _place() -> dict[str, Any]:
    return {"chain_id": SETTLEMENT.chain_id, "contract": SETTLEMENT.payouts}
