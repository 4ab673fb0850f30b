"""Block headers as the chain hashes them: RLP, of which a block's hash is the keccak256.

Source: Ethereum yellow paper §4.3 and appendix B. Forks only append fields, so the ones read here
stand at the same place in every header.
"""

from dataclasses import dataclass

from contracts.bloom import BLOOM_BYTES
from contracts.evm import BlockNumber, Hash32, Timestamp

_PARENT_HASH, _STATE_ROOT, _LOGS_BLOOM, _NUMBER, _TIMESTAMP = 0, 3, 6, 8, 11
_FIELDS_MIN = 15  # those of Frontier
_HASH_BYTES = 32


class NotAHeader(ValueError):
    """Bytes that are not the RLP of a block header."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not the RLP of a block header: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderFields:
    """The fields of a header that say where it stands, and what state and logs it commits to."""

    parent_hash: Hash32
    state_root: Hash32
    logs_bloom: bytes
    number: BlockNumber
    timestamp: Timestamp


def header_fields(data: bytes) -> HeaderFields:
    """Read the RLP of a header.

    Raises:
        NotAHeader: it is no list of byte strings, or too short, or a field has a wrong length.
    """
    items = _strings(data)
    if len(items) < _FIELDS_MIN:
        raise NotAHeader(f"{len(items)} fields")
    hashes = (items[_PARENT_HASH], items[_STATE_ROOT])
    if any(len(one) != _HASH_BYTES for one in hashes) or len(items[_LOGS_BLOOM]) != BLOOM_BYTES:
        raise NotAHeader("a hash, root or bloom of another length")
    return HeaderFields(
        parent_hash=Hash32(items[_PARENT_HASH]),
        state_root=Hash32(items[_STATE_ROOT]),
        logs_bloom=items[_LOGS_BLOOM],
        number=BlockNumber(int.from_bytes(items[_NUMBER], "big")),
        timestamp=Timestamp(int.from_bytes(items[_TIMESTAMP], "big")),
    )


def _strings(data: bytes) -> list[bytes]:
    """The members of an RLP list that has byte strings only.

    What is not the shortest encoding is not refused: the hash of a header tells it from any other.
    """
    at, end = _payload(data, 0, 0xC0)
    if end != len(data):
        raise NotAHeader(f"{len(data)} bytes, the list ends at {end}")
    items = []
    while at < end:
        if data[at] < 0x80:
            items.append(data[at : at + 1])
            at += 1
            continue
        start, at = _payload(data, at, 0x80)
        items.append(data[start:at])
    if at != end:
        raise NotAHeader("its last field passes the end")
    return items


def _payload(data: bytes, at: int, offset: int) -> tuple[int, int]:
    """Start and end of the payload of the string (offset 0x80) or list (0xC0) at a place."""
    if at >= len(data) or not offset <= data[at] < offset + 0x40:
        raise NotAHeader(f"byte {at} begins something else")
    length = data[at] - offset
    start = at + 1
    if length > 55:
        start += length - 55
        length = int.from_bytes(data[at + 1 : start], "big")
    return start, start + length
