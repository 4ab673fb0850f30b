"""Opaque cursors of lists.

A cursor holds the sort key of the last item that was shown, so a page continues where the last one
ended however many rows came in meanwhile (an offset would skip or repeat). It also holds the name
of its list, so that a cursor of another list is refused and not misread. It is opaque, not secret:
whoever forges one sees rows that the list shows anyway.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Query
from pydantic import BeforeValidator

from api.errors import BadValue
from api.fields import UINT64_MAX, number_from_text

CURSOR_LENGTH_MAX = 512
PAGE_ROWS = 50
PAGE_ROWS_MAX = 200

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list is wanted."""

    cursor: str | None
    limit: int

    def key(self, list_name: str, key_types: Sequence[type]) -> tuple[Any, ...] | None:
        """The sort key after which the page begins; None at the beginning.

        Raises:
            BadValue: not a cursor of this list.
        """
        return None if self.cursor is None else decode_cursor(self.cursor, list_name, key_types)


def _page_request(
    cursor: Annotated[
        str | None,
        Query(
            max_length=CURSOR_LENGTH_MAX,
            description="`next_cursor` of the page before; without it the first page",
        ),
    ] = None,
    limit: Annotated[
        int,
        Query(ge=1, le=PAGE_ROWS_MAX, description="how many items the page has at most"),
        BeforeValidator(number_from_text),
    ] = PAGE_ROWS,
) -> PageRequest:
    return PageRequest(cursor, limit)


PageOf = Annotated[PageRequest, Depends(_page_request)]


def encode_cursor(list_name: str, *key: int | bytes) -> str:
    """Spell the sort key of the last item shown."""
    parts = [part.hex() if isinstance(part, bytes) else part for part in key]
    return urlsafe_b64encode(orjson.dumps([list_name, *parts])).rstrip(b"=").decode()


def decode_cursor(cursor: str, list_name: str, key_types: Sequence[type]) -> tuple[Any, ...]:
    """Read back the key: `int` parts are uint64 that a BIGINT holds, `bytes` parts any bytes.

    Raises:
        BadValue: not a cursor of this list.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        content = orjson.loads(b64decode(padded, altchars="-_", validate=True))
        return _key(content, list_name, key_types)
    except (ValueError, TypeError) as error:
        raise BadValue(
            f"cursor: {cursor!r} is not a cursor of {list_name}", field="cursor", value=cursor
        ) from error


def page_of(
    rows: Sequence[Item], limit: int, cursor_after: Callable[[Item], str]
) -> tuple[list[Item], str | None]:
    """Cut `limit` items off rows that were read with `limit + 1`; the cursor is None at the end."""
    shown = list(rows[:limit])
    return shown, cursor_after(shown[-1]) if len(rows) > limit else None


def _key(content: object, list_name: str, key_types: Sequence[type]) -> tuple[Any, ...]:
    if not isinstance(content, list) or content[:1] != [list_name]:
        raise ValueError(content)
    return tuple(_part(part, kind) for part, kind in zip(content[1:], key_types, strict=True))


def _part(part: object, kind: type) -> int | bytes:
    if kind is bytes and isinstance(part, str):
        return bytes.fromhex(part)
    if kind is int and type(part) is int and 0 <= part <= UINT64_MAX:
        return part
    raise ValueError(part)
