"""Columns of hexadecimal text: every text is checked, not only their sum."""

import pytest

from indexer.adapters.hex_columns import byte_rows, byte_strings

GOOD = ["0x0102", "0xAbCd", "0x0000"]


def test_byte_rows__good_texts__decoded() -> None:
    assert byte_rows(GOOD, 2).tolist() == [[1, 2], [0xAB, 0xCD], [0, 0]]
    assert byte_rows(["0x07"], 1).tolist() == [[7]]
    assert byte_rows([], 32).shape == (0, 32)


@pytest.mark.parametrize(
    "texts",
    [
        ["0x0102", "0x010203", "0x00"],  # the sum is right
        ["0x0102", "0xAb", "Cd0x0000"],  # joined, they read as good ones
        ["0x0102", "0xAb\n", "d0x0000"],
        ["0x0102", "0xAbCd0x0000"],
        ["0x0102\n0xAbCd\n0x0000"],
        ["0x0102", "0xAbCd", ""],
        ["0x0102", "0XAbCd", "0x0000"],
        ["0x0102", "00AbCd", "0x0000"],
        ["0x0102", "1xAbCd", "0x0000"],
        ["0x0102", "0xAbCg", "0x0000"],
        ["0x0102", "0xAbC ", "0x0000"],
        ["0x0102", "0xAb\nd", "0x0000"],
        ["0x0102", "0x0xCd", "0x0000"],
        ["0x0102", "0xAbC\uff11", "0x0000"],
        ["0x0102", "0xAbC\ud800", "0x0000"],
        ["0x0102", "0xAbCd", "0x000\x00"],
        ["0x0102", None, "0x0000"],
        ["0x0102", 7, "0x0000"],
    ],
)
def test_byte_rows__a_bad_text__refused(texts: list[str]) -> None:
    with pytest.raises((ValueError, TypeError)):
        byte_rows(texts, 2)


@pytest.mark.parametrize("place", range(3))
def test_byte_rows__bad_at_any_place__refused(place: int) -> None:
    for bad in ("0x012", "0x01023", "x0102", "0x01g2", "1x0102", "0y0102"):
        with pytest.raises(ValueError, match=r".*"):
            byte_rows([*GOOD[:place], bad, *GOOD[place + 1 :]], 2)


def test_byte_strings__any_lengths__decoded() -> None:
    lengths, content = byte_strings(["0x01", "0x", "0x020304", "0x", "0xFf"])

    assert lengths.tolist() == [1, 0, 3, 0, 1]
    assert content.tolist() == [1, 2, 3, 4, 255]


@pytest.mark.parametrize("text", ["0x", "0x01", "0x" + "ab" * 40])
def test_byte_strings__one_length__decoded(text: str) -> None:
    lengths, content = byte_strings([text] * 3)

    assert lengths.tolist() == [(len(text) - 2) >> 1] * 3
    assert content.tobytes() == bytes.fromhex(text[2:] * 3)


def test_byte_strings__none__empty() -> None:
    lengths, content = byte_strings([])

    assert (len(lengths), len(content)) == (0, 0)


@pytest.mark.parametrize(
    "texts",
    [
        ["0x0", "0x010"],  # together an even number of digits
        ["0x01", "", "0x0203"],
        ["0x01", "0", "x0203"],
        ["0x01", "0x0203", "00"],
        ["0x01", "0x0203", "010203"],
        ["0x01", "0x0203", "0y02"],
        ["0x01", "0x0203", "1x02"],
        ["0x01", "1x0203", "0x02"],
        ["0x01", "0x0203", "0xg2"],
        ["0x01", "0x0203", "0x0x"],
        ["0x01", "0x0203", "0x0\uff11"],
        ["0x01", "0x0203", None],
        ["0x01", "0x0203", ["0x"]],
        ["0x1", "0x2"],
        ["0", "x"],
    ],
)
def test_byte_strings__a_bad_text__refused(texts: list[str]) -> None:
    with pytest.raises((ValueError, TypeError)):
        byte_strings(texts)
