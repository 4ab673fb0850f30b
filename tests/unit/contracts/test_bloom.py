import pytest

from contracts.bloom import bloom_mask, bloom_may_hold
from contracts.evm import keccak

EMITTER, STRANGER = b"\x11" * 20, b"\x22" * 20
PAID, NOISE = keccak(b"Paid()"), keccak(b"Noise()")


def bloom_of(*values: bytes) -> bytes:
    bits = 0
    for value in values:
        bits |= bloom_mask(value)
    return bits.to_bytes(256, "big")


def test_bloom_mask__known_answer() -> None:
    """The example of the Ethereum tests: bits 1323, 431 and 1319."""
    mask = bloom_mask(bytes.fromhex("0f572e5295c57f15886f9b263e2f6d2d6c7b5ec6"))

    assert mask == 1 << 1323 | 1 << 431 | 1 << 1319


@pytest.mark.parametrize(
    ("bloom", "possible"),
    [
        (bytes(256), False),
        (bloom_of(EMITTER), False),
        (bloom_of(PAID), False),
        (bloom_of(STRANGER, NOISE), False),
        (bloom_of(EMITTER, NOISE), False),
        (bloom_of(EMITTER, PAID), True),
        (bloom_of(EMITTER, STRANGER, NOISE, PAID), True),
        (b"\xff" * 256, True),
    ],
)
def test_bloom_may_hold__needs_an_address_and_a_topic(bloom: bytes, possible: bool) -> None:
    assert bloom_may_hold(bloom, [EMITTER], [PAID]) is possible


def test_bloom_may_hold__several__any_of_each() -> None:
    bloom = bloom_of(STRANGER, PAID)

    assert bloom_may_hold(bloom, [EMITTER, STRANGER], [NOISE, PAID])
    assert not bloom_may_hold(bloom, [EMITTER, STRANGER], [NOISE])
    assert not bloom_may_hold(bloom, [], [PAID])
