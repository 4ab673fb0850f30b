"""When a demo is a success, and how its result is spelled in JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contracts.evm import Address, Epoch, Hash32
from scripts.demo.outcome import AMOUNTS, DemoOutcome, EscrowClaim, PayeeHold
from tests.demo_outcomes import epoch_outcome, good_outcome, good_payments

GOOD = good_outcome()


def test_outcome__all_accounted_for__no_problem() -> None:
    assert GOOD.problems == ()


def test_outcome__totals__sums_over_the_epochs() -> None:
    outcome = good_outcome(epoch_outcome(0, withdrawn=5), epoch_outcome(1, withdrawn=7))

    assert set(outcome.totals) == set(AMOUNTS)
    assert outcome.totals["withdrawn"] == 12
    assert outcome.totals["paid"] == sum(epoch.amounts["paid"] for epoch in outcome.epochs)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"discrepancies": 2}, "2 discrepancies between chain and books"),
        ({"verifier": "epoch 1: root differs"}, "the verifier disagrees: epoch 1: root differs"),
        ({"veto": None}, "no watcher vetoed the wrong root"),
        ({"hold": None}, "no held payee was paid exactly what was held"),
        ({"claim": None}, "no claimant withdrew exactly what was in escrow"),
        ({"payments": None}, "nobody paid for a single thing"),
        (
            {"payments": replace(good_payments(), passed_on=1)},
            "of tips of 10000000000000000 wei, 1 were passed on",
        ),
    ],
)
def test_outcome__finding__one_problem(change: dict[str, Any], problem: str) -> None:
    assert replace(GOOD, **change).problems == (problem,)


@pytest.mark.parametrize(("held", "received"), [(7, 6), (7, 8), (7, 0), (0, 0)])
def test_outcome__held_and_not_paid_exactly__a_problem(held: int, received: int) -> None:
    hold = PayeeHold(
        account=Address(bytes(20)),
        epoch=Epoch(1),
        held=held,
        balance_before=100,
        balance_after=100 + received,
    )

    assert replace(GOOD, hold=hold).problems == ("no held payee was paid exactly what was held",)


@pytest.mark.parametrize(("released", "withdrawn"), [(7, 6), (7, 8), (7, 0), (0, 0)])
def test_outcome__escrow_not_withdrawn_exactly__a_problem(released: int, withdrawn: int) -> None:
    claim = EscrowClaim(
        content_id=Hash32(bytes(32)),
        claimant=Address(bytes(20)),
        released=released,
        withdrawn=withdrawn,
    )

    assert replace(GOOD, claim=claim).problems == (
        "no claimant withdrew exactly what was in escrow",
    )


@pytest.mark.parametrize("name", ["withdrawn", "held", "unclaimed"])
@pytest.mark.parametrize("difference", [1, -1])
def test_outcome__money_not_placed__named_by_epoch(name: str, difference: int) -> None:
    bad = epoch_outcome(1)
    bad.amounts[name] += difference

    assert good_outcome(epoch_outcome(0), bad).problems == (
        "epoch 1: allocated + fees is not withdrawn + held + unclaimed",
    )


@pytest.mark.parametrize("name", ["paid", "escrow", "unallocated"])
def test_outcome__paid_not_allocated__named_by_epoch(name: str) -> None:
    bad = epoch_outcome(2)
    bad.amounts[name] += 1

    assert good_outcome(bad).problems == (
        "epoch 2: paid is not allocated + fees + escrow + unallocated",
    )


def test_outcome__several_findings__all_named() -> None:
    bad = epoch_outcome(0)
    bad.amounts["allocated"] += 1
    outcome: DemoOutcome = replace(good_outcome(bad), discrepancies=1, verifier="no")

    assert len(outcome.problems) == 4


def test_json__amounts__decimal_strings() -> None:
    outcome = good_outcome(epoch_outcome(0, withdrawn=2**200))

    document = json.loads(json.dumps(outcome.to_json()))

    (epoch,) = document["epochs"]
    assert epoch["number"] == 0
    assert epoch["withdrawn"] == str(2**200)
    for row in (epoch, document["totals"]):
        assert {name: type(row[name]) for name in AMOUNTS} == dict.fromkeys(AMOUNTS, str)
    assert epoch["root"] == str(Hash32(b"\x0a" * 32))
    assert document["held"] == [str(Hash32(b"\x01" * 32))]
    assert document["quarantined"] == {"unpaid_tier": 2}
    assert document["payee_hold"] == {
        "account": str(Address(b"\x02" * 20)),
        "epoch": 1,
        "held": "5000005",
        "paid": "5000005",
    }
    assert document["escrow_claim"] == {
        "content": "0x" + "03" * 32,
        "claimant": str(Address(b"\x04" * 20)),
        "released": "14000006",
        "withdrawn": "14000006",
    }
    assert document["vetoed_by_watcher"] == {
        "epoch": 2,
        "attempt": 1,
        "transaction": "0x" + "05" * 32,
    }
    assert (document["restarts"], document["api"], document["verifier"]) == (1, None, "OK")
    assert document["chain"] == outcome.chain_id
    assert outcome.epochs[0].number == Epoch(0)
