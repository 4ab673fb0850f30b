"""`reconciliation.discrepancy` and `reconciliation.snapshot`."""

from dataclasses import replace

from contracts.evm import Address, Epoch, Hash32
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.snapshot import LeafKey
from tests.unit.reconciliation.test_checks import ASSET, BOOKS, EPOCH, LEAF, NEXT, PAYEE

FOUND = Discrepancy(
    kind=Kind.BALANCE, subject=str(ASSET), expected="1", actual="2", evidence=("block 1",)
)


def test_id__other_amounts_and_evidence__same() -> None:
    later = replace(FOUND, expected="5", actual="9", evidence=("block 2",))

    assert later.id == FOUND.id


def test_id__other_kind_or_subject__differs() -> None:
    others = (replace(FOUND, kind=Kind.ACCOUNTED), replace(FOUND, subject="other"))

    assert len({one.id for one in (FOUND, *others)}) == 3


def test_questions__books__all_that_they_know_of() -> None:
    other = Address(b"\xac" * 20)

    asked = replace(BOOKS, owed={other: 1}).questions()

    assert asked.epochs == {EPOCH, NEXT}
    assert asked.assets == {ASSET, other}
    assert asked.unclaimed == ((PAYEE, ASSET),)
    assert asked.leaves == (LEAF,)


def test_leaf_key__subject__names_every_part() -> None:
    key = LeafKey(Epoch(1), Hash32(b"\x02" * 32), 3, ASSET)

    assert key.subject == f"1/{key.work_id}/3/{ASSET}"
