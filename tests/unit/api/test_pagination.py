from base64 import urlsafe_b64encode

import pytest

from api.errors import BadValue
from api.pagination import decode_cursor, encode_cursor, page_of

TYPES = (int, bytes)


@pytest.mark.parametrize("key", [(0, b""), (2**63 - 1, bytes(range(256))), (7, b"\xff" * 32)])
def test_cursor__round_trip__same_key(key: tuple[int, bytes]) -> None:
    assert decode_cursor(encode_cursor("list", *key), "list", TYPES) == key


def _spelled(json: bytes) -> str:
    return urlsafe_b64encode(json).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "ÄÖ",
        _spelled(b"[]"),
        _spelled(b"{}"),
        _spelled(b"1"),
        _spelled(b'["other",1,"00"]'),
        _spelled(b'["list",1]'),
        _spelled(b'["list",1,"00",2]'),
        _spelled(b'["list","1","00"]'),
        _spelled(b'["list",true,"00"]'),
        _spelled(b'["list",-1,"00"]'),
        _spelled(b'["list",9223372036854775808,"00"]'),
        _spelled(b'["list",1.0,"00"]'),
        _spelled(b'["list",1,"0g"]'),
        _spelled(b'["list",1,2]'),
        _spelled(b"[" * 500),
        _spelled(b"\xff\xfe"),
    ],
)
def test_cursor__not_of_this_list__refused_with_its_value(cursor: str) -> None:
    with pytest.raises(BadValue) as caught:
        decode_cursor(cursor, "list", TYPES)

    assert (caught.value.field, caught.value.value) == ("cursor", cursor)


def test_page_of__one_row_more_than_shown__cursor_after_the_last_shown() -> None:
    assert page_of([1, 2, 3], 2, str) == ([1, 2], "2")


def test_page_of__last_page__no_cursor() -> None:
    assert page_of([1, 2], 2, str) == ([1, 2], None)
    assert page_of([], 2, str) == ([], None)
