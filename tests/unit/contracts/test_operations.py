"""Ids and calls of payout lines and tips against vectors that an independent encoder made."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts import calls
from contracts.evm import Address, ChainId, Hash32
from contracts.operations import (
    KIND_PAYOUT,
    KIND_TIP,
    KIND_WITHDRAW,
    operation_id,
    payout_operation_id,
    tip_operation_id,
)
from contracts.units import BaseUnits

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "operations.json").read_text("utf-8"))


def where(vector: dict[str, Any]) -> dict[str, Any]:
    return {
        "chain_id": ChainId(int(vector["chain_id"])),
        "contract": Address.from_hex(vector["contract"]),
    }


def payments(vector: dict[str, Any]) -> list[calls.LinePayment]:
    return [
        calls.LinePayment(
            index=int(index), payee=Address.from_hex(payee), amount=BaseUnits(int(amount))
        )
        for index, payee, amount in zip(
            vector["indexes"], vector["payees"], vector["amounts"], strict=True
        )
    ]


@pytest.mark.parametrize("vector", VECTORS["batches"])
def test_payout_line__solidity__agrees(vector: dict[str, Any]) -> None:
    list_id = Hash32.from_hex(vector["list_id"])

    ids = [payout_operation_id(list_id, line.index, **where(vector)) for line in payments(vector)]
    call = calls.pay_batch_call(list_id, Address.from_hex(vector["asset"]), payments(vector))

    assert [str(op_id) for op_id in ids] == vector["op_ids"]
    assert f"0x{call.hex()}" == vector["call"]


@pytest.mark.parametrize("vector", VECTORS["tips"])
def test_tip__solidity__agrees(vector: dict[str, Any]) -> None:
    numbers = [int(number) for number in vector["numbers"]]

    ids = [tip_operation_id(number, **where(vector)) for number in numbers]

    assert [str(op_id) for op_id in ids] == vector["op_ids"]
    assert f"0x{calls.pay_tips_call(numbers).hex()}" == vector["call"]


def test_vectors__both_kinds__are_there() -> None:
    assert len(VECTORS["batches"]) == 6
    assert len(VECTORS["tips"]) == 3


def test_operation_id__another_kind__is_another_operation() -> None:
    kinds = (KIND_PAYOUT, KIND_TIP, KIND_WITHDRAW)
    place: dict[str, Any] = {"chain_id": ChainId(1), "contract": Address(bytes(20))}

    assert len({operation_id(kind, Hash32(bytes(32)), 0, **place) for kind in kinds}) == 3
