"""How the command line spells entries, seals and proofs."""

from contracts.evm import BlockRef
from settlement.ledger.adapters.verification import Verified
from settlement.ledger.journal import JournalEntry, Posting
from settlement.ledger.seal import InclusionProof, Seal


def entry_json(entry: JournalEntry) -> dict[str, object]:
    """An entry with its postings."""
    evidence = entry.evidence
    return {
        "id": str(entry.id),
        "source": {"kind": entry.source.kind.value, "id": "0x" + entry.source.id.hex()},
        "version": entry.source.version,
        "status": entry.status.value,
        "effective_at": entry.effective_at,
        "effective_block": entry.effective_block,
        "block_hash": None if evidence is None else str(evidence.block_hash),
        "content_digest": str(entry.content_digest),
        "postings": [posting_json(posting) for posting in entry.postings],
    }


def posting_json(posting: Posting) -> dict[str, str]:
    """An amount with its two accounts."""
    return {
        "asset": str(posting.asset),
        "amount": str(posting.amount),
        "debit": posting.debit.path,
        "credit": posting.credit.path,
    }


def seal_json(seal: Seal) -> dict[str, object]:
    """A seal."""
    return {
        "epoch": seal.epoch,
        "first_sequence": seal.first_sequence,
        "last_sequence": seal.last_sequence,
        "closes": seal.closes,
        "ends_at": seal.ends_at,
        "previous": str(seal.previous),
        "root": str(seal.root),
    }


def proof_json(proof: InclusionProof) -> dict[str, object]:
    """An inclusion proof: the path has the siblings from the leaf up."""
    return {
        "entry_id": str(proof.entry_id),
        "sequence": proof.sequence,
        "epoch": proof.epoch,
        "leaf": str(proof.leaf),
        "path": [{side: str(sibling)} for side, sibling in proof.path],
        "root": str(proof.root),
    }


def verified_json(verified: Verified) -> dict[str, object]:
    """What was checked of a book, and the first thing that differs."""
    difference = verified.difference
    return {
        "holds": difference is None,
        "entries": verified.entries,
        "numbered": verified.numbered,
        "seals": verified.seals,
        "unsealed": verified.unsealed,
        "unsealed_closes": verified.unsealed_closes,
        "block": block_json(verified.cursor),
        "append_only_by_permission": verified.is_kept_by_permission,
        "difference": None
        if difference is None
        else {
            "what": difference.what,
            "where": difference.where,
            "expected": difference.expected,
            "actual": difference.actual,
        },
    }


def block_json(block: BlockRef | None) -> dict[str, object] | None:
    """A block that an answer is about."""
    return None if block is None else {"number": block.number, "hash": str(block.hash)}
