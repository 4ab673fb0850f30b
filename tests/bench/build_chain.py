"""Builds the yardstick chain: blocks that any verifier must accept, and their answers as JSON.

Headers are of the Cancun fork, hashes are keccak of their RLP; roots of transactions and receipts
and the bloom are true. Transactions have valid encodings and hashes, but made-up signatures: nobody
recovers a sender here. Every fiftieth block has the time of its parent.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.chain_files import ChainFiles, Writers, is_built, writers
from tests.bench.consensus import Item, bloom_bits, joined, keccak, rlp, trie_root
from tests.bench.yardstick import (
    APPROVAL,
    CHAIN_ID,
    FAILED_EVERY,
    RECEIPTS_PER_BLOCK,
    TOKEN,
    TRANSFER,
    Event,
    Shape,
    history_of,
)

_FIRST_TIME = 1_700_000_000
_BLOCK_TIME_S = 12
_SHARED_TIME_EVERY = 50
_GAS_LIMIT = 300_000_000
_GAS_PRICE_WEI = 1_000_000_007
_GAS_BASE, _GAS_PER_LOG = 21_000, 30_000
_NO_UNCLES = keccak(rlp([]))
_NO_TRIE = trie_root([])
_COINBASE = keccak(b"proposer")[:20]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transaction:
    """One transaction: its encoding, and its JSON but for what tells its block."""

    kind: int
    sender: bytes
    target: bytes
    encoded: bytes
    fields: str

    @property
    def hash(self) -> bytes:
        return keccak(self.encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receipt:
    """One receipt before its block has a hash."""

    status: int
    gas: int
    cumulative_gas: int
    bloom: int
    events: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """One block; `hash` commits to all the rest."""

    number: int
    timestamp: int
    parent_hash: bytes
    transactions: Sequence[_Transaction]
    receipts: Sequence[_Receipt]
    fields: dict[str, Item]
    hash: bytes


def built_chain(directory: Path, shape: Shape) -> ChainFiles:
    """The chain of this shape, built if the directory does not hold it yet."""
    if not is_built(directory, shape):
        with writers(directory, shape) as files:
            _build(files, shape)
    return ChainFiles(directory)


def _build(files: Writers, shape: Shape) -> None:
    history = history_of(shape)
    ends = np.searchsorted(history.receipt, np.arange(shape.receipts), side="right").tolist()
    parent, timestamp, begin = bytes(32), _FIRST_TIME, 0
    for number in range(shape.blocks):
        first = RECEIPTS_PER_BLOCK * (number - 1)
        places = range(first, first + RECEIPTS_PER_BLOCK) if number else range(0)
        events = []
        for place in places:
            events.append(history.events[begin : ends[place]])
            begin = ends[place]
        timestamp += _BLOCK_TIME_S if number % _SHARED_TIME_EVERY else 0
        transactions = [_transaction(place) for place in places]
        block = _block(number, timestamp, parent, transactions, _receipts(places, events))
        _write(files, block)
        parent = block.hash
    for account, balance in sorted(history.balances.items()):
        if balance:
            files.expected["balance"].add(account, balance)


def _transaction(place: int) -> _Transaction:
    seed = keccak(b"transaction %d" % place)
    sender, target = keccak(seed + b"sender")[:20], keccak(seed + b"target")[:20]
    data, gas = b"\xa9\x05\x9c\xbb" + seed + seed[::-1], _GAS_LIMIT // RECEIPTS_PER_BLOCK
    r, s = int.from_bytes(keccak(seed + b"r")), int.from_bytes(keccak(seed + b"s")) >> 1
    parity, kind = seed[0] & 1, 2 * (place % 2)
    fields: dict[str, object] = {
        "nonce": hex(place),
        "gas": hex(gas),
        "gasPrice": hex(_GAS_PRICE_WEI),
        "to": "0x" + target.hex(),
        "from": "0x" + sender.hex(),
        "value": "0x0",
        "input": "0x" + data.hex(),
        "chainId": hex(CHAIN_ID),
        "type": hex(kind),
        "r": hex(r),
        "s": hex(s),
    }
    if kind == 0:
        v = 2 * CHAIN_ID + 35 + parity
        encoded = rlp([place, _GAS_PRICE_WEI, gas, target, 0, data, v, r, s])
        fields |= {"v": hex(v)}
    else:
        prices = [1, _GAS_PRICE_WEI]
        body: Item = [CHAIN_ID, place, *prices, gas, target, 0, data, [], parity, r, s]
        encoded = b"\x02" + rlp(body)
        fields |= {"maxPriorityFeePerGas": "0x1", "maxFeePerGas": hex(_GAS_PRICE_WEI)}
        fields |= {"accessList": [], "v": hex(parity), "yParity": hex(parity)}
    text = json.dumps(fields, separators=(",", ":"))[:-1]
    return _Transaction(kind=kind, sender=sender, target=target, encoded=encoded, fields=text)


def _receipts(places: Sequence[int], events: Sequence[Sequence[Event]]) -> list[_Receipt]:
    receipts, gas_so_far = [], 0
    for place, held in zip(places, events, strict=True):
        gas, bloom = _GAS_BASE + _GAS_PER_LOG * len(held), 0
        for event in held:
            bloom |= bloom_bits(event.address)
            for topic in event.topics:
                bloom |= bloom_bits(topic)
        gas_so_far += gas
        receipts.append(
            _Receipt(
                status=1 if place % FAILED_EVERY else 0,
                gas=gas,
                cumulative_gas=gas_so_far,
                bloom=bloom,
                events=held,
            )
        )
    return receipts


def _encoded(receipt: _Receipt, kind: int) -> bytes:
    bloom = receipt.bloom.to_bytes(256, "big")
    head = [rlp(receipt.status), rlp(receipt.cumulative_gas), rlp(bloom)]
    body = joined([*head, joined([rlp(event) for event in receipt.events])])
    return bytes([kind]) + body if kind else body


def _block(
    number: int,
    timestamp: int,
    parent_hash: bytes,
    transactions: Sequence[_Transaction],
    receipts: Sequence[_Receipt],
) -> _Block:
    bloom = 0
    for receipt in receipts:
        bloom |= receipt.bloom
    pairs = zip(receipts, transactions, strict=True)
    fields: dict[str, Item] = {
        "parentHash": parent_hash,
        "sha3Uncles": _NO_UNCLES,
        "miner": _COINBASE,
        "stateRoot": keccak(b"state %d" % number),
        "transactionsRoot": trie_root([one.encoded for one in transactions]),
        "receiptsRoot": trie_root([_encoded(one, sent.kind) for one, sent in pairs]),
        "logsBloom": bloom.to_bytes(256, "big"),
        "difficulty": 0,
        "number": number,
        "gasLimit": _GAS_LIMIT,
        "gasUsed": receipts[-1].cumulative_gas if receipts else 0,
        "timestamp": timestamp,
        "extraData": b"yardstick",
        "mixHash": keccak(b"mix %d" % number),
        "nonce": bytes(8),
        "baseFeePerGas": 7,
        "withdrawalsRoot": _NO_TRIE,
        "blobGasUsed": 0,
        "excessBlobGas": 0,
        "parentBeaconBlockRoot": keccak(b"beacon %d" % number),
    }
    return _Block(
        number=number,
        timestamp=timestamp,
        parent_hash=parent_hash,
        transactions=transactions,
        receipts=receipts,
        fields=fields,
        hash=keccak(rlp(list(fields.values()))),
    )


def _write(files: Writers, block: _Block) -> None:
    files.hashes.append(block.hash)
    files.expected["block"].add(block.number, block.hash, block.parent_hash, block.timestamp)
    hashes = [one.hash for one in block.transactions]
    fields = {name: _hex(value) for name, value in block.fields.items()}
    more = {"hash": _hex(block.hash), "size": "0x0", "uncles": [], "withdrawals": []}
    head = json.dumps(fields | more, separators=(",", ":"))[:-1]
    listed = ",".join(f'"0x{one.hex()}"' for one in hashes)
    files.segments["headers"].add(f'{head},"transactions":[{listed}]}}')
    whole = ",".join(
        f'{one.fields},"hash":"0x{own.hex()}","blockHash":"0x{block.hash.hex()}",'
        f'"blockNumber":"{block.number:#x}","transactionIndex":"{place:#x}"}}'
        for place, (one, own) in enumerate(zip(block.transactions, hashes, strict=True))
    )
    files.segments["blocks"].add(f'{head},"transactions":[{whole}]}}')
    _write_logs(files, block, hashes)


def _write_logs(files: Writers, block: _Block, hashes: Sequence[bytes]) -> None:
    receipts, wanted, log_index = [], [], 0
    for place, receipt in enumerate(block.receipts):
        texts = []
        for event in receipt.events:
            text = _log(block, event, hashes[place], place, log_index)
            texts.append(text)
            if event.address == TOKEN and event.topics[0] in {TRANSFER, APPROVAL}:
                wanted.append("," + text)
                _expect(files, block, event, hashes[place], place, log_index)
            log_index += 1
        receipts.append(_receipt(block, receipt, place, hashes[place], ",".join(texts)))
    files.segments["logs"].add("".join(wanted))
    files.segments["receipts"].add("[" + ",".join(receipts) + "]")


def _expect(  # noqa: PLR0917 - a log and its place
    files: Writers, block: _Block, event: Event, sent: bytes, place: int, log_index: int
) -> None:
    table = "transfer" if event.topics[0] == TRANSFER else "approval"
    accounts = (event.topics[1][12:], event.topics[2][12:])
    amount = int.from_bytes(event.data)
    files.expected[table].add(
        block.number, log_index, event.address, *accounts, amount, sent, place, block.timestamp
    )


def _log(block: _Block, event: Event, sent: bytes, place: int, log_index: int) -> str:
    topics = ",".join(f'"0x{topic.hex()}"' for topic in event.topics)
    return (
        f'{{"address":"0x{event.address.hex()}","topics":[{topics}],"data":"0x{event.data.hex()}",'
        f'"blockNumber":"{block.number:#x}","transactionHash":"0x{sent.hex()}",'
        f'"transactionIndex":"{place:#x}","blockHash":"0x{block.hash.hex()}",'
        f'"blockTimestamp":"{block.timestamp:#x}","logIndex":"{log_index:#x}","removed":false}}'
    )


def _receipt(block: _Block, receipt: _Receipt, place: int, sent: bytes, logs: str) -> str:
    transaction = block.transactions[place]
    return (
        f'{{"blockHash":"0x{block.hash.hex()}","blockNumber":"{block.number:#x}",'
        f'"contractAddress":null,"cumulativeGasUsed":"{receipt.cumulative_gas:#x}",'
        f'"effectiveGasPrice":"{_GAS_PRICE_WEI:#x}","from":"0x{transaction.sender.hex()}",'
        f'"gasUsed":"{receipt.gas:#x}","logs":[{logs}],"logsBloom":"0x{receipt.bloom:0512x}",'
        f'"status":"{receipt.status:#x}","to":"0x{transaction.target.hex()}",'
        f'"transactionHash":"0x{sent.hex()}","transactionIndex":"{place:#x}",'
        f'"type":"{transaction.kind:#x}"}}'
    )


def _hex(value: Item) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return hex(value) if isinstance(value, int) else ""
