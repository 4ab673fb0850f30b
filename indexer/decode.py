"""Raw logs to columns: one batch per event, derived from `contracts.events`.

A log is told by (address, topic0): the address says which contract stands there, and only that
contract's events are looked for. A log that is no event of its contract, or whose content is not
what the event's declaration says (an ERC-721 Transfer has four topics and no data), is counted and
left undecoded; its raw form is stored all the same. Nothing that a contract can emit stops the
indexer.

An integer up to uint64 is refused above 2⁶³ - 1, which is the limit of its database column.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError

from contracts.events import EVENTS, ContractName, EventSpec, Field
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.chain import LogBatch
from indexer.completeness import LogFilter

_COLUMN_INTEGER_MAX = 2**63 - 1
_INTEGER_BITS = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64, "uint256": 256}


class NotTheEvent(ValueError):
    """A log that is not what its event's declaration says; never leaves this module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactColumns:
    """Events of one kind, in chain order; `values` holds one column per `spec.columns`."""

    spec: EventSpec
    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    address: list[Address]
    values: list[list[Any]]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a batch of raw logs says.

    `unknown` counts logs that are no event of their contract, `malformed` those that are not what
    the event's declaration says.
    """

    facts: tuple[FactColumns, ...]
    unknown: int
    malformed: int

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
    """Decode raw logs; `facts` are in the order of `EVENTS`, without empty batches."""
    batches: dict[str, FactColumns] = {}
    unknown = malformed = 0
    for row in range(len(logs)):
        spec = _spec(sources[logs.address[row]], bytes(logs.topics[row][0]))
        if spec is None:
            unknown += 1
            continue
        try:
            values = event_values(spec, logs.topics[row], logs.data[row])
        except NotTheEvent:
            malformed += 1
            continue
        batch = batches.get(spec.table)
        if batch is None:
            batch = batches[spec.table] = _empty(spec)
        batch.block_number.append(logs.block_number[row])
        batch.log_index.append(logs.log_index[row])
        batch.address.append(logs.address[row])
        for column, value in zip(batch.values, values, strict=True):
            column.append(value)
    facts = tuple(batches[spec.table] for spec in EVENTS if spec.table in batches)
    return Decoded(facts=facts, unknown=unknown, malformed=malformed)


def event_values(spec: EventSpec, topics: Sequence[bytes], data: bytes) -> list[Any]:
    """The values of one event, one per `spec.columns`.

    Raises:
        NotTheEvent: the log is not what the declaration says.
    """
    indexed = [field for field in spec.fields if field.indexed]
    plain = [field for field in spec.fields if not field.indexed]
    if len(topics) != len(indexed) + 1:
        raise NotTheEvent(f"{len(topics)} topics for {len(indexed)} indexed parameters")
    topic_values = iter(
        _word(field.abi_type, topic) for field, topic in zip(indexed, topics[1:], strict=True)
    )
    data_values = iter(_data_values(plain, data))
    values: list[Any] = []
    for field in spec.fields:
        value: Any = next(topic_values) if field.indexed else next(data_values)
        values.extend(_members(field, value) if field.components else (value,))
    return values


def _data_values(fields: Sequence[Field], data: bytes) -> list[Any]:
    if any(_is_dynamic(field) for field in fields):
        return _dynamic_values(fields, data)
    if len(data) != 32 * len(fields):
        raise NotTheEvent(f"{len(data)} bytes of data for {len(fields)} words")
    return [
        _word(field.abi_type, data[32 * place : 32 * place + 32])
        for place, field in enumerate(fields)
    ]


def _dynamic_values(fields: Sequence[Field], data: bytes) -> list[Any]:
    try:
        values = abi_decode([field.canonical_type for field in fields], data)
    except (DecodingError, OverflowError) as error:
        raise NotTheEvent(str(error)) from error
    return [_typed(field, value) for field, value in zip(fields, values, strict=True)]


def _typed(field: Field, value: Any) -> Any:  # noqa: ANN401
    """One decoded value in our types."""
    if field.components:
        return [
            [_typed(member, part) for member, part in zip(field.components, item, strict=True)]
            for item in value
        ]
    if field.abi_type.endswith("[]"):
        element = Field(field.name, field.abi_type.removesuffix("[]"))
        return [_typed(element, item) for item in value]
    return _FROM_ABI.get(field.abi_type, _integer_in_column)(value)


def _members(field: Field, items: list[list[Any]]) -> list[list[Any]]:
    """A list of tuples, as one list per member."""
    return [[item[place] for item in items] for place in range(len(field.components))]


def _word(abi_type: str, word: bytes) -> Address | Hash32 | int:
    """One 32-byte word as a value of a static type."""
    if len(word) != 32:
        raise NotTheEvent(f"{len(word)} bytes for a word")
    if abi_type == "bytes32":
        return Hash32(word)
    if abi_type == "address":
        if any(word[:12]):
            raise NotTheEvent("an address with more than 20 bytes")
        return Address(word[12:])
    value = int.from_bytes(word, "big")
    bits = _INTEGER_BITS[abi_type]
    if value >> bits:
        raise NotTheEvent(f"{value} is not a {abi_type}")
    return value if bits > 64 else _integer_in_column(value)


def _integer_in_column(value: int) -> int:
    if value > _COLUMN_INTEGER_MAX:
        raise NotTheEvent(f"{value} does not fit its column")
    return value


_FROM_ABI: dict[str, Callable[[Any], Any]] = {
    "address": Address.from_hex,
    "bytes32": Hash32,
    "bytes": bytes,
    "uint256": int,
}


def _is_dynamic(field: Field) -> bool:
    return field.abi_type.endswith("[]") or field.abi_type == "bytes"


def _empty(spec: EventSpec) -> FactColumns:
    values: list[list[Any]] = [[] for _ in spec.columns]
    return FactColumns(spec=spec, block_number=[], log_index=[], address=[], values=values)


@cache
def _specs() -> dict[tuple[ContractName, bytes], EventSpec]:
    return {(spec.contract, bytes(spec.topic0)): spec for spec in EVENTS}


def _spec(contract: ContractName, topic0: bytes) -> EventSpec | None:
    return _specs().get((contract, topic0))
