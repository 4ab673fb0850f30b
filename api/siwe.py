"""The message of Sign-In with Ethereum: read strictly, written exactly.

`text_of(message_from(text)) == text` for every text that is read: there is one spelling of a
message, so what was signed can be rebuilt from its fields.

Stricter than the grammar in three places: an address is in EIP-55, a chain id has no leading zero,
and a message is at most `MESSAGE_LENGTH_MAX` long.

Source: EIP-4361; EIP-55.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from api.errors import BadSignInMessage
from api.siwe_grammar import (
    CHAIN_ID,
    NONCE,
    REQUEST_ID,
    SCHEME,
    STATEMENT,
    instant_ns,
    is_authority,
    is_uri,
)
from contracts.evm import Address, ChainId

MESSAGE_LENGTH_MAX = 4_096
VERSION = "1"

_GREETING = " wants you to sign in with your Ethereum account:"
_ADDRESS = re.compile(r"0x[0-9A-Fa-f]{40}")
_RESOURCES = "Resources:"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMessage:
    """Every field of a message; moments as they are written, in RFC 3339.

    `statement` may be empty, which is not the same as absent; so may `request_id` and `resources`.
    """

    scheme: str | None = None
    domain: str
    address: Address
    statement: str | None = None
    uri: str
    chain_id: ChainId
    nonce: str
    issued_at: str
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None


def text_of(message: SignInMessage) -> str:
    """The message as it is shown and signed."""
    scheme = "" if message.scheme is None else f"{message.scheme}://"
    lines = [f"{scheme}{message.domain}{_GREETING}", str(message.address), ""]
    lines += [] if message.statement is None else [message.statement]
    lines += [
        "",
        f"URI: {message.uri}",
        f"Version: {VERSION}",
        f"Chain ID: {message.chain_id}",
        f"Nonce: {message.nonce}",
        f"Issued At: {message.issued_at}",
    ]
    for name, value in (
        ("Expiration Time", message.expiration_time),
        ("Not Before", message.not_before),
        ("Request ID", message.request_id),
    ):
        lines += [] if value is None else [f"{name}: {value}"]
    if message.resources is not None:
        lines += [_RESOURCES, *(f"- {one}" for one in message.resources)]
    return "\n".join(lines)


def message_from(text: str) -> SignInMessage:
    """Read a message.

    Raises:
        BadSignInMessage: with the first field that is missing, misplaced or misspelt.
    """
    if len(text) > MESSAGE_LENGTH_MAX:
        raise BadSignInMessage("length", str(len(text)), f"at most {MESSAGE_LENGTH_MAX} characters")
    lines = _Lines(text)
    scheme, domain = _greeting(lines.next("domain"))
    address = _address(lines.next("address"))
    lines.blank("address")
    statement = _statement(lines)
    uri = lines.labelled("uri", "URI")
    if not is_uri(uri):
        raise BadSignInMessage("uri", uri, "an RFC 3986 URI")
    if (version := lines.labelled("version", "Version")) != VERSION:
        raise BadSignInMessage("version", version, VERSION)
    message = SignInMessage(
        scheme=scheme,
        domain=domain,
        address=address,
        statement=statement,
        uri=uri,
        chain_id=ChainId(int(lines.matching("chain_id", "Chain ID", CHAIN_ID))),
        nonce=lines.matching("nonce", "Nonce", NONCE),
        issued_at=_moment("issued_at", lines.labelled("issued_at", "Issued At")),
        expiration_time=_optional_moment(lines, "expiration_time", "Expiration Time"),
        not_before=_optional_moment(lines, "not_before", "Not Before"),
        request_id=_request_id(lines),
        resources=_resources(lines),
    )
    lines.end()
    return message


class _Lines:
    """The lines of a message, taken one by one."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._place = 0

    def peek(self, ahead: int = 0) -> str | None:
        """A line that is not taken yet; None behind the end."""
        place = self._place + ahead
        return self._lines[place] if place < len(self._lines) else None

    def next(self, field: str) -> str:
        """Take a line."""
        line = self.peek()
        if line is None:
            raise BadSignInMessage(field, "", "there, but the message ends before it")
        self._place += 1
        return line

    def blank(self, field: str) -> None:
        """Take an empty line."""
        if line := self.next(field):
            raise BadSignInMessage(field, line, "followed by an empty line")

    def labelled(self, field: str, label: str) -> str:
        """Take a line that begins with its label."""
        line = self.next(field)
        if not line.startswith(f"{label}: "):
            raise BadSignInMessage(field, line, f"a line that begins with {label!r}")
        return line[len(label) + 2 :]

    def matching(self, field: str, label: str, pattern: re.Pattern[str]) -> str:
        """Take a labelled line whose value has a form."""
        value = self.labelled(field, label)
        if not pattern.fullmatch(value):
            raise BadSignInMessage(field, value, f"of the form {pattern.pattern}")
        return value

    def has(self, label: str) -> bool:
        """Whether the next line has this label."""
        line = self.peek()
        return line is not None and line.startswith(f"{label}: ")

    def items(self) -> Iterator[str]:
        """Take lines as long as they are items of a list."""
        while (line := self.peek()) is not None and line.startswith("- "):
            self._place += 1
            yield line[2:]

    def end(self) -> None:
        """Refuse anything that was not taken: unknown, repeated, or out of order."""
        if (line := self.peek()) is not None:
            raise BadSignInMessage("end", line, "the end of the message")


def _greeting(line: str) -> tuple[str | None, str]:
    origin = line.removesuffix(_GREETING)
    if origin == line:
        raise BadSignInMessage("domain", line, f"followed by {_GREETING!r}")
    scheme, separator, domain = origin.rpartition("://")
    if separator and not SCHEME.fullmatch(scheme):
        raise BadSignInMessage("scheme", scheme, "an RFC 3986 scheme")
    if not is_authority(domain):
        raise BadSignInMessage("domain", domain, "an RFC 3986 authority")
    return scheme if separator else None, domain


def _address(line: str) -> Address:
    if not _ADDRESS.fullmatch(line):
        raise BadSignInMessage("address", line, "0x and 40 hexadecimal digits")
    address = Address.from_hex(line)
    if str(address) != line:
        raise BadSignInMessage("address", line, f"in EIP-55: {address}")
    return address


def _statement(lines: _Lines) -> str | None:
    """The statement between its empty lines; without one, only the second of them is there."""
    if lines.peek() == "" and (lines.peek(1) or "").startswith("URI: "):
        lines.blank("statement")
        return None
    statement = lines.next("statement")
    if not STATEMENT.fullmatch(statement):
        raise BadSignInMessage("statement", statement, "of reserved, unreserved and space")
    lines.blank("statement")
    return statement


def _moment(field: str, value: str) -> str:
    if instant_ns(value) is None:
        raise BadSignInMessage(field, value, "an RFC 3339 date-time")
    return value


def _optional_moment(lines: _Lines, field: str, label: str) -> str | None:
    return _moment(field, lines.labelled(field, label)) if lines.has(label) else None


def _request_id(lines: _Lines) -> str | None:
    label = "Request ID"
    return lines.matching("request_id", label, REQUEST_ID) if lines.has(label) else None


def _resources(lines: _Lines) -> tuple[str, ...] | None:
    if lines.peek() != _RESOURCES:
        return None
    lines.next("resources")
    resources = tuple(lines.items())
    for one in resources:
        if not is_uri(one):
            raise BadSignInMessage("resources", one, "an RFC 3986 URI")
    return resources
