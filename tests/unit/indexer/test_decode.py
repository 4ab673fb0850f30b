"""Logs by column say what `event_values` says of each, and nothing malformed stops anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event_spec import ContractName, EventSpec
from contracts.events import (
    EPOCH_CLOCK_STARTED,
    ERC20_APPROVAL,
    ERC20_TRANSFER,
    EVENTS,
    SUBSCRIBED,
    WORK_TERMS_SET,
)
from contracts.evm import Address, BlockNumber, Hash32, LogIndex, bytes_from_hex
from indexer.decode import Decoded, decode, filter_of
from indexer.logs import RawLog, log_batch
from tests import abi_values
from tests.decode_reference import ADDRESSES, ALL_SOURCES, assert_same, raw
from tests.fakes_chain import STRANGER, TIERS, TOKEN, FakeLog, log_of
from tests.published import extracted, folders

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
TRANSFER = FakeLog(TOKEN, (ERC20_TRANSFER.topic0, SOURCE, TARGET), WORD)
ERC721 = FakeLog(TOKEN, (ERC20_TRANSFER.topic0, SOURCE, TARGET, WORD), b"")


def decoded(*logs: FakeLog, sources: Mapping[Address, ContractName] = SOURCES) -> Decoded:
    return decode(log_batch(raw(*logs)), sources)


@pytest.mark.parametrize("spec", EVENTS, ids=[spec.name for spec in EVENTS])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_decode__every_event__read_by_column(spec: EventSpec, data: st.DataObject) -> None:
    values = [data.draw(abi_values.event_values(spec)) for _ in range(3)]
    rows = raw(*(log_of(spec, ADDRESSES[spec.contract][0], one) for one in values))

    result = decode(log_batch(rows), ALL_SOURCES)

    assert_same(result, rows, ALL_SOURCES)
    assert [len(columns) for columns in result.facts] == [3]


def test_decode__nothing__nothing() -> None:
    result = decoded()

    assert (result.facts, len(result.raw), result.rows) == ((), 0, 0)
    assert (result.unknown, result.malformed, result.mismatched) == (0, 0, {})


@pytest.mark.parametrize(
    ("topics", "data"),
    [
        ((SOURCE, TARGET, WORD), b""),  # ERC-721: the token id is a topic
        ((SOURCE,), WORD),
        ((SOURCE, TARGET), b""),
        ((SOURCE, TARGET), WORD[:-1]),
        ((SOURCE, TARGET), WORD + b"\x00"),
        ((b"\x01" + SOURCE[1:], TARGET), WORD),  # more than 20 bytes
        ((SOURCE, SOURCE[:11] + b"\x01" + SOURCE[12:]), WORD),
    ],
)
def test_decode__transfer_of_another_shape__counted_and_kept_raw(
    topics: tuple[bytes, ...], data: bytes
) -> None:
    other = FakeLog(TOKEN, (ERC20_TRANSFER.topic0, *topics), data)

    result = decoded(TRANSFER, other, TRANSFER)

    assert (result.rows, result.malformed, result.unknown) == (2, 1, 0)
    assert result.facts[0].log_index.tolist() == [0, 2]
    assert result.facts[0].cells(2) == [7, 7]
    assert result.raw.rows() == raw(TRANSFER, other)[1:]
    assert result.mismatched == {}


def test_decode__bulk_events__not_raw_and_with_their_transaction() -> None:
    result = decoded(
        TRANSFER, log_of(SUBSCRIBED, TIERS, (b"\x01" * 20, 3, WORD, *[b"\x02" * 20] * 2, 5))
    )

    subscribed, transfers = result.facts
    assert transfers.spec.is_bulk
    assert not subscribed.spec.is_bulk
    assert result.raw.log_index.tolist() == [1]
    assert transfers.transaction_index.tolist() == [100]
    assert transfers.transaction_hash.tobytes() == bytes(32)


def test_decode__uint256_columns__rows_of_32_bytes() -> None:
    top = log_of(ERC20_APPROVAL, TOKEN, (b"\x01" * 20, b"\x02" * 20, 2**256 - 1))

    (columns,) = decoded(top).facts

    owner, spender, amount = columns.values
    assert isinstance(amount, np.ndarray)
    assert (amount.shape, amount.tobytes()) == ((1, 32), b"\xff" * 32)
    assert isinstance(owner, np.ndarray)
    assert isinstance(spender, np.ndarray)
    assert (owner.tobytes(), spender.tobytes()) == (b"\x01" * 20, b"\x02" * 20)


def test_decode__uint64_above_its_column__malformed() -> None:
    def started(*values: int) -> FakeLog:
        data = encode(["uint256"] * 3, values)
        return FakeLog(CLOCK, (EPOCH_CLOCK_STARTED.topic0,), data)

    result = decoded(started(2**63 - 1, 1, 1), started(2**63, 1, 1), started(2**64, 1, 1))

    assert (result.rows, result.malformed) == (1, 2)
    assert result.facts[0].cells(0) == [2**63 - 1]


def test_decode__dynamic_uint64_above_its_column__malformed() -> None:
    types = ["uint64", "uint32", "uint64", "bytes32", "address[]", "uint32[]"]
    data = encode(types, [1, 1, 2**63, WORD, [], []])

    result = decoded(FakeLog(REGISTRY, (WORK_TERMS_SET.topic0, WORD, SOURCE, WORD), data))

    assert (result.rows, result.malformed, result.facts) == (0, 1, ())


def test_decode__same_topic_from_another_contract__unknown() -> None:
    transfer = FakeLog(TIERS, TRANSFER.topics, TRANSFER.data)

    result = decoded(transfer)

    assert (result.rows, result.malformed, result.unknown) == (0, 0, 1)
    assert (result.facts, result.mismatched) == ((), {})
    assert len(result.raw) == 1


def test_decode__no_topics__unknown() -> None:
    result = decoded(FakeLog(TOKEN, (), WORD), TRANSFER)

    assert (result.rows, result.unknown) == (1, 1)


def test_decode__address_that_is_no_source__unknown() -> None:
    result = decoded(FakeLog(STRANGER, TRANSFER.topics, TRANSFER.data), TRANSFER)

    assert (result.rows, result.unknown) == (1, 1)
    assert decoded(TRANSFER, sources={}).unknown == 1


def test_decode__addresses_that_differ_in_one_byte__told_apart() -> None:
    """Also in a byte that is zero, at either end."""
    twins = [Address(bytes(20)), Address(b"\x01" + bytes(19)), Address(bytes(19) + b"\x01")]
    sources = {
        twins[0]: ContractName.ERC20,
        twins[1]: ContractName.SUBSCRIPTION_TIERS,
        twins[2]: ContractName.ERC20,
    }
    logs = [FakeLog(one, TRANSFER.topics, TRANSFER.data) for one in (*twins, *twins[::-1])]

    result = decoded(*logs, sources=sources)

    assert result.unknown == 2
    assert result.facts[0].log_index.tolist() == [0, 2, 3, 5]


def test_decode__several_events__in_the_order_of_the_declarations() -> None:
    values: tuple[Any, ...] = (b"\x01" * 20, 3, WORD, b"\x02" * 20, b"\x03" * 20, 5)

    result = decoded(TRANSFER, log_of(SUBSCRIBED, TIERS, values), TRANSFER)

    assert [facts.spec for facts in result.facts] == [SUBSCRIBED, ERC20_TRANSFER]
    assert result.facts[0].log_index.tolist() == [1]
    assert result.facts[0].address.tobytes() == TIERS
    assert result.facts[1].log_index.tolist() == [0, 2]


def test_decode__source_whose_logs_are_all_malformed__named_with_the_first() -> None:
    clock = FakeLog(CLOCK, (EPOCH_CLOCK_STARTED.topic0,), b"")
    noise = FakeLog(TIERS, (WORD,), b"")

    result = decoded(noise, ERC721, clock, ERC721, TRANSFER, clock)

    assert result.mismatched == {CLOCK: (7, 2)}
    assert decoded(ERC721, clock, ERC721).mismatched == {TOKEN: (7, 0), CLOCK: (7, 1)}


def test_filter_of__sources__their_addresses_and_only_their_topics() -> None:
    wanted = filter_of({TOKEN: ContractName.ERC20, TIERS: ContractName.SUBSCRIPTION_TIERS})

    assert wanted.addresses == (TOKEN, TIERS)
    assert STRANGER not in wanted.addresses
    assert SUBSCRIBED.topic0 in wanted.topics0
    assert WORK_TERMS_SET.topic0 not in wanted.topics0
    assert list(wanted.topics0) == sorted(wanted.topics0)


EXTRACTED = [folder for folder in folders() if extracted(folder, "token_transfers")]


@pytest.mark.parametrize("folder", EXTRACTED, ids=[folder.name for folder in EXTRACTED])
def test_decode__transfers_that_an_extractor_found__the_same_and_no_more(folder: Path) -> None:
    logs = [log for log in extracted(folder, "logs") if log["topics"]]
    batch = log_batch(raw_log(log) for log in logs)
    tokens = dict.fromkeys((Address(row.address) for row in batch.rows()), ContractName.ERC20)

    result = decode(batch, tokens)

    found = {
        (int(number), int(index), *values)
        for columns in result.facts
        if columns.spec is ERC20_TRANSFER
        for number, index, *values in zip(
            columns.block_number, columns.log_index, *map(columns.cells, range(3)), strict=True
        )
    }
    of_erc20 = {(log["block_number"], log["log_index"]) for log in logs if len(log["topics"]) == 3}
    assert found == {
        (
            one["block_number"],
            one["log_index"],
            Address(bytes_from_hex(one["from_address"])),
            Address(bytes_from_hex(one["to_address"])),
            one["value"],
        )
        for one in extracted(folder, "token_transfers")
        if (one["block_number"], one["log_index"]) in of_erc20
    }


def raw_log(log: dict[str, Any]) -> RawLog:
    return RawLog(
        BlockNumber(log["block_number"]),
        Hash32(bytes_from_hex(log["block_hash"])),
        LogIndex(log["log_index"]),
        Address(bytes_from_hex(log["address"])),
        tuple(bytes_from_hex(topic) for topic in log["topics"]),
        bytes_from_hex(log["data"]),
        Hash32(bytes_from_hex(log["transaction_hash"])),
        log["transaction_index"],
    )
