"""The verifier and every modifier: a hand-made epoch, its falsifications, and the rules one by one.

The amounts of `tests/modifiers_story.py` were worked out on paper. Falsified files have the digests
in the manifest made right again, as a careful forger would.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import verify_epoch
from tests import modifiers_story as story
from tests.bundle_builder import TOKEN_X, canonical, hex0x, json_lines, keccak, write_bundle
from tests.console_story import ANN, BEN, DUSD, SPLITS, account, files_of, payee
from tests.unit.scripts.test_verify_epoch import SMALL, earned_by_a, registry_of

ONE = 10**6
FILES = story.files()
NEW_FILES = ("works.jsonl", "splits.jsonl", "quarantine.jsonl", "allocations.jsonl", "leaves.jsonl")

Files = dict[str, bytes]


def code_of(directory: Path, files: Files) -> int:
    return verify_epoch.main([str(write_bundle(directory, files))])


def with_digests(files: Files) -> Files:
    """The manifest's own digests made right again."""
    document = json.loads(files["manifest.json"])
    quarantine = files["quarantine.jsonl"]
    registry = files["works.jsonl"] + files["splits.jsonl"]
    document["registry_digest"] = hex0x(keccak(registry))
    listed = {"count": str(quarantine.count(b"\n")), "digest": hex0x(keccak(quarantine))}
    return {**files, "manifest.json": canonical(document | {"quarantine": listed})}


def strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every string in a JSON value."""
    if isinstance(value, str):
        yield path
        return
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        yield from strings(member, (*path, key))


def changed(text: str) -> str:
    return text[:-1] + ("1" if text[-1] != "1" else "2")


def every_string() -> list[tuple[str, tuple[str | int, ...]]]:
    """One line of each kind of every new file, string by string."""
    found = []
    for name in NEW_FILES:
        lines = [json.loads(line) for line in FILES[name].splitlines()]
        kinds = {(tuple(sorted(line)), line.get("reason")): at for at, line in enumerate(lines)}
        chosen = kinds.values() if name == "quarantine.jsonl" else range(len(lines))
        found += [(name, (at, *path)) for at in chosen for path in strings(lines[at])]
    return found


def test_story__every_modifier__accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(tmp_path, FILES) == 0

    out = capsys.readouterr().out
    for term in ("allocated      414649", "fees           25025", "escrow         550351"):
        assert term in out


@pytest.mark.parametrize("name", NEW_FILES)
def test_story__any_string_of_a_file_changed__refused_and_the_file_named(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _, path in (one for one in every_string() if one[0] == name):
        lines = [json.loads(line) for line in FILES[name].splitlines()]
        member: Any = lines
        for key in path[:-1]:
            member = member[key]
        member[path[-1]] = changed(member[path[-1]])
        forged = with_digests({**FILES, name: json_lines(lines)})

        assert code_of(tmp_path, forged) == 1, path
        assert capsys.readouterr().out.startswith(f"{name} line {int(path[0]) + 1} "), path


@pytest.mark.parametrize("name", NEW_FILES)
@pytest.mark.parametrize("at", [0, -1])
def test_story__line_left_out_or_twice__refused(name: str, at: int, tmp_path: Path) -> None:
    lines = FILES[name].splitlines(keepends=True)
    fewer, more = list(lines), [*lines, lines[at]]
    del fewer[at]

    for forged in (fewer, more):
        assert code_of(tmp_path, with_digests({**FILES, name: b"".join(forged)})) == 1


@pytest.mark.parametrize("key", ["fees", "escrow", "allocated", "unallocated", "carried_in"])
def test_story__term_of_the_totals_changed__named(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(FILES["manifest.json"])
    document["totals"][0][key] = changed(document["totals"][0][key])

    assert code_of(tmp_path, {**FILES, "manifest.json": canonical(document)}) == 1
    assert capsys.readouterr().out.startswith(f"manifest.json totals 0 {key}:")


@pytest.mark.parametrize("name", ["SplitAccounts", "ContentClaims", "CreatorAttestations"])
def test_story__another_address_of_a_new_contract__refused(name: str, tmp_path: Path) -> None:
    document = json.loads(FILES["manifest.json"])
    document["contracts"][name] = "0x1111111111111111111111111111111111111111"

    assert code_of(tmp_path, {**FILES, "manifest.json": canonical(document)}) == 1


def test_story__registry_digest_of_works_alone__refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(FILES["manifest.json"])
    document["registry_digest"] = hex0x(keccak(FILES["works.jsonl"]))

    assert code_of(tmp_path, {**FILES, "manifest.json": canonical(document)}) == 1
    assert capsys.readouterr().out.startswith("manifest.json registry_digest:")


# Factors in ppm as the formula gives them with 60 digits: 100000 + 900000 * (4/9)^(n / 120).
@pytest.mark.parametrize(
    ("step", "ppm"),
    [(0, 10**6), (1, 993_939), (12, 929_897), (60, 700_000), (120, 500_000), (240, 277_778)],
)
def test_half_life__golden_factors(step: int, ppm: int) -> None:
    assert verify_epoch.half_life_factors()[step] == ppm


def test_half_life__ratio_and_table__as_published() -> None:
    ratio = verify_epoch.HALF_LIFE_RATIO

    assert 9 * ratio**120 <= 4 * 10**3600 < 9 * (ratio + 1) ** 120
    assert len(verify_epoch.half_life_factors()) == 2_400
    assert verify_epoch.half_life_factors()[-1] == 100_000


@pytest.mark.parametrize(
    ("length", "age", "ppm"),
    [
        (2_629_800, 120 * 2_629_800, 500_000),
        (2_629_800, 120 * 2_629_800 - 1, 502_712),
        (100, 2_629_799, 10**6),
        (100, 2_629_800, 10**6 - 6_061),
        (3_000_000, 2_999_999, 10**6),
        (2_629_800, 10**13, 100_000),
    ],
)
def test_half_life_ppm__whole_epochs_only(length: int, age: int, ppm: int) -> None:
    bundle = verify_epoch.read_bundle(str(SMALL)).inputs
    reference = verify_epoch.Block(9, bytes(32), 10**14)
    clock = verify_epoch.Clock(0, length, 1)
    inputs = bundle._replace(clock=clock, reference=reference)

    assert verify_epoch.half_life_ppm(10**14 - age, inputs) == ppm


Shares = dict[bytes, int]


def whole(*members: bytes) -> Shares:
    shares = {one: ONE // len(members) for one in sorted(members)}
    shares[max(members)] += ONE - sum(shares.values())
    return shares


def spread(amount: int, payees: Shares, splits: dict[bytes, Shares]) -> dict[tuple[str, int], int]:
    """What a work's payees got together, and what was refused, by reason and position."""
    registry = registry_of(payees, splits, payouts=payee(99))
    leaves, refused = verify_epoch.split_works(earned_by_a(amount), registry)
    paid = sum(leaf.amount for leaf in leaves if not leaf.work_id[0])
    kept = sum(leaf.amount for leaf in leaves if leaf.work_id[0] == verify_epoch.SUSPENSE)
    found = {(line.reason, line.position): line.amount for line in refused}
    assert paid + kept == amount
    assert sum(found.values()) == kept
    assert len(found) == len(refused)
    return found | ({("", 0): paid} if paid else {})


def tower(levels: int, last: Shares) -> dict[bytes, Shares]:
    """Accounts that are each other's only payee."""
    names = [account(f"floor {at}") for at in range(levels)]
    return {low: whole(high) for low, high in itertools.pairwise(names)} | {names[-1]: last}


@pytest.mark.parametrize(("levels", "reason"), [(1, ""), (8, ""), (9, "split_too_deep")])
def test_destinations__accounts_on_a_path__eight_at_most(levels: int, reason: str) -> None:
    splits = tower(levels, whole(ANN))

    assert spread(77, whole(account("floor 0")), splits) == {(reason, 0): 77}


def test_destinations__own_account_again__cycle_even_where_it_is_too_deep() -> None:
    splits = tower(8, whole(account("floor 3")))

    assert spread(77, whole(account("floor 0")), splits) == {("split_cycle", 0): 77}


@pytest.mark.parametrize(
    "terms",
    [{}, {ANN: ONE - 1}, {ANN: 0, BEN: ONE}, {BEN: ONE // 2, ANN: ONE // 2}, {ANN: ONE, BEN: 1}],
    ids=["empty", "not whole", "zero share", "descending", "too much"],
)
def test_destinations__account_with_malformed_terms__suspense(terms: Shares) -> None:
    one = account("bad")

    assert spread(10, whole(ANN, one), {one: terms}) == {("", 0): 5, ("split_malformed", 1): 5}


@pytest.mark.parametrize("bad", [bytes(20), TOKEN_X, payee(99)])
def test_destinations__nobody_can_be_paid_at_any_level__suspense(bad: bytes) -> None:
    one = account("inner")

    found = spread(100, whole(bad, one), {one: whole(bad, ANN)})

    assert found == {("", 0): 25} | {
        ("unpayable_payee", sorted((bad, one)).index(who)): units
        for who, units in ((bad, 50), (one, 25))
    }


def test_destinations__same_reason_at_one_position__summed_up() -> None:
    one = account("inner")
    splits = {one: whole(bytes(20), payee(99), ANN)}

    assert spread(9, whole(one), splits) == {("", 0): 3, ("unpayable_payee", 0): 6}


@pytest.mark.parametrize(("members", "reason"), [(63, ""), (64, "split_too_large")])
def test_destinations__lines_of_all_lists__4096_at_most(members: int, reason: str) -> None:
    """64 accounts of 63 payees, or one of them of 64: 4,096 lines with the work's own list."""
    names = sorted(account(f"wide {at}") for at in range(64))
    splits = {
        one: whole(*(payee(1_000 + 64 * at + i) for i in range(63))) for at, one in enumerate(names)
    }
    splits[names[0]] = whole(*(payee(10_000 + i) for i in range(members)))

    assert spread(10**9 + 7, whole(*names), splits) == {(reason, 0): 10**9 + 7}


def test_destinations__explosion__ends_soon() -> None:
    """Each of 8 levels fans out to all 200 payees of the next: 200^8 paths."""
    floors = [[account(f"{level} {at}") for at in range(200)] for level in range(8)]
    splits = {one: whole(*floors[level + 1]) for level in range(7) for one in floors[level]}

    assert spread(10**60, whole(*floors[0]), splits) == {("split_too_large", 0): 10**60}


def test_destinations__several_paths_to_one_payee__merged_after_rounding() -> None:
    """3 units: ANN 1.5 and the account 1.5; the tie gives ANN 2; the account's 1 is 0.5 and 0.5."""
    one = account("inner")
    registry = registry_of(whole(ANN, one), {one: whole(ANN, BEN)})

    leaves, _ = verify_epoch.split_works(earned_by_a(3), registry)

    assert [leaf.lines for leaf in leaves] == [[(ANN, 3)]]


def fees_of(*entries: tuple[str, bytes, int]) -> list[Any]:
    return [{"name": name, "payee": hex0x(who), "ppm": str(ppm)} for name, who, ppm in entries]


MANY = [("a" * (at + 1), payee(at), 1) for at in range(9)]


@pytest.mark.parametrize(
    "entries",
    [
        [],
        {},
        fees_of(*MANY),
        fees_of(("a", payee(1), 1), ("a", payee(2), 1)),
        fees_of(("", payee(1), 1)),
        fees_of(("a" * 17, payee(1), 1)),
        fees_of(("A", payee(1), 1)),
        fees_of(("a", payee(1), 0)),
        fees_of(("a", bytes(20), 1)),
        fees_of(("a", payee(1), 250_001), ("b", payee(1), 250_000)),
        [{"name": "a", "payee": hex0x(payee(1))[:-2], "ppm": "1"}],
        [{"name": "a", "payee": "0x" + "AB" * 20, "ppm": "1"}],
        [{"name": "a", "payee": hex0x(payee(1)), "ppm": "1", "more": "1"}],
    ],
)
def test_read_fees__malformed__refused(entries: object) -> None:
    with pytest.raises(verify_epoch.BadInput, match="fees"):
        verify_epoch.read_fees(entries, "fees")


def test_read_fees__as_many_and_as_high_as_they_may_be__read() -> None:
    assert len(verify_epoch.read_fees(fees_of(*MANY[:8]), "fees")) == 8
    half = fees_of(("a", payee(1), 250_000), ("b_", payee(1), 250_000))
    assert verify_epoch.read_fees(half, "fees") == [(payee(1), 250_000), (payee(1), 250_000)]


def charging(fees: list[Any], *charged: list[int]) -> Any:
    """What fees come to, of subscribers who were charged these amounts in DUSD."""
    sums = verify_epoch.Sums()
    for amounts in charged:
        sums.add(verify_epoch.Allocation(ANN, DUSD, 10**6, amounts, [], []))
    log = verify_epoch.Log("a log", 7, bytes(32), 3, bytes(20), (), b"")
    entries = verify_epoch.read_fees(fees, "fees")
    parameters = verify_epoch.Parameters({}, log, b"", 0, 1, 1, {}, entries, False, "receipts")
    registry = registry_of(whole(ANN), {account("s"): whole(ANN)}, payouts=payee(99))
    return verify_epoch.collect_fees(
        sums.charged, parameters, registry._replace(split_accounts=SPLITS)
    )


def test_collect_fees__same_payee_twice__one_line_over_all_subscribers() -> None:
    entries = fees_of(("a", payee(2), 5), ("b", payee(1), 5), ("c", payee(2), 5))

    leaves, refused = charging(entries, [1, 10, 100], [2, 20, 200])

    assert [(leaf.work_id, leaf.part, leaf.lines) for leaf in leaves] == [
        (story.FEES_ID, 0, [(payee(1), 30), (payee(2), 303)])
    ]
    assert refused == []


@pytest.mark.parametrize("bad", [DUSD, payee(99), SPLITS, account("s")])
def test_collect_fees__payee_that_cannot_be_paid__listed_by_its_place(bad: bytes) -> None:
    entries = fees_of(("a", payee(2), 5), ("b", bad, 5), ("c", bad, 5))

    leaves, refused = charging(entries, [1, 10, 100], [2, 20, 0])

    assert [leaf.lines for leaf in leaves] == [[(payee(2), 3)]]
    assert [line[:5] for line in refused] == [(7, 3, at, DUSD, "unpayable_payee") for at in (1, 2)]
    assert [(line.amount, line.submitter, line.work_id) for line in refused] == [
        (30, bytes(20), story.FEES_ID),
        (100, bytes(20), story.FEES_ID),
    ]


def test_collect_fees__nothing_charged__no_leaf_and_no_entry() -> None:
    entries = fees_of(("a", payee(2), 5), ("b", DUSD, 5))

    assert charging(entries, [0, 0]) == ([], [])


def replaced(name: str, values: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Files:
    """The story with the first event of a name changed, and nothing recomputed."""
    chain = story.story()
    blocks, is_done = [], False
    for time, events in chain.blocks:
        made = []
        for event in events:
            if event[0] == name and not is_done:
                made.append((name, values(event[1])))
                is_done = True
            else:
                made.append(event)
        blocks.append((time, made))
    assert is_done
    other = type(chain)(epoch=chain.epoch, length=chain.length, grace=chain.grace)
    other.parameters, other.blocks = chain.parameters, blocks
    files = files_of(other, story.epoch())
    return {name: data for name, data in files.items() if name in FILES}


def at(index: int, value: object) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    return lambda values: (*values[:index], value, *values[index + 1 :])


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("SplitTermsSet", at(3, 2), "logs.jsonl line 5 version"),
        ("SplitTermsSet", at(2, 1), "logs.jsonl line 5, its epoch by its block's time"),
        ("SplitTermsSet", at(2, 3), "logs.jsonl line 5: expected an input of epoch 2"),
        ("SplitTermsSet", at(4, [ANN, story.B]), "splits.jsonl line"),
        ("SplitTermsSet", at(1, ANN), "splits.jsonl line"),
        ("WorkTermsSet", at(0, b"\x02" + bytes(31)), "logs.jsonl line 3 workId"),
        ("WorkTermsSet", at(0, b"\x31" + bytes(31)), "logs.jsonl line 3 workId"),
        ("ParametersSet", at(0, 1), "logs.jsonl line 2, its epoch by its block's time"),
        ("ConsumptionSubmitted", at(1, 1), "logs.jsonl line 4: expected an input of epoch 2"),
    ],
)
def test_story__event_that_the_contract_would_not_emit__named(
    name: str,
    change: Callable[[tuple[Any, ...]], tuple[Any, ...]],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert code_of(tmp_path, replaced(name, change)) == 1

    assert capsys.readouterr().out.startswith(sentence)
