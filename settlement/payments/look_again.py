"""Use case: one run over what is open, at what may have changed.

    index ──► events that name orders ──► submitted, or woken ──┐
    index ──► blocks that were replaced ──► woken ──────────────┼──► look at what is due
    index ──► final, safe, over ────────────────────────────────┘  then ask the node, bounded

What that costs follows from what happened on the chain since the last run, not from how much is
open. Two runs at once are harmless.
"""

from dataclasses import replace

from contracts.evm import BlockNumber, Timestamp
from settlement.errors import ChainUnavailable, Transient
from settlement.payments.evidence import Heights
from settlement.payments.ports import PaymentFacts, PaymentNode, Submission
from settlement.payments.rulebook import LogPlace
from settlement.payments.sources import NodeForOneRun, safe_block
from settlement.payments.verify_payment import PaymentDesk
from settlement.payments.watching import ASKED_MAX, Moment, asked_next

PAGE = 200
"""Submissions that are read at once."""

EVENTS_PAGE = 500
"""Events that are noted at once."""

_BEFORE_ALL_LOGS = -1


def look_again(desk: PaymentDesk) -> int:
    """Look at all that may have changed; how many submissions were looked at.

    Raises:
        Transient: the first such failure, after everything else was looked at.
    """
    node = None if desk.node is None else NodeForOneRun(desk.node)
    run = _Run(replace(desk, node=node))
    with desk.open_facts() as facts:
        indexed = facts.heights()
        if indexed is not None:
            _note_events(desk, facts, indexed)
            _wake_replaced(desk, facts, indexed)
        moment = _moment(facts, node, indexed)
    last: Submission | None = None
    while page := desk.watch.due(moment, after=last, limit=PAGE):
        for submission in page:
            run.look(submission, moment.now)
        last = page[-1]
    if node is not None:
        for submission in desk.watch.to_ask(moment.now, ASKED_MAX):
            run.look(submission, moment.now)
    if run.failure is not None:
        raise run.failure
    return run.looked


class _Run:
    """Looks of one run; a failure does not keep it from the others."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk
        self.looked = 0
        self.failure: Transient | None = None

    def look(self, submission: Submission, now: Timestamp) -> None:
        """Look at one; where nobody can tell, it sleeps like one that was looked at."""
        self.looked += 1
        try:
            self._desk.look(submission)
        except ChainUnavailable as error:
            self.failure = self.failure or error
            since = self._desk.store.open_since(submission)
            self._desk.watch.postpone(submission, asked_next(since, now))
        except Transient as error:
            self.failure = self.failure or error


def _note_events(desk: PaymentDesk, facts: PaymentFacts, indexed: Heights) -> None:
    """Note what names orders since the final block of the last run; what can change, every run."""
    place: LogPlace = (desk.watch.looked_up_to() + 1, _BEFORE_ALL_LOGS)
    while events := facts.order_events(place, EVENTS_PAGE):
        desk.watch.note(events)
        place = (events[-1].block_number, events[-1].log_index)
    if indexed.finalized is not None:
        desk.watch.move_to(indexed.finalized.number)


def _wake_replaced(desk: PaymentDesk, facts: PaymentFacts, indexed: Heights) -> None:
    """Wake what was seen in blocks that are not on the chain any more."""
    final = BlockNumber(-1) if indexed.finalized is None else indexed.finalized.number
    seen = desk.watch.blocks_above(final)
    held = facts.block_hashes(sorted({number for number, _ in seen}))
    desk.watch.wake_in([one for number, one in seen if held.get(number, one) != one])


def _moment(facts: PaymentFacts, node: PaymentNode | None, indexed: Heights | None) -> Moment:
    """How far the chain is; a node that does not answer says nothing."""
    safe = None if node is None else safe_block(facts, node)
    try:
        by_node = 0 if node is None else node.heights().head.timestamp
    except ChainUnavailable:
        by_node = 0
    if indexed is None:
        return Moment(now=Timestamp(by_node), final_at=None, safe=None, finalized=None)
    final = indexed.finalized
    return Moment(
        now=Timestamp(max(by_node, indexed.head.timestamp)),
        final_at=None if final is None else final.timestamp,
        safe=None if safe is None else safe.number,
        finalized=None if final is None else final.number,
    )
