"""The printed result: exact amounts, every column, every problem."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from scripts.demo.outcome import AMOUNTS, DemoOutcome
from scripts.demo.report import format_units, print_report
from tests.demo_outcomes import epoch_outcome, good_outcome


def printed(outcome: DemoOutcome) -> str:
    """What a person sees on 110 columns."""
    screen = io.StringIO()
    print_report(outcome, Console(file=screen, width=110))
    return screen.getvalue()


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (0, 6, "0.000000"),
        (1, 6, "0.000001"),
        (1_000_000, 6, "1.000000"),
        (1_234_567_890_123, 6, "1,234,567.890123"),
        (2**70, 18, "1,180.591620717411303424"),
        (5, 2, "0.05"),
    ],
)
def test_format_units__amount__exact(amount: int, decimals: int, text: str) -> None:
    assert format_units(amount, decimals) == text


def test_report__table__all_amounts_in_90() -> None:
    outcome = good_outcome(*(epoch_outcome(at, withdrawn=99_999_999_999) for at in range(3)))

    lines = [line for line in printed(outcome).splitlines() if set(line) & set("┃│")]

    assert max(map(len, lines)) <= 90
    assert lines[0].replace("┃", " ").split() == ["epoch", "0", "epoch", "1", "epoch", "2", "all"]
    rows = [line.replace("│", " ").split() for line in lines[1:]]
    columns = [*(epoch.amounts for epoch in outcome.epochs), outcome.totals]
    assert rows[:-1] == [
        [name, *(format_units(amounts[name]) for amounts in columns)] for name in AMOUNTS
    ]
    assert rows[-1] == ["root", *(str(epoch.root)[:10] + "…" for epoch in outcome.epochs)]


def test_report__findings__all_told() -> None:
    text = printed(good_outcome())

    for words in (
        "6 submissions",
        "2 unpaid_tier",
        "0x01010101…",
        "5.000005 in epoch 1, and 5.000005 paid when it was lifted",
        "14.000006 by the creator of 0x03030303…",
        "epoch 2, attempt 1, in 0x05050505…",
        "1, and nothing paid twice",
        "OK",
        "✓ every unit is accounted for",
    ):
        assert words in text
    assert "✗" not in text


def test_report__single_payments__each_with_its_unit() -> None:
    text = printed(good_outcome())

    for words in (
        "10.000000 DUSD",
        "1.000000 DUSD",
        "0.000500000000000000 ETH",
        "granted: paid",
        "0.010000000000000000 ETH",
    ):
        assert words in text


def test_report__nothing_held_claimed_vetoed__told_as_problems_alone() -> None:
    text = printed(replace(good_outcome(), hold=None, claim=None, veto=None))

    assert text.count("✗") == 3
    for words in ("lifted", "from escrow", "by a watcher"):
        assert words not in text


def test_report__problems__each_named_and_no_praise() -> None:
    bad = epoch_outcome(0)
    bad.amounts["paid"] += 1
    outcome = replace(good_outcome(bad), discrepancies=3, verifier="epoch 0: [/root] differs")

    text = printed(outcome)

    assert len(outcome.problems) == 3
    for problem in outcome.problems:
        assert f"✗ {problem}" in text
    assert "✓" not in text


@pytest.mark.parametrize(("api", "is_told"), [("http://127.0.0.1:8080", True), (None, False)])
def test_report__api__told_if_served(api: str | None, is_told: bool) -> None:
    text = printed(replace(good_outcome(), api=api))

    assert ("http://127.0.0.1:8080/v1/status" in text) is is_told


def test_report__amount_wider_than_its_column__no_digit_cut_off() -> None:
    amount = 2**100

    text = printed(good_outcome(epoch_outcome(0, withdrawn=amount)))

    lines = text.splitlines()
    (first,) = (at for at, line in enumerate(lines) if "withdrawn" in line)
    (after,) = (at for at, line in enumerate(lines) if "held   " in line and "│" in line)
    for column in (2, 3):  # the epoch, and all
        digits = "".join(line.split("│")[column].strip() for line in lines[first:after])
        assert digits == format_units(amount)
