"""`settlement.royalties.shard_lines`: the property tests compare its bytes with the bundle."""

import json
from collections.abc import Iterator

import pytest

from contracts.evm import Address, Hash32
from settlement.royalties.allocate_shards import allocation_file, find_couplings
from settlement.royalties.bundle import allocations_file
from settlement.royalties.distribution import settle
from settlement.royalties.inputs import epoch_inputs
from settlement.royalties.shard_allocation import SUBSCRIBERS_PER_RANGE
from tests.shard_inputs import UsageEvents, funded_for
from tests.shard_world import ASSETS, SCOPE, TIERS, World, in_shards, plainly


def lines(world: World, shard_count: int) -> Iterator[bytes]:
    coupled = find_couplings(world.order(1), world.events)
    yield from allocation_file(world.order(shard_count), coupled, facts=world.events)


@pytest.mark.parametrize("seed", range(5))
def test_allocation_lines__any_cut__ascending_and_the_same(seed: int) -> None:
    world = World(seed, "usual")
    whole = b"".join(lines(world, 1))
    documents = [json.loads(line) for line in whole.splitlines()]
    named = [(one["subscriber"].lower(), one["asset"].lower()) for one in documents]

    assert named == sorted(named)
    assert b"".join(lines(world, 16)) == whole


def test_allocation_lines__more_subscribers_than_a_range__those_of_the_bundle() -> None:
    """The last and the first of two ranges have rows; in between are subscribers without any."""
    world = World(1, "usual")
    world.events = UsageEvents()
    crowd = [Address(at.to_bytes(20, "big")) for at in range(1, SUBSCRIBERS_PER_RANGE + 4)]
    for at, subscriber in enumerate(crowd):
        world.events.pay(subscriber, ASSETS[at % 3 == 0], 10**7 + at, TIERS[0])
    works = list(world.registry.works)[:3]
    for at in (0, 3, SUBSCRIBERS_PER_RANGE - 1, SUBSCRIBERS_PER_RANGE, SUBSCRIBERS_PER_RANGE + 2):
        world.events.submit(
            crowd[at],
            block=5,
            part=0,
            tier_id=TIERS[0],
            works=works,
            minutes=[at + 1, 7, 3],
            plays=[1, 2, 3],
            pseudonyms=[
                Hash32(bytes([0, place]) + bytes(26) + at.to_bytes(4, "big")) for place in (0, 1, 2)
            ],
        )
    inputs = epoch_inputs(
        SCOPE,
        funded=funded_for(world.events.subscribed),
        subscribed=world.events.subscribed,
        consumption=world.events.consumption,
    )
    allocations = settle(inputs, world.parameters, world.registry).allocations

    assert b"".join(lines(world, 1)) == allocations_file(allocations)
    assert sum(len(share.credits) > 0 for share in allocations) == 5
    (result,) = in_shards(world, 1)
    assert result.assets == plainly(world).assets
