"""`settlement.royalties.shard_credits`: the property tests compare its rows with whole epochs."""

from contracts.evm import Address, Hash32
from settlement.royalties.allocate_shards import find_couplings, shard_bounds
from settlement.royalties.distribution import settle
from settlement.royalties.inputs import epoch_inputs
from settlement.royalties.shard_allocation import SUBSCRIBERS_PER_RANGE, asset_fees
from settlement.royalties.shard_credits import credit_batches
from settlement.royalties.shard_judging import judged_usage
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.shard_usage import shard_fees, shard_usage
from settlement.royalties.shares import ShareBatch, whole_batch
from tests.shard_inputs import UsageEvents, funded_for
from tests.shard_world import ASSETS, SCOPE, TIERS, World


def crowded() -> World:
    """More subscribers than a range has; the last and the first of two ranges have rows."""
    world = World(1, "usual")
    world.events = UsageEvents()
    crowd = [Address(at.to_bytes(20, "big")) for at in range(1, SUBSCRIBERS_PER_RANGE + 4)]
    for at, subscriber in enumerate(crowd):
        world.events.pay(subscriber, ASSETS[at % 3 == 0], 10**7 + at, TIERS[0])
    works = list(world.registry.works)[:2]
    for at in (0, 3, SUBSCRIBERS_PER_RANGE - 1, SUBSCRIBERS_PER_RANGE, SUBSCRIBERS_PER_RANGE + 2):
        for part in (0, 1):
            world.events.submit(
                crowd[at],
                block=5 + part,
                part=part,
                tier_id=TIERS[0],
                works=[works[part]],
                minutes=[at + 1],
                plays=[2],
                pseudonyms=[Hash32(bytes([0, part]) + at.to_bytes(30, "big"))],
            )
    return world


def batches_of(world: World) -> list[ShareBatch]:
    """The batches of one shard that is the whole epoch."""
    order = world.order(1)
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    fees = shard_fees(world.events.subscriptions(*shard_bounds(0, 1)))
    usage = shard_usage(world.events.usage(*shard_bounds(0, 1)), fees, factors.table)
    judged = judged_usage(
        usage,
        factors,
        find_couplings(order, world.events),
        last_before_start=SCOPE.last_before_start,
    )
    rates_ppm = [entry.rate_ppm for entry in order.parameters.fees]
    return list(credit_batches(judged, fees, list(asset_fees(fees, rates_ppm)), factors))


def test_credit_batches__more_subscribers_than_a_range__all_rows_range_by_range() -> None:
    world = crowded()
    inputs = epoch_inputs(
        SCOPE,
        funded=funded_for(world.events.subscribed),
        subscribed=world.events.subscribed,
        consumption=world.events.consumption,
    )
    whole = whole_batch(settle(inputs, world.parameters, world.registry).allocations)

    batches = batches_of(world)

    assert len(batches) == 2 * len(ASSETS)
    assert sorted(fee for one in batches for fee in one.fees) == sorted(whole.fees)
    assert sorted(row for one in batches for row in one.rows) == sorted(whole.rows)
    assert [len(one.rows) for one in batches] == [2, 4, 4, 0]
