"""Raw logs by `eth_getLogs`, range by range, with the headers of their blocks."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from contracts.evm import Address, BlockRef, Hash32, Timestamp
from reconciliation.adapters.client import Refused, RPCClient
from reconciliation.chain_events import RawLog
from reconciliation.errors import ChainUnavailable
from reconciliation.ports import LogChunk

FIRST_BLOCKS, RANGE_BLOCKS = 100, 2_000
"""Blocks of the first question, and of one at most; halved while a node refuses."""

RANGE_LOGS = 10_000
"""Logs of one answer that are welcome: more are taken, and then fewer blocks are asked about."""

Topics = Sequence[str | Sequence[str] | None]

_FIELDS = itemgetter(
    *("blockNumber", "logIndex", "blockHash", "transactionHash", "address", "topics", "data")
)
_tuple: Callable[..., RawLog] = tuple.__new__
"""Named tuples are made without the call that names their fields; so many are made."""


class LogReader:
    """Logs of one endpoint."""

    def __init__(self, client: RPCClient) -> None:
        self._client = client

    def chunks(
        self, addresses: Sequence[Address], topics: Topics, start: int, at: BlockRef
    ) -> Iterator[LogChunk]:
        """Logs of blocks [start, at] in chain order, with the timestamps of their blocks.

        Raises:
            ChainUnavailable: no answer, or a log of a block that is not the chain's.
        """
        for logs in self.ranges(addresses, topics, start, at.number + 1):
            yield LogChunk(logs=logs, times=self.times(logs))

    def ranges(
        self, addresses: Sequence[Address], topics: Topics, start: int, end: int
    ) -> Iterator[list[RawLog]]:
        """Logs of blocks [start, end), range by range, without what is empty."""
        width, widest = FIRST_BLOCKS, RANGE_BLOCKS
        question: dict[str, object] = {"topics": list(topics)}
        if addresses:
            question["address"] = [str(one) for one in addresses]
        while start < end:
            stop = min(start + width, end)
            span = {"fromBlock": hex(start), "toBlock": hex(stop - 1)}
            with _uncollected():
                (answer,) = self._client.tried([("eth_getLogs", [question | span])])
                if isinstance(answer, Refused):
                    if width == 1:
                        raise ChainUnavailable(self._client.host, f"eth_getLogs: {answer.message}")
                    width = widest = max(width >> 1, 1)
                    continue
                logs = raw_logs(answer)
                del answer  # as large as all else together, and not needed while these are read
            start, width = stop, _next_width(width, widest, len(logs))
            if logs:
                yield logs

    def of_block(self, number: int) -> list[RawLog]:
        """Every log of one block."""
        span = {"fromBlock": hex(number), "toBlock": hex(number)}
        return raw_logs(self._client.call("eth_getLogs", span))

    def times(self, logs: Sequence[RawLog]) -> Mapping[int, Timestamp]:
        """Timestamps of the blocks of logs, which must be of the chain."""
        hashes = {log.block_number: log.block_hash for log in logs}
        calls = [("eth_getBlockByNumber", (hex(number), False)) for number in hashes]
        times: dict[int, Timestamp] = {}
        for (number, block_hash), raw in zip(
            hashes.items(), self._client.batch(calls), strict=True
        ):
            if raw is None or Hash32.from_hex(raw["hash"]) != block_hash:
                raise ChainUnavailable(self._client.host, f"block {number} moved while it was read")
            times[number] = Timestamp(int(raw["timestamp"], 16))
        return times


def _next_width(width: int, widest: int, logs: int) -> int:
    """Fewer blocks after too many logs, more again after few: what is held at once is bounded."""
    if logs > RANGE_LOGS:
        return max(width >> 1, 1)
    return min(width << 1, widest) if logs < RANGE_LOGS >> 2 else width


def raw_logs(answer: Sequence[Any]) -> list[RawLog]:
    """Log objects as tuples, in chain order.

    What many of them have in common (a block's hash, a contract, an event's topic) is read once.
    """
    octets, number = _Octets(), _Numbers()
    read_octets, decode = octets.__getitem__, bytes.fromhex
    logs = [
        _tuple(
            RawLog,
            (
                number[block],
                number[index],
                octets[block_hash],
                octets[transaction],
                octets[address],
                tuple(map(read_octets, topics)),
                decode(data[2:]),
            ),
        )
        for block, index, block_hash, transaction, address, topics, data in map(_FIELDS, answer)
    ]
    logs.sort()
    return logs


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: an answer has none, and it would look at all of it often."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Octets(dict[str, bytes]):
    """Hex with 0x, read once."""

    def __missing__(self, text: str) -> bytes:
        self[text] = found = bytes.fromhex(text[2:])
        return found


class _Numbers(dict[str, int]):
    """Quantities, read once."""

    def __missing__(self, text: str) -> int:
        self[text] = found = int(text, 16)
        return found
