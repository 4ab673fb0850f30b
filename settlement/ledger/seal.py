"""The chain and the seals of a book: what makes a change of the journal visible.

    entry      canonical bytes: every field behind its length, so that two entries never share bytes
    link n     SHA-256(link n-1 ‖ bytes of entry n), both behind their lengths; link 0 is zero
    leaf n     SHA-256(0x00 ‖ bytes of entry n)
    close      canonical bytes of a month that was closed, and its leaf as that of an entry
    seal e     root of the tree of SHA-256(0x00 ‖ seal before), the leaves of the epoch's entries,
               and those of the months that were closed since the seal before; one at least

Entries are numbered in the order of their recording. An entry is sealed in the epoch in which the
books learned of it, so an epoch that is sealed stays as it is, and a late entry is in a later one.
A parent is the SHA-256 of its two children, 64 bytes; a leaf is the hash of bytes that begin with
zero and are never 64 long, so no parent passes for a leaf. A node without a sibling moves up.

Source: merkletools (the tree); RFC 9162 (the prefix of leaves).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from struct import error as StructError  # noqa: N812 - the module's own name says nothing
from typing import Literal, NamedTuple

from merkletools import MerkleTools

from contracts.evm import ZERO_HASH, Epoch, Hash32, Timestamp
from settlement.ledger.accounts import Book, length_prefixed, prefixed, prefixed_name
from settlement.ledger.journal import JournalEntry, SpelledPosting

_DOMAIN = b"quittance.journal.v1"
_CLOSE_DOMAIN = b"quittance.close.v1"
_LEAF = b"\x00"
_SEQUENCE, _NUMBERS = Struct(">IQ"), Struct(">IIII")
_EFFECT, _RECORDING = Struct(">IQIQ"), Struct(">IQIIIQ")
"""Numbers of fixed width, each behind its length."""
_HASH_LENGTH = (32).to_bytes(4, "big")
_ASSET_LENGTH, _AMOUNT_LENGTH = (20).to_bytes(4, "big"), (32).to_bytes(4, "big")

FIRST_LINK = ZERO_HASH
"""What comes before the first entry, and before the first seal."""

Side = Literal["left", "right"]


class SpelledEntry(NamedTuple):
    """A recorded entry as the chain contains it; `block_hash` is empty where no block proves it."""

    id: Hash32
    source_kind: str
    source_id: bytes
    leg: int
    version: int
    status: str
    effective_at: int
    effective_block: int
    block_hash: bytes
    postings: Sequence[SpelledPosting]
    booked_at: int
    period: int
    recorded_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEntry:
    """An entry with what its recording added; `recorded_at_us` is wall-clock time."""

    entry: JournalEntry
    arrival: int
    booked_at: Timestamp
    period: int
    recorded_at_us: int

    @property
    def spelled(self) -> SpelledEntry:
        """The entry as the chain contains it."""
        entry = self.entry
        return SpelledEntry(
            id=entry.id,
            source_kind=entry.source.kind,
            source_id=entry.source.id,
            leg=entry.leg,
            version=entry.source.version,
            status=entry.status,
            effective_at=entry.effective_at,
            effective_block=entry.effective_block,
            block_hash=b"" if entry.evidence is None else entry.evidence.block_hash,
            postings=[posting.spelled for posting in entry.postings],
            booked_at=self.booked_at,
            period=self.period,
            recorded_at_us=self.recorded_at_us,
        )


class Link(NamedTuple):
    """The place of an entry in the chain of its book."""

    sequence: int
    entry_id: Hash32
    leaf: Hash32
    link: Hash32


class PeriodClose(NamedTuple):
    """A closed month; `booked_at` is the time of the books then, `recorded_at_us` of the clock."""

    period: int
    closed_by: str
    booked_at: Timestamp
    recorded_at_us: int

    def leaf(self, book: Book) -> Hash32:
        """Its leaf under a seal, of all that is recorded of it."""
        return leaf_of(
            length_prefixed(
                _CLOSE_DOMAIN,
                book.chain_id.to_bytes(8, "big"),
                book.contract,
                self.period.to_bytes(4, "big"),
                self.closed_by.encode(),
                self.booked_at.to_bytes(8, "big"),
                self.recorded_at_us.to_bytes(8, "big"),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The seal of one epoch, over entries `first_sequence` to `last_sequence`, both in it.

    It is over so many `closes` too, which follow those of the seals before; where it is over them
    alone, `last_sequence` is the one before `first_sequence`.
    """

    epoch: Epoch
    first_sequence: int
    last_sequence: int
    closes: int
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


def canonical_bytes(entry: SpelledEntry, book: Book, sequence: int) -> bytes:
    """All that the journal says of an entry."""
    try:
        numbers = _NUMBERS.pack(4, entry.leg, 4, entry.version)
        effect = _EFFECT.pack(8, entry.effective_at, 8, entry.effective_block)
        recording = _RECORDING.pack(8, entry.booked_at, 4, entry.period, 8, entry.recorded_at_us)
    except StructError as error:
        raise OverflowError(f"entry {entry.id.hex()}: {error}") from error
    parts = [
        _book_prefix(book),
        _SEQUENCE.pack(8, sequence),
        _HASH_LENGTH,
        entry.id,
        prefixed_name(entry.source_kind),
        prefixed(entry.source_id),
        numbers,
        prefixed_name(entry.status),
        effect,
        prefixed(entry.block_hash),
        recording,
    ]
    for asset, amount, debit, credit in entry.postings:
        parts += (_ASSET_LENGTH, asset, _AMOUNT_LENGTH, amount, debit, credit)
    return b"".join(parts)


@lru_cache(maxsize=64)
def _book_prefix(book: Book) -> bytes:
    return length_prefixed(_DOMAIN, book.chain_id.to_bytes(8, "big"), book.contract)


def chained(entries: Iterable[SpelledEntry], book: Book, *, after: Link | None) -> list[Link]:
    """The links of the entries that were recorded next, in their order."""
    links: list[Link] = []
    for entry in entries:
        after = linked(entry, book, after=after)
        links.append(after)
    return links


def linked(entry: SpelledEntry, book: Book, *, after: Link | None) -> Link:
    """The link of the entry that was recorded next."""
    sequence = after.sequence + 1 if after else 1
    data = canonical_bytes(entry, book, sequence)
    before = after.link if after else FIRST_LINK
    link = sha256(b"".join((_HASH_LENGTH, before, len(data).to_bytes(4, "big"), data))).digest()
    return Link(sequence, entry.id, leaf_of(data), bytes.__new__(Hash32, link))


def leaf_of(data: bytes) -> Hash32:
    """The leaf of an entry's canonical bytes, or of a seal."""
    return Hash32(sha256(_LEAF + data).digest())


def sealed(
    leaves: Sequence[Hash32],
    closes: Sequence[Hash32],
    *,
    epoch: Epoch,
    first_sequence: int,
    ends_at: Timestamp,
    after: Hash32,
) -> Seal:
    """The seal over the leaves of an epoch's entries and of closes; `after` is the one before."""
    return Seal(
        epoch=epoch,
        first_sequence=first_sequence,
        last_sequence=first_sequence + len(leaves) - 1,
        closes=len(closes),
        ends_at=ends_at,
        previous=after,
        root=Hash32(bytes.fromhex(_tree((*leaves, *closes), after).get_merkle_root())),
    )


def prove(link: Link, seal: Seal, leaves: Sequence[Hash32]) -> InclusionProof:
    """That an entry is under a seal, of which these are all leaves, those of closes last."""
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
