"""Families as data."""

from dataclasses import replace

import pytest

from contracts.event_spec import PAYMENT_CONTRACTS, ContractName
from contracts.events import EVENTS, WORK_TERMS_SET
from settlement.errors import UnknownName
from settlement.payments.families import FAMILIES, AssetSource, Family, family_named


@pytest.mark.parametrize("family", FAMILIES, ids=[one.name for one in FAMILIES])
def test_families__events__are_indexed_and_of_one_contract(family: Family) -> None:
    contract = family.event.contract
    others = [one for one in (family.fee_terms, family.price_list, family.refund) if one]

    assert family.event in EVENTS
    assert contract in {*PAYMENT_CONTRACTS, ContractName.ERC20}
    assert all(one in EVENTS and one.contract is contract for one in others)
    assert (family.fee is None) == (family.fee_terms is None)
    assert (family.tier is None) == (family.price_list is None)


def test_families__names__all_different() -> None:
    assert len({one.name for one in FAMILIES}) == len(FAMILIES)
    assert len({one.event.topic0 for one in FAMILIES}) == len(FAMILIES)


def test_family__field_that_the_event_does_not_have__refused() -> None:
    with pytest.raises(ValueError, match="no field 'tipper'"):
        replace(family_named("tip"), payer="tipper")


def test_family__event_of_varying_width__refused() -> None:
    with pytest.raises(ValueError, match="fixed width"):
        Family(
            name="terms",
            event=WORK_TERMS_SET,
            payer="registrant",
            payee="registrant",
            amount="price_ppm",
            asset=AssetSource.NATIVE,
        )


def test_family_named__unknown__names_the_known() -> None:
    with pytest.raises(UnknownName, match="offramp_send"):
        family_named("barter")
