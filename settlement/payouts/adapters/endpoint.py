"""One JSON-RPC endpoint: calls, batches of calls, and what its errors mean.

Transport failures of reads are tried three times; whatever then remains is `ChainUnavailable`. A
broadcast is tried once: the next tick sends it again. Raw JSON goes no further than the adapters.

A response is a result or an error (JSON-RPC 2.0); one that is neither is no response. Of a failed
transport only the kind is told: its message may hold the URL with its key.
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

from contracts.calls import uint_from_answer
from contracts.evm import Address, BlockRef, bytes_from_hex
from settlement.errors import ChainUnavailable
from settlement.node_answers import quantity, reading
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

    def __init__(self, url: str, *, timeout_s: int, told: Callable[[str], str]) -> None:
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

    def quantity(self, method: str, params: list[Json]) -> int:
        """The result of a call that is answered with a number."""
        answer = self.read(method, params)
        with reading(method):
            return quantity(answer)

    def views(self, calls: Sequence[tuple[Address, bytes]], at: BlockRef) -> list[bytes]:
        """The answers of views of contracts, at one block."""
        requested: list[Call] = [
            ("eth_call", [{"to": str(to), "data": "0x" + call.hex()}, pinned(at)])
            for to, call in calls
        ]
        answers = self.read_many(requested)
        with reading("eth_call"):
            return [bytes_from_hex(answer) for answer in answers]

    def uints(self, calls: Sequence[tuple[Address, bytes]], at: BlockRef) -> list[int]:
        """The answers of views that return one unsigned integer."""
        answers = self.views(calls, at)
        with reading("eth_call"):
            return list(map(uint_from_answer, answers))

    def response(self, method: str, params: list[Json]) -> Json:
        """The response to one call, also an error."""
        endpoint = RPCEndpoint(method)
        answer = _tried(method, partial(self._provider.make_request, endpoint, params))
        return self._understood(method, answer)

    def responses(self, calls: Sequence[Call]) -> list[Json]:
        """The responses to many calls, in order, also errors."""
        responses: list[Json] = []
        for start in range(0, len(calls), BATCH_MAX):
            part = [(RPCEndpoint(method), params) for method, params in calls[start:][:BATCH_MAX]]
            method = part[0][0]
            answer = _tried(method, partial(self._provider.make_batch_request, part))
            if not isinstance(answer, list) or len(answer) != len(part):
                raise ChainUnavailable(method, "the node refused a batch of calls")
            if not _is_one_by_one(answer):
                raise ChainUnavailable(method, "a batch of calls was not answered one by one")
            responses.extend(
                self._understood(each, one) for (each, _), one in zip(part, answer, strict=True)
            )
        return responses

    def send_raw(self, raw: bytes) -> SendResult:
        """Broadcast; no answer and every error are results."""
        method = RPCEndpoint("eth_sendRawTransaction")
        try:
            with reading(method):
                answer: Json = self._provider.make_request(method, ["0x" + raw.hex()])
            response = self._understood(method, answer)
        except ChainUnavailable as error:
            return SendResult(Answer.UNCLEAR, str(error))
        except (RequestException, Web3Exception) as error:
            return SendResult(Answer.UNCLEAR, type(error).__name__)
        if "error" not in response:
            return SendResult(Answer.ACCEPTED, "")
        return read_error(response["error"]["code"], response["error"]["message"])

    def _understood(self, method: str, answer: Json) -> Json:
        """A response of `result` alone, or of `error` with a whole code and a told message."""
        if not isinstance(answer, dict):
            raise ChainUnavailable(method, "the answer is no JSON-RPC")
        error = answer.get("error")
        if error is not None:
            fields = error if isinstance(error, dict) else {"message": error}
            code = fields.get("code")
            return {
                "error": {
                    "code": code if type(code) is int else 0,
                    "message": self._told(str(fields.get("message"))),
                    "data": fields.get("data"),
                }
            }
        if "result" not in answer:
            raise ChainUnavailable(method, "the answer has neither result nor error")
        return {"result": answer["result"]}


def pinned(at: BlockRef) -> Json:
    """A block by its hash, which a node that lacks it cannot take for another (EIP-1898)."""
    return {"blockHash": str(at.hash), "requireCanonical": True}


def _is_one_by_one(answers: Sequence[Json]) -> bool:
    """Whether each call has an answer of its own; the provider has put them in order by id.

    Where an id is missing it hopes that they came in order, which a wrong amount could come of.
    """
    ids = {one["id"] for one in answers if type(one.get("id")) is int}
    return len(ids) == len(answers)


def _result(method: str, response: Json) -> Json:
    if "error" in response:
        raise ChainUnavailable(method, response["error"]["message"])
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
        with reading(method):
            return attempt()
    except (RequestException, Web3Exception) as error:
        raise ChainUnavailable(method, type(error).__name__) from error
