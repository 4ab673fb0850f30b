"""uvicorn's protocol for clients that send a head without end, or never send one.

uvicorn bounds neither the size of a head nor the time it may take; what comes after the head is
bounded by the application.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BoundedHead(HttpToolsProtocol):
    """Refuses a head of more than `HEAD_BYTES_MAX` (431), and closes after `HEAD_WAIT_S`."""

    HEAD_BYTES_MAX = 65_536
    HEAD_WAIT_S = 10.0

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **options)
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a head."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._stop_waiting()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Count what arrives before the head is whole."""
        super().data_received(data)
        if self._deadline is None:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.HEAD_BYTES_MAX:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            self.transport.write(line.encode() + b"connection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.HEAD_WAIT_S, self.transport.close)

    def _stop_waiting(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
