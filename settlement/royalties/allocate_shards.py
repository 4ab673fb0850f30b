"""Use case: allocate an epoch in shards of subscribers, by any number of workers.

    couplings ──► shard 0 ──┐
        │         shard 1 ──┼──► total
        └───────► shard n ──┘

Each box is one unit: it depends on finalized facts and on the units left of it alone, and is
stored once, for ever, under its name and with its digest. A worker takes whatever unit is open and
in nobody's hands; one that dies leaves it open. Usage is read before the couplings are needed, so
that one worker finds them while the others read. So the answer does not depend on who computed
what, how often, or into how many shards the epoch was cut.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from contracts.batches import ConsumptionColumns, SubscribedColumns
from contracts.canonical import canonical_json
from contracts.evm import Address, BlockRef, ChainId, Epoch, Hash32, keccak
from contracts.packed_usage import PackedPseudonyms, PackedSubscriptions, PackedUsage
from settlement.royalties.bundle import registry_digest
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import Parameters
from settlement.royalties.registry import Registry
from settlement.royalties.shard_allocation import asset_fees
from settlement.royalties.shard_couplings import coupled_rows, coupled_submitters
from settlement.royalties.shard_credits import credit_batches
from settlement.royalties.shard_judging import Coupled, JudgedUsage, judged_usage
from settlement.royalties.shard_lines import allocation_lines
from settlement.royalties.shard_result import ShardResult, merged, shard_result
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.shard_usage import ShardFees, ShardUsage, shard_fees, shard_usage
from settlement.royalties.shares import ShareBatch

SHARDS_MAX = 256
_PREFIXES = 2**16
_COUPLINGS = "couplings"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardKey:
    """What names an allocation: the attempt, and the digest of all that it depends on."""

    chain_id: ChainId
    contract: Address
    epoch: Epoch
    attempt: int
    inputs_digest: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardOrder:
    """One epoch to allocate; the rules are those in force in it."""

    key: ShardKey
    shard_count: int
    parameters: Parameters
    registry: Registry
    scope: EpochScope


class ShardFacts(Protocol):
    """Facts of one settlement and epoch, up to its border blocks.

    Subscribers and submitters are in [low, high) by the bytes of their addresses; without `high`
    there is no end. Batches are in no order.
    """

    def subscriptions(self, low: bytes, high: bytes | None) -> PackedSubscriptions:
        """Subscriptions paid for the epoch."""

    def usage(self, low: bytes, high: bytes | None) -> Iterator[PackedUsage]:
        """Usage submitted for the epoch."""

    def pseudonyms(self) -> Iterator[PackedPseudonyms]:
        """All pseudonyms of the epoch."""

    def subscribed_by(self, subscribers: Sequence[Address]) -> SubscribedColumns:
        """Subscriptions of these subscribers, in chain order."""

    def submitted_by(self, submitters: Sequence[Address]) -> ConsumptionColumns:
        """Usage that these submitted, in chain order."""


class ShardStore(Protocol):
    """Units of allocations, kept for ever.

    Each `record_…` keeps the first, and raises `ConflictingShard` if another is stored.
    """

    def claimed(
        self, key: ShardKey, unit: str, *, is_awaited: bool = False
    ) -> AbstractContextManager[bool]:
        """Hold a unit for this worker, if nobody else does; the hold ends with its process.

        If it is awaited, whoever holds it is waited for first.
        """

    def couplings(self, key: ShardKey) -> tuple[Coupled, ...] | None:
        """The coupled rows, once they are known."""

    def record_couplings(self, key: ShardKey, coupled: Sequence[Coupled]) -> None:
        """Keep the coupled rows."""

    def stored_shards(self, key: ShardKey, shard_count: int) -> frozenset[int]:
        """The shards that are done."""

    def shards(self, key: ShardKey, shard_count: int) -> Iterator[ShardResult]:
        """The shards that are done, one by one."""

    def record_shard(
        self, key: ShardKey, shard_count: int, shard: int, result: ShardResult
    ) -> None:
        """Keep a shard."""

    def total(self, key: ShardKey) -> ShardResult | None:
        """The allocation of the epoch, once it is known."""

    def record_total(self, key: ShardKey, total: ShardResult) -> None:
        """Keep the allocation of the epoch, whatever number of shards it comes from."""


def shard_key(
    *,
    chain_id: ChainId,
    attempt: int,
    boundary: BlockRef,
    reference: BlockRef,
    parameters: Parameters,
    registry: Registry,
    scope: EpochScope,
) -> ShardKey:
    """Name an allocation: the border blocks name all facts, the other digests all rules."""
    document = {
        "attempt": str(attempt),
        "boundary_block": str(boundary.hash),
        "chain_id": str(chain_id),
        "epoch": str(scope.epoch),
        "last_before_start": str(scope.last_before_start),
        "parameters": str(parameters.digest),
        "payouts": str(scope.payouts),
        "reference_block": str(reference.hash),
        "registry": str(registry_digest(registry)),
    }
    return ShardKey(
        chain_id=chain_id,
        contract=scope.payouts,
        epoch=scope.epoch,
        attempt=attempt,
        inputs_digest=keccak(canonical_json(document)),
    )


def shard_bounds(shard: int, shard_count: int) -> tuple[bytes, bytes | None]:
    """The addresses [low, high) of a shard, by their first two bytes."""
    low, high = shard * _PREFIXES // shard_count, (shard + 1) * _PREFIXES // shard_count
    return low.to_bytes(2, "big"), None if high == _PREFIXES else high.to_bytes(2, "big")


def allocate_shards(
    order: ShardOrder, *, facts: ShardFacts, store: ShardStore
) -> ShardResult | None:
    """Do every open unit that nobody else is at; None while others are not done.

    Raises:
        ConflictingShard: a unit is stored with other content.
        ConservationBroken: shares do not add up.
    """
    total = store.total(order.key)
    if total is not None:
        return total
    coupled = _couplings_if_free(order, facts, store)
    if len(store.stored_shards(order.key, order.shard_count)) < order.shard_count:
        _allocate_open(order, coupled, facts, store)
    if len(store.stored_shards(order.key, order.shard_count)) < order.shard_count:
        return None
    return _merge(order, store)


def allocate_shard(
    bounds: tuple[bytes, bytes | None],
    coupled: tuple[Coupled, ...],
    *,
    order: ShardOrder,
    factors: WorkFactors,
    facts: ShardFacts,
) -> ShardResult:
    """Allocate the fees of one range of subscribers."""
    fees, judged = _judged(bounds, coupled, order=order, factors=factors, facts=facts)
    return _allocated(fees, judged, order=order, factors=factors)


def allocation_file(
    order: ShardOrder, coupled: tuple[Coupled, ...], *, facts: ShardFacts
) -> Iterator[bytes]:
    """`allocations.jsonl` of the epoch, in pieces; one shard is in memory at a time."""
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    rates_ppm = [entry.rate_ppm for entry in order.parameters.fees]
    for shard in range(order.shard_count):
        bounds = shard_bounds(shard, order.shard_count)
        fees, judged = _judged(bounds, coupled, order=order, factors=factors, facts=facts)
        yield from allocation_lines(judged, fees, list(asset_fees(fees, rates_ppm)), factors)


def credited_shares(
    order: ShardOrder, coupled: tuple[Coupled, ...], *, facts: ShardFacts
) -> Iterator[ShareBatch]:
    """How every fee of the epoch was shared; one shard is in memory at a time."""
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    rates_ppm = [entry.rate_ppm for entry in order.parameters.fees]
    for shard in range(order.shard_count):
        bounds = shard_bounds(shard, order.shard_count)
        fees, judged = _judged(bounds, coupled, order=order, factors=factors, facts=facts)
        yield from credit_batches(judged, fees, list(asset_fees(fees, rates_ppm)), factors)


def allocated_here(order: ShardOrder, facts: ShardFacts) -> tuple[ShardResult, tuple[Coupled, ...]]:
    """The allocation of the epoch, made by this process alone and not kept; and what is coupled.

    Raises:
        ConservationBroken: shares do not add up.
    """
    coupled = find_couplings(order, facts)
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    bounds = (shard_bounds(shard, order.shard_count) for shard in range(order.shard_count))
    shards = (
        allocate_shard(each, coupled, order=order, factors=factors, facts=facts) for each in bounds
    )
    return merged(shards), coupled


def find_couplings(order: ShardOrder, facts: ShardFacts) -> tuple[Coupled, ...]:
    """The rows of the whole epoch that a pseudonym keeps out."""
    submitters = coupled_submitters(facts.pseudonyms())
    if not submitters:
        return ()
    return coupled_rows(
        subscribed=facts.subscribed_by(submitters),
        consumption=facts.submitted_by(submitters),
        parameters=order.parameters,
        registry=order.registry,
        scope=order.scope,
    )


def _couplings_if_free(
    order: ShardOrder, facts: ShardFacts, store: ShardStore
) -> tuple[Coupled, ...] | None:
    """The coupled rows; None while somebody else is finding them."""
    coupled = store.couplings(order.key)
    if coupled is not None:
        return coupled
    with store.claimed(order.key, _COUPLINGS) as is_ours:
        return _couplings(order, facts, store) if is_ours else None


def _awaited_couplings(
    order: ShardOrder, facts: ShardFacts, store: ShardStore
) -> tuple[Coupled, ...]:
    """The coupled rows, once whoever is finding them has done so or died."""
    with store.claimed(order.key, _COUPLINGS, is_awaited=True):
        return _couplings(order, facts, store)


def _couplings(order: ShardOrder, facts: ShardFacts, store: ShardStore) -> tuple[Coupled, ...]:
    coupled = store.couplings(order.key)
    if coupled is None:
        coupled = find_couplings(order, facts)
        store.record_couplings(order.key, coupled)
    return coupled


def _allocate_open(
    order: ShardOrder,
    coupled: tuple[Coupled, ...] | None,
    facts: ShardFacts,
    store: ShardStore,
) -> None:
    """Every shard that is neither done nor in another worker's hands."""
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    for shard in range(order.shard_count):
        if shard in store.stored_shards(order.key, order.shard_count):
            continue
        with store.claimed(order.key, f"shard {shard} of {order.shard_count}") as is_ours:
            if not is_ours or shard in store.stored_shards(order.key, order.shard_count):
                continue
            fees, usage = _read(shard_bounds(shard, order.shard_count), factors, facts)
            if coupled is None:
                coupled = _awaited_couplings(order, facts, store)
            judged = _judge(usage, coupled, order=order, factors=factors)
            result = _allocated(fees, judged, order=order, factors=factors)
            store.record_shard(order.key, order.shard_count, shard, result)


def _merge(order: ShardOrder, store: ShardStore) -> ShardResult | None:
    """Add all shards; None if another worker is adding them."""
    with store.claimed(order.key, "total") as is_ours:
        if not is_ours:
            return None
        total = store.total(order.key)
        if total is None:
            total = merged(store.shards(order.key, order.shard_count))
            store.record_total(order.key, total)
    return total


def _judged(
    bounds: tuple[bytes, bytes | None],
    coupled: tuple[Coupled, ...],
    *,
    order: ShardOrder,
    factors: WorkFactors,
    facts: ShardFacts,
) -> tuple[ShardFees, JudgedUsage]:
    fees, usage = _read(bounds, factors, facts)
    return fees, _judge(usage, coupled, order=order, factors=factors)


def _read(
    bounds: tuple[bytes, bytes | None], factors: WorkFactors, facts: ShardFacts
) -> tuple[ShardFees, ShardUsage]:
    fees = shard_fees(facts.subscriptions(*bounds))
    return fees, shard_usage(facts.usage(*bounds), fees, factors.table)


def _judge(
    usage: ShardUsage, coupled: tuple[Coupled, ...], *, order: ShardOrder, factors: WorkFactors
) -> JudgedUsage:
    return judged_usage(usage, factors, coupled, last_before_start=order.scope.last_before_start)


def _allocated(
    fees: ShardFees, judged: JudgedUsage, *, order: ShardOrder, factors: WorkFactors
) -> ShardResult:
    assets = list(asset_fees(fees, [entry.rate_ppm for entry in order.parameters.fees]))
    return shard_result(judged, assets, factors, subscribers=len(fees))
