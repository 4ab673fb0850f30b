"""Many values against many blooms, each answer as the mask of one value gives it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.bloom import BLOOM_BYTES, bloom_mask
from contracts.evm import keccak
from indexer.blooms import (
    _TOPIC_SLOT_BITS,
    _VALUES_AT_ONCE,
    _KnownTopics,
    _packed_places,
    bloom_bits,
    has_any,
    has_each_address,
    has_each_topic,
)
from indexer.factor import _MULTIPLIERS, row_hashes, row_words
from indexer.logs import ByteRows


def bloom_of(*values: bytes) -> bytes:
    bloom = 0
    for value in values:
        bloom |= bloom_mask(value)
    return bloom.to_bytes(BLOOM_BYTES, "big")


def rows_of(values: list[bytes], width: int) -> ByteRows:
    return np.frombuffer(b"".join(values), dtype=np.uint8).reshape(len(values), width)


def topic(number: int) -> bytes:
    return number.to_bytes(32, "big")


blooms = st.lists(
    st.lists(st.integers(0, 300), max_size=200).map(lambda held: bloom_of(*map(topic, held))),
    min_size=1,
    max_size=4,
)


@given(blooms, st.lists(st.integers(0, 400).map(topic), max_size=30))
def test_has_any__any_blooms_and_values__as_their_masks(
    given_blooms: list[bytes], values: list[bytes]
) -> None:
    expected = [
        any(int.from_bytes(bloom, "big") & bloom_mask(one) == bloom_mask(one) for one in values)
        for bloom in given_blooms
    ]

    assert has_any(bloom_bits(given_blooms), values).tolist() == expected


@given(blooms, st.data())
def test_has_each__any_blooms_and_values__as_their_masks(
    given_blooms: list[bytes], data: st.DataObject
) -> None:
    pairs = data.draw(
        st.lists(st.tuples(st.integers(0, len(given_blooms) - 1), st.integers(0, 400)), max_size=60)
    )
    bits, places = bloom_bits(given_blooms), np.array([one for one, _ in pairs], dtype=np.int64)
    topics = [topic(number) for _, number in pairs]
    addresses = [one[12:] for one in topics]

    def expected(values: list[bytes]) -> list[bool]:
        held = [int.from_bytes(given_blooms[place], "big") for place in places]
        masks = [bloom_mask(value) for value in values]
        return [bloom & mask == mask for bloom, mask in zip(held, masks, strict=True)]

    assert has_each_topic(bits, places, rows_of(topics, 32)).tolist() == expected(topics)
    assert has_each_address(bits, places, rows_of(addresses, 20)).tolist() == expected(addresses)


def test_has_any__more_values_than_are_tried_at_once__last_one_found() -> None:
    values = [topic(number) for number in range(2 * _VALUES_AT_ONCE + 1)]
    edges = (0, _VALUES_AT_ONCE - 1, _VALUES_AT_ONCE, len(values) - 1)
    bits = bloom_bits([*(bloom_of(values[edge]) for edge in edges), bytes(BLOOM_BYTES)])

    assert has_any(bits, values).tolist() == [True] * len(edges) + [False]


def test_bits__one_of_the_three_missing__does_not_hold() -> None:
    value = topic(5)
    mask = bloom_mask(value)
    bits_set = [1 << place for place in range(2048) if mask >> place & 1]
    assert len(bits_set) == 3
    bits = bloom_bits([(mask ^ bit).to_bytes(BLOOM_BYTES, "big") for bit in bits_set])
    places, topics = np.arange(3), rows_of([value] * 3, 32)

    assert not has_any(bits, [value]).any()
    assert not has_each_topic(bits, places, topics).any()
    assert not has_each_address(bits, places, topics).any()


def test_known_topics__zero_topic_in_an_empty_table__hashed() -> None:
    zero = rows_of([bytes(32)], 32)

    assert _KnownTopics().packed_places(zero).tolist() == _packed_places([bytes(32)]).tolist()


@pytest.mark.parametrize("word", range(4))
def test_known_topics__topics_that_differ_in_one_word__never_confused(word: int) -> None:
    step = pow(int(_MULTIPLIERS[word]), -1, 2**64)  # moves the hash by one
    words = np.zeros((2, 4), dtype=np.uint64)
    words[:, (word + 1) % 4] = 77
    words[1, word] = step
    assert int(np.diff(row_hashes(words) >> np.uint64(64 - _TOPIC_SLOT_BITS))[0]) == 0
    topics = [row.tobytes() for row in words]
    table = _KnownTopics()

    for one in (topics[:1], topics[1:], topics):
        expected = _packed_places(one).tolist()
        assert table.packed_places(rows_of(one, 32)).tolist() == expected


def test_known_topics__two_topics_of_one_slot__never_confused() -> None:
    topics: list[bytes] = [keccak(topic(number)) for number in range(2_000)]
    slots = row_hashes(row_words(rows_of(topics, 32))) >> np.uint64(64 - _TOPIC_SLOT_BITS)
    order = np.argsort(slots, kind="stable")
    twins = order[1:][slots[order][1:] == slots[order][:-1]]
    assert len(twins) > 0
    table = _KnownTopics()

    for _ in range(2):
        expected = _packed_places(topics).tolist()
        assert table.packed_places(rows_of(topics, 32)).tolist() == expected
        assert table.packed_places(rows_of(topics[::-1], 32)).tolist() == expected[::-1]
