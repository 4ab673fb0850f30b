"""A guardian's key, held in this process."""

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32 as SignableHash

from contracts.evm import Address, Hash32


class LocalGuardian:
    """Signs with a private key; neither `repr` nor errors show it."""

    def __init__(self, private_key: bytes) -> None:
        self._account: LocalAccount = Account.from_key(private_key)

    @property
    def address(self) -> Address:
        """The guardian."""
        return Address.from_hex(self._account.address)

    def sign(self, digest: Hash32) -> bytes:
        """A 65-byte signature (r ‖ s ‖ v, s in the lower half) over an EIP-712 digest."""
        return bytes(self._account.unsafe_sign_hash(SignableHash(digest)).signature)
