"""Parts of large epochs: they explain what the whole explains, and hold nobody else."""

from dataclasses import replace

import pytest

from contracts.evm import ZERO_HASH, BlockRef, Hash32
from contracts.leaves import FEES_ID, LeafKind
from settlement.royalties.allocate_shards import allocated_here
from settlement.royalties.compute_large_epoch import LargeEpoch
from settlement.royalties.derivation import ComputedEpoch, derive
from settlement.royalties.explanation import (
    explain_leaf,
    explained_assets,
    kind_of_leaf,
    works_of_leaf,
)
from settlement.royalties.large_part import part_of_payers, part_of_users
from settlement.royalties.shard_order import order_in
from tests.royalties_builders import DUSD, EURT, FIRST_EPOCH, facts_of, sample_chain, work
from tests.ruled_epochs import everything
from tests.shard_inputs import UsageEvents

SAMPLE = derive(facts_of(sample_chain(), FIRST_EPOCH))
RULED = derive(everything())


def events_of(whole: ComputedEpoch) -> UsageEvents:
    return UsageEvents(subscribed=whole.facts.subscribed, consumption=whole.facts.consumption)


def large_of(whole: ComputedEpoch) -> LargeEpoch:
    """The same epoch as shards know it."""
    order = replace(order_in(whole.frame, whole.registry), shard_count=3)
    total, coupled = allocated_here(order, events_of(whole))
    return LargeEpoch(
        frame=whole.frame,
        order=order,
        coupled=coupled,
        total=total,
        distribution=replace(whole.distribution, allocations=()),
        leaf_hashes=whole.leaf_hashes,
        tree=whole.tree,
        manifest=whole.manifest,
        manifest_bytes=whole.manifest_bytes,
        manifest_digest=whole.manifest_digest,
    )


def blocks_of(whole: ComputedEpoch) -> list[BlockRef]:
    return [
        BlockRef(number=one.number, hash=one.hash, parent_hash=ZERO_HASH, timestamp=one.timestamp)
        for one in whole.facts.blocks.values()
    ]


def part_for(whole: ComputedEpoch, leaf_id: Hash32) -> ComputedEpoch:
    large, facts = large_of(whole), events_of(whole)
    if kind_of_leaf(leaf_id, FIRST_EPOCH) is LeafKind.FEES:
        return part_of_payers(
            large, facts=facts, subscribed=facts.subscribed, blocks=lambda: blocks_of(whole)
        )
    works = works_of_leaf(leaf_id, whole.registry, FIRST_EPOCH)
    return part_of_users(large, works, facts=facts, blocks=lambda: blocks_of(whole))


@pytest.mark.parametrize("whole", [SAMPLE, RULED], ids=["sample", "ruled"])
def test_part__every_leaf_and_asset__explained_as_by_the_whole(whole: ComputedEpoch) -> None:
    leaf_ids = {FEES_ID, *whole.registry.works, *(one.work_id for one in whole.distribution.leaves)}

    for leaf_id in sorted(leaf_ids):
        part = part_for(whole, leaf_id)
        assert explained_assets(part, leaf_id) == explained_assets(whole, leaf_id)
        for asset in (DUSD, EURT):
            assert explain_leaf(part, leaf_id, asset) == explain_leaf(whole, leaf_id, asset)


def test_part_of_users__others__not_held() -> None:
    song = work("song")
    wanted = [
        share
        for share in SAMPLE.distribution.allocations
        if any(credit.row.work_id == song for credit in share.credits)
    ]

    part = part_for(SAMPLE, song)

    assert list(part.distribution.allocations) == wanted
    assert len(wanted) < len(SAMPLE.distribution.allocations)
    users = {share.subscriber for share in wanted}
    assert set(part.facts.subscribed.subscriber) == set(part.facts.consumption.submitter) == users
    assert len(part.facts.logs) == len(part.facts.funded) == 0
    assert part.distribution.leaves == SAMPLE.distribution.leaves


def test_part_of_users__work_that_nobody_used__nobody() -> None:
    unused = next(
        work_id
        for work_id in sorted(SAMPLE.registry.works)
        if not explained_assets(SAMPLE, work_id)
    )

    assert part_for(SAMPLE, unused).distribution.allocations == ()
