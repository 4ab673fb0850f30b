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


def test_report__table__all_columns_in_110() -> None:
    outcome = good_outcome(*(epoch_outcome(at, withdrawn=99_999_999_999) for at in range(3)))

    lines = printed(outcome).splitlines()

    assert max(map(len, lines)) <= 110
    (header,) = (line for line in lines if "unclaimed" in line)
    assert header.replace("┃", " ").split() == ["epoch", *AMOUNTS, "root"]
    for row in (*outcome.epochs, None):
        amounts = outcome.totals if row is None else row.amounts
        name = "all" if row is None else str(row.number)
        root = [] if row is None else [str(row.root)[:10] + "…"]
        wanted = [name, *(format_units(amounts[each]) for each in AMOUNTS), *root]
        assert wanted in [line.replace("│", " ").split() for line in lines]


def test_report__findings__all_told() -> None:
    text = printed(good_outcome())

    for words in (
        "6 submissions",
        "2 unpaid_tier",
        "0x01010101…",
        "1, and nothing paid twice",
        "OK",
        "✓ every unit is accounted for",
    ):
        assert words in text
    assert "✗" not in text


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

    (header,) = (line for line in text.splitlines() if "unclaimed" in line)
    place = header.split("┃").index(next(x for x in header.split("┃") if "withdrawn" in x))
    cells = [line.split("│")[place] for line in text.splitlines() if line.count("│") == 9]
    digits = "".join(cell.strip() for cell in cells)
    assert digits == format_units(amount) * 2  # the epoch, and all
