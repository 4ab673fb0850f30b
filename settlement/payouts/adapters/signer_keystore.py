"""A key in an encrypted keystore file (Web3 Secret Storage, version 3), as geth writes it.

Decrypting takes a second or so on purpose: open it once, and keep the signer.
"""

import json
from pathlib import Path

from eth_account import Account

from contracts.evm import Address
from settlement.errors import BadSigningKey
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.errors import BadKeystore, SignerIsAnother


def keystore_signer(path: Path, password: str, *, address: Address) -> LocalSigner:
    """Open the keystore, and check that it holds the key of `address`.

    Raises:
        BadKeystore: the file is no keystore, or the password is wrong; neither is repeated.
        SignerIsAnother: it is the keystore of another key.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise BadKeystore(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise BadKeystore(f"{path}: not text") from None
    signer = _decrypted(path, text, password)
    if signer.address != address:
        raise SignerIsAnother(configured=address, actual=signer.address)
    return signer


def _decrypted(path: Path, text: str, password: str) -> LocalSigner:
    # The libraries' messages and frames may hold parts of the file, the password or the key.
    try:
        document = json.loads(text)
    except ValueError:
        raise BadKeystore(f"{path}: not JSON") from None
    if not isinstance(document, dict):
        raise BadKeystore(f"{path}: not a keystore of version 3")
    try:
        key = Account.decrypt(document, password)
    except ValueError:
        raise BadKeystore(f"{path}: the password is wrong, or the file is damaged") from None
    except (TypeError, KeyError, AttributeError, NotImplementedError):
        raise BadKeystore(f"{path}: not a keystore of version 3") from None
    try:
        return LocalSigner.from_hex("0x" + key.hex())
    except BadSigningKey:
        raise BadKeystore(f"{path}: what it holds is not a key") from None
