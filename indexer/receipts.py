"""Receipts of a block, as consensus encodes them, and what a header commits to of them.

The receipts root of a header commits to every receipt's type, outcome, gas and logs, and to the
order of the receipts; the bloom to the addresses and topics. What a node says beside these, in
`Place`, no header commits to: `block_checks` recomputes it.

One receipt is an object here, for the few blocks that somebody looks at; `receipt_batch` has the
same receipts as columns, and shares the encoding.

Source: Ethereum yellow paper §4.3.1; EIP-658 (status), EIP-2718 (typed receipts); OP Stack
specification, deposits (receipt type 0x7e).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from contracts.bloom import BLOOM_BYTES, bloom_mask
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.chain import rlp_integer, rlp_list, rlp_prefix, rlp_string
from indexer.trie import trie_root

NOT_COMMITTED = ("blockHash", "blockNumber", "transactionHash", "transactionIndex", "logIndex")
"""Fields of receipts and logs that no receipts root commits to, as nodes spell them."""

DEPOSIT_TYPE = 0x7E
"""The type of OP-stack transactions that bring a deposit from layer 1."""

_BLOOM_PREFIX = rlp_string(bytes(BLOOM_BYTES))[:-BLOOM_BYTES]


class DepositFields(NamedTuple):
    """What the receipt of an OP-stack deposit holds after its logs, since Canyon.

    Before, since Regolith, nodes state a nonce that the receipts root does not commit to; it has no
    place here.
    """

    nonce: int
    version: int


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
    `deposit` is None but for deposits since Canyon.
    """

    type: int
    outcome: bytes
    cumulative_gas_used: int
    logs_bloom: bytes | None
    logs: tuple[ReceiptLog, ...]
    deposit: DepositFields | None
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
    """The consensus encoding; the bloom is recomputed."""
    return receipt_encoding(
        receipt.type,
        receipt.outcome,
        receipt.cumulative_gas_used,
        logs_bloom=receipt_bloom(receipt).to_bytes(BLOOM_BYTES, "big"),
        logs=b"".join(_encoded_log(log) for log in receipt.logs),
        deposit=receipt.deposit,
    )


def receipt_encoding(
    kind: int,
    outcome: bytes,
    cumulative_gas_used: int,
    *,
    logs_bloom: bytes,
    logs: bytes,
    deposit: DepositFields | None,
) -> bytes:
    """The consensus encoding: a type byte unless legacy, then RLP.

    `logs` are the RLP of all logs, end to end. They are long, so they are copied once.
    """
    head = rlp_string(outcome) + rlp_integer(cumulative_gas_used) + _BLOOM_PREFIX
    logs_head = rlp_prefix(0xC0, len(logs))
    tail = b"" if deposit is None else rlp_integer(deposit.nonce) + rlp_integer(deposit.version)
    size = len(head) + len(logs_bloom) + len(logs_head) + len(logs) + len(tail)
    start = bytes((kind,)) if kind else b""
    return b"".join((start, rlp_prefix(0xC0, size), head, logs_bloom, logs_head, logs, tail))


def _encoded_log(log: ReceiptLog) -> bytes:
    topics = rlp_list([rlp_string(topic) for topic in log.topics])
    return rlp_list([rlp_string(log.address), topics, rlp_string(log.data)])
