"""The page of the verifier, run in Node: what it would show, and a document of a few lines."""

import base64
import json
import subprocess
from typing import Any

import pytest

from tests import verifiers
from tests.bundle_builder import hex0x, keccak
from tests.console_story import work_id
from tests.integration.test_verify_js_rules import FEES_ID, bundles, epochs, escrow_id, suspense_id

PAGE = verifiers.VERIFY_JS.parent / "verify_page.js"

_RUN = """
import { readFileSync } from "node:fs";
const { page, script, files, ids } = JSON.parse(readFileSync(0, "utf8"));
const { gathered, report, workReport } = await import(page);
const { verifyBundle } = await import(script);
const fileOf = ([name, text]) =>
  ({ name, arrayBuffer: async () => Uint8Array.from(Buffer.from(text, "base64")).buffer });
const { files: map, problem } = await gathered(files.map(fileOf));
const answer = problem === null ? verifyBundle(map) : null;
const shown = answer && report(answer);
const works = answer?.result === "OK" ? ids.map((id) => workReport(answer, id)) : [];
process.stdout.write(JSON.stringify({ problem, shown, works, names: map && [...map.keys()] }));
"""


def shown(files: list[tuple[str, bytes]], *ids: str) -> dict[str, Any]:
    """What the functions of the page say about chosen files, and about works of theirs."""
    return run(
        _RUN,
        page=PAGE.as_uri(),
        script=verifiers.VERIFY_JS.as_uri(),
        files=[(name, base64.b64encode(data).decode()) for name, data in files],
        ids=list(ids),
    )


def run(program: str, **given: Any) -> dict[str, Any]:
    done = subprocess.run(
        [verifiers.node(), "--input-type=module", "-e", program],
        input=json.dumps(given),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def files_of(name: str) -> list[tuple[str, bytes]]:
    return list(bundles()[name].items())


def processed(leaf: str, proof: list[str]) -> str:
    """MerkleProof.processProof of OpenZeppelin."""
    node = bytes.fromhex(leaf[2:])
    for sibling in proof:
        node = keccak(b"".join(sorted((node, bytes.fromhex(sibling[2:])))))
    return hex0x(node)


def test_report__right__every_step_and_the_totals() -> None:
    answer = shown([*files_of("all at once"), ("notes.txt", b"not of the bundle")])["shown"]

    epoch = epochs()["all at once"]
    assert answer["isRight"]
    assert {step["state"] for step in answer["steps"]} == {"right"}
    assert answer["steps"][-1]["detail"] == epoch["root"]
    assert dict(answer["facts"])["Root"] == epoch["root"]
    head = [name.replace(" ", "_") for name in answer["totals"]["head"]]
    assert answer["totals"]["rows"] == [[one[name] for name in head] for one in epoch["totals"]]


@pytest.mark.parametrize(
    ("file", "old", "new", "step", "words"),
    [
        ("logs.jsonl", b'"log_index":"0"', b'"log_index":"00"', 0, "cannot be read: in logs.jsonl"),
        ("leaves.jsonl", b'"part":"0"', b'"part":"1"', 5, 'says "1", but the rules give "0"'),
        ("works.jsonl", b'"version":"1"', b'"version":"2"', 3, "In works.jsonl, line "),
        ("splits.jsonl", b'"version":"1"', b'"version":"9"', 3, "In splits.jsonl, line "),
        ("quarantine.jsonl", b"split_cycle", b"split_dance", 4, 'the rules give "split_cycle"'),
    ],
)
def test_report__wrong__step_and_plain_words(
    file: str, old: bytes, new: bytes, step: int, words: str
) -> None:
    files = dict(files_of("all at once"))
    assert old in files[file]
    del files["bundle.json"]
    forged = verifiers.with_index({**files, file: files[file].replace(old, new, 1)})

    answer = shown(list(forged.items()))["shown"]

    states = ["right"] * step + ["wrong"] + ["waiting"] * (7 - step)
    assert not answer["isRight"]
    assert [one["state"] for one in answer["steps"]] == states
    assert words in answer["verdict"]
    assert answer["totals"]["rows"] == []


def test_gathered__two_bundles_or_none__said() -> None:
    files = files_of("fees")

    assert "two files" in shown([*files, files[0]])["problem"]
    assert "No file of a bundle" in shown([("notes.txt", b"")])["problem"]
    assert shown(files[:3])["shown"]["steps"][0]["state"] == "wrong"


def test_work_report__leaf_split_and_proof() -> None:
    song, film, stranger = work_id("song"), work_id("film"), work_id("nobody's")
    ids = [song, film, FEES_ID, stranger, suspense_id("song")]

    works = shown(files_of("all at once"), *map(hex0x, ids), "0x12")["works"]

    root = epochs()["all at once"]["root"]
    found = [dict(leaf["facts"])["Id"] for work in works for leaf in work["leaves"]]
    expected = [song, song, suspense_id("song"), suspense_id("song")]
    expected += [escrow_id(keccak(film))] * 2 + [FEES_ID] * 2 + [suspense_id("song")] * 2
    assert found == list(map(hex0x, expected))
    for leaf in (leaf for work in works for leaf in work["leaves"]):
        facts = dict(leaf["facts"])
        assert processed(facts["Leaf"], leaf["proof"]) == root
        assert sum(int(units) for _, units in leaf["lines"]) == int(facts["Amount"])
    assert len(works[0]["payees"]) == 3
    assert works[1]["payees"] == []
    assert works[3]["problem"] == "Neither a work nor a leaf of this epoch."
    assert works[5]["problem"] == "An id is 0x and 64 hexadecimal digits."


def test_work_report__work_without_money__said() -> None:
    [work] = shown(files_of("rows"), hex0x(work_id("far")))["works"]

    assert work["problem"] == "This work earned nothing in this epoch."
    assert dict(work["facts"])["Version of its terms"] == "1"


_MOUNT = """
import { readFileSync } from "node:fs";
const { page, files, id } = JSON.parse(readFileSync(0, "utf8"));
class Element {
  constructor(tag) {
    Object.assign(this, { tag, textContent: "", children: [], listeners: {}, className: "" });
  }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  get text() {
    return [this.textContent, ...this.children.map((one) => one.text ?? one)].join(" ");
  }
}
const elements = new Map();
const at = (id) => elements.get(id) ?? elements.set(id, new Element(id)).get(id);
globalThis.document = {
  getElementById: at,
  createElement: (tag) => new Element(tag),
};
await import(page);
const fileOf = ([name, text]) =>
  ({ name, arrayBuffer: async () => Uint8Array.from(Buffer.from(text, "base64")).buffer });
const event = (more) => ({ preventDefault: () => {}, ...more });
const seen = () => ({
  verdict: at("verdict").text, state: at("verdict").className, steps: at("steps").children.length,
  look: at("look").hidden, asleep: at("asleep").hidden, totals: at("totals").text,
  answer: at("answer").text,
});
const all = [];
at("files").files = files.map(fileOf);
await at("files").listeners.change();
at("work").value = ` ${id.toUpperCase().replace("0X", "0x")} `;
at("question").listeners.submit(event());
all.push(seen());
at("directory").files = files.slice(1).map(fileOf);
await at("directory").listeners.change();
at("question").listeners.submit(event());
all.push(seen());
const entryOf = (one) => ({ isFile: true, file: (done) => done(fileOf(one)) });
const readers = (entries) => {
  const batches = [entries.slice(0, 3), entries.slice(3), []];
  return { readEntries: (done) => done(batches.shift()) };
};
const directory = { isFile: false, createReader: () => readers(files.map(entryOf)) };
const items = [{ webkitGetAsEntry: () => directory }];
await at("drop").listeners.drop(event({ dataTransfer: { items } }));
all.push(seen());
const arrayBuffer = async () => { throw new Error("gone"); };
at("files").files = [{ name: "bundle.json", arrayBuffer }];
await at("files").listeners.change();
all.push(seen());
process.stdout.write(JSON.stringify({ all }));
"""


def test_mount__choose_drop_and_look_up() -> None:
    bundle = sorted(bundles()["escrow"].items())
    files = [(name, base64.b64encode(data).decode()) for name, data in bundle]

    seen = run(_MOUNT, page=PAGE.as_uri(), files=files, id=hex0x(work_id("bad")))["all"]

    chosen, cut, dropped, gone = seen

    assert all(one["asleep"] for one in seen)
    assert (chosen["state"], chosen["steps"], chosen["look"]) == ("right", 8, False)
    assert "1950" in chosen["totals"]
    assert "Leaf of suspense, part 0" in chosen["answer"]
    assert (cut["state"], cut["look"]) == ("wrong", True)
    assert "cannot be read: in allocations.jsonl" in cut["verdict"]
    assert "1950" not in cut["totals"]
    assert "Leaf" not in cut["answer"]
    assert (dropped["state"], dropped["look"]) == ("right", False)
    assert (gone["state"], gone["steps"], gone["look"]) == ("wrong", 0, True)
    assert "gone" in gone["verdict"]
