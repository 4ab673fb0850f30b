"""Log objects of a node: whatever happens to them, they are read as written, or refused."""

import re
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.log_answers import log_batch_from_objects, logs_from_answers
from indexer.logs import RawLog
from tests.raw_logs import any_raw_logs, log_object, made_up_logs

TEXTS = ("blockHash", "transactionHash", "address", "data")
QUANTITIES = ("blockNumber", "logIndex", "transactionIndex")
CHARACTERS = st.sampled_from([*"0189afAFxXgG \n_-+.", "\x00", "\u0661", "\uff11", "\u00e9"])


def is_bytes(value: object, length: int | None = None) -> bool:
    if not isinstance(value, str) or re.fullmatch("0x([0-9a-fA-F][0-9a-fA-F])*", value) is None:
        return False
    return length is None or len(value) == 2 + 2 * length


def is_number(value: object) -> bool:
    if not isinstance(value, str) or re.fullmatch("0x[0-9a-fA-F]{1,64}", value) is None:
        return False
    return int(value, 16) < 2**63


def read(raw: dict[str, Any]) -> RawLog | None:
    """The log by the schema, field by field; None if it is against it."""
    topics = raw.get("topics")
    is_good = (
        all(is_number(raw.get(field)) for field in QUANTITIES)
        and is_bytes(raw.get("blockHash"), 32)
        and is_bytes(raw.get("transactionHash"), 32)
        and is_bytes(raw.get("address"), 20)
        and is_bytes(raw.get("data"))
        and isinstance(topics, list)
        and len(topics) <= 4
        and all(is_bytes(topic, 32) for topic in topics)
        and not raw.get("removed")
    )
    if not is_good or not isinstance(topics, list):
        return None
    return RawLog(
        BlockNumber(int(raw["blockNumber"], 16)),
        Hash32.from_hex(raw["blockHash"]),
        LogIndex(int(raw["logIndex"], 16)),
        Address.from_hex(raw["address"]),
        tuple(bytes.fromhex(topic[2:]) for topic in topics),
        bytes.fromhex(raw["data"][2:]),
        Hash32.from_hex(raw["transactionHash"]),
        int(raw["transactionIndex"], 16),
    )


@st.composite
def damaged_text(draw: st.DrawFn, text: str) -> str:
    """One character changed, left out or added."""
    place = draw(st.integers(0, len(text)))
    width = draw(st.integers(0, 1))
    return text[:place] + draw(st.one_of(st.just(""), CHARACTERS)) + text[place + width :]


@st.composite
def damaged_objects(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Good logs with up to three changes: within a text, between two texts, of a whole field."""
    objects = [log_object(log) for log in made_up_logs(3, 4)]
    for _ in range(draw(st.integers(1, 3))):
        raw, other = draw(st.sampled_from(objects)), draw(st.sampled_from(objects))
        field = draw(st.sampled_from([*TEXTS, *QUANTITIES, "topics", "removed"]))
        value = raw.get(field)
        if field == "topics" and isinstance(value, list) and any(value):
            place = draw(st.sampled_from([place for place, one in enumerate(value) if one]))
            raw[field] = [*value[:place], draw(damaged_text(value[place])), *value[place + 1 :]]
        elif draw(st.booleans()) or not isinstance(value, str):
            raw[field] = draw(
                st.sampled_from([None, True, False, 0, 1, 0.5, [], [None], {}, "", "0x", "0x00"])
            )
        elif raw is not other and isinstance(other.get(field), str) and draw(st.booleans()):
            whole = value + other[field]
            cut = draw(st.integers(0, len(whole)))
            raw[field], other[field] = whole[:cut], whole[cut:]
        else:
            raw[field] = draw(damaged_text(value))
    return objects


@given(any_raw_logs())
def test_log_objects__any_logs__read_as_written(logs: list[RawLog]) -> None:
    assert log_batch_from_objects([log_object(log) for log in logs]).rows() == logs


@given(any_raw_logs(), st.randoms())
def test_log_objects__any_order__put_in_chain_order(logs: list[RawLog], random: Any) -> None:
    unique = list({(log.block_number, log.log_index): log for log in logs}.values())
    ordered = sorted(unique, key=lambda log: (log.block_number, log.log_index))
    random.shuffle(unique)
    half = len(unique) >> 1

    answers = [[log_object(log) for log in part] for part in (unique[:half], unique[half:])]

    assert logs_from_answers(answers).rows() == ordered


@settings(max_examples=400)
@given(damaged_objects())
def test_log_objects__any_damage__refused_or_read_by_the_schema(
    objects: Sequence[dict[str, Any]],
) -> None:
    expected = [read(raw) for raw in objects]

    try:
        found: list[RawLog] | None = log_batch_from_objects(objects).rows()
    except NotTheSchema:
        found = None

    assert found == (None if None in expected else expected)
