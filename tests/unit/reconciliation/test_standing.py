"""`reconciliation.standing`."""

from typing import Any

import pytest

from contracts.evm import (
    Address,
    BlockNumber,
    ChainId,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.money_events import (
    HoldEvent,
    PayeeHoldLifted,
    PayeeHoldPlaced,
    TransferEvent,
    UnallocatedTransferAnnounced,
    UnallocatedTransferCancelled,
    UnallocatedTransferred,
)
from contracts.units import BaseUnits
from reconciliation.standing import announced_transfers, standing_holds

ALICE, BOB = Address(b"\x01" * 20), Address(b"\x02" * 20)
ASSET, OTHER_ASSET = Address(b"\xaa" * 20), Address(b"\xab" * 20)
EPOCH = Epoch(3)
PLACE: dict[str, Any] = {
    "ref": LogRef(ChainId(1), BlockNumber(9), LogIndex(0)),
    "block_hash": Hash32(b"\x09" * 32),
    "timestamp": Timestamp(900),
}


def placed(account: Address, expires_at: int) -> HoldEvent:
    digest = keccak(b"reason")
    expiry = Timestamp(expires_at)
    return PayeeHoldPlaced(**PLACE, account=account, reason_digest=digest, expires_at=expiry)


def lifted(account: Address) -> HoldEvent:
    return PayeeHoldLifted(**PLACE, account=account)


@pytest.mark.parametrize(
    ("events", "held"),
    [
        ([], {}),
        ([placed(ALICE, 1001)], {ALICE: 1001}),
        ([placed(ALICE, 1000)], {}),
        ([placed(ALICE, 2000), lifted(ALICE)], {}),
        ([placed(ALICE, 2000), lifted(BOB)], {ALICE: 2000}),
        ([placed(ALICE, 2000), placed(ALICE, 1500)], {ALICE: 1500}),
        ([placed(ALICE, 2000), placed(ALICE, 999)], {}),
        ([placed(ALICE, 2000), lifted(ALICE), placed(ALICE, 1200)], {ALICE: 1200}),
        ([placed(ALICE, 2000), placed(BOB, 3000)], {ALICE: 2000, BOB: 3000}),
    ],
    ids=[
        "none",
        "stands",
        "over at its expiry",
        "lifted",
        "another lifted",
        "replaced by a shorter one",
        "replaced by one that is over",
        "placed again",
        "two payees",
    ],
)
def test_standing_holds__at_a_timestamp__the_last_event_of_each_payee(
    events: list[HoldEvent], held: dict[Address, int]
) -> None:
    assert standing_holds(events, Timestamp(1000)) == held


def announced(name: bytes, amount: int, *, asset: Address = ASSET) -> TransferEvent:
    return UnallocatedTransferAnnounced(
        **PLACE,
        transfer_id=keccak(name),
        epoch=EPOCH,
        asset=asset,
        to=ALICE,
        amount=BaseUnits(amount),
        applicable_at=Timestamp(2000),
    )


def made(name: bytes, amount: int) -> TransferEvent:
    return UnallocatedTransferred(
        **PLACE,
        transfer_id=keccak(name),
        epoch=EPOCH,
        asset=ASSET,
        to=ALICE,
        amount=BaseUnits(amount),
    )


def test_announced__made_cancelled_and_standing__only_standing_ones_summed() -> None:
    cancelled = UnallocatedTransferCancelled(**PLACE, transfer_id=keccak(b"b"), by=BOB)
    events = [
        announced(b"a", 5),
        announced(b"b", 7),
        announced(b"c", 11),
        announced(b"d", 13),
        announced(b"e", 17, asset=OTHER_ASSET),
        made(b"a", 5),
        cancelled,
    ]

    assert announced_transfers(events) == {(EPOCH, ASSET): 24, (EPOCH, OTHER_ASSET): 17}
    assert announced_transfers([]) == {}
