"""The engine on the verifiers' stories: the third party to what becomes of every log.

Logs that no contract would emit are among them; what the engine publishes of a story must be, file
by file and byte by byte, what the verifier in JavaScript made of the same logs.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contracts.addresses import Settlement
from contracts.batches import LogColumns
from contracts.event_spec import ROYALTY_CONTRACTS
from contracts.events import EVENTS
from contracts.evm import (
    ZERO_HASH,
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    Timestamp,
    keccak,
)
from settlement.royalties.compute_epoch import gather
from settlement.royalties.derivation import EpochFacts, bundle_files, derive
from settlement.royalties.epoch import Timeline
from tests.console_stories import stories
from tests.console_story import CHAIN_ID, CONTRACTS, START_BLOCK, Event, Story
from tests.integration.test_verify_js_rules import bundles, epochs
from tests.royalties_builders import SETTLEMENT, AnyCertificate, ScriptedChain

NINE = Settlement(
    name="nine",
    chain_id=ChainId(CHAIN_ID),
    start_block=BlockNumber(START_BLOCK),
    contracts={name: Address(CONTRACTS[name.value]) for name in SETTLEMENT.contracts},
    tokens=(),
)
SPECS = {one.name: one for one in EVENTS if one.contract in ROYALTY_CONTRACTS}
HERE = {SETTLEMENT.contracts[name]: address for name, address in NINE.contracts.items()}


@dataclass(kw_only=True)
class StoryChain(ScriptedChain):
    """A story as the indexer would have it, and the block that makes its epoch final."""

    story: Story

    def __post_init__(self) -> None:
        story = self.story
        last = (story.start(story.epoch + 1) + story.grace, ())
        headers = [*story.headers(), b"the header of that block is in no certificate"]
        for header, (time, events) in zip(headers, [*story.blocks, last], strict=True):
            number = BlockNumber(START_BLOCK + len(self.blocks))
            self.headers[number] = header
            parent = self.blocks[-1].hash if self.blocks else ZERO_HASH
            at = Timestamp(time)
            block = BlockRef(number=number, hash=keccak(header), parent_hash=parent, timestamp=at)
            self.blocks.append(block)
            for event in events:
                self.tell(event)
        self.commit(story.epoch - 1, keccak(b"the manifest before"), active_at=0)

    def tell(self, event: Event) -> None:
        name, values = event
        spec = SPECS[name]
        fields = zip(spec.fields, values, strict=True)
        self._emit(spec, **{one.name: typed(one.abi_type, value) for one, value in fields})

    def clock(self) -> Timeline:
        story = self.story
        genesis = Timestamp(story.genesis)
        return Timeline(genesis=genesis, length=story.length, grace=story.grace)

    def input_logs(self, epoch: Epoch, upto: BlockRef, /) -> LogColumns:
        logs = super().input_logs(epoch, upto)
        return replace(logs, address=[HERE[address] for address in logs.address])


def typed(abi_type: str, value: Any) -> Any:
    """A value of an event as facts hold it."""
    if abi_type.endswith("[]"):
        return [typed(abi_type.removesuffix("[]"), one) for one in value]
    if abi_type == "address":
        return Address(value)
    return Hash32(value) if abi_type == "bytes32" else value


@pytest.mark.parametrize("name", stories())
def test_engine__story__publishes_what_the_verifiers_accept(name: str) -> None:
    story = stories()[name]
    source = StoryChain(story=story)
    facts = gather(Epoch(story.epoch), settlement=NINE, source=source, store=AnyCertificate())
    assert isinstance(facts, EpochFacts), facts

    published = bundle_files(derive(facts))

    expected = bundles()[name]
    assert set(published) == set(expected)
    for file in sorted(set(expected) - {"bundle.json", "manifest.json", "headers.jsonl"}):
        assert published[file] == expected[file], file
    manifest = json.loads(published["manifest.json"])
    theirs = json.loads(expected["manifest.json"])
    # The story makes up the certificate before; everything else is told by the logs.
    for document in (manifest, theirs):
        del document["completeness"]
    assert manifest == theirs
    assert manifest["tree"]["root"] == epochs()[name]["root"]
