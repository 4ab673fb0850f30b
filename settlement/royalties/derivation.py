"""From facts to everything that is published of one attempt at an epoch, without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import (
    ConsumptionColumns,
    FundedColumns,
    LogColumns,
    ParametersColumns,
    SplitTermsColumns,
    SubscribedColumns,
    VerdictColumns,
    WorkTermsColumns,
)
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, keccak
from contracts.leaf_packing import pack_leaves
from contracts.leaves import LeafKind
from settlement.errors import InputsDisagree
from settlement.royalties import bundle
from settlement.royalties.certificate import CertifiedRange, Claim
from settlement.royalties.distribution import Distribution, settle
from settlement.royalties.epoch import Timeline
from settlement.royalties.inputs import EpochInputs, EpochScope, epoch_inputs
from settlement.royalties.manifest import (
    BlockPoint,
    Manifest,
    block_point,
    manifest_bytes,
    manifest_digest,
)
from settlement.royalties.parameters import Parameters, parameters_in_force, row_in_force
from settlement.royalties.registry import Registry, registry_in_force
from settlement.royalties.tree_flat import FlatTree, TreeMaker, hashed_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts:
    """Everything that one attempt at an epoch depends on.

    `blocks` has every block of `logs`, and the border blocks. `last_before_start` is the highest
    block before the epoch, None if the chain was not indexed there. `certified` says why `logs` are
    all the logs.
    """

    settlement_name: str
    chain_id: ChainId
    start_block: BlockNumber
    contracts: Mapping[ContractName, Address]
    epoch: Epoch
    attempt: int
    previous_manifest_digest: Hash32
    clock: Timeline
    boundary: BlockRef
    reference: BlockRef
    last_before_start: BlockRef | None
    certified: CertifiedRange
    parameters: ParametersColumns
    work_terms: WorkTermsColumns
    split_terms: SplitTermsColumns
    verdicts: VerdictColumns
    funded: FundedColumns
    subscribed: SubscribedColumns
    consumption: ConsumptionColumns
    logs: LogColumns
    blocks: Mapping[BlockNumber, BlockPoint]

    @property
    def payouts(self) -> Address:
        """The `EpochPayouts` contract of the settlement."""
        return self.contracts[ContractName.EPOCH_PAYOUTS]

    @property
    def scope(self) -> EpochScope:
        """Where and when the epoch is.

        Raises:
            NoParametersInForce: governance set no parameters.
        """
        row = row_in_force(self.parameters, self.epoch)
        before = self.last_before_start
        return EpochScope(
            epoch=self.epoch,
            epoch_length_seconds=self.clock.length,
            last_before_start=None if before is None else before.number,
            reference_at=self.reference.timestamp,
            parameters_block=self.parameters.block_number[row],
            parameters_log=self.parameters.log_index[row],
            payouts=self.payouts,
            split_accounts=self.contracts[ContractName.SPLIT_ACCOUNTS],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedEpoch:
    """One attempt at an epoch, computed; `leaf_hashes[i]` is of leaf i of the distribution."""

    facts: EpochFacts
    registry: Registry
    distribution: Distribution
    leaf_hashes: tuple[Hash32, ...]
    tree: FlatTree
    manifest: Manifest
    manifest_bytes: bytes
    manifest_digest: Hash32


def derive(facts: EpochFacts, *, make_tree: TreeMaker = hashed_tree) -> ComputedEpoch:
    """Compute one attempt at an epoch; whoever makes the tree, it is the same.

    Raises:
        InputsDisagree: the columns are not the decoded logs, or a log is in a block without any, or
            a work has an id that works cannot have.
        NoParametersInForce, BadParameters, UnknownName: governance set no usable parameters.
        FundedBelowFees: subscribers paid more than the payouts contract received.
    """
    _check_columns_are_the_logs(facts)
    _check_empty_blocks(facts)
    _check_work_ids(facts)
    parameters = parameters_in_force(facts.parameters, facts.epoch)
    inputs = inputs_of(facts)
    registry = registry_of(facts)
    distribution = settle(inputs, parameters, registry)
    packed = pack_leaves(distribution.leaves, chain_id=facts.chain_id, contract=facts.payouts)
    made = make_tree(packed)
    manifest = _manifest(facts, parameters, registry, distribution, made.tree)
    data = manifest_bytes(manifest)
    return ComputedEpoch(
        facts=facts,
        registry=registry,
        distribution=distribution,
        leaf_hashes=tuple(map(Hash32, made.hashes)),
        tree=made.tree,
        manifest=manifest,
        manifest_bytes=data,
        manifest_digest=manifest_digest(data),
    )


def inputs_of(facts: EpochFacts) -> EpochInputs:
    """Money and usage of the epoch.

    Raises:
        NoParametersInForce: governance set no parameters.
    """
    return epoch_inputs(
        facts.scope,
        funded=facts.funded,
        subscribed=facts.subscribed,
        consumption=facts.consumption,
    )


def registry_of(facts: EpochFacts) -> Registry:
    """Works and split accounts, as they stood for the epoch."""
    before = facts.last_before_start
    return registry_in_force(
        facts.work_terms,
        facts.verdicts,
        facts.split_terms,
        epoch=facts.epoch,
        last_before_start=None if before is None else before.number,
        timestamps={number: block.timestamp for number, block in facts.blocks.items()},
    )


def bundle_files(computed: ComputedEpoch) -> dict[str, bytes]:
    """Every file of the bundle, by name."""
    distribution = computed.distribution
    files = {
        "logs.jsonl": bundle.logs_file(computed.facts.logs),
        "blocks.jsonl": bundle.blocks_file(computed.facts.blocks),
        "headers.jsonl": bundle.headers_file(computed.facts.certified),
        "works.jsonl": bundle.works_file(computed.registry),
        "splits.jsonl": bundle.splits_file(computed.registry),
        "quarantine.jsonl": bundle.quarantine_file(distribution.quarantine),
        "allocations.jsonl": bundle.allocations_file(distribution.allocations),
        "leaves.jsonl": bundle.leaves_file(distribution.leaves, computed.leaf_hashes),
        "manifest.json": computed.manifest_bytes,
    }
    return files | {"bundle.json": bundle.index_file(files, computed.manifest_digest)}


def _check_columns_are_the_logs(facts: EpochFacts) -> None:
    """The money comes from columns, the evidence from raw logs: both must name the same events."""
    columns = (
        facts.parameters,
        facts.work_terms,
        facts.split_terms,
        facts.verdicts,
        facts.funded,
        facts.subscribed,
        facts.consumption,
    )
    decoded = [
        reference
        for batch in columns
        for reference in zip(batch.block_number, batch.log_index, strict=True)
    ]
    raw = list(zip(facts.logs.block_number, facts.logs.log_index, strict=True))
    if raw != sorted(raw):
        raise InputsDisagree(facts.epoch, "the raw logs are not in chain order")
    unexplained = set(raw).symmetric_difference(decoded)
    clock_logs = 1
    if len(unexplained) != clock_logs or len(raw) != len(decoded) + clock_logs:
        raise InputsDisagree(
            facts.epoch,
            f"{len(raw)} raw logs, {len(decoded)} decoded events and the clock's event, "
            f"{len(unexplained)} of them in only one of the two",
        )


def _check_empty_blocks(facts: EpochFacts) -> None:
    empty = {block.number for block in facts.certified.blocks if block.claim is Claim.EMPTY}
    for number in facts.logs.block_number:
        if number in empty:
            what = f"there is a log of block {number}, whose bloom rules it out"
            raise InputsDisagree(facts.epoch, what)


def _check_work_ids(facts: EpochFacts) -> None:
    """The registry gives no id that could be that of a leaf of fees, escrow or suspense."""
    for work_id in facts.work_terms.work_id:
        if work_id[0] != LeafKind.WORK:
            raise InputsDisagree(facts.epoch, f"no registered work can have the id {work_id}")


def _manifest(
    facts: EpochFacts,
    parameters: Parameters,
    registry: Registry,
    distribution: Distribution,
    tree: FlatTree,
) -> Manifest:
    quarantine = bundle.quarantine_file(distribution.quarantine)
    return Manifest(
        settlement_name=facts.settlement_name,
        chain_id=facts.chain_id,
        start_block=facts.start_block,
        contracts=facts.contracts,
        epoch=facts.epoch,
        attempt=facts.attempt,
        previous_manifest_digest=facts.previous_manifest_digest,
        clock=facts.clock,
        boundary_block=block_point(facts.boundary),
        reference_block=block_point(facts.reference),
        completeness_level=facts.certified.certificate.level,
        completeness_digest=facts.certified.certificate.digest,
        completeness_previous=facts.certified.certificate.previous,
        input_count=len(facts.logs),
        input_rolling_hash=bundle.rolling_hash(facts.logs),
        registry_digest=bundle.registry_digest(registry),
        ruleset_name=parameters.ruleset,
        ruleset_parameters_digest=parameters.digest,
        ruleset_parameters=parameters.document,
        totals=distribution.totals,
        quarantine_count=len(distribution.quarantine),
        quarantine_digest=keccak(quarantine),
        leaf_count=tree.leaf_count,
        root=tree.root,
    )
