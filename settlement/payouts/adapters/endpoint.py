"""One JSON-RPC endpoint: calls, batches of calls, and what its errors mean.

Transport failures of reads are tried three times; whatever then remains is `ChainUnavailable`. A
broadcast is tried once: the next tick sends it again. Raw JSON goes no further than the adapters.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import requests
from requests import RequestException
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from contracts.evm import Address, BlockRef, bytes_from_hex
from settlement.errors import ChainUnavailable
from settlement.payouts.broadcast import Answer, SendResult, read_error

BATCH_MAX = 100
"""Calls of one JSON-RPC batch."""

_TRIES_MAX = 3
_WAIT_MAX_S = 2

Json = Any  # what json.loads returns
Call = tuple[str, list[Json]]


class Endpoint:
    """Reads and broadcasts through web3's HTTP provider.

    `told` is how the words of the provider are repeated: some hold the URL, and so its key.
    """

    def __init__(self, url: str, *, timeout_s: int, told: Callable[[str], str] = str) -> None:
        self._told = told
        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": timeout_s},
            session=requests.Session(),
            exception_retry_configuration=None,
        )

    def read(self, method: str, params: list[Json]) -> Json:
        """The result of one call."""
        return _result(method, self.response(method, params))

    def read_many(self, calls: Sequence[Call]) -> list[Json]:
        """The results of many calls, in order."""
        responses = self.responses(calls)
        return [
            _result(method, response)
            for (method, _), response in zip(calls, responses, strict=True)
        ]

    def views(self, calls: Sequence[tuple[Address, bytes]], at: BlockRef) -> list[bytes]:
        """The answers of views of contracts, at one block."""
        requested: list[Call] = [
            ("eth_call", [{"to": str(to), "data": "0x" + call.hex()}, pinned(at)])
            for to, call in calls
        ]
        return [bytes_from_hex(answer) for answer in self.read_many(requested)]

    def response(self, method: str, params: list[Json]) -> Json:
        """The response to one call, also an error."""
        endpoint = RPCEndpoint(method)
        return self._retold(_tried(method, partial(self._provider.make_request, endpoint, params)))

    def responses(self, calls: Sequence[Call]) -> list[Json]:
        """The responses to many calls, in order, also errors."""
        responses: list[Json] = []
        for start in range(0, len(calls), BATCH_MAX):
            part = [(RPCEndpoint(method), params) for method, params in calls[start:][:BATCH_MAX]]
            method = part[0][0]
            answer = _tried(method, partial(self._provider.make_batch_request, part))
            if not isinstance(answer, list) or len(answer) != len(part):
                raise ChainUnavailable(method, "the node refused a batch of calls")
            responses.extend(map(self._retold, answer))
        return responses

    def send_raw(self, raw: bytes) -> SendResult:
        """Broadcast; no answer and every error are results."""
        method = RPCEndpoint("eth_sendRawTransaction")
        try:
            response: Json = self._provider.make_request(method, ["0x" + raw.hex()])
        except (RequestException, Web3Exception) as error:
            # Only the kind: the message of a transport error may hold the URL with its key.
            return SendResult(Answer.UNCLEAR, type(error).__name__)
        if "error" not in response:
            return SendResult(Answer.ACCEPTED, "")
        refusal = self._retold(response)["error"]
        return read_error(int(refusal["code"]), refusal["message"])

    def _retold(self, response: Json) -> Json:
        if "error" not in response:
            return response
        error = response["error"]
        return {**response, "error": {**error, "message": self._told(str(error["message"]))}}


def pinned(at: BlockRef) -> Json:
    """A block by its hash, which a node that lacks it cannot take for another (EIP-1898)."""
    return {"blockHash": str(at.hash), "requireCanonical": True}


def _result(method: str, response: Json) -> Json:
    if "error" in response:
        raise ChainUnavailable(method, str(response["error"]["message"]))
    return response["result"]


def _tried(method: str, request: Callable[[], Json]) -> Json:
    """Ask up to three times as long as the transport fails."""
    attempt = retry(
        retry=retry_if_exception_type(RequestException),
        stop=stop_after_attempt(_TRIES_MAX),
        wait=wait_exponential(multiplier=0.2, max=_WAIT_MAX_S),
        reraise=True,
    )(request)
    try:
        return attempt()
    except (RequestException, Web3Exception) as error:
        raise ChainUnavailable(method, type(error).__name__) from error
