import pytest

from contracts.evm import (
    SCALAR_FIELD_ORDER,
    Address,
    Hash32,
    NotBytesOfLength,
    bytes_from_hex,
    keccak,
)


@pytest.mark.parametrize(
    "text",
    [  # the examples of EIP-55
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_address__text__round_trips_as_eip55(text: str) -> None:
    assert str(Address.from_hex(text.lower())) == text


@pytest.mark.parametrize("length", [0, 19, 21, 32])
def test_address__wrong_length__refused(length: int) -> None:
    with pytest.raises(NotBytesOfLength, match=f"not {length}"):
        Address(bytes(length))


def test_hash__integer__is_a_big_endian_word() -> None:
    assert Hash32.from_int(258) == bytes(30) + b"\x01\x02"
    with pytest.raises(OverflowError):
        Hash32.from_int(2**256)


def test_keccak__empty_input__is_the_known_answer() -> None:
    expected = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert str(keccak(b"")) == expected


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("00", "'00'"),
        ("", "''"),
        ("0X00", "'0X00'"),
        ("0x0", "hex"),
        ("0xzz", "hex"),
        ("0x00 11", "white space in '0x00 11'"),
        ("0x00\n", "white space"),
    ],
)
def test_bytes_from_hex__other_text__refused(text: str, about: str) -> None:
    with pytest.raises(ValueError, match=about):
        bytes_from_hex(text)


def test_scalar_field_order__is_prime_sized() -> None:
    assert SCALAR_FIELD_ORDER.bit_length() == 254
    assert pow(5, SCALAR_FIELD_ORDER - 1, SCALAR_FIELD_ORDER) == 1


def test_hash__text__round_trips_in_lower_case() -> None:
    text = "0x" + "Ab" * 32

    assert str(Hash32.from_hex(text)) == text.lower()
    assert bytes(Hash32.from_hex(text)) == bytes.fromhex("ab" * 32)
    assert repr(Hash32.from_hex(text)) == f"Hash32({text.lower()})"


def test_bytes_from_hex__empty_and_upper_case__read() -> None:
    assert bytes_from_hex("0x") == b""
    assert bytes_from_hex("0xFF00") == b"\xff\x00"
