"""Signing in: what a wallet is asked to sign, what it signed, and the sessions that follow."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from api.auth_signatures import SIGNATURE_BYTES_MAX
from api.fields import AddressIn, AddressOut, SmallNumber
from api.sessions import Session
from api.siwe import MESSAGE_LENGTH_MAX
from contracts.evm import bytes_from_hex

_HEX_LENGTH_MAX = 2 + 2 * SIGNATURE_BYTES_MAX


def _signature(value: object) -> bytes:
    if not isinstance(value, str) or len(value) > _HEX_LENGTH_MAX:
        raise ValueError(f"not 0x and at most {2 * SIGNATURE_BYTES_MAX} hexadecimal digits")
    if any(character.isspace() for character in value):
        raise ValueError("a signature has no spaces")
    return bytes_from_hex(value)


SignatureIn = Annotated[
    bytes,
    PlainValidator(_signature),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^0x([0-9a-fA-F]{2})*$",
            "maxLength": _HEX_LENGTH_MAX,
        }
    ),
]
TimeOut = Annotated[str, Field(description="UTC, RFC 3339")]


class NonceRequest(BaseModel):
    """For which chain, and by which account if that is known, somebody wants to sign in."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    chain_id: SmallNumber
    address: AddressIn | None = None


class NonceAnswer(BaseModel):
    """A nonce for one message, with what the message must say.

    `message` is such a message, ready to sign with `personal_sign`, if the account was named.
    """

    nonce: str
    domain: str
    uri: str
    chain_id: int
    issued_at: TimeOut
    expires_at: TimeOut
    message: str | None


class SignInRequest(BaseModel):
    """A message of EIP-4361 and a signature over it, by a key or for a contract wallet."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    message: Annotated[str, Field(max_length=MESSAGE_LENGTH_MAX)]
    signature: SignatureIn


class SessionOut(BaseModel):
    """A session; `is_current` marks the one that asks."""

    id: UUID
    address: AddressOut
    chain_id: int
    created_at: TimeOut
    seen_at: TimeOut
    expires_at: TimeOut
    is_current: bool


class Sessions(BaseModel):
    """The live sessions of an account, newest first."""

    items: list[SessionOut]


def session_out(session: Session, *, current: UUID) -> SessionOut:
    """A session as it is answered."""
    return SessionOut(
        id=session.id,
        address=session.address,
        chain_id=session.chain_id,
        created_at=shown_time(session.created_at),
        seen_at=shown_time(session.seen_at),
        expires_at=shown_time(session.expires_at),
        is_current=session.id == current,
    )


def shown_time(seconds: int) -> str:
    """Unix seconds in RFC 3339, as a message of EIP-4361 spells them too."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
