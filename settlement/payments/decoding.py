"""One log against the declaration of its event, strictly: what does not fit is refused with why.

Only events of fixed width, which all events of payments are. Checked are the number of topics (so
an event with other indexed parameters is refused), the length of the data to the byte, the padding
of addresses, and the range of integers.
"""

from collections.abc import Mapping, Sequence

from contracts.event_spec import EventSpec
from contracts.evm import Address, Hash32

WORD = 32
Value = Address | Hash32 | int


class NotTheEvent(ValueError):
    """A log that is not what its event's declaration says."""


def decoded(spec: EventSpec, topics: Sequence[bytes], data: bytes) -> Mapping[str, Value]:
    """The values of the event, by field name.

    Raises:
        NotTheEvent: the log differs from the declaration.
    """
    if not topics or topics[0] != spec.topic0:
        raise NotTheEvent(f"topic 0 is not that of {spec.signature}")
    indexed = sum(field.indexed for field in spec.fields)
    if len(topics) != indexed + 1:
        raise NotTheEvent(f"{len(topics)} topics, {spec.name} has {indexed + 1}")
    length = WORD * (len(spec.fields) - indexed)
    if len(data) != length:
        raise NotTheEvent(f"{len(data)} bytes of data, {spec.name} has {length}")
    words = iter(data[start : start + WORD] for start in range(0, length, WORD))
    in_topics = iter(topics[1:])
    return {
        field.name: _value(field.name, field.abi_type, next(in_topics if field.indexed else words))
        for field in spec.fields
    }


def _value(name: str, abi_type: str, word: bytes) -> Value:
    if len(word) != WORD:
        raise NotTheEvent(f"{name}: a topic of {len(word)} bytes")
    if abi_type == "bytes32":
        return Hash32(word)
    if abi_type == "address":
        if any(word[:12]):
            raise NotTheEvent(f"{name}: an address with more than 20 bytes")
        return Address(word[12:])
    bits = int(abi_type.removeprefix("uint"))
    value = int.from_bytes(word, "big")
    if value >> bits:
        raise NotTheEvent(f"{name}: {value} is no {abi_type}")
    return value
