"""`reconciliation.discrepancy` and `reconciliation.runbook`."""

from dataclasses import replace

import pytest

from contracts.evm import Timestamp
from reconciliation.discrepancy import AgeBucket, Discrepancy, Kind, age_bucket
from reconciliation.runbook import RULES, reproduction

FOUND = Discrepancy(
    kind=Kind.AMOUNT, subject="log 1/2", expected="1", actual="2", evidence=("block 1",)
)
DAY = 86_400


def test_id__other_amounts_and_evidence__same() -> None:
    later = replace(FOUND, expected="5", actual="9", evidence=("block 2",))

    assert later.id == FOUND.id
    assert later.content_digest != FOUND.content_digest


def test_id__other_kind_or_subject__differs() -> None:
    others = (replace(FOUND, kind=Kind.PAYEE), replace(FOUND, subject="other"))

    assert len({one.id for one in (FOUND, *others)}) == 3


@pytest.mark.parametrize(
    ("age_s", "bucket"),
    [
        (-5, AgeBucket.DAY),
        (DAY - 1, AgeBucket.DAY),
        (DAY, AgeBucket.WEEK),
        (7 * DAY - 1, AgeBucket.WEEK),
        (7 * DAY, AgeBucket.MONTH),
        (30 * DAY, AgeBucket.OLDER),
    ],
)
def test_age_bucket__borders__older(age_s: int, bucket: AgeBucket) -> None:
    assert age_bucket(Timestamp(10**9), Timestamp(10**9 + age_s)) is bucket


def test_rules__every_kind__has_severity_owner_and_a_line() -> None:
    assert len(Kind) == 16
    assert RULES.keys() == set(Kind)
    assert all(rule.line.endswith(".") for rule in RULES.values())
    assert {kind for kind, rule in RULES.items() if not rule.stops_payouts} == {
        Kind.TIMING,
        Kind.GAS,
        Kind.UNCLAIMED_OR_EXPIRED,
    }


def test_reproduction__id__a_command_that_looks_for_it() -> None:
    command = reproduction("main", FOUND.id)

    assert command == f"quittance reconcile run --settlement main --only {FOUND.id}"
