"""Raw answers of a node, checked against the schema of their method, as headers, logs and receipts.

Source: EIP-1474; the execution-apis specification.
"""

import re
from collections.abc import Mapping, Sequence

from contracts.evm import Address, BlockNumber, ChainId, Hash32, LogIndex, Timestamp
from indexer.chain import BLOOM_BYTES, Header, LogBatch
from indexer.receipts import Place, Receipt, ReceiptLog

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_TOPICS_MAX = 4
_NONCE_BYTES = 8
_TYPE_MAX = 0x7F  # EIP-2718: above, the first byte is that of a legacy encoding
_STATUSES = {0: b"", 1: b"\x01"}


class NotTheSchema(ValueError):
    """An answer that its method's schema rules out; never leaves the adapters."""

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{field}: {repr(value)[:100]} is not {wanted}")


def chain_id_from_answer(answer: object) -> ChainId:
    """The result of eth_chainId."""
    return ChainId(_quantity({"chainId": answer}, "chainId"))


def header_from_answer(answer: object) -> Header:
    """The header of a block object; its transactions are not looked at."""
    raw = _object(answer, "block")
    return Header(
        hash=_hash(raw, "hash"),
        parent_hash=_hash(raw, "parentHash"),
        uncles_hash=_hash(raw, "sha3Uncles"),
        miner=_address(raw, "miner"),
        state_root=_hash(raw, "stateRoot"),
        transactions_root=_hash(raw, "transactionsRoot"),
        receipts_root=_hash(raw, "receiptsRoot"),
        logs_bloom=_data(raw, "logsBloom", BLOOM_BYTES),
        difficulty=_quantity(raw, "difficulty"),
        number=BlockNumber(_quantity(raw, "number")),
        gas_limit=_quantity(raw, "gasLimit"),
        gas_used=_quantity(raw, "gasUsed"),
        timestamp=Timestamp(_quantity(raw, "timestamp")),
        extra_data=_data(raw, "extraData", None),
        mix_hash=_hash(raw, "mixHash"),
        nonce=_data(raw, "nonce", _NONCE_BYTES),
        base_fee_wei=_quantity_if_present(raw, "baseFeePerGas"),
        withdrawals_root=_hash_if_present(raw, "withdrawalsRoot"),
        blob_gas_used=_quantity_if_present(raw, "blobGasUsed"),
        excess_blob_gas=_quantity_if_present(raw, "excessBlobGas"),
        parent_beacon_block_root=_hash_if_present(raw, "parentBeaconBlockRoot"),
        requests_hash=_hash_if_present(raw, "requestsHash"),
    )


def logs_from_answers(answers: Sequence[object]) -> LogBatch:
    """The results of one or many eth_getLogs, together in chain order."""
    rows = [_object(raw, "log") for answer in answers for raw in _list(answer, "logs")]
    removed = [raw for raw in rows if raw.get("removed")]
    if removed:
        raise NotTheSchema("removed", True, "a log that is on the chain")
    places = [(_quantity(raw, "blockNumber"), _quantity(raw, "logIndex")) for raw in rows]
    order = sorted(range(len(rows)), key=places.__getitem__)
    ordered = [rows[place] for place in order]
    return LogBatch(
        block_number=[BlockNumber(places[place][0]) for place in order],
        block_hash=[_hash(raw, "blockHash") for raw in ordered],
        log_index=[LogIndex(places[place][1]) for place in order],
        address=[_address(raw, "address") for raw in ordered],
        topics=[_topics(raw) for raw in ordered],
        data=[_data(raw, "data", None) for raw in ordered],
        transaction_hash=[_hash(raw, "transactionHash") for raw in ordered],
        transaction_index=[_quantity(raw, "transactionIndex") for raw in ordered],
    )


def transaction_hashes_from_answer(answer: object) -> tuple[Hash32, ...] | None:
    """Hashes of the transactions that a block object lists, whole or by hash; None if it does not.

    Hashes of whole transactions are not recomputed.
    """
    listed = _object(answer, "block").get("transactions")
    if listed is None:
        return None
    return tuple(
        _hash(one if isinstance(one, dict) else {"transactions": one}, _hash_field(one))
        for one in _list(listed, "transactions")
    )


def receipt_from_answer(answer: object) -> Receipt:
    """One receipt.

    It has a status, or from before Byzantium a state root; where a node gives both, the status
    counts. What no header commits to may be missing; it must not be malformed.
    """
    raw = _object(answer, "receipt")
    kind = _quantity_if_present(raw, "type") or 0
    if kind > _TYPE_MAX:
        raise NotTheSchema("type", raw["type"], "a transaction type (at most 0x7f)")
    return Receipt(
        type=kind,
        outcome=_outcome(raw),
        cumulative_gas_used=_quantity(raw, "cumulativeGasUsed"),
        logs_bloom=_bloom_if_present(raw),
        logs=tuple(_receipt_log(_object(one, "log")) for one in _list(raw.get("logs"), "logs")),
        place=_place(raw),
    )


def _outcome(raw: Mapping[str, object]) -> bytes:
    if raw.get("status") is None:
        if raw.get("root") is None:
            raise NotTheSchema("status", None, "0x0 or 0x1, and there is no root")
        return _hash(raw, "root")
    status = _quantity(raw, "status")
    if status not in _STATUSES:
        raise NotTheSchema("status", raw["status"], "0x0 or 0x1")
    return _STATUSES[status]


def _receipt_log(raw: Mapping[str, object]) -> ReceiptLog:
    if raw.get("removed"):
        raise NotTheSchema("removed", True, "a log that is on the chain")
    return ReceiptLog(
        address=_address(raw, "address"),
        topics=tuple(_topics(raw)),
        data=_data(raw, "data", None),
        place=_place(raw),
    )


def _place(raw: Mapping[str, object]) -> Place:
    number = _quantity_if_present(raw, "blockNumber")
    log_index = _quantity_if_present(raw, "logIndex")
    return Place(
        block_hash=_hash_if_present(raw, "blockHash"),
        block_number=None if number is None else BlockNumber(number),
        transaction_hash=_hash_if_present(raw, "transactionHash"),
        transaction_index=_quantity_if_present(raw, "transactionIndex"),
        log_index=None if log_index is None else LogIndex(log_index),
    )


def _bloom_if_present(raw: Mapping[str, object]) -> bytes | None:
    return None if raw.get("logsBloom") is None else _data(raw, "logsBloom", BLOOM_BYTES)


def _hash_field(listed: object) -> str:
    return "hash" if isinstance(listed, dict) else "transactions"


def _topics(raw: Mapping[str, object]) -> list[bytes]:
    topics = _list(raw.get("topics"), "topics")
    if len(topics) > _TOPICS_MAX:
        raise NotTheSchema("topics", topics, "at most four topics")
    return [_data({"topics": topic}, "topics", 32) for topic in topics]


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise NotTheSchema(name, value, "an object")
    return value


def _list(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise NotTheSchema(name, value, "an array")
    return value


def _quantity(raw: Mapping[str, object], field: str) -> int:
    value = raw.get(field)
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise NotTheSchema(field, value, "a quantity (0x and hexadecimal digits)")
    return int(value, 16)


def _data(raw: Mapping[str, object], field: str, length: int | None) -> bytes:
    value = raw.get(field)
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise NotTheSchema(field, value, "data (0x and pairs of hexadecimal digits)")
    if length is not None and len(value) != 2 + 2 * length:
        raise NotTheSchema(field, value, f"{length} bytes of data")
    return bytes.fromhex(value[2:])


def _hash(raw: Mapping[str, object], field: str) -> Hash32:
    return Hash32(_data(raw, field, 32))


def _address(raw: Mapping[str, object], field: str) -> Address:
    return Address(_data(raw, field, 20))


def _quantity_if_present(raw: Mapping[str, object], field: str) -> int | None:
    return None if raw.get(field) is None else _quantity(raw, field)


def _hash_if_present(raw: Mapping[str, object], field: str) -> Hash32 | None:
    return None if raw.get(field) is None else _hash(raw, field)
