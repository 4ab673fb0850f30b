"""Laws of explanations: whatever an epoch holds, the steps lead to every leaf and every unit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import Address, Hash32
from contracts.leaves import suspense_id
from contracts.units import UINT256_MAX, allot_rows
from settlement.royalties.allotment import allotment
from settlement.royalties.derivation import derive
from settlement.royalties.derivation_steps import EscrowExplanation, FeeExplanation
from settlement.royalties.difference import StoredOutcome, difference
from settlement.royalties.explanation import explain, explain_leaf, explained_assets
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    ScriptedChain,
    address,
    facts_of,
    fee_json,
    parameters_json,
    work,
)

WORKS = [work(name) for name in ("song", "film", "game")]
ACCOUNTS = (address("band"), address("label"))
amounts = st.one_of(st.integers(0, 50), st.integers(0, 2**200))


@given(amounts, st.lists(st.integers(0, 2**64), min_size=1, max_size=20).filter(any))
def test_allotment__any_weights__the_shares_that_are_paid(total: int, weights: list[int]) -> None:
    shared = allotment(total, weights)

    assert [one.amount for one in shared.portions] == allot_rows(total, weights)
    assert sum(one.extra for one in shared.portions) == shared.dust < len(weights)
    assert sorted(one.rank for one in shared.portions) == list(range(1, len(weights) + 1))
    for one, weight in zip(shared.portions, weights, strict=True):
        assert one.product == total * weight == one.floor * shared.denominator + one.remainder


def shares_among(payees: tuple[Address, ...]) -> st.SearchStrategy[dict[Address, int]]:
    """Shares of one to four of them that sum to one."""
    weights = st.dictionaries(st.sampled_from(payees), st.integers(1, 9), min_size=1, max_size=4)

    def whole(drawn: dict[Address, int]) -> dict[Address, int]:
        parts = [10**6 * weight // sum(drawn.values()) for weight in drawn.values()]
        parts[0] += 10**6 - sum(parts)
        return dict(zip(drawn, parts, strict=True))

    return weights.map(whole)


@st.composite
def chains(draw: st.DrawFn) -> ScriptedChain:
    """One epoch: works with splits of splits, fees, subscribers in two assets, any plays."""
    chain = ScriptedChain()
    k_ppm = draw(st.sampled_from(["0", "1", "1000000", "9000000"]))
    options: dict[str, object] = {"half_life": "v1"} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        options["fees"] = [fee_json("a", CAT, draw(st.integers(1, 500_000)))]
    data = parameters_json(k_ppm=k_ppm, plays_max="5", **options)
    chain.set_parameters(data, effective=FIRST_EPOCH)
    payees = (ANN, BOB, CAT, *ACCOUNTS, SETTLEMENT.payouts)
    for account in draw(st.lists(st.sampled_from(ACCOUNTS), unique=True)):
        chain.set_split(account, draw(shares_among(payees)))
    for work_id in WORKS:
        is_recognised = draw(st.integers(0, 3)) == 0
        listed = {} if is_recognised else draw(shares_among(payees))
        chain.set_terms(work_id, listed, price_ppm=draw(st.sampled_from([1, 600_000, 10**6])))
    for subscriber in (ANN, BOB, CAT):
        for asset in (DUSD, EURT):
            for amount in draw(st.lists(amounts, max_size=2)):
                chain.subscribe(subscriber, amount, asset=asset)
        used = draw(st.lists(st.sampled_from(WORKS), unique=True))
        numbers = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 8))
        chain.submit(subscriber, [(work_id, *draw(numbers)) for work_id in used])
    chain.finish(FIRST_EPOCH)
    return chain


@settings(max_examples=30)
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
            suspended = sum(one.amount for one in split.suspended)
            assert split.paid == paid.pop((work_id, asset), 0)
            assert suspended == paid.pop((suspense_id(work_id), asset), 0)
            assert split.amount == sum(part.credited for part in explained.subscribers)
            assert split.amount == split.paid + suspended + split.escrowed
            for part in explained.subscribers:
                charged = sum(one.amount for one in part.charged)
                assert part.shareable == part.fee - charged
                assert sum(row.credited for row in part.rows) + part.unallocated == part.shareable
    for leaf_id, held_in in sorted(paid):
        found = explain_leaf(computed, Hash32(leaf_id), Address(held_in))
        if isinstance(found, FeeExplanation):
            assert sum(line.amount for line in found.lines) == paid[leaf_id, held_in]
        else:
            assert isinstance(found, EscrowExplanation)
            assert sum(one.amount for one in found.works) == paid[leaf_id, held_in]
            assert found.amount == paid[leaf_id, held_in]


@settings(max_examples=15)
@given(chains(), chains())
def test_difference__any_two_epochs__both_sums_are_the_totals(
    now: ScriptedChain, before: ScriptedChain
) -> None:
    one, other = (derive(facts_of(chain, FIRST_EPOCH)).distribution for chain in (now, before))

    found = difference(one, StoredOutcome(totals=other.totals, leaves=other.leaves))

    for total in found.totals:
        payees = sum(each.change.delta for each in found.payees if each.asset == total.asset)
        works = sum(each.change.delta for each in found.works if each.asset == total.asset)
        assert payees == works == total.in_leaves.delta
        assert total.paid_in.delta == total.in_leaves.delta + total.unallocated.delta
        assert total.paid_in.now <= UINT256_MAX
