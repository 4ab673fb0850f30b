"""What every `FactStore` promises; run against the one in memory and against Postgres."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.evm import BlockNumber, BlockRef, Hash32, LogIndex
from indexer.chain import LocalChain
from indexer.decode import decode, filter_of
from indexer.errors import IndexDamaged, SourcesChanged
from indexer.ports import Extension, FactStore, Replacement
from indexer.ranges import BlockRange
from tests.fakes_chain import SOURCES, FakeChain, Snapshot

DIGEST = Hash32(b"\xaa" * 32)
Take = Callable[[], Snapshot]


def extension(
    chain: FakeChain, start: int, end: int, *, on: BlockRef | None, finalized: int | None = None
) -> Extension:
    """Blocks [start, end) of the chain, with their logs and facts."""
    blocks = BlockRange(BlockNumber(start), BlockNumber(end))
    logs = chain.logs_in_range(blocks, filter_of(SOURCES))
    return Extension(
        expected_head=on,
        sources_digest=DIGEST,
        blocks=[block.header.ref for block in chain.blocks[start:end]],
        logs=logs,
        decoded=decode(logs, SOURCES),
        finalized=None if finalized is None else ref(chain, finalized),
    )


def ref(chain: FakeChain, number: int) -> BlockRef:
    return chain.blocks[number].header.ref


def replacement(
    chain: FakeChain, *, head: int, ancestor: int | None, new_head: BlockRef | None = None
) -> Replacement:
    below = -1 if ancestor is None else ancestor
    return Replacement(
        expected_head=ref(chain, head),
        ancestor=None if ancestor is None else ref(chain, ancestor),
        new_head=new_head or ref(chain, head),
        depth_blocks=head - below,
    )


class FactStoreContract:
    """Subclasses provide the fixtures `store`, `take` (its snapshot) and `chain` (10 blocks)."""

    def test_empty__reads__nothing(self, store: FactStore, take: Take) -> None:
        store.check_sources(DIGEST)

        assert store.local_chain() == LocalChain(None, ())
        assert store.block(BlockNumber(0)) is None
        assert take() == {"block": []}

    def test_extend__ranges__held_in_order(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 4, on=None))
        store.extend(extension(chain, 4, 9, on=ref(chain, 3), finalized=5))

        assert store.local_chain() == LocalChain(
            ref(chain, 5), tuple(ref(chain, number) for number in (6, 7, 8))
        )
        assert store.block(BlockNumber(2)) == ref(chain, 2)
        assert [row[0] for row in take()["block"]] == list(range(9))
        assert len(take()["log"]) == sum(len(block.logs) for block in chain.blocks[:9])

    @pytest.mark.parametrize("expected", [None, 2, 4])
    def test_extend__on_another_head__refused_whole(
        self, store: FactStore, take: Take, chain: FakeChain, expected: int | None
    ) -> None:
        store.extend(extension(chain, 0, 4, on=None))
        before = take()
        on = None if expected is None else ref(chain, expected)

        with pytest.raises(IndexDamaged):
            store.extend(extension(chain, 4, 6, on=on))

        assert take() == before

    def test_writes__head_with_our_number_and_another_hash__refused_whole(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 4, on=None))
        before = take()
        twin = replace(ref(chain, 3), hash=DIGEST)

        with pytest.raises(IndexDamaged):
            store.extend(extension(chain, 4, 6, on=twin))
        with pytest.raises(IndexDamaged):
            store.replace(replace(replacement(chain, head=3, ancestor=1), expected_head=twin))

        assert take() == before

    def test_extend__same_log_twice__refused_whole(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 4, on=None))
        before = take()
        twice = extension(chain, 2, 4, on=ref(chain, 3))

        with pytest.raises(IndexDamaged):
            store.extend(replace(twice, blocks=[ref(chain, 4), ref(chain, 5)]))

        assert take() == before

    def test_check_sources__built_from_others__refused(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 2, on=None))

        store.check_sources(DIGEST)
        with pytest.raises(SourcesChanged):
            store.check_sources(Hash32(b"\xbb" * 32))

    def test_replace__above_ancestor__every_table_cut(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 5, on=None))
        short = take()
        store.extend(extension(chain, 5, 9, on=ref(chain, 4), finalized=3))

        removed = store.replace(replacement(chain, head=8, ancestor=4))

        assert take() == short
        assert store.local_chain() == LocalChain(ref(chain, 3), (ref(chain, 4),))
        assert removed["block"] == 4
        assert removed["log"] == sum(len(block.logs) for block in chain.blocks[5:9])

    def test_replace__everything__empty_again(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 5, on=None))

        store.replace(replacement(chain, head=4, ancestor=None))

        assert take() == {"block": []}
        assert store.local_chain() == LocalChain(None, ())
        store.extend(extension(chain, 0, 3, on=None))

    def test_replace__other_head__refused_whole(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 5, on=None))
        before = take()

        with pytest.raises(IndexDamaged):
            store.replace(replacement(chain, head=5, ancestor=2))

        assert take() == before

    @pytest.mark.parametrize("ancestor", [None, 2])
    def test_replace__below_the_finalized_block__refused_whole(
        self, store: FactStore, take: Take, chain: FakeChain, ancestor: int | None
    ) -> None:
        store.extend(extension(chain, 0, 5, on=None, finalized=3))
        before = take()

        with pytest.raises(IndexDamaged):
            store.replace(replacement(chain, head=4, ancestor=ancestor))

        assert take() == before

    def test_finalize__forward__moves_and_never_back(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 9, on=None, finalized=3))

        store.finalize(ref(chain, 6))
        store.finalize(ref(chain, 6))
        with pytest.raises(IndexDamaged):
            store.finalize(ref(chain, 5))

        assert store.local_chain().finalized == ref(chain, 6)

    def test_extend__log_index_in_two_blocks__both_held(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 9, on=None))

        first = [row for row in take()["log"] if row[1] == LogIndex(0)]

        assert len(first) == sum(bool(block.logs) for block in chain.blocks[:9])
