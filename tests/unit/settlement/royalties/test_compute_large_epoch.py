"""`compute_large_epoch` without a database; the integration tests compare every stored row."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from contracts.evm import BlockRef, Epoch, Hash32
from contracts.leaves import Leaf
from contracts.units import BaseUnits
from settlement.errors import StoredRootDiffers
from settlement.royalties.allocate_shards import ShardKey, ShardOrder, find_couplings
from settlement.royalties.compute_epoch import NotYetComputable, Wait
from settlement.royalties.compute_large_epoch import LargeEpoch, compute_large_epoch
from settlement.royalties.derivation import derive
from settlement.royalties.errors import ShardsDisagree
from settlement.royalties.shard_judging import Coupled
from settlement.royalties.shard_order import order_in
from settlement.royalties.shard_result import ShardResult, merged
from settlement.royalties.shares import ShareBatch, whole_batch
from tests.royalties_builders import FIRST_EPOCH, SETTLEMENT, facts_of, sample_chain
from tests.royalties_fakes import ComputedInMemory
from tests.shard_inputs import UsageEvents
from tests.shard_world import shards_of

CHAIN = sample_chain()
WHOLE = derive(facts_of(CHAIN, FIRST_EPOCH))
EVENTS = UsageEvents(subscribed=WHOLE.facts.subscribed, consumption=WHOLE.facts.consumption)
ORDER = order_in(WHOLE.frame, WHOLE.registry)
TOTAL = merged(shards_of(replace(ORDER, shard_count=3), EVENTS))


@dataclass
class Allocated:
    """Satisfies `compute_large_epoch.AllocatedShards`: the shards of one order."""

    order: ShardOrder = ORDER
    whole: ShardResult | None = TOTAL

    def couplings(self, key: ShardKey, /) -> tuple[Coupled, ...] | None:
        return find_couplings(self.order, EVENTS) if key == self.order.key else None

    def total(self, key: ShardKey, /) -> ShardResult | None:
        return self.whole if key == self.order.key else None


@dataclass
class LargeInMemory(ComputedInMemory):
    """Satisfies `compute_large_epoch.LargeStore`."""

    large: list[LargeEpoch] = field(default_factory=list)
    shares: list[ShareBatch] = field(default_factory=list)

    def record_large(self, computed: LargeEpoch, shares: Iterable[ShareBatch], /) -> None:
        self.large.append(computed)
        self.shares += shares

    def leaves(self, manifest_digest: Hash32, /) -> tuple[Leaf, ...]:
        (found,) = (one for one in self.large if one.manifest_digest == manifest_digest)
        return found.distribution.leaves[self.lost_leaves :]


def compute(
    store: LargeInMemory, shards: Allocated | None = None, epoch: Epoch = FIRST_EPOCH
) -> LargeEpoch | NotYetComputable:
    def usage(boundary: BlockRef, reference: BlockRef) -> UsageEvents:
        assert (boundary, reference) == (WHOLE.frame.boundary, WHOLE.frame.reference)
        return EVENTS

    return compute_large_epoch(
        epoch,
        settlement=SETTLEMENT,
        source=CHAIN,
        usage=usage,
        shards=shards or Allocated(),
        store=store,
    )


def test_compute_large__shards_are_done__everything_as_in_one_piece() -> None:
    store = LargeInMemory()

    computed = compute(store)

    assert isinstance(computed, LargeEpoch)
    assert computed.manifest_bytes == WHOLE.manifest_bytes
    assert computed.distribution == replace(WHOLE.distribution, allocations=())
    assert (computed.leaf_hashes, computed.tree) == (WHOLE.leaf_hashes, WHOLE.tree)
    expected = whole_batch(WHOLE.distribution.allocations)
    assert sorted(fee for one in store.shares for fee in one.fees) == sorted(expected.fees)
    assert sorted(row for one in store.shares for row in one.rows) == sorted(expected.rows)


def test_compute_large__not_computable_yet__as_any_epoch() -> None:
    answer = compute(LargeInMemory(), epoch=Epoch(FIRST_EPOCH + 9))

    assert isinstance(answer, NotYetComputable)
    assert answer.reason is Wait.GRACE_NOT_FINAL


def test_compute_large__shards_of_other_inputs__waits() -> None:
    other = replace(ORDER, key=replace(ORDER.key, attempt=2))

    assert compute(LargeInMemory(), Allocated(other)) == NotYetComputable(Wait.SHARDS_OPEN, None)


@pytest.mark.parametrize("what", ["credited rows", "unallocated fees"])
def test_compute_large__total_is_not_that_of_its_rows__corrupt(what: str) -> None:
    first, *others = TOTAL.assets
    changed = replace(first, unallocated=BaseUnits(first.unallocated + 1))
    if what == "credited rows":
        one, two = (work for work, units in first.per_work.items() if units)
        works = dict(first.per_work)
        works |= {one: works[one] + 1, two: works[two] - 1}
        changed = replace(first, per_work=works)
    total = replace(TOTAL, assets=(changed, *others))

    with pytest.raises(ShardsDisagree, match=what) as refused:
        compute(LargeInMemory(), Allocated(whole=total))

    assert refused.value.epoch == FIRST_EPOCH


def test_compute_large__stored_leaf_is_lost__corrupt() -> None:
    with pytest.raises(StoredRootDiffers):
        compute(LargeInMemory(lost_leaves=1))
