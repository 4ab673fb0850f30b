"""A loopback node that serves the chain of `tests/bundle_builder.py`, for the verifier's tests."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests import bundle_builder as story

FILES = story.story_files()
MANIFEST_DIGEST = story.keccak(FILES["manifest.json"])
ROOT = bytes.fromhex(json.loads(FILES["manifest.json"])["tree"]["root"][2:])
TOTALS = [
    (
        asset,
        terms["paid_in"],
        0,
        terms["allocated"],
        terms.get("escrow", 0),
        terms["unallocated"],
        0,
    )
    for asset, terms in story.TOTALS.items()
]
ACTIVE_AT = 5_000
OTHER_HASH = story.hex0x(bytes(31) + b"\1")


def committed_log(
    at: tuple[int, int],
    *,
    epoch: int = story.EPOCH,
    attempt: int = story.ATTEMPT,
    digest: bytes = MANIFEST_DIGEST,
    root: bytes = ROOT,
    totals: list[Any] = TOTALS,
) -> story.Json:
    values = (epoch, attempt, digest, root, ACTIVE_AT, 1, [story.S1, story.S2], totals)
    return story.raw_log(*at, "EpochPayouts", "EpochCommitted", values)


def vetoed_log(at: tuple[int, int], epoch: int, attempt: int) -> story.Json:
    values = (epoch, attempt, story.S3, bytes(32))
    return story.raw_log(*at, "EpochPayouts", "EpochVetoed", values)


@dataclass(kw_only=True)
class FakeNode:
    """A chain of blocks and logs, behind the limits of a real endpoint.

    `receipts` are what it says of a block instead of the truth; without `has_block_receipts` it
    only knows single receipts.
    """

    chain_id: int = story.CHAIN_ID
    times: dict[int, int] = field(default_factory=lambda: dict(story.TIMES))
    logs: list[story.Json] = field(
        default_factory=lambda: [*story.story_logs(), *story.other_logs()]
    )
    range_max: int = 10_000
    batch_max: int = 10_000
    status: int = 200
    raw_answer: bytes | None = None
    receipts: dict[int, Any] = field(default_factory=dict)
    has_block_receipts: bool = True
    calls: list[str] = field(default_factory=list)

    def answer(self, body: Any) -> bytes:
        if self.raw_answer is not None:
            return self.raw_answer
        if not isinstance(body, list):
            return json.dumps(self.call(body)).encode()
        if len(body) > self.batch_max:
            return json.dumps(self.error(None, "batch too large")).encode()
        return json.dumps([self.call(each) for each in reversed(body)]).encode()

    def call(self, body: Any) -> story.Json:
        method, params = body["method"], body["params"]
        self.calls.append(method)
        if method == "eth_getLogs" and self.width(params[0]) > self.range_max:
            return self.error(body["id"], "query returned more than 10000 results")
        if method == "eth_getBlockReceipts" and not self.has_block_receipts:
            return self.error(body["id"], "the method eth_getBlockReceipts does not exist")
        results: dict[str, Callable[[], object]] = {
            "eth_chainId": lambda: hex(self.chain_id),
            "eth_blockNumber": lambda: hex(max(self.times)),
            "eth_getBlockByNumber": lambda: self.block(int(params[0], 16)),
            "eth_getLogs": lambda: self.matching(params[0]),
            "eth_getBlockReceipts": lambda: self.receipts_of(int(params[0], 16)),
            "eth_getTransactionReceipt": lambda: self.receipt(params[0]),
        }
        return {"jsonrpc": "2.0", "id": body["id"], "result": results[method]()}

    @staticmethod
    def error(call_id: object, message: str) -> story.Json:
        return {"jsonrpc": "2.0", "id": call_id, "error": {"code": -32005, "message": message}}

    @staticmethod
    def width(criteria: story.Json) -> int:
        return int(criteria["toBlock"], 16) - int(criteria["fromBlock"], 16) + 1

    def block(self, number: int) -> story.Json | None:
        if number not in self.times:
            return None
        sent = story.receipts_of(number)
        return {
            "number": hex(number),
            "hash": story.hex0x(story.block_hash(number)),
            "parentHash": story.hex0x(story.block_hash(number - 1)),
            "timestamp": hex(self.times[number]),
            "receiptsRoot": story.hex0x(story.receipts_root(number)),
            "logsBloom": story.hex0x(story.bloom_of(story.logs_of_block(number))),
            "transactions": [f"0x{number:x}{at:062x}" for at, _ in enumerate(sent)],
        }

    def receipts_of(self, number: int) -> Any:
        return self.receipts.get(number, story.receipts_of(number))

    def receipt(self, digest: str) -> Any:
        """Of the transaction whose hash begins with its block's number, 0x10 to 0x15."""
        return self.receipts_of(int(digest[:4], 16))[int(digest[4:], 16)]

    def matching(self, criteria: story.Json) -> list[story.Json]:
        first, last = int(criteria["fromBlock"], 16), int(criteria["toBlock"], 16)
        return [
            {
                "address": log["address"],
                "blockHash": log["block_hash"],
                "blockNumber": hex(int(log["block_number"])),
                "data": log["data"],
                "logIndex": hex(int(log["log_index"])),
                "topics": log["topics"],
                "removed": False,
            }
            for log in self.logs
            if first <= int(log["block_number"]) <= last
            and log["address"] in criteria["address"]
            and log["topics"][0] in criteria["topics"][0]
        ]


@contextmanager
def serving(node: FakeNode) -> Iterator[str]:
    """Serve the node on a loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            data = node.answer(body)
            self.send_response(node.status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret-key"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def node_with(*logs: story.Json, **settings: Any) -> FakeNode:
    node = FakeNode(**settings)
    node.logs = sorted(
        [*node.logs, *logs], key=lambda log: (int(log["block_number"]), int(log["log_index"]))
    )
    return node
