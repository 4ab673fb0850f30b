"""The use case, step by step, against a chain that moves, lags, lies and fails."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber, ChainId, Hash32
from indexer.chain import Header, LogBatch
from indexer.errors import (
    AnswersDisagree,
    HeaderRefused,
    LogRefused,
    ReorgTooDeep,
    RequestRefused,
    RPCFailed,
    RPCUnreachable,
    SourcesChanged,
    StartBlockInFuture,
    WrongChain,
)
from indexer.finality import FinalityTag
from indexer.outcomes import Advanced, Finalized, Idle, Narrowed, Outcome, Rewound, Waiting
from indexer.plan import IndexedChain
from indexer.sync import Indexer, is_synced, open_indexer, run_until
from tests.fakes_chain import (
    STRANGER,
    TOKEN,
    FakeChain,
    FakeLog,
    MemoryFacts,
    log_of,
    plan,
)

TABLE = ERC20_TRANSFER.table


def transfer(amount: int, token: Address = TOKEN) -> FakeLog:
    return log_of(ERC20_TRANSFER, token, (b"\x01" * 20, b"\x02" * 20, amount))


def mined(count: int) -> FakeChain:
    """Blocks 1 to `count`, each with one transfer of its number."""
    chain = FakeChain()
    chain.mine(*[[transfer(number)] for number in range(1, count + 1)])
    return chain


def synced(
    chain: FakeChain, store: MemoryFacts | None = None, of: IndexedChain | None = None
) -> MemoryFacts:
    store = MemoryFacts() if store is None else store
    indexer = Indexer(plan() if of is None else of, chain, store)
    run_until(indexer, is_synced, wait=never)
    return store


def never() -> None:
    raise AssertionError("waited")


def amounts(store: MemoryFacts) -> list[int]:
    return [row[-1] for row in store.snapshot().get(TABLE, [])]


def test_step__new_chain__ranges_stop_at_the_finalized_block() -> None:
    chain, store = mined(50), MemoryFacts()
    indexer = Indexer(plan(depth_blocks=8, window_blocks_max=30), chain, store)

    outcomes = [indexer.step() for _ in range(4)]

    ranges = [(one.blocks.start, one.blocks.end) for one in outcomes if isinstance(one, Advanced)]
    assert ranges == [(0, 30), (30, 43), (43, 51)]
    assert outcomes[-1] == Idle(BlockNumber(50))
    assert store.finalized == chain.blocks[42].header.ref
    assert amounts(store) == list(range(1, 51))


def test_step__final_blocks__asked_by_range_and_others_by_hash() -> None:
    chain = mined(20)
    indexer = Indexer(plan(depth_blocks=8, window_blocks_max=30), chain, MemoryFacts())

    indexer.step()
    by_range = list(chain.calls)
    chain.calls.clear()
    indexer.step()

    assert by_range == ["head", "headers", "logs_in_range", "header"]
    assert chain.calls == ["head", "header", "headers", "logs_of_blocks"]


def test_step__node_that_caps_ranges__narrows_and_completes() -> None:
    chain = mined(200)
    chain.range_blocks_max = 7
    narrowed: list[Outcome] = []
    store = MemoryFacts()
    indexer = Indexer(plan(window_blocks_max=100), chain, store)

    def watch(outcome: Outcome) -> bool:
        narrowed.extend([outcome] if isinstance(outcome, Narrowed) else [])
        return is_synced(outcome)

    run_until(indexer, watch, wait=never)

    assert narrowed
    assert store.snapshot() == synced(mined(200)).snapshot()


def test_step__single_block_fails__raises_and_stores_nothing() -> None:
    chain, store = mined(3), MemoryFacts()
    chain.range_blocks_max = 0
    indexer = Indexer(plan(start_block=1, depth_blocks=0), chain, store)

    first = indexer.step()
    with pytest.raises(RPCFailed, match="response too large"):
        indexer.step()

    assert first == Narrowed(1, "fake refused eth_getLogs: -32005 response too large")
    assert store.snapshot() == {"block": []}


def test_step__timeout_while_fetching__narrows() -> None:
    chain, store = mined(40), MemoryFacts()
    failures = iter([True])

    def fail_once(method: str) -> None:
        if method == "headers" and next(failures, False):
            raise RPCUnreachable("fake", method, "ReadTimeoutError")

    chain.before_call = fail_once
    indexer = Indexer(plan(window_blocks_max=30), chain, store)

    assert indexer.step() == Narrowed(15, "fake did not answer headers: ReadTimeoutError")
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == list(range(1, 41))


def refusing(chain: FakeChain, method: str, error: Exception) -> None:
    """The node fails its next call of `method` with this error."""
    failures = [True]

    def fail(called: str) -> None:
        if called == method and failures:
            failures.pop()
            raise error

    chain.before_call = fail


def refusal(message: str, data: object = None) -> RPCFailed:
    return RPCFailed("fake", "eth_getLogs", code=-32005, message=message, data=data)


@pytest.mark.parametrize(
    ("error", "window"),
    [
        (refusal("eth_getLogs is limited to a 10 block range"), 10),
        (refusal("too many", {"from": "0x0", "to": "0x6"}), 7),
        (refusal("Try with this block range [0x1, 0x6]"), 15),  # it would skip block 0
        (refusal("eth_getLogs is limited to a 30 block range"), 15),  # that was asked for
    ],
)
def test_step__provider_gives_a_hint__followed_if_it_shrinks(error: RPCFailed, window: int) -> None:
    chain, store = mined(40), MemoryFacts()
    refusing(chain, "logs_in_range", error)
    indexer = Indexer(plan(window_blocks_max=30), chain, store)

    assert indexer.step() == Narrowed(window, str(error))
    advanced = indexer.step()

    assert isinstance(advanced, Advanced)
    assert (advanced.blocks.start, advanced.blocks.end) == (0, window)
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == list(range(1, 41))


@pytest.mark.parametrize("method", ["head", "headers", "logs_in_range"])
@pytest.mark.parametrize(
    ("error", "after_s"),
    [
        (refusal("rate limit exceeded, retry in 7s"), 7),
        (RPCUnreachable("fake", "any", "HTTP status 429", status=429), 5),
        (RPCUnreachable("fake", "any", "HTTP status 503", status=503, retry_after_s=900), 60),
    ],
)
def test_step__asked_too_often__waits_and_asks_the_same_again(
    method: str, error: Exception, after_s: int
) -> None:
    chain, store = mined(40), MemoryFacts()
    refusing(chain, method, error)
    indexer = Indexer(plan(window_blocks_max=30), chain, store)

    assert indexer.step() == Waiting(after_s, str(error))
    assert store.snapshot() == {"block": []}
    again = indexer.step()

    assert isinstance(again, Advanced)
    assert len(again.blocks) == 30


def test_step__node_lacks_the_blocks__raises_and_never_takes_it_for_empty() -> None:
    chain, store = mined(40), MemoryFacts()
    refusing(chain, "logs_in_range", refusal("missing trie node"))
    indexer = Indexer(plan(window_blocks_max=30), chain, store)

    with pytest.raises(RPCFailed, match="missing trie node"):
        indexer.step()

    assert store.snapshot() == {"block": []}
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == list(range(1, 41))


def test_step__request_is_wrong__refused_for_good() -> None:
    chain, store = mined(40), MemoryFacts()
    refusing(chain, "logs_in_range", refusal("invalid argument 0: bad topic"))

    with pytest.raises(RequestRefused, match="bad topic"):
        Indexer(plan(window_blocks_max=30), chain, store).step()
    assert store.snapshot() == {"block": []}


def test_run_until__waiting__waits() -> None:
    chain = mined(3)
    waits: list[int] = []
    refusing(chain, "headers", refusal("too many requests"))

    run_until(Indexer(plan(), chain, MemoryFacts()), is_synced, wait=lambda: waits.append(1))

    assert waits == [1]


def test_step__unreachable_before_the_fetch__raises() -> None:
    chain = mined(3)

    def fail(method: str) -> None:
        raise RPCUnreachable("fake", method, "NewConnectionError")

    chain.before_call = fail

    with pytest.raises(RPCUnreachable):
        Indexer(plan(), chain, MemoryFacts()).step()


def test_step__reorg__rewinds_once_and_reindexes() -> None:
    chain = mined(20)
    store = synced(chain)
    ancestor, old = chain.blocks[15].header.ref, chain.blocks[20].header.ref
    chain.reorg(5, [transfer(100)], (), [transfer(101)], seconds=0)
    indexer = Indexer(plan(), chain, store)

    outcome = indexer.step()

    assert isinstance(outcome, Rewound)
    assert (outcome.ancestor, outcome.old_head, outcome.depth_blocks) == (ancestor, old, 5)
    assert outcome.removed == {"block": 5, "log": 5, TABLE: 5}
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == [*range(1, 16), 100, 101]
    assert len(store.reorgs) == 1


def test_step__head_moves_back_to_an_ancestor__rewinds_to_it() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.rewind(3)

    synced(chain, store)

    assert amounts(store) == list(range(1, 18))
    assert store.snapshot() == synced(chain).snapshot()


def test_step__flip_and_back__both_recorded() -> None:
    chain = mined(20)
    first = list(chain.blocks)
    store = synced(chain)
    chain.reorg(3, (), (), (), ())
    synced(chain, store)
    chain.switch_to(first)
    synced(chain, store)

    assert amounts(store) == list(range(1, 21))
    assert len(store.reorgs) == 2


def test_step__reorg_while_down_with_longer_chain__common_ancestor_found() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.reorg(6, *[[transfer(1000 + number)] for number in range(40)])

    synced(chain, store)

    assert store.snapshot() == synced(chain).snapshot()
    assert [one.depth_blocks for one, _ in store.reorgs] == [6]


def test_step__young_chain_replaced_from_its_start_block__rewinds_to_nothing() -> None:
    chain = mined(5)
    store = synced(chain, of=plan(start_block=2))
    chain.reorg(4, *[[transfer(7)]] * 6)

    synced(chain, store, plan(start_block=2))

    assert store.reorgs[0][0].ancestor is None
    assert store.reorgs[0][0].depth_blocks == 4
    assert store.snapshot() == synced(chain, of=plan(start_block=2)).snapshot()


@pytest.mark.parametrize("depth", [9, 20])
def test_step__fork_below_the_finalized_block__halts_and_writes_nothing(depth: int) -> None:
    chain = mined(20)
    store = synced(chain, of=plan(depth_blocks=8))
    before = store.snapshot()
    chain.reorg(depth, *[()] * (depth + 2))

    with pytest.raises(ReorgTooDeep, match="replaced finalized block 12"):
        synced(chain, store, plan(depth_blocks=8))

    assert store.snapshot() == before
    assert store.reorgs == []


def test_step__reorg_exactly_to_the_finalized_block__works() -> None:
    chain = mined(20)
    store = synced(chain, of=plan(depth_blocks=8))
    chain.reorg(8, *[()] * 9)

    synced(chain, store, plan(depth_blocks=8))

    assert store.reorgs[0][0].depth_blocks == 8


def test_step__lagging_node_below_the_finalized_block__idles() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.rewind(15)

    assert Indexer(plan(), chain, store).step() == Idle(BlockNumber(5))
    assert amounts(store) == list(range(1, 21))


def test_step__short_foreign_chain_below_the_finalized_block__halts() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.reorg(20, (), ())

    with pytest.raises(ReorgTooDeep):
        Indexer(plan(), chain, store).step()


def test_step__finalized_tag_advances_alone__moves_the_finalized_block() -> None:
    chain = mined(20)
    chain.finalized_number = 5
    of = plan(tag=FinalityTag.FINALIZED, depth_blocks=4)
    store = synced(chain, of=of)
    first = store.finalized
    chain.finalized_number = 12
    indexer = Indexer(of, chain, store)

    outcome = indexer.step()

    assert first == chain.blocks[5].header.ref
    assert outcome == Finalized(chain.blocks[12].header.ref)
    chain.finalized_number = 7  # another node, a little behind
    assert isinstance(indexer.step(), Idle)
    assert store.finalized == chain.blocks[12].header.ref


def test_step__finalized_tag_is_the_head__depth_holds() -> None:
    chain = mined(20)
    chain.finalized_number = 20

    store = synced(chain, of=plan(tag=FinalityTag.FINALIZED, depth_blocks=4))

    assert store.finalized == chain.blocks[16].header.ref


def test_step__end_block__stops_below_it() -> None:
    store = synced(mined(20), of=plan(start_block=3, end_block=10))

    assert sorted(store.blocks) == list(range(3, 10))


def test_step__chain_moves_between_headers_and_logs__nothing_stored() -> None:
    chain, store = mined(20), MemoryFacts()
    moved = iter([True])

    def move_once(method: str) -> None:
        if method == "logs_in_range" and next(moved, False):
            chain.reorg(20, *[[transfer(500 + number)] for number in range(20)])

    chain.before_call = move_once
    indexer = Indexer(plan(depth_blocks=4), chain, store)

    assert isinstance(indexer.step(), Narrowed)
    assert store.snapshot() == {"block": []}
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == list(range(500, 520))


def test_step__chain_moves_between_look_and_headers__nothing_stored() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.mine([transfer(21)])
    before = store.snapshot()
    moved = iter([True])

    def move_once(method: str) -> None:
        if method == "headers" and next(moved, False):
            chain.reorg(3, (), (), [transfer(700)], [transfer(701)])

    chain.before_call = move_once
    indexer = Indexer(plan(), chain, store)

    with pytest.raises(AnswersDisagree, match="block 21 has parent"):
        indexer.step()
    assert store.snapshot() == before
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == [*range(1, 19), 700, 701]


def test_step__last_header_changes_after_empty_logs__nothing_stored() -> None:
    chain, store = FakeChain(), MemoryFacts()
    chain.mine(*[[transfer(1)]] * 20)
    old = list(chain.blocks)

    def answer_of_old_chain(logs: LogBatch) -> LogBatch:
        chain.switch_to(old[:1])
        chain.mine(*[()] * 20)
        return logs

    chain.alter_logs = answer_of_old_chain

    assert isinstance(Indexer(plan(depth_blocks=4), chain, store).step(), Narrowed)
    assert store.snapshot() == {"block": []}


def test_step__blocks_without_our_bloom__never_asked_for() -> None:
    chain = FakeChain()
    chain.mine(*[[transfer(number, STRANGER)] for number in range(30)])
    asked: list[int] = []
    original = chain.logs_of_blocks

    def logs_of_blocks(hashes: Any, wanted: Any) -> LogBatch:
        asked.append(len(hashes))
        return original(hashes, wanted)

    chain.logs_of_blocks = logs_of_blocks  # type: ignore[method-assign]

    synced(chain)

    assert "logs_in_range" not in chain.calls
    assert set(asked) == {0}


@pytest.mark.parametrize(
    ("alter", "error"),
    [
        (lambda header: replace(header, timestamp=header.timestamp + 1), HeaderRefused),
        (lambda header: replace(header, logs_bloom=bytes(256)), HeaderRefused),
        (lambda header: replace(header, hash=Hash32(b"\x01" * 32)), HeaderRefused),
    ],
)
def test_step__forged_header__refused(
    alter: Callable[[Header], Header], error: type[Exception]
) -> None:
    chain, store = mined(5), MemoryFacts()
    chain.alter_header = lambda header: alter(header) if header.number == 3 else header

    with pytest.raises(error):
        synced(chain, store)
    assert store.snapshot() == {"block": []}


def test_step__log_that_the_bloom_rules_out__refused() -> None:
    chain, store = mined(5), MemoryFacts()
    chain.alter_logs = lambda logs: replace(
        logs, topics=[[*topics[:1], b"\x55" * 32, *topics[2:]] for topics in logs.topics]
    )

    with pytest.raises(LogRefused):
        synced(chain, store)
    assert store.snapshot() == {"block": []}


def test_step__malformed_and_unknown_logs__stored_raw_and_counted() -> None:
    chain, store = FakeChain(), MemoryFacts()
    erc721 = FakeLog(TOKEN, (ERC20_TRANSFER.topic0, *[b"\x00" * 31 + b"\x01"] * 3), b"")
    chain.mine([transfer(1), erc721])

    outcome = Indexer(plan(), chain, store).step()

    assert isinstance(outcome, Advanced)
    assert (outcome.facts, outcome.malformed, outcome.unknown) == (1, 1, 0)
    assert len(store.rows["log"]) == 2


def test_open_indexer__other_chain__rejected() -> None:
    chain = mined(1)
    chain.served_chain_id = ChainId(1)

    with pytest.raises(WrongChain, match="serves chain 1, configured is chain 31337"):
        open_indexer(plan(), chain, MemoryFacts())


def test_open_indexer__start_block_above_the_head__rejected() -> None:
    with pytest.raises(StartBlockInFuture, match="start block 9 is above the chain's head 5"):
        open_indexer(plan(start_block=9), mined(5), MemoryFacts())


def test_open_indexer__other_sources__rejected() -> None:
    chain = mined(5)
    store = synced(chain)

    with pytest.raises(SourcesChanged):
        open_indexer(plan(start_block=1), chain, store)
    open_indexer(plan(window_blocks_max=3), chain, store)


def test_run_until__idle__waits_between_looks() -> None:
    chain, store = mined(3), MemoryFacts()
    waits: list[int] = []

    def wait() -> None:
        waits.append(chain.head_number)
        chain.mine([transfer(9)])

    outcome = run_until(
        Indexer(plan(), chain, store),
        lambda one: isinstance(one, Advanced) and one.head == 5,
        wait=wait,
    )

    assert isinstance(outcome, Advanced)
    assert waits == [3, 4]


def test_fit__node_forgets_a_block_of_the_walk__disagrees() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.reorg(4, *[()] * 4)
    chain.header_by_hash = lambda block_hash: None  # type: ignore[method-assign]

    with pytest.raises(AnswersDisagree, match="vanished"):
        Indexer(plan(), chain, store).step()
