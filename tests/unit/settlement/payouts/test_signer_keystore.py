"""Keystore files: opened with the password alone, and nothing of them told."""

import hashlib
import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from contracts.evm import Address, keccak
from settlement.errors import Rejected
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.signer_keystore import keystore_signer
from settlement.payouts.errors import BadKeystore, SignerIsAnother
from tests.signing_builders import KEY, SENDER, draft

PASSWORD = "correct horse"  # noqa: S105


def keystore(path: Path, **changes: Any) -> Path:
    """A keystore of the key with a cheap derivation."""
    document = Account.encrypt(bytes.fromhex(KEY[2:]), PASSWORD, kdf="pbkdf2", iterations=2)
    path.write_text(json.dumps(document | changes))
    return path


def test_keystore__right_password__signs_as_the_key_does(tmp_path: Path) -> None:
    signer = keystore_signer(keystore(tmp_path / "key.json"), PASSWORD, address=SENDER)

    assert signer.address == SENDER
    assert signer.sign(draft()) == LocalSigner.from_hex(KEY).sign(draft())


def test_keystore__scrypt_as_geth_writes_it__opened(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(
        json.dumps(Account.encrypt(bytes.fromhex(KEY[2:]), PASSWORD, kdf="scrypt", iterations=2))
    )

    assert keystore_signer(path, PASSWORD, address=SENDER).address == SENDER


def test_keystore__other_address_configured__refused(tmp_path: Path) -> None:
    with pytest.raises(SignerIsAnother, match=f"that of {SENDER}, configured is 0x1111"):
        keystore_signer(keystore(tmp_path / "k"), PASSWORD, address=Address(b"\x11" * 20))


def broken(text: str) -> Any:
    def write(path: Path) -> Path:
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("write", "cause"),
    [
        (lambda path: path, "No such file"),
        (broken("{"), "not JSON"),
        (broken("[]"), "not a keystore"),
        (broken("{}"), "not a keystore"),
        (broken('"any text"'), "not a keystore"),
        (lambda path: keystore(path, version=1), "not a keystore"),
        (lambda path: keystore(path, crypto={}), "not a keystore"),
        (lambda path: keystore(path, crypto=None), "not a keystore"),
    ],
)
def test_keystore__no_keystore__refused(tmp_path: Path, write: Any, cause: str) -> None:
    with pytest.raises(BadKeystore, match=cause):
        keystore_signer(write(tmp_path / "key.json"), PASSWORD, address=SENDER)


def test_keystore__wrong_password_or_damaged__refused_and_neither_told(tmp_path: Path) -> None:
    path = keystore(tmp_path / "key.json")

    wrong = PASSWORD[::-1]

    with pytest.raises(BadKeystore, match="password is wrong") as caught:
        keystore_signer(path, wrong, address=SENDER)

    shown = "".join(traceback.format_exception(caught.value))
    assert wrong not in shown
    assert KEY[2:] not in shown
    assert json.loads(path.read_text())["crypto"]["ciphertext"] not in shown
    assert isinstance(caught.value, Rejected)


def test_keystore__not_text__refused(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_bytes(b"\xff\xfe")

    with pytest.raises(BadKeystore, match="not text"):
        keystore_signer(tmp_path / "key.json", PASSWORD, address=SENDER)


def test_keystore__content_that_is_no_key__refused(tmp_path: Path) -> None:
    """A key of zero encrypts, and is none."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(_encrypted(bytes(32))))

    with pytest.raises(BadKeystore, match="not a key"):
        keystore_signer(path, PASSWORD, address=SENDER)


def _encrypted(content: bytes) -> Any:
    """A keystore whose stream and MAC are right, with other content."""
    document = Account.encrypt(bytes.fromhex(KEY[2:]), PASSWORD, kdf="pbkdf2", iterations=2)
    crypto = document["crypto"]
    old = bytes.fromhex(crypto["ciphertext"])
    stream = [a ^ b for a, b in zip(old, bytes.fromhex(KEY[2:]), strict=True)]
    ciphertext = bytes(a ^ b for a, b in zip(stream, content, strict=True))
    salt, rounds = bytes.fromhex(crypto["kdfparams"]["salt"]), crypto["kdfparams"]["c"]
    derived = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, rounds, dklen=32)
    mac = keccak(derived[16:32] + ciphertext)
    return document | {"crypto": crypto | {"ciphertext": ciphertext.hex(), "mac": mac.hex()}}
