"""Reads of payment intents and of what became of the transactions that they were told of."""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.payment_state import live_state
from api.schemas.payments import IntentOut, SubmissionOut
from contracts.evm import Address, Hash32
from contracts.units import BaseUnits
from settlement.payments.fees import FeeTerms, fee_of
from settlement.payments.policies import Outcome
from settlement.payments.states import LIVE, State
from settlement.payments.verification import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class _IntentRow:
    intent_id: bytes
    family: str
    contract: bytes
    payer: bytes | None
    payee: bytes
    subject: bytes | None
    tier_id: int | None
    asset: bytes
    amount: int
    fee_treasury: bytes | None
    fee_minimum: int | None
    fee_bps: int | None
    order_id: bytes | None
    reference: str
    since: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _SubmissionRow:
    transaction_hash: bytes
    state: str | None
    is_terminal: bool | None
    outcome: str | None
    failed: list[str] | None
    source: str | None
    reason: str | None
    block_number: int | None
    block_hash: bytes | None
    log_index: int | None
    is_on_chain: bool
    ordinal: int | None


@dataclass(frozen=True, slots=True)
class _Found:
    found: bool


_INTENT = """
    SELECT intent_id, family, contract, payer, payee, subject, tier_id, asset, amount,
           fee_treasury, fee_minimum, fee_bps, order_id, reference, since, until
    FROM payment_intent
    WHERE intent_id = %(intent_id)s AND chain_id = %(chain_id)s AND contract = ANY(%(contracts)s)
"""

_SUBMISSIONS = """
    SELECT s.transaction_hash, v.state, v.is_terminal, v.outcome, v.failed, v.source, v.reason,
           v.block_number, v.block_hash, v.log_index, b.number IS NOT NULL AS is_on_chain, c.ordinal
    FROM payment_submission s
    LEFT JOIN LATERAL (
        SELECT * FROM payment_verdict
        WHERE intent_id = s.intent_id AND transaction_hash = s.transaction_hash
        ORDER BY id DESC LIMIT 1
    ) v ON true
    LEFT JOIN block b
           ON b.chain_id = %(chain_id)s AND b.number = v.block_number AND b.hash = v.block_hash
    LEFT JOIN LATERAL (
        SELECT ordinal FROM payment_claim
        WHERE intent_id = s.intent_id AND transaction_hash = s.transaction_hash
        ORDER BY attempt DESC LIMIT 1
    ) c ON true
    WHERE s.intent_id = %(intent_id)s
    ORDER BY c.ordinal IS NULL, s.recorded_at, s.transaction_hash
    LIMIT 100
"""

_REFUNDED = """
    SELECT EXISTS (
        SELECT FROM fact_content_paid p JOIN fact_content_refunded r
            USING (chain_id, address, order_id, payer)
        WHERE chain_id = %(chain_id)s AND address = %(contract)s
          AND p.block_number = %(block_number)s AND p.log_index = %(log_index)s
        UNION ALL
        SELECT FROM fact_ticket_paid p JOIN fact_ticket_refunded r
            USING (chain_id, address, order_id, payer)
        WHERE chain_id = %(chain_id)s AND address = %(contract)s
          AND p.block_number = %(block_number)s AND p.log_index = %(log_index)s
    ) AS found
"""


async def read_intent(reads: Snapshot, at: Standpoint, intent_id: Hash32) -> IntentOut | None:
    """A stored intent of this settlement."""
    one = at.settlement
    contracts = [bytes(address) for address in (*one.payments.values(), *one.tokens)]
    values = at.scope | {"intent_id": bytes(intent_id), "contracts": contracts}
    row = await reads.row(_IntentRow, _INTENT, values)
    return None if row is None else _intent(row)


async def read_submissions(
    reads: Snapshot, at: Standpoint, intent_id: Hash32
) -> list[SubmissionOut]:
    """Transactions that an intent was told of, with their state at the head.

    What is bound to it comes first, then the oldest; events that name its order are many if many
    have paid it.
    """
    values = at.scope | {"intent_id": bytes(intent_id)}
    rows = await reads.rows(_SubmissionRow, _SUBMISSIONS, values)
    return [_submission(row, at) for row in rows]


async def is_refunded(
    reads: Snapshot, at: Standpoint, intent: IntentOut, paying: SubmissionOut
) -> bool:
    """Whether the contract gave back what pays the order, final or not.

    Others may have paid under the same order id, and got their money back.
    """
    values = {
        "contract": bytes(intent.contract),
        "block_number": paying.block_number,
        "log_index": paying.log_index,
    }
    row = await reads.row(_Found, _REFUNDED, at.scope | values)
    return row is not None and row.found


def _intent(row: _IntentRow) -> IntentOut:
    fee = None
    if row.fee_treasury is not None and row.fee_minimum is not None and row.fee_bps is not None:
        terms = FeeTerms(
            treasury=Address(row.fee_treasury),
            minimum=BaseUnits(row.fee_minimum),
            bps=row.fee_bps,
        )
        fee = fee_of(BaseUnits(row.amount), terms)
    return IntentOut.model_validate(
        {
            "intent_id": row.intent_id,
            "family": row.family,
            "contract": row.contract,
            "payer": row.payer,
            "payee": row.payee,
            "subject": row.subject,
            "tier_id": row.tier_id,
            "asset": row.asset,
            "amount": row.amount,
            "fee": fee,
            "total": row.amount + (fee or 0),
            "order_id": row.order_id,
            "reference": row.reference,
            "since": row.since,
            "until": row.until,
        }
    )


def _submission(row: _SubmissionRow, at: Standpoint) -> SubmissionOut:
    number, head = row.block_number, at.head.number
    state = live_state(
        None if row.state is None else State(row.state),
        is_terminal=bool(row.is_terminal),
        is_from_facts=row.source == "facts",
        is_covered=number is not None and number <= head,
        is_on_chain=row.is_on_chain,
        is_final=number is not None and number <= at.finalized.number,
    )
    is_lost = state is State.GONE and row.state != State.GONE.value
    reason = row.reason or "nobody has looked yet"
    if is_lost:
        reason = f"block {number} was replaced: no block up to {head} is known to have it"
    is_counted = state in LIVE and number is not None
    return SubmissionOut.model_validate(
        {
            "transaction_hash": row.transaction_hash,
            "state": state,
            "is_terminal": bool(row.is_terminal),
            "outcome": None if row.outcome is None or is_lost else Outcome(row.outcome),
            "failed": [Check(one) for one in row.failed or []],
            "reason": reason,
            "block_number": number,
            "block_hash": row.block_hash,
            "log_index": row.log_index,
            "ordinal": row.ordinal,
            "confirmations": max(0, head - (number or 0) + 1) if is_counted else 0,
        }
    )
