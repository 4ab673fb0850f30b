"""Laws of payments: binding, decoding twice, the same name in both sources.

Subjects: settlement.payments.decoding, settlement.payments.evidence, settlement.payments.naming.
"""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contracts.event_spec import EventSpec
from contracts.evm import Hash32
from contracts.payment_event_specs import PAYMENT_EVENTS
from contracts.units import BaseUnits
from indexer.event_values import COLUMN_INTEGER_MAX, event_values
from indexer.event_values import NotTheEvent as IndexerRefuses
from settlement.payments.claiming import is_payment
from settlement.payments.decoding import NotTheEvent, decoded
from settlement.payments.evidence import Source
from settlement.payments.families import family_named
from settlement.payments.intent import PaymentIntent
from settlement.payments.naming import Payment, candidates
from settlement.payments.ports import Submission
from settlement.payments.states import LIVE, Level
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

PPV, SEND = family_named("ppv"), family_named("offramp_send")
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
def test_names__logs_of_others_left_out__stay(logs: list[tuple[int, int]]) -> None:
    """The index holds our contracts' logs alone, a receipt all of them: the names are the same."""
    tokens = [USDC, account("ours"), STRANGER]
    amounts = [BaseUnits(one) for one in (1, 2, 3)]
    receipt = [
        replace(
            paying_log(intent_of(SEND, amount=amounts[what]), log_index=at), address=tokens[who]
        )
        for at, (who, what) in enumerate(logs)
    ]
    held = [log for log in receipt if log.address != STRANGER]

    in_receipt = [one for one in candidates(SEND, seen_with(*receipt)) if one.log in held]

    assert candidates(SEND, seen_with(*held)) == in_receipt
    names = [one.place for one in in_receipt if isinstance(one, Payment)]
    assert len({*names}) == len(names) == len(held)


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_names__other_purchases_fail_or_move__stay(order: list[int], failed: set[int]) -> None:
    """Each purchase has an order of its own: whatever becomes of the others, it has its name."""
    logs = [paying_log(intent_of(PPV, reference=f"order {number}")) for number in order]
    whole = {
        one.log.data + b"".join(one.log.topics): one for one in candidates(PPV, seen_with(*logs))
    }
    left = [log for number, log in enumerate(logs) if number not in failed]

    for one in candidates(PPV, seen_with(*left)):
        before = whole[one.log.data + b"".join(one.log.topics)]
        assert isinstance(one, Payment)
        assert isinstance(before, Payment)
        assert one.place == before.place


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
        first = len(self.transactions) * which  # no two logs of a block have the same index
        same = [replace(log, log_index=first + place) for place in range(logs)]
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
        self.one_transfer_counts(intent)

    def one_transfer_counts(self, intent: PaymentIntent) -> None:
        """However many an order has claimed, and whichever of them came back."""
        transactions = {one.transaction_hash for one in self.office.store.claims(intent.intent_id)}
        looks = [
            self.office.desk.inspect(intent, one, needed=Level.RECEIVED) for one in transactions
        ]
        paying = [one for one in looks if one.verdict is not None and is_payment(one.verdict)]
        assert len(paying) <= 1
        duplicates = [one for one in looks if one.rival is not None]
        assert bool(paying) or not duplicates

    @invariant()
    def a_log_serves_one_order_for_ever(self) -> None:
        for intent_id, places in self.office.store.places.items():
            for place in places:
                assert self.bound.setdefault(place, intent_id) == intent_id


TestBinding = Binding.TestCase
