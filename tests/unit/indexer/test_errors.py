"""Every failure of the indexer can be sent from a worker process to the one that stores."""

import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import indexer.adapters.endpoints
import indexer.adapters.store
from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from indexer import errors
from indexer.agreement import Asked, Statement, Verdict
from indexer.errors import IndexerError

REF = BlockRef(
    number=BlockNumber(7),
    hash=Hash32(b"\x01" * 32),
    parent_hash=Hash32(b"\x02" * 32),
    timestamp=Timestamp(9),
)
STATEMENT = Statement(
    host="a", number=BlockNumber(7), asked=Asked.LOGS, said="3 logs", verdict=Verdict.DISPUTED
)
SAMPLES: dict[str, Any] = {
    "address": Address(b"\x05" * 20),
    "common": REF,
    "configured": Hash32(b"\x03" * 32),
    "data": {"from": "0x1", "to": "0x2"},
    "finalized": REF,
    "kind": 0x7F,
    "known": ("ethereum", "polygon"),
    "remote": REF,
    "statements": (STATEMENT, STATEMENT),
    "stored": Hash32(b"\x04" * 32),
}
"""By name of the parameter; all others are integers or words."""
INTEGERS = {
    "actual",
    "chain_id",
    "code",
    "expected",
    "head",
    "log_index",
    "number",
    "retry_after_s",
    "start_block",
    "status",
}


def leaves(kind: type[IndexerError]) -> Iterator[type[IndexerError]]:
    below = kind.__subclasses__()
    if kind.__module__.startswith("indexer.") and kind.__init__ is not Exception.__init__:
        yield kind
    for one in below:
        yield from leaves(one)


LEAVES = sorted({*leaves(IndexerError)} - {errors.IndexerError}, key=lambda one: one.__name__)


def sample(kind: type[IndexerError]) -> IndexerError:
    """One with every parameter given."""
    if "__init__" not in vars(kind) and kind.__init__ is IndexerError.__init__:
        return kind("block 7 has another parent")
    place: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(kind).parameters.items()):
        value = SAMPLES.get(name, 11 if name in INTEGERS else f"some {name}")
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            place.append(value)
    return kind(*place, **named)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("protocol", [2, 5])
def test_error__pickled__says_the_same(kind: type[IndexerError], protocol: int) -> None:
    error = sample(kind)
    error.add_note("where it happened")

    again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own

    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.__notes__ == ["where it happened"]


def test_leaves__modules_with_errors__all_loaded() -> None:
    assert indexer.adapters.endpoints
    assert indexer.adapters.store
    assert len(LEAVES) > 25
