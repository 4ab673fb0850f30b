"""Readings of usage: what is told of each, and that counting changes nothing that is read."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from contracts.evm import Epoch
from contracts.packed_usage import PackedUsage
from scripts.usage_progress import CountedUsage, shown_readings
from settlement.royalties.allocate_shards import ShardFacts


def batch(submissions: int) -> PackedUsage:
    numbers = np.zeros(submissions, dtype=np.int64)
    rows = np.zeros((submissions, 32), dtype=np.uint8)
    return PackedUsage(
        block_number=numbers,
        log_index=numbers,
        submitter=rows[:, :20],
        tier_id=rows,
        part=numbers,
        work_id=rows[:, None],
        minutes_played=numbers[:, None],
        plays=numbers[:, None],
    )


class Ranges:
    """Facts with two batches in every range."""

    def __init__(self, *batches: PackedUsage) -> None:
        self.batches = batches

    def usage(self, low: bytes, high: bytes | None) -> Iterator[PackedUsage]:
        return iter(self.batches)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: (name, *arguments)


def test_counted_usage__two_ranges__told_from_nothing_to_all() -> None:
    told: list[tuple[int, int]] = []
    first, second = batch(3), batch(2)
    facts = cast("ShardFacts", Ranges(first, second))
    counted = CountedUsage(facts, 10, lambda done, total: told.append((done, total)))

    read = [*counted.usage(b"", b"\x80"), *counted.usage(b"\x80", None)]

    assert read == [first, second, first, second]
    assert told == [(0, 10), (3, 10), (5, 10), (5, 10), (8, 10), (10, 10)]


def test_counted_usage__everything_else__as_it_is() -> None:
    counted = CountedUsage(cast("ShardFacts", Ranges()), 0, lambda _done, _total: None)

    found: list[Any] = [
        counted.subscriptions(b"", None),
        counted.pseudonyms(),
        counted.subscribed_by([]),
        counted.submitted_by([]),
    ]

    assert found == [
        ("subscriptions", b"", None),
        ("pseudonyms",),
        ("subscribed_by", []),
        ("submitted_by", []),
    ]


def test_shown_readings__no_terminal__nothing_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown_readings(Epoch(3)) as readings:
        for purpose in ("sharing fees", "storing shares"):
            told = readings(purpose)
            for done in (0, 5, 10):
                told(done, 10)

    assert capsys.readouterr().out == ""
