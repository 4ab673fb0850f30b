"""Owners that end in every way; the server must end too. See scripts.embedded.keeper."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

from scripts.embedded.places import scratch_directory, server_account
from scripts.embedded.postgres import PACKAGE
from scripts.embedded.programs import package_folder

OWNER = Path(__file__).with_name("embedded_owner.py")
ROOT = OWNER.parents[2]
PACKAGES = Path(sysconfig.get_path("platlib"))
KINDS = ("postgres", "redis", "anvil")
START_S = 30
END_S = 60

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """One folder for all tests: making Postgres data takes longer than a restart."""
    with scratch_directory() as directory:
        yield directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A running `embedded_owner.py` whose server is ready."""

    process: "subprocess.Popen[str]"
    directory: Path
    url: str

    def keeper(self) -> int:
        (found,) = (
            pid
            for pid in processes_in(self.directory)
            if parent_of(pid) == self.process.pid and "keeper.py" in command_of(pid)
        )
        return found

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(END_S)


@pytest.fixture
def start_owner(scratch: Path) -> Iterator[Callable[..., Owner]]:
    started: list[subprocess.Popen[str]] = []

    def start(
        kind: str,
        *options: str,
        directory: Path | None = None,
        python: str = sys.executable,
        python_path: tuple[Path, ...] = (ROOT, PACKAGES),
        user: int | None = None,
    ) -> Owner:
        place = directory or scratch / kind
        process = subprocess.Popen(
            [python, str(OWNER), kind, str(place), *options],
            env={"PYTHONPATH": os.pathsep.join(map(str, python_path)), "PATH": os.defpath},
            cwd="/",
            stdout=subprocess.PIPE,
            text=True,
            user=user,
            group=user,
            extra_groups=None if user is None else (),
        )
        started.append(process)
        assert process.stdout
        url = process.stdout.readline().strip()
        assert url, "the owner ended before its server was ready"
        return Owner(process=process, directory=place, url=url)

    yield start
    for process in started:
        with process:
            process.kill()
    wait_until(lambda: not processes_in(scratch))


def processes_in(directory: Path) -> list[int]:
    """Live processes that name the directory in their command or work in it."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and is_in(entry, str(directory))
    ]


def is_in(entry: Path, directory: str) -> bool:
    try:
        if stat_fields(int(entry.name))[0] == "Z":
            return False
        return directory in command_of(int(entry.name)) or working_directory(entry).startswith(
            directory
        )
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return False


def working_directory(entry: Path) -> str:
    try:
        return os.readlink(entry / "cwd")
    except PermissionError:  # the system's, not ours
        return ""


def stat_fields(pid: int) -> list[str]:
    """State, parent and the rest; the name before them may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent_of(pid: int) -> int:
    return int(stat_fields(pid)[1])


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + END_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", KINDS)
def test_owner__ended_by_a_signal__nothing_left(
    kind: str, number: signal.Signals, start_owner: Callable[..., Owner]
) -> None:
    owner = start_owner(kind)
    assert len(processes_in(owner.directory)) >= 3  # owner, keeper, server

    owner.end(number)

    wait_until(lambda: not processes_in(owner.directory))


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
@pytest.mark.parametrize("kind", KINDS)
def test_keeper__killed__server_ends(kind: str, start_owner: Callable[..., Owner]) -> None:
    owner = start_owner(kind)

    os.kill(owner.keeper(), signal.SIGKILL)

    wait_until(lambda: processes_in(owner.directory) == [owner.process.pid])


def test_keeper__terminated__server_ends_in_order(start_owner: Callable[..., Owner]) -> None:
    owner = start_owner("postgres")

    os.kill(owner.keeper(), signal.SIGTERM)

    wait_until(lambda: processes_in(owner.directory) == [owner.process.pid])
    assert "database system is shut down" in (owner.directory / "postgres.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_owner__ended_while_its_forked_child_lives__server_ends(
    number: signal.Signals, start_owner: Callable[..., Owner]
) -> None:
    owner = start_owner("postgres", "--with-forked-child")
    (forked,) = (
        pid
        for pid in processes_in(owner.directory)
        if parent_of(pid) == owner.process.pid and pid != owner.keeper()
    )

    owner.end(number)

    wait_until(lambda: processes_in(owner.directory) == [forked])
    os.kill(forked, signal.SIGKILL)


def test_postgres__owner_killed__next_owner_waits_and_finds_the_data(
    start_owner: Callable[..., Owner],
) -> None:
    first = start_owner("postgres")
    execute(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")

    first.end(signal.SIGKILL)
    second = start_owner("postgres")

    assert execute(second.url, "SELECT answer FROM kept") == [(42,)]


def test_postgres__everything_killed_at_once__recovers_what_was_committed(
    start_owner: Callable[..., Owner],
) -> None:
    first = start_owner("postgres")
    execute(first.url, "CREATE TABLE committed AS SELECT 42 AS answer")
    stale = first.directory / "data" / "postmaster.pid"

    postmaster, keeper = int(stale.read_text().split()[0]), first.keeper()
    os.kill(keeper, signal.SIGSTOP)  # so that nobody has time to act on another's end
    for pid in (postmaster, keeper, *processes_in(first.directory)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes_in(first.directory))
    assert stale.read_text().split()[-1] == "ready"
    second = start_owner("postgres")

    assert execute(second.url, "SELECT answer FROM committed") == [(42,)]
    assert "was interrupted" in (second.directory / "postgres.log").read_text()


def test_redis__owner_killed__next_owner_finds_the_data(start_owner: Callable[..., Owner]) -> None:
    first = start_owner("redis")
    with redis.Redis.from_url(first.url) as client:
        client.set("answer", 42)

    first.end(signal.SIGKILL)
    second = start_owner("redis")

    with redis.Redis.from_url(second.url) as client:
        assert client.get("answer") == b"42"


def test_server__session__apart_from_the_owners_terminal(start_owner: Callable[..., Owner]) -> None:
    owner = start_owner("redis")

    sessions = {pid: os.getsid(pid) for pid in processes_in(owner.directory)}

    own = sessions.pop(owner.process.pid)
    assert set(sessions.values()) == {owner.keeper()} != {own}


@as_root
def test_postgres__programs_closed_to_nobody__copied_once(
    scratch: Path, start_owner: Callable[..., Owner]
) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    package = package_folder(PACKAGE, remedy="")
    for name in (PACKAGE, f"{PACKAGE}.libs"):
        shutil.copytree(package.with_name(name), closed / name)

    first = start_owner("postgres", directory=scratch / "copied", python_path=(closed, ROOT))
    first.end(signal.SIGTERM)
    (copy,) = (first.directory / "bin").iterdir()
    made = copy.stat().st_mtime_ns
    second = start_owner("postgres", directory=scratch / "copied", python_path=(closed, ROOT))

    assert execute(second.url, "SELECT 1") == [(1,)]
    assert any(str(copy) in command_of(pid) for pid in processes_in(second.directory))
    assert copy.stat().st_mtime_ns == made


@as_root
@pytest.mark.parametrize("kind", KINDS)
def test_server__ordinary_user__runs_as_that_user(
    kind: str, scratch: Path, start_owner: Callable[..., Owner]
) -> None:
    account = server_account()
    assert account
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    os.chown(home, account.user_id, account.group_id)

    owner = start_owner(
        kind, directory=home / kind, user=account.user_id, python=python_for(account.user_id)
    )

    users = {os.stat(f"/proc/{pid}").st_uid for pid in processes_in(owner.directory)}
    assert users == {account.user_id}
    assert owner.directory.stat().st_mode & 0o777 == 0o700


def python_for(user: int) -> str:
    """An interpreter that the user can run and that can import what the launcher needs."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            tried = subprocess.run(
                [python, "-c", "import psycopg, scripts.embedded"],
                env={"PYTHONPATH": f"{ROOT}{os.pathsep}{PACKAGES}"},
                cwd="/",
                user=user,
                group=user,
                extra_groups=(),
                capture_output=True,
                check=False,
            )
        except (PermissionError, FileNotFoundError):
            continue
        if tried.returncode == 0:
            return python
    pytest.skip("no interpreter that an ordinary user can run has the packages")
