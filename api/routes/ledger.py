"""The journal for auditors: entries as they were recorded, seals, and the proof of each entry."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from api.adapters.account_totals import read_balances
from api.adapters.ledger import (
    BookRow,
    StoredEntry,
    Which,
    read_block,
    read_books,
    read_entry,
    read_journal,
)
from api.adapters.seals import read_closes, read_leaves, read_seal, read_seals
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import envelope_of
from api.conditional import answer_at_block, answer_under_root
from api.context import View, ViewOf
from api.errors import BadValue, NotFound
from api.fields import AddressIn, HashIn, NumberIn
from api.ledger import balance_out, entry_out, proved, seal_out
from api.pagination import PageOf, encode_cursor, page_of
from api.schemas.envelope import Block
from api.schemas.ledger import (
    AccountAnswer,
    BookList,
    BookOut,
    EntryAnswer,
    EntryProof,
    JournalPage,
    SealPage,
)
from contracts.evm import Address, Hash32
from settlement.errors import BadEntry
from settlement.ledger.accounts import Account, Book, account_from_path
from settlement.ledger.seal import Seal

router = APIRouter(prefix="/ledger", tags=["ledger"])
_JOURNAL, _SEALS = "journal", "seals"
BookIn = Annotated[
    AddressIn | None,
    Query(description="the contract or payout wallet; EpochPayouts by default"),
]
_PATH = "its path, as the postings of an entry spell it"
_AT_BLOCK = "as the book stands at the end of this block, which it must have reached"


@router.get("/books", response_model=BookList)
async def list_books(request: Request, view: ViewOf) -> Response:
    """The books of the settlement's chain, and how far each is posted, numbered and sealed."""
    async with view.reads() as reads:
        _, own = await _book(reads, view, None)
        rows = await read_books(reads, view.settlement.chain_id, None)
    answer = BookList(
        **envelope_of(view.settlement, own.block), items=[_book_out(row) for row in rows]
    )
    return answer_at_block(request, answer, own.block.hash)


@router.get("/balances", response_model=AccountAnswer)
async def show_balances(
    request: Request,
    view: ViewOf,
    account: Annotated[str, Query(description=_PATH, max_length=300)],
    book: BookIn = None,
    at_block: Annotated[NumberIn | None, Query(description=_AT_BLOCK)] = None,
) -> Response:
    """What is posted on any account of a book, now or at the end of any block of its past."""
    named = _account(account)
    async with view.reads() as reads:
        of, row = await _book(reads, view, book)
        block = await _reached(reads, of, row, at_block)
        found = await read_balances(reads, of, named, version=row.version, upto=block.number)
    answer = AccountAnswer(
        **envelope_of(view.settlement, block),
        book=of.contract,
        account=named.path,
        is_debit_normal=named.kind.is_debit_normal,
        balances=[balance_out(named, one) for one in found],
    )
    return answer_at_block(request, answer, row.block.hash)


@router.get("/journal", response_model=JournalPage)
async def list_journal(  # noqa: PLR0917 - the parameters of a request
    request: Request,
    view: ViewOf,
    page: PageOf,
    book: BookIn = None,
    seal: Annotated[NumberIn | None, Query(description="only entries under its seal")] = None,
    account: Annotated[
        str | None, Query(description=f"only entries that name it: {_PATH}", max_length=300)
    ] = None,
    at_block: Annotated[NumberIn | None, Query(description=_AT_BLOCK)] = None,
) -> Response:
    """Entries in the order of their recording, which only grows: a page never changes its place.

    With `at_block`, only those that the balances at that block are made of.
    """
    key = page.key(_JOURNAL, (int,))
    named = None if account is None else _account(account)
    async with view.reads() as reads:
        of, row = await _book(reads, view, book)
        block = await _reached(reads, of, row, at_block)
        which = Which(
            version=row.version,
            under=None if seal is None else await _seal(reads, of, seal),
            account=named,
            upto=None if at_block is None else block.number,
        )
        after = 0 if key is None else key[0]
        found = await read_journal(reads, of, which, after=after, limit=page.limit + 1)
    shown, cursor = page_of(
        found, page.limit, lambda one: encode_cursor(_JOURNAL, one.recorded.arrival)
    )
    answer = JournalPage(
        **envelope_of(view.settlement, block),
        book=of.contract,
        items=[entry_out(one) for one in shown],
        next_cursor=cursor,
    )
    return answer_at_block(request, answer, row.block.hash)


@router.get("/seals", response_model=SealPage)
async def list_seals(request: Request, view: ViewOf, page: PageOf, book: BookIn = None) -> Response:
    """The seal of every epoch that is over, oldest first; write them down, and compare later."""
    key = page.key(_SEALS, (int,))
    after = -1 if key is None else key[0]
    async with view.reads() as reads:
        of, row = await _book(reads, view, book)
        found = await read_seals(reads, of, after=after, limit=page.limit + 1)
        closes = await read_closes(reads, of, found)
    shown, cursor = page_of(found, page.limit, lambda one: encode_cursor(_SEALS, one.epoch))
    answer = SealPage(
        **envelope_of(view.settlement, row.block),
        book=of.contract,
        items=[seal_out(one, closes.get(one.epoch, ())) for one in shown],
        next_cursor=cursor,
    )
    return answer_at_block(request, answer, row.block.hash)


@router.get("/entries/{entry}", response_model=EntryAnswer)
async def show_entry(
    request: Request, view: ViewOf, entry: HashIn, book: BookIn = None
) -> Response:
    """One entry of a book, with everything that its leaf is made of."""
    async with view.reads() as reads:
        of, row = await _book(reads, view, book)
        stored = await _entry(reads, of, entry)
    answer = EntryAnswer(
        **envelope_of(view.settlement, row.block), book=of.contract, entry=entry_out(stored)
    )
    return answer_at_block(request, answer, row.block.hash)


@router.get("/entries/{entry}/proof", response_model=EntryProof)
async def prove_entry(
    request: Request, view: ViewOf, entry: HashIn, book: BookIn = None
) -> Response:
    """That an entry is under the seal of its epoch; checked before it is answered."""
    async with view.reads() as reads:
        of, row = await _book(reads, view, book)
        stored = await _entry(reads, of, entry)
        link = stored.link
        if link is None or stored.sealed_in is None:
            raise NotFound(f"entry {entry} is not sealed yet", field="entry", value=entry)
        seal = await _seal(reads, of, stored.sealed_in)
        leaves = await read_leaves(reads, of, seal)
        closes = (await read_closes(reads, of, [seal])).get(seal.epoch, ())
    data, path = await to_thread.run_sync(proved, stored, link, (of, seal), leaves, closes)
    answer = EntryProof(
        **envelope_of(view.settlement, row.block),
        book=of.contract,
        entry=entry_out(stored),
        canonical=data,
        leaf=link.leaf,
        path=path,
        seal=seal_out(seal, closes),
    )
    return answer_under_root(request, answer, seal.root)


async def _book(reads: Snapshot, view: View, asked: Address | None) -> tuple[Book, BookRow]:
    contract = view.settlement.payouts if asked is None else asked
    rows = await read_books(reads, view.settlement.chain_id, contract)
    if not rows:
        raise NotFound(f"nothing is posted in the book of {contract}", field="book", value=contract)
    return Book(chain_id=view.settlement.chain_id, contract=contract), rows[0]


async def _reached(reads: Snapshot, book: Book, row: BookRow, at_block: int | None) -> Block:
    number = row.number if at_block is None else at_block
    block = await read_block(reads, row, book.chain_id, number)
    if block is None:
        raise NotFound(
            f"block {number} is not indexed, or above block {row.number}, where the book is",
            field="at_block",
            value=number,
        )
    return block


def _account(path: str) -> Account:
    try:
        return account_from_path(path)
    except BadEntry as error:
        raise BadValue(str(error), field="account", value=path) from error


async def _entry(reads: Snapshot, book: Book, entry_id: Hash32) -> StoredEntry:
    stored = await read_entry(reads, book, entry_id)
    if stored is None:
        raise NotFound(
            f"book {book.contract} has no entry {entry_id}", field="entry", value=entry_id
        )
    return stored


async def _seal(reads: Snapshot, book: Book, epoch: int) -> Seal:
    seal = await read_seal(reads, book, epoch)
    if seal is None:
        raise NotFound(
            f"book {book.contract} has no seal of epoch {epoch}", field="seal", value=epoch
        )
    return seal


def _book_out(row: BookRow) -> BookOut:
    return BookOut(
        book=Address(row.contract),
        block=row.block,
        version=row.version,
        numbered=row.numbered,
        sealed_to=row.sealed_to,
    )
