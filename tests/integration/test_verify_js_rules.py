"""Rules of the royalties in the verifiers: stories in which each of them moves money.

Amounts named here were worked out by hand, as the comments show. The bundles are what the verifier
in JavaScript makes of the logs; `scripts/verify_epoch.py` must accept every one of them.
"""

import json
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests import verifiers
from tests.bundle_builder import Json, canonical, eip55, hex0x, keccak
from tests.console_stories import stories, used
from tests.console_story import (
    ANN,
    BEN,
    CAT,
    DAN,
    DUSD,
    EURT,
    OWNER,
    PAYOUTS,
    WHOLE,
    Event,
    Story,
    epochs_of,
    files_of,
    node,
    payee,
    sealed,
    work_id,
)

FEES_ID = bytes([1]) + bytes(31)
EFFECTIVE = "effectiveEpoch"


@cache
def epochs() -> dict[str, Json]:
    if node() is None:
        pytest.skip("node is missing")
    with TemporaryDirectory() as directory:
        return epochs_of(stories(), Path(directory))


@cache
def bundles() -> dict[str, verifiers.Files]:
    return {name: files_of(story, epochs()[name]) for name, story in stories().items()}


def escrow_id(content: bytes) -> bytes:
    return bytes([2]) + keccak(content)[:31]


def suspense_id(work: str) -> bytes:
    return bytes([3]) + work_id(work)[1:]


def lines_of(story: str, leaf_id: bytes, asset: bytes = DUSD) -> dict[str, int]:
    """The lines of all parts of a leaf."""
    leaves = [
        leaf
        for leaf in epochs()[story]["leaves"]
        if leaf["work_id"] == hex0x(leaf_id) and leaf["asset"] == eip55(asset)
    ]
    assert [leaf["part"] for leaf in leaves] == [str(part) for part in range(len(leaves))]
    return {one: int(units) for leaf in leaves for one, units in leaf["lines"]}


def credited(story: str, line: int = 0) -> list[int]:
    return [int(row["credited"]) for row in epochs()[story]["allocations"][line]["rows"]]


def listed(story: str) -> list[tuple[int, str, int]]:
    """What is quarantined with an amount: position, reason, amount."""
    return [
        (int(one["position"]), one["reason"], int(one["amount"]))
        for one in epochs()[story]["quarantine"]
        if "amount" in one
    ]


def reasons(story: str) -> list[str]:
    """Reason and position of what is quarantined without an amount, in order."""
    return [
        f"{one['reason']} {one['position']}"
        for one in epochs()[story]["quarantine"]
        if "amount" not in one
    ]


def names(**amounts: int) -> dict[str, int]:
    people = {"ann": ANN, "ben": BEN, "cat": CAT, "dan": DAN, "payouts": PAYOUTS}
    return {eip55(people[name]): amount for name, amount in amounts.items()}


def factor(n: int) -> int:
    """10 % and 90 % of (4/9)^(n/120), to the nearest ppm."""
    with localcontext() as context:
        context.prec = 60
        exact = 100_000 + 900_000 * (Decimal(4) / 9) ** (Decimal(n) / 120)
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def test_stories__js_accepts_its_own_and_keeps_the_books() -> None:
    assert set(verifiers.javascript(bundles()).values()) == {"OK"}
    for name, epoch in epochs().items():
        for terms in epoch["totals"]:
            parts = ("allocated", "fees", "escrow", "unallocated")
            assert sum(int(terms[part]) for part in parts) == int(terms["paid_in"]), name
            assert all(int(terms[part]) >= 0 for part in parts), name
        for line in epoch["allocations"]:
            shared = sum(int(row["credited"]) for row in line["rows"])
            charged = sum(map(int, line["charged"]))
            assert shared + charged + int(line["unallocated"]) == int(line["fee"]), name


def test_half_life__whole_epochs_in_steps_of_a_month() -> None:
    # Up to the reference block: old 6 epochs, 240,000,000 s // 2,629,800 s = 91 steps; edge 4
    # epochs, 60; held 3, 45, and under verdict; new less than one.
    fee = 10**9 + 7
    raw = [60 * factor(91), 50 * factor(60), 7 * factor(45), 40 * 10**6]
    earning = [raw[0], raw[1], 0, raw[3]]
    target = fee * sum(earning) // sum(raw)

    shares = credited("half-life")

    assert sum(shares) == target
    exact = [target * one // sum(earning) for one in earning]
    assert [share - least in (0, 1) for share, least in zip(shares, exact, strict=True)] == [
        True
    ] * 4
    assert epochs()["half-life"]["works"][0]["registered_at"].isdecimal()


def test_half_life__borders() -> None:
    # 100,000 + 500,000 + factor(119): the oldest has a tenth, at 120 steps it is one half exactly.
    assert factor(120) == 500_000
    sum_of_all = 100_000 + 500_000 + factor(119)

    shares = credited("half-life borders")

    assert sum(shares) == 10**18 + 1
    weights = (100_000, 500_000, factor(119))
    for share, weight in zip(shares, weights, strict=True):
        assert share - (10**18 + 1) * weight // sum_of_all in (0, 1)


def test_fees__rounded_down_for_each_subscriber_and_merged_by_payee() -> None:
    # ANN 1,000,003: 25,000.075, 3.000009 and 12,345.037. BEN 999, without rows: 24.975, 0.003 and
    # 12.33. Payee 9 takes the first and the third: 25,000 + 12,345 + 24 + 12 = 37,381.
    lines = epochs()["fees"]["allocations"]

    assert [line["charged"] for line in lines[:2]] == [["25000", "3", "12345"], ["24", "0", "12"]]
    assert sum(credited("fees")) == 1_000_003 - 25_000 - 3 - 12_345
    assert lines[1]["unallocated"] == str(999 - 36)
    assert lines_of("fees", FEES_ID) == {eip55(payee(3)): 3, eip55(payee(9)): 37_381}
    assert epochs()["fees"]["totals"][0]["unallocated"] == str(999 - 36 + 50)


def test_fees__that_cannot_be_paid__unallocated_and_listed() -> None:
    # 1 %, 2 %, 3 %, 4 % and 5 % of 1,000 in DUSD; of 2,000 in EURT too, where DUSD can be paid.
    pairs = [(at, 10 * (at + 1)) for at in range(5)]
    expected = [(0, 10)] + [(at, units * by) for at, units in pairs[1:] for by in (1, 2)]

    assert listed("unpayable fees") == [(at, "unpayable_payee", units) for at, units in expected]
    assert lines_of("unpayable fees", FEES_ID) == {eip55(payee(1)): 60}
    assert lines_of("unpayable fees", FEES_ID, EURT) == {eip55(DUSD): 20, eip55(payee(1)): 120}
    entry = epochs()["unpayable fees"]["quarantine"][0]
    assert (entry["work_id"], entry["submitter"]) == (hex0x(FEES_ID), eip55(bytes(20)))
    assert (entry["block_number"], entry["log_index"]) == ("10", "1")


def test_nested__to_the_unit_on_every_level_then_merged() -> None:
    # 66,669: ANN 6,666.9, a 20,000.7, b 40,001.4, so 6,667, 20,001 and 40,001.
    # b, half and half: ANN 20,001 (a tie), BEN 20,000. a: ANN 0.02, BEN 10,000.48, b 10,000.5, so
    # BEN 10,000 and b 10,001: ANN 5,001, BEN 5,000.
    assert lines_of("nested", work_id("one")) == names(ann=31_669, ben=35_000)
    assert listed("nested") == []


def test_deep__eight_accounts_and_no_cycle() -> None:
    # By level 0: 500,000,000 * 0.6^7 = 13,996,800 at level 7, 30 % of it to the ninth account and
    # 30 % back to level 0. By level 1, 300,000,000 * 0.6^6 = 13,996,800 at level 7: the eighth
    # account is followed, level 0 too, which gives 60 % of 4,199,040 back to level 1.
    assert sorted(listed("deep"), key=lambda one: one[2]) == [
        (1, "split_cycle", 2_000_000),
        (2, "split_cycle", 2_519_424),
        (0, "split_cycle", 4_199_040),
        (0, "split_too_deep", 4_199_040),
    ]
    waiting = 2_000_000 + 2_519_424 + 2 * 4_199_040
    assert lines_of("deep", suspense_id("one")) == names(payouts=waiting)
    assert lines_of("deep", work_id("one"))[eip55(BEN)] == 2_519_424


def test_malformed_splits__eight_of_nine_in_suspense() -> None:
    # A ninth of 1,000,005 is 111,111.67 or, for the last, 8 ppm more.
    entries = listed("malformed splits")

    assert {reason for _, reason, _ in entries} == {"split_malformed"}
    assert len(entries) == 8
    paid = sum(lines_of("malformed splits", work_id("one")).values())
    assert paid + sum(units for _, _, units in entries) == 1_000_005
    assert {"", "1000000"} <= {
        one
        for line in epochs()["malformed splits"]["splits"]
        for pair in line["payees"]
        for one in pair
    }


def test_unpayable__suspense_of_the_work_by_reason_and_position() -> None:
    # 1,000,001: zero 5 %, BEN 15 %, the account 50 %, DUSD 20 %, the splits contract 10 %. Of the
    # account's: zero 10 %, ANN half, DUSD 15 %, payouts 25 %. In EURT, of 11, DUSD can be paid.
    in_dusd = [one for one in epochs()["unpayable"]["quarantine"] if one["asset"] == eip55(DUSD)]

    assert {one["reason"] for one in in_dusd} == {"unpayable_payee"}
    assert {one["submitter"] for one in in_dusd} == {eip55(OWNER)}
    assert len(in_dusd) == 4
    paid = lines_of("unpayable", work_id("one"))
    assert set(paid) == {eip55(ANN), eip55(BEN)}
    suspended = 1_000_001 - sum(paid.values())
    assert sum(int(one["amount"]) for one in in_dusd) == suspended
    assert lines_of("unpayable", suspense_id("one")) == names(payouts=suspended)
    assert eip55(DUSD) in lines_of("unpayable", work_id("one"), EURT)


def test_size__4096_lines_and_not_one_more() -> None:
    assert listed("4096 lines") == []
    assert len(lines_of("4096 lines", work_id("one"))) == 64 * 63
    large = {"4097 lines": 10**9 + 3, "4097 lines, most of nothing": 64, "fan": 10**9}
    for name, amount in large.items():
        assert listed(name) == [(0, "split_too_large", amount)]
        assert lines_of(name, work_id("one")) == {}
        assert lines_of(name, suspense_id("one")) == names(payouts=amount)
    assert sum(lines_of("fan of little", work_id("one")).values()) == 3


def test_escrow__by_content_until_somebody_adopts() -> None:
    # 2,200 over 22 minutes at one price: film 1,000 and film again 500 of one content, song 300,
    # adopted 200, bad 100 of which half is for the asset itself, again 100.
    same = keccak(b"the same film")

    assert lines_of("escrow", escrow_id(same)) == names(payouts=1_500)
    assert lines_of("escrow", escrow_id(same), EURT) == names(payouts=9)
    assert lines_of("escrow", escrow_id(keccak(work_id("song")))) == names(payouts=300)
    assert lines_of("escrow", work_id("adopted")) == names(cat=200)
    assert lines_of("escrow", work_id("bad")) == names(ann=50)
    assert lines_of("escrow", suspense_id("bad")) == names(payouts=50)
    totals = epochs()["escrow"]["totals"]
    assert [(one["allocated"], one["escrow"]) for one in totals] == [("250", "1950"), ("0", "9")]


def test_submissions__left_out_whole_and_unseen() -> None:
    # ANN's first, two rows at second -10, is outside grace, so neither its works, nor its
    # pseudonym, nor part 0 were seen: (w0 30, w1 10) count. Then, with part 1, w2 7 (w0 was seen);
    # with part 2, w1 and w2 were seen, and 14 rows of 50 count.
    assert reasons("submissions") == [
        *(f"outside_grace {at}" for at in range(2)),
        *(f"too_many_rows {at}" for at in range(17)),
        *(["malformed_submission 0"] * 5),
        *(f"duplicate_submission {at}" for at in range(2)),
        "duplicate_work 1",
        "unpaid_tier 0",
        "duplicate_submission 0",
        *(f"duplicate_work {at}" for at in range(2)),
    ]
    assert len(credited("submissions")) == 3 + 14
    malformed = [
        one["work_id"]
        for one in epochs()["submissions"]["quarantine"]
        if one["reason"] == "malformed_submission"
    ]
    assert malformed == [hex0x(bytes(32))] * 5


def test_rows__first_reason_counts() -> None:
    odd = [f"malformed_terms {at}" for at in range(10) if at != 2]
    assert reasons("rows") == [
        "non_canonical_id 0",
        "non_canonical_id 1",
        "absurd_minutes 2",
        *odd,
        "duplicate_work 0",
        "reused_pseudonym 1",
        "absurd_minutes 2",
        "absurd_minutes 3",
        "unknown_region_rule 0",
        "absurd_minutes 1",
        "work_under_verdict 2",
        "reused_pseudonym 0",
        "unregistered_work 1",
        "unregistered_work 2",
        "non_canonical_id 0",
        "unpaid_tier 1",
        "absurd_minutes 1",
    ]
    assert len(credited("rows")) == 4


def test_parameters__last_that_was_announced_for_this_epoch_or_before() -> None:
    assert lines_of("parameters ahead", FEES_ID) == {eip55(payee(2)): 100}


def test_stories__python_accepts_all(tmp_path: Path) -> None:
    assert set(verifiers.python(bundles(), tmp_path).values()) == {"OK"}


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every string in a JSON value."""
    if isinstance(value, str):
        yield path
        return
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        yield from paths_of(member, (*path, key))


def with_value(document: Any, path: tuple[Any, ...]) -> Any:
    """A copy in which the last digit of one string is another."""
    changed = json.loads(json.dumps(document))
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    text = inner[path[-1]]
    inner[path[-1]] = text[:-1] + ("1" if text[-1:] != "1" else "2")
    return changed


@pytest.mark.parametrize("file", ["works", "splits", "quarantine", "allocations", "leaves"])
def test_one_value_changed__both_refuse(file: str, tmp_path: Path) -> None:
    """Every value of the first and of the last line of a file, every digest made right again."""
    files = bundles()["all at once"]
    lines = files[f"{file}.jsonl"].splitlines()
    forged = {}
    for at in (0, len(lines) - 1):
        record = json.loads(lines[at])
        for path in list(paths_of(record))[:12]:
            changed = [*lines]
            changed[at] = canonical(with_value(record, path))
            data = b"".join(line + b"\n" for line in changed)
            forged[f"{at} {path}"] = sealed({**files, f"{file}.jsonl": data})

    theirs, ours = verifiers.javascript(forged), verifiers.python(forged, tmp_path)

    assert [name for name, answer in theirs.items() if answer == "OK"] == []
    assert [name for name, answer in ours.items() if answer == "OK"] == []


def test_one_total_changed__both_refuse(tmp_path: Path) -> None:
    files = bundles()["all at once"]
    manifest = json.loads(files["manifest.json"])
    forged = {
        str(path): sealed({**files, "manifest.json": canonical(with_value(manifest, path))})
        for path in paths_of(manifest)
        if path[0] in ("totals", "contracts", "tree")
    }

    theirs, ours = verifiers.javascript(forged), verifiers.python(forged, tmp_path)

    assert len(forged) == 2 * 7 + 9 + 3
    assert [name for name, answer in theirs.items() if answer == "OK"] == []
    assert [name for name, answer in ours.items() if answer == "OK"] == []


def _refused() -> dict[str, tuple[Callable[[Story], Event], str]]:
    """Changes in epoch 2 that no contract tells and no rule is about; what they are refused for."""
    return {
        "split in force too early": (lambda told: told.split("a", {BEN: WHOLE}, 2), EFFECTIVE),
        "split in force too late": (lambda told: told.split("a", {BEN: WHOLE}, 4), EFFECTIVE),
        "version left out": (_version_left_out, "version"),
        "other owner": (_other_owner, "owner"),
        "id of a leaf of fees": (lambda told: told.work(FEES_ID, {BEN: WHOLE}, 2), "workId"),
        "work taken over": (
            lambda told: told.work("mine", {BEN: WHOLE}, 3, registrant=BEN),
            "registrant",
        ),
        "parameters for the present epoch": (_parameters_at_once, EFFECTIVE),
    }


def _told(change: Callable[[Story], Event]) -> Story:
    story = Story()
    terms = story.split("a", {ANN: WHOLE}), story.work("mine", {ANN: WHOLE})
    story.mine(story.start(0) + 20, *terms)
    story.mine(story.start(2) + 20, change(story))
    story.mine(story.start(5) - 10)
    story.mine(story.start(5) + story.grace - 1)
    return used(story, *story.pay(ANN, 10))


def _version_left_out(story: Story) -> Event:
    story.split("a", {BEN: WHOLE}, 3)
    return story.split("a", {BEN: WHOLE}, 3)


def _other_owner(story: Story) -> Event:
    name, (one, _, *rest) = story.split("a", {BEN: WHOLE}, 3)
    return name, (one, BEN, *rest)


def _parameters_at_once(story: Story) -> Event:
    data = canonical(story.parameters)
    return "ParametersSet", (2, keccak(data), data)


def test_stories__that_no_contract_tells__refused_by_js(tmp_path: Path) -> None:
    told = {name: _told(change) for name, (change, _) in _refused().items()}
    made = epochs_of(told, tmp_path)

    answers = verifiers.javascript({name: files_of(told[name], made[name]) for name in told})

    found = {name: (one["file"], one["field"]) for name, one in answers.items() if one != "OK"}
    assert found == {name: ("logs.jsonl", field) for name, (_, field) in _refused().items()}


RULES_PLANTED_IN_JS = {
    "no half-life": (
        "if (parameters.half_life === null) return () => PPM;",
        "return () => PPM;",
        "half-life",
    ),
    "age in seconds, not in whole epochs": (
        "(epochs * length) / HALF_LIFE.step",
        "(until - registeredAt) / HALF_LIFE.step",
        "half-life",
    ),
    "another half-life": ("993_265_0", "993_266_0", "half-life"),
    "factor rounded down": (" + unit / 2n) / unit", ") / unit", "half-life borders"),
    "nothing after the table": ("factors.at(-1);", "0n;", "half-life borders"),
    "age from the last terms": (
        "if (!registeredAt.has(one.workId)) registeredAt",
        "registeredAt",
        "half-life",
    ),
    "age leaves the denominator": (
        "return (weight * ageOf(row.registeredAt)) / PPM;\n  });\n"
        "  const counted = raw.map((weight, i) => (weight * rows[i].credibilityPpm) / PPM);",
        "return weight;\n  });\n  const counted = raw.map((weight, i) =>"
        " (weight * ageOf(rows[i].registeredAt) * rows[i].credibilityPpm) / PPM / PPM);",
        "half-life",
    ),
    "fee rounded up": ("(fee * one.ppm) / PPM)", "(fee * one.ppm + PPM - 1n) / PPM)", "fees"),
    "fee taken twice over": ("credits(fee - total(charged),", "credits(fee,", "fees"),
    "who uses nothing pays no fee": (
        "parameters.fees.map((one) => (fee *",
        "parameters.fees.map((one) => (BigInt(used.length && 1) * fee *",
        "fees",
    ),
    "last entry of a payee takes all": (
        "add(paid.get(asset), payee, amount)",
        "paid.get(asset).set(payee, amount)",
        "fees",
    ),
    "fee to a split account": (" || world.accounts.has(payee)) {", ") {", "unpayable fees"),
    "fee to the asset": (
        "if (isUnpayable(payee, asset, world.contracts) || ",
        "if (",
        "unpayable fees",
    ),
    "unpayable fees in escrow": (
        "paid_in: String(paid),\n      unallocated: String(paid - given - fees - escrow)",
        "paid_in: String(paid),\n      unallocated: String(paid - given - escrow)",
        "unpayable fees",
    ),
    "first parameters for ever": (
        'named(events, "ParametersSet").at(-1)',
        'named(events, "ParametersSet").at(0)',
        "parameters ahead",
    ),
    "parameters of the next epoch only": (
        "one.effectiveEpoch >= next",
        "one.effectiveEpoch === next",
        "parameters ahead",
    ),
    "split accounts not followed": (
        "const terms = accounts.get(payee);\n  if (terms === undefined) return null;",
        "const terms = accounts.get(payee);\n  return null;",
        "deep",
    ),
    "a level is not to the unit": (
        "largestRemainder(units, terms.sharesPpm).forEach((part, i) => {",
        "terms.sharesPpm.map((ppm) => (units * ppm) / PPM).forEach((part, i) => {",
        "nested",
    ),
    "first terms of an account": (
        "for (const one of named(events, name)) terms.set(one[id], one);",
        "for (const one of named(events, name)) if (!terms.has(one[id])) terms.set(one[id], one);",
        "nested",
    ),
    "lines in order of discovery": (
        "const lines = [...paid].sort(([a], [b]) => ascending(a, b));",
        "const lines = [...paid];",
        "deep",
    ),
    "no cycle": ('if (path.includes(payee)) return "split_cycle";', "", "deep"),
    "nine accounts": ("PATH_ACCOUNTS_MAX = 8;", "PATH_ACCOUNTS_MAX = 9;", "deep"),
    "seven accounts": ("PATH_ACCOUNTS_MAX = 8;", "PATH_ACCOUNTS_MAX = 7;", "deep"),
    "depth before cycle": (
        'if (path.includes(payee)) return "split_cycle";\n  if (path.length',
        'if (path.includes(payee) && path.length < 8) return "split_cycle";\n  if (path.length',
        "deep",
    ),
    "position on the lower level": ("[terms.payees[i], top ?? i]", "[terms.payees[i], i]", "deep"),
    "shares that are more than one": (
        "total(sharesPpm) === PPM",
        "total(sharesPpm) >= PPM",
        "malformed splits",
    ),
    "a share of nothing": ("sharesPpm.every((share) => share > 0n) &&", "", "malformed splits"),
    "a payee twice": ("payee > payees[i - 1]", "payee >= payees[i - 1]", "malformed splits"),
    "payees in any order": ("payee > payees[i - 1]", "payee !== payees[i - 1]", "rows"),
    "gaps not spelled": (
        "const length = Math.max(payees.length, sharesPpm.length);",
        "const { length } = payees;",
        "malformed splits",
    ),
    "the splits contract is paid": (
        "contracts.EpochPayouts, contracts.SplitAccounts].includes",
        "contracts.EpochPayouts].includes",
        "unpayable",
    ),
    "unpayable is unallocated": (
        "add(waiting, `${suspenseId(workId)} ${asset}`, units);",
        "",
        "unpayable",
    ),
    "suspense under the tag of escrow": (
        "`0x${TAG.suspense}${workId.slice(4)}`",
        "`0x${TAG.escrow}${workId.slice(4)}`",
        "unpayable",
    ),
    "suspense outside the totals": (
        "of(TAG.escrow) + of(TAG.suspense);",
        "of(TAG.escrow);",
        "unpayable",
    ),
    "4,095 lines": ("VISITS_MAX = 4_096;", "VISITS_MAX = 4_095;", "4096 lines"),
    "4,097 lines": ("VISITS_MAX = 4_096;", "VISITS_MAX = 4_097;", "4097 lines"),
    "lines of nothing are not counted": (
        "visits += terms.payees.length;",
        "visits += largestRemainder(units, terms.sharesPpm).filter((one) => one > 0n).length;",
        "4097 lines, most of nothing",
    ),
    "escrow by work": (
        "${escrowId(terms.contentId)} ${asset}",
        "${escrowId(workId)} ${asset}",
        "escrow",
    ),
    "recognised works are never adopted": (
        "const isRecognised = (terms) => terms.registrant === manifest.contracts.WorkRegistry;",
        "const isRecognised = () => false;",
        "escrow",
    ),
    "left-out submissions were seen": (
        "const reason = submissionReason(one, lastBefore, seenParts);",
        "const reason = submissionReason(one, lastBefore, seenParts);\n"
        "    seenParts.add(partKey(one));",
        "submissions",
    ),
    "17 rows": ("PART_WORKS_MAX = 16;", "PART_WORKS_MAX = 17;", "submissions"),
    "last block before is within": (
        "one.block <= lastBefore",
        "one.block < lastBefore",
        "submissions",
    ),
    "malformed submissions by row": (
        'reason === "malformed_submission" ?',
        "one.workIds.length === 0 ?",
        "submissions",
    ),
    "one submission each": ("`${one.submitter} ${one.part}`", "one.submitter", "submissions"),
    "minutes not counted": (
        "[one.minutesPlayed, one.plays, one.pseudonyms]",
        "[one.plays, one.pseudonyms]",
        "submissions",
    ),
    "limit of minutes excluded": ("minutes > minutesMax", "minutes >= minutesMax", "rows"),
    "minutes before duplicates": (
        'else if (seenWorks.has(work)) reason = "duplicate_work";',
        'else if (seenWorks.has(work) && minutes <= minutesMax) reason = "duplicate_work";',
        "rows",
    ),
    "the order is an id": (
        "BigInt(id) < SCALAR_FIELD_ORDER",
        "BigInt(id) <= SCALAR_FIELD_ORDER",
        "rows",
    ),
    "any pseudonym": (
        "!isCanonical(workId) || !isCanonical(pseudonym)",
        "!isCanonical(workId)",
        "rows",
    ),
    "price of the limit": ("pricePpm < PRICE_PPM_LIMIT", "pricePpm <= PRICE_PPM_LIMIT", "rows"),
    "price of nothing": ("terms.pricePpm > 0n && terms", "terms", "rows"),
    "region before terms": (
        'else if (!areTerms(terms)) reason = "malformed_terms";',
        "else if (!areTerms(terms) && parameters.regions.has(terms.regionRule))"
        ' reason = "malformed_terms";',
        "rows",
    ),
    "leaves the other way round": (
        "heap[heap.length - 1 - i] = leaf;",
        "heap[hashes.length - 1 + i] = leaf;",
        "fees",
    ),
    "registry digest the other way": (
        'joined(files.get("works.jsonl"), files.get("splits.jsonl"))',
        'joined(files.get("splits.jsonl"), files.get("works.jsonl"))',
        "nested",
    ),
}
"""Wrong rules, each with a story that shows it."""


@pytest.mark.planted
@pytest.mark.parametrize("bug", RULES_PLANTED_IN_JS)
def test_wrong_rule_planted_in_js__exposed(bug: str, tmp_path: Path) -> None:
    """Python accepts the story (shown above); the planted bug refuses it."""
    find, replacement, story = RULES_PLANTED_IN_JS[bug]
    script = verifiers.planted(verifiers.VERIFY_JS, tmp_path, find, replacement)

    answer = verifiers.javascript({story: bundles()[story]}, script)[story]

    assert answer != "OK"


RULES_PLANTED_IN_PYTHON = {
    "no half-life": ("if has_half_life else 10**6", "if not has_half_life else 10**6", "half-life"),
    "age in seconds, not in whole epochs": (
        "epochs * length // HALF_LIFE_STEP_S",
        "(inputs.reference.timestamp - registered_at) // HALF_LIFE_STEP_S",
        "half-life",
    ),
    "factor rounded down": (" + (HALF_LIFE_SCALE >> 1)) // ", ") // ", "half-life borders"),
    "another half-life": ("993265030455071", "993266030455071", "half-life"),
    "age from the last terms": ("first_at.setdefault(", "first_at.__setitem__(", "half-life"),
    "fee rounded up": ("[fee * entry.ppm // 10**6", "[-(-fee * entry.ppm // 10**6)", "fees"),
    "fee taken twice over": ("divide_fee(fee - sum(charged), ", "divide_fee(fee, ", "fees"),
    "fee to the asset": (
        "not registry.is_unpayable(fee.payee, asset) and fee.payee not in registry.splits",
        "fee.payee not in registry.splits",
        "unpayable fees",
    ),
    "fee to a split account": (
        "is_unpayable(fee.payee, asset) and fee.payee not in registry.splits",
        "is_unpayable(fee.payee, asset)",
        "unpayable fees",
    ),
    "lost fees of no total": ("unallocated[line.asset] += line.amount", "pass", "unpayable fees"),
    "first parameters for ever": (
        'changes[-1]["parameters"], place',
        'changes[0]["parameters"], place',
        "parameters ahead",
    ),
    "no cycle": ("if payee in path:", "if False:", "deep"),
    "nine accounts": ("DEPTH_MAX = 8", "DEPTH_MAX = 9", "deep"),
    "tie to the higher payee": (
        'shares = largest_remainder(amount, terms["sharesPpm"])',
        'shares = largest_remainder(amount, terms["sharesPpm"][::-1])[::-1]',
        "nested",
    ),
    "position on the lower level": (
        "todo += [(position, one, part,",
        'todo += [(split["payees"].index(one), one, part,',
        "deep",
    ),
    "malformed split followed": (
        'return "" if is_split(registry.splits[payee]) else "split_malformed"',
        'return ""',
        "malformed splits",
    ),
    "a share of nothing": (" and all(shares) and", " and", "malformed splits"),
    "the splits contract is paid": (
        "(bytes(20), asset, self.payouts, self.split_accounts)",
        "(bytes(20), asset, self.payouts)",
        "unpayable",
    ),
    "suspense under the tag of escrow": ("= 1, 2, 3\n", "= 1, 2, 2\n", "unpayable"),
    "4,095 lines": ("VISITS_MAX = 4_096", "VISITS_MAX = 4_095", "4096 lines"),
    "4,097 lines": ("VISITS_MAX = 4_096", "VISITS_MAX = 4_097", "4097 lines"),
    "lines of nothing are not counted": (
        'visits += len(split["payees"])',
        "visits += len(divide(share, split))",
        "4097 lines, most of nothing",
    ),
    "last work of a content only": (
        'kept[escrow_of[terms["contentId"]], asset] += amount',
        'kept[escrow_of[terms["contentId"]], asset] = amount',
        "escrow",
    ),
    "17 rows": ("ROWS_MAX = 16", "ROWS_MAX = 17", "submissions"),
    "before the start is within": (
        "timestamp < usage.inputs.start:",
        "timestamp < 0:",
        "submissions",
    ),
    "malformed submissions by row": (
        'listed = [ZERO32] if reason == "malformed_submission" else',
        'listed = [ZERO32] if not submission["workIds"] else',
        "submissions",
    ),
    "limit of minutes excluded": (
        "minutes > usage.parameters.minutes_max",
        "minutes >= usage.parameters.minutes_max",
        "rows",
    ),
    "the order is an id": ("highest_id >= SCALAR_ORDER", "highest_id > SCALAR_ORDER", "rows"),
    "any pseudonym": (
        'max(int.from_bytes(work_id, "big"), int.from_bytes(pseudonym, "big"))',
        'int.from_bytes(work_id, "big")',
        "rows",
    ),
    "price of the limit": ("not 0 < price < 2**40", "not 0 < price <= 2**40", "rows"),
    "terms after the region": (
        '        "malformed_terms": work_id in usage.malformed,\n'
        '        "unknown_region_rule": region_rule not in usage.parameters.regions,\n',
        '        "unknown_region_rule": region_rule not in usage.parameters.regions,\n'
        '        "malformed_terms": work_id in usage.malformed,\n',
        "rows",
    ),
    "gaps not spelled": ("itertools.zip_longest(", "zip(", "malformed splits"),
    "leaves the other way round": (
        '[b""] * known + sorted(hashes, reverse=True)',
        '[b""] * known + sorted(hashes)',
        "fees",
    ),
}
"""Wrong rules in the other verifier, each with a story that shows it."""


@pytest.mark.planted
@pytest.mark.parametrize("bug", RULES_PLANTED_IN_PYTHON)
def test_wrong_rule_planted_in_python__exposed(bug: str, tmp_path: Path) -> None:
    """JavaScript made the story; the planted bug refuses it."""
    find, replacement, story = RULES_PLANTED_IN_PYTHON[bug]
    script = verifiers.planted(verifiers.VERIFY_PY, tmp_path / "planted", find, replacement)
    bundle = verifiers.written(tmp_path / "bundle", bundles()[story])

    assert verifiers.verdict(script, bundle) == 1
