from typing import Any

import pytest

from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, Epoch, Hash32, keccak
from contracts.leaves import FEES_ID, Leaf, LeafKind, escrow_id, suspense_id
from settlement.errors import FundedBelowFees
from settlement.royalties.derivation import ComputedEpoch, derive
from settlement.royalties.distribution import Distribution
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
    AnyCertificate,
    ScriptedChain,
    address,
    facts_of,
    fee_json,
    parameters_json,
    totals_of,
    work,
)
from tests.ruled_epochs import everything

SONG, FILM = sorted((work("song"), work("film")))
SPLIT_ACCOUNTS = SETTLEMENT.contracts[ContractName.SPLIT_ACCOUNTS]


@pytest.fixture
def chain() -> ScriptedChain:
    """Song belongs to Ann and Bob, film to Cat."""
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 500_000, BOB: 500_000})
    chain.set_terms(FILM, {CAT: 1_000_000})
    return chain


def computed(chain: ScriptedChain) -> ComputedEpoch:
    chain.finish(FIRST_EPOCH)
    return derive(facts_of(chain, FIRST_EPOCH))


def settled(chain: ScriptedChain) -> Distribution:
    return computed(chain).distribution


def lines(leaf: Leaf) -> dict[Address, int]:
    return {line.payee: line.amount for line in leaf.lines}


def test_settle__one_subscriber_two_works__leaves_split_and_total(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 101)
    chain.submit(ANN, [(SONG, 1, 1), (FILM, 1, 1)])

    result = settled(chain)

    assert [(leaf.work_id, lines(leaf)) for leaf in result.leaves] == [
        (SONG, {ANN: 26, BOB: 25}),
        (FILM, {CAT: 50}),
    ]
    assert result.totals == (totals_of(DUSD, paid_in=101, allocated=101),)


def test_settle__two_assets__shared_apart_with_the_same_rows(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 10)
    chain.subscribe(ANN, 6, asset=EURT)
    chain.submit(ANN, [(FILM, 1, 1)])

    result = settled(chain)

    assert [(leaf.asset, leaf.amount) for leaf in result.leaves] == [(DUSD, 10), (EURT, 6)]
    assert [(share.asset, share.fee) for share in result.allocations] == [(DUSD, 10), (EURT, 6)]


def test_settle__subscriber_without_rows__fee_unallocated(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 10)

    result = settled(chain)

    assert result.leaves == ()
    assert result.totals == (totals_of(DUSD, paid_in=10, allocated=0),)
    assert [(s.subscriber, s.unallocated, s.credits) for s in result.allocations] == [(ANN, 10, ())]


def test_settle__funding_without_subscription__unallocated(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 10)
    chain.fund(FIRST_EPOCH, DUSD, 5)
    chain.submit(ANN, [(FILM, 1, 1)])

    assert settled(chain).totals == (totals_of(DUSD, paid_in=15, allocated=10),)


def test_settle__work_under_verdict__its_weight_unallocated() -> None:
    chain = ScriptedChain(first_block_at=CLOCK.start_of(FIRST_EPOCH) - 1)
    chain.set_terms(SONG, {ANN: 1_000_000}, effective=FIRST_EPOCH - 1)
    chain.set_terms(FILM, {CAT: 1_000_000}, effective=FIRST_EPOCH - 1)
    chain.place_verdict(SONG)
    chain.commit(FIRST_EPOCH - 1, keccak(b"before"), active_at=0)
    chain.mine(CLOCK.start_of(FIRST_EPOCH))
    chain.subscribe(ANN, 100)
    chain.submit(ANN, [(SONG, 3, 1), (FILM, 1, 1)])

    result = settled(chain)

    assert [(leaf.work_id, leaf.amount) for leaf in result.leaves] == [(FILM, 25)]
    assert result.totals == (totals_of(DUSD, paid_in=100, allocated=25),)
    assert [item.reason for item in result.quarantine] == [Reason.WORK_UNDER_VERDICT]


@pytest.mark.parametrize("never", [ZERO_ADDRESS, DUSD, SETTLEMENT.payouts, SPLIT_ACCOUNTS])
def test_settle__payee_that_cannot_be_paid__line_suspended(never: Address) -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {never: 250_000, CAT: 750_000})
    chain.subscribe(ANN, 100)
    chain.submit(ANN, [(SONG, 1, 1)])

    result = settled(chain)

    assert [(leaf.work_id, lines(leaf)) for leaf in result.leaves] == [
        (SONG, {CAT: 75}),
        (suspense_id(SONG), {SETTLEMENT.payouts: 25}),
    ]
    assert result.totals == (totals_of(DUSD, paid_in=100, allocated=75, escrow=25),)
    (item,) = result.quarantine
    assert (item.reason, item.asset, item.amount) == (Reason.UNPAYABLE_PAYEE, DUSD, 25)
    assert (item.submitter, item.position) == (ANN, sorted((never, CAT)).index(never))


def test_settle__asset_as_payee__payable_in_the_other_asset() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {DUSD: 1_000_000})
    chain.subscribe(ANN, 10)
    chain.subscribe(ANN, 6, asset=EURT)
    chain.submit(ANN, [(SONG, 1, 1)])

    assert [(leaf.work_id, leaf.asset, leaf.amount) for leaf in settled(chain).leaves] == [
        (SONG, EURT, 6),
        (suspense_id(SONG), DUSD, 10),
    ]


def test_settle__forty_payees__two_parts() -> None:
    payees = sorted(Address(number.to_bytes(20, "big")) for number in range(1, 41))
    chain = ScriptedChain()
    chain.set_terms(SONG, dict.fromkeys(payees, 25_000))
    chain.subscribe(ANN, 4_000)
    chain.submit(ANN, [(SONG, 1, 1)])

    leaves = settled(chain).leaves

    assert [(leaf.part, len(leaf.lines), leaf.amount) for leaf in leaves] == [
        (0, 32, 3_200),
        (1, 8, 800),
    ]
    assert [line.payee for leaf in leaves for line in leaf.lines] == payees


def test_settle__subscriptions_above_funding__corrupt(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 10)
    chain.drop_last_funding()

    with pytest.raises(FundedBelowFees, match="subscriptions sum to 10, funding to 0"):
        settled(chain)


def test_settle__derivation__sums_to_every_leaf(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 101)
    chain.subscribe(BOB, 57)
    chain.submit(ANN, [(SONG, 3, 2), (FILM, 1, 1)])
    chain.submit(BOB, [(FILM, 2, 7)])

    result = settled(chain)

    credits = [credit for share in result.allocations for credit in share.credits]
    for leaf in result.leaves:
        earned = sum(c.credited for c in credits if c.row.work_id == leaf.work_id)
        assert earned == leaf.amount
    for share in result.allocations:
        assert sum(c.credited for c in share.credits) + share.unallocated == share.fee


STEP = 2_629_800
"""A step of the half-life in seconds: 26,298 epochs of the test clock."""


def aged(shares: dict[Hash32, int], **options: Any) -> Distribution:
    """An epoch long after; `shares` says how many steps old each work is. Ann paid 1,000."""
    oldest = max(shares.values())
    epoch = Epoch(FIRST_EPOCH + oldest * STEP // CLOCK.length)
    chain = ScriptedChain()
    chain.set_parameters(parameters_json(**options), effective=FIRST_EPOCH)
    for work_id, age in sorted(shares.items(), key=lambda item: -item[1]):
        chain.mine(min(CLOCK.grace_end_of(epoch) - 1 - age * STEP, CLOCK.start_of(epoch)))
        chain.set_terms(work_id, {CAT: 1_000_000})
    chain.commit(epoch - 1, keccak(b"before"), active_at=0)
    chain.mine(CLOCK.end_of(epoch) - 1)
    chain.subscribe(ANN, 1_000, epoch=epoch)
    chain.submit(ANN, [(work_id, 1, 1) for work_id in shares], epoch=epoch)
    chain.mine(CLOCK.grace_end_of(epoch) - 1)
    chain.finish(epoch)
    return derive(facts_of(chain, epoch, certificates=AnyCertificate())).distribution


def test_settle__half_life__old_work_weighs_half_and_the_new_one_gains() -> None:
    result = aged({SONG: 120, FILM: 0}, half_life="v1")

    # weights 1/2 and 1: 333.33 and 666.67
    assert [(leaf.work_id, leaf.amount) for leaf in result.leaves] == [(SONG, 333), (FILM, 667)]
    (share,) = result.allocations
    assert [(one.factor_ppm, one.raw, one.counted) for one in share.credits] == [
        (500_000, 5 * 10**11, 5 * 10**11),
        (1_000_000, 10**12, 10**12),
    ]
    assert result.totals == (totals_of(DUSD, paid_in=1_000, allocated=1_000),)


def test_settle__half_life_left_out__age_changes_nothing() -> None:
    result = aged({SONG: 120, FILM: 0})

    assert [leaf.amount for leaf in result.leaves] == [500, 500]
    assert {one.factor_ppm for share in result.allocations for one in share.credits} == {1_000_000}


def test_settle__half_life__the_only_work_gets_all_however_old() -> None:
    assert [leaf.amount for leaf in aged({SONG: 600}, half_life="v1").leaves] == [1_000]


def test_settle__fees__off_the_top_and_in_a_leaf_of_their_own(chain: ScriptedChain) -> None:
    fees = [fee_json("protocol", CAT, 25_000), fee_json("reserve", BOB, 100_000)]
    chain.set_parameters(parameters_json(fees=fees), effective=FIRST_EPOCH)
    chain.subscribe(ANN, 999)
    chain.subscribe(BOB, 39)
    chain.fund(FIRST_EPOCH, DUSD, 1_000)
    chain.submit(ANN, [(FILM, 1, 1)])

    result = settled(chain)

    # Ann: 24.975 and 99.9, so 24 and 99, and 876 for the film; Bob, without rows: 0 and 3
    assert [(leaf.work_id, lines(leaf)) for leaf in result.leaves] == [
        (FILM, {CAT: 876}),
        (FEES_ID, {BOB: 102, CAT: 24}),
    ]
    assert [(one.charged, one.unallocated) for one in result.allocations] == [
        ((24, 99), 0),
        ((0, 3), 36),
    ]
    assert result.totals == (totals_of(DUSD, paid_in=2_038, allocated=876, fees=126),)


def test_settle__fee_payee_is_the_asset__unallocated_and_listed(chain: ScriptedChain) -> None:
    fees = [fee_json("protocol", DUSD, 100_000)]
    chain.set_parameters(parameters_json(fees=fees), effective=FIRST_EPOCH)
    place = chain.events[-1]
    for asset in (DUSD, EURT):
        chain.subscribe(ANN, 100, asset=asset)
    chain.submit(ANN, [(FILM, 1, 1)])

    result = settled(chain)

    assert result.totals == (
        totals_of(DUSD, paid_in=100, allocated=90),
        totals_of(EURT, paid_in=100, allocated=90, fees=10),
    )
    (item,) = result.quarantine
    assert (item.block_number, item.log_index) == (place.block.number, place.log_index)
    assert (item.work_id, item.asset, item.amount) == (FEES_ID, DUSD, 10)


def test_settle__recognised_works_of_one_content__one_escrow_leaf(chain: ScriptedChain) -> None:
    first, second, other = sorted(work(name) for name in ("first", "second", "other"))
    for one, content in ((first, b"a"), (second, b"a"), (other, b"b")):
        chain.set_terms(one, {}, content_id=keccak(content))
    chain.subscribe(ANN, 100)
    chain.subscribe(BOB, 7, asset=EURT)
    chain.submit(ANN, [(first, 1, 1), (second, 2, 1), (other, 1, 1)])
    chain.submit(BOB, [(second, 1, 1)])

    result = settled(chain)

    assert {(leaf.work_id, leaf.part, leaf.asset): lines(leaf) for leaf in result.leaves} == {
        (escrow_id(keccak(b"a")), 0, DUSD): {SETTLEMENT.payouts: 75},
        (escrow_id(keccak(b"b")), 0, DUSD): {SETTLEMENT.payouts: 25},
        (escrow_id(keccak(b"a")), 0, EURT): {SETTLEMENT.payouts: 7},
    }
    assert result.totals == (
        totals_of(DUSD, paid_in=100, allocated=0, escrow=100),
        totals_of(EURT, paid_in=7, allocated=0, escrow=7),
    )
    assert result.quarantine == ()


def test_settle__recognised_work_beside_an_adopted_one_of_its_content__only_its_own(
    chain: ScriptedChain,
) -> None:
    found = work("found")
    chain.set_terms(found, {}, content_id=keccak(b"a"))
    chain.set_terms(SONG, {ANN: 1_000_000}, content_id=keccak(b"a"))
    chain.subscribe(ANN, 100)
    chain.submit(ANN, [(SONG, 3, 1), (found, 1, 1)])

    assert {leaf.work_id: leaf.amount for leaf in settled(chain).leaves} == {
        SONG: 75,
        escrow_id(keccak(b"a")): 25,
    }


def test_settle__split_account__paid_through_it_and_the_rest_suspended() -> None:
    band, label = sorted((address("band"), address("label")))
    chain = ScriptedChain()
    chain.set_split(band, {BOB: 500_000, label: 500_000})
    chain.set_split(label, {CAT: 500_000, band: 250_000, SETTLEMENT.payouts: 250_000})
    chain.set_terms(SONG, {ANN: 500_000, band: 500_000})
    place = chain.events[-1]
    chain.subscribe(ANN, 80)
    chain.submit(ANN, [(SONG, 1, 1)])

    result = settled(chain)

    # 40 to Ann; the band's 40: 20 to Bob; the label's 20: 10 to Cat, 5 back to the band, 5 to us
    assert [(leaf.work_id, lines(leaf)) for leaf in result.leaves] == [
        (SONG, {ANN: 40, BOB: 20, CAT: 10}),
        (suspense_id(SONG), {SETTLEMENT.payouts: 10}),
    ]
    assert [(one.reason, one.amount) for one in result.quarantine] == [
        (Reason.SPLIT_CYCLE, 5),
        (Reason.UNPAYABLE_PAYEE, 5),
    ]
    for one in result.quarantine:
        assert (one.block_number, one.log_index) == (place.block.number, place.log_index)
        assert (one.position, one.submitter) == (sorted((ANN, band)).index(band), ANN)
    assert result.totals == (totals_of(DUSD, paid_in=80, allocated=70, escrow=10),)


def test_settle__split_account_of_the_next_epoch__still_an_ordinary_payee() -> None:
    band = address("band")
    chain = ScriptedChain()
    chain.set_split(band, {BOB: 1_000_000}, effective=FIRST_EPOCH + 1)
    chain.set_terms(SONG, {band: 1_000_000})
    chain.subscribe(ANN, 80)
    chain.submit(ANN, [(SONG, 1, 1)])

    assert [lines(leaf) for leaf in settled(chain).leaves] == [{band: 80}]


def test_settle__everything_at_once__every_unit_is_somewhere() -> None:
    result = derive(everything()).distribution

    for total in result.totals:
        of_asset = [leaf for leaf in result.leaves if leaf.asset == total.asset]
        sums = {kind: 0 for kind in LeafKind}
        for leaf in of_asset:
            sums[leaf.kind] += leaf.amount
        assert total.allocated == sums[LeafKind.WORK] > 0
        assert total.fees == sums[LeafKind.FEES] > 0
        assert total.escrow == sums[LeafKind.ESCROW] + sums[LeafKind.SUSPENSE] > 0
        in_leaves = total.allocated + total.fees + total.escrow
        assert in_leaves + total.unallocated == total.paid_in
    keys = [(leaf.work_id, leaf.part, leaf.asset) for leaf in result.leaves]
    assert keys == sorted(keys)
