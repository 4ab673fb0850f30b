"""Clients that mean no good, and a server that is to end: scripts.http_protocol, scripts.serve."""

import socket
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

from api.context import Limits
from scripts.http_protocol import BoundedHead
from tests.api_client import deps_without_database
from tests.api_server import served_api

DEPS = deps_without_database(Limits(body_wait_s=0.2))


class Impatient(BoundedHead):
    HEAD_BYTES_MAX = 2_000
    HEAD_WAIT_S = 0.2


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)


def answer_to(url: str, *pieces: bytes) -> bytes:
    """All that the server says before it closes the connection."""
    with closing(connected(url)) as client:
        for piece in pieces:
            client.sendall(piece)
        said = b""
        while data := client.recv(4096):
            said += data
    return said


def test_head__without_end__refused_and_closed() -> None:
    with served_api(DEPS, Impatient) as url:
        said = answer_to(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", b"x" * 2_000)

    assert said.startswith(b"HTTP/1.1 431 ")


def test_head__never_whole__closed_without_an_answer() -> None:
    with served_api(DEPS, Impatient) as url:
        silent = answer_to(url)
        half = answer_to(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n")

    assert (silent, half) == (b"", b"")


def test_body__never_whole__request_timeout() -> None:
    head = b"POST /v1/proofs/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    body = b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with served_api(DEPS) as url:
        said = answer_to(url, head, body)

    assert said.startswith(b"HTTP/1.1 408 ")


def test_requests__one_after_the_other_on_a_connection__each_has_the_whole_bound() -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1_500 + b"\r\n\r\n"
    with served_api(DEPS, Impatient) as url, closing(connected(url)) as client:
        statuses = []
        for _ in range(3):
            client.sendall(request)
            statuses.append(client.recv(4096).split()[1])

    assert statuses == [b"200"] * 3


_SIGNALLED_EARLY = """
import signal, socket
import uvicorn
from fastapi import FastAPI
from scripts.serve import run_until_stopped

class Signalled(uvicorn.Server):
    def run(self, sockets=None):
        signal.raise_signal(signal.SIGTERM)  # before the server has handlers of its own
        super().run(sockets)

listening = socket.create_server(("127.0.0.1", 0))
run_until_stopped(Signalled(uvicorn.Config(FastAPI(), log_config=None)), listening)
print("ended")
"""


def test_server__signal_before_it_listens_to_signals__ends() -> None:
    """A launcher that is killed while its server starts leaves nothing running."""
    command = [sys.executable, "-c", _SIGNALLED_EARLY]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "ended\n"
