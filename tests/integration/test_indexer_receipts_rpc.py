"""Receipts over JSON-RPC: at once or one by one, and what is never taken for "none"."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.adapters.rpc import RPCReader
from indexer.adapters.rpc_answers import blocks_from_answers
from indexer.blocks import Block
from indexer.chain_profiles import CHAIN_PROFILES
from indexer.errors import AnswerMalformed, AnswersDisagree, RPCFailed, RPCForbidden
from indexer.receipt_batch import prove_receipts
from tests.block_answers import Answer, made_up_block, made_up_receipts

LIMITS = RPCLimits(timeout_s=2, calls_max=50, answer_bytes_max=10_000_000)
ETHEREUM = CHAIN_PROFILES[0]


class Node:
    """Serves the receipts of its blocks; `refusal` is its error for eth_getBlockReceipts.

    Methods in `forbidden` get an HTTP status 403.
    """

    def __init__(self) -> None:
        self.pairs: list[tuple[Answer, list[Answer]]] = []
        self.refusal: tuple[int, str] | None = None
        self.unknown: set[str] = set()
        self.forbidden: set[str] = set()
        self.methods: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                calls = body if isinstance(body, list) else [body]
                node.methods += [call["method"] for call in calls]
                replies = [{"jsonrpc": "2.0", "id": one["id"], **node.reply(one)} for one in calls]
                content = json.dumps(replies if isinstance(body, list) else replies[0]).encode()
                is_forbidden = not node.forbidden.isdisjoint(one["method"] for one in calls)
                self.send_response(403 if is_forbidden else 200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def reply(self, call: dict[str, Any]) -> dict[str, Any]:
        (name,) = call["params"]
        if name in self.unknown:
            return {"result": None}
        if call["method"] == "eth_getBlockReceipts":
            if self.refusal is not None:
                return {"error": {"code": self.refusal[0], "message": self.refusal[1]}}
            return {"result": next(one for block, one in self.pairs if block["number"] == name)}
        listed = [receipt for _, receipts in self.pairs for receipt in receipts]
        return {"result": next(one for one in listed if one["transactionHash"] == name)}

    def blocks(self) -> list[Block]:
        return blocks_from_answers([block for block, _ in self.pairs])

    def reader(self) -> RPCReader:
        return RPCReader(JSONRPC(f"http://127.0.0.1:{self.server.server_port}", LIMITS))


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    node.pairs = [made_up_block(made_up_receipts(4)), made_up_block([])]
    node.pairs[1][0]["number"] = "0x1"
    thread = threading.Thread(target=node.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield node
    node.server.shutdown()
    node.server.server_close()
    thread.join()


def test_receipts__of_two_blocks__proved_and_the_empty_one_not_asked_for(node: Node) -> None:
    batch = node.reader().receipts(node.blocks())

    assert batch.receipt_count.tolist() == [4, 0]
    assert len(prove_receipts(node.blocks(), batch, ETHEREUM)) == 6
    assert node.methods == ["eth_getBlockReceipts"]


def test_receipts__of_empty_blocks_only__nothing_asked(node: Node) -> None:
    batch = node.reader().receipts(node.blocks()[1:])

    assert batch.receipt_count.tolist() == [0]
    assert node.methods == []


@pytest.mark.parametrize(
    "refusal",
    [
        (-32601, "nope"),
        (-32601, "the method eth_getBlockReceipts does not exist/is not available"),
        (-32004, "Method eth_getBlockReceipts is not supported"),
        (-32000, "Unsupported method: eth_getBlockReceipts"),
        (-32600, "method not found"),
        (0, "eth_getBlockReceipts: method is not whitelisted"),
    ],
)
def test_receipts__method_unsupported__one_by_one_for_good(
    refusal: tuple[int, str], node: Node
) -> None:
    node.refusal = refusal
    reader = node.reader()

    for _ in range(2):
        batch = reader.receipts(node.blocks())
        assert len(prove_receipts(node.blocks(), batch, ETHEREUM)) == 6
    assert node.methods == ["eth_getBlockReceipts"] + ["eth_getTransactionReceipt"] * 8


def test_receipts__method_forbidden__one_by_one_for_good(node: Node) -> None:
    node.forbidden = {"eth_getBlockReceipts"}
    reader = node.reader()

    for _ in range(2):
        batch = reader.receipts(node.blocks())
        assert len(prove_receipts(node.blocks(), batch, ETHEREUM)) == 6
    assert node.methods == ["eth_getBlockReceipts"] + ["eth_getTransactionReceipt"] * 8


def test_receipts__all_forbidden__raised_and_the_method_kept(node: Node) -> None:
    node.forbidden = {"eth_getBlockReceipts", "eth_getTransactionReceipt"}
    reader = node.reader()

    with pytest.raises(RPCForbidden):
        reader.receipts(node.blocks())
    node.forbidden, node.methods = set(), []
    assert reader.receipts(node.blocks()).receipt_count.tolist() == [4, 0]
    assert node.methods == ["eth_getBlockReceipts"]


@pytest.mark.parametrize(
    "refusal",
    [(-32000, "header not found"), (-32005, "rate limit exceeded"), (-32602, "block not found")],
)
def test_receipts__another_error__raised_and_the_method_kept(
    refusal: tuple[int, str], node: Node
) -> None:
    node.refusal = refusal
    reader = node.reader()

    with pytest.raises(RPCFailed):
        reader.receipts(node.blocks())
    node.refusal = None
    assert reader.receipts(node.blocks()).receipt_count.tolist() == [4, 0]
    assert node.methods == ["eth_getBlockReceipts"] * 2


def test_receipts__null_for_a_block__not_none_of_them(node: Node) -> None:
    node.unknown = {node.pairs[0][0]["number"]}

    with pytest.raises(AnswersDisagree, match="knows nothing of eth_getBlockReceipts 0x0"):
        node.reader().receipts(node.blocks())


def test_receipts__null_for_a_transaction__not_skipped(node: Node) -> None:
    node.refusal = (-32601, "method not found")
    name = node.pairs[0][1][2]["transactionHash"]
    node.unknown = {name}

    with pytest.raises(AnswersDisagree, match=f"eth_getTransactionReceipt {name}"):
        node.reader().receipts(node.blocks())


def test_receipts__method_unsupported_and_no_transactions_listed__refused(node: Node) -> None:
    node.refusal = (-32601, "method not found")
    for block, _ in node.pairs:
        del block["transactions"]

    with pytest.raises(AnswerMalformed, match="block 0 does not list its transactions"):
        node.reader().receipts(node.blocks())


def test_receipts__empty_answer_for_a_block_that_lists_transactions__proof_refuses(
    node: Node,
) -> None:
    honest = node.pairs[0][1][:]
    node.pairs[0][1].clear()
    batch = node.reader().receipts(node.blocks())

    assert len(honest) == 4
    assert batch.receipt_count.tolist() == [0, 0]
    with pytest.raises(Exception, match="they are 0, the block lists 4 transactions"):
        prove_receipts(node.blocks(), batch, ETHEREUM)


def test_receipts__malformed__host_named(node: Node) -> None:
    node.pairs[0][1][1]["logs"][0]["topics"] = None

    with pytest.raises(AnswerMalformed, match=r"127\.0\.0\.1.*topics: None is not an array"):
        node.reader().receipts(node.blocks())
