"""`reconciliation.solvency`: lines, totals, digests."""

from dataclasses import replace

import pytest

from contracts.evm import Address, Epoch, Hash32
from reconciliation.errors import BadLiabilities
from reconciliation.reading import Reading
from reconciliation.solvency import (
    OwedBalance,
    Stated,
    proof_document,
    solvency_statement,
)
from settlement.ledger.accounts import payable, unallocated, unclaimed
from tests.solvency_builders import ASSET, SUBJECT, balance, payee, proof_of, statement_of


def test_statement__accounts_of_one_payee__are_one_line() -> None:
    mine = payable(epoch=Epoch(3), work_id=Hash32.from_int(7), part=0, payee=payee(1))
    other = payable(epoch=Epoch(4), work_id=Hash32.from_int(8), part=1, payee=payee(1))

    made = solvency_statement(
        SUBJECT,
        [
            balance(mine, 5),
            balance(other, 7),
            balance(unclaimed(payee(1)), 11),
            balance(unallocated(Epoch(3)), 2),
            balance(unclaimed(payee(2)), 0),
        ],
    )

    assert {line.holder: line.amount for line in made.lines} == {
        f"payee:0x{payee(1).hex()}": 23,
        "unallocated:3": 2,
    }
    assert made.total == 25
    assert f"payee:0x{payee(2).hex()}" not in {line.holder for line in made.lines}


def test_statement__order_of_balances__does_not_matter() -> None:
    owed = {1: 5, 2: 7, 3: 9}

    assert statement_of(owed) == statement_of(dict(reversed(owed.items())))


@pytest.mark.parametrize(
    "bad",
    [
        balance(unclaimed(payee(1)), -1),
        OwedBalance(account=unclaimed(payee(1)), asset=Address(b"\xbb" * 20), amount=1),
    ],
    ids=["negative", "other asset"],
)
def test_statement__bad_balance__refused(bad: OwedBalance) -> None:
    with pytest.raises(BadLiabilities):
        solvency_statement(SUBJECT, [bad])


def test_digest__anything_that_it_is_about__changes_it() -> None:
    made = statement_of({1: 5, 2: 7})
    other_block = replace(SUBJECT.block, hash=Hash32.from_int(1))
    changed = [
        replace(made, subject=replace(SUBJECT, epoch=Epoch(5))),
        replace(made, subject=replace(SUBJECT, asset=Address(b"\xbb" * 20))),
        replace(made, subject=replace(SUBJECT, contract=Address(b"\xbb" * 20))),
        replace(made, subject=replace(SUBJECT, block=other_block)),
        statement_of({1: 5, 2: 8}),
        statement_of({1: 5, 3: 7}),
    ]

    assert len({one.digest for one in (made, *changed)}) == len(changed) + 1


def test_document__proof__says_everything_in_text() -> None:
    made = statement_of({1: 5, 2: 7}, unallocated=1)
    document = proof_document(
        proof_of(made, 1), Reading(value=13, is_proven=True, evidence="slot 3")
    )

    assert document["digest"] == str(made.digest)
    assert document["reserve"] == {
        "amount": "13",
        "is_proven": True,
        "evidence": "slot 3",
    }
    assert document["asset"] == str(ASSET)
    assert document["leaf_count"] == "3"


@pytest.mark.parametrize(("value", "expected"), [(5, True), (6, True), (4, False), (None, None)])
def test_covered__reserve_against_total__to_the_unit(
    value: int | None, expected: bool | None
) -> None:
    made = statement_of({1: 5})
    stated = Stated(
        subject=made.subject,
        digest=made.digest,
        root=made.tree.root,
        line_count=len(made.lines),
        reserve=None if value is None else Reading(value=value, is_proven=True, evidence=""),
    )

    assert stated.is_covered is expected
