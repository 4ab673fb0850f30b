"""How an event is described by its Solidity parameters."""

import pytest

from contracts.event_spec import ContractName, Field, event
from contracts.evm import keccak


def test_event__parameters__fields_in_order() -> None:
    spec = event(
        ContractName.TICKET_SALE,
        "TicketBoughtTwice",
        "bytes32 indexed ticket_id",
        "uint256 amount",
        Field("lines", "tuple[]", components=(Field("payee", "address"), Field("units", "uint96"))),
    )

    assert (spec.contract, spec.name) == (ContractName.TICKET_SALE, "TicketBoughtTwice")
    assert spec.fields[:2] == (
        Field("ticket_id", "bytes32", indexed=True),
        Field("amount", "uint256", indexed=False),
    )
    assert spec.signature == "TicketBoughtTwice(bytes32,uint256,(address,uint96)[])"
    assert spec.topic0 == keccak(spec.signature.encode())
    assert [(one.name, one.abi_type) for one in spec.columns] == [
        ("ticket_id", "bytes32"),
        ("amount", "uint256"),
        ("lines_payee", "address[]"),
        ("lines_units", "uint96[]"),
    ]


@pytest.mark.parametrize(
    ("name", "table"),
    [("Tip", "fact_tip"), ("TicketBoughtTwice", "fact_ticket_bought_twice")],
)
def test_event__table__from_the_name_unless_it_is_given(name: str, table: str) -> None:
    assert event(ContractName.TICKET, name).table == table
    assert event(ContractName.TICKET, name, table="fact_other").table == "fact_other"


def test_event__bulk__only_if_said() -> None:
    assert not event(ContractName.TICKET, "Tip").is_bulk
    assert event(ContractName.TICKET, "Tip", is_bulk=True).is_bulk


@pytest.mark.parametrize(
    ("abi_type", "is_static"),
    [("uint256", True), ("bytes32", True), ("bytes", False), ("uint256[]", False)],
)
def test_event__parameter_of_any_length__not_static(abi_type: str, is_static: bool) -> None:
    assert event(ContractName.TICKET, "Tip", "address to", f"{abi_type} x").is_static is is_static
