"""From facts to everything that is published of one attempt at an epoch, without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import (
    ConsumptionColumns,
    FundedColumns,
    LogColumns,
    SubscribedColumns,
)
from contracts.evm import BlockNumber, Hash32, keccak
from contracts.leaf_packing import pack_leaves
from settlement.errors import InputsDisagree
from settlement.royalties import bundle
from settlement.royalties.distribution import Distribution, settle
from settlement.royalties.frame import EpochFrame
from settlement.royalties.input_digest import InputDigest, input_digest
from settlement.royalties.inputs import EpochInputs, epoch_inputs
from settlement.royalties.manifest import (
    BlockPoint,
    Manifest,
    block_point,
    manifest_bytes,
    manifest_digest,
)
from settlement.royalties.parameters import parameters_in_force
from settlement.royalties.registry import Registry
from settlement.royalties.tree_flat import FlatTree, TreeMaker, hashed_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts:
    """Everything that one attempt at an epoch depends on.

    `blocks` has every block of `logs`, and the border blocks.
    """

    frame: EpochFrame
    funded: FundedColumns
    subscribed: SubscribedColumns
    consumption: ConsumptionColumns
    logs: LogColumns
    blocks: Mapping[BlockNumber, BlockPoint]


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

    @property
    def frame(self) -> EpochFrame:
        """What the attempt was made under."""
        return self.facts.frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What guardians sign of one attempt, and the tree under it."""

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
    frame = facts.frame
    _check_columns_are_the_logs(facts)
    _check_empty_blocks(facts)
    registry = registry_of(facts)
    parameters = parameters_in_force(frame.parameters, frame.epoch)
    distribution = settle(inputs_of(facts), parameters, registry)
    inputs = input_digest(facts.logs)
    published = publish(frame, registry, distribution, inputs=inputs, make_tree=make_tree)
    return ComputedEpoch(
        facts=facts,
        registry=registry,
        distribution=distribution,
        leaf_hashes=published.leaf_hashes,
        tree=published.tree,
        manifest=published.manifest,
        manifest_bytes=published.manifest_bytes,
        manifest_digest=published.manifest_digest,
    )


def inputs_of(facts: EpochFacts) -> EpochInputs:
    """Money and usage of the epoch.

    Raises:
        NoParametersInForce: governance set no parameters.
    """
    return epoch_inputs(
        facts.frame.scope,
        funded=facts.funded,
        subscribed=facts.subscribed,
        consumption=facts.consumption,
    )


def registry_of(facts: EpochFacts) -> Registry:
    """Works and split accounts, as they stood for the epoch.

    Raises:
        InputsDisagree: a work has an id that works cannot have.
    """
    return facts.frame.registry({number: block.timestamp for number, block in facts.blocks.items()})


def publish(
    frame: EpochFrame,
    registry: Registry,
    distribution: Distribution,
    *,
    inputs: InputDigest,
    make_tree: TreeMaker,
) -> Publication:
    """The tree over a distribution's leaves, and the manifest that names it.

    Raises:
        NoParametersInForce, BadParameters: governance set no usable parameters.
    """
    packed = pack_leaves(distribution.leaves, chain_id=frame.chain_id, contract=frame.payouts)
    made = make_tree(packed)
    manifest = _manifest(frame, registry, distribution, inputs, made.tree)
    data = manifest_bytes(manifest)
    return Publication(
        leaf_hashes=tuple(map(Hash32, made.hashes)),
        tree=made.tree,
        manifest=manifest,
        manifest_bytes=data,
        manifest_digest=manifest_digest(data),
    )


def bundle_files(computed: ComputedEpoch) -> dict[str, bytes]:
    """Every file of the bundle, by name."""
    distribution = computed.distribution
    files = {
        "logs.jsonl": bundle.logs_file(computed.facts.logs),
        "blocks.jsonl": bundle.blocks_file(
            block for _, block in sorted(computed.facts.blocks.items())
        ),
        "headers.jsonl": bundle.headers_file(computed.frame.certified),
        "works.jsonl": bundle.works_file(computed.registry),
        "splits.jsonl": bundle.splits_file(computed.registry),
        "quarantine.jsonl": bundle.quarantine_file(distribution.quarantine),
        "allocations.jsonl": bundle.allocations_file(distribution.allocations),
        "leaves.jsonl": bundle.leaves_file(distribution.leaves, computed.leaf_hashes),
        "manifest.json": computed.manifest_bytes,
    }
    digests = {name: bundle.file_digest(data) for name, data in files.items()}
    return files | {"bundle.json": bundle.index_file(digests, computed.manifest_digest)}


def _check_columns_are_the_logs(facts: EpochFacts) -> None:
    """The money comes from columns, the evidence from raw logs: both must name the same events."""
    frame = facts.frame
    columns = (
        frame.parameters,
        frame.work_terms,
        frame.split_terms,
        frame.verdicts,
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
        raise InputsDisagree(frame.epoch, "the raw logs are not in chain order")
    unexplained = set(raw).symmetric_difference(decoded)
    clock_logs = 1
    if len(unexplained) != clock_logs or len(raw) != len(decoded) + clock_logs:
        raise InputsDisagree(
            frame.epoch,
            f"{len(raw)} raw logs, {len(decoded)} decoded events and the clock's event, "
            f"{len(unexplained)} of them in only one of the two",
        )


def _check_empty_blocks(facts: EpochFacts) -> None:
    certified = facts.frame.certified
    for number in facts.logs.block_number:
        certified.require_may_hold(facts.frame.epoch, number)


def _manifest(
    frame: EpochFrame,
    registry: Registry,
    distribution: Distribution,
    inputs: InputDigest,
    tree: FlatTree,
) -> Manifest:
    parameters = parameters_in_force(frame.parameters, frame.epoch)
    certificate = frame.certified.certificate
    quarantine = bundle.quarantine_file(distribution.quarantine)
    return Manifest(
        settlement_name=frame.settlement_name,
        chain_id=frame.chain_id,
        start_block=frame.start_block,
        contracts=frame.contracts,
        epoch=frame.epoch,
        attempt=frame.attempt,
        previous_manifest_digest=frame.previous_manifest_digest,
        clock=frame.clock,
        boundary_block=block_point(frame.boundary),
        reference_block=block_point(frame.reference),
        completeness_level=certificate.level,
        completeness_digest=certificate.digest,
        completeness_previous=certificate.previous,
        input_count=inputs.count,
        input_rolling_hash=inputs.rolling_hash,
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
