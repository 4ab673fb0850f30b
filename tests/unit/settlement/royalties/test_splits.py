from contracts.evm import Address
from contracts.leaves import SplitLine
from contracts.units import BaseUnits
from settlement.royalties.splits import parts, split_lines


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
