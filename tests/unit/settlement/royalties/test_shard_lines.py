"""`settlement.royalties.shard_lines`: the property tests compare its bytes with the bundle."""

import json
from collections.abc import Iterator

import pytest

from settlement.royalties.allocate_shards import allocation_file, find_couplings
from tests.shard_world import World


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
