"""The invented people and works: decided by the seed, and acceptable to the contracts."""

import random

import pytest

from contracts.evm import SCALAR_FIELD_ORDER, Address
from contracts.units import PPM_ONE
from scripts.demo.population import (
    TIERS,
    Population,
    Usage,
    make_population,
    make_usage,
    tier_id_of,
)
from scripts.devnode import address_of

WORKS = 40


@pytest.fixture(scope="module")
def population() -> Population:
    return make_population(7, subscribers=10, works=WORKS)


def usage_of(population: Population, *, epoch: int = 2, part: int = 0) -> Usage:
    return make_usage(
        random.Random(1),
        epoch,
        population.subscribers[0],
        tier_id_of("light"),
        [work.work_id for work in population.works],
        part=part,
    )


def everything(population: Population) -> list[object]:
    """Keys do not compare, addresses do."""
    works = [
        (work.work_id, work.price_ppm, [one.address for one in work.payees], work.shares_ppm)
        for work in population.works
    ]
    people = (*population.subscribers, population.sponsor, population.refused_payee)
    band = population.band
    played_by = [one.address for one in (band.leader, band.producer, *band.members)]
    terms = (band.work_id, band.price_ppm, band.members_ppm, band.producer_ppm)
    return [works, [one.address for one in people], played_by, terms, population.recognised]


def test_population__same_seed__same(population: Population) -> None:
    again = make_population(7, subscribers=10, works=WORKS)
    other = make_population(8, subscribers=10, works=WORKS)

    assert everything(again) == everything(population)
    assert everything(other) != everything(population)


def test_population__size__as_asked(population: Population) -> None:
    assert len(population.works) == WORKS
    addresses = {one.address for one in population.subscribers}
    assert len(addresses) == 10
    assert len({work.work_id for work in population.works}) == WORKS


def test_works__splits__of_one_million_to_payees_ascending_and_unique(
    population: Population,
) -> None:
    for work in population.works:
        payees = [address_of(payee) for payee in work.payees]
        assert payees == sorted(set(payees))
        assert 1 <= len(payees) <= 5
        assert len(work.shares_ppm) == len(payees)
        assert sum(work.shares_ppm) == PPM_ONE
        assert min(work.shares_ppm) > 0
    assert {len(work.payees) for work in population.works} == {1, 2, 3, 4, 5}


def test_works__registrant__one_of_the_payees(population: Population) -> None:
    for work in population.works[1:]:
        assert work.registrant.address in {payee.address for payee in work.payees}


def test_band__shares__of_one_million_to_members_ascending(population: Population) -> None:
    band = population.band
    members = [address_of(member) for member in band.members]

    assert members == sorted(set(members))
    assert address_of(band.leader) in members
    assert address_of(band.producer) not in members
    assert sum(band.members_ppm) == PPM_ONE
    assert len(band.members_ppm) == len(members)
    assert 0 < band.producer_ppm < PPM_ONE


def test_work_ids__registry__everything_that_can_be_played_once(population: Population) -> None:
    registry, other = Address(b"\x01" * 20), Address(b"\x02" * 20)
    work_ids = population.work_ids(registry)

    assert len(set(work_ids)) == WORKS + 2
    assert set(work_ids) - set(population.work_ids(other)) == {
        population.recognised.work_id(registry)
    }


def test_registrants__everybody_who_registers__once(population: Population) -> None:
    registrants = [one.address for one in population.registrants]

    assert len(registrants) == len(set(registrants))
    assert {work.registrant.address for work in population.works} < set(registrants)
    assert population.band.leader.address in registrants


def test_claimed_work__content__of_the_recognised_one_and_never_played(
    population: Population,
) -> None:
    claimed, registry = population.claimed, Address(b"\x01" * 20)

    assert claimed.content_id == population.recognised.content_id
    assert claimed.registrant.address in {one.address for one in population.registrants}
    assert [payee.address for payee in claimed.payees] == [claimed.registrant.address]
    assert claimed.shares_ppm == (PPM_ONE,)
    assert claimed.work_id not in population.work_ids(registry)


def test_refused_payee__is_paid_by_work_0_with_another(population: Population) -> None:
    payees = {payee.address for payee in population.works[0].payees}

    assert population.refused_payee.address in payees
    assert len(payees) == 2


def test_ids__field__below_its_order(population: Population) -> None:
    usage = usage_of(population)

    for word in (*usage.work_ids, *usage.pseudonyms):
        assert int.from_bytes(word, "big") < SCALAR_FIELD_ORDER


def test_usage__columns__one_row_for_each_work(population: Population) -> None:
    usage = usage_of(population, part=3)

    assert usage.part == 3
    assert usage.work_ids == tuple(work.work_id for work in population.works)
    assert len(usage.minutes_played) == len(usage.plays) == len(usage.pseudonyms) == WORKS
    assert min(usage.minutes_played) > 0
    assert min(usage.plays) > 0


def test_pseudonyms__same_epoch__same_ones_and_nobody_elses(population: Population) -> None:
    usage = usage_of(population)

    assert len(set(usage.pseudonyms)) == WORKS
    assert usage.pseudonyms == usage_of(population, part=1).pseudonyms
    assert not set(usage.pseudonyms) & set(usage_of(population, epoch=3).pseudonyms)


def test_tiers__ids_and_prices__distinct() -> None:
    assert len({tier_id_of(name) for name, _ in TIERS}) == len(TIERS)
    assert len({price for _, price in TIERS}) == len(TIERS)
