import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.batches import BlockEvidence
from contracts.bloom import bloom_mask
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.events import EVENTS, SUBSCRIBED
from contracts.evm import ZERO_HASH, BlockNumber, ChainId, Epoch, Hash32, keccak
from settlement.errors import InputsDisagree
from settlement.royalties.certificate import (
    FILTER_EVENTS,
    Certificate,
    CertifiedRange,
    Claim,
    Level,
    MissingBlocks,
    Scope,
    certify,
    settlement_filter,
)
from tests.royalties_builders import (
    ANY_LOG,
    CORROBORATED,
    EMPTY,
    NO_LOG,
    RECEIPTS,
    SETTLEMENT,
    STATED,
    header_of,
)

_GOLDEN = Path(__file__).parents[3] / "vectors" / "certificates.json"
WANTED = settlement_filter(SETTLEMENT.contracts)
PREVIOUS = keccak(b"the certificate before")
TIERS = SETTLEMENT.contracts[ContractName.SUBSCRIPTION_TIERS]
SUBSCRIPTION = (bloom_mask(TIERS) | bloom_mask(SUBSCRIBED.topic0)).to_bytes(256, "big")
"""The bloom of a block with one subscription and nothing else."""


def scope(**changes: object) -> Scope:
    right = Scope(
        epoch=Epoch(7),
        chain_id=ChainId(31337),
        wanted=WANTED,
        level=Level.RECEIPTS,
        start=BlockNumber(10),
        end=BlockNumber(14),
        previous=ZERO_HASH,
    )
    return replace(right, **changes)  # type: ignore[arg-type]


def evidence(*blocks: tuple[bytes, int], start: int = 10) -> list[BlockEvidence]:
    """Linked blocks from a number on, each with this bloom and proof."""
    below, made = keccak(b"before"), []
    for number, (bloom, proof) in enumerate(blocks, start):
        header = header_of(number, below, 1_000 + number, bloom)
        below = keccak(header)
        made.append(BlockEvidence(BlockNumber(number), below, header, proof))
    return made


FOUR = evidence((ANY_LOG, RECEIPTS), (NO_LOG, STATED), (SUBSCRIPTION, RECEIPTS), (NO_LOG, EMPTY))


def certified(asked: Scope, blocks: list[BlockEvidence]) -> CertifiedRange:
    answer = certify(asked, blocks)
    assert isinstance(answer, CertifiedRange), answer
    return answer


def test_certify__receipts__positive_blocks_proved_others_empty() -> None:
    result = certified(scope(), FOUR)

    assert [block.claim for block in result.blocks] == [
        Claim.PROVED,
        Claim.EMPTY,
        Claim.PROVED,
        Claim.EMPTY,
    ]
    assert [block.number for block in result.blocks] == [10, 11, 12, 13]
    assert result.anchor is None


@pytest.mark.parametrize("first", [ANY_LOG, NO_LOG], ids=["may hold", "is empty"])
def test_require_may_hold__every_block_and_its_neighbours__only_empty_ones_refused(
    first: bytes,
) -> None:
    result = certified(
        scope(), evidence((first, RECEIPTS), *[(NO_LOG, STATED)] * 2, (ANY_LOG, RECEIPTS))
    )
    empty = {block.number for block in result.blocks if block.claim is Claim.EMPTY}

    for number in range(8, 17):
        if number not in empty:
            result.require_may_hold(Epoch(7), BlockNumber(number))
            continue
        with pytest.raises(InputsDisagree, match=f"log of block {number}, whose bloom rules"):
            result.require_may_hold(Epoch(7), BlockNumber(number))


def test_certify__blocks_digest__keccak_of_hashes_and_claims() -> None:
    spelled = b"".join(
        block.hash + claim for block, claim in zip(FOUR, (b"\2", b"\1", b"\2", b"\1"), strict=True)
    )

    assert certified(scope(), FOUR).certificate.blocks_digest == keccak(spelled)


@pytest.mark.parametrize("proof", [STATED, RECEIPTS, CORROBORATED])
def test_certify__headers__nothing_but_the_chain_decides(proof: int) -> None:
    """What else is known of a block is no chain data: honest parties must come to one digest."""
    asked = scope(level=Level.HEADERS)
    blocks = [replaced(block, proof=proof) for block in FOUR]

    result = certified(asked, blocks)

    assert {block.claim for block in result.blocks} == {Claim.UNPROVED, Claim.EMPTY}
    assert result == certified(asked, FOUR)


def replaced(block: BlockEvidence, **changes: Any) -> BlockEvidence:
    return block._replace(**changes)


@pytest.mark.parametrize("proof", [STATED, EMPTY, CORROBORATED])
def test_certify__receipts_demanded_and_not_there__names_the_block(proof: int) -> None:
    blocks = [*FOUR[:2], replaced(FOUR[2], proof=proof), FOUR[3]]

    answer = certify(scope(), blocks)

    assert answer == MissingBlocks(
        level=Level.RECEIPTS,
        not_indexed=(),
        unproved=(range(12, 13),),
        corroborated=int(proof == CORROBORATED),
    )


def test_certify__blocks_not_indexed__named_at_any_level() -> None:
    blocks = [replaced(FOUR[0], header=b""), FOUR[2]]

    for level in Level:
        answer = certify(scope(level=level), blocks)

        assert isinstance(answer, MissingBlocks)
        assert answer.not_indexed == (range(10, 12), range(13, 14))


def test_certify__no_evidence_at_all__whole_range_missing() -> None:
    answer = certify(scope(previous=PREVIOUS), [])

    assert isinstance(answer, MissingBlocks)
    assert answer.not_indexed == (range(9, 14),)


def test_missing_blocks__text__counts_first_few_and_the_way_out() -> None:
    missing = MissingBlocks(
        level=Level.RECEIPTS,
        not_indexed=(range(30, 32),),
        unproved=tuple(range(at, at + 1 + at % 2) for at in range(1, 21, 3)),
        corroborated=3,
    )

    assert str(missing) == (
        "completeness receipts is demanded; not indexed: 2 blocks (30-31); not proved: 11 blocks "
        "(1-2, 4, 7-8, 10, …), 3 of them corroborated; run `quittance index --verify receipts`"
    )


def test_certify__later_epoch__links_to_its_anchor() -> None:
    blocks = evidence((ANY_LOG, STATED), (ANY_LOG, RECEIPTS), start=12)

    result = certified(scope(start=BlockNumber(13), previous=PREVIOUS), blocks)

    assert result.anchor == blocks[0].header
    assert [block.number for block in result.blocks] == [13]
    assert result.certificate.previous == PREVIOUS


def test_certify__no_blocks_in_the_epoch__certificate_of_nothing() -> None:
    asked = scope(start=BlockNumber(14), previous=PREVIOUS)

    result = certified(asked, FOUR[3:])

    assert (result.blocks, result.certificate.blocks_digest) == ((), keccak(b""))
    assert result.anchor == FOUR[3].header


def other_header(**changes: object) -> bytes:
    fields: dict[str, object] = {
        "number": 12,
        "parent": FOUR[1].hash,
        "timestamp": 1_012,
        "bloom": SUBSCRIPTION,
    }
    return header_of(**fields | changes)  # type: ignore[arg-type]


def rehashed(header: bytes) -> BlockEvidence:
    return BlockEvidence(BlockNumber(12), keccak(header), header, RECEIPTS)


@pytest.mark.parametrize(
    ("block", "about"),
    [
        (replaced(FOUR[2], header=other_header(bloom=NO_LOG)), "the header of block 12 hashes to"),
        (replaced(FOUR[2], hash=keccak(b"other")), "the header of block 12 hashes to"),
        (rehashed(other_header(parent=bytes(32))), "block 12 has parent 0x0000"),
        (rehashed(other_header(number=13)), "block 12 has the header of 13"),
        (rehashed(b"\xc0"), "block 12: not the RLP of a block header: 0 fields"),
        (replaced(FOUR[2], number=11), "evidence of block 11 out of order"),
        (replaced(FOUR[2], number=14), "evidence of block 14 out of order"),
    ],
)
@pytest.mark.parametrize("level", Level)
def test_certify__header_that_is_not_the_blocks__corrupt(
    level: Level, block: BlockEvidence, about: str
) -> None:
    with pytest.raises(InputsDisagree, match=about) as refused:
        certify(scope(level=level), [*FOUR[:2], block, FOUR[3]])

    assert refused.value.epoch == scope().epoch


def test_certify__anchor_of_another_chain__corrupt() -> None:
    other = evidence((NO_LOG, RECEIPTS), start=9)

    with pytest.raises(InputsDisagree, match="block 10 has parent"):
        certify(scope(previous=PREVIOUS), other + FOUR)


def certificate() -> Certificate:
    return certified(scope(), FOUR).certificate


def test_certificate__document__spelled_out() -> None:
    one = certificate()
    members = (
        b"quittance-completeness-v1",
        bytes(30) + b"\x7a\x69",
        WANTED.digest,
        b"receipts",
        bytes(7) + b"\x0a",
        bytes(7) + b"\x0e",
        one.blocks_digest,
        bytes(32),
    )

    assert one.document == b"".join(bytes([0, 0, 0, len(one)]) + one for one in members)
    assert one.digest == keccak(one.document)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": ChainId(1)},
        {"filter_digest": keccak(b"other")},
        {"level": Level.HEADERS},
        {"start": BlockNumber(9)},
        {"end": BlockNumber(15)},
        {"blocks_digest": keccak(b"other")},
        {"previous": PREVIOUS},
    ],
    ids=lambda change: next(iter(change)),
)
def test_certificate__any_member_changed__another_digest(change: dict[str, object]) -> None:
    changed = replace(certificate(), **change)  # type: ignore[arg-type]

    assert changed.digest != certificate().digest


def golden_cases() -> Iterator[tuple[str, Hash32]]:
    yield "filter", WANTED.digest
    yield "receipts", certificate().digest
    yield "headers", certified(scope(level=Level.HEADERS), FOUR).certificate.digest
    later = scope(start=BlockNumber(12), previous=certificate().digest)
    yield "later epoch", certified(later, FOUR[1:]).certificate.digest


def test_certificate__published_form__golden() -> None:
    golden = json.loads(_GOLDEN.read_text())["digests"]

    assert {name: str(digest) for name, digest in golden_cases()} == golden


def test_filter__settlement__all_its_contracts_and_their_events() -> None:
    ours = [spec for spec in EVENTS if spec.contract in ROYALTY_CONTRACTS]

    assert set(FILTER_EVENTS) == set(ours)
    assert set(WANTED.addresses) == set(SETTLEMENT.contracts.values())
    assert len(WANTED.topics0) == len(FILTER_EVENTS)
    assert WANTED.digest == keccak(
        bytes([0, 0, 0, 180])
        + b"".join(sorted(SETTLEMENT.contracts.values()))
        + (32 * len(FILTER_EVENTS)).to_bytes(4, "big")
        + b"".join(sorted(spec.topic0 for spec in FILTER_EVENTS))
    )
