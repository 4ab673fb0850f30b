"""Transfers that name no order: what may pay them, and what may end the wait for them.

Subjects: settlement.payments.verify_payment, settlement.payments.sources,
settlement.payments.legs, settlement.payments.states.
"""

from dataclasses import replace

import pytest

from contracts.evm import Hash32
from contracts.units import BaseUnits
from settlement.payments.evidence import Heights, LogSeen, Source
from settlement.payments.families import family_named
from settlement.payments.intent import PaymentIntent
from settlement.payments.policies import Outcome
from settlement.payments.ports import Submission
from settlement.payments.states import State
from settlement.payments.verification import Check
from settlement.payments.verify_payment import Look
from tests.fakes_payments import FakeIndex, FakeNode, Office
from tests.payments_builders import STRANGER, block, digest, heights, intent_of, paying_log

PPV, SEND = family_named("ppv"), family_named("offramp_send")
SPLIT, SENT = intent_of(PPV), intent_of(SEND)
TX, OTHER_TX = digest("first transaction"), digest("second transaction")


@pytest.fixture
def office() -> Office:
    """A creator is the address that an off-ramp named."""
    office = Office(node=FakeNode())
    office.desk.declare(SPLIT)
    office.desk.declare(SENT)
    return office


def mined(office: Office, number: int, *logs: LogSeen) -> None:
    """In the index, and told by the node, which alone finds what names no order."""
    assert office.node is not None
    office.index.mine(TX, number, *logs)
    office.node.mine(TX, number, *logs, fork=office.index.fork)


def submitted(office: Office, intent: PaymentIntent, tx_hash: Hash32 = TX) -> Look:
    return office.desk.submit(Submission(intent.intent_id, tx_hash))


def history(office: Office, tx_hash: Hash32 = TX) -> list[tuple[State, bool]]:
    lines = office.store.history(Submission(SENT.intent_id, tx_hash))
    return [(line.state, line.is_terminal) for line in lines]


def through_the_splitter() -> tuple[LogSeen, LogSeen]:
    """The splitter's event, and the transfer of the price that follows it."""
    return paying_log(SPLIT, log_index=1), paying_log(SENT, log_index=2)


@pytest.mark.parametrize("intents", [(SPLIT, SENT), (SENT, SPLIT)], ids=["split", "sent"])
def test_leg__claimed_as_payment_and_as_send__is_the_payments_whoever_came_first(
    office: Office, intents: tuple[PaymentIntent, PaymentIntent]
) -> None:
    mined(office, 130, *through_the_splitter())

    found = {intent.family_name: submitted(office, intent) for intent in intents}

    assert found["ppv"].is_verified
    sent = found["offramp_send"]
    assert sent.verdict is not None
    assert sent.ruling is not None
    assert sent.verdict.failed == (Check.CLAIM,)
    assert (sent.ruling.outcome, sent.ruling.due_back) == (Outcome.CLAIMED_ELSEWHERE, 0)
    assert office.store.claims(SENT.intent_id) == []


def test_leg__nobody_asked_for_the_payment__still_no_send(office: Office) -> None:
    alone = Office(node=FakeNode())
    alone.desk.declare(SENT)
    mined(alone, 130, *through_the_splitter())

    assert not submitted(alone, SENT).is_verified
    mined(office, 130, *through_the_splitter())
    office.finalize(130)
    submitted(office, SENT)
    assert history(office) == [(State.REFUSED, True)]


def test_leg__an_equal_transfer_beside_it__is_the_send(office: Office) -> None:
    mined(office, 130, *through_the_splitter(), paying_log(SENT, log_index=3))

    found = submitted(office, SENT)

    assert found.is_verified
    assert found.verdict is not None
    assert found.verdict.log_index == 3


def test_leg__mined_again_as_one__the_send_is_gone_and_comes_back_with_it(office: Office) -> None:
    """A wallet pays in the same transaction only if it can; each fork goes another way."""
    mined(office, 130, paying_log(SENT, log_index=2))
    assert submitted(office, SENT).is_verified

    office.index.reorg(128, "paid too")
    mined(office, 131, *through_the_splitter())
    assert not submitted(office, SENT).is_verified
    assert submitted(office, SPLIT).is_verified

    office.index.reorg(128, "not paid")
    mined(office, 131, paying_log(SENT, log_index=2))
    assert submitted(office, SENT).is_verified
    assert not submitted(office, SPLIT).is_verified


LATE = heights(head=260, final=210)
"""The index is past the end of the intents' time, which is at block 200."""


def site(node: FakeNode | None, reached: Heights = LATE) -> Office:
    office = Office(index=FakeIndex(reached=reached), node=node)
    office.desk.declare(SENT)
    return office


def test_end__node_denies_what_the_index_holds__final_by_the_index() -> None:
    node = FakeNode(reached=LATE)
    office = site(node, reached=heights(head=180, final=140))
    submitted(office, SENT)
    office.index.mine(TX, 150, paying_log(SENT))

    office.index.reached = LATE
    office.look_again()

    assert history(office) == [(State.AWAITED, False), (State.FINAL, True)]


def test_end__node_showed_another_block__the_index_finds_it_again() -> None:
    """A reorg mined it elsewhere, and the node goes on to say that nothing has it."""
    node = FakeNode(reached=heights())
    node.mine(TX, 145, paying_log(SENT), fork="lost")
    office = site(node, reached=heights())
    assert submitted(office, SENT).standing.state is State.RECEIVED

    node.mined.clear()
    node.reached = LATE
    office.index.mine(TX, 150, paying_log(SENT))
    office.index.reached = LATE
    office.look_again()

    assert history(office)[-1] == (State.FINAL, True)


def test_end__forged_receipt__the_index_knows_better() -> None:
    node = FakeNode(reached=LATE)
    node.mine(TX, 150, paying_log(SENT, amount=BaseUnits(1)))
    office = site(node)
    office.index.mine(TX, 152, paying_log(SENT))

    found = submitted(office, SENT)

    assert found.is_verified
    assert history(office) == [(State.FINAL, True)]


def test_end__receipt_above_the_finalized_block__waits() -> None:
    """What only a node says of a block that can still be another one ends nothing."""
    node = FakeNode(reached=LATE)
    node.mine(TX, 230, paying_log(SENT, amount=BaseUnits(1)))
    office = site(node)

    submitted(office, SENT)

    assert history(office) == [(State.REFUSED, False)]
    node.mined.clear()
    office.index.reached = heights(head=300, final=250)
    submitted(office, SENT)
    assert history(office)[-1][1]


@pytest.mark.parametrize("node", [None, FakeNode(reached=LATE)], ids=["no node", "a node"])
def test_end__in_no_indexed_block__expired(node: FakeNode | None) -> None:
    office = site(node)
    office.index.mine(OTHER_TX, 150, paying_log(SENT))

    submitted(office, SENT)

    assert history(office) == [(State.EXPIRED, True)]


def test_forged_receipt__in_a_block_that_the_index_holds__pays_nothing() -> None:
    """The receipts of that block are proved: it has no such log of a contract of ours."""
    node = FakeNode()
    node.mine(TX, 130, paying_log(SENT))
    office = site(node, reached=heights())

    found = submitted(office, SENT)

    assert found.standing.state is State.REFUSED
    assert found.verdict is not None
    assert found.verdict.failed[0] is Check.EVENT
    strange = FakeNode()
    strange.mine(TX, 130, replace(paying_log(SENT), address=STRANGER))
    shown = submitted(site(strange, reached=heights()), SENT).verdict
    assert shown is not None
    assert Check.EMITTER in shown.failed
    assert shown.seen.source is Source.NODE


def test_late_by_a_second__mined_but_not_final__no_end_yet() -> None:
    """Its block may go, and then nothing is due back."""
    office = site(None)
    end = block(220)
    office.index.mine(TX, 220, paying_log(SPLIT))
    office.desk.declare(SPLIT)
    assert end.timestamp > SPLIT.until

    found = submitted(office, SPLIT)

    assert (found.standing.state, found.standing.is_terminal) == (State.REFUSED, False)
    office.finalize(220)
    office.look_again()
    lines = office.store.history(Submission(SPLIT.intent_id, TX))
    assert [(line.is_terminal, line.outcome) for line in lines] == [
        (False, Outcome.UNTIMELY),
        (True, Outcome.UNTIMELY),
    ]
