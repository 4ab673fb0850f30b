"""Chain and mempool as everybody shares them: mining, reorgs, and what others do."""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import TypeVar

from contracts.evm import Hash32
from tests.simulation.calls import op_id_of
from tests.simulation.chain import BLOCK_TIME, CALM_BASE_FEE, KEYS, Block, Chain, State, Transaction
from tests.simulation.contract import Executor, External, Fund, Withdraw
from tests.simulation.faults import Fault, Faults
from tests.simulation.lines import BringFloat
from tests.simulation.mempool import Mempool, Verdict
from tests.simulation.signer import transaction_from_raw

INTRINSIC_GAS = (21_000, 21_000, 90_000)
"""What nothing costs: more where the data of the chain below is paid in gas."""


_One = TypeVar("_One")
_Other = TypeVar("_Other")


class Network:
    """Everything outside of our processes."""

    def __init__(self, faults: Faults) -> None:
        self.faults, self.random = faults, faults.random
        self.chain = Chain()
        self.pool = Mempool(intrinsic_gas=self.random.choice(INTRINSIC_GAS))
        self.base_fee_wei = CALM_BASE_FEE
        self.externals: list[External] = []
        self.late: list[bytes] = []
        self.seen: dict[Hash32, bytes] = {}
        self.on_arrival: Callable[[Transaction], None] = lambda _: None

    @property
    def state(self) -> State:
        """The state after the tip."""
        return self.chain.tip.state

    def receive(self, raw: bytes) -> Verdict:
        """A broadcast reaches the pool."""
        one = transaction_from_raw(raw)
        self.seen[one.tx_hash] = raw
        self.on_arrival(one)
        return self.pool.add(one, self.state)

    def mine(self, *, seconds: int = BLOCK_TIME, taken: int | None = None) -> Block:
        """A block with what waits; `taken` is how many of ours it has room for."""
        chain, ref = self.chain, self.chain.next_ref(seconds=seconds)
        executor = Executor(ref, chain.tip.state.copy(), chain.distributions)
        externals = tuple(self.externals)
        self.externals = []
        queue = _shuffled(self.random, list(externals), self._executable()[:taken])
        included: list[Transaction] = []
        for one in queue:
            if not isinstance(one, Transaction):
                executor.external(one)
            elif _can_run(one, executor.state):
                runs_dry = self.faults.strikes(Fault.REVERTED)
                executor.transaction(one, self.base_fee_wei, runs_dry=runs_dry)
                included.append(one)
        block = Block(
            ref=ref,
            parent=chain.tip,
            base_fee_wei=self.base_fee_wei,
            transactions=tuple(included),
            externals=externals,
            events=tuple(executor.events),
            line_events={one: tuple(each) for one, each in executor.line_events.items()},
            state=executor.state,
        )
        chain.append(block)
        self.pool.settle(self.state.counts)
        return block

    def reorg(self, depth: int, *, returns: bool, taken: int | None) -> int:
        """Replace blocks above the final one, by one more of them; how many were."""
        removed = self.chain.unwind(depth)
        for block in reversed(removed):
            for one in block.externals:
                if returns or isinstance(one, Fund | BringFloat):
                    self.externals.append(one)  # type: ignore[arg-type]
        if returns:
            again = [one for block in reversed(removed) for one in block.transactions]
            self.pool.restore(again, self.state)
        for _ in range(len(removed) + 1 if removed else 0):
            self.mine(taken=taken)
        return len(removed)

    def _executable(self) -> list[Transaction]:
        """What the keys have waiting and a block could take, in any order between them."""
        counts, fee = self.state.counts, self.base_fee_wei
        first, second = (self.pool.executable(one, counts[one], fee) for one in KEYS)
        return _shuffled(self.random, first, second)

    def withdrawable(self) -> list[Withdraw]:
        """What a stranger could withdraw now."""
        probe = Executor(self.chain.tip.ref, self.state, self.chain.distributions)
        leaves = [
            leaf
            for number in sorted(self.state.epochs)
            for leaf in sorted(
                self.chain.distributions.get(self.state.epochs[number].root, ()),
                key=op_id_of,
            )
        ]
        return [Withdraw(leaf) for leaf in leaves if probe.refusal(leaf) is None]

    def deliver_late(self) -> int:
        """Broadcasts that nobody waits for any more arrive."""
        arrived, self.late = self.late, []
        for raw in arrived:
            self.receive(raw)
        return len(arrived)


def _can_run(one: Transaction, state: State) -> bool:
    is_next = one.nonce == state.counts[one.sender]
    return is_next and one.gas * one.max_fee_wei <= state.funds[one.sender]


def _shuffled(random: Random, some: list[_One], others: list[_Other]) -> list[_One | _Other]:
    """Both in any order; each keep theirs, as nonces must."""
    queue: list[_One | _Other] = []
    left, right = deque(some), deque(others)
    while left or right:
        take_left = not right or (left and random.random() < 0.5)
        queue.append(left.popleft() if take_left else right.popleft())
    return queue
