import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.embedded.places import scratch_directory, server_account
from scripts.embedded.postgres import running_postgres
from scripts.errors import DirectoryInUse, DirectoryUnusable, ServerFailed

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with scratch_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def cluster(scratch: Path) -> Path:
    """One server directory for most tests: making the data takes longer than a restart."""
    return scratch / "postgres"


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_postgres__settings__durable_local_and_the_same_everywhere(cluster: Path) -> None:
    with running_postgres(cluster) as server:
        url = server.url()
        names = ("fsync", "listen_addresses", "server_encoding", "timezone", "data_checksums")
        found = [execute(url, f"SHOW {name}")[0][0] for name in names]
        letters = execute(url, "SELECT x FROM unnest('{b,A,a,B,é}'::text[]) AS x ORDER BY x")

    assert found == ["on", "", "UTF8", "UTC", "on"]
    assert [letter for (letter,) in letters] == ["A", "B", "a", "b", "é"]


def test_postgres__restarted__keeps_data(cluster: Path) -> None:
    with running_postgres(cluster) as server:
        execute(server.url(), "CREATE TABLE kept AS SELECT 42 AS answer")

    with running_postgres(cluster) as server:
        rows = execute(server.url(), "SELECT answer FROM kept")

    assert rows == [(42,)]


def test_postgres__without_durability__writes_little_ends_at_once_and_recovers(
    cluster: Path,
) -> None:
    with running_postgres(cluster, is_durable=False) as server:
        names = ("fsync", "full_page_writes", "synchronous_commit", "wal_level")
        found = [execute(server.url(), f"SHOW {name}")[0][0] for name in names]
        execute(server.url(), "CREATE TABLE committed AS SELECT 43 AS answer")
    log = (cluster / "postgres.log").read_text()

    with running_postgres(cluster) as server:
        rows = execute(server.url(), "SELECT answer FROM committed")

    assert found == ["off", "off", "on", "minimal"]
    assert "immediate shutdown" in log
    assert rows == [(43,)]


def test_postgres__body_raises__stopped_in_order(cluster: Path) -> None:
    with pytest.raises(ZeroDivisionError), running_postgres(cluster):
        raise ZeroDivisionError

    log = (cluster / "postgres.log").read_text()
    assert "database system is shut down" in log
    assert not (cluster / "data" / "postmaster.pid").exists()


def test_url__database_absent__created_once(cluster: Path) -> None:
    with running_postgres(cluster) as server:
        first = server.url('odd "name"')
        execute(first, "CREATE TABLE kept ()")
        again = server.url('odd "name"')
        copy = server.url("copied", template='odd "name"')

        assert again == first
        assert execute(copy, "SELECT current_database(), * FROM kept") == []
        assert execute(copy, "SELECT current_database()") == [("copied",)]


def test_postgres__second_owner__refused_with_the_way_out(cluster: Path) -> None:
    with running_postgres(cluster) as server:
        with pytest.raises(DirectoryInUse) as refusal, running_postgres(cluster):
            pass

        assert str(cluster) in str(refusal.value)
        assert f"process {os.getpid()}" in str(refusal.value)
        assert "QUITTANCE_DATA_DIR" in str(refusal.value)
        assert execute(server.url(), "SELECT 1") == [(1,)]


def test_postgres__path_too_long_for_a_socket__socket_elsewhere(scratch: Path) -> None:
    deep = scratch / ("d" * 60) / ("e" * 60) / "postgres"

    with running_postgres(deep) as server:
        sockets = server.socket_directory
        mode = sockets.stat().st_mode & 0o777
        rows = execute(server.url(), "SELECT 1")
    sockets.rmdir()

    assert rows == [(1,)]
    assert mode == 0o700
    assert not sockets.is_relative_to(scratch)


def test_postgres__data_of_another_version__named(scratch: Path) -> None:
    data = scratch / "old" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")

    with (
        pytest.raises(DirectoryUnusable, match="holds data of Postgres 15, this is 18"),
        running_postgres(scratch / "old"),
    ):
        pass


def test_postgres__broken_configuration__end_of_log_shown(cluster: Path) -> None:
    with running_postgres(cluster):
        pass
    configuration = cluster / "data" / "postgresql.conf"
    original = configuration.read_text()
    configuration.write_text(original + "max_connections = many\n")

    with (
        pytest.raises(ServerFailed, match='invalid value for parameter "max_connections"'),
        running_postgres(cluster),
    ):
        pass

    configuration.write_text(original)


@as_root
def test_postgres__started_by_root__runs_as_nobody(cluster: Path) -> None:
    account = server_account()
    assert account

    with running_postgres(cluster):
        pid = (cluster / "data" / "postmaster.pid").read_text().split()[0]
        status = Path(f"/proc/{pid}/status").read_text()

    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert set(fields["Uid"].split()) == {str(account.user_id)}
    assert set(fields["Gid"].split()) == {str(account.group_id)}
    assert fields["Groups"].split() == []


@as_root
def test_postgres__parent_closed_to_nobody__named_before_anything_starts(scratch: Path) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)

    with (
        pytest.raises(DirectoryUnusable, match=rf"cannot enter {closed} \(mode 0700\)"),
        running_postgres(closed / "postgres"),
    ):
        pass

    assert closed.stat().st_mode & 0o777 == 0o700
