"""Gates as data: what may be one, what tells it from others, how long a reading holds."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, ChainId, Hash32, Timestamp, keccak
from contracts.units import UINT256_MAX, BaseUnits
from settlement.payments.errors import BadGate
from settlement.payments.gates import WINDOW_S, Gate, GateKind, Reading

TOKEN, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)
GATE = Gate(
    chain_id=ChainId(8453),
    contract=Address(b"\x33" * 20),
    content_id=Hash32(b"\x44" * 32),
    kind=GateKind.ERC721,
    token=TOKEN,
    minimum=BaseUnits(1),
)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"minimum": 0}, "minimum"),
        ({"minimum": UINT256_MAX + 1}, "minimum"),
        ({"token": ZERO_ADDRESS}, "token"),
        ({"kind": GateKind.ERC20, "token": ZERO_ADDRESS}, "token"),
        ({"kind": GateKind.NATIVE}, "token"),
    ],
    ids=["zero", "too much", "no contract", "no erc20", "coin with a contract"],
)
def test_gate__bad_member__refused_by_name(changed: dict[str, object], field: str) -> None:
    with pytest.raises(BadGate) as refused:
        replace(GATE, **changed)  # type: ignore[arg-type]

    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "changed",
    [
        {"chain_id": ChainId(1)},
        {"contract": OTHER},
        {"content_id": Hash32(b"\x45" * 32)},
        {"kind": GateKind.ERC20},
        {"token": OTHER},
        {"minimum": BaseUnits(2)},
    ],
)
def test_gate_id__any_member_differs__another_gate(changed: dict[str, object]) -> None:
    assert replace(GATE, **changed).id != GATE.id  # type: ignore[arg-type]


def test_gate_id__encoding__as_the_abi_has_it() -> None:
    types = ("bytes32", "uint256", "address", "bytes32", "uint8", "address", "uint256")
    values = (keccak(b"quittance.gate.v1"), 8453, GATE.contract, GATE.content_id, 0, TOKEN, 1)

    plain = [bytes(one) if isinstance(one, bytes) else one for one in values]
    assert GATE.id == keccak(encode(types, plain))


def test_reading__window__last_second_counts_and_the_next_does_not() -> None:
    reading = Reading(balance=1, block=BlockNumber(5), timestamp=Timestamp(1_000))

    assert reading.expires == 1_000 + WINDOW_S
    assert reading.stands(Timestamp(reading.expires - 1))
    assert not reading.stands(reading.expires)


def test_reading__current__at_its_block_or_where_moves_are_indexed() -> None:
    reading = Reading(balance=1, block=BlockNumber(5), timestamp=Timestamp(1_000))

    assert reading.is_current(TOKEN, BlockNumber(5), indexed=())
    assert not reading.is_current(TOKEN, BlockNumber(6), indexed=(OTHER,))
    assert reading.is_current(TOKEN, BlockNumber(6), indexed=(TOKEN,))
