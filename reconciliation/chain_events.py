"""Raw logs, and what they say: the reconciliation's own decoder.

It shares with the indexer what contracts declare (`contracts.events`), and nothing else: no fact
table, no decoder, no column. What the books are compared with is read from the chain anew.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from operator import call
from struct import Struct
from typing import Any, NamedTuple

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts.event_spec import ContractName, EventSpec
from contracts.events import EVENTS
from contracts.evm import Address, Hash32, keccak
from reconciliation.errors import BadLog

TRANSFER_TOPIC = keccak(b"Transfer(address,address,uint256)")
_WORD = 32
_REMEMBERED = 1 << 16
_tuple: Callable[..., Any] = tuple.__new__
"""Named tuples are made without the call that names their fields; so many are made."""

_READERS: Mapping[str, tuple[str, Callable[[bytes], object]]] = {
    "bytes32": ("32s", partial(bytes.__new__, Hash32)),
    "address": ("12x20s", lru_cache(_REMEMBERED)(Address)),
}
_INTEGER: tuple[str, Callable[[bytes], object]] = ("32s", int.from_bytes)
"""How a word is cut, and what is made of it; of any other type it is an integer. Those addresses
that many events name are made once."""


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
            yield _tuple(ChainEvent, (log, contract, name, _values(name, plan, log)))


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
    """How to read an event: its words, topics and data in one, by the fields that they are.

    `dynamic` are names and types of the data where it is not words alone.
    """

    topic_count: int
    data_bytes: int
    names: tuple[str, ...]
    words: Struct
    readers: tuple[Callable[[bytes], object], ...]
    dynamic: tuple[tuple[str, str], ...]


@cache
def _specs() -> dict[tuple[ContractName, bytes], tuple[str, _Plan]]:
    return {(spec.contract, bytes(spec.topic0)): (spec.name, _plan(spec)) for spec in EVENTS}


def _plan(spec: EventSpec) -> _Plan:
    indexed = tuple(field for field in spec.fields if field.indexed)
    others = tuple(field for field in spec.fields if not field.indexed)
    is_dynamic = any(field.is_dynamic for field in others)
    words = indexed if is_dynamic else indexed + others
    read = [_READERS.get(field.abi_type, _INTEGER) for field in words]
    return _Plan(
        topic_count=len(indexed) + 1,
        data_bytes=_WORD * len(others),
        names=tuple(field.name for field in words),
        words=Struct("".join(("32x", *(cut for cut, _ in read)))),
        readers=tuple(reader for _, reader in read),
        dynamic=tuple((field.name, field.canonical_type) for field in others if is_dynamic),
    )


def _values(event: str, plan: _Plan, log: RawLog) -> dict[str, Any]:
    """Values by name; a million logs are read so, each at once."""
    if len(log.topics) != plan.topic_count:
        raise BadLog(event, log.block_number, log.log_index, "another number of topics")
    if not plan.dynamic and len(log.data) != plan.data_bytes:
        raise BadLog(event, log.block_number, log.log_index, "data of another length")
    words = b"".join(log.topics if plan.dynamic else (*log.topics, log.data))
    if len(words) != plan.words.size:
        raise BadLog(event, log.block_number, log.log_index, "topics of another length")
    read = map(call, plan.readers, plan.words.unpack(words))
    values: dict[str, Any] = dict(zip(plan.names, read, strict=True))
    if plan.dynamic:
        try:
            found = decode([kind for _, kind in plan.dynamic], log.data)
        except (DecodingError, OverflowError) as error:
            raise BadLog(event, log.block_number, log.log_index, str(error)) from error
        values |= zip((name for name, _ in plan.dynamic), found, strict=True)
    return values
