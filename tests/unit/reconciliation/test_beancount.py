"""`reconciliation.beancount`: names, order and assertions; beancount itself is in integration."""

from pathlib import Path

import pytest

from contracts.evm import Epoch, Hash32, Timestamp
from reconciliation.beancount import account_name, beancount_lines, commodity
from reconciliation.period import ALL_TIME, Period
from settlement.ledger import accounts
from settlement.ledger.accounts import DIMENSIONS, Account, AccountKind
from tests.beancount_files import account_path, assertions_of, asset_of, totals_of
from tests.journal_builders import (
    ALICE,
    BOOK,
    EUR,
    PAYABLE,
    SPLITTER,
    USD,
    MemoryJournal,
    booked,
    entry,
    posting,
    reservation,
)

ATTRIBUTES = {"epoch": Epoch(3), "work_id": Hash32.from_int(7), "part": 1, "payee": ALICE}
DAY = 86_400

JOURNAL = [
    booked(entry(posting(accounts.CASH, accounts.paid_in(Epoch(3)), 100), block=1, at=DAY)),
    booked(
        entry(posting(accounts.paid_in(Epoch(3)), PAYABLE, 60), block=2, at=2 * DAY),
    ),
    booked(
        entry(posting(accounts.CASH, accounts.unclaimed(ALICE), 9, EUR), block=3, at=3 * DAY),
        SPLITTER,
    ),
    booked(reservation(60, at=3 * DAY)),
    booked(entry(posting(PAYABLE, accounts.CASH, 60), block=4, at=4 * DAY)),
]


@pytest.mark.parametrize("kind", AccountKind)
def test_account_name__every_kind__leads_back_to_its_path(kind: AccountKind) -> None:
    account = Account(
        kind=kind,
        **{name: ATTRIBUTES[name] for name in DIMENSIONS[kind]},  # type: ignore[arg-type]
    )

    name = account_name(BOOK, account)

    assert account_path(name) == (BOOK.chain_id, BOOK.contract, account.path)
    for component in name.split(":"):
        assert component[0].isupper() or component[0].isdigit()
        assert component.replace("-", "").isalnum()


def test_commodity__asset__leads_back() -> None:
    assert asset_of(commodity(USD)) == USD
    assert commodity(USD) == "T" + "AA" * 20


def written(path: Path, journal: MemoryJournal) -> Path:
    path.write_text("".join(beancount_lines(journal.source())))
    return path


def named(journal: MemoryJournal) -> dict[tuple[object, ...], int]:
    return {
        (book.chain_id, book.contract, path, asset): net
        for (book, path, asset), net in journal.totals().items()
    }


def test_file__all_time__reads_back_to_the_same_totals(tmp_path: Path) -> None:
    journal = MemoryJournal(JOURNAL, ALL_TIME)

    file = written(tmp_path / "all.beancount", journal)

    assert totals_of(file) == named(journal)
    assert assertions_of(file) == named(journal)


def test_file__a_later_period__begins_with_what_was_there(tmp_path: Path) -> None:
    period = Period(name="x", start=Timestamp(3 * DAY), end=Timestamp(4 * DAY), month=None)
    journal = MemoryJournal(JOURNAL, period)

    file = written(tmp_path / "x.beancount", journal)

    text = file.read_text()
    assert text.count('* "opening"') == 3
    assert text.count('* "log"') == 1
    assert assertions_of(file) == named(journal)
    sums = totals_of(file)
    assert {place: net for place, net in named(journal).items() if net} == {
        place: net for place, net in sums.items() if net
    }


def test_file__pending_entries__are_left_out(tmp_path: Path) -> None:
    text = written(tmp_path / "a", MemoryJournal(JOURNAL, ALL_TIME)).read_text()

    assert "In-Transit" not in text


def test_file__twice__the_same_bytes() -> None:
    journal = MemoryJournal(JOURNAL, ALL_TIME)

    assert list(beancount_lines(journal.source())) == list(beancount_lines(journal.source()))


def test_file__last_line__says_how_long_numbers_are(tmp_path: Path) -> None:
    large = booked(entry(posting(accounts.CASH, PAYABLE, 10**40)))

    text = written(tmp_path / "a", MemoryJournal([large], ALL_TIME)).read_text()

    assert text.endswith("; the longest number has 41 digits\n")


def test_file__late_entry__has_the_first_day_of_its_period() -> None:
    late = booked(entry(posting(accounts.CASH, PAYABLE, 5), at=DAY))
    period = Period(name="x", start=Timestamp(10 * DAY), end=Timestamp(11 * DAY), month=None)
    source = MemoryJournal([], period).source()

    made = "".join(
        beancount_lines(
            type(source)(
                period=period,
                assets=lambda: [USD],
                opening=list,
                entries=lambda: [late],
                closing=list,
            )
        )
    )

    assert '1970-01-11 * "log"' in made
