"""`reconciliation.checks`: agreement is silent, and every check fires alone."""

from dataclasses import fields, replace
from typing import Any

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Epoch, Hash32, Timestamp
from reconciliation.checks import CHECKS, discrepancies
from reconciliation.discrepancy import Kind
from reconciliation.snapshot import BookSnapshot, ChainSnapshot, Committed, LeafKey, TrialLine

ASSET, OTHER_ASSET = Address(b"\xaa" * 20), Address(b"\xab" * 20)
PAYEE = Address(b"\x01" * 20)
EPOCH, NEXT = Epoch(3), Epoch(4)
DIGEST, ROOT = Hash32(b"\x0d" * 32), Hash32(b"\x0e" * 32)
LEAF = LeafKey(EPOCH, Hash32(b"\x07" * 32), 0, ASSET)
BLOCK = BlockRef(
    number=BlockNumber(9),
    hash=Hash32(b"\x09" * 32),
    parent_hash=Hash32(b"\x08" * 32),
    timestamp=Timestamp(1000),
)
CHAIN = ChainSnapshot(
    block=BLOCK,
    balances={ASSET: 100},
    accounted={ASSET: 100},
    paid_in={(EPOCH, ASSET): 90, (NEXT, ASSET): 40},
    remaining={(EPOCH, ASSET): 30, (NEXT, ASSET): 0},
    escrowed={(EPOCH, ASSET): 7, (NEXT, ASSET): 0},
    unallocated={(EPOCH, ASSET): 10},
    announced={(EPOCH, ASSET): 4, (NEXT, ASSET): 0},
    unclaimed={(PAYEE, ASSET): 20},
    paid_lines={LEAF: 0b101},
    holds={PAYEE: 5000},
    committed={EPOCH: Committed(DIGEST, ROOT)},
)
BOOKS = BookSnapshot(
    block=BLOCK,
    cash={ASSET: 100},
    owed={ASSET: 100},
    paid_in={(EPOCH, ASSET): 90, (NEXT, ASSET): 40},
    remaining={(EPOCH, ASSET): 30},
    escrowed={(EPOCH, ASSET): 7},
    unallocated={(EPOCH, ASSET): 10, (NEXT, ASSET): 0},
    announced={(EPOCH, ASSET): 4},
    unclaimed={(PAYEE, ASSET): 20},
    paid_lines={LEAF: 0b101},
    holds={PAYEE: 5000},
    committed={EPOCH: Committed(DIGEST, ROOT)},
    computed_roots={DIGEST: ROOT},
    trial_balance=(
        TrialLine(asset=ASSET, debits=130, credits=30),
        TrialLine(asset=ASSET, debits=100, credits=200),
    ),
    overdrawn={},
)


def test_checks__agreement__nothing_found() -> None:
    assert discrepancies(CHAIN, BOOKS) == []


def test_checks__every_kind__has_one_check() -> None:
    assert len(CHECKS) == len(Kind) == len(set(CHECKS))


@pytest.mark.parametrize(
    ("kind", "change", "subject", "expected", "actual"),
    [
        (Kind.BALANCE, {"balances": {ASSET: 99}}, f"{ASSET}", "100", "99"),
        (Kind.BALANCE, {"balances": {ASSET: 101}}, f"{ASSET}", "100", "101"),
        (
            Kind.BALANCE,
            {"balances": {ASSET: 100, OTHER_ASSET: 1}},
            f"{OTHER_ASSET}",
            "0",
            "1",
        ),
        (Kind.BALANCE, {"balances": {}}, f"{ASSET}", "100", "0"),
        (Kind.ACCOUNTED, {"accounted": {ASSET: 101}}, f"{ASSET}", "100", "101"),
        (Kind.PAID_IN, {"paid_in": {(EPOCH, ASSET): 90}}, f"4/{ASSET}", "40", "0"),
        (Kind.REMAINING, {"remaining": {(EPOCH, ASSET): 31}}, f"3/{ASSET}", "30", "31"),
        (Kind.ESCROWED, {"escrowed": {(EPOCH, ASSET): 6}}, f"3/{ASSET}", "7", "6"),
        (Kind.ANNOUNCED, {"announced": {}}, f"3/{ASSET}", "4", "0"),
        (Kind.HOLDS, {"holds": {PAYEE: 0}}, f"{PAYEE}", "5000", "0"),
        (Kind.UNALLOCATED, {"unallocated": {(EPOCH, ASSET): 9}}, f"3/{ASSET}", "10", "9"),
        (Kind.UNCLAIMED, {"unclaimed": {}}, f"{PAYEE}/{ASSET}", "20", "0"),
        (Kind.PAID_LINES, {"paid_lines": {LEAF: 0b111}}, LEAF.subject, "0b101", "0b111"),
    ],
)
def test_check__chain_says_otherwise__found_once(
    kind: Kind, change: dict[str, Any], subject: str, expected: str, actual: str
) -> None:
    (found,) = discrepancies(replace(CHAIN, **change), BOOKS)

    assert (found.kind, found.subject) == (kind, subject)
    assert (found.expected, found.actual) == (expected, actual)
    assert found.evidence[0] == f"block 9 {BLOCK.hash}"


def test_check_commitment__other_root_on_chain__also_not_the_computed_one() -> None:
    other = Committed(DIGEST, Hash32(b"\x0f" * 32))

    found = discrepancies(replace(CHAIN, committed={EPOCH: other}), BOOKS)

    assert [(one.kind, one.subject) for one in found] == [
        (Kind.COMMITMENT, "3"),
        (Kind.MANIFEST, "3"),
    ]
    assert str(other.root) in found[0].actual
    assert str(ROOT) in found[0].expected


def test_check_commitment__vetoed_on_chain_only__found() -> None:
    (found,) = discrepancies(replace(CHAIN, committed={}), BOOKS)

    assert found.kind is Kind.COMMITMENT
    assert str(Hash32(bytes(32))) in found.actual


def test_check_manifest__never_computed__found() -> None:
    (found,) = discrepancies(CHAIN, replace(BOOKS, computed_roots={}))

    assert (found.kind, found.expected) == (Kind.MANIFEST, "a manifest that we computed")


def test_check_trial_balance__debits_above_credits__found() -> None:
    lines = (*BOOKS.trial_balance, TrialLine(asset=ASSET, debits=1, credits=0))

    (found,) = discrepancies(CHAIN, replace(BOOKS, trial_balance=lines))

    assert (found.kind, found.subject) == (Kind.TRIAL_BALANCE, f"{ASSET} sides")
    assert (found.expected, found.actual) == ("231", "230")


def test_check_trial_balance__cash_is_not_what_is_owed__found() -> None:
    found = discrepancies(CHAIN, replace(BOOKS, owed={ASSET: 99}))

    assert [(one.kind, one.subject) for one in found] == [
        (Kind.ACCOUNTED, f"{ASSET}"),
        (Kind.TRIAL_BALANCE, f"{ASSET} cash and owed"),
    ]


def test_check_overdrawn__account_below_zero__found() -> None:
    (found,) = discrepancies(CHAIN, replace(BOOKS, overdrawn={("paid_in:3", ASSET): -5}))

    assert (found.kind, found.subject) == (Kind.OVERDRAWN, f"paid_in:3/{ASSET}")
    assert found.actual == "-5"


@pytest.mark.parametrize("side", ["chain", "books"])
def test_checks__any_amount_off_by_one__found(side: str) -> None:
    snapshot: Any = CHAIN if side == "chain" else BOOKS
    for field in fields(snapshot):
        value = getattr(snapshot, field.name)
        amounts = isinstance(value, dict) and {
            key: amount for key, amount in value.items() if type(amount) is int
        }
        for key in amounts or {}:
            changed = replace(snapshot, **{field.name: value | {key: value[key] + 1}})
            pair = (changed, BOOKS) if side == "chain" else (CHAIN, changed)
            assert discrepancies(*pair), f"{side} {field.name} {key}"
