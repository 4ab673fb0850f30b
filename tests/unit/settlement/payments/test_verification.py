"""One negative for every check, for every family that has it: the failed check is named, alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contracts.evm import BlockNumber, ChainId
from contracts.units import BaseUnits
from settlement.payments.evidence import Source, TransactionSeen
from settlement.payments.families import FAMILIES, Family, family_named
from settlement.payments.intent import PaymentIntent
from settlement.payments.rulebook import FeeTermsInForce, Rulebook, TierPriceInForce
from settlement.payments.states import Level
from settlement.payments.verification import Check, Result, Verdict, verify
from tests.payments_builders import (
    AMOUNT,
    CHAIN_ID,
    CONTENT,
    CREATOR,
    LOG_INDEX,
    OTHER_TOKEN,
    PAID_BLOCK,
    PAYER,
    START_BLOCK,
    STRANGER,
    TERMS,
    TIER,
    UNIT,
    digest,
    heights,
    intent_of,
    log_of,
    paying_log,
    rulebook_of,
    seen_with,
    values_of,
    word,
)


@dataclass(frozen=True, slots=True)
class Case:
    """An intent, and the evidence and rules that it is judged by."""

    intent: PaymentIntent
    seen: TransactionSeen
    rulebook: Rulebook


def right(family: Family) -> Case:
    intent = intent_of(family)
    return Case(intent, seen_with(paying_log(intent)), rulebook_of(intent))


def judged(case: Case, *, needed: Level = Level.RECEIVED, final: int | None = 110) -> Verdict:
    verdicts = verify(case.intent, case.seen, case.rulebook, heights(final=final), needed=needed)
    return verdicts[0]


def paid_otherwise(field: str, value: Any) -> Callable[[Case], Case]:
    """The event says something else in the field that a family calls so."""

    def spoil(case: Case) -> Case:
        name = getattr(case.intent.family, field)
        return replace(case, seen=seen_with(paying_log(case.intent, **{name: value})))

    return spoil


def seen_otherwise(**changes: Any) -> Callable[[Case], Case]:
    return lambda case: replace(case, seen=replace(case.seen, **changes))


def removed(case: Case) -> Case:
    return replace(case, seen=seen_with(replace(case.seen.logs[0], is_removed=True)))


def emitted_by_another(case: Case) -> Case:
    """An attacker's contract, or our code under delegatecall: the same event, another address."""
    return replace(case, seen=seen_with(replace(case.seen.logs[0], address=STRANGER)))


def not_yet_ours(case: Case) -> Case:
    contracts = [
        replace(one, start_block=BlockNumber(PAID_BLOCK + 1)) for one in case.rulebook.contracts
    ]
    return replace(case, rulebook=replace(case.rulebook, contracts=contracts))


def no_longer_ours(case: Case) -> Case:
    contracts = [replace(one, end_block=BlockNumber(PAID_BLOCK)) for one in case.rulebook.contracts]
    return replace(case, rulebook=replace(case.rulebook, contracts=contracts))


def other_contract_of_ours(case: Case) -> Case:
    """A second deployment is ours too, but the intent names the first."""
    contracts = [*case.rulebook.contracts, replace(case.rulebook.contracts[0], address=STRANGER)]
    log = replace(case.seen.logs[0], address=STRANGER)
    rulebook = replace(case.rulebook, contracts=contracts)
    return replace(case, rulebook=rulebook, seen=seen_with(log))


def price_in_force_was_another(case: Case) -> Case:
    prices = [replace(one, price=BaseUnits(one.price + 1)) for one in case.rulebook.prices]
    return replace(case, rulebook=replace(case.rulebook, prices=prices))


def terms_in_force_are_not_the_quoted(case: Case) -> Case:
    """Other terms, by which the fee of this amount is the same."""
    terms = [
        replace(one, terms=replace(one.terms, minimum=BaseUnits(1)))
        for one in case.rulebook.fee_terms
    ]
    return replace(case, rulebook=replace(case.rulebook, fee_terms=terms))


NEGATIVES: dict[str, tuple[Check, Callable[[Case], Case]]] = {
    "other chain": (Check.CHAIN, seen_otherwise(chain_id=ChainId(1))),
    "failed transaction": (Check.RECEIPT, seen_otherwise(is_success=False)),
    "replaced block": (Check.BLOCK, seen_otherwise(is_canonical=False)),
    "removed log": (Check.BLOCK, removed),
    "fake emitter": (Check.EMITTER, emitted_by_another),
    "contract not ours yet": (Check.EMITTER, not_yet_ours),
    "contract not ours any more": (Check.EMITTER, no_longer_ours),
    "other order": (Check.ORDER, paid_otherwise("order", digest("another order"))),
    "other payer": (Check.PAYER, paid_otherwise("payer", STRANGER)),
    "other creator": (Check.PAYEE, paid_otherwise("payee", STRANGER)),
    "other content": (Check.SUBJECT, paid_otherwise("subject", digest("another content"))),
    "other tier": (Check.TIER, paid_otherwise("tier", TIER + 1)),
    "other token": (Check.ASSET, paid_otherwise("asset", OTHER_TOKEN)),
    "other fee": (Check.FEE, paid_otherwise("fee", 1)),
    "other price in force": (Check.PRICE, price_in_force_was_another),
    "other terms than quoted": (Check.FEE_TERMS, terms_in_force_are_not_the_quoted),
    "before its time": (
        Check.DEADLINE,
        lambda case: replace(case, intent=_shifted(case, since=2_001, until=2_500)),
    ),
    "at its end": (
        Check.DEADLINE,
        lambda case: replace(case, intent=_shifted(case, since=1_000, until=2_000)),
    ),
}


def _shifted(case: Case, *, since: int, until: int) -> PaymentIntent:
    """Another time; the order id is that of the event all the same."""
    family = case.intent.family
    stated = None if family.order is None else case.intent.order_id
    return intent_of(family, since=since, until=until, stated_order=stated)


def _applies(family: Family, check: Check) -> bool:
    needs = {
        Check.ORDER: family.order,
        Check.SUBJECT: family.subject,
        Check.TIER: family.tier,
        Check.ASSET: family.asset if isinstance(family.asset, str) else None,
        Check.FEE: family.fee,
        Check.FEE_TERMS: family.fee,
        Check.PRICE: family.price_list,
    }
    return needs.get(check, "always") is not None


@pytest.mark.parametrize("family", FAMILIES, ids=[one.name for one in FAMILIES])
def test_verify__right_payment__every_check_passes(family: Family) -> None:
    verdict = judged(right(family), needed=Level.FINAL)

    assert verdict.is_verified
    assert verdict.failed == ()
    assert verdict.paid is not None
    assert (verdict.paid.payer, verdict.paid.payee) == (PAYER, CREATOR)
    assert verdict.paid.amount == AMOUNT


@pytest.mark.parametrize(
    ("family", "name"),
    [
        pytest.param(family, name, id=f"{family.name}: {name}")
        for family in FAMILIES
        for name, (check, _) in NEGATIVES.items()
        if _applies(family, check) and not (name == "fake emitter" and family.order is None)
    ],
)
def test_verify__one_thing_wrong__exactly_that_check_fails(family: Family, name: str) -> None:
    check, spoil = NEGATIVES[name]
    verdict = judged(spoil(right(family)))

    assert not verdict.is_verified
    assert verdict.failed == (check,)
    assert next(one for one in verdict.findings if one.check is check).result is Result.FAILED


@pytest.mark.parametrize("difference", [-1, 1, -24 * UNIT])
@pytest.mark.parametrize("name", ["ppv", "tip", "tip_native", "offramp_send"])
def test_verify__amount_off__amount_fails(name: str, difference: int) -> None:
    family = family_named(name)
    case = right(family)
    amount = AMOUNT + difference
    changes = {family.amount: amount}
    if family.fee is not None:
        changes[family.fee] = max(TERMS.minimum, amount * TERMS.bps // 10_000)

    verdict = judged(replace(case, seen=seen_with(paying_log(case.intent, **changes))))

    assert verdict.failed == (Check.AMOUNT,)


def test_verify__ticket_cheaper_than_its_tier__amount_and_price_fail() -> None:
    family = family_named("ticket")
    case = right(family)
    cheap = {"price": AMOUNT - 10 * UNIT, "fee": 15 * UNIT // 10}

    verdict = judged(replace(case, seen=seen_with(paying_log(case.intent, **cheap))))

    assert verdict.failed == (Check.AMOUNT, Check.PRICE)


@pytest.mark.parametrize(
    ("needed", "final", "is_good"),
    [
        (Level.FINAL, PAID_BLOCK, True),
        (Level.FINAL, PAID_BLOCK - 1, False),
        (Level.FINAL, None, False),
        (Level.SAFE, None, True),
        (Level.RECEIVED, None, True),
    ],
)
def test_verify__finality_asked_for__checked(
    needed: Level, final: int | None, is_good: bool
) -> None:
    verdict = judged(right(family_named("ppv")), needed=needed, final=final)

    assert verdict.failed == (() if is_good else (Check.FINALITY,))


def test_verify__many_things_wrong__all_are_named() -> None:
    family = family_named("ticket")
    intent = intent_of(family)
    log = paying_log(
        intent,
        order_id=digest("another order"),
        payer=STRANGER,
        creator=STRANGER,
        event_id=digest("another event"),
        tier_id=9,
        asset=OTHER_TOKEN,
        price=1,
        fee=2,
    )
    seen = seen_with(
        replace(log, address=STRANGER), is_success=False, chain_id=ChainId(5), is_canonical=False
    )

    verdict = judged(Case(intent, seen, rulebook_of(intent)), needed=Level.FINAL, final=None)

    passed = {Check.EVENT, Check.DEADLINE, Check.FEE_TERMS}
    assert set(verdict.failed) == set(Check) - passed - {Check.CLAIM}


def test_verify__other_contract_of_ours__not_the_one_that_the_intent_names() -> None:
    verdict = judged(other_contract_of_ours(right(family_named("ppv"))))

    assert verdict.failed == (Check.EMITTER,)


def test_verify__transfer_of_a_fake_token__neither_ours_nor_the_asset() -> None:
    verdict = judged(emitted_by_another(right(family_named("offramp_send"))))

    assert verdict.failed == (Check.EMITTER, Check.ASSET)


def test_verify__transfer_of_another_token_of_ours__the_asset_fails() -> None:
    verdict = judged(other_contract_of_ours(right(family_named("offramp_send"))))

    assert verdict.failed == (Check.ASSET,)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(lambda log: replace(log, data=log.data + b"\0"), id="a byte too many"),
        pytest.param(lambda log: replace(log, data=log.data + bytes(32)), id="a word too many"),
        pytest.param(lambda log: replace(log, data=log.data[:-1]), id="a byte too few"),
        pytest.param(lambda log: replace(log, topics=log.topics[:-1]), id="not indexed"),
        pytest.param(
            lambda log: replace(log, topics=(*log.topics[:-1], b"\1" + log.topics[-1][1:])),
            id="dirty address in a topic",
        ),
        pytest.param(
            lambda log: replace(log, data=log.data[:32] + b"\1" + log.data[33:]),
            id="dirty address in the data",
        ),
    ],
)
def test_verify__log_is_not_as_declared__event_fails_and_fields_are_unknown(
    log: Callable[[Any], Any],
) -> None:
    case = right(family_named("ppv"))

    verdict = judged(replace(case, seen=seen_with(log(case.seen.logs[0]))))

    results = {one.check: one.result for one in verdict.findings}
    assert results[Check.EVENT] is Result.FAILED
    assert results[Check.EMITTER] is Result.PASSED
    assert results[Check.AMOUNT] is results[Check.PAYER] is Result.UNKNOWN
    assert verdict.paid is None


def test_verify__transaction_without_such_an_event__event_fails() -> None:
    case = right(family_named("tip"))
    other = paying_log(intent_of(family_named("ppv")))

    verdict = judged(replace(case, seen=seen_with(other)))

    assert Check.EVENT in verdict.failed
    assert verdict.place is None


def test_verify__failed_transaction__receipt_and_event_fail() -> None:
    """A transaction that failed has no logs; a call inside it that failed leaves none either."""
    case = right(family_named("ppv"))

    verdict = judged(replace(case, seen=seen_with(is_success=False)))

    assert {Check.RECEIPT, Check.EVENT} <= set(verdict.failed)


def test_verify__no_terms_known__fee_is_unknown_which_is_not_passed() -> None:
    case = right(family_named("ppv"))

    verdict = judged(replace(case, rulebook=replace(case.rulebook, fee_terms=())))

    assert verdict.failed == (Check.FEE, Check.FEE_TERMS)


def test_verify__terms_set_in_the_same_block__those_before_the_log_count() -> None:
    case = right(family_named("ppv"))
    dear = replace(TERMS, bps=500)
    later = FeeTermsInForce(
        since=(PAID_BLOCK, LOG_INDEX + 1), contract=case.intent.contract, terms=dear
    )
    just_before = replace(later, since=(PAID_BLOCK, LOG_INDEX - 1))

    def with_terms(one: FeeTermsInForce) -> Verdict:
        terms = (*case.rulebook.fee_terms, one)
        return judged(replace(case, rulebook=replace(case.rulebook, fee_terms=terms)))

    assert with_terms(later).is_verified
    assert with_terms(just_before).failed == (Check.FEE, Check.FEE_TERMS)


def test_verify__price_raised_after_the_purchase__the_old_one_counts() -> None:
    case = right(family_named("ticket"))
    raised = TierPriceInForce(
        since=(PAID_BLOCK + 1, 0),
        contract=case.intent.contract,
        subject=CONTENT,
        tier_id=TIER,
        price=BaseUnits(2 * AMOUNT),
    )
    prices = (raised, *case.rulebook.prices)

    assert judged(replace(case, rulebook=replace(case.rulebook, prices=prices))).is_verified


def test_verify__two_purchases_in_one_transaction__each_order_has_its_own_log() -> None:
    first = intent_of(family_named("ppv"), reference="first")
    second = intent_of(family_named("ppv"), reference="second")
    seen = seen_with(paying_log(first, log_index=4), paying_log(second, log_index=9))

    verdicts = [
        verify(one, seen, rulebook_of(one), heights(), needed=Level.RECEIVED)[0]
        for one in (first, second)
    ]

    assert all(one.is_verified for one in verdicts)
    places = [one.place for one in verdicts]
    assert [place.key[-64:] for place in places if place is not None] == [
        bytes(one.order_id or b"").hex() for one in (first, second)
    ]


def test_verify__real_event_beside_a_fake_one__the_real_one_is_judged_first() -> None:
    case = right(family_named("ppv"))
    fake = replace(case.seen.logs[0], address=STRANGER, log_index=1)

    verdicts = verify(
        case.intent,
        seen_with(fake, case.seen.logs[0]),
        case.rulebook,
        heights(),
        needed=Level.RECEIVED,
    )

    assert [one.is_verified for one in verdicts] == [True, False]
    assert verdicts[0].place is not None
    assert (verdicts[0].place.contract, verdicts[0].place.ordinal) == (case.intent.contract, 0)


def test_verify__payer_not_named__any_payer_of_the_order_passes() -> None:
    family = family_named("ppv")
    intent = intent_of(family, payer=None)
    smart_account = STRANGER

    seen = seen_with(paying_log(intent, payer=smart_account), source=Source.NODE)
    verdict = judged(Case(intent, seen, rulebook_of(intent)))

    assert verdict.is_verified
    assert verdict.paid is not None
    assert verdict.paid.payer == smart_account


def test_verify__numbers_and_addresses_of_the_wrong_width__never_verified() -> None:
    family = family_named("ticket")
    intent = intent_of(family)
    values = values_of(intent)
    log = log_of(family.event, intent.contract, values)
    wide = word(2**32 + TIER)
    place = 32 * [field.name for field in family.event.fields if not field.indexed].index("tier_id")
    data = log.data[:place] + wide + log.data[place + 32 :]

    verdict = judged(Case(intent, seen_with(replace(log, data=data)), rulebook_of(intent)))

    assert Check.EVENT in verdict.failed
    assert START_BLOCK < PAID_BLOCK
    assert verdict.seen.chain_id == CHAIN_ID
