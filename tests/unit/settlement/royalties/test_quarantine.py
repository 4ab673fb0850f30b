import pytest

from contracts.evm import SCALAR_FIELD_ORDER, Address, BlockNumber, Hash32, keccak
from contracts.units import PPM_ONE
from settlement.royalties.inputs import EpochInputs, epoch_inputs
from settlement.royalties.parameters import parameters_in_force
from settlement.royalties.quarantine import AcceptedUsage, accept_usage
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import registry_in_force
from tests.royalties_builders import (
    ANN,
    BOB,
    DUSD,
    EURT,
    FIRST_EPOCH,
    ScriptedChain,
    parameters_json,
    scope_of,
    work,
)

SONG, FILM, UNKNOWN = work("song"), work("film"), work("unknown")
MASK = work("pseudonym")


@pytest.fixture
def chain() -> ScriptedChain:
    """Ann and Bob paid; song and film are registered."""
    chain = ScriptedChain()
    for one in (SONG, FILM):
        chain.set_terms(one, {ANN: 1_000_000}, price_ppm=2_000_000)
    for subscriber in (ANN, BOB):
        chain.subscribe(subscriber, 100)
    return chain


def inputs_of(chain: ScriptedChain, last_before_start: BlockNumber | None = None) -> EpochInputs:
    upto = chain.blocks[-1]
    return epoch_inputs(
        scope_of(chain, last_before_start=last_before_start),
        funded=chain.funded(FIRST_EPOCH, upto),
        subscribed=chain.subscribed(FIRST_EPOCH, upto),
        consumption=chain.consumption(FIRST_EPOCH, upto),
    )


def accepted(
    chain: ScriptedChain,
    *,
    held_at_start: bool = False,
    last_before_start: BlockNumber | None = None,
) -> AcceptedUsage:
    upto = chain.blocks[-1]
    inputs = inputs_of(chain, last_before_start)
    registry = registry_in_force(
        chain.work_terms(upto, FIRST_EPOCH),
        chain.verdicts(upto),
        chain.split_terms(upto, FIRST_EPOCH),
        epoch=FIRST_EPOCH,
        last_before_start=upto.number if held_at_start else None,
        timestamps={block.number: block.timestamp for block in chain.blocks},
    )
    parameters = parameters_in_force(chain.parameters(upto, FIRST_EPOCH), FIRST_EPOCH)
    return accept_usage(inputs, parameters, registry)


def reasons(result: AcceptedUsage) -> list[tuple[int, Reason]]:
    return [(item.position, item.reason) for item in result.quarantined]


def test_accept_usage__good_rows__in_chain_order_with_terms(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(SONG, 5, 2), (FILM, 0, 1)])
    chain.submit(BOB, [(SONG, 7, 1)])

    result = accepted(chain)

    assert result.quarantined == []
    assert list(result.usage.user) == [ANN, ANN, BOB]
    assert list(result.usage.minutes) == [5, 0, 7]
    assert list(result.usage.price_ppm) == [2_000_000] * 3
    assert list(result.usage.credibility_ppm) == [PPM_ONE] * 3


def test_accept_usage__tier_not_paid__whole_submission(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(SONG, 1, 1), (FILM, 1, 1)], tier_id=keccak(b"heavy"))

    assert reasons(accepted(chain)) == [(0, Reason.UNPAID_TIER), (1, Reason.UNPAID_TIER)]


def test_accept_usage__work_unknown__row_only(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(UNKNOWN, 1, 1), (SONG, 1, 1)])

    result = accepted(chain)

    assert reasons(result) == [(0, Reason.UNREGISTERED_WORK)]
    assert [row.work_id for row in result.rows] == [SONG]


def test_accept_usage__work_twice__first_wins(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(SONG, 1, 1)], part=0)
    chain.submit(ANN, [(SONG, 9, 1)], part=1)
    chain.submit(BOB, [(SONG, 5, 1)])

    result = accepted(chain)

    assert reasons(result) == [(0, Reason.DUPLICATE_WORK)]
    assert list(result.usage.minutes) == [1, 5]


def test_accept_usage__pseudonym_of_somebody_else__first_wins(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(SONG, 1, 1)], pseudonyms=[MASK])
    chain.submit(BOB, [(FILM, 1, 1)], pseudonyms=[MASK])

    assert reasons(accepted(chain)) == [(0, Reason.REUSED_PSEUDONYM)]


def test_accept_usage__quarantined_row__does_not_count_as_seen(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(UNKNOWN, 1, 1)], part=0, pseudonyms=[MASK])
    chain.submit(ANN, [(SONG, 1, 1)], part=1, pseudonyms=[MASK])

    assert reasons(accepted(chain)) == [(0, Reason.UNREGISTERED_WORK)]


def test_accept_usage__region_rule_without_factor__quarantined(chain: ScriptedChain) -> None:
    mars = work("mars")
    chain.set_terms(mars, {ANN: 1_000_000}, region_rule=keccak(b"mars"))
    chain.submit(ANN, [(mars, 1, 1)])

    assert reasons(accepted(chain)) == [(0, Reason.UNKNOWN_REGION_RULE)]


def test_accept_usage__work_under_verdict__kept_without_credibility(chain: ScriptedChain) -> None:
    chain.place_verdict(SONG)
    chain.submit(ANN, [(SONG, 1, 1), (FILM, 1, 1)], part=0)
    chain.submit(ANN, [(SONG, 1, 1)], part=1)

    result = accepted(chain, held_at_start=True)

    assert reasons(result) == [(0, Reason.WORK_UNDER_VERDICT), (0, Reason.DUPLICATE_WORK)]
    assert [row.work_id for row in result.rows] == [SONG, FILM]
    assert list(result.usage.credibility_ppm) == [0, PPM_ONE]


def test_accept_usage__several_reasons__first_in_order(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(UNKNOWN, 1, 1)], tier_id=keccak(b"heavy"))

    assert reasons(accepted(chain)) == [(0, Reason.UNPAID_TIER)]


def test_epoch_inputs__two_payments_in_one_asset__summed(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 11, tier_id=keccak(b"heavy"))
    chain.subscribe(ANN, 7, asset=EURT)

    inputs = inputs_of(chain)

    assert inputs.fees == {DUSD: {ANN: 111, BOB: 100}, EURT: {ANN: 7}}
    assert inputs.funded == {DUSD: 211, EURT: 7}


@pytest.mark.parametrize("of", ["work", "pseudonym"])
@pytest.mark.parametrize(("above", "is_left_out"), [(-1, False), (0, True), (1, True)])
def test_accept_usage__id_at_the_order_of_the_field__not_canonical(
    chain: ScriptedChain, of: str, above: int, is_left_out: bool
) -> None:
    border = Hash32.from_int(SCALAR_FIELD_ORDER + above)
    chain.set_terms(border, {ANN: 1_000_000})
    chain.submit(ANN, [(border if of == "work" else SONG, 1, 1)], pseudonyms=[MASK])
    if of == "pseudonym":
        chain.submit(BOB, [(SONG, 1, 1)], pseudonyms=[border])

    expected = [(0, Reason.NON_CANONICAL_ID)] if is_left_out else []
    assert reasons(accepted(chain)) == expected


def test_accept_usage__id_that_is_another_one_in_the_field__does_not_count_as_seen(
    chain: ScriptedChain,
) -> None:
    alias = Hash32.from_int(int.from_bytes(SONG, "big") + SCALAR_FIELD_ORDER)
    chain.submit(ANN, [(alias, 1, 1)], part=0)
    chain.submit(ANN, [(SONG, 1, 1)], part=1)

    result = accepted(chain)

    assert reasons(result) == [(0, Reason.NON_CANONICAL_ID)]
    assert [row.work_id for row in result.rows] == [SONG]


@pytest.mark.parametrize(("minutes", "is_left_out"), [(600, False), (601, True)])
def test_accept_usage__minutes_above_the_limit__absurd(
    chain: ScriptedChain, minutes: int, is_left_out: bool
) -> None:
    chain.set_parameters(parameters_json(minutes_max="600"), effective=FIRST_EPOCH)
    chain.submit(ANN, [(SONG, minutes, 1)])

    assert reasons(accepted(chain)) == ([(0, Reason.ABSURD_MINUTES)] if is_left_out else [])


def test_accept_usage__no_limit_of_minutes__all_that_the_event_can_say(
    chain: ScriptedChain,
) -> None:
    chain.submit(ANN, [(SONG, 2**32 - 1, 1)])

    assert reasons(accepted(chain)) == []


@pytest.mark.parametrize(
    ("shares", "price_ppm", "is_left_out"),
    [
        ({ANN: 1_000_000}, 0, True),
        ({ANN: 1_000_000}, 1, False),
        ({ANN: 1_000_000}, 2**40 - 1, False),
        ({ANN: 1_000_000}, 2**40, True),
        ({ANN: 999_999}, 1, True),
        ({ANN: 1_000_000, BOB: 0}, 1, True),
        ({}, 1, False),
        ({}, 0, True),
    ],
)
def test_accept_usage__terms_that_nothing_can_be_shared_by__malformed(
    chain: ScriptedChain, shares: dict[Address, int], price_ppm: int, is_left_out: bool
) -> None:
    odd = work("odd")
    chain.set_terms(odd, shares, price_ppm=price_ppm)
    chain.submit(ANN, [(odd, 1, 1)])

    assert reasons(accepted(chain)) == ([(0, Reason.MALFORMED_TERMS)] if is_left_out else [])


def test_accept_usage__every_reason_of_a_row__the_earlier_one_counts(chain: ScriptedChain) -> None:
    """Each submission has the fault that it is named for, and all faults that come later."""
    chain.set_parameters(parameters_json(minutes_max="5"), effective=FIRST_EPOCH)
    bad, held = work("bad"), work("held")
    chain.set_terms(bad, {ANN: 1}, region_rule=MASK)
    chain.set_terms(held, {ANN: 1_000_000}, region_rule=MASK)
    for one in (bad, held, UNKNOWN):
        chain.place_verdict(one)
    chain.submit(ANN, [(SONG, 1, 1)], part=0, pseudonyms=[MASK])
    above = Hash32.from_int(SCALAR_FIELD_ORDER)
    later = [
        (above, "heavy", Reason.NON_CANONICAL_ID),
        (UNKNOWN, "heavy", Reason.UNPAID_TIER),
        (UNKNOWN, "light", Reason.UNREGISTERED_WORK),
        (SONG, "light", Reason.DUPLICATE_WORK),
        (bad, "light", Reason.REUSED_PSEUDONYM),
    ]
    for part, (work_id, tier, _) in enumerate(later, start=1):
        chain.submit(
            ANN, [(work_id, 6, 1)], part=part, tier_id=keccak(tier.encode()), pseudonyms=[MASK]
        )
    chain.submit(ANN, [(bad, 6, 1), (bad, 5, 1), (held, 5, 1)], part=6)

    result = accepted(chain, held_at_start=True)

    assert [one.reason for one in result.quarantined] == [
        *(reason for _, _, reason in later),
        Reason.ABSURD_MINUTES,
        Reason.MALFORMED_TERMS,
        Reason.UNKNOWN_REGION_RULE,
    ]


def test_accept_usage__submission_left_out__its_rows_are_not_seen(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(SONG, 1, 1)] * 17, part=0, pseudonyms=[MASK] * 17)
    chain.submit(ANN, [(SONG, 2, 1)], part=0, pseudonyms=[MASK])

    result = accepted(chain)

    assert [one.reason for one in result.quarantined] == [Reason.TOO_MANY_ROWS] * 17
    assert list(result.usage.minutes) == [2]


def test_accept_usage__submission_of_an_earlier_block__outside_grace(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(SONG, 1, 1)])
    before = chain.blocks[-1].number
    chain.mine(chain.blocks[-1].timestamp + 1)
    chain.submit(BOB, [(SONG, 1, 1)])

    result = accepted(chain, last_before_start=before)

    assert reasons(result) == [(0, Reason.OUTSIDE_GRACE)]
    assert [row.submitter for row in result.rows] == [BOB]
