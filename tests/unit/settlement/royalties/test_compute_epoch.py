from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contracts.evm import ZERO_HASH, BlockNumber, BlockRef, Epoch, keccak
from contracts.leaves import Leaf
from settlement.errors import (
    ConflictingComputation,
    EpochBeforeSettlement,
    InputsDisagree,
    StoredRootDiffers,
)
from settlement.royalties.certificate import Claim, Level
from settlement.royalties.compute_epoch import (
    NotYetComputable,
    Wait,
    compute_epoch,
    gather,
    last_before_start,
)
from settlement.royalties.derivation import ComputedEpoch, EpochFacts
from settlement.royalties.shard_order import shard_order
from tests.royalties_builders import (
    ANN,
    CLOCK,
    CORROBORATED,
    EMPTY,
    FIRST_EPOCH,
    NO_LOG,
    SETTLEMENT,
    STATED,
    NoCertificates,
    ScriptedChain,
    facts_of,
    parameters_json,
    sample_chain,
    work,
)
from tests.royalties_fakes import ComputedInMemory

NEXT = Epoch(FIRST_EPOCH + 1)
DIGEST = keccak(b"manifest of the first epoch")
NEW = NoCertificates()


def computed(
    epoch: Epoch, chain: ScriptedChain, store: ComputedInMemory
) -> ComputedEpoch | NotYetComputable:
    return compute_epoch(epoch, settlement=SETTLEMENT, source=chain, store=store)


def chain_past(epoch: int) -> ScriptedChain:
    chain = sample_chain()
    chain.finish(epoch)
    return chain


def test_compute_epoch__finalized_past_grace__stored_with_its_manifest() -> None:
    store = ComputedInMemory()

    result = computed(FIRST_EPOCH, sample_chain(), store)

    assert isinstance(result, ComputedEpoch)
    assert store.by_attempt == {(FIRST_EPOCH, 1): result}
    assert result.manifest.previous_manifest_digest == ZERO_HASH


def test_compute_epoch__again__nothing_changes() -> None:
    store = ComputedInMemory()

    first = computed(FIRST_EPOCH, sample_chain(), store)
    second = computed(FIRST_EPOCH, sample_chain(), store)

    assert first == second
    assert len(store.by_attempt) == 1


def test_compute_epoch__other_facts_for_the_same_attempt__conflict() -> None:
    store = ComputedInMemory()
    computed(FIRST_EPOCH, sample_chain(), store)
    other = ScriptedChain()
    other.finish(FIRST_EPOCH)

    with pytest.raises(ConflictingComputation, match="epoch 3 attempt 1"):
        computed(FIRST_EPOCH, other, store)


def test_compute_epoch__store_loses_a_leaf__root_differs() -> None:
    store = ComputedInMemory(lost_leaves=1)

    with pytest.raises(StoredRootDiffers, match="epoch 3: stored leaves give root"):
        computed(FIRST_EPOCH, sample_chain(), store)


def test_compute_epoch__nobody_paid__root_zero() -> None:
    chain = ScriptedChain()
    chain.finish(FIRST_EPOCH)

    result = computed(FIRST_EPOCH, chain, ComputedInMemory())

    assert isinstance(result, ComputedEpoch)
    assert (result.manifest.root, result.manifest.leaf_count) == (ZERO_HASH, 0)
    assert result.manifest.totals == ()


@pytest.mark.parametrize(
    ("last_timestamp", "answer"),
    [
        (
            CLOCK.grace_end_of(FIRST_EPOCH) - 1,
            NotYetComputable(Wait.GRACE_NOT_FINAL, CLOCK.grace_end_of(FIRST_EPOCH)),
        ),
        (CLOCK.grace_end_of(FIRST_EPOCH), None),
    ],
)
def test_gather__finalized_block__waits_for_the_grace_end(
    last_timestamp: int, answer: NotYetComputable | None
) -> None:
    chain = ScriptedChain()
    chain.mine(last_timestamp)

    facts = gather(FIRST_EPOCH, settlement=SETTLEMENT, source=chain, store=NEW)

    assert facts == answer if answer else isinstance(facts, EpochFacts)


def test_gather__clock_not_indexed__waits() -> None:
    chain = ScriptedChain(has_clock=False)

    answer = gather(FIRST_EPOCH, settlement=SETTLEMENT, source=chain, store=NEW)

    assert answer == NotYetComputable(Wait.CLOCK_NOT_INDEXED, None)


def test_gather__nothing_finalized__waits() -> None:
    chain = ScriptedChain()
    chain.blocks.clear()

    answer = gather(FIRST_EPOCH, settlement=SETTLEMENT, source=chain, store=NEW)

    assert answer == NotYetComputable(Wait.NOTHING_FINALIZED, CLOCK.grace_end_of(FIRST_EPOCH))


def test_gather__epoch_before_deployment__rejected() -> None:
    with pytest.raises(EpochBeforeSettlement, match=r"epoch 2 is before .* first epoch, 3"):
        gather(Epoch(FIRST_EPOCH - 1), settlement=SETTLEMENT, source=sample_chain(), store=NEW)


@pytest.mark.parametrize(
    ("events", "wait"),
    [
        ([], Wait.PREVIOUS_NOT_ACTIVE),
        (["commit", "veto"], Wait.PREVIOUS_NOT_ACTIVE),
        (["late commit"], Wait.PREVIOUS_NOT_ACTIVE),
        (["commit"], None),
        (["commit", "veto", "commit"], None),
    ],
)
def test_gather__previous_epoch__must_be_active(events: list[str], wait: Wait | None) -> None:
    chain = chain_past(NEXT)
    now = chain.blocks[-1].timestamp
    acts = {
        "commit": lambda: chain.commit(FIRST_EPOCH, DIGEST, active_at=now),
        "late commit": lambda: chain.commit(FIRST_EPOCH, DIGEST, active_at=now + 1),
        "veto": lambda: chain.veto(FIRST_EPOCH),
    }
    for event in events:
        acts[event]()

    facts = gather(NEXT, settlement=SETTLEMENT, source=chain, store=NEW)

    if wait is None:
        assert isinstance(facts, EpochFacts)
        assert facts.frame.previous_manifest_digest == DIGEST
    else:
        assert isinstance(facts, NotYetComputable)
        assert facts.reason is wait


def test_gather__vetoed_attempts__counted() -> None:
    chain = sample_chain()
    chain.commit(FIRST_EPOCH, DIGEST, active_at=0)
    chain.veto(FIRST_EPOCH)
    chain.commit(FIRST_EPOCH, DIGEST, active_at=0, attempt=2)

    assert facts_of(chain, FIRST_EPOCH).frame.attempt == 2


def test_compute_epoch__second_attempt__same_root_other_manifest() -> None:
    store = ComputedInMemory()
    chain = sample_chain()
    first = computed(FIRST_EPOCH, chain, store)
    chain.commit(FIRST_EPOCH, DIGEST, active_at=0)
    chain.veto(FIRST_EPOCH)

    second = computed(FIRST_EPOCH, chain, store)

    assert isinstance(first, ComputedEpoch)
    assert isinstance(second, ComputedEpoch)
    assert first.manifest.root == second.manifest.root
    assert first.manifest_digest != second.manifest_digest
    assert set(store.by_attempt) == {(FIRST_EPOCH, 1), (FIRST_EPOCH, 2)}


def test_gather__borders__blocks_by_timestamp() -> None:
    chain = ScriptedChain()
    end, grace_end = CLOCK.end_of(FIRST_EPOCH), CLOCK.grace_end_of(FIRST_EPOCH)
    boundary, _, twin = chain.mine(end - 1), chain.mine(end), chain.mine(grace_end - 1)
    reference = chain.mine(grace_end - 1)
    chain.finish(FIRST_EPOCH)

    facts = facts_of(chain, FIRST_EPOCH)

    assert (facts.frame.boundary, facts.frame.reference) == (boundary, reference)
    assert facts.frame.reference.number == twin.number + 1
    assert facts.frame.last_before_start is None


def test_gather__index_begins_before_the_settlement__as_one_that_begins_with_it() -> None:
    """Who begins with the settlement has no block below it, and verifiers refuse one."""
    chain = ScriptedChain(first_block_at=CLOCK.start_of(FIRST_EPOCH) - 1)
    chain.mine(CLOCK.start_of(FIRST_EPOCH) + 1)
    chain.finish(FIRST_EPOCH)
    settlement = replace(SETTLEMENT, start_block=BlockNumber(chain.blocks[1].number))

    facts = gather(FIRST_EPOCH, settlement=settlement, source=chain, store=NEW)
    due = shard_order(FIRST_EPOCH, settlement=settlement, source=chain, shard_count=1)

    assert isinstance(facts, EpochFacts)
    assert due is not None
    assert facts.frame.last_before_start is None
    assert due.order.scope == facts.frame.scope


def test_last_before_start__the_start_block_itself__counts() -> None:
    chain = chain_past(NEXT)
    (first, *_) = chain.blocks

    found = last_before_start(
        NEXT, clock=CLOCK, upto=chain.blocks[-1], source=chain, start_block=first.number
    )

    assert found is not None
    assert found.timestamp < CLOCK.start_of(NEXT)
    only = last_before_start(NEXT, clock=CLOCK, upto=first, source=chain, start_block=first.number)
    assert only == first


def test_gather__epoch_without_blocks__borders_before_it() -> None:
    chain = chain_past(NEXT)
    last = chain.blocks[-1]
    chain.commit(FIRST_EPOCH, DIGEST, active_at=0)
    chain.commit(NEXT, DIGEST, active_at=0)
    chain.finish(NEXT + 5)
    for epoch in range(NEXT + 1, NEXT + 5):
        chain.commit(epoch, DIGEST, active_at=0)

    facts = facts_of(chain, NEXT + 4)

    assert facts.frame.boundary == facts.frame.reference == facts.frame.last_before_start == last
    assert len(facts.consumption) == len(facts.funded) == 0


def test_gather__usage_in_grace__counts_until_its_end() -> None:
    chain = ScriptedChain()
    chain.subscribe(ANN, 10)
    chain.mine(CLOCK.grace_end_of(FIRST_EPOCH) - 1)
    chain.submit(ANN, [(work("song"), 1, 1)], part=0)
    chain.finish(FIRST_EPOCH)
    chain.submit(ANN, [(work("song"), 1, 1)], part=1)

    assert facts_of(chain, FIRST_EPOCH).consumption.part == [0]


@dataclass
class OtherBlock(ScriptedChain):
    """A chain whose blocks were replaced under its logs."""

    def block(self, number: BlockNumber, /) -> BlockRef | None:
        found = super().block(number)
        return None if found is None else replace(found, hash=keccak(b"other"))


def test_gather__log_of_another_block__corrupt() -> None:
    chain = OtherBlock()
    chain.mine(CLOCK.start_of(FIRST_EPOCH) + 2)
    chain.subscribe(ANN, 1)
    chain.mine(CLOCK.start_of(FIRST_EPOCH) + 3)
    chain.finish(FIRST_EPOCH)

    with pytest.raises(InputsDisagree, match="a log of block 5 names hash"):
        gather(FIRST_EPOCH, settlement=SETTLEMENT, source=chain, store=NEW)


def chain_below(**changes: Any) -> ScriptedChain:
    """Blocks 5, 6 (empty by its bloom) and 7 make the first epoch; 8 finishes it."""
    chain = ScriptedChain(**changes)
    chain.mine(CLOCK.start_of(FIRST_EPOCH) + 2, bloom=NO_LOG)
    chain.mine(CLOCK.end_of(FIRST_EPOCH) - 1)
    chain.finish(FIRST_EPOCH)
    return chain


def demanding(level: str) -> ScriptedChain:
    chain = chain_below()
    chain.set_parameters(parameters_json(completeness=level), effective=FIRST_EPOCH, block=5)
    return chain


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"unindexed": {6}}, "not indexed: block 6;"),
        ({"unindexed": {7}}, "not indexed: block 7;"),
        ({"proofs": {5: STATED, 7: CORROBORATED}}, "not proved: 2 blocks (5, 7), 1 of them corro"),
        ({"proofs": {7: EMPTY}}, "not proved: block 7, 0 of them corro"),
    ],
)
def test_compute_epoch__below_the_demanded_level__names_blocks_and_stores_nothing(
    changes: dict[str, Any], sentence: str
) -> None:
    store = ComputedInMemory()

    answer = computed(FIRST_EPOCH, chain_below(**changes), store)

    assert isinstance(answer, NotYetComputable)
    assert answer.reason is Wait.BELOW_COMPLETENESS
    assert sentence in str(answer.missing)
    assert str(answer.missing).endswith("run `quittance index --verify receipts`")
    assert store.by_attempt == {}


def test_compute_epoch__blocks_outside_of_the_range__not_needed() -> None:
    answer = computed(FIRST_EPOCH, chain_below(proofs={8: STATED}), ComputedInMemory())

    assert isinstance(answer, ComputedEpoch)


@pytest.mark.parametrize("level", Level)
def test_compute_epoch__demanded_level__in_the_manifest(level: Level) -> None:
    answer = computed(FIRST_EPOCH, demanding(level.value), ComputedInMemory())

    assert isinstance(answer, ComputedEpoch)
    assert answer.manifest.completeness_level is level
    assert answer.facts.frame.certified.certificate.level is level


def test_compute_epoch__headers_demanded__unproved_blocks_suffice() -> None:
    chain = demanding("headers")
    chain.proofs = {5: STATED, 7: STATED}

    answer = computed(FIRST_EPOCH, chain, ComputedInMemory())

    assert isinstance(answer, ComputedEpoch)
    assert [block.claim for block in answer.facts.frame.certified.blocks] == [
        Claim.UNPROVED,
        Claim.EMPTY,
        Claim.UNPROVED,
    ]


def test_derive__log_in_a_block_that_rules_it_out__corrupt() -> None:
    chain = ScriptedChain()
    chain.mine(CLOCK.start_of(FIRST_EPOCH) + 2, bloom=NO_LOG)
    chain.subscribe(ANN, 1)
    chain.finish(FIRST_EPOCH)

    with pytest.raises(InputsDisagree, match="a log of block 6, whose bloom rules it out") as found:
        computed(FIRST_EPOCH, chain, ComputedInMemory())

    assert found.value.epoch == FIRST_EPOCH


def test_stored_leaves__read_back__equal() -> None:
    store = ComputedInMemory()
    result = computed(FIRST_EPOCH, sample_chain(), store)
    assert isinstance(result, ComputedEpoch)

    leaves: Sequence[Leaf] = store.leaves(result.manifest_digest)

    assert tuple(leaves) == result.distribution.leaves
