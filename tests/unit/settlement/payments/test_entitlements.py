"""The rules of access, one line each: facts of a wallet and a content, and what they come to."""

from dataclasses import replace

import pytest

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from settlement.payments.entitlements import (
    Check,
    Claim,
    Facts,
    GateVisit,
    Level,
    Payment,
    Reason,
    Standing,
    Ticket,
    entitlement,
)
from settlement.payments.gates import WINDOW_S, GateKind, Reading

ALICE, BOB, NFT, STRANGE = (Address(bytes((number,)) * 20) for number in range(1, 5))
FILM, SHOW = Hash32(b"\x0a" * 32), Hash32(b"\x0b" * 32)
ORDER, GATE = Hash32(b"\x0c" * 32), Hash32(b"\x0d" * 32)
INDEXED = frozenset({NFT})
NOW = 1_000_000
AT = Standing(head=BlockNumber(100), timestamp=Timestamp(NOW), finalized=BlockNumber(90))

PAYMENT = Payment(
    content_id=FILM,
    order_id=ORDER,
    block=BlockNumber(80),
    log_index=3,
    refunded=None,
    is_as_offered=True,
)
TICKET = Ticket(
    event_id=FILM,
    ticket_id=7,
    block=BlockNumber(95),
    log_index=1,
    holder=ALICE,
    redeemer=None,
)
CLAIM = Claim(content_id=FILM, order_id=ORDER)


def read(balance: int, *, age_s: int = 100, block: int = 95) -> Reading:
    return Reading(balance=balance, block=BlockNumber(block), timestamp=Timestamp(NOW - age_s))


VISIT = GateVisit(
    content_id=FILM,
    gate_id=GATE,
    kind=GateKind.ERC721,
    token=NFT,
    minimum=2,
    reading=read(2),
    first_met=BlockNumber(60),
    first_met_at=Timestamp(NOW - 5_000),
    ended_at=None,
)
LIVE = replace(VISIT, content_id=SHOW)
"""The same at the stream that the film is the archive of."""


def facts(*found: Payment | Ticket | GateVisit | Claim) -> Facts:
    return Facts(
        wallet=ALICE,
        content_id=FILM,
        payments=tuple(one for one in found if isinstance(one, Payment)),
        tickets=tuple(one for one in found if isinstance(one, Ticket)),
        gates=tuple(one for one in found if isinstance(one, GateVisit)),
        claims=tuple(one for one in found if isinstance(one, Claim)),
    )


@pytest.mark.parametrize(
    ("found", "reason", "until"),
    [
        (facts(PAYMENT), Reason.PAID, None),
        (facts(replace(PAYMENT, content_id=SHOW)), Reason.PAID, None),
        (facts(replace(PAYMENT, refunded=BlockNumber(85)), PAYMENT), Reason.PAID, None),
        (facts(TICKET), Reason.TICKET_HELD, None),
        (facts(replace(TICKET, event_id=SHOW)), Reason.TICKET_HELD, None),
        (facts(replace(TICKET, redeemer=ALICE)), Reason.TICKET_REDEEMED, None),
        (facts(replace(TICKET, redeemer=ALICE, holder=BOB)), Reason.TICKET_REDEEMED, None),
        (facts(replace(TICKET, holder=BOB), TICKET), Reason.TICKET_HELD, None),
        (facts(VISIT), Reason.GATE_MET, NOW - 100 + WINDOW_S),
        (facts(VISIT, PAYMENT), Reason.PAID, None),
        (facts(LIVE), Reason.GATE_WAS_MET, None),
        (facts(replace(LIVE, reading=read(0))), Reason.GATE_WAS_MET, None),
        (facts(replace(LIVE, reading=None)), Reason.GATE_WAS_MET, None),
        (facts(replace(LIVE, ended_at=Timestamp(NOW - 4_999))), Reason.GATE_WAS_MET, None),
        (facts(LIVE, VISIT), Reason.GATE_WAS_MET, None),
    ],
)
def test_entitlement__something_grants__why_and_until_when(
    found: Facts, reason: Reason, until: int | None
) -> None:
    answer = entitlement(found, AT, INDEXED)

    assert (answer.is_granted, answer.reason, answer.until) == (True, reason, until)
    assert [one.reason for one in answer.findings] == [reason]
    assert answer.unread == ()


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (facts(), Reason.NOTHING_FOUND),
        (facts(CLAIM), Reason.PAYMENT_GONE),
        (facts(CLAIM, replace(PAYMENT, refunded=BlockNumber(85))), Reason.PAYMENT_REFUNDED),
        (facts(CLAIM, replace(TICKET, holder=BOB)), Reason.TICKET_TRANSFERRED),
        (facts(replace(PAYMENT, refunded=BlockNumber(85))), Reason.PAYMENT_REFUNDED),
        (facts(replace(TICKET, holder=BOB)), Reason.TICKET_TRANSFERRED),
        (facts(replace(TICKET, holder=ZERO_ADDRESS)), Reason.TICKET_BURNED),
        (facts(replace(TICKET, redeemer=BOB)), Reason.TICKET_REDEEMED_BY_ANOTHER),
        (facts(replace(TICKET, redeemer=BOB, holder=BOB)), Reason.TICKET_REDEEMED_BY_ANOTHER),
        (facts(replace(VISIT, reading=read(1))), Reason.BELOW_MINIMUM),
        (facts(replace(VISIT, reading=None)), Reason.NOT_READ),
        (facts(replace(VISIT, reading=read(2, age_s=WINDOW_S))), Reason.NOT_READ),
        (facts(replace(LIVE, ended_at=Timestamp(NOW - 5_000))), Reason.GATE_MET_TOO_LATE),
        (
            facts(replace(LIVE, first_met=None, first_met_at=None, reading=read(1))),
            Reason.BELOW_MINIMUM,
        ),
        (
            facts(replace(VISIT, reading=read(1)), replace(TICKET, holder=BOB)),
            Reason.TICKET_TRANSFERRED,
        ),
    ],
)
def test_entitlement__nothing_grants__denied_with_the_reason(found: Facts, reason: Reason) -> None:
    answer = entitlement(found, AT, INDEXED)

    assert (answer.is_granted, answer.reason, answer.until) == (False, reason, None)
    assert answer.level is Level.UNSAFE


def test_entitlement__denied__every_check_is_told() -> None:
    refund = replace(PAYMENT, refunded=BlockNumber(85))
    answer = entitlement(
        facts(refund, replace(TICKET, holder=BOB), replace(VISIT, reading=read(1))), AT, INDEXED
    )

    assert [(one.check, one.reason) for one in answer.findings] == [
        (Check.PAYMENT, Reason.PAYMENT_REFUNDED),
        (Check.TICKET, Reason.TICKET_TRANSFERRED),
        (Check.GATE, Reason.BELOW_MINIMUM),
    ]
    assert [one.block for one in answer.findings] == [85, 95, 95]
    assert (answer.findings[2].balance, answer.findings[2].minimum) == (1, 2)


@pytest.mark.parametrize(
    ("found", "finalized", "level"),
    [
        (facts(PAYMENT), 80, Level.FINALIZED),
        (facts(PAYMENT), 79, Level.UNSAFE),
        (facts(PAYMENT), None, Level.UNSAFE),
        (facts(TICKET), 94, Level.UNSAFE),
        (facts(VISIT), 95, Level.FINALIZED),
        (facts(LIVE), 60, Level.FINALIZED),
        (facts(), 99, Level.UNSAFE),
        (facts(), 100, Level.FINALIZED),
    ],
)
def test_entitlement__level__by_the_block_that_it_rests_on(
    found: Facts, finalized: int | None, level: Level
) -> None:
    final = None if finalized is None else BlockNumber(finalized)

    assert entitlement(found, replace(AT, finalized=final), INDEXED).level is level


@pytest.mark.parametrize(
    ("visit", "is_granted", "is_unread"),
    [
        (VISIT, True, False),
        (replace(VISIT, token=STRANGE), True, True),
        (replace(VISIT, token=STRANGE, reading=read(2, block=100)), True, False),
        (replace(VISIT, token=STRANGE, reading=read(1)), False, True),
        (replace(VISIT, reading=None), False, True),
        (replace(VISIT, reading=read(2, age_s=WINDOW_S)), False, True),
        (replace(VISIT, reading=read(1)), False, False),
        (replace(LIVE, first_met=None, first_met_at=None, reading=None), False, True),
        (
            replace(LIVE, first_met=None, first_met_at=None, reading=None, ended_at=Timestamp(NOW)),
            False,
            False,
        ),
    ],
    ids=[
        *("indexed", "not indexed", "not indexed, at the head", "not indexed, below"),
        *("never read", "expired", "indexed, below", "stream, never read", "stream that ended"),
    ],
)
def test_entitlement__gate__asked_of_the_chain_where_a_reading_is_not_current(
    visit: GateVisit, is_granted: bool, is_unread: bool
) -> None:
    answer = entitlement(facts(visit), AT, INDEXED)

    assert (answer.is_granted, bool(answer.unread)) == (is_granted, is_unread)


def test_entitlement__one_gate_current_and_one_not__nobody_is_asked() -> None:
    stale = replace(VISIT, gate_id=ORDER, token=STRANGE, reading=read(9, age_s=1))

    answer = entitlement(facts(stale, VISIT), AT, INDEXED)

    assert answer.is_granted
    assert answer.unread == ()
    assert answer.findings[0].gate_id == GATE
