"""Upkeep of stored blocks: when balances are folded, and what is remembered."""

from dataclasses import replace

import numpy as np
import pytest

from contracts.evm import BlockNumber, BlockRef
from indexer.blocks import BlockBatch
from indexer.decode import decode, filter_of
from indexer.fetch_range import fetch_range
from indexer.fetched import FetchedRange
from indexer.levels import Level
from indexer.movements import Movements
from indexer.ports import Extension
from indexer.ranges import BlockRange
from indexer.upkeep import Upkeep
from tests.builders_chain import eventful_chain
from tests.fakes_chain import SOURCES, plan
from tests.fakes_facts import MemoryFacts


class Counting(MemoryFacts):
    """Counts what it is asked."""

    folds = 0
    sums = 0
    looks = 0

    def fold_balances(self, finalized: BlockRef) -> bool:
        self.folds += 1
        return super().fold_balances(finalized)

    def add_movements(self, moved: Movements) -> bool:
        is_added = super().add_movements(moved)
        self.sums += is_added
        return is_added

    def unproved(self, level: Level, *, blocks_max: int) -> BlockBatch | None:
        self.looks += 1
        return super().unproved(level, blocks_max=blocks_max)


CHAIN = eventful_chain(40)


def fetched(start: int, end: int) -> FetchedRange:
    blocks = BlockRange(BlockNumber(start), BlockNumber(end))
    return fetch_range(CHAIN, plan().question, blocks, is_final=True)


def dense(transfers: int) -> FetchedRange:
    """A block with that many transfers, all alike."""
    found = fetched(1, 2)
    logs = CHAIN.logs_in_range(found.range, filter_of(SOURCES))
    return replace(found, decoded=decode(logs.take(np.zeros(transfers, dtype=np.int64)), SOURCES))


def finalized(number: int) -> BlockRef:
    return CHAIN.canonical[number].header.ref


def stored(
    upkeep: Upkeep, store: MemoryFacts, *ends: int, start: int = 0, final: int | None = None
) -> None:
    """Store ranges of the chain up to these ends; all are final, or the blocks up to `final`."""
    for end in ends:
        at = finalized(min(end - 1, end if final is None else final))
        found = fetched(start, end)
        store.extend(
            Extension(
                expected_head=store.cursor,
                sources_digest=plan().sources_digest,
                blocks=found.blocks,
                decoded=found.decoded,
                finalized=at,
            )
        )
        upkeep.stored(found, at)
        start = end


def summed(upto: int) -> MemoryFacts:
    """A store whose balances are folded from its rows, up to this block."""
    store = MemoryFacts()
    stored(Upkeep(plan(), store), store, 40)
    store.fold_balances(finalized(upto))
    return store


def test_fold__a_million_transfers_wait__due() -> None:
    upkeep = Upkeep(plan(), Counting())
    block, one = dense(250_000), dense(1)

    for found in (block, block, block, dense(249_999)):
        upkeep.stored(found, None)
    before = upkeep.is_fold_due
    upkeep.stored(one, None)

    assert (before, upkeep.is_fold_due) == (False, True)
    upkeep.fold(finalized(3))
    assert not upkeep.is_fold_due


def test_fold__a_hundred_thousand_accounts_wait__due() -> None:
    upkeep = Upkeep(plan(), Counting())
    found = dense(50_000)
    (transfers,) = found.decoded.facts
    accounts = np.arange(100_000).astype(">u8").view(np.uint8).reshape(2, -1, 8)
    pairs = np.zeros((2, 50_000, 20), dtype=np.uint8)
    pairs[:, :, 12:] = accounts
    distinct = replace(transfers, values=(*pairs, transfers.values[2]))

    upkeep.stored(dense(50_000), finalized(1))
    before = upkeep.is_fold_due
    upkeep.stored(replace(found, decoded=replace(found.decoded, facts=(distinct,))), finalized(1))

    assert (before, upkeep.is_fold_due) == (False, True)


def test_fold__nothing_new_is_final__store_not_asked_again() -> None:
    store = Counting(finalized=finalized(4))
    upkeep = Upkeep(plan(), store)

    folded = [upkeep.fold(at) for at in (None, finalized(3), finalized(3), finalized(4))]

    assert folded == [False, True, False, True]
    assert store.folds == 2


@pytest.mark.parametrize("start_block", [0, 5])
def test_fold__all_was_final_when_stored__own_sums(start_block: int) -> None:
    store = Counting()
    upkeep = Upkeep(plan(start_block=start_block), store)

    stored(upkeep, store, 9, 17, start=start_block)
    assert upkeep.fold(finalized(16))
    stored(upkeep, store, 30, 40, start=17)
    assert upkeep.fold(finalized(39))

    assert (store.folds, store.sums) == (0, 2)
    assert store.balances_number == 39
    assert start_block or store.balances == summed(39).balances


def test_fold__balances_behind_our_first_block__summed_by_the_store() -> None:
    store = Counting()
    stored(Upkeep(plan(), store), store, 9)
    upkeep = Upkeep(plan(), store)

    stored(upkeep, store, 17, start=9)
    assert upkeep.fold(finalized(16))

    assert (store.folds, store.sums) == (1, 0)
    assert store.balances == summed(16).balances


def test_fold__some_was_not_final_when_stored__summed_by_the_store() -> None:
    store = Counting()
    upkeep = Upkeep(plan(), store)

    stored(upkeep, store, 9, 17, 25, final=14)
    store.finalize(finalized(24))
    assert upkeep.fold(finalized(24))

    assert (store.folds, store.sums) == (1, 0)
    assert store.balances == summed(24).balances


def test_fold__stored_above_the_finalized_block__own_sums_up_to_it() -> None:
    store = Counting()
    upkeep = Upkeep(plan(), store)

    stored(upkeep, store, 9, 17, 25, final=16)
    assert upkeep.fold(finalized(16))

    assert (store.folds, store.sums) == (0, 1)
    assert store.balances == summed(16).balances


def test_unproved__all_proved__store_not_asked_again() -> None:
    store = Counting()
    upkeep = Upkeep(plan(), store)

    found = [upkeep.unproved(blocks_max=10) for _ in range(3)]

    assert found == [None] * 3
    assert store.looks == 1
