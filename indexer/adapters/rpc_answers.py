"""Raw answers of a node, checked against the schema of their method, as headers and logs.

Source: EIP-1474; the execution-apis specification.
"""

import re
from collections.abc import Mapping, Sequence

from contracts.evm import Address, BlockNumber, ChainId, Hash32, LogIndex, Timestamp
from indexer.chain import BLOOM_BYTES, Header, LogBatch

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_TOPICS_MAX = 4
_NONCE_BYTES = 8


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
