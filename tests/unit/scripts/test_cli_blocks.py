"""`quittance blocks verify` as an auditor meets it, without node, database or configuration."""

import copy
import json
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.cli import blocks
from scripts.cli.app import app, expected_errors_end
from tests.block_answers import made_up_block
from tests.published import REASON, lists_whole_transactions, published_blocks


def run(
    directory: Path, block: object, receipts: object, *options: str
) -> tuple[int, dict[str, object]]:
    """Exit code, and the report."""
    (directory / "B.json").write_text(json.dumps(block))
    (directory / "R.json").write_text(json.dumps(receipts))
    files = [f"--block={directory / 'B.json'}", f"--receipts={directory / 'R.json'}"]
    done = CliRunner().invoke(blocks.app, ["verify", *files, "--json", *options])
    return done.exit_code, json.loads(done.stdout)


def refused(directory: Path, options: Sequence[str]) -> tuple[int | str | None, str]:
    """Exit code and stderr of the whole command line, run in the directory."""
    with (
        chdir(directory),
        redirect_stderr(StringIO()) as errors,
        pytest.raises(SystemExit) as ending,
        expected_errors_end(),
    ):
        app(["blocks", "verify", "--block=B.json", "--receipts=R.json", *options])
    return ending.value.code, errors.getvalue()


def test_verify__honest_answers__exit_0(tmp_path: Path) -> None:
    block, receipts = made_up_block()

    code, report = run(tmp_path, {"result": block}, receipts)

    assert code == 0
    assert [report[name] for name in ("block_hash", "logs_bloom", "receipts_root")] == [True] * 3
    assert report["consistent"] is True
    assert report["hash"] == block["hash"]
    assert (report["receipt_count"], report["log_count"]) == (4, 6)


def test_verify__log_dropped__exit_1(tmp_path: Path) -> None:
    block, receipts = made_up_block()
    receipts[3]["logs"].pop()

    code, report = run(tmp_path, block, receipts)

    assert (code, report["block_hash"], report["receipts_root"]) == (1, True, False)


def test_verify__log_index_changed__exit_1_though_every_root_fits(tmp_path: Path) -> None:
    block, receipts = made_up_block()
    receipts[3]["logs"][0]["logIndex"] = "0x9"

    code, report = run(tmp_path, block, receipts)

    assert (code, report["receipts_root"], report["consistent"]) == (1, True, False)
    assert report["discrepancies"] == ["receipt 3, log 3: log_index is 9, not 3"]
    assert "logIndex" in str(report["not_committed"])


def test_verify__transactions_by_hash__no_check_of_their_root(tmp_path: Path) -> None:
    code, report = run(tmp_path, *made_up_block())

    assert code == 0
    assert "transactions_root" not in report
    assert report["transaction_hashes_proved"] is False


WHOLE = [one for one in published_blocks() if lists_whole_transactions(one.block)]


@pytest.mark.skipif(not WHOLE, reason=REASON)
def test_verify__whole_transactions__their_root_proves_their_hashes(tmp_path: Path) -> None:
    block, receipts = copy.deepcopy((WHOLE[0].block, WHOLE[0].receipts))

    code, report = run(tmp_path, block, receipts)
    assert (code, report["transactions_root"], report["transaction_hashes_proved"]) == (
        0,
        True,
        True,
    )

    block["transactions"][0]["nonce"] = "0xffff"
    code, report = run(tmp_path, block, receipts)
    assert (code, report["transactions_root"], report["consistent"]) == (1, False, False)
    assert report["transaction_hashes_proved"] is False


def test_verify__unproved_by_profile__null_with_reason(tmp_path: Path) -> None:
    block, receipts = made_up_block()

    code, report = run(tmp_path, block, receipts, "--chain-profile=cronos")

    assert (code, report["logs_bloom"]) == (0, None)
    assert "logs_bloom" in str(report["unproved"])


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ("{", "", "B.json: content: "),
        ('{"hash": "0x", "hash": "0x"}', "", "B.json: content: \"key 'hash' stands twice\""),
        ("{}", "", "B.json: hash: None is not data"),
        ("{}", "--chain-profile=moon", "--chain-profile: name: 'moon' is not one of ethereum,"),
    ],
)
def test_verify__bad_input__exit_2_and_one_sentence(
    content: str, options: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "B.json").write_text(content)

    code, errors = refused(tmp_path, options.split())

    assert code == 2
    assert errors.startswith(f"quittance: {sentence}")
    assert errors.count("\n") == 1


def test_verify__no_such_file__exit_2(tmp_path: Path) -> None:
    code, errors = refused(tmp_path, [])

    assert (code, errors.count("\n")) == (2, 1)
    assert "B.json: file: 'B.json' is not readable" in errors


def test_verify__without_json__one_line_each(tmp_path: Path) -> None:
    block, receipts = made_up_block()
    run(tmp_path, block, receipts)

    files = [f"--block={tmp_path / 'B.json'}", f"--receipts={tmp_path / 'R.json'}"]
    done = CliRunner().invoke(blocks.app, ["verify", *files])

    first = done.stdout.splitlines()[:3]
    assert first == ["block_hash: true", "logs_bloom: true", "receipts_root: true"]
