"""A block and its receipts as a node answers them.

The made-up block is sealed with the root of `receipts_root`: it shows what a change breaks, not
that the root is right; published blocks show that (`published.py`).
"""

from dataclasses import replace
from typing import Any

from contracts.evm import keccak
from indexer.adapters.block_documents import receipts_from_document
from indexer.chain import Header, header_hash
from indexer.receipts import block_bloom, receipts_root
from tests.fakes_chain import STRANGER, TOKEN, sealed_header

TRANSFER = keccak(b"Transfer(address,address,uint256)")
HEX = (
    ("hash", "hash"),
    ("parentHash", "parent_hash"),
    ("sha3Uncles", "uncles_hash"),
    ("miner", "miner"),
    ("stateRoot", "state_root"),
    ("transactionsRoot", "transactions_root"),
    ("receiptsRoot", "receipts_root"),
    ("logsBloom", "logs_bloom"),
    ("difficulty", "difficulty"),
    ("number", "number"),
    ("gasLimit", "gas_limit"),
    ("gasUsed", "gas_used"),
    ("timestamp", "timestamp"),
    ("extraData", "extra_data"),
    ("mixHash", "mix_hash"),
    ("nonce", "nonce"),
    ("baseFeePerGas", "base_fee_wei"),
    ("withdrawalsRoot", "withdrawals_root"),
)
Answer = dict[str, Any]


def shown(value: int | bytes) -> str:
    return hex(value) if isinstance(value, int) else "0x" + value.hex()


def block_answer(header: Header, transactions: list[str]) -> Answer:
    fields = {name: shown(getattr(header, field)) for name, field in HEX}
    return {**fields, "transactions": transactions}


def made_up_receipts(count: int = 4) -> list[Answer]:
    """Typed and legacy receipts, one failed, with up to three logs and three topics each."""
    receipts: list[Answer] = []
    log_index = 0
    for position in range(count):
        here = {
            "transactionHash": shown(keccak(bytes((position,)))),
            "transactionIndex": hex(position),
        }
        logs = []
        for number in range(position % 4):
            topics = [TRANSFER, bytes((position,)) * 32, bytes((number,)) * 32][: number + 1]
            logs.append(
                {
                    "address": shown(TOKEN if number else STRANGER),
                    "topics": [shown(topic) for topic in topics],
                    "data": shown(bytes((7, position, number)) * number),
                    "logIndex": hex(log_index),
                    **here,
                }
            )
            log_index += 1
        gas = hex(21_000 * (position + 1))
        status = hex(int(position != 0))
        kind = hex(position % 5)
        receipts.append(
            {"type": kind, "status": status, "cumulativeGasUsed": gas, "logs": logs, **here}
        )
    return receipts


def made_up_block(
    receipts: list[Answer] | None = None, left_out: int = 0
) -> tuple[Answer, list[Answer]]:
    """A block that commits to all receipts but the last `left_out`, and the receipts."""
    given = made_up_receipts() if receipts is None else receipts
    committed = receipts_from_document(given[: len(given) - left_out], "made up")
    header = replace(
        sealed_header(None, timestamp=1_000, salt=0, logs=()),
        logs_bloom=block_bloom(committed),
        receipts_root=receipts_root(committed),
    )
    header = replace(header, hash=header_hash(header))
    placed = {"blockHash": shown(header.hash), "blockNumber": shown(header.number)}
    for receipt in given:
        receipt.update(placed)
        for log in receipt["logs"]:
            log.update(placed)
    return block_answer(header, [receipt["transactionHash"] for receipt in given]), given
