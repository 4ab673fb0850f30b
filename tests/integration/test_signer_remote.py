"""The remote signer over mTLS: who may talk to whom, and what is believed of an answer."""

import json
import logging
import ssl
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import Address
from settlement.errors import Corrupt, Rejected, SignatureMismatch, Transient
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.signer_remote import ClientTLS, RemoteSigner
from settlement.payouts.errors import (
    BadClientCertificate,
    BadSignerAnswer,
    SignerRefused,
    SignerUnavailable,
)
from settlement.payouts.signature import CURVE_ORDER
from settlement.payouts.transaction import decoded
from tests.signer_service import (
    Answer,
    Authority,
    Certified,
    SignerService,
    asked_draft,
    running_service,
)
from tests.signing_builders import KEY, SENDER, draft

PASSWORD = "correct horse"  # noqa: S105
KEY_HOLDER = LocalSigner.from_hex(KEY)


def raw_answer(asked: dict[str, Any], **changes: Any) -> Answer:
    """What an honest service answers; with changes, a dishonest one."""
    signed = KEY_HOLDER.sign(replace(asked_draft(asked), **changes))
    return 200, json.dumps({"raw": "0x" + signed.raw.hex()}).encode()


def rsv_answer(asked: dict[str, Any], **changes: Any) -> Answer:
    signature = decoded(KEY_HOLDER.sign(asked_draft(asked)).raw).signature
    spelled = {"r": hex(signature.r), "s": hex(signature.s), "v": str(signature.y_parity)}
    spelled = {
        name: "0x" + text[2:].rjust(64, "0") if name != "v" else text
        for name, text in spelled.items()
    }
    return 200, json.dumps(spelled | changes).encode()


@dataclass
class World:
    """A service, and the files of a client that it knows."""

    ours: Authority
    strangers: Authority
    client: Certified
    service: SignerService

    def signer(
        self,
        *,
        client: Certified | None = None,
        authority: Path | None = None,
        host: str = "localhost",
        password: str | None = None,
    ) -> RemoteSigner:
        files = client or self.client
        tls = ClientTLS(
            certificate=files.certificate, key=files.key, authority=authority or self.ours.file
        )
        return RemoteSigner(self.service.url(host), tls.context(password), address=SENDER)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    ours, strangers = Authority(tmp_path, "ours"), Authority(tmp_path, "strangers")
    server = ours.issue("signer", host="localhost")
    with running_service(server, ours.file, raw_answer) as service:
        yield World(ours, strangers, ours.issue("submitter"), service)


@pytest.mark.parametrize("answer", [raw_answer, rsv_answer])
def test_sign__known_client__the_transaction_that_the_key_signs(
    world: World, answer: Callable[[dict[str, Any]], Answer]
) -> None:
    world.service.answer = answer
    signer = world.signer()

    for nonce in range(4):
        assert signer.sign(draft(nonce=nonce)) == KEY_HOLDER.sign(draft(nonce=nonce))

    assert world.service.clients == ["{'commonName': 'submitter'}"] * 4


def test_sign__question__every_field_as_documented(world: World) -> None:
    world.signer().sign(draft())

    (asked,) = world.service.asked
    assert asked == {
        "address": str(SENDER),
        "transaction": {
            "type": "2",
            "chainId": "31337",
            "nonce": "3",
            "to": str(draft().to),
            "value": "0",
            "data": "0x" + draft().data.hex(),
            "gas": "500000",
            "maxFeePerGas": "100",
            "maxPriorityFeePerGas": "2",
            "accessList": [],
        },
    }


def test_service__client_without_certificate__refused_and_nothing_signed(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.ours.file))
    signer = RemoteSigner(world.service.url(), context, address=SENDER)

    with pytest.raises(SignerUnavailable) as caught:
        signer.sign(draft())

    assert isinstance(caught.value, Transient)
    assert world.service.let_in == 0
    world.signer().sign(draft())  # it is the certificate that was missing


def test_service__client_of_another_authority__refused(world: World) -> None:
    with pytest.raises(SignerUnavailable):
        world.signer(client=world.strangers.issue("stranger")).sign(draft())

    assert world.service.let_in == 0


def test_client__server_of_another_authority__nothing_sent(world: World) -> None:
    with pytest.raises(SignerUnavailable, match=r"self.signed|unable to get"):
        world.signer(authority=world.strangers.file).sign(draft())

    assert world.service.let_in == 0


def test_client__right_authority_and_another_host__nothing_sent(world: World) -> None:
    with pytest.raises(SignerUnavailable, match=r"IP address mismatch|Hostname mismatch"):
        world.signer(host="127.0.0.1").sign(draft())

    assert world.service.let_in == 0


def test_client__certificates_of_the_system__do_not_count(world: World) -> None:
    files = world.client
    tls = ClientTLS(certificate=files.certificate, key=files.key, authority=world.ours.file)

    assert len(tls.context(None).get_ca_certs()) == 1


def test_client__encrypted_key__opened_with_its_password(world: World) -> None:
    client = world.ours.issue("careful", password=PASSWORD)

    world.signer(client=client, password=PASSWORD).sign(draft())

    assert world.service.clients == ["{'commonName': 'careful'}"]


@pytest.mark.parametrize("password", [None, PASSWORD[::-1]])
def test_client__encrypted_key_and_no_or_another_password__refused(
    world: World, password: str | None
) -> None:
    client = world.ours.issue("careful", password=PASSWORD)

    with pytest.raises(BadClientCertificate) as caught:
        world.signer(client=client, password=password)

    assert isinstance(caught.value, Rejected)
    assert PASSWORD[::-1] not in str(caught.value)


def test_client__files_missing_or_of_others__refused(world: World, tmp_path: Path) -> None:
    other = world.ours.issue("other")

    for client in (
        Certified(tmp_path / "none.crt", tmp_path / "none.key"),
        Certified(world.client.certificate, other.key),
        Certified(world.client.key, world.client.certificate),
    ):
        with pytest.raises(BadClientCertificate):
            world.signer(client=client)
    with pytest.raises(BadClientCertificate):
        world.signer(authority=tmp_path / "none.pem")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"nonce": 4}, "nonce"),
        ({"to": Address(b"\x66" * 20)}, "recipient"),
        ({"data": b"\x00" * 4}, "calldata"),
        ({"gas": 1}, "gas limit"),
        ({"max_fee_wei": 10**18}, "max fee"),
        ({"tip_wei": 10**18}, "tip"),
        ({"chain_id": 1}, "chain"),
    ],
)
def test_answer__another_transaction_of_the_same_key__refused(
    world: World, change: dict[str, Any], what: str
) -> None:
    world.service.answer = lambda asked: raw_answer(asked, **change)

    with pytest.raises(SignatureMismatch, match=f"another {what}$") as caught:
        world.signer().sign(draft())

    assert isinstance(caught.value, Corrupt)


def test_answer__signed_by_another_key__refused(world: World) -> None:
    other = LocalSigner.from_hex("0x" + "51" * 32)

    def answer(asked: dict[str, Any]) -> Answer:
        return 200, json.dumps({"raw": "0x" + other.sign(asked_draft(asked)).raw.hex()}).encode()

    world.service.answer = answer

    with pytest.raises(SignatureMismatch, match="another sender"):
        world.signer().sign(draft())


def test_answer__signature_of_another_draft__refused(world: World) -> None:
    def answer(asked: dict[str, Any]) -> Answer:
        asked["transaction"]["nonce"] = "4"
        return rsv_answer(asked)

    world.service.answer = answer

    with pytest.raises(SignatureMismatch, match="another sender"):
        world.signer().sign(draft())


def high_s(asked: dict[str, Any]) -> Answer:
    signature = decoded(KEY_HOLDER.sign(asked_draft(asked)).raw).signature
    parity = str(1 - signature.y_parity)
    return rsv_answer(asked, s=hex(CURVE_ORDER - signature.s), v=parity)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (lambda _: (200, b""), "not JSON"),
        (lambda _: (200, b"{"), "not JSON"),
        (lambda _: (200, b"\xff\xfe"), "not JSON"),
        (lambda _: (200, b"[]"), "not a JSON object"),
        (lambda _: (200, b"[" * 100_000), "not JSON"),
        (lambda _: (200, b"{}"), "neither raw nor r, s and v"),
        (lambda _: (200, b'{"raw": "0x02", "r": "0x1"}'), "neither raw nor"),
        (lambda _: (200, b'{"raw": 7}'), "does not read"),
        (lambda _: (200, b'{"raw": "02"}'), "does not read"),
        (lambda _: (200, b'{"raw": "0xzz"}'), "does not read"),
        (lambda asked: rsv_answer(asked, r=7), "does not read"),
        (lambda asked: rsv_answer(asked, v=0), "does not read"),
        (lambda asked: rsv_answer(asked, v="27"), "does not read"),
        (lambda asked: rsv_answer(asked, v=["0"]), "does not read"),
        (lambda asked: rsv_answer(asked, r="0x" + "ff" * 33), "r is not below"),
        (lambda asked: rsv_answer(asked, s="0x00"), "s is not in"),
        (high_s, "s is not in the lower half"),
        (lambda _: (200, b" " * (4 * 1024 * 1024 + 1)), "more than 4194304 bytes"),
    ],
)
def test_answer__not_of_the_protocol__refused(
    world: World, answer: Callable[[dict[str, Any]], Answer], cause: str
) -> None:
    world.service.answer = answer

    with pytest.raises(BadSignerAnswer, match=cause) as caught:
        world.signer().sign(draft())

    assert isinstance(caught.value, Corrupt)


@pytest.mark.parametrize("raw", ["0x", "0x01", "0x02", "0x02c0"])
def test_answer__raw_that_is_no_transaction__refused(world: World, raw: str) -> None:
    world.service.answer = lambda _: (200, json.dumps({"raw": raw}).encode())

    with pytest.raises(SignatureMismatch, match="another kind of bytes"):
        world.signer().sign(draft())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_answer__refusal__told_with_its_reason(world: World, status: int) -> None:
    world.service.answer = lambda _: (status, b'{"error": "nonce 3\\nis below the policy"}')

    with pytest.raises(SignerRefused, match=f"{status} nonce 3 is below the policy$"):
        world.signer().sign(draft())


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"error": 7}', b'{"error": ""}'])
def test_answer__refusal_without_a_reason__told_as_it_is(world: World, body: bytes) -> None:
    world.service.answer = lambda _: (403, body)

    with pytest.raises(SignerRefused, match=r"refuses to sign: 403$"):
        world.signer().sign(draft())


def test_answer__long_reason__cut_short(world: World) -> None:
    world.service.answer = lambda _: (403, json.dumps({"error": "x" * 10_000}).encode())

    with pytest.raises(SignerRefused) as caught:
        world.signer().sign(draft())

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("status", [204, 302, 429, 500, 503])
def test_answer__other_status__unavailable_and_asked_once(world: World, status: int) -> None:
    world.service.answer = lambda _: (status, b"")

    with pytest.raises(SignerUnavailable, match=f"status {status}"):
        world.signer().sign(draft())

    assert len(world.service.asked) == 1


def test_sign__nobody_listens__unavailable_without_the_address(world: World) -> None:
    signer = world.signer()
    world.service.port = 1
    closed = world.signer()

    with pytest.raises(SignerUnavailable) as caught:
        closed.sign(draft())

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in repr(signer) + str(signer)
    assert repr(signer) == f"RemoteSigner({SENDER})"


def test_logs__at_the_level_of_the_product__no_address_and_no_payload(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        world.signer().sign(draft())

    assert "hunter2" not in caplog.text
    assert draft().data.hex() not in caplog.text
