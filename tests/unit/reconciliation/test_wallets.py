"""`reconciliation.wallets`: what left, what failed, what it cost."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from reconciliation.chain_events import RawLog, TokenTransfer
from reconciliation.discrepancy import Kind
from reconciliation.reading import Reading
from reconciliation.wallets import (
    GasBook,
    GasEntry,
    WalletHistory,
    WalletRecords,
    WalletTransaction,
    failures,
    gas_differences,
    outflows,
)

WALLET, OTHER, TOKEN = Address(b"\x5e" * 20), Address(b"\x99" * 20), Address(b"\xaa" * 20)
OURS, STRANGE = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
AT = BlockRef(
    number=BlockNumber(50),
    hash=Hash32(b"\x50" * 32),
    parent_hash=Hash32(bytes(32)),
    timestamp=Timestamp(5_000),
)
TRANSACTION = WalletTransaction(
    nonce=3,
    transaction_hash=OURS,
    block_number=10,
    block_hash=Hash32(b"\x10" * 32),
    timestamp=Timestamp(1_000),
    to=OTHER,
    value_wei=0,
    cost_wei=7,
    has_failed=False,
)
HISTORY = WalletHistory(
    wallet=WALLET,
    first_nonce=3,
    nonce=Reading(value=4, is_proven=True, evidence="account"),
    balance=Reading(value=93, is_proven=True, evidence="account"),
    opening_wei=100,
    transactions=(TRANSACTION,),
    unlocated=(),
    transfers=(),
)
RECORDS = WalletRecords(
    wallet=WALLET,
    signed=frozenset({OURS}),
    first_nonce=3,
    settled=frozenset(),
    failures=frozenset(),
)
FOREIGN = replace(TRANSACTION, transaction_hash=STRANGE, nonce=4, value_wei=5, cost_wei=1)


def transfer(transaction: Hash32, source: Address = WALLET, amount: int = 9) -> TokenTransfer:
    log = RawLog(12, 1, b"\x12" * 32, transaction, TOKEN, (), b"")
    return TokenTransfer(log=log, source=source, target=OTHER, amount=amount)


def test_outflows__ours_alone__none() -> None:
    assert outflows(HISTORY, RECORDS, AT) == []


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (
            {
                "transactions": (TRANSACTION, FOREIGN),
                "balance": Reading(value=87, is_proven=True, evidence=""),
                "transfers": (transfer(STRANGE),),
            },
            f"transaction {STRANGE}",
        ),
        ({"unlocated": (4,)}, f"wallet {WALLET} nonce 4"),
        ({"transfers": (transfer(OURS),)}, "log 12/1"),
        (
            {"balance": Reading(value=92, is_proven=True, evidence="")},
            f"balance of wallet {WALLET}",
        ),
    ],
)
def test_outflows__something_else_left__one_discrepancy(
    change: dict[str, Any], subject: str
) -> None:
    (found,) = outflows(replace(HISTORY, **change), RECORDS, AT)

    assert (found.kind, found.subject) == (Kind.UNAUTHORISED_OUTFLOW, subject)


@pytest.mark.parametrize(
    "change",
    [
        {"balance": Reading(value=200, is_proven=True, evidence="")},
        {"balance": Reading(value=0, is_proven=True, evidence=""), "opening_wei": None},
        {"transfers": (transfer(OURS, source=OTHER), transfer(OURS, amount=0))},
    ],
)
def test_outflows__money_that_came_or_is_not_known__none(change: dict[str, Any]) -> None:
    assert outflows(replace(HISTORY, **change), RECORDS, AT) == []


@pytest.mark.parametrize(
    ("settled", "failed", "tolerance_s", "is_found"),
    [
        (True, False, 10**6, True),
        (True, True, 10**6, True),
        (False, False, 3_999, True),
        (False, False, 4_000, False),
        (False, True, 0, False),
    ],
)
def test_failures__record_against_receipt(
    settled: bool, failed: bool, tolerance_s: int, is_found: bool
) -> None:
    history = replace(HISTORY, transactions=(replace(TRANSACTION, has_failed=True),))
    records = replace(
        RECORDS,
        settled=frozenset({OURS} if settled else ()),
        failures=frozenset({OURS} if failed else ()),
    )

    found = failures(history, records, at=AT, tolerance_s=tolerance_s)

    assert [one.kind for one in found] == ([Kind.REVERTED] if is_found else [])
    assert failures(HISTORY, records, at=AT, tolerance_s=0) == []


def book(upto: int = 50, **costs: int) -> GasBook:
    names = {"ours": OURS, "strange": STRANGE, "unknown": Hash32(b"\x03" * 32)}
    entries = {
        names[name]: GasEntry(
            entry_id=Hash32(b"\x0e" * 32), transaction_hash=names[name], amount_wei=units
        )
        for name, units in costs.items()
    }
    return GasBook(upto_block=upto, entries=entries)


@pytest.mark.parametrize(
    ("booked", "found"),
    [
        (book(ours=7), []),
        (book(ours=6), [("6", "7")]),
        (book(), [("0", "7")]),
        (book(upto=9), []),
        (book(ours=7, unknown=2), [("2", "0")]),
    ],
)
def test_gas__receipt_against_entry__as_far_as_the_book_goes(
    booked: GasBook, found: list[tuple[str, str]]
) -> None:
    seen = gas_differences(HISTORY, RECORDS, booked)

    assert [(one.expected, one.actual) for one in seen] == found
    assert {one.kind for one in seen} <= {Kind.GAS}


def test_gas__transaction_that_is_not_ours__no_expense() -> None:
    history = replace(HISTORY, transactions=(TRANSACTION, FOREIGN))

    assert gas_differences(history, RECORDS, book(ours=7, strange=1)) == []
