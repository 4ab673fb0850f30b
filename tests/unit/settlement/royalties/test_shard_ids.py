from collections.abc import Sequence

import numpy as np
import pytest

from contracts.packed_usage import ByteRows
from settlement.royalties.shard_ids import (
    UNKNOWN,
    IdTable,
    distinct_ids,
    is_member,
    repeated_values,
)


def rows(ids: Sequence[bytes]) -> ByteRows:
    return np.frombuffer(b"".join(ids), dtype=np.uint8).reshape(len(ids), -1)


def id_of(head: int, tail: int) -> bytes:
    return head.to_bytes(12, "big") + tail.to_bytes(8, "big")


def test_id_table__known_and_unknown__places() -> None:
    known = [id_of(1, 77), id_of(2, 5), id_of(3, 2**64 - 1)]
    table = IdTable(rows(known))

    assert table.codes(rows([known[2], known[0], id_of(9, 9)])).tolist() == [2, 0, UNKNOWN]


def test_id_table__equal_last_bytes__all_bytes_decide() -> None:
    """Somebody made ids that only differ in the bytes that no place is chosen by."""
    known = [id_of(head, 7) for head in range(50)] + [id_of(99, 8)]
    table = IdTable(rows(known))

    assert table.codes(rows(known)).tolist() == list(range(51))
    assert table.codes(rows([id_of(50, 7), id_of(1, 8)])).tolist() == [UNKNOWN, UNKNOWN]


def test_id_table__crowded_bucket__found() -> None:
    known = [id_of(0, tail) for tail in range(1_000)]  # the high bits of all keys are equal

    assert IdTable(rows(known)).codes(rows(known[::-1])).tolist() == list(range(999, -1, -1))


def test_id_table__empty__nothing_is_known() -> None:
    table = IdTable(np.zeros((0, 20), dtype=np.uint8))

    assert table.codes(rows([id_of(1, 1)])).tolist() == [UNKNOWN]
    assert table.codes(np.zeros((0, 20), dtype=np.uint8)).tolist() == []


def test_distinct_ids__trailing_zeros__told_apart_and_sorted_by_bytes() -> None:
    given = [b"\x01" + bytes(19), bytes(20), b"\x01" + bytes(18) + b"\x01", bytes(20)]

    ids, places = distinct_ids(rows(given))

    assert [one.tobytes() for one in ids] == sorted(set(given))
    assert places.tolist() == [1, 0, 2, 0]
    assert ids[places].tobytes() == b"".join(given)


@pytest.mark.parametrize("width", [20, 32])
def test_distinct_ids__ids_that_differ_in_one_byte__each_byte_counts(width: int) -> None:
    given = [bytes(at) + b"\x01" + bytes(width - 1 - at) for at in range(width)] * 2

    ids, places = distinct_ids(rows(given))

    assert [one.tobytes() for one in ids] == given[width - 1 :: -1]
    assert places.tolist() == [*range(width - 1, -1, -1)] * 2


def test_repeated_values__any__those_that_stand_twice() -> None:
    assert repeated_values(np.array([5, 1, 5, 2, 1, 5])).tolist() == [1, 5]
    assert repeated_values(np.array([], dtype=np.int64)).tolist() == []


def test_is_member__values_around_the_known_ones__only_those() -> None:
    found = is_member(np.array([[0, 3], [4, 9]]), np.array([3, 9]))

    assert found.tolist() == [[False, True], [False, True]]
