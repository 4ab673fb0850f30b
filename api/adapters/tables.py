"""Tables of access: nonces that wait for their message, and open sessions.

Neither is a record: what was used or revoked is deleted, what expired is deleted in bounded parts
by whoever writes next. Seconds are Unix time by the server's clock. A token is kept as its SHA-256
alone, so that nobody who reads the table can use it.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column

ACCESS_NONCE = Table(
    "access_nonce",
    SQLModel.metadata,
    Column("nonce", Text, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("access_nonce_expires_at", "expires_at"),
)
"""A nonce is used by deleting its row: the database lets one transaction do that."""

ACCESS_SESSION = Table(
    "access_session",
    SQLModel.metadata,
    Column("token_digest", Hash32Column, primary_key=True),
    Column("id", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("ordinal", BigInteger, Identity(always=True), nullable=False),
    Column("address", AddressColumn, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("wallet_digest", Hash32Column),
    Column("wallet_signature", LargeBinary),
    UniqueConstraint("id", name="access_session_id"),
    CheckConstraint("octet_length(token_digest) = 32", name="access_session_token_digest_length"),
    CheckConstraint("octet_length(address) = 20", name="access_session_address_length"),
    CheckConstraint("created_at <= seen_at AND seen_at < expires_at", name="access_session_times"),
    CheckConstraint(
        "num_nulls(wallet_digest, wallet_signature) IN (0, 2)",
        name="access_session_wallet_is_whole",
    ),
    Index("access_session_address", "address", "ordinal"),
    Index("access_session_expires_at", "expires_at"),
)
"""A session is revoked by deleting its row; `ordinal` ascends in the order of signing in.

Of a contract wallet it keeps what the wallet is asked again: its word is worth no longer.
"""

EXTRA_DDL: tuple[str, ...] = ()
"""No triggers: rows come and go."""
