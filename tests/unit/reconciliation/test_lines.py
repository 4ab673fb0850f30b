"""`reconciliation.matching` and `reconciliation.lines`: pairs, and what is wrong with the rest."""

from collections.abc import Generator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address, Hash32
from reconciliation.chain_events import RawLog
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.lines import Corrections, Surroundings, in_other_assets, judged
from reconciliation.matching import Booked, Matched, match, uncaused
from reconciliation.movements import Expected, Movement, log_source_id

ASSET, OTHER = b"\xaa" * 20, b"\xab" * 20
HASH, TX, GONE = b"\x09" * 32, b"\x07" * 32, b"\x06" * 32
MOVED = Movement(ASSET, 100, "cash", "paid_in:1")
LEAF_LINES = (
    Movement(ASSET, 60, "committed:1", "payable:1:a"),
    Movement(ASSET, 40, "committed:1", "payable:1:b"),
)


def raw(block: int, index: int = 0) -> RawLog:
    return RawLog(block, index, HASH, TX, b"\xc0" * 20, (), b"")


def expected(block: int, *moved: Movement) -> Expected:
    log = raw(block)
    return Expected(log_source_id(1, log), "EpochFunded", log, 1000 + block, moved or (MOVED,))


def booked(block: int, *moved: Movement, leg: int = 0) -> Booked:
    source = log_source_id(1, raw(block))
    entry_id = block.to_bytes(31, "big") + bytes([leg])
    return Booked(source, leg, entry_id, block, HASH, 1000 + block, moved or (MOVED,))


def found_in(
    matched: Matched, around: Surroundings | None = None, *manuals: Booked
) -> list[Discrepancy]:
    here = around or Surroundings(block_hash=Hash32(HASH))
    return judged((matched,), lambda _: here, Corrections(manuals))


def pair(one: Expected, other: Booked) -> Matched:
    return match([one], [other])


@given(
    st.lists(st.integers(1, 40), unique=True),
    st.lists(st.integers(1, 40), unique=True),
)
def test_match__any_two_streams__every_entry_once(chain: list[int], books: list[int]) -> None:
    matched = match(map(expected, sorted(chain)), map(booked, sorted(books)))

    both = set(chain) & set(books)
    assert matched.agreeing == len(both)
    assert {one.log.block_number for one in matched.only_expected if one.log} == set(chain) - both
    assert {one.block_number for one in matched.only_booked} == set(books) - both


def test_match__second_entry_of_one_log__left_over() -> None:
    matched = match([expected(1)], [booked(1), booked(1, leg=1)])

    assert (matched.agreeing, [one.leg for one in matched.only_booked]) == (1, [1])


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"movements": (MOVED._replace(amount=101),)}, Kind.AMOUNT),
        ({"movements": (MOVED._replace(credit="paid_in:2"),)}, Kind.PAYEE),
        ({"movements": (MOVED._replace(asset=OTHER),)}, Kind.ASSET_OR_CONTRACT),
        ({"movements": (MOVED, MOVED)}, Kind.DUPLICATE),
        ({"movements": (MOVED, MOVED._replace(amount=3))}, Kind.AMOUNT),
        ({"effective_at": 5}, Kind.TIMING),
        ({"block_hash": GONE}, Kind.REORGED),
    ],
)
def test_judged__entry_with_a_cause__kind_of_the_difference(
    change: dict[str, object], kind: Kind
) -> None:
    entry = booked(1)._replace(**change)  # type: ignore[arg-type]

    (found,) = found_in(pair(expected(1), entry))

    assert (found.kind, found.subject, found.asset) == (kind, "log 1/0", Address(ASSET))
    assert (found.place.entry_id, found.place.transaction_hash) == (entry.entry_id, TX)


@pytest.mark.parametrize(("units", "kind"), [(1, Kind.DUST), (-1, Kind.DUST), (2, Kind.AMOUNT)])
def test_judged__leaf_with_other_lines__dust_below_one_unit_a_line(units: int, kind: Kind) -> None:
    leaf = Expected(b"\x01" * 64, "leaf", None, 5, LEAF_LINES)
    moved = (LEAF_LINES[0]._replace(amount=60 + units), LEAF_LINES[1])
    entry = Booked(b"\x01" * 64, 0, b"\x02" * 32, None, None, 5, moved)

    (found,) = found_in(pair(leaf, entry), Surroundings())

    assert found.kind is kind


@pytest.mark.parametrize(
    ("around", "kind"),
    [
        (Surroundings(block_hash=Hash32(HASH)), Kind.MISSING_ON_CHAIN),
        (Surroundings(block_hash=Hash32(GONE), twin=Hash32(GONE)), Kind.REORGED),
        (Surroundings(block_hash=Hash32(HASH), foreign=raw(1)), Kind.ASSET_OR_CONTRACT),
        (Surroundings(block_hash=Hash32(HASH), failed=Hash32(TX)), Kind.REVERTED),
        (Surroundings(block_hash=Hash32(HASH), twin=Hash32(TX)), Kind.DUPLICATE),
    ],
)
def test_judged__entry_without_a_cause__kind_of_what_stands_there(
    around: Surroundings, kind: Kind
) -> None:
    (found,) = found_in(match([], [booked(1)]), around)

    assert (found.kind, found.place.entry_id) == (kind, booked(1).entry_id)


def test_judged__event_without_an_entry__missing_in_the_books() -> None:
    (found,) = found_in(match([expected(4)], []))

    assert (found.kind, found.subject) == (Kind.MISSING_IN_BOOKS, "log 4/0")
    assert found.place.entry_id is None


@pytest.mark.parametrize(("hashed", "kind"), [(HASH, Kind.TIMING), (GONE, Kind.REORGED)])
def test_judged__same_movement_in_another_place__one_discrepancy(hashed: bytes, kind: Kind) -> None:
    around = Surroundings(block_hash=Hash32(hashed))

    (found,) = found_in(match([expected(4)], [booked(2)]), around)

    assert (found.kind, found.actual) == (kind, "it is log 4/0")


def test_judged__manual_entry_makes_it_good__nothing_and_no_cash_left() -> None:
    wrong = booked(1, MOVED._replace(amount=107))
    correction = booked(9, Movement(ASSET, 7, "paid_in:1", "cash"))
    corrections = Corrections([correction])

    found = judged((pair(expected(1), wrong),), lambda _: Surroundings(), corrections)

    assert (found, corrections.cash()) == ([], {})


def test_judged__manual_entry_of_another_sum__still_found() -> None:
    wrong = booked(1, MOVED._replace(amount=107))
    correction = booked(9, Movement(ASSET, 6, "paid_in:1", "cash"))
    corrections = Corrections([correction])

    found = judged((pair(expected(1), wrong),), lambda _: Surroundings(), corrections)

    assert [one.kind for one in found] == [Kind.AMOUNT, Kind.MISSING_ON_CHAIN]
    assert found[1].subject == f"entry {Hash32(correction.entry_id)}"
    assert corrections.cash() == {}


@pytest.mark.parametrize(
    ("debit", "credit", "cash", "is_found"),
    [
        ("payable:1:a", "unclaimed:b", {}, True),
        ("unclaimed:a", "surplus", {}, True),
        ("cash", "surplus", {Address(ASSET): 5}, False),
        ("unexplained", "cash", {Address(ASSET): -5}, False),
        ("owed:1:a", "documents:1", {}, False),
        ("owed:1:a", "unclaimed:b", {}, True),
    ],
)
def test_judged__manual_entry_that_mends_nothing__found_if_the_chain_knows_better(
    debit: str, credit: str, cash: dict[Address, int], is_found: bool
) -> None:
    corrections = Corrections([booked(9, Movement(ASSET, 5, debit, credit))])

    found = judged((), lambda _: Surroundings(), corrections)

    assert [one.kind for one in found] == [Kind.MISSING_ON_CHAIN] * is_found
    assert corrections.cash() == cash


def test_judged__reversed_by_one_manual_entry_and_booked_right_by_another__nothing() -> None:
    wrong = MOVED._replace(amount=107)
    corrections = Corrections([booked(8, wrong.reversed()), booked(9, MOVED)])

    found = judged((pair(expected(1), booked(1, wrong)),), lambda _: Surroundings(), corrections)

    assert (found, corrections.uncaused(), corrections.cash()) == ([], [], {})


@pytest.mark.parametrize(
    ("amounts", "asset"), [((100, 31), OTHER), ((101, 30), ASSET), ((101, 31), None)]
)
def test_judged__entry_in_two_assets__of_the_asset_that_differs_or_of_all(
    amounts: tuple[int, int], asset: bytes | None
) -> None:
    committed = (MOVED, MOVED._replace(asset=OTHER, amount=30))
    moved = tuple(one._replace(amount=units) for one, units in zip(committed, amounts, strict=True))

    (found,) = found_in(pair(expected(1, *committed), booked(1, *moved)))

    assert (found.kind, found.asset) == (Kind.AMOUNT, asset)


def test_uncaused__entries_of_kinds_that_are_not_read__all_of_them() -> None:
    class Journal:
        def kinds(self) -> list[str]:
            return ["log", "opening", "gas"]

        def entries(self, source_kind: str) -> Generator[Booked]:
            yield booked({"log": 1, "gas": 2, "opening": 3}[source_kind])

    found = uncaused(Journal(), ("log", "manual"))

    assert [one.block_number for one in found.only_booked] == [2, 3]


def test_matched__records__are_values() -> None:
    matched = match([], [])

    assert replace(matched, agreeing=1).agreeing == 1


def test_in_other_assets__sums_wrong_in_two__only_what_no_line_explains() -> None:
    lines = found_in(pair(expected(1), booked(1, MOVED._replace(amount=99))))
    sums = [
        Discrepancy(
            kind=Kind.AMOUNT,
            subject=f"trial balance/cash/{Address(asset)}",
            asset=Address(asset),
            expected="1",
            actual="2",
            evidence=(),
        )
        for asset in (ASSET, OTHER)
    ]

    assert [one.asset for one in in_other_assets(sums, lines)] == [Address(OTHER)]
    assert in_other_assets(sums, []) == sums
