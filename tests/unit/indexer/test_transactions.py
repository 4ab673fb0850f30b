"""Transactions roots of published blocks, and the encoding of every type of transaction."""

from typing import Any

import pytest
import rlp

from contracts.evm import ZERO_HASH, Hash32, keccak
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.rpc_answers import header_from_answer
from indexer.adapters.transaction_answers import (
    transaction_hashes_from_answer,
    whole_transactions_from_answer,
)
from indexer.errors import UnknownTransactionType
from indexer.transactions import (
    FIELDS,
    Transaction,
    encoded_transaction,
    transaction_hash,
    transactions_root,
)
from tests.published import (
    REASON,
    Answer,
    chain_blocks,
    lists_whole_transactions,
    node_blocks,
)

WHOLE = [(name, block) for name, block in node_blocks() if lists_whole_transactions(block)]
DEPOSIT = bytes.fromhex(
    "7ef9015aa044bae9d41b8380d781187b426c6fe43df5fb2fb57bd4466ef6a701e1f01e015694deaddeaddeaddeadde"
    "addeaddeaddeaddead000194420000000000000000000000000000000000001580808408f0d18001b90104015d8eb9"
    "00000000000000000000000000000000000000000000000000000000008057650000000000000000000000000000000"
    "000000000000000000000000063d96d1000000000000000000000000000000000000000000000000000000000000"
    "9f35273d89754a1e0387b89520d989d3be9c37c1f32495a88faf1ea05c61121ab0d190000000000000000000000000"
    "0000000000000000000000000000000000000010000000000000000000000002d679b567db6187c0c8323fa982cfb88"
    "b74dbcc7000000000000000000000000000000000000000000000000000000000000083400000000000000000000000"
    "000000000000000000000000000000000000f4240"
)
"""The first transaction of a block of Optimism Goerli: what layer 1 looked like."""

ADDRESSES = {"to", "from", "address"}
HASHES = {"sourceHash", "blobVersionedHashes", "storageKeys"}
LISTED: dict[str, tuple[str, ...]] = {
    "accessList": ("address", "storageKeys"),
    "authorizationList": ("chainId", "address", "nonce", "yParity", "r", "s"),
}


def as_answered(field: str, value: Any) -> Any:
    """A field of decoded RLP as a node spells it."""
    if field in LISTED:
        return [
            {name: as_answered(name, one) for name, one in zip(LISTED[field], entry, strict=True)}
            for entry in value
        ]
    if isinstance(value, list):
        return ["0x" + one.hex() for one in value]
    if field == "isSystemTx":
        return value == b"\x01"
    if field in ADDRESSES | HASHES | {"input"}:
        return "0x" + value.hex() if value or field == "input" else None
    return hex(int.from_bytes(value, "big"))


def answer_of(encoded: Any) -> Answer:
    """A transaction as a node answers it, from its encoding inside a block."""
    whole = rlp.encode(encoded) if isinstance(encoded, list) else encoded
    kind = 0 if isinstance(encoded, list) else encoded[0]
    values = encoded if kind == 0 else rlp.decode(encoded[1:])
    fields = {name: as_answered(name, one) for name, one in zip(FIELDS[kind], values, strict=True)}
    return {"type": hex(kind), "hash": str(keccak(whole)), "nonce": "0x0"} | fields


def plain(kind: int) -> Answer:
    """A transaction that makes a contract, and is 1 in all other fields."""
    return {**dict.fromkeys(FIELDS[kind], "0x1"), "to": None, "input": "0x", "accessList": []}


def read(*answers: Answer) -> tuple[Transaction, ...]:
    transactions = whole_transactions_from_answer({"transactions": list(answers)})
    assert transactions is not None
    return transactions


@pytest.mark.skipif(not chain_blocks(), reason=REASON)
def test_transactions_root__every_block_of_the_published_chain__rebuilt() -> None:
    kinds = set()
    for header, encoded, *_ in chain_blocks():
        transactions = read(*(answer_of(one) for one in encoded))
        assert transactions_root(transactions) == header[4]
        assert [transaction_hash(one) for one in transactions] == [one.hash for one in transactions]
        kinds |= {one.type for one in transactions}

    assert kinds


@pytest.mark.parametrize("block", [block for _, block in WHOLE], ids=[name for name, _ in WHOLE])
def test_transactions_root__published_block__is_that_of_its_header(block: Answer) -> None:
    transactions = read(*block["transactions"])

    assert transactions_root(transactions) == header_from_answer(block).transactions_root
    assert tuple(transaction_hash(one) for one in transactions) == (
        transaction_hashes_from_answer(block)
    )


def test_encoded_transaction__deposit__as_published() -> None:
    answer = answer_of(DEPOSIT)

    (transaction,) = read(answer)

    assert encoded_transaction(transaction) == DEPOSIT
    assert transaction_hash(transaction) == transaction.hash == keccak(DEPOSIT)
    assert answer["isSystemTx"] is True
    assert answer["to"] == "0x4200000000000000000000000000000000000015"


def test_encoded_transaction__deposit_that_mints_nothing__nothing_in_its_place() -> None:
    answer = answer_of(DEPOSIT) | {"mint": None, "isSystemTx": None}
    decoded = rlp.decode(encoded_transaction(read(answer)[0])[1:])

    assert decoded[3] == b""
    assert decoded[6] == b""


def test_encoded_transaction__parity_called_v__the_same() -> None:
    typed = plain(2) | {"type": "0x2", "hash": str(ZERO_HASH)}
    older = {name: value for name, value in typed.items() if name != "yParity"} | {"v": "0x1"}

    assert read(typed) == read(older)
    assert read(typed) != read(typed | {"yParity": "0x0", "v": "0x1"})


def test_encoded_transaction__unknown_type__refused() -> None:
    (transaction,) = read({"type": "0x6a", "hash": str(ZERO_HASH), "nonce": "0x0"})

    assert transaction == Transaction(0x6A, ZERO_HASH, ())
    with pytest.raises(UnknownTransactionType, match="type 0x6a cannot be encoded"):
        encoded_transaction(transaction)


@pytest.mark.parametrize(
    "listed",
    [None, [], [str(ZERO_HASH)], [{"hash": str(ZERO_HASH)}], [{"nonce": "0x0"}, str(ZERO_HASH)]],
)
def test_whole_transactions__not_listed_whole__none(listed: Any) -> None:
    assert whole_transactions_from_answer({"transactions": listed}) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"to": "0x12"}, "to: '0x12' is not 20 bytes"),
        ({"value": 7}, "value: 7 is not a quantity"),
        ({"input": None}, "input: None is not data"),
        ({"accessList": None}, "accessList: None is not an array"),
        ({"accessList": [{"address": "0x" + "00" * 20}]}, "storageKeys: None is not an array"),
        ({"accessList": ["0x"]}, "accessList: '0x' is not an object"),
        ({"hash": None}, "hash: None is not data"),
        ({"type": "0x7e", "isSystemTx": 1, "sourceHash": str(Hash32(bytes(32)))}, "from: None is"),
        ({"yParity": None}, "v: None is not a quantity"),
    ],
)
def test_whole_transactions__malformed__field_and_value_named(
    change: dict[str, Any], sentence: str
) -> None:
    answer = plain(1) | {"type": "0x1", "hash": str(ZERO_HASH)} | change

    with pytest.raises(NotTheSchema) as refusal:
        read(answer)
    assert str(refusal.value).startswith(sentence)
