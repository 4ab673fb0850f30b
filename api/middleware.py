"""What happens to every request before it is routed: measured, counted, and kept within bounds."""

from collections.abc import Callable
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import RequestMetrics
from api.problem_details import refusal
from api.rate_limits import Limiter, Rate, RateClass, rate_class_of
from api.rate_limits_clients import Peers
from api.security_headers import ADDED
from api.sessions import KnownSessions, is_token, token_digest
from contracts.evm import Timestamp

CONTENT_TOO_LARGE = 413
URI_TOO_LONG = 414
UNSUPPORTED_MEDIA_TYPE = 415
TOO_MANY_REQUESTS = 429
LENGTH_DIGITS_MAX = 18
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_LENGTH, _CHUNKED, _TYPE = b"content-length", b"transfer-encoding", b"content-type"
_OF_BODY = frozenset({_LENGTH, _CHUNKED, _TYPE})
_JSON = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")


class RequestBounds:
    """Refuses a query (414) or a body (413) over its bound, before any of it is parsed.

    So is a body that is no JSON by its type (415): a page can send no JSON to another origin
    without asking first, so a form cannot forge a change.
    """

    def __init__(self, app: ASGIApp, query_bytes_max: int, body_bytes_max: int) -> None:
        self.app = app
        self.query_bytes_max, self.body_bytes_max = query_bytes_max, body_bytes_max

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
        if len(scope["query_string"]) > self.query_bytes_max:
            return URI_TOO_LONG, f"query: more than {self.query_bytes_max} bytes"
        headers = {name: value for name, value in scope["headers"] if name in _OF_BODY}
        declared = headers.get(_LENGTH, b"0")
        if not self._is_within(declared):
            return CONTENT_TOO_LARGE, f"body: more than {self.body_bytes_max} bytes"
        has_body = int(declared) > 0 or _CHUNKED in headers
        if has_body and scope["method"] not in _BODILESS:
            said = headers.get(_TYPE, b"")
            if said.lower() not in _JSON:
                return UNSUPPORTED_MEDIA_TYPE, f"body: {said[:80]!r} is not application/json"
        return None

    def _is_within(self, declared: bytes) -> bool:
        """Whether a declared length is a number within the bound; its own length is bounded too."""
        is_number = declared.isdigit() and len(declared) <= LENGTH_DIGITS_MAX
        return is_number and int(declared) <= self.body_bytes_max

    def _bounded(self, receive: Receive) -> Receive:
        """Count what arrives: a chunked body declares no length."""
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.body_bytes_max:
                detail = f"body: more than {self.body_bytes_max} bytes"
                raise HTTPException(CONTENT_TOO_LARGE, detail)
            return message

        return receive_bounded


class RequestLimiter:
    """Refuses what a client asks too often (429), and tells everybody what is left.

    Who is signed in is counted by account, everybody else by peer. Writes of accounts are counted
    by peer as well, by a wider rate.
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
        client = self._client(scope, rate_class, now)
        if rate_class is RateClass.READS:
            taken = self._limiter.take_here(rate_class, client, now)
        else:
            taken = await self._limiter.take(rate_class, client, now)
            peer = self._peers.peer(scope)
            if rate_class is RateClass.PAYMENTS and taken.is_admitted and client != peer:
                of_peer = await self._limiter.take(RateClass.PAYMENTS_OF_PEER, peer, now)
                if not of_peer.is_admitted:
                    rate_class, taken = RateClass.PAYMENTS_OF_PEER, of_peer
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

    def _client(self, scope: Scope, rate_class: RateClass, now: Timestamp) -> str:
        if rate_class is not RateClass.AUTHENTICATION:
            for name, value in scope["headers"]:
                if name == b"cookie" and self._cookie in value:
                    account = self._account(value, now)
                    if account is not None:
                        return account
        return self._peers.peer(scope)

    def _account(self, cookies: bytes, now: Timestamp) -> str | None:
        token = cookies.partition(self._cookie)[2].partition(b";")[0].decode("latin-1").strip()
        account = self._known.account(token_digest(token), now) if is_token(token) else None
        return None if account is None else account.hex()


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


def _policy(rate_class: RateClass, rate: Rate) -> tuple[tuple[bytes, bytes], bytes]:
    """The header that tells a class's rate, and how the other header names the class."""
    name = f'"{rate_class}"'.encode()
    return (b"ratelimit-policy", name + b";q=%d;w=%d" % (rate.limit, rate.window_s)), name
