"""Columns of logs and rows of logs are the same logs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.logs import RawLog, joined, log_batch, spread
from tests.raw_logs import any_raw_logs, made_up_logs


@given(any_raw_logs())
def test_log_batch__any_logs__the_same_rows_again(logs: list[RawLog]) -> None:
    assert log_batch(logs).rows() == logs


@given(any_raw_logs(), st.data())
def test_take__any_places__those_rows(logs: list[RawLog], data: st.DataObject) -> None:
    last = len(logs) - 1
    places = data.draw(st.lists(st.integers(0, last), max_size=20)) if logs else []

    taken = log_batch(logs).take(np.array(places, dtype=np.int64))

    assert taken.rows() == [logs[place] for place in places]


@given(st.lists(any_raw_logs(4), max_size=5))
def test_joined__any_batches__all_rows(batches: list[list[RawLog]]) -> None:
    rows = [log for logs in batches for log in logs]

    assert joined([log_batch(logs) for logs in batches]).rows() == rows


def test_starts__logs_without_topics_and_data__counted() -> None:
    batch = log_batch(made_up_logs(6))

    assert batch.topic_count.tolist() == [0, 1, 2, 3, 4, 0]
    assert batch.topic_starts.tolist() == [0, 0, 1, 3, 6, 10]
    assert batch.data_length.tolist() == [0, 2, 4, 0, 2, 4]
    assert batch.data_starts.tolist() == [0, 0, 2, 6, 6, 8]


@pytest.mark.parametrize(
    ("starts", "lengths", "places"),
    [([5, 0, 9], [2, 0, 3], [5, 6, 9, 10, 11]), ([3], [0], []), ([], [], [])],
)
def test_spread__rows__their_places(
    starts: list[int], lengths: list[int], places: list[int]
) -> None:
    found = spread(np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64))

    assert found.tolist() == places
