"""Postings and journal entries.

A posting is an unsigned amount of one asset, with the account that it is debited to and the account
that it is credited to. Both sides are one number, so that no entry can be out of balance in any
asset: there is no way to write it down. The table `posting` has the same shape, so that Postgres
cannot hold one either.

An entry is named by what caused it: id = keccak(source kind ‖ source id ‖ leg). Doing the same
thing twice makes the same id, and other content under one id is an error.

Books that were posted from a chain that turned out not to be final are taken back whole and posted
again, as their next *version* (see `rewind`). Entries of a version above 0 have the version at the
end of what their id is made of, so that both versions of an entry can stand in one journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from struct import Struct
from typing import NamedTuple

from contracts.evm import Address, BlockNumber, Hash32, LogRef, Timestamp, keccak
from contracts.units import UINT256_MAX, BaseUnits
from settlement.errors import BadEntry
from settlement.ledger.accounts import (
    RESERVABLE,
    Account,
    AccountKind,
    Book,
    prefixed,
    prefixed_name,
)

_TRANSIT = AccountKind.IN_TRANSIT
_LOG = Struct(">QQQ")
_UNITS_LENGTH = (20 + 32).to_bytes(4, "big")
"""The length of an asset and an amount, which are one field of a digest."""
_TIME_LENGTH = (8).to_bytes(4, "big")


class EntryStatus(StrEnum):
    """Pending entries only reserve; no balance counts them as posted."""

    PENDING = "pending"
    POSTED = "posted"


class SourceKind(StrEnum):
    """What can cause an entry."""

    LOG = "log"
    MANIFEST_LEAF = "manifest_leaf"
    RESERVATION = "reservation"
    REWIND = "rewind"
    DOCUMENT = "document"
    GAS = "gas"
    OPENING = "opening"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Source:
    """Cause of an entry, in one version of the books.

    `id` is its canonical bytes, of fixed width for each kind.
    """

    kind: SourceKind
    id: bytes
    version: int

    def __post_init__(self) -> None:
        """Refuse what is no version."""
        if self.version < 0:
            raise BadEntry(f"source {self.id.hex()} of version {self.version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The block that proves an entry."""

    block_number: BlockNumber
    block_hash: Hash32


class SpelledPosting(NamedTuple):
    """A posting as digests contain it: 20 and 32 bytes, and accounts behind their lengths."""

    asset: bytes
    amount: bytes
    debit: bytes
    credit: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """`amount` of `asset`, from the credited account's point of view a gain."""

    asset: Address
    amount: BaseUnits
    debit: Account
    credit: Account

    def __post_init__(self) -> None:
        """Refuse what is no movement of money."""
        if type(self.amount) is not int or not 0 < self.amount <= UINT256_MAX:
            raise BadEntry(f"posting of {self.amount!r} units")
        if self.debit.path == self.credit.path:
            raise BadEntry(f"posting from {self.debit.path} to itself")

    @property
    def spelled(self) -> SpelledPosting:
        """The posting as digests contain it."""
        amount = self.amount.to_bytes(32, "big")
        return SpelledPosting(self.asset, amount, self.debit.spelled, self.credit.spelled)

    def reversed(self) -> "Posting":
        """The same amount, the other way."""
        return Posting(asset=self.asset, amount=self.amount, debit=self.credit, credit=self.debit)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One event of the books; its postings stand or fall together.

    `effective_at` is chain time, `effective_block` the block from which on balances contain it.
    `evidence` is that block where it causes the entry, and None where no block does: a leaf becomes
    payable by time alone, a reservation by a plan, a document's line by its acceptance. Entries of
    one source differ in `leg`. `id` is the name of the entry, from its source alone.
    """

    source: Source
    leg: int
    status: EntryStatus
    effective_at: Timestamp
    effective_block: BlockNumber
    evidence: Evidence | None
    postings: tuple[Posting, ...]
    id: Hash32 = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse an empty entry, one at odds with its evidence, and any other in transit.

        A reservation goes from what is owed into transit. The way back is for a rewind alone:
        it takes back whole books, pending entries too, while a reservation that merely ends is
        never reversed, its outcome is written beside it.
        """
        if not self.postings:
            raise BadEntry(f"entry without postings, source {self.source}")
        if self.evidence is not None and self.evidence.block_number != self.effective_block:
            raise BadEntry(f"entry of {self.evidence} effective at block {self.effective_block}")
        is_rewind = self.source.kind is SourceKind.REWIND
        is_pending = self.status is EntryStatus.PENDING
        for posting in self.postings:
            debit, credit = posting.debit.kind, posting.credit.kind
            touches_transit = debit is _TRANSIT or credit is _TRANSIT
            if not is_pending and not touches_transit:
                continue
            reserved, transit = (credit, debit) if is_rewind else (debit, credit)
            if not is_pending or transit is not _TRANSIT or reserved not in RESERVABLE:
                raise BadEntry(
                    f"{self.status} posting {posting.debit.path} → {posting.credit.path}"
                )
        object.__setattr__(self, "id", named_entry(self.source, self.leg))

    @property
    def content_digest(self) -> Hash32:
        """Digest of what the source says, as `content_digest` defines it."""
        return self.digest_of([posting.spelled for posting in self.postings])

    def digest_of(self, postings: Sequence[SpelledPosting]) -> Hash32:
        """The digest, for whoever has spelled the postings already."""
        evidence = self.evidence
        return content_digest(
            self.id,
            self.status,
            self.effective_at,
            b"" if evidence is None else spelled_block(evidence.block_number, evidence.block_hash),
            postings,
        )


def content_digest(
    entry_id: bytes,
    status: str,
    effective_at: int,
    evidence: bytes,
    postings: Sequence[SpelledPosting],
) -> Hash32:
    """Digest of what a source says; fields are prefixed by their length.

    The block from which on balances contain the entry is not part of it: where it is not the
    evidence (as `spelled_block`; empty where there is none), it follows from the time.
    """
    parts = [
        prefixed(entry_id),
        prefixed_name(status),
        _TIME_LENGTH,
        effective_at.to_bytes(8, "big"),
        prefixed(evidence),
    ]
    for asset, amount, debit, credit in postings:
        parts += (_UNITS_LENGTH, asset, amount, debit, credit)
    return keccak(b"".join(parts))


def spelled_block(number: int, block_hash: bytes) -> bytes:
    """A block as a digest contains it."""
    return number.to_bytes(8, "big") + block_hash


def named_entry(source: Source, leg: int = 0) -> Hash32:
    """The id of the entry that a source makes."""
    return entry_id(source.kind, source.id, leg, source.version)


def entry_id(kind: str, source_id: bytes, leg: int, version: int) -> Hash32:
    """Permanent id of an entry, from the parts of its source."""
    ending = version.to_bytes(4, "big") if version else b""
    return keccak(kind.encode() + b":" + source_id + leg.to_bytes(4, "big") + ending)


def log_source(ref: LogRef, version: int) -> Source:
    """An event on chain."""
    words = _LOG.pack(ref.chain_id, ref.block_number, ref.log_index)
    return Source(SourceKind.LOG, words, version)


def leaf_source(manifest_digest: Hash32, op_id: Hash32, version: int) -> Source:
    """One leaf line of an accepted manifest; the op-id names the leaf."""
    return Source(SourceKind.MANIFEST_LEAF, manifest_digest + op_id, version)


def reservation_source(op_id: Hash32, attempt: int, version: int) -> Source:
    """One attempt at planning the payout of one leaf or line."""
    return Source(SourceKind.RESERVATION, op_id + attempt.to_bytes(4, "big"), version)


def document_source(digest: Hash32, index: int, version: int) -> Source:
    """One line of an accepted document."""
    return Source(SourceKind.DOCUMENT, digest + index.to_bytes(32, "big"), version)


def gas_source(tx_hash: Hash32, version: int) -> Source:
    """One mined transaction of a payout wallet."""
    return Source(SourceKind.GAS, bytes(tx_hash), version)


def opening_source(book: Book, version: int) -> Source:
    """The beginning of a payout wallet's book."""
    return Source(SourceKind.OPENING, book.chain_id.to_bytes(8, "big") + book.contract, version)


def manual_source(manual_id: Hash32, version: int) -> Source:
    """One manual entry that a second person approved."""
    return Source(SourceKind.MANUAL, bytes(manual_id), version)


def rewind_source(entry: JournalEntry) -> Source:
    """The rewind that took an entry back: the version that it began, and what it took back.

    The reversing entry belongs to the version that it ends, which sums to nothing with it.
    """
    ended = entry.source.version
    return Source(SourceKind.REWIND, (ended + 1).to_bytes(4, "big") + entry.id, ended)


def reversal(
    entry: JournalEntry, *, source: Source, effective_at: Timestamp, evidence: Evidence
) -> JournalEntry:
    """The entry that undoes `entry`: every posting the other way, for a later cause."""
    return JournalEntry(
        source=source,
        leg=0,
        status=entry.status,
        effective_at=effective_at,
        effective_block=evidence.block_number,
        evidence=evidence,
        postings=tuple(posting.reversed() for posting in entry.postings),
    )
