"""Raw logs, as nodes answer them, to columns.

Two ways, one meaning. `_log` says what a log must look like, field by field, and names what is
wrong with it. `_columns` reads whole columns at once, for speed, and gives up where anything is not
as it should be; then the logs are read one by one.

Source: EIP-1474; the execution-apis specification.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from contracts.evm import BlockNumber, LogIndex
from indexer.adapters.answer_fields import (
    NotTheSchema,
    RawObject,
    address,
    data,
    hash32,
    list_from,
    object_from,
    small_quantity,
)
from indexer.adapters.cut_logs import NOTHING_CUT, CutLogs, arranged
from indexer.adapters.hex_columns import byte_rows, byte_strings
from indexer.logs import Integers, LogBatch, RawLog, joined, log_batch

_TOPICS_MAX = 4
_NEAR_LOGS = 2_000  # parsed logs that fit into a processor's cache together


class _SmallQuantities(dict[str, int]):
    """Numbers by their text; each distinct text is checked once."""

    def __missing__(self, text: str) -> int:
        value = self[text] = small_quantity({"quantity": text}, "quantity")
        return value


def logs_from_answers(answers: Sequence[object], cut: CutLogs = NOTHING_CUT) -> LogBatch:
    """The results of one or many eth_getLogs, together in chain order.

    Args:
        answers: arrays of logs as they were parsed, with place holders for those cut out before.
        cut: the logs that were cut out.

    Raises:
        NotTheSchema: naming the first field that is wrong, and its value.
    """
    _, logs = listed_logs([list_from(answer, "logs") for answer in answers], cut)
    return logs if _is_ordered(logs) else logs.take(_order(logs))


def listed_logs(lists: Sequence[list[object]], cut: CutLogs) -> tuple[Integers, LogBatch]:
    """How many logs each array has, and all logs in the order given.

    Raises:
        NotTheSchema: naming the first field that is wrong, and its value.
    """
    if len(cut.rows) == 0:
        counts = np.array([len(one) for one in lists], dtype=np.int64)
        return counts, log_batch_from_objects(list(chain.from_iterable(lists)))
    listed = arranged(lists, cut)
    logs = joined([*cut.batches, log_batch_from_objects(listed.objects)])
    return listed.counts, logs.take(listed.rows)


def log_batch_from_objects(objects: Sequence[object]) -> LogBatch:
    """Logs as they were parsed from JSON, in the order given.

    Raises:
        NotTheSchema: naming the first field that is wrong, and its value.
    """
    known = _SmallQuantities()
    starts = range(0, len(objects), _NEAR_LOGS)
    try:
        return joined([_columns(objects[at : at + _NEAR_LOGS], known) for at in starts])
    except (KeyError, TypeError, ValueError):
        return log_batch(_log(object_from(raw, "log")) for raw in objects)


def _log(raw: RawObject) -> RawLog:
    """One log, and what it must look like."""
    if raw.get("removed"):
        raise NotTheSchema("removed", raw["removed"], "false: a log that is on the chain")
    topics = list_from(raw.get("topics"), "topics")
    if len(topics) > _TOPICS_MAX:
        raise NotTheSchema("topics", topics, "at most four topics")
    return RawLog(
        BlockNumber(small_quantity(raw, "blockNumber")),
        hash32(raw, "blockHash"),
        LogIndex(small_quantity(raw, "logIndex")),
        address(raw, "address"),
        tuple(data({"topics": topic}, "topics", 32) for topic in topics),
        data(raw, "data", None),
        hash32(raw, "transactionHash"),
        small_quantity(raw, "transactionIndex"),
    )


def _columns(objects: Sequence[Any], known: _SmallQuantities) -> LogBatch:
    """The same of all logs at once; any error says no more than that `_log` must look."""
    addresses, topics, contents, transactions = [], [], [], []
    numbers, hashes, indexes, places = [], [], [], []
    for raw in objects:
        numbers.append(known[raw["blockNumber"]])
        hashes.append(raw["blockHash"])
        indexes.append(known[raw["logIndex"]])
        addresses.append(raw["address"])
        topics.append(raw["topics"])
        contents.append(raw["data"])
        transactions.append(raw["transactionHash"])
        places.append(known[raw["transactionIndex"]])
        if raw.get("removed"):
            raise ValueError("not on the chain")
    topic_count = _topic_counts(topics)
    data_length, content = byte_strings(contents)
    return LogBatch(
        block_number=np.array(numbers, dtype=np.int64),
        block_hash=byte_rows(hashes, 32),
        log_index=np.array(indexes, dtype=np.int64),
        address=byte_rows(addresses, 20),
        topic_count=topic_count,
        topics=byte_rows(list(chain.from_iterable(topics)), 32),
        data_length=data_length,
        data=content,
        transaction_hash=byte_rows(transactions, 32),
        transaction_index=np.array(places, dtype=np.int64),
    )


def _topic_counts(topics: list[Any]) -> Integers:
    if not {list}.issuperset(map(type, topics)):
        raise TypeError("topics are no array")
    counts = np.fromiter(map(len, topics), dtype=np.int64, count=len(topics))
    if (counts > _TOPICS_MAX).any():
        raise ValueError("too many topics")
    return counts


def _is_ordered(logs: LogBatch) -> bool:
    block, index = logs.block_number, logs.log_index
    is_above = (block[1:] == block[:-1]) & (index[1:] >= index[:-1])
    return bool(((block[1:] > block[:-1]) | is_above).all())


def _order(logs: LogBatch) -> Integers:
    return np.lexsort((logs.log_index, logs.block_number))
