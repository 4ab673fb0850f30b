"""Raw logs by `eth_getLogs`, range by range, with the headers of their blocks."""

from collections.abc import Iterator, Mapping, Sequence
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
            (answer,) = self._client.tried([("eth_getLogs", [question | span])])
            if isinstance(answer, Refused):
                if width == 1:
                    raise ChainUnavailable(self._client.host, f"eth_getLogs: {answer.message}")
                width = widest = max(width >> 1, 1)
                continue
            start, width = stop, _next_width(width, widest, len(answer))
            if answer:
                yield raw_logs(answer)

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
    logs = [
        RawLog(
            number[raw["blockNumber"]],
            number[raw["logIndex"]],
            octets[raw["blockHash"]],
            octets[raw["transactionHash"]],
            octets[raw["address"]],
            tuple([octets[topic] for topic in raw["topics"]]),
            bytes.fromhex(raw["data"][2:]),
        )
        for raw in answer
    ]
    logs.sort()
    return logs


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
