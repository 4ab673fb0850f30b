"""Ids and calls of payout lines and tips against vectors that an independent encoder made."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from contracts import calls
from contracts.evm import Address, ChainId, Epoch, Hash32, keccak
from contracts.operations import (
    DOMAIN,
    KIND_PAYOUT,
    KIND_TIP,
    KIND_WITHDRAW,
    commit_operation_id,
    leaf_index,
    leaf_list_id,
    operation_id,
    payout_operation_id,
    remainder_operation_id,
    tip_operation_id,
    withdraw_operation_id,
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


PLACE: dict[str, Any] = {"chain_id": ChainId(10), "contract": Address(b"\x07" * 20)}
WORK, ASSET = Hash32.from_int(0xABC), Address(b"\x09" * 20)


def spelled(kind: str, list_id: bytes, index: int) -> Hash32:
    """The id by its definition, word by word."""
    words = (
        keccak(b"quittance.operation.v1"),
        (10).to_bytes(32, "big"),
        bytes(12) + b"\x07" * 20,
        keccak(kind.encode()),
        list_id,
        index.to_bytes(32, "big"),
    )
    return keccak(b"".join(words))


def test_ids_of_epochs__their_definition__word_by_word() -> None:
    epoch_word = (3).to_bytes(32, "big")
    part_word, asset_word = (2).to_bytes(32, "big"), bytes(12) + ASSET
    index = int.from_bytes(keccak(bytes(WORK) + part_word + asset_word), "big")
    leaf = spelled("WITHDRAW", epoch_word, index)

    assert leaf_list_id(Epoch(3)) == epoch_word
    assert leaf_index(WORK, 2, ASSET) == index
    assert withdraw_operation_id(Epoch(3), WORK, 2, ASSET, **PLACE) == leaf
    assert commit_operation_id(Epoch(3), 4, **PLACE) == spelled("COMMIT", epoch_word, 4)
    assert remainder_operation_id(leaf, 0b101, **PLACE) == spelled("REMAINDER", leaf, 0b101)


def test_operation_id__another_kind__is_another_operation() -> None:
    kinds = (KIND_PAYOUT, KIND_TIP, KIND_WITHDRAW)
    place: dict[str, Any] = {"chain_id": ChainId(1), "contract": Address(bytes(20))}

    assert len({operation_id(kind, Hash32(bytes(32)), 0, **place) for kind in kinds}) == 3


@pytest.mark.parametrize("seed", range(20))
def test_operation_id__any_obligation__words_of_the_general_encoder(seed: int) -> None:
    chosen = random.Random(seed)
    chain_id, contract = ChainId(chosen.randrange(2**64)), Address(chosen.randbytes(20))
    kind, list_id = Hash32(chosen.randbytes(32)), Hash32(chosen.randbytes(32))
    index = chosen.choice([0, 1, chosen.randrange(2**256), 2**256 - 1])
    work_id, asset = Hash32(chosen.randbytes(32)), Address(chosen.randbytes(20))
    part = chosen.choice([0, 1, 2**32 - 1])

    types = ("bytes32", "uint256", "address", "bytes32", "bytes32", "uint256")
    words = encode(types, (bytes(DOMAIN), chain_id, contract, kind, list_id, index))
    leaf = encode(("bytes32", "uint32", "address"), (work_id, part, asset))

    made = operation_id(kind, list_id, index, chain_id=chain_id, contract=contract)
    assert made == keccak(words)
    assert leaf_index(work_id, part, asset) == int.from_bytes(keccak(leaf), "big")


@pytest.mark.parametrize("index", [-1, 2**256])
def test_operation_id__index_that_is_no_uint256__refused(index: int) -> None:
    with pytest.raises(OverflowError):
        operation_id(DOMAIN, DOMAIN, index, chain_id=ChainId(1), contract=Address(bytes(20)))


@pytest.mark.parametrize("part", [-1, 2**32])
def test_leaf_index__part_that_is_no_uint32__refused(part: int) -> None:
    with pytest.raises(OverflowError):
        leaf_index(DOMAIN, part, Address(bytes(20)))
