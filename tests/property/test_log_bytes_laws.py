"""Answers with logs: whatever happens to their bytes, cutting logs out first changes no reading."""

import json
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.adapters.log_bytes import cut_logs
from tests.log_bodies import (
    LOGS,
    PLAIN,
    RECEIPTS,
    alike_logs,
    read_cut,
    read_whole,
    receipt_object,
    replies,
)
from tests.raw_logs import any_raw_logs, log_object

Answer = dict[str, Any]
Dumps = Callable[[Any], bytes]

PIECES = [
    *(bytes((byte,)) for byte in b'{}[]",:\\0x9afAFgG~ \n\x00\x7f'),
    b"\xc3\xa9",
    b"\xff",
    b"false",
    b"true",
    b"null",
    b'"0x',
    b'"removed":true',
    b'["~",0,1]',
    b'["~",3,2]',
    b'\\u007e"',
    b'"logs":[]',
    b'"result":[]',
]
EXTRA: list[Answer] = [{}, {"blockTimestamp": "0x6501"}, {"more": "caf\u00e9"}, {"more": {"a": []}}]
SPACED: list[Dumps] = [
    lambda one: json.dumps(one).encode(),
    lambda one: orjson.dumps(one, option=orjson.OPT_INDENT_2),
    lambda one: orjson.dumps(one, option=orjson.OPT_SORT_KEYS),
]


@st.composite
def log_objects(draw: st.DrawFn) -> list[Answer]:
    """Logs, most of them of a few layouts, in any order."""
    objects = [log_object(log) for log in draw(any_raw_logs(4))]
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.sampled_from([0x1, 0x10, 0xF0, 0x1000]))
        topics, count = draw(st.integers(0, 4)), draw(st.integers(1, 34))
        extra = draw(st.sampled_from(EXTRA))
        logs = alike_logs(count, first_index=first, topics=topics)
        objects += [log_object(log) | extra for log in logs]
    step = draw(st.sampled_from([1, 3, 7]))
    return [one for start in range(step) for one in objects[start::step]]


@st.composite
def logs_contents(draw: st.DrawFn) -> tuple[bytes, int]:
    """An answer to one or two eth_getLogs, as some node writes it."""
    lists = [draw(log_objects()) for _ in range(draw(st.integers(1, 2)))]
    answers = replies(*lists)
    if draw(st.booleans()):
        answers.reverse()
    dumps = draw(st.sampled_from([PLAIN, PLAIN, PLAIN, *SPACED]))
    return dumps(answers if len(answers) > 1 else answers[0]), len(lists)


@st.composite
def receipts_contents(draw: st.DrawFn) -> tuple[bytes, int]:
    """An answer to two eth_getBlockReceipts."""
    objects = draw(log_objects())
    cuts = sorted(draw(st.lists(st.integers(0, len(objects)), max_size=6)))
    bounds = zip([0, *cuts], [*cuts, len(objects)], strict=True)
    listed = [
        receipt_object(place, objects[start:end]) for place, (start, end) in enumerate(bounds)
    ]
    half = draw(st.integers(0, len(listed)))
    return PLAIN(replies(listed[:half], listed[half:])), 2


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Up to four changes: bytes put in place of others, or a stretch copied somewhere else."""
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        if draw(st.integers(0, 3)) == 0:
            start = draw(st.integers(0, len(content)))
            piece = content[start : start + draw(st.integers(1, 800))]
            replaced = draw(st.sampled_from([0, len(piece)]))
        else:
            piece = draw(st.sampled_from(PIECES))
            replaced = draw(st.sampled_from([0, 1, len(piece)]))
        content = content[:place] + piece + content[place + replaced :]
    return content


@st.composite
def damaged_at_a_digit(draw: st.DrawFn, content: bytes) -> bytes:
    """One log's digits changed, so that its length and its other bytes stay."""
    start = content.index(b'"0x', draw(st.integers(0, len(content) >> 1)))
    size = draw(st.integers(1, 3))
    place = start + draw(st.integers(3, 40))
    piece = draw(st.lists(st.sampled_from([*b'"gF0{}[],:\\~x']), min_size=size, max_size=size))
    return content[:place] + bytes(piece) + content[place + size :]


@settings(max_examples=150, deadline=None)
@given(logs_contents())
def test_logs__any_answer__cut_as_parsed(answer: tuple[bytes, int]) -> None:
    found, whole = read_cut(*answer, LOGS), read_whole(*answer, LOGS)

    assert not isinstance(whole, str)
    assert found == whole or cut_logs([answer[0]]) is None


@settings(max_examples=80, deadline=None)
@given(receipts_contents())
def test_receipts__any_answer__cut_as_parsed(answer: tuple[bytes, int]) -> None:
    found, whole = read_cut(*answer, RECEIPTS), read_whole(*answer, RECEIPTS)

    assert not isinstance(whole, str)
    assert found == whole or cut_logs([answer[0]]) is None


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_logs__any_damage__parsed_or_not_believed(data: st.DataObject) -> None:
    content, calls = data.draw(logs_contents())
    change = data.draw(st.sampled_from([damaged, damaged_at_a_digit]))
    bad = data.draw(change(content))

    found = read_cut(bad, calls, LOGS)

    assert found is None or found == read_whole(bad, calls, LOGS)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_receipts__any_damage__parsed_or_not_believed(data: st.DataObject) -> None:
    content, calls = data.draw(receipts_contents())
    change = data.draw(st.sampled_from([damaged, damaged_at_a_digit]))
    bad = data.draw(change(content))

    found = read_cut(bad, calls, RECEIPTS)

    assert found is None or found == read_whole(bad, calls, RECEIPTS)
