"""A scripted chain of royalty events, readable as decoded columns and as raw logs alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import rlp
from eth_abi.abi import encode

from contracts.addresses import Settlement
from contracts.approvals import AssetTotals
from contracts.batches import (
    BlockEvidence,
    ConsumptionColumns,
    FundedColumns,
    LogColumns,
    ParametersColumns,
    SplitTermsColumns,
    SubscribedColumns,
    VerdictColumns,
    WorkTermsColumns,
)
from contracts.canonical import canonical_json
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName, EventSpec
from contracts.events import (
    CONSUMPTION_SUBMITTED,
    EPOCH_CLOCK_STARTED,
    EPOCH_FUNDED,
    PARAMETERS_SET,
    SPLIT_TERMS_SET,
    SUBSCRIBED,
    VERDICT_LIFTED,
    VERDICT_PLACED,
    WORK_TERMS_SET,
)
from contracts.evm import (
    ZERO_HASH,
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.money_events import EpochCommitted, EpochVetoed
from contracts.typed_data import usage_digest
from contracts.units import BaseUnits
from settlement.royalties.completeness import CertificateStore
from settlement.royalties.compute_epoch import gather
from settlement.royalties.derivation import EpochFacts
from settlement.royalties.epoch import Timeline
from settlement.royalties.inputs import EpochScope

REGION = keccak(b"anywhere")
TIER = keccak(b"light")
CONTENT = keccak(b"a song")
GENESIS, LENGTH, GRACE = 1_000_000, 100, 20
START_BLOCK = BlockNumber(5)

CLOCK = Timeline(genesis=Timestamp(GENESIS), length=LENGTH, grace=GRACE)
FIRST_EPOCH = Epoch(3)


def address(name: str) -> Address:
    return Address(keccak(name.encode())[:20])


def work(name: str) -> Hash32:
    """An id below the scalar field."""
    return Hash32.from_int(int.from_bytes(keccak(name.encode()), "big") >> 8)


ANY_LOG, NO_LOG = b"\xff" * 256, bytes(256)
"""Blooms of a block that may hold any log, and of one that holds none."""
STATED, EMPTY, RECEIPTS, CORROBORATED = range(4)
"""Values of `BlockEvidence.proof`."""


def header_of(number: int, parent: bytes, timestamp: int, bloom: bytes) -> bytes:
    """RLP of a header with the fields of London."""
    fixed = [bytes(32), bytes(20), bytes(32), bytes(32), bytes(32)]
    rest = [0, number, 30_000_000, 21_000, timestamp, b"", bytes(32), bytes(8), 7]
    data: bytes = rlp.encode([parent, *fixed, bloom, *rest])
    return data


DUSD, EURT = sorted((address("DUSD"), address("EURT")))
ANN, BOB, CAT = sorted((address("Ann"), address("Bob"), address("Cat")))

SETTLEMENT = Settlement(
    name="test",
    chain_id=ChainId(31337),
    start_block=START_BLOCK,
    contracts={name: address(name.value) for name in ROYALTY_CONTRACTS},
    tokens=(DUSD,),
)


def parameters_json(**changes: Any) -> bytes:
    document = {
        "k_ppm": "1000000",
        "plays_max": "100000",
        "regions": {str(REGION): "1000000"},
        "ruleset": "usercentric-v1",
    }
    return canonical_json(document | changes)


def fee_json(name: str, payee: Address, rate_ppm: int) -> dict[str, str]:
    """One entry of the fees in the parameters."""
    return {"name": name, "payee": "0x" + payee.hex(), "ppm": str(rate_ppm)}


@dataclass(frozen=True)
class _Event:
    block: BlockRef
    log_index: LogIndex
    spec: EventSpec
    values: dict[str, Any]


@dataclass
class ScriptedChain:
    """Blocks, events and commitments; satisfies `compute_epoch.EpochSource`.

    The clock, parameters and the start block are there from the beginning; the last block is
    finalized. Every block's logs are proved from receipts unless `proofs` says otherwise; blocks in
    `unindexed` are not there.
    """

    blocks: list[BlockRef] = field(default_factory=list)
    events: list[_Event] = field(default_factory=list)
    commits: list[EpochCommitted | EpochVetoed] = field(default_factory=list)
    headers: dict[int, bytes] = field(default_factory=dict)
    proofs: dict[int, int] = field(default_factory=dict)
    unindexed: set[int] = field(default_factory=set)
    has_clock: bool = True
    first_block_at: int = GENESIS + FIRST_EPOCH * LENGTH + 1

    def __post_init__(self) -> None:
        self.mine(self.first_block_at)
        self._emit(EPOCH_CLOCK_STARTED, genesis=GENESIS, length=LENGTH, grace=GRACE)
        now = CLOCK.epoch_at(self.blocks[-1].timestamp)
        self.set_parameters(parameters_json(), effective=now)

    def mine(self, timestamp: int, *, bloom: bytes = ANY_LOG) -> BlockRef:
        """Add a block; events go to the last one."""
        number = BlockNumber(START_BLOCK + len(self.blocks))
        parent = self.blocks[-1].hash if self.blocks else ZERO_HASH
        self.headers[number] = header_of(number, parent, timestamp, bloom)
        block = BlockRef(
            number=number,
            hash=keccak(self.headers[number]),
            parent_hash=parent,
            timestamp=Timestamp(timestamp),
        )
        self.blocks.append(block)
        return block

    def finish(self, epoch: int) -> None:
        """Mine the block that makes an epoch computable."""
        self.mine(CLOCK.grace_end_of(Epoch(epoch)))

    def set_parameters(self, data: bytes, *, effective: int, block: int | None = None) -> None:
        """Set parameters in the last block, or after all other logs of an earlier one."""
        values = {"effective_epoch": effective, "digest": keccak(data), "parameters": data}
        self._emit(PARAMETERS_SET, **values)
        if block is not None:
            place = self.blocks[block - START_BLOCK]
            index = LogIndex(sum(event.block == place for event in self.events))
            self.events[-1] = _Event(place, index, PARAMETERS_SET, values)
            self.events.sort(key=lambda event: (event.block.number, event.log_index))

    def set_terms(
        self,
        work_id: Hash32,
        shares: dict[Address, int],
        *,
        effective: int | None = None,
        price_ppm: int = 1_000_000,
        region_rule: Hash32 = REGION,
        content_id: Hash32 = CONTENT,
        version: int = 1,
    ) -> None:
        """Set terms, in force at once unless `effective` says otherwise; no shares: recognise."""
        self._emit(
            WORK_TERMS_SET,
            work_id=work_id,
            registrant=ANN,
            content_id=content_id,
            effective_epoch=self._now() if effective is None else effective,
            version=version,
            price_ppm=price_ppm,
            region_rule=region_rule,
            payees=sorted(shares),
            shares_ppm=[shares[payee] for payee in sorted(shares)],
        )

    def set_split(
        self,
        account: Address,
        shares: dict[Address, int],
        *,
        effective: int | None = None,
        version: int = 1,
    ) -> None:
        """Set the terms of a split account, in force at once unless `effective` says otherwise."""
        self._emit(
            SPLIT_TERMS_SET,
            account=account,
            owner=BOB,
            effective_epoch=self._now() if effective is None else effective,
            version=version,
            payees=sorted(shares),
            shares_ppm=[shares[payee] for payee in sorted(shares)],
        )

    def place_verdict(self, work_id: Hash32) -> None:
        self._emit(VERDICT_PLACED, work_id=work_id, case_digest=keccak(b"case"))

    def lift_verdict(self, work_id: Hash32) -> None:
        self._emit(VERDICT_LIFTED, work_id=work_id, case_digest=keccak(b"case"))

    def fund(self, epoch: int, asset: Address, amount: int) -> None:
        tiers = SETTLEMENT.contracts[ContractName.SUBSCRIPTION_TIERS]
        self._emit(EPOCH_FUNDED, epoch=epoch, asset=asset, source=tiers, amount=amount)

    def drop_last_funding(self) -> None:
        """Make the chain inconsistent: a subscription without its money."""
        last = max(at for at, event in enumerate(self.events) if event.spec is EPOCH_FUNDED)
        del self.events[last]

    def subscribe(
        self,
        subscriber: Address,
        amount: int,
        *,
        epoch: int = FIRST_EPOCH,
        asset: Address = DUSD,
        tier_id: Hash32 = TIER,
    ) -> None:
        self.fund(epoch, asset, amount)
        self._emit(
            SUBSCRIBED,
            subscriber=subscriber,
            epoch=epoch,
            tier_id=tier_id,
            payer=subscriber,
            asset=asset,
            amount=amount,
        )

    def submit(
        self,
        submitter: Address,
        rows: Sequence[tuple[Hash32, int, int]],
        *,
        epoch: int = FIRST_EPOCH,
        part: int = 0,
        tier_id: Hash32 = TIER,
        pseudonyms: Sequence[Hash32] | None = None,
    ) -> None:
        """Report usage rows (work, minutes, plays)."""
        stem = bytes(submitter) + bytes([epoch & 255, part])
        named = pseudonyms or [work((stem + bytes([at])).hex()) for at in range(len(rows))]
        values: dict[str, Any] = {
            "submitter": submitter,
            "epoch": epoch,
            "tier_id": tier_id,
            "part": part,
            "work_ids": [row[0] for row in rows],
            "minutes_played": [row[1] for row in rows],
            "plays": [row[2] for row in rows],
            "pseudonyms": list(named),
        }
        self._emit(CONSUMPTION_SUBMITTED, **values, digest=usage_digest(**values))

    def commit(self, epoch: int, digest: Hash32, *, active_at: int, attempt: int = 1) -> None:
        self.commits.append(
            EpochCommitted(
                ref=LogRef(SETTLEMENT.chain_id, self.blocks[-1].number, LogIndex(0)),
                block_hash=self.blocks[-1].hash,
                timestamp=self.blocks[-1].timestamp,
                epoch=Epoch(epoch),
                attempt=attempt,
                manifest_digest=digest,
                root=ZERO_HASH,
                active_at=Timestamp(active_at),
                guardian_set=1,
                signers=(),
                totals=(),
            )
        )

    def veto(self, epoch: int, *, attempt: int = 1) -> None:
        self.commits.append(
            EpochVetoed(
                ref=LogRef(SETTLEMENT.chain_id, self.blocks[-1].number, LogIndex(1)),
                block_hash=self.blocks[-1].hash,
                timestamp=self.blocks[-1].timestamp,
                epoch=Epoch(epoch),
                attempt=attempt,
                by=ANN,
                reason_digest=ZERO_HASH,
            )
        )

    # The Protocols `EpochSource` and `LargeSource`.

    def clock(self) -> Timeline | None:
        return CLOCK if self.has_clock else None

    def finalized(self) -> BlockRef | None:
        return self.blocks[-1] if self.blocks else None

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef, /) -> BlockRef | None:
        earlier = (
            block
            for block in self.blocks
            if block.timestamp < timestamp and block.number <= upto.number
        )
        return max(earlier, key=lambda block: block.number, default=None)

    def block(self, number: BlockNumber, /) -> BlockRef | None:
        found = (block for block in self.blocks if block.number == number)
        return next(found, None)

    def block_evidence(self, start: BlockNumber, end: BlockNumber, /) -> Iterator[BlockEvidence]:
        return (
            BlockEvidence(
                number=block.number,
                hash=block.hash,
                header=self.headers[block.number],
                proof=self.proofs.get(block.number, RECEIPTS),
            )
            for block in self.blocks
            if start <= block.number < end and block.number not in self.unindexed
        )

    def subscribed(self, epoch: Epoch, upto: BlockRef, /) -> SubscribedColumns:
        names = ("subscriber", "tier_id", "payer", "asset", "amount")
        return SubscribedColumns(**self._columns(SUBSCRIBED, names, upto, epoch=epoch))

    def funded(self, epoch: Epoch, upto: BlockRef, /) -> FundedColumns:
        names = ("asset", "source", "amount")
        return FundedColumns(**self._columns(EPOCH_FUNDED, names, upto, epoch=epoch))

    def consumption(self, epoch: Epoch, upto: BlockRef, /) -> ConsumptionColumns:
        names = tuple(f.name for f in CONSUMPTION_SUBMITTED.fields if f.name != "epoch")
        return ConsumptionColumns(**self._columns(CONSUMPTION_SUBMITTED, names, upto, epoch=epoch))

    def work_terms(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> WorkTermsColumns:
        names = tuple(f.name for f in WORK_TERMS_SET.fields)
        columns = self._columns(WORK_TERMS_SET, names, upto, effective_max=effective_epoch_max)
        return WorkTermsColumns(**columns)

    def split_terms(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> SplitTermsColumns:
        names = tuple(f.name for f in SPLIT_TERMS_SET.fields)
        columns = self._columns(SPLIT_TERMS_SET, names, upto, effective_max=effective_epoch_max)
        return SplitTermsColumns(**columns)

    def parameters(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> ParametersColumns:
        names = tuple(f.name for f in PARAMETERS_SET.fields)
        columns = self._columns(PARAMETERS_SET, names, upto, effective_max=effective_epoch_max)
        return ParametersColumns(**columns)

    def verdicts(self, upto: BlockRef, /) -> VerdictColumns:
        events = [
            event for event in self._upto(upto) if event.spec in (VERDICT_PLACED, VERDICT_LIFTED)
        ]
        return VerdictColumns(
            block_number=[event.block.number for event in events],
            log_index=[event.log_index for event in events],
            work_id=[event.values["work_id"] for event in events],
            is_placed=[event.spec is VERDICT_PLACED for event in events],
        )

    def input_logs(self, epoch: Epoch, upto: BlockRef, /) -> LogColumns:
        events = self._inputs(epoch, upto)
        logs = [encoded(event) for event in events]
        return LogColumns(
            block_number=[event.block.number for event in events],
            block_hash=[event.block.hash for event in events],
            log_index=[event.log_index for event in events],
            address=[SETTLEMENT.contracts[event.spec.contract] for event in events],
            topics=[topics for topics, _ in logs],
            data=[data for _, data in logs],
        )

    def input_log_batches(self, epoch: Epoch, upto: BlockRef, /) -> Iterator[LogColumns]:
        logs = self.input_logs(epoch, upto)
        for start in range(0, len(logs), 2):
            part = {name: getattr(logs, name)[start : start + 2] for name in LogColumns.__slots__}
            yield LogColumns(**part)

    def input_places(
        self, epoch: Epoch, /, *, boundary: BlockRef, reference: BlockRef
    ) -> Iterator[tuple[BlockNumber, LogIndex]]:
        paid = (SUBSCRIBED, EPOCH_FUNDED)
        for event in self._inputs(epoch, reference):
            if event.spec not in paid or event.block.number <= boundary.number:
                yield event.block.number, event.log_index

    def input_blocks(self, epoch: Epoch, upto: BlockRef, /) -> Iterator[BlockRef]:
        held = {event.block.number for event in self._inputs(epoch, upto)}
        return (block for block in self.blocks if block.number in held)

    def funded_sums(self, epoch: Epoch, upto: BlockRef, /) -> dict[Address, BaseUnits]:
        columns, sums = self.funded(epoch, upto), dict[Address, BaseUnits]()
        for asset, amount in zip(columns.asset, columns.amount, strict=True):
            sums[asset] = BaseUnits(sums.get(asset, 0) + amount)
        return dict(sorted(sums.items()))

    def commitments(
        self, epoch: Epoch, upto: BlockRef, /
    ) -> Sequence[EpochCommitted | EpochVetoed]:
        return [
            event
            for event in self.commits
            if event.epoch == epoch and event.ref.block_number <= upto.number
        ]

    def _now(self) -> Epoch:
        return CLOCK.epoch_at(self.blocks[-1].timestamp)

    def _emit(self, spec: EventSpec, **values: Any) -> None:
        block = self.blocks[-1]
        index = LogIndex(sum(event.block == block for event in self.events))
        self.events.append(_Event(block, index, spec, values))

    def _inputs(self, epoch: Epoch, upto: BlockRef) -> list[_Event]:
        return [
            event
            for event in self._upto(upto)
            if event.values.get("epoch", epoch) == epoch
            and event.values.get("effective_epoch", epoch) <= epoch
        ]

    def _upto(self, upto: BlockRef) -> list[_Event]:
        return [event for event in self.events if event.block.number <= upto.number]

    def _columns(
        self,
        spec: EventSpec,
        names: Sequence[str],
        upto: BlockRef,
        *,
        epoch: int | None = None,
        effective_max: int | None = None,
    ) -> dict[str, list[Any]]:
        events = [
            event
            for event in self._upto(upto)
            if event.spec is spec
            and (epoch is None or event.values["epoch"] == epoch)
            and (effective_max is None or event.values["effective_epoch"] <= effective_max)
        ]
        columns: dict[str, list[Any]] = {
            name: [event.values[name] for event in events] for name in names
        }
        columns["block_number"] = [event.block.number for event in events]
        columns["log_index"] = [event.log_index for event in events]
        return columns


def encoded(event: _Event) -> tuple[list[bytes], bytes]:
    """Topics and data of its raw log."""
    topics = [bytes(event.spec.topic0)]
    types, values = [], []
    for parameter in event.spec.fields:
        value = _plain(event.values[parameter.name])
        if parameter.indexed:
            topics.append(encode([parameter.abi_type], [value]))
        else:
            types.append(parameter.abi_type)
            values.append(value)
    return topics, encode(types, values)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


class NoCertificates:
    """Satisfies `completeness.CertificateStore`: a new database."""

    def certificate_digest(self, manifest_digest: Hash32, /) -> Hash32 | None:
        return None


class AnyCertificate:
    """Satisfies `completeness.CertificateStore`: the epoch before is certified, whichever it is."""

    def certificate_digest(self, manifest_digest: Hash32, /) -> Hash32 | None:
        return keccak(b"certificate of " + manifest_digest)


def facts_of(
    chain: ScriptedChain, epoch: int, *, certificates: CertificateStore | None = None
) -> EpochFacts:
    """Everything gathered for an epoch that must be computable."""
    known = certificates or NoCertificates()
    facts = gather(Epoch(epoch), settlement=SETTLEMENT, source=chain, store=known)
    assert isinstance(facts, EpochFacts), facts
    return facts


def scope_of(chain: ScriptedChain, *, last_before_start: BlockNumber | None = None) -> EpochScope:
    """The first epoch, as of the chain's last block; parameters are in its first block."""
    return EpochScope(
        epoch=FIRST_EPOCH,
        epoch_length_seconds=LENGTH,
        last_before_start=last_before_start,
        reference_at=chain.blocks[-1].timestamp,
        parameters_block=START_BLOCK,
        parameters_log=LogIndex(1),
        payouts=SETTLEMENT.payouts,
        split_accounts=SETTLEMENT.contracts[ContractName.SPLIT_ACCOUNTS],
    )


def totals_of(
    asset: Address, *, paid_in: int, allocated: int, escrow: int = 0, fees: int = 0
) -> AssetTotals:
    """What is left is unallocated."""
    return AssetTotals(
        asset=asset,
        paid_in=BaseUnits(paid_in),
        carried_in=BaseUnits(0),
        allocated=BaseUnits(allocated),
        escrow=BaseUnits(escrow),
        unallocated=BaseUnits(paid_in - allocated - escrow - fees),
        fees=BaseUnits(fees),
    )


def sample_chain() -> ScriptedChain:
    """One epoch with two assets, a split in three, every kind of quarantined row, and a rest.

    The golden vectors of the royalties room are computed from it.
    """
    song, film, game, ghost = work("song"), work("film"), work("game"), work("ghost")
    chain = ScriptedChain()
    chain.set_terms(song, {ANN: 333_333, BOB: 333_333, CAT: 333_334}, price_ppm=1_200_000)
    chain.set_terms(film, {CAT: 600_000, SETTLEMENT.payouts: 400_000}, price_ppm=600_000)
    chain.set_terms(game, {BOB: 1_000_000}, region_rule=keccak(b"nowhere"))
    chain.mine(CLOCK.start_of(FIRST_EPOCH) + 50)
    chain.subscribe(ANN, 10_000_000)
    chain.subscribe(BOB, 7_777_777)
    chain.subscribe(BOB, 1_234_567_890_123_456_789, asset=EURT, tier_id=keccak(b"heavy"))
    chain.subscribe(CAT, 5)
    chain.fund(FIRST_EPOCH, EURT, 11)
    chain.mine(CLOCK.end_of(FIRST_EPOCH) - 1)
    chain.submit(ANN, [(song, 120, 3), (film, 30, 1), (ghost, 9, 1), (game, 9, 1)])
    chain.submit(BOB, [(song, 10, 1), (film, 0, 1)], pseudonyms=[work("mask one"), work("mask")])
    chain.mine(CLOCK.end_of(FIRST_EPOCH))
    chain.submit(BOB, [(song, 99, 1)], part=1)
    chain.submit(CAT, [(film, 1, 1)], tier_id=keccak(b"heavy"))
    chain.submit(CAT, [(song, 1, 1)], part=1, pseudonyms=[work("mask")])
    chain.mine(CLOCK.grace_end_of(FIRST_EPOCH) - 1, bloom=NO_LOG)
    chain.finish(FIRST_EPOCH)
    return chain
