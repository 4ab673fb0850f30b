import fcntl
import os
from pathlib import Path

import pytest

from scripts.embedded.ownership import sole_owner
from scripts.errors import DirectoryInUse


def test_sole_owner__second_in_the_same_process__refused(tmp_path: Path) -> None:
    with (
        sole_owner(tmp_path / "server", None),
        pytest.raises(DirectoryInUse, match=f"in use by process {os.getpid()}"),
        sole_owner(tmp_path / "server", None),
    ):
        pass


def test_sole_owner__first_has_ended__free_again(tmp_path: Path) -> None:
    with sole_owner(tmp_path / "server", None) as first:
        pass
    with sole_owner(tmp_path / "server", None) as second:
        assert second.path == first.path


def test_sole_owner__server_lock__held_and_not_inherited(tmp_path: Path) -> None:
    with sole_owner(tmp_path / "server", None) as place:
        assert not os.get_inheritable(place.server_lock)
        other = os.open(place.path / "server.lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)


def test_sole_owner__two_directories__independent(tmp_path: Path) -> None:
    with sole_owner(tmp_path / "one", None) as one, sole_owner(tmp_path / "two", None) as two:
        assert one.path != two.path
