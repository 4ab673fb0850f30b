"""Headers that every answer has, unless its route says otherwise.

An answer is data: it loads nothing, is framed nowhere, is of the type it says, and is kept by
nobody. A route that says more (the console's page, an answer with a tag) keeps what it says, except
where the answer is a visitor's: that one is never stored.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

VISIT = "quittance.visit"
"""In a request's scope if it was answered for a visitor: the cookie to set, or nothing."""

ADDED = "quittance.headers"
"""In a request's scope: more headers of its answer."""

Headers = tuple[tuple[bytes, bytes], ...]

_NO_STORE = (b"cache-control", b"no-store")
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    _NO_STORE,
)
_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


def headers_of(*, is_secure: bool) -> Headers:
    """The headers; over an insecure transport a browser must not be told to want a secure one."""
    return (*_HEADERS, _TRANSPORT) if is_secure else _HEADERS


class SecurityHeaders:
    """Adds them to every answer that passes."""

    def __init__(self, app: ASGIApp, headers: Headers) -> None:
        self.app, self._headers = app, headers
        self._names = frozenset(name for name, _ in headers)
        self._but_cache = tuple(one for one in headers if one != _NO_STORE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what the answer lacks, when it starts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._complete(scope, message["headers"])
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _complete(
        self, scope: Scope, headers: list[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        cookie: bytes | None = scope.get(VISIT)
        if cookie is not None:
            headers = [one for one in headers if one[0] != _NO_STORE[0]]
        said = [name for name, _ in headers if name in self._names]
        # Hardly any answer says more than how long it is kept: those are put together at once.
        if not said:
            complete = [*headers, *self._headers]
        elif said == [_NO_STORE[0]]:
            complete = [*headers, *self._but_cache]
        else:
            complete = [*headers, *(one for one in self._headers if one[0] not in said)]
        complete += scope.get(ADDED, ())
        if cookie:
            complete.append((b"set-cookie", cookie))
        return complete
