import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api.errors import StoredRootDiffers
from api.trees import TreeCache, TreeKey, proof_of
from contracts.evm import Address, ChainId, Epoch, Hash32, keccak
from settlement.royalties.tree import folded
from settlement.royalties.tree_flat import FlatTree, flat_tree


def leaves(count: int) -> list[bytes]:
    return sorted(keccak(number.to_bytes(4, "big")) for number in range(count))


def key_of(hashes: list[bytes], *, attempt: int = 1, root: Hash32 | None = None) -> TreeKey:
    return TreeKey(
        chain_id=ChainId(1),
        contract=Address(bytes(20)),
        epoch=Epoch(1),
        attempt=attempt,
        root=flat_tree(hashes).root if root is None else root,
    )


class Loader:
    """Gives the nodes of a stored tree, and counts how often it was asked."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.hashes, self.calls = hashes, 0
        self.nodes = flat_tree(hashes).nodes[:]

    async def __call__(self) -> bytes:
        self.calls += 1
        await asyncio.sleep(0)
        return self.nodes


def ask(cache: TreeCache, key: TreeKey, load: Callable[[], Awaitable[bytes]]) -> FlatTree:
    return asyncio.run(_ask(cache, key, load))


async def _ask(cache: TreeCache, key: TreeKey, load: Callable[[], Awaitable[bytes]]) -> FlatTree:
    return await cache.tree(key, load)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_tree__stored_leaves__every_proof_leads_to_the_root(count: int) -> None:
    hashes = leaves(count)
    key = key_of(hashes)

    tree = ask(TreeCache(100), key, Loader(hashes))

    for leaf in hashes:
        proof = proof_of(tree, Hash32(leaf))
        assert proof is not None
        assert folded(leaf, proof) == key.root


def test_tree__leaf_that_is_not_stored__no_proof() -> None:
    hashes = leaves(5)
    tree = ask(TreeCache(100), key_of(hashes), Loader(hashes))

    for stranger in (bytes(32), b"\xff" * 32, keccak(b"stranger")):
        assert proof_of(tree, Hash32(stranger)) is None


def test_tree__no_leaves__root_zero_and_no_proof() -> None:
    tree = ask(TreeCache(100), key_of([]), Loader([]))

    assert proof_of(tree, Hash32(bytes(32))) is None


def test_tree__second_request__not_loaded_again() -> None:
    cache, load = TreeCache(100), Loader(leaves(3))
    key = key_of(load.hashes)

    assert ask(cache, key, load) is ask(cache, key, load)
    assert load.calls == 1


def test_tree__requests_at_once__built_once() -> None:
    cache, load = TreeCache(100), Loader(leaves(3))
    key = key_of(load.hashes)

    async def together() -> list[FlatTree]:
        return await asyncio.gather(*(cache.tree(key, load) for _ in range(5)))

    first, *others = asyncio.run(together())
    assert all(other is first for other in others)
    assert load.calls == 1


def test_tree__stored_root_differs__refused_and_not_kept() -> None:
    cache, load = TreeCache(100), Loader(leaves(3))

    with pytest.raises(StoredRootDiffers):
        ask(cache, key_of(load.hashes, root=Hash32(bytes(32))), load)

    assert len(cache) == 0


@pytest.mark.parametrize("kept", [0, 1, 31, 32, 64, 128])
def test_tree__part_of_it_is_stored__refused_and_not_kept(kept: int) -> None:
    cache, load = TreeCache(100), Loader(leaves(3))
    load.nodes = load.nodes[-kept:] if kept else b""

    with pytest.raises(StoredRootDiffers):
        ask(cache, key_of(load.hashes), load)

    assert len(cache) == 0


@pytest.mark.parametrize("place", range(1, 9))
def test_proof_of__stored_node_differs__no_proof_through_it(place: int) -> None:
    load = Loader(leaves(5))
    whole = ask(TreeCache(100), key_of(load.hashes), load)
    load.nodes = load.nodes[: 32 * place] + bytes(32) + load.nodes[32 * place + 32 :]

    tree = ask(TreeCache(100), key_of(load.hashes), load)

    proofs = {leaf: proof_of(tree, Hash32(leaf)) for leaf in load.hashes}
    assert None in proofs.values()
    for leaf, proof in proofs.items():
        assert proof in (None, proof_of(whole, Hash32(leaf)))


def test_cache__too_many_leaves__least_recently_used_goes() -> None:
    cache, load = TreeCache(7), Loader(leaves(3))
    first, second, third = (key_of(load.hashes, attempt=attempt) for attempt in (1, 2, 3))
    ask(cache, first, load)
    ask(cache, second, load)
    ask(cache, first, load)

    ask(cache, third, load)

    assert len(cache) == 2
    ask(cache, first, load)
    assert load.calls == 3
    ask(cache, second, load)
    assert load.calls == 4


def test_cache__one_tree_over_the_bound__served_and_kept_alone() -> None:
    cache, small, large = TreeCache(4), Loader(leaves(3)), Loader(leaves(5))
    ask(cache, key_of(small.hashes), small)

    ask(cache, key_of(large.hashes), large)
    ask(cache, key_of(large.hashes), large)

    assert (len(cache), large.calls) == (1, 1)
