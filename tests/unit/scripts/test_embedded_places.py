import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.embedded.places import (
    SHORT_ROOT,
    SOCKET_PATH_BYTES_MAX,
    Account,
    closed_parent,
    data_directory,
    make_private_directory,
    make_server_directory,
    may_enter,
    scratch_directory,
    server_account,
    socket_directory,
)
from scripts.errors import DirectoryUnusable

STRANGER = Account(name="stranger", user_id=54_321, group_id=54_322)
SOMEBODY = 1000
ROOT = 0


def folder(mode: int, *, user_id: int = 1, group_id: int = 1) -> os.stat_result:
    return os.stat_result((stat.S_IFDIR | mode, 0, 0, 0, user_id, group_id, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("environ", "user_id", "expected"),
    [
        ({"QUITTANCE_DATA_DIR": "/chosen", "HOME": "/home/a"}, SOMEBODY, "/chosen"),
        ({"QUITTANCE_DATA_DIR": "/chosen"}, ROOT, "/chosen"),
        ({"XDG_DATA_HOME": "/data", "HOME": "/home/a"}, SOMEBODY, "/data/quittance"),
        ({"XDG_DATA_HOME": "data", "HOME": "/home/a"}, SOMEBODY, "/home/a/.local/share/quittance"),
        ({"HOME": "/home/a"}, SOMEBODY, "/home/a/.local/share/quittance"),
        ({"QUITTANCE_DATA_DIR": "", "HOME": "/h"}, SOMEBODY, "/h/.local/share/quittance"),
        ({"XDG_DATA_HOME": "/root/data", "HOME": "/root"}, ROOT, "/var/lib/quittance"),
    ],
)
def test_data_directory__environment_and_user__where_it_says(
    environ: Mapping[str, str], user_id: int, expected: str
) -> None:
    assert data_directory(environ, user_id=user_id) == Path(expected)


def test_data_directory__relative_choice__absolute() -> None:
    assert data_directory({"QUITTANCE_DATA_DIR": "here"}) == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (folder(0o701), True),
        (folder(0o776), False),
        (folder(0o700, user_id=STRANGER.user_id), True),
        (folder(0o077, user_id=STRANGER.user_id), False),  # the owner's bits alone count
        (folder(0o710, group_id=STRANGER.group_id), True),
        (folder(0o701, group_id=STRANGER.group_id), False),
    ],
)
def test_may_enter__mode_bits__as_the_kernel_reads_them(
    found: os.stat_result, *, expected: bool
) -> None:
    assert may_enter(found, STRANGER) is expected


def test_closed_parent__two_closed__highest_is_named(tmp_path: Path) -> None:
    with scratch_directory() as directory:
        directory.chmod(0o711)
        inner = directory / "closed" / "closed too" / "leaf"
        inner.mkdir(parents=True)
        (directory / "closed").chmod(0o750)
        (directory / "closed" / "closed too").chmod(0o700)

        assert closed_parent(inner, STRANGER) == directory / "closed"
        assert closed_parent(directory / "closed", STRANGER) is None


def test_make_server_directory__strict_umask__reachable_for_the_account() -> None:
    with scratch_directory() as directory:
        directory.chmod(0o711)
        umask = os.umask(0o077)
        try:
            make_server_directory(directory / "new" / "server", STRANGER)
        finally:
            os.umask(umask)

        assert closed_parent(directory / "new" / "server" / "data", STRANGER) is None


def test_make_server_directory__own_account__closed_to_others(tmp_path: Path) -> None:
    make_server_directory(tmp_path / "new" / "server", None)

    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "server").stat().st_mode & 0o777 == 0o700


def test_make_server_directory__a_file_is_there__unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DirectoryUnusable, match="Not a directory"):
        make_server_directory(tmp_path / "file" / "server", None)


def test_make_private_directory__link_planted__refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "target")

    with pytest.raises(DirectoryUnusable):
        make_private_directory(tmp_path / "link", None)

    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o755


def test_make_private_directory__open_folder_of_ours__closed(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir(mode=0o755)

    make_private_directory(tmp_path / "socket", None)

    assert (tmp_path / "socket").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_make_private_directory__belongs_to_another__refused(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir()
    os.chown(tmp_path / "socket", STRANGER.user_id, STRANGER.group_id)

    with pytest.raises(DirectoryUnusable, match=f"belongs to the user with id {STRANGER.user_id}"):
        make_private_directory(tmp_path / "socket", None)


def test_socket_directory__length__inside_up_to_the_limit() -> None:
    name = "redis.sock"
    room = SOCKET_PATH_BYTES_MAX - len(f"/socket/{name}")
    fits, too_long = Path("/" + "d" * (room - 1)), Path("/" + "d" * room)

    assert socket_directory(fits, name) == fits / "socket"
    assert socket_directory(too_long, name).parent == SHORT_ROOT
    assert socket_directory(too_long, name) == socket_directory(too_long, name)
    assert socket_directory(too_long, name) != socket_directory(too_long / "other", name)


@pytest.mark.parametrize("name", ["a,b", 'a"b'])
def test_socket_directory__character_of_a_list__elsewhere(name: str) -> None:
    assert socket_directory(Path("/data") / name, "redis.sock").parent == SHORT_ROOT


def test_socket_directory__characters_of_two_bytes__bytes_are_counted() -> None:
    directory = Path("/" + "é" * 60)

    assert socket_directory(directory, "redis.sock").parent == SHORT_ROOT


def test_scratch_directory__server_account__can_reach_it() -> None:
    account = server_account()

    with scratch_directory() as directory:
        if account:
            assert closed_parent(directory / "server", account) is None
        else:
            assert directory.stat().st_mode & 0o777 == 0o700
    assert not directory.exists()
