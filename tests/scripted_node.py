"""A node on loopback that answers what it is told to, right or wrong."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[list[dict[str, Any]]], tuple[int, bytes]]


class QuietServer(ThreadingHTTPServer):
    """A server that takes it as it comes when a client hangs up before the answer."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class ScriptedNode:
    """Answers each HTTP request with the next entry of `script`, the last one for ever."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.requests: list[list[dict[str, Any]]] = []
        self.connections: set[int] = set()
        self.retry_after: str | None = None
        self.clock_ahead_s = 0
        self.authorization = ""
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                calls = body if isinstance(body, list) else [body]
                node.requests.append(calls)
                node.authorization = self.headers.get("authorization", "")
                node.connections.add(self.client_address[1])
                answer = node.script.pop(0) if len(node.script) > 1 else node.script[0]
                status, content = answer(calls)
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                if node.retry_after is not None:
                    self.send_header("retry-after", node.retry_after)
                self.end_headers()
                self.wfile.write(content)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(time.time() + node.clock_ahead_s)

            def log_message(self, *_: object) -> None:
                return

        self.server = QuietServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v3/secret-key"


def results(*values: object) -> Answer:
    """Answer the calls of one request in order."""

    def answer(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        replies = [
            {"jsonrpc": "2.0", "id": call["id"], "result": value}
            for call, value in zip(calls, values, strict=True)
        ]
        return 200, json.dumps(replies if len(calls) > 1 else replies[0]).encode()

    return answer


def failure(code: int, message: str, status: int = 200) -> Answer:
    def answer(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        error = {"code": code, "message": message}
        replies = [{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in calls]
        return status, json.dumps(replies if len(calls) > 1 else replies[0]).encode()

    return answer


def raw(status: int, content: bytes) -> Answer:
    return lambda calls: (status, content)


@contextmanager
def scripted_node() -> Iterator[ScriptedNode]:
    """A node that listens."""
    node = ScriptedNode()
    thread = threading.Thread(target=node.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield node
    finally:
        node.server.shutdown()
        node.server.server_close()
        thread.join()
