"""The journal as a beancount file.

    1970-01-01 commodity TABC…                         one for each asset, with its address
    1970-01-01 open Liabilities:Chain-1:0x…:Paid-In:3  one for each account
    2026-11-01 * "opening" …                           what each account had before
    2026-11-03 * "log" "0x<entry id>"                  one for each posted entry, in journal order
    2026-12-01 balance …                               what each account has then, asset by asset

A debit is a positive number, a credit a negative one. Amounts are whole base units, so beancount
has no tolerance. Pending entries only reserve and are left out. What was booked late has the first
day of the period that it was booked in. Names of accounts and commodities hold everything that an
account's path and an asset's address do, so they can be read back.

Beancount computes with Python's decimals of 28 digits. A book with amounts that are longer is exact
in the file, but has to be loaded with `decimal.getcontext().prec` raised first; the last line of
the file says how many digits its longest number has.

Source: beancount language syntax (currencies and account names, v3); the tool itself is not used.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from contracts.evm import Address, Timestamp
from reconciliation.journal_exports import BookedEntry, spelled_gas
from reconciliation.period import DAY_S, Period, date_of
from settlement.ledger.accounts import Account, AccountKind, Book
from settlement.ledger.journal import EntryStatus

DIGITS_OF_BEANCOUNT = 28
_PLAIN = re.compile(r"(?!X-)[A-Z0-9][A-Za-z0-9-]*", re.ASCII)
_ESCAPE = "X-"
_MONEY = (AccountKind.CASH, AccountKind.WALLET)
_BROUGHT_IN = (AccountKind.FLOAT, AccountKind.SURPLUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedBalance:
    """Debits less credits of one account in one asset."""

    book: Book
    account: Account
    asset: Address
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BeancountSource:
    """What a file is made of; each is asked for when its turn comes, and streamed.

    `opening` are balances at the start of the period, without those that are zero; `closing` at its
    end, with every account that ever had a posting; both ascending by account, without repetition.
    """

    period: Period
    assets: Callable[[], Iterable[Address]]
    opening: Callable[[], Iterable[BookedBalance]]
    entries: Callable[[], Iterable[BookedEntry]]
    closing: Callable[[], Iterable[BookedBalance]]


def beancount_lines(source: BeancountSource) -> Iterator[str]:
    """The file, a piece at a time."""
    start = date_of(source.period.start)
    yield f'option "title" "Quittance journal, {source.period.name}"\n\n'
    for asset in source.assets():
        yield f'{start} commodity {commodity(asset)}\n  address: "{asset}"\n'
    yield "\n"
    yield from _opened(source, start)
    digits = 0
    for balance in source.opening():
        digits = max(digits, len(str(abs(balance.net))))
        yield _opening(balance, start)
    last = source.period.start
    for booked in source.entries():
        if booked.entry.status is EntryStatus.POSTED:
            last = max(last, booked.entry.effective_at)
            digits = max(digits, *(len(str(one.amount)) for one in booked.entry.postings))
            yield _transaction(booked, start)
    day_after = date_of(Timestamp(last + DAY_S))
    yield "\n"
    for balance in source.closing():
        digits = max(digits, len(str(abs(balance.net))))
        name = account_name(balance.book, balance.account)
        yield f"{day_after} balance {name}  {balance.net} {commodity(balance.asset)}\n"
    yield f"\n; the longest number has {digits} digits\n"


def commodity(asset: Address) -> str:
    """The commodity of an asset: T and its address in upper-case digits."""
    return "T" + asset.hex().upper()


def account_name(book: Book, account: Account) -> str:
    """The beancount name of an account."""
    kind, *attributes = account.path.split(":")
    words = "-".join(word.capitalize() for word in kind.split("_"))
    return ":".join((_root(account.kind), *_place(book), words, *map(_escaped, attributes)))


def _opened(source: BeancountSource, start: str) -> Iterator[str]:
    previous = ""
    books: set[Book] = set()
    for balance in source.closing():
        books.add(balance.book)
        name = account_name(balance.book, balance.account)
        if name != previous:
            yield f"{start} open {name}\n"
        previous = name
    for book in sorted(books, key=lambda one: (one.chain_id, one.contract)):
        yield f"{start} open {_opening_account(book)}\n"
    yield "\n"


def _opening(balance: BookedBalance, date: str) -> str:
    name, unit = account_name(balance.book, balance.account), commodity(balance.asset)
    return (
        f'{date} * "opening"\n'
        f"  {name}  {balance.net} {unit}\n"
        f"  {_opening_account(balance.book)}  {-balance.net} {unit}\n"
    )


def _transaction(booked: BookedEntry, start: str) -> str:
    entry, evidence = booked.entry, booked.entry.evidence
    date = max(date_of(entry.effective_at), start)
    lines = [
        f'{date} * "{entry.source.kind.value}" "{booked.entry_id}"',
        f'  source: "0x{entry.source.id.hex()}"',
        f'  leg: "{entry.leg}"',
        f'  version: "{entry.source.version}"',
        f'  effective: "{entry.effective_at}"',
        f'  digest: "{booked.content_digest}"',
    ]
    if evidence is not None:
        lines.append(f'  block: "{evidence.block_number}"')
        lines.append(f'  blockhash: "{evidence.block_hash}"')
    if booked.gas_for:
        lines.append(f'  gasfor: "{spelled_gas(booked)}"')
    for posting in entry.postings:
        unit = commodity(posting.asset)
        lines.append(f"  {account_name(booked.book, posting.debit)}  {posting.amount} {unit}")
        lines.append(f"  {account_name(booked.book, posting.credit)}  -{posting.amount} {unit}")
    return "\n".join(lines) + "\n"


def _root(kind: AccountKind) -> str:
    if kind.is_debit_normal:
        return "Assets" if kind in _MONEY else "Expenses"
    return "Equity" if kind in _BROUGHT_IN else "Liabilities"


def _place(book: Book) -> tuple[str, str]:
    return f"Chain-{book.chain_id}", f"0x{book.contract.hex()}"


def _opening_account(book: Book) -> str:
    return ":".join(("Equity", *_place(book), "Opening"))


def _escaped(part: str) -> str:
    """A part of a path as a component of a name, which begins with a capital or a digit."""
    return part if _PLAIN.fullmatch(part) else _ESCAPE + part.encode().hex()
