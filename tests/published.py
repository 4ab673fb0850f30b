"""What others published, found by walking `../shared/vectors`: exchanges, blocks, receipts.

Nothing here is asked for by name, so that more data of the same kind are tried as they come. What
cannot be tried says why.

    execution-apis/tests/METHOD/*.io         one request and its reply; `chain.rlp` has the blocks
    ethereum-etl/*/blocks_FIRST_LAST*/       answers of a node, and what an extractor made of them
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import rlp

from contracts.evm import Address, BlockNumber, Hash32, Timestamp, keccak
from indexer.chain import Header
from indexer.trie import EMPTY_ROOT

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
EXECUTION_APIS = VECTORS / "execution-apis" / "tests"
CHAIN_FILE = EXECUTION_APIS / "chain.rlp"
EXTRACTOR = VECTORS / "ethereum-etl"
REASON = "../shared/vectors is absent"

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a node, and its reply."""

    name: str
    request: Answer
    reply: Answer

    @property
    def result(self) -> Any:
        """What was answered; None for "there is none" and for an error."""
        return self.reply.get("result")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedBlock:
    """A block and all its receipts as a node answers them.

    `is_whole` says that no field of the header is missing: an extractor keeps no mixHash.
    """

    name: str
    block: Answer
    receipts: list[Answer]
    is_whole: bool


@cache
def _exchanges(method: str) -> tuple[tuple[str, str, str], ...]:
    found = []
    for path in sorted((EXECUTION_APIS / method).glob("*.io")):
        lines = [line for line in path.read_text().splitlines() if line[:2] in {">>", "<<"}]
        for request, reply in zip(lines[::2], lines[1::2], strict=True):
            found.append((path.stem, request[2:], reply[2:]))
    return tuple(found)


def exchanges(method: str) -> list[Exchange]:
    """All published exchanges of one method."""
    return [
        Exchange(name, json.loads(one), json.loads(two)) for name, one, two in _exchanges(method)
    ]


def block_replies() -> list[Exchange]:
    """All published replies that are blocks, of whatever method."""
    asked = [*exchanges("eth_getBlockByNumber"), *exchanges("eth_getBlockByHash")]
    return [one for one in asked if one.result is not None]


@cache
def chain_blocks() -> tuple[Any, ...]:
    """The blocks of `chain.rlp`, decoded: header, transactions, uncles, withdrawals."""
    blocks = []
    content = CHAIN_FILE.read_bytes() if CHAIN_FILE.exists() else b""
    while content:
        block, _, length = rlp.codec.consume_item(content, 0)
        blocks.append(block)
        content = content[length:]
    return tuple(blocks)


@cache
def chain_headers() -> tuple[Header, ...]:
    """The headers of `chain.rlp`, each with the hash that an independent RLP gives it."""
    return tuple(header_from_rlp(list(block[0])) for block in chain_blocks())


def header_from_rlp(fields: list[bytes]) -> Header:
    """A header from the fields that its hash commits to; forks only append."""
    numbers = [int.from_bytes(field, "big") for field in fields[7:12]]
    more = [*fields[15:], *[None] * (21 - len(fields))]
    integers = [None if one is None else int.from_bytes(one, "big") for one in more]
    hashes = [None if one is None or len(one) != 32 else Hash32(one) for one in more]
    return Header(
        hash=keccak(rlp.encode(fields)),
        parent_hash=Hash32(fields[0]),
        uncles_hash=Hash32(fields[1]),
        miner=Address(fields[2]),
        state_root=Hash32(fields[3]),
        transactions_root=Hash32(fields[4]),
        receipts_root=Hash32(fields[5]),
        logs_bloom=fields[6],
        difficulty=numbers[0],
        number=BlockNumber(numbers[1]),
        gas_limit=numbers[2],
        gas_used=numbers[3],
        timestamp=Timestamp(numbers[4]),
        extra_data=fields[12],
        mix_hash=Hash32(fields[13]),
        nonce=fields[14],
        base_fee_wei=integers[0],
        withdrawals_root=hashes[1],
        blob_gas_used=integers[2],
        excess_blob_gas=integers[3],
        parent_beacon_block_root=hashes[4],
        requests_hash=hashes[5],
    )


def folders() -> list[Path]:
    """All folders with blocks of an extractor's tests."""
    return sorted(path for path in EXTRACTOR.glob("**/blocks_*_*") if path.is_dir())


def node_answers(folder: Path, method: str) -> list[tuple[str, Answer]]:
    """Results of one method among the answers of a node, each with what was asked for."""
    found = []
    for path in sorted(folder.glob(f"web3_response.{method}_*.json")):
        answer = json.loads(path.read_text())
        if isinstance(answer, dict) and answer.get("result") is not None:
            found.append((path.stem.removeprefix(f"web3_response.{method}_"), answer["result"]))
    return found


def extracted(folder: Path, kind: str) -> list[Answer]:
    """What the extractor made of a folder: `blocks`, `transactions`, `logs`, `token_transfers`."""
    path = folder / f"expected_{kind}.json"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def node_blocks() -> list[tuple[str, Answer]]:
    """Every block that a node gave, by a name."""
    return [
        *((one.name, one.result) for one in block_replies()),
        *(
            (f"{folder.name}-{name}", result)
            for folder in folders()
            for name, result in node_answers(folder, "eth_getBlockByNumber")
        ),
    ]


def lists_whole_transactions(block: Answer) -> bool:
    """Whether a block lists more than the hashes of its transactions."""
    return any(isinstance(one, dict) for one in block["transactions"])


def published_blocks() -> list[PublishedBlock]:
    """Every block that was published with all its receipts, once from each source."""
    found = [
        *(one for folder in folders() for one in _answered(folder)),
        *(one for folder in folders() for one in _extracted(folder)),
        *_exchanged(),
    ]
    return list({one.name: one for one in found}.values())


def _answered(folder: Path) -> list[PublishedBlock]:
    """Blocks that a node gave with whole transactions, and the receipt of each of these."""
    receipts = dict(node_answers(folder, "eth_getTransactionReceipt"))
    found = []
    for _, block in node_answers(folder, "eth_getBlockByNumber"):
        listed = block["transactions"]
        names = [one["hash"] if isinstance(one, dict) else one for one in listed]
        lists_all = bool(names) or block["transactionsRoot"] == str(EMPTY_ROOT)
        if lists_all and all(name in receipts for name in names):
            number = int(block["number"], 16)
            found.append(
                PublishedBlock(
                    name=f"{number}-answered",
                    block=block,
                    receipts=[receipts[name] for name in names],
                    is_whole=True,
                )
            )
    return found


def _extracted(folder: Path) -> list[PublishedBlock]:
    """Blocks of which the extractor kept all transactions with their receipts, and the logs."""
    transactions, logs = extracted(folder, "transactions"), extracted(folder, "logs")
    has_logs = (folder / "expected_logs.json").exists()
    found = []
    for raw in extracted(folder, "blocks"):
        listed = [one for one in transactions if one["block_number"] == raw["number"]]
        listed.sort(key=lambda one: int(one["transaction_index"]))
        is_complete = len(listed) == raw["transaction_count"] and all(map(_has_receipt, listed))
        if has_logs and is_complete:
            block = _block(raw)
            block["transactions"] = [one["hash"] for one in listed]
            of_block = [one for one in logs if one["block_number"] == raw["number"]]
            found.append(
                PublishedBlock(
                    name=f"{raw['number']}-extracted",
                    block=block,
                    receipts=[_receipt(one, of_block) for one in listed],
                    is_whole=False,
                )
            )
    return found


def _exchanged() -> list[PublishedBlock]:
    """Blocks of which one exchange gives the block, and another one all receipts."""
    by_hash = {one.result["hash"]: one for one in block_replies()}
    given = {
        receipts.result[0]["blockHash"]: receipts
        for receipts in exchanges("eth_getBlockReceipts")
        if receipts.result
    }
    return [
        PublishedBlock(
            name=f"{int(by_hash[name].result['number'], 16)}-{by_hash[name].name}",
            block=by_hash[name].result,
            receipts=given[name].result,
            is_whole=True,
        )
        for name in sorted(by_hash.keys() & given.keys())
    ]


_BLOCK_FIELDS = {
    "hash": "hash", "parentHash": "parent_hash", "sha3Uncles": "sha3_uncles", "miner": "miner",
    "stateRoot": "state_root", "transactionsRoot": "transactions_root",
    "receiptsRoot": "receipts_root", "logsBloom": "logs_bloom", "difficulty": "difficulty",
    "number": "number", "gasLimit": "gas_limit", "gasUsed": "gas_used", "timestamp": "timestamp",
    "extraData": "extra_data", "nonce": "nonce", "baseFeePerGas": "base_fee_per_gas",
    "withdrawalsRoot": "withdrawals_root",
}  # fmt: skip


def _shown(value: Any) -> Any:
    return hex(value) if isinstance(value, int) else value


def _block(raw: Answer) -> Answer:
    fields = {name: _shown(raw.get(field)) for name, field in _BLOCK_FIELDS.items()}
    return {name: one for name, one in fields.items() if one is not None} | {
        "mixHash": "0x" + bytes(32).hex()
    }


def _has_receipt(raw: Answer) -> bool:
    outcome = raw.get("receipt_status"), raw.get("receipt_root")
    return outcome != (None, None) and raw.get("receipt_cumulative_gas_used") is not None


def _receipt(raw: Answer, logs: list[Answer]) -> Answer:
    """A receipt; before Byzantium it has a root in the place of a status."""
    place = {
        "transactionHash": raw["hash"],
        "transactionIndex": hex(raw["transaction_index"]),
        "blockHash": raw["block_hash"],
    }
    status = raw["receipt_status"]
    return {
        "type": hex(raw.get("transaction_type") or 0),
        **({"root": raw["receipt_root"]} if status is None else {"status": hex(status)}),
        "cumulativeGasUsed": hex(raw["receipt_cumulative_gas_used"]),
        "logs": [
            {
                **{name: log[name] for name in ("address", "topics", "data")},
                "logIndex": hex(log["log_index"]),
                **place,
            }
            for log in logs
            if log["transaction_index"] == raw["transaction_index"]
        ],
        **place,
    }
