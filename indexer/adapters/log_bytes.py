"""Logs straight from the bytes of an answer to columns, without an object per value.

A node writes every log in one way: the same keys in the same order, and hexadecimal text whose
width differs only for quantities, data and the number of topics. So logs of one length mostly have
all bytes in common but the digits of their values. One of them is parsed as JSON and checked; it
is the layout with which the others are compared, all at once:

    {"address":"0x········","topics":["0x········","0x········"],"data":"0x··", …,"removed":false}
     ─── equal ──                ── equal ──      digits                  ───── equal ─────

Nothing is believed that a parser would not have read. The argument, in three steps.

A log. A layout's text is what `orjson.dumps` writes of what `orjson.loads` reads of it, and the
check of one log accepts it. So it has no escape, no white space, no key twice, and we know without
a search where each value stands. A text of the same length that has digits where the layout has
digits of a `0x` text, and the same byte everywhere else, is made of the same tokens: a digit cannot
end a text or begin an escape. It parses to the same keys with texts of the same widths, and the
check of one log looks at nothing of a digit but that it is one (numbers of up to 15 digits are
below 2**63). So the check accepts it too, and its values are its digits. Fields that the check
ignores may differ in digits of `0x` texts as well.

The rest. Every log that is alike is cut out, and `["~",first,count]` put in its place. If that
parses, each place holder was read as an array: within a text, its quote would end the text and `~`
would follow. Where an array may stand, an object may; so a parser that reads the whole answer comes
to each log in the same state, reads it as one object, and goes on in the same state. For several
logs with commas between, that holds within an array, and only there is a place holder accepted.

The place. The rest has `~` only where we put it and no backslash, so what parses as a place holder
is one. `arranged` resolves them in arrays of logs, and refuses if one is left over: a log in an
ignored field, or under a key that is there twice, sends the whole answer to the parser.

Whatever is not sure is left to the parser: a log that is like no other stays where it is, and where
the answer as a whole is not as expected, nothing is cut.
"""

import re
from binascii import unhexlify
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from indexer.adapters.cut_logs import MARK, CutLogs, place_holder
from indexer.adapters.log_answers import log_batch_from_objects
from indexer.logs import ByteRows, Integers, LogBatch

_ALIKE_MIN = 16
"""Logs of one length, of which fewer are left to the parser: an array has a price of its own."""

_LAYOUTS_MAX = 8  # of one length: quantities make up for each other's widths
_NUMBER_DIGITS_MAX = 15  # below 2**63, whatever they are
_NEAR_BYTES = 1 << 18  # that fit into a processor's cache together
_WORD = 8
_OPEN, _CLOSE, _COMMA = b"{},"
_TEXT = re.compile(rb'"0x[0-9a-fA-F]*"', re.ASCII)
_NUMBERS = ("blockNumber", "logIndex", "transactionIndex")
_BYTES = ("blockHash", "address", "data", "transactionHash")
_TOPIC_BYTES = 64 + 5  # digits, 0x, quotes and a comma

_NO_DIGIT = 16
_NIBBLES = np.full(256, _NO_DIGIT, dtype=np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = range(16)
_NIBBLES[np.frombuffer(b"ABCDEF", dtype=np.uint8)] = range(10, 16)

_Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """One log that the check accepts: its bytes, and where its digits stand.

    Both arrays are padded to whole words; the padding is not compared.
    """

    text: NDArray[np.uint64]
    is_fixed: NDArray[np.uint64]
    values: dict[str, slice]
    topics: list[slice]
    ignored: list[slice]


def cut_logs(contents: Sequence[bytes]) -> CutLogs | None:
    """Answers in parts: the logs that are like others, and the rest.

    Args:
        contents: whole contents of responses, as they came.

    Returns:
        None where the answers are better parsed whole: there is nothing to cut, or it is not sure
        that the rest says the same.
    """
    rests: list[bytes] = []
    batches: list[LogBatch] = []
    rows: list[Integers] = [np.empty(0, dtype=np.int64)]
    count = 0
    try:
        for content in contents:
            rest, logs, places = _cut(content, count)
            rests.append(rest)
            batches += logs
            rows.append(places + count)
            count += len(places)
    except ValueError:  # no digit where the layout has one, or a mark that is not ours
        return None
    if count == 0:
        return None
    return CutLogs(rests=rests, batches=batches, rows=np.concatenate(rows))


def _cut(content: bytes, first: int) -> tuple[bytes, list[LogBatch], Integers]:
    """The rest of one answer, its logs in no order, and for each as it came its place in them.

    Args:
        content: the answer.
        first: how many logs were cut out of the answers before.
    """
    buffer = np.frombuffer(content, dtype=np.uint8)
    starts, ends = _innermost_objects(buffer)
    lengths = ends - starts
    order = np.argsort(lengths, kind="stable")
    batches: list[LogBatch] = []
    found: list[Integers] = [np.empty(0, dtype=np.int64)]
    for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        left = group
        for _ in range(_LAYOUTS_MAX):
            if len(left) < _ALIKE_MIN:
                break
            layout = _layout(content[starts[left[0]] : ends[left[0]]])
            if layout is None:
                left = left[1:]
                continue
            is_alike = _read(buffer, starts[left], layout, batches)
            found.append(left[is_alike])
            left = left[~is_alike]
    logs = np.concatenate(found)
    rows = np.argsort(logs)
    rest = _rest(content, starts[logs[rows]], ends[logs[rows]], first)
    return rest, batches, rows


def _innermost_objects(buffer: ByteRows) -> tuple[Integers, Integers]:
    """Where an opening brace and the next closing one have none between: starts and ends.

    One comparison finds both braces, and two bytes that only hide an object from us.
    """
    parts = [
        np.flatnonzero((buffer[at : at + _NEAR_BYTES] | 6) == 0x7F) + at
        for at in range(0, len(buffer), _NEAR_BYTES)
    ]
    braces = np.concatenate([np.empty(0, dtype=np.int64), *parts])
    kinds = buffer[braces]
    inner = np.flatnonzero((kinds[:-1] == _OPEN) & (kinds[1:] == _CLOSE))
    starts, ends = braces[inner], braces[inner + 1] + 1
    is_whole = ends + _WORD <= len(buffer)  # a row of whole words can be read
    return starts[is_whole], ends[is_whole]


def _rest(content: bytes, starts: Integers, ends: Integers, first: int) -> bytes:
    """The content with place holders for these stretches of it, which are in order.

    Raises:
        ValueError: something else could be taken for a place holder.
    """
    if len(starts) == 0:
        return content
    after = np.frombuffer(content, dtype=np.uint8)[ends[:-1]]
    is_next = (starts[1:] - ends[:-1] == 1) & (after == _COMMA)
    breaks = np.flatnonzero(~is_next) + 1
    firsts = np.concatenate(([0], breaks))
    counts = np.diff(np.concatenate((firsts, [len(starts)])))
    runs = zip(
        starts[firsts].tolist(),
        ends[firsts + counts - 1].tolist(),
        (firsts + first).tolist(),
        counts.tolist(),
        strict=True,
    )
    pieces: list[bytes] = []
    done = 0
    for start, end, place, count in runs:
        pieces += (content[done:start], place_holder(place, count))
        done = end
    rest = b"".join((*pieces, content[done:]))
    if b"\\" in rest or rest.count(MARK.encode()) != len(firsts):
        raise ValueError("not every mark is ours")
    return rest


def _layout(text: bytes) -> _Layout | None:
    """The layout of one log; None if it is none that the argument above holds for."""
    try:
        raw: Any = orjson.loads(text)
        log_batch_from_objects([raw])
        if orjson.dumps(raw) != text:
            return None
    except (ValueError, TypeError):  # TypeError: too deep to be written
        return None
    if any(len(raw[name]) - 2 > _NUMBER_DIGITS_MAX for name in _NUMBERS):
        return None
    values, ignored, topics = {}, [], []
    at = 1
    for name, value in raw.items():
        at += len(orjson.dumps(name)) + 1
        written = orjson.dumps(value)
        digits = slice(at + 3, at + len(written) - 1)  # without quotes and 0x
        if name in _NUMBERS or name in _BYTES:
            values[name] = digits
        elif name == "topics":
            firsts = range(at + 4, at + 4 + _TOPIC_BYTES * len(value), _TOPIC_BYTES)
            topics = [slice(topic, topic + 64) for topic in firsts]
        elif _TEXT.fullmatch(written):
            ignored.append(digits)
        at += len(written) + 1
    width = -(-len(text) // _WORD) * _WORD
    is_fixed = np.zeros(width, dtype=np.uint8)
    is_fixed[: len(text)] = 0xFF
    for span in (*values.values(), *topics, *ignored):
        is_fixed[span] = 0
    padded = np.frombuffer(text.ljust(width, b"\0"), dtype=np.uint8)
    return _Layout(
        text=padded.view(np.uint64),
        is_fixed=is_fixed.view(np.uint64),
        values=values,
        topics=topics,
        ignored=ignored,
    )


def _read(buffer: ByteRows, starts: Integers, layout: _Layout, batches: list[LogBatch]) -> _Flags:
    """Which of the logs that begin there have the layout; their columns are added to the batches.

    Raises:
        ValueError: no digit where the layout has one.
    """
    width = len(layout.text) * _WORD
    windows = sliding_window_view(buffer, width)
    near = max(_NEAR_BYTES // width, 1)
    is_alike = np.empty(len(starts), dtype=np.bool_)
    for at in range(0, len(starts), near):
        rows = windows[starts[at : at + near]]
        differences = rows.view(np.uint64) ^ layout.text
        differences &= layout.is_fixed
        alike = ~differences.any(axis=1)
        is_alike[at : at + near] = alike
        batches.append(_columns(rows if alike.all() else rows[alike], layout))
    return is_alike


def _columns(rows: ByteRows, layout: _Layout) -> LogBatch:
    """Logs that are alike, one a row of bytes."""
    count, values = len(rows), layout.values
    for span in layout.ignored:
        _require_digits(_NIBBLES[rows[:, span]])
    topics = np.concatenate([rows[:, :0], *(rows[:, span] for span in layout.topics)], axis=1)
    data = _bytes(rows[:, values["data"]])
    return LogBatch(
        block_number=_numbers(rows[:, values["blockNumber"]]),
        block_hash=_bytes(rows[:, values["blockHash"]]),
        log_index=_numbers(rows[:, values["logIndex"]]),
        address=_bytes(rows[:, values["address"]]),
        topic_count=np.full(count, len(layout.topics), dtype=np.int64),
        topics=_bytes(topics).reshape(-1, 32),
        data_length=np.full(count, data.shape[1], dtype=np.int64),
        data=data.reshape(-1),
        transaction_hash=_bytes(rows[:, values["transactionHash"]]),
        transaction_index=_numbers(rows[:, values["transactionIndex"]]),
    )


def _bytes(digits: ByteRows) -> ByteRows:
    count, width = digits.shape
    content = unhexlify(digits.tobytes())
    return np.frombuffer(content, dtype=np.uint8).reshape(count, width >> 1)


def _numbers(digits: ByteRows) -> Integers:
    nibbles = _NIBBLES[digits]
    _require_digits(nibbles)
    numbers = np.zeros(len(digits), dtype=np.int64)
    for place in range(digits.shape[1]):
        numbers = (numbers << 4) | nibbles[:, place]
    return numbers


def _require_digits(nibbles: ByteRows) -> None:
    if (nibbles == _NO_DIGIT).any():
        raise ValueError("no digit")
