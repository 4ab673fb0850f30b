"""What works say of rows, as columns, beside the ruleset's own functions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex, Timestamp, keccak
from contracts.units import PPM_ONE
from settlement.royalties.half_life import age_steps, decayed, factor_ppm
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import Parameters, parameters_from_bytes
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import PRICE_PPM_LIMIT, Registry, WorkTerms
from settlement.royalties.shard_ids import UNKNOWN
from settlement.royalties.shard_rules import COUNTS, WorkFactors, code_of, reason_of
from settlement.royalties.shard_shares import SUM_BITS
from settlement.royalties.usercentric_v1 import Usage, weigh
from tests.royalties_builders import ANN, REGION, SETTLEMENT, parameters_json, work

MONTH = 2_629_800
NOW = 500 * MONTH
ELSEWHERE = keccak(b"elsewhere")
SCOPE = EpochScope(
    epoch=Epoch(7),
    epoch_length_seconds=2 * MONTH,
    last_before_start=None,
    reference_at=Timestamp(NOW),
    parameters_block=BlockNumber(1),
    parameters_log=LogIndex(0),
    payouts=SETTLEMENT.payouts,
    split_accounts=SETTLEMENT.payouts,
)


def terms(name: str, price_ppm: int, *, region: Hash32 = REGION, age: int = 0) -> WorkTerms:
    return WorkTerms(
        work_id=work(name),
        registrant=ANN,
        registered_at=Timestamp(NOW - age * MONTH),
        content_id=keccak(name.encode()),
        version=1,
        price_ppm=price_ppm,
        region_rule=region,
        payees=(Address(ANN),),
        shares_ppm=(PPM_ONE,),
        block_number=BlockNumber(1),
        log_index=LogIndex(0),
    )


def factors_of(works: Sequence[WorkTerms], held: frozenset[Hash32], **changes: str) -> WorkFactors:
    by_id = {one.work_id: one for one in sorted(works, key=lambda one: one.work_id)}
    registry = Registry(works=by_id, held=held, accounts={})
    return WorkFactors(parameters(PPM_ONE, **changes), registry, SCOPE)


def parameters(region_ppm: int, **changes: str) -> Parameters:
    return parameters_from_bytes(parameters_json(regions={str(REGION): str(region_ppm)}, **changes))


@pytest.mark.parametrize("reason", Reason)
def test_code_of__every_reason__back_again_and_never_counts(reason: Reason) -> None:
    assert reason_of(code_of(reason)) is reason
    assert code_of(reason) != COUNTS


def test_reason_of__a_row_that_counts__refused() -> None:
    with pytest.raises(ValueError, match=r"^a row that counts has no reason$"):
        reason_of(COUNTS)


def test_refusals__works_and_unknown_ones__by_the_terms() -> None:
    works = [
        terms("sound", 1),
        terms("dearest", PRICE_PPM_LIMIT - 1),
        terms("free", 0),
        terms("too dear", PRICE_PPM_LIMIT),
        terms("elsewhere", 5, region=ELSEWHERE),
        terms("free elsewhere", 0, region=ELSEWHERE),
    ]
    factors = factors_of(works, frozenset({works[0].work_id}))
    codes = factors.table.codes(
        np.frombuffer(b"".join(one.work_id for one in works), dtype=np.uint8).reshape(-1, 32)
    )

    found = factors.refusals(codes)

    malformed, unknown = Reason.MALFORMED_TERMS, Reason.UNKNOWN_REGION_RULE
    wanted = [None, None, malformed, malformed, unknown, malformed]
    assert [None if one == COUNTS else reason_of(int(one)) for one in found] == wanted
    assert factors.is_held(codes).tolist() == [True, False, False, False, False, False]
    nobody = np.array([UNKNOWN, -2])
    assert factors.refusals(nobody).tolist() == [COUNTS, COUNTS]
    assert factors.is_held(nobody).tolist() == [False, False]


PRICES = (1, 999_999, 1_000_000, 1_000_001, 3_333_333, 2**30 + 7, PRICE_PPM_LIMIT - 1)
MINUTES = (0, 1, 59, 2_000, 2**20 + 1, 2**31, 2**32 - 1)
PLAYS = (0, 1, 2, 3, 16, 17, 2**32 - 1)


@pytest.mark.parametrize("half_life", [{}, {"half_life": "v1"}], ids=["ageless", "half-life"])
@pytest.mark.parametrize("region_ppm", [0, 1, 999_999, PPM_ONE, 7 * PPM_ONE + 3, 2**64 - 1])
def test_raw__any_row__what_the_ruleset_says_or_not_exact(
    region_ppm: int, half_life: dict[str, str]
) -> None:
    works = [terms(str(price), price, age=13 * at) for at, price in enumerate(PRICES)]
    by_id = {one.work_id: one for one in sorted(works, key=lambda one: one.work_id)}
    rules = parameters(region_ppm, plays_max="16", k_ppm="1000000", **half_life)
    factors = WorkFactors(rules, Registry(works=by_id, held=frozenset(), accounts={}), SCOPE)
    rows = [(code, m, p) for code in range(len(works)) for m in MINUTES for p in PLAYS]

    raw, is_exact = factors.raw(
        np.array([code for code, _, _ in rows], dtype=np.int64),
        np.array([minutes for _, minutes, _ in rows], dtype=np.uint64),
        np.array([plays for _, _, plays in rows], dtype=np.uint64),
    )

    expected = weights_of(rows, list(by_id.values()), rules)
    for (found, fits), wanted in zip(zip(raw, is_exact, strict=True), expected, strict=True):
        assert not fits or found == wanted < 2**SUM_BITS
    if region_ppm <= PPM_ONE:  # of what fits into the bounds, next to nothing is left to Python
        small = [at for at, (code, m, _) in enumerate(rows) if m <= 2_000 and code < 3]
        assert all(is_exact[small])


def weights_of(
    rows: Sequence[tuple[int, int, int]], works: Sequence[WorkTerms], rules: Parameters
) -> list[int]:
    usage = Usage(
        user=[b""] * len(rows),
        work=[bytes(works[code].work_id) for code, _, _ in rows],
        minutes=[minutes for _, minutes, _ in rows],
        price_ppm=[works[code].price_ppm for code, _, _ in rows],
        region_ppm=[rules.regions[REGION]] * len(rows),
        plays=[plays for _, _, plays in rows],
        credibility_ppm=[PPM_ONE] * len(rows),
    )
    raw = weigh(usage, k_ppm=rules.k_ppm, plays_max=rules.plays_max).raw
    if not rules.has_half_life:
        return raw
    ages = [
        age_steps(works[code].registered_at, SCOPE.reference_at, epoch_length_seconds=2 * MONTH)
        for code, _, _ in rows
    ]
    return decayed(raw, [factor_ppm(age) for age in ages], [PPM_ONE] * len(rows))[0]


@pytest.mark.parametrize("price_ppm", [PPM_ONE, 3 * PPM_ONE, 1_000 * PPM_ONE])
def test_raw__at_the_bound__exact_below_it_alone(price_ppm: int) -> None:
    """`usage_max` is the largest usage that is exact: one minute more is left to Python."""
    factors = factors_of([terms("song", price_ppm)], frozenset(), plays_max="1")
    largest = min(2**44 - 1, ((1 << SUM_BITS) - 1) // (price_ppm + 1)) // PPM_ONE

    _, is_exact = factors.raw(
        np.zeros(2, dtype=np.int64),
        np.array([largest, largest + 1], dtype=np.uint64),
        np.ones(2, dtype=np.uint64),
    )

    assert is_exact.tolist() == [True, False]


def test_region_ppm__unknown_region__zero() -> None:
    elsewhere = terms("song", 5, region=ELSEWHERE)

    assert factors_of([elsewhere], frozenset()).region_ppm(elsewhere) == 0
    here = replace(elsewhere, region_rule=REGION)
    assert factors_of([here], frozenset()).region_ppm(here) == PPM_ONE
