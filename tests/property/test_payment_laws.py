"""Laws of payments: binding, decoding twice, the same ordinal in both sources.

Subjects: settlement.payments.decoding, settlement.payments.evidence.
"""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contracts.event_spec import EventSpec
from contracts.evm import Hash32
from contracts.payment_event_specs import PAYMENT_EVENTS
from indexer.event_values import COLUMN_INTEGER_MAX, event_values
from indexer.event_values import NotTheEvent as IndexerRefuses
from settlement.payments.decoding import NotTheEvent, decoded
from settlement.payments.evidence import LogSeen, Source, placed
from settlement.payments.families import family_named
from settlement.payments.ports import Submission
from settlement.payments.states import LIVE
from tests.fakes_payments import FakeNode, Office
from tests.payments_builders import (
    STRANGER,
    USDC,
    account,
    digest,
    intent_of,
    paying_log,
    seen_with,
)

SEND = family_named("offramp_send")
_WORDS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**64).map(lambda value: value.to_bytes(32, "big")),
    st.binary(min_size=20, max_size=20).map(lambda value: value.rjust(32, b"\0")),
)


@st.composite
def _logs(draw: st.DrawFn) -> tuple[EventSpec, list[bytes], bytes]:
    """Logs that are mostly as declared, now and then with a word too many or too few."""
    spec = draw(st.sampled_from(PAYMENT_EVENTS))
    indexed = sum(field.indexed for field in spec.fields)
    extra = draw(st.sampled_from([0, 0, 0, -1, 1]))
    topics = [draw(_WORDS) for _ in range(max(0, indexed + extra))]
    words = [draw(_WORDS) for _ in range(len(spec.fields) - indexed)]
    tail = draw(st.sampled_from([b"", b"", b"", b"\0", bytes(32)]))
    return spec, [bytes(spec.topic0), *topics], b"".join(words) + tail


@given(_logs())
def test_decoding__any_log__as_the_indexer_reads_it(
    log: tuple[EventSpec, list[bytes], bytes],
) -> None:
    """Two decoders, written apart; the indexer's also refuses what its columns cannot hold."""
    spec, topics, data = log
    try:
        expected = event_values(spec, topics, data)
    except IndexerRefuses:
        expected = None

    try:
        values = list(decoded(spec, topics, data).values())
    except NotTheEvent:
        values = None

    if expected is None and values is not None:
        narrow = [
            value
            for field, value in zip(spec.fields, values, strict=True)
            if field.abi_type in {"uint8", "uint16", "uint32", "uint64"}
        ]
        assert any(isinstance(one, int) and one > COLUMN_INTEGER_MAX for one in narrow)
    else:
        assert values == expected


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12))
def test_places__logs_of_others_left_out__ordinals_stay(logs: list[tuple[int, int]]) -> None:
    """The index holds our contracts' logs alone, a receipt all of them: the places are the same."""
    addresses = [USDC, account("ours"), STRANGER]
    topics = [digest("transfer"), digest("approval"), digest("other")]
    receipt = [
        LogSeen(address=addresses[who], topics=(topics[what],), data=b"", log_index=place)
        for place, (who, what) in enumerate(logs)
    ]
    held = [log for log in receipt if log.address != STRANGER and log.topics[0] != topics[2]]

    for topic in topics[:2]:
        in_receipt = [
            (place, log) for place, log in placed(seen_with(*receipt), topic) if log in held
        ]
        assert placed(seen_with(*held), topic) == in_receipt


class Binding(RuleBasedStateMachine):
    """Orders, transactions and reorgs in any order: a log never serves two orders."""

    def __init__(self) -> None:
        super().__init__()
        self.office = Office()
        self.orders = [intent_of(SEND, reference=name) for name in ("first", "second", "third")]
        self.transactions = [digest(name) for name in ("a", "b", "c")]
        self.forks = 0
        self.bound: dict[object, Hash32] = {}
        for one in self.orders:
            self.office.desk.declare(one)

    @rule(which=st.integers(0, 2), number=st.integers(111, 140), logs=st.integers(1, 3))
    def mine(self, which: int, number: int, logs: int) -> None:
        tx_hash = self.transactions[which]
        if any(key[0] == tx_hash for key in self.office.index.mined):
            return
        log = paying_log(self.orders[0])
        same = [replace(log, log_index=place) for place in range(logs)]
        self.office.index.mine(tx_hash, number, *same)

    @rule(number=st.integers(111, 140))
    def reorg(self, number: int) -> None:
        self.forks += 1
        self.office.index.reorg(number, f"fork {self.forks}")

    @rule(order=st.integers(0, 2), which=st.integers(0, 2))
    def submit(self, order: int, which: int) -> None:
        """A transfer names no order, so a node says in which block it is."""
        intent, tx_hash = self.orders[order], self.transactions[which]
        self.office.node = FakeNode()
        for (mined, _), seen in self.office.index.mined.items():
            self.office.node.mined[mined] = replace(seen, source=Source.NODE)
        before = self.office.store.claims(intent.intent_id)

        found = self.office.desk.submit(Submission(intent.intent_id, tx_hash))

        claims = self.office.store.claims(intent.intent_id)
        if found.is_verified:
            assert found.claim in claims
            assert found.standing.state in LIVE
        else:
            assert claims == before

    @invariant()
    def a_log_serves_one_order_for_ever(self) -> None:
        for intent_id, places in self.office.store.places.items():
            for place in places:
                assert self.bound.setdefault(place, intent_id) == intent_id


TestBinding = Binding.TestCase
