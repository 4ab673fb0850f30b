"""The local key: right signatures, and nothing of the key anywhere."""

import traceback

import pytest
from eth_account import Account

from contracts.evm import Address, ChainId, keccak
from settlement.errors import BadSigningKey
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.operation import TransactionDraft

KEY = "0x" + "4c" * 32
DRAFT = TransactionDraft(
    chain_id=ChainId(31337),
    nonce=3,
    to=Address(b"\x11" * 20),
    data=b"\x01\x02",
    gas=50_000,
    max_fee_wei=100,
    tip_wei=2,
)


def test_sign__draft__recovers_to_the_address_and_repeats() -> None:
    signer = LocalSigner.from_hex(KEY)

    signed = signer.sign(DRAFT)

    assert Account.recover_transaction(signed.raw) == str(signer.address)
    assert signed.tx_hash == keccak(signed.raw)
    assert signer.sign(DRAFT) == signed


def test_repr__signer__shows_the_address_only() -> None:
    signer = LocalSigner.from_hex(KEY)

    assert repr(signer) == f"LocalSigner({signer.address})"
    assert KEY[2:] not in repr(signer) + str(signer)


@pytest.mark.parametrize("key", ["", "0x", "4c" * 33, "0x" + "zz" * 32, "0x" + "00" * 32])
def test_from_hex__no_key__refused_without_repeating_it(key: str) -> None:
    with pytest.raises(BadSigningKey) as caught:
        LocalSigner.from_hex(key)

    shown = "".join(traceback.format_exception(caught.value))
    assert not key.removeprefix("0x") or key.removeprefix("0x") not in shown
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None
