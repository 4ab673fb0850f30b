"""Committing an epoch by hand: the checks of the worker, then one tick of the same submitter.

A nonce belongs to the key, not to an operation, so the tick looks after everything that the key has
open and signs what else is due. Doing it again sends nothing twice.
"""

from dataclasses import dataclass

from contracts.evm import Epoch, Hash32
from scripts.bootstrap_settlement import SettlementJobs
from scripts.errors import CommitRefused, NotConfigured
from scripts.reviewing import NotComputed
from scripts.wiring import FinalizedFacts, snapshot
from settlement.payouts.adapters.store import SqlHistories
from settlement.payouts.report import TickReport
from settlement.royalties.adapters.store import Approvals, ComputedEpochs
from settlement.royalties.approve import ChainCheck
from settlement.royalties.commit import CommitPlan, NotAwaited, TooFewApprovals, plan_commit


@dataclass(frozen=True, slots=True)
class SentCommit:
    """A commitment and the transactions signed for it, the newest last."""

    plan: CommitPlan
    tx_hashes: tuple[Hash32, ...]


def commit_now(epoch: Epoch, *, name: str, jobs: SettlementJobs, chain: ChainCheck) -> SentCommit:
    """Send the commitment of an approved epoch, as the worker would.

    Raises:
        NotComputed: there is nothing to commit.
        NotConfigured: nobody can sign.
        CommitRefused: it may not be committed now, or the submitter did not sign it.
    """
    plan = _planned(epoch, name=name, jobs=jobs, chain=chain)
    if not isinstance(plan, CommitPlan):
        raise CommitRefused(epoch, _reason(epoch, plan))
    report = jobs.submit_once(name)
    if report is None:
        raise NotConfigured("no signer is configured: say who pays")
    with jobs.engine.connect() as connection:
        history = SqlHistories(connection).history(plan.op_id)
    attempts = () if history is None else history.attempts
    hashes = tuple(tx_hash for attempt in attempts for tx_hash in attempt.hashes)
    if not hashes:
        raise CommitRefused(epoch, _stopped(plan, report))
    return SentCommit(plan, hashes)


def _planned(
    epoch: Epoch, *, name: str, jobs: SettlementJobs, chain: ChainCheck
) -> CommitPlan | TooFewApprovals | NotAwaited:
    settlement = next(one for one in jobs.settings.settlements if one.name == name)
    at = FinalizedFacts(jobs.engine, settlement).finalized()
    with snapshot(jobs.engine) as connection:
        manifest = ComputedEpochs(connection).latest_manifest(
            epoch, chain_id=settlement.chain_id, contract=settlement.payouts
        )
        if manifest is None:
            raise NotComputed(epoch)
        if at is None:
            raise CommitRefused(epoch, "no block is final yet")
        return plan_commit(
            manifest, standing=chain.standing(epoch, at), store=Approvals(connection)
        )


def _reason(epoch: Epoch, plan: TooFewApprovals | NotAwaited) -> str:
    if isinstance(plan, NotAwaited):
        if plan.next_epoch == epoch:
            return f"the contract waits for attempt {plan.attempt}"
        return f"the contract waits for epoch {plan.next_epoch}"
    who = ", ".join(map(str, plan.guardians)) or "nobody"
    return f"{plan.have} of {plan.need} guardians approved it: {who}"


def _stopped(plan: CommitPlan, report: TickReport) -> str:
    held = [one.objection.reason for one in report.held if one.op_id == plan.op_id]
    if held:
        return held[0]
    return "it was not signed" if report.stop is None else f"signing stopped: {report.stop.value}"
