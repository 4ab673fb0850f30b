from dataclasses import replace

import pytest

from contracts.evm import ZERO_HASH, BlockNumber, BlockRef, Epoch, Timestamp, keccak
from settlement.errors import InputsDisagree
from settlement.royalties.certificate import CertifiedRange, Level, MissingBlocks
from settlement.royalties.completeness import CertificateChain
from settlement.royalties.compute_epoch import NotYetComputable, compute_epoch
from settlement.royalties.derivation import ComputedEpoch
from tests.royalties_builders import (
    CLOCK,
    FIRST_EPOCH,
    NO_LOG,
    SETTLEMENT,
    STATED,
    NoCertificates,
    ScriptedChain,
    parameters_json,
    sample_chain,
)
from tests.royalties_fakes import ComputedInMemory

NEXT = Epoch(FIRST_EPOCH + 1)
DIGEST = keccak(b"manifest of the first epoch")


def computed(
    epoch: Epoch, chain: ScriptedChain, store: ComputedInMemory
) -> ComputedEpoch | NotYetComputable:
    return compute_epoch(epoch, settlement=SETTLEMENT, source=chain, store=store)


def two_epochs() -> ScriptedChain:
    """The sample epoch, and blocks of the next one in and after its grace."""
    chain = sample_chain()
    chain.mine(CLOCK.end_of(NEXT) - 1)
    chain.mine(CLOCK.grace_end_of(NEXT) - 1, bloom=NO_LOG)
    chain.finish(NEXT)
    return chain


def committed(chain: ScriptedChain, store: ComputedInMemory) -> ComputedEpoch:
    """The first epoch, computed and active."""
    first = computed(FIRST_EPOCH, chain, store)
    assert isinstance(first, ComputedEpoch)
    chain.commit(FIRST_EPOCH, first.manifest_digest, active_at=0)
    return first


def test_certificates__next_epoch__continues_after_the_reference_block() -> None:
    chain, store = two_epochs(), ComputedInMemory()
    first = committed(chain, store)

    second = computed(NEXT, chain, store)

    assert isinstance(second, ComputedEpoch)
    certificates = [one.facts.frame.certified.certificate for one in (first, second)]
    assert [(one.start, one.end) for one in certificates] == [(5, 10), (10, 13)]
    assert second.manifest.completeness_previous == first.manifest.completeness_digest
    assert first.manifest.completeness_previous == ZERO_HASH
    assert second.facts.frame.certified.anchor == chain.headers[9]


def test_certificates__nothing_stored__chain_computed_again() -> None:
    """A new database, or a manifest that others computed: the digests come out the same."""
    chain, store = two_epochs(), ComputedInMemory()
    committed(chain, store)

    assert computed(NEXT, chain, ComputedInMemory()) == computed(NEXT, chain, store)


def test_certificates__stored_one__is_continued_without_its_blocks() -> None:
    chain, store = two_epochs(), ComputedInMemory()
    committed(chain, store)
    chain.proofs = dict.fromkeys(range(5, 10), STATED)

    again = computed(NEXT, chain, store)
    anew = computed(NEXT, chain, ComputedInMemory())

    assert isinstance(again, ComputedEpoch)
    assert isinstance(anew, NotYetComputable)
    assert "not proved: 4 blocks (5-8), 0 of them" in str(anew.missing)


def test_certificates__level_raised_for_the_next_epoch__only_that_one_needs_it() -> None:
    chain = two_epochs()
    headers, receipts = parameters_json(completeness="headers"), parameters_json()
    chain.set_parameters(headers, effective=FIRST_EPOCH, block=5)
    chain.set_parameters(receipts, effective=NEXT, block=8)
    chain.proofs = dict.fromkeys(range(5, 10), STATED)
    chain.commit(FIRST_EPOCH, DIGEST, active_at=0)

    result = computed(NEXT, chain, ComputedInMemory())

    assert isinstance(result, ComputedEpoch)
    assert result.manifest.completeness_level is Level.RECEIPTS


def chain_of(source: ScriptedChain) -> CertificateChain:
    return CertificateChain(
        settlement=SETTLEMENT,
        clock=CLOCK,
        first=FIRST_EPOCH,
        upto=source.blocks[-1],
        source=source,
        store=NoCertificates(),
    )


def test_chain__three_epochs__each_continues_the_one_before() -> None:
    source = two_epochs()
    source.finish(NEXT + 1)

    answers = [chain_of(source).of(Epoch(epoch)) for epoch in range(FIRST_EPOCH, NEXT + 2)]

    certificates = [one.certificate for one in answers if isinstance(one, CertifiedRange)]
    assert [one.start for one in certificates] == [5, 10, 13]
    assert [one.end for one in certificates] == [10, 13, 14]
    assert [one.previous for one in certificates] == [
        ZERO_HASH,
        certificates[0].digest,
        certificates[1].digest,
    ]


def test_chain__epoch_before_is_below_its_level__its_blocks_are_named() -> None:
    source = two_epochs()
    source.unindexed = {7}

    answer = chain_of(source).of(NEXT)

    assert isinstance(answer, MissingBlocks)
    assert (answer.level, answer.not_indexed) == (Level.RECEIPTS, (range(7, 8),))


def test_chain__no_block_before_the_grace_end__corrupt() -> None:
    source = two_epochs()
    before = replace(chain_of(source), upto=BLOCK_BEFORE_ALL)

    with pytest.raises(InputsDisagree, match="reference block is not indexed"):
        before.of(FIRST_EPOCH)


BLOCK_BEFORE_ALL = BlockRef(
    number=BlockNumber(0), hash=ZERO_HASH, parent_hash=ZERO_HASH, timestamp=Timestamp(0)
)
