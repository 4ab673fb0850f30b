"""Explanations of the sample epoch: each number, what they add up to, and every lie refused.

Subjects: settlement.royalties.explanation, settlement.royalties.explanation_parts,
settlement.royalties.explanation_splits, settlement.royalties.explanation_fees,
settlement.royalties.derivation_steps.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.evm import ZERO_ADDRESS, Address, Hash32, LogIndex, keccak
from contracts.leaves import FEES_ID, Leaf, LeafKind, SplitLine, escrow_id, suspense_id
from contracts.units import BaseUnits
from settlement.errors import UnknownName
from settlement.royalties.derivation import ComputedEpoch, derive
from settlement.royalties.derivation_steps import (
    EscrowExplanation,
    Explanation,
    Fate,
    FeeExplanation,
    ListSteps,
)
from settlement.royalties.distribution import Credit, SubscriberAllocation
from settlement.royalties.errors import ExplanationDiffers, UnknownWork
from settlement.royalties.explanation import explain, explain_leaf, explained_assets
from settlement.royalties.explanation_parts import play_sums
from settlement.royalties.parameters import parameters_from_bytes
from settlement.royalties.reasons import Reason
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    CLOCK,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    ScriptedChain,
    address,
    facts_of,
    parameters_json,
    sample_chain,
    work,
)
from tests.ruled_epochs import BAND, CHOIR, FOUND, LOST, bounded, everything, nested

SONG, FILM = work("song"), work("film")
COMPUTED = derive(facts_of(sample_chain(), FIRST_EPOCH))


def with_share(
    change: Callable[[SubscriberAllocation], SubscriberAllocation], subscriber: Address = ANN
) -> ComputedEpoch:
    """The sample epoch with one subscriber's stored numbers changed."""
    distribution = COMPUTED.distribution
    allocations = tuple(
        change(share) if (share.subscriber, share.asset) == (subscriber, DUSD) else share
        for share in distribution.allocations
    )
    return replace(COMPUTED, distribution=replace(distribution, allocations=allocations))


def with_credit(**changes: int) -> ComputedEpoch:
    """The sample epoch with other numbers in Ann's first row."""

    def change(share: SubscriberAllocation) -> SubscriberAllocation:
        first, *rest = share.credits
        return replace(share, credits=(replace(first, **changes), *rest))  # type: ignore[arg-type]

    return with_share(change)


def with_leaves(leaves: tuple[Leaf, ...]) -> ComputedEpoch:
    return replace(COMPUTED, distribution=replace(COMPUTED.distribution, leaves=leaves))


def song_steps() -> Explanation:
    return explain(COMPUTED, SONG, DUSD)


def first_credit_of_ann() -> Credit:
    (share,) = (
        one
        for one in COMPUTED.distribution.allocations
        if (one.subscriber, one.asset) == (ANN, DUSD)
    )
    return share.credits[0]


def test_explained_assets__sample__those_of_its_subscribers() -> None:
    assert explained_assets(COMPUTED, SONG) == (DUSD, EURT)
    assert explained_assets(COMPUTED, work("game")) == ()


@pytest.mark.parametrize("leaf_id", [SONG, FEES_ID, escrow_id(keccak(b"found"))])
def test_explain_leaf__any_kind__says_of_which_attempt_and_asset(leaf_id: Hash32) -> None:
    explained = explain_leaf(EVERYTHING, leaf_id, DUSD)

    manifest = EVERYTHING.manifest
    assert (explained.epoch, explained.attempt) == (manifest.epoch, manifest.attempt)
    assert (explained.manifest_digest, explained.root) == (
        EVERYTHING.manifest_digest,
        manifest.root,
    )
    assert explained.asset == DUSD
    scope = EVERYTHING.facts.frame.scope
    event = explained.parameters
    assert (event.block_number, event.log_index) == (scope.parameters_block, scope.parameters_log)


def test_explain__sample__parts_add_up_to_the_leaf() -> None:
    for work_id in (SONG, FILM):
        for asset in explained_assets(COMPUTED, work_id):
            explained = explain(COMPUTED, work_id, asset)
            credited = sum(part.credited for part in explained.subscribers)
            leaf = sum(
                leaf.amount
                for leaf in COMPUTED.distribution.leaves
                if (leaf.work_id, leaf.asset) == (work_id, asset)
            )
            assert credited == explained.split.amount
            assert explained.split.paid == leaf
            assert explained.split.shared is not None
            payees = explained.split.shared.payees
            assert sum(one.portion.amount for one in payees) == credited


def test_explain__subscriber__every_number_of_the_derivation() -> None:
    (ann,) = (part for part in song_steps().subscribers if part.subscriber == ANN)

    assert [(one.amount, one.payer) for one in ann.payments] == [(10_000_000, ANN)]
    song, film = ann.rows
    assert (song.minutes, song.plays, song.price_ppm, song.region_ppm) == (120, 3, 1_200_000, 10**6)
    assert (song.plays_counted, song.play_sum) == (3, 1_000_000 + 500_000 + 333_333)
    assert song.discount_ppm == 1_833_333 // 3
    assert song.raw == 120 * 1_200_000 * 10**6 * 611_111 // 10**6 == 87_999_984_000_000
    assert (song.counted, song.credibility_ppm) == (song.raw, 1_000_000)
    assert (film.work_id, film.raw) == (FILM, 30 * 600_000 * 10**6)
    assert (ann.raw_sum, ann.target) == (song.raw + film.raw, 10_000_000)
    assert song.portion is not None
    assert film.portion is not None
    assert song.portion.product == 10_000_000 * song.raw
    assert (song.portion.floor, film.portion.floor) == (8_301_886, 1_698_113)
    assert (ann.dust, song.portion.extra, film.portion.extra) == (1, 1, 0)
    assert ann.credited + film.credited == 10_000_000
    assert ann.unallocated == 0


def test_explain__events__named_with_the_hash_of_their_block() -> None:
    steps, facts = song_steps(), COMPUTED.facts
    (ann,) = (part for part in steps.subscribers if part.subscriber == ANN)
    logs = {
        (number, index): block_hash
        for number, index, block_hash in zip(
            facts.logs.block_number, facts.logs.log_index, facts.logs.block_hash, strict=True
        )
    }

    events = [
        steps.parameters,
        steps.split.terms,
        ann.payments[0].event,
        ann.rows[0].event,
        ann.rows[0].terms,
    ]
    assert [logs[one.block_number, one.log_index] for one in events] == [
        one.block_hash for one in events
    ]
    assert len({(one.block_number, one.log_index) for one in events}) == 4
    assert steps.split.terms == ann.rows[0].terms
    assert {one.chain_id for one in events} == {SETTLEMENT.chain_id}


def test_explain__split__shares_remainders_and_ranks() -> None:
    split = song_steps().split

    assert split.shared is not None
    assert [one.payee for one in split.shared.payees] == [ANN, BOB, CAT]
    assert split.shared.denominator == 1_000_000
    for one in split.shared.payees:
        assert one.portion.product == split.amount * one.share_ppm
        assert one.portion.product == one.portion.floor * 10**6 + one.portion.remainder
        assert (one.fate, one.shared_on) == (Fate.LEAF, None)
    assert sum(one.portion.extra for one in split.shared.payees) == split.shared.dust
    assert [(line.payee, line.part) for line in split.lines] == [(ANN, 0), (BOB, 0), (CAT, 0)]


def test_explain__payee_that_cannot_be_paid__said_and_suspended() -> None:
    split = explain(COMPUTED, FILM, DUSD).split

    assert split.shared is not None
    fates = {one.payee: (one.fate, one.reason) for one in split.shared.payees}
    assert fates == {
        CAT: (Fate.LEAF, None),
        SETTLEMENT.payouts: (Fate.SUSPENSE, Reason.UNPAYABLE_PAYEE),
    }
    (lost,) = split.suspended
    assert (lost.reason, lost.amount) == (Reason.UNPAYABLE_PAYEE, split.amount - split.paid)
    assert lost.position == sorted((CAT, SETTLEMENT.payouts)).index(SETTLEMENT.payouts)
    assert explain_leaf(COMPUTED, suspense_id(FILM), DUSD) == explain(COMPUTED, FILM, DUSD)


def test_explain__payee_below_one_unit__zero_and_no_line() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 1, BOB: 999_999})
    chain.subscribe(ANN, 10)
    chain.submit(ANN, [(SONG, 1, 1)])
    chain.finish(FIRST_EPOCH)

    split = explain(derive(facts_of(chain, FIRST_EPOCH)), SONG, DUSD).split

    assert split.shared is not None
    assert [one.fate for one in split.shared.payees] == [Fate.ZERO, Fate.LEAF]
    assert [(line.payee, line.part) for line in split.lines] == [(BOB, 0)]


def test_explain__forty_payees_and_one_that_cannot_be_paid__lines_in_two_parts() -> None:
    chain = ScriptedChain()
    payees = {Address(bytes([number]) * 20): 24_375 for number in range(1, 41)}
    payees[ZERO_ADDRESS] = 25_000
    chain.set_terms(SONG, payees)
    chain.subscribe(ANN, 4_000)
    chain.submit(ANN, [(SONG, 1, 1)])
    chain.finish(FIRST_EPOCH)

    split = explain(derive(facts_of(chain, FIRST_EPOCH)), SONG, DUSD).split

    assert [line.part for line in split.lines] == [0] * 32 + [1] * 8


def test_explain__work_under_verdict_beside_it__weight_counts_and_earns_nothing() -> None:
    chain = ScriptedChain(first_block_at=CLOCK.start_of(FIRST_EPOCH) - 1)
    for work_id, payee in ((SONG, ANN), (FILM, CAT)):
        chain.set_terms(work_id, {payee: 1_000_000}, effective=FIRST_EPOCH - 1)
    chain.place_verdict(SONG)
    chain.commit(FIRST_EPOCH - 1, SONG, active_at=0)
    chain.mine(CLOCK.start_of(FIRST_EPOCH))
    chain.subscribe(ANN, 100)
    chain.submit(ANN, [(SONG, 3, 1), (FILM, 1, 1)])
    chain.finish(FIRST_EPOCH)
    computed = derive(facts_of(chain, FIRST_EPOCH))

    (part,) = explain(computed, FILM, DUSD).subscribers
    held = explain(computed, SONG, DUSD)

    assert (part.raw_sum, part.counted_sum) == (4 * 10**12, 10**12)
    assert (part.target, part.unallocated) == (25, 75)
    assert [row.credibility_ppm for row in part.rows] == [0, 1_000_000]
    verdict, nothing = (row.verdict for row in part.rows)
    assert verdict is not None
    verdicts = computed.facts.frame.verdicts
    place = verdicts.block_number[0], verdicts.log_index[0]
    assert (verdict.block_number, verdict.log_index) == place
    assert nothing is None
    assert (held.split.amount, held.split.paid) == (0, 0)


def test_explain__no_minutes_at_all__no_target_and_no_portion() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 1_000_000})
    chain.subscribe(ANN, 10)
    chain.submit(ANN, [(SONG, 0, 1)])
    chain.finish(FIRST_EPOCH)

    (part,) = explain(derive(facts_of(chain, FIRST_EPOCH)), SONG, DUSD).subscribers

    assert (part.target, part.unallocated, part.credited) == (0, 10, 0)
    assert [row.portion for row in part.rows] == [None]


def test_explain__work_nobody_registered__refused() -> None:
    for call in (explained_assets, lambda computed, work_id: explain(computed, work_id, DUSD)):
        with pytest.raises(UnknownWork, match="is not registered in epoch 3"):
            call(COMPUTED, work("ghost"))


def test_explain__asset_that_no_fee_was_paid_in__nothing() -> None:
    explained = explain(COMPUTED, SONG, ANN)

    assert (explained.subscribers, explained.split.amount) == ((), 0)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("credited", "credited is"),
        ("raw", "raw weight is"),
        ("counted", "counted weight is"),
        ("discount_ppm", "discount is"),
        ("price_ppm", "price is"),
        ("region_ppm", "region is"),
        ("factor_ppm", "half-life is"),
    ],
)
def test_explain__stored_number_changed__refused(change: str, what: str) -> None:
    right = getattr(first_credit_of_ann(), change)

    with pytest.raises(ExplanationDiffers, match=what):
        explain(with_credit(**{change: right + 1}), SONG, DUSD)


def test_explain__credibility_changed__refused() -> None:
    with pytest.raises(ExplanationDiffers, match="credibility is 1000000 by its steps, 999999"):
        explain(with_credit(credibility_ppm=999_999), SONG, DUSD)


def test_explain__unit_moved_to_unallocated__refused() -> None:
    changed = with_share(lambda share: replace(share, unallocated=BaseUnits(1)))

    with pytest.raises(ExplanationDiffers, match=f"subscriber {ANN}: unallocated is 0 by its"):
        explain(changed, SONG, DUSD)


def test_explain__fee_that_nobody_paid__refused() -> None:
    changed = with_share(lambda share: replace(share, fee=BaseUnits(share.fee + 1)))

    with pytest.raises(ExplanationDiffers, match="fee is 10000000 by its steps, 10000001 was"):
        explain(changed, SONG, DUSD)


def test_explain__unit_moved_between_payees__refused() -> None:
    def moved(leaf: Leaf) -> Leaf:
        first, second, *rest = leaf.lines
        lines = (
            SplitLine(payee=first.payee, amount=BaseUnits(first.amount - 1)),
            SplitLine(payee=second.payee, amount=BaseUnits(second.amount + 1)),
        )
        return replace(leaf, lines=(*lines, *rest))

    leaves = COMPUTED.distribution.leaves
    changed = tuple(moved(leaf) if len(leaf.lines) > 1 else leaf for leaf in leaves)

    with pytest.raises(ExplanationDiffers, match=f"work {SONG}: lines"):
        explain(with_leaves(changed), SONG, DUSD)


def test_explain__leaf_left_out__refused() -> None:
    with pytest.raises(ExplanationDiffers, match=f"work {SONG}: lines"):
        explain(with_leaves(()), SONG, DUSD)


def test_explain__parameters_changed_twice__the_last_in_force_is_named() -> None:
    chain = sample_chain()
    later = parameters_json(k_ppm="7")
    chain.set_parameters(later, effective=FIRST_EPOCH, block=chain.blocks[1].number)
    chain.set_parameters(parameters_json(k_ppm="8"), effective=FIRST_EPOCH + 1, block=7)

    explained = explain(derive(facts_of(chain, FIRST_EPOCH)), SONG, DUSD)

    assert explained.k_ppm == 7
    assert explained.parameters.block_number == chain.blocks[1].number
    assert explained.parameters.log_index > LogIndex(0)


def test_play_sums__plays_above_the_limit__not_summed() -> None:
    parameters = parameters_from_bytes(parameters_json(plays_max="2"))

    assert play_sums(parameters, [0, 1, 100]) == [0, 1_000_000, 1_500_000]
    assert play_sums(parameters, []) == [0]


def test_play_sums__ruleset_of_other_steps__refused() -> None:
    parameters = parameters_from_bytes(parameters_json(ruleset="other-v1"))

    with pytest.raises(UnknownName, match="no explained ruleset is named 'other-v1'"):
        play_sums(parameters, [1])


EVERYTHING = derive(everything())


def test_explain__half_life__age_factor_and_both_weights() -> None:
    explained = explain(EVERYTHING, FILM, DUSD)

    rows = {row.work_id: row for part in explained.subscribers for row in part.rows}
    film, song = rows[FILM], rows[SONG]
    assert explained.has_half_life
    assert [(one.age_steps, one.factor_ppm) for one in (song, film)] == [
        (120, 500_000),
        (60, 700_000),
    ]
    for row in rows.values():
        assert row.raw == row.undecayed * row.factor_ppm // 10**6
    assert film.registered_at == EVERYTHING.registry.works[FILM].registered_at
    assert {row.age_steps for part in song_steps().subscribers for row in part.rows} == {None}


def test_explain__fees__off_the_fee_and_the_rest_shared() -> None:
    explained = explain(EVERYTHING, SONG, DUSD)

    ann = next(part for part in explained.subscribers if part.subscriber == ANN)
    # Ann paid 10,000,003: 250,000.075, 500,000.15 and 10,000.003
    assert [(one.name, one.rate_ppm, one.amount) for one in ann.charged] == [
        ("protocol", 25_000, 250_000),
        ("reserve", 50_000, 500_000),
        ("house", 1_000, 10_000),
    ]
    assert ann.shareable == 10_000_003 - 760_000
    assert sum(row.credited for row in ann.rows) + ann.unallocated == ann.shareable


def test_explain__splits_of_splits__every_list_on_the_way() -> None:
    split = explain(EVERYTHING, SONG, DUSD).split

    def totals(steps: ListSteps) -> None:
        parts = [one.portion.amount for one in steps.payees]
        assert sum(parts) == steps.amount
        for one in steps.payees:
            assert (one.shared_on is not None) is (one.fate is Fate.SPLIT)
            if one.shared_on is not None:
                assert one.shared_on.amount == one.portion.amount
                totals(one.shared_on)

    assert split.shared is not None
    totals(split.shared)
    fates = {one.payee: one.fate for one in split.shared.payees}
    assert fates == {ANN: Fate.LEAF, BAND: Fate.SPLIT, CHOIR: Fate.SPLIT}
    assert [one.reason for one in split.suspended] == [Reason.SPLIT_CYCLE]
    lines = [line for leaf in leaves_of(SONG) for line in leaf.lines]
    assert [(one.payee, one.amount) for one in split.lines] == [
        (line.payee, line.amount) for line in lines
    ]
    (suspense,) = leaves_of(suspense_id(SONG))
    assert split.amount == split.paid + suspense.amount


def leaves_of(leaf_id: Hash32) -> list[Leaf]:
    leaves = EVERYTHING.distribution.leaves
    return [leaf for leaf in leaves if (leaf.work_id, leaf.asset) == (leaf_id, DUSD)]


def test_explain__split_too_large__whole_amount_suspended() -> None:
    chain = ScriptedChain()
    payees = sorted(Address(number.to_bytes(20, "big")) for number in range(1, 251))
    hub = address("hub")
    chain.set_split(hub, dict.fromkeys(payees, 4_000))
    for spoke in range(20):
        chain.set_split(address(f"spoke {spoke}"), {hub: 1_000_000})
    chain.set_terms(SONG, {address(f"spoke {spoke}"): 50_000 for spoke in range(20)})
    chain.subscribe(ANN, 10**9)
    chain.submit(ANN, [(SONG, 1, 1)])
    chain.finish(FIRST_EPOCH)

    computed = derive(facts_of(chain, FIRST_EPOCH))

    split = explain(computed, SONG, DUSD).split

    assert (split.shared, split.lines, split.paid) == (None, (), 0)
    assert [(one.position, one.reason, one.amount) for one in split.suspended] == [
        (0, Reason.SPLIT_TOO_LARGE, 10**9)
    ]
    assert explain(computed, SONG, EURT).split.suspended == ()


@pytest.mark.parametrize("moved", [SONG, suspense_id(SONG)])
def test_explain__unit_too_many_in_a_leaf_of_splits__refused(moved: Hash32) -> None:
    def more(leaf: Leaf) -> Leaf:
        first, *rest = leaf.lines
        return replace(leaf, lines=(replace(first, amount=BaseUnits(first.amount + 1)), *rest))

    distribution = EVERYTHING.distribution
    leaves = tuple(
        more(leaf) if (leaf.work_id, leaf.asset) == (moved, DUSD) else leaf
        for leaf in distribution.leaves
    )
    changed = replace(EVERYTHING, distribution=replace(distribution, leaves=leaves))

    with pytest.raises(ExplanationDiffers, match=f"work {SONG}: (lines|suspense) is"):
        explain(changed, SONG, DUSD)


def test_explain_leaf__fees__every_subscriber_and_entry() -> None:
    found = explain_leaf(EVERYTHING, FEES_ID, DUSD)

    assert isinstance(found, FeeExplanation)
    assert [(one.name, one.is_paid) for one in found.entries] == [
        ("protocol", True),
        ("reserve", True),
        ("house", False),  # the asset itself
    ]
    for place, entry in enumerate(found.entries):
        assert entry.amount == sum(one.charged[place] for one in found.subscribers) > 0
    shares = [share for share in EVERYTHING.distribution.allocations if share.asset == DUSD]
    assert [
        (one.subscriber, sum(payment.amount for payment in one.payments), one.fee, one.charged)
        for one in found.subscribers
    ] == [(share.subscriber, share.fee, share.fee, share.charged) for share in shares]
    (leaf,) = leaves_of(FEES_ID)
    assert [(one.payee, one.amount, one.part) for one in found.lines] == [
        (line.payee, line.amount, 0) for line in leaf.lines
    ]
    assert explained_assets(EVERYTHING, FEES_ID) == (DUSD, EURT)


def test_explain_leaf__escrow__the_works_of_the_content() -> None:
    nested_epoch = derive(nested())
    leaf_id = escrow_id(keccak(b"found"))

    found = explain_leaf(nested_epoch, leaf_id, DUSD)

    assert isinstance(found, EscrowExplanation)
    assert [one.work_id for one in found.works] == sorted((FOUND, LOST))
    leaf = next(leaf for leaf in nested_epoch.distribution.leaves if leaf.work_id == leaf_id)
    assert found.amount == leaf.amount == sum(one.amount for one in found.works)
    assert found.content_id == keccak(b"found")
    assert explained_assets(nested_epoch, leaf_id) == (DUSD,)


@pytest.mark.parametrize(
    "leaf_id",
    [
        Hash32(b"\x04" + bytes(31)),
        escrow_id(keccak(b"nothing")),
        suspense_id(work("ghost")),
        work("ghost"),
    ],
)
def test_explain_leaf__id_of_nothing__refused(leaf_id: Hash32) -> None:
    for call in (explained_assets, lambda computed, one: explain_leaf(computed, one, DUSD)):
        with pytest.raises(UnknownWork, match=f"{leaf_id} is not"):
            call(EVERYTHING, leaf_id)


def test_explain_leaf__fee_leaf_with_another_payee__refused() -> None:
    distribution = EVERYTHING.distribution
    leaves = tuple(leaf for leaf in distribution.leaves if leaf.work_id != FEES_ID)
    changed = replace(EVERYTHING, distribution=replace(distribution, leaves=leaves))

    with pytest.raises(ExplanationDiffers, match="fees: lines is"):
        explain_leaf(changed, FEES_ID, DUSD)


def test_explain_leaf__fee_of_somebody_who_paid_nothing__refused() -> None:
    stranger = address("stranger")
    first, *others = EVERYTHING.distribution.allocations
    allocations = (replace(first, subscriber=stranger), *others)
    distribution = replace(EVERYTHING.distribution, allocations=allocations)

    with pytest.raises(ExplanationDiffers, match=f"subscriber {stranger}: fee is 0 by its steps"):
        explain_leaf(replace(EVERYTHING, distribution=distribution), FEES_ID, first.asset)


def test_explain_leaf__escrow_leaf_lost__refused() -> None:
    found = next(leaf for leaf in EVERYTHING.distribution.leaves if leaf.kind is LeafKind.ESCROW)
    changed = replace(EVERYTHING, distribution=replace(EVERYTHING.distribution, leaves=()))

    with pytest.raises(ExplanationDiffers):
        explain_leaf(changed, found.work_id, found.asset)


@pytest.mark.parametrize(
    ("charged", "what"),
    [((0, 0, 0), "fee protocol is 250000 by its steps, 0"), ((250_000,), "number of fees is 3")],
)
def test_explain__other_charges_stored__refused(charged: tuple[int, ...], what: str) -> None:
    distribution = EVERYTHING.distribution
    allocations = tuple(
        replace(share, charged=tuple(map(BaseUnits, charged)))
        if (share.subscriber, share.asset) == (ANN, DUSD)
        else share
        for share in distribution.allocations
    )
    changed = replace(EVERYTHING, distribution=replace(distribution, allocations=allocations))

    with pytest.raises(ExplanationDiffers, match=what):
        explain(changed, SONG, DUSD)


def test_explain__splits_at_both_bounds__as_computed() -> None:
    computed = derive(bounded())

    for work_id, reason in ((SONG, Reason.SPLIT_TOO_DEEP), (work("game"), Reason.SPLIT_TOO_LARGE)):
        split = explain(computed, work_id, DUSD).split
        assert [one.reason for one in split.suspended] == [reason]
    assert explain(computed, FILM, DUSD).split.suspended == ()
