"""Random epochs, and what they come to: by the plain functions, and in shards."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32, LogIndex, Timestamp
from contracts.units import BaseUnits
from settlement.royalties.allocate_shards import (
    ShardKey,
    ShardOrder,
    allocate_shard,
    find_couplings,
    shard_bounds,
)
from settlement.royalties.charging import charge_fees
from settlement.royalties.distribution import weigh_rows
from settlement.royalties.inputs import EpochScope, epoch_inputs
from settlement.royalties.parameters import Parameters, parameters_from_bytes
from settlement.royalties.quarantine import accept_usage
from settlement.royalties.reasons import listing_order
from settlement.royalties.registry import Registry, WorkTerms
from settlement.royalties.rulesets import ruleset_named
from settlement.royalties.shard_result import AssetSums, ShardResult
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.submissions import ROWS_MAX
from tests.royalties_builders import REGION, parameters_json
from tests.shard_inputs import UsageEvents, funded_for

EPOCH = Epoch(3)
ASSETS = tuple(Address(bytes([kind]) * 20) for kind in (7, 9))
TIERS = tuple(Hash32(bytes([0, kind]) + bytes(30)) for kind in (1, 2))
OTHER_REGION = Hash32(b"\x05" * 32)
IDS = frozenset({"works", "pseudonyms"})
UNKNOWN_REGION = Hash32(b"\x06" * 32)
NOT_CANONICAL = Hash32(b"\xff" * 32)
SCOPE = EpochScope(
    epoch=EPOCH,
    epoch_length_seconds=2_592_000,
    last_before_start=BlockNumber(3),
    reference_at=Timestamp(2_000_000_000),
    parameters_block=BlockNumber(1),
    parameters_log=LogIndex(0),
    payouts=Address(b"\x0a" * 20),
    split_accounts=Address(b"\x0b" * 20),
)

SUBSCRIBER = Address(b"\x0f" * 20)
WORK = WorkTerms(
    work_id=Hash32(bytes(32)),
    registrant=Address(b"\x0c" * 20),
    registered_at=Timestamp(1_000_000_000),
    content_id=Hash32(b"\x0d" * 32),
    version=1,
    price_ppm=10**9,
    region_rule=REGION,
    payees=(Address(b"\x0e" * 20),),
    shares_ppm=(1_000_000,),
    block_number=BlockNumber(1),
    log_index=LogIndex(0),
)


class World:
    """One random epoch; `extreme` says of what size its fees, prices and minutes are.

    `rich` has fees of any size for usual works, `huge` both of any size.
    """

    def __init__(self, seed: int, extreme: str) -> None:
        self.random = random.Random(seed)
        self.extreme = extreme
        self.parameters = self._parameters()
        self.registry = self._registry()
        self.events = UsageEvents()
        self._pay_and_submit()

    def order(self, shard_count: int) -> ShardOrder:
        key = ShardKey(
            chain_id=ChainId(31337),
            contract=SCOPE.payouts,
            epoch=EPOCH,
            attempt=1,
            inputs_digest=Hash32(bytes(32)),
        )
        return ShardOrder(
            key=key,
            shard_count=shard_count,
            parameters=self.parameters,
            registry=self.registry,
            scope=SCOPE,
        )

    def _parameters(self) -> Parameters:
        pick = self.random
        largest = 2**64 - 1 if self.extreme == "huge" else 3_000_000
        regions = {str(REGION): str(pick.choice([1_000_000, largest, 0]))}
        regions[str(OTHER_REGION)] = str(pick.randint(0, largest))
        changes: dict[str, object] = {
            "k_ppm": str(pick.choice([0, 1, 1_000_000, 2**64 - 1])),
            "plays_max": str(pick.choice([1, 10, 1_000])),
            "regions": regions,
        }
        if pick.random() < 0.5:
            changes["half_life"] = "v1"
        if pick.random() < 0.5:
            changes["minutes_max"] = str(pick.choice([1, 100, 2**32 - 1]))
        if pick.random() < 0.6:
            changes["fees"] = [
                {"name": name, "payee": f"0x{at + 1:040x}", "ppm": str(pick.randint(1, 166_666))}
                for at, name in enumerate(("protocol", "curation", "pool")[: pick.randint(1, 3)])
            ]
        return parameters_from_bytes(parameters_json(**changes))

    def _registry(self) -> Registry:
        pick = self.random
        works = {}
        for at in range(pick.randint(0, 40)):
            # Some share their last bytes, which is what codes are found by.
            tail = bytes(8) if pick.random() < 0.3 else pick.randbytes(8)
            work_id = Hash32(bytes([0, at]) + pick.randbytes(22) + tail)
            works[work_id] = self._terms(work_id)
        held = frozenset(work_id for work_id in works if pick.random() < 0.15)
        return Registry(works=dict(sorted(works.items())), held=held, accounts={})

    def _terms(self, work_id: Hash32) -> WorkTerms:
        pick = self.random
        highest = 2**40 - 1 if self.extreme == "huge" else 3_000_000
        prices = [1, 1_000_000, 2_500_000, highest, pick.randint(1, highest)]
        if pick.random() < 0.1:
            prices = [0, 2**40]  # malformed
        return WorkTerms(
            work_id=work_id,
            registrant=Address(b"\x0c" * 20),
            registered_at=Timestamp(pick.randint(1_000_000_000, 2_000_000_000)),
            content_id=Hash32(b"\x0d" * 32),
            version=1,
            price_ppm=pick.choice(prices),
            region_rule=pick.choice([REGION] * 5 + [OTHER_REGION, UNKNOWN_REGION]),
            payees=(Address(b"\x0e" * 20),),
            shares_ppm=(1_000_000,),
            block_number=BlockNumber(1),
            log_index=LogIndex(0),
        )

    def _pay_and_submit(self) -> None:
        pick = self.random
        people = [Address(pick.randbytes(12) + bytes(8)) for _ in range(pick.randint(1, 3))]
        people += [Address(pick.randbytes(20)) for _ in range(pick.randint(0, 12))]
        for person in people:
            for _ in range(pick.choice([0, 1, 1, 1, 2])):
                tier_id = TIERS[pick.random() < 0.2]
                self.events.pay(person, pick.choice(ASSETS), self._fee(), tier_id)
        pseudonyms = [Hash32(b"\x00" + pick.randbytes(23) + bytes(8)) for _ in range(4)]
        block = 2
        for _ in range(pick.randint(0, 30)):
            block += pick.randint(0, 2)
            self._submit(pick.choice(people), block, pseudonyms)

    def _submit(self, person: Address, block: int, shared: Sequence[Hash32]) -> None:
        pick = self.random
        rows = pick.choice([0, 17] if pick.random() < 0.05 else [1, 2, 3, 5, 8, 16])
        known = list(self.registry.works) or [Hash32(bytes(32))]
        known += [NOT_CANONICAL, Hash32(b"\x01" * 32)] if pick.random() < 0.2 else []
        most = 2**32 - 1 if self.extreme == "huge" else 3_000
        columns: dict[str, list[Any]] = {
            "works": [pick.choice(known) for _ in range(rows)],
            "minutes": [pick.choice([0, 1, 7, most, pick.randint(0, most)]) for _ in range(rows)],
            "plays": [pick.choice([0, 1, 2, 50, 2**32 - 1]) for _ in range(rows)],
            "pseudonyms": [self._pseudonym(shared) for _ in range(rows)],
        }
        if pick.random() < 0.05:
            longer = pick.choice(list(columns))
            columns[longer] = [*columns[longer], shared[0] if longer in IDS else 1]
        self.events.submit(
            person,
            block=block,
            part=pick.randint(0, 20),
            tier_id=TIERS[pick.random() < 0.1],
            **columns,
        )

    def _pseudonym(self, shared: Sequence[Hash32]) -> Hash32:
        if self.random.random() < 0.01:
            return NOT_CANONICAL
        if self.random.random() < 0.15:
            return self.random.choice(shared)
        return Hash32(b"\x00" + self.random.randbytes(31))

    def _fee(self) -> int:
        pick = self.random
        sizes = {"small": [0, 1, 2, 9, 100], "usual": [10**7, 9_990_000, 10**19, 35 * 10**18]}
        huge = [2**64 - 1, 2**64, 2**120, 2**128 - 1, 2**128, 2**250, pick.randrange(2**140)]
        return pick.choice(sizes.get(self.extreme, huge))


def heavy_world(rows: int, minutes: int) -> World:
    """One subscriber with so many rows of works that weigh 10¹⁵ a minute."""
    world = World(0, "usual")
    world.parameters = parameters_from_bytes(parameters_json())
    works = [Hash32(at.to_bytes(32, "big")) for at in range(1, rows + 1)]
    terms = {work_id: replace(WORK, work_id=work_id) for work_id in works}
    world.registry = Registry(works=terms, held=frozenset(), accounts={})
    world.events = UsageEvents()
    world.events.pay(SUBSCRIBER, ASSETS[0], 10**19 + 7, TIERS[0])
    for part, start in enumerate(range(0, rows, ROWS_MAX)):
        chosen = works[start : start + ROWS_MAX]
        world.events.submit(
            SUBSCRIBER,
            block=10,
            part=part,
            tier_id=TIERS[0],
            works=chosen,
            minutes=[minutes] * len(chosen),
            plays=[1] * len(chosen),
            pseudonyms=chosen,
        )
    return world


def plainly(world: World) -> ShardResult:
    """The same epoch by the functions that are read, not fast."""
    inputs = epoch_inputs(
        SCOPE,
        funded=funded_for(world.events.subscribed),
        subscribed=world.events.subscribed,
        consumption=world.events.consumption,
    )
    accepted = accept_usage(inputs, world.parameters, world.registry)
    weights = weigh_rows(accepted, inputs, world.parameters, world.registry).weights
    ruleset = ruleset_named(world.parameters.ruleset)
    assets = []
    for asset, fees in inputs.fees.items():
        charged = charge_fees(asset, fees, world.parameters, registry=world.registry, scope=SCOPE)
        shared = ruleset.allocate(charged.shareable, accepted.usage, weights)
        columns = zip(*charged.of_subscriber.values(), strict=True)
        assets.append(
            AssetSums(
                asset=asset,
                paid=BaseUnits(sum(fees.values())),
                charged=tuple(BaseUnits(sum(column)) for column in columns),
                unallocated=BaseUnits(shared.unallocated),
                per_work=shared.per_work,
            )
        )
    return ShardResult(
        subscribers=len(set(world.events.subscribed.subscriber)),
        rows=0,
        counting_rows=len(accepted.rows),
        assets=tuple(assets),
        quarantined=tuple(sorted(accepted.quarantined, key=listing_order)),
    )


def in_shards(world: World, shard_count: int) -> Iterator[ShardResult]:
    return shards_of(world.order(shard_count), world.events)


def shards_of(order: ShardOrder, events: UsageEvents) -> Iterator[ShardResult]:
    """Every shard of an order, ascending."""
    coupled = find_couplings(order, events)
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    for shard in range(order.shard_count):
        yield allocate_shard(
            shard_bounds(shard, order.shard_count),
            coupled,
            order=order,
            factors=factors,
            facts=events,
        )
