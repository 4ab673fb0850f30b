"""Entitlements: facts about a wallet and a content → granted or denied, why, and until when.

Nothing is stored: what the facts say at the head is the answer, so an answer may change with the
next block, and a reorg takes back what rested on the blocks that it replaced.

    grants, the first one counts    lasts       rests on
    ───────────────────────────────────────────────────────────────────────────────────────
    paid                            for ever    a payment as offered that is not refunded
    ticket redeemed, ticket held    for ever    who redeemed it; before that, who holds it
    gate was met (archive)          for ever    a reading at the live stream's gate
    gate met                        24 h        a reading at the content's own gate

The purchase of a ticket proves payment, not admission: who sold the ticket is denied, who holds it
is not, and once it is redeemed it is good for the redeemer alone.

A content may be the *archive* of others (an alias): whoever had access to one of those has access
to it. Payments for them and their tickets count as they stand now. Their gates count where the
wallet was seen to meet them, before the stream ended if its end is known; that stays, whatever the
wallet does with its tokens later.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from settlement.payments.gates import GateKind, Reading


class Reason(StrEnum):
    """Why. Of the reasons of a denial the first one that applies is told."""

    PAID = "paid"
    TICKET_REDEEMED = "ticket_redeemed"
    TICKET_HELD = "ticket_held"
    GATE_WAS_MET = "gate_was_met"
    GATE_MET = "gate_met"

    PAYMENT_GONE = "payment_gone"  # it was seen, and a reorg took it back
    PAYMENT_REFUNDED = "payment_refunded"
    PAYMENT_NOT_AS_OFFERED = "payment_not_as_offered"  # another creator, or less than the price
    TICKET_REDEEMED_BY_ANOTHER = "ticket_redeemed_by_another"
    TICKET_BURNED = "ticket_burned"
    TICKET_TRANSFERRED = "ticket_transferred"
    GATE_MET_TOO_LATE = "gate_met_too_late"  # the stream had ended
    BELOW_MINIMUM = "below_minimum"
    NOT_READ = "not_read"  # nobody asked the chain before the stream ended, or lately
    NOTHING_FOUND = "nothing_found"  # no payment, no ticket, no gate


_RANK = {reason: rank for rank, reason in enumerate(Reason)}


class Level(StrEnum):
    """Whether a block that the answer rests on can still be replaced."""

    UNSAFE = "unsafe"
    FINALIZED = "finalized"


class Check(StrEnum):
    """What was looked at."""

    PAYMENT = "payment"
    TICKET = "ticket"
    GATE = "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment of the wallet for a content; `refunded` is the block of its refund.

    `is_as_offered` says that it paid the creator who sells the content at least the price in force
    at its block: otherwise anybody could buy anything of an accomplice, for one unit. Nobody has
    paid for what nobody offers.
    """

    content_id: Hash32
    order_id: Hash32
    block: BlockNumber
    log_index: int
    refunded: BlockNumber | None
    is_as_offered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket that the wallet has or had; an event is a content of the same id.

    The place is that of its redemption; before that, where it came to its holder, or to the wallet
    if that holds it no more. `holder` has it now (the zero address: it is burned). `redeemer` is
    None until it is redeemed.
    """

    event_id: Hash32
    ticket_id: int
    block: BlockNumber
    log_index: int
    holder: Address
    redeemer: Address | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVisit:
    """A gate of a content, and what is known of the wallet there.

    `first_met` is the block of the earliest reading that met the minimum, `first_met_at` its time.
    `ended_at` is when the stream ended, where the content has an archive and its end was told.
    """

    content_id: Hash32
    gate_id: Hash32
    kind: GateKind
    token: Address
    minimum: int
    reading: Reading | None
    first_met: BlockNumber | None
    first_met_at: Timestamp | None
    ended_at: Timestamp | None

    @property
    def is_met(self) -> bool:
        """Whether the last reading met the minimum."""
        return self.reading is not None and self.reading.balance >= self.minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A payment that the wallet's order was bound to; a reorg may have taken it back since."""

    content_id: Hash32
    order_id: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one wallet and one content, and of the contents that it is the archive of.

    `claims` are payments of the wallet that were verified once.
    """

    wallet: Address
    content_id: Hash32
    payments: tuple[Payment, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    gates: tuple[GateVisit, ...] = ()
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The head of the index, its time, and the finalized block; None while there is none."""

    head: BlockNumber
    timestamp: Timestamp
    finalized: BlockNumber | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check came to.

    `block` is that of the fact which says so, None where there is none.
    """

    check: Check
    reason: Reason
    content_id: Hash32
    block: BlockNumber | None = None
    log_index: int | None = None
    order_id: Hash32 | None = None
    gate_id: Hash32 | None = None
    ticket_id: int | None = None
    balance: int | None = None
    minimum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """The answer.

    A grant has the one finding that grants, a denial all that there are. `until` is None for what
    does not end by itself. `unread` are the gates about which the chain should be asked: with what
    it says the answer may be another.
    """

    is_granted: bool
    reason: Reason
    until: Timestamp | None
    level: Level
    findings: tuple[Finding, ...]
    unread: tuple[GateVisit, ...]


def entitlement(facts: Facts, at: Standing, indexed: Container[Address]) -> Entitlement:
    """Whether the wallet may see the content.

    Args:
        facts: as they are at the head.
        at: the head.
        indexed: tokens whose transfers are indexed, so that readings of them are current.

    Invariants: a grant rests on one finding of this wallet; payments and tickets need no reading.
    """
    for finding in _lasting(facts):
        return _granted(finding, None, at)
    unread = tuple(gate for gate in facts.gates if _is_unread(gate, facts, at, indexed))
    met = [gate for gate in facts.gates if _is_met_now(gate, facts, at)]
    for gate in sorted(met, key=lambda one: (one in unread, -_expires(one), one.gate_id)):
        # One reading that is right at the head is enough, whatever others would say.
        return _granted(
            _at_gate(gate, Reason.GATE_MET), _expires(gate), at, unread if gate in unread else ()
        )
    findings = tuple(_failures(facts, at)) or (
        Finding(check=Check.PAYMENT, reason=Reason.NOTHING_FOUND, content_id=facts.content_id),
    )
    return Entitlement(
        is_granted=False,
        reason=min((one.reason for one in findings), key=_RANK.__getitem__),
        until=None,
        level=_level(at.head, at),
        findings=findings,
        unread=unread,
    )


def _granted(
    finding: Finding, until: Timestamp | None, at: Standing, unread: tuple[GateVisit, ...] = ()
) -> Entitlement:
    return Entitlement(
        is_granted=True,
        reason=finding.reason,
        until=until,
        level=_level(finding.block, at),
        findings=(finding,),
        unread=unread,
    )


def _level(block: BlockNumber | None, at: Standing) -> Level:
    """A denial rests on the head: nothing up to there grants."""
    is_final = block is not None and at.finalized is not None and block <= at.finalized
    return Level.FINALIZED if is_final else Level.UNSAFE


def _lasting(facts: Facts) -> Iterator[Finding]:
    """What grants for ever: for the content itself before its sources, the earliest fact first."""
    for is_own in (True, False):
        yield from _bought(facts, is_own=is_own)
    for gate in sorted(facts.gates, key=lambda one: (one.first_met or 0, one.gate_id)):
        if gate.content_id != facts.content_id and _was_met_in_time(gate):
            yield _at_gate(gate, Reason.GATE_WAS_MET, gate.first_met)


def _bought(facts: Facts, *, is_own: bool) -> Iterator[Finding]:
    """Payments and tickets that grant, of the content itself or of what it is the archive of."""
    own = facts.content_id
    payments = [one for one in facts.payments if (one.content_id == own) == is_own]
    for payment in sorted(payments, key=lambda one: (one.block, one.log_index)):
        if payment.refunded is None and payment.is_as_offered:
            yield _of_payment(payment, Reason.PAID, payment.block)
    tickets = [one for one in facts.tickets if (one.event_id == own) == is_own]
    tickets.sort(key=lambda one: (one.block, one.log_index, one.ticket_id))
    for ticket in tickets:
        if ticket.redeemer == facts.wallet:
            yield _of_ticket(ticket, Reason.TICKET_REDEEMED)
    for ticket in tickets:
        if ticket.redeemer is None and ticket.holder == facts.wallet:
            yield _of_ticket(ticket, Reason.TICKET_HELD)


def _was_met_in_time(gate: GateVisit) -> bool:
    if gate.first_met_at is None:
        return False
    return gate.ended_at is None or gate.first_met_at < gate.ended_at


def _is_met_now(gate: GateVisit, facts: Facts, at: Standing) -> bool:
    """Whether the content's own gate is met by a reading within its window."""
    is_own = gate.content_id == facts.content_id
    return is_own and gate.is_met and gate.reading is not None and gate.reading.stands(at.timestamp)


def _is_unread(gate: GateVisit, facts: Facts, at: Standing, indexed: Container[Address]) -> bool:
    """Whether to ask the chain. The gate of a stream that has ended is read no more."""
    is_over = gate.ended_at is not None and at.timestamp >= gate.ended_at
    if gate.content_id != facts.content_id and is_over:
        return False
    reading = gate.reading
    if reading is None or not reading.stands(at.timestamp):
        return True
    return not reading.is_current(gate.token, at.head, indexed)


def _expires(gate: GateVisit) -> Timestamp:
    return Timestamp(0) if gate.reading is None else gate.reading.expires


def _failures(facts: Facts, at: Standing) -> Iterator[Finding]:
    """What each check came to, where none grants."""
    yield from _gone(facts)
    for payment in facts.payments:
        if payment.refunded is None:
            yield _of_payment(payment, Reason.PAYMENT_NOT_AS_OFFERED, payment.block)
        else:
            yield _of_payment(payment, Reason.PAYMENT_REFUNDED, payment.refunded)
    for ticket in facts.tickets:
        yield _of_ticket(ticket, _failure_of_ticket(ticket))
    for gate in facts.gates:
        yield _at_gate(gate, _failure_at_gate(gate, facts, at))


def _gone(facts: Facts) -> Iterator[Finding]:
    """Payments that were seen, and that no fact tells of any more."""
    orders = {payment.order_id for payment in facts.payments}
    events = {ticket.event_id for ticket in facts.tickets}
    for claim in facts.claims:
        if claim.order_id not in orders and claim.content_id not in events:
            yield Finding(
                check=Check.PAYMENT,
                reason=Reason.PAYMENT_GONE,
                content_id=claim.content_id,
                order_id=claim.order_id,
            )


def _failure_of_ticket(ticket: Ticket) -> Reason:
    if ticket.redeemer is not None:
        return Reason.TICKET_REDEEMED_BY_ANOTHER
    return Reason.TICKET_BURNED if ticket.holder == ZERO_ADDRESS else Reason.TICKET_TRANSFERRED


def _failure_at_gate(gate: GateVisit, facts: Facts, at: Standing) -> Reason:
    if gate.content_id != facts.content_id and gate.first_met is not None:
        return Reason.GATE_MET_TOO_LATE
    if gate.reading is None or not gate.reading.stands(at.timestamp):
        return Reason.NOT_READ
    return Reason.BELOW_MINIMUM


def _of_payment(payment: Payment, reason: Reason, block: BlockNumber | None) -> Finding:
    return Finding(
        check=Check.PAYMENT,
        reason=reason,
        content_id=payment.content_id,
        block=block,
        log_index=payment.log_index if block == payment.block else None,
        order_id=payment.order_id,
    )


def _of_ticket(ticket: Ticket, reason: Reason) -> Finding:
    return Finding(
        check=Check.TICKET,
        reason=reason,
        content_id=ticket.event_id,
        block=ticket.block,
        log_index=ticket.log_index,
        ticket_id=ticket.ticket_id,
    )


def _at_gate(gate: GateVisit, reason: Reason, block: BlockNumber | None = None) -> Finding:
    reading = gate.reading
    read_at = None if reading is None else reading.block
    return Finding(
        check=Check.GATE,
        reason=reason,
        content_id=gate.content_id,
        block=read_at if block is None else block,
        gate_id=gate.gate_id,
        balance=None if reading is None else reading.balance,
        minimum=gate.minimum,
    )
