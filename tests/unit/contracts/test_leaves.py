"""Leaf, split and op-id against what the Solidity libraries computed (tests/vectors)."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import Address, ChainId, Epoch, Hash32
from contracts.leaves import Leaf, SplitLine, leaf_hash, split_hash
from contracts.operations import commit_operation_id, operation_id, withdraw_operation_id
from contracts.units import BaseUnits

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "leaves.json").read_text())["leaves"]


def leaf_from(vector: dict[str, Any]) -> Leaf:
    lines = tuple(
        SplitLine(payee=Address.from_hex(payee), amount=BaseUnits(int(amount)))
        for payee, amount in zip(vector["payees"], vector["amounts"], strict=True)
    )
    return Leaf(
        epoch=Epoch(int(vector["epoch"])),
        work_id=Hash32.from_hex(vector["work_id"]),
        part=int(vector["part"]),
        asset=Address.from_hex(vector["asset"]),
        lines=lines,
    )


@pytest.mark.parametrize("vector", VECTORS)
def test_leaf__solidity__agrees(vector: dict[str, Any]) -> None:
    leaf = leaf_from(vector)
    where: dict[str, Any] = {
        "chain_id": ChainId(int(vector["chain_id"])),
        "contract": Address.from_hex(vector["contract"]),
    }

    op_id = withdraw_operation_id(leaf.epoch, leaf.work_id, leaf.part, leaf.asset, **where)

    assert str(split_hash(leaf.lines)) == vector["split_hash"]
    assert str(leaf_hash(leaf, **where)) == vector["leaf"]
    assert str(op_id) == vector["op_id"]


def test_operation_id__any_part__changes_it() -> None:
    where: dict[str, Any] = {"chain_id": ChainId(1), "contract": Address(bytes(20))}
    kind, list_id = Hash32(bytes(32)), Hash32(bytes(32))
    ids = {
        operation_id(kind, list_id, 0, **where),
        operation_id(kind, list_id, 1, **where),
        operation_id(kind, Hash32.from_int(1), 0, **where),
        operation_id(Hash32.from_int(1), list_id, 0, **where),
        operation_id(kind, list_id, 0, chain_id=ChainId(2), contract=Address(bytes(20))),
        operation_id(kind, list_id, 0, chain_id=ChainId(1), contract=Address(b"\x01" * 20)),
        commit_operation_id(Epoch(0), 0, **where),
    }

    assert len(ids) == 7
