"""Shards against the plain functions: the same integers, however the epoch is cut."""

from dataclasses import replace

import pytest

from contracts.evm import ChainId, Hash32
from contracts.leaves import leaf_hash
from settlement.royalties.allocate_shards import allocation_file, credited_shares, find_couplings
from settlement.royalties.bundle import allocations_file
from settlement.royalties.distribution import Distribution, settle
from settlement.royalties.inputs import epoch_inputs
from settlement.royalties.shard_distribution import settle_shards
from settlement.royalties.shard_result import merged, result_document, result_from_document
from settlement.royalties.shares import whole_batch
from settlement.royalties.tree import leaf_tree
from settlement.royalties.tree_profiles import QUITTANCE_V1
from tests.shard_inputs import funded_for
from tests.shard_world import SCOPE, World, heavy_world, in_shards, plainly


def root_of(distribution: Distribution) -> Hash32:
    hashes = [
        leaf_hash(leaf, chain_id=ChainId(31337), contract=SCOPE.payouts)
        for leaf in distribution.leaves
    ]
    return leaf_tree(QUITTANCE_V1, hashes).root


@pytest.mark.parametrize("extreme", ["small", "usual", "rich", "huge"])
@pytest.mark.parametrize("seed", range(80))
def test_shards__any_epoch__same_integers_as_the_plain_functions(extreme: str, seed: int) -> None:
    world = World(seed, extreme)
    expected = plainly(world)

    for shard_count in (1, 2, 16):
        actual = merged(in_shards(world, shard_count))

        assert actual.assets == expected.assets
        assert actual.quarantined == expected.quarantined
        assert actual.counting_rows == expected.counting_rows
        assert actual.subscribers == expected.subscribers


@pytest.mark.parametrize("minutes", [1, 287, 288, 289, 2**32 - 1])
@pytest.mark.parametrize("rows", [1, 16, 31, 32, 33, 63, 64, 65, 80, 300])
def test_shards__weights_at_the_border_of_a_word__same_integers(rows: int, minutes: int) -> None:
    """A row of 288 minutes is just below 2⁵⁸; 64 such rows sum to more than a word holds."""
    world = heavy_world(rows, minutes)

    assert merged(in_shards(world, 1)).assets == plainly(world).assets


@pytest.mark.parametrize("extreme", ["usual", "huge"])
@pytest.mark.parametrize("seed", range(40))
def test_allocation_file__any_epoch__bytes_of_the_bundle(extreme: str, seed: int) -> None:
    world = World(seed, extreme)
    inputs = epoch_inputs(
        SCOPE,
        funded=funded_for(world.events.subscribed),
        subscribed=world.events.subscribed,
        consumption=world.events.consumption,
    )
    expected = allocations_file(settle(inputs, world.parameters, world.registry).allocations)
    order = world.order(4)

    actual = b"".join(
        allocation_file(order, find_couplings(order, world.events), facts=world.events)
    )

    assert actual == expected


@pytest.mark.parametrize("extreme", ["usual", "rich", "huge"])
@pytest.mark.parametrize("seed", range(40))
def test_credited_shares__any_epoch_and_cut__rows_of_the_whole(extreme: str, seed: int) -> None:
    world = World(seed, extreme)
    inputs = epoch_inputs(
        SCOPE,
        funded=funded_for(world.events.subscribed),
        subscribed=world.events.subscribed,
        consumption=world.events.consumption,
    )
    whole = whole_batch(settle(inputs, world.parameters, world.registry).allocations)

    for shard_count in (1, 5):
        order = world.order(shard_count)
        coupled = find_couplings(order, world.events)
        batches = list(credited_shares(order, coupled, facts=world.events))

        assert sorted(fee for one in batches for fee in one.fees) == sorted(whole.fees)
        assert sorted(row for one in batches for row in one.rows) == sorted(whole.rows)


@pytest.mark.parametrize("extreme", ["usual", "huge"])
@pytest.mark.parametrize("seed", range(40))
def test_settle_shards__any_epoch_and_cut__same_leaves_and_root(extreme: str, seed: int) -> None:
    world = World(seed, extreme)
    inputs = epoch_inputs(
        SCOPE,
        funded=funded_for(world.events.subscribed),
        subscribed=world.events.subscribed,
        consumption=world.events.consumption,
    )
    whole = settle(inputs, world.parameters, world.registry)

    for shard_count in (1, 2, 16):
        settled = settle_shards(
            merged(in_shards(world, shard_count)),
            funded=inputs.funded,
            parameters=world.parameters,
            registry=world.registry,
            scope=SCOPE,
        )

        assert settled == replace(whole, allocations=())
        assert root_of(settled) == root_of(whole)


@pytest.mark.parametrize("seed", range(20))
def test_result_document__read_back__equal(seed: int) -> None:
    (result,) = in_shards(World(seed, "huge"), 1)

    assert result_from_document(result_document(result)) == result
