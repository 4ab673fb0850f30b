import pytest

from contracts.evm import Address
from contracts.leaves import SplitLine
from contracts.units import BaseUnits
from settlement.royalties.splits import is_well_formed, parts, split_lines

LOW, HIGH = Address(b"\x01" * 20), Address(b"\x02" * 20)


def payee(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


def lines_of(amount: int, shares: dict[Address, int]) -> tuple[SplitLine, ...]:
    return split_lines(BaseUnits(amount), payees=list(shares), shares_ppm=list(shares.values()))


def test_split_lines__three_thirds__remainder_to_the_lower_address() -> None:
    lines = lines_of(100, {payee(3): 333_333, payee(1): 333_333, payee(2): 333_334})

    assert [(line.payee, line.amount) for line in lines] == [
        (payee(1), 33),
        (payee(2), 34),
        (payee(3), 33),
    ]


def test_split_lines__equal_remainders__lower_address_first() -> None:
    lines = lines_of(1, {payee(2): 500_000, payee(1): 500_000})

    assert lines == (SplitLine(payee=payee(1), amount=BaseUnits(1)),)


@pytest.mark.parametrize("shares", [(1_000_000,), (500_000, 250_000, 250_000)])
def test_split_lines__another_number_of_shares__refused(shares: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"argument 2 is (shorter|longer)"):
        split_lines(BaseUnits(9), payees=[LOW, HIGH], shares_ppm=shares)


def test_split_lines__nothing__no_lines() -> None:
    assert lines_of(0, {payee(1): 1_000_000}) == ()


def test_parts__thirty_two_lines__one_leaf() -> None:
    lines = [SplitLine(payee=payee(number), amount=BaseUnits(1)) for number in range(1, 33)]

    assert parts(lines) == (tuple(lines),)


def test_parts__one_more__second_leaf() -> None:
    lines = [SplitLine(payee=payee(number), amount=BaseUnits(1)) for number in range(1, 34)]

    assert [len(part) for part in parts(lines)] == [32, 1]
    assert parts(lines)[1] == (lines[32],)


def test_parts__no_lines__no_leaf() -> None:
    assert parts([]) == ()


@pytest.mark.parametrize(
    ("payees", "shares", "is_good"),
    [
        ((LOW, HIGH), (1, 999_999), True),
        ((LOW,), (1_000_000,), True),
        ((), (), False),
        ((LOW, LOW), (500_000, 500_000), False),
        ((HIGH, LOW), (500_000, 500_000), False),
        ((LOW, HIGH), (0, 1_000_000), False),
        ((LOW, HIGH), (-1, 1_000_001), False),
        ((LOW, HIGH), (500_000, 500_001), False),
        ((LOW, HIGH), (1_000_000,), False),
        ((LOW,), (500_000, 500_000), False),
    ],
)
def test_is_well_formed__payees_and_shares__strictly_ascending_and_whole(
    payees: tuple[Address, ...], shares: tuple[int, ...], is_good: bool
) -> None:
    assert is_well_formed(payees, shares) is is_good
