from fastapi import Request, Response

from api.conditional import answer_at_block, answer_under_root, tagged
from api.schemas.envelope import Block
from api.schemas.reconciliation import RunPage
from contracts.evm import Address, Hash32

ROOT = Hash32(b"\x01" * 32)


def request(*known: str) -> Request:
    headers = [(b"if-none-match", one.encode()) for one in known]
    return Request({"type": "http", "headers": headers})


def page(*, block: int = 7, cursor: str | None = None) -> RunPage:
    return RunPage(
        settlement="main",
        chain_id=1,
        contract=Address(bytes(20)),
        block=Block(number=block, hash=ROOT, timestamp=1),
        items=[],
        next_cursor=cursor,
    )


def tag(response: Response) -> str:
    return response.headers["etag"]


def test_answer_at_block__same_content__304_without_body() -> None:
    first = answer_at_block(request(), page(), ROOT)

    again = answer_at_block(request(tag(first)), page(), ROOT)

    assert tag(first).startswith(f'"{ROOT}-')
    assert (again.status_code, again.body, tag(again)) == (304, b"", tag(first))


def test_answer_at_block__anything_differs__other_tag() -> None:
    first = tag(answer_at_block(request(), page(), ROOT))

    assert tag(answer_at_block(request(), page(block=8), ROOT)) != first
    assert tag(answer_at_block(request(), page(cursor="x"), ROOT)) != first
    assert tag(answer_at_block(request(), page(), Hash32(bytes(32)))) != first


def test_answer_under_root__only_the_block_differs__same_weak_tag() -> None:
    first = answer_under_root(request(), page(block=7), ROOT)

    later = answer_under_root(request(tag(first)), page(block=8), ROOT)

    assert tag(first).startswith(f'W/"{ROOT}-')
    assert b'"number":7' in first.body
    assert later.status_code == 304


def test_answer_under_root__content_differs__other_tag() -> None:
    first = tag(answer_under_root(request(), page(), ROOT))

    assert answer_under_root(request(first), page(cursor="x"), ROOT).status_code == 200


def test_tagged__header_forms__weak_comparison() -> None:
    for known in ('"a"', 'W/"a"', '"b", "a"', "*", ' "b" ,W/"a" '):
        assert tagged(request(known), b"{}", '"a"').status_code == 304, known
        assert tagged(request(known), b"{}", 'W/"a"').status_code == 304, known
    assert tagged(request('"b"', '"a"'), b"{}", '"a"').status_code == 304
    for known in ('"b"', "a", "", 'w/"a"'):
        assert tagged(request(known), b"{}", '"a"').status_code == 200, known
