"""Raw logs by `eth_getLogs`, range by range, with the headers of their blocks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.evm import Address, BlockRef, Hash32, Timestamp
from reconciliation.adapters.client import Refused, RPCClient
from reconciliation.chain_events import RawLog
from reconciliation.errors import ChainUnavailable
from reconciliation.ports import LogChunk

RANGE_BLOCKS = 2_000
"""Blocks of one question, to begin with; halved while a node refuses."""

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
        width = RANGE_BLOCKS
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
                width = max(width >> 1, 1)
                continue
            start = stop
            logs = sorted(map(raw_log, answer))
            if logs:
                yield logs

    def of_block(self, number: int) -> list[RawLog]:
        """Every log of one block."""
        span = {"fromBlock": hex(number), "toBlock": hex(number)}
        return sorted(map(raw_log, self._client.call("eth_getLogs", span)))

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


def raw_log(raw: Any) -> RawLog:  # noqa: ANN401 - JSON
    """A log object as a tuple."""
    read = bytes.fromhex
    return RawLog(
        int(raw["blockNumber"], 16),
        int(raw["logIndex"], 16),
        read(raw["blockHash"][2:]),
        read(raw["transactionHash"][2:]),
        read(raw["address"][2:]),
        tuple([read(topic[2:]) for topic in raw["topics"]]),
        read(raw["data"][2:]),
    )
