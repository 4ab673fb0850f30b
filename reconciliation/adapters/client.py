"""A lean JSON-RPC client of the reconciliation's own, so that nothing comes through the indexer.

Batches of calls, retried as a whole where nothing came back. A URL may hold a key, so that messages
name the host alone.
"""

from collections.abc import Sequence
from typing import Any

import orjson
import requests
from requests.exceptions import RequestException
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)

from contracts.evm import BlockNumber, BlockRef, Hash32, Timestamp
from indexer.adapters.endpoint_address import EndpointAddress
from reconciliation.errors import ChainUnavailable

CALLS_MAX = 200
"""Calls of one batch."""

_TRIES_MAX, _TRIES_WITHIN_S = 3, 10
_FIRST_WAIT_S, _WAIT_MAX_S = 0.1, 2
_MESSAGE_MAX = 200
_HEADERS = {"Content-Type": "application/json"}


class _NoAnswer(Exception):
    """One try that brought no answers; the message is the cause."""


class Refused:
    """What a node answered instead of a result: an error, with its message."""

    def __init__(self, message: str) -> None:
        self.message = message


class RPCClient:
    """One endpoint."""

    def __init__(self, url: str, *, timeout_s: int) -> None:
        self._address = EndpointAddress.of(url)
        self.host = self._address.host
        self._url, self._timeout_s = url, timeout_s
        self._session = requests.Session()
        self._retrying = Retrying(
            stop=stop_after_attempt(_TRIES_MAX) | stop_after_delay(_TRIES_WITHIN_S),
            wait=wait_exponential(multiplier=_FIRST_WAIT_S, max=_WAIT_MAX_S),
            retry=retry_if_exception_type(_NoAnswer),
            reraise=True,
        )

    def call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON
        """The result of one call.

        Raises:
            ChainUnavailable: no result.
        """
        (answer,) = self.batch([(method, parameters)])
        return answer

    def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """The results of calls, in order.

        Raises:
            ChainUnavailable: one of them has none.
        """
        answers = self.tried(calls)
        for (method, _), answer in zip(calls, answers, strict=True):
            if isinstance(answer, Refused):
                raise ChainUnavailable(self.host, f"{method}: {answer.message}")
        return answers

    def tried(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """The results of calls, in order; `Refused` where the node says why there is none.

        Raises:
            ChainUnavailable: the node does not answer at all.
        """
        answers: list[Any] = []
        for start in range(0, len(calls), CALLS_MAX):
            try:
                answers += self._retrying(self._ask, calls[start : start + CALLS_MAX])
            except _NoAnswer as error:
                raise ChainUnavailable(self.host, str(error)) from error
        return answers

    def block(self, name: str) -> BlockRef | None:
        """The block of this height or tag, as the node says it."""
        raw = self.call("eth_getBlockByNumber", name, False)
        return None if raw is None else block_ref(raw)

    def _ask(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(parameters)}
            for number, (method, parameters) in enumerate(calls)
        ]
        try:
            response = self._session.post(
                self._url, data=orjson.dumps(body), headers=_HEADERS, timeout=self._timeout_s
            )
            replies = orjson.loads(response.content)
        except (RequestException, ValueError) as error:
            raise _NoAnswer(type(error).__name__) from error
        if not isinstance(replies, list) or len(replies) != len(calls):
            raise _NoAnswer(f"{len(calls)} calls were not answered as a batch")
        by_id = {reply.get("id"): reply for reply in replies if isinstance(reply, dict)}
        if by_id.keys() != set(range(len(calls))):
            raise _NoAnswer(f"{len(calls)} calls were not answered one by one")
        return [self._result(by_id[number]) for number in range(len(calls))]

    def _result(self, reply: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What the node answered; its words go into reports, so they must not repeat a key."""
        if "result" in reply:
            return reply["result"]
        error = reply.get("error")
        message = error.get("message") if isinstance(error, dict) else "no result"
        return Refused(self._address.without_secrets(str(message))[:_MESSAGE_MAX])


def block_ref(raw: Any) -> BlockRef:  # noqa: ANN401 - JSON
    """A block object as our record."""
    return BlockRef(
        number=BlockNumber(int(raw["number"], 16)),
        hash=Hash32.from_hex(raw["hash"]),
        parent_hash=Hash32.from_hex(raw["parentHash"]),
        timestamp=Timestamp(int(raw["timestamp"], 16)),
    )


def pinned(at: BlockRef) -> dict[str, object]:
    """A block by hash (EIP-1898): an endpoint on another fork fails, and never answers."""
    return {"blockHash": str(at.hash), "requireCanonical": True}
