"""One range, from a chain that may forge, forget, move, or be shown by several endpoints."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.evm import BlockNumber, Hash32
from indexer.blame import blaming
from indexer.blocks import Proof
from indexer.errors import (
    AnswersDisagree,
    HeaderRefused,
    IndexerError,
    LogRefused,
    ReceiptsRefused,
)
from indexer.fetch_range import RangesHere, fetch_range
from indexer.levels import Level
from indexer.logs import LogBatch, log_batch
from indexer.plan import Question
from indexer.ports import ChainReader
from indexer.ranges import BlockRange
from tests.builders_chain import eventful_chain, transfer
from tests.fakes_chain import FakeChain, plan

RANGE = BlockRange(BlockNumber(2), BlockNumber(12))


def question(level: Level) -> Question:
    return plan(level=level).question


class TwoEndpoints(FakeChain):
    """Logs are given by two; the first answer that is refused brings up the other."""

    def blame(self, error: IndexerError) -> bool:
        self.served.clear()
        self.alter_logs = lambda logs: logs
        super().blame(error)
        return len(self.blamed) == 1

    def corroborated_by(
        self, ask: Callable[[ChainReader], LogBatch], logs: LogBatch, blocks: BlockRange
    ) -> int:
        assert len(ask(self)) == len(logs)
        assert (blocks.start, blocks.end) == (RANGE.start, RANGE.end)
        return 2


def two_endpoints() -> TwoEndpoints:
    chain = TwoEndpoints()
    chain.mine(*[[transfer(number)] for number in range(20)])
    return chain


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("is_final", [True, False])
def test_fetch_range__any_way_of_asking__same_digests(level: Level, is_final: bool) -> None:
    chain = eventful_chain(20)
    first = fetch_range(chain, question(Level.RECEIPTS), RANGE, is_final=True)

    again = RangesHere(chain, question(level)).take(RANGE, is_final=is_final, ahead_end=99)

    assert (again.range, again.blocks.refs()) == (RANGE, first.blocks.refs())
    assert (again.blocks.rows_digest == first.blocks.rows_digest).all()
    assert again.blocks.header == first.blocks.header


@pytest.mark.parametrize("level", [Level.HEADERS, Level.RECEIPTS])
def test_fetch_range__forged_header__refused(level: Level) -> None:
    chain = eventful_chain(20)
    chain.alter_header = lambda one: replace(one, gas_used=one.gas_used + (one.number == 5))

    with pytest.raises(HeaderRefused, match="block 5"):
        fetch_range(chain, question(level), RANGE, is_final=True)


def test_fetch_range__header_that_cannot_be_hashed__believed_where_nothing_is_proved() -> None:
    chain = eventful_chain(20)
    chain.alter_header = lambda one: replace(one, gas_used=one.gas_used + 1, logs_bloom=bytes(256))

    fetched = fetch_range(chain, question(Level.NONE), RANGE, is_final=True)

    assert set(fetched.blocks.proof.tolist()) == {Proof.STATED}
    assert fetched.decoded.rows


def test_fetch_range__blocks_of_two_forks__disagree() -> None:
    chain = eventful_chain(20)
    twin = eventful_chain(20)
    twin.reorg(15, *[[transfer(1)]] * 15)
    chain.canonical[8:] = twin.canonical[8:]

    with pytest.raises(AnswersDisagree, match="block 8 has parent"):
        fetch_range(chain, question(Level.RECEIPTS), RANGE, is_final=True)


def test_fetch_range__last_block_gone_afterwards__disagrees() -> None:
    chain = eventful_chain(12)
    chain.before_call = lambda name: chain.rewind(3) if name == "confirmed_by" else None

    with pytest.raises(AnswersDisagree, match="block 11 vanished"):
        fetch_range(chain, question(Level.RECEIPTS), RANGE, is_final=True)


def test_fetch_range__two_give_the_same_logs__corroborated_and_not_proved() -> None:
    fetched = fetch_range(two_endpoints(), question(Level.HEADERS), RANGE, is_final=True)

    assert set(fetched.blocks.proof.tolist()) == {Proof.CORROBORATED}


def test_fetch_range__receipt_left_out__blamed_and_asked_of_another() -> None:
    chain = two_endpoints()
    chain.forget_receipt(7)

    fetched = fetch_range(chain, question(Level.RECEIPTS), RANGE, is_final=True)

    assert [type(one) for one in chain.blamed] == [ReceiptsRefused]
    assert fetched.decoded.rows == len(RANGE)


def test_fetch_range__logs_of_another_block__blamed_and_asked_of_another() -> None:
    chain = two_endpoints()
    other = Hash32(b"\x07" * 32)
    chain.alter_logs = lambda logs: log_batch(
        row._replace(transaction_hash=other) for row in logs.rows()
    )

    fetched = fetch_range(chain, question(Level.HEADERS), RANGE, is_final=True)

    assert [type(one) for one in chain.blamed] == [LogRefused]
    assert fetched.decoded.rows == len(RANGE)


def test_blaming__nobody_left_to_ask__raises_the_last_refusal() -> None:
    chain = FakeChain()
    errors = iter([AnswersDisagree("first"), AnswersDisagree("second")])

    def fail() -> None:
        raise next(errors)

    with pytest.raises(AnswersDisagree, match="first"):
        blaming(chain, fail)
    assert len(chain.blamed) == 1
