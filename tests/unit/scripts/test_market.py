"""What the demo's market reads from receipts and tells of payments."""

from contracts.evm import Address, Hash32, Timestamp
from contracts.orders import Order
from contracts.payment_event_specs import TICKET_ISSUED, TICKET_PAID
from contracts.units import BaseUnits
from scripts.demo.front_end import Asked
from scripts.demo.market import Offer, ticket_id_of

WORD = Hash32.from_int(1)


def test_ticket_id__among_other_logs__of_the_ticket_issued() -> None:
    paid = {"topics": [str(TICKET_PAID.topic0), str(Hash32.from_int(9))]}
    issued = {"topics": [str(TICKET_ISSUED.topic0), str(Hash32.from_int(41))]}

    assert ticket_id_of({"logs": [paid, issued]}) == 41


def test_offer__its_sale__says_order_fee_and_state() -> None:
    order = Order(
        order_id=WORD,
        payer=Address(b"\x01" * 20),
        creator=Address(b"\x02" * 20),
        subject=WORD,
        tier_id=0,
        price=BaseUnits(10),
        max_fee=BaseUnits(2),
        deadline=Timestamp(9),
    )
    asked = Asked(
        intent_id=WORD,
        contract=Address(b"\x03" * 20),
        asset=Address(b"\x04" * 20),
        fee=BaseUnits(1),
        order=order,
    )

    sale = Offer(what="a song", asked=asked, expected="final").sale("gone")

    assert (sale.what, sale.payer, sale.asset) == ("a song", order.payer, asked.asset)
    assert (sale.amount, sale.fee) == (10, 1)
    assert (sale.state, sale.expected, sale.is_native) == ("gone", "final", False)
