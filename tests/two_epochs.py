"""Two computed epochs, as a scripted chain and as the rows that an indexer and the engine write.

The first is `sample_chain`: two assets, a split in three, quarantined rows of every kind. The
second follows its committed manifest, with other terms and parameters, a split account, a fee and a
half-life; in it the film is under verdict, and Bob uses it still.
"""

from dataclasses import replace

from sqlalchemy import Connection, Engine, insert

from contracts.event_spec import ContractName, EventSpec
from contracts.events import EPOCH_COMMITTED, GUARDIAN_SET_CHANGED, SETTLEMENT_STARTED
from contracts.evm import BlockRef, Epoch, Hash32, LogIndex
from contracts.money_events import EpochCommitted
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, CURSOR, FACTS, LOG
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.compute_epoch import gather
from settlement.royalties.derivation import ComputedEpoch, EpochFacts, derive
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    CLOCK,
    FIRST_EPOCH,
    RECEIPTS,
    SETTLEMENT,
    NoCertificates,
    ScriptedChain,
    address,
    encoded,
    fee_json,
    parameters_json,
    sample_chain,
    work,
)
from tests.royalties_fakes import GUARDIANS

SONG, FILM = work("song"), work("film")
BAND = address("band")
NEXT_EPOCH = Epoch(FIRST_EPOCH + 1)


def computed_of(chain: ScriptedChain, epoch: int) -> ComputedEpoch:
    """An epoch that must be computable."""
    facts = gather(Epoch(epoch), settlement=SETTLEMENT, source=chain, store=NoCertificates())
    assert isinstance(facts, EpochFacts), facts
    return derive(facts)


def two_epochs() -> tuple[ScriptedChain, ComputedEpoch, ComputedEpoch]:
    """The chain after both, and both."""
    chain = sample_chain()
    _change_what_follows(chain)
    first = computed_of(chain, FIRST_EPOCH)
    chain.commit(FIRST_EPOCH, first.manifest_digest, active_at=0)
    chain.mine(CLOCK.end_of(NEXT_EPOCH) - 1)
    for subscriber, amount in ((BOB, 1_000_001), (CAT, 5)):
        chain.subscribe(subscriber, amount, epoch=NEXT_EPOCH)
    chain.submit(BOB, [(SONG, 10, 2), (FILM, 7, 1)], epoch=NEXT_EPOCH)
    chain.submit(CAT, [(SONG, 1, 1)], epoch=NEXT_EPOCH)
    chain.finish(NEXT_EPOCH)
    return chain, first, computed_of(chain, NEXT_EPOCH)


def _change_what_follows(chain: ScriptedChain) -> None:
    """A verdict, other terms and other parameters, in the last block of the first epoch."""
    known = len(chain.events)
    chain.place_verdict(FILM)
    chain.set_split(BAND, {BOB: 500_000, CAT: 500_000}, effective=NEXT_EPOCH)
    chain.set_terms(
        SONG,
        {ANN: 400_000, BOB: 300_000, BAND: 300_000},
        effective=NEXT_EPOCH,
        price_ppm=900_000,
        version=2,
    )
    data = parameters_json(k_ppm="500000", half_life="v1", fees=[fee_json("protocol", CAT, 25_000)])
    chain.set_parameters(data, effective=NEXT_EPOCH)
    block = next(one for one in chain.blocks if one.timestamp == CLOCK.end_of(FIRST_EPOCH) - 1)
    for at in range(known, len(chain.events)):
        index = LogIndex(sum(event.block == block for event in chain.events))
        chain.events[at] = replace(chain.events[at], block=block, log_index=index)
    chain.events.sort(key=lambda event: (event.block.number, event.log_index))


def store(engine: Engine, chain: ScriptedChain, *computed: ComputedEpoch) -> None:
    """Write the chain as facts, all of it final, and the epochs as computed."""
    with engine.begin() as connection:
        for block in chain.blocks:
            _store_block(connection, chain, block)
        last = {"number": chain.blocks[-1].number, "hash": chain.blocks[-1].hash}
        place = {"chain_id": SETTLEMENT.chain_id} | last
        connection.execute(insert(CHAIN_FINALITY).values(place))
        connection.execute(insert(CURSOR).values(place | {"sources_digest": Hash32(bytes(32))}))
        for event in chain.events:
            topics, data = encoded(event)
            _store_fact(connection, event.spec, event.block, event.log_index, event.values)
            connection.execute(
                insert(LOG).values(
                    **_place(event.spec, event.block, event.log_index),
                    topics=topics,
                    data=data,
                    transaction_hash=event.block.hash,
                    transaction_index=0,
                )
            )
        _store_start(connection, chain.blocks[0])
        for each in chain.commits:
            assert isinstance(each, EpochCommitted)
            _store_commit(connection, chain, each)
        for one in computed:
            ComputedEpochs(connection).record(one)


def _store_block(connection: Connection, chain: ScriptedChain, block: BlockRef) -> None:
    connection.execute(
        insert(BLOCK).values(
            chain_id=SETTLEMENT.chain_id,
            number=block.number,
            hash=block.hash,
            parent_hash=block.parent_hash,
            timestamp=block.timestamp,
            header=chain.headers[block.number],
            rows_digest=block.hash,
            proof=chain.proofs.get(block.number, RECEIPTS),
        )
    )


def _store_start(connection: Connection, block: BlockRef) -> None:
    """Events that no epoch is computed from, with indexes that no other event has."""
    contracts = SETTLEMENT.contracts
    started = {
        "clock": contracts[ContractName.EPOCH_CLOCK],
        "registry": contracts[ContractName.WORK_REGISTRY],
        "veto_window": 20,
    }
    guardians = {"guardian_set": 1, "threshold": 2, "guardians": list(GUARDIANS)}
    _store_fact(connection, SETTLEMENT_STARTED, block, 1_000, started)
    _store_fact(connection, GUARDIAN_SET_CHANGED, block, 1_001, guardians)


def _store_commit(connection: Connection, chain: ScriptedChain, each: EpochCommitted) -> None:
    block = chain.block(each.ref.block_number)
    assert block is not None
    totals: dict[str, object] = {
        column.name: []
        for field in EPOCH_COMMITTED.fields
        for column in field.columns
        if field.components
    }
    values = {
        "epoch": each.epoch,
        "attempt": each.attempt,
        "manifest_digest": each.manifest_digest,
        "root": each.root,
        "active_at": each.active_at,
        "guardian_set": 1,
        "signers": [],
    }
    _store_fact(connection, EPOCH_COMMITTED, block, 2_000, values | totals)


def _store_fact(
    connection: Connection, spec: EventSpec, block: BlockRef, log_index: int, values: object
) -> None:
    assert isinstance(values, dict)
    row = _place(spec, block, log_index) | values
    connection.execute(insert(FACTS[spec.table]).values(**row))


def _place(spec: EventSpec, block: BlockRef, log_index: int) -> dict[str, object]:
    return {
        "chain_id": SETTLEMENT.chain_id,
        "block_number": block.number,
        "log_index": log_index,
        "address": SETTLEMENT.contracts[spec.contract],
    }
