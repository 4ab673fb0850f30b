"""Raw logs, and what they say: the reconciliation's own decoder.

It shares with the indexer what contracts declare (`contracts.events`), and nothing else: no fact
table, no decoder, no column. What the books are compared with is read from the chain anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts.event_spec import ContractName, EventSpec
from contracts.events import EVENTS
from contracts.evm import Address, Hash32, keccak
from reconciliation.errors import BadLog

TRANSFER_TOPIC = keccak(b"Transfer(address,address,uint256)")
_WORD = 32
_TYPES: dict[str, type[bytes]] = {"address": Address, "bytes32": Hash32}
"""Words that are no integers."""


class RawLog(NamedTuple):
    """One log as a node gives it. A million of them are read at once, so they are tuples."""

    block_number: int
    log_index: int
    block_hash: bytes
    transaction_hash: bytes
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class ChainEvent(NamedTuple):
    """A log with its meaning; `values` by the names of `EventSpec.fields`."""

    log: RawLog
    contract: ContractName
    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTransfer:
    """An ERC-20 `Transfer`, from a raw log."""

    log: RawLog
    source: Address
    target: Address
    amount: int


def events_of(
    logs: Iterable[RawLog], sources: Mapping[Address, ContractName]
) -> Iterator[ChainEvent]:
    """The events of our contracts among logs, in their order; others are passed over.

    Raises:
        BadLog: a log has the topic of an event of its contract, and is not that event.
    """
    specs = _specs()
    for log in logs:
        contract = sources.get(log.address)  # type: ignore[call-overload]
        if contract is None or not log.topics:
            continue
        known = specs.get((contract, log.topics[0]))
        if known is not None:
            name, plan = known
            yield ChainEvent(log, contract, name, _values(name, plan, log))


def topics_of(contracts: Iterable[ContractName]) -> tuple[Hash32, ...]:
    """First topics of every event that these contracts can emit, ascending."""
    wanted = set(contracts)
    return tuple(sorted({spec.topic0 for spec in EVENTS if spec.contract in wanted}))


def transfer_of(log: RawLog) -> TokenTransfer | None:
    """The transfer that a log is; None for another event of that name (ERC-721 has four topics)."""
    if len(log.topics) != 3 or log.topics[0] != TRANSFER_TOPIC or len(log.data) != _WORD:
        return None
    return TokenTransfer(
        log=log,
        source=Address(log.topics[1][12:]),
        target=Address(log.topics[2][12:]),
        amount=int.from_bytes(log.data, "big"),
    )


def digest_of(log: RawLog) -> bytes:
    """What two endpoints must agree on, of one log."""
    head = log.log_index.to_bytes(8, "big") + log.block_hash + log.transaction_hash + log.address
    return head + bytes([len(log.topics)]) + b"".join(log.topics) + log.data


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read an event: each word's field, its type, and its place.

    Words of topics come first; `dynamic` are the types of the data where it is not words alone.
    """

    topics: tuple[tuple[str, type[bytes] | None], ...]
    words: tuple[tuple[str, type[bytes] | None, int], ...]
    dynamic: tuple[str, ...]


@cache
def _specs() -> dict[tuple[ContractName, bytes], tuple[str, _Plan]]:
    return {(spec.contract, bytes(spec.topic0)): (spec.name, _plan(spec)) for spec in EVENTS}


def _plan(spec: EventSpec) -> _Plan:
    indexed = tuple(field for field in spec.fields if field.indexed)
    others = tuple(field for field in spec.fields if not field.indexed)
    is_dynamic = any(field.is_dynamic for field in others)
    return _Plan(
        tuple((field.name, _TYPES.get(field.abi_type)) for field in indexed),
        tuple(
            (field.name, _TYPES.get(field.abi_type), _WORD * place)
            for place, field in enumerate(others)
        ),
        tuple(field.canonical_type for field in others) if is_dynamic else (),
    )


def _values(event: str, plan: _Plan, log: RawLog) -> dict[str, Any]:
    topics, data = log.topics, log.data
    if len(topics) != len(plan.topics) + 1:
        raise BadLog(event, log.block_number, log.log_index, "another number of topics")
    values: dict[str, Any] = {}
    for place, (name, kind) in enumerate(plan.topics, 1):
        values[name] = _word(kind, topics[place])
    if plan.dynamic:
        try:
            found = decode(plan.dynamic, data)
        except (DecodingError, OverflowError) as error:
            raise BadLog(event, log.block_number, log.log_index, str(error)) from error
        names = (name for name, _, _ in plan.words)
        return values | dict(zip(names, found, strict=True))
    if len(data) != _WORD * len(plan.words):
        raise BadLog(event, log.block_number, log.log_index, "data of another length")
    for name, kind, at in plan.words:
        values[name] = _word(kind, data[at : at + _WORD])
    return values


def _word(kind: type[bytes] | None, word: bytes) -> Any:  # noqa: ANN401 - by type of the parameter
    """A word as its type; its length is known, so the type need not check it again."""
    if kind is None:
        return int.from_bytes(word, "big")
    return bytes.__new__(kind, word[12:] if kind is Address else word)
