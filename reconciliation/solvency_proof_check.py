"""Checks a line of a solvency statement, from its document alone.

Written apart from what builds statements, and shares nothing with it but keccak256: whoever doubts
the builder can read this file instead. Rules:

- Every sum is a decimal string in [0, 2²⁵⁶), and so is every sum on the way up.
- account id = keccak256("<chain id>/<contract>/<holder>"), holder `payee:0x…`, all in lower case.
- leaf = keccak256(0x00 ‖ account id ‖ amount), node = keccak256(0x01 ‖ left hash ‖ left sum ‖ right
  hash ‖ right sum); sums are 32 bytes, big-endian.
- Index and leaf count say at which levels there is a sibling and on which side: the proof has
  exactly those. A last node without a partner goes up as it is.
- The last hash and sum are the root's.
- digest = keccak256(keccak256("quittance-solvency-v1") ‖ chain id ‖ contract ‖ epoch ‖ asset ‖
  block number ‖ block hash ‖ leaf count ‖ root hash ‖ root sum), each 32 bytes.
- Where the reserve is named, it is not below the root's sum.

What it cannot see: whether others were left out (they check their own lines, against the same
digest), and what the reserve is worth (its proof of state says that).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import keccak

_LIMIT = 1 << 256
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_HOLDER = re.compile(r"[a-z0-9_:]+", re.ASCII)


class _Unreadable(Exception):
    """A field that does not say what it must."""


@dataclass(frozen=True, slots=True)
class LineCheck:
    """Outcome: the problems found, none if the line holds; what the document says of it."""

    problems: tuple[str, ...]
    holder: str
    amount: int


def check_line(document: Mapping[str, object], *, digest: str | None = None) -> LineCheck:
    """Check one line.

    Args:
        document: what `quittance solvency prove` prints, and the API answers.
        digest: the digest that was published for the statement, if it is known from elsewhere.
    """
    try:
        return _checked(document, digest)
    except _Unreadable as error:
        return LineCheck((str(error),), "", 0)


def _checked(document: Mapping[str, object], published: str | None) -> LineCheck:
    if document.get("version") != "quittance-solvency-v1":
        raise _Unreadable(f"version: {document.get('version')!r} is not known")
    line, root = _object(document, "line"), _object(document, "root")
    holder, amount = _holder(line), _number(line, "amount")
    index, count = _number(line, "index"), _number(document, "leaf_count")
    problems = []
    wanted_id = keccak(
        f"{_number(document, 'chain_id')}/{_low(document, 'contract')}/{holder}".encode()
    )
    if wanted_id != _hash(line, "account_id"):
        problems.append(f"account_id: is not that of {holder}")
    reached = _climbed(document, wanted_id, amount, index=index, count=count)
    if isinstance(reached, str):
        problems.append(reached)
    elif reached != (_hash(root, "hash"), _number(root, "sum")):
        problems.append("siblings: do not lead to the root")
    if _digest(document, root, count) != _hash(document, "digest"):
        problems.append("digest: is not that of the root and what it is about")
    if published is not None and published.lower() != str(document.get("digest")).lower():
        problems.append(f"digest: is not the published {published}")
    reserve = document.get("reserve")
    if isinstance(reserve, Mapping) and _number(reserve, "amount") < _number(root, "sum"):
        problems.append("reserve: is below the total of what is owed")
    return LineCheck(tuple(problems), holder, amount)


def _climbed(
    document: Mapping[str, object], account: bytes, amount: int, *, index: int, count: int
) -> tuple[bytes, int] | str:
    """Hash and sum at the top, or what is wrong with the way."""
    siblings = document.get("siblings")
    if not isinstance(siblings, list):
        raise _Unreadable("siblings: is no list")
    if index >= count:
        return f"index: {index} is not below the {count} leaves"
    left = list(siblings)
    top, total = bytes(keccak(b"\x00" + account + amount.to_bytes(32, "big"))), amount
    while count > 1:
        is_right = index % 2 == 1
        if is_right or index + 1 < count:
            if not left:
                return "siblings: there are too few for this place"
            other = left.pop(0)
            if not isinstance(other, Mapping):
                raise _Unreadable("siblings: one is no object")
            mine = (top, total)
            beside = (_hash(other, "hash"), _number(other, "sum"))
            first, second = (beside, mine) if is_right else (mine, beside)
            total += beside[1]
            if total >= _LIMIT:
                return "siblings: their sums pass 2^256"
            top = bytes(
                keccak(
                    b"\x01"
                    + first[0]
                    + first[1].to_bytes(32, "big")
                    + second[0]
                    + second[1].to_bytes(32, "big")
                )
            )
        index, count = index >> 1, (count + 1) >> 1
    return "siblings: there are too many for this place" if left else (top, total)


def _digest(document: Mapping[str, object], root: Mapping[str, object], count: int) -> bytes:
    block = _object(document, "block")
    parts = (
        _number(document, "chain_id").to_bytes(32, "big"),
        bytes.fromhex(_low(document, "contract")[2:]).rjust(32, b"\0"),
        _number(document, "epoch").to_bytes(32, "big"),
        bytes.fromhex(_low(document, "asset")[2:]).rjust(32, b"\0"),
        _number(block, "number").to_bytes(32, "big"),
        _hash(block, "hash"),
        count.to_bytes(32, "big"),
        _hash(root, "hash"),
        _number(root, "sum").to_bytes(32, "big"),
    )
    return bytes(keccak(keccak(b"quittance-solvency-v1") + b"".join(parts)))


def _object(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = document.get(name)
    if not isinstance(value, Mapping):
        raise _Unreadable(f"{name}: is no object")
    return value


def _number(document: Mapping[str, object], name: str) -> int:
    value = document.get(name)
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or int(value) >= _LIMIT:
        raise _Unreadable(f"{name}: {value!r} is not a decimal string in [0, 2^256)")
    return int(value)


def _hash(document: Mapping[str, object], name: str) -> bytes:
    return bytes.fromhex(_hexadecimal(document, name, 64)[2:])


def _low(document: Mapping[str, object], name: str) -> str:
    return _hexadecimal(document, name, 40)


def _hexadecimal(document: Mapping[str, object], name: str, digits: int) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not re.fullmatch(rf"0x[0-9a-fA-F]{{{digits}}}", value):
        raise _Unreadable(f"{name}: {value!r} is not 0x and {digits} hexadecimal digits")
    return value.lower()


def _holder(line: Mapping[str, object]) -> str:
    value = line.get("holder")
    if not isinstance(value, str) or not _HOLDER.fullmatch(value):
        raise _Unreadable(f"holder: {value!r} is no name of a line")
    return value
