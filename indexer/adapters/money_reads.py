"""Events of `EpochPayouts` that move, hold or reserve money, as records in chain order."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, true

from contracts.addresses import Settlement
from contracts.approvals import AssetTotals
from contracts.event_spec import EventSpec
from contracts.events import (
    EPOCH_COMMITTED,
    EPOCH_FUNDED,
    EPOCH_VETOED,
    ESCROW_EXPIRED,
    ESCROW_RELEASED,
    LEAF_WITHDRAWN,
    PAYEE_HELD,
    PAYEE_HOLD_LIFTED,
    PAYEE_HOLD_PLACED,
    PAYEE_PAID,
    PAYEE_UNCLAIMED,
    UNALLOCATED_TRANSFER_ANNOUNCED,
    UNALLOCATED_TRANSFER_CANCELLED,
    UNALLOCATED_TRANSFERRED,
    UNCLAIMED_WITHDRAWN,
)
from contracts.evm import BlockNumber, BlockRef, Epoch, LogRef
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EpochVetoed,
    EscrowExpired,
    EscrowReleased,
    HoldEvent,
    LeafWithdrawn,
    MoneyEvent,
    PayeeHeld,
    PayeeHoldLifted,
    PayeeHoldPlaced,
    PayeePaid,
    PayeeUnclaimed,
    TransferEvent,
    UnallocatedTransferAnnounced,
    UnallocatedTransferCancelled,
    UnallocatedTransferred,
    UnclaimedWithdrawn,
)
from indexer.adapters.tables import BLOCK, FACTS

_TOTALS = tuple(member.name for field in EPOCH_COMMITTED.fields for member in field.components)


def money_events(
    connection: Connection, settlement: Settlement, *, after: BlockNumber, upto: BlockRef
) -> list[MoneyEvent]:
    """All of them in blocks (after, upto]."""

    def rows(spec: EventSpec) -> list[dict[str, Any]]:
        return _rows(connection, settlement, spec, upto, _height(spec) > after)

    events: chain[MoneyEvent] = chain(
        (EpochFunded(**row) for row in rows(EPOCH_FUNDED)),
        (_committed(row) for row in rows(EPOCH_COMMITTED)),
        (EpochVetoed(**row) for row in rows(EPOCH_VETOED)),
        (LeafWithdrawn(**row) for row in rows(LEAF_WITHDRAWN)),
        (PayeePaid(**row) for row in rows(PAYEE_PAID)),
        (PayeeUnclaimed(**row) for row in rows(PAYEE_UNCLAIMED)),
        (PayeeHeld(**row) for row in rows(PAYEE_HELD)),
        (UnclaimedWithdrawn(**row) for row in rows(UNCLAIMED_WITHDRAWN)),
        (EscrowReleased(**row) for row in rows(ESCROW_RELEASED)),
        (EscrowExpired(**row) for row in rows(ESCROW_EXPIRED)),
        (UnallocatedTransferred(**row) for row in rows(UNALLOCATED_TRANSFERRED)),
    )
    return sorted(events, key=lambda event: event.ref)


def hold_events(
    connection: Connection, settlement: Settlement, *, upto: BlockRef
) -> list[HoldEvent]:
    """Holds placed and lifted, up to a block."""

    def rows(spec: EventSpec) -> list[dict[str, Any]]:
        return _rows(connection, settlement, spec, upto, true())

    events: chain[HoldEvent] = chain(
        (PayeeHoldPlaced(**row) for row in rows(PAYEE_HOLD_PLACED)),
        (PayeeHoldLifted(**row) for row in rows(PAYEE_HOLD_LIFTED)),
    )
    return sorted(events, key=lambda event: event.ref)


def transfer_events(
    connection: Connection, settlement: Settlement, *, upto: BlockRef
) -> list[TransferEvent]:
    """Transfers of unallocated money: announced, cancelled and made, up to a block."""

    def rows(spec: EventSpec) -> list[dict[str, Any]]:
        return _rows(connection, settlement, spec, upto, true())

    events: chain[TransferEvent] = chain(
        (UnallocatedTransferAnnounced(**row) for row in rows(UNALLOCATED_TRANSFER_ANNOUNCED)),
        (UnallocatedTransferCancelled(**row) for row in rows(UNALLOCATED_TRANSFER_CANCELLED)),
        (UnallocatedTransferred(**row) for row in rows(UNALLOCATED_TRANSFERRED)),
    )
    return sorted(events, key=lambda event: event.ref)


def commitments(
    connection: Connection, settlement: Settlement, *, epoch: Epoch, upto: BlockRef
) -> list[EpochCommitted | EpochVetoed]:
    """Commits and vetoes of one epoch, up to a block."""

    def rows(spec: EventSpec) -> list[dict[str, Any]]:
        is_of_epoch = FACTS[spec.table].c.epoch == epoch
        return _rows(connection, settlement, spec, upto, is_of_epoch)

    events: chain[EpochCommitted | EpochVetoed] = chain(
        (_committed(row) for row in rows(EPOCH_COMMITTED)),
        (EpochVetoed(**row) for row in rows(EPOCH_VETOED)),
    )
    return sorted(events, key=lambda event: event.ref)


def _rows(
    connection: Connection,
    settlement: Settlement,
    spec: EventSpec,
    upto: BlockRef,
    condition: ColumnElement[bool],
) -> list[dict[str, Any]]:
    """The facts of one event as the fields of its record."""
    facts = FACTS[spec.table].c
    query = (
        select(
            facts.block_number,
            facts.log_index,
            BLOCK.c.hash,
            BLOCK.c.timestamp,
            *(facts[column.name].label(f"event_{column.name}") for column in spec.columns),
        )
        .join(
            BLOCK,
            and_(BLOCK.c.chain_id == facts.chain_id, BLOCK.c.number == facts.block_number),
        )
        .where(facts.chain_id == settlement.chain_id)
        .where(facts.address == settlement.contracts[spec.contract])
        .where(facts.block_number <= upto.number, condition)
    )
    return [
        {
            "ref": LogRef(settlement.chain_id, row["block_number"], row["log_index"]),
            "block_hash": row["hash"],
            "timestamp": row["timestamp"],
            **{column.name: row[f"event_{column.name}"] for column in spec.columns},
        }
        for row in connection.execute(query).mappings()
    ]


def _height(spec: EventSpec) -> ColumnElement[int]:
    return FACTS[spec.table].c.block_number


def _committed(row: Mapping[str, Any]) -> EpochCommitted:
    """The totals are stored as one array per member."""
    columns: Sequence[Sequence[Any]] = [row[f"totals_{name}"] for name in _TOTALS]
    totals = tuple(
        AssetTotals(**dict(zip(_TOTALS, members, strict=True)))
        for members in zip(*columns, strict=True)
    )
    plain = {name: value for name, value in row.items() if not name.startswith("totals_")}
    return EpochCommitted(**plain | {"signers": tuple(row["signers"]), "totals": totals})
