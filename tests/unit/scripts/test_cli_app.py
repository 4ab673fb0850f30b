"""`quittance` as a user meets it: help, exit codes, and one sentence for each error.

Subjects: scripts.cli.app, scripts.cli.lazy, scripts.cli.endings. The commands themselves, in
scripts.cli.books, scripts.cli.demo, scripts.cli.epochs, scripts.cli.local, scripts.cli.schedule,
scripts.cli.schema, scripts.cli.serve, scripts.cli.worker and others: what they do with a database
and a chain, `tests/integration/test_up.py` tries.
"""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

import indexer.errors
import reconciliation.errors
import scripts.errors
import settlement.errors
from contracts.addresses import BadAddressBook
from scripts.cli.app import Commands, app, expected_errors_end
from scripts.cli.lazy import LazyCommand, recursion_limit_kept
from scripts.settings import BadSettings
from tests.imports_of_a_command import HEAVY, imports_of
from tests.zk_vectors import key_bytes

ROOT = Path(__file__).resolve().parents[3]
GROUPS = {
    "": (
        *(
            "allocate",
            "blocks",
            "chain",
            "db",
            "demo",
            "devnet",
            "watch",
            "epoch",
            "index",
            "ledger",
        ),
        *("payment", "payout", "reconcile", "schedule", "serve", "tree", "up", "worker", "zk"),
        *("close", "entitlement", "export", "solvency", "statement"),
    ),
    "blocks": ("verify",),
    "chain": ("audit", "rewind"),
    "db": ("migrate",),
    "epoch": (
        *("approve", "commit", "compute", "diff", "explain", "export", "list", "reputation"),
        *("shadow", "show"),
    ),
    "entitlement": ("alias", "check", "gate", "offer"),
    "entitlement alias": ("add", "list", "remove"),
    "entitlement gate": ("add", "list", "remove"),
    "entitlement offer": ("add", "list"),
    "ledger": ("balance", "journal", "manual", "period", "proof", "seal", "verify"),
    "ledger manual": ("approve", "list", "propose", "reject"),
    "ledger period": ("close", "list"),
    "payment": ("intent", "show", "verify"),
    "payout": (
        *(
            "approve",
            "document",
            "held",
            "hold",
            "needs",
            "plan",
            "prove",
            "release",
            "resume",
            "screen",
            "status",
        ),
        *("stop", "submit", "tier"),
    ),
    "payout document": ("accept", "add", "export", "list", "message", "sign", "verify"),
    "reconcile": ("run", "report", "export", "show", "explain", "resolve"),
    "statement": ("show",),
    "export": ("journal",),
    "close": ("report",),
    "solvency": ("prove", "show", "state", "verify"),
    "tree": ("build", "detect", "prove", "verify"),
    "zk": ("verify",),
}
COMMANDS = sorted(f"{group} {name}".strip() for group, names in GROUPS.items() for name in names)
ERRORS = (indexer.errors, settlement.errors, reconciliation.errors, scripts.errors)


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("QUITTANCE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("QUITTANCE_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    with pytest.raises(SystemExit) as ending, expected_errors_end():
        app(command.split())
    output, errors = capsys.readouterr()
    assert isinstance(ending.value.code, int)
    return ending.value.code, output, errors


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help__every_command__tells_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = run(f"{command} --help", capsys)

    assert (code, errors) == (0, "")
    assert f"{command} [OPTIONS]" in output
    for name in GROUPS.get(command, ()):
        assert f" {name} " in output


@pytest.mark.parametrize("command", ["worker --help", "tree build /nowhere.json --profile none"])
def test_command__needs_no_configuration__wrong_one_does_not_matter(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUITTANCE_CONFIG", "/nowhere.toml")

    _, output, errors = run(command, capsys)

    assert "/nowhere.toml" not in output + errors


def test_help__commands__no_other() -> None:
    """A command that is added must be added to the tests of help."""
    for group, names in GROUPS.items():
        output = CliRunner().invoke(app, [*group.split(), "--help"]).output
        listed = output[output.index("─ Commands") :].splitlines()[1:]
        found = {line.split()[1] for line in listed if line.startswith("│ ") and line[2] != " "}

        assert found == set(names)


@pytest.mark.parametrize("command", Commands.members, ids=lambda command: command.name)
def test_help__one_line_in_the_list__first_of_the_command_itself(command: LazyCommand) -> None:
    real = command.loaded()

    assert isinstance(real, TyperCommand | TyperGroup)
    assert (real.name, (real.help or "").splitlines()[0]) == (command.name, command.help)


@pytest.mark.parametrize("command", ["--help", "index --help", "nope"])
def test_command__that_does_nothing__imports_nothing_heavy(command: str, tmp_path: Path) -> None:
    code, _, imported = imports_of(
        *command.split(), environ={"PATH": os.defpath}, directory=tmp_path
    )

    assert code == (2 if command == "nope" else 0)
    assert "typer" in imported
    assert not imported & HEAVY


def test_command__called__imports_its_own_module_alone(tmp_path: Path) -> None:
    code, _, imported = imports_of(
        *("tree", "verify", "absent.json"), environ={"PATH": os.defpath}, directory=tmp_path
    )

    assert code == 2
    assert "settlement" in imported
    assert not imported & {"api", "sqlalchemy", "web3"}


def test_recursion_limit__raised_by_an_import__as_before() -> None:
    before = sys.getrecursionlimit()

    with recursion_limit_kept():
        sys.setrecursionlimit(100_000)

    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize(
    "command", ["--nope", "nope", "demo --nope", "epoch nope", "epoch show", "epoch show one"]
)
def test_command_line__unknown__exit_2(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = run(command, capsys)

    assert (code, output) == (2, "")
    assert errors.endswith(" --help)\n")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("module", ERRORS, ids=lambda module: module.__name__)
@pytest.mark.parametrize(("branch", "code"), [("Rejected", 2), ("Transient", 3), ("Corrupt", 1)])
def test_error__branch__exit_code_and_sentence(
    module: object, branch: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending, expected_errors_end():
        raise getattr(module, branch)("block 7 is not block 8")

    assert ending.value.code == code
    assert capsys.readouterr().err == "quittance: block 7 is not block 8\n"


def test_error__bad_address_book__exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending, expected_errors_end():
        raise BadAddressBook("1.json: contracts")

    assert ending.value.code == 2
    assert capsys.readouterr().err == "quittance: 1.json: contracts\n"


def test_error__database_away__exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending, expected_errors_end():
        raise OperationalError("SELECT 1", {}, ConnectionError("connection refused"))

    assert ending.value.code == 3
    assert capsys.readouterr().err == (
        "quittance: the database is unavailable: connection refused\n"
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "out.csv"),
            "out.csv: Permission denied",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "nothing more can be written: No space left on device",
        ),
    ],
)
def test_error__of_the_file_system__exit_3(
    error: OSError, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending, expected_errors_end():
        raise error

    assert ending.value.code == 3
    assert capsys.readouterr().err == f"quittance: {sentence}\n"


def test_serve__port_is_taken__exit_3_before_a_database_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("QUITTANCE_API_PORT", str(port))
        code, output, errors = run("serve", capsys)

    assert (code, output) == (3, "")
    assert errors.startswith(f"quittance: api_host, api_port: 127.0.0.1:{port} cannot be ")
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["demo --once", "devnet", "up"])
def test_data_directory__cannot_be_made__exit_2_with_the_way_out(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("QUITTANCE_DATA_DIR", str(tmp_path / "file" / "data"))

    code, output, errors = run(command, capsys)

    assert (code, output) == (2, "")
    last = errors.splitlines()[-1]
    assert last.startswith(f"quittance: {tmp_path / 'file' / 'data'}")
    assert last.endswith("Not a directory; choose another folder with QUITTANCE_DATA_DIR")


def test_error__bad_settings__one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending, expected_errors_end():
        raise BadSettings(("api_port: 'x' is not a whole number", "chain[0]: id is missing"))

    assert ending.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "quittance: api_port: 'x' is not a whole number",
        "quittance: chain[0]: id is missing",
    ]


def test_error__of_our_own_making__not_hidden() -> None:
    with pytest.raises(KeyError), expected_errors_end():
        raise KeyError("a bug")


def test_configuration__wrong__every_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUITTANCE_API_PORT", "x")
    monkeypatch.setenv("QUITTANCE_POLL_INTERVAL_MS", "0")

    code, _, errors = run("ledger balance", capsys)

    assert code == 2
    assert errors.splitlines() == [
        "quittance: poll_interval_ms: 0 is not at least 1",
        "quittance: api_port: 'x' is not a whole number",
    ]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("payout status 0x12", "OP_ID: '0x12' is not a hash (0x and 64 hexadecimal digits)"),
        ("epoch approve 0 --key-file absent", "--key-file: absent: No such file or directory"),
        ("worker", str(scripts.errors.NothingConfigured("settlement"))),
        ("chain audit", str(scripts.errors.NothingConfigured("chain"))),
        ("epoch approve 0 --key-file key", "--key-file: key: not a private key in hexadecimal"),
    ],
)
def test_command__bad_argument__said_before_anything_starts(
    command: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("0x5151 my secret")

    code, output, errors = run(command, capsys)

    assert (code, output, errors) == (2, "", f"quittance: {sentence}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_process__command_refused__exit_code_and_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli.app", "schedule"],
        env={"PYTHONPATH": str(ROOT), "QUITTANCE_DATA_DIR": str(tmp_path), "PATH": os.defpath},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("quittance: schedule needs broker_url; ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["tree verify D.json", "zk verify --verifying-key K --proof D.json"]
)
def test_document_of_brackets_alone__is_refused_and_not_the_end_of_the_process(
    command: str, tmp_path: Path
) -> None:
    (tmp_path / "D.json").write_text("[" * 100_000)
    (tmp_path / "K").write_bytes(key_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli.app", *command.split()],
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "D.json: content: " in done.stderr
    assert done.stderr.count("\n") == 1
