"""When the demo's single payments are as they should be, and how they are spelled in JSON."""

from dataclasses import replace

import pytest

from scripts.demo.payment_outcome import PaymentsOutcome
from tests.demo_outcomes import good_payments

GOOD = good_payments()


def test_payments__all_as_expected__no_problem() -> None:
    assert GOOD.problems == ()


def test_payments__sale_stands_elsewhere__named() -> None:
    sale, *rest = GOOD.sales
    outcome = replace(GOOD, sales=(replace(sale, state="gone"), *rest))

    assert outcome.problems == ("payment of a content: gone, not final",)


def test_payments__somebody_let_in_who_should_not__named() -> None:
    (admission,) = GOOD.admissions
    outcome = replace(GOOD, admissions=(replace(admission, expected="denied: payment_gone"),))

    assert outcome.problems == ("a fan: granted: paid, not denied: payment_gone",)


@pytest.mark.parametrize(("tipped", "passed_on"), [(0, 0), (7, 6), (7, 8), (7, 0)])
def test_payments__tip_not_passed_on_whole__a_problem(tipped: int, passed_on: int) -> None:
    outcome: PaymentsOutcome = replace(GOOD, tipped=tipped, passed_on=passed_on)

    assert outcome.problems == (f"of tips of {tipped} wei, {passed_on} were passed on",)


def test_to_json__amounts__decimal_strings() -> None:
    document = GOOD.to_json()

    assert document["tipped"] == document["passed_on"] == "10000000000000000"
    assert document["admissions"] == [{"who": "a fan", "answer": "granted: paid"}]
    sales = document["sales"]
    assert isinstance(sales, list)
    assert [sale["amount"] for sale in sales] == ["10000000", "10000000000000000"]
    assert [sale["fee"] for sale in sales] == ["1000000", "500000000000000"]
