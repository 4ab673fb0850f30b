"""What failures teach: wait, ask for less, or give up."""

import pytest

from contracts.evm import BlockNumber
from indexer.agreement import Asked, Opinions, Verdict
from indexer.errors import (
    AnswersDisagree,
    BlockDisputed,
    RequestRefused,
    RPCFailed,
    RPCUnreachable,
    Transient,
    WorkerLost,
)
from indexer.failures import narrower, wanted_pause_s
from indexer.ranges import BlockRange, CapBlocks, Halve, SuggestedRange

ASKED = BlockRange(BlockNumber(0), BlockNumber(30))


def refusal(message: str) -> RPCFailed:
    return RPCFailed("fake", "eth_getLogs", code=-32005, message=message)


def dispute() -> BlockDisputed:
    opinions = Opinions(number=BlockNumber(5), asked=Asked.LOGS, said={"a": "1", "b": "2"})
    return BlockDisputed(opinions.statements(Verdict.DISPUTED))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (refusal("eth_getLogs is limited to a 10 block range"), CapBlocks(10)),
        (refusal("Try with this block range [0x0, 0x6]"), SuggestedRange(BlockNumber(7))),
        (refusal("too many addresses"), Halve()),
        (RPCUnreachable("fake", "eth_getLogs", "ReadTimeoutError"), Halve()),
        (AnswersDisagree("it moved"), Halve()),
        (WorkerLost(-9), Halve()),
    ],
)
def test_narrower__failure__asks_for_less(error: Transient, advice: object) -> None:
    assert narrower(error, ASKED) == advice


@pytest.mark.parametrize(
    "error", [refusal("missing trie node"), refusal("rate limit exceeded"), dispute()]
)
def test_narrower__asking_for_less_cannot_help__raises_it(error: Transient) -> None:
    with pytest.raises(type(error)) as caught:
        narrower(error, ASKED)

    assert caught.value is error


def test_narrower__single_block__raises_it() -> None:
    error = AnswersDisagree("it moved")

    with pytest.raises(AnswersDisagree):
        narrower(error, BlockRange(BlockNumber(3), BlockNumber(4)))


@pytest.mark.parametrize("end", [1, 30])
def test_narrower__request_is_wrong__refused_for_good(end: int) -> None:
    error = refusal("invalid argument 0: bad topic")

    with pytest.raises(RequestRefused, match="bad topic"):
        narrower(error, BlockRange(BlockNumber(0), BlockNumber(end)))


def test_wanted_pause__rate_limits_only() -> None:
    assert wanted_pause_s(refusal("rate limit exceeded, retry in 7s")) == 7
    assert wanted_pause_s(RPCUnreachable("fake", "any", "HTTP 429", status=429)) == 5
    assert wanted_pause_s(refusal("response too large")) is None
    assert wanted_pause_s(AnswersDisagree("it moved")) is None
