"""What one shard comes to, as a document; and the one step that adds shards together.

A result says, per asset, what every work was credited, what fees took and what nobody earned; and
every row that was left out. It is a canonical document, so that a shard computed twice, by anybody,
has one digest. Adding is exact and in any order: the total of an epoch does not know into how many
shards it was cut.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.canonical import JsonValue, canonical_json
from contracts.evm import Address, BlockNumber, Hash32, LogIndex, keccak
from contracts.units import BaseUnits
from settlement.errors import ConservationBroken
from settlement.royalties.reasons import Quarantined, Reason, listing_order
from settlement.royalties.shard_allocation import AssetFees, CountingRows, shared_ranges
from settlement.royalties.shard_judging import JudgedUsage, left_out
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.shard_shares import ExactSums, WideNumbers, Words

_WORK_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSums:
    """One asset's fees, shared.

    `per_work` is by work id, ascending; a work is in it if a subscriber whose fee was shared used
    it, be it for nothing. `charged` is in the order of the parameters' fees. Invariant: Σ per_work
    + Σ charged + unallocated = paid.
    """

    asset: Address
    paid: BaseUnits
    charged: tuple[BaseUnits, ...]
    unallocated: BaseUnits
    per_work: Mapping[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardResult:
    """One shard, or a whole epoch: `assets` ascending, `quarantined` in its listing order."""

    subscribers: int
    rows: int
    counting_rows: int
    assets: tuple[AssetSums, ...]
    quarantined: tuple[Quarantined, ...]


def shard_result(
    judged: JudgedUsage, assets: Sequence[AssetFees], factors: WorkFactors, *, subscribers: int
) -> ShardResult:
    """Share all fees of a shard, and sum by work.

    Raises:
        ConservationBroken: the shares of an asset do not add up to what was shared.
    """
    rows = CountingRows(judged, subscribers)
    sums = [ExactSums(len(factors.terms)) for _ in assets]
    shared = [0] * len(assets)
    for place, found in shared_ranges(rows, assets, factors):
        shared[place] += sum(found.targets)
        codes = rows.codes[found.first_row : found.first_row + len(found.low)]
        if found.is_shared.all():
            sums[place].add(codes, _shares(found.low, found.high))
        else:
            of = found.is_shared
            sums[place].add(codes[of], _shares(found.low[of], found.high[of]))
        for at, share in found.others.items():
            sums[place].add_one(int(codes[at]), share)
    return ShardResult(
        subscribers=subscribers,
        rows=len(judged.reasons),
        counting_rows=len(rows),
        assets=tuple(
            _asset_sums(asset, of_asset.totals(), target, factors)
            for asset, of_asset, target in zip(assets, sums, shared, strict=True)
        ),
        quarantined=tuple(sorted(left_out(judged, factors), key=listing_order)),
    )


def merged(results: Iterable[ShardResult]) -> ShardResult:
    """Add shards that have no subscriber in common, one by one; their order does not matter.

    Raises:
        ConservationBroken: the shards of an asset do not add up to what was paid.
    """
    counts = [0, 0, 0]
    by_asset: dict[Address, _Adding] = {}
    quarantined: list[Quarantined] = []
    for result in results:
        for at, count in enumerate((result.subscribers, result.rows, result.counting_rows)):
            counts[at] += count
        for sums in result.assets:
            by_asset.setdefault(sums.asset, _Adding(len(sums.charged))).add(sums)
        quarantined += result.quarantined
    subscribers, rows, counting_rows = counts
    return ShardResult(
        subscribers=subscribers,
        rows=rows,
        counting_rows=counting_rows,
        assets=tuple(adding.sums(asset) for asset, adding in sorted(by_asset.items())),
        quarantined=tuple(sorted(quarantined, key=listing_order)),
    )


def result_document(result: ShardResult) -> bytes:
    """The one spelling of a result; its keccak256 names it."""
    return canonical_json(
        {
            "assets": [_asset_document(sums) for sums in result.assets],
            "counting_rows": str(result.counting_rows),
            "quarantined": [_item_document(item) for item in result.quarantined],
            "rows": str(result.rows),
            "subscribers": str(result.subscribers),
        }
    )


def result_digest(document: bytes) -> Hash32:
    """The name of a result."""
    return keccak(document)


def result_from_document(data: bytes) -> ShardResult:
    """Read back what `result_document` wrote."""
    document = json.loads(data)
    return ShardResult(
        subscribers=int(document["subscribers"]),
        rows=int(document["rows"]),
        counting_rows=int(document["counting_rows"]),
        assets=tuple(
            AssetSums(
                asset=Address.from_hex(one["asset"]),
                paid=BaseUnits(int(one["paid"])),
                charged=tuple(BaseUnits(int(units)) for units in one["charged"]),
                unallocated=BaseUnits(int(one["unallocated"])),
                per_work=_per_work(one),
            )
            for one in document["assets"]
        ),
        quarantined=tuple(
            Quarantined(
                block_number=BlockNumber(int(block)),
                log_index=LogIndex(int(log)),
                position=int(position),
                reason=Reason(reason),
                submitter=Address.from_hex(submitter),
                work_id=Hash32.from_hex(work_id),
            )
            for block, log, position, reason, submitter, work_id in document["quarantined"]
        ),
    )


def _shares(low: Words, high: Words) -> WideNumbers:
    return WideNumbers(low, high if high.any() else None)


def _asset_sums(
    asset: AssetFees, by_code: Mapping[int, int], shared: int, factors: WorkFactors
) -> AssetSums:
    credited = sum(by_code.values())
    if credited != shared:
        raise ConservationBroken(asset.asset, divided=credited, available=shared)
    per_work = {factors.work_ids[code]: units for code, units in by_code.items()}
    return AssetSums(
        asset=asset.asset,
        paid=BaseUnits(sum(fee for fee in asset.paid if fee is not None)),
        charged=tuple(BaseUnits(sum(column)) for column in asset.charged),
        unallocated=BaseUnits(sum(asset.shareable) - shared),
        per_work=per_work,
    )


class _Adding:
    """One asset, while shards are added."""

    def __init__(self, fees: int) -> None:
        self._paid, self._unallocated = 0, 0
        self._charged = [0] * fees
        self._per_work: dict[bytes, int] = {}

    def add(self, part: AssetSums) -> None:
        self._paid += part.paid
        self._unallocated += part.unallocated
        self._charged = [old + new for old, new in zip(self._charged, part.charged, strict=True)]
        for work, units in part.per_work.items():
            self._per_work[work] = self._per_work.get(work, 0) + units

    def sums(self, asset: Address) -> AssetSums:
        divided = sum(self._per_work.values()) + sum(self._charged) + self._unallocated
        if divided != self._paid:
            raise ConservationBroken(asset, divided=divided, available=self._paid)
        return AssetSums(
            asset=asset,
            paid=BaseUnits(self._paid),
            charged=tuple(map(BaseUnits, self._charged)),
            unallocated=BaseUnits(self._unallocated),
            per_work=dict(sorted(self._per_work.items())),
        )


def _asset_document(sums: AssetSums) -> dict[str, JsonValue]:
    """Works and amounts stand in two long words: a hundred thousand entries are read in no time."""
    width = (max(sums.per_work.values(), default=0).bit_length() + 7) // 8
    amounts = b"".join([units.to_bytes(width, "big") for units in sums.per_work.values()])
    return {
        "amount_bytes": str(width),
        "amounts": "0x" + amounts.hex(),
        "asset": str(sums.asset),
        "charged": [str(units) for units in sums.charged],
        "paid": str(sums.paid),
        "unallocated": str(sums.unallocated),
        "works": "0x" + b"".join(sums.per_work).hex(),
    }


def _per_work(document: Mapping[str, str]) -> dict[bytes, int]:
    works, amounts = bytes.fromhex(document["works"][2:]), bytes.fromhex(document["amounts"][2:])
    width = int(document["amount_bytes"])
    return {
        works[_WORK_BYTES * at : _WORK_BYTES * (at + 1)]: int.from_bytes(
            amounts[width * at : width * (at + 1)], "big"
        )
        for at in range(len(works) // _WORK_BYTES)
    }


def _item_document(item: Quarantined) -> list[JsonValue]:
    return [
        str(item.block_number),
        str(item.log_index),
        str(item.position),
        item.reason.value,
        str(item.submitter),
        str(item.work_id),
    ]
