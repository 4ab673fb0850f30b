"""A JSON-RPC node that replays a built chain, with little work per answer.

`python -m tests.bench.replay_node DIRECTORY [--latency-ms N]` prints its port and serves until it
is ended. HTTP/1.1 with kept connections and JSON-RPC batches; a thread for each connection. Answers
are cut out of mapped files. Only the bench's own filter of eth_getLogs (the token, `Transfer` or
`Approval`) is cut out; any other is answered too, slowly, by looking at every log.

A range of logs has at most 100 blocks; more are refused with the words of reth. Latency is waited
before each answer. There is no compression. `latest`, `safe` and `finalized` are one block: all of
this chain is long final. `bench_counts`, which no real node has, tells what was asked and when.
"""

import argparse
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import orjson

from tests.bench.chain_files import ChainFiles
from tests.bench.yardstick import APPROVAL, CHAIN_ID, TOKEN, TRANSFER

RANGE_BLOCKS_MAX = 100
_WANTED_ADDRESS = "0x" + TOKEN.hex()
_WANTED_TOPICS = {"0x" + TRANSFER.hex(), "0x" + APPROVAL.hex()}
_TAGS = {"latest", "safe", "finalized", "pending"}

Piece: TypeAlias = bytes | memoryview


class Refused(Exception):
    """A call that a node answers with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class ReplayNode:
    """Answers calls; every result is a list of pieces that only need to be sent."""

    def __init__(self, chain: ChainFiles) -> None:
        self._chain, self._last = chain, chain.shape.blocks - 1
        self._segments = chain.segments
        self._numbers = {
            f"0x{chain.block_hash(number).hex()}": number for number in range(chain.shape.blocks)
        }
        self._counts: Counter[str] = Counter()
        self._first_ns = self._last_ns = 0

    def reply(self, call: dict[str, Any]) -> list[Piece]:
        """One JSON-RPC reply."""
        head = b'{"jsonrpc":"2.0","id":' + orjson.dumps(call.get("id"))
        try:
            return [head, b',"result":', *self._result(call["method"], call["params"]), b"}"]
        except Refused as error:
            refusal = orjson.dumps({"code": error.code, "message": error.message})
            return [head, b',"error":', refusal, b"}"]

    def _result(self, method: str, params: Sequence[Any]) -> list[Piece]:
        if method == "bench_counts":
            times = {"first_ns": self._first_ns, "last_ns": self._last_ns}
            return [orjson.dumps({"calls": self._counts, **times})]
        self._last_ns = time.monotonic_ns()
        self._first_ns = self._first_ns or self._last_ns
        self._counts[method] += 1
        match method:
            case "eth_getLogs":
                return self._logs(params[0])
            case "eth_getBlockByNumber" | "eth_getBlockByHash":
                return self._one("blocks" if params[1] else "headers", self._number(params[0]))
            case "eth_getBlockReceipts":
                return self._one("receipts", self._number(params[0]))
            case "eth_blockNumber":
                return [orjson.dumps(hex(self._last))]
            case "eth_chainId":
                return [orjson.dumps(hex(CHAIN_ID))]
        raise Refused(-32601, f"the method {method} does not exist/is not available")

    def _one(self, segment: str, number: int | None) -> list[Piece]:
        return [b"null"] if number is None else [self._segments[segment].of(number, number)]

    def _number(self, name: str | dict[str, str]) -> int | None:
        """The block of this tag, number or hash, if it exists."""
        if isinstance(name, dict):
            name = name.get("blockHash") or name["blockNumber"]
        if name in _TAGS:
            return self._last
        if len(name) == 66:
            return self._numbers.get(name.lower())
        number = 0 if name == "earliest" else int(name, 16)
        return number if number <= self._last else None

    def _logs(self, asked: dict[str, Any]) -> list[Piece]:
        first, last = self._bounds(asked)
        addresses, topics = _addresses(asked), [_set(one) for one in asked.get("topics") or []]
        if addresses == {_WANTED_ADDRESS} and topics == [_WANTED_TOPICS]:
            return [b"[", self._segments["logs"].of(first, last)[1:], b"]"]
        return [orjson.dumps(list(self._filtered(first, last, addresses, topics)))]

    def _bounds(self, asked: dict[str, Any]) -> tuple[int, int]:
        """First and last block of a filter."""
        if "blockHash" in asked:
            number = self._numbers.get(asked["blockHash"].lower())
            if number is None:
                raise Refused(-32000, "unknown block")
            return number, number
        ends = [asked.get(name, "latest") for name in ("fromBlock", "toBlock")]
        first, last = (self._last if end in _TAGS else int(end, 16) for end in ends)
        if first > last:
            raise Refused(-32602, "invalid block range params")
        if last - first >= RANGE_BLOCKS_MAX:
            raise Refused(-32602, f"query exceeds max block range {RANGE_BLOCKS_MAX}")
        if last > self._last:
            raise Refused(-32602, "block range extends beyond current head block")
        return first, last

    def _filtered(
        self, first: int, last: int, addresses: set[str], topics: Sequence[set[str]]
    ) -> Iterator[dict[str, Any]]:
        for number in range(first, last + 1):
            for receipt in orjson.loads(self._segments["receipts"].of(number, number)):
                for log in receipt["logs"]:
                    fits = len(log["topics"]) >= len(topics) and all(
                        not wanted or topic in wanted
                        for wanted, topic in zip(topics, log["topics"], strict=False)
                    )
                    if fits and (not addresses or log["address"] in addresses):
                        yield log


def serve(chain: ChainFiles, listening: socket.socket, latency_ms: int) -> None:
    """Answer connections for ever."""
    node = ReplayNode(chain)
    while True:
        connection, _ = listening.accept()
        arguments = (node, connection, latency_ms)
        threading.Thread(target=_converse, args=arguments, daemon=True).start()


def _converse(node: ReplayNode, connection: socket.socket, latency_ms: int) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as requests:
        try:
            while (body := _request(requests)) is not None:
                time.sleep(latency_ms / 1000)
                _send(connection, _answer(node, body))
        except ConnectionError:
            return  # the client went away


def _request(requests: BinaryIO) -> bytes | None:
    """The body of the next HTTP request; None when the client is done."""
    if not requests.readline():
        return None
    length = 0
    while (line := requests.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return requests.read(length)


def _answer(node: ReplayNode, body: bytes) -> list[Piece]:
    asked = orjson.loads(body)
    if isinstance(asked, dict):
        return node.reply(asked)
    pieces: list[Piece] = [b"["]
    for place, call in enumerate(asked):
        pieces += [b","] if place else []
        pieces += node.reply(call)
    return [*pieces, b"]"]


def _send(connection: socket.socket, pieces: Sequence[Piece]) -> None:
    length = sum(map(len, pieces))
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    small = [head.encode()]
    for piece in pieces:
        if isinstance(piece, memoryview) and len(piece) > 1 << 16:
            connection.sendall(b"".join(small), socket.MSG_MORE)
            connection.sendall(piece, socket.MSG_MORE)
            small = []
        else:
            small.append(bytes(piece))
    connection.sendall(b"".join(small))


def _addresses(asked: dict[str, Any]) -> set[str]:
    return {one.lower() for one in _set(asked.get("address"))}


def _set(value: str | list[str] | None) -> set[str]:
    """One value, a list of alternatives, or none: anything fits."""
    if value is None:
        return set()
    return {value} if isinstance(value, str) else set(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--latency-ms", type=int, default=0)
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        serve(ChainFiles(options.directory), listening, options.latency_ms)


if __name__ == "__main__":
    main()
