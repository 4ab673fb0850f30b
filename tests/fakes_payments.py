"""An index, a node and a store in memory, for the use case of payments."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from settlement.errors import ChainUnavailable
from settlement.payments.decoding import NotTheEvent, decoded
from settlement.payments.errors import TooManySubmissions, UnknownIntent
from settlement.payments.evidence import Heights, LogSeen, Place, Source, TransactionSeen
from settlement.payments.intent import PaymentIntent
from settlement.payments.ports import PaymentFacts, RecordedVerdict, Submission
from settlement.payments.rulebook import Rulebook
from settlement.payments.verify_payment import PaymentDesk
from tests.payments_builders import block, heights, rulebook_of, seen_with


@dataclass
class FakeIndex:
    """The index: mined transactions by block; `fork` names the blocks of the present chain."""

    reached: Heights | None = field(default_factory=heights)
    fork: str = ""
    mined: dict[tuple[Hash32, int], TransactionSeen] = field(default_factory=dict)
    refunded: set[tuple[Hash32 | None, Address]] = field(default_factory=set)

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

    def transactions_of(self, intent: PaymentIntent) -> Sequence[tuple[Hash32, BlockNumber]]:
        return [
            (tx_hash, BlockNumber(number))
            for (tx_hash, number), seen in self.mined.items()
            if any(_names(intent, log) for log in seen.logs)
        ]

    def transaction(self, tx_hash: Hash32, number: BlockNumber) -> TransactionSeen | None:
        return self.mined.get((tx_hash, number))

    def rulebook(self, intent: PaymentIntent) -> Rulebook:
        return rulebook_of(intent)

    def is_refunded(self, intent: PaymentIntent, payer: Address) -> bool:
        return (intent.order_id, payer) in self.refunded


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
    """`PaymentStore` in memory; obeys what the tests say of the one in Postgres."""

    intents: dict[Hash32, PaymentIntent] = field(default_factory=dict)
    told: list[Submission] = field(default_factory=list)
    places: dict[Hash32, list[Place]] = field(default_factory=dict)
    lines: list[RecordedVerdict] = field(default_factory=list)

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

    def record(self, verdict: RecordedVerdict, *, after: RecordedVerdict | None) -> bool:
        submission = Submission(verdict.intent_id, verdict.transaction_hash)
        if self.last_verdict(submission) != after:
            return False
        self.lines.append(verdict)
        return True

    def open_submissions(self, *, after: Submission | None, limit: int) -> list[Submission]:
        key = None if after is None else (after.intent_id, after.transaction_hash)
        found = sorted(
            (one for one in self.told if not self._is_ended(one)),
            key=lambda one: (one.intent_id, one.transaction_hash),
        )
        later = [one for one in found if key is None or (one.intent_id, one.transaction_hash) > key]
        return later[:limit]

    def unclaimed_intents(
        self, *, until_after: Timestamp, after: Hash32 | None, limit: int
    ) -> list[PaymentIntent]:
        found = [
            self.intents[intent_id]
            for intent_id in sorted(self.intents)
            if after is None or intent_id > after
        ]
        wanted = [
            one
            for one in found
            if one.until > until_after
            and one.order_id is not None
            and not self.claims(one.intent_id)
        ]
        return wanted[:limit]

    def _is_ended(self, submission: Submission) -> bool:
        last = self.last_verdict(submission)
        return last is not None and last.is_terminal


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

        return PaymentDesk(store=self.store, open_facts=open_facts, node=self.node)

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
