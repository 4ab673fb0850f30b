"""Payments over HTTP: intents, submissions, and where they stand.

Subjects: api.routes.payments, api.payments, api.adapters.payments, api.schemas.payments.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, insert

from api.context import Deps
from api.payments import submit_transaction
from contracts.event_spec import ContractName
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, Hash32, Timestamp
from contracts.orders import Order, pay_call
from contracts.payment_event_specs import CONTENT_FEE_TERMS_SET, CONTENT_PAID, CONTENT_REFUNDED
from contracts.units import BaseUnits
from indexer.adapters.tables import BLOCK, FACTS, LOG
from scripts.payments import payment_desk
from settlement.payments.families import family_named
from settlement.payments.intent import PaymentIntent
from settlement.payments.look_again import look_again
from settlement.payments.ports import Submission
from settlement.payments.states import State
from tests.api_client import APIClient, problem_of, running_api
from tests.api_world import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_ID,
    SONG,
    USD,
    World,
    address,
    name_hash,
    settlement_named,
)
from tests.payments_builders import log_of, values_of

SPLITTER, TREASURY = address("splitter"), address("treasury")
TX = name_hash("payment")
BODY: dict[str, Any] = {
    "family": "ppv",
    "payer": str(ALICE),
    "payee": str(BOB),
    "subject": str(SONG),
    "asset": str(USD),
    "amount": "25000000",
    "reference": "order 1",
    "since": 1_000,
    "until": 2_000,
}


class Shop:
    """The story's settlement with a splitter, and the API over it."""

    def __init__(self, world: World, api: APIClient) -> None:
        self.world, self.api = world, api

    def declared(self, **changes: Any) -> dict[str, Any]:
        response = self.api.post("/v1/payments/intents", json=BODY | changes)
        assert response.status_code in {200, 201}, response.text
        intent: dict[str, Any] = response.json()["intent"]
        return intent

    def told(self, intent: dict[str, Any], tx_hash: Hash32 = TX) -> Any:
        path = f"/v1/payments/{intent['intent_id']}/submissions"
        return self.api.post(path, json={"transaction_hash": str(tx_hash)})

    def shown(self, intent: dict[str, Any]) -> Any:
        return self.api.get(f"/v1/payments/intents/{intent['intent_id']}").json()

    def look_again(self) -> None:
        look_again(payment_desk(self.world.engine, self.world.settlement, None))

    def pay(self, intent: dict[str, Any], *, block: int, tx_hash: Hash32 = TX) -> None:
        """The event that pays an intent, in a new head block."""
        self.world.mine(block)
        self.emit(CONTENT_PAID, SPLITTER, values_of(_intent(intent)) | {"fee": 2_500_000}, tx_hash)

    def emit(self, spec: Any, emitter: Address, values: dict[str, Any], tx_hash: Hash32) -> None:
        log = log_of(spec, emitter, values)
        transaction = {"transaction_hash": tx_hash, "transaction_index": 0}
        place = {
            "chain_id": CHAIN_ID,
            "block_number": self.world.head,
            "log_index": self.world.log_index,
            "address": emitter,
        }
        with self.world.engine.begin() as connection:
            more = transaction if spec.is_bulk else {}
            connection.execute(insert(FACTS[spec.table]).values(**place, **values, **more))
            if not spec.is_bulk:
                raw = {"data": log.data, "topics": list(log.topics)}
                connection.execute(insert(LOG).values(**place, **raw, **transaction))
        self.world.log_index += 1

    def reorg(self, number: int, fork: str) -> None:
        """Replace this block and all above it by as many others."""
        head = self.world.head
        with self.world.engine.begin() as connection:
            connection.execute(delete(BLOCK).where(BLOCK.c.number >= number))
            for table in (LOG, *FACTS.values()):
                connection.execute(delete(table).where(table.c.block_number >= number))
        self.world.head = number - 1
        self.world.mine(head, fork=fork)


@pytest.fixture
def shop(world: World, deps: Deps) -> Iterator[Shop]:
    world.settlement = replace(
        world.settlement,
        payments={ContractName.PAY_PER_VIEW_SPLITTER: SPLITTER},
        tokens=(USD,),
    )
    desk = payment_desk(world.engine, world.settlement, None)
    ours = replace(
        deps,
        settlements=(world.settlement,),
        payments={world.settlement.name: desk},
    )
    with running_api(ours) as api:
        shop = Shop(world, api)
        world.mine(31)
        terms = {"treasury": TREASURY, "minimum": 1_000_000, "bps": 1_000}
        shop.emit(CONTENT_FEE_TERMS_SET, SPLITTER, terms, name_hash("deployment"))
        yield shop


def _intent(out: dict[str, Any]) -> PaymentIntent:
    """As the event sees it: the terms are not part of it."""
    return PaymentIntent(
        chain_id=CHAIN_ID,
        family_name=out["family"],
        contract=Address.from_hex(out["contract"]),
        payer=Address.from_hex(out["payer"]),
        payee=Address.from_hex(out["payee"]),
        subject=Hash32.from_hex(out["subject"]) if out["subject"] else None,
        tier_id=None,
        asset=Address.from_hex(out["asset"]),
        amount=BaseUnits(int(out["amount"])),
        fee_terms=None,
        stated_order=Hash32.from_hex(out["order_id"]) if out["order_id"] else None,
        reference=out["reference"],
        since=Timestamp(out["since"]),
        until=Timestamp(out["until"]),
    )


def test_create_intent__twice__stored_once_with_the_fee_in_force(shop: Shop) -> None:
    first = shop.api.post("/v1/payments/intents", json=BODY)
    second = shop.api.post("/v1/payments/intents", json=BODY)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    intent = first.json()["intent"]
    assert intent["contract"] == str(SPLITTER)
    assert (intent["fee"], intent["total"]) == ("2500000", "27500000")
    assert intent["order_id"] == intent["intent_id"]


def test_create_intent__call__pays_it_or_nothing(shop: Shop) -> None:
    """What a wallet sends unchanged: no more than the quoted fee, and never out of time."""
    intent = shop.declared()
    anybodys = shop.declared(payer=None, reference="a gift")
    asked = _intent(intent)
    order = Order(
        order_id=asked.intent_id if asked.order_id is None else asked.order_id,
        payer=ALICE,
        creator=BOB,
        subject=SONG,
        tier_id=0,
        price=BaseUnits(25_000_000),
        max_fee=BaseUnits(2_500_000),
        deadline=Timestamp(1_999),
    )

    assert intent["call"] == {
        "to": str(SPLITTER),
        "data": "0x" + pay_call(order).hex(),
        "value": "0",
        "allowance": "27500000",
    }
    assert shop.shown(intent)["intent"] == intent
    assert anybodys["call"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"family": "barter"}, "family"),
        ({"family": "tip"}, "family"),
        ({"subject": None}, "subject"),
        ({"tier_id": 1}, "tier_id"),
        ({"asset": str(CAROL)}, "asset"),
        ({"amount": "0"}, "amount"),
        ({"amount": 5}, "amount"),
        ({"payee": str(Address(bytes(20)))}, "payee"),
        ({"payee": str(SPLITTER)}, "payee"),
        ({"payee": str(USD)}, "payee"),
        ({"payee": str(settlement_named("main").payouts)}, "payee"),
        ({"until": 1_000}, "until"),
        ({"until": 2**62}, "until"),
        ({"since": 2**40, "until": 2**40 + 1}, "until"),  # nobody would ever forget it
        ({"reference": ""}, "reference"),
        ({"reference": "a\u0000b"}, "reference"),
        ({"order_id": "0x" + "00" * 32}, "order_id"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_create_intent__bad_value__names_the_field(
    shop: Shop, changes: dict[str, Any], field: str
) -> None:
    response = shop.api.post("/v1/payments/intents", json=BODY | changes)

    assert problem_of(response) == (422, "bad-value", [field])


def test_create_intent__transfer_of_somebody_else__only_the_payer_announces(shop: Shop) -> None:
    body = BODY | {"family": "offramp_send", "subject": None}

    response = shop.api.post("/v1/payments/intents", json=body)

    assert problem_of(response) == (403, "not-the-payer", ["payer"])


def test_create_intent__server_without_payments__not_found(api: APIClient) -> None:
    response = api.post("/v1/payments/intents", json=BODY)

    assert problem_of(response)[:2] == (404, "not-found")


def test_submission__paid__received_then_final(shop: Shop) -> None:
    intent = shop.declared()
    assert shop.shown(intent)["state"] == "awaited"
    shop.pay(intent, block=32)

    told = shop.told(intent).json()["submission"]
    received = shop.shown(intent)
    shop.world.mine(40)
    shop.world.finalize(32)
    final = shop.shown(intent)

    assert told["state"] == "received"
    assert (told["outcome"], told["failed"], told["ordinal"]) == ("accepted", [], 0)
    assert (received["state"], received["head"]["number"]) == ("received", 32)
    assert (final["state"], final["block"]["number"]) == ("final", 32)
    assert final["submissions"][0]["confirmations"] == 9
    shop.look_again()
    assert shop.shown(intent)["submissions"][0]["is_terminal"]


def test_submission__same_again__same_answer(shop: Shop) -> None:
    intent = shop.declared()
    shop.pay(intent, block=32)

    assert shop.told(intent).json() == shop.told(intent).json()


def test_submission__reorg_takes_the_block__gone_at_once_with_the_reason(shop: Shop) -> None:
    intent = shop.declared()
    shop.world.mine(33)
    shop.pay(intent, block=34)
    shop.told(intent)

    shop.reorg(34, "b")
    before_the_look = shop.shown(intent)
    shop.look_again()
    after_it = shop.shown(intent)

    assert before_the_look["state"] == after_it["state"] == "gone"
    assert "block 34" in before_the_look["submissions"][0]["reason"]
    assert "was replaced" in after_it["submissions"][0]["reason"]
    assert after_it["submissions"][0]["confirmations"] == 0


def test_submission__payment_of_another_order__conflict(shop: Shop) -> None:
    first = shop.declared()
    second = shop.declared(reference="order 2", order_id=first["order_id"])
    shop.pay(first, block=32)

    assert shop.told(first).status_code == 200
    refused = shop.told(second)

    assert problem_of(refused) == (409, "claimed-elsewhere", ["transaction_hash"])
    assert shop.told(first).status_code == 200
    assert shop.shown(second)["state"] == "awaited"
    assert shop.shown(second)["submissions"][0]["outcome"] == "claimed_elsewhere"


def test_submission__order_that_is_paid_already__conflict(shop: Shop) -> None:
    intent = shop.declared(payer=None)
    again = name_hash("paid again")
    shop.pay(intent | {"payer": str(ALICE)}, block=32)
    shop.pay(intent | {"payer": str(CAROL)}, block=33, tx_hash=again)

    assert shop.told(intent).status_code == 200
    refused = shop.told(intent, again)

    assert problem_of(refused) == (409, "claimed-elsewhere", ["transaction_hash"])
    assert shop.shown(intent)["submissions"][1]["outcome"] == "duplicate"


def test_submission__two_orders_by_fifty_requests__one_of_them_wins(shop: Shop) -> None:
    first = shop.declared()
    second = shop.declared(reference="order 2", order_id=first["order_id"])
    shop.pay(first, block=32)
    desk = payment_desk(shop.world.engine, shop.world.settlement, None)
    ids = [Hash32.from_hex(one["intent_id"]) for one in (first, second)] * 25

    with ThreadPoolExecutor(10) as pool:
        looks = list(pool.map(lambda one: desk.submit(Submission(one, TX)), ids))

    statuses = sorted([shop.told(first).status_code, shop.told(second).status_code])
    assert len({one.intent.intent_id for one in looks if one.is_verified}) == 1
    assert sum(one.is_verified for one in looks) == 25
    assert statuses == [200, 409]


def test_intent__both_its_payments_are_back_after_a_reorg__the_first_on_the_chain_counts(
    shop: Shop,
) -> None:
    """Paid, lost, paid again by somebody else; then the first is mined again, behind the second."""
    intent = shop.declared(payer=None)
    of_alice, of_carol = intent | {"payer": str(ALICE)}, intent | {"payer": str(CAROL)}
    shop.pay(of_alice, block=32)
    shop.told(intent)
    shop.reorg(32, "fork")
    other = name_hash("second payment")
    shop.pay(of_carol, block=33, tx_hash=other)
    shop.told(intent, other)
    shop.pay(of_alice, block=34)
    before_a_look = shop.shown(intent)
    shop.look_again()

    shown = shop.shown(intent)

    submissions = {one["transaction_hash"]: one for one in shown["submissions"]}
    assert {before_a_look["state"], shown["state"]} == {"received"}
    assert submissions[str(other)]["outcome"] == "accepted"
    back = submissions[str(TX)]
    assert (back["state"], back["outcome"], back["failed"]) == ("refused", "duplicate", ["claim"])
    assert f"the order is paid by log 0 of transaction {other}" in back["reason"]
    assert problem_of(shop.told(intent))[0] == 409


def test_submission__wrong_content__refused_and_not_bound(shop: Shop) -> None:
    intent = shop.declared()
    shop.pay(intent | {"subject": str(name_hash("something else"))}, block=32)

    told = shop.told(intent).json()["submission"]

    assert (told["state"], told["outcome"]) == ("refused", "mismatched")
    assert told["failed"] == ["subject"]
    assert told["ordinal"] is None
    assert shop.shown(intent)["state"] == "awaited"


def test_submission__not_mined__awaited_until_it_is(shop: Shop) -> None:
    intent = shop.declared()

    assert shop.told(intent).json()["submission"]["state"] == "awaited"
    shop.pay(intent, block=32)
    shop.look_again()

    assert shop.shown(intent)["state"] == "received"


def test_submission__unknown_intent__not_found(shop: Shop) -> None:
    nowhere = {"intent_id": str(name_hash("nothing"))}
    path = f"/v1/payments/{nowhere['intent_id']}/submissions"

    assert problem_of(shop.told(nowhere)) == (404, "not-found", ["intent_id"])
    assert problem_of(shop.api.get(path)) == (404, "not-found", ["intent_id"])
    shown = shop.api.get(f"/v1/payments/intents/{nowhere['intent_id']}")
    assert problem_of(shown) == (404, "not-found", ["intent_id"])


def test_submission__too_many__refused(shop: Shop) -> None:
    intent = shop.declared()
    for number in range(16):
        shop.told(intent, name_hash(f"transaction {number}"))

    assert problem_of(shop.told(intent)) == (409, "too-many-transactions", ["transaction_hash"])
    listed = shop.api.get(f"/v1/payments/{intent['intent_id']}/submissions").json()
    assert len(listed["submissions"]) == 16


def test_intent__refunded__said_so(shop: Shop) -> None:
    intent = shop.declared()
    shop.pay(intent, block=32)
    shop.told(intent)
    assert not shop.shown(intent)["is_refunded"]

    shop.world.mine(33)
    refund = values_of(_intent(intent)) | {"fee": 2_500_000}
    shop.emit(CONTENT_REFUNDED, SPLITTER, refund, name_hash("refund"))

    assert shop.shown(intent)["is_refunded"]
    assert shop.told(intent).json()["submission"]["outcome"] == "refunded"


def test_intent__others_paid_under_its_order_and_were_refunded__stays_paid(shop: Shop) -> None:
    intent = shop.declared(payer=None)
    shop.pay(intent | {"payer": str(ALICE)}, block=32)
    shop.told(intent)
    by_other = values_of(_intent(intent | {"payer": str(CAROL)})) | {"fee": 2_500_000}
    shop.emit(CONTENT_PAID, SPLITTER, by_other, name_hash("another payment"))
    shop.emit(CONTENT_REFUNDED, SPLITTER, by_other, name_hash("its refund"))

    assert not shop.shown(intent)["is_refunded"]


def test_intent__first_claim_is_gone_and_the_second_stands__received(shop: Shop) -> None:
    """The transaction that was told of first is mined after the other one was replaced."""
    intent = shop.declared()
    other = name_hash("told of later")
    shop.told(intent)
    shop.pay(intent, block=32, tx_hash=other)
    assert shop.told(intent, other).status_code == 200
    shop.reorg(32, "b")
    shop.pay(intent, block=33)

    assert shop.told(intent).status_code == 200
    assert shop.shown(intent)["state"] == "received"


def transfer_of(payer: Address) -> PaymentIntent:
    return PaymentIntent(
        chain_id=CHAIN_ID,
        family_name=family_named("offramp_send").name,
        contract=USD,
        payer=payer,
        payee=CAROL,
        subject=None,
        tier_id=None,
        asset=USD,
        amount=BaseUnits(5),
        fee_terms=None,
        stated_order=None,
        reference="cash-out",
        since=Timestamp(1_000),
        until=Timestamp(2_000),
    )


def test_offramp_send__announced_and_told_of_by_its_payer__awaited(shop: Shop) -> None:
    """The index alone does not find a transfer: a node would say in which block it is."""
    desk = payment_desk(shop.world.engine, shop.world.settlement, None)
    sent = transfer_of(ALICE)
    desk.declare(sent)
    shop.world.mine(32)
    shop.emit(ERC20_TRANSFER, USD, {"source": ALICE, "target": CAROL, "amount": 5}, TX)

    shown = shop.api.get(f"/v1/payments/intents/{sent.intent_id}").json()

    assert shown["intent"]["family"] == "offramp_send"
    assert shown["intent"]["order_id"] is None
    told = submit_transaction(
        desk, Submission(sent.intent_id, TX), visitor=ALICE, writers=asyncio.Semaphore(1)
    )
    assert shop.api.run(told).standing.state is State.AWAITED


def test_offramp_send__told_of_by_a_stranger__only_the_payer_may(shop: Shop) -> None:
    """No event names its order: sixteen transactions of strangers would shut the payer out."""
    desk = payment_desk(shop.world.engine, shop.world.settlement, None)
    sent = transfer_of(ALICE)
    desk.declare(sent)

    strange = shop.told({"intent_id": str(sent.intent_id)})

    assert problem_of(strange) == (403, "not-the-payer", ["payer"])
    shown = shop.api.get(f"/v1/payments/intents/{sent.intent_id}").json()
    assert shown["submissions"] == []
