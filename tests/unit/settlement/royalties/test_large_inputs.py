"""`read_inputs`: what one piece refuses, the stream refuses too."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.batches import LogColumns
from contracts.evm import BlockNumber, BlockRef, LogIndex, keccak
from settlement.errors import InputsDisagree
from settlement.royalties.certificate import Claim
from settlement.royalties.frame import EpochFrame
from settlement.royalties.input_digest import input_digest
from settlement.royalties.large_inputs import Place, ReadInputs, read_inputs
from tests.royalties_builders import FIRST_EPOCH, facts_of, sample_chain

CHAIN = sample_chain()
FACTS = facts_of(CHAIN, FIRST_EPOCH)
FRAME = FACTS.frame
LOGS = list(CHAIN.input_log_batches(FIRST_EPOCH, FRAME.reference))
PLACES = list(CHAIN.input_places(FIRST_EPOCH, boundary=FRAME.boundary, reference=FRAME.reference))
BLOCKS = list(CHAIN.input_blocks(FIRST_EPOCH, FRAME.reference))


def read(
    frame: EpochFrame = FRAME,
    logs: list[LogColumns] = LOGS,
    places: list[Place] = PLACES,
    blocks: list[BlockRef] = BLOCKS,
) -> ReadInputs:
    return read_inputs(frame, logs=logs, places=places, blocks=blocks)


def test_read_inputs__whole_streams__name_and_times() -> None:
    found = read()

    assert found.digest == input_digest(FACTS.logs)
    assert found.timestamps == {
        number: FACTS.blocks[number].timestamp for number in FRAME.work_terms.block_number
    }


def without_last(batch: LogColumns) -> LogColumns:
    return LogColumns(**{name: getattr(batch, name)[:-1] for name in LogColumns.__slots__})


def under_bloom(frame: EpochFrame) -> EpochFrame:
    """The frame with every block claimed to be empty."""
    certified = frame.certified
    blocks = tuple(block._replace(claim=Claim.EMPTY) for block in certified.blocks)
    return replace(frame, certified=replace(certified, blocks=blocks))


def with_more_verdicts(frame: EpochFrame) -> EpochFrame:
    verdicts = frame.verdicts
    more = replace(
        verdicts,
        block_number=[*verdicts.block_number, BlockNumber(10**6)],
        log_index=[*verdicts.log_index, LogIndex(0)],
    )
    return replace(frame, verdicts=more)


ONE_PLACE = (BlockNumber(10**6), LogIndex(0))
Change = Callable[[], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "no raw log where there is a decoded": lambda: {"logs": [*LOGS[:-1], without_last(LOGS[-1])]},
    "no raw log where": lambda: {"places": [*PLACES, ONE_PLACE]},
    "where there is no decoded event": lambda: {"places": PLACES[:-1]},
    "a raw log .* where there is a decoded": lambda: {"places": [PLACES[1], *PLACES[1:]]},
    "not in chain order": lambda: {
        "logs": [LOGS[0], LOGS[0], *LOGS[1:]],
        "places": [*PLACES[:2], *PLACES],
    },
    "raw logs are not in chain order": lambda: {
        "logs": [without_last(LOGS[0]), *LOGS],
        "places": [PLACES[0], *PLACES],
    },
    "block .* is not indexed": lambda: {"blocks": BLOCKS[:-1]},
    f"block {BLOCKS[0].number} is not indexed": lambda: {"blocks": BLOCKS[1:]},
    "names hash": lambda: {
        "blocks": [replace(BLOCKS[0], hash=keccak(b"another")), *BLOCKS[1:]],
    },
    "whose bloom rules it out": lambda: {"frame": under_bloom(FRAME)},
    "1 decoded events of rules have no log": lambda: {"frame": with_more_verdicts(FRAME)},
}


@pytest.mark.parametrize("says", CHANGES)
def test_read_inputs__streams_differ__refused(says: str) -> None:
    with pytest.raises(InputsDisagree, match=says) as refused:
        read(**CHANGES[says]())

    assert refused.value.epoch == FIRST_EPOCH
