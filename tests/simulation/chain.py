"""The chain: blocks in a tree, virtual time, reorgs, finality, and the state after each block."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.calls import EpochState, EpochStatus
from contracts.evm import Address, BlockNumber, BlockRef, Epoch, Hash32, Timestamp, keccak
from contracts.leaves import Leaf
from contracts.money_events import MoneyEvent
from contracts.payment_events import PaymentEvent
from settlement.payouts.view import Receipt

BLOCK_TIME = 12
VETO_WINDOW = 36
GENESIS_TIME = 1_700_000_000
CALM_BASE_FEE = 10**9
SENDER, SECOND_KEY = Address(b"\x5e" * 20), Address(b"\x5f" * 20)
KEYS = (SENDER, SECOND_KEY)
"""What pays, each with a float for its gas; most runs know the first alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A signed transaction as every node reads it."""

    tx_hash: Hash32
    sender: Address
    nonce: int
    to: Address
    data: bytes
    gas: int
    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True)
class Reached:
    """A transaction of ours came to a leaf or line of which ours had settled this before."""

    sender: Address
    nonce: int
    tx_hash: Hash32
    op_id: Hash32
    ours_before: tuple["Settled", ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """Lines, as bits, that a transaction of ours settled."""

    bits: int
    by: Hash32


@dataclass(frozen=True, slots=True)
class Tip:
    """What the relay owes for one tip."""

    payee: Address
    amount: int


@dataclass(slots=True, kw_only=True)
class State:
    """The state after a block; only changed while that block is executed.

    `cash` and `unclaimed` are those of `EpochPayouts`; `holdings`, by (contract, asset), `waiting`,
    by (contract, asset, payee), `tips`, `fees` and `floats`, by asset, those of relay and batch.
    `lines`, `ours` and `paid` are by op-id, as the events name it, of all three. `burning` are
    payees that burn what gas they are given with native coin, and in no question to a node.
    """

    counts: Counter[Address] = field(default_factory=Counter)
    epochs: dict[Epoch, EpochState] = field(default_factory=dict)
    paid_in: Counter[Epoch] = field(default_factory=Counter)
    lines: dict[Hash32, int] = field(default_factory=dict)
    ours: dict[Hash32, tuple[Settled, ...]] = field(default_factory=dict)
    cash: int = 0
    paid: Counter[tuple[Hash32, int]] = field(default_factory=Counter)
    unclaimed: Counter[Address] = field(default_factory=Counter)
    held: frozenset[Address] = frozenset()
    refusing: frozenset[Address] = frozenset()
    burning: frozenset[Address] = frozenset()
    under_verdict: frozenset[Hash32] = frozenset()
    paused: frozenset[Address] = frozenset()
    funds: Mapping[Address, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 10**20))
    receipts: dict[Hash32, Receipt] = field(default_factory=dict)
    reached: tuple[Reached, ...] = ()
    holdings: Counter[tuple[Address, Address]] = field(default_factory=Counter)
    waiting: Counter[tuple[Address, Address, Address]] = field(default_factory=Counter)
    floats: Counter[Address] = field(default_factory=Counter)
    tips: tuple[Tip, ...] = ()
    fees: int = 0

    def copy(self) -> "State":
        """A state to execute the next block on."""
        return replace(
            self,
            counts=Counter(self.counts),
            epochs=dict(self.epochs),
            paid_in=Counter(self.paid_in),
            lines=dict(self.lines),
            ours=dict(self.ours),
            paid=Counter(self.paid),
            unclaimed=Counter(self.unclaimed),
            receipts=dict(self.receipts),
            holdings=Counter(self.holdings),
            waiting=Counter(self.waiting),
            floats=Counter(self.floats),
        )

    def reach(self, one: Transaction, op_id: Hash32) -> None:
        """Note that a transaction of ours came to a leaf or line."""
        place = Reached(one.sender, one.nonce, one.tx_hash, op_id, self.ours.get(op_id, ()))
        self.reached = (*self.reached, place)

    def settle(self, op_id: Hash32, number: int, by: Transaction | None) -> None:
        """Set the flag of a line; `by` is ours."""
        bit = 1 << number
        self.lines[op_id] = self.lines.get(op_id, 0) | bit
        if by is not None:
            self.ours[op_id] = (*self.ours.get(op_id, ()), Settled(bit, by.tx_hash))

    def epoch(self, epoch: Epoch) -> EpochState:
        """`epochOf`."""
        zero = Hash32(bytes(32))
        nothing = EpochState(
            root=zero,
            manifest_digest=zero,
            active_at=Timestamp(0),
            attempt=1,
            status=EpochStatus.NONE,
        )
        return self.epochs.get(epoch, nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block with what it executed, and the state after it."""

    ref: BlockRef
    parent: "Block | None"
    base_fee_wei: int
    transactions: tuple[Transaction, ...]
    externals: tuple[object, ...]
    events: tuple[MoneyEvent, ...]
    line_events: Mapping[Address, tuple[PaymentEvent, ...]]
    state: State

    def ancestor(self, number: int) -> "Block":
        """The block of that height on the way down from this one."""
        block = self
        while block.ref.number > number:
            assert block.parent is not None
            block = block.parent
        return block

    def holds(self, ref: BlockRef) -> bool:
        """Whether a block is on the chain that ends here."""
        return ref.number <= self.ref.number and self.ancestor(ref.number).ref.hash == ref.hash


class Chain:
    """The canonical chain, what fell off it, and what was committed under each root."""

    def __init__(self) -> None:
        ref = _block_ref(None, salt=0, seconds=0)
        genesis = Block(
            ref=ref,
            parent=None,
            base_fee_wei=CALM_BASE_FEE,
            transactions=(),
            externals=(),
            events=(),
            line_events={},
            state=State(),
        )
        self.tip, self.finalized = genesis, genesis
        self.orphan: Block | None = None
        self.distributions: dict[Hash32, frozenset[Leaf]] = {}
        self._salt = 0

    def next_ref(self, *, seconds: int = BLOCK_TIME) -> BlockRef:
        """A block on top of the tip, with a hash that no other block has."""
        self._salt += 1
        return _block_ref(self.tip.ref, salt=self._salt, seconds=seconds)

    def append(self, block: Block) -> None:
        """Make it the tip."""
        assert block.parent is self.tip
        self.tip = block

    def unwind(self, depth: int) -> list[Block]:
        """Take up to `depth` blocks that are not final off the chain; newest first."""
        removed: list[Block] = []
        if self.tip is not self.finalized and depth:
            self.orphan = self.tip
        while len(removed) < depth and self.tip is not self.finalized:
            assert self.tip.parent is not None
            removed.append(self.tip)
            self.tip = self.tip.parent
        return removed

    def finalize(self, depth: int) -> None:
        """Move finality up to `depth` below the tip; it never moves back."""
        number = self.tip.ref.number - depth
        if number > self.finalized.ref.number:
            self.finalized = self.tip.ancestor(number)

    def blocks(self, after: int, upto: Block) -> Sequence[Block]:
        """Blocks (after, upto] of the chain that ends at `upto`, ascending."""
        found: list[Block] = []
        block: Block | None = upto
        while block is not None and block.ref.number > after:
            found.append(block)
            block = block.parent
        return found[::-1]


def _block_ref(parent: BlockRef | None, *, salt: int, seconds: int) -> BlockRef:
    number = parent.number + 1 if parent else 0
    below = parent.hash if parent else Hash32(bytes(32))
    return BlockRef(
        number=BlockNumber(number),
        hash=keccak(below + number.to_bytes(8, "big") + salt.to_bytes(8, "big")),
        parent_hash=below,
        timestamp=Timestamp(parent.timestamp + seconds if parent else GENESIS_TIME),
    )
