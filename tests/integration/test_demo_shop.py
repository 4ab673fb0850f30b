"""What buyers of the demo send, on a real chain; and its front-end, against a real server."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from contracts.event_spec import ContractName, EventSpec
from contracts.evm import ZERO_HASH, Address, Hash32, Timestamp, keccak
from contracts.orders import Order
from contracts.payment_event_specs import (
    CONTENT_PAID,
    TICKET_PAID,
    TICKET_REDEEMED,
    TICKET_REFUNDED,
    TIP_PAID,
    TIP_RECEIVED,
)
from contracts.units import BaseUnits
from scripts.demo import shop
from scripts.demo.actors import Stage
from scripts.demo.front_end import AnswerRefused, Asked, FrontEnd
from scripts.demo.market import ticket_id_of
from scripts.demo.shop import DOLLAR, ETHER, TICKET_PRICE, TIER
from scripts.deploy import Delays, deploy_settlement
from scripts.deploy_payments import deploy_payments
from scripts.devnet import officials, payment_plan_of, plan_of
from scripts.devnode import Call, DevNode, account_from_seed, address_of
from scripts.embedded.anvil import AnvilNode

SEED = 8
VIEWS, TIPS = ContractName.PAY_PER_VIEW_SPLITTER, ContractName.TIP_SPLITTER
SALE, RELAY = ContractName.TICKET_SALE, ContractName.TIP_RELAY


class Town:
    """A chain with the payment contracts, a smart account, and everything on sale."""

    def __init__(self, node: DevNode) -> None:
        buyers = [account_from_seed(SEED, role) for role in ("artist", *shop.BUYERS)]
        node.fund([*officials(SEED), *buyers], 10**21)
        _, self.now = node.head()
        plan = plan_of(
            SEED,
            name="test",
            genesis=self.now,
            epoch_length_s=86_400,
            grace_s=7_200,
            delays=Delays(timelock_s=100),
        )
        admin = account_from_seed(SEED, "admin")
        deployment = deploy_settlement(node, admin, plan)
        payments = payment_plan_of(SEED, fee_delay_s=100)
        self.node = node
        self.stage = Stage(node, deploy_payments(node, admin, deployment, payments), SEED)
        owner = self.stage.key("owner")
        self.wallet = node.deploy(owner, "DemoWallet", owner.address)
        node.transact(shop.opening_calls(self.stage, self.wallet, self.now))

    def order(self, payer: Address, *, price: int, fee: int, subject: Hash32 = ZERO_HASH) -> Order:
        """An order of the artist's, with an id of its own."""
        event = shop.event_id(self.stage)
        return Order(
            order_id=keccak(payer + subject + price.to_bytes(32, "big")),
            payer=payer,
            creator=address_of(self.stage.key("artist")),
            subject=subject,
            tier_id=TIER if subject == event else 0,
            price=BaseUnits(price),
            max_fee=BaseUnits(fee),
            deadline=Timestamp(self.now + 10**6),
        )

    def named(self, call: Call, spec: EventSpec, field: str) -> list[Address]:
        """Send a call; the addresses that its events of one kind name in an indexed field."""
        (receipt,) = self.node.transact([call])
        place = 1 + [one.name for one in spec.fields if one.indexed].index(field)
        logs = [log for log in receipt["logs"] if log["topics"][0] == str(spec.topic0)]
        assert all(log["address"] == str(self._at(spec)).lower() for log in logs)
        return [Address(Hash32.from_hex(log["topics"][place])[12:]) for log in logs]

    def _at(self, spec: EventSpec) -> Address:
        return self.stage.address(spec.contract)


@pytest.fixture
def town(anvil: AnvilNode) -> Town:
    return Town(DevNode(anvil.url))


def test_contents__every_way_to_pay__payer_is_whose_order_it_is(town: Town) -> None:
    stage = town.stage
    views, song = stage.address(VIEWS), shop.content_id(stage, "song")
    fan, reader = stage.key("fan"), stage.key("reader")
    direct = town.order(address_of(fan), price=10 * DOLLAR, fee=DOLLAR, subject=song)
    relayed = town.order(address_of(reader), price=5 * DOLLAR, fee=DOLLAR, subject=song)
    first = town.order(town.wallet, price=10 * DOLLAR, fee=DOLLAR, subject=song)
    second = town.order(town.wallet, price=12 * DOLLAR, fee=2 * DOLLAR, subject=song)

    by_fan = town.named(shop.direct_call(fan, views, direct), CONTENT_PAID, "payer")
    for_reader = town.named(
        shop.permitted_call(stage, reader, views, relayed), CONTENT_PAID, "payer"
    )
    by_wallet = town.named(
        shop.wallet_call(stage, town.wallet, [(views, first), (views, second)]),
        CONTENT_PAID,
        "payer",
    )

    assert by_fan == [address_of(fan)]
    assert for_reader == [address_of(reader)]
    assert by_wallet == [town.wallet, town.wallet]
    token = town.node.contract("DemoToken", stage.deployment.token)
    assert token.functions.balanceOf(reader.address).call() == (1_000 - 6) * DOLLAR
    assert int(town.node.request("eth_getBalance", reader.address, "latest"), 16) == 0


def test_tips__smart_account_and_native_coins__payer_is_not_the_sender(town: Town) -> None:
    stage, patron = town.stage, town.stage.key("patron")
    token = town.order(town.wallet, price=20 * DOLLAR, fee=DOLLAR)
    native = town.order(address_of(patron), price=ETHER // 100, fee=ETHER // 2_000)
    town.node.transact([shop.wallet_call(stage, town.wallet, [])])  # its allowances

    by_wallet = town.named(
        shop.wallet_relayed_call(stage, stage.address(TIPS), token), TIP_PAID, "payer"
    )
    by_patron = town.named(
        shop.native_tip_call(stage, stage.address(RELAY), native), TIP_RECEIVED, "payer"
    )

    assert by_wallet == [town.wallet]
    assert by_patron == [address_of(patron)]


def test_tickets__sold_on_redeemed_and_refunded__as_their_contracts_say(town: Town) -> None:
    stage, sale = town.stage, town.stage.address(SALE)
    fan, waverer, collector = (stage.key(role) for role in ("fan", "waverer", "collector"))
    orders = [
        town.order(
            address_of(one),
            price=TICKET_PRICE,
            fee=TICKET_PRICE // 10,
            subject=shop.event_id(stage),
        )
        for one in (fan, waverer)
    ]
    calls = [
        shop.direct_call(one, sale, order)
        for one, order in zip((fan, waverer), orders, strict=True)
    ]
    mine, his = (ticket_id_of(receipt) for receipt in town.node.transact(calls))
    town.node.transact([shop.resell_call(stage, fan, collector, mine)])

    redeemed = town.named(
        shop.gate_call(stage, collector, mine, orders[0].deadline), TICKET_REDEEMED, "redeemer"
    )
    refunded = town.named(shop.ticket_refund_call(stage, orders[1], his), TICKET_REFUNDED, "payer")

    assert TICKET_PAID.contract is SALE
    assert redeemed == [address_of(collector)]
    assert refunded == [address_of(waverer)]
    token = town.node.contract("DemoToken", stage.deployment.token)
    assert token.functions.balanceOf(waverer.address).call() == 1_000 * DOLLAR


@contextmanager
def server_of(answers: Mapping[str, tuple[int, object]], seen: list[Any]) -> Iterator[str]:
    """A server that answers by path, and keeps what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def do_POST(self) -> None:
            assert self.headers["content-type"] == "application/json"
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


WORD, PAYER = Hash32.from_int(7), Address(b"\x01" * 20)
INTENT = {
    "intent_id": str(WORD),
    "contract": str(Address(b"\x02" * 20)),
    "payer": str(PAYER),
    "payee": str(Address(b"\x03" * 20)),
    "subject": None,
    "tier_id": None,
    "asset": str(Address(b"\x04" * 20)),
    "amount": "20",
    "fee": "3",
    "order_id": str(Hash32.from_int(9)),
    "until": 100,
}


def asked_of(front_end: FrontEnd) -> Asked:
    return front_end.announce({"family": "tip"})


def test_front_end__intent__becomes_the_order_that_pays_it() -> None:
    seen: list[Any] = []
    with server_of({"/v1/payments/intents": (201, {"intent": INTENT})}, seen) as url:
        asked = asked_of(FrontEnd(url))

    assert seen == [{"family": "tip"}]
    order = asked.order
    assert (order.order_id, order.payer, order.subject) == (Hash32.from_int(9), PAYER, ZERO_HASH)
    assert (order.price, order.max_fee, order.deadline, order.tier_id) == (20, 3, 99, 0)


@pytest.mark.parametrize(
    ("is_refunded", "expected"), [(True, "refunded"), (False, "final")], ids=str
)
def test_front_end__answers__read(is_refunded: bool, expected: str) -> None:
    seen: list[Any] = []
    answers: dict[str, tuple[int, object]] = {
        "/v1/payments/intents": (201, {"intent": INTENT}),
        f"/v1/payments/{WORD}/submissions": (200, {"submission": {"state": "received"}}),
        f"/v1/payments/intents/{WORD}": (200, {"is_refunded": is_refunded, "state": "final"}),
        f"/v1/entitlements/{PAYER}/{WORD}": (200, {"is_granted": True, "reason": "paid"}),
    }
    with server_of(answers, seen) as url:
        front_end = FrontEnd(url)
        asked = asked_of(front_end)
        assert front_end.report(asked, WORD) == "received"
        assert front_end.state(asked) == expected
        assert front_end.admission(PAYER, WORD) == "granted: paid"

    assert seen[1:] == [{"transaction_hash": str(WORD)}]


def test_front_end__problem__told_with_its_path() -> None:
    with (
        server_of({"/v1/payments/intents": (409, {"title": "order taken"})}, []) as url,
        pytest.raises(AnswerRefused, match=r"/v1/payments/intents: .*order taken"),
    ):
        asked_of(FrontEnd(url))
