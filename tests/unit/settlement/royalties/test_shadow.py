"""An epoch under other parameters: the same money, divided otherwise, and the exact difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.batches import ParametersColumns
from contracts.evm import BlockNumber, Epoch, LogIndex, keccak
from settlement.errors import BadParameters, UnknownName
from settlement.royalties.derivation import derive
from settlement.royalties.parameters import parameters_from_bytes
from settlement.royalties.shadow import announced_parameters, shadow
from tests.royalties_builders import (
    CAT,
    FIRST_EPOCH,
    facts_of,
    fee_json,
    parameters_json,
    sample_chain,
)
from tests.two_epochs import two_epochs

COMPUTED = derive(facts_of(sample_chain(), FIRST_EPOCH))


def test_shadow__its_own_parameters__no_difference() -> None:
    found = shadow(COMPUTED, parameters_from_bytes(parameters_json()))

    assert found.distribution == COMPUTED.distribution
    assert found.present == found.other
    assert not any(one.change.delta for one in found.difference.payees)


@given(
    k_ppm=st.integers(0, 10**7),
    plays_max=st.integers(1, 100_000),
    fee_ppm=st.integers(1, 500_000),
    half_life=st.booleans(),
)
def test_shadow__any_parameters__the_same_money_divided_otherwise(
    k_ppm: int, plays_max: int, fee_ppm: int, half_life: bool
) -> None:
    changes = {"half_life": "v1"} if half_life else {}
    other = parameters_from_bytes(
        parameters_json(
            k_ppm=str(k_ppm),
            plays_max=str(plays_max),
            fees=[fee_json("protocol", CAT, fee_ppm)],
            **changes,
        )
    )

    found = shadow(COMPUTED, other)

    assert found.other == other
    for total in found.difference.totals:
        gained = sum(
            one.change.delta for one in found.difference.payees if one.asset == total.asset
        )
        assert gained == -total.unallocated.delta
        assert total.paid_in.delta == 0
    assert any(total.fees.delta for total in found.difference.totals)


def test_shadow__parameters_in_force_next__what_the_next_epoch_then_uses() -> None:
    """The announcement that the shadow takes is the one that comes into force."""
    chain, first, following = two_epochs()
    head = chain.finalized()
    assert head is not None

    announced = announced_parameters(chain.parameters(head, Epoch(10**9)), FIRST_EPOCH)

    assert announced is not None
    assert announced.digest == following.manifest.ruleset_parameters_digest
    assert announced.digest != first.manifest.ruleset_parameters_digest
    assert shadow(first, announced).difference.totals


def test_shadow__unknown_ruleset__named() -> None:
    with pytest.raises(UnknownName, match="nobody-v9"):
        shadow(COMPUTED, parameters_from_bytes(parameters_json(ruleset="nobody-v9")))


def columns(*announced: tuple[int, bytes]) -> ParametersColumns:
    return ParametersColumns(
        block_number=[BlockNumber(place) for place in range(len(announced))],
        log_index=[LogIndex(0)] * len(announced),
        effective_epoch=[Epoch(epoch) for epoch, _ in announced],
        digest=[keccak(data) for _, data in announced],
        parameters=[data for _, data in announced],
    )


@pytest.mark.parametrize("effective", [[], [3], [9, 3], [5]], ids=str)
def test_announced_parameters__last_one_in_force_by_then__none(effective: list[int]) -> None:
    known = columns(*((epoch, parameters_json()) for epoch in effective))

    assert announced_parameters(known, Epoch(5)) is None


def test_announced_parameters__two_announced__the_later_log_stands() -> None:
    known = columns((9, parameters_json(k_ppm="1")), (7, parameters_json(k_ppm="2")))

    announced = announced_parameters(known, Epoch(5))

    assert announced is not None
    assert announced.k_ppm == 2


def test_announced_parameters__unreadable__says_so() -> None:
    with pytest.raises(BadParameters):
        announced_parameters(columns((9, b"{}")), Epoch(5))
