"""The use case, step by step, against a chain that moves, lags, lies and fails."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber, ChainId, Hash32
from indexer.agreement import Agreement, Asked, Opinions, Verdict
from indexer.blocks import Proof
from indexer.chain import Header
from indexer.errors import (
    ABIMismatch,
    AnswersDisagree,
    BlockDisputed,
    HeaderRefused,
    LevelUnreachable,
    LogRefused,
    ProofContradicts,
    ReceiptsRefused,
    ReorgTooDeep,
    RequestRefused,
    RPCFailed,
    RPCUnreachable,
    SourcesChanged,
    StartBlockInFuture,
    WrongChain,
)
from indexer.fetch_range import RangesHere
from indexer.finality import FinalityTag
from indexer.levels import Level
from indexer.logs import LogBatch, log_batch
from indexer.outcomes import (
    Advanced,
    Disputed,
    Finalized,
    Folded,
    Idle,
    Lagging,
    Narrowed,
    Outcome,
    Proved,
    Rewound,
    Waiting,
)
from indexer.plan import IndexedChain
from indexer.sync import Indexer, is_synced, run_until
from tests.builders_chain import erc721_transfer, eventful_chain
from tests.fakes_chain import (
    STRANGER,
    TOKEN,
    FakeChain,
    FakeLog,
    log_of,
    plan,
)
from tests.fakes_facts import MemoryFacts, indexer_of, opened

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
    indexer = indexer_of(plan() if of is None else of, chain, store)
    run_until(indexer, is_synced, wait=never)
    return store


def never() -> None:
    raise AssertionError("waited")


def amounts(store: MemoryFacts) -> list[int]:
    return [row[-1] for row in store.snapshot().get(TABLE, [])]


def test_step__new_chain__ranges_stop_at_the_finalized_block() -> None:
    chain, store = mined(50), MemoryFacts()
    indexer = indexer_of(plan(depth_blocks=8, window_blocks_max=30), chain, store)

    outcomes = [indexer.step() for _ in range(5)]

    ranges = [(one.blocks.start, one.blocks.end) for one in outcomes if isinstance(one, Advanced)]
    assert ranges == [(0, 30), (30, 43), (43, 51)]
    assert outcomes[-2:] == [Folded(), Idle(BlockNumber(50))]
    assert store.finalized == chain.canonical[42].header.ref
    assert amounts(store) == list(range(1, 51))


@pytest.mark.parametrize(
    ("level", "final", "others"),
    [
        (Level.HEADERS, "logs_in_range", "logs_of_blocks"),
        (Level.RECEIPTS, "receipts", "receipts"),
    ],
)
def test_step__final_blocks__asked_by_number_and_others_by_hash(
    level: Level, final: str, others: str
) -> None:
    chain = mined(20)
    of = plan(depth_blocks=8, window_blocks_max=30, level=level)
    indexer = indexer_of(of, chain, MemoryFacts())

    indexer.step()
    by_range = list(chain.calls)
    chain.calls.clear()
    indexer.step()

    assert by_range == ["head", "blocks", final, "confirmed_by"]
    assert chain.calls == ["head", "header", "blocks", others]


def test_step__node_that_caps_ranges__narrows_and_completes() -> None:
    chain = mined(200)
    chain.range_blocks_max = 7
    narrowed: list[Outcome] = []
    store = MemoryFacts()
    indexer = indexer_of(plan(window_blocks_max=100), chain, store)

    def watch(outcome: Outcome) -> bool:
        narrowed.extend([outcome] if isinstance(outcome, Narrowed) else [])
        return is_synced(outcome)

    run_until(indexer, watch, wait=never)

    assert narrowed
    assert store.snapshot() == synced(mined(200)).snapshot()


def test_step__single_block_fails__raises_and_stores_nothing() -> None:
    chain, store = mined(3), MemoryFacts()
    chain.range_blocks_max = 0
    indexer = indexer_of(plan(start_block=1, depth_blocks=0), chain, store)

    first = indexer.step()
    with pytest.raises(RPCFailed, match="response too large"):
        indexer.step()

    assert first == Narrowed(1, "fake refused eth_getLogs: -32005 response too large")
    assert store.snapshot() == {"block": []}


def test_step__timeout_while_fetching__narrows() -> None:
    chain, store = mined(40), MemoryFacts()
    failures = iter([True])

    def fail_once(method: str) -> None:
        if method == "blocks" and next(failures, False):
            raise RPCUnreachable("fake", method, "ReadTimeoutError")

    chain.before_call = fail_once
    indexer = indexer_of(plan(window_blocks_max=30), chain, store)

    assert indexer.step() == Narrowed(15, "fake did not answer blocks: ReadTimeoutError")
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
    refusing(chain, "receipts", error)
    indexer = indexer_of(plan(window_blocks_max=30), chain, store)

    assert indexer.step() == Narrowed(window, str(error))
    advanced = indexer.step()

    assert isinstance(advanced, Advanced)
    assert (advanced.blocks.start, advanced.blocks.end) == (0, window)
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == list(range(1, 41))


@pytest.mark.parametrize("method", ["head", "blocks", "receipts", "confirmed_by"])
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
    indexer = indexer_of(plan(window_blocks_max=30), chain, store)

    assert indexer.step() == Waiting(after_s, str(error))
    assert store.snapshot() == {"block": []}
    again = indexer.step()

    assert isinstance(again, Advanced)
    assert len(again.blocks) == 30


def test_step__node_lacks_the_blocks__raises_and_never_takes_it_for_empty() -> None:
    chain, store = mined(40), MemoryFacts()
    refusing(chain, "receipts", refusal("missing trie node"))
    indexer = indexer_of(plan(window_blocks_max=30), chain, store)

    with pytest.raises(RPCFailed, match="missing trie node"):
        indexer.step()

    assert store.snapshot() == {"block": []}
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == list(range(1, 41))


def test_step__request_is_wrong__refused_for_good() -> None:
    chain, store = mined(40), MemoryFacts()
    refusing(chain, "receipts", refusal("invalid argument 0: bad topic"))

    with pytest.raises(RequestRefused, match="bad topic"):
        indexer_of(plan(window_blocks_max=30), chain, store).step()
    assert store.snapshot() == {"block": []}


def test_run_until__waiting__waits() -> None:
    chain = mined(3)
    waits: list[int] = []
    refusing(chain, "blocks", refusal("too many requests"))

    run_until(indexer_of(plan(), chain, MemoryFacts()), is_synced, wait=lambda: waits.append(1))

    assert waits == [1]


def test_step__unreachable_before_the_fetch__raises() -> None:
    chain = mined(3)

    def fail(method: str) -> None:
        raise RPCUnreachable("fake", method, "NewConnectionError")

    chain.before_call = fail

    with pytest.raises(RPCUnreachable):
        indexer_of(plan(), chain, MemoryFacts()).step()


def test_step__reorg__rewinds_once_and_reindexes() -> None:
    chain = mined(20)
    store = synced(chain)
    ancestor, old = chain.canonical[15].header.ref, chain.canonical[20].header.ref
    chain.reorg(5, [transfer(100)], (), [transfer(101)], seconds=0)
    indexer = indexer_of(plan(), chain, store)

    outcome = indexer.step()

    assert isinstance(outcome, Rewound)
    assert (outcome.ancestor, outcome.old_head, outcome.depth_blocks) == (ancestor, old, 5)
    assert outcome.removed == {"block": 5, TABLE: 5}
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
    first = list(chain.canonical)
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


@pytest.mark.parametrize("depth", [9, 10, 13, 19, 20])
def test_step__fork_below_the_finalized_block__halts_and_writes_nothing(depth: int) -> None:
    chain = mined(20)
    store = synced(chain, of=plan(depth_blocks=8))
    before = store.snapshot()
    chain.reorg(depth, *[()] * (depth + 2))

    with pytest.raises(ReorgTooDeep, match="replaced finalized block 12") as halted:
        synced(chain, store, plan(depth_blocks=8))

    assert store.snapshot() == before
    assert store.reorgs == []
    assert halted.value.common == chain.canonical[20 - depth].header.ref
    assert f"`quittance chain rewind --to {20 - depth} --reason …`" in str(halted.value)


def test_step__reorg_exactly_to_the_finalized_block__works() -> None:
    chain = mined(20)
    store = synced(chain, of=plan(depth_blocks=8))
    chain.reorg(8, *[()] * 9)

    synced(chain, store, plan(depth_blocks=8))

    assert store.reorgs[0][0].depth_blocks == 8


def test_step__lagging_node_below_the_finalized_block__lags() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.rewind(15)

    assert indexer_of(plan(), chain, store).step() == Lagging(BlockNumber(5), BlockNumber(12))
    assert amounts(store) == list(range(1, 21))


def test_step__short_foreign_chain_below_the_finalized_block__halts() -> None:
    chain = mined(20)
    store = synced(chain)
    chain.reorg(20, (), ())

    with pytest.raises(ReorgTooDeep, match="rewind --to 0 ") as halted:
        indexer_of(plan(), chain, store).step()

    assert halted.value.common == chain.canonical[0].header.ref


def test_step__start_block_itself_replaced_past_finality__no_block_to_rewind_to() -> None:
    chain = mined(20)
    of = plan(start_block=3)
    store = synced(chain, of=of)
    chain.reorg(19, *[()] * 25)

    with pytest.raises(ReorgTooDeep, match="none of our blocks: index into an empty") as halted:
        indexer_of(of, chain, store).step()

    assert halted.value.common is None


def test_step__finalized_tag_advances_alone__moves_the_finalized_block() -> None:
    chain = mined(20)
    chain.finalized_number = 5
    of = plan(tag=FinalityTag.FINALIZED, depth_blocks=4)
    store = synced(chain, of=of)
    first = store.finalized
    chain.finalized_number = 12
    indexer = indexer_of(of, chain, store)

    outcome = indexer.step()

    assert first == chain.canonical[5].header.ref
    assert outcome == Finalized(chain.canonical[12].header.ref)
    assert indexer.step() == Folded()
    chain.finalized_number = 7  # another node, a little behind
    assert isinstance(indexer.step(), Idle)
    assert store.finalized == chain.canonical[12].header.ref


def test_step__finalized_tag_is_the_head__depth_holds() -> None:
    chain = mined(20)
    chain.finalized_number = 20

    store = synced(chain, of=plan(tag=FinalityTag.FINALIZED, depth_blocks=4))

    assert store.finalized == chain.canonical[16].header.ref


def test_step__end_block__stops_below_it() -> None:
    store = synced(mined(20), of=plan(start_block=3, end_block=10))

    assert sorted(store.blocks) == list(range(3, 10))


@pytest.mark.parametrize("level", list(Level))
def test_step__chain_moves_between_headers_and_logs__nothing_stored(level: Level) -> None:
    chain, store = mined(20), MemoryFacts()
    moved = iter([True])

    def move_once(method: str) -> None:
        if method in {"logs_in_range", "receipts"} and next(moved, False):
            chain.reorg(20, *[[transfer(500 + number)] for number in range(20)])

    chain.before_call = move_once
    indexer = indexer_of(plan(depth_blocks=4, level=level), chain, store)

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
        if method == "blocks" and next(moved, False):
            chain.reorg(3, (), (), [transfer(700)], [transfer(701)])

    chain.before_call = move_once
    indexer = indexer_of(plan(), chain, store)

    with pytest.raises(AnswersDisagree, match="block 21 has parent"):
        indexer.step()
    assert store.snapshot() == before
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == [*range(1, 19), 700, 701]


def test_step__last_header_changes_after_empty_logs__nothing_stored() -> None:
    chain, store = FakeChain(), MemoryFacts()
    chain.mine(*[[transfer(1)]] * 20)
    old = list(chain.canonical)

    def answer_of_old_chain(logs: LogBatch) -> LogBatch:
        chain.switch_to(old[:1])
        chain.mine(*[()] * 20)
        return logs

    chain.alter_logs = answer_of_old_chain

    of = plan(depth_blocks=4, level=Level.HEADERS)
    assert isinstance(indexer_of(of, chain, store).step(), Narrowed)
    assert store.snapshot() == {"block": []}


@pytest.mark.parametrize("level", [Level.HEADERS, Level.RECEIPTS])
def test_step__blocks_without_our_bloom__never_asked_for(level: Level) -> None:
    chain = FakeChain()
    chain.mine(*[[transfer(number, STRANGER)] for number in range(30)])

    store = synced(chain, of=plan(level=level))

    assert not {"logs_in_range", "logs_of_blocks", "receipts"} & set(chain.calls)
    assert set(store.proofs().values()) == {Proof.EMPTY}


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
    chain.alter_logs = lambda logs: log_batch(
        row._replace(topics=(row.topics[0], b"\x55" * 32, *row.topics[2:])) for row in logs.rows()
    )

    with pytest.raises(LogRefused):
        synced(chain, store, plan(level=Level.HEADERS))
    assert isinstance(chain.blamed[0], LogRefused)
    assert store.snapshot() == {"block": []}


def test_step__malformed_and_unknown_logs__stored_raw_and_counted() -> None:
    chain, store = FakeChain(), MemoryFacts()
    erc721 = FakeLog(TOKEN, (ERC20_TRANSFER.topic0, *[b"\x00" * 31 + b"\x01"] * 3), b"")
    chain.mine([transfer(1), erc721])

    outcome = indexer_of(plan(), chain, store).step()

    assert isinstance(outcome, Advanced)
    assert (outcome.facts, outcome.malformed, outcome.unknown) == (1, 1, 0)
    assert len(store.rows["log"]) == 1  # the transfer's own row says its whole log


def test_open_indexer__other_chain__rejected() -> None:
    chain = mined(1)
    chain.served_chain_id = ChainId(1)

    with pytest.raises(WrongChain, match="serves chain 1, configured is chain 31337"):
        opened(plan(), chain, MemoryFacts())


def test_open_indexer__start_block_above_the_head__rejected() -> None:
    with pytest.raises(StartBlockInFuture, match="start block 9 is above the chain's head 5"):
        opened(plan(start_block=9), mined(5), MemoryFacts())


def test_open_indexer__other_sources__rejected() -> None:
    chain = mined(5)
    store = synced(chain)

    with pytest.raises(SourcesChanged):
        opened(plan(start_block=1), chain, store)
    opened(plan(window_blocks_max=3), chain, store)


def test_run_until__idle__waits_between_looks() -> None:
    chain, store = mined(3), MemoryFacts()
    waits: list[int] = []

    def wait() -> None:
        waits.append(chain.head_number)
        chain.mine([transfer(9)])

    outcome = run_until(
        indexer_of(plan(), chain, store),
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
        indexer_of(plan(), chain, store).step()


PROOFS = {
    Level.NONE: {Proof.STATED},
    Level.HEADERS: {Proof.EMPTY, Proof.STATED},
    Level.RECEIPTS: {Proof.EMPTY, Proof.RECEIPTS},
}


@pytest.mark.parametrize("level", list(Level))
def test_step__level__says_how_each_block_is_proved(level: Level) -> None:
    chain = eventful_chain(30)

    store = synced(chain, of=plan(level=level))

    assert set(store.proofs().values()) == PROOFS[level]
    for number, proof in store.proofs().items():
        is_empty = not chain.canonical[number].logs
        assert (proof is Proof.EMPTY) == (is_empty and level is not Level.NONE)


def test_step__levels__same_facts_and_digests() -> None:
    stores = [synced(eventful_chain(30), of=plan(level=level)) for level in Level]

    assert all(store.snapshot() == stores[0].snapshot() for store in stores)
    assert len({store.digest() for store in stores}) == 1


def without(number: int) -> Callable[[LogBatch], LogBatch]:
    """Leave out what this block emitted."""
    return lambda logs: log_batch(row for row in logs.rows() if row.block_number != number)


def test_step__log_left_out__passes_below_receipts_for_a_bloom_proves_no_presence() -> None:
    chain = mined(20)
    chain.alter_logs = without(7)

    assert 7 not in amounts(synced(chain, of=plan(level=Level.HEADERS)))


def test_step__receipt_left_out__refused_and_nothing_stored() -> None:
    chain, store = mined(20), MemoryFacts()
    chain.forget_receipt(7)

    with pytest.raises(ReceiptsRefused, match="receipts of block 7"):
        synced(chain, store)

    assert max(store.blocks) == 6
    assert isinstance(chain.blamed[-1], ReceiptsRefused)


def test_step__stored_at_a_lower_level__proved_in_batches() -> None:
    chain = eventful_chain(40)
    store = synced(chain, of=plan(level=Level.HEADERS))
    before, digest = store.snapshot(), store.digest()
    indexer = indexer_of(plan(window_blocks_max=10), chain, store)
    outcomes: list[Outcome] = []

    run_until(indexer, lambda one: outcomes.append(one) or is_synced(one), wait=never)  # type: ignore[func-returns-value]

    proved = [(one.blocks.start, one.blocks.end) for one in outcomes if isinstance(one, Proved)]
    assert proved == [(1, 11), (11, 21), (21, 31), (31, 32)]
    assert store.finalized is not None
    final = [proof for number, proof in store.proofs().items() if number <= store.finalized.number]
    assert set(final) == {Proof.EMPTY, Proof.RECEIPTS}
    assert (store.snapshot(), store.digest()) == (before, digest)


def test_step__stored_with_a_log_left_out__contradicted_when_proved() -> None:
    chain = mined(40)
    chain.alter_logs = without(7)
    store = synced(chain, of=plan(level=Level.HEADERS))

    with pytest.raises(ProofContradicts, match=r"block 7 .* other logs .*chain rewind"):
        synced(chain, store)

    assert 7 not in amounts(store)
    assert store.proofs()[8] is Proof.STATED


def test_step__every_log_of_a_contract_malformed__rejected_by_name() -> None:
    chain, store = FakeChain(), MemoryFacts()
    chain.mine([], [erc721_transfer()], [transfer(1)])

    with pytest.raises(ABIMismatch, match=rf"{TOKEN} is configured as \w+, .* log 0 of block 2"):
        indexer_of(plan(window_blocks_max=3, depth_blocks=0), chain, store).step()

    assert store.snapshot() == {"block": []}


def test_step__malformed_logs_after_good_ones__counted() -> None:
    chain, store = FakeChain(), MemoryFacts()
    chain.mine([transfer(1)], [erc721_transfer()])
    indexer = indexer_of(plan(window_blocks_max=2, depth_blocks=0), chain, store)

    outcomes = [indexer.step(), indexer.step()]

    assert [one.malformed for one in outcomes if isinstance(one, Advanced)] == [0, 1]


def test_step__nothing_left_to_fetch__balances_at_the_finalized_block() -> None:
    chain = mined(20)

    store = synced(chain, of=plan(depth_blocks=8))

    moved = sum(range(1, 13))
    assert store.balances == {
        (TOKEN, Address(b"\x01" * 20)): -moved,
        (TOKEN, Address(b"\x02" * 20)): moved,
    }
    assert store.balances_number == 12


def disputed(number: int, verdict: Verdict = Verdict.DISPUTED) -> BlockDisputed:
    said = {"a": "0x01", "b": "0x02"} if verdict is Verdict.DISPUTED else {"a": "1", "b": "1"}
    opinions = Opinions(number=BlockNumber(number), asked=Asked.BLOCK, said=said)
    return BlockDisputed(opinions.statements(verdict))


@pytest.mark.parametrize("method", ["head", "blocks", "receipts", "confirmed_by"])
def test_step__endpoints_contradict_each_other__kept_and_waited_for(method: str) -> None:
    chain, store = mined(20), MemoryFacts()
    refusing(chain, method, disputed(5))
    chain.statements = disputed(5).statements
    indexer = indexer_of(plan(), chain, store)

    first, second = indexer.step(), indexer.step()

    assert isinstance(first, Disputed)
    assert (first.number, second) == (5, first)
    assert store.snapshot() == {"block": []}
    assert store.statements[: len(chain.statements)] == list(chain.statements)
    chain.statements = disputed(5, Verdict.AGREED).statements
    run_until(indexer, is_synced, wait=never)
    assert amounts(store) == list(range(1, 21))


def test_step__endpoints_on_a_fork__statements_kept_once() -> None:
    chain, store = mined(20), MemoryFacts()
    fork = disputed(19).statements
    head = chain.canonical[18].header.ref
    chain.agreement = Agreement(head=head, finalized=None, corroborated_by=2, fork=fork)
    indexer = indexer_of(plan(), chain, store)
    fork = tuple(replace(one, verdict=Verdict.FORKED) for one in fork)
    chain.agreement = replace(chain.agreement, fork=fork)

    run_until(indexer, is_synced, wait=never)

    assert store.statements == list(fork)


def test_step__far_below_finality__one_look_serves_many_steps() -> None:
    chain = mined(400)

    synced(chain, of=plan(window_blocks_max=10))

    assert chain.calls.count("blocks") == 41
    assert chain.calls.count("head") == 7


def test_step__dense_blocks__smaller_ranges() -> None:
    chain, store = FakeChain(), MemoryFacts()
    chain.mine(*[[transfer(1)]] * 20, *[[transfer(1)] * 10] * 60, *[[transfer(1)]] * 60)
    indexer = indexer_of(plan(window_blocks_max=20, range_logs_max=60), chain, store)
    sizes: list[int] = []

    def watch(outcome: Outcome) -> bool:
        sizes.extend([len(outcome.blocks)] if isinstance(outcome, Advanced) else [])
        return is_synced(outcome)

    run_until(indexer, watch, wait=never)

    assert sizes[:4] == [20, 20, 6, 6]
    assert sizes[-4:-2] == [20, 20]


def test_step__clock__says_where_the_time_went() -> None:
    chain, store = mined(3), MemoryFacts()
    ticks = iter([100, 130, 135])
    of = plan()
    indexer = Indexer(
        of, chain, store, ranges=RangesHere(chain, of.question), now_ms=lambda: next(ticks)
    )

    outcome = indexer.step()

    assert isinstance(outcome, Advanced)
    assert (outcome.fetch_stall_ms, outcome.store_ms) == (30, 5)


def test_open_indexer__level_that_the_chain_cannot_reach__rejected() -> None:
    with pytest.raises(LevelUnreachable, match=r"'receipts' .* 'polygon': state-sync"):
        opened(plan(profile="polygon"), mined(1), MemoryFacts())
