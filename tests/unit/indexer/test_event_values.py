"""Every event round-trips through an independent encoder, and nothing malformed stops anything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event_spec import EventSpec
from contracts.events import EVENTS
from indexer.event_values import NotTheEvent, event_values
from tests import abi_values
from tests.fakes_chain import TOKEN, log_of


@pytest.mark.parametrize("spec", EVENTS, ids=[spec.name for spec in EVENTS])
@settings(max_examples=20)
@given(data=st.data())
def test_event_values__any_values__round_trip(spec: EventSpec, data: st.DataObject) -> None:
    values = data.draw(abi_values.event_values(spec))
    log = log_of(spec, TOKEN, values)

    columns = event_values(spec, log.topics, log.data)

    assert columns == abi_values.stored_values(spec, values)
    assert len(columns) == len(spec.columns)
    assert [type(one) for one in columns] == [
        type(one) for one in abi_values.stored_values(spec, values)
    ]


@settings(max_examples=40)
@given(topics=st.lists(st.binary(max_size=40), max_size=4), data=st.binary(max_size=400))
def test_event_values__any_bytes__values_or_not_the_event(topics: list[bytes], data: bytes) -> None:
    for spec in EVENTS:
        try:
            values = event_values(spec, (spec.topic0, *topics), data)
        except NotTheEvent:
            continue
        assert len(values) == len(spec.columns)


@pytest.mark.parametrize("spec", EVENTS, ids=[spec.name for spec in EVENTS])
@settings(max_examples=20)
@given(data=st.data())
def test_event_values__valid_log_with_changed_word__values_or_not_the_event(
    spec: EventSpec, data: st.DataObject
) -> None:
    """Also an array that says it has 2²⁵⁵ items, or that its content is elsewhere."""
    log = log_of(spec, TOKEN, data.draw(abi_values.event_values(spec)))
    words = [log.data[at : at + 32] for at in range(0, len(log.data), 32)]
    if words:
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(
            st.sampled_from((b"\xff" * 32, b"\x7f" + bytes(31), bytes(32), bytes(31) + b"\x20"))
        )

    try:
        values = event_values(spec, log.topics, b"".join(words))
    except NotTheEvent:
        return
    assert len(values) == len(spec.columns)
