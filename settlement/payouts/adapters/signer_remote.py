"""A key behind a service of the operator's own, over HTTPS with certificates on both sides.

The protocol is one POST to the configured address, JSON both ways, numbers as decimal strings,
bytes as `0x…`:

    → {"address": "0x…", "transaction": {"type": "2", "chainId": "8453", "nonce": "7", "to": "0x…",
       "value": "0", "data": "0x…", "gas": "90000", "maxFeePerGas": "100",
       "maxPriorityFeePerGas": "2", "accessList": []}}
    ← 200 {"raw": "0x02…"}                             the whole signed transaction, or
      200 {"r": "0x…", "s": "0x…", "v": "0"}           the signature: v is the parity of y
      400, 401, 403, 404, 409, 422 {"error": "…"}      it refuses; asking again does not help
      any other status                                 it cannot now

The service signs for the one address that its client's certificate may use, under a policy of its
own. What it answers is not trusted: the raw transaction is decoded and compared with what was
asked, and the sender recovered. A redirect is not followed, no proxy is used, nothing is retried.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from contracts.evm import Address, bytes_from_hex
from settlement.payouts.errors import (
    BadClientCertificate,
    BadSignerAnswer,
    SignerRefused,
    SignerUnavailable,
)
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.signature import BadSignature, Signature
from settlement.payouts.transaction import (
    DYNAMIC_FEE,
    raw_transaction,
    transaction_from_raw,
)

_NAME = "the remote signer"
_TIMEOUT_S = 10
_ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""More than the longest transaction of 2^24 gas, as hexadecimal text."""
_ERROR_CHARACTERS_MAX = 200
_OK = 200
_REFUSALS = (400, 401, 403, 404, 409, 422)
_PARITIES = {"0": 0, "1": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTLS:
    """Who we are, and whom we believe.

    `authority` are the certificates, in PEM, one of which must have issued the server's; those of
    the system do not count. `key_password` decrypts the key, if it is encrypted.
    """

    certificate: Path
    key: Path
    authority: Path

    def context(self, key_password: str | None) -> ssl.SSLContext:
        """A context that shows our certificate, and checks the server's and its host name.

        Raises:
            BadClientCertificate: a file cannot be read, or they do not fit.
        """
        try:
            context = ssl.create_default_context(cafile=str(self.authority))
            # A password, also an empty one, keeps OpenSSL from asking at the terminal.
            context.load_cert_chain(self.certificate, self.key, password=key_password or "")
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", None) or getattr(error, "strerror", None)
            raise BadClientCertificate(str(cause or type(error).__name__)) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class RemoteSigner:
    """Signs by asking the service."""

    __slots__ = ("_address", "_pool", "_url")

    def __init__(self, url: str, context: ssl.SSLContext, *, address: Address) -> None:
        self._url, self._address = url, address
        self._pool = urllib3.PoolManager(
            ssl_context=context, retries=False, timeout=urllib3.Timeout(total=_TIMEOUT_S)
        )

    @property
    def address(self) -> Address:
        """The sender of everything it signs."""
        return self._address

    def __repr__(self) -> str:
        return f"RemoteSigner({self._address})"

    def sign(self, draft: TransactionDraft) -> SignedTransaction:
        """Have an EIP-1559 transaction without value signed.

        Raises:
            SignerUnavailable: there is no secure connection, no answer, or none now.
            SignerRefused: the service refuses.
            BadSignerAnswer: the answer is not of the protocol.
            SignatureMismatch: what was signed is not what was asked.
        """
        status, body = self._post(_question(draft, self._address))
        if status in _REFUSALS:
            raise SignerRefused(_NAME, f"{status} {_said(body)}".strip())
        if status != _OK:
            raise SignerUnavailable(_NAME, f"status {status}")
        return transaction_from_raw(_raw(_object(body), draft), draft, self._address)

    def _post(self, question: bytes) -> tuple[int, bytes]:
        try:
            response = self._pool.request(
                "POST",
                self._url,
                body=question,
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                redirect=False,
                preload_content=False,
            )
            try:
                body = response.read(_ANSWER_BYTES_MAX + 1)
            finally:
                response.close()  # a connection for each transaction, each with its handshake
        except (HTTPError, OSError) as error:
            # Only the kind: the message may hold the address of the service.
            raise SignerUnavailable(_NAME, _kind(error)) from None
        if len(body) > _ANSWER_BYTES_MAX:
            raise BadSignerAnswer(_NAME, f"more than {_ANSWER_BYTES_MAX} bytes")
        return response.status, body


def _question(draft: TransactionDraft, address: Address) -> bytes:
    transaction = {
        "type": str(DYNAMIC_FEE),
        "chainId": str(draft.chain_id),
        "nonce": str(draft.nonce),
        "to": str(draft.to),
        "value": "0",
        "data": "0x" + draft.data.hex(),
        "gas": str(draft.gas),
        "maxFeePerGas": str(draft.max_fee_wei),
        "maxPriorityFeePerGas": str(draft.tip_wei),
        "accessList": [],
    }
    return orjson.dumps({"address": str(address), "transaction": transaction})


def _raw(answer: dict[str, Any], draft: TransactionDraft) -> bytes:
    try:
        if set(answer) == {"raw"}:
            return bytes_from_hex(answer["raw"])
        if set(answer) == {"r", "s", "v"}:
            signature = Signature(
                r=_number(answer["r"]), s=_number(answer["s"]), y_parity=_PARITIES[answer["v"]]
            )
            return raw_transaction(draft, signature)
    except (AttributeError, KeyError, TypeError, BadSignature, ValueError) as error:
        cause = str(error) if isinstance(error, BadSignature) else "raw, r, s or v does not read"
        raise BadSignerAnswer(_NAME, cause) from None
    raise BadSignerAnswer(_NAME, f"neither raw nor r, s and v, but {sorted(answer)[:4]}")


def _number(text: str) -> int:
    return int.from_bytes(bytes_from_hex(text), "big")


def _object(body: bytes) -> dict[str, Any]:
    try:
        # The standard library's reader follows any depth, down to the end of the stack.
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadSignerAnswer(_NAME, "not JSON") from None
    if not isinstance(answer, dict):
        raise BadSignerAnswer(_NAME, "not a JSON object")
    return answer


def _said(body: bytes) -> str:
    """The reason of a refusal, in printable characters, cut short."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    said = answer.get("error") if isinstance(answer, dict) else None
    text = said if isinstance(said, str) else ""
    return "".join(one if one.isprintable() else " " for one in text[:_ERROR_CHARACTERS_MAX])


def _kind(error: BaseException) -> str:
    """The reason of a TLS failure, which holds no secret; else the kind of error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen.verify_message
        if isinstance(seen, ssl.SSLError) and seen.reason:
            return seen.reason
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__
