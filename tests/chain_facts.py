"""Facts of `EpochPayouts` straight from a node, for books without an indexer."""

from collections.abc import Callable
from typing import Any

from contracts.approvals import AssetTotals
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
)
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
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
from contracts.operations import withdraw_operation_id
from contracts.units import BaseUnits
from tests.payouts_settlement import CHAIN_ID, EPOCH, DevNode, Place


class ChainFacts:
    """`EpochPayouts` events straight from the node; everything mined counts as finalized."""

    def __init__(self, node: DevNode, place: Place) -> None:
        self._node, self._place = node, place
        self._contract = node.contract("EpochPayouts", place.payouts)
        self.hidden_work: Hash32 | None = None
        self.is_blind_to_funding = False
        self.is_blind_to_escrow = False

    def finalized(self) -> BlockRef | None:
        return self.block(BlockNumber(self._node.web3.eth.block_number))

    def block(self, number: BlockNumber) -> BlockRef | None:
        block = self._node.call("eth_getBlockByNumber", hex(number), False)
        return BlockRef(
            number=BlockNumber(int(block["number"], 16)),
            hash=Hash32.from_hex(block["hash"]),
            parent_hash=Hash32.from_hex(block["parentHash"]),
            timestamp=Timestamp(int(block["timestamp"], 16)),
        )

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        number = upto.number
        while number >= 0:
            block = self.block(number)
            if block is not None and block.timestamp < timestamp:
                return block
            number = BlockNumber(number - 1)
        return None

    def money_events(self, after: BlockNumber, upto: BlockRef) -> list[MoneyEvent]:
        readers: dict[str, Callable[[dict[str, Any], Any], MoneyEvent]] = {
            "EpochFunded": _funded,
            "EpochCommitted": _committed,
            **{kind.__name__: _as_it_is(kind) for kind in _SIMPLE},
        }
        events = self._read(readers, after + 1, upto)
        return sorted(filter(self._is_shown, events), key=lambda event: event.ref)

    def hold_events(self, upto: BlockRef) -> list[HoldEvent]:
        kinds = (PayeeHoldPlaced, PayeeHoldLifted)
        events = self._read({kind.__name__: _as_it_is(kind) for kind in kinds}, 0, upto)
        return sorted(events, key=lambda event: event.ref)

    def transfer_events(self, upto: BlockRef) -> list[TransferEvent]:
        kinds = (
            UnallocatedTransferAnnounced,
            UnallocatedTransferCancelled,
            UnallocatedTransferred,
        )
        events = self._read({kind.__name__: _as_it_is(kind) for kind in kinds}, 0, upto)
        return sorted(events, key=lambda event: event.ref)

    def _read(self, readers: Any, first: int, upto: BlockRef) -> list[Any]:
        events: list[Any] = []
        for name, read in readers.items():
            event: Any = self._contract.events[name]
            for log in event.get_logs(from_block=first, to_block=upto.number):
                block = self.block(log["blockNumber"])
                assert block is not None
                head = {
                    "ref": LogRef(CHAIN_ID, block.number, LogIndex(log["logIndex"])),
                    "block_hash": block.hash,
                    "timestamp": block.timestamp,
                }
                events.append(read(head, log["args"]))
        return events

    def _is_shown(self, event: MoneyEvent) -> bool:
        """An indexer that misses something."""
        if isinstance(event, EpochFunded):
            return not self.is_blind_to_funding
        if isinstance(event, EscrowReleased):
            return not self.is_blind_to_escrow
        if isinstance(event, LeafWithdrawn | PayeePaid | PayeeUnclaimed | PayeeHeld):
            return event.op_id != self._hidden_operation()
        return True

    def _hidden_operation(self) -> Hash32 | None:
        if self.hidden_work is None:
            return None
        return withdraw_operation_id(
            EPOCH,
            self.hidden_work,
            0,
            self._place.token,
            chain_id=CHAIN_ID,
            contract=self._place.payouts,
        )


def _funded(head: dict[str, Any], log: Any) -> EpochFunded:
    return EpochFunded(
        **head,
        epoch=Epoch(log["epoch"]),
        asset=Address.from_hex(log["asset"]),
        source=Address.from_hex(log["source"]),
        amount=BaseUnits(log["amount"]),
    )


def _committed(head: dict[str, Any], log: Any) -> EpochCommitted:
    return EpochCommitted(
        **head,
        epoch=Epoch(log["epoch"]),
        attempt=log["attempt"],
        manifest_digest=Hash32(log["manifestDigest"]),
        root=Hash32(log["root"]),
        active_at=Timestamp(log["activeAt"]),
        guardian_set=log["guardianSet"],
        signers=tuple(Address.from_hex(one) for one in log["signers"]),
        totals=tuple(
            AssetTotals(
                asset=Address.from_hex(one["asset"]),
                paid_in=one["paidIn"],
                carried_in=one["carriedIn"],
                allocated=one["allocated"],
                escrow=one["escrow"],
                unallocated=one["unallocated"],
                fees=one["fees"],
            )
            for one in log["totals"]
        ),
    )


_SIMPLE = (
    LeafWithdrawn,
    PayeePaid,
    PayeeUnclaimed,
    PayeeHeld,
    UnclaimedWithdrawn,
    EscrowReleased,
    EscrowExpired,
    UnallocatedTransferred,
)


def _as_it_is(kind: Any) -> Callable[[dict[str, Any], Any], Any]:
    """Read an event whose arguments are the fields of its record, in Solidity's spelling."""

    def read(head: dict[str, Any], log: Any) -> Any:
        return kind(**head, **{_snake(name): _value(value) for name, value in log.items()})

    return read


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def _value(value: object) -> object:
    if isinstance(value, bytes):
        return Hash32(value)
    return Address.from_hex(value) if isinstance(value, str) else value
