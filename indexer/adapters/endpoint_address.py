"""The address of an endpoint: what it may be called aloud, and what in it may be a key.

Providers put keys into paths, queries and user names, and some repeat them in what they answer.
What an endpoint says goes into logs, into the database and over HTTP, so whatever may be a key is
taken out before.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from indexer.errors import BadEndpoint

_SEGMENT_LENGTH_MIN, _VALUE_LENGTH_MIN = 10, 6
"""Shorter ones are words like `mainnet` and `v3`, and no keys."""

_HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAddress:
    """An HTTP address, in parts; `host` is what messages name, with the port if there is one."""

    host: str
    path: str = field(repr=False)
    authorization: str | None = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL.

        Raises:
            BadEndpoint: it is no HTTP address.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadEndpoint(parts.scheme)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        basic = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        return cls(
            host=parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}",
            path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            authorization=basic if user or password else None,
            secrets=_secrets(parts),
        )

    def without_secrets(self, text: str) -> str:
        """The text, with stars where it repeats what may be a key."""
        if not self.secrets:
            return text
        return re.sub("|".join(map(re.escape, self.secrets)), _HIDDEN, text, flags=re.IGNORECASE)


def _secrets(parts: SplitResult) -> tuple[str, ...]:
    """What may be a key, as it is written and as it is meant; the longest first."""
    values = [parts.username or "", parts.password or ""]
    values += [value for _, value in parse_qsl(parts.query)]
    values += [pair.partition("=")[2] for pair in parts.query.split("&")]
    found = [one for one in values if len(one) >= _VALUE_LENGTH_MIN]
    found += [one for one in parts.path.split("/") if len(one) >= _SEGMENT_LENGTH_MIN]
    spelled = {*found, *map(unquote, found)}
    return tuple(sorted(spelled, key=lambda one: (-len(one), one)))
