"""Levels of proof, in their order."""

from dataclasses import replace

import pytest

from contracts.evm import Hash32
from indexer.blocks import Proof
from indexer.errors import HeaderRefused
from indexer.levels import Level, believed
from tests.fakes_chain import FakeChain


def test_reaches__levels__in_order() -> None:
    reached = {level: [least for least in Level if level.reaches(least)] for level in Level}

    assert reached == {
        Level.NONE: [Level.NONE],
        Level.HEADERS: [Level.NONE, Level.HEADERS],
        Level.RECEIPTS: list(Level),
    }


def test_proofs__receipts__neither_words_nor_agreement() -> None:
    assert Level.RECEIPTS.proofs == {Proof.EMPTY, Proof.RECEIPTS}
    assert Level.HEADERS.proofs == set(Proof)


@pytest.mark.parametrize("level", [Level.HEADERS, Level.RECEIPTS])
def test_believed__another_hash__refused_unless_nothing_is_to_be_proved(level: Level) -> None:
    header = FakeChain().canonical[0].header
    forged = replace(header, hash=Hash32(b"\x01" * 32))

    assert believed(header, level) is header
    assert believed(forged, Level.NONE) is forged
    with pytest.raises(HeaderRefused):
        believed(forged, level)
