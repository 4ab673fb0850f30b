"""Two endpoints, one chain: where they contradict each other, nothing else can be compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.evm import Address, BlockRef, Hash32, keccak
from reconciliation.chain_events import RawLog, digest_of
from reconciliation.discrepancy import Discrepancy, Kind, Place


@dataclass(slots=True)
class LogTally:
    """Logs by block, as digests: enough to find the first block that two endpoints differ in."""

    count: int = 0
    by_block: dict[int, bytes] = field(default_factory=dict)

    def add(self, logs: Iterable[RawLog]) -> None:
        """Take more logs, in chain order."""
        for log in logs:
            before = self.by_block.get(log.block_number, b"")
            self.by_block[log.block_number] = keccak(before + digest_of(log))
            self.count += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What another endpoint says of the same block; `balances` by asset and holder."""

    host: str
    block_hash: Hash32 | None
    tally: LogTally
    balances: Mapping[tuple[Address, Address], int]


def blocks_differ(
    at: BlockRef, host: str, others: Mapping[str, Hash32 | None]
) -> list[Discrepancy]:
    """Endpoints that have another block at this height, or none."""
    return [
        Discrepancy(
            kind=Kind.SOURCE_DIVERGENCE,
            subject=f"block/{other}",
            expected=f"{at.hash} by {host}",
            actual=f"{block_hash or 'no block'} by {other}",
            evidence=(f"block {at.number} {at.hash}",),
            place=Place(block_number=at.number, block_hash=at.hash),
        )
        for other, block_hash in others.items()
        if block_hash != at.hash
    ]


def answers_differ(
    at: BlockRef,
    host: str,
    tally: LogTally,
    balances: Mapping[tuple[Address, Address], int],
    witness: Witness,
) -> list[Discrepancy]:
    """Logs and balances that another endpoint has otherwise: the first block, every balance."""
    found = []
    numbers = tally.by_block.keys() | witness.tally.by_block.keys()
    differing = sorted(
        number
        for number in numbers
        if tally.by_block.get(number) != witness.tally.by_block.get(number)
    )
    if differing:
        first = differing[0]
        found.append(
            Discrepancy(
                kind=Kind.SOURCE_DIVERGENCE,
                subject=f"logs/{witness.host}",
                expected=f"{tally.count} logs by {host}",
                actual=f"{witness.tally.count} logs by {witness.host}",
                evidence=(
                    f"other logs in {len(differing)} blocks, first in block {first}",
                    f"block {at.number} {at.hash}",
                ),
                place=Place(block_number=first),
            )
        )
    for (asset, holder), units in sorted(balances.items()):
        other = witness.balances.get((asset, holder))
        if other is not None and other != units:
            found.append(
                Discrepancy(
                    kind=Kind.SOURCE_DIVERGENCE,
                    subject=f"balance/{holder}/{asset}/{witness.host}",
                    asset=asset,
                    expected=f"{units} by {host}",
                    actual=f"{other} by {witness.host}",
                    evidence=(f"block {at.number} {at.hash}",),
                    place=Place(block_number=at.number, block_hash=at.hash),
                )
            )
    return found
