"""The journal as text that other programs read.

CSV has a row for each posting, JSON Lines an object for each entry. Amounts are decimal strings of
base units, in JSON too; addresses and hashes are `0x` and lower case, accounts are named by their
path. Rows come in the journal's order, ascending by time and entry id, also across the books of
several contracts. An export holds everything that an entry's digest is made of, so whoever reads it
can compute `content_digest` again. What the gas of a transaction was for stands beside it, so that
its cost can be allocated: it is no part of the digest, but follows from the transaction's bytes.

Nothing is collected: lines are made one by one, from entries that come one by one.
"""

import csv
import heapq
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from contracts.evm import Hash32
from reconciliation.gas_parts import GasPart
from reconciliation.period import time_of
from settlement.ledger.accounts import AccountKind, Book
from settlement.ledger.journal import JournalEntry

CSV_COLUMNS = (
    "chain_id",
    "contract",
    "entry_id",
    "source_kind",
    "source_id",
    "leg",
    "version",
    "status",
    "effective_at",
    "effective_block",
    "period",
    "time",
    "block_number",
    "block_hash",
    "content_digest",
    "posting",
    "asset",
    "amount",
    "debit",
    "credit",
    "gas_for",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedEntry:
    """An entry with the book that it stands in, and the month (YYYYMM) that it was booked in.

    `entry_id` and `content_digest` are those of the entry, which whoever read it has computed.
    `gas_for` says what the gas of a wallet's transaction was for; of other entries nothing.
    """

    book: Book
    month: int
    entry_id: Hash32
    content_digest: Hash32
    entry: JournalEntry
    gas_for: tuple[GasPart, ...]


def merged(books: Sequence[Iterable[BookedEntry]]) -> Iterator[BookedEntry]:
    """The entries of several books in one order; each comes in its own."""
    return heapq.merge(*books, key=lambda one: (one.entry.effective_at, one.entry_id))


def csv_lines(entries: Iterable[BookedEntry]) -> Iterator[str]:
    """A header, then one line for each posting; `gas_for` stands with the posting of gas."""
    yield _csv_line(CSV_COLUMNS)
    for booked in entries:
        head = _head(booked)
        for number, posting in enumerate(booked.entry.postings):
            move = (
                _hex(posting.asset),
                str(posting.amount),
                posting.debit.path,
                posting.credit.path,
                spelled_gas(booked) if posting.debit.kind is AccountKind.GAS else "",
            )
            yield _csv_line((*(str(value) for value in head.values()), str(number), *move))


def json_lines(entries: Iterable[BookedEntry]) -> Iterator[str]:
    """One JSON object for each entry; what an entry does not have is null."""
    for booked in entries:
        document = {name: None if value == "" else value for name, value in _head(booked).items()}
        postings = [
            {
                "asset": _hex(posting.asset),
                "amount": str(posting.amount),
                "debit": posting.debit.path,
                "credit": posting.credit.path,
            }
            for posting in booked.entry.postings
        ]
        gas = [
            {
                "kind": part.kind,
                "epoch": part.epoch,
                "operations": part.operations,
                "amount": str(part.amount),
            }
            for part in booked.gas_for
        ]
        more = {"postings": postings, "gas_for": gas or None}
        yield json.dumps(document | more, separators=(",", ":")) + "\n"


def spelled_gas(booked: BookedEntry) -> str:
    """What the gas of an entry was for, in one line: `withdraw:3=1200;commit:3=800`."""
    return ";".join(map(str, booked.gas_for))


def _head(booked: BookedEntry) -> dict[str, int | str]:
    entry, evidence = booked.entry, booked.entry.evidence
    return {
        "chain_id": booked.book.chain_id,
        "contract": _hex(booked.book.contract),
        "entry_id": str(booked.entry_id),
        "source_kind": entry.source.kind.value,
        "source_id": _hex(entry.source.id),
        "leg": entry.leg,
        "version": entry.source.version,
        "status": entry.status.value,
        "effective_at": entry.effective_at,
        "effective_block": entry.effective_block,
        "period": booked.month,
        "time": time_of(entry.effective_at),
        "block_number": evidence.block_number if evidence else "",
        "block_hash": str(evidence.block_hash) if evidence else "",
        "content_digest": str(booked.content_digest),
    }


def _csv_line(values: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
