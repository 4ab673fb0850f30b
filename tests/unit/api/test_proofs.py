from collections.abc import Sequence
from dataclasses import replace

import pytest

from api.adapters.leaves import LeafRow
from api.epoch_state import EpochState
from api.errors import BadValue, NotFound
from api.proofs import ProofQuestion, is_split_well_formed, the_leaf, withdrawable
from api.schemas.proofs import SplitLineOut, Withdrawable
from contracts.evm import Address, Epoch, Hash32
from contracts.leaves import Leaf, LeafKind, SplitLine, escrow_id, suspense_id
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


def lines_of(*outcomes: str | None) -> list[SplitLineOut]:
    return [
        SplitLineOut.model_validate({"payee": bytes([n]) * 20, "amount": 1, "outcome": outcome})
        for n, outcome in enumerate(outcomes, start=1)
    ]


@pytest.mark.parametrize(
    ("state", "is_under_verdict", "outcomes", "expected"),
    [
        (EpochState.PENDING, True, (None,), Withdrawable.EPOCH_NOT_ACTIVE),
        (EpochState.ACTIVE, True, ("paid",), Withdrawable.WORK_UNDER_VERDICT),
        (EpochState.ACTIVE, False, ("paid", "unclaimed"), Withdrawable.ALREADY_WITHDRAWN),
        (EpochState.SETTLED, False, ("paid",), Withdrawable.ALREADY_WITHDRAWN),
        (EpochState.ACTIVE, False, (None,), Withdrawable.OPEN),
        (EpochState.ACTIVE, False, ("paid", None), Withdrawable.OPEN),
        (EpochState.ACTIVE, False, ("held", None), Withdrawable.OPEN),
        (EpochState.ACTIVE, False, ("held", "paid"), Withdrawable.ALL_LINES_HELD),
        (EpochState.ACTIVE, False, ("held",), Withdrawable.ALL_LINES_HELD),
    ],
)
def test_withdrawable__several_reasons__the_contract_s_first(
    state: EpochState,
    is_under_verdict: bool,
    outcomes: tuple[str | None, ...],
    expected: Withdrawable,
) -> None:
    for kind in (LeafKind.WORK, LeafKind.FEES):
        lines = lines_of(*outcomes)
        assert withdrawable(state, kind, lines, is_under_verdict=is_under_verdict) is expected


@pytest.mark.parametrize("kind", [LeafKind.ESCROW, LeafKind.SUSPENSE])
@pytest.mark.parametrize(
    ("state", "outcome", "expected"),
    [
        (EpochState.PENDING, None, Withdrawable.EPOCH_NOT_ACTIVE),
        (EpochState.ACTIVE, None, Withdrawable.IN_ESCROW),
        (EpochState.ACTIVE, "released", Withdrawable.ALREADY_WITHDRAWN),
        (EpochState.ACTIVE, "expired", Withdrawable.ALREADY_WITHDRAWN),
    ],
)
def test_withdrawable__escrow__in_escrow_until_it_has_ended(
    kind: LeafKind, state: EpochState, outcome: str | None, expected: Withdrawable
) -> None:
    assert withdrawable(state, kind, lines_of(outcome), is_under_verdict=False) is expected


@pytest.mark.parametrize(
    ("payees", "part", "is_well_formed"),
    [([0xC0], 0, True), ([0xC0], 1, False), ([1], 0, False), ([1, 0xC0], 0, False), ([], 0, False)],
)
def test_split__of_an_escrow_leaf__one_line_for_the_contract_alone(
    payees: Sequence[int], part: int, *, is_well_formed: bool
) -> None:
    for leaf_id in (escrow_id(WORK), suspense_id(Hash32.from_int(1))):
        leaf = replace(leaf_of(payees, [1] * len(payees)), work_id=leaf_id, part=part)

        assert is_split_well_formed(leaf, CONTRACT) is is_well_formed


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
