"""What every `FactStore` promises; run against the one in memory and against Postgres."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from contracts.events import ERC20_TRANSFER
from contracts.evm import BlockNumber, BlockRef, Hash32, LogIndex
from indexer.agreement import Asked, Statement, Verdict
from indexer.blocks import BlockBatch, Proof, block_batch
from indexer.chain import LocalChain
from indexer.decode import decode, filter_of
from indexer.errors import IndexDamaged, SourcesChanged
from indexer.levels import Level
from indexer.logs import LogBatch
from indexer.movements import Movements, MovementSums
from indexer.ports import Extension, FactStore, Replacement
from indexer.ranges import BlockRange
from indexer.rows_digest import rows_digests
from tests.fakes_chain import SOURCES, TIERS, TOKEN, FakeChain, Snapshot

DIGEST = Hash32(b"\xaa" * 32)
Take = Callable[[], Snapshot]


def extension(
    chain: FakeChain, start: int, end: int, *, on: BlockRef | None, finalized: int | None = None
) -> Extension:
    """Blocks [start, end) of the chain, with their logs and facts."""
    logs = logs_of(chain, start, end)
    return Extension(
        expected_head=on,
        sources_digest=DIGEST,
        blocks=blocks_of(chain, start, end),
        decoded=decode(logs, SOURCES),
        finalized=None if finalized is None else ref(chain, finalized),
    )


def logs_of(chain: FakeChain, start: int, end: int) -> LogBatch:
    blocks = BlockRange(BlockNumber(start), BlockNumber(end))
    return chain.logs_in_range(blocks, filter_of(SOURCES))


def blocks_of(chain: FakeChain, start: int, end: int, *, proof: Proof = Proof.STATED) -> BlockBatch:
    """Blocks [start, end), all with one proof."""
    return block_batch(
        [block.header for block in chain.canonical[start:end]],
        proof=np.full(end - start, proof, dtype=np.uint8),
        rows_digest=rows_digests(
            logs_of(chain, start, end), BlockRange(BlockNumber(start), BlockNumber(end))
        ),
    )


def movements(chain: FakeChain, start: int, end: int) -> Movements:
    """What the transfers of blocks [start, end) moved."""
    sums = MovementSums(BlockNumber(start - 1))
    blocks = BlockRange(BlockNumber(start), BlockNumber(end))
    sums.add(blocks, decode(logs_of(chain, start, end), SOURCES))
    return sums.movements()


def kept_raw(chain: FakeChain, start: int, end: int) -> int:
    """How many logs of blocks [start, end) have a raw row: all but well-formed bulk events."""
    decoded = decode(logs_of(chain, start, end), SOURCES)
    bulk = sum(len(facts) for facts in decoded.facts if facts.spec.is_bulk)
    return len(logs_of(chain, start, end)) - bulk


def ref(chain: FakeChain, number: int) -> BlockRef:
    return chain.canonical[number].header.ref


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
        assert len(take()["log"]) == kept_raw(chain, 0, 9)

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
            store.extend(replace(twice, blocks=blocks_of(chain, 4, 6)))

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
        assert removed["log"] == kept_raw(chain, 5, 9)

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

        assert [row[0] for row in first] == [2, 3, 6, 7]

    def test_extend__bulk_events__typed_row_only_with_its_transaction(
        self, store: FactStore, take: Take, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 9, on=None))
        logs = {
            (log.block_number, log.log_index): log
            for log in logs_of(chain, 0, 9).rows()
            if log.topics[0] == ERC20_TRANSFER.topic0
        }

        rows = take()[ERC20_TRANSFER.table]

        raw = {row[:2] for row in take()["log"]}
        assert rows
        for number, index, address, transaction_hash, transaction_index, *_ in rows:
            log = logs.pop((number, index))
            assert (number, index) not in raw
            assert (address, transaction_hash) == (log.address, log.transaction_hash)
            assert transaction_index == log.transaction_index
        assert logs.keys() <= raw  # what is left are ERC-721 transfers: malformed, so kept raw
        assert logs

    def test_has_events_of__sources__those_with_decoded_events(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 2, on=None))  # one transfer

        assert store.has_events_of(TOKEN)
        assert not store.has_events_of(TIERS)

    def test_fold_balances__again__only_new_blocks_are_behind(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 9, on=None, finalized=3))

        assert store.fold_balances(ref(chain, 3))
        assert not store.fold_balances(ref(chain, 3))
        assert not store.fold_balances(ref(chain, 1))
        store.finalize(ref(chain, 5))
        assert store.fold_balances(ref(chain, 5))

    def test_add_movements__joining_on__moved_once(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 9, on=None, finalized=5))
        low, high = movements(chain, 0, 4), movements(chain, 4, 6)

        assert [store.add_movements(one) for one in (high, low, low, high)] == [0, 1, 0, 1]
        assert not store.fold_balances(ref(chain, 5))

    def test_add_movements__not_finalized__refused(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 9, on=None, finalized=5))

        with pytest.raises(IndexDamaged):
            store.add_movements(movements(chain, 0, 7))

        assert store.fold_balances(ref(chain, 5))

    def test_unproved__level_receipts__from_the_lowest_finalized_on(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 9, on=None, finalized=6))
        store.prove(blocks_of(chain, 0, 2, proof=Proof.RECEIPTS))
        store.prove(blocks_of(chain, 3, 4, proof=Proof.EMPTY))

        three = store.unproved(Level.RECEIPTS, blocks_max=3)
        rest = store.unproved(Level.RECEIPTS, blocks_max=99)

        assert three is not None
        assert rest is not None
        assert three.refs() == [ref(chain, number) for number in (2, 3, 4)]
        assert three.proof.tolist() == [Proof.STATED, Proof.EMPTY, Proof.STATED]
        assert three.header == blocks_of(chain, 2, 5).header
        assert three.rows_digest.tolist() == blocks_of(chain, 2, 5).rows_digest.tolist()
        assert rest.last == ref(chain, 6)
        assert store.unproved(Level.HEADERS, blocks_max=3) is None

    def test_unproved__all_proved__none(self, store: FactStore, chain: FakeChain) -> None:
        store.extend(extension(chain, 0, 9, on=None, finalized=6))

        store.prove(blocks_of(chain, 0, 7, proof=Proof.RECEIPTS))

        assert store.unproved(Level.RECEIPTS, blocks_max=3) is None

    def test_unproved__corroborated__is_no_proof(self, store: FactStore, chain: FakeChain) -> None:
        store.extend(extension(chain, 0, 3, on=None, finalized=2))
        store.prove(blocks_of(chain, 0, 3, proof=Proof.CORROBORATED))

        found = store.unproved(Level.RECEIPTS, blocks_max=3)

        assert found is not None
        assert found.proof.tolist() == [Proof.CORROBORATED] * 3

    @pytest.mark.parametrize("column", ["hash", "rows_digest"])
    def test_prove__another_block_or_other_logs__refused_whole(
        self, store: FactStore, chain: FakeChain, column: str
    ) -> None:
        store.extend(extension(chain, 0, 5, on=None, finalized=4))
        blocks = blocks_of(chain, 0, 5, proof=Proof.RECEIPTS)
        altered = getattr(blocks, column).copy()
        altered[3, 0] ^= 1

        with pytest.raises(IndexDamaged):
            store.prove(replace(blocks, **{column: altered}))

        found = store.unproved(Level.RECEIPTS, blocks_max=9)
        assert found is not None
        assert found.start == 0

    def test_prove__blocks_that_are_not_held__refused(
        self, store: FactStore, chain: FakeChain
    ) -> None:
        store.extend(extension(chain, 0, 5, on=None, finalized=4))

        with pytest.raises(IndexDamaged):
            store.prove(blocks_of(chain, 4, 6, proof=Proof.RECEIPTS))

    def test_prove__weaker__the_stronger_stays(self, store: FactStore, chain: FakeChain) -> None:
        store.extend(extension(chain, 0, 3, on=None, finalized=2))
        store.prove(blocks_of(chain, 0, 3, proof=Proof.RECEIPTS))

        store.prove(blocks_of(chain, 0, 3, proof=Proof.CORROBORATED))
        store.prove(blocks_of(chain, 0, 3, proof=Proof.STATED))

        assert store.unproved(Level.RECEIPTS, blocks_max=3) is None

    def test_statements__dispute_and_its_end__open_and_closed(self, store: FactStore) -> None:
        def said(verdict: Verdict, *hashes: str) -> list[Statement]:
            return [
                Statement(
                    host=f"host-{place}",
                    number=BlockNumber(7),
                    asked=Asked.BLOCK,
                    said=one,
                    verdict=verdict,
                )
                for place, one in enumerate(hashes)
            ]

        assert store.open_dispute() is None
        store.add_statements(said(Verdict.DISPUTED, "0x01", "0x02"))
        assert store.open_dispute() == (7, Asked.BLOCK)
        store.add_statements(said(Verdict.AGREED, "0x01", "0x01"))
        assert store.open_dispute() is None
