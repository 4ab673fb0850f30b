"""`reconciliation.journal_exports`: exact, ordered, and enough to compute every digest again."""

import csv
import io
import json

from contracts.evm import Address, BlockNumber, Hash32, Timestamp
from contracts.units import UINT256_MAX, BaseUnits
from reconciliation.journal_exports import CSV_COLUMNS, csv_lines, json_lines, merged
from settlement.ledger import accounts
from settlement.ledger.accounts import account_from_path
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    Source,
    SourceKind,
)
from tests.journal_builders import (
    BOOK,
    EUR,
    PAYABLE,
    SPLITTER,
    USD,
    booked,
    entry,
    posting,
    reservation,
)

LARGE = entry(
    posting(accounts.CASH, PAYABLE, UINT256_MAX), posting(PAYABLE, accounts.CASH, 5, EUR), block=9
)
ENTRIES = [
    booked(LARGE),
    booked(reservation(7), BOOK),
    booked(entry(posting(accounts.CASH, PAYABLE, 1)), SPLITTER),
]


def read_back(document: dict[str, object]) -> JournalEntry:
    """An entry from one line of JSON."""
    rows = document["postings"]
    assert isinstance(rows, list)
    number, hashed = document["block_number"], document["block_hash"]
    evidence = None
    if isinstance(number, int):
        evidence = Evidence(
            block_number=BlockNumber(number), block_hash=Hash32.from_hex(str(hashed))
        )
    return JournalEntry(
        source=Source(
            SourceKind(str(document["source_kind"])),
            bytes.fromhex(str(document["source_id"])[2:]),
            int(str(document["version"])),
        ),
        leg=int(str(document["leg"])),
        status=EntryStatus(str(document["status"])),
        effective_at=Timestamp(int(str(document["effective_at"]))),
        effective_block=BlockNumber(int(str(document["effective_block"]))),
        evidence=evidence,
        postings=tuple(
            Posting(
                asset=Address.from_hex(row["asset"]),
                amount=BaseUnits(int(row["amount"])),
                debit=account_from_path(row["debit"]),
                credit=account_from_path(row["credit"]),
            )
            for row in rows
        ),
    )


def test_json_lines__every_entry__read_back_with_its_digest() -> None:
    documents = [json.loads(line) for line in json_lines(ENTRIES)]

    for document, one in zip(documents, ENTRIES, strict=True):
        again = read_back(document)
        assert again == one.entry
        assert str(again.id) == document["entry_id"]
        assert str(again.content_digest) == document["content_digest"]
        assert document["contract"] == "0x" + one.book.contract.hex()


def test_json_lines__amounts__are_strings() -> None:
    (document,) = (json.loads(line) for line in json_lines(ENTRIES[:1]))

    assert document["postings"][0]["amount"] == str(UINT256_MAX)
    assert document["period"] == 197001
    assert document["time"] == "1970-01-12T13:46:40Z"


def test_csv__every_posting__is_a_row() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(csv_lines(ENTRIES)))))

    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(row["entry_id"], row["posting"], row["amount"]) for row in rows] == [
        (str(each.entry.id), str(number), str(one.amount))
        for each in ENTRIES
        for number, one in enumerate(each.entry.postings)
    ]
    assert {row["status"] for row in rows} == {"posted", "pending"}
    assert rows[2]["block_number"] == ""
    assert rows[0]["asset"] == "0x" + USD.hex()


def test_merged__several_books__one_order_by_time_and_id() -> None:
    first = [booked(entry(posting(accounts.CASH, PAYABLE, n), block=n, at=n * 10)) for n in (1, 3)]
    second = [
        booked(entry(posting(accounts.CASH, PAYABLE, n), block=n, at=n * 10), SPLITTER)
        for n in (2, 4)
    ]

    made = list(merged([first, second]))

    assert [one.entry.effective_at for one in made] == [10, 20, 30, 40]


def test_csv__nothing__is_a_header() -> None:
    assert list(csv_lines([])) == [",".join(CSV_COLUMNS) + "\n"]
