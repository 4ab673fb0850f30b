"""Laws of what is composed around a ruleset: fees, half-life, splits of splits, escrow, suspense.

The reference for splits is exact: fractions along every path, without any rounding.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, replace
from fractions import Fraction
from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.batches import (
    ConsumptionColumns,
    FundedColumns,
    SplitTermsColumns,
    SubscribedColumns,
    WorkTermsColumns,
)
from contracts.evm import Address, BlockNumber, Hash32, LogIndex, Timestamp, keccak
from contracts.leaves import LeafKind
from contracts.units import PPM_ONE, UINT256_MAX, BaseUnits, allot
from settlement.royalties.derivation import EpochFacts, inputs_of, registry_of
from settlement.royalties.distribution import Distribution, settle
from settlement.royalties.fees import charge
from settlement.royalties.half_life import FACTORS_PPM, STEP_SECONDS, age_steps, decayed
from settlement.royalties.parameters import parameters_from_bytes
from settlement.royalties.reasons import Reason
from settlement.royalties.split_graph import (
    DEPTH_MAX,
    VISITS_MAX,
    Expansion,
    Payability,
    SplitTerms,
    expand,
)
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
    fee_json,
    parameters_json,
    work,
)

PEOPLE = [Address(bytes([number]) * 20) for number in range(1, 5)]
ACCOUNTS = [Address(bytes([0xA0 + number]) * 20) for number in range(6)]
NEVER = Address(b"\xff" * 20)
amounts = st.one_of(st.integers(0, 60), st.integers(0, UINT256_MAX))
Shares = Mapping[Address, int]


@st.composite
def shares(draw: st.DrawFn, payees: list[Address]) -> Shares:
    """A well-formed list."""
    chosen = sorted(draw(st.lists(st.sampled_from(payees), min_size=1, max_size=4, unique=True)))
    cuts = st.lists(
        st.integers(1, PPM_ONE - 1),
        min_size=len(chosen) - 1,
        max_size=len(chosen) - 1,
        unique=True,
    )
    borders = [0, *sorted(draw(cuts)), PPM_ONE]
    return {who: borders[at + 1] - borders[at] for at, who in enumerate(chosen)}


@st.composite
def acyclic(draw: st.DrawFn) -> tuple[Shares, dict[Address, Shares]]:
    """A work's list, and accounts that pay people and later accounts only."""
    graph = {
        account: draw(shares([*PEOPLE, *ACCOUNTS[at + 1 :]])) for at, account in enumerate(ACCOUNTS)
    }
    return draw(shares([*PEOPLE, *ACCOUNTS])), graph


@st.composite
def any_graph(draw: st.DrawFn) -> tuple[Shares, dict[Address, Shares]]:
    """The same without order: cycles, accounts without terms, malformed ones, and nobody's."""
    everybody = [*PEOPLE, *ACCOUNTS, NEVER]
    graph = draw(
        st.dictionaries(
            st.sampled_from(ACCOUNTS),
            st.one_of(shares(everybody), st.just({PEOPLE[0]: 1}), st.just({})),
        )
    )
    return draw(shares(everybody)), graph


def expanded(amount: int, first: Shares, graph: Mapping[Address, Shares]) -> Expansion:
    accounts = {
        account: SplitTerms(
            account=account,
            owner=PEOPLE[0],
            version=1,
            payees=tuple(inner),
            shares_ppm=tuple(inner.values()),
            block_number=BlockNumber(1),
            log_index=LogIndex(0),
        )
        for account, inner in graph.items()
    }
    return expand(
        BaseUnits(amount),
        payees=tuple(first),
        shares_ppm=tuple(first.values()),
        payability=Payability(never_paid={NEVER}, accounts=accounts),
    )


def exact(first: Shares, graph: Mapping[Address, Shares]) -> dict[Address, tuple[Fraction, int]]:
    """Each person's part of one, and the number of lists on all paths to them together."""
    found: dict[Address, tuple[Fraction, int]] = defaultdict(lambda: (Fraction(0), 0))

    def follow(listed: Shares, part: Fraction, depth: int) -> None:
        for payee, share in listed.items():
            inner = part * Fraction(share, PPM_ONE)
            if payee in graph:
                follow(graph[payee], inner, depth + 1)
            else:
                before, lists = found[payee]
                found[payee] = before + inner, lists + depth

    follow(first, Fraction(1), 1)
    return dict(found)


@settings(max_examples=60)
@given(amounts, acyclic())
def test_nested__tree_of_accounts__as_flat_up_to_a_unit_a_list(
    amount: int, graph: tuple[Shares, dict[Address, Shares]]
) -> None:
    """On every path each list rounds once, by less than one unit: that is the stated bound."""
    result = expanded(amount, *graph)

    got = {line.payee: line.amount for line in result.lines}
    due = exact(*graph)
    assert result.refused == ()
    assert sum(got.values()) == amount
    assert got.keys() <= due.keys()
    for payee, (part, lists) in due.items():
        assert abs(got.get(payee, 0) - amount * part) < lists


@settings(max_examples=60)
@given(amounts, acyclic())
def test_nested__second_implementation__agrees(
    amount: int, graph: tuple[Shares, dict[Address, Shares]]
) -> None:
    """List after list, without recursion: an account is shared out once its path is known."""
    first, accounts = graph
    waiting: list[tuple[Shares, int]] = [(first, amount)]
    paid: dict[Address, int] = defaultdict(int)
    while waiting:
        listed, total = waiting.pop(0)
        for payee, units in allot(total, listed).items():
            if payee in accounts:
                waiting.append((accounts[payee], units))
            elif units:
                paid[payee] += units

    assert {line.payee: line.amount for line in expanded(amount, first, accounts).lines} == paid


@settings(max_examples=100)
@given(amounts, any_graph())
def test_nested__any_graph__ends_and_conserves(
    amount: int, graph: tuple[Shares, dict[Address, Shares]]
) -> None:
    result = expanded(amount, *graph)

    paid = {line.payee: line.amount for line in result.lines}
    assert sum(paid.values()) + sum(one.amount for one in result.refused) == amount
    assert not paid.keys() & {NEVER, *graph[1]}
    assert all(units > 0 for units in paid.values())
    assert all(one.amount > 0 for one in result.refused)
    assert all(0 <= one.position < len(graph[0]) for one in result.refused)
    keys = [(one.position, one.reason) for one in result.refused]
    assert keys == sorted(set(keys))


@given(st.integers(1, UINT256_MAX), st.integers(2, 5))
def test_nested__every_account_pays_every_account__ends(amount: int, count: int) -> None:
    """The worst graph of this size: all paths without a repetition, and all of them go round."""
    share = PPM_ONE // count
    listed = dict.fromkeys(ACCOUNTS[:count], share)
    listed[ACCOUNTS[count - 1]] = PPM_ONE - share * (count - 1)

    result = expanded(amount, listed, dict.fromkeys(ACCOUNTS[:count], listed))

    reasons = {one.reason for one in result.refused}
    assert result.lines == ()
    assert reasons in ({Reason.SPLIT_CYCLE}, {Reason.SPLIT_TOO_LARGE})
    assert sum(one.amount for one in result.refused) == amount
    assert (DEPTH_MAX, VISITS_MAX) == (8, 4_096)


@given(amounts, st.lists(st.integers(1, 62_500), min_size=1, max_size=8))
def test_charge__any_rates__each_below_its_due_and_all_below_the_fee(
    fee: int, rates: list[int]
) -> None:
    charged = charge(fee, rates)

    for one, rate in zip(charged, rates, strict=True):
        due = Fraction(fee * rate, PPM_ONE)
        assert due - 1 < one <= due
    assert sum(charged) <= Fraction(fee * sum(rates), PPM_ONE)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**200), st.sampled_from(FACTORS_PPM), st.integers(0, 2 * PPM_ONE))
    )
)
def test_decayed__any_rows__within_the_weight_and_the_exact_factor(
    rows: list[tuple[int, int, int]],
) -> None:
    raw, factors, credibility = ([row[at] for row in rows] for at in range(3))

    after, counted = decayed(raw, factors, credibility)

    for at, (weight, factor, credible) in enumerate(rows):
        due = Fraction(weight * factor, PPM_ONE)
        assert due - 1 < after[at] <= due <= weight
        assert 0 <= counted[at] <= after[at]
        assert counted[at] == after[at] * min(credible, PPM_ONE) // PPM_ONE


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(1, 10**7))
def test_age__any_length_of_epochs__never_above_the_real_age(
    seconds: int, more: int, length: int
) -> None:
    def age(after: int) -> int:
        return age_steps(Timestamp(7), Timestamp(7 + after), epoch_length_seconds=length)

    assert 0 <= age(seconds) <= seconds // STEP_SECONDS
    assert age(seconds) > (seconds - length) // STEP_SECONDS - 1
    assert age(seconds) <= age(seconds + more)


WORKS = [work(name) for name in ("song", "film", "game")]
NAMES = ("a", "b")


@st.composite
def chains(draw: st.DrawFn, *, half_life: bool | None = None) -> ScriptedChain:
    """One epoch with splits of splits, works without payees, fees, two assets, donations."""
    chain = ScriptedChain()
    options: dict[str, object] = {}
    if draw(st.booleans()):
        payees = st.sampled_from([ANN, CAT, DUSD, SETTLEMENT.payouts, ACCOUNTS[0]])
        rates = st.one_of(st.integers(1, 100), st.integers(1, 250_000))
        options["fees"] = [fee_json(name, draw(payees), draw(rates)) for name in NAMES]
    if draw(st.booleans()) if half_life is None else half_life:
        options["half_life"] = "v1"
    chain.set_parameters(parameters_json(plays_max="5", **options), effective=FIRST_EPOCH)
    everybody = [*PEOPLE, *ACCOUNTS, DUSD, SETTLEMENT.payouts]
    for account in draw(st.lists(st.sampled_from(ACCOUNTS), unique=True)):
        chain.set_split(account, dict(draw(shares(everybody))))
    for at, work_id in enumerate(WORKS):
        is_recognised = draw(st.integers(0, 3)) == 0
        listed = {} if is_recognised else dict(draw(shares(everybody)))
        content = keccak(bytes([at % 2]))
        chain.set_terms(
            work_id,
            listed,
            price_ppm=draw(st.sampled_from([1, 600_000, PPM_ONE])),
            content_id=content,
        )
    for subscriber in (ANN, BOB, CAT):
        for asset in (DUSD, EURT):
            for paid in draw(st.lists(amounts, max_size=2)):
                chain.subscribe(subscriber, paid, asset=asset)
        used = draw(st.lists(st.sampled_from(WORKS), unique=True))
        numbers = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 8))
        chain.submit(subscriber, [(work_id, *draw(numbers)) for work_id in used])
    chain.fund(FIRST_EPOCH, DUSD, draw(st.integers(0, 9)))
    chain.finish(FIRST_EPOCH)
    return chain


def distribution_of(chain: ScriptedChain) -> Distribution:
    return _settled(facts_of(chain, FIRST_EPOCH))


@settings(max_examples=40)
@given(chains())
def test_settle__any_epoch__conserves(chain: ScriptedChain) -> None:
    result = distribution_of(chain)

    charged: dict[Address, int] = defaultdict(int)
    credited: dict[Address, int] = defaultdict(int)
    for share in result.allocations:
        earned = sum(one.credited for one in share.credits)
        assert earned + sum(share.charged) + share.unallocated == share.fee
        charged[share.asset] += sum(share.charged)
        credited[share.asset] += earned
    for total in result.totals:
        sums = dict.fromkeys(LeafKind, 0)
        for leaf in result.leaves:
            assert leaf.amount > 0
            if leaf.asset == total.asset:
                sums[leaf.kind] += leaf.amount
        assert total.allocated == sums[LeafKind.WORK]
        assert total.fees == sums[LeafKind.FEES] <= charged[total.asset]
        assert total.escrow == sums[LeafKind.ESCROW] + sums[LeafKind.SUSPENSE]
        assert total.allocated + total.escrow == credited[total.asset]
        terms = (total.allocated, total.fees, total.escrow, total.unallocated)
        assert sum(terms) == total.paid_in
        assert all(term >= 0 for term in terms)


@settings(max_examples=40)
@given(chains())
def test_settle__any_epoch__suspense_and_fees_are_what_quarantine_lists(
    chain: ScriptedChain,
) -> None:
    result = distribution_of(chain)

    listed: dict[tuple[Hash32, Address], int] = defaultdict(int)
    for item in result.quarantine:
        if item.asset is not None and item.amount is not None:
            listed[item.work_id, item.asset] += item.amount
    for leaf in result.leaves:
        if leaf.kind is LeafKind.SUSPENSE:
            assert listed.pop((Hash32(bytes(1) + leaf.work_id[1:]), leaf.asset)) == leaf.amount
        if leaf.kind.is_escrow:
            assert [line.payee for line in leaf.lines] == [SETTLEMENT.payouts]
        else:
            assert not {line.payee for line in leaf.lines} & {leaf.asset, SETTLEMENT.payouts}
    assert {work_id[0] for work_id, _ in listed} <= {LeafKind.FEES}


@settings(max_examples=30)
@given(chains(), st.randoms(use_true_random=False))
def test_settle__subscribers_and_terms_in_another_order__same(
    chain: ScriptedChain, random: Random
) -> None:
    """Only the order within one subscriber's rows may matter; they stay as they are."""
    facts = facts_of(chain, FIRST_EPOCH)
    shuffled = replace(
        facts,
        frame=replace(
            facts.frame,
            work_terms=_shuffled(facts.frame.work_terms, random),
            split_terms=_shuffled(facts.frame.split_terms, random),
        ),
        subscribed=_shuffled(facts.subscribed, random),
        consumption=_shuffled(facts.consumption, random),
        funded=_shuffled(facts.funded, random),
    )

    one, other = _settled(facts), _settled(shuffled)

    assert one == other


Columns = TypeVar(
    "Columns",
    WorkTermsColumns,
    SplitTermsColumns,
    SubscribedColumns,
    ConsumptionColumns,
    FundedColumns,
)


def _shuffled(columns: Columns, random: Random) -> Columns:
    """The same events in another order, each still with its place."""
    order = list(range(len(columns)))
    random.shuffle(order)
    names = [one.name for one in fields(columns)]
    return replace(
        columns, **{name: [getattr(columns, name)[at] for at in order] for name in names}
    )


def _settled(facts: EpochFacts, **changes: object) -> Distribution:
    data = facts.frame.parameters.parameters[-1]
    parameters = replace(parameters_from_bytes(data), **changes)  # type: ignore[arg-type]
    return settle(inputs_of(facts), parameters, registry_of(facts))


@settings(max_examples=30)
@given(chains(half_life=True))
def test_half_life__all_works_new__as_if_it_were_off(chain: ScriptedChain) -> None:
    facts = facts_of(chain, FIRST_EPOCH)

    assert _settled(facts) == _settled(facts, has_half_life=False)


@settings(max_examples=30)
@given(chains(half_life=True), st.integers(0, 200 * STEP_SECONDS))
def test_half_life__any_age__moves_money_between_works_and_to_nobody_else(
    chain: ScriptedChain, seconds: int
) -> None:
    """Without verdicts nothing is lost to age but by rows whose weight rounds down to nothing."""
    facts = facts_of(chain, FIRST_EPOCH)
    inputs, registry = inputs_of(facts), registry_of(facts)
    aged = replace(
        registry,
        works={
            work_id: replace(terms, registered_at=Timestamp(terms.registered_at - seconds * at))
            for at, (work_id, terms) in enumerate(registry.works.items())
        },
    )
    parameters = parameters_from_bytes(facts.frame.parameters.parameters[-1])

    now, new = settle(inputs, parameters, aged), settle(inputs, parameters, registry)

    for one, other in zip(now.allocations, new.allocations, strict=True):
        assert (one.fee, one.charged) == (other.fee, other.charged)
        assert one.unallocated == other.unallocated
    assert [one.paid_in for one in now.totals] == [one.paid_in for one in new.totals]
