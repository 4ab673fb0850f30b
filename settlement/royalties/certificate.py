"""The completeness certificate: why the logs of an epoch's blocks are all the logs there are.

A certificate is for one settlement's filter (its contracts, and the events that the engine knows of
them) and one range of blocks. Epoch e covers the blocks after the reference block of epoch e - 1,
from the settlement's start block in the first epoch, up to its own reference block:

    start block ──── reference block ──── reference block ──── …
    └─ certificate of the first epoch ─┘└─ the next, which names the digest of the first ─┘

It claims one thing of each block, and every claim can be checked again from the block's header:

| claim | byte | because |
|---|---|---|
| `unproved` | 0 | the bloom does not rule our logs out; a node said which there are |
| `empty` | 1 | the header's bloom rules our logs out |
| `proved` | 2 | the header's receipts root was rebuilt from all receipts of the block |

At level `headers` all headers hash and link, and what is not empty is unproved, whatever else is
known of it. At level `receipts` nothing is unproved. So at a given level the certificate is a
function of chain data alone. That several providers gave the same logs (corroborated) is evidence
about providers: it is named where blocks are missing, never in a certificate.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

import sha3

from contracts import events
from contracts.batches import BlockEvidence
from contracts.bloom import bloom_may_hold
from contracts.event_spec import ContractName
from contracts.evm import ZERO_HASH, Address, BlockNumber, ChainId, Epoch, Hash32, keccak
from contracts.headers import HeaderFields, NotAHeader, header_fields
from settlement.errors import InputsDisagree

DOMAIN = b"quittance-completeness-v1"
_PROVED_BY_RECEIPTS, _CORROBORATED = 2, 3
"""Values of `BlockEvidence.proof`."""
_RANGES_NAMED_MAX = 4

FILTER_EVENTS = (
    events.EPOCH_CLOCK_STARTED,
    events.PARAMETERS_SET,
    events.WORK_REGISTERED,
    events.WORK_TERMS_SET,
    events.VERDICT_PLACED,
    events.VERDICT_LIFTED,
    events.TIER_SET,
    events.SUBSCRIBED,
    events.CONSUMPTION_SUBMITTED,
    events.SETTLEMENT_STARTED,
    events.GUARDIAN_SET_CHANGED,
    events.EPOCH_FUNDED,
    events.EPOCH_COMMITTED,
    events.EPOCH_VETOED,
    events.LEAF_WITHDRAWN,
    events.PAYEE_PAID,
    events.PAYEE_UNCLAIMED,
    events.WITHDRAW_REFUSED,
    events.UNCLAIMED_WITHDRAWN,
    events.GUARDIANS_ANNOUNCED,
    events.GUARDIANS_CANCELLED,
    events.PAYEE_HOLD_PLACED,
    events.PAYEE_HOLD_LIFTED,
    events.PAYEE_HELD,
    events.ESCROW_RELEASED,
    events.ESCROW_EXPIRED,
    events.UNALLOCATED_TRANSFER_ANNOUNCED,
    events.UNALLOCATED_TRANSFER_CANCELLED,
    events.UNALLOCATED_TRANSFERRED,
    events.ISSUER_SET,
    events.ATTESTED,
    events.REVOKED,
    events.SPLIT_TERMS_SET,
    events.CONTENT_CLAIMED,
    events.CLAIM_CHALLENGED,
    events.CLAIM_RESOLVED,
    events.BENEFICIARY_ANNOUNCED,
    events.BENEFICIARY_CANCELLED,
    events.BENEFICIARY_ASSIGNED,
)
"""Published, hence frozen: an event that the engine learns later is no part of this filter."""


class Level(StrEnum):
    """What a certificate shows; parameters demand one of these."""

    HEADERS = "headers"
    RECEIPTS = "receipts"


class Claim(IntEnum):
    """What a certificate says of one block; the value is its byte in the digest."""

    UNPROVED = 0
    EMPTY = 1
    PROVED = 2


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Logs of one of the addresses and with one of the first topics; both ascending."""

    addresses: tuple[Address, ...]
    topics0: tuple[Hash32, ...]

    @property
    def digest(self) -> Hash32:
        """keccak256 of both lists, each prefixed by its length in bytes."""
        return keccak(_prefixed(b"".join(self.addresses)) + _prefixed(b"".join(self.topics0)))


def settlement_filter(contracts: Mapping[ContractName, Address]) -> LogFilter:
    """The filter of a settlement; tokens are no part of it, because operators choose them."""
    emitters = {spec.contract for spec in FILTER_EVENTS}
    return LogFilter(
        addresses=tuple(sorted(contracts[name] for name in emitters)),
        topics0=tuple(sorted(spec.topic0 for spec in FILTER_EVENTS)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate for the blocks [start, end).

    `blocks_digest` is keccak256 over (block hash ‖ claim byte) of each; `previous` is the digest of
    the certificate of the epoch before, zero in the first epoch.
    """

    chain_id: ChainId
    filter_digest: Hash32
    level: Level
    start: BlockNumber
    end: BlockNumber
    blocks_digest: Hash32
    previous: Hash32

    @property
    def document(self) -> bytes:
        """The one encoding: each member prefixed by its length, a uint32; numbers big-endian.

        Domain, chain id (32 bytes), filter digest, level (ASCII), start and end (8 bytes each),
        blocks digest, previous digest.
        """
        members = (
            DOMAIN,
            self.chain_id.to_bytes(32, "big"),
            self.filter_digest,
            self.level.value.encode(),
            self.start.to_bytes(8, "big"),
            self.end.to_bytes(8, "big"),
            self.blocks_digest,
            self.previous,
        )
        return b"".join(_prefixed(member) for member in members)

    @property
    def digest(self) -> Hash32:
        """keccak256 of the document: what the manifest names."""
        return keccak(self.document)


class CertifiedBlock(NamedTuple):
    """One block of a certificate: its header's RLP, and what is claimed of it."""

    number: BlockNumber
    header: bytes
    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedRange:
    """A certificate, and the blocks that it is about.

    `anchor` is the header of the block before the range, to which the range links; None in the
    first epoch.
    """

    certificate: Certificate
    anchor: bytes | None
    blocks: tuple[CertifiedBlock, ...]

    def require_may_hold(self, epoch: Epoch, number: BlockNumber) -> None:
        """Refuse a log of a block whose bloom rules it out; blocks of earlier ranges may hold any.

        Raises:
            InputsDisagree: naming the block.
        """
        place = number - self.certificate.start
        if 0 <= place < len(self.blocks) and self.blocks[place].claim is Claim.EMPTY:
            what = f"there is a log of block {number}, whose bloom rules it out"
            raise InputsDisagree(epoch, what)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingBlocks:
    """The blocks that keep an epoch below the demanded level, as ascending ranges.

    Of the unproved blocks, `corroborated` are those of which two or more endpoints gave the same
    logs.
    """

    level: Level
    not_indexed: tuple[range, ...]
    unproved: tuple[range, ...]
    corroborated: int

    def __str__(self) -> str:
        parts = [f"completeness {self.level} is demanded"]
        if self.not_indexed:
            parts.append(f"not indexed: {_named(self.not_indexed)}")
        if self.unproved:
            parts.append(
                f"not proved: {_named(self.unproved)}, {self.corroborated} of them corroborated"
            )
        parts.append(f"run `quittance index --verify {self.level}`")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is to be certified: the blocks [start, end), for an epoch, at a level.

    `previous` is the digest of the certificate before; zero says that this is the first.
    """

    epoch: Epoch
    chain_id: ChainId
    wanted: LogFilter
    level: Level
    start: BlockNumber
    end: BlockNumber
    previous: Hash32

    @property
    def first(self) -> BlockNumber:
        """The first block whose evidence is needed: the anchor, or in the first epoch the start."""
        return self.start if self.previous == ZERO_HASH else BlockNumber(self.start - 1)


def certify(scope: Scope, evidence: Iterable[BlockEvidence]) -> CertifiedRange | MissingBlocks:
    """Certify a range from the evidence of its blocks, ascending from `scope.first`.

    Raises:
        InputsDisagree: a header is not that of its block, or does not link to the one below.
    """
    not_indexed: list[range] = []
    unproved: list[range] = []
    corroborated = 0
    anchor: bytes | None = None
    blocks: list[CertifiedBlock] = []
    digest, below = sha3.keccak_256(), None
    for number, block in _every_number(scope, evidence):
        if block is None:
            _append(not_indexed, number)
        else:
            fields = _checked_header(scope.epoch, block, below)
            if number < scope.start:
                anchor = block.header
            elif (claim := _claim(scope, block, fields)) is None:
                _append(unproved, number)
                corroborated += block.proof == _CORROBORATED
            else:
                blocks.append(CertifiedBlock(number, block.header, claim))
                digest.update(block.hash + bytes((claim,)))
        below = block
    if not_indexed or unproved:
        return MissingBlocks(
            level=scope.level,
            not_indexed=tuple(not_indexed),
            unproved=tuple(unproved),
            corroborated=corroborated,
        )
    certificate = Certificate(
        chain_id=scope.chain_id,
        filter_digest=scope.wanted.digest,
        level=scope.level,
        start=scope.start,
        end=scope.end,
        blocks_digest=Hash32(digest.digest()),
        previous=scope.previous,
    )
    return CertifiedRange(certificate=certificate, anchor=anchor, blocks=tuple(blocks))


def _every_number(
    scope: Scope, evidence: Iterable[BlockEvidence]
) -> Iterator[tuple[BlockNumber, BlockEvidence | None]]:
    """Each number of the scope, with its evidence if there is any and it has a header."""
    expected = scope.first
    for block in evidence:
        if not expected <= block.number < scope.end:
            raise InputsDisagree(scope.epoch, f"evidence of block {block.number} out of order")
        yield from ((BlockNumber(number), None) for number in range(expected, block.number))
        yield block.number, block if block.header else None
        expected = BlockNumber(block.number + 1)
    yield from ((BlockNumber(number), None) for number in range(expected, scope.end))


def _checked_header(
    epoch: Epoch, block: BlockEvidence, below: BlockEvidence | None
) -> HeaderFields:
    """The fields of a header that hashes to its block's hash, and links to the block below."""
    if keccak(block.header) != block.hash:
        what = f"the header of block {block.number} hashes to {keccak(block.header)}"
        raise InputsDisagree(epoch, f"{what}, the block is {block.hash}")
    try:
        fields = header_fields(block.header)
    except NotAHeader as error:
        raise InputsDisagree(epoch, f"block {block.number}: {error}") from error
    if fields.number != block.number:
        raise InputsDisagree(epoch, f"block {block.number} has the header of {fields.number}")
    if below is not None and fields.parent_hash != below.hash:
        what = f"block {block.number} has parent {fields.parent_hash}"
        raise InputsDisagree(epoch, f"{what}, block {below.number} is {below.hash}")
    return fields


def _claim(scope: Scope, block: BlockEvidence, fields: HeaderFields) -> Claim | None:
    """What can be claimed of a block at the demanded level; None if that is too little."""
    if not bloom_may_hold(fields.logs_bloom, scope.wanted.addresses, scope.wanted.topics0):
        return Claim.EMPTY
    if scope.level is Level.HEADERS:
        return Claim.UNPROVED
    return Claim.PROVED if block.proof == _PROVED_BY_RECEIPTS else None


def _append(ranges: list[range], number: BlockNumber) -> None:
    """Add a number above all of them."""
    if ranges and ranges[-1].stop == number:
        ranges[-1] = range(ranges[-1].start, number + 1)
    else:
        ranges.append(range(number, number + 1))


def _named(ranges: tuple[range, ...]) -> str:
    """How many blocks, and the first few ranges of them, both ends included."""
    count = sum(map(len, ranges))
    if count == 1:
        return f"block {ranges[0].start}"
    spelled = [
        str(one.start) if len(one) == 1 else f"{one.start}-{one.stop - 1}"
        for one in ranges[:_RANGES_NAMED_MAX]
    ]
    more = ", …" if len(ranges) > _RANGES_NAMED_MAX else ""
    return f"{count} blocks ({', '.join(spelled)}{more})"


def _prefixed(member: bytes) -> bytes:
    return len(member).to_bytes(4, "big") + member
