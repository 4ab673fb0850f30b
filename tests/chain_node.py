"""A node on loopback that serves a `FakeChain` over JSON-RPC, and can be made to misbehave.

Its slowness is that of a clock which it moves itself, so that no test waits for it.
"""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contracts.evm import Hash32, bytes_from_hex
from tests.block_answers import block_answer
from tests.fakes_chain import FakeBlock, FakeChain
from tests.raw_logs import log_object

Call = dict[str, Any]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: int) -> None:
        self.now_ns += seconds * 1_000_000_000


class ChainNode:
    """Serves one chain. Set `status` to fail, `takes_ms` to be slow, `alter` to lie.

    `alter` gets a call and its true result, and returns what is answered.
    """

    def __init__(self, chain: FakeChain, clock: Clock) -> None:
        self.chain, self.clock = chain, clock
        self.status, self.takes_ms = 200, 1
        self.retry_after: str | None = None
        self.alter: Callable[[Call, Any], Any] = lambda call, result: result
        self.methods: list[str] = []
        self.requests = 0
        self.connections: set[int] = set()
        self.encodings: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one segment an answer

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                node.connections.add(self.client_address[1])
                node.encodings.append(self.headers["accept-encoding"] or "")
                status, plain = node.answer(body)
                content = gzip.compress(plain, 1)
                self.send_response(status)
                self.send_header("content-encoding", "gzip")
                self.send_header("content-length", str(len(content)))
                if node.retry_after is not None:
                    self.send_header("retry-after", node.retry_after)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/v3/secret-key"

    def count(self, method: str) -> int:
        return self.methods.count(method)

    def answer(self, body: Call | list[Call]) -> tuple[int, bytes]:
        self.requests += 1
        self.clock.now_ns += self.takes_ms * 1_000_000
        if self.status != 200:
            return self.status, b""
        calls = body if isinstance(body, list) else [body]
        replies = [self._reply(call) for call in calls]
        return 200, json.dumps(replies if isinstance(body, list) else replies[0]).encode()

    def _reply(self, call: Call) -> Call:
        self.methods.append(call["method"])
        result = self.alter(call, self._result(call["method"], call["params"]))
        key = "error" if isinstance(result, dict) and "code" in result else "result"
        return {"jsonrpc": "2.0", "id": call["id"], key: result}

    def _result(self, method: str, params: Sequence[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(self.chain.served_chain_id)
            case "eth_getBlockByNumber":
                return self._block(self._numbered(params[0]))
            case "eth_getBlockByHash":
                return self._block(self._of_hash(params[0]))
            case "eth_getLogs":
                return self._logs(params[0])
            case "eth_getBlockReceipts":
                block = self._numbered(params[0])
                return None if block is None else _receipts(block)
            case _:
                return {"code": -32601, "message": f"the method {method} does not exist"}

    def _numbered(self, place: str) -> FakeBlock | None:
        canonical = self.chain.canonical
        if place == "latest":
            return canonical[-1]
        number = self.chain.finalized_number if place == "finalized" else int(place, 16)
        return None if number is None or number >= len(canonical) else canonical[number]

    def _of_hash(self, text: str) -> FakeBlock | None:
        wanted = Hash32(bytes_from_hex(text))
        return next((one for one in self.chain.canonical if one.header.hash == wanted), None)

    def _block(self, block: FakeBlock | None) -> Any:
        return (
            None
            if block is None
            else block_answer(block.header, ["0x" + one.hex() for one in block.transactions])
        )

    def _logs(self, wanted: dict[str, Any]) -> list[Call]:
        if "blockHash" in wanted:
            one = self._of_hash(wanted["blockHash"])
            blocks = [] if one is None else [one]
        else:
            start, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
            blocks = self.chain.canonical[start : last + 1]
        return [
            log_object(row)
            for block in blocks
            for row in block.rows()
            if "0x" + row.address.hex() in wanted["address"]
            and "0x" + row.topics[0].hex() in wanted["topics"][0]
        ]


def _receipts(block: FakeBlock) -> list[Call]:
    """One receipt for each log, as `FakeChain` has them."""
    return [
        {
            "type": "0x2",
            "status": "0x1",
            "cumulativeGasUsed": hex(21_000 * (row.transaction_index + 1)),
            "blockHash": str(row.block_hash),
            "blockNumber": hex(row.block_number),
            "transactionHash": str(row.transaction_hash),
            "transactionIndex": hex(row.transaction_index),
            "logs": [log_object(row)],
        }
        for row in block.rows()
    ]


@contextmanager
def serving(node: ChainNode) -> Iterator[ChainNode]:
    """The node, answering while the context lasts."""
    thread = threading.Thread(target=node.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield node
    finally:
        node.server.shutdown()
        node.server.server_close()
        thread.join()
