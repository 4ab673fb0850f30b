"""Contents of responses that hold logs, read whole and with the logs cut out first."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import orjson

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.cut_logs import NOTHING_CUT, CutLogs
from indexer.adapters.json_rpc import JSONRPC, Call, RPCLimits
from indexer.adapters.log_answers import logs_from_answers
from indexer.adapters.log_bytes import cut_logs
from indexer.adapters.receipt_answers import receipts_from_answers
from indexer.errors import IndexerError
from indexer.logs import LogBatch, RawLog
from indexer.receipt_batch import ReceiptBatch
from tests.raw_logs import log_object

Answer = dict[str, Any]
Columns = tuple[object, ...]
Read = Callable[[Sequence[object], CutLogs], LogBatch | ReceiptBatch]

LIMITS = RPCLimits(timeout_s=1, calls_max=100, answer_bytes_max=1_000_000)
PLAIN = orjson.dumps


class SavedContents(JSONRPC):
    """An endpoint that has sent these contents, whatever it is asked."""

    def __init__(self, *contents: bytes) -> None:
        super().__init__("http://127.0.0.1:1", LIMITS)
        self._saved = contents
        self.parsed: list[Sequence[bytes]] = []

    def contents(self, calls: Sequence[Call]) -> list[bytes]:
        return list(self._saved)

    def results_in(self, calls: Sequence[Call], contents: Sequence[bytes]) -> list[object]:
        self.parsed.append(contents)
        return super().results_in(calls, contents)


def alike_logs(count: int, *, first_index: int = 0x10, topics: int = 3) -> list[RawLog]:
    """Logs whose JSON differs in digits only, as long as `first_index + count` allows."""
    return [
        RawLog(
            BlockNumber(0x1A2B3),
            Hash32(bytes((0xB0, 7)) * 16),
            LogIndex(first_index + place),
            Address(bytes((0xA0 + place % 8,)) * 20),
            tuple(bytes((place % 256, topic, 0xEF, 1)) * 8 for topic in range(topics)),
            bytes((place % 256, 0xCD)) * 16,
            Hash32(bytes((0xD0, place % 256, 5, 9)) * 8),
            0x20 + place % 16,
        )
        for place in range(count)
    ]


def replies(*results: object) -> list[Answer]:
    return [{"jsonrpc": "2.0", "id": place, "result": one} for place, one in enumerate(results)]


def logs_content(*answers: Sequence[RawLog]) -> bytes:
    """The content that answers so many eth_getLogs."""
    several = replies(*([log_object(log) for log in logs] for logs in answers))
    return PLAIN(several if len(several) > 1 else several[0])


def receipt_object(place: int, logs: Sequence[Answer]) -> Answer:
    """A receipt as eth_getBlockReceipts gives it."""
    return {
        "blockHash": "0x" + "b0" * 32,
        "blockNumber": "0x1a2b3",
        "cumulativeGasUsed": hex(21_000 * (place + 1)),
        "effectiveGasPrice": "0x7",
        "logs": list(logs),
        "logsBloom": "0x" + "00" * 256,
        "status": "0x1",
        "transactionHash": "0x" + bytes((place,)).hex() * 32,
        "transactionIndex": hex(place),
        "type": "0x2",
    }


def read_whole(content: bytes, calls: int, read: Read) -> Columns | str:
    """What the answers say to the parser, or its refusal."""
    asked = [Call("eth", ())] * calls
    try:
        return columns(read(SavedContents().results_in(asked, [content]), NOTHING_CUT))
    except (IndexerError, NotTheSchema) as error:
        return str(error)


def read_cut(content: bytes, calls: int, read: Read) -> Columns | None:
    """What they say with the logs cut out; None where that is not believed."""
    cut = cut_logs([content])
    if cut is None:
        return None
    try:
        return columns(read(SavedContents().results_in([Call("eth", ())] * calls, cut.rests), cut))
    except (IndexerError, NotTheSchema):
        return None


def columns(batch: LogBatch | ReceiptBatch) -> Columns:
    """A batch as values that can be compared, with types and shapes."""
    return tuple(_comparable(getattr(batch, one.name)) for one in fields(batch))


def _comparable(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return columns(value) if isinstance(value, LogBatch) else value


LOGS: Read = logs_from_answers
RECEIPTS: Read = receipts_from_answers
