"""The JSON-RPC adapter against a scripted server: every bad answer has its own error."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import Address, BlockNumber, Hash32
from indexer.adapters.json_rpc import JSONRPC, Call, RPCLimits
from indexer.adapters.rpc import RPCReader
from indexer.chain import header_hash
from indexer.completeness import LogFilter
from indexer.errors import (
    AnswerMalformed,
    AnswersDisagree,
    BadEndpoint,
    RPCFailed,
    RPCForbidden,
    RPCUnreachable,
)
from indexer.ranges import BlockRange
from tests.block_answers import made_up_block
from tests.fakes_chain import TOKEN
from tests.scripted_node import Answer, ScriptedNode, failure, raw, results, scripted_node

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
ERRORS_FILE = VECTORS / "provider_errors.json"
LIMITS = RPCLimits(timeout_s=1, calls_max=3, answer_bytes_max=100_000)
TOPIC = Hash32(b"\x07" * 32)
WANTED = LogFilter((TOKEN,), (TOPIC,))


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with scripted_node() as node:
        yield node


@pytest.fixture
def rpc(node: ScriptedNode) -> Iterator[JSONRPC]:
    rpc = JSONRPC(node.url, LIMITS)
    yield rpc
    rpc.close()


@pytest.fixture
def reader(rpc: JSONRPC) -> RPCReader:
    return RPCReader(rpc)


def in_seconds(seconds: int) -> str:
    """A moment as HTTP spells it."""
    return formatdate(time.time() + seconds, usegmt=True)


def block(**changes: object) -> dict[str, Any]:
    return made_up_block()[0] | changes


def raw_log(**changes: object) -> dict[str, Any]:
    log: dict[str, Any] = {
        "address": "0x" + TOKEN.hex(),
        "blockHash": "0x" + "05" * 32,
        "blockNumber": "0x2",
        "data": "0x0102",
        "logIndex": "0x1",
        "removed": False,
        "topics": [str(TOPIC)],
        "transactionHash": "0x" + "06" * 32,
        "transactionIndex": "0x0",
    }
    return log | changes


def test_blocks__batch__in_parts_over_one_connection(node: ScriptedNode, reader: RPCReader) -> None:
    node.script = [results(*[block()] * 3), results(*[block()] * 2)]

    blocks = reader.blocks(BlockRange(BlockNumber(1), BlockNumber(6)))

    assert [call["params"] for part in node.requests for call in part] == [
        [hex(number), False] for number in range(1, 6)
    ]
    assert len(blocks) == 5
    assert blocks[0].header.hash == header_hash(blocks[0].header)
    listed = blocks[0].transactions
    assert listed is not None
    assert ["0x" + one.tobytes().hex() for one in listed] == block()["transactions"]
    assert len(node.connections) == 1


@pytest.mark.parametrize("listed", [[], ["0x" + "0a" * 32, "0x" + "0B" * 32]])
def test_blocks__transactions__by_hash_whole_or_not_at_all(
    node: ScriptedNode, reader: RPCReader, listed: list[str]
) -> None:
    whole = [{"hash": one, "nonce": "0x1"} for one in listed]
    silent = {key: value for key, value in block().items() if key != "transactions"}
    node.script = [results(block(transactions=listed), block(transactions=whole), silent)]

    blocks = reader.blocks(BlockRange(BlockNumber(1), BlockNumber(4)))

    for one in blocks[:2]:
        assert one.transactions is not None
        assert one.transactions.shape == (len(listed), 32)
        assert one.transactions.tobytes() == b"".join(bytes.fromhex(text[2:]) for text in listed)
    assert blocks[2].transactions is None


@pytest.mark.parametrize(
    "listed",
    [{}, "0x", [None], ["0x" + "0a" * 31], [{}], [{"hash": None}], ["0x" + "0a" * 32, {"hash": 7}]],
)
def test_blocks__transactions_against_the_schema__malformed(
    node: ScriptedNode, reader: RPCReader, listed: object
) -> None:
    node.script = [results(block(transactions=listed))]

    with pytest.raises(AnswerMalformed, match="transactions"):
        reader.blocks(BlockRange(BlockNumber(1), BlockNumber(2)))


def test_answers__out_of_order__put_in_order(node: ScriptedNode, reader: RPCReader) -> None:
    def reversed_answer(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        replies = [{"id": call["id"], "result": block(number=call["params"][0])} for call in calls]
        return 200, json.dumps(replies[::-1]).encode()

    node.script = [reversed_answer]

    blocks = reader.blocks(BlockRange(BlockNumber(4), BlockNumber(7)))

    assert [one.header.number for one in blocks] == [4, 5, 6]


def test_blocks__one_missing__disagrees(node: ScriptedNode, reader: RPCReader) -> None:
    node.script = [results(block(), None)]

    with pytest.raises(AnswersDisagree, match="block 8 does not exist"):
        reader.blocks(BlockRange(BlockNumber(7), BlockNumber(9)))


@pytest.mark.parametrize(
    "changes",
    [
        {"hash": None},
        {"hash": "0x12"},
        {"number": 5},
        {"number": "12"},
        {"number": "0x"},
        {"number": hex(2**63)},
        {"timestamp": hex(2**63)},
        {"logsBloom": "0x00"},
        {"timestamp": "0xzz"},
        {"miner": "0x" + "00" * 19},
        {"nonce": "0x"},
        {"parentHash": "0x" + "0g" * 32},
        {"extraData": "0x123"},
    ],
)
def test_header__field_against_the_schema__malformed(
    node: ScriptedNode, reader: RPCReader, changes: dict[str, object]
) -> None:
    node.script = [results(block(**changes))]

    with pytest.raises(AnswerMalformed, match=next(iter(changes))):
        reader.head()


@pytest.mark.parametrize("words", ["finalized block not found", "Unknown block"])
def test_head_and_finalized__tag_unknown_to_the_node__none(
    node: ScriptedNode, reader: RPCReader, words: str
) -> None:
    def answer(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        error = {"code": -39001, "message": words}
        replies = [{"id": 0, "result": block()}, {"id": 1, "error": error}]
        return 200, json.dumps(replies).encode()

    node.script = [answer, results(block(), None), results(block(), block(number="0x1"))]

    assert reader.head_and_finalized()[1] is None
    assert reader.head_and_finalized()[1] is None
    finalized = reader.head_and_finalized()[1]
    assert finalized is not None
    assert finalized.number == 1


def test_logs__both_questions__as_the_interface_says(node: ScriptedNode, reader: RPCReader) -> None:
    node.script = [results([]), results([], [])]

    reader.logs_in_range(BlockRange(BlockNumber(16), BlockNumber(32)), WANTED)
    reader.logs_of_blocks([Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)], WANTED)

    criteria = {"address": ["0x" + TOKEN.hex()], "topics": [[str(TOPIC)]]}
    bounds = {"fromBlock": "0x10", "toBlock": "0x1f"}
    hashes = [{"blockHash": "0x" + "01" * 32}, {"blockHash": "0x" + "02" * 32}]
    asked = [call["params"][0] for part in node.requests for call in part]
    assert asked == [criteria | bounds, *(criteria | one for one in hashes)]


def test_logs__any_order__sorted_into_columns(node: ScriptedNode, reader: RPCReader) -> None:
    logs = [raw_log(logIndex="0xa"), raw_log(logIndex="0x9"), raw_log(blockNumber="0x1")]
    node.script = [results(logs)]

    batch = reader.logs_in_range(BlockRange(BlockNumber(1), BlockNumber(3)), WANTED)

    rows = batch.rows()
    assert [(log.block_number, log.log_index) for log in rows] == [(1, 1), (2, 9), (2, 10)]
    assert rows[0].address == TOKEN
    assert (rows[0].topics, rows[0].data) == ((TOPIC,), b"\x01\x02")


def test_logs__many_alike__as_written(node: ScriptedNode, reader: RPCReader) -> None:
    logs = [raw_log(logIndex=hex(place)) for place in range(0x20, 0x60)]
    compact = json.dumps({"jsonrpc": "2.0", "id": 0, "result": logs}, separators=(",", ":"))
    node.script = [raw(200, compact.encode())]

    batch = reader.logs_in_range(BlockRange(BlockNumber(1), BlockNumber(3)), WANTED)

    assert batch.log_index.tolist() == list(range(0x20, 0x60))
    assert {(log.address, log.topics, log.data) for log in batch.rows()} == {
        (TOKEN, (TOPIC,), b"\x01\x02")
    }


@pytest.mark.parametrize(("batch_max", "learning"), [(1, [2, 1, 1]), (2, [2, 3])])
def test_questions__endpoint_takes_few_calls_at_once__learned_and_kept(
    node: ScriptedNode, reader: RPCReader, batch_max: int, learning: list[int]
) -> None:
    def answer(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        if len(calls) > batch_max:
            words = f"Batch of more than {batch_max} requests are not allowed on free tier"
            error = {"code": 31, "message": words}
            return 400, json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
        return results(*[block(number=hex(1 + call["id"])) for call in calls])(calls)

    node.script = [answer]

    assert reader.head_and_finalized()[1] is not None
    for _ in range(2):
        assert len(reader.blocks(BlockRange(BlockNumber(1), BlockNumber(7)))) == 6
    assert [len(calls) for calls in node.requests] == learning + [1] * 12


def test_questions__error_about_batches_of_a_single_call__raised(
    node: ScriptedNode, reader: RPCReader
) -> None:
    node.script = [failure(-32600, "batch size too large")]

    with pytest.raises(RPCFailed):
        reader.blocks(BlockRange(BlockNumber(1), BlockNumber(2)))
    assert len(node.requests) == 1


def test_contents__more_calls_than_one_request_takes__one_content_each(
    node: ScriptedNode, rpc: JSONRPC
) -> None:
    node.script = [results("a", "b", "c"), results("d")]
    calls = [Call("eth_chainId", ())] * 4

    contents = rpc.contents(calls)

    assert len(contents) == len(node.requests) == 2
    assert rpc.results_in(calls, contents) == ["a", "b", "c", "d"]


def test_logs__no_blocks__not_asked(node: ScriptedNode, reader: RPCReader) -> None:
    assert len(reader.logs_of_blocks([], WANTED)) == 0
    assert node.requests == []


def refused_above(addresses_max: int, message: str) -> Answer:
    """A node that takes at most so many addresses; each has one log, in the reverse order."""

    def answer(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        replies = []
        for call in calls:
            addresses = call["params"][0]["address"]
            logs = [
                raw_log(address=one, logIndex=hex(0x20 - int(one[-2:], 16))) for one in addresses
            ]
            outcome: dict[str, Any] = {"error": {"code": -32005, "message": message}}
            if len(addresses) <= addresses_max:
                outcome = {"result": logs}
            replies.append({"jsonrpc": "2.0", "id": call["id"]} | outcome)
        return 200, json.dumps(replies if len(calls) > 1 else replies[0]).encode()

    return answer


@pytest.mark.parametrize(
    ("addresses_max", "message", "sizes"),
    [
        (3, "This query contains 7 filters. The current limit is 3.", [7, 3, 3, 1]),
        (3, "specify less number of address", [7, 3, 3, 1]),
        (1, "too many addresses", [7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_logs__too_many_addresses__asked_in_parts_and_put_in_chain_order(
    node: ScriptedNode, reader: RPCReader, addresses_max: int, message: str, sizes: list[int]
) -> None:
    node.script = [refused_above(addresses_max, message)]
    wanted = LogFilter(tuple(Address(bytes(19) + bytes((n,))) for n in range(1, 8)), (TOPIC,))
    blocks = BlockRange(BlockNumber(1), BlockNumber(3))

    batch = reader.logs_in_range(blocks, wanted)
    asked = [len(call["params"][0]["address"]) for part in node.requests for call in part]
    node.requests.clear()
    again = reader.logs_in_range(blocks, wanted)

    assert asked == sizes
    assert [log.address[-1] for log in batch.rows()] == [7, 6, 5, 4, 3, 2, 1]
    assert again.rows() == batch.rows()
    learnt = [len(call["params"][0]["address"]) for part in node.requests for call in part]
    assert max(learnt) == addresses_max  # it is not asked for too many twice


def test_logs__one_address_is_too_many__raises(node: ScriptedNode, reader: RPCReader) -> None:
    node.script = [failure(-32005, "too many addresses")]

    with pytest.raises(RPCFailed):
        reader.logs_in_range(BlockRange(BlockNumber(1), BlockNumber(3)), WANTED)
    assert len(node.requests) == 1


def test_call__error_with_data__handed_through(node: ScriptedNode, rpc: JSONRPC) -> None:
    error = {"code": -32005, "message": "m" * 500, "data": {"from": "0x1", "to": "0x2"}}
    node.script = [lambda calls: (200, json.dumps({"id": 0, "error": error}).encode())]

    with pytest.raises(RPCFailed) as caught:
        rpc.call("eth_getLogs")

    assert (caught.value.code, caught.value.message) == (-32005, "m" * 500)
    assert caught.value.data == {"from": "0x1", "to": "0x2"}


@pytest.mark.parametrize(
    ("header", "after_s", "requests"),
    [
        ("7", 7, 1),
        ("0", 0, 1),
        ("-1", None, 3),
        pytest.param(in_seconds(-3_600), None, 3, id="an hour ago"),
        ("Wed, 21 Oct 20266 07:28:00 GMT", None, 3),
    ],
)
def test_call__gateway_asks_for_a_pause__not_tried_again_before(
    node: ScriptedNode, rpc: JSONRPC, header: str, after_s: int | None, requests: int
) -> None:
    node.retry_after = header
    node.script = [raw(429, b"")]

    with pytest.raises(RPCUnreachable) as caught:
        rpc.call("eth_chainId")

    assert (caught.value.status, caught.value.retry_after_s) == (429, after_s)
    assert len(node.requests) == requests


@pytest.mark.parametrize("ahead_s", [0, 3_600, -3_600])
def test_call__pause_until_a_date__counted_by_the_clock_of_the_answer(
    node: ScriptedNode, rpc: JSONRPC, ahead_s: int
) -> None:
    node.clock_ahead_s = ahead_s
    node.retry_after = in_seconds(ahead_s + 40)
    node.script = [raw(429, b"")]

    with pytest.raises(RPCUnreachable) as caught:
        rpc.call("eth_chainId")

    assert caught.value.retry_after_s in range(35, 42)
    assert len(node.requests) == 1


@pytest.mark.parametrize(
    "said",
    [
        "no route for /v3/secret-key?token=tok%21en-of-ours",
        "key secret-key of plan tok!en-of-ours is not allowed to ask more than 10 blocks",
        "user ad@min-user with pass:word-of-ours",
    ],
)
def test_call__provider_repeats_our_key__nobody_is_told(node: ScriptedNode, said: str) -> None:
    place = node.url.partition("//")[2]
    rpc = JSONRPC(
        f"http://ad%40min-user:pass%3Aword-of-ours@{place}?token=tok%21en-of-ours", LIMITS
    )
    reader = RPCReader(rpc)
    node.script = [failure(-32000, said), results(said)]

    with pytest.raises(RPCFailed) as refused:
        reader.chain_id()
    with pytest.raises(AnswerMalformed) as malformed:
        reader.chain_id()
    rpc.close()

    for told in (str(refused.value), refused.value.message, str(malformed.value)):
        for secret in ("secret-key", "tok%21", "tok!", "min-user", "word-of"):
            assert secret not in told
    assert "10 blocks" in refused.value.message or "10" not in said


def test_call__credentials_in_the_address__sent_as_they_are_meant(node: ScriptedNode) -> None:
    place = node.url.partition("//")[2]
    rpc = JSONRPC(f"http://ad%40min:p%C3%A4ss%3Aw@{place}", LIMITS)
    node.script = [results("0x1")]

    rpc.call("eth_chainId")
    rpc.close()

    kind, _, encoded = node.authorization.partition(" ")
    assert (kind, b64decode(encoded).decode()) == ("Basic", "ad@min:päss:w")


@pytest.mark.parametrize(
    "logs",
    [
        None,
        {},
        [None],
        [raw_log(removed=True)],
        [raw_log(blockHash=None)],
        [raw_log(topics=None)],
        [raw_log(topics=[str(TOPIC)] * 5)],
        [raw_log(topics=["0x07"])],
        [raw_log(data="0x1")],
        [raw_log(logIndex=None)],
        [raw_log(transactionHash="0x")],
    ],
)
def test_logs__answer_against_the_schema__malformed(
    node: ScriptedNode, reader: RPCReader, logs: object
) -> None:
    node.script = [results(logs)]

    with pytest.raises(AnswerMalformed):
        reader.logs_in_range(BlockRange(BlockNumber(1), BlockNumber(3)), WANTED)


@pytest.mark.parametrize(
    ("answer", "error", "requests"),
    [
        (raw(200, b'{"jsonrpc":"2.0","id":0,"resu'), AnswerMalformed, 1),  # cut short
        (raw(200, b"<html>"), AnswerMalformed, 1),
        (raw(200, b'{"id":0}'), AnswerMalformed, 1),
        (raw(200, b'{"id":7,"result":"0x1"}'), AnswerMalformed, 1),
        (raw(200, b'{"id":[0],"result":"0x1"}'), AnswerMalformed, 1),
        (raw(200, b'{"id":"0","result":"0x1"}'), AnswerMalformed, 1),
        (raw(200, b"[]"), AnswerMalformed, 1),
        (raw(200, b"3"), AnswerMalformed, 1),
        (raw(200, b'{"id":0,"result":"' + b"0" * 200_000 + b'"}'), AnswerMalformed, 1),
        (raw(200, b'{"id":0,"result":"0xzz"}'), AnswerMalformed, 1),
        (raw(200, b'{"id":null,"error":{"code":-32600,"message":"no"}}'), RPCFailed, 1),
        (failure(-32005, "query returned more than 10000 results"), RPCFailed, 1),
        (failure(-32602, "block range too large", status=400), RPCFailed, 1),
        (raw(401, b""), RPCForbidden, 1),
        (raw(403, b"{}"), RPCForbidden, 1),
        (raw(404, b""), RPCForbidden, 1),
        (raw(302, b""), RPCForbidden, 1),
        (raw(429, b"{}"), RPCUnreachable, 3),
        (raw(503, b""), RPCUnreachable, 3),
        (raw(522, b"error code: 522"), RPCUnreachable, 3),
    ],
)
def test_call__bad_answer__its_error_and_its_number_of_tries(
    node: ScriptedNode, reader: RPCReader, answer: Answer, error: type[Exception], requests: int
) -> None:
    node.script = [answer]

    with pytest.raises(error) as caught:
        reader.chain_id()

    assert len(node.requests) == requests
    assert "secret-key" not in str(caught.value)
    assert "secret-key" not in str(caught.value.__cause__)


def test_call__answers_after_two_gateway_errors__succeeds(
    node: ScriptedNode, reader: RPCReader
) -> None:
    node.script = [raw(502, b""), raw(503, b""), results("0x7a69")]

    assert reader.chain_id() == 31337


def test_call__nobody_listens__unreachable(node: ScriptedNode, reader: RPCReader) -> None:
    node.server.shutdown()
    node.server.server_close()

    with pytest.raises(RPCUnreachable, match=r"^127\.0\.0\.1:\d+ did not answer eth_chainId: New"):
        reader.chain_id()


def test_call__silence__times_out(node: ScriptedNode, reader: RPCReader) -> None:
    silence = threading.Event()

    def never(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        silence.wait(10)
        return 200, b""

    node.script = [never]

    with pytest.raises(RPCUnreachable, match="ReadTimeoutError"):
        reader.chain_id()
    silence.set()
    assert len(node.requests) == 3


@pytest.mark.skipif(not ERRORS_FILE.exists(), reason="../shared/vectors is absent")
def test_logs__every_known_provider_error__reaches_the_caller(
    node: ScriptedNode, reader: RPCReader
) -> None:
    known = json.loads(ERRORS_FILE.read_text())

    for one in known:
        node.script = [failure(one["code"] or -32000, one["message"])]
        with pytest.raises(RPCFailed):
            reader.logs_in_range(BlockRange(BlockNumber(1), BlockNumber(3)), WANTED)
    assert known


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "127.0.0.1:8545", "file:///x", "http://"])
def test_endpoint__no_http_url__rejected(url: str) -> None:
    with pytest.raises(BadEndpoint):
        JSONRPC(url, LIMITS)
