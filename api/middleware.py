"""What happens to every request before it is routed: measured, counted, and kept within bounds."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import RequestMetrics
from api.problem_details import NO_SUCH_ROUTE, refusal
from api.rate_limits import OF_PEER, Limiter, Rate, RateClass, Taken, rate_class_of
from api.rate_limits_clients import Peers
from api.security_headers import ADDED
from api.sessions import KnownSessions, is_token, token_digest
from contracts.evm import Timestamp

NOT_FOUND = 404
CONTENT_TOO_LARGE = 413
URI_TOO_LONG = 414
REQUEST_TIMEOUT = 408
UNSUPPORTED_MEDIA_TYPE = 415
TOO_MANY_REQUESTS = 429
LENGTH_DIGITS_MAX = 18
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_READS = frozenset({RateClass.READS, RateClass.READS_OF_PEER})
_LENGTH, _CHUNKED, _TYPE = b"content-length", b"transfer-encoding", b"content-type"
_OF_BODY = frozenset({_LENGTH, _CHUNKED, _TYPE})
_JSON, _CHARSETS = b"application/json", frozenset({b"", b"charset=utf-8"})


class RequestBounds:
    """Refuses a query (414) or a body (413) over its bound, before any of it is parsed.

    A body that takes too long is refused too (408): a connection is not kept waiting for ever.
    So is a body that is no JSON by its type (415): a page can send no JSON to another origin
    without asking first, so a form cannot forge a change.

    A path that ends with a line feed is no route (404): the router would take it for the path
    without, and a proxy that closes some paths would not.
    """

    def __init__(
        self, app: ASGIApp, query_bytes_max: int, body_bytes_max: int, body_wait_s: float
    ) -> None:
        self.app = app
        self.query_bytes_max, self.body_bytes_max = query_bytes_max, body_bytes_max
        self.body_wait_s = body_wait_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a body that cannot outgrow the bound."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await refusal(Request(scope), *refused)(scope, receive, send)
        elif scope["method"] in _BODILESS:
            await self.app(scope, receive, send)
        else:
            await self.app(scope, self._bounded(receive), send)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and detail of a refusal; None where there is nothing to refuse."""
        if scope["path"].endswith("\n"):
            return NOT_FOUND, NO_SUCH_ROUTE
        if len(scope["query_string"]) > self.query_bytes_max:
            return URI_TOO_LONG, f"query: more than {self.query_bytes_max} bytes"
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _OF_BODY:  # said twice, it is a list of both (RFC 9110 §5.3)
                headers[name] = headers[name] + b", " + value if name in headers else value
        declared = headers.get(_LENGTH, b"0")
        if not self._is_within(declared):
            return CONTENT_TOO_LARGE, f"body: more than {self.body_bytes_max} bytes"
        has_body = int(declared) > 0 or _CHUNKED in headers
        if has_body and scope["method"] not in _BODILESS:
            said = headers.get(_TYPE, b"")
            if not _is_json(said):
                told = said[:80].decode("latin-1")
                return UNSUPPORTED_MEDIA_TYPE, f"body: {told!r} is not application/json"
        return None

    def _is_within(self, declared: bytes) -> bool:
        """Whether a declared length is a number within the bound; its own length is bounded too."""
        is_number = declared.isdigit() and len(declared) <= LENGTH_DIGITS_MAX
        return is_number and int(declared) <= self.body_bytes_max

    def _bounded(self, receive: Receive) -> Receive:
        """Count what arrives: a chunked body declares no length."""
        received, is_whole = 0, False
        deadline = asyncio.get_running_loop().time() + self.body_wait_s

        async def receive_bounded() -> Message:
            nonlocal received, is_whole
            if is_whole:  # what is waited for now is the end of the connection
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                detail = f"body: not whole within {self.body_wait_s:g} seconds"
                raise HTTPException(REQUEST_TIMEOUT, detail) from error
            is_whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self.body_bytes_max:
                detail = f"body: more than {self.body_bytes_max} bytes"
                raise HTTPException(CONTENT_TOO_LARGE, detail)
            return message

        return receive_bounded


class RequestLimiter:
    """Refuses what a client asks too often (429), and tells everybody what is left.

    Who is signed in is counted by account, everybody else by peer. What accounts ask is counted by
    peer as well, by a wider rate.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limiter: Limiter,
        peers: Peers,
        known: KnownSessions,
        cookie_name: str,
        now: Callable[[], Timestamp],
    ) -> None:
        self.app = app
        self._limiter, self._peers, self._known, self._now = limiter, peers, known, now
        self._cookie = f"{cookie_name}=".encode()
        self._policies = {each: _policy(each, rate) for each, rate in limiter.rates.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, then pass it on or refuse it."""
        rate_class = (
            rate_class_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        )
        if rate_class is None or rate_class not in self._policies:
            await self.app(scope, receive, send)
            return
        now = self._now()
        peer = self._peers.peer(scope)
        client = self._client(scope, rate_class, now) or peer
        taken = await self._take(rate_class, client, now)
        if taken.is_admitted and client != peer:
            of_peer = await self._take(OF_PEER[rate_class], peer, now)
            if not of_peer.is_admitted:
                rate_class, taken = OF_PEER[rate_class], of_peer
        # As draft-ietf-httpapi-ratelimit-headers spells them.
        left = b";r=%d;t=%d" % (taken.remaining, taken.reset_s)
        policy, name = self._policies[rate_class]
        scope[ADDED] = (policy, (b"ratelimit", name + left))
        if taken.is_admitted:
            await self.app(scope, receive, send)
            return
        rate = self._limiter.rates[rate_class]
        detail = f"more than {rate.limit} {rate_class} requests in {rate.window_s} seconds"
        headers = {"Retry-After": str(taken.reset_s)}
        await refusal(Request(scope), TOO_MANY_REQUESTS, detail, headers)(scope, receive, send)

    async def _take(self, rate_class: RateClass, client: str, now: Timestamp) -> Taken:
        """Count a request: reads in this process alone."""
        if rate_class in _READS:
            return self._limiter.take_here(rate_class, client, now)
        return await self._limiter.take(rate_class, client, now)

    def _client(self, scope: Scope, rate_class: RateClass, now: Timestamp) -> str | None:
        """The account that asks, where it is known; signing in is nobody's."""
        if rate_class is not RateClass.AUTHENTICATION:
            for name, value in scope["headers"]:
                if name == b"cookie" and self._cookie in value:
                    account = self._account(value, now)
                    if account is not None:
                        return account
        return None

    def _account(self, cookies: bytes, now: Timestamp) -> str | None:
        token = cookies.partition(self._cookie)[2].partition(b";")[0].decode("latin-1").strip()
        account = self._known.account(token_digest(token), now) if is_token(token) else None
        return None if account is None else account.name


class OriginGate:
    """Lets requests of pages through `with_origin`, and all others past it.

    Only a request that names its origin needs answers for it; the others need not wait.
    """

    def __init__(self, app: ASGIApp, with_origin: Callable[[ASGIApp], ASGIApp]) -> None:
        self.app, self._with_origin = app, with_origin(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look for the header."""
        for name, _ in scope.get("headers", ()):
            if name == b"origin":
                await self._with_origin(scope, receive, send)
                return
        await self.app(scope, receive, send)


class RequestTimer:
    """Measures how long each route takes, by route and status."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Time the request; the route is known once the router has found it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # unless a response starts
        started = perf_counter()

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.observe(route, status, perf_counter() - started)


def _is_json(said: bytes) -> bool:
    """Whether a content type is JSON, in UTF-8 as all JSON is."""
    media_type, _, parameters = said.lower().partition(b";")
    spelled = parameters.replace(b'"', b"").replace(b" ", b"")
    return media_type.strip() == _JSON and spelled in _CHARSETS


def _policy(rate_class: RateClass, rate: Rate) -> tuple[tuple[bytes, bytes], bytes]:
    """The header that tells a class's rate, and how the other header names the class."""
    name = f'"{rate_class}"'.encode()
    return (b"ratelimit-policy", name + b";q=%d;w=%d" % (rate.limit, rate.window_s)), name
