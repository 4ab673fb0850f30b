"""Our beancount files, checked by beancount."""

from pathlib import Path

import pytest

from contracts.evm import Epoch, Timestamp
from contracts.units import UINT256_MAX
from reconciliation.beancount import beancount_lines
from reconciliation.journal_exports import BookedEntry
from reconciliation.period import ALL_TIME, Period
from settlement.ledger import accounts
from settlement.ledger.accounts import Account, AccountKind
from tests.beancount_files import bean_check
from tests.journal_builders import (
    ALICE,
    COIN,
    EUR,
    PAYABLE,
    SPLITTER,
    WALLET,
    WORK,
    MemoryJournal,
    booked,
    entry,
    posting,
)

DAY = 86_400
SECOND_DAY = Period(name="x", start=Timestamp(2 * DAY), end=Timestamp(3 * DAY), month=None)


def journal(amount: int) -> list[BookedEntry]:
    """Entries of every kind of book, on three days."""
    earned = accounts.earned(WORK, ALICE)
    return [
        booked(entry(posting(accounts.CASH, accounts.paid_in(Epoch(3)), amount), at=DAY)),
        booked(
            entry(posting(accounts.paid_in(Epoch(3)), PAYABLE, amount), block=2, at=2 * DAY + 5)
        ),
        booked(
            entry(
                posting(accounts.CASH, earned, 9, EUR),
                posting(earned, accounts.CASH, 9, EUR),
                block=3,
                at=2 * DAY + 5,
            ),
            SPLITTER,
        ),
        booked(
            entry(posting(accounts.GAS, accounts.WALLET, 21_000, COIN), block=3, log_index=1),
            WALLET,
        ),
        booked(entry(posting(PAYABLE, accounts.CASH, amount - 1), block=4, at=4 * DAY)),
    ]


@pytest.mark.parametrize("amount", [60, 10**27, UINT256_MAX], ids=["small", "usual", "largest"])
@pytest.mark.parametrize("period", [ALL_TIME, SECOND_DAY], ids=["all", "one day"])
def test_bean_check__our_file__nothing_wrong(tmp_path: Path, amount: int, period: Period) -> None:
    file = tmp_path / "journal.beancount"

    file.write_text("".join(beancount_lines(MemoryJournal(journal(amount), period).source())))

    assert bean_check(file) == ""


def test_bean_check__nothing_posted__nothing_wrong(tmp_path: Path) -> None:
    file = tmp_path / "journal.beancount"

    file.write_text("".join(beancount_lines(MemoryJournal([], ALL_TIME).source())))

    assert bean_check(file) == ""


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("  59 T", "  60 T", "Balance failed"),
        ("  -9 T", "  -8 T", "does not balance"),
        ("open Liabilities", "open Expenses", "Invalid reference to unknown account"),
    ],
    ids=["another balance", "another amount", "another account"],
)
def test_bean_check__changed_file__complains(
    tmp_path: Path, before: str, after: str, complaint: str
) -> None:
    file = tmp_path / "journal.beancount"
    text = "".join(beancount_lines(MemoryJournal(journal(60), ALL_TIME).source()))
    assert before in text

    file.write_text(text.replace(before, after, 1))

    assert complaint in bean_check(file)


def test_bean_check__every_kind_of_account__is_a_name(tmp_path: Path) -> None:
    pairs = {"epoch": Epoch(0), "work_id": WORK, "part": 0, "payee": ALICE}
    kinds = [kind for kind in AccountKind if kind not in {AccountKind.CASH, AccountKind.IN_TRANSIT}]
    entries = [
        booked(
            entry(
                posting(
                    accounts.CASH,
                    Account(
                        kind=kind,
                        **{name: pairs[name] for name in accounts.DIMENSIONS[kind]},  # type: ignore[arg-type]
                    ),
                    5,
                ),
                log_index=number,
            )
        )
        for number, kind in enumerate(kinds)
    ]
    file = tmp_path / "journal.beancount"

    file.write_text("".join(beancount_lines(MemoryJournal(entries, ALL_TIME).source())))

    assert bean_check(file) == ""
