"""The files of a bundle: the public input of the verifier of epochs.

JSON Lines files hold one canonical object a line; numbers are decimal strings everywhere. Nothing
is written here: every function gives bytes.

| file | one line is | order |
|---|---|---|
| `logs.jsonl` | one raw log that the epoch depends on | chain |
| `blocks.jsonl` | one block that a log, a rule or a border names | number |
| `headers.jsonl` | one header of the completeness certificate, with its claim | number |
| `works.jsonl` | one work with terms in force | work id |
| `splits.jsonl` | one split account with terms in force | account |
| `quarantine.jsonl` | one row or amount that was left out | block, log, position, asset, reason |
| `allocations.jsonl` | one subscriber's fee in one asset, shared | subscriber, asset |
| `leaves.jsonl` | one leaf with its split | work id, part, asset |
| `manifest.json` | (not lines) what guardians sign | |
| `bundle.json` | (not lines) SHA-256 of every other file, keccak256 of the manifest | |
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import zip_longest

from contracts.batches import LogColumns
from contracts.canonical import JsonValue, canonical_json, json_lines
from contracts.evm import Address, BlockNumber, Hash32, keccak
from contracts.leaves import Leaf, split_hash
from settlement.royalties.certificate import CertifiedRange
from settlement.royalties.distribution import SubscriberAllocation
from settlement.royalties.manifest import BlockPoint
from settlement.royalties.reasons import Quarantined
from settlement.royalties.registry import Registry

ANCHOR = "anchor"
"""What `headers.jsonl` says of the block before the certificate's range, instead of a claim."""


def logs_file(logs: LogColumns) -> bytes:
    """`logs.jsonl`; addresses are in lower case, as nodes give them."""
    return json_lines(
        [
            {
                "address": _hex(logs.address[row]),
                "block_hash": str(logs.block_hash[row]),
                "block_number": str(logs.block_number[row]),
                "data": _hex(logs.data[row]),
                "log_index": str(logs.log_index[row]),
                "topics": [_hex(topic) for topic in logs.topics[row]],
            }
            for row in range(len(logs))
        ]
    )


def blocks_file(blocks: Iterable[BlockPoint]) -> bytes:
    """`blocks.jsonl`; the blocks are ascending by number."""
    return json_lines(
        [
            {
                "hash": str(block.hash),
                "number": str(block.number),
                "timestamp": str(block.timestamp),
            }
            for block in blocks
        ]
    )


def headers_file(certified: CertifiedRange) -> bytes:
    """`headers.jsonl`: the RLP of every header of the range, after that of the block before it."""
    return b"".join(header_pieces(certified))


def header_pieces(certified: CertifiedRange) -> Iterator[bytes]:
    """`headers.jsonl` line by line: fourteen days of blocks make a file of several hundred MB."""
    if certified.anchor is not None:
        number = BlockNumber(certified.certificate.start - 1)
        yield json_lines([_header_line(number, certified.anchor, ANCHOR)])
    for block in certified.blocks:
        yield json_lines([_header_line(block.number, block.header, block.claim.name.lower())])


def _header_line(number: BlockNumber, header: bytes, claim: str) -> dict[str, JsonValue]:
    return {"claim": claim, "header": _hex(header), "number": str(number)}


def works_file(registry: Registry) -> bytes:
    """`works.jsonl`: the works of the registry snapshot."""
    return json_lines(
        [
            {
                "content_id": str(work.content_id),
                "payees": _shares(work.payees, work.shares_ppm),
                "price_ppm": str(work.price_ppm),
                "region_rule": str(work.region_rule),
                "registered_at": str(work.registered_at),
                "registrant": str(work.registrant),
                "version": str(work.version),
                "work_id": str(work.work_id),
            }
            for work in registry.works.values()
        ]
    )


def splits_file(registry: Registry) -> bytes:
    """`splits.jsonl`: the split accounts of the registry snapshot."""
    return json_lines(
        [
            {
                "account": str(account.account),
                "owner": str(account.owner),
                "payees": _shares(account.payees, account.shares_ppm),
                "version": str(account.version),
            }
            for account in registry.accounts.values()
        ]
    )


def registry_digest(registry: Registry) -> Hash32:
    """keccak256 of `works.jsonl`, followed by `splits.jsonl`: what the manifest names."""
    return keccak(works_file(registry) + splits_file(registry))


def _shares(payees: Sequence[Address], shares_ppm: Sequence[int]) -> list[JsonValue]:
    """Payees with their shares; where terms have more of one than of the other, it is empty."""
    pairs = zip_longest(map(str, payees), map(str, shares_ppm), fillvalue="")
    return [list(pair) for pair in pairs]


def quarantine_file(quarantine: Sequence[Quarantined]) -> bytes:
    """`quarantine.jsonl`; lines of amounts also have asset and amount."""
    return json_lines([_quarantine_line(item) for item in quarantine])


def _quarantine_line(item: Quarantined) -> dict[str, JsonValue]:
    line: dict[str, JsonValue] = {
        "block_number": str(item.block_number),
        "log_index": str(item.log_index),
        "position": str(item.position),
        "reason": item.reason.value,
        "submitter": str(item.submitter),
        "work_id": str(item.work_id),
    }
    if item.asset is not None and item.amount is not None:
        line |= {"amount": str(item.amount), "asset": str(item.asset)}
    return line


def allocations_file(allocations: Sequence[SubscriberAllocation]) -> bytes:
    """`allocations.jsonl`: the derivation by subscriber."""
    return json_lines(
        [
            {
                "asset": str(allocation.asset),
                "charged": [str(units) for units in allocation.charged],
                "fee": str(allocation.fee),
                "rows": [
                    {"credited": str(credit.credited), "work_id": str(credit.row.work_id)}
                    for credit in allocation.credits
                ],
                "subscriber": str(allocation.subscriber),
                "unallocated": str(allocation.unallocated),
            }
            for allocation in allocations
        ]
    )


def leaves_file(leaves: Sequence[Leaf], hashes: Sequence[Hash32]) -> bytes:
    """`leaves.jsonl`; `hashes[i]` is the hash of leaf i."""
    return json_lines(
        [
            {
                "amount": str(leaf.amount),
                "asset": str(leaf.asset),
                "leaf": str(leaf_hash),
                "lines": [[str(line.payee), str(line.amount)] for line in leaf.lines],
                "part": str(leaf.part),
                "split_hash": str(split_hash(leaf.lines)),
                "work_id": str(leaf.work_id),
            }
            for leaf, leaf_hash in zip(leaves, hashes, strict=True)
        ]
    )


def file_digest(data: bytes) -> Hash32:
    """What `bundle.json` says of a file: SHA-256; files are long, and no contract needs it."""
    return Hash32(sha256(data).digest())


def index_file(digests: Mapping[str, Hash32], manifest_digest: Hash32) -> bytes:
    """`bundle.json`, from the digests of every other file."""
    files: dict[str, JsonValue] = {name: str(digest) for name, digest in digests.items()}
    return canonical_json({"files": files, "manifest_digest": str(manifest_digest)})


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
