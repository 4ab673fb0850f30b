"""The older of tag and depth, by hash, and never backwards."""

import pytest

from contracts.evm import BlockNumber
from indexer.chain import LocalChain
from indexer.errors import AnswersDisagree
from indexer.finality import FinalityRule, FinalityTag, finalized_block, finalized_number
from tests.fakes_chain import FakeChain

TAG, NONE = FinalityTag.FINALIZED, FinalityTag.NONE


@pytest.mark.parametrize(
    ("tag", "depth", "head", "tagged", "expected"),
    [
        (TAG, 12, 100, 60, 60),
        (TAG, 12, 100, 100, 88),  # a node whose tag means nothing
        (TAG, 12, 100, None, None),  # the chain has not finalized anything yet
        (TAG, 0, 100, 100, 100),
        (TAG, 12, 11, 5, None),
        (NONE, 12, 100, None, 88),
        (NONE, 12, 12, None, 0),
        (NONE, 12, 11, None, None),
    ],
)
def test_finalized_number__case__value(
    tag: FinalityTag, depth: int, head: int, tagged: int | None, expected: int | None
) -> None:
    rule = FinalityRule(tag=tag, depth_blocks=depth)
    tagged_number = None if tagged is None else BlockNumber(tagged)

    assert finalized_number(rule, head=BlockNumber(head), tagged=tagged_number) == expected


def test_finalized_block__cases__never_back_and_never_above_what_we_hold() -> None:
    chain = FakeChain()
    chain.mine(*[()] * 5)
    refs = [block.header.ref for block in chain.canonical]
    local = LocalChain(refs[2], tuple(refs[3:5]))

    def at(number: int | None) -> object:
        limit = None if number is None else BlockNumber(number)
        return finalized_block(local, number=limit, tagged=None)

    assert at(None) == refs[2]
    assert at(1) == refs[2]
    assert at(2) == refs[2]
    assert at(3) == refs[3]
    assert at(99) == refs[4]


def test_finalized_block__nothing_held__none() -> None:
    empty = LocalChain(None, ())

    assert finalized_block(empty, number=BlockNumber(7), tagged=None) is None


def test_finalized_block__start_block_above__none() -> None:
    chain = FakeChain()
    chain.mine(*[()] * 5)
    local = LocalChain(None, tuple(block.header.ref for block in chain.canonical[4:]))

    assert finalized_block(local, number=BlockNumber(2), tagged=None) is None


def test_finalized_block__tag_names_another_block__disagrees() -> None:
    chain = FakeChain()
    chain.mine(*[()] * 5)
    ours = [block.header.ref for block in chain.canonical]
    chain.reorg(3, *[()] * 3)
    theirs = chain.canonical[4].header.ref

    with pytest.raises(AnswersDisagree):
        finalized_block(LocalChain(ours[1], tuple(ours[2:])), number=BlockNumber(4), tagged=theirs)
