"""Windows and sums over what goes to payees."""

import pytest

from contracts.evm import Address, Timestamp
from contracts.leaves import SplitLine
from contracts.units import BaseUnits
from settlement.ledger.paid import PaidLine
from settlement.payouts.outflow import Outflow, window_start

USD, EUR = Address(b"\x01" * 20), Address(b"\x02" * 20)
ANN, BEN = Address(b"\xa1" * 20), Address(b"\xa2" * 20)
NOW = Timestamp(1_000)


def paid(payee: Address, amount: int, at: int, asset: Address = USD) -> PaidLine:
    return PaidLine(payee=payee, asset=asset, amount=amount, paid_at=Timestamp(at))


@pytest.mark.parametrize(("length_s", "start"), [(1, 1_000), (2, 999), (1_000, 1)])
def test_window_start__length__ends_with_now(length_s: int, start: int) -> None:
    assert window_start(NOW, length_s) == start


def test_outflow__edges__first_second_in_the_one_before_out() -> None:
    outflow = Outflow([paid(ANN, 1, 900), paid(ANN, 2, 901), paid(ANN, 4, 1_000)], NOW)

    assert outflow.volume(ANN, USD, 100) == 6
    assert outflow.count(ANN, USD, 100) == 2
    assert outflow.total(USD, 100) == 6
    assert outflow.volume(ANN, USD, 101) == outflow.total(USD, 101) == 7


def test_outflow__payees_and_assets__kept_apart() -> None:
    outflow = Outflow([paid(ANN, 1, 990), paid(BEN, 2, 990), paid(ANN, 4, 990, EUR)], NOW)

    assert (outflow.volume(ANN, USD, 100), outflow.volume(BEN, USD, 100)) == (1, 2)
    assert (outflow.total(USD, 100), outflow.total(EUR, 100)) == (3, 4)


def test_outflow__on_the_way__in_every_window_until_removed() -> None:
    outflow = Outflow([paid(ANN, 1, 1)], NOW)
    lines = [SplitLine(payee=ANN, amount=BaseUnits(7)), SplitLine(payee=ANN, amount=BaseUnits(9))]

    outflow.add(USD, lines)
    during = (outflow.volume(ANN, USD, 1), outflow.count(ANN, USD, 1), outflow.total(USD, 1))
    outflow.remove(USD, lines[:1])

    assert during == (16, 2, 16)
    assert (outflow.volume(ANN, USD, 1), outflow.total(USD, 1)) == (9, 9)
    assert outflow.total(EUR, 1) == 0
