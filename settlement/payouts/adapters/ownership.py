"""One owner for each payout key and each contract that it pays from.

The locks are Postgres session locks on a connection of their own, and everything the owner writes
goes through that same connection: whoever loses the locks (the process died, the server ended the
session) can no longer store, hence no longer sign or send. SQLAlchemy would quietly open a new
connection in place of a broken one, which holds no lock; `transaction` refuses to go on with it.
Nonces belong to the key, whatever contract a transaction goes to, so the key is locked once for all
its contracts. The contracts are locked too, so that two keys cannot pay from one at the same time.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.evm import Address, ChainId, keccak
from settlement.errors import OwnershipLost, PayoutsOwnedElsewhere

_DOMAIN = b"quittance.payouts.owner.v1"


class PayoutsOwner:
    """The holder of the locks, and the only way to write while holding them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
                yield self._connection
        except DBAPIError as error:
            if error.connection_invalidated or self._connection.invalidated:
                raise OwnershipLost from error
            raise


@contextmanager
def payouts_owner(
    engine: Engine, chain_id: ChainId, *, sender: Address, contracts: Collection[Address]
) -> Iterator[PayoutsOwner]:
    """Hold key and contracts while the context lasts.

    Raises:
        PayoutsOwnedElsewhere: another process holds one of them.
    """
    connection = engine.connect()
    connection.detach()  # closing ends the session, and with it the locks
    owner = PayoutsOwner(connection)
    try:
        for owned in sorted({sender, *contracts}):
            name = {"key": lock_key(chain_id, owned)}
            with owner.transaction():
                is_ours = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), name)
            if not is_ours:
                raise PayoutsOwnedElsewhere(owned)
        yield owner
    finally:
        connection.close()


def lock_key(chain_id: ChainId, owned: Address) -> int:
    """The 64-bit name of a lock."""
    digest = keccak(_DOMAIN + chain_id.to_bytes(32, "big") + owned)
    return int.from_bytes(digest[:8], "big", signed=True)
