"""Laws of access, for any facts: who is let in has a reason, and nobody gets in on another's."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from settlement.payments.entitlements import (
    Facts,
    GateVisit,
    Level,
    Payment,
    Standing,
    Ticket,
    entitlement,
)
from settlement.payments.gates import WINDOW_S, GateKind, Reading

ALICE, BOB, CAROL = WALLETS = tuple(Address(bytes((number,)) * 20) for number in (1, 2, 3))
NFT, STRANGE = Address(b"\x11" * 20), Address(b"\x12" * 20)
FILM, SHOW = Hash32(b"\x0a" * 32), Hash32(b"\x0b" * 32)
INDEXED = frozenset({NFT})
HEAD, NOW = 1_000, 10_000_000

blocks = st.integers(0, HEAD).map(BlockNumber)
contents = st.sampled_from((FILM, SHOW))
ids = st.binary(min_size=32, max_size=32).map(Hash32)
times = st.integers(NOW - 3 * WINDOW_S, NOW).map(Timestamp)


@st.composite
def payments(draw: st.DrawFn) -> Payment:
    block = draw(blocks)
    return Payment(
        content_id=draw(contents),
        order_id=draw(ids),
        block=block,
        log_index=draw(st.integers(0, 9)),
        refunded=draw(st.none() | st.integers(block, HEAD).map(BlockNumber)),
        is_as_offered=True,
    )


@st.composite
def tickets(draw: st.DrawFn) -> Ticket:
    return Ticket(
        event_id=draw(contents),
        ticket_id=draw(st.integers(1, 3)),
        block=draw(blocks),
        log_index=draw(st.integers(0, 9)),
        holder=draw(st.sampled_from((*WALLETS, ZERO_ADDRESS))),
        redeemer=draw(st.none() | st.sampled_from(WALLETS)),
    )


@st.composite
def visits(draw: st.DrawFn) -> GateVisit:
    first = draw(st.none() | times)
    reading = st.builds(Reading, balance=st.integers(0, 4), block=blocks, timestamp=times)
    return GateVisit(
        content_id=draw(contents),
        gate_id=draw(ids),
        kind=GateKind.ERC721,
        token=draw(st.sampled_from((NFT, STRANGE))),
        minimum=draw(st.integers(1, 3)),
        reading=draw(st.none() | reading),
        first_met=None if first is None else draw(blocks),
        first_met_at=first,
        ended_at=draw(st.none() | times),
    )


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    return Facts(
        wallet=ALICE,
        content_id=FILM,
        payments=tuple(draw(st.lists(payments(), max_size=3))),
        tickets=tuple(draw(st.lists(tickets(), max_size=3))),
        gates=tuple(draw(st.lists(visits(), max_size=3, unique_by=lambda one: one.gate_id))),
    )


standings = st.builds(
    Standing,
    head=st.just(BlockNumber(HEAD)),
    timestamp=st.just(Timestamp(NOW)),
    finalized=st.none() | blocks,
)


def is_let_in(facts: Facts) -> bool:
    """The rules once more, as one sentence each."""
    paid = any(one.refunded is None for one in facts.payments)
    entered = any(
        one.redeemer == facts.wallet if one.redeemer else one.holder == facts.wallet
        for one in facts.tickets
    )
    met = any(
        one.content_id == facts.content_id
        and one.reading is not None
        and one.reading.balance >= one.minimum
        and NOW - one.reading.timestamp < WINDOW_S
        for one in facts.gates
    )
    was_met = any(
        one.content_id != facts.content_id
        and one.first_met_at is not None
        and (one.ended_at is None or one.first_met_at < one.ended_at)
        for one in facts.gates
    )
    return paid or entered or met or was_met


@given(any_facts(), standings)
def test_entitlement__any_facts__granted_exactly_by_the_rules(facts: Facts, at: Standing) -> None:
    assert entitlement(facts, at, INDEXED).is_granted == is_let_in(facts)


@given(any_facts(), standings, st.randoms(use_true_random=False))
def test_entitlement__facts_in_another_order__same_answer(
    facts: Facts, at: Standing, random: Random
) -> None:
    shuffled = replace(
        facts,
        payments=tuple(random.sample(facts.payments, len(facts.payments))),
        tickets=tuple(random.sample(facts.tickets, len(facts.tickets))),
        gates=tuple(random.sample(facts.gates, len(facts.gates))),
    )

    one, other = (entitlement(each, at, INDEXED) for each in (facts, shuffled))
    assert set(one.findings) == set(other.findings)
    assert set(one.unread) == set(other.unread)
    assert replace(one, findings=(), unread=()) == replace(other, findings=(), unread=())


@given(any_facts(), standings)
def test_entitlement__a_grant_that_ends__ends_after_now_and_within_a_day(
    facts: Facts, at: Standing
) -> None:
    until = entitlement(facts, at, INDEXED).until

    assert until is None or NOW < until <= NOW + WINDOW_S


@given(any_facts(), standings)
def test_entitlement__said_to_be_final__rests_on_a_final_block(facts: Facts, at: Standing) -> None:
    answer = entitlement(facts, at, INDEXED)
    assert len(answer.findings) == 1 or not answer.is_granted

    if answer.level is Level.FINALIZED and answer.is_granted:
        (finding,) = answer.findings
        assert finding.block is not None
        assert at.finalized is not None
        assert finding.block <= at.finalized


@given(tickets(), standings)
def test_ticket__any_state__lets_in_one_wallet_at_most(ticket: Ticket, at: Standing) -> None:
    of_film = replace(ticket, event_id=FILM)
    let_in = [
        wallet
        for wallet in WALLETS
        if entitlement(
            Facts(wallet=wallet, content_id=FILM, tickets=(of_film,)), at, INDEXED
        ).is_granted
    ]

    assert let_in == [one for one in WALLETS if one == (ticket.redeemer or ticket.holder)]


@given(any_facts(), standings)
def test_gate__nothing_unread_when_all_are_read_at_the_head(facts: Facts, at: Standing) -> None:
    now = Reading(balance=2, block=at.head, timestamp=at.timestamp)
    read = replace(facts, gates=tuple(replace(one, reading=now) for one in facts.gates))

    assert entitlement(read, at, INDEXED).unread == ()


@given(any_facts(), standings)
def test_refund__of_every_payment__leaves_only_what_else_grants(facts: Facts, at: Standing) -> None:
    refunded = tuple(replace(one, refunded=BlockNumber(HEAD)) for one in facts.payments)
    without = replace(facts, payments=())

    one = entitlement(replace(facts, payments=refunded), at, INDEXED)
    assert one.is_granted == entitlement(without, at, INDEXED).is_granted
