"""One owner for each payout key and each contract that it pays from.

The locks are Postgres session locks on a connection of their own, and everything the owner writes
goes through that same connection: whoever loses the locks (the process died, the server ended the
session) can no longer store, hence no longer sign or send. SQLAlchemy would quietly open a new
connection in place of a broken one, which holds no lock; `transaction` refuses to go on with it.
Nonces belong to the key, whatever contract a transaction goes to, so the key is locked once for all
its contracts. The contracts are locked too, so that two keys cannot pay from one at the same time.

A session must be ours alone. Behind a pooler that gives a session to whoever has a transaction, the
same lock would be everybody's: so a session that holds it before we asked is refused, and so is
every transaction in another session than the one that took it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.evm import Address, ChainId, keccak
from settlement.errors import OwnershipLost, PayoutsOwnedElsewhere
from settlement.payouts.errors import SessionShared

_DOMAIN = b"quittance.payouts.owner.v1"
_SESSION = text("SELECT pg_backend_pid()")
_LOCK = text("SELECT pg_try_advisory_lock(:key)")
_HELD = text("""
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid()
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (classid::bigint << 32) | objid::bigint = :key)
""")


class PayoutsOwner:
    """The holder of the locks, and the only way to write while holding them."""

    def __init__(self, connection: Connection, *, session: int | None) -> None:
        """`session` took the locks; None for who only looks, and holds none."""
        self._connection, self._session = connection, session

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One database transaction in the session that holds the locks.

        Raises:
            OwnershipLost: that session has ended; take ownership again.
        """
        if self._connection.invalidated:
            raise OwnershipLost
        try:
            with self._connection.begin():
                self._require_session()
                yield self._connection
        except DBAPIError as error:
            if error.connection_invalidated or self._connection.invalidated:
                raise OwnershipLost from error
            raise

    def _require_session(self) -> None:
        """Check that the locks are those of the session that runs this transaction."""
        if self._session is None:
            return
        actual = self._connection.scalar(_SESSION)
        if actual != self._session:
            raise SessionShared(f"session {self._session} has the locks, this is {actual}")


@contextmanager
def payouts_owner(
    engine: Engine, chain_id: ChainId, *, sender: Address, contracts: Collection[Address]
) -> Iterator[PayoutsOwner]:
    """Hold key and contracts while the context lasts.

    Raises:
        PayoutsOwnedElsewhere: another process holds one of them.
        SessionShared: a pooler gives our session to others too.
    """
    connection = engine.connect()
    connection.detach()  # closing ends the session, and with it the locks
    try:
        with connection.begin():
            owner = PayoutsOwner(connection, session=connection.scalar(_SESSION))
        for owned in sorted({sender, *contracts}):
            name = {"key": lock_key(chain_id, owned)}
            with owner.transaction():
                is_held = connection.scalar(_HELD, name)
                is_ours = connection.scalar(_LOCK, name)
            if not is_ours:
                raise PayoutsOwnedElsewhere(owned)
            if is_held:
                raise SessionShared(f"it has the lock of {owned} already, for somebody else")
        yield owner
    finally:
        connection.close()


def lock_key(chain_id: ChainId, owned: Address) -> int:
    """The 64-bit name of a lock."""
    digest = keccak(_DOMAIN + chain_id.to_bytes(32, "big") + owned)
    return int.from_bytes(digest[:8], "big", signed=True)
