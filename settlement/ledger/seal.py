"""The chain and the seals of a book: what makes a change of the journal visible.

    entry      canonical bytes: every field behind its length, so that two entries never share bytes
    link n     SHA-256(link n-1 ‖ bytes of entry n), both behind their lengths; link 0 is zero
    leaf n     SHA-256(0x00 ‖ bytes of entry n)
    seal e     root of the tree of SHA-256(0x00 ‖ seal before) and the leaves of the epoch's entries

Entries are numbered in the order of their recording. An entry is sealed in the epoch in which the
books learned of it, so an epoch that is sealed stays as it is, and a late entry is in a later one.
A parent is the SHA-256 of its two children, 64 bytes; a leaf is the hash of bytes that begin with
zero and are never 64 long, so no parent passes for a leaf. A node without a sibling moves up.

Source: merkletools (the tree); RFC 9162 (the prefix of leaves).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from merkletools import MerkleTools  # type: ignore[import-untyped]

from contracts.evm import ZERO_HASH, Epoch, Hash32, Timestamp
from settlement.ledger.accounts import Book
from settlement.ledger.journal import JournalEntry, length_prefixed

_DOMAIN = b"quittance.journal.v1"
_LEAF = b"\x00"

FIRST_LINK = ZERO_HASH
"""What comes before the first entry, and before the first seal."""

Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEntry:
    """An entry with what its recording added; `recorded_at_us` is wall-clock time."""

    entry: JournalEntry
    arrival: int
    booked_at: Timestamp
    period: int
    recorded_at_us: int


@dataclass(frozen=True, slots=True)
class Link:
    """The place of an entry in the chain of its book."""

    sequence: int
    entry_id: Hash32
    leaf: Hash32
    link: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The seal of one epoch, over entries `first_sequence` to `last_sequence`, both in it."""

    epoch: Epoch
    first_sequence: int
    last_sequence: int
    ends_at: Timestamp
    previous: Hash32
    root: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """That an entry is under a seal; `path` has the siblings from the leaf up, and their sides."""

    entry_id: Hash32
    sequence: int
    epoch: Epoch
    leaf: Hash32
    path: tuple[tuple[Side, Hash32], ...]
    root: Hash32


def canonical_bytes(recorded: RecordedEntry, book: Book, sequence: int) -> bytes:
    """All that the journal says of an entry."""
    entry = recorded.entry
    evidence = b"" if entry.evidence is None else bytes(entry.evidence.block_hash)
    head = (
        _DOMAIN,
        book.chain_id.to_bytes(8, "big"),
        bytes(book.contract),
        sequence.to_bytes(8, "big"),
        bytes(entry.id),
        entry.source.kind.value.encode(),
        entry.source.id,
        entry.leg.to_bytes(4, "big"),
        entry.source.version.to_bytes(4, "big"),
        entry.status.value.encode(),
        entry.effective_at.to_bytes(8, "big"),
        entry.effective_block.to_bytes(8, "big"),
        evidence,
        recorded.booked_at.to_bytes(8, "big"),
        recorded.period.to_bytes(4, "big"),
        recorded.recorded_at_us.to_bytes(8, "big"),
    )
    lines = (
        field
        for posting in entry.postings
        for field in (
            bytes(posting.asset),
            posting.amount.to_bytes(32, "big"),
            posting.debit.path.encode(),
            posting.credit.path.encode(),
        )
    )
    return length_prefixed((*head, *lines))


def linked(recorded: RecordedEntry, book: Book, *, after: Link | None) -> Link:
    """The link of the entry that was recorded next."""
    sequence = after.sequence + 1 if after else 1
    data = canonical_bytes(recorded, book, sequence)
    previous = after.link if after else FIRST_LINK
    return Link(
        sequence=sequence,
        entry_id=recorded.entry.id,
        leaf=leaf_of(data),
        link=Hash32(sha256(length_prefixed((bytes(previous), data))).digest()),
    )


def leaf_of(data: bytes) -> Hash32:
    """The leaf of an entry's canonical bytes, or of a seal."""
    return Hash32(sha256(_LEAF + data).digest())


def sealed(
    leaves: Sequence[Hash32],
    *,
    epoch: Epoch,
    first_sequence: int,
    ends_at: Timestamp,
    after: Hash32,
) -> Seal:
    """The seal over the leaves of an epoch's entries, in their order; `after` is the one before."""
    return Seal(
        epoch=epoch,
        first_sequence=first_sequence,
        last_sequence=first_sequence + len(leaves) - 1,
        ends_at=ends_at,
        previous=after,
        root=Hash32(bytes.fromhex(_tree(leaves, after).get_merkle_root())),
    )


def prove(link: Link, seal: Seal, leaves: Sequence[Hash32]) -> InclusionProof:
    """That an entry is under a seal, of which these are all leaves."""
    index = link.sequence - seal.first_sequence + 1
    path = _tree(leaves, seal.previous).get_proof(index)
    return InclusionProof(
        entry_id=link.entry_id,
        sequence=link.sequence,
        epoch=seal.epoch,
        leaf=link.leaf,
        path=tuple(
            (side, Hash32(bytes.fromhex(sibling)))
            for step in path
            for side, sibling in step.items()
        ),
        root=seal.root,
    )


def verify_inclusion(proof: InclusionProof) -> bool:
    """Whether the path leads from the leaf to the root."""
    node = bytes(proof.leaf)
    for side, sibling in proof.path:
        node = sha256(sibling + node if side == "left" else node + sibling).digest()
    return node == proof.root


def _tree(leaves: Sequence[Hash32], after: Hash32) -> MerkleTools:
    tree = MerkleTools(hash_type="sha256")
    tree.add_leaf([leaf_of(after).hex(), *(leaf.hex() for leaf in leaves)])
    tree.make_tree()
    return tree
