"""Rows of payments become domain records here, and records rows; nowhere else."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Row

from settlement.payments.errors import IntentConflict
from settlement.payments.evidence import Source
from settlement.payments.fees import FeeTerms
from settlement.payments.intent import PaymentIntent
from settlement.payments.naming import Place
from settlement.payments.policies import Outcome
from settlement.payments.ports import RecordedVerdict
from settlement.payments.states import State
from settlement.payments.watching import NextLook

_PLACE = tuple(one.name for one in fields(Place))


def intent_row(intent: PaymentIntent) -> dict[str, object]:
    """The columns of an intent."""
    terms = intent.fee_terms
    return {
        "intent_id": intent.intent_id,
        "chain_id": intent.chain_id,
        "family": intent.family_name,
        "contract": intent.contract,
        "payer": intent.payer,
        "payee": intent.payee,
        "subject": intent.subject,
        "tier_id": intent.tier_id,
        "asset": intent.asset,
        "amount": intent.amount,
        "fee_treasury": None if terms is None else terms.treasury,
        "fee_minimum": None if terms is None else terms.minimum,
        "fee_bps": None if terms is None else terms.bps,
        "stated_order": intent.stated_order,
        "order_id": intent.order_id,
        "reference": intent.reference,
        "since": intent.since,
        "until": intent.until,
    }


def intent_of(row: Row[Any]) -> PaymentIntent:
    """Read an intent.

    Raises:
        IntentConflict: its content does not have its id.
    """
    terms = None
    if row.fee_treasury is not None:
        terms = FeeTerms(treasury=row.fee_treasury, minimum=row.fee_minimum, bps=row.fee_bps)
    intent = PaymentIntent(
        chain_id=row.chain_id,
        family_name=row.family,
        contract=row.contract,
        payer=row.payer,
        payee=row.payee,
        subject=row.subject,
        tier_id=row.tier_id,
        asset=row.asset,
        amount=row.amount,
        fee_terms=terms,
        stated_order=row.stated_order,
        reference=row.reference,
        since=row.since,
        until=row.until,
    )
    if intent.intent_id != row.intent_id:
        raise IntentConflict(row.intent_id, intent.intent_id)
    return intent


def place_row(place: Place) -> dict[str, object]:
    """The columns of a place, which have the names of its members."""
    return {name: getattr(place, name) for name in _PLACE}


def place_of(row: Row[Any]) -> Place:
    """Read a place."""
    return Place(**{name: getattr(row, name) for name in _PLACE})


def verdict_row(verdict: RecordedVerdict) -> dict[str, object]:
    """The columns of a line of the history."""
    return {
        "intent_id": verdict.intent_id,
        "transaction_hash": verdict.transaction_hash,
        "state": verdict.state.value,
        "is_terminal": verdict.is_terminal,
        "outcome": None if verdict.outcome is None else verdict.outcome.value,
        "failed": list(verdict.failed),
        "source": None if verdict.source is None else verdict.source.value,
        "block_number": verdict.block_number,
        "block_hash": verdict.block_hash,
        "log_index": verdict.log_index,
        "reason": verdict.reason,
    }


def verdict_of(row: Row[Any]) -> RecordedVerdict:
    """Read a line of the history."""
    return RecordedVerdict(
        intent_id=row.intent_id,
        transaction_hash=row.transaction_hash,
        state=State(row.state),
        is_terminal=row.is_terminal,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        failed=tuple(row.failed),
        source=None if row.source is None else Source(row.source),
        block_number=row.block_number,
        block_hash=row.block_hash,
        log_index=row.log_index,
        reason=row.reason,
    )


def next_look_row(look: NextLook) -> dict[str, object]:
    """What an open submission keeps of a look; it sleeps until one of this comes."""
    seen = look.seen_in
    return {
        "is_woken": False,
        "since": look.since,
        "ask_at": look.ask_at,
        "ends_at": look.ends_at,
        "safe_at": look.safe_at,
        "settles_at": look.settles_at,
        "block_number": None if seen is None else seen.number,
        "block_hash": None if seen is None else seen.hash,
        "is_indexed": seen is not None and seen.is_indexed,
    }
