"""A node's log objects to columns: what is accepted, and what is named in a refusal."""

from typing import Any

import pytest

from indexer.adapters import log_answers
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.log_answers import log_batch_from_objects, logs_from_answers
from tests.raw_logs import log_object, made_up_logs

HASHES = ("blockHash", "transactionHash")
QUANTITIES = ("blockNumber", "logIndex", "transactionIndex")
FIELDS = (*HASHES, *QUANTITIES, "address", "topics", "data")


def objects() -> list[dict[str, Any]]:
    return [log_object(log) for log in made_up_logs(6, 0, 7)]


def test_log_batch_from_objects__good_logs__the_same_in_the_order_given() -> None:
    logs = made_up_logs(6, 0, 7)

    assert log_batch_from_objects([log_object(log) for log in logs[::-1]]).rows() == logs[::-1]
    assert log_batch_from_objects([]).rows() == []


def test_log_batch_from_objects__more_than_are_read_at_once__all() -> None:
    logs = made_up_logs(*[100] * 45)

    assert len(logs) > 2 * log_answers._NEAR_LOGS
    assert log_batch_from_objects([log_object(log) for log in logs]).rows() == logs


def test_log_batch_from_objects__good_logs__not_read_one_by_one() -> None:
    texts = log_answers._SmallQuantities()

    batch = log_answers._columns(objects(), texts)

    assert batch.rows() == made_up_logs(6, 0, 7)
    assert texts["0x7"] == 7


@pytest.mark.parametrize("removed", [None, False])
def test_log_batch_from_objects__not_removed__accepted(removed: bool | None) -> None:
    given = objects()
    given[1]["removed"] = removed
    del given[2]["removed"]

    assert len(log_batch_from_objects(given)) == 13


@pytest.mark.parametrize("row", [0, 5, 12])
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, [], {}, ["0x"], "", "0", "0x0g", "0xzz", "0X01", "x01", "\u0661"]
)
def test_log_batch_from_objects__another_type_or_text__refused_by_name(
    row: int, field: str, value: object
) -> None:
    if field == "topics" and value == []:
        return
    given = objects()
    given[row][field] = value

    with pytest.raises(NotTheSchema, match=f"^{field}: "):
        log_batch_from_objects(given)


@pytest.mark.parametrize("field", FIELDS)
def test_log_batch_from_objects__field_missing__refused_by_name(field: str) -> None:
    given = objects()
    del given[3][field]

    with pytest.raises(NotTheSchema, match=f"^{field}: None"):
        log_batch_from_objects(given)


@pytest.mark.parametrize("field", [*HASHES, "address"])
def test_log_batch_from_objects__digits_moved_to_the_next_log__refused(field: str) -> None:
    given = objects()
    moved = given[4][field]
    given[4][field], given[5][field] = moved[:-2], moved[-2:] + given[5][field]

    with pytest.raises(NotTheSchema, match=f"^{field}: '{moved[:-2]}' is not"):
        log_batch_from_objects(given)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("removed", True, "removed: True is not false"),
        ("removed", [0], "removed: "),
        ("data", "0x123", "data: '0x123' is not"),
        ("topics", ["0x" + "11" * 32] * 5, "topics: .* at most four"),
        ("topics", ["0x" + "11" * 31], "topics: .* is not 32 bytes"),
        ("topics", "0x" + "11" * 32, "topics: .* an array"),
        ("topics", {"0x" + "11" * 32: 1}, "topics: .* an array"),
        ("topics", [["0x" + "11" * 32]], "topics: "),
        ("blockNumber", hex(2**63), "blockNumber: .* below"),
        ("logIndex", hex(2**64), "logIndex: .* below"),
        ("transactionIndex", "0x", "transactionIndex: '0x' is not a quantity"),
        ("transactionIndex", "-0x1", "transactionIndex: '-0x1' is not a quantity"),
        ("logIndex", "0x_1", "logIndex: '0x_1' is not a quantity"),
        ("logIndex", " 0x1", "logIndex: ' 0x1' is not a quantity"),
    ],
)
def test_log_batch_from_objects__bad_value__refused(
    field: str, value: object, message: str
) -> None:
    given = objects()
    given[2][field] = value

    with pytest.raises(NotTheSchema, match=f"^{message}"):
        log_batch_from_objects(given)


@pytest.mark.parametrize("log", [None, [], "log", 3])
def test_log_batch_from_objects__no_object__refused(log: object) -> None:
    with pytest.raises(NotTheSchema, match=r"^log: "):
        log_batch_from_objects([*objects(), log])


def test_log_batch_from_objects__largest_numbers__kept() -> None:
    given = objects()[:1]
    given[0]["logIndex"] = hex(2**63 - 1)

    assert log_batch_from_objects(given).log_index.tolist() == [2**63 - 1]


def test_logs_from_answers__any_order_and_parts__chain_order() -> None:
    logs = made_up_logs(6, 0, 7)
    given = objects()

    batch = logs_from_answers([given[9:], [], given[4:9][::-1], given[:4]])

    assert batch.rows() == logs
    assert logs_from_answers([given]).rows() == logs
    assert len(logs_from_answers([])) == 0


@pytest.mark.parametrize("answer", [None, {}, "0x"])
def test_logs_from_answers__no_array__refused(answer: object) -> None:
    with pytest.raises(NotTheSchema, match=r"^logs: "):
        logs_from_answers([[], answer])
