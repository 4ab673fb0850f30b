"""Payouts under a hostile world: at most once always, exactly once in the end.

Hypothesis drives a submitter, a chain and a network in any order: blocks, finality, reorgs, a
mempool that forgets, a node that hides receipts or whole transactions, broadcasts that are lost or
time out before or after they arrive, fees that rise above what was bid and above the cap, reverts,
verdicts, holds of payees that come and go, strangers who withdraw our leaves, tips and lines of
lists that other contracts owe, pauses of one contract, a float that runs dry, books that lag, a key
that is used elsewhere, a database restored from a backup, and the end of the process at any border.
After every step:

    no transaction of ours reached a line that one of ours had settled since it was planned,
    no two nonces that are not spent for good can pay one leaf,
    nothing waits in the mempool that was never stored.

Once a backup has forgotten a transaction that waits above a gap, where no count shows it, only the
contract keeps it from reaching a line that is settled: the first two are not claimed from then on.

When the faults stop, everything is paid and recorded, and the books reserved each leaf, tip and
line of a list once, and once more for each remainder that a hold had left.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contracts.calls import Withdrawal
from contracts.evm import Address, Hash32
from settlement.errors import Transient
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import Fate, Kind, Outcome
from tests.fakes_payout_chain import (
    ADOPTION_BORDERS,
    BATCH,
    BORDERS,
    CONTRACT,
    RELAY,
    SENDER,
    Crash,
    FakeBooks,
    World,
    approved_commit,
    item_of,
    line,
    payment,
    tip,
    withdrawal,
)

LEAVES_MAX = 6
LINES_MAX = 3
LISTED_MAX = 4
FLOAT = 10**9


def owed(work: int) -> Withdrawal:
    """A leaf of one to three lines."""
    return withdrawal(work, lines=work % LINES_MAX + 1)


SENDS = st.sampled_from(["accept", "accept", "lost", "timeout_before", "timeout_after"])
MOODS = st.sampled_from(["down", "hides_receipts", "hides_transactions", "paused"])


class Payouts(RuleBasedStateMachine):
    """One key, three contracts: up to six leaves, a commit, four tips and four lines of a list."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(books=FakeBooks(leaves=[owed(0)]))
        self.closed_blind: set[Hash32] = set()  # while the node hid receipts
        self.backups = [self.world.store.backup()]
        self.is_restored = False
        self.has_hidden_past = False

    @rule()
    def tick(self) -> None:
        self._tick()

    @rule(sends=st.lists(SENDS, max_size=3), moods=st.sets(MOODS))
    def tick_in_a_bad_network(self, sends: list[str], moods: set[str]) -> None:
        chain = self.world.chain
        chain.sends, chain.moods = sends, moods
        already_closed = self._closed()
        self._tick()
        chain.sends, chain.moods = [], set()
        if "hides_receipts" in moods:
            self.closed_blind |= self._closed() - already_closed

    @rule(border=st.sampled_from(BORDERS + ADOPTION_BORDERS))
    def owe_and_tick_and_crash(self, border: str) -> None:
        self.owe_another_leaf()
        self.world.faults.crash_at = border
        self._tick()
        self.world.faults.crash_at = None

    @rule()
    def owe_another_leaf(self) -> None:
        if len(self.world.books.leaves) < LEAVES_MAX:
            self.world.books.leaves.append(owed(len(self.world.books.leaves)))

    @rule()
    def owe_a_tip(self) -> None:
        tips = self.world.books.tips
        if len(tips) < LISTED_MAX:
            tips.append(tip(len(tips)))

    @rule()
    def owe_a_payment(self) -> None:
        payments = self.world.books.payments
        if len(payments) < LISTED_MAX:
            payments.append(payment(len(payments)))

    @rule(contracts=st.sets(st.sampled_from([CONTRACT, RELAY, BATCH]), max_size=2))
    def pause_some(self, contracts: set[Address]) -> None:
        self.world.chain.paused_contracts = contracts

    @rule(units=st.sampled_from([0, 150, FLOAT]))
    def change_the_float(self, units: int) -> None:
        """The blocks that were mined saw another float: the history is as it was at the time."""
        self.world.chain.set_float(units)

    @rule()
    def owe_a_commit(self) -> None:
        self.world.books.commits = [approved_commit(2)]

    @rule(
        base_fee=st.sampled_from([10**9, 3 * 10**9, 4 * 10**10, 10**12]),
        tip_min=st.sampled_from([0, 10**8, 2 * 10**8, 2 * 10**9]),
    )
    def change_fees(self, base_fee: int, tip_min: int) -> None:
        """The highest of each are above the caps."""
        self.world.chain.quote = FeeQuote(base_fee_wei=base_fee, tip_wei=10**8)
        self.world.chain.tip_wei_min = tip_min

    @rule(blocks=st.integers(1, 8))
    def wait_without_being_included(self, blocks: int) -> None:
        """What waits becomes too old, and is replaced."""
        tip_min, self.world.chain.tip_wei_min = self.world.chain.tip_wei_min, 10**17
        for _ in range(blocks):
            self.world.chain.mine()
        self.world.chain.tip_wei_min = tip_min
        self._tick()

    @rule()
    def back_up(self) -> None:
        self.backups.append(self.world.store.backup())

    @rule(age=st.integers(0, 3))
    def restore_a_backup(self, age: int) -> None:
        """The process that starts next finds the counts of chain and pool as they are."""
        self.world.store = self.backups[max(0, len(self.backups) - 1 - age)].backup()
        chain, store = self.world.chain, self.world.store
        stored = {one.tx_hash for one in store.transactions}
        hidden = [
            one
            for one in chain.mempool.values()
            if one.tx_hash not in stored and one.nonce >= chain.pending_count(SENDER)
        ]
        self.has_hidden_past |= bool(hidden)
        self.is_restored = True
        self._tick()

    @rule(failing=st.booleans())
    def mine(self, *, failing: bool) -> None:
        self.world.chain.mine(failing=failing)

    @rule(depth=st.integers(0, 3))
    def finalize(self, depth: int) -> None:
        self.world.chain.finalize(depth=depth)

    @rule(depth=st.integers(1, 5), returns_to_mempool=st.booleans())
    def reorg(self, depth: int, *, returns_to_mempool: bool) -> None:
        self.world.chain.reorg(depth, returns_to_mempool=returns_to_mempool)

    @rule(returns_to_mempool=st.booleans())
    def revert_seen_then_reorged(self, *, returns_to_mempool: bool) -> None:
        """What reverted in one block may succeed in another."""
        self.world.chain.mine(failing=True)
        self._tick()
        self.world.chain.reorg(1, returns_to_mempool=returns_to_mempool)

    @rule()
    def forget_mempool(self) -> None:
        self.world.chain.drop_mempool()

    @rule(works=st.sets(st.integers(0, LEAVES_MAX - 1), max_size=2))
    def change_verdicts(self, works: set[int]) -> None:
        self.world.chain.under_verdict = {withdrawal(work).leaf.work_id for work in works}

    @rule(lines=st.sets(st.integers(0, LINES_MAX - 1)))
    def change_holds(self, lines: set[int]) -> None:
        """Payee n has line n of every leaf that has so many."""
        payees = [line.payee for line in withdrawal(0, lines=LINES_MAX).leaf.lines]
        self.world.chain.held = {payees[line] for line in lines}

    @rule(lines=st.sets(st.integers(0, LINES_MAX - 1), min_size=1), is_final=st.booleans())
    def hold_and_lift(self, lines: set[int], *, is_final: bool) -> None:
        """What was signed before the hold is mined under it."""
        self._tick()
        self.change_holds(lines)
        self.world.chain.mine()
        self.change_holds(set())
        if is_final:
            self.world.chain.finalize()
        self._tick()

    @rule(lag=st.integers(0, 4))
    def delay_the_books(self, lag: int) -> None:
        self.world.books.lag = lag

    @rule(work=st.integers(0, LEAVES_MAX - 1), is_seen=st.booleans())
    def withdraw_elsewhere(self, work: int, *, is_seen: bool) -> None:
        self.world.chain.withdraw_elsewhere(owed(work % len(self.world.books.leaves)))
        if is_seen:
            self.world.chain.finalize()
            self._tick()

    @rule()
    def spend_our_next_nonce_elsewhere(self) -> None:
        self.world.chain.spend_nonce_elsewhere(self.world.chain.effects().counts[SENDER])

    @invariant()
    def at_most_once(self) -> None:
        assert self.has_hidden_past or self.world.second_payments() == 0

    @invariant()
    def one_open_nonce_a_leaf(self) -> None:
        assert self.has_hidden_past or max(self.world.open_nonces().values(), default=0) <= 1

    @invariant()
    def nothing_sent_that_is_not_stored(self) -> None:
        waiting = self.world.chain.mempool.values()
        assert {one.tx_hash for one in waiting if one.is_ours} <= self.world.store.ever_hashes

    def teardown(self) -> None:
        chain, store = self.world.chain, self.world.store
        chain.under_verdict, chain.held, self.world.books.lag = set(), set(), 0
        chain.paused_contracts = set()
        chain.set_float(FLOAT)
        self.change_fees(10**9, 0)
        # Each round may clear one nonce that a reorg freed again, and then pays in order.
        taken = store.next_nonce(SENDER) or 0
        self.world.settle(rounds=max(taken, chain.pending_count(SENDER)) + 2 * LEAVES_MAX + 2)

        effects = chain.effects()
        self.at_most_once()
        for leaf in self.world.books.leaves:
            assert effects.lines(item_of(leaf).event_op_id) == item_of(leaf).lines()
        for line_owed in (*self.world.books.tips, *self.world.books.payments):
            assert effects.lines(line(line_owed).op_id) == 1
        assert store.open_histories() == []
        payments = [one for one in store.operations.values() if one.kind is not Kind.COMMIT]
        assert sorted(store.reserved) == sorted(one.op_id for one in payments)
        leaves = {one.event_op_id for one in payments if one.kind is Kind.WITHDRAW}
        assert len(leaves) <= len(self.world.books.leaves)
        for outcome in store.outcomes:
            self._check_attribution(outcome)

    def _check_attribution(self, outcome: Outcome) -> None:
        """Whoever settled what an operation was planned for is who its outcome says."""
        if not outcome.is_closing:
            return
        closed_by = self.world.chain.effects().closed_by(self.world.store.operations[outcome.op_id])
        if outcome.fate is Fate.SETTLED:
            assert closed_by == outcome.tx_hash
        elif outcome.op_id not in self.closed_blind and not self.is_restored:
            # Unseen: a stranger's hash spent a nonce of ours, and then one withdrew the leaf.
            assert outcome.fate in (Fate.SETTLED_ELSEWHERE, Fate.SETTLED_UNSEEN)
            assert closed_by is None or closed_by in self._hashes_of_other_operations(outcome)

    def _hashes_of_other_operations(self, outcome: Outcome) -> set[Hash32]:
        history = self.world.store.history(outcome.op_id)
        assert history is not None
        return {tx_hash for attempt in history.others for tx_hash in attempt.hashes}

    def _closed(self) -> set[Hash32]:
        return {outcome.op_id for outcome in self.world.store.outcomes if outcome.is_closing}

    def _tick(self) -> None:
        try:
            self.world.submitter.tick()
        except (Transient, Crash):
            return


Payouts.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestPayouts = Payouts.TestCase
