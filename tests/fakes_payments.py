"""An index, a node and a store in memory, for the use case of payments."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from settlement.errors import ChainUnavailable
from settlement.payments.decoding import NotTheEvent, decoded
from settlement.payments.errors import TooManySubmissions, UnknownIntent
from settlement.payments.evidence import Heights, LogSeen, Source, TransactionSeen
from settlement.payments.families import FAMILIES
from settlement.payments.intent import PaymentIntent
from settlement.payments.look_again import look_again
from settlement.payments.naming import Place
from settlement.payments.ports import LATE_REASON, PaymentFacts, RecordedVerdict, Submission
from settlement.payments.rulebook import LogPlace, Rulebook
from settlement.payments.states import State
from settlement.payments.verify_payment import PaymentDesk
from settlement.payments.watching import Moment, NextLook, OrderEvent
from tests.payments_builders import block, heights, rulebook_of, seen_with


@dataclass
class FakeIndex:
    """The index: mined transactions by block; `fork` names the blocks of the present chain."""

    reached: Heights | None = field(default_factory=heights)
    fork: str = ""
    mined: dict[tuple[Hash32, int], TransactionSeen] = field(default_factory=dict)
    refunded: dict[tuple[Hash32 | None, Address], BlockNumber] = field(default_factory=dict)
    given_up: set[tuple[int, Address]] = field(default_factory=set)

    def mine(self, tx_hash: Hash32, number: int, *logs: LogSeen) -> None:
        self.mined[tx_hash, number] = seen_with(
            *logs, transaction_hash=tx_hash, block=block(number, self.fork)
        )

    def reorg(self, number: int, fork: str) -> None:
        """Replace this block and all above it."""
        self.mined = {key: seen for key, seen in self.mined.items() if key[1] < number}
        self.fork = fork

    def heights(self) -> Heights | None:
        return self.reached

    def block(self, number: BlockNumber) -> BlockRef | None:
        if self.reached is None or number > self.reached.head.number:
            return None
        return block(number, self.fork)

    def block_hashes(self, numbers: Sequence[BlockNumber]) -> dict[BlockNumber, Hash32]:
        held = [one for number in numbers if (one := self.block(number)) is not None]
        return {one.number: one.hash for one in held}

    def transactions_of(self, intent: PaymentIntent) -> Sequence[Hash32]:
        return [tx_hash for tx_hash, _ in self._naming(intent)]

    def blocks_of(self, intent: PaymentIntent, tx_hash: Hash32) -> Sequence[BlockNumber]:
        return [number for found, number in self._naming(intent) if found == tx_hash]

    def blocks_moved_in(self, intent: PaymentIntent, tx_hash: Hash32) -> Sequence[BlockNumber]:
        return [
            BlockNumber(number)
            for (found, number), seen in self.mined.items()
            if found == tx_hash and any(log.topics[0] == ERC20_TRANSFER.topic0 for log in seen.logs)
        ]

    def order_events(self, after: LogPlace, limit: int) -> Sequence[OrderEvent]:
        found = [
            event
            for seen in self.mined.values()
            for log in seen.logs
            if (event := _order_event(seen, log)) is not None
            and (event.block_number, event.log_index) > after
        ]
        return sorted(found, key=lambda one: (one.block_number, one.log_index))[:limit]

    def _naming(self, intent: PaymentIntent) -> list[tuple[Hash32, BlockNumber]]:
        return [
            (tx_hash, BlockNumber(number))
            for (tx_hash, number), seen in self.mined.items()
            if any(_names(intent, log) for log in seen.logs)
        ]

    def transaction(self, tx_hash: Hash32, number: BlockNumber) -> TransactionSeen | None:
        return self.mined.get((tx_hash, number))

    def rulebook(self, intent: PaymentIntent) -> Rulebook:
        return rulebook_of(intent)

    def refunded_in(self, intent: PaymentIntent, payer: Address) -> BlockNumber | None:
        return self.refunded.get((intent.order_id, payer))

    def is_given_up(self, ticket_id: int, payer: Address) -> bool:
        return (ticket_id, payer) in self.given_up


@dataclass
class FakeNode:
    """A node that knows some receipts, or does not answer."""

    reached: Heights = field(default_factory=heights)
    mined: dict[Hash32, TransactionSeen] = field(default_factory=dict)
    is_up: bool = True
    later: Rulebook = field(default_factory=lambda: Rulebook(contracts=()))
    asked: list[str] = field(default_factory=list)

    def mine(self, tx_hash: Hash32, number: int, *logs: LogSeen, fork: str = "") -> None:
        self.mined[tx_hash] = seen_with(
            *logs, transaction_hash=tx_hash, block=block(number, fork), source=Source.NODE
        )

    def heights(self) -> Heights:
        self._answer("eth_getBlockByNumber")
        return self.reached

    def transaction(self, tx_hash: Hash32) -> TransactionSeen | None:
        self._answer("eth_getTransactionReceipt")
        return self.mined.get(tx_hash)

    def rulebook_after(
        self, intent: PaymentIntent, after: BlockNumber, upto: BlockNumber
    ) -> Rulebook:
        self._answer("eth_getLogs")
        return self.later

    def _answer(self, call: str) -> None:
        self.asked.append(call)
        if not self.is_up:
            raise ChainUnavailable(call, "it is down")


@dataclass
class MemoryPayments:
    """`PaymentStore` and `PaymentWatch` in memory; obeys what tests say of those in Postgres."""

    intents: dict[Hash32, PaymentIntent] = field(default_factory=dict)
    told: list[Submission] = field(default_factory=list)
    places: dict[Hash32, list[Place]] = field(default_factory=dict)
    lines: list[RecordedVerdict] = field(default_factory=list)
    awake: set[Submission] = field(default_factory=set)
    looks: dict[Submission, NextLook] = field(default_factory=dict)
    cursor: BlockNumber = field(default_factory=lambda: BlockNumber(-1))

    def declare(self, intent: PaymentIntent) -> bool:
        is_new = intent.intent_id not in self.intents
        self.intents[intent.intent_id] = intent
        return is_new

    def intent(self, intent_id: Hash32) -> PaymentIntent | None:
        return self.intents.get(intent_id)

    def first_askers(self, intent: PaymentIntent) -> list[PaymentIntent]:
        if intent.stated_order is None:
            return []
        ids = [*self.intents, intent.intent_id]
        earlier = ids[: ids.index(intent.intent_id)]
        ids = sorted({*earlier, intent.stated_order} & {*self.intents}, key=ids.index)
        return [one for each in ids if (one := self.intents[each]).order_id == intent.order_id]

    def submit(self, submission: Submission, *, at_most: int | None) -> bool:
        if submission.intent_id not in self.intents:
            raise UnknownIntent(submission.intent_id)
        if submission in self.told:
            return False
        count = sum(one.intent_id == submission.intent_id for one in self.told)
        if at_most is not None and count >= at_most:
            raise TooManySubmissions(submission.intent_id, at_most)
        self.told.append(submission)
        self.awake.add(submission)
        return True

    def claims(self, intent_id: Hash32) -> list[Place]:
        return list(self.places.get(intent_id, []))

    def owner_of(self, place: Place) -> Hash32 | None:
        return next((one for one, places in self.places.items() if place in places), None)

    def bind(self, intent_id: Hash32, place: Place, *, attempt: int) -> Hash32 | None:
        if self.owner_of(place) is None and len(self.claims(intent_id)) == attempt:
            self.places.setdefault(intent_id, []).append(place)
        return self.owner_of(place)

    def last_verdict(self, submission: Submission) -> RecordedVerdict | None:
        lines = self.history(submission)
        return lines[-1] if lines else None

    def history(self, submission: Submission) -> list[RecordedVerdict]:
        return [
            one
            for one in self.lines
            if Submission(one.intent_id, one.transaction_hash) == submission
        ]

    def open_since(self, submission: Submission) -> Timestamp | None:
        look = self.looks.get(submission)
        return None if look is None else look.since

    def record(
        self,
        verdict: RecordedVerdict,
        *,
        after: RecordedVerdict | None,
        next_look: NextLook | None,
    ) -> bool:
        submission = Submission(verdict.intent_id, verdict.transaction_hash)
        if self.last_verdict(submission) != after:
            return False
        if verdict != after:
            self.lines.append(verdict)
        self.awake.discard(submission)
        self.looks.pop(submission, None)
        if next_look is not None:
            self.looks[submission] = next_look
        return True

    def looked_up_to(self) -> BlockNumber:
        return self.cursor

    def move_to(self, number: BlockNumber) -> None:
        self.cursor = max(self.cursor, number)

    def note(self, events: Sequence[OrderEvent]) -> None:
        for event in events:
            asking = [
                one
                for one in self.intents.values()
                if (one.contract, one.order_id) == (event.contract, event.order_id)
            ]
            own = [one for one in asking if one.intent_id == event.order_id]
            for intent in {one.intent_id: one for one in (*asking[:16], *own)}.values():
                submission = Submission(intent.intent_id, event.transaction_hash)
                self._reopen(submission)
                look = self.looks.get(submission)
                seen = None if look is None else look.seen_in
                if not self.submit(submission, at_most=None) and look is not None:
                    is_known = seen is not None and seen.is_indexed
                    if seen is None or not is_known or seen.hash != event.block_hash:
                        self.awake.add(submission)

    def _reopen(self, submission: Submission) -> None:
        last = self.last_verdict(submission)
        if last is not None and last.is_terminal and last.state in {State.EXPIRED, State.GONE}:
            late = replace(
                last,
                state=State.AWAITED,
                is_terminal=False,
                block_number=None,
                block_hash=None,
                log_index=None,
                reason=LATE_REASON,
            )
            self.lines.append(late)
            self.awake.add(submission)

    def blocks_above(self, number: BlockNumber) -> list[tuple[BlockNumber, Hash32]]:
        seen = {one.seen_in for one in self.looks.values() if one.seen_in is not None}
        return [(one.number, one.hash) for one in seen if one.number > number]

    def wake_in(self, blocks: Sequence[Hash32]) -> None:
        for submission, look in self.looks.items():
            if look.seen_in is not None and look.seen_in.hash in blocks:
                self.awake.add(submission)

    def wake(self, submissions: Sequence[Submission]) -> None:
        self.awake |= {*submissions} & {*self.looks}

    def due(self, moment: Moment, *, after: Submission | None, limit: int) -> list[Submission]:
        found = {*self.awake} | {one for one, look in self.looks.items() if _is_due(look, moment)}
        ordered = sorted(found, key=lambda one: (one.intent_id, one.transaction_hash))
        if after is not None:
            last = (after.intent_id, after.transaction_hash)
            ordered = [one for one in ordered if (one.intent_id, one.transaction_hash) > last]
        return ordered[:limit]

    def to_ask(self, now: Timestamp, limit: int) -> list[Submission]:
        found = [
            (look.ask_at, one)
            for one, look in self.looks.items()
            if look.ask_at is not None and look.ask_at <= now
        ]
        return [one for _, one in sorted(found, key=lambda each: each[0])][:limit]

    def postpone(self, submission: Submission, ask_at: Timestamp) -> None:
        self.awake.discard(submission)
        look = self.looks.get(submission)
        if look is None:
            self.looks[submission] = NextLook(
                since=ask_at,
                ask_at=ask_at,
                ends_at=None,
                safe_at=None,
                settles_at=None,
                seen_in=None,
            )
        else:
            self.looks[submission] = replace(look, ask_at=ask_at, ends_at=None)


@dataclass
class Office:
    """A desk with everything that it stands on."""

    index: FakeIndex = field(default_factory=FakeIndex)
    node: FakeNode | None = None
    store: MemoryPayments = field(default_factory=MemoryPayments)

    @property
    def desk(self) -> PaymentDesk:
        @contextmanager
        def open_facts() -> Iterator[PaymentFacts]:
            yield self.index

        return PaymentDesk(
            store=self.store, watch=self.store, open_facts=open_facts, node=self.node
        )

    def look_again(self) -> int:
        return look_again(self.desk)

    def finalize(self, number: int) -> None:
        assert self.index.reached is not None
        final = block(number, self.index.fork)
        self.index.reached = replace(self.index.reached, finalized=final)


def _names(intent: PaymentIntent, log: LogSeen) -> bool:
    family = intent.family
    if family.order is None or log.address != intent.contract:
        return False
    try:
        return decoded(family.event, log.topics, log.data)[family.order] == intent.order_id
    except NotTheEvent:
        return False


def _order_event(seen: TransactionSeen, log: LogSeen) -> OrderEvent | None:
    for family in FAMILIES:
        if family.order is None or log.topics[0] != family.event.topic0:
            continue
        try:
            order_id = decoded(family.event, log.topics, log.data)[family.order]
        except NotTheEvent:
            continue
        assert isinstance(order_id, Hash32)
        return OrderEvent(
            contract=log.address,
            order_id=order_id,
            transaction_hash=seen.transaction_hash,
            block_number=seen.block.number,
            block_hash=seen.block.hash,
            log_index=log.log_index,
        )
    return None


def _is_due(look: NextLook, moment: Moment) -> bool:
    return any(
        at is not None and reached is not None and at <= reached
        for at, reached in (
            (look.settles_at, moment.finalized),
            (look.safe_at, moment.safe),
            (look.ends_at, moment.final_at),
        )
    )
