"""Drafts, keys and signatures for the tests of signers."""

from typing import Any

from coincurve import PrivateKey

from contracts.calls import withdraw_batch_call
from contracts.evm import Address, Hash32, keccak
from settlement.payouts.operation import TransactionDraft
from tests.fakes_payout_chain import CHAIN_ID, CONTRACT, withdrawal

KEY = "0x" + "4c" * 32
SECRET = PrivateKey(bytes.fromhex(KEY[2:]))


def address_of(key: PrivateKey) -> Address:
    return Address(keccak(key.public_key.format(compressed=False)[1:])[12:])


SENDER = address_of(SECRET)


def draft(**changes: Any) -> TransactionDraft:
    """A batch of two withdrawals."""
    fields: dict[str, Any] = {
        "chain_id": CHAIN_ID,
        "nonce": 3,
        "to": CONTRACT,
        "data": withdraw_batch_call([withdrawal(1, lines=2), withdrawal(2)]),
        "gas": 500_000,
        "max_fee_wei": 100,
        "tip_wei": 2,
    }
    return TransactionDraft(**(fields | changes))


def rs_of(key: PrivateKey, digest: Hash32) -> tuple[int, int, int]:
    """r, low s and parity of y."""
    made = key.sign_recoverable(bytes(digest), hasher=None)
    return int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big"), made[64]


def der_of(r: int, s: int) -> bytes:
    """SEQUENCE { r, s }, written by hand."""
    content = _integer(r) + _integer(s)
    return bytes([0x30, len(content)]) + content


def key_info(key: PrivateKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    prefix = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")
    return prefix + key.public_key.format(compressed=False)


def _integer(number: int) -> bytes:
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([0x02, len(body)]) + body
