"""Records of money events against the events that they are read from."""

from dataclasses import fields
from typing import get_args

import pytest

from contracts import events
from contracts.event_spec import ContractName, EventSpec
from contracts.money_events import HoldEvent, MoneyEvent, TransferEvent

RECORDS = {
    record.__name__: record
    for union in (MoneyEvent, HoldEvent, TransferEvent)
    for record in get_args(union)
}
SPECS = {
    spec.name: spec
    for spec in events.EVENTS
    if spec.contract is ContractName.EPOCH_PAYOUTS and spec.name in RECORDS
}
PLACE = ("ref", "block_hash", "timestamp")


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_record__its_event__same_fields(name: str) -> None:
    spec: EventSpec = SPECS[name]

    assert [field.name for field in fields(RECORDS[name])] == [
        *PLACE,
        *(field.name for field in spec.fields),
    ]


def test_records__events_that_move_money__all_of_them() -> None:
    """What is left out moves no money, and holds none."""
    others = {
        spec.name
        for spec in events.EVENTS
        if spec.contract is ContractName.EPOCH_PAYOUTS and spec.name not in RECORDS
    }

    assert others == {
        "SettlementStarted",
        "GuardianSetChanged",
        "GuardiansAnnounced",
        "GuardiansCancelled",
        "WithdrawRefused",
    }
