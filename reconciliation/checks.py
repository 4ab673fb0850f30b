"""Does the contract's state agree with its logs, with our documents, and with the money it holds?

| check | state | against |
|---|---|---|
| balance | what the contract holds, coins too | `accounted(asset)`, and what was booked by hand |
| accounted | `accounted(asset)` | cash, as the logs add up |
| paid_in | `paidIn(epoch, asset)` | all funding of the epoch |
| remaining | `remaining(epoch, asset)` | committed, fees and payable of the epoch |
| escrowed | `escrowed(epoch, asset)` | escrowed, escrow and suspense of the epoch |
| unallocated | `unallocated(epoch, asset)` | unallocated of the epoch |
| announced | `unallocatedReserved(epoch, asset)` | transfers announced by events |
| unclaimed | `unclaimed(payee, asset)` | unclaimed of the payee |
| paid_lines | `paidLines(leaf)` | lines that events settled |
| holds | `heldUntil(payee)` | holds that stand by events |
| root | `epochOf(epoch)`: manifest digest and root | commitment event, books, documents |

The tolerance is zero, in both directions. State against logs is one source against itself: where
they differ, a node leaves logs out or answers wrongly, and there is one discrepancy for each asset,
with every check that differs as its evidence. Books against logs is `matching`.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from contracts.evm import Address, BlockRef, Epoch, Hash32
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.snapshot import ChainState, Committed, Rebuilt

_Key = TypeVar("_Key", bound=Hashable)


class Check(StrEnum):
    """Everything that a whole run compares."""

    BALANCE = "balance"
    ACCOUNTED = "accounted"
    PAID_IN = "paid_in"
    REMAINING = "remaining"
    ESCROWED = "escrowed"
    UNALLOCATED = "unallocated"
    ANNOUNCED = "announced"
    UNCLAIMED = "unclaimed"
    PAID_LINES = "paid_lines"
    HOLDS = "holds"
    ROOT = "root"
    SOURCES = "sources"
    LINES = "lines"
    DOCUMENTS = "documents"
    BALANCES_STORED = "balances_stored"
    WALLETS = "wallets"
    GAS = "gas"
    RECEIPTS = "receipts"
    CLOCK = "clock"
    DORMANT = "dormant"


CHECKS = tuple(Check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Money that a transaction moved to the contract (or from it), and no event of it says so."""

    transaction_hash: Hash32
    block_number: int
    block_hash: Hash32
    log_index: int
    asset: Address
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """What our side says of committed epochs: the books, and the documents by manifest digest.

    `documents` are roots recomputed from leaves, `stored` those that were written down with them.
    """

    booked: Mapping[Epoch, Committed]
    documents: Mapping[Hash32, Hash32]
    stored: Mapping[Hash32, Hash32]


def state_against_logs(state: ChainState, rebuilt: Rebuilt) -> list[Discrepancy]:
    """One discrepancy for each asset, and for each held payee, in which logs and state differ."""
    found: defaultdict[Address | None, list[str]] = defaultdict(list)
    pairs: tuple[tuple[Check, Mapping[Hashable, int], Mapping[Hashable, int]], ...] = (
        (Check.ACCOUNTED, _keyed(rebuilt.cash), _keyed(state.accounted)),
        (Check.PAID_IN, _keyed(rebuilt.paid_in), _keyed(state.paid_in)),
        (Check.REMAINING, _keyed(rebuilt.remaining), _keyed(state.remaining)),
        (Check.ESCROWED, _keyed(rebuilt.escrowed), _keyed(state.escrowed)),
        (Check.UNALLOCATED, _keyed(rebuilt.unallocated), _keyed(state.unallocated)),
        (Check.ANNOUNCED, _keyed(rebuilt.announced), _keyed(state.announced)),
        (Check.UNCLAIMED, _keyed(rebuilt.unclaimed), _keyed(state.unclaimed)),
        (Check.PAID_LINES, _keyed(rebuilt.paid_lines), _keyed(state.paid_lines)),
        (Check.HOLDS, _keyed(rebuilt.holds), _keyed(state.holds)),
    )
    for check, by_logs, by_state in pairs:
        for key, logs, answer in _differing(by_logs, by_state):
            line = f"{check} {_spell(key)}: {logs} by logs, {answer} by state"
            found[None if check is Check.HOLDS else _asset_of(key)].append(line)
    return [
        Discrepancy(
            kind=Kind.SOURCE_DIVERGENCE,
            subject=f"logs and state/{asset}" if asset else "logs and state/holds",
            asset=asset,
            expected=f"{len(lines)} answers as the logs add up",
            actual=lines[0],
            evidence=(*lines, _at(state)),
            place=Place(block_number=state.block.number, block_hash=state.block.hash),
        )
        for asset, lines in found.items()
    ]


def unbalanced(state: ChainState, adjustments: Mapping[Address, int]) -> dict[Address, int]:
    """What the contract holds more than it owes (or less), by asset; what is even is left out.

    `adjustments` is cash that manual entries booked, by asset.
    """
    return {
        asset: difference
        for asset in sorted(state.balances.keys() | state.accounted.keys() | adjustments.keys())
        if (difference := state.balances[asset].value - _owed(state, adjustments, asset))
    }


def money_against_debts(
    state: ChainState, adjustments: Mapping[Address, int], flows: Sequence[Flow]
) -> list[Discrepancy]:
    """The contract holds what it owes: less is insolvency, more is money that nobody booked.

    `flows` are transactions whose transfers no event explains: the evidence.
    """
    return [
        _imbalance(state, adjustments, asset, difference, flows)
        for asset, difference in unbalanced(state, adjustments).items()
    ]


def _imbalance(
    state: ChainState,
    adjustments: Mapping[Address, int],
    asset: Address,
    difference: int,
    flows: Sequence[Flow],
) -> Discrepancy:
    reading = state.balances[asset]
    causes = causes_of(flows, asset, difference)
    return Discrepancy(
        kind=Kind.INSOLVENCY if difference < 0 else Kind.MISSING_IN_BOOKS,
        subject=f"balance/{asset}",
        asset=asset,
        expected=str(_owed(state, adjustments, asset)),
        actual=str(reading.value),
        evidence=(
            f"balance {reading.value}, {reading.basis}: {reading.evidence}",
            f"accounted({asset}) {state.accounted.get(asset, 0)}",
            *map(spelled_flow, causes),
            _at(state),
        ),
        place=place_of_flows(causes, state.block),
    )


def causes_of(flows: Sequence[Flow], asset: Address, difference: int) -> list[Flow]:
    """The transfers that may have made a balance differ so."""
    return [one for one in flows if one.asset == asset and (one.net > 0) == (difference > 0)]


def spelled_flow(flow: Flow) -> str:
    """A transfer as evidence."""
    return f"transaction {flow.transaction_hash} moved {flow.net:+d} without an event"


def place_of_flows(causes: Sequence[Flow], at: BlockRef) -> Place:
    """Where the first of them is; the block that was looked at where there is none."""
    if not causes:
        return Place(block_number=at.number, block_hash=at.hash)
    first = causes[0]
    return Place(
        transaction_hash=first.transaction_hash,
        block_number=first.block_number,
        block_hash=first.block_hash,
        log_index=first.log_index,
    )


def _owed(state: ChainState, adjustments: Mapping[Address, int], asset: Address) -> int:
    return state.accounted.get(asset, 0) + adjustments.get(asset, 0)


def roots_against_chain(state: ChainState, rebuilt: Rebuilt, roots: Roots) -> list[Discrepancy]:
    """One discrepancy for each epoch whose root or manifest is not everywhere the same."""
    found = []
    epochs = state.committed.keys() | rebuilt.commitments.keys() | roots.booked.keys()
    for epoch in sorted(epochs):
        commitment = rebuilt.commitments.get(epoch)
        event = commitment.committed if commitment else None
        answer, booked = state.committed.get(epoch), roots.booked.get(epoch)
        computed, stored = (
            known.get(event.manifest_digest) if event else None
            for known in (roots.documents, roots.stored)
        )
        sides = {
            "event": event and f"{event.root} for manifest {event.manifest_digest}",
            "epochOf": answer and f"{answer.root} for manifest {answer.manifest_digest}",
            "books": booked and f"{booked.root} for manifest {booked.manifest_digest}",
            "document": event and computed and f"{computed} for manifest {event.manifest_digest}",
            "stored": event and stored and f"{stored} for manifest {event.manifest_digest}",
        }
        if len(set(sides.values())) == 1:
            continue
        found.append(
            Discrepancy(
                kind=Kind.ROOT_MISMATCH,
                subject=f"epoch {epoch}",
                expected=sides["document"] or sides["books"] or "no commitment",
                actual=sides["epochOf"] or "no commitment",
                evidence=(
                    *(f"{name}: {value or 'nothing'}" for name, value in sides.items()),
                    _at(state),
                ),
                place=Place(
                    transaction_hash=commitment.transaction_hash if commitment else None,
                    block_number=commitment.block_number if commitment else None,
                    block_hash=commitment.block_hash if commitment else None,
                    log_index=commitment.log_index if commitment else None,
                ),
            )
        )
    return found


def facts_against_chain(
    state: ChainState,
    *,
    holds: Mapping[Address, int],
    announced: Mapping[tuple[Epoch, Address], int],
) -> list[Discrepancy]:
    """What payouts are planned with, of things that move no money, is what stands on chain."""
    sides: tuple[tuple[Check, Mapping[Hashable, int], Mapping[Hashable, int]], ...] = (
        (Check.HOLDS, _keyed(holds), _keyed(state.holds)),
        (Check.ANNOUNCED, _keyed(announced), _keyed(state.announced)),
    )
    return [
        Discrepancy(
            kind=Kind.MISSING_IN_BOOKS if not ours else Kind.MISSING_ON_CHAIN,
            subject=f"{check}/{_spell(key)}",
            expected=str(ours),
            actual=str(theirs),
            evidence=("indexed events", _at(state)),
            place=Place(block_number=state.block.number, block_hash=state.block.hash),
        )
        for check, indexed, on_chain in sides
        for key, ours, theirs in _differing(indexed, on_chain)
    ]


def _keyed(values: Mapping[_Key, int]) -> Mapping[Hashable, int]:
    return values  # type: ignore[return-value]  # mappings are invariant in their keys


def _differing(
    expected: Mapping[Hashable, int], actual: Mapping[Hashable, int]
) -> Iterable[tuple[Hashable, int, int]]:
    """Keys whose values differ; a key that one side lacks is zero there."""
    keys = [
        key for key in expected.keys() | actual.keys() if expected.get(key, 0) != actual.get(key, 0)
    ]
    for key in sorted(keys, key=_spell):
        yield key, expected.get(key, 0), actual.get(key, 0)


def _asset_of(key: Hashable) -> Address:
    last = key[-1] if isinstance(key, tuple) else key
    if not isinstance(last, Address):
        raise TypeError(f"{key!r} names no asset")
    return last


def _spell(key: Hashable) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return "/".join(map(str, parts))


def _at(state: ChainState) -> str:
    return f"block {state.block.number} {state.block.hash}"
