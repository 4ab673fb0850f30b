"""What is too late, or lies around for too long. Time alone has a tolerance; money has none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, Hash32, Timestamp
from contracts.leaves import Leaf
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.movements import LeafPlace
from reconciliation.snapshot import ChainState, PayeeAsset, Rebuilt

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """Seconds of the chain's time after which something is reported.

    `books_behind_s`: the books' cursor behind the finalized block. `reservation_s`: a planned
    payout that has not come to anything. `unrecorded_s`: a final failure that our records do not
    have. `unclaimed_s`: a pull balance that its payee leaves.
    """

    books_behind_s: int = _DAY_S
    reservation_s: int = 7 * _DAY_S
    unrecorded_s: int = _DAY_S
    unclaimed_s: int = 90 * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReservation:
    """A payout that was planned, and neither happened nor was given up."""

    op_id: Hash32
    entry_id: Hash32
    asset: Address
    amount: int
    planned_at: Timestamp


def late(
    cursor: BlockRef,
    finalized: BlockRef,
    reservations: Sequence[OpenReservation],
    tolerances: Tolerances,
) -> list[Discrepancy]:
    """Books that are behind the chain, and payouts that wait."""
    found = []
    behind_s = finalized.timestamp - cursor.timestamp
    if behind_s > tolerances.books_behind_s:
        found.append(
            Discrepancy(
                kind=Kind.TIMING,
                subject="cursor of the books",
                expected=f"block {cursor.number}",
                actual=f"block {finalized.number} is final, {behind_s} s later",
                evidence=(
                    f"block {finalized.number} {finalized.hash}",
                    f"tolerance {tolerances.books_behind_s} s",
                ),
                place=Place(block_number=cursor.number, block_hash=cursor.hash),
            )
        )
    return found + waiting(cursor, reservations, tolerances)


def waiting(
    cursor: BlockRef, reservations: Sequence[OpenReservation], tolerances: Tolerances
) -> list[Discrepancy]:
    """Payouts that were planned too long ago."""
    found = []
    for one in reservations:
        age_s = cursor.timestamp - one.planned_at
        if age_s > tolerances.reservation_s:
            found.append(
                Discrepancy(
                    kind=Kind.TIMING,
                    subject=f"operation {one.op_id}",
                    asset=one.asset,
                    expected=f"{one.amount} in transit",
                    actual=f"neither paid nor given up for {age_s} s",
                    evidence=(
                        f"planned at {one.planned_at}",
                        f"entry {one.entry_id}",
                        f"tolerance {tolerances.reservation_s} s",
                    ),
                    place=Place(entry_id=one.entry_id),
                )
            )
    return found


def dormant(
    rebuilt: Rebuilt,
    state: ChainState,
    documents: Mapping[Hash32, Sequence[Leaf]],
    tolerances: Tolerances,
) -> list[Discrepancy]:
    """Pull balances that nobody takes, and escrow that is over its time."""
    now, at = state.block.timestamp, f"block {state.block.number} {state.block.hash}"
    place = Place(block_number=state.block.number, block_hash=state.block.hash)
    found = left_alone(
        "unclaimed", rebuilt.unclaimed, rebuilt.unclaimed_since, state.block, tolerances
    )
    for commitment in rebuilt.commitments.values():
        expires_at = commitment.active_at + state.escrow_expiry_s
        for leaf in documents.get(commitment.manifest_digest, ()):
            key = LeafPlace(leaf.epoch, leaf.work_id, leaf.part, leaf.asset)
            is_open = leaf.kind.is_escrow and key not in rebuilt.settled_escrow
            if is_open and now >= expires_at:
                found.append(
                    Discrepancy(
                        kind=Kind.UNCLAIMED_OR_EXPIRED,
                        subject=f"escrow/{leaf.epoch}/{leaf.work_id}/{leaf.asset}",
                        asset=leaf.asset,
                        expected=f"released, or expired from {expires_at} on",
                        actual=f"{leaf.amount} in escrow",
                        evidence=(f"escrowExpiry {state.escrow_expiry_s} s", at),
                        place=place,
                    )
                )
    return found


def left_alone(
    subject: str,
    balances: Mapping[PayeeAsset, int],
    since: Mapping[PayeeAsset, Timestamp],
    at: BlockRef,
    tolerances: Tolerances,
) -> list[Discrepancy]:
    """Pull balances of one contract that their payees leave for too long."""
    return [
        Discrepancy(
            kind=Kind.UNCLAIMED_OR_EXPIRED,
            subject=f"{subject}/{payee}/{asset}",
            asset=asset,
            expected=f"taken within {tolerances.unclaimed_s} s",
            actual=f"{balances[payee, asset]} unclaimed since {began_at}",
            evidence=(
                f"unclaimed({payee}, {asset}) {balances[payee, asset]}",
                f"block {at.number} {at.hash}",
            ),
            place=Place(block_number=at.number, block_hash=at.hash),
        )
        for (payee, asset), began_at in sorted(since.items())
        if at.timestamp - began_at > tolerances.unclaimed_s
    ]
