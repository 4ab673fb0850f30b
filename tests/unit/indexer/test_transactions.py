"""Transactions roots of published blocks, and the encoding of every type of transaction."""

from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]

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
from tests.block_answers import (
    EXECUTION_APIS,
    MAINNET,
    Answer,
    published_answer,
    published_block_before_byzantium,
)

needs_vectors = pytest.mark.skipif(
    not (EXECUTION_APIS.exists() and MAINNET.exists()), reason="../shared/vectors is absent"
)
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


@needs_vectors
def test_transactions_root__every_block_of_the_published_chain__rebuilt() -> None:
    content, kinds, count = (EXECUTION_APIS / "chain.rlp").read_bytes(), set(), 0
    while content:
        (header, encoded, *_), _, length = rlp.codec.consume_item(content, 0)
        content = content[length:]
        if encoded:
            transactions = read(*(answer_of(one) for one in encoded))
            assert transactions_root(transactions) == header[4]
            assert [transaction_hash(one) for one in transactions] == [
                one.hash for one in transactions
            ]
            kinds |= {one.type for one in transactions}
            count += len(transactions)

    assert kinds == {0, 1, 2, 3, 4}
    assert count == 249


@needs_vectors
@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (lambda: published_block_before_byzantium()[0], 2),
        (lambda: published_answer("eth_getBlockByHash/get-block-by-hash"), 4),
        (lambda: published_answer("eth_getBlockByNumber/get-latest"), 4),
        (lambda: published_answer("eth_getBlockByNumber/get-safe"), 4),
        (lambda: published_answer("eth_getBlockByNumber/get-finalized"), 4),
    ],
)
def test_transactions_root__published_answer__is_that_of_its_header(
    answer: Any, count: int
) -> None:
    block = answer()["result"]
    transactions = read(*block["transactions"])

    assert len(transactions) == count
    assert transactions_root(transactions) == header_from_answer(block).transactions_root
    assert tuple(transaction_hash(one) for one in transactions) == (
        transaction_hashes_from_answer(block)
    )


@needs_vectors
def test_encoded_transaction__before_eip_155__v_is_27_or_28() -> None:
    block = published_block_before_byzantium()[0]["result"]
    found = {int(one["v"], 16) for one in block["transactions"]}

    assert found <= {27, 28}


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
