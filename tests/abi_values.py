"""Random values of ABI types, and what the facts must hold for them."""

from typing import Any

from hypothesis import strategies as st

from contracts.event_spec import EventSpec, Field
from contracts.evm import Address, Hash32

COLUMN_INTEGER_MAX = 2**63 - 1
_BITS = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 63, "uint80": 80, "uint256": 256}

_STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "address": st.binary(min_size=20, max_size=20),
    "bytes32": st.binary(min_size=32, max_size=32),
    "bytes": st.binary(max_size=100),
    "bool": st.booleans(),
}


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """What eth_abi encodes for one parameter; a uint64 fits its column."""
    if field.components:
        return st.lists(st.tuples(*(values_of(member) for member in field.components)), max_size=3)
    if field.abi_type.endswith("[]"):
        return st.lists(values_of(Field("", field.abi_type.removesuffix("[]"))), max_size=4)
    if field.abi_type in _STRATEGIES:
        return _STRATEGIES[field.abi_type]
    top = 2 ** _BITS[field.abi_type] - 1
    return st.integers(0, top) | st.sampled_from((0, top))


def event_values(spec: EventSpec) -> st.SearchStrategy[tuple[Any, ...]]:
    """Values of all parameters of an event."""
    return st.tuples(*(values_of(field) for field in spec.fields))


def stored_values(spec: EventSpec, values: tuple[Any, ...]) -> list[Any]:
    """What the facts hold: one value per `spec.columns`."""
    stored: list[Any] = []
    for field, value in zip(spec.fields, values, strict=True):
        if field.components:
            stored.extend(
                [typed(one.abi_type, item[place]) for item in value]
                for place, one in enumerate(field.components)
            )
        elif field.abi_type.endswith("[]"):
            stored.append([typed(field.abi_type.removesuffix("[]"), item) for item in value])
        else:
            stored.append(typed(field.abi_type, value))
    return stored


def typed(abi_type: str, value: Any) -> Any:
    if abi_type == "address":
        return Address(value)
    if abi_type == "bool":
        return int(value)
    return Hash32(value) if abi_type == "bytes32" else value
