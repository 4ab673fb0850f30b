"""A bundle's largest file, written as a stream."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from settlement.royalties.adapters.shard_bundle import write_pieces
from settlement.royalties.allocate_shards import allocation_file, find_couplings
from tests.shard_world import World


def test_write_pieces__allocations_of_an_epoch__file_and_its_digest(tmp_path: Path) -> None:
    world = World(1, "usual")
    order = world.order(4)
    coupled = find_couplings(order, world.events)

    written = write_pieces(
        tmp_path / "allocations.jsonl", allocation_file(order, coupled, facts=world.events)
    )

    data = b"".join(allocation_file(order, coupled, facts=world.events))
    assert written.path.read_bytes() == data
    assert (written.digest, written.size_bytes) == (sha256(data).digest(), len(data))
    assert [path.name for path in tmp_path.iterdir()] == ["allocations.jsonl"]


def test_write_pieces__stream_breaks__nothing_is_left(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the database went away")

    with pytest.raises(OSError, match="went away"):
        write_pieces(tmp_path / "allocations.jsonl", broken())

    assert list(tmp_path.iterdir()) == []
