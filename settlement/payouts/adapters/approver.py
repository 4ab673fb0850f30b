"""Signatures of approvers: made with a key in this process, or checked wherever made.

Over the sentence of a payout (EIP-191), and over a document (EIP-712, checked by `acceptance`).
"""

from eth_account import Account
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from contracts.evm import Address
from settlement.errors import BadSigningKey
from settlement.payouts.acceptance import typed_data
from settlement.payouts.approval import PayoutApproval, PayoutToApprove
from settlement.payouts.documents import PayoutDocument
from settlement.payouts.errors import NotAnApproval

_SIGNATURE_LENGTH = 65


def signed_approval(payout: PayoutToApprove, key: bytes) -> bytes:
    """Sign the sentence of a payout.

    Raises:
        BadSigningKey: the key is none; it is not repeated.
    """
    return _signed(encode_defunct(text=payout.sentence), key)


def signed_acceptance(document: PayoutDocument, key: bytes) -> bytes:
    """Sign what a person signs who stands for a document.

    Raises:
        BadSigningKey: the key is none; it is not repeated.
    """
    return _signed(encode_typed_data(full_message=typed_data(document)), key)


def checked_approval(payout: PayoutToApprove, signature: bytes) -> PayoutApproval:
    """The approval that a signature gives.

    Raises:
        NotAnApproval: it is no signature of anybody over the sentence.
    """
    if len(signature) != _SIGNATURE_LENGTH:
        raise NotAnApproval(payout.op_id, f"a signature has 65 bytes, this one {len(signature)}")
    message = encode_defunct(text=payout.sentence)
    try:
        signer = Account.recover_message(message, signature=signature)
    except (ValueError, BadSignature, ValidationError) as error:
        raise NotAnApproval(payout.op_id, "no key has signed it") from error
    return PayoutApproval(payout=payout, approver=Address.from_hex(signer), signature=signature)


def _signed(message: SignableMessage, key: bytes) -> bytes:
    try:
        account = Account.from_key(key)
    except (ValueError, ValidationError):
        # eth-account's own message would show the key, also as the cause.
        raise BadSigningKey from None
    return bytes(account.sign_message(message).signature)


def is_genuine(approval: PayoutApproval) -> bool:
    """Whether the signature is that of the approver it is said to be of."""
    try:
        checked = checked_approval(approval.payout, approval.signature)
    except NotAnApproval:
        return False
    return checked.approver == approval.approver
