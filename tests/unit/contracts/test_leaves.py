"""Leaf, split and op-id against what the Solidity libraries computed (tests/vectors)."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import SCALAR_FIELD_ORDER, Address, ChainId, Epoch, Hash32, keccak
from contracts.leaves import (
    FEES_ID,
    Leaf,
    LeafKind,
    SplitLine,
    escrow_id,
    leaf_hash,
    leaf_kind,
    split_hash,
    suspense_id,
)
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


def test_leaf_ids__three_kinds__spelled_out() -> None:
    content, work_id = keccak(b"content"), Hash32(bytes(1) + b"\xab" * 31)

    assert b"\x01" + bytes(31) == FEES_ID
    assert escrow_id(content) == b"\x02" + keccak(content)[:31]
    assert suspense_id(work_id) == b"\x03" + b"\xab" * 31


def test_leaf_kind__top_byte__says_it() -> None:
    content, work_id = keccak(b"content"), Hash32(bytes(1) + b"\xab" * 31)

    ids = (work_id, FEES_ID, escrow_id(content), suspense_id(work_id))

    assert [leaf_kind(one) for one in ids] == list(LeafKind)
    assert [leaf_kind(one).is_escrow for one in ids] == [False, False, True, True]
    assert all(int.from_bytes(one, "big") < SCALAR_FIELD_ORDER for one in ids)


def test_leaf_kind__no_such_leaf__refused() -> None:
    with pytest.raises(ValueError, match="4 is not a valid LeafKind"):
        leaf_kind(Hash32(b"\x04" + bytes(31)))


def test_suspense_id__id_that_no_work_can_have__refused() -> None:
    with pytest.raises(ValueError, match="is no id of a work"):
        suspense_id(FEES_ID)
