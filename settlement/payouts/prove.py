"""Use case: prove from a block's state that an operation's leaf is paid, or that it is not.

    block hash ─► header ─► state root ─► account of EpochPayouts ─► storage root ─► paid flags

The block hash is the finalized one of our own index; every step below it is checked against the
one above, so the node that gives the proof is not trusted with anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, BlockRef, Hash32, keccak
from contracts.headers import header_fields
from contracts.state_proof import BadStateProof, account_at, storage_word
from contracts.storage import LeafSettlement, settlement_slot
from settlement.payouts.errors import HeaderDiffers, OtherLeafSettled, ProofRefused
from settlement.payouts.operation import LeafSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotProof:
    """The trie nodes that `eth_getProof` gives for one slot of one account."""

    account_nodes: tuple[bytes, ...]
    storage_nodes: tuple[bytes, ...]


class StateSource(Protocol):
    """A node that keeps the state of the finalized block."""

    def slot_proof(self, contract: Address, slot: Hash32, at: BlockRef, /) -> SlotProof:
        """The way from the state root to a slot.

        Raises:
            ChainUnavailable: the node does not answer, or has no state for the block.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedLeaf:
    """What the state of `block` says of a leaf: bit i of `paid_lines` is line i of its split.

    A set bit means paid, or refused by the payee and now unclaimed. `settled_before` are the lines
    that were so when the operation was planned: what it pays are others.
    """

    block: BlockRef
    state_root: Hash32
    storage_root: Hash32
    slot: Hash32
    paid_lines: int
    settled_before: int
    lines: int
    proof: SlotProof

    @property
    def is_used(self) -> bool:
        """Whether the flags differ from those that the operation was planned with."""
        return self.paid_lines != self.settled_before

    @property
    def open_lines(self) -> tuple[int, ...]:
        """Lines that are owed still."""
        return tuple(line for line in range(self.lines) if not self.paid_lines >> line & 1)


def prove_leaf(
    subject: LeafSubject,
    leaf_hash: Hash32,
    *,
    contract: Address,
    block: BlockRef,
    header: bytes,
    source: StateSource,
) -> ProvedLeaf:
    """Prove what `block` says of a leaf.

    Args:
        subject: the leaf's place.
        leaf_hash: what stands there, by our own books.
        contract: the payouts contract.
        block: final, by our own index.
        header: RLP of its header.
        source: the node that is asked for the proof.

    Raises:
        HeaderDiffers: the header is not the block's.
        OtherLeafSettled: another leaf was paid in its place.
        ProofRefused: the nodes do not lead from the state root to the flags.
        ChainUnavailable: the node gives no proof.
    """
    if keccak(header) != block.hash:
        raise HeaderDiffers(block.number, expected=block.hash, actual=keccak(header))
    state_root = header_fields(header).state_root
    slot = settlement_slot(subject.epoch, subject.work_id, subject.part, subject.asset)
    proof = source.slot_proof(contract, slot, block)
    try:
        account = account_at(state_root, contract, proof.account_nodes)
        word = storage_word(account.storage_root, slot, proof.storage_nodes)
    except BadStateProof as error:
        raise ProofRefused(slot, block.number, str(error)) from error
    settled = LeafSettlement.from_word(word)
    if word and settled.leaf_prefix != leaf_hash[:28]:
        raise OtherLeafSettled(leaf_hash, settled.leaf_prefix)
    return ProvedLeaf(
        block=block,
        state_root=state_root,
        storage_root=account.storage_root,
        slot=slot,
        paid_lines=settled.lines,
        settled_before=subject.settled,
        lines=subject.lines,
        proof=proof,
    )


def proof_document(proved: ProvedLeaf, header: bytes) -> dict[str, object]:
    """Everything that somebody else needs to check the proof again; bytes as hexadecimal text."""
    return {
        "is_used": proved.is_used,
        "paid_lines": str(proved.paid_lines),
        "settled_before": str(proved.settled_before),
        "lines": str(proved.lines),
        "open_lines": [str(line) for line in proved.open_lines],
        "block": {"number": str(proved.block.number), "hash": str(proved.block.hash)},
        "header": "0x" + header.hex(),
        "state_root": str(proved.state_root),
        "storage_root": str(proved.storage_root),
        "slot": str(proved.slot),
        "account_proof": _spelled(proved.proof.account_nodes),
        "storage_proof": _spelled(proved.proof.storage_nodes),
    }


def _spelled(nodes: Sequence[bytes]) -> list[str]:
    return ["0x" + node.hex() for node in nodes]
