"""Payouts under a hostile world: at most once always, exactly once in the end.

Hypothesis drives a submitter, a chain and a network in any order: blocks, finality, reorgs, a
mempool that forgets, a node that hides receipts or whole transactions, broadcasts that are lost or
time out before or after they arrive, replaced fees, reverts, verdicts, strangers who withdraw our
leaves, a key that is used elsewhere, and the end of the process at any border. After every step:

    no transaction of ours reached an obligation that one of ours had already settled,
    nothing waits in the mempool that is not stored.

When the faults stop, everything is paid and recorded, and the books reserved each leaf once.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contracts.evm import Hash32
from settlement.errors import Transient
from settlement.payouts.operation import Fate
from tests.fakes_payout_chain import (
    BORDERS,
    SENDER,
    Crash,
    FakeBooks,
    World,
    approved_commit,
    operation,
    replaced,
    withdrawal,
)

LEAVES_MAX = 6
SENDS = st.sampled_from(["accept", "accept", "lost", "timeout_before", "timeout_after"])
MOODS = st.sampled_from(["down", "hides_receipts", "hides_transactions", "paused"])


class Payouts(RuleBasedStateMachine):
    """One key, one contract, up to six leaves and one commit."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(books=FakeBooks(leaves=[withdrawal(0)]))
        self.closed_blind: set[Hash32] = set()  # while the node hid receipts

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

    @rule(border=st.sampled_from(BORDERS))
    def owe_and_tick_and_crash(self, border: str) -> None:
        self.owe_another_leaf()
        self.world.faults.crash_at = border
        self._tick()
        self.world.faults.crash_at = None

    @rule()
    def owe_another_leaf(self) -> None:
        if len(self.world.books.leaves) < LEAVES_MAX:
            self.world.books.leaves.append(withdrawal(len(self.world.books.leaves)))

    @rule()
    def owe_a_commit(self) -> None:
        self.world.books.commits = [approved_commit(2)]

    @rule(reaches_the_node=st.booleans())
    def bump_a_fee(self, *, reaches_the_node: bool) -> None:
        """An operator replaces what waits: one more hash for the same nonce."""
        stored = {one.tx_hash: one for one in self.world.store.transactions}
        waiting = [stored[key] for key in self.world.chain.mempool if key in stored]
        if waiting:
            bumped = replaced(waiting[0], fee_wei=waiting[0].max_fee_wei + 10**9)
            self.world.store.replace(bumped)
            if reaches_the_node:
                self.world.chain.send_raw(bumped.raw)
            else:
                self.world.chain.mine()  # too late: the one before is included

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

    @rule(work=st.integers(0, LEAVES_MAX - 1), is_seen=st.booleans())
    def withdraw_elsewhere(self, work: int, *, is_seen: bool) -> None:
        op_id = operation(work % len(self.world.books.leaves)).op_id
        if op_id not in self.world.chain.effects().settled_by:
            self.world.chain.withdraw_elsewhere(op_id)
        if is_seen:
            self.world.chain.finalize()
            self._tick()

    @rule()
    def spend_our_next_nonce_elsewhere(self) -> None:
        """Only nonces that we signed: above them the submitter halts, which is its own test."""
        count = self.world.chain.effects().counts[SENDER]
        if count in {transaction.nonce for transaction in self.world.store.transactions}:
            self.world.chain.spend_nonce_elsewhere(count)

    @invariant()
    def at_most_once(self) -> None:
        assert self.world.chain.effects().second_payments == 0

    @invariant()
    def nothing_sent_that_is_not_stored(self) -> None:
        stored = {transaction.tx_hash for transaction in self.world.store.transactions}
        waiting = self.world.chain.mempool.values()
        assert {one.tx_hash for one in waiting if one.is_ours} <= stored

    def teardown(self) -> None:
        chain, store = self.world.chain, self.world.store
        chain.under_verdict = set()
        # Each round may clear one nonce that a reorg freed again, and then pays in order.
        self.world.settle(rounds=len(store.transactions) + 2 * LEAVES_MAX)

        settled = chain.effects().settled_by
        assert chain.effects().second_payments == 0
        assert store.operations.keys() <= settled.keys()
        assert store.open_histories() == []
        assert sorted(store.reserved) == sorted(
            operation(index).op_id for index in range(len(self.world.books.leaves))
        )
        closing = [outcome for outcome in store.outcomes if outcome.is_closing]
        for outcome in closing:
            if outcome.fate is Fate.SETTLED or outcome.op_id not in self.closed_blind:
                assert settled[outcome.op_id] == outcome.tx_hash
            if outcome.fate is Fate.SETTLED_ELSEWHERE:
                assert settled[outcome.op_id] is None

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
