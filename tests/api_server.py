"""The API as it is served: uvicorn on a free port of this machine, in a thread of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from api.app import create_app
from api.context import Deps
from scripts.http_protocol import BoundedHead
from scripts.serve import http_server


@contextmanager
def served_api(deps: Deps, protocol: type[BoundedHead] = BoundedHead) -> Iterator[str]:
    """The URL of the API while the context lasts."""
    server = http_server(create_app(deps), protocol)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        until_started = Retrying(
            retry=retry_if_result(lambda started: not started),
            wait=wait_fixed(0.01),
            stop=stop_after_delay(60),
        )
        try:
            until_started(lambda: server.started)
            yield "http://{}:{}".format(*listening.getsockname()[:2])
        finally:
            server.should_exit = True
            thread.join(60)
