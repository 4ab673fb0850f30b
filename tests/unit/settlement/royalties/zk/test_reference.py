from settlement.royalties.zk.reference import ReferenceBackend
from tests.pairing_laws import (
    check_infinite_points_are_neutral,
    check_pairing_is_bilinear,
    check_sums_of_products,
)


def test_is_one__product_of_pairings__bilinear() -> None:
    check_pairing_is_bilinear(ReferenceBackend())


def test_is_one__infinite_points__neutral() -> None:
    check_infinite_points_are_neutral(ReferenceBackend())


def test_sum_of_products__also_infinite__equals_arithmetic() -> None:
    check_sums_of_products(ReferenceBackend())
