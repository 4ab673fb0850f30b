"""Several endpoints over HTTP: one down, slow, lying, lagging, silent; and all of them down."""

import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from contracts.evm import BlockNumber, ChainId, Hash32, keccak
from indexer.adapters.endpoint_pool import EndpointPool
from indexer.adapters.endpoints import Endpoints, open_endpoints
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.adapters.rpc import RPCReader
from indexer.agreement import MISSING, Asked, Verdict
from indexer.blocks import Block
from indexer.chain import header_hash, verified
from indexer.completeness import LogFilter, check_logs
from indexer.endpoint_health import EndpointHealth, ErrorClass
from indexer.errors import (
    AnswersDisagree,
    BadEndpoint,
    BlockDisputed,
    LogRefused,
    ReceiptsRefused,
    RPCFailed,
    RPCForbidden,
    RPCUnreachable,
    Transient,
    WrongChain,
)
from indexer.logs import LogBatch
from indexer.ports import ChainReader
from indexer.ranges import BlockRange
from tests.block_answers import TRANSFER, block_answer
from tests.chain_node import Call, ChainNode, Clock, serving
from tests.fakes_chain import CHAIN_ID, TOKEN, FakeChain, FakeLog

LIMITS = RPCLimits(timeout_s=2, calls_max=100, answer_bytes_max=100_000)
WANTED = LogFilter((TOKEN,), (TRANSFER,))
FINAL = BlockRange(BlockNumber(1), BlockNumber(9))
MANY_REQUESTS = 40
TURNS = 12


class World:
    """Two nodes of one chain, and what we make of them."""

    def __init__(self, a: ChainNode, b: ChainNode, clock: Clock) -> None:
        self.a, self.b, self.clock = a, b, clock
        self.readers = [RPCReader(JSONRPC(node.url, LIMITS)) for node in (a, b)]
        self.chain = Endpoints(self.readers, CHAIN_ID, clock)

    def health(self, node: ChainNode) -> EndpointHealth:
        return next(one for one in self.chain.health() if one.host == node.host)

    def look(self) -> tuple[int, int | None]:
        """The head and the finalized block, as numbers, of a new look."""
        self.clock.pass_s(1)
        head, finalized = self.chain.head_and_finalized()
        assert verified(head) == head
        return head.number, None if finalized is None else finalized.number

    def logs(self) -> LogBatch:
        return self.chain.logs_in_range(FINAL, WANTED)

    def checked_logs(self, one: ChainReader) -> LogBatch:
        """The question of `logs`, with the checks that the indexer makes."""
        blocks = mined_blocks()
        logs = one.logs_in_range(FINAL, WANTED)
        check_logs(logs, blocks, WANTED)
        return logs


def mined_blocks() -> list[Block]:
    """The blocks of `FINAL` as they are."""
    return mined().blocks(FINAL)


def mined(blocks: int = 12) -> FakeChain:
    """A chain with two transfers in every second block; always the same one."""
    chain = FakeChain()
    transfer = FakeLog(TOKEN, (TRANSFER, b"\x01" * 32, b"\x02" * 32), b"\x05" * 32)
    chain.mine(*([transfer] * (2 * (number % 2)) for number in range(blocks)))
    chain.finalized_number = 8
    return chain


@pytest.fixture
def world() -> Iterator[World]:
    clock = Clock()
    with ExitStack() as stack:
        a, b = (stack.enter_context(serving(ChainNode(mined(), clock))) for _ in range(2))
        world = World(a, b, clock)
        yield world
        world.chain.close()


def lying_block(number: int) -> Callable[[Call, object], object]:
    """Another block of this number, with a true hash of its own, however it is asked for."""

    def alter(call: Call, result: object) -> object:
        if not isinstance(result, dict) or result.get("number") != hex(number):
            return result
        header = replace(mined().canonical[number].header, extra_data=b"another")
        return block_answer(replace(header, hash=header_hash(header)), [])

    return alter


def omitting(log_index: str) -> Callable[[Call, object], object]:
    """Every answer with logs lacks those of this index, in block 4."""

    def alter(call: Call, result: object) -> object:
        if not isinstance(result, list):
            return result
        return [
            one for one in result if (one["blockNumber"], one["logIndex"]) != ("0x4", log_index)
        ]

    return alter


def test_look__equal_endpoints__agreed_by_two(world: World) -> None:
    assert world.look() == (12, 8)

    agreement = world.chain.agreement
    assert agreement is not None
    assert (agreement.corroborated_by, agreement.fork) == (2, ())
    assert [world.health(node).head for node in (world.a, world.b)] == [12, 12]


def test_look__again_within_a_second__asks_nobody(world: World) -> None:
    world.look()
    requests = (world.a.requests, world.b.requests)

    for _ in range(20):
        world.chain.head_and_finalized()

    assert (world.a.requests, world.b.requests) == requests
    world.look()
    assert (world.a.requests, world.b.requests) == (requests[0] + 1, requests[1] + 1)


def test_look__one_down__single_and_says_so(world: World) -> None:
    world.b.status = 503

    assert world.look() == (12, 8)

    agreement = world.chain.agreement
    assert agreement is not None
    assert agreement.is_single
    assert world.health(world.b).errors == {ErrorClass.UNREACHABLE: 1}
    requests = world.b.requests
    world.chain.confirmed_by(world.a.chain.canonical[5].header.ref)
    assert world.b.requests == requests  # it is left alone for a while


def test_questions__preferred_down__answered_by_the_other_and_it_is_left_alone(
    world: World,
) -> None:
    world.a.status = 503

    assert len(world.logs()) == 8
    tries = world.a.requests
    for _ in range(MANY_REQUESTS):
        world.chain.header(BlockNumber(3))

    assert tries == 3  # of the transport
    assert world.a.requests == tries
    assert world.health(world.a).errors == {ErrorClass.UNREACHABLE: 1}


def test_questions__down_and_back__used_again(world: World) -> None:
    world.b.takes_ms = 500
    world.a.status = 503
    world.look()
    world.a.status = 200

    for _ in range(120):
        world.look()

    before = world.a.count("eth_getLogs")
    world.logs()
    assert world.a.count("eth_getLogs") == before + 1


def test_questions__flapping__always_answered_and_not_hammered(world: World) -> None:
    answered = 0

    for turn in range(TURNS):
        world.a.status = 503 if turn % 2 else 200
        world.b.status = 200 if turn % 2 else 503
        world.clock.pass_s(1)
        answered += len(world.logs()) == 8

    assert answered == TURNS
    assert world.a.requests + world.b.requests < 10 * TURNS


def test_questions__both_down__last_error_and_recovery(world: World) -> None:
    world.a.status = world.b.status = 503

    for question in (world.look, world.logs):
        with pytest.raises(RPCUnreachable, match=r"did not answer .*: HTTP status 503"):
            question()
    assert world.chain.agreement is None

    world.b.status = 200
    assert len(world.logs()) == 8  # however long both were to be avoided


def test_questions__one_slow__traffic_moves_to_the_fast_one(world: World) -> None:
    world.a.takes_ms, world.b.takes_ms = 400, 20
    for _ in range(4):
        world.look()

    world.a.methods.clear()
    world.b.methods.clear()
    for _ in range(10):
        world.logs()

    assert (world.a.count("eth_getLogs"), world.b.count("eth_getLogs")) == (0, 10)
    latencies = [world.health(node).latency_us or 0 for node in (world.a, world.b)]
    assert latencies[0] > 10 * latencies[1]


def test_blocks__without_looks__latencies_are_taken_every_ten_seconds(world: World) -> None:
    world.a.takes_ms, world.b.takes_ms = 400, 20

    for _ in range(8):
        world.clock.pass_s(11)
        world.chain.blocks(FINAL)

    world.a.methods.clear()
    world.b.methods.clear()
    world.chain.blocks(FINAL)
    assert (len(world.a.methods), len(world.b.methods)) == (0, 8)


def test_look__lies_about_the_finalized_block__disputed_with_who_said_what(world: World) -> None:
    world.b.alter = lying_block(8)

    with pytest.raises(BlockDisputed) as caught:
        world.look()

    statements = {one.host: one for one in caught.value.statements}
    assert caught.value.number == 8
    assert {one.verdict for one in statements.values()} == {Verdict.DISPUTED}
    assert statements[world.a.host].said == str(world.a.chain.canonical[8].header.hash)
    assert statements[world.b.host].said not in {statements[world.a.host].said, MISSING}
    assert "secret-key" not in str(caught.value) + repr(statements)
    assert world.chain.agreement is None
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (again.statements, str(again)) == (caught.value.statements, str(caught.value))


def test_look__disputed_after_an_agreement__nothing_is_agreed_any_more(world: World) -> None:
    world.look()
    world.b.alter = lying_block(8)

    with pytest.raises(BlockDisputed):
        world.look()

    assert world.chain.agreement is None
    with pytest.raises(BlockDisputed):
        world.chain.head_and_finalized()  # within the same second


def test_look__liar_is_ahead__asked_about_the_lowest_finalized(world: World) -> None:
    world.b.alter = lying_block(6)
    world.a.chain.finalized_number = 6
    world.b.chain.finalized_number = 9

    with pytest.raises(BlockDisputed, match="the block of number 6"):
        world.look()


def test_look__one_lags__its_finalized_and_the_others_head(world: World) -> None:
    del world.b.chain.canonical[10:]
    world.b.chain.finalized_number = 5

    assert world.look() == (12, 5)
    assert world.chain.agreement is not None
    assert world.chain.agreement.corroborated_by == 2


def test_look__preferred_lags_far_behind__the_other_is_preferred(world: World) -> None:
    world.b.chain.mine(*([] for _ in range(300)))

    heads = [world.look()[0] for _ in range(3)]

    assert heads == [12, 312, 312]


def test_look__unsafe_fork__highest_common_block_and_statements(world: World) -> None:
    world.b.chain.reorg(2, [], [], [], seconds=9)

    assert world.look() == (10, 8)

    agreement = world.chain.agreement
    assert agreement is not None
    assert {(one.number, one.verdict) for one in agreement.fork} == {(11, Verdict.FORKED)}


def test_head__chain_without_a_finalized_tag__cross_checked_too(world: World) -> None:
    assert world.chain.head().number == 12
    world.clock.pass_s(1)

    world.b.chain.reorg(4, [], [], [], [], seconds=9)

    assert world.chain.head().number == 8


def test_logs__lagging_endpoint_answers_nothing__not_believed(world: World) -> None:
    del world.a.chain.canonical[5:]

    assert len(world.logs()) == 8
    assert world.health(world.a).errors == {ErrorClass.MISSING: 1}


def test_logs_of_blocks__block_unknown_to_the_endpoint__asked_of_the_other(world: World) -> None:
    hashes = [world.b.chain.canonical[number].header.hash for number in (2, 4)]
    del world.a.chain.canonical[4:]

    assert len(world.chain.logs_of_blocks(hashes, WANTED)) == 4
    assert len(world.chain.logs_of_blocks([], WANTED)) == 0


def test_header__missing_at_the_first__asked_of_the_other(world: World) -> None:
    del world.a.chain.canonical[5:]
    wanted = world.b.chain.canonical[7].header

    assert world.chain.header(BlockNumber(7)) == wanted
    assert world.chain.header_by_hash(wanted.hash) == wanted
    assert world.chain.header(BlockNumber(99)) is None
    assert world.chain.header_by_hash(Hash32(b"\x09" * 32)) is None


def test_logs__one_is_omitted__corroboration_names_block_log_and_hosts(world: World) -> None:
    world.a.alter = omitting("0x1")

    logs = world.logs()
    with pytest.raises(BlockDisputed, match=r"the logs of number 4, first about log 1") as caught:
        world.chain.corroborated_by(world.checked_logs, logs, FINAL)

    said = {one.host: one.said.split(" 0x")[0] for one in caught.value.statements}
    assert said == {world.a.host: "1 logs", world.b.host: "2 logs"}
    assert {one.asked for one in caught.value.statements} == {Asked.LOGS}


def test_logs__empty_for_everything__corroboration_finds_it(world: World) -> None:
    world.b.alter = without_logs

    logs = world.logs()
    with pytest.raises(BlockDisputed) as caught:
        world.chain.corroborated_by(world.checked_logs, logs, FINAL)

    assert caught.value.number == 2
    assert {one.said.split(" 0x")[0] for one in caught.value.statements} == {"2 logs", "0 logs"}


def test_corroborated_by__equal_logs__two(world: World) -> None:
    assert world.chain.corroborated_by(world.checked_logs, world.logs(), FINAL) == 2


@pytest.mark.parametrize("trouble", ["down", "lags", "another fork", "refuted"])
def test_corroborated_by__other_has_no_answer_to_believe__one(world: World, trouble: str) -> None:
    logs = world.logs()
    match trouble:
        case "down":
            world.b.status = 503
        case "lags":
            del world.b.chain.canonical[5:]
            world.b.alter = without_logs
        case "another fork":
            world.b.alter = lambda call, result: lying_block(8)(call, without_logs(call, result))
        case _:
            world.b.alter = changed_address

    assert world.chain.corroborated_by(world.checked_logs, logs, FINAL) == 1
    has_failed = trouble in {"down", "refuted"}
    assert sum(world.health(world.b).errors.values()) == has_failed


def without_logs(call: Call, result: object) -> object:
    return [] if call["method"] == "eth_getLogs" else result


def changed_address(call: Call, result: object) -> object:
    """Logs with a topic that the blooms rule out."""
    if not isinstance(result, list):
        return result
    return [one | {"topics": [one["topics"][0], "0x" + "77" * 32]} for one in result]


def test_corroborated_by__other_wants_fewer_blocks__said_to_the_planner(world: World) -> None:
    logs = world.logs()
    error = {"code": -32005, "message": "max block range is 4"}
    world.b.alter = lambda call, result: error if call["method"] == "eth_getLogs" else result

    with pytest.raises(RPCFailed, match="max block range"):
        world.chain.corroborated_by(world.checked_logs, logs, FINAL)


def test_questions__words_about_size__raised_without_asking_the_other(world: World) -> None:
    error = {"code": -32005, "message": "max block range is 4"}
    world.a.alter = lambda call, result: error if call["method"] == "eth_getLogs" else result

    with pytest.raises(RPCFailed, match="max block range"):
        world.logs()

    assert world.b.methods == []
    assert world.health(world.a).errors == {ErrorClass.TOO_LARGE: 1}
    one = BlockRange(BlockNumber(2), BlockNumber(3))
    assert len(world.chain.logs_in_range(one, WANTED)) == 2  # one block: asked of the other


def test_questions__answer_has_too_many_bytes__said_to_the_planner(world: World) -> None:
    world.a.alter = lambda call, result: (
        "0" * 200_000 if call["method"] != "eth_chainId" else result
    )

    with pytest.raises(Transient, match="more than 100000 bytes"):
        world.logs()
    assert world.b.methods == []


def test_questions__rate_limited__rests_for_as_long_as_it_asked(world: World) -> None:
    world.a.status, world.a.retry_after = 429, "7"

    assert len(world.logs()) == 8
    assert world.a.requests == 1
    world.a.status, world.a.retry_after = 200, None
    for _ in range(6):
        world.look()
    assert world.a.requests == 1

    world.clock.pass_s(1)
    world.look()
    assert world.a.requests > 1


def test_questions__all_rate_limited__nobody_is_asked_and_the_wait_is_named(world: World) -> None:
    for node in (world.a, world.b):
        node.status, node.retry_after = 429, "30"
    with pytest.raises(RPCUnreachable):
        world.logs()
    requests = world.a.requests + world.b.requests

    world.clock.pass_s(10)
    with pytest.raises(RPCUnreachable) as caught:
        world.logs()

    assert world.a.requests + world.b.requests == requests
    assert (caught.value.status, caught.value.retry_after_s) == (429, 20)


def test_questions__forbidden_at_one__asked_of_the_other(world: World) -> None:
    world.a.status = 401
    assert len(world.logs()) == 8

    world.b.status = 403
    with pytest.raises(RPCForbidden):
        world.logs()


def test_blame__refused_answers__the_next_come_from_the_other(world: World) -> None:
    world.logs()
    error = ReceiptsRefused(BlockNumber(2), "another root")
    before = world.b.count("eth_getLogs")

    assert world.chain.blame(error)
    world.logs()

    assert world.b.count("eth_getLogs") == before + 1
    assert world.health(world.a).errors == {ErrorClass.DISPROVED: 1}
    assert not world.chain.blame(error)  # both now: whoever fetches raises
    assert world.chain.blame(AnswersDisagree("the chain moved"))
    world.clock.pass_s(601)
    assert world.chain.blame(error)


def test_blame__after_failover__falls_on_the_one_that_answered(world: World) -> None:
    del world.a.chain.canonical[5:]
    world.logs()

    world.chain.blame(ReceiptsRefused(BlockNumber(2), "another root"))

    assert world.health(world.a).errors == {ErrorClass.MISSING: 1}
    assert world.health(world.b).errors == {ErrorClass.DISPROVED: 1}


def test_blame__held_look__forgotten(world: World) -> None:
    world.look()
    requests = world.b.requests

    world.chain.blame(AnswersDisagree("the chain moved"))
    world.chain.head_and_finalized()

    assert world.b.requests == requests + 1


def test_blame__single_endpoint__nobody_else_to_ask(world: World) -> None:
    alone = Endpoints(world.readers[:1], CHAIN_ID, world.clock)
    alone.head()

    assert not alone.blame(AnswersDisagree("the chain moved"))
    assert alone.health()[0].errors == {ErrorClass.MISSING: 1}


def test_single_endpoint__every_question__costs_one_request(world: World) -> None:
    alone = Endpoints(world.readers[:1], CHAIN_ID, world.clock)
    assert alone.chain_id() == CHAIN_ID
    world.a.methods.clear()
    requests = world.a.requests

    alone.blocks(FINAL)
    logs = alone.logs_in_range(FINAL, WANTED)
    assert alone.head_and_finalized()[0].number == 12
    assert alone.head_and_finalized()[0].number == 12

    assert world.a.requests == requests + 4
    assert alone.corroborated_by(world.checked_logs, logs, FINAL) == 1
    assert alone.agreement is not None
    assert alone.agreement.is_single


def test_confirmed_by__block_of_ours__by_how_many(world: World) -> None:
    block = world.a.chain.canonical[5].header.ref

    assert world.chain.confirmed_by(block) == 2
    world.b.status = 503
    assert world.chain.confirmed_by(block) == 1
    with pytest.raises(AnswersDisagree, match="is not 0x"):
        world.chain.confirmed_by(replace(block, hash=Hash32(b"\x01" * 32)))


def test_confirmed_by__other_names_another_block__disputed(world: World) -> None:
    world.b.alter = lying_block(5)

    with pytest.raises(BlockDisputed, match="the block of number 5"):
        world.chain.confirmed_by(world.a.chain.canonical[5].header.ref)


def test_ask_again__liar__disputed_until_it_tells_the_truth(world: World) -> None:
    number = BlockNumber(8)
    world.b.alter = lying_block(8)
    lying = world.chain.ask_again(number, Asked.BLOCK, WANTED)
    world.b.status = 503
    silent = world.chain.ask_again(number, Asked.BLOCK, WANTED)
    world.b.status = 200
    world.b.alter = lambda call, result: result
    world.clock.pass_s(10)
    truthful = world.chain.ask_again(number, Asked.BLOCK, WANTED)

    verdicts = [{one.verdict for one in said} for said in (lying, silent, truthful)]
    assert verdicts == [{Verdict.DISPUTED}, {Verdict.DISPUTED}, {Verdict.AGREED}]
    assert {one.said for one in silent if one.host == world.b.host} == {MISSING}


def test_ask_again__omitted_log__disputed_until_it_is_served(world: World) -> None:
    number = BlockNumber(4)
    world.a.alter = omitting("0x0")
    omitted = world.chain.ask_again(number, Asked.LOGS, WANTED)
    world.a.alter = lambda call, result: result
    served = world.chain.ask_again(number, Asked.LOGS, WANTED)

    assert {one.verdict for one in omitted} == {Verdict.DISPUTED}
    assert {one.verdict for one in served} == {Verdict.AGREED}
    assert {one.asked for one in omitted + served} == {Asked.LOGS}


def test_ask_again__liar_no_longer_configured__agreed(world: World) -> None:
    alone = Endpoints(world.readers[:1], CHAIN_ID, world.clock)

    said = alone.ask_again(BlockNumber(8), Asked.BLOCK, WANTED)

    assert [(one.host, one.verdict) for one in said] == [(world.a.host, Verdict.AGREED)]


@pytest.mark.parametrize("is_down_at_first", [False, True])
def test_chain_id__one_serves_another_chain__named(world: World, is_down_at_first: bool) -> None:
    world.b.chain.served_chain_id = ChainId(5)
    if is_down_at_first:
        world.b.status = 503
        assert world.chain.chain_id() == CHAIN_ID
        world.b.status = 200
        world.clock.pass_s(60)

    with pytest.raises(WrongChain, match=rf"^{world.b.host} serves chain 5"):
        world.chain.head_and_finalized()


def test_chain_id__none_answers__unreachable(world: World) -> None:
    world.a.status = world.b.status = 503

    with pytest.raises(RPCUnreachable):
        world.chain.chain_id()


def test_pool__two_addresses_of_one_host__told_apart(world: World) -> None:
    pool = EndpointPool([world.readers[0]] * 2, CHAIN_ID, world.clock)

    assert [one.host for one in pool.health()] == [f"{world.a.host}#1", f"{world.a.host}#2"]
    assert pool.current == f"{world.a.host}#1"


def test_open_endpoints__addresses__sent_to_a_worker_as_a_description(world: World) -> None:
    make = partial(open_endpoints, [world.a.url, world.b.url], CHAIN_ID, LIMITS)

    chain: Endpoints = pickle.loads(pickle.dumps(make))()  # noqa: S301

    assert chain.head().number == 12
    chain.close()
    with pytest.raises(BadEndpoint):
        open_endpoints(["ftp://somewhere"], CHAIN_ID, LIMITS)


def test_transport__many_questions__one_connection_each_and_gzip(world: World) -> None:
    for _ in range(10):
        world.look()

    for node in (world.a, world.b):
        assert len(node.connections) == 1
        assert set(node.encodings) == {"gzip"}


def test_messages__failures__name_hosts_and_no_paths(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="indexer")
    world.a.status = 503
    world.logs()
    world.chain.blame(LogRefused(BlockNumber(1), 0, TOKEN, "x"))

    records = "\n".join(repr(vars(record)) for record in caplog.records)
    assert world.a.host in records
    assert "secret-key" not in records


def test_trace_of_choices__same_answers_at_the_same_times__same_choices() -> None:
    traces = []
    for _ in range(2):
        clock = Clock()
        with ExitStack() as stack:
            a, b = (stack.enter_context(serving(ChainNode(mined(), clock))) for _ in range(2))
            world = World(a, b, clock)
            for turn in range(TURNS):
                a.takes_ms = 1 + int.from_bytes(keccak(bytes((turn,)))[:1], "big")
                b.takes_ms = 1 + int.from_bytes(keccak(bytes((turn,)))[1:2], "big")
                a.status = 503 if turn % 7 == 3 else 200
                world.look()
                world.logs()
            world.chain.close()
            traces.append((a.methods, b.methods))

    assert traces[0] == traces[1]
