"""Keeps requests in the air, in a process of its own that imports next to nothing.

Reads {"port", "paths", "expected", "at_once", "duration_s"} as JSON from stdin; prints the seconds
that each request took. A path is asked by the connection that is free; every answer must have
status 200 and hold what is expected.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from time import perf_counter


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, paths: Iterator[str], expected: bytes, ends: float) -> None:
        self.took_s: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()
        self._paths, self._expected, self._ends = paths, expected, ends
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("not a stream")
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; after the last one, ask again."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        now = perf_counter()
        self.took_s.append(now - self._started)
        is_right = head.startswith(b"HTTP/1.1 200") and self._expected in body
        if not is_right or now >= self._ends:
            self.ended.set_result(None if is_right else self._answer.decode())
            self._transport.close()
            return
        self._answer = b""
        self._ask()

    def _ask(self) -> None:
        self._started = perf_counter()
        self._transport.write(f"GET {next(self._paths)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())


def _same(client: Client) -> Client:
    return client


async def main() -> None:
    """Ask until the time is over."""
    order = json.load(sys.stdin)
    paths, ends = cycle(order["paths"]), perf_counter() + order["duration_s"]
    loop = asyncio.get_running_loop()
    clients = [Client(paths, order["expected"].encode(), ends) for _ in range(order["at_once"])]
    for client in clients:
        await loop.create_connection(partial(_same, client), "127.0.0.1", order["port"])
    for wrong in await asyncio.gather(*(client.ended for client in clients)):
        if wrong is not None:
            raise RuntimeError(wrong)
    json.dump([one for client in clients for one in client.took_s], sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
