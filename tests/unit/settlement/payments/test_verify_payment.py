"""The use case in memory: claims, standings and the history of verdicts.

Subjects: settlement.payments.verify_payment, settlement.payments.claiming,
settlement.payments.look_again, settlement.payments.watching, settlement.payments.sources,
settlement.payments.ports.
"""

from dataclasses import replace
from itertools import pairwise

import pytest

from contracts.evm import BlockNumber, Hash32
from contracts.units import BaseUnits
from settlement.errors import ChainUnavailable
from settlement.payments.claiming import is_payment
from settlement.payments.errors import ClaimLost, TooManySubmissions, UnknownIntent
from settlement.payments.evidence import Source
from settlement.payments.families import family_named
from settlement.payments.intent import PaymentIntent
from settlement.payments.naming import Place
from settlement.payments.policies import Books, Outcome
from settlement.payments.ports import Submission
from settlement.payments.rulebook import FeeTermsInForce
from settlement.payments.states import Level, State
from settlement.payments.verification import Check
from settlement.payments.verify_payment import SUBMISSIONS_MAX, Look
from settlement.payments.watching import ASKED_MAX
from tests.fakes_payments import FakeIndex, FakeNode, MemoryPayments, Office
from tests.payments_builders import (
    STRANGER,
    TERMS,
    block,
    digest,
    heights,
    intent_of,
    paying_log,
)

PPV, SEND, TICKET = (family_named(name) for name in ("ppv", "offramp_send", "ticket"))
INTENT = intent_of(PPV)
TX, OTHER_TX = digest("first transaction"), digest("second transaction")


@pytest.fixture
def office() -> Office:
    office = Office()
    office.desk.declare(INTENT)
    return office


def submitted(office: Office, tx_hash: Hash32 = TX, intent: PaymentIntent = INTENT) -> Look:
    return office.desk.submit(Submission(intent.intent_id, tx_hash))


def states(office: Office, tx_hash: Hash32 = TX) -> list[State]:
    lines = office.store.history(Submission(INTENT.intent_id, tx_hash))
    return [line.state for line in lines]


def test_submit__paid_in_the_index__claimed_and_received(office: Office) -> None:
    office.index.mine(TX, 130, paying_log(INTENT))

    found = submitted(office)

    assert found.is_verified
    assert found.standing.state is State.RECEIVED
    assert found.confirmations == 11
    assert found.ruling is not None
    assert found.ruling.outcome is Outcome.ACCEPTED
    assert found.claim is not None
    assert office.store.claims(INTENT.intent_id) == [found.claim]


def test_submit__same_again__success_without_a_second_line(office: Office) -> None:
    office.index.mine(TX, 130, paying_log(INTENT))

    first, second = submitted(office), submitted(office)

    assert first == second
    assert states(office) == [State.RECEIVED]


def test_submit__unknown_intent__refused() -> None:
    with pytest.raises(UnknownIntent):
        submitted(Office())


def test_submit__too_many_transactions__refused(office: Office) -> None:
    for number in range(SUBMISSIONS_MAX):
        submitted(office, digest(f"transaction {number}"))

    with pytest.raises(TooManySubmissions):
        submitted(office, digest("one more"))


def test_submit__strangers_sent_nonsense_before__the_payment_is_looked_at(office: Office) -> None:
    for number in range(SUBMISSIONS_MAX):
        submitted(office, digest(f"transaction {number}"))
    office.index.mine(TX, 130, paying_log(INTENT))

    assert submitted(office).is_verified


def test_look_again__nonsense_and_dust_before__the_payment_is_found(office: Office) -> None:
    """Somebody else emits the order's id first, and tells of a transaction that is none."""
    submitted(office, digest("nonsense"))
    office.index.mine(OTHER_TX, 120, paying_log(INTENT, payer=STRANGER, price=1))
    office.index.mine(TX, 130, paying_log(INTENT))

    office.look_again()

    assert states(office) == [State.RECEIVED]
    assert states(office, OTHER_TX) == [State.REFUSED]


def test_look__block_becomes_safe_then_final__recorded_once_each(office: Office) -> None:
    office.node = FakeNode(reached=heights(safe=120))
    office.index.mine(TX, 125, paying_log(INTENT))
    submitted(office)

    office.node.reached = heights(safe=130)
    office.look_again()
    office.look_again()
    office.finalize(125)
    office.look_again()
    office.look_again()

    assert states(office) == [State.RECEIVED, State.SAFE, State.FINAL]
    assert office.store.looks == {}


def test_look__reorg_takes_the_payment__gone_with_the_reason(office: Office) -> None:
    office.index.mine(TX, 130, paying_log(INTENT))
    submitted(office)

    office.index.reorg(128, "fork")
    found = submitted(office)

    assert found.standing.state is State.GONE
    assert not found.standing.is_terminal
    assert f"block 130 {block(130).hash} was replaced" in found.reason
    assert states(office) == [State.RECEIVED, State.GONE]


def test_look__mined_again_after_a_reorg__received_again_by_the_same_claim(office: Office) -> None:
    office.index.mine(TX, 130, paying_log(INTENT, log_index=7))
    submitted(office)
    office.index.reorg(128, "fork")
    submitted(office)

    office.index.mine(TX, 131, paying_log(INTENT, log_index=2))
    found = submitted(office)

    assert found.standing.state is State.RECEIVED
    assert len(office.store.claims(INTENT.intent_id)) == 1
    assert states(office) == [State.RECEIVED, State.GONE, State.RECEIVED]


def test_look__gone_and_its_time_is_over__for_good(office: Office) -> None:
    office.index.mine(TX, 130, paying_log(INTENT))
    submitted(office)
    office.index.reorg(128, "fork")

    office.index.reached = heights(head=260, final=200)
    found = submitted(office)

    assert (found.standing.state, found.standing.is_terminal) == (State.GONE, True)


def test_look__never_mined_and_its_time_is_over__expired(office: Office) -> None:
    assert submitted(office).standing.state is State.AWAITED

    office.index.reached = heights(head=260, final=200)

    assert office.look_again() == 1
    assert states(office) == [State.AWAITED, State.EXPIRED]
    assert office.look_again() == 0


def test_look_again__paid_after_it_had_expired__said_to_be_due_back(office: Office) -> None:
    """The end of the wait is no end of the money that comes later."""
    submitted(office)
    office.index.reached = heights(head=260, final=200)
    office.look_again()

    office.index.mine(TX, 250, paying_log(INTENT))
    office.look_again()
    office.finalize(250)
    office.look_again()
    office.look_again()

    lines = office.store.history(Submission(INTENT.intent_id, TX))
    assert [(line.state, line.is_terminal) for line in lines] == [
        (State.AWAITED, False),
        (State.EXPIRED, True),
        (State.AWAITED, False),
        (State.REFUSED, False),
        (State.REFUSED, True),
    ]
    assert lines[-1].outcome is Outcome.UNTIMELY
    assert office.look_again() == 0


def test_look__one_log_two_orders__the_second_is_refused(office: Office) -> None:
    first = intent_of(SEND, reference="first")
    second = intent_of(SEND, reference="second")
    office.node = FakeNode()
    office.node.mine(TX, 141, paying_log(first))
    for one in (first, second):
        office.desk.declare(one)

    assert submitted(office, TX, first).is_verified
    refused = submitted(office, TX, second)

    assert refused.verdict is not None
    assert refused.verdict.failed == (Check.CLAIM,)
    assert refused.ruling is not None
    assert refused.ruling.outcome is Outcome.CLAIMED_ELSEWHERE
    assert submitted(office, TX, first).is_verified


def test_look__two_equal_transfers_two_orders__one_each(office: Office) -> None:
    first = intent_of(SEND, reference="first")
    second = intent_of(SEND, reference="second")
    office.node = FakeNode()
    office.node.mine(TX, 141, paying_log(first, log_index=1), paying_log(first, log_index=5))
    for one in (first, second):
        office.desk.declare(one)

    claims = [submitted(office, TX, one).claim for one in (first, second)]

    assert [None if one is None else one.ordinal for one in claims] == [0, 1]


def test_look__order_paid_twice__the_second_is_a_duplicate(office: Office) -> None:
    intent = intent_of(PPV, payer=None)
    office.desk.declare(intent)
    office.index.mine(TX, 112, paying_log(intent))
    office.index.mine(OTHER_TX, 111, paying_log(intent, payer=STRANGER))
    submitted(office, TX, intent)

    again = submitted(office, OTHER_TX, intent)
    office.finalize(111)
    only_it_is_final = submitted(office, OTHER_TX, intent)
    office.finalize(112)
    both_are = submitted(office, OTHER_TX, intent)

    assert again.ruling is not None
    assert again.ruling.outcome is Outcome.DUPLICATE
    assert again.ruling.due_back > intent.amount
    assert (again.standing.state, again.standing.is_terminal) == (State.REFUSED, False)
    assert [one.standing.is_terminal for one in (only_it_is_final, both_are)] == [False, True]
    assert len(office.store.claims(intent.intent_id)) == 1


def test_submit__transaction_that_has_nothing_of_ours__no_terms_are_asked_of_the_node(
    office: Office,
) -> None:
    """Strangers name whatever the chain has; a look at that costs no walk over its logs."""
    office.index.reached = heights(head=120)
    office.node = FakeNode()
    elsewhere = replace(paying_log(INTENT), address=STRANGER)
    office.node.mine(TX, 130, elsewhere)
    office.node.mine(OTHER_TX, 130, paying_log(INTENT))

    strange = submitted(office, TX)
    asked_for_strange = list(office.node.asked)
    ours = submitted(office, OTHER_TX)

    assert (strange.standing.state, ours.standing.state) == (State.REFUSED, State.RECEIVED)
    assert "eth_getLogs" not in asked_for_strange
    assert "eth_getLogs" in office.node.asked


def test_look__ticket_that_was_paid_too_late__due_back_until_it_is_sold_on(office: Office) -> None:
    intent = intent_of(TICKET, until=block(112).timestamp)
    office.desk.declare(intent)
    office.index.mine(TX, 112, paying_log(intent, ticket_id=7))

    before = submitted(office, TX, intent).ruling
    office.index.given_up.add((7, intent.payer or STRANGER))
    after = submitted(office, TX, intent).ruling

    assert before is not None
    assert after is not None
    assert (before.books, before.due_back > 0) == (Books.REFUND_DUE, True)
    assert (after.books, after.due_back) == (Books.AS_EMITTED, 0)


@pytest.mark.parametrize("is_looked_at", [True, False])
def test_look__log_that_pays_another_order__nothing_is_due_back_for_this_one(
    office: Office, *, is_looked_at: bool
) -> None:
    """Whoever asks for more under an order id that was paid gets no refund of that payment."""
    greedy = intent_of(PPV, stated_order=INTENT.order_id, amount=BaseUnits(2 * INTENT.amount))
    office.desk.declare(greedy)
    office.index.mine(TX, 112, paying_log(INTENT))
    if is_looked_at:
        submitted(office)

    found = submitted(office, TX, greedy)

    assert Check.AMOUNT in (found.verdict.failed if found.verdict else ())
    assert found.ruling is not None
    assert (found.ruling.outcome, found.ruling.due_back) == (Outcome.CLAIMED_ELSEWHERE, 0)
    assert submitted(office).is_verified


def test_look__first_payment_gone__another_transaction_may_pay(office: Office) -> None:
    office.index.mine(TX, 130, paying_log(INTENT))
    submitted(office)
    office.index.reorg(128, "fork")
    office.index.mine(OTHER_TX, 131, paying_log(INTENT))

    found = submitted(office, OTHER_TX)

    assert found.is_verified
    assert len(office.store.claims(INTENT.intent_id)) == 2


def test_look__index_behind__the_node_is_asked(office: Office) -> None:
    office.index.reached = heights(head=50, final=40)
    office.node = FakeNode()
    office.node.mine(TX, 130, paying_log(INTENT))

    found = submitted(office)

    assert found.is_verified
    assert found.verdict is not None
    assert found.verdict.seen.source is Source.NODE
    assert found.standing.state is State.RECEIVED


def test_look__only_a_node_says_final__not_terminal(office: Office) -> None:
    office.index.reached = heights(head=50, final=40)
    office.node = FakeNode(reached=heights(final=135))
    office.node.mine(TX, 130, paying_log(INTENT))

    found = submitted(office)

    assert (found.standing.state, found.standing.is_terminal) == (State.SAFE, False)


def test_look__terms_set_after_the_index_ended__are_in_force(office: Office) -> None:
    office.index.reached = heights(head=50, final=40)
    office.node = FakeNode()
    fee = INTENT.amount * 500 // 10_000
    office.node.mine(TX, 130, paying_log(INTENT, fee=fee))
    half = FeeTermsInForce(since=(60, 0), contract=INTENT.contract, terms=replace(TERMS, bps=500))
    office.node.later = replace(office.node.later, fee_terms=(half,))

    found = submitted(office)

    assert found.verdict is not None
    assert found.verdict.failed == (Check.FEE_TERMS,)


def test_look__node_contradicts_a_final_block_of_the_index__gone(office: Office) -> None:
    office.node = FakeNode()
    office.node.mine(TX, 105, paying_log(INTENT), fork="another")

    found = submitted(office)

    assert found.standing.state is State.GONE
    assert found.claim is None


def test_look__failed_in_an_indexed_block__refused_by_the_node(office: Office) -> None:
    """The index keeps no logs of it, so it does not know the transaction."""
    office.node = FakeNode()
    office.node.mine(TX, 105, replace(paying_log(INTENT), address=STRANGER))

    found = submitted(office)

    assert found.standing.state is State.REFUSED
    assert found.verdict is not None
    assert found.verdict.failed == (Check.EMITTER,)


def test_look__node_down__index_alone_is_enough_for_what_it_has(office: Office) -> None:
    office.node = FakeNode(is_up=False)
    office.index.mine(TX, 130, paying_log(INTENT))

    assert submitted(office).standing.state is State.RECEIVED
    with pytest.raises(ChainUnavailable):
        submitted(office, OTHER_TX)


def test_look_again__node_down__looks_at_all_others_first(office: Office) -> None:
    office.node = FakeNode()
    submitted(office, OTHER_TX)
    office.index.mine(TX, 130, paying_log(INTENT))
    office.store.submit(Submission(INTENT.intent_id, TX), at_most=None)
    office.node.is_up = False
    office.index.reached = heights(head=141)

    with pytest.raises(ChainUnavailable):
        office.look_again()

    assert states(office) == [State.RECEIVED]


def test_look_again__many_submissions__heights_asked_for_once(office: Office) -> None:
    office.node = FakeNode()
    intents = [intent_of(PPV, reference=f"order {number}") for number in range(5)]
    for number, intent in enumerate(intents):
        office.desk.declare(intent)
        office.index.mine(digest(f"transaction {number}"), 130, paying_log(intent))

    assert office.look_again() == 5

    assert office.node.asked == ["eth_getBlockByNumber"]


def test_look_again__node_down__asked_once_in_the_run(office: Office) -> None:
    office.node = FakeNode()
    for number in range(5):
        submitted(office, digest(f"transaction {number}"))
    office.node.is_up = False
    office.node.asked.clear()
    office.index.reached = heights(head=141)

    with pytest.raises(ChainUnavailable):
        office.look_again()
    office.look_again()

    assert office.node.asked == ["eth_getBlockByNumber"] * 2


def test_look_again__nobody_told_of_the_payment__found_by_its_order(office: Office) -> None:
    office.index.mine(TX, 105, paying_log(INTENT))

    assert office.look_again() == 1

    assert states(office) == [State.FINAL]


def test_look__refunded__the_ruling_says_so(office: Office) -> None:
    office.index.mine(TX, 105, paying_log(INTENT))
    submitted(office)
    assert INTENT.payer is not None
    office.index.refunded[INTENT.order_id, INTENT.payer] = BlockNumber(107)

    found = submitted(office)

    assert found.ruling is not None
    assert found.ruling.outcome is Outcome.REFUNDED
    assert states(office) == [State.FINAL]


@pytest.mark.parametrize(("number", "outcome"), [(105, Outcome.ACCEPTED), (125, Outcome.REFUNDED)])
def test_look__refund_that_can_still_go__does_not_end_a_final_history(
    office: Office, number: int, outcome: Outcome
) -> None:
    """Block 110 is final: what is recorded of a final payment is never taken back."""
    office.index.mine(TX, number, paying_log(INTENT))
    assert INTENT.payer is not None
    office.index.refunded[INTENT.order_id, INTENT.payer] = BlockNumber(130)

    found = submitted(office)

    assert found.ruling is not None
    assert found.ruling.outcome is outcome


def test_inspect__intent_not_stored__judged_and_nothing_written() -> None:
    office = Office()
    office.index.mine(TX, 130, paying_log(INTENT))

    found = office.desk.inspect(INTENT, TX, needed=Level.FINAL)

    assert found.verdict is not None
    assert found.verdict.failed == (Check.FINALITY,)
    assert is_payment(found.verdict)
    assert office.store == MemoryPayments()


def test_inspect__log_of_another_order__claim_fails(office: Office) -> None:
    same = intent_of(PPV, reference="same order", stated_order=INTENT.order_id)
    office.index.mine(TX, 130, paying_log(INTENT))
    submitted(office)

    found = office.desk.inspect(same, TX, needed=Level.RECEIVED)

    assert found.verdict is not None
    assert found.verdict.failed == (Check.CLAIM,)


@pytest.mark.parametrize("is_own_order", [True, False])
def test_submit__thief_asks_with_the_same_order__log_is_kept_for_who_asked_first(
    *, is_own_order: bool
) -> None:
    """An order id is read from the mempool; the payer left the intent open to any payer."""
    order = None if is_own_order else digest("order of the shop")
    honest = intent_of(PPV, payer=None, stated_order=order)
    thief = intent_of(PPV, payer=None, stated_order=honest.order_id, reference="mine")
    office = Office()
    office.desk.declare(honest)
    office.desk.declare(thief)
    office.index.mine(TX, 130, paying_log(honest))

    stolen = submitted(office, intent=thief)

    assert stolen.verdict is not None
    assert stolen.verdict.failed == (Check.CLAIM,)
    assert submitted(office, intent=honest).is_verified


def test_submit__who_asked_first_is_too_late__the_order_asked_anew_is_paid() -> None:
    """An intent that ran out is replaced by one with the same order and more time."""
    old = intent_of(PPV, until=block(129).timestamp)
    new = intent_of(PPV, stated_order=old.order_id)
    office = Office()
    office.desk.declare(old)
    office.desk.declare(new)
    office.index.mine(TX, 130, paying_log(old))

    assert submitted(office, intent=new).is_verified


def test_look__empty_index_and_no_node__awaited() -> None:
    office = Office(index=FakeIndex(reached=None))
    office.desk.declare(INTENT)

    assert submitted(office).standing.state is State.AWAITED
    assert office.look_again() == 0


def twice_paid(office: Office) -> PaymentIntent:
    """An order that a reorg took the payment of, and that was then paid again, by another."""
    intent = intent_of(PPV, payer=None)
    office.desk.declare(intent)
    office.index.mine(TX, 130, paying_log(intent))
    submitted(office, TX, intent)
    office.index.reorg(125, "fork")
    office.index.mine(OTHER_TX, 131, paying_log(intent, payer=STRANGER))
    submitted(office, OTHER_TX, intent)
    assert len(office.store.claims(intent.intent_id)) == 2
    return intent


@pytest.mark.parametrize(("comes_back_in", "counts"), [(130, TX), (132, OTHER_TX)])
def test_look_again__both_claims_of_an_order_are_back__the_first_on_the_chain_counts(
    office: Office, comes_back_in: int, counts: Hash32
) -> None:
    intent = twice_paid(office)
    office.index.mine(TX, comes_back_in, paying_log(intent))

    office.look_again()
    office.look_again()

    looks = {one: submitted(office, one, intent) for one in (TX, OTHER_TX)}
    other = OTHER_TX if counts == TX else TX
    ruling = looks[other].ruling
    assert [one for one, look in looks.items() if look.is_verified] == [counts]
    assert ruling is not None
    assert (ruling.outcome, ruling.books) == (Outcome.DUPLICATE, Books.REFUND_DUE)
    assert ruling.due_back == intent.amount * 11 // 10
    assert f"of transaction {counts}" in looks[other].reason
    lines = {one: office.store.history(Submission(intent.intent_id, one))[-1] for one in looks}
    assert lines[counts].state is State.RECEIVED
    assert (lines[other].state, lines[other].outcome) == (State.REFUSED, Outcome.DUPLICATE)


def test_look_again__claim_that_became_final__counts_though_an_older_one_is_back(
    office: Office,
) -> None:
    intent = twice_paid(office)
    office.finalize(131)
    office.look_again()
    office.index.mine(TX, 132, paying_log(intent))
    office.look_again()
    office.finalize(132)
    office.look_again()

    lines = [office.store.history(Submission(intent.intent_id, one))[-1] for one in (TX, OTHER_TX)]
    assert [(line.state, line.is_terminal) for line in lines] == [
        (State.REFUSED, True),
        (State.FINAL, True),
    ]


def test_look__mined_again_without_a_purchase_before_it__each_order_keeps_its_own(
    office: Office,
) -> None:
    """Two purchases of one transaction, of which the first fails where it is mined again."""
    first, second = (intent_of(PPV, reference=name) for name in ("first", "second"))
    for one in (first, second):
        office.desk.declare(one)
    office.index.mine(TX, 130, paying_log(first, log_index=1), paying_log(second, log_index=5))
    before = [submitted(office, TX, one) for one in (first, second)]
    office.index.reorg(125, "fork")
    office.index.mine(TX, 128, paying_log(second, log_index=1))

    after = [submitted(office, TX, one) for one in (first, second)]

    assert [one.is_verified for one in before] == [True, True]
    assert [one.is_verified for one in after] == [False, True]
    assert after[1].claim == before[1].claim
    assert len(office.store.claims(second.intent_id)) == 1


def test_look__order_of_two_payers_and_the_claimed_one_fails_now__the_other_pays(
    office: Office,
) -> None:
    intent = intent_of(PPV, payer=None)
    office.desk.declare(intent)
    by_stranger = paying_log(intent, payer=STRANGER, log_index=5)
    office.index.mine(TX, 130, paying_log(intent, log_index=1), by_stranger)
    submitted(office, TX, intent)
    office.index.reorg(125, "fork")
    office.index.mine(TX, 128, by_stranger)

    found = submitted(office, TX, intent)

    assert found.is_verified
    assert len(office.store.claims(intent.intent_id)) == 2


def test_look_again__nothing_happened__nothing_is_looked_at(office: Office) -> None:
    office.node = FakeNode()
    office.index.mine(TX, 130, paying_log(INTENT))
    submitted(office)
    submitted(office, digest("nonsense"))
    office.node.mine(OTHER_TX, 135, replace(paying_log(INTENT), address=STRANGER))
    submitted(office, OTHER_TX)

    assert office.look_again() == 0
    office.index.reached = heights(head=141)
    assert office.look_again() == 2  # of those that only a node can tell of
    assert office.look_again() == 0


def test_look_again__block_replaced_without_a_word__looked_at_and_gone(office: Office) -> None:
    office.index.mine(TX, 130, paying_log(INTENT))
    submitted(office)
    office.look_again()
    office.index.reorg(128, "fork")

    assert office.look_again() == 1
    assert states(office) == [State.RECEIVED, State.GONE]


def test_look_again__awaited_for_long__the_node_is_asked_ever_more_rarely() -> None:
    node = FakeNode()
    office = Office(node=node)
    intent = intent_of(PPV, until=block(100_000).timestamp)
    office.desk.declare(intent)
    submitted(office, TX, intent)
    asked = []
    for number in range(141, 441):
        office.index.reached = heights(head=number)
        node.asked.clear()
        office.look_again()
        if "eth_getTransactionReceipt" in node.asked:
            asked.append(number)

    assert asked[:3] == [141, 142, 143]
    assert len(asked) < 30
    assert all(later - one <= (later - 140) // 4 + 1 for one, later in pairwise(asked))


def test_look_again__more_to_ask_than_a_run_may__those_who_wait_longest_come_first() -> None:
    node = FakeNode()
    office = Office(node=node)
    intents = [intent_of(PPV, reference=f"order {number}") for number in range(ASKED_MAX + 50)]
    for number, intent in enumerate(intents):
        office.desk.declare(intent)
        submitted(office, digest(f"transaction {number}"), intent)
    node.asked.clear()
    office.index.reached = heights(head=141)

    looked = [office.look_again() for _ in range(3)]

    assert looked == [ASKED_MAX, 50, 0]
    assert node.asked.count("eth_getTransactionReceipt") == ASKED_MAX + 50


def test_declare__order_is_paid_already__found_by_the_next_run(office: Office) -> None:
    late = intent_of(PPV, stated_order=INTENT.order_id, reference="asked anew")
    office.index.mine(TX, 105, paying_log(INTENT))
    office.look_again()
    assert office.store.cursor == 110

    office.desk.declare(late)

    assert office.look_again() == 1
    assert office.store.last_verdict(Submission(late.intent_id, TX)) is not None


class Contended(MemoryPayments):
    """A store in which somebody else always binds first."""

    def bind(self, intent_id: Hash32, place: Place, *, attempt: int) -> Hash32 | None:
        return None


def test_claim__lost_again_and_again__says_so() -> None:
    office = Office(store=Contended())
    office.desk.declare(INTENT)
    office.index.mine(TX, 130, paying_log(INTENT))

    with pytest.raises(ClaimLost):
        submitted(office)
