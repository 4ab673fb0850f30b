"""What decoding must say, log by log: the reference that the columns are held against."""

from collections.abc import Mapping
from typing import Any

from contracts.event_spec import ContractName
from contracts.events import EVENTS
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.decode import Decoded
from indexer.event_values import NotTheEvent, event_values
from indexer.logs import RawLog
from tests.fakes_chain import FakeLog

ADDRESSES = {
    kind: (Address(bytes((place + 1,)) * 20), Address(bytes(19) + bytes((place + 1,))))
    for place, kind in enumerate(ContractName)
}
ALL_SOURCES = {address: kind for kind, pair in ADDRESSES.items() for address in pair}
"""Two sources of every kind; the second ones differ in their last byte only."""


def raw(*logs: FakeLog) -> list[RawLog]:
    """Logs of block 7, with indexes and transactions that tell them apart."""
    return [
        RawLog(
            BlockNumber(7),
            Hash32(bytes(32)),
            LogIndex(index),
            log.address,
            log.topics,
            log.data,
            Hash32.from_int(index),
            index + 100,
        )
        for index, log in enumerate(logs)
    ]


def by_rows(
    logs: list[RawLog], sources: Mapping[Address, ContractName]
) -> tuple[dict[str, list[tuple[RawLog, list[Any]]]], list[RawLog], int, int, dict[Any, Any]]:
    """The same as `decode`, a log at a time: facts, raw, unknown, malformed, mismatched."""
    specs = {(spec.contract, bytes(spec.topic0)): spec for spec in EVENTS}
    facts: dict[str, list[tuple[RawLog, list[Any]]]] = {}
    raw: list[RawLog] = []
    unknown = malformed = 0
    good: set[Address] = set()
    bad: dict[Address, tuple[int, int]] = {}
    for log in logs:
        spec = specs.get((sources[log.address], bytes(log.topics[0]))) if log.topics else None
        if spec is None:
            unknown += 1
            raw.append(log)
            continue
        try:
            values = event_values(spec, log.topics, log.data)
        except NotTheEvent:
            malformed += 1
            raw.append(log)
            bad.setdefault(log.address, (log.block_number, log.log_index))
            continue
        good.add(log.address)
        facts.setdefault(spec.table, []).append((log, values))
        if not spec.is_bulk:
            raw.append(log)
    mismatched = {address: place for address, place in bad.items() if address not in good}
    return facts, raw, unknown, malformed, mismatched


def assert_same(
    result: Decoded, logs: list[RawLog], sources: Mapping[Address, ContractName]
) -> None:
    facts, raw_logs, unknown, malformed, mismatched = by_rows(logs, sources)
    order = [spec.table for spec in EVENTS if spec.table in facts]
    assert [columns.spec.table for columns in result.facts] == order
    for columns in result.facts:
        rows = facts[columns.spec.table]
        assert columns.block_number.tolist() == [log.block_number for log, _ in rows]
        assert columns.log_index.tolist() == [log.log_index for log, _ in rows]
        assert columns.transaction_index.tolist() == [log.transaction_index for log, _ in rows]
        assert columns.address.tobytes() == b"".join(log.address for log, _ in rows)
        assert columns.transaction_hash.tobytes() == b"".join(
            log.transaction_hash for log, _ in rows
        )
        for place in range(len(columns.spec.columns)):
            cells = columns.cells(place)
            assert cells == [values[place] for _, values in rows]
            assert [type(one) for one in cells] == [type(values[place]) for _, values in rows]
    assert result.raw.rows() == raw_logs
    assert (result.unknown, result.malformed) == (unknown, malformed)
    assert result.mismatched == mismatched
