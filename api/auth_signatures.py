"""Whose signature a sign-in message carries: that of a key, or one that a contract wallet accepts.

The key is asked first, as the contracts do: an account with a key that delegates to code (EIP-7702)
goes on signing with its key. Only the lower of the two values of s counts (EIP-2).

A contract wallet answers for the moment. So what it accepted is kept with the session, and the
wallet is asked again before the session's life is prolonged: who is taken off a wallet is out with
the next request that would. Where the chain does not answer, the session lives on to the end that
it has, and no longer.

Source: EIP-191 (version 0x45); ERC-1271; EIP-4361, "Signing and Verifying Messages".
"""

import asyncio
from typing import Protocol

from api.errors import ChainSilent, SignInRefused
from api.sessions import WalletProof
from api.siwe import SignInMessage
from contracts.evm import Address, ChainId, Hash32, keccak
from settlement.payouts.signature import BadSignature, Signature

SIGNATURE_BYTES_MAX = 8_192
"""Wallets of several owners put several signatures into one."""

WALLET_ANSWER_S = 5.0
_KEY_SIGNATURE_BYTES = 65
_PREFIX = b"\x19Ethereum Signed Message:\n"


class ContractWallets(Protocol):
    """Accounts that are contracts, on the chains of this server."""

    def accepts(
        self, wallet: Address, digest: Hash32, signature: bytes, *, chain_id: ChainId
    ) -> bool:
        """Whether the account says that the signature is its own; blocks. Never of a key.

        Raises:
            ChainSilent: the chain did not answer.
        """


def personal_digest(text: str) -> Hash32:
    """What a wallet signs when it is asked to sign a text."""
    content = text.encode()
    return keccak(_PREFIX + str(len(content)).encode() + content)


def key_behind(digest: Hash32, signature: bytes) -> Address | None:
    """The account whose key made r ‖ s ‖ v; None where no key could have."""
    if len(signature) != _KEY_SIGNATURE_BYTES:
        return None
    # Most wallets write v as 27 or 28, some hardware as 0 or 1.
    v = signature[64] - 27 if signature[64] >= 27 else signature[64]
    try:
        made = Signature(
            r=int.from_bytes(signature[:32], "big"),
            s=int.from_bytes(signature[32:64], "big"),
            y_parity=v,
        )
    except BadSignature:
        return None
    return made.signer_of(digest)


async def require_signature(
    message: SignInMessage,
    text: str,
    signature: bytes,
    wallets: ContractWallets | None,
    *,
    answer_s: float = WALLET_ANSWER_S,
) -> WalletProof | None:
    """Refuse a signature over `text`, which spells `message`, that is not the account's.

    Returns:
        What the account's contract accepted; None where its key signed.

    Raises:
        SignInRefused: neither the account's key made it, nor does its contract accept it.
        ChainSilent: the account's chain did not answer in time.
    """
    digest = personal_digest(text)
    if key_behind(digest, signature) == message.address:
        return None
    proof = WalletProof(digest=digest, signature=signature)
    if wallets is not None and await is_accepted(
        message.address, message.chain_id, proof, wallets, answer_s=answer_s
    ):
        return proof
    raise SignInRefused(
        f"signature: it is not one of {message.address} over the message",
        field="signature",
        value="0x" + signature.hex(),
    )


async def is_accepted(
    wallet: Address,
    chain_id: ChainId,
    proof: WalletProof,
    wallets: ContractWallets,
    *,
    answer_s: float = WALLET_ANSWER_S,
) -> bool:
    """Whether a contract wallet accepts a signature now.

    Raises:
        ChainSilent: the account's chain did not answer in time.
    """
    asked = asyncio.to_thread(
        wallets.accepts, wallet, proof.digest, proof.signature, chain_id=chain_id
    )
    try:
        return await asyncio.wait_for(asked, answer_s)
    except TimeoutError as error:
        raise ChainSilent(chain_id, f"no answer in {answer_s} seconds") from error
