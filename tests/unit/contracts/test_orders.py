"""Orders, redemptions and permits against independent encoders: eth-account and JavaScript."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from contracts import orders
from contracts.evm import ZERO_HASH, Address, ChainId, Hash32, Timestamp, keccak
from contracts.orders import Order, Payment, Permit
from contracts.typed_data import Domain
from contracts.units import BaseUnits

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "orders.json").read_text("utf-8"))
CONTRACT = Address(b"\x11" * 20)
PAYER, CREATOR = Address(b"\x22" * 20), Address(b"\x33" * 20)
CHAIN = ChainId(31337)
PLACE: dict[str, Any] = {"chain_id": CHAIN, "contract": CONTRACT}

ORDER = Order(
    order_id=Hash32.from_int(1),
    payer=PAYER,
    creator=CREATOR,
    subject=Hash32.from_int(2),
    tier_id=3,
    price=BaseUnits(10_000_000),
    max_fee=BaseUnits(1_000_000),
    deadline=Timestamp(99),
)


def order_of(vector: dict[str, str]) -> Order:
    return Order(
        order_id=Hash32.from_hex(vector["order_id"]),
        payer=Address.from_hex(vector["payer"]),
        creator=Address.from_hex(vector["creator"]),
        subject=Hash32.from_hex(vector["subject"]),
        tier_id=int(vector["tier_id"]),
        price=BaseUnits(int(vector["price"])),
        max_fee=BaseUnits(int(vector["max_fee"])),
        deadline=Timestamp(int(vector["deadline"])),
    )


def digest_by_eth_account(name: str, kind: str, members: str, message: dict[str, object]) -> bytes:
    """The digest by eth-account; `members` as in the type's text."""
    types = [dict(zip(("type", "name"), one.split(), strict=True)) for one in members.split(",")]
    domain = {
        "name": name,
        "version": "1",
        "chainId": CHAIN,
        "verifyingContract": str(CONTRACT),
    }
    signable = encode_typed_data(domain, {kind: types}, message)
    return bytes(keccak(b"\x19" + signable.version + signable.header + signable.body))


@pytest.mark.parametrize("vector", VECTORS["orders"])
def test_order__solidity__agrees(vector: dict[str, str]) -> None:
    order = order_of(vector)
    chain_id, contract = ChainId(int(vector["chain_id"])), Address.from_hex(vector["contract"])

    digest = orders.order_digest(order, chain_id=chain_id, contract=contract)

    assert str(digest) == vector["digest"]
    assert str(orders.consumed_key(order.payer, order.order_id)) == vector["consumed_key"]
    assert f"0x{orders.pay_call(order).hex()}" == vector["call"]


def test_order_digest__eth_account__agrees() -> None:
    expected = digest_by_eth_account(
        "Quittance",
        "Order",
        "bytes32 orderId,address payer,address creator,bytes32 subject,uint32 tierId,"
        "uint256 price,uint256 maxFee,uint64 deadline",
        {
            "orderId": bytes(ORDER.order_id),
            "payer": str(PAYER),
            "creator": str(CREATOR),
            "subject": bytes(ORDER.subject),
            "tierId": 3,
            "price": 10_000_000,
            "maxFee": 1_000_000,
            "deadline": 99,
        },
    )

    assert orders.order_digest(ORDER, **PLACE) == expected


def test_redemption_digest__eth_account__agrees() -> None:
    expected = digest_by_eth_account(
        "Quittance Ticket",
        "Redemption",
        "uint256 ticketId,address redeemer,uint64 deadline",
        {"ticketId": 7, "redeemer": str(PAYER), "deadline": 99},
    )

    assert orders.redemption_digest(7, PAYER, Timestamp(99), **PLACE) == expected


def test_permit_digest__eth_account__agrees() -> None:
    permit = Permit(value=BaseUnits(5), deadline=Timestamp(99), v=0, r=ZERO_HASH, s=ZERO_HASH)
    token = Domain(name="Demo Dollar", chain_id=CHAIN, contract=CONTRACT)
    expected = digest_by_eth_account(
        "Demo Dollar",
        "Permit",
        "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
        {"owner": str(PAYER), "spender": str(CREATOR), "value": 5, "nonce": 2, "deadline": 99},
    )

    actual = orders.permit_digest(permit, owner=PAYER, spender=CREATOR, nonce=2, domain=token)

    assert actual == expected


def test_consumed_key__another_payer__is_another_key() -> None:
    mine = orders.consumed_key(PAYER, ORDER.order_id)

    assert orders.consumed_key(CREATOR, ORDER.order_id) != mine
    assert orders.consumed_key(PAYER, ORDER.subject) != mine


def test_event_id__another_creator__is_another_event() -> None:
    assert orders.event_id_of(PAYER, ZERO_HASH) != orders.event_id_of(CREATOR, ZERO_HASH)


def test_calls__decoded__say_what_they_were_given() -> None:
    payment = Payment(
        order_id=ORDER.order_id,
        payer=PAYER,
        creator=CREATOR,
        subject=ORDER.subject,
        ticket_id=4,
        price=BaseUnits(10),
        fee=BaseUnits(1),
    )

    paid_for = orders.PAY_FOR.decode(orders.pay_for_call(ORDER, b"signature"))
    refunded = orders.REFUND.decode(orders.refund_call(payment))
    redeemed = orders.REDEEM_FOR.decode(
        orders.redeem_for_call(4, PAYER, Timestamp(99), b"signature")
    )

    assert paid_for[0][:2] == (bytes(ORDER.order_id), str(PAYER).lower())
    assert paid_for[1:] == (b"signature", (0, 0, 0, bytes(32), bytes(32)))
    assert refunded[0][4:] == (4, 10, 1)
    assert redeemed == (4, str(PAYER).lower(), 99, b"signature")
    assert orders.REDEEM.decode(orders.redeem_call(4)) == (4,)


def test_payment_hash__any_field_but_its_key__changes_it() -> None:
    fields: dict[str, Any] = {
        "order_id": ORDER.order_id,
        "payer": PAYER,
        "creator": CREATOR,
        "subject": ORDER.subject,
        "ticket_id": 4,
        "price": BaseUnits(10),
        "fee": BaseUnits(1),
    }
    whole = Payment(**fields).hash
    others = [
        Payment(**(fields | change)).hash
        for change in (
            {"creator": PAYER},
            {"subject": ZERO_HASH},
            {"ticket_id": 5},
            {"price": BaseUnits(11)},
            {"fee": BaseUnits(2)},
        )
    ]

    assert len({whole, *others}) == 6
    assert Payment(**(fields | {"payer": CREATOR})).hash == whole
