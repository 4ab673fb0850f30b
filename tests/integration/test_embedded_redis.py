import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from scripts.embedded.places import scratch_directory
from scripts.embedded.redis import running_redis
from scripts.errors import DirectoryInUse


@pytest.fixture
def scratch() -> Iterator[Path]:
    with scratch_directory() as directory:
        yield directory


def test_redis__settings__durable_and_local(scratch: Path) -> None:
    with running_redis(scratch / "redis") as server, redis.Redis.from_url(server.url) as client:
        names = ("appendonly", "save", "port", "maxmemory-policy")
        found = {name: client.config_get(name)[name] for name in names}

    assert found == {
        "appendonly": "yes",
        "save": "",
        "port": "0",
        "maxmemory-policy": "noeviction",
    }


def test_redis__restarted__keeps_data(scratch: Path) -> None:
    with running_redis(scratch / "redis") as server, redis.Redis.from_url(server.url) as client:
        client.rpush("queue", "first", "second")

    with running_redis(scratch / "redis") as server, redis.Redis.from_url(server.url) as client:
        queue = client.lrange("queue", 0, -1)

    assert queue == [b"first", b"second"]


def test_redis__files__closed_to_others(scratch: Path) -> None:
    with running_redis(scratch / "redis") as server:
        modes = {
            path.name: path.stat().st_mode & 0o077
            for path in (server.socket_path, server.socket_path.parent, scratch / "redis" / "data")
        }
        owners = {path.stat().st_uid for path in (scratch / "redis").rglob("*")}

    assert set(modes.values()) == {0}
    assert owners == {os.geteuid()}


def test_redis__second_owner__refused(scratch: Path) -> None:
    with (
        running_redis(scratch / "redis"),
        pytest.raises(DirectoryInUse, match="is in use by process"),
        running_redis(scratch / "redis"),
    ):
        pass
