"""What was in force at a place of the chain."""

from contracts.evm import BlockNumber
from contracts.units import BaseUnits
from settlement.payments.families import family_named
from settlement.payments.rulebook import END_OF_CHAIN, FeeTermsInForce, Rulebook, TierPriceInForce
from tests.payments_builders import (
    CONTENT,
    START_BLOCK,
    STRANGER,
    TERMS,
    TIER,
    contract_of,
    intent_of,
    rulebook_of,
)

TICKET = family_named("ticket")
CONTRACT = contract_of(TICKET)
RULEBOOK = rulebook_of(intent_of(TICKET))


def test_is_allowed__name_address_and_block__all_must_fit() -> None:
    name, first = TICKET.event.contract, BlockNumber(START_BLOCK)

    assert RULEBOOK.is_allowed(name, CONTRACT, first)
    assert not RULEBOOK.is_allowed(name, CONTRACT, BlockNumber(START_BLOCK - 1))
    assert not RULEBOOK.is_allowed(name, STRANGER, first)
    assert not RULEBOOK.is_allowed(family_named("ppv").event.contract, CONTRACT, first)


def test_fee_terms_at__several__the_last_before_the_place() -> None:
    def terms(block: int, log: int, minimum: int) -> FeeTermsInForce:
        set_to = TERMS.__class__(treasury=STRANGER, minimum=BaseUnits(minimum), bps=1)
        return FeeTermsInForce(since=(block, log), contract=CONTRACT, terms=set_to)

    rulebook = Rulebook(contracts=(), fee_terms=[terms(5, 2, 52), terms(4, 9, 49), terms(5, 0, 50)])

    def minimum(block: int, log: int) -> int | None:
        found = rulebook.fee_terms_at(CONTRACT, (block, log))
        return None if found is None else found.minimum

    assert minimum(4, 9) is None
    assert minimum(5, 0) == 49
    assert minimum(5, 2) == 50
    assert minimum(5, 3) == 52
    assert rulebook.fee_terms_at(STRANGER, END_OF_CHAIN) is None


def test_price_at__other_tier_or_subject__nothing_in_force() -> None:
    price = TierPriceInForce(
        since=(5, 0), contract=CONTRACT, subject=CONTENT, tier_id=TIER, price=BaseUnits(7)
    )
    rulebook = Rulebook(contracts=(), prices=[price])

    assert rulebook.price_at(CONTRACT, (5, 1), subject=CONTENT, tier_id=TIER) == 7
    assert rulebook.price_at(CONTRACT, (5, 0), subject=CONTENT, tier_id=TIER) is None
    assert rulebook.price_at(CONTRACT, (5, 1), subject=CONTENT, tier_id=TIER + 1) is None
    assert rulebook.price_at(STRANGER, (5, 1), subject=CONTENT, tier_id=TIER) is None
