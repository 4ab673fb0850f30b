"""Which entry an event of a payment contract, a document's line or a transaction's cost makes.

| cause | debit | credit |
|---|---|---|
| ContentPaid, TicketPaid, TipPaid | cash; earned, platform_fees | earned, platform_fees; cash |
| ContentRefunded, TicketRefunded | cash; refunded | refunded; cash |
| TipReceived | cash | owed(op-id, creator), platform_fees |
| line of an accepted document | documents(list) | owed(op-id, payee) |
| the same, of a line that the chain had ended by then | and owed(op-id, payee) | unexplained |
| LinePaid | owed, or unexplained | cash |
| LineUnclaimed | owed, or unexplained | unclaimed(payee) |
| UnclaimedWithdrawn | unclaimed(payee) | cash |
| FeesWithdrawn | platform_fees | cash |
| FloatReceived, tokens received by the batch | cash | float |
| the coins that a payout wallet's book begins with | wallet | float |
| a final transaction of a payout wallet: its cost; coins that it sent | gas; unexplained | wallet |
| plan of a payout (pending) | owed | in_transit |

A splitter keeps nothing: what came in goes out in the same entry, so that its accounts say by their
turnover what was earned, and by their balance that nothing stayed. A line that was paid although
the books do not owe it, or not so, is `unexplained`: the books stay equal to the chain, and a
person has to look. A document that is accepted afterwards explains it, to the unit, and owes
nothing on that line any more. `LineSkipped` moves nothing.

`version` is that of the books which the entry is for.
"""

from contracts.evm import (
    ZERO_ADDRESS,
    ZERO_HASH,
    Address,
    BlockNumber,
    BlockRef,
    Hash32,
    Timestamp,
)
from contracts.operations import TIP_LIST
from contracts.payment_events import (
    ContentPaid,
    ContentRefunded,
    FeesWithdrawn,
    FloatReceived,
    LinePaid,
    LineUnclaimed,
    PassedThrough,
    PaymentEvent,
    TicketPaid,
    TicketRefunded,
    TipPaid,
    TipReceived,
    TokensReceived,
    UnclaimedWithdrawn,
)
from contracts.units import BaseUnits
from settlement.ledger.accounts import (
    CASH,
    FLOAT,
    GAS,
    IN_TRANSIT,
    PLATFORM_FEES,
    UNEXPLAINED,
    WALLET,
    Account,
    Book,
    documents,
    earned,
    refunded,
    unclaimed,
)
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.gas import GasSpent, WalletOpened
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    Source,
    document_source,
    gas_source,
    log_source,
    opening_source,
    reservation_source,
)
from settlement.ledger.lines import OwedLine

NATIVE = ZERO_ADDRESS
"""Stands for the native coin where an asset is named."""


def passed_through(event: PassedThrough, version: int) -> JournalEntry | None:
    """A payment or refund that a splitter handed on; None if it was of nothing."""
    match event:
        case ContentRefunded():
            parts = _refund(refunded(event.content_id, event.creator), event)
        case TicketRefunded():
            parts = _refund(refunded(event.event_id, event.creator), event)
        case ContentPaid():
            parts = _sale(earned(event.content_id, event.creator), event.price, event.fee)
        case TicketPaid():
            parts = _sale(earned(event.event_id, event.creator), event.price, event.fee)
        case TipPaid():
            parts = _sale(earned(ZERO_HASH, event.creator), event.amount, event.fee)
    charged = [(account, amount) for account, amount in parts if amount]
    came = [_posting(event.asset, amount, CASH, account) for account, amount in charged]
    went = [_posting(event.asset, amount, account, CASH) for account, amount in charged]
    return _posted(event, (*came, *went), version) if charged else None


def tip_received(event: TipReceived, version: int) -> tuple[OwedLine, JournalEntry]:
    """A tip that is owed to its creator from now on, and its entry."""
    line = OwedLine(
        op_id=event.op_id,
        list_id=TIP_LIST,
        index=event.number,
        payee=event.creator,
        asset=NATIVE,
        amount=event.amount,
        payer=event.payer,
        owed_since=event.timestamp,
    )
    parts = ((line.account, event.amount), (PLATFORM_FEES, event.fee))
    postings = tuple(_posting(NATIVE, amount, CASH, account) for account, amount in parts if amount)
    return line, _posted(event, postings, version)


def document_lines(document: AcceptedDocument, op_ids: tuple[Hash32, ...]) -> list[OwedLine]:
    """The lines of a document under their op-ids."""
    return [
        OwedLine(
            op_id=op_id,
            list_id=document.list_id,
            index=line.index,
            payee=line.payee,
            asset=line.asset,
            amount=line.amount,
            payer=None,
            owed_since=document.accepted_at,
        )
        for line, op_id in zip(document.lines, op_ids, strict=True)
    ]


def document_line_owed(
    line: OwedLine,
    digest: Hash32,
    *,
    ended: LinePaid | LineUnclaimed | None,
    block: BlockNumber,
    version: int,
) -> JournalEntry:
    """A line of an accepted document is owed; `block` is the highest one of that time.

    Where the chain had `ended` it by then, that is what the unexplained payment was for.
    """
    account = line.account
    owed_now = _posting(line.asset, line.amount, documents(line.list_id), account)
    explained = () if ended is None else (_posting(line.asset, line.amount, account, UNEXPLAINED),)
    return JournalEntry(
        source=document_source(digest, line.index, version),
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=line.owed_since,
        effective_block=block,
        evidence=None,
        postings=(owed_now, *explained),
    )


def line_ended(
    event: LinePaid | LineUnclaimed, line: OwedLine | None, version: int
) -> JournalEntry:
    """A line left what is owed; None stands for one that is not owed so."""
    source = UNEXPLAINED if line is None else line.account
    target = CASH if isinstance(event, LinePaid) else unclaimed(event.payee)
    return _posted(event, (_posting(event.asset, event.amount, source, target),), version)


def money_moved(
    event: UnclaimedWithdrawn | FeesWithdrawn | FloatReceived | TokensReceived, version: int
) -> JournalEntry:
    """A pull balance or the fees left; or a float came in."""
    match event:
        case UnclaimedWithdrawn():
            posting = _posting(event.asset, event.amount, unclaimed(event.payee), CASH)
        case FeesWithdrawn():
            posting = _posting(NATIVE, event.amount, PLATFORM_FEES, CASH)
        case FloatReceived():
            posting = _posting(NATIVE, event.amount, CASH, FLOAT)
        case TokensReceived():
            posting = _posting(event.asset, event.amount, CASH, FLOAT)
    return _posted(event, (posting,), version)


def wallet_opened(opened: WalletOpened, book: Book, version: int) -> JournalEntry | None:
    """What a wallet had when its book begins; None if that was nothing."""
    if not opened.balance_wei:
        return None
    block = opened.block
    return _entry(
        opening_source(book, version),
        at=block.timestamp,
        evidence=Evidence(block_number=block.number, block_hash=block.hash),
        postings=(_posting(NATIVE, BaseUnits(opened.balance_wei), WALLET, FLOAT),),
    )


def gas_spent(spent: GasSpent, version: int) -> JournalEntry | None:
    """What left a wallet by a transaction; None where gas is free and nothing was sent."""
    parts = ((GAS, spent.cost_wei), (UNEXPLAINED, spent.value_wei))
    postings = tuple(
        _posting(NATIVE, BaseUnits(units), account, WALLET) for account, units in parts if units
    )
    if not postings:
        return None
    return _entry(
        gas_source(spent.tx_hash, version),
        at=spent.timestamp,
        evidence=Evidence(block_number=spent.block_number, block_hash=spent.block_hash),
        postings=postings,
    )


def line_reserved(
    line: OwedLine, attempt: int, *, planned_at: BlockRef, version: int
) -> JournalEntry:
    """The pending entry of a planned payout of one line."""
    return JournalEntry(
        source=reservation_source(line.op_id, attempt, version),
        leg=0,
        status=EntryStatus.PENDING,
        effective_at=planned_at.timestamp,
        effective_block=planned_at.number,
        evidence=None,
        postings=(_posting(line.asset, line.amount, line.account, IN_TRANSIT),),
    )


_Part = tuple[Account, BaseUnits]


def _sale(account: Account, price: BaseUnits, fee: BaseUnits) -> tuple[_Part, ...]:
    return ((account, price), (PLATFORM_FEES, fee))


def _refund(account: Account, event: ContentRefunded | TicketRefunded) -> tuple[_Part, ...]:
    """Whoever refunds pays the fee too; the treasury keeps its own."""
    return ((account, event.price), (account, event.fee))


def _posting(asset: Address, amount: BaseUnits, debit: Account, credit: Account) -> Posting:
    return Posting(asset=asset, amount=amount, debit=debit, credit=credit)


def _posted(event: PaymentEvent, postings: tuple[Posting, ...], version: int) -> JournalEntry:
    return _entry(
        log_source(event.ref, version),
        at=event.timestamp,
        evidence=Evidence(block_number=event.ref.block_number, block_hash=event.block_hash),
        postings=postings,
    )


def _entry(
    source: Source, *, at: Timestamp, evidence: Evidence, postings: tuple[Posting, ...]
) -> JournalEntry:
    return JournalEntry(
        source=source,
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=at,
        effective_block=evidence.block_number,
        evidence=evidence,
        postings=postings,
    )
