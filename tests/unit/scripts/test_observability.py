"""One JSON object a line, whatever is logged."""

import json
import logging
from decimal import Decimal
from typing import Any

import pytest

from contracts.evm import Address, Hash32
from scripts.observability import JSONFormatter

ADDRESS = Address(b"\xab" * 20)


def line(message: str = "range indexed", *arguments: object, **extra: object) -> dict[str, Any]:
    """What one record becomes, parsed."""
    record = logging.LogRecord(
        "indexer.sync", logging.INFO, "sync.py", 7, message, arguments, exc_info=None
    )
    record.created = 1_700_000_000.25
    vars(record).update(extra)
    text = JSONFormatter().format(record)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_line__no_extra__time_level_logger_message() -> None:
    assert line("%s of %s", 3, 4) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "info",
        "logger": "indexer.sync",
        "message": "3 of 4",
    }


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (ADDRESS, str(ADDRESS)),
        (Hash32(b"\x01" * 32), "0x" + "01" * 32),
        (b"\x01\x02", "0x0102"),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (2**64, str(2**64)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        (2**256 - 1, str(2**256 - 1)),
        ([2**70, {"deep": 2**71}], [str(2**70), {"deep": str(2**71)}]),
        ({ADDRESS: 1, 2: b"\x03"}, {str(ADDRESS): 1, "2": "0x03"}),
        (Decimal("1.50"), "1.50"),
        (ValueError("bad"), "bad"),
        ("two\nlines \ud800", "two\nlines \\ud800"),
        (None, None),
        (True, True),
    ],
)
def test_line__extra__spelled(value: object, spelled: object) -> None:
    assert line(amount=value)["amount"] == spelled


def test_line__exception__traceback_in_one_line() -> None:
    with pytest.raises(ValueError, match="lines") as caught:
        int("of 2\nlines")

    found = line(exc_info=(caught.type, caught.value, caught.tb))["exception"]

    assert found.startswith("Traceback (most recent call last):\n")
    assert found.endswith("ValueError: invalid literal for int() with base 10: 'of 2\\nlines'")
