"""Events that the books are made of, of each kind as many as are asked for, in made-up blocks."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from contracts.approvals import AssetTotals
from contracts.evm import (
    ZERO_ADDRESS,
    Address,
    BlockNumber,
    BlockRef,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.leaves import Leaf, SplitLine
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    LeafWithdrawn,
    MoneyEvent,
    PayeePaid,
)
from contracts.operations import TIP_LIST, tip_operation_id
from contracts.payment_events import (
    ContentPaid,
    FloatReceived,
    LinePaid,
    LineUnclaimed,
    TipReceived,
)
from contracts.units import BaseUnits
from settlement.ledger.accounts import Book
from settlement.ledger.activation import leaf_operation_id
from settlement.ledger.commitments import Distribution
from settlement.ledger.gas import GasSpent
from settlement.ledger.post_payments import BookEvent
from tests.ledger_builders import CHAIN_ID

EVENTS_PER_BLOCK = 100
LEAVES_PER_BLOCK = 33
CONTENTS = 2_000
START = 1_780_000_000
BLOCK_TIME = 12


def block(number: BlockNumber) -> BlockRef:
    """A made-up block."""
    return BlockRef(
        number=number,
        hash=keccak(b"block %d" % number),
        parent_hash=keccak(b"block %d" % (number - 1)),
        timestamp=Timestamp(START + number * BLOCK_TIME),
    )


class Events:
    """Blocks of a hundred events; serves `post_payments.PaymentFacts`."""

    def __init__(self, count: int, book: Book, kind: str) -> None:
        self._book = book
        tips, sales, floats = self._tip, self._sale, self._float
        turns: dict[str, tuple[Callable[[int], BookEvent], ...]] = {
            "tips": (tips,),
            "payouts": (tips, self._paid),
            "sales": (sales,),
            "floats": (floats,),
            "gas": (self._gas,),
            "mixed": (tips, self._paid, sales, self._gas),
        }
        made = turns[kind]
        self.all = [made[number % len(made)](number) for number in range(count)]
        self._last = BlockNumber(-(-count // EVENTS_PER_BLOCK))

    def finalized(self) -> BlockRef | None:
        """The last block."""
        return block(self._last)

    def block(self, number: BlockNumber) -> BlockRef | None:
        """A block by number."""
        return block(number)

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        """By the constant block time."""
        return block(BlockNumber(min(upto.number, (timestamp - START - 1) // BLOCK_TIME)))

    def events(self, after: BlockNumber, upto: BlockRef) -> Sequence[BookEvent]:
        """Events of blocks (after, upto]."""
        return self.all[after * EVENTS_PER_BLOCK : upto.number * EVENTS_PER_BLOCK]

    def _paid(self, number: int) -> LinePaid:
        """What pays the tip before."""
        tip, (place, at) = self._tip(number - 1), self._place(number)
        return LinePaid(
            ref=place,
            block_hash=at.hash,
            timestamp=at.timestamp,
            op_id=tip.op_id,
            list_id=TIP_LIST,
            payee=tip.creator,
            index=tip.number,
            asset=ZERO_ADDRESS,
            amount=tip.amount,
        )

    def _gas(self, number: int) -> GasSpent:
        place, at = self._place(number)
        return GasSpent(
            tx_hash=keccak(b"transaction %d of %s" % (number, bytes(self._book.contract))),
            sender=self._book.contract,
            block_number=place.block_number,
            block_hash=at.hash,
            timestamp=at.timestamp,
            gas_used=90_000 + number,
            effective_gas_price_wei=10**9,
            l1_fee_wei=0,
            other_fee_wei=0,
            value_wei=0,
        )

    def line_ends(
        self, op_ids: Sequence[Hash32], upto: BlockRef
    ) -> Sequence[LinePaid | LineUnclaimed]:
        """Nothing is paid here."""
        return ()

    def _float(self, number: int) -> FloatReceived:
        place, at = self._place(number)
        return FloatReceived(
            ref=place,
            block_hash=at.hash,
            timestamp=at.timestamp,
            sender=Address(bytes(20)),
            amount=BaseUnits(10**15 + number),
        )

    def _sale(self, number: int) -> ContentPaid:
        place, at = self._place(number)
        content = keccak(b"content %d" % (number % CONTENTS))
        return ContentPaid(
            ref=place,
            block_hash=at.hash,
            timestamp=at.timestamp,
            order_id=Hash32.from_int(number),
            payer=Address(keccak(b"payer %d" % number)[:20]),
            creator=Address(content[:20]),
            content_id=content,
            asset=Address(b"\xa5" * 20),
            price=BaseUnits(10**15 + number),
            fee=BaseUnits(5 * 10**14),
        )

    def _place(self, number: int) -> tuple[LogRef, BlockRef]:
        """Writers share a chain, but no log."""
        at = block(BlockNumber(number // EVENTS_PER_BLOCK + 1))
        index = number % EVENTS_PER_BLOCK + self._book.contract[0] * EVENTS_PER_BLOCK
        return LogRef(CHAIN_ID, at.number, LogIndex(index)), at

    def _tip(self, number: int) -> TipReceived:
        place, at = self._place(number)
        return TipReceived(
            ref=place,
            block_hash=at.hash,
            timestamp=at.timestamp,
            order_id=Hash32.from_int(number),
            creator=Address(keccak(b"creator %d" % (number % 5_000))[:20]),
            payer=Address(keccak(b"payer %d" % number)[:20]),
            op_id=tip_operation_id(number, chain_id=CHAIN_ID, contract=self._book.contract),
            number=number,
            amount=BaseUnits(10**15 + number),
            fee=BaseUnits(5 * 10**14),
        )


class Royalties:
    """One epoch, funded and committed in block 1, whose leaves are then withdrawn, two lines each.

    Serves `post.MoneyFacts` and `post.CommittedLeaves`; a third of the entries are leaves.
    """

    def __init__(self, count: int, book: Book) -> None:
        chain = Events(0, book, "tips")
        self.block, self.highest_block_before = chain.block, chain.highest_block_before
        asset, epoch = Address(b"\xa5" * 20), Epoch(0)
        leaves = [_leaf(number, asset, book) for number in range(count // 3)]
        self._made = Distribution(manifest_digest=keccak(b"m"), root=keccak(b"r"), leaves=leaves)
        total = BaseUnits(sum(leaf.amount for leaf in leaves))
        none = BaseUnits(0)
        first, place = block(BlockNumber(1)), partial(LogRef, CHAIN_ID, BlockNumber(1))
        head: dict[str, Any] = {
            "block_hash": first.hash,
            "timestamp": first.timestamp,
            "epoch": epoch,
        }
        index = book.contract[0] * EVENTS_PER_BLOCK
        totals = AssetTotals(
            asset=asset,
            allocated=total,
            escrow=none,
            unallocated=none,
            fees=none,
            paid_in=total,
            carried_in=none,
        )
        self.all: list[MoneyEvent] = [
            EpochFunded(
                ref=place(LogIndex(index)), **head, asset=asset, source=asset, amount=total
            ),
            _commitment(place(LogIndex(index + 1)), head, self._made, totals),
        ]
        self._blocks: dict[int, list[MoneyEvent]] = {1: self.all}
        for number, leaf in enumerate(leaves):
            at = block(BlockNumber(3 + number // LEAVES_PER_BLOCK))
            logs = index + number % LEAVES_PER_BLOCK * 3
            self._blocks.setdefault(at.number, []).extend(_withdrawn(leaf, book, at, logs))
        self._last = block(BlockNumber(max(self._blocks)))

    def finalized(self) -> BlockRef | None:
        """The last block."""
        return self._last

    def money_events(self, after: BlockNumber, upto: BlockRef) -> list[MoneyEvent]:
        """Events of blocks (after, upto]."""
        blocks = range(after + 1, upto.number + 1)
        return [event for number in blocks for event in self._blocks.get(number, ())]

    def distribution(self, epoch: Epoch, manifest_digest: Hash32) -> Distribution | None:
        """The only one."""
        return self._made

    def has_computed(self, epoch: Epoch, attempt: int) -> bool:
        """Always."""
        return True


def _leaf(number: int, asset: Address, book: Book) -> Leaf:
    payees = sorted(Address(keccak(b"payee %d" % (number * 7 + n))[:20]) for n in range(2))
    lines = tuple(SplitLine(payee=payee, amount=BaseUnits(10**9 + number)) for payee in payees)
    work = Hash32(b"\0" + keccak(b"work %d" % number)[1:])
    return Leaf(epoch=Epoch(0), work_id=work, part=0, asset=asset, lines=lines)


def _commitment(
    ref: LogRef, head: Mapping[str, Any], made: Distribution, totals: AssetTotals
) -> EpochCommitted:
    return EpochCommitted(
        ref=ref,
        **head,
        attempt=1,
        manifest_digest=made.manifest_digest,
        root=made.root,
        active_at=block(BlockNumber(2)).timestamp,
        guardian_set=1,
        signers=(),
        totals=(totals,),
    )


def _withdrawn(leaf: Leaf, book: Book, at: BlockRef, index: int) -> list[MoneyEvent]:
    """The lines of a leaf paid, and the leaf withdrawn."""
    about: dict[str, Any] = {
        "block_hash": at.hash,
        "timestamp": at.timestamp,
        "op_id": leaf_operation_id(leaf, book),
        "asset": leaf.asset,
    }
    refs = [LogRef(CHAIN_ID, at.number, LogIndex(index + n)) for n in range(3)]
    paid = [
        PayeePaid(ref=refs[n], **about, line=n, payee=line.payee, amount=line.amount)
        for n, line in enumerate(leaf.lines)
    ]
    whole: dict[str, Any] = {"epoch": leaf.epoch, "work_id": leaf.work_id, "part": leaf.part}
    return [*paid, LeafWithdrawn(ref=refs[2], **about, **whole, amount=leaf.amount)]
