"""Decoding by column says of any log what the row-wise reference says of it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import EVENTS
from indexer.decode import decode
from indexer.logs import log_batch
from tests import abi_values
from tests.decode_reference import ADDRESSES, ALL_SOURCES, assert_same, raw
from tests.fakes_chain import FakeLog, log_of

WORD = b"\x00" * 31 + b"\x07"
SOURCE = b"\x00" * 12 + b"\x01" * 20
_WORDS = st.sampled_from(
    (
        *(bytes(32), b"\xff" * 32, WORD, SOURCE, b"\x01" + SOURCE[1:], SOURCE[:11] + b"\x01" * 21),
        *((2**bits).to_bytes(32, "big") for bits in (8, 16, 32, 63, 64)),
        *((2**bits - 1).to_bytes(32, "big") for bits in (8, 16, 32, 63, 64)),
    )
) | st.binary(min_size=32, max_size=32)


@st.composite
def any_log(draw: st.DrawFn) -> FakeLog:
    """A valid event, or one that is damaged in one place, or of another contract, or noise."""
    spec = draw(st.sampled_from(EVENTS))
    address = draw(st.sampled_from(ADDRESSES[spec.contract]))
    log = log_of(spec, address, draw(abi_values.event_values(spec)))
    damage = draw(st.sampled_from(("none", "none", "topic", "topics", "word", "data", "address")))
    topics, data = list(log.topics), log.data
    if damage == "topic" and len(topics) > 1:
        topics[draw(st.integers(1, len(topics) - 1))] = draw(_WORDS)
    elif damage == "topics":
        topics = draw(st.lists(st.sampled_from((spec.topic0, WORD)), max_size=4))
    elif damage == "word" and data:
        at = 32 * draw(st.integers(0, len(data) // 32 - 1))
        data = data[:at] + draw(_WORDS) + data[at + 32 :]
    elif damage == "data":
        data = draw(st.sampled_from((b"", data[:-1], data + b"\0", data[32:], data + WORD)))
    elif damage == "address":
        address = draw(st.sampled_from(sorted(ALL_SOURCES)))
    return FakeLog(address, tuple(topics), data)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs=st.lists(any_log(), max_size=6))
def test_decode__any_logs__what_event_values_says_of_each(logs: list[FakeLog]) -> None:
    rows = raw(*logs)

    assert_same(decode(log_batch(rows), ALL_SOURCES), rows, ALL_SOURCES)
