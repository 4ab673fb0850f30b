"""What a key service answers becomes the one signature that the chain takes, or is refused."""

import pytest
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address, ChainId, Hash32, keccak
from settlement.errors import SignatureMismatch
from settlement.payouts.operation import TransactionDraft
from settlement.payouts.signature import (
    CURVE_ORDER,
    HALF_ORDER,
    BadSignature,
    Signature,
    address_from_key_info,
    rs_from_der,
    signature_from_der,
)
from settlement.payouts.transaction import (
    decoded,
    raw_transaction,
    signed_transaction,
    signing_digest,
    transaction_from_raw,
)
from tests.signing_builders import address_of, key_info, rs_of

keys = st.integers(1, CURVE_ORDER - 1).map(lambda number: PrivateKey(number.to_bytes(32, "big")))
digests = st.binary(min_size=32, max_size=32).map(Hash32)
scalars = st.integers(1, CURVE_ORDER - 1)
drafts = st.builds(
    TransactionDraft,
    chain_id=st.integers(1, 2**64 - 1).map(ChainId),
    nonce=st.integers(0, 2**64 - 1),
    to=st.binary(min_size=20, max_size=20).map(Address),
    data=st.binary(max_size=100),
    gas=st.integers(0, 2**64 - 1),
    max_fee_wei=st.integers(0, 2**128),
    tip_wei=st.integers(0, 2**128),
)


@given(keys, digests, st.booleans())
def test_signature__either_s_of_a_service__low_s_and_the_right_parity(
    key: PrivateKey, digest: Hash32, is_high: bool
) -> None:
    r, s, y_parity = rs_of(key, digest)
    answered = CURVE_ORDER - s if is_high else s

    signature = signature_from_der(encode_dss_signature(r, answered), digest, address_of(key))

    assert signature == Signature(r=r, s=s, y_parity=y_parity)
    assert signature.s <= HALF_ORDER
    assert signature.signer_of(digest) == address_of(key)


@given(keys, keys, digests, digests)
def test_signature__other_key_or_other_digest__refused(
    key: PrivateKey, other: PrivateKey, digest: Hash32, second: Hash32
) -> None:
    r, s, _ = rs_of(key, digest)
    der = encode_dss_signature(r, s)

    if address_of(other) != address_of(key):
        with pytest.raises(BadSignature, match="not one of this digest"):
            signature_from_der(der, digest, address_of(other))
    if second != digest:
        with pytest.raises(BadSignature, match="not one of this digest"):
            signature_from_der(der, second, address_of(key))


@given(scalars, scalars)
def test_der__any_pair__read_as_the_library_writes_it(r: int, s: int) -> None:
    assert rs_from_der(encode_dss_signature(r, s)) == (r, s)


@given(scalars, scalars, st.data())
def test_der__any_other_bytes__another_pair_or_refused(r: int, s: int, data: st.DataObject) -> None:
    """One encoding for one pair: no two texts read alike."""
    der = bytearray(encode_dss_signature(r, s))
    place = data.draw(st.integers(0, len(der) - 1))
    der[place] ^= data.draw(st.integers(1, 255))

    try:
        read = rs_from_der(bytes(der))
    except BadSignature:
        return

    assert read != (r, s)
    assert encode_dss_signature(*read) == bytes(der)


@given(keys)
def test_key_info__any_key__its_address(key: PrivateKey) -> None:
    assert address_from_key_info(key_info(key)) == address_of(key)


@given(drafts, keys)
def test_transaction__signed__as_eth_account_signs_it_and_read_back(
    draft: TransactionDraft, key: PrivateKey
) -> None:
    r, s, y_parity = rs_of(key, signing_digest(draft))
    signature = Signature(r=r, s=s, y_parity=y_parity)

    made = signed_transaction(draft, signature, address_of(key))

    fields = {"type": 2, "chainId": draft.chain_id, "nonce": draft.nonce, "to": bytes(draft.to)}
    fields |= {"value": 0, "data": draft.data, "gas": draft.gas}
    fees = {"maxFeePerGas": draft.max_fee_wei, "maxPriorityFeePerGas": draft.tip_wei}
    theirs = Account.sign_transaction(fields | fees, key.secret)
    assert made.raw == bytes(theirs.raw_transaction)
    assert made.tx_hash == keccak(made.raw) == Hash32(theirs.hash)
    assert decoded(made.raw).draft == draft
    assert decoded(made.raw).sender == address_of(key)


@given(drafts, keys, st.data())
def test_transaction__one_byte_changed__never_taken(
    draft: TransactionDraft, key: PrivateKey, data: st.DataObject
) -> None:
    r, s, y_parity = rs_of(key, signing_digest(draft))
    raw = bytearray(raw_transaction(draft, Signature(r=r, s=s, y_parity=y_parity)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SignatureMismatch):
        transaction_from_raw(bytes(raw), draft, address_of(key))
