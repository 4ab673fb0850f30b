"""Raw logs to columns: one batch per event, derived from `contracts.events`.

A log is told by (address, topic0): the address says which contract stands there, and only that
contract's events are looked for. A log that is no event of its contract, or whose content is not
what the event's declaration says (an ERC-721 Transfer has four topics and no data), is counted and
left undecoded; its raw form is kept all the same. Nothing that a contract can emit stops the
indexer.

Events of static types are read a column at a time: the word of a value stands at one place of the
topics or of the data of every log. The few events with dynamic types are read log by log, with
`event_values`, which is also what the columns are tested against.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.event_spec import ContractName, EventSpec, Field
from contracts.events import EVENTS
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.completeness import LogFilter
from indexer.event_values import (
    COLUMN_INTEGER_MAX,
    INTEGER_BITS,
    WIDE_INTEGERS,
    NotTheEvent,
    event_values,
)
from indexer.logs import ByteRows, Integers, LogBatch

FactColumn: TypeAlias = Integers | ByteRows | list[Any]
"""Values of one column, by ABI type.

address: (m, 20) bytes; bytes32, uint80 and uint256: (m, 32) bytes, big-endian; shorter ones: (m,)
integers; dynamic types: a list.
"""

_Mask: TypeAlias = NDArray[np.bool_]
_NO_EVENT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class FactColumns:
    """Events of one kind, in chain order; `values` holds one column per `spec.columns`.

    Shapes, for m events: `address` (m, 20), `transaction_hash` (m, 32), all others (m,).
    """

    spec: EventSpec
    block_number: Integers
    log_index: Integers
    address: ByteRows
    transaction_hash: ByteRows
    transaction_index: Integers
    values: tuple[FactColumn, ...]

    def __len__(self) -> int:
        return len(self.block_number)

    def cells(self, place: int) -> list[Any]:
        """The values of the column at this place, one by one, in the types of `event_values`."""
        return _cells(self.spec.columns[place].abi_type, self.values[place])


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a batch of raw logs says.

    Attributes:
        facts: One batch per event that occurs, in the order of `EVENTS`.
        raw: The logs that are kept raw: all but the well-formed events of bulk specs.
        unknown: How many logs are no event of their contract.
        malformed: How many are not what their event's declaration says.
        mismatched: Sources of which no log with a known topic was well-formed, with the place of
            the first such log: another contract seems to stand there than was configured.
    """

    facts: tuple[FactColumns, ...]
    raw: LogBatch
    unknown: int
    malformed: int
    mismatched: Mapping[Address, tuple[BlockNumber, LogIndex]]

    @property
    def rows(self) -> int:
        """How many events were decoded."""
        return sum(len(columns) for columns in self.facts)


def filter_of(sources: Mapping[Address, ContractName]) -> LogFilter:
    """The question that finds every event of these contracts."""
    kinds = frozenset(sources.values())
    topics0 = {spec.topic0 for spec in EVENTS if spec.contract in kinds}
    return LogFilter(tuple(sorted(sources)), tuple(sorted(topics0)))


def decode(logs: LogBatch, sources: Mapping[Address, ContractName]) -> Decoded:
    """Decode raw logs."""
    known = sorted(sources)
    source = _codes(logs.address, b"".join(known), 20)
    event = _events(logs, source, [sources[address] for address in known])
    is_kept_raw = np.ones(len(logs), dtype=np.bool_)
    is_well_formed = np.zeros(len(logs), dtype=np.bool_)
    facts: list[FactColumns] = []
    for code in _distinct(event):
        spec = EVENTS[code]
        columns, rows = _fact_columns(spec, logs, np.flatnonzero(event == code))
        is_well_formed[rows] = True
        is_kept_raw[rows] = not spec.is_bulk
        if len(columns):
            facts.append(columns)
    is_malformed = (event != _NO_EVENT) & ~is_well_formed
    return Decoded(
        facts=tuple(facts),
        raw=logs if is_kept_raw.all() else logs.take(np.flatnonzero(is_kept_raw)),
        unknown=int(np.count_nonzero(event == _NO_EVENT)),
        malformed=int(np.count_nonzero(is_malformed)),
        mismatched=_mismatched(logs, np.where(is_malformed, source, _NO_EVENT), is_well_formed),
    )


def _mismatched(
    logs: LogBatch, malformed_source: Integers, is_well_formed: _Mask
) -> dict[Address, tuple[BlockNumber, LogIndex]]:
    """The first malformed log of every source that has no well-formed one."""
    found: dict[Address, tuple[BlockNumber, LogIndex]] = {}
    for code in _distinct(malformed_source):
        first = int(np.argmax(malformed_source == code))
        address = logs.address[first]
        if not is_well_formed[(logs.address == address).all(axis=1)].any():
            place = BlockNumber(int(logs.block_number[first])), LogIndex(int(logs.log_index[first]))
            found[Address(address.tobytes())] = place
    return found


def _events(logs: LogBatch, source: Integers, kinds: Sequence[ContractName]) -> Integers:
    """The place in `EVENTS` of every log's event, or `_NO_EVENT`."""
    topics0 = _topics0()
    topic = np.full(len(logs), _NO_EVENT, dtype=np.int64)
    has_topics = np.flatnonzero(logs.topic_count)
    topic[has_topics] = _codes(
        logs.topics.take(logs.topic_starts[has_topics], axis=0), b"".join(topics0), 32
    )
    events = np.full((len(kinds) + 1, len(topics0) + 1), _NO_EVENT, dtype=np.int64)
    for code, spec in enumerate(EVENTS):
        of_kind = [place for place, kind in enumerate(kinds) if kind is spec.contract]
        events[of_kind, topics0.index(_topic0(spec))] = code
    found: Integers = events[source, topic]  # a code of -1 reads the last row or column: no event
    return found


def _codes(rows: ByteRows, known: bytes, width: int) -> Integers:
    """The place of every row among known values, which ascend; -1 where it is none of them.

    Logs of one kind come in runs, so only the first row of each run is looked up.
    """
    heads = np.flatnonzero(_differs_from_above(rows))
    firsts = rows.take(heads, axis=0).view(f"V{width}").ravel()
    values = np.frombuffer(known, dtype=f"V{width}")
    codes = np.full(len(heads), _NO_EVENT, dtype=np.int64)
    if len(values):
        place = np.minimum(np.searchsorted(values, firsts), len(values) - 1)
        codes = np.where(values[place] == firsts, place, _NO_EVENT)
    return np.repeat(codes, np.diff(heads, append=len(rows)))


def _distinct(codes: Integers) -> list[int]:
    """The codes that occur, ascending."""
    return [code - 1 for code in np.flatnonzero(np.bincount(codes + 1)).tolist() if code > 0]


def _differs_from_above(rows: ByteRows) -> _Mask:
    differs = np.ones(len(rows), dtype=np.bool_)
    differs[1:] = False
    for column in np.ascontiguousarray(rows).view(np.uint32).T:
        differs[1:] |= column[1:] != column[:-1]
    return differs


def _fact_columns(spec: EventSpec, logs: LogBatch, rows: Integers) -> tuple[FactColumns, Integers]:
    """The events at these rows that are well-formed, and their rows."""
    if spec.is_static:
        well_formed, values = _static_values(spec, logs, rows)
    else:
        well_formed, values = _dynamic_values(spec, logs, rows)
    columns = FactColumns(
        spec=spec,
        block_number=logs.block_number.take(well_formed),
        log_index=logs.log_index.take(well_formed),
        address=logs.address.take(well_formed, axis=0),
        transaction_hash=logs.transaction_hash.take(well_formed, axis=0),
        transaction_index=logs.transaction_index.take(well_formed),
        values=values,
    )
    return columns, well_formed


def _static_values(
    spec: EventSpec, logs: LogBatch, rows: Integers
) -> tuple[Integers, tuple[FactColumn, ...]]:
    """The well-formed ones of these rows, and their columns."""
    indexed = sum(field.indexed for field in spec.fields)
    data_bytes = 32 * (len(spec.fields) - indexed)
    rows = rows[(logs.topic_count[rows] == indexed + 1) & (logs.data_length[rows] == data_bytes)]
    words = _words(spec, logs, rows)
    is_good = np.ones(len(rows), dtype=np.bool_)
    for field, column in zip(spec.fields, words, strict=True):
        is_good &= _fits(field.abi_type, column)
    if not is_good.all():
        rows, words = rows[is_good], [column[is_good] for column in words]
    columns = zip(spec.fields, words, strict=True)
    return rows, tuple(_values(field.abi_type, column) for field, column in columns)


def _words(spec: EventSpec, logs: LogBatch, rows: Integers) -> list[ByteRows]:
    """The word of every parameter, as rows of 32 bytes; all rows have the event's shape."""
    topic, data = logs.topic_starts[rows] + 1, logs.data_starts[rows]
    at_any_byte = np.ndarray(  # 32 bytes from every place: overlapping, so never written to
        (max(0, len(logs.data) - 31),),
        dtype="V32",
        buffer=np.ascontiguousarray(logs.data),
        strides=(1,),
    )
    words: list[ByteRows] = []
    for field in spec.fields:
        if field.indexed:
            words.append(logs.topics.take(topic, axis=0))
            topic = topic + 1
        else:
            words.append(at_any_byte[data].view(np.uint8).reshape(len(rows), 32))
            data = data + 32
    return words


def _fits(abi_type: str, words: ByteRows) -> _Mask:
    """Whether each word is a value of a static type, and fits its database column."""
    if abi_type in {"bytes32", "uint256"}:
        return np.ones(len(words), dtype=np.bool_)
    if abi_type == "address":
        parts = words.view(np.uint32)
        is_address: _Mask = (parts[:, 0] | parts[:, 1] | parts[:, 2]) == 0
        return is_address
    if abi_type in WIDE_INTEGERS:
        is_narrow: _Mask = np.all(words[:, : 32 - INTEGER_BITS[abi_type] // 8] == 0, axis=1)
        return is_narrow
    parts = words.view(">u8")
    limit = min(2 ** INTEGER_BITS[abi_type] - 1, COLUMN_INTEGER_MAX)
    fits: _Mask = ((parts[:, 0] | parts[:, 1] | parts[:, 2]) == 0) & (parts[:, 3] <= limit)
    return fits


def _values(abi_type: str, words: ByteRows) -> FactColumn:
    """Words that fit, as a column."""
    if abi_type == "bytes32" or abi_type in WIDE_INTEGERS:
        return words
    if abi_type == "address":
        return np.ascontiguousarray(words[:, 12:])
    return words.view(">u8")[:, 3].astype(np.int64)


def _dynamic_values(
    spec: EventSpec, logs: LogBatch, rows: Integers
) -> tuple[Integers, tuple[FactColumn, ...]]:
    """The well-formed ones of these rows, and their columns."""
    well_formed: list[int] = []
    values: list[list[Any]] = []
    for row, log in zip(rows.tolist(), logs.take(rows).rows(), strict=True):
        try:
            values.append(event_values(spec, log.topics, log.data))
        except NotTheEvent:
            continue
        well_formed.append(row)
    columns = tuple(
        _column(field, [row[place] for row in values]) for place, field in enumerate(spec.columns)
    )
    return np.array(well_formed, dtype=np.int64), columns


def _column(field: Field, values: list[Any]) -> FactColumn:
    """Values of one column, in the form that belongs to their type."""
    if field.is_dynamic:
        return values
    if field.abi_type in WIDE_INTEGERS:
        values = [Hash32.from_int(value) for value in values]
    elif field.abi_type not in {"address", "bytes32"}:
        return np.array(values, dtype=np.int64)
    width = 20 if field.abi_type == "address" else 32
    return np.frombuffer(b"".join(values), dtype=np.uint8).reshape(len(values), width)


def _cells(abi_type: str, column: FactColumn) -> list[Any]:
    if isinstance(column, list):
        return column
    if abi_type == "address":
        return [Address(row.tobytes()) for row in column]
    if abi_type == "bytes32":
        return [Hash32(row.tobytes()) for row in column]
    if abi_type in WIDE_INTEGERS:
        return [int.from_bytes(row.tobytes(), "big") for row in column]
    integers: list[Any] = column.tolist()
    return integers


@cache
def _topic0(spec: EventSpec) -> bytes:
    return bytes(spec.topic0)


@cache
def _topics0() -> list[bytes]:
    """The first topics of all events, ascending."""
    return sorted({_topic0(spec) for spec in EVENTS})
