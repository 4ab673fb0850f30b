import pytest

from contracts.evm import keccak
from contracts.units import PPM_ONE
from settlement.royalties.inputs import epoch_inputs
from settlement.royalties.parameters import parameters_in_force
from settlement.royalties.quarantine import AcceptedUsage, Reason, accept_usage
from settlement.royalties.registry import registry_in_force
from tests.royalties_builders import (
    ANN,
    BOB,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    ScriptedChain,
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


def accepted(chain: ScriptedChain, *, held_at_start: bool = False) -> AcceptedUsage:
    upto = chain.blocks[-1]
    inputs = epoch_inputs(
        epoch=FIRST_EPOCH,
        payouts=SETTLEMENT.payouts,
        funded=chain.funded(FIRST_EPOCH, upto),
        subscribed=chain.subscribed(FIRST_EPOCH, upto),
        consumption=chain.consumption(FIRST_EPOCH, upto),
    )
    registry = registry_in_force(
        chain.work_terms(upto, FIRST_EPOCH),
        chain.verdicts(upto),
        epoch=FIRST_EPOCH,
        last_before_start=upto.number if held_at_start else None,
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
    upto = chain.blocks[-1]

    inputs = epoch_inputs(
        epoch=FIRST_EPOCH,
        payouts=SETTLEMENT.payouts,
        funded=chain.funded(FIRST_EPOCH, upto),
        subscribed=chain.subscribed(FIRST_EPOCH, upto),
        consumption=chain.consumption(FIRST_EPOCH, upto),
    )

    assert inputs.fees == {DUSD: {ANN: 111, BOB: 100}, EURT: {ANN: 7}}
    assert inputs.funded == {DUSD: 211, EURT: 7}
