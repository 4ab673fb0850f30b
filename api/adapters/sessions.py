"""Nonces and sessions in Postgres, which is the truth about both.

A nonce is used once because one transaction deletes it: of many that try at once, the others wait
for that one and then find nothing. Sign-ins of one account take turns by an advisory lock, so that
it never has more than `SESSIONS_MAX` sessions.

An account sees and ends sessions of its own alone. A key is the same on every chain, so its are all
sessions of its address; a contract is its owner's on its own chain only (`auth.Visitor`), so its
are those that were opened as that contract there.

A session is prolonged in two steps: one request marks it as seen, and that one alone asks the
wallet of a contract, while all others go on by the end that the session has.

Retention: whoever writes a row deletes up to `SWEPT_MAX` that have expired, so what is kept beyond
its time is bounded by what is alive.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from api.adapters.changes import change
from api.adapters.snapshot import Pool, snapshot
from api.errors import SignInRefused
from api.sessions import (
    SEEN_STEP_S,
    SESSION_LIFE_S,
    SESSIONS_MAX,
    Account,
    Session,
    WalletProof,
)
from api.siwe import SignInMessage
from api.siwe_verification import NONCE_LIFE_S
from contracts.evm import Address, ChainId, Hash32, Timestamp

SWEPT_MAX = 100

SESSIONS_SHOWN_MAX = 100
"""A key sees more than its own `SESSIONS_MAX` where code that it delegates to signed in."""

Vouch = Callable[[Session], Awaitable[bool | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A session as it is stored."""

    id: UUID
    address: bytes
    chain_id: int
    created_at: int
    seen_at: int
    expires_at: int
    wallet_digest: bytes | None
    wallet_signature: bytes | None

    @property
    def session(self) -> Session:
        return Session(
            id=self.id,
            address=Address(self.address),
            chain_id=ChainId(self.chain_id),
            created_at=Timestamp(self.created_at),
            seen_at=Timestamp(self.seen_at),
            expires_at=Timestamp(self.expires_at),
            wallet=self._wallet,
        )

    @property
    def _wallet(self) -> WalletProof | None:
        if self.wallet_digest is None or self.wallet_signature is None:
            return None
        return WalletProof(digest=Hash32(self.wallet_digest), signature=self.wallet_signature)


_SWEEP_NONCES = """
    DELETE FROM access_nonce WHERE nonce IN (
        SELECT nonce FROM access_nonce WHERE expires_at <= %(now)s
        ORDER BY expires_at LIMIT %(swept_max)s FOR UPDATE SKIP LOCKED)
"""

_ADD_NONCE = """
    INSERT INTO access_nonce (nonce, domain, chain_id, expires_at)
    VALUES (%(nonce)s, %(domain)s, %(chain_id)s, %(expires_at)s)
"""

_USE_NONCE = """
    DELETE FROM access_nonce
    WHERE nonce = %(nonce)s AND domain = %(domain)s AND chain_id = %(chain_id)s
      AND expires_at > %(now)s
    RETURNING nonce
"""

_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%(turn)s, 0))"

_SWEEP_SESSIONS = """
    DELETE FROM access_session WHERE token_digest IN (
        SELECT token_digest FROM access_session WHERE expires_at <= %(now)s
        ORDER BY expires_at LIMIT %(swept_max)s FOR UPDATE SKIP LOCKED)
"""

_OWN = """
    address = %(address)s
    AND (NOT %(is_contract)s OR (chain_id = %(chain_id)s AND wallet_digest IS NOT NULL))
"""

_MAKE_ROOM: LiteralString = f"""
    DELETE FROM access_session WHERE {_OWN} AND ordinal NOT IN (
        SELECT ordinal FROM access_session
        WHERE {_OWN} AND expires_at > %(now)s
        ORDER BY ordinal DESC LIMIT %(others_max)s)
"""  # noqa: S608 - of constants

_ADD_SESSION = """
    INSERT INTO access_session
        (token_digest, address, chain_id, created_at, seen_at, expires_at,
         wallet_digest, wallet_signature)
    VALUES (%(token_digest)s, %(address)s, %(chain_id)s, %(now)s, %(now)s, %(expires_at)s,
            %(wallet_digest)s, %(wallet_signature)s)
    RETURNING id, address, chain_id, created_at, seen_at, expires_at,
              wallet_digest, wallet_signature
"""

_SESSION = """
    SELECT id, address, chain_id, created_at, seen_at, expires_at,
           wallet_digest, wallet_signature
    FROM access_session
    WHERE token_digest = %(token_digest)s AND expires_at > %(now)s
"""

_SEE = """
    UPDATE access_session SET seen_at = %(now)s
    WHERE token_digest = %(token_digest)s AND expires_at > %(now)s AND seen_at <= %(seen_before)s
    RETURNING id, address, chain_id, created_at, seen_at, expires_at,
              wallet_digest, wallet_signature
"""

_PROLONG = """
    UPDATE access_session SET expires_at = %(expires_at)s
    WHERE token_digest = %(token_digest)s AND expires_at > %(now)s
    RETURNING id, address, chain_id, created_at, seen_at, expires_at,
              wallet_digest, wallet_signature
"""

_SESSIONS_OF: LiteralString = f"""
    SELECT id, address, chain_id, created_at, seen_at, expires_at,
           wallet_digest, wallet_signature
    FROM access_session
    WHERE {_OWN} AND expires_at > %(now)s
    ORDER BY ordinal DESC LIMIT %(sessions_max)s
"""  # noqa: S608 - of constants

_REVOKE: LiteralString = f"DELETE FROM access_session WHERE {_OWN} AND id = %(id)s RETURNING id"  # noqa: S608 - so too
_REVOKE_ALL: LiteralString = f"DELETE FROM access_session WHERE {_OWN}"  # noqa: S608 - so too
_END = "DELETE FROM access_session WHERE token_digest = %(token_digest)s"


async def add_nonce(
    pool: Pool, nonce: str, *, domain: str, chain_id: ChainId, now: Timestamp
) -> Timestamp:
    """Keep a new nonce for one domain and chain; says when it expires."""
    expires_at = Timestamp(now + NONCE_LIFE_S)
    values = {
        "nonce": nonce,
        "domain": domain,
        "chain_id": chain_id,
        "now": now,
        "expires_at": expires_at,
        "swept_max": SWEPT_MAX,
    }
    async with change(pool) as connection:
        await connection.execute(_SWEEP_NONCES, values)
        await connection.execute(_ADD_NONCE, values)
    return expires_at


async def open_session(
    pool: Pool,
    message: SignInMessage,
    token_digest: Hash32,
    *,
    wallet: WalletProof | None,
    now: Timestamp,
) -> Session:
    """Use the nonce of a message that was verified, and open the session that it asks for.

    Raises:
        SignInRefused: the nonce is not ours, not of this domain and chain, expired, or used.
    """
    values = {
        "nonce": message.nonce,
        "domain": message.domain,
        "chain_id": message.chain_id,
        "address": bytes(message.address),
        "token_digest": bytes(token_digest),
        "turn": f"access_session {message.address}",
        "now": now,
        "expires_at": now + SESSION_LIFE_S,
        "others_max": SESSIONS_MAX - 1,
        "swept_max": SWEPT_MAX,
        "is_contract": wallet is not None,
        "wallet_digest": None if wallet is None else bytes(wallet.digest),
        "wallet_signature": None if wallet is None else wallet.signature,
    }
    async with change(pool) as connection:
        used = await connection.execute(_USE_NONCE, values)
        if await used.fetchone() is None:
            raise SignInRefused(
                "message.nonce: it is not one of this server for this chain, or it is used up",
                field="message.nonce",
                value=message.nonce,
            )
        await connection.execute(_TAKE_TURN, values)
        await connection.execute(_SWEEP_SESSIONS, values)
        await connection.execute(_MAKE_ROOM, values)
        row = await _row(connection, _ADD_SESSION, values)
    if row is None:
        raise RuntimeError("an INSERT returned no row")
    return row.session


async def read_session(
    pool: Pool, token_digest: Hash32, *, now: Timestamp, vouch: Vouch
) -> Session | None:
    """The live session of a token, and let it slide; None where there is none.

    Args:
        pool: the database.
        token_digest: of the token.
        now: the time.
        vouch: whether the wallet of a contract stands by its signature; None where nobody knows.
    """
    values = {
        "token_digest": bytes(token_digest),
        "now": now,
        "expires_at": now + SESSION_LIFE_S,
        "seen_before": now - SEEN_STEP_S,
    }
    async with snapshot(pool) as reads:
        row = await reads.row(_Row, _SESSION, values)
    if row is None or row.seen_at > now - SEEN_STEP_S:
        return None if row is None else row.session
    async with change(pool) as connection:
        seen = await _row(connection, _SEE, values)
        # Another request may have seen it, or revoked it, in between.
        row = seen or await _row(connection, _SESSION, values)
    if seen is None:
        return None if row is None else row.session
    stands = seen.session.wallet is None or await vouch(seen.session)
    if stands is None:
        return seen.session
    async with change(pool) as connection:
        if not stands:
            await connection.execute(_END, values)
            return None
        row = await _row(connection, _PROLONG, values)
    return None if row is None else row.session


async def read_sessions(pool: Pool, account: Account, *, now: Timestamp) -> list[Session]:
    """All live sessions of an account, newest first; of a key also those of its contracts."""
    values = _owned(account) | {"now": now, "sessions_max": SESSIONS_SHOWN_MAX}
    async with snapshot(pool) as reads:
        return [row.session for row in await reads.rows(_Row, _SESSIONS_OF, values)]


async def revoke_session(pool: Pool, account: Account, session: UUID) -> bool:
    """End one session of an account; whether there was one."""
    async with change(pool) as connection:
        gone = await connection.execute(_REVOKE, _owned(account) | {"id": session})
        return await gone.fetchone() is not None


async def revoke_sessions(pool: Pool, account: Account) -> None:
    """End all sessions of an account."""
    async with change(pool) as connection:
        await connection.execute(_REVOKE_ALL, _owned(account))


def _owned(account: Account) -> dict[str, object]:
    """What `_OWN` is asked with."""
    return {
        "address": bytes(account.address),
        "chain_id": account.chain_id,
        "is_contract": account.is_contract,
    }


async def _row(
    connection: AsyncConnection[Any], query: LiteralString, values: dict[str, object]
) -> _Row | None:
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()
