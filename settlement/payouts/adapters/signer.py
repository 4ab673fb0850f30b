"""A key in this process. Its text appears in no repr, no log and no error."""

from typing import Self

from eth_account import Account
from eth_account.signers.local import LocalAccount

from contracts.evm import Address, Hash32
from settlement.errors import BadSigningKey
from settlement.payouts.operation import SignedTransaction, TransactionDraft

_DYNAMIC_FEE = 2  # EIP-1559
_KEY_TEXT_LENGTH = 66


class LocalSigner:
    """Signs with eth-account; deterministic (RFC 6979), so the same draft gives the same bytes."""

    __slots__ = ("_account", "_address")

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self._address = Address.from_hex(account.address)

    @classmethod
    def from_hex(cls, key: str) -> Self:
        """Read a private key.

        Raises:
            BadSigningKey: it is none; the text is not repeated.
        """
        try:
            if len(key) != _KEY_TEXT_LENGTH or not key.startswith("0x"):
                raise BadSigningKey
            return cls(Account.from_key(bytes.fromhex(key[2:])))
        except ValueError:
            # eth-account's own message would show the key, also as the cause.
            raise BadSigningKey from None

    @property
    def address(self) -> Address:
        """The sender of everything it signs."""
        return self._address

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"

    def sign(self, draft: TransactionDraft) -> SignedTransaction:
        """Sign an EIP-1559 transaction without value."""
        signed = self._account.sign_transaction(
            {
                "type": _DYNAMIC_FEE,
                "chainId": draft.chain_id,
                "nonce": draft.nonce,
                "to": bytes(draft.to),
                "value": 0,
                "data": draft.data,
                "gas": draft.gas,
                "maxFeePerGas": draft.max_fee_wei,
                "maxPriorityFeePerGas": draft.tip_wei,
            }
        )
        return SignedTransaction(
            chain_id=draft.chain_id,
            sender=self._address,
            nonce=draft.nonce,
            tx_hash=Hash32(signed.hash),
            raw=bytes(signed.raw_transaction),
            to=draft.to,
            gas=draft.gas,
            max_fee_wei=draft.max_fee_wei,
            tip_wei=draft.tip_wei,
        )
