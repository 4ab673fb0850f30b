"""`reconciliation.chain_events`: the second decoder says what Ethereum's own encoder wrote."""

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from contracts.event_spec import ContractName, EventSpec
from contracts.events import EPOCH_COMMITTED, EPOCH_FUNDED, EVENTS
from contracts.evm import Address, Hash32
from reconciliation.chain_events import (
    TRANSFER_TOPIC,
    RawLog,
    digest_of,
    events_of,
    topics_of,
    transfer_of,
)
from reconciliation.errors import BadLog
from tests.abi_values import event_values

CONTRACT = Address(b"\xc0" * 20)
FUNDED = {"epoch": 1, "asset": bytes(20), "source": bytes(20), "amount": 5}
COMMITTED = {
    **{"epoch": 1, "attempt": 1, "manifest_digest": bytes(32), "root": bytes(32)},
    **{"active_at": 1, "guardian_set": 1, "signers": [bytes(20)], "totals": []},
}


def log_of(spec: EventSpec, values: dict[str, Any]) -> RawLog:
    indexed = [field for field in spec.fields if field.indexed]
    others = [field for field in spec.fields if not field.indexed]
    topics = [encode([field.canonical_type], [values[field.name]]) for field in indexed]
    data = encode([field.canonical_type for field in others], [values[one.name] for one in others])
    return RawLog(7, 3, b"\x01" * 32, b"\x02" * 32, CONTRACT, (bytes(spec.topic0), *topics), data)


@given(st.sampled_from(EVENTS), st.data())
def test_events_of__any_event__values_as_encoded(spec: EventSpec, data: st.DataObject) -> None:
    drawn = data.draw(event_values(spec))
    values = {field.name: value for field, value in zip(spec.fields, drawn, strict=True)}

    (event,) = events_of([log_of(spec, values)], {CONTRACT: spec.contract})

    assert (event.contract, event.name) == (spec.contract, spec.name)
    assert {name: _plain(value) for name, value in event.values.items()} == {
        name: _plain(value) for name, value in values.items()
    }


def test_events_of__another_address__passed_over() -> None:
    log = log_of(EPOCH_FUNDED, FUNDED)

    assert list(events_of([log], {Address(bytes(20)): ContractName.EPOCH_PAYOUTS})) == []


@pytest.mark.parametrize(("spec", "values"), [(EPOCH_FUNDED, FUNDED), (EPOCH_COMMITTED, COMMITTED)])
@pytest.mark.parametrize("damage", ["one topic less", "short topic", "data"])
def test_events_of__not_the_event__refused(
    spec: EventSpec, values: dict[str, Any], damage: str
) -> None:
    log = log_of(spec, values)
    *others, last = log.topics
    broken = {
        "one topic less": log._replace(topics=tuple(others)),
        "short topic": log._replace(topics=(*others, last[1:])),
        "data": log._replace(data=b"x"),
    }

    with pytest.raises(BadLog):
        list(events_of([broken[damage]], {CONTRACT: spec.contract}))


def test_topics_of__contract__its_events_alone() -> None:
    topics = topics_of((ContractName.EPOCH_PAYOUTS,))

    assert EPOCH_FUNDED.topic0 in topics
    assert TRANSFER_TOPIC not in topics
    assert list(topics) == sorted(topics)


def test_transfer_of__token_and_collection__token_alone() -> None:
    parties = (Hash32.from_int(1), Hash32.from_int(2))
    topics = (bytes(TRANSFER_TOPIC), *map(bytes, parties))
    log = RawLog(1, 1, b"", b"", CONTRACT, topics, (5).to_bytes(32, "big"))

    transfer = transfer_of(log)

    assert transfer is not None
    assert (transfer.source, transfer.amount) == (Address(b"\0" * 19 + b"\x01"), 5)
    assert transfer_of(log._replace(topics=(*topics, bytes(32)), data=b"")) is None


def test_digest_of__any_field__told() -> None:
    log = RawLog(1, 1, b"\1" * 32, b"\2" * 32, CONTRACT, (b"\3" * 32,), b"\4")
    changes: list[dict[str, Any]] = [
        {"log_index": 2},
        {"block_hash": bytes(32)},
        {"transaction_hash": bytes(32)},
        {"address": bytes(20)},
        {"topics": ()},
        {"data": b""},
    ]

    assert len({digest_of(log._replace(**change)) for change in [{}, *changes]}) == 7


def _plain(value: Any) -> Any:
    """One spelling of what encoder and decoder spell differently."""
    if isinstance(value, str):
        return bytes.fromhex(value[2:])
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return bytes(value) if isinstance(value, bytes) else value
