"""A key in AWS KMS: asymmetric, ECC_SECG_P256K1, SIGN_VERIFY. It never leaves the service.

The service signs a digest (`MessageType` DIGEST: it must not hash once more) and answers (r, s) in
DER. Its nonces are random, so the same draft gives other bytes each time; that is harmless, because
nothing is sent that is not stored, and only the first answer to a nonce's draft is stored.

Needs the extra `aws`. Nothing of it is imported before a client is made. Credentials are found by
boto3 in its usual places (role, profile, environment); we never see them.
"""

from typing import Any, Protocol, Self

from contracts.evm import Address
from settlement.payouts.errors import (
    BadSignerAnswer,
    SignerIsAnother,
    SignerRefused,
    SignerUnavailable,
)
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.signature import BadSignature, address_from_key_info, signature_from_der
from settlement.payouts.transaction import signed_transaction, signing_digest

_NAME = "AWS KMS"
_ALGORITHM = "ECDSA_SHA_256"
_TIMEOUT_S = 5
_ATTEMPTS_MAX = 3
_REFUSALS = (
    "AccessDeniedException",
    "DisabledException",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidKeyUsageException",
    "InvalidSignatureException",
    "KMSInvalidStateException",
    "NotFoundException",
    "UnrecognizedClientException",
    "ValidationException",
)
"""Codes that another try does not change; every other one may pass."""


class KMSClient(Protocol):
    """What is used of `boto3.client("kms")`."""

    def get_public_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        """The public key in DER."""
        ...

    def sign(
        self,
        *,
        KeyId: str,  # noqa: N803
        Message: bytes,  # noqa: N803
        MessageType: str,  # noqa: N803
        SigningAlgorithm: str,  # noqa: N803
    ) -> dict[str, Any]:
        """A signature in DER."""
        ...


def kms_client(*, region: str, endpoint_url: str | None = None) -> KMSClient:
    """A client with bounded time and tries.

    Raises:
        ImportError: the extra `aws` is not installed.
    """
    import boto3  # noqa: PLC0415 - an optional extra
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=_TIMEOUT_S,
        read_timeout=_TIMEOUT_S,
        retries={"total_max_attempts": _ATTEMPTS_MAX, "mode": "standard"},
    )
    client: KMSClient = boto3.client(
        "kms", region_name=region, endpoint_url=endpoint_url, config=config
    )
    return client


class KMSSigner:
    """Signs with one key of the service."""

    __slots__ = ("_address", "_client", "_key_id")

    def __init__(self, client: KMSClient, key_id: str, address: Address) -> None:
        self._client, self._key_id, self._address = client, key_id, address

    @classmethod
    def opened(cls, client: KMSClient, key_id: str, *, address: Address) -> Self:
        """Ask for the public key, and check that it is the one of `address`.

        Raises:
            SignerUnavailable, SignerRefused: the service did not give it.
            BadSignerAnswer: the key is not one of secp256k1.
            SignerIsAnother: it is another key.
        """
        answer = _answer(lambda: client.get_public_key(KeyId=key_id))
        try:
            actual = address_from_key_info(answer["PublicKey"])
        except BadSignature as error:
            raise BadSignerAnswer(_NAME, str(error)) from error
        if actual != address:
            raise SignerIsAnother(configured=address, actual=actual)
        return cls(client, key_id, address)

    @property
    def address(self) -> Address:
        """The sender of everything it signs."""
        return self._address

    def __repr__(self) -> str:
        return f"KMSSigner({self._address})"

    def sign(self, draft: TransactionDraft) -> SignedTransaction:
        """Sign an EIP-1559 transaction without value.

        Raises:
            SignerUnavailable, SignerRefused: the service did not sign.
            BadSignerAnswer: the signature is not one of this digest by this key.
        """
        digest = signing_digest(draft)
        answer = _answer(
            lambda: self._client.sign(
                KeyId=self._key_id,
                Message=bytes(digest),
                MessageType="DIGEST",
                SigningAlgorithm=_ALGORITHM,
            )
        )
        try:
            signature = signature_from_der(answer["Signature"], digest, self._address)
        except BadSignature as error:
            raise BadSignerAnswer(_NAME, str(error)) from error
        return signed_transaction(draft, signature, self._address)


def _answer(call: Any) -> dict[str, Any]:  # noqa: ANN401 - a call of an untyped library
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
    )

    try:
        answer: dict[str, Any] = call()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code in _REFUSALS:
            # Only the code: the message names accounts and roles.
            raise SignerRefused(_NAME, code) from None
        raise SignerUnavailable(_NAME, code) from None
    except BotoCoreError as error:
        raise SignerUnavailable(_NAME, type(error).__name__) from None
    return answer
