"""AWS KMS as moto plays it.

Moto does not know `MessageType` DIGEST: it hashes what it is given once more. So its keys are given
a private key that signs the digest as the service does; one test shows what happens without.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from eth_account import Account
from moto import mock_aws
from moto.kms.models import kms_backends

from contracts.evm import Address
from settlement.errors import Corrupt, Rejected, Transient
from settlement.payouts.adapters.signer_kms import KMSSigner, kms_client
from settlement.payouts.errors import (
    BadSignerAnswer,
    SignerIsAnother,
    SignerRefused,
    SignerUnavailable,
)
from settlement.payouts.signature import CURVE_ORDER, HALF_ORDER, address_from_key_info
from settlement.payouts.transaction import decoded, require_signed
from tests.signing_builders import draft

REGION, ACCOUNT = "eu-central-1", "123456789012"
OTHER = Address(b"\x11" * 20)


class DigestKey:
    """The private key of a moto key, which signs a digest; with the upper s if told so."""

    def __init__(self, inner: Any, *, is_high: bool) -> None:
        self._inner, self._is_high = inner, is_high

    def public_key(self) -> bytes:
        answer: bytes = self._inner.public_key()
        return answer

    def sign(self, message: bytes, _: str) -> bytes:
        assert len(message) == 32
        der = self._inner.private_key.sign(message, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        r, s = utils.decode_dss_signature(der)
        low = min(s, CURVE_ORDER - s)
        return utils.encode_dss_signature(r, CURVE_ORDER - low if self._is_high else low)


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "hunter2")
    with mock_aws():
        yield


def new_key(spec: str = "ECC_SECG_P256K1") -> str:
    client = boto3.client("kms", region_name=REGION)
    answer = client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
    return str(answer["KeyMetadata"]["KeyId"])


def signs_digests(key_id: str, *, is_high: bool = False) -> None:
    key: Any = kms_backends[ACCOUNT][REGION].keys[key_id]
    key.private_key = DigestKey(key.private_key, is_high=is_high)


def address_of(key_id: str) -> Address:
    answer = boto3.client("kms", region_name=REGION).get_public_key(KeyId=key_id)
    return address_from_key_info(answer["PublicKey"])


def opened(key_id: str) -> KMSSigner:
    return KMSSigner.opened(kms_client(region=REGION), key_id, address=address_of(key_id))


@pytest.mark.parametrize("is_high", [False, True])
def test_kms__either_s__a_transaction_that_the_chain_takes(is_high: bool) -> None:
    key_id = new_key()
    signs_digests(key_id, is_high=is_high)
    signer = opened(key_id)

    for nonce in range(8):  # both parities occur
        signed = signer.sign(draft(nonce=nonce))

        require_signed(signed, draft(nonce=nonce), signer.address)
        assert Account.recover_transaction(signed.raw) == str(signer.address)
        assert decoded(signed.raw).signature.s <= HALF_ORDER


def test_kms__request__a_digest_for_this_key() -> None:
    key_id = new_key()
    signs_digests(key_id)
    asked: list[dict[str, Any]] = []
    client: Any = kms_client(region=REGION)
    client.meta.events.register(
        "before-call.kms.Sign", lambda params, **_: asked.append(json.loads(params["body"]))
    )

    KMSSigner.opened(client, key_id, address=address_of(key_id)).sign(draft())

    (request,) = asked
    assert request["MessageType"] == "DIGEST"
    assert (request["KeyId"], request["SigningAlgorithm"]) == (key_id, "ECDSA_SHA_256")


def test_kms__service_that_hashes_once_more__refused() -> None:
    with pytest.raises(BadSignerAnswer, match="not one of this digest") as caught:
        opened(new_key()).sign(draft())

    assert isinstance(caught.value, Corrupt)


def test_kms__other_address_configured__refused() -> None:
    key_id = new_key()

    with pytest.raises(SignerIsAnother):
        KMSSigner.opened(kms_client(region=REGION), key_id, address=OTHER)


def test_kms__key_replaced_behind_the_id__refused() -> None:
    key_id, second = new_key(), new_key()
    signs_digests(second)
    signer = opened(key_id)
    keys: Any = kms_backends[ACCOUNT][REGION].keys
    keys[key_id].private_key = keys[second].private_key

    with pytest.raises(BadSignerAnswer):
        signer.sign(draft())


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_2048"])
def test_kms__key_of_another_kind__refused(spec: str) -> None:
    with pytest.raises(BadSignerAnswer, match="not an uncompressed secp256k1 key"):
        KMSSigner.opened(kms_client(region=REGION), new_key(spec), address=OTHER)


def test_kms__no_such_key__refused_for_good() -> None:
    missing = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(SignerRefused, match="NotFoundException") as caught:
        KMSSigner.opened(kms_client(region=REGION), missing, address=OTHER)
    assert isinstance(caught.value, Rejected)
    assert ACCOUNT not in str(caught.value)


class FailingClient:
    """A client whose every call ends in an error of the service."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_public_key(self, **_: str) -> dict[str, Any]:
        raise self._error

    def sign(self, **_: object) -> dict[str, Any]:
        raise self._error


def client_error(code: str) -> Exception:
    message = f"User: arn:aws:iam::{ACCOUNT}:role/hunter2 did not"
    error: Exception = ClientError({"Error": {"Code": code, "Message": message}}, "Sign")
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", SignerRefused),
        ("DisabledException", SignerRefused),
        ("KMSInvalidStateException", SignerRefused),
        ("ThrottlingException", SignerUnavailable),
        ("KMSInternalException", SignerUnavailable),
        ("KeyUnavailableException", SignerUnavailable),
        ("DependencyTimeoutException", SignerUnavailable),
    ],
)
def test_kms__error_of_the_service__by_what_it_means_and_only_its_code(
    code: str, kind: type[Exception]
) -> None:
    signer = KMSSigner(FailingClient(client_error(code)), "key", OTHER)

    with pytest.raises(kind, match=code) as caught:
        signer.sign(draft())

    assert "hunter2" not in str(caught.value)
    assert ACCOUNT not in str(caught.value)


def test_kms__nobody_answers__unavailable() -> None:
    error = EndpointConnectionError(endpoint_url="https://hunter2.example")

    with pytest.raises(SignerUnavailable, match="EndpointConnectionError") as caught:
        KMSSigner.opened(FailingClient(error), "key", address=OTHER)

    assert isinstance(caught.value, Transient)
    assert "hunter2" not in str(caught.value)


def test_kms__shown__the_address_alone() -> None:
    key_id = new_key()

    assert repr(opened(key_id)) == f"KMSSigner({address_of(key_id)})"


def test_imports__signing_without_kms__boto3_is_not_loaded() -> None:
    code = "import sys, scripts.signing; print('boto3' in sys.modules, 'botocore' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == ["False", "False"]
