"""Explaining an amount: a page of subscribers, each derived from events and compared.

The numbers that the engine stored are not answered as they are: every step is computed again from
the events, and an answer leaves only if it comes to the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.adapters.epochs import read_epoch_row
from api.adapters.explanations import (
    AccountRow,
    CreditRow,
    ExplainedAttempt,
    ExplanationReads,
    ParametersRow,
    PaymentRow,
    SubscriberRow,
    TermsRow,
    VerdictRow,
    WorkTotal,
    allocation_of,
    payment_columns,
)
from api.adapters.leaves import read_leaves
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.errors import BadValue, NotFound, StoredExplanationDiffers
from api.pagination import PageRequest, encode_cursor, page_of
from api.schemas.explanations import EventOut, ExplanationAnswer, SplitOut, SubscriberPartOut
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex, Timestamp
from contracts.leaves import Leaf, suspense_id
from contracts.units import BaseUnits
from settlement.errors import UnknownName
from settlement.royalties.derivation_steps import (
    EventId,
    ListSteps,
    Sources,
    SplitSteps,
    SubscriberPart,
)
from settlement.royalties.errors import ExplanationDiffers
from settlement.royalties.explanation_parts import (
    explain_subscriber,
    payments_by_subscriber,
    play_sums,
)
from settlement.royalties.explanation_splits import explain_split
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import parameters_from_bytes

_LIST = "explain"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainQuestion:
    """Why an account earned its part of a work in an epoch."""

    account: Address
    epoch: int
    work_id: Hash32
    asset: Address | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What was read for one page."""

    attempt: ExplainedAttempt
    work_id: Hash32
    total: WorkTotal
    leaves: Sequence[Leaf]
    subscribers: Sequence[SubscriberRow]
    credits: Sequence[CreditRow]
    payments: Sequence[PaymentRow]
    terms: Sequence[TermsRow]
    accounts: Sequence[AccountRow]
    verdicts: Sequence[VerdictRow]
    parameters: ParametersRow

    @property
    def asset(self) -> Address:
        return Address(self.total.asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Derived:
    """The steps, which lead to what is stored."""

    sources: Sources
    parts: Sequence[SubscriberPart]
    split: SplitSteps


async def explanation_answer(
    reads: Snapshot, at: Standpoint, question: ExplainQuestion, page: PageRequest
) -> ExplanationAnswer:
    """Answer with one page of the derivation.

    Raises:
        NotFound: the epoch is not computed here, or account or work have no part in it.
        BadValue: the work earned in several assets, or the cursor is not of this list.
        StoredExplanationDiffers: the steps do not lead to what is stored.
    """
    key = page.key(_LIST, (bytes,))
    after = b"" if key is None else key[0]
    attempt = await _attempt(reads, at, question.epoch)
    found = ExplanationReads(reads, at, attempt)
    total = _chosen(await found.totals(question.work_id), question)
    rows = await found.subscribers(
        question.work_id, Address(total.asset), after=after, limit=page.limit + 1
    )
    shown, cursor = page_of(rows, page.limit, lambda row: encode_cursor(_LIST, row.subscriber))
    leaves = [
        leaf.leaf(attempt.epoch, leaf_id)
        for leaf_id in (question.work_id, suspense_id(question.work_id))
        for leaf in await read_leaves(reads, attempt.manifest_digest, leaf_id)
    ]
    evidence = await _evidence(found, question.work_id, total, shown, leaves)
    derived = _derived(at, evidence)
    parameters = derived.sources.parameters
    return ExplanationAnswer(
        **at.envelope,
        next_cursor=cursor,
        account=question.account,
        amount=_amount_of(question.account, derived.split),
        epoch=attempt.epoch,
        attempt=attempt.number,
        manifest_digest=attempt.manifest_digest,
        root=attempt.root,
        asset=evidence.asset,
        work_id=question.work_id,
        ruleset=parameters.ruleset,
        k_ppm=parameters.k_ppm,
        plays_max=parameters.plays_max,
        has_half_life=parameters.has_half_life,
        parameters=EventOut.model_validate(derived.sources.parameters_event),
        split=SplitOut.model_validate(derived.split),
        subscriber_count=total.subscribers,
        credited_before=await found.credited_upto(question.work_id, evidence.asset, after),
        subscribers=[SubscriberPartOut.model_validate(part) for part in derived.parts],
        left_out=await found.left_out(question.work_id),
    )


async def _attempt(reads: Snapshot, at: Standpoint, epoch: int) -> ExplainedAttempt:
    row = await read_epoch_row(reads, at, epoch)
    standing = row.computed
    if standing is None or row.boundary_block is None:
        raise NotFound(
            f"no standing attempt at epoch {epoch} is computed here", field="epoch", value=epoch
        )
    return ExplainedAttempt(
        epoch=epoch,
        number=standing.number,
        manifest_digest=standing.manifest_digest,
        root=standing.root,
        boundary_block=row.boundary_block,
        reference_block=standing.reference_block.number,
        reference_at=Timestamp(standing.reference_block.timestamp),
    )


def _chosen(totals: Sequence[WorkTotal], question: ExplainQuestion) -> WorkTotal:
    """The one asset that the question is about."""
    matching = [total for total in totals if question.asset in (None, total.asset)]
    if not matching:
        raise NotFound(
            f"nobody whose fee was shared in epoch {question.epoch} used work {question.work_id}",
            field="work",
            value=question.work_id,
        )
    if len(matching) > 1:
        names = ", ".join(str(Address(total.asset)) for total in matching)
        raise BadValue(f"asset: name one of {names}", field="asset", value="")
    return matching[0]


async def _evidence(
    found: ExplanationReads,
    work_id: Hash32,
    total: WorkTotal,
    shown: Sequence[SubscriberRow],
    leaves: Sequence[Leaf],
) -> _Evidence:
    asset = Address(total.asset)
    names = [row.subscriber for row in shown]
    credits = await found.credits(asset, names)
    works = sorted({bytes(work_id), *(row.work_id for row in credits)})
    parameters, terms = await found.parameters(), await found.terms(works)
    if parameters is None or {row.work_id for row in terms} != set(works):
        raise _differs(found.attempt, "parameters or terms in force are not among the events")
    return _Evidence(
        attempt=found.attempt,
        work_id=work_id,
        total=total,
        leaves=[leaf for leaf in leaves if leaf.asset == total.asset],
        subscribers=shown,
        credits=credits,
        payments=await found.payments(asset, names),
        terms=terms,
        accounts=await found.accounts(),
        verdicts=await found.verdicts([row.work_id for row in credits if row.credibility_ppm == 0]),
        parameters=parameters,
    )


def _derived(at: Standpoint, evidence: _Evidence) -> _Derived:
    """Compute the steps, and compare."""
    attempt, work_id, asset = evidence.attempt, evidence.work_id, evidence.asset
    try:
        sources = _sources(at, evidence)
        split = explain_split(
            BaseUnits(evidence.total.amount),
            evidence.leaves,
            asset=asset,
            work_id=work_id,
            sources=sources,
        )
        paid = payments_by_subscriber(payment_columns(evidence.payments), asset, sources)
        parts = [
            explain_subscriber(
                allocation_of(row, asset, evidence.credits),
                paid.get(Address(row.subscriber), ()),
                work_id=work_id,
                sources=sources,
            )
            for row in evidence.subscribers
        ]
    except ExplanationDiffers as error:
        raise _differs(attempt, str(error)) from error
    except UnknownName as error:
        raise NotFound(str(error), field="epoch", value=attempt.epoch) from error
    for row, part in zip(evidence.subscribers, parts, strict=True):
        if part.credited != row.credited:
            what = f"subscriber {part.subscriber} gave {part.credited}, {row.credited} is stored"
            raise _differs(attempt, what)
    return _Derived(sources=sources, parts=parts, split=split)


def _sources(at: Standpoint, evidence: _Evidence) -> Sources:
    parameters = parameters_from_bytes(evidence.parameters.parameters)
    places: list[CreditRow | PaymentRow | TermsRow | AccountRow | ParametersRow] = [
        *evidence.credits,
        *evidence.payments,
        *evidence.terms,
        *evidence.accounts,
        evidence.parameters,
    ]
    return Sources(
        chain_id=at.settlement.chain_id,
        scope=_scope(at, evidence),
        parameters=parameters,
        verdicts={Hash32(row.work_id): _event(at, row) for row in evidence.verdicts},
        terms={Hash32(row.work_id): row.terms() for row in evidence.terms},
        accounts={Address(row.account): row.terms() for row in evidence.accounts},
        block_hashes={BlockNumber(row.block_number): Hash32(row.block_hash) for row in places},
        play_sums=play_sums(parameters, (row.plays for row in evidence.credits)),
    )


def _scope(at: Standpoint, evidence: _Evidence) -> EpochScope:
    contracts, attempt = at.settlement.contracts, evidence.attempt
    return EpochScope(
        epoch=Epoch(attempt.epoch),
        epoch_length_seconds=at.timeline.length,
        last_before_start=None,  # of the rows, only those that were counted are explained
        reference_at=attempt.reference_at,
        parameters_block=BlockNumber(evidence.parameters.block_number),
        parameters_log=LogIndex(evidence.parameters.log_index),
        payouts=at.settlement.payouts,
        split_accounts=contracts[ContractName.SPLIT_ACCOUNTS],
    )


def _event(at: Standpoint, row: VerdictRow) -> EventId:
    return EventId(
        chain_id=at.settlement.chain_id,
        block_number=BlockNumber(row.block_number),
        block_hash=Hash32(row.block_hash),
        log_index=LogIndex(row.log_index),
    )


def _amount_of(account: Address, split: SplitSteps) -> int:
    """The account's line; zero for a payee, on whatever level, who has none.

    Raises:
        NotFound: no terms in force on the way name it.
    """
    for line in split.lines:
        if line.payee == account:
            return line.amount
    if split.shared is None or not _is_named(account, split.shared):
        raise NotFound(
            f"account {account} was no payee of the work", field="address", value=account
        )
    return 0


def _is_named(account: Address, steps: ListSteps) -> bool:
    return any(
        one.payee == account or (one.shared_on is not None and _is_named(account, one.shared_on))
        for one in steps.payees
    )


def _differs(attempt: ExplainedAttempt, what: str) -> StoredExplanationDiffers:
    return StoredExplanationDiffers(attempt.epoch, attempt.number, what)
