"""Builders for payment books: a chain of payment events, documents, and what gas cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, BlockRef, Hash32, Timestamp, keccak
from contracts.operations import TIP_LIST, payout_operation_id, tip_operation_id
from contracts.payment_events import (
    ContentPaid,
    ContentRefunded,
    FeesWithdrawn,
    FloatReceived,
    LinePaid,
    LineUnclaimed,
    TicketPaid,
    TicketRefunded,
    TipPaid,
    TipReceived,
    TokensReceived,
    UnclaimedWithdrawn,
)
from contracts.units import BaseUnits
from settlement.ledger.documents import AcceptedDocument, DocumentLine
from settlement.ledger.gas import GasSpent, WalletOpened
from settlement.ledger.post import Posted
from settlement.ledger.post_payments import BookEvent, LineBooks, post_payments_step
from tests.ledger_builders import ASSET, BOOK, MoneyChain, work

E = TypeVar("E", bound=BookEvent)
LineEnded = LinePaid | LineUnclaimed

PAYER = Address(b"\x66" * 20)
CONTENT, EVENT = work(501), work(502)


@dataclass
class PaymentChain:
    """Blocks that are all final, with events of one payment contract; serves `PaymentFacts`."""

    blocks: MoneyChain = field(default_factory=MoneyChain)
    happened: list[BookEvent] = field(default_factory=list)
    tips: int = 0

    def content_paid(self, creator: Address, price: int, fee: int) -> ContentPaid:
        """Sell a content."""
        sale = self._sale(creator, price, fee)
        return self._add(ContentPaid(**self._head(), **sale, content_id=CONTENT))

    def content_refunded(self, creator: Address, price: int, fee: int) -> ContentRefunded:
        """Give a buyer of content everything back."""
        sale = self._sale(creator, price, fee)
        return self._add(ContentRefunded(**self._head(), **sale, content_id=CONTENT))

    def ticket_paid(self, creator: Address, price: int, fee: int) -> TicketPaid:
        """Sell a ticket."""
        sale = self._sale(creator, price, fee) | {"event_id": EVENT, "tier_id": 1, "ticket_id": 7}
        return self._add(TicketPaid(**self._head(), **sale))

    def ticket_refunded(self, creator: Address, price: int, fee: int) -> TicketRefunded:
        """Take a ticket back."""
        sale = self._sale(creator, price, fee) | {"event_id": EVENT, "ticket_id": 7}
        return self._add(TicketRefunded(**self._head(), **sale))

    def tip_paid(self, creator: Address, amount: int, fee: int) -> TipPaid:
        """Tip in tokens."""
        sale = self._sale(creator, amount, fee)
        return self._add(TipPaid(**self._head(), amount=sale.pop("price"), **sale))

    def tip_received(self, creator: Address, amount: int, fee: int = 0) -> TipReceived:
        """Tip in coins, which the relay owes from now on."""
        number, self.tips = self.tips, self.tips + 1
        return self._add(
            TipReceived(
                **self._head(),
                order_id=work(number),
                creator=creator,
                payer=PAYER,
                op_id=tip_operation_id(number, chain_id=BOOK.chain_id, contract=BOOK.contract),
                number=number,
                amount=BaseUnits(amount),
                fee=BaseUnits(fee),
            )
        )

    def tip_settled(self, tip: TipReceived, *, is_refused: bool = False) -> LineEnded:
        """Pay a tip, or find it refused."""
        return self._add(
            _ended(is_refused)(
                **self._head(),
                op_id=tip.op_id,
                list_id=TIP_LIST,
                payee=tip.creator,
                index=tip.number,
                asset=ZERO_ADDRESS,
                amount=tip.amount,
            )
        )

    def line_settled(
        self, paid: AcceptedDocument, index: int, *, is_refused: bool = False, **other: Any
    ) -> LineEnded:
        """Pay a line of a document, or find it refused; `other` is what was paid otherwise."""
        line = paid.lines[index]
        said: dict[str, Any] = {"payee": line.payee, "asset": line.asset, "amount": line.amount}
        return self._add(
            _ended(is_refused)(
                **self._head(),
                op_id=line_op_id(paid, index),
                list_id=paid.list_id,
                index=index,
                **said | other,
            )
        )

    def unclaimed_withdrawn(self, payee: Address, amount: int, asset: Address) -> BookEvent:
        """Withdraw a pull balance."""
        return self._add(
            UnclaimedWithdrawn(
                **self._head(), payee=payee, asset=asset, to=payee, amount=BaseUnits(amount)
            )
        )

    def fees_withdrawn(self, amount: int) -> BookEvent:
        """Withdraw the fees of the relay."""
        return self._add(FeesWithdrawn(**self._head(), treasury=PAYER, amount=BaseUnits(amount)))

    def float_received(self, amount: int) -> BookEvent:
        """Bring coins into the batch."""
        return self._add(FloatReceived(**self._head(), sender=PAYER, amount=BaseUnits(amount)))

    def tokens_received(self, amount: int) -> BookEvent:
        """Bring tokens into the batch."""
        return self._add(
            TokensReceived(**self._head(), asset=ASSET, source=PAYER, amount=BaseUnits(amount))
        )

    def gas_spent(
        self, wallet: Address, *, gas: int, price: int, l1_fee: int = 0, value: int = 0
    ) -> GasSpent:
        """Spend gas of a wallet."""
        block = self.blocks.mine()
        return self._add(
            GasSpent(
                tx_hash=keccak(b"tx" + block.hash),
                sender=wallet,
                block_number=block.number,
                block_hash=block.hash,
                timestamp=block.timestamp,
                gas_used=gas,
                effective_gas_price_wei=price,
                l1_fee_wei=l1_fee,
                other_fee_wei=0,
                value_wei=value,
            )
        )

    def wallet_opened(self, wallet: Address, coins: int) -> WalletOpened:
        """Begin a wallet's book."""
        return self._add(WalletOpened(wallet=wallet, block=self.blocks.mine(), balance_wei=coins))

    def mine(self, *, seconds: int = 10) -> BlockRef:
        """Add a block without events."""
        return self.blocks.mine(seconds=seconds)

    def finalized(self) -> BlockRef | None:
        return self.blocks.finalized()

    def block(self, number: BlockNumber) -> BlockRef | None:
        return self.blocks.block(number)

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        return self.blocks.highest_block_before(timestamp, upto)

    def events(self, after: BlockNumber, upto: BlockRef) -> Sequence[BookEvent]:
        return [each for each in self.happened if after < _height(each) <= upto.number]

    def line_ends(self, op_ids: Sequence[Hash32], upto: BlockRef) -> Sequence[LineEnded]:
        return [
            each
            for each in self.happened
            if isinstance(each, LineEnded)
            and each.op_id in op_ids
            and each.ref.block_number <= upto.number
        ]

    def _sale(self, creator: Address, price: int, fee: int) -> dict[str, Any]:
        return {
            "order_id": work(len(self.happened)),
            "payer": PAYER,
            "creator": creator,
            "asset": ASSET,
            "price": BaseUnits(price),
            "fee": BaseUnits(fee),
        }

    def _head(self) -> dict[str, Any]:
        event = self.blocks.funded(1)
        return {"ref": event.ref, "block_hash": event.block_hash, "timestamp": event.timestamp}

    def _add(self, event: E) -> E:
        self.happened.append(event)
        return event


def document(
    *lines: tuple[Address, int], accepted_at: int, asset: Address = ASSET, name: bytes = b"june"
) -> AcceptedDocument:
    """An accepted document with these lines."""
    return AcceptedDocument(
        digest=keccak(b"document" + name),
        list_id=keccak(b"list" + name),
        accepted_at=Timestamp(accepted_at),
        lines=tuple(
            DocumentLine(index=index, payee=payee, asset=asset, amount=BaseUnits(amount))
            for index, (payee, amount) in enumerate(lines)
        ),
    )


def line_op_id(paid: AcceptedDocument, index: int) -> Hash32:
    """The op-id of a document's line in the test book."""
    return payout_operation_id(paid.list_id, index, chain_id=BOOK.chain_id, contract=BOOK.contract)


def post_payments(
    chain: PaymentChain,
    books: LineBooks,
    *accepted: AcceptedDocument,
    blocks_max: int = 1000,
) -> list[Posted]:
    """Post until caught up; the steps."""
    steps: list[Posted] = []
    while len(steps) <= 2 * len(chain.blocks.blocks):
        steps.append(
            post_payments_step(
                chain, accepted, books, start_block=BlockNumber(0), blocks_max=blocks_max
            )
        )
        if steps[-1].is_caught_up:
            return steps
    raise AssertionError("posting makes no progress")


def _ended(is_refused: bool) -> type[LineEnded]:
    return LineUnclaimed if is_refused else LinePaid


def _height(event: BookEvent) -> int:
    if isinstance(event, WalletOpened):
        return event.block.number
    return event.block_number if isinstance(event, GasSpent) else event.ref.block_number
