"""Saved answers in every form that nodes and tools give them, and the refusal of others."""

from typing import Any

import pytest

from indexer.adapters.block_documents import block_from_document, receipts_from_document
from indexer.errors import BadDocument
from tests.block_answers import made_up_block


def enveloped(answer: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "result": answer}


def test_documents__bare_or_enveloped__read_alike() -> None:
    block, receipts = made_up_block()
    plain = receipts_from_document(receipts, "R")

    assert block_from_document(enveloped(block), "B") == block_from_document(block, "B")
    assert receipts_from_document(enveloped(receipts), "R") == plain
    assert receipts_from_document([enveloped(one) for one in receipts], "R") == plain


def test_block__whole_transactions_or_hashes__listed_alike() -> None:
    block, _ = made_up_block()
    whole = block | {"transactions": [{"hash": one} for one in block["transactions"]]}
    without = {name: value for name, value in block.items() if name != "transactions"}

    assert block_from_document(whole, "B") == block_from_document(block, "B")
    assert block_from_document(without, "B").transactions is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": "0x2"}, "R: receipt 1: status: '0x2' is not 0x0 or 0x1"),
        ({"status": None}, "R: receipt 1: status: None is not 0x0 or 0x1, and there is no root"),
        ({"status": 1}, "R: receipt 1: status: 1 is not a quantity"),
        ({"type": "0x80"}, "R: receipt 1: type: '0x80' is not a transaction type"),
        ({"cumulativeGasUsed": "-0x1"}, "R: receipt 1: cumulativeGasUsed: '-0x1' is not"),
        ({"logs": None}, "R: receipt 1: logs: None is not an array"),
        ({"logs": [7]}, "R: receipt 1: log: 7 is not an object"),
        ({"logs": [{"removed": True}]}, "R: receipt 1: removed: True is not a log that is on"),
        ({"logsBloom": "0x00"}, "R: receipt 1: logsBloom: '0x00' is not 256 bytes of data"),
        ({"transactionHash": "0x1"}, "R: receipt 1: transactionHash: '0x1' is not data"),
    ],
)
def test_receipts__malformed__file_field_and_value_named(
    change: dict[str, Any], sentence: str
) -> None:
    _, receipts = made_up_block()
    receipts[1] |= change

    with pytest.raises(BadDocument) as refusal:
        receipts_from_document(receipts, "R")
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (None, "receipts: None is not an array"),
        (enveloped(None), "receipts: None is not an array"),
        ({"error": {"code": -32000}}, "error: {'code': -32000} is not an answer"),
        ([None], "receipt 0: receipt: None is not an object"),
    ],
)
def test_receipts__no_answer__refused(document: object, sentence: str) -> None:
    with pytest.raises(BadDocument) as refusal:
        receipts_from_document(document, "R")
    assert str(refusal.value) == f"R: {sentence}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"number": 7}, "B: number: 7 is not a quantity"),
        ({"transactions": {}}, "B: transactions: {} is not an array"),
        ({"transactions": ["0x12"]}, "B: transactions: '0x12' is not 32 bytes"),
        ({"transactions": [{}]}, "B: hash: None is not data"),
    ],
)
def test_block__malformed__file_field_and_value_named(
    change: dict[str, Any], sentence: str
) -> None:
    block, _ = made_up_block()

    with pytest.raises(BadDocument) as refusal:
        block_from_document(block | change, "B")
    assert str(refusal.value).startswith(sentence)
