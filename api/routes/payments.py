"""Payments: intents, the transactions that are said to pay them, and where these stand.

What the two `POST` routes write is in `api.payments`, and nowhere else.
"""

from fastapi import APIRouter, Request, Response, status

from api.adapters.payments import is_refunded, read_intent, read_submissions
from api.auth import MaybeVisitorOf, Visitor
from api.conditional import answer_at_block
from api.context import View, ViewOf
from api.errors import NotFound
from api.fields import HashIn
from api.payments import (
    contract_for,
    declare_intent,
    family_of,
    payee_for,
    submit_transaction,
)
from api.problem_details import problems
from api.schemas.payments import (
    IntentAnswer,
    IntentOut,
    IntentRequest,
    IntentStored,
    SubmissionAnswer,
    SubmissionList,
    SubmissionOut,
    SubmissionRequest,
)
from contracts.addresses import Settlement
from contracts.evm import Address, Hash32, Timestamp
from contracts.units import BaseUnits
from settlement.payments.intent import PaymentIntent
from settlement.payments.ports import Submission
from settlement.payments.states import LIVE, State
from settlement.payments.verify_payment import Look, PaymentDesk

router = APIRouter(tags=["payments"])


@router.post(
    "/payments/intents",
    response_model=IntentStored,
    status_code=status.HTTP_201_CREATED,
    responses={status.HTTP_200_OK: {"model": IntentStored}, **problems(403, 415)},
)
async def create_intent(
    view: ViewOf, wanted: IntentRequest, visitor: MaybeVisitorOf, response: Response
) -> IntentStored:
    """Store what shall be paid; 200 where it was stored before, and nothing changed.

    The answer has the fee by the terms in force, and the `call` that the payer's wallet sends. Then
    tell of the transaction (`POST /v1/payments/{intent_id}/submissions`), or do not: it is found by
    its order id as soon as its block is indexed. Where a request was not answered, send the same
    again. Only who is signed in as the payer announces an `offramp_send` (403).
    """
    intent, is_new = await declare_intent(
        _desk(view),
        lambda: _draft(view.settlement, wanted),
        visitor=_account(visitor, view),
        now=view.context.deps.now(),
        writers=view.context.writers,
    )
    if not is_new:
        response.status_code = status.HTTP_200_OK
    return IntentStored(
        settlement=view.settlement.name, chain_id=intent.chain_id, intent=_intent_out(intent)
    )


@router.get("/payments/intents/{intent_id}", response_model=IntentAnswer)
async def show_intent(request: Request, view: ViewOf, intent_id: HashIn) -> Response:
    """An intent, its transactions, and where they stand at the head of the index.

    Ask again with `If-None-Match` once a block; 304 costs nothing. `state` is what to act on, and
    `is_refunded` whether its contract gave the payment back.
    """
    async with view.standpoint() as (reads, at):
        intent = await read_intent(reads, at, intent_id)
        submissions = await read_submissions(reads, at, intent_id)
        claimed = [one for one in submissions if one.ordinal is not None]
        # Of several claims that are not gone the first on the chain counts.
        standing = min((one for one in claimed if one.state in LIVE), key=_place, default=None)
        refunded = (
            intent is not None
            and standing is not None
            and await is_refunded(reads, at, intent, standing)
        )
    if intent is None:
        raise _unknown(intent_id)
    counted = standing or (claimed[-1] if claimed else None)
    answer = IntentAnswer(
        **at.envelope,
        head=at.head,
        intent=intent,
        state=State.AWAITED if counted is None else counted.state,
        is_refunded=refunded,
        submissions=submissions,
    )
    return answer_at_block(request, answer, at.finalized.hash)


@router.post(
    "/payments/{intent_id}/submissions",
    response_model=SubmissionAnswer,
    responses=problems(403, 409, 415),
)
async def submit(
    view: ViewOf, intent_id: HashIn, told: SubmissionRequest, visitor: MaybeVisitorOf
) -> SubmissionAnswer:
    """Take note of a transaction and look at it; the same again has the same answer.

    A transaction that no block has yet is `awaited`, and is looked at again without being asked
    for. One that does not pay is no error: its state is `refused`, and `failed` names the checks.

    403 if it is for an `offramp_send` of somebody else. 409 `claimed-elsewhere` where the payment
    serves another order, or the order has another payment: asking again does not help, and the
    money of a second payment is due back. 409 `too-many-transactions` where an intent was told of
    16 that do not name its order; the one that pays is found without being told of. 503
    `payment-unverified` where neither index nor node can show it: it was noted, ask again.
    """
    found = await submit_transaction(
        _desk(view),
        Submission(intent_id, told.transaction_hash),
        visitor=_account(visitor, view),
        writers=view.context.writers,
    )
    return SubmissionAnswer(
        settlement=view.settlement.name,
        chain_id=found.intent.chain_id,
        intent_id=intent_id,
        submission=_submission_out(found),
    )


@router.get("/payments/{intent_id}/submissions", response_model=SubmissionList)
async def list_submissions(request: Request, view: ViewOf, intent_id: HashIn) -> Response:
    """Every transaction that an intent was told of, or that names its order.

    Those that are bound to the order come first, then the oldest; there are at most 100.
    """
    async with view.standpoint() as (reads, at):
        intent = await read_intent(reads, at, intent_id)
        submissions = await read_submissions(reads, at, intent_id)
    if intent is None:
        raise _unknown(intent_id)
    answer = SubmissionList(
        **at.envelope, head=at.head, intent_id=intent_id, submissions=submissions
    )
    return answer_at_block(request, answer, at.finalized.hash)


def _account(visitor: Visitor | None, view: View) -> Address | None:
    """Who is signed in, where that is somebody on the settlement's chain."""
    return None if visitor is None else visitor.account_on(view.settlement.chain_id)


def _desk(view: View) -> PaymentDesk:
    """Where payments of a settlement are written.

    Raises:
        NotFound: this server takes none.
    """
    name = view.settlement.name
    desk = view.context.deps.payments.get(name)
    if desk is None:
        raise NotFound(f"{name!r} takes no payments here", field="settlement", value=name)
    return desk


def _draft(settlement: Settlement, wanted: IntentRequest) -> PaymentIntent:
    family = family_of(wanted.family)
    return PaymentIntent(
        chain_id=settlement.chain_id,
        family_name=family.name,
        contract=contract_for(settlement, family, wanted.asset),
        payer=wanted.payer,
        payee=payee_for(settlement, wanted.payee),
        subject=wanted.subject,
        tier_id=wanted.tier_id,
        asset=wanted.asset,
        amount=BaseUnits(wanted.amount),
        fee_terms=None,
        stated_order=wanted.order_id,
        reference=wanted.reference,
        since=Timestamp(wanted.since),
        until=Timestamp(wanted.until),
    )


def _place(one: SubmissionOut) -> tuple[int, int]:
    """Where on the chain it is."""
    return one.block_number or 0, one.log_index or 0


def _unknown(intent_id: Hash32) -> NotFound:
    return NotFound(f"no payment intent has the id {intent_id}", field="intent_id", value=intent_id)


def _intent_out(intent: PaymentIntent) -> IntentOut:
    return IntentOut(
        intent_id=intent.intent_id,
        family=intent.family_name,
        contract=intent.contract,
        payer=intent.payer,
        payee=intent.payee,
        subject=intent.subject,
        tier_id=intent.tier_id,
        asset=intent.asset,
        amount=intent.amount,
        fee=intent.fee,
        total=intent.amount + (intent.fee or 0),
        order_id=intent.order_id,
        reference=intent.reference,
        since=intent.since,
        until=intent.until,
    )


def _submission_out(found: Look) -> SubmissionOut:
    verdict, ruling, claim = found.verdict, found.ruling, found.claim
    block = None if verdict is None else verdict.seen.block
    return SubmissionOut(
        transaction_hash=found.transaction_hash,
        state=found.standing.state,
        is_terminal=found.standing.is_terminal,
        outcome=None if ruling is None else ruling.outcome,
        failed=[] if verdict is None else list(verdict.failed),
        reason=found.reason,
        block_number=None if block is None else block.number,
        block_hash=None if block is None else block.hash,
        log_index=None if verdict is None else verdict.log_index,
        ordinal=None if claim is None else claim.ordinal,
        confirmations=found.confirmations,
    )
