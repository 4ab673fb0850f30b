"""Receipts of a block, as consensus encodes them, and what a header commits to of them.

The receipts root of a header commits to every receipt's type, outcome, gas and logs, and to the
order of the receipts; the bloom to the addresses and topics. What a node says beside these, in
`Place`, no header commits to: `block_checks` recomputes it.

Source: Ethereum yellow paper §4.3.1; EIP-658 (status), EIP-2718 (typed receipts).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.chain import BLOOM_BYTES, rlp_integer, rlp_list, rlp_string
from indexer.completeness import bloom_mask
from indexer.trie import trie_root

NOT_COMMITTED = ("blockHash", "blockNumber", "transactionHash", "transactionIndex", "logIndex")
"""Fields of receipts and logs that no header commits to, as nodes spell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node says that a receipt or log stands; None where it does not say.

    The log index of a receipt is None.
    """

    block_hash: Hash32 | None
    block_number: BlockNumber | None
    transaction_hash: Hash32 | None
    transaction_index: int | None
    log_index: LogIndex | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLog:
    """A log, and where the node says that it stands."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt, and where the node says that it stands.

    `outcome` is what the first field of the encoding holds: the status without leading zeros
    (nothing for 0), or before Byzantium the state root. `logs_bloom` is what the node says.
    """

    type: int
    outcome: bytes
    cumulative_gas_used: int
    logs_bloom: bytes | None
    logs: tuple[ReceiptLog, ...]
    place: Place


def receipt_bloom(receipt: Receipt) -> int:
    """The bloom of the receipt's logs, as an integer of 2048 bits."""
    bloom = 0
    for log in receipt.logs:
        bloom |= bloom_mask(log.address)
        for topic in log.topics:
            bloom |= bloom_mask(topic)
    return bloom


def block_bloom(receipts: Sequence[Receipt]) -> bytes:
    """The bloom of a block with these receipts."""
    bloom = 0
    for receipt in receipts:
        bloom |= receipt_bloom(receipt)
    return bloom.to_bytes(BLOOM_BYTES, "big")


def receipts_root(receipts: Sequence[Receipt]) -> Hash32:
    """The receipts root of a block with these receipts, in this order."""
    return trie_root([encoded_receipt(receipt) for receipt in receipts])


def encoded_receipt(receipt: Receipt) -> bytes:
    """The consensus encoding: a type byte unless legacy, then RLP; the bloom is recomputed."""
    body = rlp_list(
        [
            rlp_string(receipt.outcome),
            rlp_integer(receipt.cumulative_gas_used),
            rlp_string(receipt_bloom(receipt).to_bytes(BLOOM_BYTES, "big")),
            rlp_list([_encoded_log(log) for log in receipt.logs]),
        ]
    )
    return bytes((receipt.type,)) + body if receipt.type else body


def _encoded_log(log: ReceiptLog) -> bytes:
    topics = rlp_list([rlp_string(topic) for topic in log.topics])
    return rlp_list([rlp_string(log.address), topics, rlp_string(log.data)])
