"""Signatures and public keys that are not of the one form that is taken."""

import pytest
from coincurve import PrivateKey

from contracts.evm import Hash32
from settlement.payouts.signature import (
    CURVE_ORDER,
    HALF_ORDER,
    BadSignature,
    Signature,
    address_from_key_info,
    rs_from_der,
    signature_from_der,
)
from tests.signing_builders import SECRET, SENDER, der_of, key_info, rs_of

DIGEST = Hash32(b"\x07" * 32)


def test_rs__textbook_encoding__read() -> None:
    assert rs_from_der(bytes.fromhex("3006020101020102")) == (1, 2)
    assert rs_from_der(bytes.fromhex("300702020080020102")) == (128, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "3106020101020102",  # a set
        "3005020101020102",  # shorter than it says
        "300602010102010200",  # something behind
        "3007020101020102ff",  # something behind, inside
        "3006030101020102",  # a bit string
        "3006020181020102",  # negative
        "300702020001020102",  # not the shortest
        "300602010102017f80",
        "30050200020102",  # an integer of no bytes
        "3006020100020102",  # r is zero
        "3006020101020100",  # s is zero
        "3003020101",  # no s
        "308106020101020102",  # a long length where a short one would do
    ],
)
def test_rs__any_other_encoding__refused(text: str) -> None:
    with pytest.raises(BadSignature):
        rs_from_der(bytes.fromhex(text))


@pytest.mark.parametrize(("r", "s"), [(CURVE_ORDER, 1), (1, CURVE_ORDER), (2**256 - 1, 1)])
def test_rs__not_below_the_order__refused(r: int, s: int) -> None:
    with pytest.raises(BadSignature, match="order"):
        rs_from_der(der_of(r, s))


@pytest.mark.parametrize(
    ("r", "s", "y_parity"),
    [
        (0, 1, 0),
        (CURVE_ORDER, 1, 0),
        (1, 0, 0),
        (1, HALF_ORDER + 1, 0),
        (1, 1, 2),
        (1, 1, 27),
        (1, 1, -1),
    ],
)
def test_signature__out_of_range__cannot_be_made(r: int, s: int, y_parity: int) -> None:
    with pytest.raises(BadSignature):
        Signature(r=r, s=s, y_parity=y_parity)


def test_signature__half_of_the_order__still_low() -> None:
    assert Signature(r=1, s=HALF_ORDER, y_parity=1).s == HALF_ORDER


def test_signer_of__no_point_for_r__nobody() -> None:
    # No point of the curve has x = 5.
    assert Signature(r=5, s=1, y_parity=0).signer_of(DIGEST) is None


def test_signature_from_der__no_point_for_r__refused() -> None:
    with pytest.raises(BadSignature, match="not one of this digest"):
        signature_from_der(der_of(5, 1), DIGEST, SENDER)


@pytest.mark.parametrize("number", range(1, 9))
def test_signature_from_der__keys_of_both_parities__whose_it_is(number: int) -> None:
    key = PrivateKey(number.to_bytes(32, "big"))
    info = address_from_key_info(key_info(key))
    r, s, y_parity = rs_of(key, DIGEST)

    assert signature_from_der(der_of(r, s), DIGEST, info).y_parity == y_parity


def test_key_info__other_curve_other_length_or_no_point__refused() -> None:
    info = key_info(SECRET)
    other_curve = info.replace(bytes.fromhex("2b8104000a"), bytes.fromhex("2b81040022"))

    for bad in (b"", other_curve, info[:-1], info + b"\x00", info[:-1] + bytes([info[-1] ^ 1])):
        with pytest.raises(BadSignature, match="public key"):
            address_from_key_info(bad)
