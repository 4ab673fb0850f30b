"""Owner and keeper with small programs instead of servers."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.embedded.keeper import shut_down
from scripts.embedded.launch import LAST_BYTES_MAX, Program, kept, last_lines
from scripts.embedded.ownership import OwnedDirectory, sole_owner
from scripts.errors import ServerFailed

LIMIT_S = 60


@pytest.fixture
def place(tmp_path: Path) -> Iterator[OwnedDirectory]:
    with sole_owner(tmp_path / "server", None) as place:
        yield place


def python(source: str) -> Program:
    return Program(
        name="program", command=(sys.executable, "-c", source), stop_signal=signal.SIGTERM
    )


def test_last_lines__long_log__end_only(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {number}" for number in range(1000)))

    assert last_lines(log).splitlines() == [f"line {number}" for number in range(992, 1000)]


def test_last_lines__one_endless_line__bounded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff" + b"x" * 3 * LAST_BYTES_MAX)

    assert len(last_lines(log)) == LAST_BYTES_MAX


def test_kept__program_says_it_is_up__answer_of_the_probe(place: OwnedDirectory) -> None:
    source = "import time; print('port 7', flush=True); time.sleep(60)"

    with kept(python(source), place) as program:
        found = program.wait_for(program.log_file.read_text, limit_s=LIMIT_S)

    assert found == "port 7\n"


def test_kept__program_ends_while_starting__code_and_log_shown(place: OwnedDirectory) -> None:
    with (
        kept(python("import sys; print('no disk'); sys.exit(7)"), place) as program,
        pytest.raises(ServerFailed, match=r"program ended with code 7(.|\n)*no disk"),
    ):
        program.wait_for(lambda: False, limit_s=LIMIT_S)


def test_kept__program_is_missing__reason_shown(place: OwnedDirectory) -> None:
    missing = Program(name="gone", command=("/nonexistent/x",), stop_signal=signal.SIGTERM)

    with (
        kept(missing, place) as program,
        pytest.raises(ServerFailed, match="No such file or directory: '/nonexistent/x'"),
    ):
        program.wait_for(lambda: False, limit_s=LIMIT_S)


def test_kept__never_ready__limit_named(place: OwnedDirectory) -> None:
    with (
        kept(python("import time; time.sleep(60)"), place) as program,
        pytest.raises(ServerFailed, match=r"program was not ready within 0\.1 s"),
    ):
        program.wait_for(lambda: False, limit_s=0.1)


def test_wait_for_success__code_zero__returns(place: OwnedDirectory) -> None:
    with kept(python("print('done')"), place) as program:
        program.wait_for_success(limit_s=LIMIT_S)

    assert program.log_file.read_text() == "done\n"


def test_wait_for_success__other_code__named(place: OwnedDirectory) -> None:
    with (
        kept(python("import sys; sys.exit(3)"), place) as program,
        pytest.raises(ServerFailed, match="program ended with code 3"),
    ):
        program.wait_for_success(limit_s=LIMIT_S)


def test_wait_for_success__does_not_end__limit_named(place: OwnedDirectory) -> None:
    with (
        kept(python("import time; time.sleep(60)"), place) as program,
        pytest.raises(ServerFailed, match=r"program did not end within 0\.1 s"),
    ):
        program.wait_for_success(limit_s=0.1)


def test_kept__earlier_logs__the_last_one_stays(place: OwnedDirectory) -> None:
    for number in (1, 2, 3):
        with kept(python(f"print({number})"), place) as program:
            program.wait_for_success(limit_s=LIMIT_S)

    assert (place.path / "program.log").read_text() == "3\n"
    assert (place.path / "program.log.1").read_text() == "2\n"


def test_kept__program_was_killed__reported_at_the_end(
    place: OwnedDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        kept(python("import os; os.kill(os.getpid(), 9)"), place) as program,
    ):
        program.keeper.wait(LIMIT_S)

    (record,) = caplog.records
    assert record.getMessage() == "server ended badly"
    assert record.__dict__["exit_code"] == 128 + signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_sole_owner__old_server_still_stopping__waits_for_its_end(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    source = f"""
import pathlib, signal, time
def stop(*_):
    time.sleep(1)
    pathlib.Path({str(ended)!r}).touch()
    raise SystemExit
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
signal.pause()
"""
    with (
        sole_owner(tmp_path / "server", None) as place,
        kept(python(source), place) as program,
    ):
        program.wait_for(program.log_file.read_text, limit_s=LIMIT_S)
        program.keeper.kill()
    assert not ended.exists()

    with sole_owner(tmp_path / "server", None):
        assert ended.exists()


def test_kept__environment__none_of_ours(place: OwnedDirectory) -> None:
    with kept(python("import os; print(sorted(os.environ))"), place) as program:
        program.wait_for_success(limit_s=LIMIT_S)

    assert program.log_file.read_text() == "['HOME', 'LC_ALL', 'PATH']\n"


@pytest.mark.parametrize(
    ("ignored", "ended_by"),
    [
        ((), signal.SIGTERM),
        ((signal.SIGTERM,), signal.SIGQUIT),
        ((signal.SIGTERM, signal.SIGQUIT), signal.SIGKILL),
    ],
)
def test_shut_down__signals_ignored__next_one_is_sent(
    ignored: tuple[signal.Signals, ...], ended_by: signal.Signals
) -> None:
    ignore = "".join(f"signal.signal({int(number)}, signal.SIG_IGN);" for number in ignored)
    source = f"import signal; {ignore} print('up', flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as program:
        assert program.stdout
        program.stdout.readline()
        started = time.monotonic()
        # What it heeds may take as long as the machine is busy; what it ignores need not.
        both = (signal.SIGTERM, signal.SIGQUIT)

        shut_down(program, tuple((one, 0.3 if one in ignored else LIMIT_S) for one in both))

    assert program.returncode == -ended_by
    assert time.monotonic() - started < LIMIT_S
