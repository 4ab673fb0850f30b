"""Logs cut out of bytes: as the parser reads them, and left to it wherever they could differ."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from contracts.evm import BlockNumber
from indexer.adapters import log_bytes
from indexer.adapters.log_bytes import cut_logs
from indexer.adapters.rpc import RPCReader
from indexer.completeness import LogFilter
from indexer.errors import AnswerMalformed
from indexer.ranges import BlockRange
from tests.log_bodies import (
    LOGS,
    PLAIN,
    RECEIPTS,
    SavedContents,
    alike_logs,
    logs_content,
    read_cut,
    read_whole,
    receipt_object,
    replies,
)
from tests.raw_logs import blocks_of, log_object, made_up_logs

MIN = log_bytes._ALIKE_MIN
RANGE = BlockRange(BlockNumber(0), BlockNumber(1))
NOTHING_WANTED = LogFilter((), ())
ONE = slice(5, 6)  # a log in the midst of the others


def cut_count(*contents: bytes) -> int:
    cut = cut_logs(contents)
    return 0 if cut is None else len(cut.rows)


def objects(count: int = MIN + 4) -> list[dict[str, Any]]:
    return [log_object(log) for log in alike_logs(count)]


def content_of(logs: list[Any], dumps: Callable[[Any], bytes] = PLAIN) -> bytes:
    return dumps(replies(logs)[0])


def with_one(change: Callable[[bytes], bytes]) -> bytes:
    """A content with one log's text changed."""
    one, others = PLAIN(objects()[5]), content_of(objects())
    assert others.count(one) == 1
    return others.replace(one, change(one))


def test_cut_logs__alike__all_but_those_at_the_end_of_the_content() -> None:
    logs = alike_logs(200, first_index=0x100)
    content = logs_content(logs)

    assert cut_count(content) == 199
    assert read_cut(content, 1, LOGS) == read_whole(content, 1, LOGS)


def test_cut_logs__several_layouts__each_log_at_its_place() -> None:
    counts = [(3, 0x1), (0, 0x30), (4, 0x100), (1, 0xF0)]
    lists = [alike_logs(60, first_index=first, topics=topics) for topics, first in counts]
    logs = [log for several in zip(*lists, strict=True) for log in several]

    for content in (logs_content(logs), logs_content(logs[::-1])):
        assert cut_count(content) >= 220
        assert read_cut(content, 1, LOGS) == read_whole(content, 1, LOGS)


def test_cut_logs__several_contents__one_after_the_other() -> None:
    logs = alike_logs(90)
    contents = [logs_content(logs[:40]), logs_content([]), logs_content(logs[40:])]
    cut = cut_logs(contents)
    assert cut is not None

    results = [orjson.loads(rest)["result"] for rest in cut.rests]

    assert len(cut.rows) == 88
    assert LOGS(results, cut).rows() == logs  # type: ignore[union-attr]


def test_cut_logs__replies_out_of_order__each_its_own() -> None:
    first, second = alike_logs(30), alike_logs(30, first_index=0x40, topics=2)
    answers = orjson.loads(logs_content(first, second))
    content = PLAIN([answers[1], answers[0]])

    assert cut_count(content) == 59
    assert read_cut(content, 2, LOGS) == read_whole(content, 2, LOGS)


def test_cut_logs__receipts__logs_of_each() -> None:
    given = objects(70)
    parts = [given[:1], [], given[1:30], given[30:33], given[33:]]
    listed = [receipt_object(place, logs) for place, logs in enumerate(parts)]
    content = PLAIN(replies(listed[:2], [], listed[2:]))

    assert cut_count(content) == 70
    assert read_cut(content, 3, RECEIPTS) == read_whole(content, 3, RECEIPTS)


@pytest.mark.parametrize("count", [0, 1, MIN - 1, MIN])
def test_cut_logs__few__left_to_the_parser(count: int) -> None:
    assert cut_logs([logs_content(alike_logs(count))]) is None  # the last one is not compared


@pytest.mark.parametrize("content", [b"", b"{", b"}", b"{}", b"}{", b"{}" * 40, b'{"a":1}' * 40])
def test_cut_logs__no_logs__left_to_the_parser(content: bytes) -> None:
    assert cut_logs([content]) is None


def test_cut_logs__every_byte_of_a_log_changed__as_the_parser_reads_it() -> None:
    whole, bad = PLAIN(objects()[5]), b'"gF}\\,'
    believed = 0
    for place in range(len(whole)):
        other = bad[place % len(bad)]
        changed = whole[:place] + bytes((other,)) + whole[place + 1 :]
        content = content_of(objects()).replace(whole, changed)
        found = read_cut(content, 1, LOGS)
        assert found is None or found == read_whole(content, 1, LOGS), (place, chr(other))
        believed += found is not None
    assert believed > len(whole) >> 3  # an F for a digit is as good, and so are ignored keys


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "escape": lambda one: one.replace(b'"data"', b'"d\\u0061ta"'),
    "escaped value": lambda one: one.replace(b'"0x1a2b3"', b'"0x1a2b\\u0033"'),
    "white space": lambda one: one.replace(b'"data":', b'"data": '),
    "white space in a value": lambda one: one.replace(b'"0x1a2b3"', b'"0x1a2b "'),
    "other order": lambda one: PLAIN(dict(reversed(orjson.loads(one).items()))),
    "extra key": lambda one: PLAIN(orjson.loads(one) | {"more": "0x1"}),
    "nested": lambda one: PLAIN(orjson.loads(one) | {"more": {"address": "0x1"}}),
    "key twice": lambda one: one.replace(b'"removed"', b'"address":"0x00","removed"'),
    "another key": lambda one: one.replace(b'"removed"', b'"Removed"'),
    "removed": lambda one: one.replace(b"false", b"true"),
    "removed is null": lambda one: one.replace(b"false", b"null"),
    "number": lambda one: one.replace(b'"0x1a2b3"', b"107187"),
    "null": lambda one: one.replace(b'"0x1a2b3"', b"null"),
    "decimal": lambda one: one.replace(b'"0x1a2b3"', b'"1071870"'),
    "upper case": lambda one: one.replace(b"a2b", b"A2B"),
    "upper case prefix": lambda one: one.replace(b'"0x1a2b3"', b'"0X1a2b3"'),
    "wider": lambda one: one.replace(b'"0x1a2b3"', b'"0x01a2b3"'),
    "shifted": lambda one: one.replace(b'"0x1a2b3"', b'"0x01a2b3"').replace(b'"0x1', b'"0x', 1),
    "odd digits": lambda one: one.replace(b'cd"', b'"'),
    "no digit": lambda one: one.replace(b"1a2b", b"1g2b"),
    "full width digit": lambda one: one.replace(b"1a2b3", "1a\uff11".encode()),
    "text ends early": lambda one: one.replace(b'"0x1a2b3"', b'"0x1a","'),
    "five topics": lambda one: PLAIN(
        orjson.loads(one) | {"topics": orjson.loads(one)["topics"][:1] * 5}
    ),
    "no topics": lambda one: one.replace(b'"topics"', b'"tropic"'),
    "no log": lambda _: b"7",
    "missing": lambda _: b"",
    "place holder": lambda _: b'["~",0,1]',
    "escaped place holder": lambda _: b'["\\u007e",0,1]',
    "mark": lambda _: b'"~"',
    "in a text": lambda one: b'"' + one + b'"',
    "as a key": lambda one: b"{" + one + b":1}",
    "as a value": lambda one: b'{"log":' + one + b"}",
    "in an array": lambda one: b"[" + one + b"]",
    "after a digit": lambda one: b"1" + one,
    "without a comma": lambda one: one + one,
    "two commas": lambda one: one + b",",
    "after an escape": lambda one: b'"\\' + one + b'"',
}


@pytest.mark.parametrize("name", CHANGES)
def test_cut_logs__one_log_changed__as_the_parser_reads_it(name: str) -> None:
    content = with_one(CHANGES[name])

    found, whole = read_cut(content, 1, LOGS), read_whole(content, 1, LOGS)

    assert found is None or found == whole
    assert cut_count(with_one(lambda one: one)) == MIN + 3


@pytest.mark.parametrize("name", CHANGES)
def test_cut_logs__all_logs_changed__as_the_parser_reads_them(name: str) -> None:
    texts = [CHANGES[name](PLAIN(one)) for one in objects()]
    content = b'{"id":0,"result":[' + b",".join(texts) + b"]}"

    found = read_cut(content, 1, LOGS)

    assert found is None or found == read_whole(content, 1, LOGS)


CONTENTS = {
    "logs under a key that is ignored": b'{"id":0,"result":[],"more":[%s]}',
    "logs in an error": b'{"id":0,"result":[],"error":{"code":1,"data":[%s]}}',
    "a key twice, logs first": b'{"id":0,"result":[%s],"result":[]}',
    "a key twice, logs last": b'{"id":0,"result":[],"result":[%s]}',
    "logs as an object": b'{"id":0,"result":{%s}}',
    "logs without an array": b'{"id":0,"result":%s}',
    "logs without an array, after a key": b'{"id":0,"result":[],"more":%s}',
    "logs in a text": b'{"id":0,"result":["%s"]}',
    "logs one level deeper": b'{"id":0,"result":[[%s]]}',
    "nothing but logs": b"[%s]",
    "another id": b'{"id":1,"result":[%s]}',
    "an id that is none": b'{"id":[%s],"result":[]}',
    "cut short": b'{"id":0,"result":[%s]',
    "something after": b'{"id":0,"result":[%s]}}',
    "a byte order mark": b'\xef\xbb\xbf{"id":0,"result":[%s]}',
    "no UTF-8": b'{"id":0,"more":"\xff","result":[%s]}',
    "no UTF-8 at the border": b'{"id":0,"result":[\xc3%s\xa9]}',
    "a mark": b'{"id":0,"more":"~","result":[%s]}',
    "an escaped mark": b'{"id":0,"more":"\\u007e","result":[%s]}',
    "null": b'{"id":0,"result":null,"more":[%s]}',
}


@pytest.mark.parametrize("name", CONTENTS)
def test_cut_logs__logs_elsewhere__as_the_parser_reads_the_content(name: str) -> None:
    logs = b",".join(PLAIN(one) for one in objects(40))
    content = CONTENTS[name] % logs

    found, whole = read_cut(content, 1, LOGS), read_whole(content, 1, LOGS)

    assert found is None or found == whole


@pytest.mark.parametrize("between", [b"", b" ", b":", b";", b", ", b",,", b",0,", b"],["])
def test_cut_logs__between_logs__only_a_comma(between: bytes) -> None:
    texts = [PLAIN(one) for one in objects(40)]
    content = b'{"id":0,"result":[' + between.join(texts) + b'],"more":"longer"}'

    found = read_cut(content, 1, LOGS)

    assert found is None or found == read_whole(content, 1, LOGS)


@pytest.mark.parametrize("mark", [b"~", b"\\u007e"])
def test_cut_logs__place_holder_for_a_log_that_is_elsewhere__not_believed(mark: bytes) -> None:
    texts = [PLAIN(one) for one in objects(40)]
    listed = b",".join([*texts[:5], b'["' + mark + b'",39,1]', *texts[5:39]])
    content = b'{"id":0,"result":[' + listed + b'],"more":[' + texts[39] + b',"longer"]}'

    assert read_cut(content, 1, LOGS) is None
    assert "is not an object" in str(read_whole(content, 1, LOGS))


def test_reader__logs_alike__not_parsed_one_by_one() -> None:
    logs = alike_logs(200, first_index=0x100)
    rpc = SavedContents(logs_content(logs))

    assert RPCReader(rpc).logs_in_range(RANGE, NOTHING_WANTED).rows() == logs
    assert [len(content) < 1_000 for (content,) in rpc.parsed] == [True]


def test_reader__receipts__their_logs_not_parsed_one_by_one() -> None:
    logs = alike_logs(200, first_index=0x100)
    answers = replies(
        [receipt_object(0, [log_object(log) for log in logs[:199]])],
        [receipt_object(0, [log_object(log) for log in logs[199:]])],
    )
    rpc = SavedContents(PLAIN(answers))
    blocks = blocks_of(logs, first_block=logs[0].block_number, count=1)

    batch = RPCReader(rpc).receipts(blocks * 2)

    assert batch.logs.rows() == logs
    assert batch.log_count.tolist() == [199, 1]
    assert [len(content) < 3_000 for (content,) in rpc.parsed] == [True]


def test_reader__logs_where_none_are_looked_for__parsed_whole() -> None:
    rpc = SavedContents(PLAIN(replies([])[0] | {"more": objects(40)}))

    assert RPCReader(rpc).logs_in_range(RANGE, NOTHING_WANTED).rows() == []
    assert len(rpc.parsed) == 2


def test_cut_logs__place_holder_sent_by_the_node__refused_as_by_the_parser() -> None:
    content = with_one(lambda _: b'["~",0,1]')

    with pytest.raises(AnswerMalformed, match=r"log: \['~', 0, 1\] is not an object"):
        RPCReader(SavedContents(content)).logs_in_range(RANGE, NOTHING_WANTED)


def test_cut_logs__ignored_fields_that_differ_in_digits__still_alike() -> None:
    given = [one | {"blockTimestamp": hex(0x6000 + k)} for k, one in enumerate(objects())]
    content = content_of(given)

    assert cut_count(content) == MIN + 3
    assert read_cut(content, 1, LOGS) == read_whole(content, 1, LOGS)


def test_cut_logs__ignored_field_with_no_digit__not_believed() -> None:
    given = [one | {"blockTimestamp": hex(0x6000 + k)} for k, one in enumerate(objects())]
    content = content_of(given).replace(b'"0x6005"', b'"0x60"a"')

    assert read_cut(content, 1, LOGS) is None
    assert "is no JSON" in str(read_whole(content, 1, LOGS))


def test_cut_logs__ignored_fields_of_other_kinds__alike_where_equal() -> None:
    more = {"text": "caf\u00e9 { ", "list": [1, 2.5, None], "time": 5}
    content = content_of([one | more for one in objects()])

    found = read_cut(content, 1, LOGS)

    assert found is None or found == read_whole(content, 1, LOGS)


def test_cut_logs__too_deep_to_be_written__left_to_the_parser() -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    content = json.dumps(
        replies([one | {"deep": deep} for one in objects()])[0], separators=(",", ":")
    ).encode()

    assert cut_logs([content]) is None
    assert isinstance(read_whole(content, 1, LOGS), tuple)


@pytest.mark.parametrize("digits", [14, 15, 16, 20])
def test_cut_logs__wide_numbers__as_the_parser_reads_them(digits: int) -> None:
    given = objects()
    for one in given:
        one["logIndex"] = "0x" + "7" * digits
    content = content_of(given)

    assert cut_count(content) == (0 if digits > 15 else MIN + 3)
    found = read_cut(content, 1, LOGS)
    assert found is None or found == read_whole(content, 1, LOGS)


def test_cut_logs__all_of_one_length_and_all_different__bounded_work() -> None:
    given = [one | {"name": f"{place:06d}"} for place, one in enumerate(objects(2_000))]

    content = content_of(given)

    assert cut_count(content) < 20  # a few for each of two lengths
    assert read_cut(content, 1, LOGS) == read_whole(content, 1, LOGS)


def test_cut_logs__any_shapes__as_the_parser_reads_them() -> None:
    logs = made_up_logs(*[60] * 8)
    content = logs_content(logs)

    assert cut_count(content) > 300
    assert read_cut(content, 1, LOGS) == read_whole(content, 1, LOGS)
