"""Receipts, as nodes answer them: one by one as objects, or those of many blocks as columns.

Both ways read the same fields by the same rules. As columns, also the places that no header
commits to must be there: an answer to eth_getBlockReceipts names them all.

Source: EIP-658, EIP-2718; the execution-apis specification; OP Stack specification, deposits.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from contracts.bloom import BLOOM_BYTES
from contracts.evm import BlockNumber, LogIndex
from indexer.adapters.answer_fields import (
    NotTheSchema,
    RawObject,
    address,
    data,
    hash32,
    hash_if_present,
    list_from,
    object_from,
    quantity,
    quantity_if_present,
    small_quantity,
)
from indexer.adapters.cut_logs import NOTHING_CUT, CutLogs
from indexer.adapters.hex_columns import byte_rows
from indexer.adapters.log_answers import listed_logs
from indexer.blocks import hash_rows
from indexer.logs import ByteRows, Integers
from indexer.receipt_batch import ReceiptBatch
from indexer.receipts import DEPOSIT_TYPE, DepositFields, Place, Receipt, ReceiptLog

_TOPICS_MAX = 4
_TYPE_MAX = 0x7F  # EIP-2718: above, the first byte is that of a legacy encoding
_STATUSES = {0: b"", 1: b"\x01"}

_Value = TypeVar("_Value")


def receipts_from_answers(answers: Sequence[object], cut: CutLogs = NOTHING_CUT) -> ReceiptBatch:
    """The results of eth_getBlockReceipts, one for each block, in the order of the blocks.

    Args:
        answers: arrays of receipts as they were parsed, with place holders for logs cut out before.
        cut: the logs that were cut out.

    Raises:
        NotTheSchema: naming a field that is wrong, and its value.
    """
    listed = [list_from(answer, "receipts") for answer in answers]
    objects = [object_from(one, "receipt") for receipts in listed for one in receipts]
    log_count, logs = listed_logs([list_from(raw.get("logs"), "logs") for raw in objects], cut)
    types = _column(objects, "type", _type)
    return ReceiptBatch(
        receipt_count=_integers([len(receipts) for receipts in listed]),
        type=types,
        outcome=_outcomes(objects),
        cumulative_gas_used=[quantity(raw, "cumulativeGasUsed") for raw in objects],
        logs_bloom=_blooms(objects),
        deposit=[_deposit(raw, kind) for raw, kind in zip(objects, types, strict=True)],
        block_number=_integers(_column(objects, "blockNumber", small_quantity)),
        block_hash=_hashes(objects, "blockHash"),
        transaction_hash=_hashes(objects, "transactionHash"),
        transaction_index=_integers(_column(objects, "transactionIndex", small_quantity)),
        log_count=log_count,
        logs=logs,
    )


def receipt_from_answer(answer: object) -> Receipt:
    """One receipt.

    It has a status, or from before Byzantium a state root; where a node gives both, the status
    counts. What no header commits to may be missing; it must not be malformed.

    Raises:
        NotTheSchema: naming the first field that is wrong, and its value.
    """
    raw = object_from(answer, "receipt")
    kind = _type(raw, "type")
    return Receipt(
        type=kind,
        outcome=_outcome(raw, "status"),
        cumulative_gas_used=quantity(raw, "cumulativeGasUsed"),
        logs_bloom=_bloom(raw),
        logs=tuple(
            _receipt_log(object_from(one, "log")) for one in list_from(raw.get("logs"), "logs")
        ),
        deposit=_deposit(raw, kind),
        place=_place(raw),
    )


def _type(raw: RawObject, field: str) -> int:
    kind = quantity_if_present(raw, field) or 0
    if kind > _TYPE_MAX:
        raise NotTheSchema(field, raw[field], "a transaction type (at most 0x7f)")
    return kind


def _outcome(raw: RawObject, field: str) -> bytes:
    if raw.get(field) is None:
        if raw.get("root") is None:
            raise NotTheSchema(field, None, "0x0 or 0x1, and there is no root")
        return hash32(raw, "root")
    status = quantity(raw, field)
    if status not in _STATUSES:
        raise NotTheSchema(field, raw[field], "0x0 or 0x1")
    return _STATUSES[status]


def _bloom(raw: RawObject) -> bytes | None:
    return None if raw.get("logsBloom") is None else data(raw, "logsBloom", BLOOM_BYTES)


def _deposit(raw: RawObject, kind: int) -> DepositFields | None:
    """What a deposit's receipt commits to beside the rest; a nonce without version is from before.

    Before Canyon, nodes state a nonce alone, which is not a part of the encoding.
    """
    if kind != DEPOSIT_TYPE or raw.get("depositReceiptVersion") is None:
        return None
    return DepositFields(
        nonce=quantity(raw, "depositNonce"), version=quantity(raw, "depositReceiptVersion")
    )


def _receipt_log(raw: RawObject) -> ReceiptLog:
    if raw.get("removed"):
        raise NotTheSchema("removed", True, "a log that is on the chain")
    topics = list_from(raw.get("topics"), "topics")
    if len(topics) > _TOPICS_MAX:
        raise NotTheSchema("topics", topics, "at most four topics")
    return ReceiptLog(
        address=address(raw, "address"),
        topics=tuple(data({"topics": topic}, "topics", 32) for topic in topics),
        data=data(raw, "data", None),
        place=_place(raw),
    )


def _place(raw: RawObject) -> Place:
    number = quantity_if_present(raw, "blockNumber")
    log_index = quantity_if_present(raw, "logIndex")
    return Place(
        block_hash=hash_if_present(raw, "blockHash"),
        block_number=None if number is None else BlockNumber(number),
        transaction_hash=hash_if_present(raw, "transactionHash"),
        transaction_index=quantity_if_present(raw, "transactionIndex"),
        log_index=None if log_index is None else LogIndex(log_index),
    )


def _column(
    objects: Sequence[RawObject], field: str, read: Callable[[RawObject, str], _Value]
) -> list[_Value]:
    """The field of every object; a text that several share is read once."""
    texts: list[Any] = [raw.get(field) for raw in objects]
    try:
        known = {text: read({field: text}, field) for text in set(texts)}
    except TypeError:  # not even a text; reading it says so
        return [read(raw, field) for raw in objects]
    return [known[text] for text in texts]


def _outcomes(objects: Sequence[RawObject]) -> list[bytes]:
    if any(raw.get("status") is None for raw in objects):
        return [_outcome(raw, "status") for raw in objects]
    return _column(objects, "status", _outcome)


def _hashes(objects: Sequence[RawObject], field: str) -> ByteRows:
    """A field that holds a hash, as rows; read one by one only to name what is wrong."""
    texts: list[Any] = [raw.get(field) for raw in objects]
    try:
        return byte_rows(texts, 32)
    except (TypeError, ValueError):
        return hash_rows([hash32(raw, field) for raw in objects])


def _blooms(objects: Sequence[RawObject]) -> list[bytes | None]:
    texts: list[Any] = [raw.get("logsBloom") for raw in objects]
    try:
        rows = byte_rows(texts, BLOOM_BYTES).tobytes()
    except (TypeError, ValueError):
        return [_bloom(raw) for raw in objects]
    return [rows[at : at + BLOOM_BYTES] for at in range(0, len(rows), BLOOM_BYTES)]


def _integers(values: Sequence[int]) -> Integers:
    return np.array(values, dtype=np.int64)
