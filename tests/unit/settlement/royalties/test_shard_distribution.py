"""`settle_shards`: what shards come to settles every epoch as it is settled in one piece."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts.evm import Address
from contracts.units import BaseUnits
from settlement.royalties.allocate_shards import (
    ShardKey,
    ShardOrder,
    allocate_shard,
    find_couplings,
    shard_bounds,
)
from settlement.royalties.derivation import ComputedEpoch, EpochFacts, derive, inputs_of
from settlement.royalties.distribution import Distribution, SubscriberAllocation
from settlement.royalties.parameters import parameters_in_force
from settlement.royalties.quarantine import accept_usage
from settlement.royalties.shard_distribution import settle_shards
from settlement.royalties.shard_result import AssetSums, ShardResult, merged
from settlement.royalties.shard_rules import WorkFactors
from tests.royalties_builders import (
    ANN,
    DUSD,
    EURT,
    FIRST_EPOCH,
    ScriptedChain,
    facts_of,
    sample_chain,
    work,
)
from tests.ruled_epochs import golden_epochs
from tests.shard_inputs import UsageEvents

SONG, FILM = work("song"), work("film")


def total_of(computed: ComputedEpoch) -> ShardResult:
    """What shards of an epoch must come to: its allocations, added up."""
    facts, shares = computed.facts, computed.distribution.allocations
    parameters = parameters_in_force(facts.frame.parameters, facts.frame.epoch)
    accepted = accept_usage(inputs_of(facts), parameters, computed.registry)
    return ShardResult(
        subscribers=len({share.subscriber for share in shares}),
        rows=0,
        counting_rows=len(accepted.rows),
        assets=tuple(sums_of(shares)),
        quarantined=tuple(accepted.quarantined),
    )


def sums_of(shares: tuple[SubscriberAllocation, ...]) -> Iterator[AssetSums]:
    for asset in sorted({share.asset for share in shares}):
        chosen = [share for share in shares if share.asset == asset]
        per_work: dict[bytes, int] = {}
        for share in chosen:
            for credit in share.credits:
                per_work[credit.row.work_id] = per_work.get(credit.row.work_id, 0) + credit.credited
        charged = zip(*(share.charged for share in chosen), strict=True)
        yield AssetSums(
            asset=asset,
            paid=BaseUnits(sum(share.fee for share in chosen)),
            charged=tuple(BaseUnits(sum(column)) for column in charged),
            unallocated=BaseUnits(sum(share.unallocated for share in chosen)),
            per_work=per_work,
        )


def many_payees() -> EpochFacts:
    """Two works of forty payees, whose leaves have two parts each, in two assets."""
    chain = ScriptedChain()
    payees = {Address(bytes([number]) * 20): 25_000 for number in range(1, 41)}
    for work_id in (SONG, FILM):
        chain.set_terms(work_id, payees)
    for asset in (DUSD, EURT):
        chain.subscribe(ANN, 10**9, asset=asset)
    chain.submit(ANN, [(SONG, 2, 1), (FILM, 1, 1)])
    chain.finish(FIRST_EPOCH)
    return facts_of(chain, FIRST_EPOCH)


EPOCHS = {
    **golden_epochs(),
    "sample": facts_of(sample_chain(), FIRST_EPOCH),
    "many payees": many_payees(),
}


def settled(total: ShardResult, computed: ComputedEpoch) -> Distribution:
    frame = computed.frame
    return settle_shards(
        total,
        funded=inputs_of(computed.facts).funded,
        parameters=parameters_in_force(frame.parameters, frame.epoch),
        registry=computed.registry,
        scope=frame.scope,
    )


@pytest.mark.parametrize("name", EPOCHS)
def test_settle_shards__sums_of_an_epoch__its_distribution(name: str) -> None:
    computed = derive(EPOCHS[name])

    found = settled(total_of(computed), computed)

    assert found == replace(computed.distribution, allocations=())


@pytest.mark.parametrize("name", EPOCHS)
def test_settle_shards__shards_of_an_epoch__its_distribution(name: str) -> None:
    facts = EPOCHS[name]
    computed = derive(facts)
    key = ShardKey(
        chain_id=facts.frame.chain_id,
        contract=facts.frame.payouts,
        epoch=facts.frame.epoch,
        attempt=facts.frame.attempt,
        inputs_digest=facts.frame.reference.hash,
    )
    order = ShardOrder(
        key=key,
        shard_count=3,
        parameters=parameters_in_force(facts.frame.parameters, facts.frame.epoch),
        registry=computed.registry,
        scope=facts.frame.scope,
    )
    events = UsageEvents(subscribed=facts.subscribed, consumption=facts.consumption)
    coupled = find_couplings(order, events)
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    shards = [
        allocate_shard(shard_bounds(shard, 3), coupled, order=order, factors=factors, facts=events)
        for shard in range(3)
    ]

    assert settled(merged(shards), computed) == replace(computed.distribution, allocations=())


def test_settle_shards__leaves_of_two_parts_and_assets__listed_as_the_tree_has_them() -> None:
    leaves = derive(EPOCHS["many payees"]).distribution.leaves

    assert [(leaf.work_id, leaf.part, leaf.asset) for leaf in leaves] == [
        (work_id, part, asset)
        for work_id in sorted((SONG, FILM))
        for part in (0, 1)
        for asset in (DUSD, EURT)
    ]
