"""What fields and parameters of the same name mean, wherever they stand: said once.

A schema's own description tells of what is special to it; types (amounts, addresses, hashes) tell
of themselves.
"""

from collections.abc import Iterator
from typing import Any

WORDS = {
    "accepted_at": "the finalized block at its acceptance; null until then",
    "accepted_by": "who accepted it; null until then",
    "active_at": "Unix seconds from which the committed root can be paid; null before a commit",
    "actual": "what was found",
    "added_by": "who added it",
    "age_days": "for how long it has stood, as a class",
    "ancestor": "the highest block that stayed",
    "asset": "the token's contract; the zero address is the native coin",
    "attempt": "attempts to compute and commit an epoch count from 1; a veto ends one",
    "block_number": "number of the block that it stands in",
    "booked_at": "Unix seconds of the period that it is booked in",
    "boundary_block": "the last block of the epoch, by its timestamp",
    "chain_id": "the chain's id (EIP-155)",
    "checks": "how many comparisons were made",
    "committed_block": "the block of the commit; null before it",
    "confirmations": "blocks from its own to the head of the index, both counted",
    "contracts": "addresses by the name of the contract",
    "count": "how many there are",
    "credit": "path of the account that is credited",
    "debit": "path of the account that is debited",
    "deepest_reorg_blocks": "blocks that the deepest reorganisation took away",
    "depth_blocks": "how many blocks it took away",
    "detail": "a sentence for people",
    "discrepancies": "how many were found",
    "domain": "the server's name, which the message must have",
    "dust": "units left by rounding down, one each for the largest remainders",
    "effective_at": "Unix seconds of the block at which it takes effect",
    "effective_block": "number of the block at which it takes effect",
    "effective_epoch": "the first epoch in which it is in force",
    "end": "the first second that no longer belongs to it (Unix seconds)",
    "ends_at": "the first second that no longer belongs to it (Unix seconds)",
    "epoch": "number of the epoch, from 0",
    "evidence": "what shows it: hashes of blocks and transactions, ids, values",
    "expected": "what should be",
    "expires_at": "Unix seconds at which it ends",
    "family": "what is bought or given: a content, a tip, a ticket",
    "fate": "what became of it",
    "field": "path of the field or name of the parameter",
    "first_block": "the block at which it was first found",
    "first_run": "the run that first found it",
    "first_sequence": "number of the first entry under it",
    "gas": "the limit of gas",
    "grace_end": "until when usage may be reported (Unix seconds, exclusive)",
    "guardians": "who signed",
    "has_half_life": "whether older works weigh less in this epoch",
    "holder": "whose line it is",
    "id": "its name in this API",
    "index": "its place, from 0",
    "instance": "the path that was asked",
    "is_computed_here": "whether this server holds the computation, not only the chain's word",
    "is_current": "whether it is the one that asks",
    "is_final": "whether its block is finalized",
    "is_granted": "whether the wallet may see it",
    "is_proven": "whether a proof against the block's state root shows it",
    "is_refunded": "whether the payment was given back",
    "is_split_well_formed": "whether the contract would accept the split",
    "is_under_verdict": "whether a verdict stands against it",
    "kind": "what kind it is of",
    "lag_blocks": "blocks from what is indexed to the head; null while one is not known",
    "last_block": "the block at which it was last found",
    "last_run": "the run that last found it",
    "last_sequence": "number of the last entry under it; below the first where there is none",
    "leaf_count": "how many leaves the tree has",
    "leg": "its place among the entries of the same cause, from 0",
    "level": "how much the indexer proves: none, headers or receipts",
    "limit": "how many items the page has at most",
    "line": "its place in the list, from 0",
    "lines": "how many lines it has",
    "list": "name of the list that its lines are of",
    "log_index": "index of the log in its block",
    "maker": "who said it",
    "name": "its name",
    "new_head": "the head after it",
    "next_cursor": "`cursor` of the next page; null at the end",
    "nonce": "number of the transaction among those of its sender",
    "number": "its number",
    "old_head": "the head before it",
    "opened_at": "when it was first found (UTC)",
    "ordinal": "its place among those of the transaction, from 0",
    "owner": "whose work it is to settle it",
    "part": "a leaf holds 32 payees; more are in leaves told apart by part, from 0",
    "parts": "how many leaves the work has for this asset",
    "period": "the accounting month, as YYYYMM",
    "position": "its place in the list that it is from, from 0",
    "postings": "how many postings it has",
    "price_ppm": "weight of a minute, in millionths",
    "rank": "place by size of the remainder, from 0",
    "reason": "why, for people or as a code",
    "reference": "what the intent is about, as its family spells it",
    "reference_block": "the last block in which the epoch's usage could be reported",
    "refusal": "why the chain refused it; null if it did not",
    "registered_at": "Unix seconds of its registration",
    "registered_block": "number of the block of its registration",
    "reorgs": "how many reorganisations the indexer followed",
    "reported_s_ago": "how many seconds ago the indexer last reported; null if never",
    "reproduce": "the command that finds it again",
    "ruleset": "name of the rules in force",
    "run": "number of the reconciliation run",
    "runbook": "what to do about it",
    "sequence": "its number in the sealed journal",
    "settlement": "name of the deployment, as in the path",
    "severity": "how grave it is",
    "shares_ppm": "shares of the payees, in millionths, in their order",
    "since": "when it began (Unix seconds)",
    "since_block": "the block since which it stands",
    "source_kind": "what kind of fact, document or reservation caused it",
    "start": "its first second (Unix seconds)",
    "start_block": "no event of it is older than this block",
    "status": "where it stands",
    "subject": "what it is about",
    "subscriber_count": "how many subscribers used it",
    "text": "what was said",
    "threshold": "how many must sign",
    "tier_id": "the tier that was paid, where it is a subscription",
    "timestamp": "Unix seconds",
    "title": "the kind of problem, for people",
    "totals": "sums by asset",
    "type": "the kind of problem, for programs: it does not change",
    "until": "when it ends (Unix seconds); null where it does not end by itself",
    "uri": "the URI that the message must have",
    "value": "the value at fault, cut to a bounded length",
    "version": "number of the version",
    "vetoes": "how many attempts were vetoed",
}


def explain_words(document: dict[str, Any]) -> None:
    """Let an OpenAPI document say what a field or parameter means that does not say it itself."""
    for name, said in _unexplained(document):
        if name in WORDS:
            said["description"] = WORDS[name]


def _unexplained(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field and parameter whose meaning stands neither with it nor with its type."""
    for schema in document["components"]["schemas"].values():
        for name, field in schema.get("properties", {}).items():
            if not _explains_itself(field):
                yield name, field
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if not {"description"} & {*parameter, *parameter["schema"]}:
                    yield parameter["name"], parameter


def _explains_itself(field: dict[str, Any]) -> bool:
    kinds = [field, *field.get("anyOf", ())]
    kinds += [kind["items"] for kind in kinds if "items" in kind]
    return any({"description", "$ref"} & kind.keys() for kind in kinds)
