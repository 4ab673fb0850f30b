import pytest
import rlp

from contracts.headers import NotAHeader, header_fields

PARENT, BLOOM = b"\x01" * 32, bytes(255) + b"\x80"
FRONTIER = [
    *(PARENT, bytes(32), bytes(20), b"\x03" * 32, bytes(32), bytes(32), BLOOM),
    *(131072, 0x1ACA2B, 30_000_000, 0, 1_700_000_000, b"extra", bytes(32), bytes(8)),
]


@pytest.mark.parametrize("more", [[], [7], [7, bytes(32), 0, 131072, bytes(32), bytes(32), 1]])
def test_header_fields__any_fork__read(more: list[object]) -> None:
    fields = header_fields(rlp.encode(FRONTIER + more))

    assert (fields.parent_hash, fields.logs_bloom) == (PARENT, BLOOM)
    assert fields.state_root == b"\x03" * 32
    assert (fields.number, fields.timestamp) == (0x1ACA2B, 1_700_000_000)


def test_header_fields__first_block_ever__zero_is_no_byte() -> None:
    header = [*FRONTIER]
    header[8] = header[11] = 0

    assert header_fields(rlp.encode(header)).number == 0


GOOD: bytes = rlp.encode(FRONTIER)


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (b"", "byte 0 begins something else"),
        (b"\x80", "byte 0 begins something else"),
        (GOOD[:-1], "bytes, the list ends at"),
        (GOOD + b"\0", "bytes, the list ends at"),
        (GOOD[:2], "bytes, the list ends at"),
        (rlp.encode(FRONTIER[:14]), "14 fields"),
        (rlp.encode([FRONTIER]), "byte 3 begins something else"),
        (rlp.encode([[]]), "byte 1 begins something else"),
        (rlp.encode([b"\1" * 31, *FRONTIER[1:]]), "another length"),
        (rlp.encode([*FRONTIER[:3], bytes(33), *FRONTIER[4:]]), "another length"),
        (rlp.encode([*FRONTIER[:6], bytes(255), *FRONTIER[7:]]), "another length"),
        (b"\xc2\x83\x01", "its last field passes the end"),
    ],
)
def test_header_fields__anything_else__refused(data: bytes, about: str) -> None:
    with pytest.raises(NotAHeader, match=about):
        header_fields(data)
