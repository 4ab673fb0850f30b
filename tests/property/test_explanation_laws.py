"""Laws of explanations: whatever an epoch holds, the steps lead to every leaf and every unit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.units import UINT256_MAX, allot_rows
from settlement.royalties.allotment import allotment
from settlement.royalties.derivation import derive
from settlement.royalties.derivation_steps import Fate
from settlement.royalties.difference import StoredOutcome, difference
from settlement.royalties.explanation import explain, explained_assets
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    ScriptedChain,
    facts_of,
    parameters_json,
    work,
)

WORKS = [work(name) for name in ("song", "film", "game")]
amounts = st.one_of(st.integers(0, 50), st.integers(0, 2**200))


@given(amounts, st.lists(st.integers(0, 2**64), min_size=1, max_size=20).filter(any))
def test_allotment__any_weights__the_shares_that_are_paid(total: int, weights: list[int]) -> None:
    shared = allotment(total, weights)

    assert [one.amount for one in shared.portions] == allot_rows(total, weights)
    assert sum(one.extra for one in shared.portions) == shared.dust < len(weights)
    assert sorted(one.rank for one in shared.portions) == list(range(1, len(weights) + 1))
    for one, weight in zip(shared.portions, weights, strict=True):
        assert one.product == total * weight == one.floor * shared.denominator + one.remainder


@st.composite
def chains(draw: st.DrawFn) -> ScriptedChain:
    """One epoch: works with splits, subscribers in two assets, rows with any plays."""
    chain = ScriptedChain()
    k_ppm = draw(st.sampled_from(["0", "1", "1000000", "9000000"]))
    chain.set_parameters(parameters_json(k_ppm=k_ppm, plays_max="5"), effective=FIRST_EPOCH)
    payees = (ANN, BOB, CAT, SETTLEMENT.payouts)
    for work_id in WORKS:
        shares = draw(st.dictionaries(st.sampled_from(payees), st.integers(1, 10**6), min_size=1))
        chain.set_terms(work_id, shares, price_ppm=draw(st.sampled_from([1, 600_000, 10**6])))
    for subscriber in (ANN, BOB, CAT):
        for asset in (DUSD, EURT):
            for amount in draw(st.lists(amounts, max_size=2)):
                chain.subscribe(subscriber, amount, asset=asset)
        used = draw(st.lists(st.sampled_from(WORKS), unique=True))
        numbers = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 8))
        chain.submit(subscriber, [(work_id, *draw(numbers)) for work_id in used])
    chain.finish(FIRST_EPOCH)
    return chain


@settings(max_examples=60)
@given(chains())
def test_explain__any_epoch__adds_up_to_every_leaf(chain: ScriptedChain) -> None:
    computed = derive(facts_of(chain, FIRST_EPOCH))
    paid: dict[tuple[bytes, bytes], int] = {}
    for leaf in computed.distribution.leaves:
        key = bytes(leaf.work_id), bytes(leaf.asset)
        paid[key] = paid.get(key, 0) + leaf.amount

    for work_id in WORKS:
        for asset in explained_assets(computed, work_id):
            explained = explain(computed, work_id, asset)
            split = explained.split
            assert split.paid == paid.pop((work_id, asset), 0)
            assert split.amount == sum(part.credited for part in explained.subscribers)
            lost = (one for one in split.payees if one.fate is Fate.UNPAYABLE)
            assert split.amount == split.paid + sum(one.portion.amount for one in lost)
            for part in explained.subscribers:
                assert sum(row.credited for row in part.rows) + part.unallocated == part.fee

    assert paid == {}


@settings(max_examples=30)
@given(chains(), chains())
def test_difference__any_two_epochs__both_sums_are_the_totals(
    now: ScriptedChain, before: ScriptedChain
) -> None:
    one, other = (derive(facts_of(chain, FIRST_EPOCH)).distribution for chain in (now, before))

    found = difference(one, StoredOutcome(totals=other.totals, leaves=other.leaves))

    for total in found.totals:
        payees = sum(each.change.delta for each in found.payees if each.asset == total.asset)
        works = sum(each.change.delta for each in found.works if each.asset == total.asset)
        assert payees == works == total.allocated.delta
        assert total.paid_in.delta == total.allocated.delta + total.unallocated.delta
        assert total.paid_in.now <= UINT256_MAX
