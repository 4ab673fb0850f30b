"""What happened to other relayers and ledgers, and the line of ours that keeps it from happening.

`mutations.GUARDS` names the line for each test; without it the test is red
(`python -m tests.simulation.mutations oz_relayer_818 …` takes it away in a copy and shows so).
"""

from random import Random

import pytest

from contracts.evm import Epoch, Hash32
from settlement.payouts.broadcast import Answer, read_error
from settlement.payouts.operation import Fate
from settlement.payouts.report import Stop, TickReport
from tests.ledger_builders import BOOK
from tests.simulation.calls import Withdrawals, decoded, op_id_of
from tests.simulation.chain import KEYS, SENDER, Transaction
from tests.simulation.contract import Change, SpendNonce, Withdraw
from tests.simulation.faults import Fault, Faults
from tests.simulation.limits import LIMITS
from tests.simulation.lines import GiveTip, tip_op_id
from tests.simulation.mutations import GUARDS, MUTATIONS, ROOT, Mutation
from tests.simulation.outside import ENOUGH_WEI
from tests.simulation.settlement import PAYEES
from tests.simulation.signer import transaction_from_raw
from tests.simulation.world import World

ROUNDS_MAX = 60
BLIND = {Fault.NULL_RECEIPT: 1.0, Fault.HIDDEN_TRANSACTION: 1.0}


def owing(seed: int = 4) -> World:
    """A world in which the books owe the leaves of one epoch, and nothing fails by itself."""
    world = World(seed, Faults(random=Random(seed)))
    world.fund(0)
    world.network.mine()
    world.warm_up()
    return world


def ticked(world: World) -> TickReport:
    """A tick that comes to its end."""
    report = world.tick()
    world.invariants.check()
    assert report is not None, world.trace[-1]
    return report


def killed(world: World, fault: Fault, place: str) -> None:
    """A tick that does not."""
    world.faults.forced.append((fault, place))
    assert world.tick() is None
    world.invariants.check()


def finalize(world: World) -> None:
    """Everything that is mined is final and indexed."""
    world.network.chain.finalize(0)
    world.outside.advance_index()


def paid_in_the_end(world: World) -> None:
    """Everything owed is paid, once."""
    world.faults.rates = {}
    world.calm_down()
    rounds = 0
    while (left := world.left_to_do()) is not None or world.network.externals:
        assert rounds < ROUNDS_MAX, left
        rounds += 1
        world.calm_round()
        world.invariants.check()


def stored(world: World) -> list[Hash32]:
    """Every hash that was ever signed, but for the commit's."""
    return [one.tx_hash for one in world.database.store.transactions[1:]]


def test_incident__oz_relayer_818__counter_above_the_chain_comes_back_down() -> None:
    """A counter that runs ahead of the chain leaves a gap that nothing ever fills."""
    world = owing()
    count = world.network.state.counts[SENDER]
    for nonce in (count, count + 1):
        world.network.pool.waiting[SENDER, nonce] = Transaction(
            tx_hash=Hash32.from_int(nonce),
            sender=SENDER,
            nonce=nonce,
            to=BOOK.contract,
            data=b"",
            gas=21_000,
            max_fee_wei=10**9,
            tip_wei=1,
        )
    ticked(world)
    world.network.pool.waiting.clear()

    paid_in_the_end(world)

    assert [one.next_nonce for one in world.database.store.adoptions] == [count + 2]


def test_incident__oz_relayer_843__every_slot_signed_and_none_ever_sent() -> None:
    """Slots that say "sent", although nothing ever was, disarm every recovery."""
    world = owing()
    for _ in range(3):
        killed(world, Fault.KILL_AT_CALL, "send_raw")
    assert world.network.pool.waiting == {}

    report = ticked(world)

    assert list(report.sent_again) == stored(world)[: len(report.sent_again)] != []
    paid_in_the_end(world)


def test_incident__oz_relayer_681__internal_error_that_means_a_spent_nonce() -> None:
    """-32603 "nonce too low", tried again everywhere, paused all providers."""
    assert read_error(-32603, "Transaction nonce too low").answer is Answer.NONCE_SPENT
    world = owing()
    world.faults.rates = {Fault.SEND_WRONG_WORDS: 1.0}
    for _ in range(6):
        ticked(world)
        world.network.mine()

    paid_in_the_end(world)


def test_incident__engine_core_null_receipt__no_second_nonce() -> None:
    """A receipt that is null for a moment made a confirmed payment a failed one."""
    world = owing()
    ticked(world)
    world.network.mine()
    world.network.reorg(1, returns=True, taken=0)
    world.faults.rates = BLIND

    blind = ticked(world)

    assert blind.signed == ()
    paid_in_the_end(world)


def test_incident__rrelayer_36__nonce_was_spent_by_another_while_the_process_was_down() -> None:
    """The stored transaction met "nonce too low" for ever."""
    world = owing()
    killed(world, Fault.KILL_AT_CALL, "send_raw")
    world.network.externals.append(SpendNonce(SENDER, world.network.state.counts[SENDER]))
    world.network.mine()
    finalize(world)

    paid_in_the_end(world)


def test_incident__rrelayer_99__what_is_not_needed_any_more_strands_its_followers() -> None:
    """A cancelled transaction left its nonce open, and all later ones waited for it."""
    world = next(one for one in map(owing, range(50)) if len(ticked(one).signed) > 1)
    first, *_ = stored(world)
    raw = next(one.raw for one in world.database.store.transactions if one.tx_hash == first)
    carried = decoded(transaction_from_raw(raw).data)
    assert isinstance(carried, Withdrawals)
    world.network.pool.waiting.clear()
    world.network.externals += [Withdraw(one.leaf) for one in carried.items]
    world.network.mine()
    finalize(world)
    while not world.post():
        pass

    paid_in_the_end(world)

    paid_by_us = world.network.state.ours
    assert all(op_id_of(one.leaf) not in paid_by_us for one in carried.items)


def test_incident__rrelayer_113_funds__signer_without_funds_loses_no_nonce() -> None:
    """A reserved nonce was dropped when the money for gas ran out."""
    world = owing()
    world.network.externals.append(Change("funds", dict.fromkeys(KEYS, 0)))
    world.network.mine()

    poor = ticked(world)
    world.network.externals.append(Change("funds", dict.fromkeys(KEYS, ENOUGH_WEI)))
    world.network.mine()
    rich = ticked(world)

    assert (poor.stop, poor.signed) == (Stop.NO_GAS_MONEY, ())
    assert rich.signed != ()
    paid_in_the_end(world)


def test_incident__rrelayer_113_lost_response__not_executed_again_with_a_new_nonce() -> None:
    """Recovery gave a payload a fresh nonce, whose own broadcast had spent the old one."""
    world = owing()
    world.faults.rates = BLIND | {Fault.SEND_UNANSWERED: 1.0}
    ticked(world)
    world.network.mine()

    after = ticked(world)

    assert after.signed == ()
    paid_in_the_end(world)


def test_incident__open_ethereum_pool_216__timeout_after_acceptance_is_no_failure() -> None:
    """A payout that timed out was credited back by hand, and paid twice."""
    world = owing()
    killed(world, Fault.KILL_AFTER_ARRIVAL, "")
    (hash_before, *_) = stored(world)

    report = ticked(world)
    world.network.mine()

    assert hash_before in world.network.state.receipts
    assert hash_before not in report.signed
    paid_in_the_end(world)


def test_incident__rbuilder_104__payout_comes_back_after_a_reorg() -> None:
    """What reverted in one block paid in another, next to the payout made in its place."""
    world = owing()
    ticked(world)
    world.faults.forced += [(Fault.REVERTED, "")] * 8
    world.network.mine()
    world.faults.forced.clear()
    report = ticked(world)
    world.network.reorg(1, returns=True, taken=None)
    world.invariants.check()

    assert report.signed == ()
    paid_in_the_end(world)


def test_incident__bitcoin_mobile_2601__retry_sends_the_same_bytes() -> None:
    """A retry signed anew instead of sending again."""
    world = owing()
    world.faults.rates = {Fault.SEND_NEVER_ARRIVES: 1.0}
    first = ticked(world)
    world.faults.rates = {}

    again = ticked(world)

    assert again.sent_again == first.signed
    assert (again.signed, again.replaced) == ((), ())
    assert sorted(world.network.seen) == sorted([*first.signed, *_commits(world)])
    paid_in_the_end(world)


def test_incident__midaz_2485__retry_after_a_lost_answer_moves_no_money_twice() -> None:
    """A client retried by itself what the server had done, and balances moved twice."""
    world = owing()
    ticked(world)
    world.network.mine()
    finalize(world)
    world.faults.forced.append((Fault.COMMIT_UNANSWERED, "post"))
    world.post()
    before = dict(world.database.books.all_posted())

    world.database.books._cursor = None  # as if the retried step had not moved it
    while not world.post():
        pass

    assert world.database.books.all_posted() == before
    world.invariants.check()
    paid_in_the_end(world)


class BooksMoveOnBeforeThePlan(World):
    """Between reading what is owed and planning it, a stranger withdraws all but a held line."""

    is_armed = False

    def border(self, place: str) -> None:
        super().border(place)
        if not self.is_armed or place != "plan":
            return
        self.is_armed = False
        leaves = self.royalties.distribution(Epoch(0), 1).leaves
        leaf = next(one for one in leaves if len(one.lines) > 1)
        for external in (
            Change("held", frozenset({leaf.lines[0].payee})),
            Withdraw(leaf),
            Change("held", frozenset()),
        ):
            self.network.externals.append(external)
            self.network.mine()
        finalize(self)
        while not self.post():
            pass


def test_incident__plan_outdated__held_line_is_not_reserved_for_ever() -> None:
    """Our own: planned from books that had moved on, then killed, the held line was never paid."""
    world = BooksMoveOnBeforeThePlan(0, Faults(random=Random(0)))
    world.fund(0)
    world.network.mine()
    world.warm_up()
    world.is_armed = True
    killed(world, Fault.KILL_AFTER_COMMIT, "plan")

    paid_in_the_end(world)


def test_incident__forgotten_underpriced__a_no_op_takes_its_place() -> None:
    """Our own: what a restored backup had forgotten waited below the base fee, and all waited."""
    world = owing()
    world.back_up()
    ticked(world)
    world.network.base_fee_wei *= 5
    world.restore()

    reports = []
    for _ in range(LIMITS.replace_after_blocks + 1):
        reports.append(ticked(world))
        world.network.mine()

    replaced = [len(one.replaced) for one in reports]
    assert replaced == [0] * LIMITS.replace_after_blocks + [1]
    paid_in_the_end(world)


def test_incident__optimism_11614__what_waits_too_cheaply_is_outbid_as_nodes_want_it() -> None:
    """After a restart, replacements were refused as underpriced for ever."""
    world = owing()
    first = ticked(world)
    world.network.base_fee_wei *= 5
    world.network.mine()

    again = ticked(world)

    assert len(again.replaced) == len(first.signed)
    waiting = [one.tx_hash for one in world.network.pool.waiting.values()]
    assert waiting == list(again.replaced)
    paid_in_the_end(world)


def test_incident__slopdotcash_455__no_recipient_left_out_of_a_batch() -> None:
    """Recipients of a batch that could not be sent whole were skipped without a word."""
    world = next(one for one in map(owing, range(50)) if len(ticked(one).signed) > 1)
    world = owing(world.seed)
    world.node.items_max = 1

    ticked(world)
    world.nobody_left_out(ticked(world))

    paid_in_the_end(world)


def test_incident__burnt_estimate__payees_burn_only_what_is_paid_for() -> None:
    """Twelve tips to themselves kept every other tip of their batch from being paid, for ever."""
    world = owing()
    world.network.externals += [GiveTip(payee, 100, 1) for payee in PAYEES[:4]]
    world.network.externals.append(Change("burning", frozenset(PAYEES[:3])))
    world.network.mine()
    finalize(world)
    world.post_all()

    for _ in range(4):
        ticked(world)
        world.network.mine()
        finalize(world)
        world.post_all()

    fates = [one.fate for one in world.database.store.outcomes]
    assert fates.count(Fate.REVERTED) == 0
    assert all(world.network.state.lines.get(tip_op_id(number)) for number in range(4))


@pytest.mark.parametrize("mutation", [*GUARDS, *MUTATIONS], ids=lambda one: one.name)
def test_mutations__text_in_the_product__once(mutation: Mutation) -> None:
    """The named line is there; where it moved, the mutation has to follow."""
    assert mutation.count(ROOT) == 1


def _commits(world: World) -> list[Hash32]:
    return [one.tx_hash for one in world.database.store.transactions[:1]]
