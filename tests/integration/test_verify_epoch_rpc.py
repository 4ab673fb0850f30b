"""The verifier against a node: what only the chain can tell, and nodes that are small or lie.

The node is that of `tests/verifier_node.py`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts import verify_epoch
from tests import bundle_builder as story
from tests.verifier_node import (
    FILES,
    OTHER_HASH,
    TOTALS,
    FakeNode,
    committed_log,
    node_with,
    serving,
    vetoed_log,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the program said."""

    code: int
    report: story.Json

    @property
    def sentence(self) -> str:
        return str(self.report["result"])


Verify = Callable[..., Verdict]


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run the program against a bundle and a node."""

    def run(node: FakeNode, files: dict[str, bytes] = FILES) -> Verdict:
        directory = story.write_bundle(tmp_path, files)
        with serving(node) as url:
            code = verify_epoch.main([str(directory), "--rpc", url, "--json"])
        return Verdict(code=code, report=json.loads(capsys.readouterr().out))

    return run


def node_without(index: int) -> FakeNode:
    """The chain never held one of the story's logs."""
    node = FakeNode()
    del node.logs[index]
    return node


def manifest_with(*path: str, value: str) -> dict[str, bytes]:
    document = json.loads(FILES["manifest.json"])
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return {**FILES, "manifest.json": story.canonical(document)}


def lines_with(name: str, change: Callable[[list[story.Json]], object]) -> dict[str, bytes]:
    records = [json.loads(line) for line in FILES[name].splitlines()]
    change(records)
    return story.with_digests({**FILES, name: story.json_lines(records)})


def test_rpc__committed__equal(verify: Verify) -> None:
    verdict = verify(node_with(committed_log((22, 0))))

    assert (verdict.code, verdict.sentence) == (0, "OK")
    assert verdict.report["rpc"] == "checked"
    assert verdict.report["commitment"] == "equal"


def test_rpc__not_committed__absent(verify: Verify) -> None:
    verdict = verify(node_with(committed_log((22, 0), attempt=2, root=bytes(32))))

    assert verdict.code == 0
    assert verdict.report["commitment"] == "absent"


def test_rpc__committed_then_vetoed__says_so(verify: Verify) -> None:
    verdict = verify(
        node_with(committed_log((22, 0)), vetoed_log((22, 1), story.EPOCH, story.ATTEMPT))
    )

    assert verdict.code == 0
    assert verdict.report["commitment"] == "vetoed"


@pytest.mark.parametrize(("range_max", "batch_max"), [(1, 0), (2, 3), (5, 1)])
def test_rpc__node_with_small_limits__asked_in_halves(
    range_max: int, batch_max: int, verify: Verify
) -> None:
    verdict = verify(node_with(committed_log((22, 0)), range_max=range_max, batch_max=batch_max))

    assert (verdict.code, verdict.report["commitment"]) == (0, "equal")


@pytest.mark.parametrize(
    ("commitment", "about"),
    [
        (committed_log((22, 0), root=bytes(31) + b"\1"), "root"),
        (committed_log((22, 0), digest=bytes(32)), "manifest digest"),
        (committed_log((22, 0), totals=TOTALS[:1]), "totals"),
        (committed_log((22, 0), totals=[TOTALS[0], (*TOTALS[1][:6], 1)]), "totals"),
    ],
    ids=["root", "digest", "asset left out", "amount"],
)
def test_rpc__other_commitment__difference(
    commitment: story.Json, about: str, verify: Verify
) -> None:
    verdict = verify(node_with(commitment))

    assert verdict.code == 1
    assert verdict.sentence.startswith(f"EpochCommitted of epoch 2, attempt 1, {about}:")


@pytest.mark.parametrize("index", range(25))
def test_rpc__log_that_the_chain_does_not_hold__difference(index: int, verify: Verify) -> None:
    verdict = verify(node_without(index))

    assert verdict.code == 1
    assert verdict.sentence.startswith("logs.jsonl")


@pytest.mark.parametrize("index", [9, 20])
def test_rpc__log_left_out_without_effect__difference(index: int, verify: Verify) -> None:
    verdict = verify(FakeNode(), lines_with("logs.jsonl", lambda logs: logs.pop(index)))

    assert verdict.code == 1
    assert verdict.sentence.startswith(f"logs.jsonl line {index + 1}, block number and log index")


def test_rpc__last_log_left_out__difference(verify: Verify) -> None:
    late = story.usage_log(21, 0, (story.S3, story.TIER_1, 0), [(story.A, 1, 1, "p10")])

    verdict = verify(node_with(late))

    assert verdict.sentence == "logs.jsonl, number of logs: expected 26, found 25"


def test_rpc__log_with_other_data__difference(verify: Verify) -> None:
    node = FakeNode()
    node.logs[18] = story.raw_log(
        16,
        9,
        "EpochPayouts",
        "EpochFunded",
        (story.EPOCH, story.TOKEN_X, story.DONOR, 8),
    )

    assert verify(node).sentence.startswith("logs.jsonl line 19 data: expected 0x")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (manifest_with("attempt", value="2"), "EpochCommitted"),
        (manifest_with("settlement", "name", value="x"), "EpochCommitted"),
        (
            manifest_with("previous_manifest_digest", value=OTHER_HASH),
            "manifest.json previous_manifest_digest",
        ),
        (
            story.with_digests(manifest_with("completeness", "previous", value=OTHER_HASH)),
            "manifest.json completeness previous",
        ),
        (
            lines_with("blocks.jsonl", lambda blocks: blocks[5].update(hash=OTHER_HASH)),
            "blocks.jsonl, block 15",
        ),
        (
            lines_with("blocks.jsonl", lambda blocks: blocks[1].update(timestamp="1104")),
            "blocks.jsonl, block 11",
        ),
        (
            lines_with("blocks.jsonl", lambda blocks: blocks.pop(5)),
            "blocks.jsonl: expected block 15",
        ),
    ],
    ids=["attempt", "name", "previous", "completeness", "block hash", "block time", "block"],
)
def test_rpc__what_no_offline_check_sees__difference(
    files: dict[str, bytes], sentence: str, verify: Verify
) -> None:
    attempt = int(json.loads(files["manifest.json"])["attempt"])

    verdict = verify(node_with(committed_log((22, 0), attempt=attempt)), files)

    assert verdict.code == 1
    assert verdict.sentence.startswith(sentence)


def test_rpc__previous_commitment_vetoed__not_compared(verify: Verify) -> None:
    node = node_with(vetoed_log((22, 0), 1, 1))

    assert verify(node, manifest_with("previous_manifest_digest", value=OTHER_HASH)).code == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"chain_id": 1}, "manifest.json settlement chain_id: expected 1, found 31337"),
        ({"times": story.TIMES | {18: 1298}}, "manifest.json boundary_block"),
        ({"times": story.TIMES | {19: 1299}}, "manifest.json boundary_block"),
        ({"times": story.TIMES | {22: 1319}}, "manifest.json reference_block"),
    ],
    ids=["chain", "boundary time", "boundary too early", "reference too early"],
)
def test_rpc__other_chain__difference(
    settings: dict[str, Any], sentence: str, verify: Verify
) -> None:
    verdict = verify(node_with(**settings))

    assert verdict.code == 1
    assert verdict.sentence.startswith(sentence)


def test_rpc__payouts_of_another_clock__difference(verify: Verify) -> None:
    node = FakeNode()
    node.logs[25] = story.started_log(clock="EpochPayouts")

    verdict = verify(node)

    assert verdict.code == 1
    assert verdict.sentence.startswith("clock and registry that EpochPayouts started with")


@pytest.mark.parametrize(
    "settings",
    [
        {"status": 500},
        {"status": 429},
        {"raw_answer": b"not JSON"},
        {"raw_answer": b"[]"},
        {"raw_answer": b'{"result": null}'},
        {"range_max": 0},
        {"times": {number: time for number, time in story.TIMES.items() if number < 22}},
        {"times": {10: 1100}},
        {"logs": [{**story.started_log(), "data": "0xzz"}]},
        {"receipts": {20: None}},
        {"receipts": {20: [{"status": "0x1"}]}},
        {"receipts": {20: [{"root": OTHER_HASH, "cumulativeGasUsed": "0x1", "logs": []}]}},
    ],
    ids=[
        "status 500",
        "status 429",
        "no JSON",
        "list",
        "null",
        "no logs",
        "nothing after the reference block",
        "far behind",
        "broken log",
        "no receipts",
        "broken receipt",
        "receipt without status",
    ],
)
def test_rpc__node_that_cannot_answer__exit_3(settings: dict[str, Any], verify: Verify) -> None:
    verdict = verify(FakeNode(**settings))

    assert verdict.code == 3
    assert "the node " in verdict.sentence
    assert "secret-key" not in verdict.sentence
    assert verdict.report["rpc"] is None


def receipts_with(number: int, change: Callable[[Any], object]) -> dict[int, Any]:
    receipts = story.receipts_of(number)
    change(receipts)
    return {number: receipts}


def test_rpc__node_without_block_receipts__asked_one_by_one(verify: Verify) -> None:
    node = node_with(has_block_receipts=False)

    assert verify(node).code == 0
    assert node.calls.count("eth_getTransactionReceipt") == 6


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (17, lambda receipts: receipts[1]["logs"].pop()),
        (17, lambda receipts: receipts[1]["logs"].reverse()),
        (17, lambda receipts: receipts.pop(0)),
        (20, lambda receipts: receipts.reverse()),
        (20, lambda receipts: receipts[1].update(status="0x0")),
        (20, lambda receipts: receipts[1].update(type="0x1")),
        (20, lambda receipts: receipts[0].update(cumulativeGasUsed="0x5209")),
        (20, lambda receipts: receipts[1]["logs"][0].update(data="0x")),
        (21, lambda receipts: receipts[1]["logs"][0]["topics"].pop()),
        (21, lambda receipts: receipts.clear()),
    ],
    ids=[
        "log left out",
        "logs in another order",
        "receipt left out",
        "receipts in another order",
        "status",
        "type",
        "gas",
        "data",
        "topic of a foreign log",
        "no receipts",
    ],
)
def test_rpc__receipts_that_do_not_give_the_root__difference(
    number: int, change: Callable[[Any], object], verify: Verify
) -> None:
    verdict = verify(node_with(receipts=receipts_with(number, change)))

    assert verdict.code == 1
    assert verdict.sentence.startswith(f"the node's receipts of block {number}, their root:")


def test_rpc__log_that_is_no_input_held_back__difference(verify: Verify) -> None:
    node = FakeNode()
    node.logs = [log for log in node.logs if (log["block_number"], log["log_index"]) != ("17", "7")]

    verdict = verify(node)

    assert verdict.code == 1
    assert verdict.sentence.startswith("the node's logs of block 17, by its receipts:")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(19, "which is claimed to be empty"), (21, "by its receipts")],
)
def test_rpc__log_that_the_header_rules_out__difference(
    number: int, sentence: str, verify: Verify
) -> None:
    verdict = verify(node_with(vetoed_log((number, 0), 9, 1)))

    assert verdict.code == 1
    assert verdict.sentence.startswith(f"the node's logs of block {number}, {sentence}")


def test_rpc__nobody_listens__exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = story.write_bundle(tmp_path, FILES)
    with serving(FakeNode()) as url:
        pass

    assert verify_epoch.main([str(directory), "--rpc", url]) == 3
    assert "did not answer" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1:8545", "http://", "http://[::1"])
def test_rpc__not_a_url__exit_2(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = story.write_bundle(tmp_path, FILES)

    assert verify_epoch.main([str(directory), "--rpc", url]) == 2
    assert capsys.readouterr().err.startswith("--rpc:")


def test_rpc__bad_bundle__node_not_asked(verify: Verify) -> None:
    node = FakeNode()

    assert verify(node, manifest_with("tree", "root", value=OTHER_HASH)).code == 1
    assert node.calls == []
