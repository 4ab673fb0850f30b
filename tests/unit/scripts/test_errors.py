from pathlib import Path

import pytest

from scripts.errors import (
    Corrupt,
    DirectoryInUse,
    DirectoryUnusable,
    ProgramMissing,
    Rejected,
    ScriptError,
    ServerFailed,
    Transient,
)


@pytest.mark.parametrize(
    ("error", "branch"),
    [
        (DirectoryInUse(Path("/d"), "process 7"), Transient),
        (DirectoryUnusable(Path("/d"), "it belongs to root"), Rejected),
        (ProgramMissing("anvil", "run setup"), Transient),
        (ServerFailed("redis", "ended with code 1", Path("/l"), "no disk"), Transient),
    ],
)
def test_error__branch__decides_the_exit_code(
    error: ScriptError, branch: type[ScriptError]
) -> None:
    assert isinstance(error, branch)
    assert [isinstance(error, one) for one in (Transient, Rejected, Corrupt)].count(True) == 1


def test_directory_in_use__message__one_line_with_the_way_out() -> None:
    message = str(DirectoryInUse(Path("/data/postgres"), "process 7"))

    assert message == (
        "the embedded server in /data/postgres is in use by process 7: "
        "stop it, or choose another folder with QUITTANCE_DATA_DIR"
    )


def test_server_failed__empty_log__said_so() -> None:
    message = str(ServerFailed("redis", "ended with code 1", Path("/data/redis.log"), ""))

    assert message == "redis ended with code 1; the end of /data/redis.log:\n(empty)"
