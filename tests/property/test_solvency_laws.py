"""Laws of solvency statements: every line is provable, and no changed one is."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.units import UINT256_MAX
from reconciliation.liability_tree import sibling_places
from reconciliation.solvency_proof_check import check_line
from tests.solvency_builders import document_of, statement_of

OWED = st.dictionaries(st.integers(1, 2**64), st.integers(1, 2**240), min_size=1, max_size=40)


@given(OWED, st.data())
def test_law__every_line__is_proved_to_the_independent_check(
    owed: dict[int, int], data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from(sorted(owed)))
    statement = statement_of(owed)

    outcome = check_line(document_of(statement, number), digest=str(statement.digest))

    assert outcome.problems == ()
    assert outcome.amount == owed[number]
    assert statement.total == sum(owed.values())


@given(OWED, st.data())
@settings(max_examples=60)
def test_law__one_number_changed__nothing_is_proved(
    owed: dict[int, int], data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from(sorted(owed)))
    document: Any = document_of(statement_of(owed), number)
    places = [(document["line"], "amount"), (document["root"], "sum")]
    places += [(sibling, "sum") for sibling in document["siblings"]]
    holder, field = data.draw(st.sampled_from(places))
    other = data.draw(st.integers(0, UINT256_MAX).filter(lambda one: str(one) != holder[field]))

    holder[field] = str(other)

    assert check_line(document).problems


@given(OWED, OWED)
def test_law__two_statements__same_digest_only_if_same_lines(
    one: dict[int, int], other: dict[int, int]
) -> None:
    first, second = statement_of(one), statement_of(other)

    assert (first.digest == second.digest) == (one == other)


@given(st.integers(1, 300), st.data())
def test_law__places__are_as_many_as_the_way_is_long(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))

    places = sibling_places(index, count)

    assert len(places) <= (count - 1).bit_length()
    assert all(place <= (count - 1) >> level for level, place in places)
