"""`reconciliation.wallets`: what left, and what failed."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from reconciliation.chain_events import RawLog, TokenTransfer
from reconciliation.discrepancy import Kind
from reconciliation.reading import Reading
from reconciliation.wallets import (
    WalletHistory,
    WalletRecords,
    WalletTransaction,
    contradicted,
    failures,
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
    book_nonce=None,
    recorded=frozenset(),
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


def test_outflows__before_the_first_that_this_database_signed__strange_only_if_coins_left() -> None:
    harmless = replace(FOREIGN, nonce=2, value_wei=0)
    records = replace(RECORDS, book_nonce=1)
    history = replace(HISTORY, opening_wei=None, transactions=(harmless, TRANSACTION))
    paid = replace(history, transactions=(replace(harmless, value_wei=5), TRANSACTION))

    assert outflows(history, records, AT) == []
    assert outflows(history, replace(records, signed=frozenset(), first_nonce=None), AT) == []
    assert [one.subject for one in outflows(paid, records, AT)] == [f"transaction {STRANGE}"]
    assert outflows(replace(history, unlocated=(2,)), records, AT) == []
    assert (records.known_from, RECORDS.known_from) == (1, 3)


def test_outflows__less_coins_and_a_fee_that_nobody_knows__the_evidence_names_it() -> None:
    unknown = replace(TRANSACTION, unknown_fees=("sequencerFee",), is_cost_known=False)
    short = replace(
        HISTORY,
        transactions=(unknown,),
        balance=Reading(value=92, is_proven=True, evidence=""),
    )

    (found,) = outflows(short, RECORDS, AT)
    (plain,) = outflows(replace(short, transactions=(TRANSACTION,)), RECORDS, AT)

    assert found.kind is Kind.UNAUTHORISED_OUTFLOW
    assert "sequencerFee" in found.evidence[-1]
    assert not any("fees" in line for line in plain.evidence)


def test_contradicted__receipt_that_its_header_rules_out__told_with_its_place() -> None:
    wrong = replace(TRANSACTION, contradiction="gas used: stated 1, committed to 2")

    (found,) = contradicted(replace(HISTORY, transactions=(TRANSACTION, wrong)))

    assert (found.kind, found.actual) == (Kind.SOURCE_DIVERGENCE, wrong.contradiction)
    assert found.place == wrong.place
    assert contradicted(HISTORY) == []
