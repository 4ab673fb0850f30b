"""JSON-RPC calls to one endpoint, over one kept-alive HTTP connection.

A call that gets no answer (no connection, a timeout, a gateway's error) is tried up to three times
within ten seconds, unless the gateway itself asks for a pause. An answer is never asked for twice:
what it says, also an error, is the caller's to judge. Messages name the host, and nothing of the
address that may be a key (`endpoint_address.py`).

Source: JSON-RPC 2.0; EIP-1474.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

import orjson
import urllib3
from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)

from indexer.adapters.endpoint_address import EndpointAddress
from indexer.errors import (
    AnswerMalformed,
    AnswerTooLarge,
    RPCFailed,
    RPCForbidden,
    RPCUnreachable,
)

_TRIES_MAX = 3
_TRIES_WITHIN_S = 10
_FIRST_WAIT_S, _WAIT_MAX_S = 0.1, 2
_CONNECT_TIMEOUT_S = 5
_MESSAGE_LENGTH_MAX = 1_000
_NO_ANSWER = frozenset({408, 425, 429, *range(500, 600)})
_FORBIDDEN = frozenset({301, 302, 303, 307, 308, 401, 403, 404})
_ABOUT_BATCHES = re.compile(r"\bbatch", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RPCLimits:
    """Bounds of one HTTP request."""

    timeout_s: int
    calls_max: int
    answer_bytes_max: int


@dataclass(frozen=True, slots=True)
class Call:
    """One method with its parameters."""

    method: str
    params: tuple[object, ...]


class JSONRPC:
    """One endpoint."""

    def __init__(self, url: str, limits: RPCLimits) -> None:
        self._address = EndpointAddress.of(url)
        self._limits, self._calls_max = limits, limits.calls_max
        self._headers = urllib3.make_headers(keep_alive=True, accept_encoding="gzip")
        self._headers["content-type"] = "application/json"
        if self._address.authorization is not None:
            self._headers["authorization"] = self._address.authorization
        self._pool = urllib3.connection_from_url(
            url,
            maxsize=1,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=limits.timeout_s),
        )
        self._retrying = Retrying(
            stop=stop_after_attempt(_TRIES_MAX) | stop_after_delay(_TRIES_WITHIN_S),
            wait=wait_exponential(multiplier=_FIRST_WAIT_S, max=_WAIT_MAX_S),
            retry=retry_if_exception(_is_worth_a_try),
            reraise=True,
        )

    @property
    def host(self) -> str:
        """How messages and evidence name the endpoint."""
        return self._address.host

    def malformed(self, what: str) -> AnswerMalformed:
        """An answer of this endpoint is not what it should be; it may repeat our key."""
        return AnswerMalformed(self.host, self._address.without_secrets(what))

    def call(self, method: str, *params: object) -> object:
        """The result of one call.

        Raises:
            RPCUnreachable: there was no answer.
            RPCFailed: the answer is an error.
            AnswerMalformed: the answer is no JSON-RPC.
            RPCForbidden: the endpoint does not serve us.
        """
        return _result(self.answers([Call(method, params)])[0])

    def results(self, calls: Sequence[Call]) -> list[object]:
        """The results of many calls, in their order; raises as `call` does, on the first error."""
        return [_result(answer) for answer in self.answers(calls)]

    def answers(self, calls: Sequence[Call]) -> list[object]:
        """Like `results`, but a call's own error is in its place, as a value (`RPCFailed`)."""
        parts = self._parts(calls)
        return [one for part in parts for one in self._answers_in(part, self._content(part))]

    def contents(self, calls: Sequence[Call]) -> list[bytes]:
        """What the endpoint sends back for many calls, one content for each HTTP exchange.

        Raises:
            RPCUnreachable: there was no answer.
            RPCForbidden: the endpoint does not serve us.
        """
        return [self._content(part) for part in self._parts(calls)]

    def results_in(self, calls: Sequence[Call], contents: Sequence[bytes]) -> list[object]:
        """The results in such contents, as `results` gives them."""
        exchanges = zip(self._parts(calls), contents, strict=True)
        return [
            _result(answer)
            for part, content in exchanges
            for answer in self._answers_in(part, content)
        ]

    def takes_fewer_calls(self, error: RPCFailed, asked: int) -> bool:
        """Send at most half as many calls at once from now on, if an error is about batches.

        False if it is not, or if calls went one by one already. `asked` is how many failed so.
        """
        sent = min(self._calls_max, asked)
        if sent <= 1 or not _ABOUT_BATCHES.search(error.message):
            return False
        self._calls_max = sent >> 1
        return True

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _parts(self, calls: Sequence[Call]) -> list[Sequence[Call]]:
        """The calls of each HTTP exchange."""
        size = self._calls_max
        return [calls[start : start + size] for start in range(0, len(calls), size)]

    def _content(self, calls: Sequence[Call]) -> bytes:
        requests = [
            {"jsonrpc": "2.0", "id": place, "method": one.method, "params": one.params}
            for place, one in enumerate(calls)
        ]
        body = orjson.dumps(requests if len(calls) > 1 else requests[0])
        return self._retrying(self._send, calls[0].method, body)

    def _answers_in(self, calls: Sequence[Call], content: bytes) -> list[object]:
        return self._in_order(calls, self._parsed(calls[0].method, content))

    def _send(self, method: str, body: bytes) -> bytes:
        """One HTTP exchange."""
        limit = self._limits.answer_bytes_max
        try:
            response = self._pool.request(
                "POST",
                self._address.path,
                body=body,
                headers=self._headers,
                preload_content=False,
                redirect=False,
            )
            content = response.read(limit + 1, decode_content=True)
            if len(content) > limit:
                response.close()  # the rest stays unread, so the connection cannot be kept
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise RPCUnreachable(self.host, method, type(error).__name__) from error
        if response.status in _NO_ANSWER:
            raise RPCUnreachable(
                self.host,
                method,
                f"HTTP status {response.status}",
                status=response.status,
                retry_after_s=_pause_s(response.headers),
            )
        if response.status in _FORBIDDEN:
            raise RPCForbidden(self.host, response.status)
        if len(content) > limit:
            raise AnswerTooLarge(self.host, f"answer to {method} has more than {limit} bytes")
        return content

    def _parsed(self, method: str, content: bytes) -> list[object]:
        try:
            replies = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise AnswerMalformed(self.host, f"answer to {method} is no JSON: {error}") from error
        return replies if isinstance(replies, list) else [replies]

    def _in_order(self, calls: Sequence[Call], replies: Sequence[object]) -> list[object]:
        """The answers in the order of their calls; each call has exactly one."""
        by_id: dict[int, Mapping[str, object]] = {}
        for reply in replies:
            if not isinstance(reply, dict):
                raise AnswerMalformed(self.host, "a reply is no object")
            if reply.get("id") is None and "error" in reply:
                raise self._failure(calls[0].method, reply["error"])
            if isinstance(reply.get("id"), int):
                by_id[reply["id"]] = reply
        if len(replies) != len(calls) or set(by_id) != set(range(len(calls))):
            raise AnswerMalformed(self.host, f"{len(replies)} replies to {len(calls)} calls")
        return [self._answer(one, by_id[place]) for place, one in enumerate(calls)]

    def _answer(self, call: Call, reply: Mapping[str, object]) -> object:
        if reply.get("error") is not None:
            return self._failure(call.method, reply["error"])
        if "result" not in reply:
            raise AnswerMalformed(self.host, f"reply to {call.method} has no result")
        return reply["result"]

    def _failure(self, method: str, error: object) -> RPCFailed:
        code, message, data = 0, str(error), None
        if isinstance(error, dict):
            code = error["code"] if isinstance(error.get("code"), int) else 0
            message, data = str(error.get("message", "")), error.get("data")
        return RPCFailed(
            self.host,
            method,
            code=code,
            message=self._address.without_secrets(message[:_MESSAGE_LENGTH_MAX]),
            data=data,
        )


def _is_worth_a_try(error: BaseException) -> bool:
    return isinstance(error, RPCUnreachable) and error.retry_after_s is None


def _pause_s(headers: Mapping[str, str]) -> int | None:
    """The seconds that a Retry-After header asks for; None without one, and for a past date.

    A date is counted from the date of the answer, by the one clock that both are of.
    """
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", asked):
        return int(asked)
    try:
        until, now = (parsedate_to_datetime(one) for one in (asked, headers.get("date", "")))
        pause_s = (until - now) // timedelta(seconds=1)
    except (TypeError, ValueError, OverflowError):
        return None
    return pause_s if pause_s > 0 else None


def _result(answer: object) -> object:
    if isinstance(answer, RPCFailed):
        raise answer
    return answer
