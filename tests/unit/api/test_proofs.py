from collections.abc import Sequence

import pytest

from api.adapters.leaves import LeafRow
from api.epoch_state import EpochState
from api.errors import BadValue, NotFound
from api.proofs import ProofQuestion, is_split_well_formed, the_leaf, withdrawable
from api.schemas.proofs import Withdrawable
from contracts.evm import Address, Epoch, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.units import BaseUnits

WORK = Hash32(b"\x01" * 32)
CONTRACT, ASSET, OTHER = (Address(bytes([byte]) * 20) for byte in (0xC0, 0xA0, 0xA1))


def row(asset: Address, part: int = 0) -> LeafRow:
    return LeafRow(part=part, asset=asset, payees=[bytes(20)], amounts=[1])


def question(asset: Address | None = None, part: int | None = None) -> ProofQuestion:
    return ProofQuestion(epoch=1, work_id=WORK, asset=asset, part=part)


def leaf_of(payees: Sequence[int], amounts: Sequence[int]) -> Leaf:
    lines = zip(payees, amounts, strict=True)
    return Leaf(
        epoch=Epoch(1),
        work_id=WORK,
        part=0,
        asset=ASSET,
        lines=tuple(
            SplitLine(payee=Address(bytes([payee]) * 20), amount=BaseUnits(amount))
            for payee, amount in lines
        ),
    )


def test_the_leaf__only_one__needs_no_name() -> None:
    assert the_leaf([row(ASSET)], question()) == row(ASSET)


def test_the_leaf__named__is_chosen() -> None:
    stored = [row(ASSET, 0), row(ASSET, 1), row(OTHER, 0)]

    assert the_leaf(stored, question(asset=OTHER)) == row(OTHER, 0)
    assert the_leaf(stored, question(part=1)) == row(ASSET, 1)
    assert the_leaf(stored, question(asset=ASSET, part=0)) == row(ASSET, 0)


@pytest.mark.parametrize(
    ("asset", "part", "field", "choice"),
    [
        (None, None, "asset", str(OTHER)),
        (None, 0, "asset", str(ASSET)),
        (ASSET, None, "part", "0, 1"),
    ],
)
def test_the_leaf__several__the_choice_is_listed(
    asset: Address | None, part: int | None, field: str, choice: str
) -> None:
    stored = [row(ASSET, 0), row(ASSET, 1), row(OTHER, 0)]

    with pytest.raises(BadValue, match=choice) as caught:
        the_leaf(stored, question(asset, part))

    assert caught.value.field == field


@pytest.mark.parametrize(("asset", "part"), [(OTHER, None), (None, 1), (ASSET, 1)])
def test_the_leaf__none__not_found(asset: Address | None, part: int | None) -> None:
    with pytest.raises(NotFound):
        the_leaf([row(ASSET)], question(asset, part))


@pytest.mark.parametrize(
    ("state", "is_held", "is_withdrawn", "expected"),
    [
        (EpochState.PENDING, True, False, Withdrawable.EPOCH_NOT_ACTIVE),
        (EpochState.ACTIVE, True, True, Withdrawable.WORK_UNDER_VERDICT),
        (EpochState.ACTIVE, False, True, Withdrawable.ALREADY_WITHDRAWN),
        (EpochState.SETTLED, False, True, Withdrawable.ALREADY_WITHDRAWN),
        (EpochState.ACTIVE, False, False, Withdrawable.OPEN),
    ],
)
def test_withdrawable__several_reasons__the_contract_s_first(
    state: EpochState, is_held: bool, is_withdrawn: bool, expected: Withdrawable
) -> None:
    assert withdrawable(state, is_held=is_held, is_withdrawn=is_withdrawn) is expected


def test_split__ascending_and_positive__well_formed() -> None:
    assert is_split_well_formed(leaf_of([1], [1]), CONTRACT)
    assert is_split_well_formed(leaf_of(range(1, 33), [1] * 32), CONTRACT)


@pytest.mark.parametrize(
    ("payees", "amounts"),
    [
        ([], []),
        (range(1, 34), [1] * 33),
        ([2, 1], [1, 1]),
        ([1, 1], [1, 1]),
        ([1, 2], [1, 0]),
        ([0], [1]),
        ([0xA0], [1]),
        ([0xC0], [1]),
    ],
)
def test_split__what_the_contract_refuses__not_well_formed(
    payees: Sequence[int], amounts: Sequence[int]
) -> None:
    assert not is_split_well_formed(leaf_of(payees, amounts), CONTRACT)
