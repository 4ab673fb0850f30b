"""Raw answers of a node, checked against the schema of their method, as blocks and headers.

Source: EIP-1474; the execution-apis specification.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from contracts.bloom import BLOOM_BYTES
from contracts.evm import BlockNumber, ChainId, Timestamp
from indexer.adapters.answer_fields import (
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
from indexer.adapters.hex_columns import byte_rows
from indexer.blocks import Block, hash_rows
from indexer.chain import Header
from indexer.logs import ByteRows

_NONCE_BYTES = 8


def chain_id_from_answer(answer: object) -> ChainId:
    """The result of eth_chainId."""
    return ChainId(quantity({"chainId": answer}, "chainId"))


def header_from_answer(answer: object) -> Header:
    """The header of a block object; its transactions are not looked at."""
    raw = object_from(answer, "block")
    return Header(
        hash=hash32(raw, "hash"),
        parent_hash=hash32(raw, "parentHash"),
        uncles_hash=hash32(raw, "sha3Uncles"),
        miner=address(raw, "miner"),
        state_root=hash32(raw, "stateRoot"),
        transactions_root=hash32(raw, "transactionsRoot"),
        receipts_root=hash32(raw, "receiptsRoot"),
        logs_bloom=data(raw, "logsBloom", BLOOM_BYTES),
        difficulty=quantity(raw, "difficulty"),
        number=BlockNumber(small_quantity(raw, "number")),
        gas_limit=quantity(raw, "gasLimit"),
        gas_used=quantity(raw, "gasUsed"),
        timestamp=Timestamp(small_quantity(raw, "timestamp")),
        extra_data=data(raw, "extraData", None),
        mix_hash=hash32(raw, "mixHash"),
        nonce=data(raw, "nonce", _NONCE_BYTES),
        base_fee_wei=quantity_if_present(raw, "baseFeePerGas"),
        withdrawals_root=hash_if_present(raw, "withdrawalsRoot"),
        blob_gas_used=quantity_if_present(raw, "blobGasUsed"),
        excess_blob_gas=quantity_if_present(raw, "excessBlobGas"),
        parent_beacon_block_root=hash_if_present(raw, "parentBeaconBlockRoot"),
        requests_hash=hash_if_present(raw, "requestsHash"),
    )


def blocks_from_answers(answers: Sequence[object]) -> list[Block]:
    """Block objects, with the hashes of the transactions that they list, whole or by hash."""
    listed = [object_from(answer, "block").get("transactions") for answer in answers]
    lists = [[] if one is None else list_from(one, "transactions") for one in listed]
    hashes = _hashes([one for transactions in lists for one in transactions])
    ends = list(accumulate(map(len, lists)))
    return [
        Block(
            header=header_from_answer(answer),
            transactions=None if listed[row] is None else hashes[end - len(lists[row]) : end],
        )
        for row, (answer, end) in enumerate(zip(answers, ends, strict=True))
    ]


def _hashes(transactions: list[object]) -> ByteRows:
    hashes: list[Any] = [one.get("hash") if isinstance(one, dict) else one for one in transactions]
    try:
        return byte_rows(hashes, 32)
    except (TypeError, ValueError):
        return hash_rows([hash32({"transactions": one}, "transactions") for one in hashes])
