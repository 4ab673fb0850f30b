"""Intents: what none can be, and ids that are their content."""

from dataclasses import fields, replace
from typing import Any

import pytest

from contracts.evm import ZERO_ADDRESS, ZERO_HASH, ChainId, Timestamp
from contracts.units import BaseUnits
from settlement.errors import BadValue, UnknownName
from settlement.payments.families import family_named
from settlement.payments.intent import (
    LIFETIME_S_MAX,
    REFERENCE_LENGTH_MAX,
    SEND_LIFETIME_S_MAX,
    PaymentIntent,
)
from tests.payments_builders import (
    STRANGER,
    TERMS,
    UNIT,
    USDC,
    digest,
    intent_of,
)

GOLDEN_ID = "0x6e0126b15e72d01facb94c8720582f80ff43839538eef5703c3ea7dd4907c6ad"
PPV, TICKET, SEND = (family_named(name) for name in ("ppv", "ticket", "offramp_send"))


def test_intent_id__same_content__same_id() -> None:
    assert intent_of(PPV).intent_id == intent_of(PPV).intent_id
    assert str(intent_of(PPV).intent_id) == GOLDEN_ID


@pytest.mark.parametrize(
    "changes",
    [
        {"chain_id": ChainId(1)},
        {"contract": STRANGER},
        {"payer": STRANGER},
        {"payer": None},
        {"payee": STRANGER},
        {"subject": digest("another")},
        {"tier_id": 4},
        {"asset": STRANGER},
        {"amount": BaseUnits(1)},
        {"fee_terms": None},
        {"fee_terms": replace(TERMS, bps=1)},
        {"fee_terms": replace(TERMS, minimum=BaseUnits(0))},
        {"fee_terms": replace(TERMS, treasury=STRANGER)},
        {"stated_order": digest("own order")},
        {"reference": "another"},
        {"since": Timestamp(1_001)},
        {"until": Timestamp(2_999)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_intent_id__any_member_differs__another_id(changes: dict[str, Any]) -> None:
    assert intent_of(TICKET, **changes).intent_id != intent_of(TICKET).intent_id


def test_intent_id__every_member__is_part_of_it() -> None:
    """The list above is whole: a new member of an intent must be added to it."""
    assert len(fields(PaymentIntent)) == 14


def test_order_id__not_stated__the_intents_own_id() -> None:
    intent = intent_of(PPV)
    stated = intent_of(PPV, stated_order=digest("own order"))

    assert intent.order_id == intent.intent_id
    assert stated.order_id == digest("own order")
    assert intent_of(SEND).order_id is None


def test_fee__quoted_terms__the_fee_on_top() -> None:
    assert intent_of(PPV, amount=BaseUnits(10 * UNIT)).fee == UNIT
    assert intent_of(PPV, amount=BaseUnits(5 * UNIT)).fee == UNIT
    assert intent_of(PPV, fee_terms=None).fee is None


@pytest.mark.parametrize(
    ("family", "changes", "field"),
    [
        (PPV, {"amount": 0}, "amount"),
        (PPV, {"amount": 2**256}, "amount"),
        (PPV, {"asset": ZERO_ADDRESS}, "asset"),
        (SEND, {"asset": STRANGER}, "asset"),
        (family_named("tip_native"), {"asset": USDC}, "asset"),
        (PPV, {"subject": None}, "subject"),
        (family_named("tip"), {"subject": digest("content")}, "subject"),
        (PPV, {"tier_id": 0}, "tier_id"),
        (TICKET, {"tier_id": None}, "tier_id"),
        (TICKET, {"tier_id": 2**32}, "tier_id"),
        (SEND, {"fee_terms": TERMS}, "fee_terms"),
        (PPV, {"fee_terms": replace(TERMS, bps=1_001)}, "fee_terms"),
        (PPV, {"fee_terms": replace(TERMS, minimum=BaseUnits(2**80))}, "fee_terms"),
        (PPV, {"stated_order": ZERO_HASH}, "order_id"),
        (SEND, {"stated_order": digest("order")}, "order_id"),
        (SEND, {"payer": None}, "payer"),
        (PPV, {"payer": ZERO_ADDRESS}, "payer"),
        (PPV, {"payee": ZERO_ADDRESS}, "payee"),
        (PPV, {"until": 1_000}, "until"),
        (PPV, {"since": -1}, "until"),
        (PPV, {"until": 1_001 + LIFETIME_S_MAX}, "until"),
        (SEND, {"until": 1_001 + SEND_LIFETIME_S_MAX}, "until"),
        (PPV, {"since": 2**63 - 2, "until": 2**63}, "until"),
        (PPV, {"reference": ""}, "reference"),
        (PPV, {"reference": "x" * (REFERENCE_LENGTH_MAX + 1)}, "reference"),
        (PPV, {"reference": "a\nb"}, "reference"),
        (PPV, {"reference": "\ud800"}, "reference"),
    ],
)
def test_intent__what_no_payment_could_satisfy__refused(
    family: Any, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadValue) as refusal:
        intent_of(family, **changes)

    assert refusal.value.field == field


def test_intent__unknown_family__refused() -> None:
    with pytest.raises(UnknownName):
        intent_of(PPV, family_name="barter")
