"""Answers that a client can keep and revalidate: `ETag`, `If-None-Match`, 304.

A tag has two parts: what the answer is anchored to (a root or a block hash) and a digest of the
answer's content, so that it changes with everything that the answer says, not only with the chain.
An answer anchored to a root is compared without its `block`: the proof of a leaf stays the same
while the chain moves on, so its tag is weak (RFC 9110 §8.8.1).
"""

from collections.abc import Sequence
from hashlib import blake2b

from fastapi import Request, Response
from pydantic import BaseModel

from contracts.evm import Hash32

_CACHE_CONTROL = "no-cache"  # may be stored, must be revalidated


def answer_at_block(request: Request, answer: BaseModel, block_hash: Hash32) -> Response:
    """Answer with a strong tag by block hash."""
    return body_at_block(request, answer.model_dump_json().encode(), block_hash)


def body_at_block(request: Request, body: bytes, block_hash: Hash32) -> Response:
    """Answer what is spelled already, with a strong tag by block hash."""
    return tagged(request, body, f'"{block_hash}-{_digest(body)}"')


def answer_under_root(request: Request, answer: BaseModel, root: Hash32) -> Response:
    """Answer with a weak tag by root; `block` and `head` are not part of the tag."""
    content = answer.model_dump_json(exclude={"block", "head"}).encode()
    tag = f'W/"{root}-{_digest(content)}"'
    return tagged(request, answer.model_dump_json().encode(), tag)


def tagged(request: Request, body: bytes, tag: str) -> Response:
    """The body with its tag, or 304 where the client already has it."""
    headers = {"ETag": tag, "Cache-Control": _CACHE_CONTROL}
    if _is_known(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _is_known(headers: Sequence[str], tag: str) -> bool:
    """Weak comparison (RFC 9110 §13.1.2): `W/` does not count. Our tags hold no comma."""
    known = {one.strip().removeprefix("W/") for header in headers for one in header.split(",")}
    return known == {"*"} or tag.removeprefix("W/") in known


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()
