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

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, BlockNumber, Hash32, LogRef, Timestamp, keccak
from contracts.units import UINT256_MAX, BaseUnits
from settlement.errors import BadEntry
from settlement.ledger.accounts import IN_TRANSIT, RESERVABLE, Account, Book


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
        if self.debit == self.credit:
            raise BadEntry(f"posting from {self.debit.path} to itself")

    def reversed(self) -> "Posting":
        """The same amount, the other way."""
        return Posting(asset=self.asset, amount=self.amount, debit=self.credit, credit=self.debit)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One event of the books; its postings stand or fall together.

    `effective_at` is chain time, `effective_block` the block from which on balances contain it.
    `evidence` is that block where it causes the entry, and None where no block does: a leaf becomes
    payable by time alone, a reservation by a plan, a document's line by its acceptance. Entries of
    one source differ in `leg`.
    """

    source: Source
    leg: int
    status: EntryStatus
    effective_at: Timestamp
    effective_block: BlockNumber
    evidence: Evidence | None
    postings: tuple[Posting, ...]

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
        for posting in self.postings:
            reserved, transit = posting.debit, posting.credit
            if is_rewind:
                reserved, transit = transit, reserved
            is_reserving = reserved.kind in RESERVABLE and transit == IN_TRANSIT
            is_pending = self.status is EntryStatus.PENDING
            touches_transit = IN_TRANSIT in (posting.debit, posting.credit)
            if is_reserving != is_pending or touches_transit != is_pending:
                raise BadEntry(
                    f"{self.status} posting {posting.debit.path} → {posting.credit.path}"
                )

    @property
    def id(self) -> Hash32:
        """Name of the entry, from its source alone."""
        return named_entry(self.source, self.leg)

    @property
    def content_digest(self) -> Hash32:
        """Digest of what the source says; fields are prefixed by their length.

        The block from which on balances contain the entry is not part of it: where it is not the
        evidence, it follows from the time.
        """
        return self.digest_under(self.id)

    def digest_under(self, entry_id: Hash32) -> Hash32:
        """The content digest, for whoever has the id already."""
        return keccak(length_prefixed(self._fields(entry_id)))

    def _fields(self, entry_id: Hash32) -> Iterable[bytes]:
        yield entry_id
        yield self.status.value.encode()
        yield self.effective_at.to_bytes(8, "big")
        if self.evidence is None:
            yield b""
        else:
            yield self.evidence.block_number.to_bytes(8, "big") + self.evidence.block_hash
        for posting in self.postings:
            yield posting.asset + posting.amount.to_bytes(32, "big")
            yield posting.debit.path.encode()
            yield posting.credit.path.encode()


def named_entry(source: Source, leg: int = 0) -> Hash32:
    """The id of the entry that a source makes."""
    version = source.version.to_bytes(4, "big") if source.version else b""
    return keccak(source.kind.value.encode() + b":" + source.id + leg.to_bytes(4, "big") + version)


def length_prefixed(fields: Iterable[bytes]) -> bytes:
    """The fields joined, each behind its length: no two lists of fields are spelled alike."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def log_source(ref: LogRef, version: int) -> Source:
    """An event on chain."""
    words = (ref.chain_id, ref.block_number, ref.log_index)
    return Source(SourceKind.LOG, b"".join(word.to_bytes(8, "big") for word in words), version)


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
