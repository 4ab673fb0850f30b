"""RPC endpoints between the processes and the node, for what networks and providers do.

- `Gateway` holds `eth_sendRawTransaction` back: the request leaves the sender and never arrives.
  What it holds is not answered and dropped with the connection, so that only a sender that stored
  the raw transaction can bring it to the chain.
- `OmittingEndpoint` leaves one log out of everything that it says, with HTTP status 200 and under
  the true block hash: no check of hashes can see it.
- `ClosedEndpoint` does not answer until it is opened.
"""

import json
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
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
        return _forwarded(self._node_url, body)


class OmittingEndpoint:
    """Forwards; once it is armed, it leaves out the next log of a contract that it sees."""

    def __init__(self, node_url: str, contract: str) -> None:
        self._node_url, self._contract = node_url, contract.lower()
        self._is_armed = threading.Event()
        self._lock = threading.Lock()
        self._omitted: tuple[object, object] | None = None

    def arm(self) -> None:
        """From now on, keep one log back."""
        self._is_armed.set()

    @property
    def omitted_block(self) -> int | None:
        """The block whose log is left out; None before it was asked for."""
        with self._lock:
            return None if self._omitted is None else int(str(self._omitted[0]), 16)

    def answer(self, body: bytes) -> bytes:
        """Forward one request, and leave the log out of the answer."""
        content = _forwarded(self._node_url, body)
        if not self._is_armed.is_set() or b'"logIndex"' not in content:
            return content
        document = json.loads(content)
        for reply in document if isinstance(document, list) else [document]:
            self._leave_out(reply.get("result"))
        return json.dumps(document).encode()

    def _leave_out(self, result: object) -> None:
        """Take the log out of a list of logs, of receipts, or out of one receipt."""
        for entry in result if isinstance(result, list) else [result]:
            if isinstance(entry, dict) and isinstance(entry.get("logs"), list):
                entry["logs"] = [log for log in entry["logs"] if not self._is_the_one(log)]
        if isinstance(result, list):
            result[:] = [entry for entry in result if not self._is_the_one(entry)]

    def _is_the_one(self, entry: Mapping[str, object]) -> bool:
        if "logIndex" not in entry or str(entry["address"]).lower() != self._contract:
            return False
        place = (entry["blockNumber"], entry["logIndex"])
        with self._lock:
            if self._omitted is None:
                self._omitted = place
            return self._omitted == place


class ClosedEndpoint:
    """Drops every connection until it is opened; then forwards."""

    def __init__(self, node_url: str) -> None:
        self._node_url = node_url
        self._is_open = threading.Event()

    def open(self) -> None:
        """Answer from now on."""
        self._is_open.set()

    def answer(self, body: bytes) -> bytes | None:
        """Forward one request; None while closed."""
        return _forwarded(self._node_url, body) if self._is_open.is_set() else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """A client that was killed is part of the story; anything else is shown as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running_gateway(node_url: str) -> Iterator[tuple[Gateway, str]]:
    """A gateway on a free loopback port while the context lasts; yields it and its URL."""
    gateway = Gateway(node_url)
    with served(gateway.answer) as url:
        try:
            yield gateway, url
        finally:
            gateway.release()


@contextmanager
def served(answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """Serve answers on a free loopback port while the context lasts; yields the URL.

    An answer of None drops the connection.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            content = answer(body)
            if content is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - signature of the base class
            """Say nothing: the processes log their own requests."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="gateway", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _forwarded(node_url: str, body: bytes) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - a loopback address of our own
        node_url, body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_FORWARD_LIMIT_S) as response:  # noqa: S310
        content: bytes = response.read()
    return content


def _asks_to_send(body: bytes) -> bool:
    content = json.loads(body)
    calls = content if isinstance(content, list) else [content]
    return any(call.get("method") == _HELD_METHOD for call in calls)
