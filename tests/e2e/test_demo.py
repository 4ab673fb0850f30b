"""The demo as a user runs it: whole, and killed in the middle."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.embedded.places import scratch_directory
from tests.beancount_files import bean_check
from tests.processes import processes_of

DIVIDED = ("allocated", "fees", "escrow", "unallocated")
PLACED = ("withdrawn", "held", "unclaimed")
SMALL = ("--json", "--subscribers", "40", "--works", "12")
GOLDEN = Path(__file__).parents[1] / "vectors" / "demo_small.json"
"""What the seed decides, as every machine computes it; changes only together with the story."""
LIMIT_S = 600


@pytest.fixture
def directory() -> Iterator[Path]:
    with scratch_directory() as path:
        yield path


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """What a whole demo prints, and what its API says; interrupted, it leaves nothing behind."""
    with scratch_directory() as path:
        papers = path / "papers"
        process = start(path, *SMALL, "--papers", str(papers))
        document: dict[str, Any] = json.loads(printed(process))
        with urllib.request.urlopen(document["api"] + "/v1/epochs", timeout=60) as answer:  # noqa: S310
            document["states"] = {
                item["epoch"]: item["state"] for item in json.load(answer)["items"]
            }
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert processes_of(path) == {}
        assert list((path / "demo").iterdir()) == []
        document["bean_check"] = bean_check(papers / "journal.beancount")
        document["papers"] = sorted(one.name for one in papers.iterdir())
    return document


def printed(process: "subprocess.Popen[str]") -> str:
    """The JSON document that a demo prints before it serves."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    return text


def start(directory: Path, *options: str) -> "subprocess.Popen[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.cli.app", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | {"QUITTANCE_DATA_DIR": str(directory)},
    )


def seeded(result: dict[str, Any]) -> dict[str, Any]:
    """What the seed decides; manifests name blocks, whose times and hashes differ."""
    epochs = [
        {name: value for name, value in epoch.items() if name != "manifest_digest"}
        for epoch in result["epochs"]
    ]
    names = (
        *("totals", "quarantined", "held", "payee_hold", "escrow_claim", "refused_on_chain"),
        "payments",
    )
    return {"epochs": epochs} | {name: result[name] for name in names}


def test_demo__small__settles_three_epochs(result: dict[str, Any]) -> None:
    assert result["chain"] == 31337
    assert [epoch["number"] for epoch in result["epochs"]] == [0, 1, 2]
    for row in (*result["epochs"], result["totals"]):
        amounts = {name: int(row[name]) for name in ("paid", *DIVIDED, *PLACED)}
        assert amounts["paid"] == sum(amounts[name] for name in DIVIDED)
        assert amounts["allocated"] + amounts["fees"] == sum(amounts[name] for name in PLACED)
        # Everybody is charged 2.5 %, and each of at most 38 payments is rounded down.
        assert 0 <= amounts["paid"] * 25_000 - amounts["fees"] * 10**6 < 3 * 38 * 10**6
        assert all(amounts[name] > 0 for name in DIVIDED)
    for name in ("paid", *DIVIDED, *PLACED):
        assert int(result["totals"][name]) == sum(int(row[name]) for row in result["epochs"])
    assert int(result["totals"]["held"]) > 0
    assert int(result["totals"]["unclaimed"]) > 0
    assert result["refused_on_chain"] == 6  # a bad proof and a late one, in each epoch
    assert {"unpaid_tier", "unregistered_work", "work_under_verdict"} <= set(result["quarantined"])
    assert len(result["held"]) == 1
    assert (result["discrepancies"], result["verifier"]) == (0, "OK")
    assert result["restarts"] == 1
    assert result["omission_refused_at"] > 0


def test_demo__papers__journal_passes_bean_check(result: dict[str, Any]) -> None:
    close, *journals = result["papers"]

    assert result["bean_check"] == ""
    assert re.fullmatch(r"close-\d{4}-\d{2}\.html", close)
    assert journals == ["journal.beancount", "journal.csv", "journal.jsonl"]


def test_demo__payee_held__paid_exactly_that_later(result: dict[str, Any]) -> None:
    hold = result["payee_hold"]

    assert hold["epoch"] == 1
    assert 0 < int(hold["held"]) == int(hold["paid"])
    assert [epoch["held"] == "0" for epoch in result["epochs"]] == [True, False, True]


def test_demo__content_claimed__its_escrow_withdrawn(result: dict[str, Any]) -> None:
    claim = result["escrow_claim"]
    in_escrow = sum(int(result["epochs"][epoch]["escrow"]) for epoch in (0, 1))

    assert 0 < in_escrow == int(claim["released"]) == int(claim["withdrawn"])


def test_demo__wrong_root__vetoed_by_the_watcher(result: dict[str, Any]) -> None:
    veto = result["vetoed_by_watcher"]

    assert (veto["epoch"], veto["attempt"]) == (2, 1)
    assert re.fullmatch("0x[0-9a-f]{64}", veto["transaction"])


def test_demo__single_payments__final_refunded_or_gone(result: dict[str, Any]) -> None:
    sales = {sale["what"]: sale for sale in result["payments"]["sales"]}
    states = {what: sale["state"] for what, sale in sales.items()}

    assert {what for what, state in states.items() if state == "refunded"} == {
        "a ticket, then given back"
    }
    assert {what for what, state in states.items() if state == "gone"} == {
        "a content, reorganised away"
    }
    assert sorted(states.values()) == ["final"] * 7 + ["gone", "refunded"]
    fees = {what: (int(sale["amount"]), int(sale["fee"])) for what, sale in sales.items()}
    assert fees["a content, paid directly"] == (10_000_000, 1_000_000)
    assert fees["a content, relayed with a permit"] == (5_000_000, 1_000_000)
    assert fees["a tip by a smart account"] == (20_000_000, 1_000_000)
    assert fees["a tip in native coins"] == (10**16, 5 * 10**14)
    assert fees["a ticket, then sold on"] == (30_000_000, 3_000_000)
    at_once = [sale["payer"] for what, sale in sales.items() if "at once" in what]
    assert at_once == [sales["a tip by a smart account"]["payer"]] * 2


def test_demo__who_is_let_in__by_what_the_chain_says_then(result: dict[str, Any]) -> None:
    answers = {one["who"]: one["answer"] for one in result["payments"]["admissions"]}

    assert answers["the reader, whose relayer paid the gas"] == "granted: paid"
    assert answers["a stranger"] == "denied: nothing_found"
    assert answers["the fan, who sold it on"] == "denied: ticket_transferred"
    assert answers["the collector, at the gate"] == "granted: ticket_redeemed"
    assert answers["the waverer, who gave it back"] == "denied: ticket_burned"
    assert answers["the spender, who paid"] == "granted: paid"
    assert answers["the spender, after the reorganisation"] == "denied: payment_gone"


def test_demo__tip_in_native_coins__passed_on_whole(result: dict[str, Any]) -> None:
    assert 0 < int(result["payments"]["tipped"]) == int(result["payments"]["passed_on"])


def test_demo__kill_9__leaves_nothing_running(directory: Path) -> None:
    process = start(directory, "--once", *SMALL)
    assert process.stderr is not None
    for line in process.stderr:
        if "subscriptions paid" in line:
            break
    assert len(processes_of(directory)) > 4

    process.send_signal(signal.SIGKILL)
    process.communicate()

    deadline = time.monotonic() + LIMIT_S
    while (left := processes_of(directory)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == {}


def test_demo__served__api_tells_the_same_epochs(result: dict[str, Any]) -> None:
    states = result["states"]

    assert {states[epoch] for epoch in (0, 2)} == {"settled"}
    assert states[1] == "active"  # a work is held


def test_demo__same_seed__same_roots_and_amounts_as_ever(result: dict[str, Any]) -> None:
    assert seeded(result) == json.loads(GOLDEN.read_text())
