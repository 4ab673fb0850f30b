"""Proofs that a leaf is paid or not, over a state that is built from the definition."""

from dataclasses import dataclass, replace

import pytest
import rlp

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp, keccak
from contracts.storage import settlement_slot
from contracts.units import BaseUnits
from settlement.payouts.errors import HeaderDiffers, OtherLeafSettled, ProofRefused
from settlement.payouts.operation import LeafSubject, Operation
from settlement.payouts.prove import (
    ProvedLeaf,
    SlotProof,
    proof_document,
    prove_operation,
)
from tests.state_tries import StateTrie

CONTRACT = Address(b"\xc0" * 20)
ASSET = Address(b"\xa5" * 20)
SUBJECT = LeafSubject(
    epoch=Epoch(3),
    work_id=keccak(b"work"),
    part=0,
    asset=ASSET,
    amount=BaseUnits(10),
    lines=3,
    proof_nodes=2,
    settled=0,
)
SLOT = settlement_slot(SUBJECT.epoch, SUBJECT.work_id, SUBJECT.part, SUBJECT.asset)
LEAF_HASH = keccak(b"leaf")


@dataclass(frozen=True)
class State:
    """A state with other accounts and slots around the one in question; also its source."""

    accounts: StateTrie
    storage: StateTrie

    @classmethod
    def of(cls, paid_lines: int) -> "State":
        slots = {bytes(keccak(bytes([place]))): rlp.encode(place + 1) for place in range(20)}
        if paid_lines:
            slots[bytes(SLOT)] = rlp.encode(LEAF_HASH[:28] + paid_lines.to_bytes(4, "big"))
        storage = StateTrie(slots)
        code = bytes(keccak(b"code"))
        accounts = {
            bytes([place]) * 20: rlp.encode([1, place, bytes(storage.root), code])
            for place in range(1, 30)
        }
        accounts[bytes(CONTRACT)] = rlp.encode([1, 0, bytes(storage.root), code])
        return cls(StateTrie(accounts), storage)

    def slot_proof(self, contract: Address, slot: Hash32, at: BlockRef, /) -> SlotProof:
        assert at.number == 9
        return SlotProof(
            account_nodes=tuple(self.accounts.proof(bytes(contract))),
            storage_nodes=tuple(self.storage.proof(bytes(slot))),
        )

    def header(self) -> bytes:
        root = bytes(self.accounts.root)
        encoded: bytes = rlp.encode(
            [
                *(bytes(32), bytes(32), bytes(20), root, bytes(32), bytes(32), bytes(256)),
                *(0, 9, 30_000_000, 0, 1_700_000_000, b"", bytes(32), bytes(8)),
            ]
        )
        return encoded

    def block(self) -> BlockRef:
        return BlockRef(
            number=BlockNumber(9),
            hash=keccak(self.header()),
            parent_hash=Hash32(bytes(32)),
            timestamp=Timestamp(1_700_000_000),
        )


def proof_of(
    source: State,
    *,
    block: State,
    header: State,
    leaf_hash: Hash32 = LEAF_HASH,
    settled: int = 0,
) -> ProvedLeaf:
    subject = replace(SUBJECT, settled=settled)
    one = Operation(
        op_id=keccak(b"op"),
        chain_id=ChainId(1),
        contract=CONTRACT,
        list_id=keccak(b"list"),
        index=0,
        content_digest=leaf_hash,
        call=b"",
        subject=subject,
    )
    proved = prove_operation(one, block=block.block(), header=header.header(), source=source)
    assert isinstance(proved, ProvedLeaf)
    return proved


@pytest.mark.parametrize(
    ("paid_lines", "is_used", "open_lines"),
    [(0, False, (0, 1, 2)), (0b111, True, ()), (0b101, True, (1,))],
    ids=["unused", "used", "one line held"],
)
def test_prove_leaf__any_flags__as_the_state_has_them(
    paid_lines: int, is_used: bool, open_lines: tuple[int, ...]
) -> None:
    state = State.of(paid_lines)

    proved = proof_of(state, block=state, header=state)

    assert (proved.paid_lines, proved.is_used) == (paid_lines, is_used)
    assert proved.open_lines == open_lines
    assert (proved.at.state_root, proved.at.storage_root) == (
        state.accounts.root,
        state.storage.root,
    )


@pytest.mark.parametrize(
    ("paid_lines", "is_used", "open_lines"),
    [(0b101, False, (1,)), (0b111, True, ()), (0, True, (0, 1, 2))],
    ids=["as it was planned", "paid", "what was before is gone"],
)
def test_prove_leaf__remainder__used_if_the_flags_differ_from_those_it_was_planned_with(
    paid_lines: int, is_used: bool, open_lines: tuple[int, ...]
) -> None:
    state = State.of(paid_lines)

    proved = proof_of(state, block=state, header=state, settled=0b101)

    assert (proved.is_used, proved.open_lines) == (is_used, open_lines)
    assert proof_document(proved, state.header())["settled_before"] == "5"


def test_prove_leaf__proof_of_another_state__refused() -> None:
    """A node that hides a payment must show a state that the header does not commit to."""
    paid, unpaid = State.of(0b111), State.of(0)

    with pytest.raises(ProofRefused, match=f"slot {SLOT} at block 9"):
        proof_of(unpaid, block=paid, header=paid)


def test_prove_leaf__storage_of_another_state__refused() -> None:
    paid, unpaid = State.of(0b111), State.of(0)
    mixed = replace(paid, storage=unpaid.storage)

    with pytest.raises(ProofRefused):
        proof_of(mixed, block=paid, header=paid)


def test_prove_leaf__header_of_another_block__refused() -> None:
    paid, unpaid = State.of(0b111), State.of(0)

    with pytest.raises(HeaderDiffers, match=str(unpaid.block().hash)):
        proof_of(unpaid, block=paid, header=unpaid)


def test_proof_document__any_proof__enough_to_check_it_again() -> None:
    state = State.of(0b101)
    proved = proof_of(state, block=state, header=state)

    document = proof_document(proved, state.header())

    assert document["paid_lines"] == "5"
    assert document["open_lines"] == ["1"]
    assert document["header"] == "0x" + state.header().hex()
    assert document["storage_proof"] == [
        "0x" + node.hex() for node in proved.at.proof.storage_nodes
    ]
    assert document["account_proof"] == [
        "0x" + node.hex() for node in proved.at.proof.account_nodes
    ]


def test_prove_leaf__another_leaf_was_settled_there__refused() -> None:
    state = State.of(0b111)

    with pytest.raises(OtherLeafSettled, match=str(keccak(b"ours"))):
        proof_of(state, block=state, header=state, leaf_hash=keccak(b"ours"))


def test_prove_leaf__nothing_settled__any_leaf_is_unused() -> None:
    state = State.of(0)

    assert not proof_of(state, block=state, header=state, leaf_hash=keccak(b"ours")).is_used
