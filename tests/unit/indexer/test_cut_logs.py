"""Place holders of logs: resolved where a list of logs has them, and nowhere else."""

from typing import Any

import numpy as np
import orjson
import pytest

from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.cut_logs import NOTHING_CUT, CutLogs, arranged, place_holder


def cut(rows: list[int]) -> CutLogs:
    return CutLogs(rests=(), batches=(), rows=np.array(rows, dtype=np.int64))


def holder(first: int, count: int) -> Any:
    return orjson.loads(place_holder(first, count))


def test_arranged__place_holders_and_objects__in_the_order_of_the_lists() -> None:
    lists: list[list[object]] = [[holder(0, 2), {"a": 1}], [], [{"b": 2}, holder(2, 1)]]

    found = arranged(lists, cut([2, 0, 1]))

    assert found.counts.tolist() == [3, 0, 2]
    assert found.rows.tolist() == [2, 0, 3, 4, 1]
    assert found.objects == [{"a": 1}, {"b": 2}]


def test_arranged__answers_out_of_order__each_its_own_logs() -> None:
    found = arranged([[holder(2, 1)], [holder(0, 2)]], cut([0, 1, 2]))

    assert found.counts.tolist() == [1, 2]
    assert found.rows.tolist() == [2, 0, 1]


def test_arranged__no_lists__nothing() -> None:
    found = arranged([], NOTHING_CUT)

    assert (found.counts.tolist(), found.rows.tolist(), found.objects) == ([], [], [])


@pytest.mark.parametrize(
    "lists", [[[holder(0, 1)]], [[]], [], [[{"a": [holder(1, 1)]}, holder(0, 1)]]]
)
def test_arranged__a_log_is_elsewhere__refused(lists: list[list[object]]) -> None:
    with pytest.raises(NotTheSchema, match="all of 2 logs"):
        arranged(lists, cut([0, 1]))


@pytest.mark.parametrize("item", [["~"], ["~", 0, 1, 2], ["-", 0, 1], "~", None, 0])
def test_arranged__no_place_holder__kept_for_the_check(item: object) -> None:
    assert arranged([[item, holder(0, 1)]], cut([0])).objects == [item]
