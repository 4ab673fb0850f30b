from settlement.royalties.zk.fast import FastBackend
from tests.pairing_laws import (
    check_infinite_points_are_neutral,
    check_pairing_is_bilinear,
    check_sums_of_products,
)


def test_is_one__product_of_pairings__bilinear() -> None:
    check_pairing_is_bilinear(FastBackend())


def test_is_one__infinite_points__neutral() -> None:
    check_infinite_points_are_neutral(FastBackend())


def test_sum_of_products__also_infinite__equals_arithmetic() -> None:
    check_sums_of_products(FastBackend())
