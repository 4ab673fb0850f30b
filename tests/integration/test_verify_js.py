"""The two verifiers against each other: same verdicts, and each exposes bugs planted in the other.

`scripts/verify_epoch.py` and `api/console/verify.js` were written apart and share no code. Bundles
that are right must be accepted by both, forged ones refused by both. The verifier in JavaScript is
run without the globals of Node, as in a browser, and many bundles in one process.
"""

import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import Address, keccak
from settlement.royalties.derivation import bundle_files, derive
from tests import bundle_builder as story
from tests import modifiers_story
from tests.integration import test_royalties_bundle as engine
from tests.integration import test_verify_epoch_tampering as tampering
from tests.royalties_builders import (
    ANN,
    BOB,
    CLOCK,
    DUSD,
    EURT,
    FIRST_EPOCH,
    REGION,
    SETTLEMENT,
    ScriptedChain,
    facts_of,
    parameters_json,
    sample_chain,
    work,
)
from tests.ruled_epochs import golden_epochs
from tests.verifiers import (
    VERIFY_JS,
    VERIFY_PY,
    Bundles,
    Files,
    in_a_browser,
    javascript,
    node,
    planted,
    python,
    verdict,
    with_index,
    written,
)


def many_payees() -> ScriptedChain:
    """A work of 70 payees, three of whom nobody can pay, in two assets; and one that nobody has."""
    chain = ScriptedChain(first_block_at=CLOCK.start_of(FIRST_EPOCH))
    people = [Address(keccak(bytes([at]))[:20]) for at in range(67)]
    payees = [*people, DUSD, EURT, SETTLEMENT.payouts]
    shares = {payee: 14_000 + at for at, payee in enumerate(payees[:-1])}
    shares[payees[-1]] = 1_000_000 - sum(shares.values())
    chain.set_terms(work("choir"), shares)
    chain.set_terms(work("solo"), {ANN: 1_000_000}, price_ppm=3)
    for subscriber, asset in ((ANN, DUSD), (ANN, EURT), (BOB, DUSD)):
        chain.subscribe(subscriber, 10**6 + 7, asset=asset, tier_id=keccak(asset))
    chain.submit(ANN, [(work("choir"), 7, 3), (work("solo"), 1, 100_001)], tier_id=keccak(DUSD))
    chain.mine(CLOCK.grace_end_of(FIRST_EPOCH) - 1)
    chain.finish(FIRST_EPOCH)
    return chain


def odd_parameters() -> ScriptedChain:
    """Factors and bounds at which every rounding shows, in amounts that show every unit of it."""
    far = keccak(b"far away")
    chain = ScriptedChain(first_block_at=CLOCK.start_of(FIRST_EPOCH) - 1)
    regions = {str(REGION): "1000000", str(far): "333331"}
    odd = parameters_json(k_ppm="333333", plays_max="64", regions=regions)
    chain.set_parameters(odd, effective=FIRST_EPOCH)
    chain.set_terms(work("near"), {ANN: 1_000_000}, effective=FIRST_EPOCH - 1, price_ppm=999_983)
    for at in range(3):
        one = work(f"far {at}")
        shares = {ANN: 333_333, BOB: 666_667}
        before = FIRST_EPOCH - 1
        chain.set_terms(one, shares, effective=before, price_ppm=7 + at, region_rule=far)
    chain.commit(FIRST_EPOCH - 1, keccak(b"before"), active_at=0)
    chain.mine(CLOCK.start_of(FIRST_EPOCH))
    chain.subscribe(BOB, 10**24 + 7)
    plays = [(work("near"), 1, 63), (work("far 0"), 1, 65), (work("far 1"), 3, 100)]
    chain.submit(BOB, [*plays, (work("far 2"), 11, 2)])
    chain.mine(CLOCK.grace_end_of(FIRST_EPOCH) - 1)
    chain.finish(FIRST_EPOCH)
    return chain


ROOT = Path(__file__).parents[2]
COMMITTED = sorted((Path(__file__).parents[1] / "vectors" / "verify_epoch").iterdir())


@cache
def honest() -> Bundles:
    """Bundles that are right: committed ones, what the engine publishes of scripted chains, and one
    with every modifier on that was worked out by hand."""
    committed = {
        path.name: {file.name: file.read_bytes() for file in path.iterdir()} for path in COMMITTED
    }
    chains = {
        "sample": sample_chain(),
        "many payees": many_payees(),
        "odd parameters": odd_parameters(),
        **{f"random {seed}": engine.random_chain(seed) for seed in range(3)},
    }
    facts = {name: facts_of(chain, FIRST_EPOCH) for name, chain in chains.items()}
    facts |= {f"golden {name}": one for name, one in golden_epochs().items()}
    published = {name: bundle_files(derive(one)) for name, one in facts.items()}
    return committed | published | {"by hand": with_index(modifiers_story.files())}


def forged(name: str, change: Callable[[Any], object]) -> Files:
    """The story with a file changed, and every digest made right again."""
    return with_index(story.with_digests(tampering.edited(dict(tampering.FILES), name, change)))


def demanding(level: str, claim: str, members: story.Json) -> Files:
    return with_index(tampering.at_level(level, claim, members))


@cache
def falsified() -> Bundles:
    """Bundles that are wrong, apart from what only a node can see."""
    logs = {
        f"logs: {name}": forged("logs.jsonl", change)
        for name, change in tampering.LOG_TAMPERING.items()
        if name not in tampering.SEEN_BY_A_NODE_ONLY
    }
    files = {f"files: {at}": forged(*edit) for at, edit in tampering.TAMPERING.items()}
    headers = {
        f"headers: {name}": forged("headers.jsonl", change)
        for name, (change, _) in tampering.HEADER_TAMPERING.items()
    }
    other_header = tampering.header_line(19, "empty", root=bytes(32))
    late = story.verdict_log(18, 0, "VerdictPlaced", story.E)
    edits: dict[str, tuple[str, Callable[[Any], object]]] = {
        "another header": ("headers.jsonl", tampering.put(3, value=other_header)),
        "a log not in the bloom": ("logs.jsonl", lambda lines: lines.insert(22, late)),
        "another root": ("manifest.json", tampering.put("tree", "root", value=f"0x{1:064x}")),
    }
    more = {name: forged(*edit) for name, edit in edits.items()}
    return {**logs, **files, **headers, **more}


@pytest.mark.parametrize("directory", COMMITTED, ids=lambda path: path.name)
def test_main__committed_bundle__ok(directory: Path) -> None:
    done = subprocess.run(
        [node(), VERIFY_JS, directory, "--json"], capture_output=True, check=True, timeout=60
    )

    report = json.loads(done.stdout)
    assert report["result"] == "OK"
    assert report["root"] == json.loads((directory / "manifest.json").read_text())["tree"]["root"]


@pytest.mark.parametrize(
    ("name", "data", "code", "place"),
    [
        ("leaves.jsonl", b"", 1, ["leaves.jsonl", 1, None]),
        ("leaves.jsonl", b"{", 2, ["leaves.jsonl", 1, None]),
        ("manifest.json", b"\xff", 2, ["manifest.json", None, None]),
        ("logs.jsonl", None, 2, ["logs.jsonl", None, None]),
    ],
    ids=["a difference", "a line cut", "not UTF-8", "a file missing"],
)
def test_main__exit_code_and_place(
    name: str, data: bytes | None, code: int, place: list[str | int | None], tmp_path: Path
) -> None:
    files = with_index({**tampering.FILES, name: data or b""})
    if data is None:
        del files[name]

    done = subprocess.run(
        [node(), VERIFY_JS, written(tmp_path, files), "--json"],
        capture_output=True,
        check=False,
        timeout=60,
    )

    finding = json.loads(done.stdout)["finding"]
    assert done.returncode == code
    assert [finding["file"], finding["line"], finding["field"]] == place


def test_difference__one_amount__file_line_field_expected_found() -> None:
    change = tampering.put(0, "lines", 0, 1, value="858951")

    finding = javascript({"moved": forged("leaves.jsonl", change)})["moved"]

    assert finding == {
        "kind": "difference",
        "file": "leaves.jsonl",
        "line": 1,
        "field": "lines 0 1",
        "expected": "858952",
        "found": "858951",
        "sentence": "leaves.jsonl line 1 lines 0 1: expected 858952, found 858951",
    }


def test_honest_bundles__both_accept(tmp_path: Path) -> None:
    bundles = honest()

    assert set(javascript(bundles).values()) == {"OK"}
    assert set(python(bundles, tmp_path).values()) == {"OK"}


def test_falsified_bundles__both_refuse(tmp_path: Path) -> None:
    bundles = falsified()

    theirs, ours = javascript(bundles), python(bundles, tmp_path)

    assert len(bundles) > 90
    assert [name for name, answer in theirs.items() if answer == "OK"] == []
    assert [name for name, answer in theirs.items() if answer["kind"] == "crash"] == []
    assert [name for name, answer in ours.items() if answer == "OK"] == []


def test_falsified_manifest__both_refuse_the_same_fields(tmp_path: Path) -> None:
    bundles = {}
    for path in tampering.leaves_of(story.manifest()):
        value: Any = story.manifest()
        for key in path:
            value = value[key]
        change = tampering.put(*path, value=tampering.other(value))
        files = tampering.edited(dict(tampering.FILES), "manifest.json", change)
        bundles[" ".join(map(str, path))] = with_index(files)

    theirs, ours = javascript(bundles), python(bundles, tmp_path)

    accepted = [name for name, answer in theirs.items() if answer == "OK"]
    assert accepted == [name for name, answer in ours.items() if answer == "OK"]
    assert len(accepted) == len(tampering.BOUND_BY_THE_COMMITMENT_ONLY)


WITH_LINES = [name for name in tampering.FILES if name.endswith(".jsonl") and tampering.FILES[name]]


@pytest.mark.parametrize("file", WITH_LINES)
def test_one_value_of_a_line_changed__both_refuse(file: str, tmp_path: Path) -> None:
    """The last line of each file, value by value.

    The data of the last log end with the digest of a submission. No money depends on it, and the
    story's digests are not those that the contract would compute: neither verifier looks at it.
    """
    records = [json.loads(line) for line in tampering.FILES[file].splitlines()]
    at = len(records) - 1
    bundles = {}
    for path in tampering.leaves_of(records[at]):
        value: Any = records[at]
        for key in path:
            value = value[key]
        for kind, changed in {"other": tampering.other(value), "number": 1, "none": ""}.items():
            change = tampering.put(at, *path, value=changed)
            edited = tampering.edited(dict(tampering.FILES), file, change)
            unforgeable = file in ("logs.jsonl", "headers.jsonl") and kind != "other"
            files = edited if unforgeable else story.with_digests(edited)
            bundles[f"{' '.join(map(str, path))} {kind}"] = with_index(files)

    theirs, ours = javascript(bundles), python(bundles, tmp_path)

    accepted = ["data other"] if file == "logs.jsonl" else []
    assert [name for name, answer in theirs.items() if answer == "OK"] == accepted
    assert [name for name, answer in ours.items() if answer == "OK"] == accepted


def test_levels__both_demand_what_the_parameters_demand(tmp_path: Path) -> None:
    bundles = {
        f"{level} {claim} {demanded}": demanding(level, claim, demanded)
        for level in ("headers", "receipts")
        for claim in ("proved", "unproved")
        for demanded in ({}, {"completeness": "headers"}, {"completeness": "receipts"})
    }

    theirs, ours = javascript(bundles), python(bundles, tmp_path)

    accepted = [name for name, answer in theirs.items() if answer == "OK"]
    assert accepted == [name for name, answer in ours.items() if answer == "OK"]
    assert len(accepted) == 3


def changed_data(line: int, at: int, value: int) -> Callable[[Any], object]:
    """An edit of word `at` of the data of a log."""

    def change(logs: Any) -> None:
        start = 2 + 64 * at
        data = logs[line]["data"]
        logs[line]["data"] = f"{data[:start]}{value:064x}{data[start + 64 :]}"

    return change


UNREGISTERED, DONOR = story.hex0x(story.UNREGISTERED), f"0x{story.DONOR.hex():0>64}"
TAGGED = f"0x01{0:062x}"
REFUSED_BY_CONTRACTS = {
    "verdict lifted that was never placed": (tampering.without(9), (21, "caseDigest")),
    "verdict over an unregistered work": (tampering.put(9, "topics", 1, value=UNREGISTERED), (10,)),
    "other registrant in older terms": (
        tampering.put(3, "topics", 2, value=DONOR),
        (7, "registrant"),
    ),
    "fee that the tiers never forwarded": (
        tampering.put(11, "topics", 3, value=DONOR),
        (15,),
    ),
    "id of a leaf of fees for a work": (tampering.put(5, "topics", 1, value=TAGGED), (6, "workId")),
}
"""Logs that no contract of the settlement emits, for which the rules have no reason either."""


def test_logs_that_contracts_refuse__refused() -> None:
    bundles = {
        name: forged("logs.jsonl", change) for name, (change, _) in REFUSED_BY_CONTRACTS.items()
    }

    answers = javascript(bundles)

    for name, (_, place) in REFUSED_BY_CONTRACTS.items():
        assert answers[name]["file"] == "logs.jsonl", name
        assert (answers[name]["line"], answers[name]["field"])[: len(place)] == place, name


WITHOUT_EFFECT = {
    "price of nothing in older terms": changed_data(3, 2, 0),
    "price beyond the limit in older terms": changed_data(3, 2, 2**40),
    "payee zero in older terms": changed_data(3, 7, 0),
    "share of nothing in older terms": changed_data(3, 9, 0),
}
"""Terms that no contract would record; the rules judge those in force alone."""


def test_logs_without_effect__both_accept(tmp_path: Path) -> None:
    bundles = {name: forged("logs.jsonl", change) for name, change in WITHOUT_EFFECT.items()}

    assert set(javascript(bundles).values()) == {"OK"}
    assert set(python(bundles, tmp_path).values()) == {"OK"}


def digests_in_js(name: str, data: list[bytes]) -> list[str]:
    """What a hash function of the verifier makes of each of these."""
    program = """
    const verify = await import(process.argv[1]);
    const data = JSON.parse(process.argv[3]).map((hex) => Buffer.from(hex, "hex"));
    const digests = data.map((one) => Buffer.from(verify[process.argv[2]](one)).toString("hex"));
    console.log(JSON.stringify(digests));
    """
    arguments = [VERIFY_JS.as_uri(), name, json.dumps([one.hex() for one in data])]
    done = subprocess.run(
        [node(), "--input-type=module", "-e", program, *arguments],
        capture_output=True,
        check=True,
        timeout=60,
    )
    digests: list[str] = json.loads(done.stdout)
    return digests


def bytes_of(*sizes: int) -> list[bytes]:
    return [bytes(at * 7 % 256 for at in range(size)) for size in sizes]


def test_keccak__around_the_rate__as_pysha3() -> None:
    data = bytes_of(0, 1, 32, 64, 135, 136, 137, 271, 272, 1000)

    assert digests_in_js("keccak", data) == [story.keccak(one).hex() for one in data]


def test_sha256__around_the_block__as_hashlib() -> None:
    data = bytes_of(0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000)

    assert digests_in_js("sha256", data) == [sha256(one).hexdigest() for one in data]


@cache
def _own_events() -> set[str]:
    """Names of the events that sources of ours declare; those of libraries are not among them."""
    sources = (ROOT / "contracts" / "src").rglob("*.sol")
    return {event for path in sources for event in re.findall(r"event (\w+)", path.read_text())}


def _declared(name: str) -> set[str]:
    """Signatures of the events of our own that a contract may emit, from its artifact."""
    artifact = json.loads((ROOT / "contracts" / "artifacts" / f"{name}.json").read_text())
    return {
        f"{one['name']}({','.join(map(_type, one['inputs']))})"
        for one in artifact["abi"]
        if one["type"] == "event" and one["name"] in _own_events()
    }


def _type(parameter: dict[str, Any]) -> str:
    name: str = parameter["type"]
    if not name.startswith("tuple"):
        return name
    return f"({','.join(map(_type, parameter['components']))}){name.removeprefix('tuple')}"


def test_event_signatures__those_of_the_contracts() -> None:
    known = in_a_browser({})["signatures"]

    assert sorted(known) == sorted(set().union(*map(_declared, story.CONTRACTS)))


def test_source__no_dependency_and_no_floating_point() -> None:
    source = VERIFY_JS.read_text()

    assert re.findall(r"^import\b|\brequire\(", source, re.MULTILINE) == []
    assert set(re.findall(r'import\("([^"]+)"\)', source)) == {
        "node:fs",
        "node:fs/promises",
        "node:path",
        "node:url",
    }
    assert re.findall(r"parseFloat|Math\.(?!floor|ceil|max)|Number\.parse", source) == []


RULES_PLANTED_IN_JS = {
    "rounding before the last product": (
        "(row.minutes * row.pricePpm * row.regionPpm * dOf(row.plays)) / PPM",
        "((row.minutes * row.pricePpm * row.regionPpm) / PPM) * dOf(row.plays)",
    ),
    "held work keeps its credibility": (
        "credibilityPpm: reason === null ? PPM : 0n",
        "credibilityPpm: PPM",
    ),
    "held work leaves the denominator": (
        'if (reason !== null && reason !== "work_under_verdict") return;',
        "if (reason !== null) return;",
    ),
    "verdict at the end is enough": (
        "return new Set([...atStart].filter((work) => atEnd.has(work)));",
        "return atEnd;",
    ),
    "reused pseudonym not looked for": (
        'else if (seenPseudonyms.has(pseudonym)) reason = "reused_pseudonym";',
        "",
    ),
    "duplicate by work, not by subscriber": (
        "const work = `${one.submitter} ${workId}`;",
        "const work = workId;",
    ),
    "tie to the higher index": ("|| a - b);\n  const left", "|| b - a);\n  const left"),
    "dust not given out": ("for (const i of order.slice(0, left)) shares[i] += 1n;", ""),
    "last play instead of the mean": (
        "return sums[Number(counted)] / counted;",
        "return sums[Number(counted)] - sums[Number(counted) - 1];",
    ),
    "plays not bounded": ("plays > playsMax ? playsMax : plays;", "plays;"),
    "unpayable payee paid": (
        "[ZERO_ADDRESS, asset, contracts.EpochPayouts, contracts.SplitAccounts].includes(payee)",
        "payee === ZERO_ADDRESS",
    ),
    "33 lines in a leaf": ("const SPLIT_LINES_MAX = 32;", "const SPLIT_LINES_MAX = 33;"),
    "leaf fields swapped": (
        "      word.address(leaf.asset),\n      word.uint(amount),",
        "      word.uint(amount),\n      word.address(leaf.asset),",
    ),
    "leaf hashed once": (
        "  return keccak(\n    keccakOfWords(\n      word.uint(manifest.settlement.chain_id),",
        "  return ((data) => data)(\n    keccakOfWords(\n"
        "      word.uint(manifest.settlement.chain_id),",
    ),
    "leaves by asset before part": (
        "|| a.part - b.part || ascending(a.asset, b.asset)",
        "|| ascending(a.asset, b.asset) || a.part - b.part",
    ),
    "pairs not sorted": (
        "[heap[2 * i + 1], heap[2 * i + 2]].sort()",
        "[heap[2 * i + 1], heap[2 * i + 2]]",
    ),
}
"""Wrong rules: the bug refuses a bundle that is right, or the bundle is one that it would make."""


@pytest.mark.planted
@pytest.mark.parametrize("bug", RULES_PLANTED_IN_JS)
def test_wrong_rule_planted_in_js__exposed_by_python(bug: str, tmp_path: Path) -> None:
    """Python accepts every honest bundle (shown above); the planted bug refuses one."""
    script = planted(VERIFY_JS, tmp_path, *RULES_PLANTED_IN_JS[bug])

    answers = javascript(honest(), script)

    refusals = [answer for answer in answers.values() if answer != "OK"]
    assert {refusal["kind"] for refusal in refusals} == {"difference"}


CHECKS_PLANTED_IN_JS = {
    "claims": (
        ("  checkClaims(manifest, chain, filter);\n", ""),
        "headers: block that looks positive declared empty",
    ),
    "links": (
        ('same(fieldOf(header.place, "parent hash"), below.hash, header.parent);', ""),
        "another header",
    ),
    "effective epochs": (
        ("isFirst ? current : current + 1n, one.effectiveEpoch", "1n, 1n"),
        "logs: terms in force too early",
    ),
    "blooms": (("  checkBlooms(logs, chain);\n", ""), "a log not in the bloom"),
    "credits": (
        ('  compare("allocations");\n', ""),
        "files: credit moved",
    ),
    "leaves": (('  compare("leaves");\n', ""), "files: leaf hash changed"),
    "quarantine": (('  compare("quarantine");\n', ""), "files: other reason"),
    "works": (('  compare("works");\n', ""), "files: older terms"),
    "root": (('stated("tree root"', '((a, b) => b)("tree root"'), "another root"),
    "list of blocks": (("holds(needed.has(block.number)", "holds(true"), "files: block not needed"),
}
"""Checks left out, each with a bundle that is then accepted."""


@pytest.mark.planted
@pytest.mark.parametrize("check", CHECKS_PLANTED_IN_JS)
def test_check_left_out_of_js__exposed_by_python(check: str, tmp_path: Path) -> None:
    edit, name = CHECKS_PLANTED_IN_JS[check]
    bundle = {name: falsified()[name]}

    script = planted(VERIFY_JS, tmp_path / "planted", *edit)

    assert javascript(bundle, script)[name] == "OK"
    assert python(bundle, tmp_path)[name] != "OK"
    assert javascript(bundle)[name] != "OK"


RULES_PLANTED_IN_PYTHON = {
    "rounding before the last product": (
        "row.region_ppm * factor[row.plays] // 10**6",
        "row.region_ppm // 10**6 * factor[row.plays]",
    ),
    "fee rounded up": (
        "fee * sum(credible) // sum(raw), credible",
        "-(-fee * sum(credible) // sum(raw)), credible",
    ),
    "held work keeps its credibility": ("[0 if row.held else weight for", "[weight for"),
    "reused pseudonym not looked for": (
        '"reused_pseudonym": pseudonym in usage.pseudonyms',
        '"reused_pseudonym": False',
    ),
    "duplicate by work, not by subscriber": ("return submitter + work_id", "return work_id"),
    "tie to the higher index": ("(-remainders[index], index)", "(-remainders[index], -index)"),
    "dust not given out": ("        shares[index] += 1\n", "        pass\n"),
    "last play instead of the mean": (
        "mean[v] = total // v",
        "mean[v] = 10**12 // (10**6 + k_ppm * (v - 1))",
    ),
    "plays not bounded": ("min(max(count, 1), plays_max)", "max(count, 1)"),
    "leaf fields swapped": (
        "leaf.asset, leaf.amount, split)\n",
        "leaf.amount, leaf.asset, split)\n",
    ),
    "leaf hashed once": (
        "helpers.hash_many(helpers.hash_many(encoded))",
        "helpers.hash_many(encoded)",
    ),
    "unpayable payee paid": (
        "payee in (bytes(20), asset, self.payouts, self.split_accounts)",
        "payee in (bytes(20),)",
    ),
    "pairs not sorted": (
        "[sorted(heap[2 * node + 1 : 2 * node + 3]) for",
        "[heap[2 * node + 1 : 2 * node + 3] for",
    ),
}
"""Wrong rules: each refuses a bundle that is right."""


@pytest.mark.planted
@pytest.mark.parametrize("bug", RULES_PLANTED_IN_PYTHON)
def test_wrong_rule_planted_in_python__exposed_by_js(bug: str, tmp_path: Path) -> None:
    """JavaScript accepts every honest bundle (shown above); the planted bug refuses one."""
    script = planted(VERIFY_PY, tmp_path / "planted", *RULES_PLANTED_IN_PYTHON[bug])
    likely = ("small", "odd parameters", "many payees")

    codes = [verdict(script, written(tmp_path / name, honest()[name])) for name in likely]

    assert set(codes) != {0}
    assert set(codes) <= {0, 1}


CHECKS_PLANTED_IN_PYTHON = {
    "links": (
        ('expect(f"{header.place} parent hash", below.block.hash, header.parent)', "pass"),
        "another header",
    ),
    "claims": (
        (
            '{level} by its bloom", expected, header.claim)',
            '{level} by its bloom", expected, expected)',
        ),
        "headers: block that looks positive declared empty",
    ),
    "blooms": (
        ("for value in (log.address, *log.topics) if", "for value in () if"),
        "a log not in the bloom",
    ),
    "list of blocks": (
        ('expect("blocks.jsonl, blocks that are not needed", [], sorted(unneeded))', ""),
        "files: block not needed",
    ),
    "epochs of payments": (
        ("if not first <= about <= last:", "if False:"),
        "logs: terms in force too early",
    ),
}
"""Checks left out, each with a bundle that is then accepted."""


@pytest.mark.planted
@pytest.mark.parametrize("check", CHECKS_PLANTED_IN_PYTHON)
def test_check_left_out_of_python__exposed_by_js(check: str, tmp_path: Path) -> None:
    edit, name = CHECKS_PLANTED_IN_PYTHON[check]
    bundle = written(tmp_path / "bundle", falsified()[name])

    script = planted(VERIFY_PY, tmp_path / "planted", *edit)

    assert verdict(script, bundle) == 0
    assert verdict(VERIFY_PY, bundle) == 1
    assert javascript({name: falsified()[name]})[name] != "OK"
