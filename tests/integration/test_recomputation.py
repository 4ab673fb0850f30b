"""What a watcher makes of the verifier's answers, with scripts in the verifier's place."""

import json
import sys
from pathlib import Path

import pytest

from contracts.evm import Epoch
from settlement.errors import VerifierUnavailable
from settlement.royalties.adapters.recomputation import VerifierFromChain
from settlement.royalties.adapters.verifier import VerifierProgram
from settlement.royalties.watch import Recomputed

URL = "https://node.example/secret"
ROOT = "0x" + "11" * 32


def verifier(directory: Path, program: str, *, timeout_s: int = 20) -> VerifierFromChain:
    """A verifier whose program is this Python text."""
    script = directory / "verify.py"
    script.write_text(program)
    return VerifierFromChain(
        program=VerifierProgram(
            interpreter=Path(sys.executable),
            script=script,
            timeout_s=timeout_s,
            environ={"KEPT": "1"},
            url=URL,
        ),
        addresses=directory / "addresses.json",
        settlement="main",
    )


def answering(answer: object, code: int) -> str:
    """A program that prints this and ends with this code."""
    return f"import sys; print({json.dumps(json.dumps(answer))}); sys.exit({code})"


def test_recompute__equal__so(tmp_path: Path) -> None:
    answer = {"is_ok": True, "result": "OK", "root": ROOT}

    found = verifier(tmp_path, answering(answer, 0)).of(Epoch(3))

    assert found == Recomputed(is_equal=True, root=ROOT, difference="")


def test_recompute__differs__with_the_finding(tmp_path: Path) -> None:
    finding = "root: expected 0x11, found 0x22"
    answer = {"is_ok": False, "result": finding, "root": ROOT}

    found = verifier(tmp_path, answering(answer, 1)).of(Epoch(3))

    assert found == Recomputed(is_equal=False, root=ROOT, difference=finding)


def test_recompute__call__names_settlement_and_epoch_and_hides_the_url(tmp_path: Path) -> None:
    program = (
        "import json, os, sys\n"
        "name = sys.argv[sys.argv.index('--rpc') + 1].removeprefix('env:')\n"
        "told = [sys.argv[1:], os.environ[name], os.environ['KEPT'], sys.flags.isolated]\n"
        "print(json.dumps({'is_ok': False, 'result': json.dumps(told), 'root': ''}))\n"
        "sys.exit(1)\n"
    )

    found = verifier(tmp_path, program).of(Epoch(3))

    arguments, url, kept, is_isolated = json.loads(found.difference)
    assert (url, kept, is_isolated) == (URL, "1", 1)
    assert URL not in arguments
    assert arguments[:-1] == [
        *("--settlement", str(tmp_path / "addresses.json")),
        *("--name", "main", "--epoch", "3", "--json", "--rpc"),
    ]
    assert URL not in repr(verifier(tmp_path, program))


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        (answering({"is_ok": False, "result": "no node", "root": ""}, 3), "exit 3"),
        (answering({"is_ok": False, "result": "bad", "root": ""}, 2), "exit 2"),
        (
            answering({"is_ok": True, "result": "OK", "root": ROOT}, 1),
            "its exit code says False, its result 'OK'",
        ),
        (
            answering({"is_ok": False, "result": "root", "root": ROOT}, 0),
            "its exit code says True, its result 'root'",
        ),
        (answering({"is_ok": True}, 0), "not the agreed answer"),
        (answering([], 0), "not the agreed answer"),
        ("print('{')", "not the agreed answer"),
        ("raise SystemExit(1)", "not the agreed answer"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit -9"),
    ],
    ids=["node", "input", "ok 1", "wrong 0", "no root", "list", "half", "crash", "killed"],
)
def test_recompute__no_verdict__unavailable_and_never_a_difference(
    tmp_path: Path, program: str, cause: str
) -> None:
    with pytest.raises(VerifierUnavailable, match=cause):
        verifier(tmp_path, program).of(Epoch(3))


def test_recompute__too_long__unavailable(tmp_path: Path) -> None:
    with pytest.raises(VerifierUnavailable, match="timed out"):
        verifier(tmp_path, "import time; time.sleep(60)", timeout_s=1).of(Epoch(3))
