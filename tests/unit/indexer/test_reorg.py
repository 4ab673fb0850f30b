"""The table of cases: how a remote block fits onto ours."""

from dataclasses import replace

import pytest

from contracts.evm import BlockNumber, BlockRef
from indexer.chain import LocalChain
from indexer.reorg import Extend, NeedParent, Rewind, TooDeep, reconcile
from tests.fakes_chain import FakeChain

Fit = Extend | NeedParent | Rewind | TooDeep


def refs(chain: FakeChain) -> list[BlockRef]:
    return [block.header.ref for block in chain.canonical]


CHAIN = FakeChain()
CHAIN.mine(*[()] * 7)
OURS = refs(CHAIN)[:6]  # 0 … 5; block 6 is not held yet
NEXT, AFTER_NEXT = refs(CHAIN)[6:]
CHAIN.reorg(5, *[()] * 5)
THEIRS = refs(CHAIN)  # 0 … 2 are ours, 3 … 7 are not
CHAIN.reorg(7, *[()] * 7)
FOREIGN = refs(CHAIN)  # only 0 is ours

LOCAL = LocalChain(OURS[1], tuple(OURS[2:]))
YOUNG = LocalChain(None, tuple(OURS[1:]))


@pytest.mark.parametrize(
    ("local", "remote", "expected"),
    [
        (LocalChain(None, ()), NEXT, Extend()),
        (LOCAL, OURS[5], Extend()),
        (LOCAL, NEXT, Extend()),
        (LOCAL, AFTER_NEXT, NeedParent(BlockNumber(6), None)),
        (LOCAL, THEIRS[6], NeedParent(BlockNumber(5), THEIRS[5].hash)),
        (LOCAL, THEIRS[4], NeedParent(BlockNumber(3), THEIRS[3].hash)),
        (LOCAL, THEIRS[3], Rewind(OURS[2], OURS[5])),
        (LOCAL, OURS[3], Rewind(OURS[3], OURS[5])),
        (LOCAL, OURS[1], Rewind(OURS[1], OURS[5])),
        (LOCAL, FOREIGN[3], NeedParent(BlockNumber(2), FOREIGN[2].hash)),
        (LOCAL, FOREIGN[2], TooDeep(OURS[1], FOREIGN[2])),
        (LOCAL, FOREIGN[1], TooDeep(OURS[1], FOREIGN[1])),
        (YOUNG, FOREIGN[2], NeedParent(BlockNumber(1), FOREIGN[1].hash)),
        (YOUNG, FOREIGN[1], Rewind(None, OURS[5])),
        (YOUNG, OURS[0], Rewind(None, OURS[5])),
        (LocalChain(OURS[5], ()), NEXT, Extend()),
        (LocalChain(OURS[5], ()), THEIRS[6], TooDeep(OURS[5], THEIRS[6])),
        (LocalChain(OURS[5], ()), THEIRS[5], TooDeep(OURS[5], THEIRS[5])),
    ],
)
def test_reconcile__case__value(local: LocalChain, remote: BlockRef, expected: Fit) -> None:
    assert reconcile(local, remote) == expected


@pytest.mark.parametrize("theirs", [THEIRS, FOREIGN])
@pytest.mark.parametrize("local", [LOCAL, YOUNG, LocalChain(OURS[5], ())])
def test_reconcile__walk_down__ends_without_removing_finalized(
    local: LocalChain, theirs: list[BlockRef]
) -> None:
    remote = theirs[-1]
    steps = 0
    while isinstance(fit := reconcile(local, remote), NeedParent):
        assert fit.number < remote.number
        remote = theirs[fit.number]
        steps += 1

    assert steps <= len(theirs)
    if isinstance(fit, Rewind) and local.finalized is not None:
        assert fit.ancestor is not None
        assert fit.ancestor.number >= local.finalized.number


def test_reconcile__same_number_and_parent_as_our_head__rewinds_to_parent() -> None:
    twin = replace(OURS[5], hash=NEXT.hash)

    assert reconcile(LOCAL, twin) == Rewind(OURS[4], OURS[5])
