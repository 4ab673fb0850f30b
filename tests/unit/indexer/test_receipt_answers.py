"""Answers of eth_getBlockReceipts as columns: what the schema rules out, and what may be absent."""

import copy
from typing import Any

import pytest

from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.receipt_answers import receipt_from_answer, receipts_from_answers
from indexer.receipts import DepositFields
from tests.block_answers import Answer, made_up_block, made_up_receipts, shown


def answered(count: int = 4) -> list[Answer]:
    return made_up_block(made_up_receipts(count))[1]


def test_receipts__two_blocks_and_an_empty_one__columns_in_order() -> None:
    first, second = answered(4), answered(3)

    batch = receipts_from_answers([first, [], second])

    assert batch.receipt_count.tolist() == [4, 0, 3]
    assert len(batch) == 7
    assert batch.log_count.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert len(batch.logs) == 9
    assert batch.type == [0, 1, 2, 3, 0, 1, 2]
    assert batch.outcome == [b"", b"\x01", b"\x01", b"\x01", b"", b"\x01", b"\x01"]
    assert batch.transaction_index.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert shown(batch.block_hash[3].tobytes()) == first[3]["blockHash"]
    assert shown(batch.transaction_hash[6].tobytes()) == second[2]["transactionHash"]


def test_receipts__same_answers__same_fields_as_one_by_one() -> None:
    answers = answered(9)
    answers[1]["logsBloom"] = shown(bytes(range(256)))
    answers[2] |= {"root": shown(b"\x07" * 32), "status": None}
    answers[3] |= {"type": "0x7e", "depositNonce": "0x7", "depositReceiptVersion": "0x1"}
    answers[4] |= {"type": None, "depositNonce": "0x7", "depositReceiptVersion": "0x1"}

    batch = receipts_from_answers([answers])

    rows = [receipt_from_answer(one) for one in answers]
    assert batch.type == [row.type for row in rows]
    assert batch.outcome == [row.outcome for row in rows]
    assert batch.cumulative_gas_used == [row.cumulative_gas_used for row in rows]
    assert batch.logs_bloom == [row.logs_bloom for row in rows]
    assert batch.deposit == [row.deposit for row in rows]
    assert batch.deposit[3:5] == [DepositFields(7, 1), None]
    assert [log.data for log in batch.logs.rows()] == [log.data for row in rows for log in row.logs]


@pytest.mark.parametrize("count", [0, 4])
def test_receipts__every_bloom_stated__read_as_stated(count: int) -> None:
    answers = answered(count)
    for place, one in enumerate(answers):
        one["logsBloom"] = shown(bytes((place,)) * 256)

    batch = receipts_from_answers([answers])

    assert batch.logs_bloom == [bytes((place,)) * 256 for place in range(count)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": "0x2"}, "status: '0x2' is not 0x0 or 0x1"),
        ({"status": None}, "status: None is not 0x0 or 0x1, and there is no root"),
        ({"status": 1}, "status: 1 is not a quantity"),
        ({"status": True}, "status: True is not a quantity"),
        ({"status": ["0x1"]}, "status: ['0x1'] is not a quantity"),
        ({"type": "0x80"}, "type: '0x80' is not a transaction type"),
        ({"type": {}}, "type: {} is not a quantity"),
        ({"cumulativeGasUsed": "-0x1"}, "cumulativeGasUsed: '-0x1' is not"),
        ({"logs": None}, "logs: None is not an array"),
        ({"logs": [7]}, "log: 7 is not an object"),
        ({"logsBloom": "0x00"}, "logsBloom: '0x00' is not 256 bytes of data"),
        ({"logsBloom": 7}, "logsBloom: 7 is not data"),
        ({"transactionHash": "0x1"}, "transactionHash: '0x1' is not data"),
        ({"transactionHash": None}, "transactionHash: None is not data"),
        ({"blockHash": "0x" + "0" * 62 + "zz"}, "blockHash: "),
        ({"blockNumber": hex(2**63)}, "blockNumber: '0x8000000000000000' is not a"),
        ({"transactionIndex": None}, "transactionIndex: None is not a quantity"),
        ({"type": "0x7e", "depositReceiptVersion": "0x1"}, "depositNonce: None is not a quantity"),
    ],
)
def test_receipts__malformed__field_and_value_named(change: dict[str, Any], sentence: str) -> None:
    answers = answered()
    answers[1] |= change

    with pytest.raises(NotTheSchema) as refusal:
        receipts_from_answers([answers])
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"removed": True}, "removed"),
        ({"topics": ["0x" + "00" * 32] * 5}, "topics"),
        ({"topics": ["0x00"]}, "topics"),
        ({"data": "0x0"}, "data"),
        ({"address": "0x00"}, "address"),
        ({"logIndex": None}, "logIndex"),
    ],
)
def test_receipts__log_malformed__not_the_schema(change: dict[str, Any], field: str) -> None:
    answers = copy.deepcopy(answered())
    answers[2]["logs"][1] |= change

    with pytest.raises(NotTheSchema, match=field):
        receipts_from_answers([answers])


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([None], "receipts: None is not an array"),
        ([{}], "receipts: {} is not an array"),
        ([[None]], "receipt: None is not an object"),
    ],
)
def test_receipts__no_answer__never_no_receipts(answers: list[object], sentence: str) -> None:
    with pytest.raises(NotTheSchema) as refusal:
        receipts_from_answers(answers)
    assert str(refusal.value) == sentence
