"""Every event round-trips through an independent encoder, and nothing malformed stops anything."""

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import (
    EPOCH_CLOCK_STARTED,
    ERC20_TRANSFER,
    EVENTS,
    SUBSCRIBED,
    WORK_TERMS_SET,
    ContractName,
    EventSpec,
)
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.chain import LogBatch
from indexer.decode import Decoded, NotTheEvent, decode, event_values, filter_of
from tests import abi_values
from tests.fakes_chain import STRANGER, TIERS, TOKEN, FakeLog, log_of

CLOCK = Address(b"\x44" * 20)
REGISTRY = Address(b"\x55" * 20)
SOURCES = {
    TOKEN: ContractName.ERC20,
    TIERS: ContractName.SUBSCRIPTION_TIERS,
    CLOCK: ContractName.EPOCH_CLOCK,
    REGISTRY: ContractName.WORK_REGISTRY,
}
WORD = b"\x00" * 31 + b"\x07"
SOURCE, TARGET = b"\x00" * 12 + b"\x01" * 20, b"\x00" * 12 + b"\x02" * 20


def batch(*logs: FakeLog) -> LogBatch:
    count = len(logs)
    return LogBatch(
        block_number=[BlockNumber(7)] * count,
        block_hash=[Hash32(bytes(32))] * count,
        log_index=[LogIndex(index) for index in range(count)],
        address=[log.address for log in logs],
        topics=[list(log.topics) for log in logs],
        data=[log.data for log in logs],
        transaction_hash=[Hash32(bytes(32))] * count,
        transaction_index=[0] * count,
    )


def decoded(*logs: FakeLog) -> Decoded:
    return decode(batch(*logs), SOURCES)


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


@pytest.mark.parametrize(
    ("topics", "data"),
    [
        ((SOURCE, TARGET, WORD), b""),  # ERC-721: the token id is a topic
        ((SOURCE,), WORD),
        ((SOURCE, TARGET), b""),
        ((SOURCE, TARGET), WORD[:-1]),
        ((SOURCE, TARGET), WORD + b"\x00"),
        ((b"\x01" + SOURCE[1:], TARGET), WORD),  # more than 20 bytes
        ((SOURCE[:31], TARGET), WORD),
    ],
)
def test_decode__transfer_of_another_shape__counted_and_left(
    topics: tuple[bytes, ...], data: bytes
) -> None:
    good = FakeLog(TOKEN, (ERC20_TRANSFER.topic0, SOURCE, TARGET), WORD)

    result = decoded(good, FakeLog(TOKEN, (ERC20_TRANSFER.topic0, *topics), data), good)

    assert (result.rows, result.malformed, result.unknown) == (2, 1, 0)
    assert result.facts[0].log_index == [0, 2]
    assert result.facts[0].values[2] == [7, 7]


def test_decode__uint64_above_its_column__malformed() -> None:
    fits = FakeLog(CLOCK, (EPOCH_CLOCK_STARTED.topic0,), encode(["uint64"] * 3, [2**63 - 1, 1, 1]))
    too_large = FakeLog(CLOCK, (EPOCH_CLOCK_STARTED.topic0,), encode(["uint64"] * 3, [2**63, 1, 1]))
    no_uint64 = FakeLog(
        CLOCK, (EPOCH_CLOCK_STARTED.topic0,), encode(["uint256"] * 3, [2**64, 1, 1])
    )

    result = decoded(fits, too_large, no_uint64)

    assert (result.rows, result.malformed) == (1, 2)
    assert result.facts[0].values[0] == [2**63 - 1]


def test_decode__dynamic_uint64_above_its_column__malformed() -> None:
    types = ["uint64", "uint32", "uint64", "bytes32", "address[]", "uint32[]"]
    data = encode(types, [1, 1, 2**63, WORD, [], []])

    result = decoded(FakeLog(REGISTRY, (WORK_TERMS_SET.topic0, WORD, SOURCE, WORD), data))

    assert (result.rows, result.malformed) == (0, 1)


def test_decode__same_topic_from_another_contract__unknown() -> None:
    transfer = FakeLog(TIERS, (ERC20_TRANSFER.topic0, SOURCE, TARGET), WORD)

    result = decoded(transfer)

    assert (result.rows, result.malformed, result.unknown) == (0, 0, 1)
    assert result.facts == ()


def test_decode__several_events__in_the_order_of_the_declarations() -> None:
    values: tuple[Any, ...] = (b"\x01" * 20, 3, WORD, b"\x02" * 20, b"\x03" * 20, 5)
    transfer = FakeLog(TOKEN, (ERC20_TRANSFER.topic0, SOURCE, TARGET), WORD)

    result = decoded(transfer, log_of(SUBSCRIBED, TIERS, values), transfer)

    assert [facts.spec for facts in result.facts] == [SUBSCRIBED, ERC20_TRANSFER]
    assert result.facts[0].log_index == [1]
    assert result.facts[0].address == [TIERS]
    assert result.facts[1].log_index == [0, 2]


def test_filter_of__sources__their_addresses_and_only_their_topics() -> None:
    wanted = filter_of({TOKEN: ContractName.ERC20, TIERS: ContractName.SUBSCRIPTION_TIERS})

    assert wanted.addresses == (TOKEN, TIERS)
    assert STRANGER not in wanted.addresses
    assert SUBSCRIBED.topic0 in wanted.topics0
    assert WORK_TERMS_SET.topic0 not in wanted.topics0
    assert list(wanted.topics0) == sorted(wanted.topics0)
