"""Signatures of sign-ins: api.auth_signatures."""

import asyncio
import time

import pytest
from eth_account.messages import _hash_eip191_message, encode_defunct

from api.auth_signatures import key_behind, personal_digest, require_signature
from api.errors import ChainSilent, SignInRefused
from api.siwe import text_of
from contracts.evm import Address, ChainId, Hash32
from settlement.payouts.signature import CURVE_ORDER
from tests.access_builders import CHAIN_ID, Person, message

ALICE, BOB = Person.named("alice"), Person.named("bob")
TEXT = text_of(message())
SIGNATURE = bytes.fromhex(ALICE.signed(TEXT)["signature"][2:])


class Wallets:
    """Contract wallets that accept one signature."""

    def __init__(self, *, accepted: bytes, takes_s: float = 0) -> None:
        self.accepted, self.takes_s = accepted, takes_s
        self.asked: list[tuple[Address, Hash32, ChainId]] = []

    def accepts(
        self, wallet: Address, digest: Hash32, signature: bytes, *, chain_id: ChainId
    ) -> bool:
        self.asked.append((wallet, digest, chain_id))
        time.sleep(self.takes_s)
        return signature == self.accepted


def require(signature: bytes, wallets: Wallets | None = None) -> None:
    asyncio.run(require_signature(message(), TEXT, signature, wallets))


def test_digest__any_text__that_of_the_reference() -> None:
    for text in (TEXT, "", "ä" * 99):
        assert bytes(personal_digest(text)) == _hash_eip191_message(encode_defunct(text=text))


def test_key__signature_of_a_wallet__its_account() -> None:
    assert key_behind(personal_digest(TEXT), SIGNATURE) == ALICE.address


def test_key__recovery_id_from_zero__same_account() -> None:
    hardware = SIGNATURE[:64] + bytes([SIGNATURE[64] - 27])

    assert key_behind(personal_digest(TEXT), hardware) == ALICE.address


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:64],
        SIGNATURE + b"\0",
        bytes(65),
        b"\xff" * 65,
        SIGNATURE[:64] + b"\x02",
        SIGNATURE[:64] + b"\x1d",
        # The other s of the same signature, which no contract takes.
        SIGNATURE[:32]
        + (CURVE_ORDER - int.from_bytes(SIGNATURE[32:64], "big")).to_bytes(32, "big")
        + bytes([55 - SIGNATURE[64]]),
    ],
)
def test_key__no_signature_of_anybody__none(signature: bytes) -> None:
    assert key_behind(personal_digest(TEXT), signature) is None


def test_signature__of_the_account__no_chain_is_asked() -> None:
    wallets = Wallets(accepted=b"")

    require(SIGNATURE, wallets)

    assert wallets.asked == []


def test_signature__of_another_key_or_text__refused() -> None:
    others = (BOB.signed(TEXT)["signature"], ALICE.signed(TEXT + "/")["signature"])

    for other in others:
        with pytest.raises(SignInRefused, match=r"^signature: it is not one of 0x"):
            require(bytes.fromhex(other[2:]))


def test_signature__accepted_by_the_contract__asked_on_the_chain_of_the_message() -> None:
    wallets = Wallets(accepted=b"two of three")

    require(b"two of three", wallets)
    with pytest.raises(SignInRefused):
        require(b"one of three", wallets)

    assert wallets.asked == [(ALICE.address, personal_digest(TEXT), CHAIN_ID)] * 2


def test_signature__chain_does_not_answer__transient() -> None:
    wallets = Wallets(accepted=b"late", takes_s=0.1)

    with pytest.raises(ChainSilent, match="31337"):
        asyncio.run(require_signature(message(), TEXT, b"late", wallets, answer_s=0.01))
