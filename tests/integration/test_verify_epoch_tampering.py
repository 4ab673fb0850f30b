"""Every way to falsify a bundle: bad input exits 2, and no change of a file is accepted.

A plain change is caught by its digest. The tables here also make every digest right again, as a
careful forger would, so that the checks of the content have to catch it.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts import verify_epoch
from tests import bundle_builder as story

ONE = 10**6
FILES = story.story_files()

Files = dict[str, bytes]


def code_of(directory: Path, *options: str) -> int:
    return verify_epoch.main([str(directory), *options])


@pytest.fixture
def files() -> Files:
    return dict(FILES)


def edited(files: Files, name: str, change: Callable[[Any], object]) -> Files:
    """Change a JSON file, or the list of a JSON Lines file's records, in place."""
    if name.endswith(".json"):
        document = json.loads(files[name])
        change(document)
        return {**files, name: story.canonical(document)}
    records = [json.loads(line) for line in files[name].splitlines()]
    change(records)
    return {**files, name: story.json_lines(records)}


def put(*path: str | int, value: object) -> Callable[[Any], object]:
    """An edit that sets one value."""

    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize("name", ["bundle.json", *verify_epoch.FILES.split()])
def test_main__missing_file__exit_2_names_it(
    name: str, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.write_bundle(tmp_path, files)
    (tmp_path / name).unlink()

    assert code_of(tmp_path) == 2
    assert capsys.readouterr().err.startswith(f"{name}: No such file")


@pytest.mark.parametrize(
    "case",
    [
        ("manifest.json", put("epoch", value=2), "manifest.json epoch: 2 is not a string"),
        ("manifest.json", put("epoch", value="02"), "manifest.json epoch: '02' is not a decimal"),
        ("manifest.json", put("epoch", value=str(2**64)), "manifest.json epoch"),
        ("manifest.json", put("epoch", value=["2"]), "manifest.json epoch: not a string"),
        ("manifest.json", put("clock", value="1"), "manifest.json clock: not an object"),
        ("manifest.json", put("clock", "length", value="0"), "manifest.json clock length: zero"),
        ("manifest.json", put("more", value="1"), "manifest.json: fields missing or unknown"),
        ("manifest.json", put("tree", value="1"), "manifest.json tree: not an object"),
        ("manifest.json", put("totals", value={}), "manifest.json totals: not an array"),
        ("manifest.json", put("tree", "root", value=None), "manifest.json tree root: null"),
        ("blocks.jsonl", put(0, "hash", value="0x1"), "blocks.jsonl line 1 hash"),
        ("blocks.jsonl", put(0, value="x"), "blocks.jsonl line 1: not an object"),
        ("headers.jsonl", put(0, "claim", value="sure"), "headers.jsonl line 1 claim: 'sure' is"),
        ("headers.jsonl", put(1, "header", value="0x80"), "headers.jsonl line 2 header: not the"),
        ("headers.jsonl", put(1, "header", value="0xc0"), "headers.jsonl line 2 header: not the"),
        ("headers.jsonl", put(1, "header", value="0x"), "headers.jsonl line 2 header: not the RLP"),
        ("headers.jsonl", put(1, "header", value="0xf90200a0"), "headers.jsonl line 2 header"),
        ("headers.jsonl", put(1, "header", value="0xc28301"), "headers.jsonl line 2 header: its"),
        ("headers.jsonl", put(1, value={}), "headers.jsonl line 2: fields missing"),
        (
            "manifest.json",
            put("completeness", "previous", value="0x"),
            "manifest.json completeness",
        ),
        ("logs.jsonl", put(2, "topics", value="0x"), "logs.jsonl line 3 topics: not an array"),
        ("logs.jsonl", put(2, "topics", 1, value="0x00"), "logs.jsonl line 3 topics: 1 bytes"),
        ("logs.jsonl", put(2, "data", value="0xAB"), "logs.jsonl line 3 data"),
        ("logs.jsonl", put(2, "log_index", value=1.5), "logs.jsonl line 3 log_index: 1.5"),
        ("allocations.jsonl", put(0, "rows", value="x"), "allocations.jsonl line 1 rows: not"),
    ],
)
def test_main__wrong_type__exit_2_names_file_and_field(
    case: tuple[str, Callable[[Any], object], str],
    files: Files,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, change, message = case
    story.write_bundle(tmp_path, edited(files, name, change))

    assert code_of(tmp_path) == 2
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[" * 100_000, b"\xff", b"\xef\xbb\xbf{}", b"NaN", b'{"a":1e400}', b"9" * 5000],
    ids=["empty", "cut", "deep", "not UTF-8", "byte order mark", "NaN", "infinite", "long number"],
)
@pytest.mark.parametrize("name", ["bundle.json", "manifest.json", "blocks.jsonl", "logs.jsonl"])
def test_main__not_json__exit_2(name: str, text: bytes, files: Files, tmp_path: Path) -> None:
    line = text + b"\n" if name.endswith(".jsonl") else text
    story.write_bundle(tmp_path, files)
    story.write_bundle(tmp_path, {**files, name: line} if name in files else files)
    if name == "bundle.json":
        (tmp_path / name).write_bytes(text)

    # As an auditor runs it: other libraries in this process may have raised the recursion limit.
    script = Path(verify_epoch.__file__)
    done = subprocess.run([sys.executable, "-I", "-S", script, tmp_path], check=False)
    assert done.returncode == 2


def test_main__bad_input_as_json__result_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(tmp_path, "--json") == 2

    report = json.loads(capsys.readouterr().out)
    assert report["result"].startswith("bundle.json: No such file")
    assert report["epoch"] is report["manifest_digest"] is report["root"] is None


def test_main__name_with_control_characters__not_printed_raw(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change = put("settlement", "name", value="\x1b[2J\nOK")
    story.write_bundle(tmp_path, edited(files, "manifest.json", change))

    assert code_of(tmp_path) == 0
    assert r"'\x1b[2J\nOK'" in capsys.readouterr().out


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("name", ["bundle.json", *verify_epoch.FILES.split()])
def test_tampering__one_bit_of_a_file__refused(name: str, files: Files, tmp_path: Path) -> None:
    story.write_bundle(tmp_path, files)
    data = (tmp_path / name).read_bytes()

    for at in {0, len(data) // 3, len(data) // 2, len(data) - 1} if data else ():
        (tmp_path / name).write_bytes(flip(data, at))
        assert code_of(tmp_path) in (1, 2), f"{name}, byte {at}"


def leaves_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every string in a JSON value."""
    if isinstance(value, str):
        yield path
        return
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves_of(member, (*path, key))


def other(text: str) -> str:
    """Another value of the same kind: the last digit changed."""
    return text[:-1] + ("1" if text[-1] != "1" else "2")


BOUND_BY_THE_COMMITMENT_ONLY = {
    ("attempt",),
    ("previous_manifest_digest",),
    ("settlement", "name"),
}
"""What no offline check can know; tests/integration shows that a node's commitment tells."""


@pytest.mark.parametrize(
    "path", list(leaves_of(story.manifest())), ids=lambda path: ".".join(map(str, path))
)
def test_tampering__one_field_of_the_manifest__refused(
    path: tuple[str | int, ...], files: Files, tmp_path: Path
) -> None:
    value: Any = json.loads(files["manifest.json"])
    for key in path:
        value = value[key]

    story.write_bundle(tmp_path, edited(files, "manifest.json", put(*path, value=other(value))))

    assert (code_of(tmp_path) == 0) == (path in BOUND_BY_THE_COMMITMENT_ONLY)


def usage_minutes(document: Any) -> None:
    """S1 listened one minute more to work A."""
    words = document[19]["data"]
    document[19]["data"] = words.replace(f"{60:064x}", f"{61:064x}", 1)


def subscribed_amount(document: Any) -> None:
    document[12]["data"] = document[12]["data"].replace(f"{1_000_003:064x}", f"{1_000_002:064x}")


def both_amounts(document: Any) -> None:
    subscribed_amount(document)
    document[13]["data"] = f"0x{1_000_002:064x}"


def price(document: Any) -> None:
    document[2]["data"] = document[2]["data"].replace(f"{10**6:064x}", f"{10**6 + 1:064x}", 1)


def moved(source: int, target: int) -> Callable[[Any], object]:
    return lambda document: document.insert(target, document.pop(source))


def appended(record: Mapping[str, Any]) -> Callable[[Any], object]:
    return lambda document: document.append(dict(record))


def without(index: int) -> Callable[[Any], object]:
    return lambda document: document.pop(index)


def replaced_by(index: int, record: Mapping[str, Any]) -> Callable[[Any], object]:
    return put(index, value=dict(record))


def parameters_with(**members: object) -> story.Json:
    """Well-logged parameters with other content."""
    data = story.canonical(story.PARAMETERS | members)
    values = (2, story.keccak(data), data)
    return story.raw_log(13, 1, "RulesetParameters", "ParametersSet", values)


def overflow(document: Any) -> None:
    """Two fees whose sum no uint256 can hold."""
    amount = (story.TOKEN_X, 2**256 - 1)
    document[12:14] = story.payment_logs(16, 0, story.S1, story.TIER_1, amount)
    document[14:16] = story.payment_logs(16, 4, story.S2, story.TIER_1, amount)


LATE = [(story.A, 1, 1, "p99")]
LOG_TAMPERING = {
    "usage changed": usage_minutes,
    "payment smaller": subscribed_amount,
    "payment and funding smaller": both_amounts,
    "price changed": price,
    "wrong block hash": put(19, "block_hash", value=story.hex0x(story.block_hash(18))),
    "wrong block": put(19, "block_number", value="18"),
    "unlisted block": put(24, "block_number", value="19"),
    "wrong address": put(19, "address", value=story.hex0x(story.DONOR)),
    "log index repeated": put(20, "log_index", value="0"),
    "order changed": moved(19, 20),
    "same log twice": lambda document: document.insert(19, document[19]),
    "no topics": put(19, "topics", value=[]),
    "usage of the next epoch": put(19, "topics", 2, value=f"0x{3:064x}"),
    "terms of the next epoch": appended(
        story.Terms(work_id=story.E, version=2, effective_epoch=3).log(21, 0)
    ),
    "version left out": without(3),
    "parameters of another digest": put(7, "topics", 2, value=f"0x{5:064x}"),
    "parameters in force too early": replaced_by(
        7, story.parameters_log(13, 1, effective_epoch=1, k_ppm=ONE)
    ),
    "other parameters": replaced_by(
        7, story.parameters_log(13, 1, effective_epoch=2, k_ppm=2 * ONE)
    ),
    "terms in force too early": replaced_by(
        6, story.Terms(work_id=story.B, version=2, region_rule=story.HALF).log(13, 0)
    ),
    "shares of more than the whole": replaced_by(
        2, story.Terms(work_id=story.A, payees={story.P1: ONE, story.P2: 1}).log(12, 0)
    ),
    "payees not ascending": replaced_by(
        2, story.Terms(work_id=story.A, payees={story.P2: 1, story.P1: ONE - 1}).log(12, 0)
    ),
    "payment from an earlier epoch": replaced_by(
        12, story.payment_logs(11, 1, story.S1, story.TIER_1, (story.TOKEN_X, 1))[0]
    ),
    "second clock": appended(
        story.raw_log(21, 0, "EpochClock", "EpochClockStarted", (1000, 100, 20))
    ),
    "usage before the epoch": lambda document: document.insert(
        10, story.usage_log(13, 9, (story.S1, story.TIER_1, 9), LATE)
    ),
    "log that the bloom of its block rules out": lambda document: document.insert(
        22, story.verdict_log(18, 0, "VerdictPlaced", story.A)
    ),
    "regions that are no object": replaced_by(7, parameters_with(regions=[[]])),
    "no play counts": replaced_by(7, parameters_with(plays_max="0")),
    "too many plays count": replaced_by(7, parameters_with(plays_max="100001")),
    "half-life of another kind": replaced_by(7, parameters_with(half_life="v2")),
    "no minutes count": replaced_by(7, parameters_with(minutes_max="0")),
    "minutes beyond 32 bits": replaced_by(7, parameters_with(minutes_max=str(2**32))),
    "no fees, yet a list": replaced_by(7, parameters_with(fees=[])),
    "unknown parameter": replaced_by(7, parameters_with(alpha="1")),
    "sum above uint256": overflow,
    **{f"log {index} left out": without(index) for index in range(25)},
}
SEEN_BY_A_NODE_ONLY = {"log 9 left out", "log 20 left out"}
"""A verdict that was lifted in time, and one placed too late: they change nothing in this epoch."""


@pytest.mark.parametrize("name", LOG_TAMPERING)
def test_tampering__logs_with_all_digests_made_right__refused(
    name: str, files: Files, tmp_path: Path
) -> None:
    forged = story.with_digests(edited(files, "logs.jsonl", LOG_TAMPERING[name]))

    code = code_of(story.write_bundle(tmp_path, forged))

    assert (code == 0) == (name in SEEN_BY_A_NODE_ONLY)
    assert code in (0, 1, 2)


TAMPERING = {
    "block left out": ("blocks.jsonl", without(3)),
    "block not needed": ("blocks.jsonl", lambda blocks: blocks.insert(9, story.block(19))),
    "block of no log changed": ("blocks.jsonl", put(8, "hash", value=f"0x{1:064x}")),
    "block of a log changed": ("blocks.jsonl", put(7, "hash", value=f"0x{1:064x}")),
    "blocks not ascending": ("blocks.jsonl", moved(0, 1)),
    "time going back": ("blocks.jsonl", put(1, "timestamp", value="1000")),
    "usage block after grace": ("blocks.jsonl", put(9, "timestamp", value="1320")),
    "payment block before the epoch before": ("blocks.jsonl", put(4, "timestamp", value="1099")),
    "work left out": ("works.jsonl", without(2)),
    "older terms": ("works.jsonl", replaced_by(1, story.TERMS_B1.line())),
    "other payee": ("works.jsonl", put(0, "payees", 0, 0, value=story.eip55(story.P2))),
    "other share": ("works.jsonl", put(0, "payees", 0, 1, value="700001")),
    "works not ascending": ("works.jsonl", moved(0, 1)),
    "work added": ("works.jsonl", appended(story.Terms(work_id=story.UNREGISTERED).line())),
    "quarantine line left out": ("quarantine.jsonl", without(3)),
    "quarantine line added": (
        "quarantine.jsonl",
        appended(story.quarantine_line((20, 2, 3), "unpaid_tier", story.S2, story.B)),
    ),
    "other reason": ("quarantine.jsonl", put(1, "reason", value="duplicate_work")),
    "other unpayable amount": ("quarantine.jsonl", put(0, "amount", value="21")),
    "fee changed": ("allocations.jsonl", put(0, "fee", value="1000004")),
    "credit moved": (
        "allocations.jsonl",
        lambda lines: (
            put(0, "rows", 0, "credited", value="852073")(lines),
            put(0, "rows", 1, "credited", value="147930")(lines),
        ),
    ),
    "held row credited": ("allocations.jsonl", put(1, "rows", 1, "credited", value="125000")),
    "row left out": ("allocations.jsonl", lambda lines: lines[1]["rows"].pop()),
    "subscriber left out": ("allocations.jsonl", without(3)),
    "unallocated changed": ("allocations.jsonl", put(3, "unallocated", value="49")),
    "payee's line changed": ("leaves.jsonl", put(0, "lines", 0, 1, value="858951")),
    "leaf changed with its hashes": (
        "leaves.jsonl",
        replaced_by(2, story.leaf_line(story.B, story.TOKEN_X, [(story.P1, story.S1_B)])),
    ),
    "leaf left out": ("leaves.jsonl", without(1)),
    "leaf hash changed": ("leaves.jsonl", put(1, "leaf", value=f"0x{1:064x}")),
    "split hash changed": ("leaves.jsonl", put(1, "split_hash", value=f"0x{1:064x}")),
    "leaf amount changed": ("leaves.jsonl", put(1, "amount", value="54")),
    "part changed": ("leaves.jsonl", put(1, "part", value="1")),
    "leaf added": (
        "leaves.jsonl",
        appended(story.leaf_line(story.C, story.TOKEN_X, [(story.P2, 125_000)])),
    ),
}


@pytest.mark.parametrize(("name", "change"), TAMPERING.values(), ids=TAMPERING)
def test_tampering__recomputed_file_with_all_digests_made_right__refused(
    name: str, change: Callable[[Any], object], files: Files, tmp_path: Path
) -> None:
    story.write_bundle(tmp_path, story.with_digests(edited(files, name, change)))

    assert code_of(tmp_path) in (1, 2)


def header_line(number: int, claim: str, **changes: Any) -> story.Json:
    """A line of headers.jsonl with a header that has, or differs from, the story's."""
    fields: dict[str, Any] = {
        "parent": story.block_hash(number - 1),
        "bloom": story.bloom_of(story.logs_of_block(number)),
        "root": story.receipts_root(number),
    }
    data = story.header_of(number, **fields | changes)
    return {"claim": claim, "header": story.hex0x(data), "number": str(number)}


def emptied(lines: Any) -> None:
    """Blocks 20 and 21 forged without logs, hashed and linked anew."""
    lines[4] = header_line(20, "empty", bloom=bytes(256))
    parent = story.keccak(bytes.fromhex(lines[4]["header"][2:]))
    lines[5] = header_line(21, "empty", bloom=bytes(256), parent=parent)


def swapped(lines: Any) -> None:
    lines[2]["header"], lines[3]["header"] = lines[3]["header"], lines[2]["header"]


HEADERS, NOT_FIRST = "headers.jsonl", "manifest.json previous_manifest_digest"
HEADER_TAMPERING = {
    "positive block declared empty": (put(1, "claim", value="empty"), f"{HEADERS} line 2 claim"),
    "block that looks positive declared empty": (
        put(5, "claim", value="empty"),
        f"{HEADERS} line 6 claim",
    ),
    "positive block unproved": (put(4, "claim", value="unproved"), f"{HEADERS} line 5 claim"),
    "empty block declared proved": (put(2, "claim", value="proved"), f"{HEADERS} line 3 claim"),
    "block of the range as an anchor": (
        put(1, "claim", value="anchor"),
        f"{HEADERS} line 2 claim",
    ),
    "headers swapped": (swapped, f"{HEADERS} line 3 number, by its header"),
    "header left out": (without(3), f"{HEADERS} line 4 number"),
    "last header left out": (without(5), f"{HEADERS}, its last block"),
    "first header left out": (without(1), f"{HEADERS} line 2 number"),
    "anchor left out": (without(0), NOT_FIRST),
    "anchor and first header left out": (
        lambda lines: lines.__delitem__(slice(2)),
        NOT_FIRST,
    ),
    "later anchor": (
        lambda lines: (lines.pop(0), put(0, "claim", value="anchor")(lines)),
        f"{HEADERS} line 1 timestamp",
    ),
    "range that begins too early": (
        lambda lines: (
            put(0, "claim", value="proved")(lines),
            lines.insert(0, header_line(15, "anchor")),
        ),
        f"{HEADERS} line 2 timestamp",
    ),
    "header after the reference block": (
        appended(header_line(22, "proved")),
        f"{HEADERS}, its last block",
    ),
    "bloom cleared": (
        put(4, value=header_line(20, "empty", bloom=bytes(256))),
        f"{HEADERS} line 6 parent hash",
    ),
    "blooms cleared, linked anew": (emptied, "blocks.jsonl, block 20"),
    "wrong number": (put(3, "number", value="20"), f"{HEADERS} line 4 number, by its header"),
    "no headers": (lambda lines: lines.clear(), f"{HEADERS}: expected headers"),
}


@pytest.mark.parametrize(("change", "about"), HEADER_TAMPERING.values(), ids=HEADER_TAMPERING)
def test_tampering__headers_with_all_digests_made_right__refused(
    change: Callable[[Any], object],
    about: str,
    files: Files,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forged = story.with_digests(edited(files, "headers.jsonl", change))

    assert code_of(story.write_bundle(tmp_path, forged)) == 1
    assert capsys.readouterr().out.startswith(about)


def at_level(level: str, claim: str, demanded: story.Json) -> Files:
    """The story with a certificate of this level, under parameters with these members."""
    lines = [
        line | {"claim": claim if line["claim"] == "proved" else line["claim"]}
        for line in story.header_lines()
    ]
    logs = story.story_logs()
    logs[7] = parameters_with(**demanded)
    document = story.manifest()
    data = story.canonical(story.PARAMETERS | demanded)
    document["ruleset"]["parameters"] = story.PARAMETERS | demanded
    document["ruleset"]["parameters_digest"] = story.hex0x(story.keccak(data))
    document["completeness"]["level"] = level
    files = {
        **FILES,
        "headers.jsonl": story.json_lines(lines),
        "logs.jsonl": story.json_lines(logs),
        "manifest.json": story.canonical(document),
    }
    return story.with_digests(files)


@pytest.mark.parametrize(
    ("level", "claim", "demanded", "code"),
    [
        ("receipts", "proved", {}, 0),
        ("receipts", "proved", {"completeness": "receipts"}, 0),
        ("headers", "unproved", {"completeness": "headers"}, 0),
        ("headers", "unproved", {}, 1),
        ("headers", "unproved", {"completeness": "receipts"}, 1),
        ("headers", "proved", {}, 1),
        ("headers", "proved", {"completeness": "headers"}, 1),
        ("receipts", "unproved", {}, 1),
        ("receipts", "unproved", {"completeness": "headers"}, 1),
        ("receipts", "proved", {"completeness": "headers"}, 1),
        ("none", "unproved", {"completeness": "none"}, 2),
        ("headers", "unproved", {"completeness": ["headers"]}, 2),
    ],
)
def test_level__against_what_the_parameters_demand(
    level: str, claim: str, demanded: story.Json, code: int, tmp_path: Path
) -> None:
    files = at_level(level, claim, demanded)

    assert code_of(story.write_bundle(tmp_path, files)) == code


def test_level__lower_than_demanded__named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.write_bundle(tmp_path, at_level("headers", "proved", {}))

    assert code_of(tmp_path) == 1
    assert capsys.readouterr().out.startswith("manifest.json completeness")


@pytest.mark.parametrize("name", verify_epoch.FILES.split())
@pytest.mark.parametrize("added", [b" ", b"\n"], ids=["space", "empty line"])
def test_tampering__white_space_at_the_end__refused(
    name: str, added: bytes, files: Files, tmp_path: Path
) -> None:
    spaced = {**files, name: files[name] + added}
    if name in ("works.jsonl", "quarantine.jsonl"):
        spaced = story.with_digests(spaced)

    assert code_of(story.write_bundle(tmp_path, spaced)) in (1, 2)


def test_difference__one_amount__one_sentence_names_place_expected_found(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change = put(0, "lines", 0, 1, value="858951")
    story.write_bundle(tmp_path, edited(files, "leaves.jsonl", change))

    assert code_of(tmp_path) == 1
    sentence = "leaves.jsonl line 1 lines 0 1: expected 858952, found 858951\n"
    assert capsys.readouterr().out == sentence
