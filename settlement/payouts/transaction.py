"""Transactions as bytes: what a key signs, what goes out, and what is read back from it.

Only what payouts send: EIP-1559 transactions to an address, without value and access list.

    digest = keccak(0x02 ‖ rlp([chain, nonce, tip, max fee, gas, to, value, data, access list]))
    raw    = 0x02 ‖ rlp([… the same …, y parity, r, s])

Whoever signed, the raw bytes alone say what can execute. So what a signer hands back is judged by
them: decoded, compared field by field with what was asked, the sender recovered.

Source: EIP-1559, EIP-2718.
"""

from dataclasses import dataclass

import rlp

from contracts.evm import Address, ChainId, Hash32, keccak
from contracts.units import UINT256_MAX
from settlement.errors import SignatureMismatch
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.signature import BadSignature, Signature

DYNAMIC_FEE = 2
_TYPE = bytes([DYNAMIC_FEE])
_FIELDS = 12
_ADDRESS_BYTES = 20


class BadTransaction(ValueError):
    """Bytes that are no transaction of the kind that payouts send."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What raw bytes say; the value is 0 and the access list empty."""

    draft: TransactionDraft
    signature: Signature

    @property
    def sender(self) -> Address | None:
        """Who signed it; None where no key could have."""
        return self.signature.signer_of(signing_digest(self.draft))


def signing_digest(draft: TransactionDraft) -> Hash32:
    """What a key signs."""
    return keccak(_TYPE + rlp.encode(_fields(draft)))


def raw_transaction(draft: TransactionDraft, signature: Signature) -> bytes:
    """The bytes to broadcast."""
    parts = [_word(signature.y_parity), _word(signature.r), _word(signature.s)]
    return _TYPE + bytes(rlp.encode([*_fields(draft), *parts]))


def signed_transaction(
    draft: TransactionDraft, signature: Signature, sender: Address
) -> SignedTransaction:
    """The draft with its signature; whose it is, is not checked here."""
    return _transaction(draft, raw_transaction(draft, signature), sender)


def decoded(raw: bytes) -> Decoded:
    """Read raw bytes back, strictly: they are what `raw_transaction` writes.

    Raises:
        BadTransaction: they are not, or carry value or an access list.
    """
    if raw[:1] != _TYPE:
        raise BadTransaction("not a transaction of type 2")
    try:
        fields = rlp.decode(raw[1:], strict=True)
    except rlp.exceptions.RLPException as error:
        raise BadTransaction("not RLP") from error
    if not isinstance(fields, list) or len(fields) != _FIELDS:
        raise BadTransaction(f"not a list of {_FIELDS} fields")
    chain_id, nonce, tip, max_fee, gas, to, value, data, access_list, *signature = fields
    texts = [chain_id, nonce, tip, max_fee, gas, to, value, data, *signature]
    if not all(isinstance(one, bytes) for one in texts):
        raise BadTransaction("a list in the place of a field")
    if value != b"":
        raise BadTransaction("it carries value")
    if access_list != []:
        raise BadTransaction("it has an access list")
    if len(to) != _ADDRESS_BYTES:
        raise BadTransaction("no recipient")
    y_parity, r, s = map(_number, signature)
    found = Decoded(
        TransactionDraft(
            chain_id=ChainId(_number(chain_id)),
            nonce=_number(nonce),
            to=Address(to),
            data=data,
            gas=_number(gas),
            max_fee_wei=_number(max_fee),
            tip_wei=_number(tip),
        ),
        _signature(r, s, y_parity),
    )
    if raw_transaction(found.draft, found.signature) != raw:
        raise BadTransaction("not in canonical form")
    return found


def transaction_from_raw(raw: bytes, draft: TransactionDraft, sender: Address) -> SignedTransaction:
    """What a signer answered to `draft`, once it is seen to be exactly that, signed by `sender`.

    Raises:
        SignatureMismatch: it is not; the message names what differs first.
    """
    try:
        found = decoded(raw)
    except BadTransaction as error:
        raise SignatureMismatch(sender, draft.nonce, f"kind of bytes: {error}") from error
    pairs = (
        ("chain", found.draft.chain_id, draft.chain_id),
        ("nonce", found.draft.nonce, draft.nonce),
        ("recipient", found.draft.to, draft.to),
        ("calldata", found.draft.data, draft.data),
        ("gas limit", found.draft.gas, draft.gas),
        ("max fee", found.draft.max_fee_wei, draft.max_fee_wei),
        ("tip", found.draft.tip_wei, draft.tip_wei),
        ("sender", found.sender, sender),
    )
    for what, actual, expected in pairs:
        if actual != expected:
            raise SignatureMismatch(sender, draft.nonce, what)
    return _transaction(draft, raw, sender)


def require_signed(
    transaction: SignedTransaction, draft: TransactionDraft, sender: Address
) -> None:
    """Check that a signed transaction is the draft, in its raw bytes and in what it says of them.

    Raises:
        SignatureMismatch: it is not.
    """
    if transaction != transaction_from_raw(transaction.raw, draft, sender):
        raise SignatureMismatch(sender, draft.nonce, "summary than its raw bytes")


def _fields(draft: TransactionDraft) -> list[object]:
    return [
        _word(draft.chain_id),
        _word(draft.nonce),
        _word(draft.tip_wei),
        _word(draft.max_fee_wei),
        _word(draft.gas),
        bytes(draft.to),
        b"",
        draft.data,
        [],
    ]


def _transaction(draft: TransactionDraft, raw: bytes, sender: Address) -> SignedTransaction:
    return SignedTransaction(
        chain_id=draft.chain_id,
        sender=sender,
        nonce=draft.nonce,
        tx_hash=keccak(raw),
        raw=raw,
        to=draft.to,
        gas=draft.gas,
        max_fee_wei=draft.max_fee_wei,
        tip_wei=draft.tip_wei,
    )


def _signature(r: int, s: int, y_parity: int) -> Signature:
    try:
        return Signature(r=r, s=s, y_parity=y_parity)
    except BadSignature as error:
        raise BadTransaction(str(error)) from error


def _word(number: int) -> bytes:
    """RLP's integer: big-endian without leading zeros; zero is nothing."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(word: bytes) -> int:
    number = int.from_bytes(word, "big")
    if number > UINT256_MAX:
        raise BadTransaction("a number above 2^256")
    return number
