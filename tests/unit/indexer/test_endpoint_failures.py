"""What a failure says about the endpoint, and what it says about the question."""

import pytest

from contracts.evm import Address, BlockNumber
from indexer.endpoint_failures import class_of, limited_s
from indexer.endpoint_health import ErrorClass
from indexer.errors import (
    AnswerMalformed,
    AnswersDisagree,
    AnswerTooLarge,
    HeaderRefused,
    IndexerError,
    LogRefused,
    ReceiptsRefused,
    RPCFailed,
    RPCForbidden,
    RPCUnreachable,
)
from indexer.ranges import BlockRange

MANY = BlockRange(BlockNumber(0), BlockNumber(100))
ONE = BlockRange(BlockNumber(0), BlockNumber(1))


def words(message: str, code: int = -32000) -> RPCFailed:
    return RPCFailed("a", "eth_getLogs", code=code, message=message)


def unreachable(status: int | None, after_s: int | None = None) -> RPCUnreachable:
    return RPCUnreachable("a", "eth_getLogs", "x", status=status, retry_after_s=after_s)


CASES = [
    (unreachable(None), ErrorClass.UNREACHABLE, ErrorClass.UNREACHABLE, None),
    (unreachable(503), ErrorClass.UNREACHABLE, ErrorClass.UNREACHABLE, None),
    (unreachable(503, 9), ErrorClass.LIMITED, ErrorClass.LIMITED, 9),
    (unreachable(429), ErrorClass.LIMITED, ErrorClass.LIMITED, 5),
    (words("too many requests, retry in 3 s"), ErrorClass.LIMITED, ErrorClass.LIMITED, 3),
    (words("query exceeds max block range 50"), ErrorClass.TOO_LARGE, ErrorClass.REFUSED, None),
    (words("no words that we know"), ErrorClass.TOO_LARGE, ErrorClass.REFUSED, None),
    (words("header not found"), ErrorClass.MISSING, ErrorClass.MISSING, None),
    (words("the method does not exist", -32601), ErrorClass.REFUSED, ErrorClass.REFUSED, None),
    (AnswerTooLarge("a", "x"), ErrorClass.TOO_LARGE, ErrorClass.REFUSED, None),
    (AnswerMalformed("a", "x"), ErrorClass.MALFORMED, ErrorClass.MALFORMED, None),
    (AnswersDisagree("x"), ErrorClass.MISSING, ErrorClass.MISSING, None),
    (RPCForbidden("a", 401), ErrorClass.FORBIDDEN, ErrorClass.FORBIDDEN, None),
    (ReceiptsRefused(BlockNumber(1), "x"), ErrorClass.DISPROVED, ErrorClass.DISPROVED, None),
    (HeaderRefused(BlockNumber(1), "x"), ErrorClass.DISPROVED, ErrorClass.DISPROVED, None),
    (
        LogRefused(BlockNumber(1), 0, Address(bytes(20)), "x"),
        ErrorClass.DISPROVED,
        ErrorClass.DISPROVED,
        None,
    ),
]


@pytest.mark.parametrize(("error", "of_many", "of_one", "limited"), CASES)
def test_class_of__failure__by_what_it_says_and_how_many_blocks_it_is_about(
    error: IndexerError, of_many: ErrorClass, of_one: ErrorClass, limited: int | None
) -> None:
    assert class_of(error, MANY) is of_many
    assert class_of(error, ONE) is of_one
    assert limited_s(error, MANY) == limited
