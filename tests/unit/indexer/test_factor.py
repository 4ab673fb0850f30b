"""Distinct values and codes against a dict, also where the hashes are made to collide."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.factor import _MULTIPLIERS, factors, row_hashes, row_words
from indexer.logs import ByteRows


def rows_of(values: list[bytes], width: int) -> ByteRows:
    return np.frombuffer(b"".join(values), dtype=np.uint8).reshape(len(values), width)


def check(values: list[bytes], width: int) -> None:
    found = factors(rows_of(values, width))

    assert [found.values[code] for code in found.code] == values
    assert len(found.values) == len(set(values))


@given(
    st.sampled_from([20, 32]).flatmap(
        lambda width: st.tuples(
            st.just(width),
            st.lists(st.binary(min_size=width, max_size=width), min_size=1, max_size=6).flatmap(
                lambda pool: st.lists(st.sampled_from(pool), max_size=50)
            ),
        )
    )
)
def test_factors__any_column__every_row_its_value(case: tuple[int, list[bytes]]) -> None:
    width, values = case
    check(values, width)


@pytest.mark.parametrize("width", [20, 32])
def test_factors__values_that_differ_in_one_byte__told_apart(width: int) -> None:
    values = [bytes(width)]
    for place, bit in product(range(width), range(8)):
        value = bytearray(width)
        value[place] = 1 << bit
        values.append(bytes(value))
    check(values * 3, width)


def test_factors__one_hash_for_all__told_apart() -> None:
    first, second = int(_MULTIPLIERS[0]), int(_MULTIPLIERS[1])
    inverse = pow(second, -1, 2**64)
    words = [(one, -one * first * inverse % 2**64, 0, 0) for one in range(1, 40)]
    values = [b"".join(word.to_bytes(8, "little") for word in row) for row in words]

    assert set(row_hashes(row_words(rows_of(values, 32))).tolist()) == {0}
    check(values * 2, 32)


def test_factors__many_values__told_apart() -> None:
    values = [number.to_bytes(20, "big") for number in range(5_000)]
    check(values + values[::-1], 20)
