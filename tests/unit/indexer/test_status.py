"""What an indexer tells of itself: every outcome in the tally, and the state at a moment."""

from dataclasses import replace

import pytest

from contracts.evm import BlockNumber, BlockRef, Timestamp, keccak
from indexer.outcomes import (
    Advanced,
    Backfilled,
    Disputed,
    Finalized,
    Folded,
    Idle,
    Lagging,
    Narrowed,
    Outcome,
    Proved,
    Rewound,
    SourcesAdded,
    Waiting,
)
from indexer.ranges import BlockRange
from indexer.status import State, Tally, failed, halted, seen, standing

LIMIT_MS = 1_000
AT_START = Tally(began_ms=0, moved_at_ms=0, height=None, finalized=None)


ADDED = SourcesAdded(addresses=(), logs=3)


def block(number: int) -> BlockRef:
    return BlockRef(
        number=BlockNumber(number),
        hash=keccak(bytes([number])),
        parent_hash=keccak(bytes([number - 1])),
        timestamp=Timestamp(number),
    )


def blocks(start: int, end: int) -> BlockRange:
    return BlockRange(BlockNumber(start), BlockNumber(end))


def advanced(start: int, end: int, *, head: int, finalized: int | None = None) -> Advanced:
    return Advanced(
        blocks=blocks(start, end),
        facts=7,
        unknown=1,
        malformed=2,
        head=BlockNumber(head),
        finalized=None if finalized is None else BlockNumber(finalized),
        fetch_stall_ms=30,
        store_ms=20,
    )


def rewound(ancestor: BlockRef | None) -> Rewound:
    return Rewound(
        ancestor=ancestor, old_head=block(9), new_head=block(8), depth_blocks=2, removed={}
    )


def after(*outcomes: Outcome, at_ms: int = 500) -> Tally:
    tally = AT_START
    for outcome in outcomes:
        tally = seen(tally, outcome, at_ms=at_ms)
    return tally


def test_seen__ranges__summed_up() -> None:
    tally = after(advanced(0, 5, head=20, finalized=2), advanced(5, 8, head=21))

    assert (tally.blocks, tally.events) == (8, 14)
    assert (tally.height, tally.head, tally.finalized) == (7, 21, 2)
    assert tally.range_blocks == 3
    assert (tally.fetch_stalled_ms, tally.storage_stalled_ms) == (60, 40)
    assert (tally.state, tally.moved_at_ms) == (State.SYNCING, 500)


def test_seen__range_up_to_the_head__synced() -> None:
    assert after(advanced(0, 21, head=20)).state is State.SYNCED


def test_seen__idle__synced_at_that_head() -> None:
    tally = after(Idle(BlockNumber(12)))

    assert (tally.state, tally.head, tally.moved_at_ms) == (State.SYNCED, 12, 500)


@pytest.mark.parametrize(("ancestor", "height"), [(block(7), 7), (None, None)])
def test_seen__rewound__height_of_the_ancestor(
    ancestor: BlockRef | None, height: int | None
) -> None:
    tally = after(advanced(0, 10, head=9), rewound(ancestor))

    assert (tally.height, tally.head, tally.state) == (height, 8, State.SYNCING)


def test_seen__finalized_proved_folded__got_on_in_the_same_state() -> None:
    synced = after(Idle(BlockNumber(12)), at_ms=1)

    tally = synced
    for outcome in (Finalized(block(9)), Proved(blocks(2, 6)), Folded(), ADDED):
        tally = seen(tally, outcome, at_ms=500)

    assert (tally.finalized, tally.proved) == (9, 4)
    assert (tally.state, tally.moved_at_ms) == (State.SYNCED, 500)


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Waiting(3, "ask later"), State.WAITING, "ask later"),
        (Disputed(BlockNumber(4), "they differ"), State.DISPUTED, "they differ"),
        (
            Lagging(BlockNumber(4), BlockNumber(9)),
            State.LAGGING,
            "the node is at block 4, below block 9 that we hold as final",
        ),
        (Narrowed(5, "too many logs"), State.SYNCING, "too many logs"),
    ],
)
def test_seen__kept_from_getting_on__says_why_and_nothing_moved(
    outcome: Outcome, state: State, reason: str
) -> None:
    tally = after(outcome)

    assert (tally.state, tally.reason, tally.moved_at_ms) == (state, reason, 0)


def test_seen__narrowed__size_of_the_next_range() -> None:
    assert after(Narrowed(5, "too many logs")).range_blocks == 5


def test_seen__disputed_then_agreed__dispute_gone() -> None:
    disputed = after(Disputed(BlockNumber(4), "they differ"))

    agreed = seen(disputed, advanced(0, 5, head=9), at_ms=600)

    assert disputed.disputed == (4,)
    assert (agreed.disputed, agreed.reason, agreed.state) == ((), None, State.SYNCING)


@pytest.mark.parametrize(
    ("fetch_ms", "storage_ms", "bottleneck"), [(0, 0, "fetch"), (2, 1, "fetch"), (1, 2, "storage")]
)
def test_bottleneck__what_was_waited_for_longer(
    fetch_ms: int, storage_ms: int, bottleneck: str
) -> None:
    tally = replace(AT_START, fetch_stalled_ms=fetch_ms, storage_stalled_ms=storage_ms)

    assert tally.bottleneck == bottleneck


@pytest.mark.parametrize(
    "tally", [AT_START, after(Idle(BlockNumber(1)), at_ms=0), failed(AT_START, "no answer")]
)
def test_standing__nothing_moves__stalled_after_the_limit(tally: Tally) -> None:
    in_time = standing(tally, at_ms=LIMIT_MS, stalled_after_ms=LIMIT_MS)
    late = standing(tally, at_ms=LIMIT_MS + 2_000, stalled_after_ms=LIMIT_MS)

    assert in_time == (tally.state, tally.reason)
    because = "" if tally.reason is None else f": {tally.reason}"
    assert late == (State.STALLED, f"nothing has moved for 3 seconds{because}")


@pytest.mark.parametrize(
    "tally", [halted(AT_START, "facts differ"), after(Disputed(BlockNumber(4), "they differ"))]
)
def test_standing__halted_or_disputed__stays_so(tally: Tally) -> None:
    found = standing(tally, at_ms=10 * LIMIT_MS, stalled_after_ms=LIMIT_MS)

    assert found == (tally.state, tally.reason)


def test_seen__contracts_are_being_added__said_while_the_index_goes_on() -> None:
    tally = after(Idle(BlockNumber(20)), Backfilled(blocks(0, 5), BlockNumber(20)))

    assert tally.state is State.SYNCED
    assert tally.reason == "contracts are being added: known up to block 4 of 20"
    assert after(Backfilled(blocks(0, 5), BlockNumber(20)), ADDED).reason is None
