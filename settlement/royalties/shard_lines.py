"""`allocations.jsonl`, a range of subscribers at a time: the bytes of `bundle.allocations_file`.

Shards are ranges of addresses, so the files of all shards in their order are the file of the epoch.
Only one range is in memory, whatever the size of the epoch.
"""

from collections.abc import Iterator, Sequence

from contracts.evm import Address
from settlement.royalties.shard_allocation import (
    AssetFees,
    CountingRows,
    RangeShares,
    row_shares,
    shared_ranges,
)
from settlement.royalties.shard_judging import JudgedUsage
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.shard_usage import ShardFees


def allocation_lines(
    judged: JudgedUsage, fees: ShardFees, assets: Sequence[AssetFees], factors: WorkFactors
) -> Iterator[bytes]:
    """The lines of a shard, ascending by (subscriber, asset), a range of subscribers at a time."""
    rows = CountingRows(judged, len(fees))
    works = [str(work.work_id) for work in factors.terms]
    of_range: list[RangeShares] = []
    for _, shares in shared_ranges(rows, assets, factors):
        of_range.append(shares)
        if len(of_range) == len(assets):
            yield _lines(of_range, rows, fees, assets, works).encode()
            of_range = []


def _lines(
    of_range: Sequence[RangeShares],
    rows: CountingRows,
    fees: ShardFees,
    assets: Sequence[AssetFees],
    works: Sequence[str],
) -> str:
    one = of_range[0]
    shares = [row_shares(of_asset) for of_asset in of_range]
    named = [works[code] for code in rows.codes[one.first_row : one.first_row + len(one.low)]]
    first = (rows.starts[one.start : one.end] - one.first_row).tolist()
    counts = rows.counts[one.start : one.end].tolist()
    lines: list[str] = []
    for place in range(one.end - one.start):
        who = one.start + place
        subscriber = str(Address(fees.subscribers.ids[who].tobytes()))
        stretch = slice(first[place], first[place] + counts[place])
        for asset, of_asset, credited in zip(assets, of_range, shares, strict=True):
            paid = asset.paid[who]
            if paid is None:
                continue
            listed = ",".join(
                f'{{"credited":"{units}","work_id":"{work}"}}'
                for units, work in zip(credited[stretch], named[stretch], strict=True)
            )
            charged = ",".join(f'"{column[who]}"' for column in asset.charged)
            unallocated = asset.shareable[who] - of_asset.targets[place]
            lines.append(
                f'{{"asset":"{asset.asset}","charged":[{charged}],"fee":"{paid}","rows":[{listed}],'
                f'"subscriber":"{subscriber}","unallocated":"{unallocated}"}}\n'
            )
    return "".join(lines)
