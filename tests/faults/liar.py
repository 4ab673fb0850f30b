"""An endpoint that tells the truth but for one thing: a proxy before a real node."""

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Lie = Callable[[str, list[Any], Any], Any]
"""Method, parameters and true result to what is answered."""


class NoSuchMethodError(Exception):
    """Raised by a lie: the node knows no such method."""


@contextmanager
def lying(url: str, lie: Lie) -> Iterator[str]:
    """The URL of the proxy, while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                answers = json.loads(response.read())
            calls = json.loads(body)
            is_batch = isinstance(calls, list)
            pairs = zip(calls, answers, strict=True) if is_batch else [(calls, answers)]
            for call, answer in pairs:
                if "result" not in answer:
                    continue
                try:
                    answer["result"] = lie(call["method"], call["params"], answer["result"])
                except NoSuchMethodError:
                    del answer["result"]
                    answer["error"] = {"code": -32601, "message": "the method does not exist"}
            data = json.dumps(answers).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def other_block(number: int) -> Lie:
    """Another hash for one block."""

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == hex(number):
            return result | {"hash": "0x" + "ab" * 32}
        return result

    return lie


def hidden_log(block_number: int, log_index: int) -> Lie:
    """One log fewer."""

    def lie(method: str, _: list[Any], result: Any) -> Any:
        if method != "eth_getLogs":
            return result
        place = (hex(block_number), hex(log_index))
        return [log for log in result if (log["blockNumber"], log["logIndex"]) != place]

    return lie


def other_balance(token: str) -> Lie:
    """One unit more than the token says."""

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_call" and params[0]["to"].lower() == token.lower():
            return "0x" + (int(result, 16) + 1).to_bytes(32, "big").hex()
        return result

    return lie
