"""What a session is: who, since when, until when; and the token that names it.

A session slides: it ends `SESSION_LIFE_S` after it was last seen. To be seen is written down at
most once in `SEEN_STEP_S`, so it may end that much earlier, never later. That of a contract wallet
slides only while the wallet accepts what it was opened with. An account has at most `SESSIONS_MAX`;
one more revokes the oldest. A contract is an account of one chain: at its address on another chain
there may be somebody else's, who ends nothing of it, and makes no room at its cost.

A token is 256 random bits, known to the browser alone; we keep its SHA-256. There is nothing to
guess, so a slow hash would protect nothing.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from contracts.evm import Address, ChainId, Hash32, Timestamp

SESSION_LIFE_S = 7 * 24 * 3_600
SEEN_STEP_S = 60
SESSIONS_MAX = 5
KNOWN_S = 600
KNOWN_MAX = 10_000
_NONCE_BYTES = 16
_TOKEN_BYTES = 32
_TOKEN_LENGTH = 43
"""Characters of 32 bytes in unpadded base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletProof:
    """A signature that a contract wallet accepted, and what it is over."""

    digest: Hash32
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who signed in: a key, which is the same on every chain, or a contract of one chain."""

    address: Address
    chain_id: ChainId
    is_contract: bool

    @property
    def name(self) -> str:
        """What its requests are counted under: one name for each account."""
        return f"{self.address.hex()}@{self.chain_id}" if self.is_contract else self.address.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session of an account, which signed in for one chain; `wallet` where it is a contract."""

    id: UUID
    address: Address
    chain_id: ChainId
    created_at: Timestamp
    seen_at: Timestamp
    expires_at: Timestamp
    wallet: WalletProof | None = None

    @property
    def account(self) -> Account:
        """Whose session it is."""
        return Account(
            address=self.address, chain_id=self.chain_id, is_contract=self.wallet is not None
        )

    def slid_at(self, now: Timestamp) -> bool:
        """Whether it was prolonged just now, and not opened."""
        return self.created_at < now and self.expires_at == now + SESSION_LIFE_S


def new_nonce() -> str:
    """128 random bits in letters and digits."""
    return secrets.token_hex(_NONCE_BYTES)


def new_token() -> str:
    """256 random bits, as a cookie can hold them."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def is_token(text: str) -> bool:
    """Whether a text can be a token at all."""
    return len(text) == _TOKEN_LENGTH and text.isascii()


def token_digest(token: str) -> Hash32:
    """What is kept of a token."""
    return Hash32(sha256(token.encode()).digest())


class KnownSessions:
    """Accounts of sessions that were verified a moment ago, by token digest.

    Only for counting requests: nobody is let in by it. A session that ended elsewhere meanwhile is
    known for up to `KNOWN_S` more; who is forgotten is counted by address of origin again.
    """

    def __init__(self, sessions_max: int = KNOWN_MAX) -> None:
        self._known: dict[Hash32, tuple[Account, Timestamp]] = {}
        self._sessions_max = sessions_max

    def remember(self, digest: Hash32, account: Account, now: Timestamp) -> None:
        """Keep an account; the one that was seen longest ago makes room."""
        self._known.pop(digest, None)
        self._known[digest] = account, Timestamp(now + KNOWN_S)
        if len(self._known) > self._sessions_max:
            del self._known[next(iter(self._known))]

    def forget(self, digest: Hash32) -> None:
        """Drop a session that is none any more."""
        self._known.pop(digest, None)

    def account(self, digest: Hash32, now: Timestamp) -> Account | None:
        """The account, if it is known."""
        account, until = self._known.get(digest, (None, now))
        return account if now < until else None
