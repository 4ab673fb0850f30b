"""An epoch from a node alone: recomputed, certified, and compared with what was committed.

The node is that of `tests/verifier_node.py`; the results are those of `tests/bundle_builder.py`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import verify_epoch
from tests import bundle_builder as story
from tests.verifier_node import (
    ACTIVE_AT,
    FILES,
    MANIFEST_DIGEST,
    ROOT,
    TOTALS,
    FakeNode,
    committed_log,
    node_with,
    serving,
    vetoed_log,
)

MANIFEST = json.loads(FILES["manifest.json"])
NAME = MANIFEST["settlement"]["name"]
ENTRY: story.Json = {
    "contracts": {name: story.hex0x(one) for name, one in story.CONTRACTS.items()},
    "start_block": story.START_BLOCK,
    "tokens": [],
}
BOOK = {"chain_id": story.CHAIN_ID, "settlements": {NAME: ENTRY}}

Answer = tuple[int, story.Json]
Run = Callable[..., Answer]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Ask a node for an epoch; the exit code and the report."""

    def ask(node: FakeNode, *more: str, epoch: int = 2, book: object = BOOK) -> Answer:
        path = tmp_path / "addresses.json"
        path.write_text(book if isinstance(book, str) else json.dumps(book))
        with serving(node) as url:
            options = ["--settlement", str(path), "--epoch", str(epoch), "--workers", "1"]
            code = verify_epoch.main(["--rpc", url, *options, "--json", *more])
        report: story.Json = json.loads(capsys.readouterr().out)
        assert report["is_ok"] is (code == 0)
        assert report["difference"] == (report["result"] if code == 1 else None)
        return code, report

    return ask


def test_chain__committed__equal_and_named(run: Run) -> None:
    code, report = run(node_with(committed_log((22, 0))))

    assert code == 0
    digest, root = story.hex0x(MANIFEST_DIGEST), story.hex0x(ROOT)
    assert report == {
        "result": "OK",
        "is_ok": True,
        "difference": None,
        "epoch": "2",
        "attempt": "1",
        "root": root,
        "manifest_digest": digest,
        "totals": MANIFEST["totals"],
        "committed": {
            "attempt": "1",
            "root": root,
            "manifest_digest": digest,
            "active_at": str(ACTIVE_AT),
            "status": "pending",
        },
    }


def test_chain__committed_and_past_the_veto_window__active(run: Run) -> None:
    times = story.TIMES | {22: ACTIVE_AT}

    assert run(node_with(committed_log((22, 0)), times=times))[1]["committed"]["status"] == "active"


@pytest.mark.parametrize("later", [1, 2, 3, 4, 17])
def test_chain__block_exactly_at_the_end_of_grace__not_the_reference(later: int, run: Run) -> None:
    """Block 22 is at 1320, where grace ends; with other heads, halving comes by it."""
    times = story.TIMES | {22 + at: 1_320 + at for at in range(later + 1)}

    assert run(node_with(committed_log((22, 0)), times=times))[0] == 0


def test_chain__not_committed__recomputed_all_the_same(run: Run) -> None:
    code, report = run(FakeNode())

    assert (code, report["committed"]) == (0, None)
    assert report["manifest_digest"] == story.hex0x(MANIFEST_DIGEST)


@pytest.mark.parametrize(
    "limits", [{"range_max": 1, "batch_max": 0}, {"has_block_receipts": False}]
)
def test_chain__node_with_small_limits__equal(limits: dict[str, Any], run: Run) -> None:
    assert run(node_with(committed_log((22, 0)), **limits))[0] == 0


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
def test_chain__other_commitment__difference(commitment: story.Json, about: str, run: Run) -> None:
    code, report = run(node_with(commitment))

    assert code == 1
    assert report["result"].startswith(f"EpochCommitted of epoch 2, attempt 1, {about}:")
    assert report["root"] == story.hex0x(ROOT)
    assert report["committed"]["status"] == "pending"


def test_chain__vetoed__next_attempt_is_computed(run: Run) -> None:
    code, report = run(node_with(committed_log((22, 0), root=bytes(32)), vetoed_log((22, 1), 2, 1)))

    digest = story.keccak(story.canonical(MANIFEST | {"attempt": "2"}))
    assert (code, report["attempt"], report["committed"]["status"]) == (0, "2", "vetoed")
    assert report["manifest_digest"] == story.hex0x(digest)


def test_chain__second_attempt_committed__compared(run: Run) -> None:
    digest = story.keccak(story.canonical(MANIFEST | {"attempt": "2"}))
    second = committed_log((22, 2), attempt=2, digest=digest)
    logs = (committed_log((22, 0), root=bytes(32)), vetoed_log((22, 1), 2, 1))

    code, report = run(node_with(*logs, second))
    assert (code, report["committed"]["attempt"]) == (0, "2")
    wrong = committed_log((22, 2), attempt=2)
    assert run(node_with(*logs, wrong))[0] == 1


def test_chain__first_epoch__without_anything_before(run: Run) -> None:
    """Nothing was paid for epoch 1; what the story commits for it is no manifest of it."""
    code, report = run(FakeNode(), epoch=1)

    assert (code, report["root"], report["totals"]) == (1, story.hex0x(bytes(32)), [])
    assert report["result"].startswith("EpochCommitted of epoch 1, attempt 1, manifest digest:")


def test_chain__first_epoch_with_its_own_digest__next_one_names_it(run: Run) -> None:
    digest = run(FakeNode(), epoch=1)[1]["manifest_digest"]
    node = FakeNode()
    at = next(at for at, log in enumerate(node.logs) if log["log_index"] == "9" and at > 25)
    values: tuple[Any, ...] = (1, 1, bytes.fromhex(digest[2:]), bytes(32), ACTIVE_AT, 1, [], [])
    node.logs[at] = story.raw_log(17, 9, "EpochPayouts", "EpochCommitted", values)
    node.receipts = {17: story.receipts_of(17)}
    node.receipts[17][1]["logs"][9]["data"] = node.logs[at]["data"]
    node.receipts[17][1]["logs"][9]["topics"] = node.logs[at]["topics"]

    assert run(node, epoch=1)[0] == 0


@pytest.mark.parametrize(
    ("settings", "epoch"),
    [
        ({}, 3),
        ({"times": story.TIMES | {22: 1319}}, 2),
        ({"status": 500}, 2),
        ({"raw_answer": b"{}"}, 2),
        ({"receipts": {20: None}}, 2),
        ({"logs": [*story.story_logs(), story.started_log()]}, 2),
        ({"times": {10: 1100, 22: 1320}}, 2),
    ],
    ids=["future", "grace", "status", "no result", "receipts", "no commit before", "no blocks"],
)
def test_chain__cannot_be_told_yet__exit_3(settings: dict[str, Any], epoch: int, run: Run) -> None:
    assert run(FakeNode(**settings), epoch=epoch)[0] == 3


def test_chain__log_that_the_node_keeps_back__contradiction(run: Run) -> None:
    node = FakeNode()
    node.logs = [log for log in node.logs if (log["block_number"], log["log_index"]) != ("20", "1")]

    code, report = run(node)

    assert code == 1
    assert report["result"].startswith("the node's logs of block 20, by its receipts:")


def test_chain__log_in_an_empty_block__contradiction(run: Run) -> None:
    code, report = run(node_with(vetoed_log((19, 0), 9, 1)))

    assert code == 1
    assert "which is claimed to be empty" in report["result"]


def test_chain__receipts_of_another_root__contradiction(run: Run) -> None:
    receipts = story.receipts_of(17)
    receipts[0]["cumulativeGasUsed"] = "0x1"

    code, report = run(FakeNode(receipts={17: receipts}))

    assert code == 1
    assert report["result"].startswith("the node's receipts of block 17, their root:")


def test_chain__another_chain__nothing_against_the_commitment(run: Run) -> None:
    code, report = run(node_with(committed_log((22, 0)), chain_id=1))

    assert code == 2
    assert report["result"].endswith("chain_id: expected 1, found 31337")


@pytest.mark.parametrize("contract", ["EpochClock", "EpochPayouts", "WorkRegistry"])
def test_chain__contract_that_is_not_there__nothing_against_the_commitment(
    contract: str, run: Run
) -> None:
    contracts = ENTRY["contracts"] | {contract: story.hex0x(story.DONOR)}
    book = BOOK | {"settlements": {NAME: ENTRY | {"contracts": contracts}}}

    code, report = run(node_with(committed_log((22, 0))), book=book)

    assert code == 2
    assert report["result"].startswith("--settlement: not that of this node's chain:")


def test_chain__start_block_after_the_epoch__bad_input(run: Run) -> None:
    book = BOOK | {"settlements": {NAME: ENTRY | {"start_block": 20}}}

    assert run(FakeNode(), epoch=1, book=book)[0] == 2


@pytest.mark.parametrize(
    "book",
    [
        "",
        "[]",
        "{",
        BOOK | {"chain_id": "x"},
        BOOK | {"settlements": {}},
        BOOK | {"settlements": {NAME: {}}},
        BOOK | {"settlements": {NAME: ENTRY, "other": ENTRY}},
        BOOK | {"settlements": {NAME: ENTRY | {"contracts": {}}}},
        BOOK
        | {
            "settlements": {
                NAME: ENTRY | {"contracts": dict.fromkeys(story.CONTRACTS, "0x" + "11" * 20)}
            }
        },
        BOOK | {"settlements": {NAME: ENTRY | {"start_block": None}}},
    ],
)
def test_chain__not_an_address_book__exit_2(book: object, run: Run) -> None:
    node = FakeNode()

    code, report = run(node, book=book)

    assert (code, node.calls) == (2, [])
    assert "addresses.json" in report["result"]


def test_chain__one_of_several_settlements__by_its_name(run: Run) -> None:
    book = BOOK | {"settlements": {"other": ENTRY | {"start_block": 0}, NAME: ENTRY}}

    assert run(node_with(committed_log((22, 0))), "--name", NAME, book=book)[0] == 0
    assert run(FakeNode(), "--name", "third", book=book)[0] == 2


def test_chain__url_in_the_environment__taken_from_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "addresses.json"
    path.write_text(json.dumps(BOOK))
    options = ["--settlement", str(path), "--epoch", "2", "--workers", "1"]

    with serving(FakeNode()) as url:
        monkeypatch.setenv("VERIFIER_URL", url)
        assert verify_epoch.main(["--rpc", "env:VERIFIER_URL", *options]) == 0
    assert "not committed yet" in capsys.readouterr().out
    assert verify_epoch.main(["--rpc", "env:NO_SUCH_URL", *options]) == 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--settlement", "x"],
        ["--settlement", "x", "--rpc", "http://x"],
        ["--settlement", "x", "--epoch", "1"],
        ["bundle", "--settlement", "x", "--rpc", "http://x", "--epoch", "1"],
        ["bundle", "--epoch", "1"],
        ["bundle", "--name", "x"],
        ["bundle", "--work", "0x", "--shard", "1/2"],
        ["bundle", "--shard", "1/2", "--rpc", "http://x"],
        ["bundle", "--workers", "0"],
        ["--settlement", "x", "--rpc", "http://x", "--epoch", "-1"],
    ],
)
def test_main__options_that_do_not_go_together__exit_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        verify_epoch.main(words)

    assert ended.value.code == 2
    assert "options" in capsys.readouterr().err
