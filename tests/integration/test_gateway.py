"""The gateway between the settlement process and its node: forwards, or loses transactions."""

import http.client
import json
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scripts.demo.gateway import Gateway, running_gateway

SEND = "eth_sendRawTransaction"
WAIT_S = 60


class Node:
    """Answers every call with its own method and parameters, and remembers what arrived."""

    def __init__(self) -> None:
        self.arrived: list[str] = []

    def answer(self, body: bytes) -> bytes:
        content = json.loads(body)
        calls = content if isinstance(content, list) else [content]
        self.arrived += [call["method"] for call in calls]
        answers = [
            {"jsonrpc": "2.0", "id": call["id"], "result": [call["method"], *call["params"]]}
            for call in calls
        ]
        return json.dumps(answers if isinstance(content, list) else answers[0]).encode()


@pytest.fixture
def node() -> Iterator[tuple[Node, str]]:
    node = Node()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = node.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield node, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def gateway(node: tuple[Node, str]) -> Iterator[tuple[Gateway, str]]:
    with running_gateway(node[1]) as running:
        yield running


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def call(method: str, *params: object, number: int = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def post(url: str, content: object) -> Any:
    request = urllib.request.Request(url, json.dumps(content).encode())  # noqa: S310
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:  # noqa: S310
        return json.load(response)


def held(
    gateway: tuple[Gateway, str], background: ThreadPoolExecutor, content: object
) -> "Future[Any]":
    """A request that the gateway holds by now."""
    future = background.submit(post, gateway[1], content)
    assert gateway[0].has_held.wait(WAIT_S)
    return future


def test_gateway__single__forwarded(gateway: tuple[Gateway, str]) -> None:
    assert post(gateway[1], call("eth_call", {"to": "0x1"}, "latest", number=9)) == {
        "jsonrpc": "2.0",
        "id": 9,
        "result": ["eth_call", {"to": "0x1"}, "latest"],
    }


def test_gateway__batch__forwarded_in_order(gateway: tuple[Gateway, str]) -> None:
    answers = post(gateway[1], [call("a", 1, number=1), call(SEND, "0x2", number=2)])

    assert [answer["result"] for answer in answers] == [["a", 1], [SEND, "0x2"]]


@pytest.mark.parametrize(
    "content",
    [call(SEND, "0x1"), [call("eth_chainId"), call(SEND, "0x1", number=2)]],
    ids=["single", "batch"],
)
def test_gateway__holding__transaction_lost_for_ever(
    gateway: tuple[Gateway, str],
    node: tuple[Node, str],
    background: ThreadPoolExecutor,
    content: object,
) -> None:
    gateway[0].hold()
    sent = held(gateway, background, content)
    assert not sent.done()

    gateway[0].release()

    with pytest.raises(http.client.RemoteDisconnected):
        sent.result(WAIT_S)
    assert node[0].arrived == []


def test_gateway__holding__other_methods_pass(
    gateway: tuple[Gateway, str], node: tuple[Node, str], background: ThreadPoolExecutor
) -> None:
    gateway[0].hold()
    sent = held(gateway, background, call(SEND, "0x1"))

    assert post(gateway[1], call("eth_blockNumber"))["result"] == ["eth_blockNumber"]
    assert node[0].arrived == ["eth_blockNumber"]
    assert not sent.done()
    gateway[0].release()


def test_gateway__released__transactions_pass_again(
    gateway: tuple[Gateway, str], node: tuple[Node, str]
) -> None:
    gateway[0].hold()
    gateway[0].release()

    assert post(gateway[1], call(SEND, "0x1"))["result"] == [SEND, "0x1"]
    assert node[0].arrived == [SEND]
    assert not gateway[0].has_held.is_set()


def test_gateway__held_again__tells_of_the_new_one_only(
    gateway: tuple[Gateway, str], background: ThreadPoolExecutor
) -> None:
    gateway[0].hold()
    held(gateway, background, call(SEND, "0x1"))
    gateway[0].release()

    gateway[0].hold()

    assert not gateway[0].has_held.is_set()


def test_gateway__ended_while_holding__lets_go(
    node: tuple[Node, str], background: ThreadPoolExecutor
) -> None:
    with running_gateway(node[1]) as running:
        running[0].hold()
        sent = held(running, background, call(SEND, "0x1"))

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        sent.result(WAIT_S)
    assert node[0].arrived == []
