"""Reads over facts of two settlements in one database: each sees its own, up to its block."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName, EventSpec
from contracts.events import (
    CONSUMPTION_SUBMITTED,
    EPOCH_CLOCK_STARTED,
    EPOCH_COMMITTED,
    EPOCH_FUNDED,
    EPOCH_VETOED,
    ESCROW_EXPIRED,
    ESCROW_RELEASED,
    LEAF_WITHDRAWN,
    PARAMETERS_SET,
    PAYEE_HELD,
    PAYEE_HOLD_LIFTED,
    PAYEE_HOLD_PLACED,
    PAYEE_PAID,
    PAYEE_UNCLAIMED,
    SPLIT_TERMS_SET,
    SUBSCRIBED,
    TIER_SET,
    UNALLOCATED_TRANSFER_ANNOUNCED,
    UNALLOCATED_TRANSFER_CANCELLED,
    UNALLOCATED_TRANSFERRED,
    UNCLAIMED_WITHDRAWN,
    VERDICT_LIFTED,
    VERDICT_PLACED,
    WORK_TERMS_SET,
)
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EpochVetoed,
    EscrowExpired,
    EscrowReleased,
    PayeeHoldLifted,
    PayeeHoldPlaced,
    UnallocatedTransferAnnounced,
    UnallocatedTransferCancelled,
    UnallocatedTransferred,
)
from contracts.units import UINT256_MAX
from indexer.adapters.money_reads import commitments, money_events
from indexer.adapters.reads import FactReads
from indexer.adapters.store import owned_chain
from indexer.blocks import Proof
from indexer.errors import NotIndexed
from scripts.embedded.postgres import PostgresServer
from tests.fakes_chain import CHAIN_ID, FakeChain, FakeLog, log_of, plan
from tests.postgres_facts import fact_engine, synced

ALICE, BOB, ASSET = Address(b"\x0a" * 20), Address(b"\x0b" * 20), Address(b"\x0c" * 20)
BAND = Address(b"\x0d" * 20)
WORK, TIER, CASE = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32), Hash32(b"\x03" * 32)
SEVEN = Epoch(7)


def settlement(seed: int) -> Settlement:
    kinds = ROYALTY_CONTRACTS
    addresses: dict[ContractName, Address] = {
        kind: Address(bytes((seed, place)) * 10) for place, kind in enumerate(kinds)
    }
    return Settlement(
        name=f"settlement-{seed}",
        chain_id=CHAIN_ID,
        start_block=BlockNumber(0),
        contracts=addresses,
        tokens=(),
    )


OURS, OTHERS = settlement(0xA0), settlement(0xB0)


def emitted(spec: EventSpec, *values: Any, by: Settlement = OURS) -> FakeLog:
    return log_of(spec, by.contracts[spec.contract], values)


def subscription(epoch: int, amount: int, by: Settlement = OURS) -> FakeLog:
    return emitted(SUBSCRIBED, ALICE, epoch, TIER, BOB, ASSET, amount, by=by)


def terms(effective_epoch: int) -> FakeLog:
    return emitted(
        WORK_TERMS_SET,
        *(WORK, ALICE, CASE, effective_epoch, 1, 5, TIER, [ALICE, BOB], [400_000, 600_000]),
    )


def split_terms(effective_epoch: int, by: Settlement = OURS) -> FakeLog:
    shares = [ALICE, BOB], [300_000, 700_000]
    return emitted(SPLIT_TERMS_SET, BAND, BOB, effective_epoch, 4, *shares, by=by)


def usage(epoch: int) -> FakeLog:
    return emitted(
        CONSUMPTION_SUBMITTED,
        ALICE,
        epoch,
        TIER,
        0,
        [WORK, CASE],
        [60, 0],
        [1, 2],
        [TIER, CASE],
        CASE,
    )


TOTALS = [(ASSET, UINT256_MAX, 0, 90, 0, 10, 0)]
STORY: tuple[list[FakeLog], ...] = (
    [emitted(EPOCH_CLOCK_STARTED, 900, 100, 10), emitted(EPOCH_CLOCK_STARTED, 1, 2, 1, by=OTHERS)],
    [terms(6), emitted(PARAMETERS_SET, 7, CASE, b"{}"), emitted(TIER_SET, TIER, ASSET, 7, 5)],
    [subscription(7, 100), subscription(8, 200), subscription(7, 300, by=OTHERS)],
    [emitted(EPOCH_FUNDED, 7, ASSET, BOB, 100), emitted(EPOCH_FUNDED, 7, ASSET, BOB, 1, by=OTHERS)],
    [usage(7), emitted(VERDICT_PLACED, WORK, CASE), usage(8)],
    [
        emitted(VERDICT_LIFTED, WORK, CASE),
        terms(8),
        emitted(PARAMETERS_SET, 8, CASE, b"[]"),
        split_terms(7),
        split_terms(8),
        split_terms(7, by=OTHERS),
    ],
    [],
    [
        emitted(EPOCH_COMMITTED, 7, 1, CASE, WORK, 5_000, 1, [ALICE, BOB], TOTALS),
        emitted(EPOCH_VETOED, 7, 1, ALICE, CASE),
        emitted(EPOCH_COMMITTED, 8, 1, CASE, WORK, 5_000, 1, [], []),
    ],
    [
        emitted(LEAF_WITHDRAWN, CASE, 7, WORK, 0, ASSET, 90),
        emitted(PAYEE_PAID, CASE, ALICE, ASSET, 40, 0),
        emitted(PAYEE_UNCLAIMED, CASE, BOB, ASSET, 50, 1),
    ],
    [subscription(7, 400), emitted(UNCLAIMED_WITHDRAWN, BOB, ASSET, ALICE, 50)],
    [
        emitted(PAYEE_HOLD_PLACED, ALICE, CASE, 9_000),
        emitted(PAYEE_HELD, CASE, ALICE, ASSET, 7, 2),
        emitted(ESCROW_RELEASED, CASE, 7, WORK, ASSET, BOB, 5),
        emitted(ESCROW_EXPIRED, CASE, 7, WORK, ASSET, 6),
        emitted(UNALLOCATED_TRANSFER_ANNOUNCED, TIER, 7, ASSET, BOB, 10, 8_000),
        emitted(PAYEE_HOLD_PLACED, BOB, CASE, 9_000, by=OTHERS),
    ],
    [
        emitted(UNALLOCATED_TRANSFER_ANNOUNCED, WORK, 7, ASSET, BOB, 3, 8_000),
        emitted(UNALLOCATED_TRANSFER_CANCELLED, WORK, ALICE),
        emitted(UNALLOCATED_TRANSFERRED, TIER, 7, ASSET, BOB, 10),
        emitted(PAYEE_HOLD_LIFTED, ALICE),
    ],
)
"""Blocks 1 to 12, one list of logs each."""


@pytest.fixture(scope="module")
def chain() -> FakeChain:
    chain = FakeChain()
    for place, logs in enumerate(STORY):
        chain.mine(logs, seconds=place % 2)  # pairs of blocks share a timestamp
    return chain


@pytest.fixture(scope="module")
def engine(postgres_server: PostgresServer, chain: FakeChain) -> Iterator[Engine]:
    of = replace(plan(depth_blocks=2), sources=OURS.sources() | OTHERS.sources())
    with fact_engine(postgres_server.url("reads")) as engine:
        with owned_chain(engine, CHAIN_ID) as store:
            synced(of, chain, store)
        yield engine


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def reads(connection: Connection) -> FactReads:
    return FactReads(connection, OURS)


def ref(chain: FakeChain, number: int) -> BlockRef:
    return chain.canonical[number].header.ref


def test_positions__indexed_chain__head_and_finalized(reads: FactReads, chain: FakeChain) -> None:
    assert reads.head() == ref(chain, 12)
    assert reads.finalized() == ref(chain, 10)
    assert reads.block(BlockNumber(3)) == ref(chain, 3)
    assert reads.block(BlockNumber(13)) is None


def test_positions__nothing_indexed__none(connection: Connection) -> None:
    elsewhere = FactReads(connection, replace(OURS, chain_id=ChainId(CHAIN_ID + 1)))

    assert (elsewhere.head(), elsewhere.finalized(), elsewhere.clock()) == (None, None, None)


def test_clock__two_settlements__our_own(connection: Connection, reads: FactReads) -> None:
    clock = reads.clock()

    assert clock is not None
    assert (clock.genesis, clock.length, clock.grace) == (900, 100, 10)
    assert FactReads(connection, OTHERS).clock() == (1, 2, 1)


def test_highest_block_before__every_second__as_a_scan_finds_it(
    reads: FactReads, chain: FakeChain
) -> None:
    for upto in (5, 12):
        blocks = [block.header.ref for block in chain.canonical[: upto + 1]]
        for second in range(998, 1010):
            earlier = [block for block in blocks if block.timestamp < second]
            at = ref(chain, upto)

            found = reads.highest_block_before(Timestamp(second), at)

            assert found == (earlier[-1] if earlier else None)


def test_block_evidence__range__half_open_and_only_what_is_indexed(
    reads: FactReads, chain: FakeChain
) -> None:
    evidence = list(reads.block_evidence(BlockNumber(2), BlockNumber(6)))
    beyond = list(reads.block_evidence(BlockNumber(11), BlockNumber(15)))

    assert [one.number for one in evidence] == [2, 3, 4, 5]
    assert [one.hash for one in evidence] == [ref(chain, number).hash for number in range(2, 6)]
    assert [keccak(one.header) for one in evidence] == [one.hash for one in evidence]
    assert {one.proof for one in evidence} <= set(Proof)
    assert [one.number for one in beyond] == [11, 12]
    assert list(reads.block_evidence(BlockNumber(6), BlockNumber(6))) == []


def test_subscribed__epoch__ours_up_to_the_block(reads: FactReads, chain: FakeChain) -> None:
    early = reads.subscribed(SEVEN, ref(chain, 8))
    late = reads.subscribed(SEVEN, ref(chain, 12))

    assert (early.block_number, early.amount) == ([3], [100])
    assert (late.block_number, late.amount) == ([3, 10], [100, 400])
    assert late.subscriber == [ALICE, ALICE]
    assert (late.tier_id[0], late.payer[0], late.asset[0]) == (TIER, BOB, ASSET)
    assert len(reads.subscribed(Epoch(9), ref(chain, 12))) == 0


def test_consumption__epoch__arrays_typed(reads: FactReads, chain: FakeChain) -> None:
    columns = reads.consumption(SEVEN, ref(chain, 12))

    assert len(columns) == 1
    assert columns.work_ids == [[WORK, CASE]]
    assert type(columns.work_ids[0][0]) is Hash32
    assert (columns.minutes_played, columns.plays) == ([[60, 0]], [[1, 2]])
    assert (columns.pseudonyms, columns.digest, columns.part) == ([[TIER, CASE]], [CASE], [0])


def test_funded__epoch__ours(reads: FactReads, chain: FakeChain) -> None:
    columns = reads.funded(SEVEN, ref(chain, 12))

    assert (columns.asset, columns.source, columns.amount) == ([ASSET], [BOB], [100])


@pytest.mark.parametrize(("epoch", "count"), [(5, 0), (6, 1), (7, 1), (8, 2)])
def test_work_terms__effective_epoch__up_to_and_in_it(
    reads: FactReads, chain: FakeChain, epoch: int, count: int
) -> None:
    columns = reads.work_terms(ref(chain, 12), Epoch(epoch))

    assert len(columns) == count
    assert columns.payees == [[ALICE, BOB]] * count
    assert columns.shares_ppm == [[400_000, 600_000]] * count


@pytest.mark.parametrize(("epoch", "count"), [(6, 0), (7, 1), (8, 2)])
def test_split_terms__effective_epoch__ours_up_to_and_in_it(
    reads: FactReads, chain: FakeChain, epoch: int, count: int
) -> None:
    columns = reads.split_terms(ref(chain, 12), Epoch(epoch))

    assert columns.account == [BAND] * count
    assert (columns.owner, columns.version) == ([BOB] * count, [4] * count)
    assert columns.payees == [[ALICE, BOB]] * count
    assert columns.shares_ppm == [[300_000, 700_000]] * count
    assert columns.effective_epoch == [7, 8][:count]
    assert (
        list(zip(columns.block_number, columns.log_index, strict=True)) == [(6, 3), (6, 4)][:count]
    )
    assert len(reads.split_terms(ref(chain, 5), Epoch(epoch))) == 0


def test_parameters__effective_epoch__bytes_as_emitted(reads: FactReads, chain: FakeChain) -> None:
    assert reads.parameters(ref(chain, 12), SEVEN).parameters == [b"{}"]
    assert reads.parameters(ref(chain, 12), Epoch(8)).parameters == [b"{}", b"[]"]


def test_verdicts__both_kinds__in_chain_order(reads: FactReads, chain: FakeChain) -> None:
    assert reads.verdicts(ref(chain, 5)).is_placed == [True]
    columns = reads.verdicts(ref(chain, 12))
    assert (columns.is_placed, columns.work_id) == ([True, False], [WORK, WORK])
    assert list(zip(columns.block_number, columns.log_index, strict=True)) == [(5, 1), (6, 0)]


def test_input_logs__epoch__exactly_its_inputs(reads: FactReads, chain: FakeChain) -> None:
    logs = reads.input_logs(SEVEN, ref(chain, 9))

    expected = [(1, 0), (2, 0), (2, 1), (3, 0), (4, 0), (5, 0), (5, 1), (6, 0), (6, 3)]
    assert list(zip(logs.block_number, logs.log_index, strict=True)) == expected
    for row, (number, index) in enumerate(expected):
        log = chain.canonical[number].logs[index]
        assert (logs.address[row], logs.data[row]) == (log.address, log.data)
        assert logs.topics[row] == list(log.topics)
        assert logs.block_hash[row] == ref(chain, number).hash


def test_money_events__range__typed_and_in_chain_order(reads: FactReads, chain: FakeChain) -> None:
    events = reads.money_events(BlockNumber(4), ref(chain, 12))
    funded = reads.money_events(BlockNumber(0), ref(chain, 4))

    kinds = [type(event).__name__ for event in events]
    assert kinds == [
        *("EpochCommitted", "EpochVetoed", "EpochCommitted"),
        *("LeafWithdrawn", "PayeePaid", "PayeeUnclaimed", "UnclaimedWithdrawn"),
        *("PayeeHeld", "EscrowReleased", "EscrowExpired", "UnallocatedTransferred"),
    ]
    _, released, expired, transferred = events[-4:]
    assert isinstance(released, EscrowReleased)
    assert (released.escrow_id, released.beneficiary, released.amount) == (WORK, BOB, 5)
    assert isinstance(expired, EscrowExpired)
    assert (expired.op_id, expired.epoch, expired.amount) == (CASE, SEVEN, 6)
    assert isinstance(transferred, UnallocatedTransferred)
    assert (transferred.transfer_id, transferred.to, transferred.amount) == (TIER, BOB, 10)
    first = events[0]
    assert isinstance(first, EpochCommitted)
    assert first.ref == LogRef(CHAIN_ID, BlockNumber(8), events[0].ref.log_index)
    assert (first.block_hash, first.timestamp) == (ref(chain, 8).hash, ref(chain, 8).timestamp)
    assert (first.signers, first.root, first.active_at) == ((ALICE, BOB), WORK, 5_000)
    assert [line.words() for line in first.totals] == TOTALS
    assert [type(event) for event in funded] == [EpochFunded]


def test_hold_events__up_to_a_block__ours_in_chain_order(
    reads: FactReads, chain: FakeChain
) -> None:
    before = reads.hold_events(ref(chain, 11))
    after = reads.hold_events(ref(chain, 12))

    (placed,) = before
    assert isinstance(placed, PayeeHoldPlaced)
    assert (placed.account, placed.reason_digest, placed.expires_at) == (ALICE, CASE, 9_000)
    assert [type(event) for event in after] == [PayeeHoldPlaced, PayeeHoldLifted]
    assert reads.hold_events(ref(chain, 10)) == []


def test_transfer_events__up_to_a_block__in_chain_order(reads: FactReads, chain: FakeChain) -> None:
    before = reads.transfer_events(ref(chain, 11))
    after = reads.transfer_events(ref(chain, 12))

    assert [type(event) for event in before] == [UnallocatedTransferAnnounced]
    assert [type(event) for event in after] == [
        *(UnallocatedTransferAnnounced, UnallocatedTransferAnnounced),
        *(UnallocatedTransferCancelled, UnallocatedTransferred),
    ]
    assert [event.transfer_id for event in after] == [TIER, WORK, WORK, TIER]


def test_money_events__two_settlements__each_its_own(
    connection: Connection, chain: FakeChain
) -> None:
    upto = ref(chain, 12)

    theirs = money_events(connection, OTHERS, after=BlockNumber(0), upto=upto)

    assert [(type(event), event.ref.block_number) for event in theirs] == [(EpochFunded, 4)]
    assert commitments(connection, OTHERS, epoch=SEVEN, upto=upto) == []


def test_money_events__empty_range__nothing(reads: FactReads, chain: FakeChain) -> None:
    assert reads.money_events(BlockNumber(12), ref(chain, 12)) == []


def test_commitments__epoch__commit_and_veto(reads: FactReads, chain: FakeChain) -> None:
    events = reads.commitments(SEVEN, ref(chain, 12))

    assert [type(event) for event in events] == [EpochCommitted, EpochVetoed]
    assert all(event.epoch == SEVEN for event in events)
    assert reads.commitments(SEVEN, ref(chain, 7)) == []


def test_reads__block_that_is_not_in_the_index__refused(reads: FactReads, chain: FakeChain) -> None:
    twin = replace(ref(chain, 11), hash=CASE)
    beyond = replace(ref(chain, 12), number=BlockNumber(13))

    for at in (twin, beyond):
        with pytest.raises(NotIndexed):
            reads.subscribed(SEVEN, at)
        with pytest.raises(NotIndexed):
            reads.verdicts(at)
        with pytest.raises(NotIndexed):
            reads.input_logs(SEVEN, at)
        with pytest.raises(NotIndexed):
            reads.money_events(BlockNumber(0), at)
        with pytest.raises(NotIndexed):
            reads.hold_events(at)
        with pytest.raises(NotIndexed):
            reads.transfer_events(at)
        with pytest.raises(NotIndexed):
            reads.highest_block_before(Timestamp(1_000), at)
