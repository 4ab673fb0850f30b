"""Books as they are answered: entries, seals, and proofs that are checked before they leave."""

from collections.abc import Sequence

from api.adapters.account_totals import AssetTotals
from api.adapters.ledger import StoredEntry
from api.adapters.seals import SealedClose
from api.errors import JournalDiffers
from api.schemas.ledger import (
    AccountBalance,
    ClosedMonth,
    EntryOut,
    PostingOut,
    SealOut,
    StepOut,
)
from contracts.evm import Address, Hash32
from settlement.ledger.accounts import Account, Book
from settlement.ledger.seal import Link, Seal, canonical_bytes, leaf_of, prove, verify_inclusion


def entry_out(stored: StoredEntry) -> EntryOut:
    """An entry with its place in the chain."""
    recorded, link = stored.recorded, stored.link
    entry = recorded.entry
    return EntryOut(
        id=entry.id,
        sequence=link.sequence if link else None,
        source_kind=entry.source.kind.value,
        source_id=entry.source.id,
        leg=entry.leg,
        version=entry.source.version,
        status=entry.status.value,
        effective_at=entry.effective_at,
        effective_block=entry.effective_block,
        evidence=entry.evidence.block_hash if entry.evidence else None,
        booked_at=recorded.booked_at,
        period=recorded.period,
        recorded_at_us=recorded.recorded_at_us,
        postings=[
            PostingOut(
                asset=posting.asset,
                amount=posting.amount,
                debit=posting.debit.path,
                credit=posting.credit.path,
            )
            for posting in entry.postings
        ],
        leaf=link.leaf if link else None,
        link=link.link if link else None,
        seal=stored.sealed_in,
    )


def balance_out(account: Account, totals: AssetTotals) -> AccountBalance:
    """The balance of an account in one asset."""
    debits, credits = int(totals.debits), int(totals.credits)
    return AccountBalance(
        asset=Address(totals.asset),
        debits=debits,
        credits=credits,
        posted=account.balance(debits=debits, credits=credits),
    )


def seal_out(seal: Seal, closes: Sequence[SealedClose]) -> SealOut:
    """A seal, with the closed months under it."""
    return SealOut(
        epoch=seal.epoch,
        first_sequence=seal.first_sequence,
        last_sequence=seal.last_sequence,
        closes=[
            ClosedMonth(month=f"{one.period // 100:04}-{one.period % 100:02}", leaf=one.leaf)
            for one in closes
        ],
        ends_at=seal.ends_at,
        previous=seal.previous,
        root=seal.root,
    )


def proved(
    stored: StoredEntry,
    link: Link,
    under: tuple[Book, Seal],
    leaves: Sequence[Hash32],
    closes: Sequence[SealedClose],
) -> tuple[bytes, list[StepOut]]:
    """The bytes of a sealed entry, and the siblings of its leaf up to the root.

    Raises:
        JournalDiffers: the entry's bytes do not make its leaf, or the leaves not the seal.
    """
    book, seal = under
    data = canonical_bytes(stored.recorded.spelled, book, link.sequence)
    if leaf_of(data) != link.leaf:
        raise JournalDiffers(link.entry_id, "its bytes do not make its leaf")
    counts = (seal.last_sequence - seal.first_sequence + 1, seal.closes)
    if (len(leaves), len(closes)) != counts:
        raise JournalDiffers(link.entry_id, f"leaves are missing under the seal of {seal.epoch}")
    proof = prove(link, seal, [*leaves, *(one.leaf for one in closes)])
    if not verify_inclusion(proof):
        raise JournalDiffers(link.entry_id, f"its leaf is not under the seal of {seal.epoch}")
    return data, [StepOut(side=side, hash=sibling) for side, sibling in proof.path]
