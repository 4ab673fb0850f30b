"""Workers at one allocation, with a store in memory: who does what, and that it is done once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from settlement.royalties.allocate_shards import (
    ShardKey,
    allocate_shards,
    find_couplings,
    shard_bounds,
    shard_key,
)
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import parameters_from_bytes
from settlement.royalties.registry import Registry
from settlement.royalties.shard_judging import Coupled
from settlement.royalties.shard_result import ShardResult
from tests.royalties_builders import parameters_json
from tests.shard_inputs import UsageEvents
from tests.shard_world import SCOPE, WORK, World, plainly

WORLD = World(3, "usual")
ORDER = WORLD.order(4)
ALL_CLAIMS = ["couplings", *(f"shard {shard} of 4" for shard in range(4)), "total"]


def nothing() -> None:
    """What other workers do, mostly."""


@dataclass
class KeptShards:
    """`allocate_shards.ShardStore`; `elsewhere` are units in the hands of others.

    `before[unit]` is what others do before this worker has the unit.
    """

    elsewhere: set[str] = field(default_factory=set)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    claims: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    coupled: tuple[Coupled, ...] | None = None
    done: dict[int, ShardResult] = field(default_factory=dict)
    whole: ShardResult | None = None

    @contextmanager
    def claimed(self, key: ShardKey, unit: str, *, is_awaited: bool = False) -> Iterator[bool]:
        assert key == ORDER.key
        self.claims.append(f"await {unit}" if is_awaited else unit)
        self.before.get(self.claims[-1], nothing)()
        yield is_awaited or unit not in self.elsewhere

    def couplings(self, key: ShardKey) -> tuple[Coupled, ...] | None:
        assert key == ORDER.key
        return self.coupled

    def record_couplings(self, key: ShardKey, coupled: Sequence[Coupled]) -> None:
        assert (key, self.coupled) == (ORDER.key, None)
        self.coupled = tuple(coupled)
        self.recorded.append("couplings")

    def stored_shards(self, key: ShardKey, shard_count: int) -> frozenset[int]:
        assert (key, shard_count) == (ORDER.key, ORDER.shard_count)
        return frozenset(self.done)

    def shards(self, key: ShardKey, shard_count: int) -> Iterator[ShardResult]:
        assert self.stored_shards(key, shard_count) == set(range(shard_count))
        return iter(self.done.values())

    def record_shard(
        self, key: ShardKey, shard_count: int, shard: int, result: ShardResult
    ) -> None:
        assert shard not in self.stored_shards(key, shard_count)
        self.done[shard] = result
        self.recorded.append(f"shard {shard}")

    def total(self, key: ShardKey) -> ShardResult | None:
        assert key == ORDER.key
        return self.whole

    def record_total(self, key: ShardKey, total: ShardResult) -> None:
        assert (key, self.whole) == (ORDER.key, None)
        self.whole = total
        self.recorded.append("total")


class NoFacts(UsageEvents):
    """Facts that nobody may read again."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(name)


def allocated(store: KeptShards) -> ShardResult | None:
    return allocate_shards(ORDER, facts=WORLD.events, store=store)


def finished() -> KeptShards:
    store = KeptShards()
    allocated(store)
    return store


def test_allocate_shards__alone__every_unit_once_and_the_plain_total() -> None:
    store = KeptShards()

    total = allocated(store)

    assert store.claims == ALL_CLAIMS
    assert store.recorded == ["couplings", "shard 0", "shard 1", "shard 2", "shard 3", "total"]
    assert total is store.whole
    assert total is not None
    expected = plainly(WORLD)
    assert (total.assets, total.quarantined) == (expected.assets, expected.quarantined)
    assert (total.subscribers, total.counting_rows) == (
        expected.subscribers,
        expected.counting_rows,
    )


def test_allocate_shards__done_before__total_as_stored_and_nothing_read() -> None:
    store = replace(finished(), claims=[], recorded=[])

    assert allocate_shards(ORDER, facts=NoFacts(), store=store) is store.whole
    assert (store.claims, store.recorded) == ([], [])


def test_allocate_shards__all_but_the_total_done__nothing_read() -> None:
    store = replace(finished(), claims=[], recorded=[], whole=None)

    assert allocate_shards(ORDER, facts=NoFacts(), store=store) == finished().whole
    assert store.claims == ["total"]
    assert store.recorded == ["total"]


@pytest.mark.parametrize("shard", [0, 3])
def test_allocate_shards__shard_in_other_hands__all_others_now_and_the_rest_later(
    shard: int,
) -> None:
    store = KeptShards(elsewhere={f"shard {shard} of 4"})

    assert allocated(store) is None
    assert set(store.done) == {0, 1, 2, 3} - {shard}
    assert store.whole is None

    store.elsewhere, store.recorded = set(), []
    assert allocated(store) == finished().whole
    assert store.recorded == [f"shard {shard}", "total"]


def test_allocate_shards__shard_done_before_it_is_ours__not_done_again() -> None:
    other, store = finished(), KeptShards()
    store.before["shard 1 of 4"] = lambda: store.done.update({1: other.done[1]})

    assert allocated(store) == other.whole
    assert "shard 1" not in store.recorded


def test_allocate_shards__total_in_other_hands__not_yet() -> None:
    store = KeptShards(elsewhere={"total"})

    assert allocated(store) is None
    assert set(store.done) == {0, 1, 2, 3}

    store.elsewhere = set()
    store.before["total"] = lambda: setattr(store, "whole", finished().whole)
    assert allocated(store) == finished().whole
    assert "total" not in store.recorded


@pytest.mark.parametrize("is_dead", [False, True])
def test_allocate_shards__couplings_in_other_hands__awaited_after_the_usage_is_read(
    is_dead: bool,
) -> None:
    """Whoever finds them finishes, or dies and leaves them to us."""
    other = finished()
    store = KeptShards(elsewhere={"couplings"})
    if not is_dead:
        store.before["await couplings"] = lambda: setattr(store, "coupled", other.coupled)

    assert allocated(store) == other.whole
    assert store.claims == ["couplings", "shard 0 of 4", "await couplings", *ALL_CLAIMS[2:]]
    assert ("couplings" in store.recorded) is is_dead
    assert store.coupled == other.coupled


def test_allocate_shards__couplings_known__not_claimed() -> None:
    store = KeptShards(coupled=finished().coupled)

    assert allocated(store) == finished().whole
    assert store.claims == ALL_CLAIMS[1:]


def test_find_couplings__nobody_used_anything__none() -> None:
    assert find_couplings(ORDER, UsageEvents()) == ()
    assert find_couplings(ORDER, WORLD.events) != ()


@pytest.mark.parametrize("shard_count", [1, 2, 3, 16, 256])
def test_shard_bounds__any_number__every_address_in_one_shard(shard_count: int) -> None:
    bounds = [shard_bounds(shard, shard_count) for shard in range(shard_count)]

    assert bounds[0][0] == b"\x00\x00"
    assert bounds[-1][1] is None
    assert [high for _, high in bounds[:-1]] == [low for low, _ in bounds[1:]]
    starts = [int.from_bytes(low, "big") for low, _ in bounds]
    assert starts == [shard * 2**16 // shard_count for shard in range(shard_count)]


BOUNDARY, REFERENCE = (
    BlockRef(
        number=BlockNumber(number),
        hash=Hash32(bytes([number]) * 32),
        parent_hash=Hash32(bytes(32)),
        timestamp=Timestamp(1),
    )
    for number in (8, 9)
)
REGISTRY = Registry(works={WORK.work_id: WORK}, held=frozenset(), accounts={})


@dataclass(frozen=True, kw_only=True)
class Named:
    """What an allocation depends on."""

    chain_id: int = 31337
    attempt: int = 1
    boundary: BlockRef = BOUNDARY
    reference: BlockRef = REFERENCE
    parameters: bytes = parameters_json()
    registry: Registry = REGISTRY
    scope: EpochScope = SCOPE

    def key(self) -> ShardKey:
        return shard_key(
            chain_id=ChainId(self.chain_id),
            attempt=self.attempt,
            boundary=self.boundary,
            reference=self.reference,
            parameters=parameters_from_bytes(self.parameters),
            registry=self.registry,
            scope=self.scope,
        )


def test_shard_key__fields__those_of_the_attempt() -> None:
    key = Named(attempt=2).key()

    assert (key.chain_id, key.contract, key.epoch) == (31337, SCOPE.payouts, SCOPE.epoch)
    assert key.attempt == 2


def test_shard_key__digest__frozen() -> None:
    """Units are stored under it: with another digest, they would be computed again."""
    assert str(Named().key().inputs_digest) == (
        "0x60d27b383cc23bc1dfaf2ee18462e0e4ba2684c177022956163fbbde55974ec5"
    )


@pytest.mark.parametrize(
    "other",
    [
        Named(chain_id=1),
        Named(attempt=2),
        Named(boundary=REFERENCE),
        Named(reference=BOUNDARY),
        Named(parameters=parameters_json(k_ppm="1")),
        Named(registry=replace(REGISTRY, works={})),
        Named(scope=replace(SCOPE, epoch=Epoch(4))),
        Named(scope=replace(SCOPE, last_before_start=None)),
        Named(scope=replace(SCOPE, payouts=Address(b"\x01" * 20))),
    ],
)
def test_shard_key__anything_it_depends_on__another_digest(other: Named) -> None:
    assert other.key().inputs_digest != Named().key().inputs_digest
