"""What the settlement owes: epochs with their distributions, approvals, and the finalized facts.

These are the ports to the other rooms: the index, the computed epochs, the guardians' approvals,
and the leaves that the books owe.
"""

from collections.abc import Callable, Sequence
from random import Random

from contracts.approvals import Approval, AssetTotals
from contracts.calls import EpochStatus, GuardianSignature, Withdrawal
from contracts.evm import Address, BlockNumber, BlockRef, Epoch, Hash32, Timestamp
from contracts.leaves import FEES_ID, Leaf, SplitLine
from contracts.money_events import MoneyEvent
from contracts.payment_events import LinePaid, LineUnclaimed, PaymentEvent
from contracts.units import BaseUnits
from settlement.ledger.commitments import Distribution
from settlement.payouts.operation import Kind, LineSubject
from settlement.payouts.protocols import ApprovedCommit, OwedLeaf
from tests.ledger_builders import ASSET, Computed
from tests.simulation.calls import RELAY
from tests.simulation.chain import Block, State
from tests.simulation.contract import GUARDIAN
from tests.simulation.database import Database
from tests.simulation.network import Network

PAYEES = tuple(Address(bytes([0x10 + number]) * 20) for number in range(6))
WORKS_MAX, LINES_MAX = 5, 3
APPROVAL_LIFE = 400
PROOF = (Hash32(bytes(32)),)


class Index:
    """The finalized facts that are indexed; behind the chain, and never back."""

    def __init__(self, network: Network, border: Callable[[str], None]) -> None:
        self._border = border
        self.block: Block = network.chain.finalized

    def advance(self, to: Block) -> None:
        """Index up to a later final block."""
        if to.ref.number > self.block.ref.number:
            self.block = to

    def finalized(self) -> BlockRef | None:
        self._border("finalized")
        return self.block.ref

    def state(self, at: BlockRef) -> State:
        """What is indexed of a block."""
        return self.block.ancestor(at.number).state


class Facts:
    """`MoneyFacts` of one transaction: a snapshot of the index."""

    def __init__(self, index: Index, border: Callable[[str], None]) -> None:
        self._block, self._border = index.block, border

    def finalized(self) -> BlockRef | None:
        self._border("facts")
        return self._block.ref

    def block(self, number: BlockNumber) -> BlockRef | None:
        if not 0 <= number <= self._block.ref.number:
            return None
        return self._block.ancestor(number).ref

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        block: Block | None = self._block.ancestor(upto.number)
        while block is not None and block.ref.timestamp >= timestamp:
            block = block.parent
        return None if block is None else block.ref

    def money_events(self, after: BlockNumber, upto: BlockRef) -> list[MoneyEvent]:
        self._border("money_events")
        found: list[MoneyEvent] = []
        block: Block | None = self._block.ancestor(upto.number)
        while block is not None and block.ref.number > after:
            found[:0] = block.events
            block = block.parent
        return found


class LineFacts(Facts):
    """`PaymentFacts` of one contract."""

    def __init__(self, index: Index, border: Callable[[str], None], contract: Address) -> None:
        super().__init__(index, border)
        self._contract = contract

    def events(self, after: BlockNumber, upto: BlockRef) -> list[PaymentEvent]:
        self._border("events")
        found: list[PaymentEvent] = []
        block: Block | None = self._block.ancestor(upto.number)
        while block is not None and block.ref.number > after:
            found[:0] = block.line_events.get(self._contract, ())
            block = block.parent
        return found

    def line_ends(self, op_ids: Sequence[Hash32], upto: BlockRef) -> list[LinePaid | LineUnclaimed]:
        return [
            one
            for one in self.events(BlockNumber(-1), upto)
            if isinstance(one, LinePaid | LineUnclaimed) and one.op_id in op_ids
        ]


class Royalties:
    """`ApprovedCommits`, and the computed distributions behind them."""

    def __init__(
        self, seed: int, network: Network, index: Index, border: Callable[[str], None]
    ) -> None:
        self._seed, self._network, self._index, self._border = seed, network, index, border
        self.computed = Computed()
        self._distributions: dict[tuple[Epoch, int], Distribution] = {}
        self._deadlines: dict[tuple[Epoch, int], Timestamp] = {}
        self.funded: dict[Epoch, int] = {}

    def distribution(self, epoch: Epoch, attempt: int) -> Distribution:
        """What an attempt at an epoch comes to; the same whenever it is asked."""
        key = (epoch, attempt)
        if key not in self._distributions:
            random = Random(f"{self._seed}/{epoch}/{attempt}")
            made = self.computed.add(_leaves(random, epoch), salt=attempt)
            self._distributions[key] = made
            self._network.chain.distributions[made.root] = frozenset(made.leaves)
        return self._distributions[key]

    def leaves(self) -> list[Leaf]:
        """Every leaf of every attempt that was computed."""
        return [leaf for one in self._distributions.values() for leaf in one.leaves]

    def to_pay_in(self, epoch: Epoch) -> int:
        """More than any attempt at the epoch allocates."""
        return self.funded.setdefault(epoch, 10_000 + epoch)

    def approved(self, at: BlockRef) -> Sequence[ApprovedCommit]:
        """The lowest epoch that is paid for and not committed at the block."""
        self._border("approved")
        state = self._index.state(at)
        for epoch in sorted(state.paid_in):
            one = state.epoch(epoch)
            if one.status is EpochStatus.NONE:
                return [self._approval(epoch, one.attempt, state, at)]
        return []

    def _approval(self, epoch: Epoch, attempt: int, state: State, at: BlockRef) -> ApprovedCommit:
        made = self.distribution(epoch, attempt)
        allocated = sum(one.amount for one in made.leaves if one.work_id != FEES_ID)
        fees = sum(one.amount for one in made.leaves if one.work_id == FEES_ID)
        paid_in = state.paid_in[epoch]
        totals = AssetTotals(
            asset=ASSET,
            paid_in=BaseUnits(paid_in),
            carried_in=BaseUnits(0),
            allocated=BaseUnits(allocated),
            escrow=BaseUnits(0),
            unallocated=BaseUnits(paid_in - allocated - fees),
            fees=BaseUnits(fees),
        )
        key = (epoch, attempt)
        if self._deadlines.get(key, 0) <= at.timestamp:
            self._deadlines[key] = Timestamp(at.timestamp + APPROVAL_LIFE)
        approval = Approval(
            epoch=epoch,
            attempt=attempt,
            guardian_set=1,
            manifest_digest=made.manifest_digest,
            root=made.root,
            totals=(totals,),
            deadline=self._deadlines[key],
        )
        return ApprovedCommit(approval, (GuardianSignature(GUARDIAN, b"\x33" * 65),))


class Owed:
    """`PayableLeaves`: what the committed books owe, with what is indexed of holds and verdicts."""

    def __init__(self, database: Database, index: Index, border: Callable[[str], None]) -> None:
        self._database, self._index, self._border = database, index, border

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[OwedLeaf]:
        self._border("payable")
        books, state = self._database.books, self._index.state(at)
        due = [
            one
            for one in books.payable_leaves()
            if not one.is_reserved
            and one.work_id not in state.under_verdict
            and any(line.payee not in state.held for line in one.open_lines)
        ][:limit]
        leaves = books.leaves([one.op_id for one in due])
        return [OwedLeaf(Withdrawal(leaves[one.op_id], PROOF), one.settled) for one in due]


class OwedLines:
    """`PayableLines`: what the committed books of the relay or the batch owe."""

    def __init__(
        self, contract: Address, database: Database, border: Callable[[str], None]
    ) -> None:
        self.contract, self._database, self._border = contract, database, border

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[LineSubject]:
        self._border("payable_lines")
        owed = self._database.books_of(self.contract).payable_lines()
        due = [one for one in owed if not one.is_reserved][:limit]
        return [
            LineSubject(
                kind=Kind.TIP if self.contract == RELAY else Kind.PAYOUT,
                list_id=one.list_id,
                index=one.index,
                payee=one.payee,
                asset=one.asset,
                amount=BaseUnits(one.amount),
            )
            for one in due
        ]


def _leaves(random: Random, epoch: Epoch) -> list[Leaf]:
    ids = [Hash32.from_int(100 * epoch + n + 1) for n in range(random.randint(1, WORKS_MAX))]
    if random.random() < 0.3:
        ids.append(FEES_ID)
    return [
        Leaf(
            epoch=epoch,
            work_id=work_id,
            part=0,
            asset=ASSET,
            lines=tuple(
                SplitLine(payee=payee, amount=BaseUnits(random.randint(1, 500)))
                for payee in sorted(random.sample(PAYEES, random.randint(1, LINES_MAX)))
            ),
        )
        for work_id in ids
    ]
