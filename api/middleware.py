"""What happens to every request before it is routed: bounds on its size, and its measurement."""

from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import RequestMetrics
from api.problem_details import refusal

CONTENT_TOO_LARGE = 413
URI_TOO_LONG = 414
LENGTH_DIGITS_MAX = 18


class RequestBounds:
    """Refuses a query (414) or a body (413) over its bound, before any of it is parsed."""

    def __init__(self, app: ASGIApp, query_bytes_max: int, body_bytes_max: int) -> None:
        self.app = app
        self.query_bytes_max, self.body_bytes_max = query_bytes_max, body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a body that cannot outgrow the bound."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        declared = request.headers.get("content-length", "0")
        if len(scope["query_string"]) > self.query_bytes_max:
            detail = f"query: more than {self.query_bytes_max} bytes"
            await refusal(request, URI_TOO_LONG, detail)(scope, receive, send)
        elif not self._is_within(declared):
            detail = f"body: more than {self.body_bytes_max} bytes"
            await refusal(request, CONTENT_TOO_LARGE, detail)(scope, receive, send)
        else:
            await self.app(scope, self._bounded(receive), send)

    def _is_within(self, declared: str) -> bool:
        """Whether a declared length is a number within the bound; its own length is bounded too."""
        is_number = declared.isdecimal() and len(declared) <= LENGTH_DIGITS_MAX
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
