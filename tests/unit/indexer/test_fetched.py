"""A fetched range against what we hold."""

from dataclasses import replace

import numpy as np
import pytest

from contracts.evm import Address, BlockNumber, Hash32, Timestamp
from indexer.blocks import BlockBatch
from indexer.errors import ABIMismatch, AnswersDisagree, HeaderRefused, ProofContradicts
from indexer.fetch_range import fetch_range
from indexer.fetched import FetchedRange, check_equal, check_events, check_on_head
from indexer.ranges import BlockRange
from tests.builders_chain import erc721_transfer, eventful_chain
from tests.fakes_chain import CHAIN_ID, SOURCES, TOKEN, FakeChain, plan


def fetched(chain: FakeChain, start: int, end: int) -> FetchedRange:
    blocks = BlockRange(BlockNumber(start), BlockNumber(end))
    return fetch_range(chain, plan().question, blocks, is_final=True)


def changed(blocks: BlockBatch, row: int, column: str) -> BlockBatch:
    """The same blocks but for one bit of one row."""
    values = getattr(blocks, column).copy()
    values[row, 0] ^= 1
    return replace(blocks, **{column: values})


def test_check_on_head__child_of_our_head__passes() -> None:
    chain = eventful_chain(10)

    check_on_head(fetched(chain, 4, 8).blocks, chain.canonical[3].header.ref)
    check_on_head(fetched(chain, 4, 8).blocks, None)


def test_check_on_head__others__refused() -> None:
    chain = eventful_chain(10)
    blocks, head = fetched(chain, 4, 8).blocks, chain.canonical[3].header.ref

    with pytest.raises(AnswersDisagree, match="block 4 has parent"):
        check_on_head(blocks, replace(head, hash=Hash32(b"\x01" * 32)))
    with pytest.raises(HeaderRefused, match="came after block 2"):
        check_on_head(blocks, chain.canonical[2].header.ref)
    with pytest.raises(HeaderRefused, match="is before"):
        check_on_head(blocks, replace(head, timestamp=Timestamp(head.timestamp + 10**6)))


def test_check_events__contract_without_a_good_event__named() -> None:
    chain = FakeChain()
    chain.mine([], [erc721_transfer()], [erc721_transfer()])
    decoded = fetched(chain, 0, 4).decoded

    check_events(decoded, SOURCES, {TOKEN: True})
    with pytest.raises(ABIMismatch) as caught:
        check_events(decoded, SOURCES, {TOKEN: False})

    error = caught.value
    assert (error.address, error.number, error.log_index) == (TOKEN, 2, 0)
    assert str(Address(TOKEN)) in str(error)


def test_check_equal__the_same__passes() -> None:
    chain = eventful_chain(10)

    check_equal(CHAIN_ID, fetched(chain, 4, 8).blocks, fetched(chain, 4, 8).blocks)


@pytest.mark.parametrize(
    ("column", "what"), [("hash", "another hash"), ("rows_digest", "other logs")]
)
@pytest.mark.parametrize("row", range(4))
def test_check_equal__one_bit__names_the_block(column: str, what: str, row: int) -> None:
    blocks = fetched(eventful_chain(10), 4, 8).blocks

    with pytest.raises(ProofContradicts, match=rf"block {4 + row} .* {what}"):
        check_equal(CHAIN_ID, blocks, changed(blocks, row, column))


def test_fetched__logs_read__counts_those_of_others() -> None:
    chain = FakeChain()
    foreign = replace(erc721_transfer(), address=Address(b"\x99" * 20))
    chain.mine([erc721_transfer(), foreign, foreign])

    one = fetched(chain, 0, 2)

    assert (one.logs_read, len(one.decoded.raw)) == (3, 1)
    assert np.count_nonzero(one.blocks.proof) == 2
