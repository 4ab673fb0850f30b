"""Use case: prove from a block's state that a leaf or a line is paid, or that it is not.

    block hash ─► header ─► state root ─► account of the contract ─► storage root ─► paid flags

The block hash is the finalized one of our own index; every step below it is checked against the
one above, so the node that gives the proof is not trusted with anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from contracts.evm import Address, BlockRef, Hash32, keccak
from contracts.headers import header_fields
from contracts.state_proof import BadStateProof, account_at, storage_word
from contracts.storage import LeafSettlement, line_place, settled_lines_slot, settlement_slot
from settlement.payouts.errors import HeaderDiffers, NotALeaf, OtherLeafSettled, ProofRefused
from settlement.payouts.operation import EpochSubject, LeafSubject, LineSubject, Operation


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
class ProvedWord:
    """One word of a contract's storage at `block`, with the way to it."""

    block: BlockRef
    state_root: Hash32
    storage_root: Hash32
    slot: Hash32
    word: int
    proof: SlotProof


@dataclass(frozen=True, slots=True)
class ProvedLeaf:
    """What the state says of a leaf: bit i of `paid_lines` is line i of its split.

    A set bit means paid, or refused by the payee and now unclaimed. `settled_before` are the lines
    that were so when the operation was planned: what it pays are others.
    """

    at: ProvedWord
    paid_lines: int
    settled_before: int
    lines: int

    @property
    def is_used(self) -> bool:
        """Whether the flags differ from those that the operation was planned with."""
        return self.paid_lines != self.settled_before

    @property
    def open_lines(self) -> tuple[int, ...]:
        """Lines that are owed still."""
        return tuple(line for line in range(self.lines) if not self.paid_lines >> line & 1)


@dataclass(frozen=True, slots=True)
class ProvedLine:
    """What the state says of a line of a list: its bit is set once it is paid or unclaimed."""

    at: ProvedWord
    list_id: Hash32
    index: int

    @property
    def is_used(self) -> bool:
        """Whether the bit is set."""
        return bool(self.at.word >> line_place(self.index)[1] & 1)


Proved = ProvedLeaf | ProvedLine


def prove_operation(
    operation: Operation, *, block: BlockRef, header: bytes, source: StateSource
) -> Proved:
    """Prove what `block` says of the leaf or line that an operation pays.

    Args:
        operation: from our own books, which say which leaf stands where.
        block: final, by our own index.
        header: RLP of its header.
        source: the node that is asked for the proof.

    Raises:
        NotALeaf: it commits an epoch, which no flag tells.
        HeaderDiffers: the header is not the block's.
        OtherLeafSettled: another leaf was paid in its place.
        ProofRefused: the nodes do not lead from the state root to the flags.
        ChainUnavailable: the node gives no proof.
    """
    match operation.subject:
        case LeafSubject() as leaf:
            slot = settlement_slot(leaf.epoch, leaf.work_id, leaf.part, leaf.asset)
            at = _proved(operation.contract, slot, block=block, header=header, source=source)
            return _leaf(leaf, operation.content_digest, at)
        case LineSubject() as line:
            slot = settled_lines_slot(line.list_id, line_place(line.index)[0])
            at = _proved(operation.contract, slot, block=block, header=header, source=source)
            return ProvedLine(at, line.list_id, line.index)
        case EpochSubject():
            raise NotALeaf(operation.op_id)
        case _:
            assert_never(operation.subject)


def proof_document(proved: Proved, header: bytes) -> dict[str, object]:
    """Everything that somebody else needs to check the proof again; bytes as hexadecimal text."""
    at = proved.at
    return _said(proved) | {
        "block": {"number": str(at.block.number), "hash": str(at.block.hash)},
        "header": "0x" + header.hex(),
        "state_root": str(at.state_root),
        "storage_root": str(at.storage_root),
        "slot": str(at.slot),
        "account_proof": _spelled(at.proof.account_nodes),
        "storage_proof": _spelled(at.proof.storage_nodes),
    }


def _said(proved: Proved) -> dict[str, object]:
    if isinstance(proved, ProvedLine):
        return {
            "is_used": proved.is_used,
            "list_id": str(proved.list_id),
            "index": str(proved.index),
            "settled_lines": str(proved.at.word),
        }
    return {
        "is_used": proved.is_used,
        "paid_lines": str(proved.paid_lines),
        "settled_before": str(proved.settled_before),
        "lines": str(proved.lines),
        "open_lines": [str(line) for line in proved.open_lines],
    }


def _proved(
    contract: Address, slot: Hash32, *, block: BlockRef, header: bytes, source: StateSource
) -> ProvedWord:
    if keccak(header) != block.hash:
        raise HeaderDiffers(block.number, expected=block.hash, actual=keccak(header))
    state_root = header_fields(header).state_root
    proof = source.slot_proof(contract, slot, block)
    try:
        account = account_at(state_root, contract, proof.account_nodes)
        word = storage_word(account.storage_root, slot, proof.storage_nodes)
    except BadStateProof as error:
        raise ProofRefused(slot, block.number, str(error)) from error
    return ProvedWord(
        block=block,
        state_root=state_root,
        storage_root=account.storage_root,
        slot=slot,
        word=word,
        proof=proof,
    )


def _leaf(subject: LeafSubject, leaf_hash: Hash32, at: ProvedWord) -> ProvedLeaf:
    settled = LeafSettlement.from_word(at.word)
    if at.word and settled.leaf_prefix != leaf_hash[:28]:
        raise OtherLeafSettled(leaf_hash, settled.leaf_prefix)
    return ProvedLeaf(at, settled.lines, subject.settled, subject.lines)


def _spelled(nodes: Sequence[bytes]) -> list[str]:
    return ["0x" + node.hex() for node in nodes]
