"""Canonical JSON (RFC 8785), for documents of strings, arrays and objects.

The chain holds documents as bytes, or their hash: a spelling of our own would be another document.
Those that somebody else wrote are read strictly, because they may mean two things, or none.

Numbers are decimal strings, so the part of RFC 8785 about numbers is not needed, and no reader can
lose a digit. Keys are ASCII, so that code points, UTF-16 units and bytes sort alike.
"""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate

JsonValue = str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

_DEPTH_MAX = 64
"""No document here is nearly as deep. Deep enough brackets end the process in a segmentation fault,
where a library has raised Python's limit of recursion."""
_STEP = {**dict.fromkeys("[{", 1), **dict.fromkeys("]}", -1)}
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
"""A string to its end, or to the end of what has none; its brackets open and close nothing."""


class TooDeep(ValueError):
    """Arrays and objects stand in one another more often than any document here."""

    def __init__(self) -> None:
        super().__init__(f"more than {_DEPTH_MAX} deep")


class RepeatedKey(ValueError):
    """An object names one key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"key {key!r} stands twice")
        self.key = key


def canonical_json(value: JsonValue) -> bytes:
    """The one spelling of a document: sorted keys, no spaces, UTF-8, no newline at the end."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def json_lines(values: Sequence[Mapping[str, JsonValue]]) -> bytes:
    """One canonical object a line, every line ended by a newline; no bytes for no values."""
    return b"".join(canonical_json(value) + b"\n" for value in values)


def json_from_bytes(data: bytes) -> JsonValue:
    """Read a document that somebody else wrote; its kinds of values are still to be checked.

    Raises:
        ValueError: it is no JSON, names a key twice, is too deep, or has half a surrogate, which
            no UTF-8 spells.
    """
    text = data.decode()  # a `UnicodeDecodeError` is a `ValueError`
    steps = (_STEP.get(one, 0) for one in _STRING.sub("", text))
    if max(accumulate(steps), default=0) > _DEPTH_MAX:
        raise TooDeep
    document: JsonValue = json.loads(text, object_pairs_hook=_without_repeated_keys)
    canonical_json(document)  # a `UnicodeEncodeError` is a `ValueError`
    return document


def _without_repeated_keys(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Build an object, for `json.loads(…, object_pairs_hook=…)`.

    Raises:
        RepeatedKey: a key stands twice.
    """
    built: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in built:
            raise RepeatedKey(key)
        built[key] = value
    return built
