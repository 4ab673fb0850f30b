"""Who may see what, over facts that the indexer stored: also while the chain changes its mind.

Subjects: api.routes.entitlements, api.schemas.entitlements, api.entitlements,
api.adapters.entitlements, api.adapters.entitlement_queries, api.adapters.gate_readings,
indexer.adapters.gate_readings, indexer.adapters.gate_tables, indexer.adapters.ticket_tables,
settlement.payments.adapters.gate_store, settlement.payments.adapters.gate_tables.
"""

from collections.abc import Iterator
from threading import Lock
from time import sleep
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.exc import DBAPIError

from api.adapters.direct import PLANS
from api.adapters.entitlement_queries import WHOLE
from api.entitlements import ASKED_MAX
from api.schemas.entitlements import EntitlementAnswer, FindingOut
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address
from indexer.adapters.gate_tables import GATE_READING
from indexer.adapters.tables import FACTS
from indexer.adapters.ticket_tables import TICKET_HOLDING
from settlement.payments.adapters.gate_tables import CONTENT_ALIAS, CONTENT_GATE, CONTENT_OFFER
from settlement.payments.errors import BadGate
from settlement.payments.gates import WINDOW_S, Gate, GateKind
from tests.api_client import APIClient, problem_of, running_api
from tests.entitlement_world import (
    ALICE,
    ARCHIVE,
    BOB,
    CREATOR,
    FILM,
    NFT,
    SETTLEMENT,
    SHOW,
    SPLITTER,
    STRANGE_NFT,
    TICKETS,
    USD,
    EntitlementWorld,
    ask,
    content,
    gate,
    issued,
    nft_moved,
    paid,
    redeemed,
    refunded,
    ticket_moved,
    told,
    usd_moved,
    wallet,
)
from tests.fakes_chain import CHAIN_ID, FakeLog


@pytest.fixture
def world(database: str) -> Iterator[EntitlementWorld]:
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    made = EntitlementWorld(engine)
    for what in (FILM, SHOW, ARCHIVE):
        made.add_offer(what, CREATOR, 10)
    yield made
    engine.dispose()


@pytest.fixture
def api(world: EntitlementWorld, database: str) -> Iterator[APIClient]:
    with running_api(world.deps(database)) as client:
        yield client


def test_entitlement__nothing_indexed__unavailable(api: APIClient) -> None:
    assert problem_of(ask(api, ALICE, FILM)) == (503, "not-indexed", [])


def test_entitlement__paid__granted_to_the_payer_with_the_event(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM))
    world.mine()

    body = ask(api, ALICE, FILM).json()
    block = world.chain.canonical[1].header
    head = world.chain.canonical[2].header
    assert (body["is_granted"], body["reason"], body["until"]) == (True, "paid", None)
    assert body["finality"] == "unsafe"
    assert body["block"] == {
        "number": 2,
        "hash": str(head.hash),
        "timestamp": head.timestamp,
    }
    assert body["evidence"]["block_number"] == 1
    assert body["evidence"]["block_hash"] == str(block.hash)
    assert body["evidence"]["log_index"] == 0
    assert told(api, BOB, FILM) == (False, "nothing_found")
    assert told(api, ALICE, SHOW) == (False, "nothing_found")


@pytest.mark.parametrize(
    "payment",
    [paid(ALICE, FILM, creator=BOB), paid(ALICE, FILM, price=9), paid(ALICE, SHOW, price=9)],
    ids=["an accomplice is paid", "less than the price", "less, for the stream of an archive"],
)
def test_entitlement__paid_otherwise_than_offered__denied(
    world: EntitlementWorld, api: APIClient, payment: FakeLog
) -> None:
    world.add_alias(FILM, SHOW)
    world.mine(payment)

    assert told(api, ALICE, FILM) == (False, "payment_not_as_offered")


def test_entitlement__price_raised__earlier_buyers_stay(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM))
    world.add_offer(FILM, CREATOR, 11, from_block=2)
    world.mine(paid(BOB, FILM))

    assert told(api, ALICE, FILM) == (True, "paid")
    assert told(api, BOB, FILM) == (False, "payment_not_as_offered")


def test_entitlement__paid_but_offered_by_nobody__denied(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, content("contraband")))

    assert told(api, ALICE, content("contraband")) == (False, "payment_not_as_offered")


@pytest.mark.parametrize(
    ("creator", "price", "from_block"), [(ZERO_ADDRESS, 1, 5), (CREATOR, 0, 5), (CREATOR, 1, 4)]
)
def test_offer__of_nobody_or_nothing_or_of_the_past__refused(
    world: EntitlementWorld, creator: Address, price: int, from_block: int
) -> None:
    world.mine()
    world.add_offer(FILM, CREATOR, 10, from_block=4)

    with pytest.raises(BadGate):
        world.add_offer(FILM, creator, price, from_block)


def test_entitlement__answer__has_the_members_of_its_schema(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM), paid(BOB, FILM), refunded(BOB, FILM))

    granted, denied = (ask(api, who, FILM).json() for who in (ALICE, BOB))

    assert list(granted) == list(denied) == list(EntitlementAnswer.model_fields)
    assert list(granted["evidence"]) == list(FindingOut.model_fields)
    assert [list(one) for one in denied["failed"]] == [list(FindingOut.model_fields)]
    assert (denied["evidence"], granted["failed"]) == (None, [])


def test_records__rows__cannot_be_changed(world: EntitlementWorld) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.add_alias(ARCHIVE, SHOW)

    for table in (CONTENT_GATE, CONTENT_ALIAS, CONTENT_OFFER):
        with world.engine.begin() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(table.delete())


def test_entitlement__many_asked_at_once__each_gets_its_own_answer(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(content("club"), GateKind.ERC721, NFT))
    world.add_alias(ARCHIVE, FILM)
    world.held[BOB, NFT] = 1
    world.mine(paid(ALICE, FILM), *issued(1, SHOW, BOB), paid(BOB, FILM, "other"))
    world.mine(refunded(BOB, FILM, "other"))
    expected = {
        (ALICE, FILM): "paid",
        (ALICE, ARCHIVE): "paid",
        (ALICE, SHOW): "nothing_found",
        (ALICE, content("club")): "below_minimum",
        (BOB, FILM): "payment_refunded",
        (BOB, SHOW): "ticket_held",
        (BOB, content("club")): "gate_met",
        (CREATOR, ARCHIVE): "nothing_found",
    }
    asked = 12 * list(expected)

    answers = api.at_once([("GET", f"/v1/entitlements/{who}/{what}", {}) for who, what in asked])

    bodies = [answer.json() for answer in answers]
    assert [(one["account"], one["content_id"]) for one in bodies] == [
        (str(who), str(what)) for who, what in asked
    ]
    assert [one["reason"] for one in bodies] == [expected[one] for one in asked]


def test_entitlement__method_not_offered__refused(api: APIClient) -> None:
    assert problem_of(api.post(f"/v1/entitlements/{ALICE}/{FILM}")) == (
        *(405, "method-not-allowed"),
        [],
    )


def test_entitlement__payment_finalized__says_so(world: EntitlementWorld, api: APIClient) -> None:
    world.mine(paid(ALICE, FILM))
    for _ in range(10):
        world.mine()

    assert ask(api, ALICE, FILM).json()["finality"] == "finalized"
    assert ask(api, BOB, FILM).json()["finality"] == "unsafe"


def test_entitlement__reorg_removes_the_payment__next_poll_denies(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM))
    world.mine()
    assert told(api, ALICE, FILM) == (True, "paid")

    world.reorg(2, [], [], [])

    body = ask(api, ALICE, FILM).json()
    assert (body["is_granted"], body["reason"]) == (False, "nothing_found")
    assert body["block"]["hash"] == str(world.chain.canonical[-1].header.hash)


def test_entitlement__reorg_moves_the_payment__evidence_is_the_new_place(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM))

    world.reorg(1, [], [paid(ALICE, FILM)])

    evidence = ask(api, ALICE, FILM).json()["evidence"]
    assert evidence["block_number"] == 2
    assert evidence["block_hash"] == str(world.chain.canonical[2].header.hash)


def test_entitlement__event_of_another_contract__denied(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM, at=wallet("somebody's splitter")))

    assert told(api, ALICE, FILM) == (False, "nothing_found")


def test_entitlement__refunded__denied_unless_paid_again(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM))
    world.mine(refunded(ALICE, FILM))

    assert told(api, ALICE, FILM) == (False, "payment_refunded")
    world.mine(paid(ALICE, FILM, order="another"))
    assert told(api, ALICE, FILM) == (True, "paid")


def test_entitlement__anothers_refund_of_the_same_order_id__changes_nothing(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM), paid(BOB, FILM))
    world.mine(refunded(BOB, FILM))

    assert told(api, ALICE, FILM) == (True, "paid")
    assert told(api, BOB, FILM) == (False, "payment_refunded")


def test_ticket__sold_on__holder_enters_and_buyer_does_not(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(*issued(1, SHOW, ALICE))
    assert told(api, ALICE, SHOW) == (True, "ticket_held")

    world.mine(ticket_moved(1, ALICE, BOB))

    assert told(api, BOB, SHOW) == (True, "ticket_held")
    assert told(api, ALICE, SHOW) == (False, "ticket_transferred")


def test_ticket__comes_back__held_again(world: EntitlementWorld, api: APIClient) -> None:
    world.mine(*issued(1, SHOW, ALICE))
    world.mine(ticket_moved(1, ALICE, BOB), ticket_moved(1, BOB, ALICE))

    assert told(api, ALICE, SHOW) == (True, "ticket_held")
    assert told(api, BOB, SHOW) == (False, "ticket_transferred")


def test_ticket__redeemed__good_for_the_redeemer_alone(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(*issued(1, SHOW, ALICE))
    world.mine(redeemed(1, SHOW, ALICE), ticket_moved(1, ALICE, BOB))

    assert told(api, ALICE, SHOW) == (True, "ticket_redeemed")
    assert told(api, BOB, SHOW) == (False, "ticket_redeemed_by_another")


def test_ticket__refunded__burned_and_denied(world: EntitlementWorld, api: APIClient) -> None:
    world.mine(*issued(1, SHOW, ALICE))
    world.mine(ticket_moved(1, ALICE, wallet("x")), ticket_moved(1, wallet("x"), ALICE))
    world.mine(ticket_moved(1, ALICE, type(ALICE)(bytes(20))))

    assert told(api, ALICE, SHOW) == (False, "ticket_burned")


def test_ticket__reorg_takes_the_sale_back__seller_enters_again(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(*issued(1, SHOW, ALICE))
    world.mine(ticket_moved(1, ALICE, BOB))

    world.reorg(1, [], [])

    assert told(api, ALICE, SHOW) == (True, "ticket_held")
    assert told(api, BOB, SHOW) == (False, "nothing_found")


def test_ticket__redeemed_in_a_block_that_can_be_replaced__unsafe(
    world: EntitlementWorld, api: APIClient
) -> None:
    """The ticket is the wallet's for good; that it was redeemed is not so yet."""
    world.mine(*issued(1, SHOW, ALICE))
    for _ in range(10):
        world.mine()
    assert ask(api, ALICE, SHOW).json()["finality"] == "finalized"

    world.mine(redeemed(1, SHOW, ALICE))

    body = ask(api, ALICE, SHOW).json()
    assert (body["reason"], body["finality"]) == ("ticket_redeemed", "unsafe")
    assert body["evidence"]["block_number"] == body["block"]["number"]


def test_ticket__many_of_it_came_and_went__the_oldest_that_stayed_is_found(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(*issued(0, SHOW, ALICE))
    tickets = range(1, 100)
    world.mine(*(log for one in tickets for log in issued(one, SHOW, ALICE)))
    world.mine(*(ticket_moved(one, ALICE, BOB) for one in tickets))

    assert ask(api, ALICE, SHOW).json()["evidence"]["ticket_id"] == "0"
    world.mine(ticket_moved(0, ALICE, BOB))

    denied = ask(api, ALICE, SHOW).json()
    assert (denied["is_granted"], denied["reason"]) == (False, "ticket_transferred")
    assert len(denied["failed"]) == 64


def test_ticket__blocks_come_and_go__the_last_transfer_of_each_is_its_holder(
    world: EntitlementWorld,
) -> None:
    world.mine(*issued(1, SHOW, ALICE), *issued(2, FILM, ALICE), ticket_moved(1, ALICE, BOB))
    world.mine(ticket_moved(9, ALICE, BOB))  # never issued: of no event
    world.mine(ticket_moved(1, BOB, ALICE), ticket_moved(2, ALICE, BOB), *issued(3, SHOW, BOB))
    assert _held(world) == {1: ALICE, 2: BOB, 3: BOB}

    world.reorg(1, [], [ticket_moved(2, ALICE, ZERO_ADDRESS)])

    assert _held(world) == {1: BOB, 2: ZERO_ADDRESS}
    with world.engine.begin() as connection:  # as a late part of an index is put in
        (row,) = connection.execute(
            text("DELETE FROM fact_ticket_issued WHERE ticket_id = 1 RETURNING *")
        ).mappings()
        assert 1 not in _held(world, connection)
        connection.execute(FACTS["fact_ticket_issued"].insert(), dict(row) | {"ticket_id": 1})
    assert _held(world) == {1: BOB, 2: ZERO_ADDRESS}


def _held(world: EntitlementWorld, connection: Connection | None = None) -> dict[int, Address]:
    query = select(TICKET_HOLDING.c.ticket_id, TICKET_HOLDING.c.holder)
    if connection is not None:
        return {row.ticket_id: row.holder for row in connection.execute(query)}
    with world.engine.connect() as own:
        return _held(world, own)


_MANY = 3_000
_CROWD = """
    INSERT INTO fact_ticket_issued
        (chain_id, block_number, log_index, address, ticket_id, event_id, tier_id, number)
    SELECT {chain}, 1, 100 + 2 * n, {tickets}, n, {show}, 1, n FROM generate_series(1, {many}) n;
    INSERT INTO fact_ticket_transfer
        (chain_id, block_number, log_index, address, source, target, token_id)
    SELECT {chain}, 1 + k, 101 + 2 * n, {tickets}, {alice},
           CASE k WHEN 0 THEN {alice} ELSE {bob} END, n
    FROM generate_series(1, {many}) n, generate_series(0, 1) k;
    INSERT INTO payment_intent (intent_id, chain_id, family, contract, payer, payee, subject, asset,
                                amount, order_id, reference, since, until)
    SELECT sha256(int8send(n)), {chain}, 'ppv', {splitter}, {alice}, {bob}, {show}, {bob}, 5,
           sha256(int8send(n)), 'flood', 1, 9 FROM generate_series(1, {many}) n
"""


def test_entitlement__thousands_of_tickets_and_of_intents__reads_a_few_rows(
    world: EntitlementWorld, database: str
) -> None:
    """What a wallet has, had, or is said to buy by strangers, does not make questions dearer."""
    world.mine()
    world.mine()
    values = {"alice": ALICE, "bob": BOB, "show": SHOW, "tickets": TICKETS, "splitter": SPLITTER}
    spelled = {name: f"'\\x{value.hex()}'::bytea" for name, value in values.items()}
    payments = SETTLEMENT.payments
    ours = (SETTLEMENT.payouts, SPLITTER, TICKETS, payments[ContractName.TICKET_SALE])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_CROWD.format(chain=CHAIN_ID, many=_MANY, **spelled).encode())
        connection.execute("ANALYZE")
        for name, value in PLANS.items():
            connection.execute(f"SET {name} = {value}".encode())
        for who in (ALICE, BOB):
            asked = (CHAIN_ID, bytes(who) + bytes(SHOW), *map(bytes, ours))
            cursor = psycopg.RawCursor(connection)
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {WHOLE}".encode()
            ((plan,),) = cursor.execute(explained, asked, prepare=True).fetchall()

            assert max(_rows_read(plan[0]["Plan"])) < 500


def _rows_read(node: dict[str, Any]) -> Iterator[float]:
    """Rows that each step of a plan has looked at, in all its loops."""
    thrown_away = sum(value for key, value in node.items() if key.startswith("Rows Removed by"))
    yield (node["Actual Rows"] + thrown_away) * node["Actual Loops"]
    for below in node.get("Plans", []):
        yield from _rows_read(below)


def test_ticket__of_another_event__denied(world: EntitlementWorld, api: APIClient) -> None:
    world.mine(*issued(1, SHOW, ALICE))

    assert told(api, ALICE, FILM) == (False, "nothing_found")


def test_gate__met__granted_for_a_day_without_asking_again(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()

    first = ask(api, ALICE, FILM).json()
    world.mine(seconds=WINDOW_S - 1)
    second = ask(api, ALICE, FILM).json()

    read_at = world.chain.canonical[1].header
    assert (first["is_granted"], first["reason"]) == (True, "gate_met")
    assert first["until"] == read_at.timestamp + WINDOW_S
    assert second["evidence"]["block_hash"] == str(read_at.hash)
    assert second["until"] == first["until"]
    assert world.asked == 1


def test_gate__window_over__read_anew(world: EntitlementWorld, api: APIClient) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()
    assert told(api, ALICE, FILM) == (True, "gate_met")

    world.held[ALICE, NFT] = 0
    world.mine(seconds=WINDOW_S)

    assert told(api, ALICE, FILM) == (False, "below_minimum")


def test_gate__window_over_and_node_down__no_answer(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()
    assert told(api, ALICE, FILM) == (True, "gate_met")

    world.is_node_up = False
    world.mine(seconds=WINDOW_S)

    assert problem_of(ask(api, ALICE, FILM)) == (503, "gate-not-read", [])


@pytest.mark.parametrize(
    ("one", "left", "moved"),
    [
        (gate(FILM, GateKind.ERC721, NFT), 0, nft_moved(ALICE, BOB)),
        (gate(FILM, GateKind.ERC20, USD, 50), 49, usd_moved(ALICE, BOB, 50)),
        (gate(FILM, GateKind.ERC721, TICKETS), 0, ticket_moved(1, ALICE, BOB)),
    ],
    ids=["erc721", "erc20", "ticket"],
)
def test_gate__indexed_transfer_drops_the_wallet__denied_at_once(
    world: EntitlementWorld, api: APIClient, one: Gate, left: int, moved: FakeLog
) -> None:
    world.add_gate(one)
    world.held[ALICE, one.token] = one.minimum
    world.mine()
    assert told(api, ALICE, FILM) == (True, "gate_met")
    assert told(api, BOB, FILM) == (False, "below_minimum")

    world.held |= {(ALICE, one.token): left, (BOB, one.token): one.minimum}
    world.mine(moved)

    assert told(api, ALICE, FILM) == (False, "below_minimum")
    assert told(api, BOB, FILM) == (True, "gate_met")


def test_gate__transfer_between_others__reading_stays(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()
    assert told(api, ALICE, FILM) == (True, "gate_met")

    world.mine(nft_moved(BOB, CREATOR), usd_moved(ALICE, BOB, 1))

    assert told(api, ALICE, FILM) == (True, "gate_met")
    assert world.asked == 1


@pytest.mark.parametrize(
    ("kind", "token"),
    [(GateKind.ERC721, STRANGE_NFT), (GateKind.NATIVE, type(ALICE)(bytes(20)))],
    ids=["erc721", "native"],
)
def test_gate__moves_are_not_indexed__read_anew_at_each_block(
    world: EntitlementWorld, api: APIClient, kind: GateKind, token: bytes
) -> None:
    at = type(ALICE)(token)
    world.add_gate(gate(FILM, kind, at))
    world.held[ALICE, at] = 1
    world.mine()
    assert told(api, ALICE, FILM) == (True, "gate_met")
    assert told(api, ALICE, FILM) == (True, "gate_met")
    assert world.asked == 1

    world.held[ALICE, at] = 0
    world.mine()

    assert told(api, ALICE, FILM) == (False, "below_minimum")


def test_gate__moves_are_not_indexed_and_node_down__window_grants(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, STRANGE_NFT))
    world.held[ALICE, STRANGE_NFT] = 1
    world.mine()
    assert told(api, ALICE, FILM) == (True, "gate_met")

    world.is_node_up = False
    world.mine()

    body = ask(api, ALICE, FILM).json()
    assert body["is_granted"]
    assert body["evidence"]["block_number"] == 1
    assert body["block"]["number"] == 2


def test_gate__reorg_takes_the_block_of_the_reading__read_anew(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()
    world.mine(nft_moved(BOB, ALICE))
    assert told(api, ALICE, FILM) == (True, "gate_met")

    world.held[ALICE, NFT] = 0
    world.reorg(1, [], [])

    assert told(api, ALICE, FILM) == (False, "below_minimum")


def test_gate__block_replaced_while_the_chain_is_asked__asked_again(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()

    def once() -> None:
        world.before_answer = lambda: None
        world.held[ALICE, NFT] = 0
        world.reorg(1, [], [])

    world.before_answer = once

    assert told(api, ALICE, FILM) == (False, "below_minimum")
    assert world.asked == 2


def test_gate__transfer_indexed_while_the_chain_is_asked__reading_is_not_kept(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()

    def once() -> None:
        world.before_answer = lambda: None
        world.held[ALICE, NFT] = 0
        world.mine(nft_moved(ALICE, BOB))

    world.before_answer = once

    assert ask(api, ALICE, FILM).json()["block"]["number"] == 1
    assert told(api, ALICE, FILM) == (False, "below_minimum")


def test_gate__two_of_one_content__either_grants(world: EntitlementWorld, api: APIClient) -> None:
    world.add_gate(gate(FILM, GateKind.ERC721, NFT))
    world.add_gate(gate(FILM, GateKind.ERC20, USD, 100))
    world.held[ALICE, USD] = 100
    world.mine()

    assert told(api, ALICE, FILM) == (True, "gate_met")
    body = ask(api, BOB, FILM).json()
    assert [one["reason"] for one in body["failed"]] == ["below_minimum", "below_minimum"]
    assert {one["minimum"] for one in body["failed"]} == {"1", "100"}


def test_archive__payment_and_ticket_of_the_stream__granted(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_alias(ARCHIVE, SHOW)
    world.mine(paid(ALICE, SHOW), *issued(1, SHOW, BOB))

    assert told(api, ALICE, ARCHIVE) == (True, "paid")
    assert told(api, BOB, ARCHIVE) == (True, "ticket_held")
    assert told(api, CREATOR, ARCHIVE) == (False, "nothing_found")


def test_archive__paid_for_the_archive__no_access_to_the_stream(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_alias(ARCHIVE, SHOW)
    world.mine(paid(ALICE, ARCHIVE))

    assert told(api, ALICE, SHOW) == (False, "nothing_found")


def test_archive__gate_was_met_at_the_stream__stays_after_the_token_moved(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(SHOW, GateKind.ERC721, NFT))
    world.held[ALICE, NFT] = 1
    world.mine()
    assert told(api, ALICE, SHOW) == (True, "gate_met")
    ended_at = world.chain.canonical[-1].header.timestamp + 100
    world.add_alias(ARCHIVE, SHOW, ended_at)

    world.held[ALICE, NFT] = 0
    world.held[BOB, NFT] = 1
    world.mine(nft_moved(ALICE, BOB), seconds=2 * WINDOW_S)

    assert told(api, ALICE, ARCHIVE) == (True, "gate_was_met")
    assert told(api, ALICE, SHOW) == (False, "below_minimum")
    assert told(api, BOB, SHOW) == (True, "gate_met")
    assert told(api, BOB, ARCHIVE) == (False, "gate_met_too_late")


def test_archive__reorg_takes_the_admission__denied(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.add_gate(gate(SHOW, GateKind.ERC721, NFT))
    world.add_alias(ARCHIVE, SHOW)
    world.held[ALICE, NFT] = 1
    world.mine()
    world.mine()
    assert told(api, ALICE, SHOW) == (True, "gate_met")
    assert told(api, ALICE, ARCHIVE) == (True, "gate_was_met")

    world.held[ALICE, NFT] = 0
    world.reorg(1, [], [])

    assert told(api, ALICE, ARCHIVE) == (False, "below_minimum")


def test_gate__many_wallets_were_asked_about__readings_go_with_their_window(
    world: EntitlementWorld, api: APIClient
) -> None:
    """Anybody may ask about any wallet: what that leaves behind is gone after a day."""
    world.add_gate(gate(FILM, GateKind.ERC721, STRANGE_NFT))
    world.held[ALICE, STRANGE_NFT] = 1
    world.mine()
    for name in ("a", "b", "c"):
        assert told(api, wallet(name), FILM) == (False, "below_minimum")
    assert told(api, ALICE, FILM) == (True, "gate_met")
    world.mine(seconds=WINDOW_S - 1)
    told(api, wallet("d"), FILM)
    before = readings_of(world)
    world.mine(seconds=1)
    told(api, wallet("e"), FILM)

    assert before == {wallet(name) for name in ("a", "b", "c", "alice", "d")}
    assert readings_of(world) == {wallet("d"), wallet("e")}


def readings_of(world: EntitlementWorld) -> set[Address]:
    with world.engine.connect() as connection:
        return set(connection.execute(select(GATE_READING.c.wallet)).scalars())


def test_gate__chain_answers_slowly__few_threads_wait_for_it(
    world: EntitlementWorld, api: APIClient
) -> None:
    """The others are free for what has nothing to do with gates."""
    waiting, most, lock = [0], [0], Lock()

    def slowly() -> None:
        with lock:
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
        sleep(0.02)
        with lock:
            waiting[0] -= 1

    world.before_answer = slowly
    world.add_gate(gate(FILM, GateKind.ERC721, STRANGE_NFT))
    world.mine()
    path = f"/v1/entitlements/{{}}/{FILM}"

    answers = api.at_once([("GET", path.format(wallet(str(n))), {}) for n in range(20)])

    assert {one.status_code for one in answers} == {200}
    assert most[0] <= ASKED_MAX


def test_entitlement__unchanged__not_modified(world: EntitlementWorld, api: APIClient) -> None:
    world.mine(paid(ALICE, FILM))
    tag = ask(api, ALICE, FILM).headers["etag"]
    path = f"/v1/entitlements/{ALICE}/{FILM}"

    assert api.get(path, headers={"if-none-match": tag}).status_code == 304
    world.mine()
    assert api.get(path, headers={"if-none-match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("address", "what", "field"),
    [(str(ALICE)[:-1], str(FILM), "address"), (str(ALICE), "film", "content")],
)
def test_entitlement__bad_parameter__field_is_named(
    api: APIClient, address: str, what: str, field: str
) -> None:
    assert problem_of(api.get(f"/v1/entitlements/{address}/{what}")) == (422, "bad-value", [field])


def test_entitlement__settlement_named__same_answer(
    world: EntitlementWorld, api: APIClient
) -> None:
    world.mine(paid(ALICE, FILM))

    short = ask(api, ALICE, FILM).json()
    assert api.get(f"/v1/settlements/main/entitlements/{ALICE}/{FILM}").json() == short
    other = api.get(f"/v1/settlements/other/entitlements/{ALICE}/{FILM}")
    assert problem_of(other) == (404, "not-found", ["settlement"])
