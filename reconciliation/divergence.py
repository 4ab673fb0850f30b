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
    """What another endpoint says at a block: logs by contract, balances by asset and holder."""

    host: str
    tallies: Mapping[Address, LogTally]
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
    tallies: Mapping[Address, LogTally],
    balances: Mapping[tuple[Address, Address], int],
    witness: Witness,
) -> list[Discrepancy]:
    """Logs and balances that another endpoint has otherwise.

    Of each contract's logs the first block in which they differ, of balances every one.
    """
    found: list[Discrepancy] = [
        differing
        for contract, tally in tallies.items()
        if (differing := _other_logs(at, host, contract, tally, witness)) is not None
    ]
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


def _other_logs(
    at: BlockRef, host: str, contract: Address, tally: LogTally, witness: Witness
) -> Discrepancy | None:
    other = witness.tallies[contract]
    numbers = tally.by_block.keys() | other.by_block.keys()
    differing = [n for n in sorted(numbers) if tally.by_block.get(n) != other.by_block.get(n)]
    if not differing:
        return None
    return Discrepancy(
        kind=Kind.SOURCE_DIVERGENCE,
        subject=f"logs/{contract}/{witness.host}",
        expected=f"{tally.count} logs by {host}",
        actual=f"{other.count} logs by {witness.host}",
        evidence=(
            f"other logs of {contract} in {len(differing)} blocks, first in block {differing[0]}",
            f"block {at.number} {at.hash}",
        ),
        place=Place(block_number=differing[0]),
    )
