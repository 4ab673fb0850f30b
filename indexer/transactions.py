"""Whole transactions, as consensus encodes them, and the root that a header has of them.

A receipts root says nothing of transaction hashes: without the transactions root a hash is what a
node states. With it, every transaction is proved by the header, and so is its hash, which is
keccak256 of the same encoding. Who sent a transaction is in its signature, and is not looked at.

Source: Ethereum yellow paper §4.2; EIP-155, EIP-2718, EIP-2930, EIP-1559, EIP-4844, EIP-7702; OP
Stack specification, deposits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from contracts.evm import Hash32, keccak
from indexer.chain import rlp_integer, rlp_list, rlp_string
from indexer.errors import UnknownTransactionType
from indexer.receipts import DEPOSIT_TYPE
from indexer.trie import trie_root

Item: TypeAlias = "bytes | int | tuple[Item, ...]"
"""A field: bytes, a natural number, or a list of fields."""

_PRICED = ("gasPrice", "gas", "to", "value", "input")
_CAPPED = ("maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "input", "accessList")
_SIGNED = ("yParity", "r", "s")

FIELDS: Mapping[int, tuple[str, ...]] = {
    0: ("nonce", *_PRICED, "v", "r", "s"),
    1: ("chainId", "nonce", *_PRICED, "accessList", *_SIGNED),
    2: ("chainId", "nonce", *_CAPPED, *_SIGNED),
    3: ("chainId", "nonce", *_CAPPED, "maxFeePerBlobGas", "blobVersionedHashes", *_SIGNED),
    4: ("chainId", "nonce", *_CAPPED, "authorizationList", *_SIGNED),
    DEPOSIT_TYPE: ("sourceHash", "from", "to", "mint", "value", "gas", "isSystemTx", "input"),
}
"""What the encoding of each type holds, in order, as nodes spell it.

A legacy transaction of before EIP-155 differs from a later one only in the value of `v`.
"""

ACCESS_FIELDS = ("address", "storageKeys")
"""What an entry of `accessList` holds, in order."""

AUTHORIZATION_FIELDS = ("chainId", "address", "nonce", "yParity", "r", "s")
"""What an entry of `authorizationList` holds, in order."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A whole transaction; `hash` is what a node states.

    `fields` are in the order of `FIELDS`, and nothing for a type that is not there. A list is a
    tuple of its entries, and an entry a tuple of its fields.
    """

    type: int
    hash: Hash32
    fields: tuple[Item, ...]


def encoded_transaction(transaction: Transaction) -> bytes:
    """The consensus encoding: a type byte unless legacy, then RLP.

    Raises:
        UnknownTransactionType: it is not one of `FIELDS`.
    """
    if transaction.type not in FIELDS:
        raise UnknownTransactionType(transaction.type)
    body = _rlp(transaction.fields)
    return bytes((transaction.type,)) + body if transaction.type else body


def transaction_hash(transaction: Transaction) -> Hash32:
    """The hash that the transaction really has; raises as `encoded_transaction` does."""
    return keccak(encoded_transaction(transaction))


def transactions_root(transactions: Sequence[Transaction]) -> Hash32:
    """The root of a block with these transactions; raises as `encoded_transaction` does."""
    return trie_root([encoded_transaction(transaction) for transaction in transactions])


def _rlp(item: Item) -> bytes:
    if isinstance(item, int):
        return rlp_integer(item)
    if isinstance(item, bytes):
        return rlp_string(item)
    return rlp_list([_rlp(one) for one in item])
