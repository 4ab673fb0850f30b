import pytest

from contracts.evm import ZERO_ADDRESS, Address, keccak
from contracts.leaves import Leaf
from settlement.errors import FundedBelowFees
from settlement.royalties.derivation import ComputedEpoch, derive
from settlement.royalties.distribution import Distribution
from settlement.royalties.quarantine import Reason
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
    facts_of,
    totals_of,
    work,
)

SONG, FILM = sorted((work("song"), work("film")))


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


@pytest.mark.parametrize("never", [ZERO_ADDRESS, DUSD, SETTLEMENT.payouts])
def test_settle__payee_that_cannot_be_paid__line_unallocated(never: Address) -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {never: 250_000, CAT: 750_000})
    chain.subscribe(ANN, 100)
    chain.submit(ANN, [(SONG, 1, 1)])

    result = settled(chain)

    assert [lines(leaf) for leaf in result.leaves] == [{CAT: 75}]
    assert result.totals == (totals_of(DUSD, paid_in=100, allocated=75),)
    (item,) = result.quarantine
    assert (item.reason, item.asset, item.amount) == (Reason.UNPAYABLE_PAYEE, DUSD, 25)
    assert (item.submitter, item.position) == (ANN, sorted((never, CAT)).index(never))


def test_settle__asset_as_payee__payable_in_the_other_asset() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {DUSD: 1_000_000})
    chain.subscribe(ANN, 10)
    chain.subscribe(ANN, 6, asset=EURT)
    chain.submit(ANN, [(SONG, 1, 1)])

    assert [(leaf.asset, leaf.amount) for leaf in settled(chain).leaves] == [(EURT, 6)]


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
