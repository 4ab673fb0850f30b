"""A block and its receipts as a node answers them, and the published ones that tests read.

The made-up block is sealed with the root of `receipts_root`: it shows what a change breaks, not
that the root is right; the published blocks show that.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import rlp  # type: ignore[import-untyped]

from contracts.evm import Hash32, keccak
from indexer.adapters.block_documents import receipts_from_document
from indexer.chain import Header, header_hash
from indexer.receipts import block_bloom, receipts_root
from tests.fakes_chain import STRANGER, TOKEN, sealed_header

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
MAINNET = VECTORS / "ethereum-etl" / "test_stream"
EXECUTION_APIS = VECTORS / "execution-apis" / "tests"
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


def published_lines(name: str) -> list[Answer]:
    path = MAINNET / "blocks_17173049_17173050" / f"expected_{name}.json"
    return [json.loads(line) for line in path.read_text().splitlines()]


def published_mainnet_block(number: int) -> tuple[Answer, list[Answer]]:
    """Block 17173049 or 17173050 and its receipts, as a node would answer; without a mixHash.

    The extractor keeps no mixHash, so the block's hash cannot be rebuilt.
    """
    raw = next(one for one in published_lines("blocks") if one["number"] == number)
    block = {"mixHash": shown(bytes(32)), "hash": raw["hash"], "transactions": []}
    for name, field in HEX:
        value = raw.get(
            {"uncles_hash": "sha3_uncles", "base_fee_wei": "base_fee_per_gas"}.get(field, field)
        )
        if value is not None:
            block[name] = hex(value) if isinstance(value, int) else value
    logs: dict[int, list[Answer]] = {}
    for log in published_lines("logs"):
        if log["block_number"] == number:
            logs.setdefault(log["transaction_index"], []).append(
                {
                    "address": log["address"],
                    "topics": log["topics"],
                    "data": log["data"],
                    "logIndex": hex(log["log_index"]),
                    "transactionHash": log["transaction_hash"],
                    "transactionIndex": hex(log["transaction_index"]),
                    "blockHash": log["block_hash"],
                }
            )
    receipts = []
    for one in published_lines("transactions"):
        if one["block_number"] == number:
            block["transactions"].append(one["hash"])
            receipts.append(
                {
                    "type": hex(one["transaction_type"]),
                    "status": hex(one["receipt_status"]),
                    "cumulativeGasUsed": hex(one["receipt_cumulative_gas_used"]),
                    "logs": logs.get(one["transaction_index"], []),
                    "transactionHash": one["hash"],
                    "transactionIndex": hex(one["transaction_index"]),
                }
            )
    return block, receipts


def published_block_before_byzantium() -> tuple[Answer, list[Answer]]:
    """Block 1755635 and its receipts, in their envelopes."""
    folder = MAINNET / "blocks_1755634_1755635"
    block = json.loads(
        (folder / "web3_response.eth_getBlockByNumber_0x1ac9f3_true.json").read_text()
    )
    hashes = [one["hash"] for one in block["result"]["transactions"]]
    names = [f"web3_response.eth_getTransactionReceipt_{one}.json" for one in hashes]
    return block, [json.loads((folder / name).read_text()) for name in names]


def published_answer(name: str) -> Answer:
    """The answer of one exchange of the execution-apis tests, in its envelope."""
    lines = (EXECUTION_APIS / f"{name}.io").read_text().splitlines()
    answer: Answer = json.loads(next(line for line in lines if line.startswith("<<"))[3:])
    return answer


def published_root(number: int) -> tuple[Hash32, bytes]:
    """Receipts root and bloom of a block of the execution-apis chain."""
    content = (EXECUTION_APIS / "chain.rlp").read_bytes()
    while content:
        block, _, length = rlp.codec.consume_item(content, 0)
        if int.from_bytes(block[0][8], "big") == number:
            return Hash32(block[0][5]), block[0][6]
        content = content[length:]
    raise LookupError(number)
