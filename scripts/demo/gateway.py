"""The RPC endpoint of the settlement process: forwards, or holds `eth_sendRawTransaction` back.

It stands for what networks do: the request leaves the sender and never arrives. What it holds is
not answered and dropped with the connection, so that only a sender that stored the raw transaction
can bring it to the chain.
"""

import json
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HELD_METHOD = "eth_sendRawTransaction"
_FORWARD_LIMIT_S = 30


class Gateway:
    """State shared by the handler threads: whether transactions are held, and whether one was."""

    def __init__(self, node_url: str) -> None:
        self._node_url = node_url
        self._is_open = threading.Event()
        self._is_open.set()
        self.has_held = threading.Event()

    def hold(self) -> None:
        """From now on, let no raw transaction through."""
        self.has_held.clear()
        self._is_open.clear()

    def release(self) -> None:
        """Let transactions through again; those held so far stay lost."""
        self._is_open.set()

    def answer(self, body: bytes) -> bytes | None:
        """Forward one request; None for one that was held and is lost."""
        if _asks_to_send(body) and not self._is_open.is_set():
            self.has_held.set()
            self._is_open.wait()
            return None
        request = urllib.request.Request(  # noqa: S310 - a loopback address of our own
            self._node_url, body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_FORWARD_LIMIT_S) as response:  # noqa: S310
            content: bytes = response.read()
        return content


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """A client that was killed is part of the story; anything else is shown as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running_gateway(node_url: str) -> Iterator[tuple[Gateway, str]]:
    """Serve on a free loopback port while the context lasts; yields the gateway and its URL."""
    gateway = Gateway(node_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            content = gateway.answer(body)
            if content is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - signature of the base class
            """Say nothing: the settlement process logs its own requests."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="gateway", daemon=True)
    thread.start()
    try:
        yield gateway, f"http://127.0.0.1:{server.server_port}"
    finally:
        gateway.release()
        server.shutdown()
        server.server_close()


def _asks_to_send(body: bytes) -> bool:
    content = json.loads(body)
    calls = content if isinstance(content, list) else [content]
    return any(call.get("method") == _HELD_METHOD for call in calls)
