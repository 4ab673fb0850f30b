"""What a signer hands back is judged by its bytes, field by field."""

from dataclasses import replace
from typing import Any

import pytest
import rlp
from coincurve import PrivateKey

from contracts.evm import Address, Hash32
from settlement.errors import SignatureMismatch
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.signature import CURVE_ORDER, Signature
from settlement.payouts.transaction import (
    BadTransaction,
    decoded,
    raw_transaction,
    require_signed,
    signing_digest,
    transaction_from_raw,
)
from tests.signing_builders import KEY, SENDER, draft, rs_of

DRAFT = draft()
SIGNED = LocalSigner.from_hex(KEY).sign(DRAFT)
OTHER = PrivateKey(b"\x51" * 32)


def raw_of(*, kind: bytes = b"\x02", **changes: Any) -> bytes:
    """The signed transaction with fields of its list replaced."""
    names = ("chain", "nonce", "tip", "max_fee", "gas", "to", "value", "data", "access")
    fields = rlp.decode(SIGNED.raw[1:])
    for name, value in changes.items():
        fields[(*names, "y_parity", "r", "s").index(name)] = value
    return kind + bytes(rlp.encode(fields))


def signed_by(key: PrivateKey, one: TransactionDraft) -> bytes:
    r, s, y_parity = rs_of(key, signing_digest(one))
    return raw_transaction(one, Signature(r=r, s=s, y_parity=y_parity))


def test_local_signer__draft__what_it_says_is_what_its_bytes_say() -> None:
    require_signed(SIGNED, DRAFT, SENDER)

    assert transaction_from_raw(SIGNED.raw, DRAFT, SENDER) == SIGNED
    assert raw_of() == SIGNED.raw


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"chain_id": 1}, "chain"),
        ({"nonce": 4}, "nonce"),
        ({"nonce": 0}, "nonce"),
        ({"to": Address(b"\x66" * 20)}, "recipient"),
        ({"data": b"\x00" * 4}, "calldata"),
        ({"data": b""}, "calldata"),
        ({"gas": 500_001}, "gas limit"),
        ({"max_fee_wei": 101}, "max fee"),
        ({"tip_wei": 3}, "tip"),
    ],
)
def test_answer__another_transaction_rightly_signed__told_which_field(
    change: dict[str, Any], what: str
) -> None:
    answered = LocalSigner.from_hex(KEY).sign(replace(DRAFT, **change))

    with pytest.raises(SignatureMismatch, match=f"nonce 3: the signer returned another {what}$"):
        transaction_from_raw(answered.raw, DRAFT, SENDER)


def test_answer__signed_by_another_key__refused() -> None:
    with pytest.raises(SignatureMismatch, match=r"another sender$"):
        transaction_from_raw(signed_by(OTHER, DRAFT), DRAFT, SENDER)


@pytest.mark.parametrize(
    "answered",
    [
        replace(SIGNED, sender=Address(b"\x66" * 20)),
        replace(SIGNED, tx_hash=Hash32(b"\x66" * 32)),
        replace(SIGNED, nonce=4),
        replace(SIGNED, to=Address(b"\x66" * 20)),
        replace(SIGNED, gas=1),
        replace(SIGNED, max_fee_wei=1),
        replace(SIGNED, tip_wei=1),
    ],
)
def test_answer__summary_that_its_bytes_do_not_say__refused(answered: SignedTransaction) -> None:
    with pytest.raises(SignatureMismatch, match="another summary than its raw bytes"):
        require_signed(answered, DRAFT, SENDER)


HIGH_S = (CURVE_ORDER - int.from_bytes(SIGNED.raw[-32:], "big")).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", "type 2"),
        (raw_of(kind=b"\x01"), "type 2"),
        (SIGNED.raw[1:], "type 2"),
        (SIGNED.raw[:-1], "not RLP"),
        (SIGNED.raw + b"\x00", "not RLP"),
        (b"\x02\x80", "12 fields"),
        (b"\x02" + rlp.encode([b""] * 11), "12 fields"),
        (raw_of(value=b"\x01"), "value"),
        (raw_of(access=[[b"\x11" * 20, []]]), "access list"),
        (raw_of(access=b""), "access list"),
        (raw_of(to=b""), "recipient"),
        (raw_of(to=b"\x11" * 21), "recipient"),
        (raw_of(data=[b""]), "list in the place"),
        (raw_of(nonce=b"\x00\x03"), "canonical"),
        (raw_of(gas=b"\x01" * 33), "2\\^256"),
        (raw_of(y_parity=b"\x1b"), "parity"),
        (raw_of(s=HIGH_S), "lower half"),
        (raw_of(r=b""), "r is not"),
    ],
)
def test_decoded__not_what_payouts_send__refused(raw: bytes, cause: str) -> None:
    with pytest.raises(BadTransaction, match=cause):
        decoded(raw)
    with pytest.raises(SignatureMismatch, match="another kind of bytes"):
        transaction_from_raw(raw, DRAFT, SENDER)
