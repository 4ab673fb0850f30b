"""The manifest of one attempt at an epoch: what any honest party must agree on.

Canonical JSON of strings, arrays and objects; every number is a decimal string. Its digest,
keccak256 of the bytes, is what guardians sign and the chain records. Nothing in it says who
computed it, when, or with what: that is evidence beside the manifest, not in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.approvals import AssetTotals
from contracts.canonical import JsonValue, canonical_json
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    Timestamp,
    keccak,
)
from settlement.royalties.certificate import Level
from settlement.royalties.epoch import Timeline

FORMAT = "quittance-manifest-v1"
USAGE_MODE = "attested"
TREE_PROFILE = "quittance-v1"
AMOUNTS = ("paid_in", "carried_in", "allocated", "escrow", "unallocated", "fees")
"""The members of `AssetTotals` after the asset."""
CONTRACTS = ROYALTY_CONTRACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPoint:
    """A block, as far as a manifest names it."""

    number: BlockNumber
    hash: Hash32
    timestamp: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of a manifest; field names are its keys, digests of lists included.

    `completeness_digest` is of the certificate of the epoch's blocks, `completeness_previous` of
    that of the epoch before. `ruleset_parameters` is the parsed document;
    `ruleset_parameters_digest` is over the bytes on chain. `totals` are ascending by asset.
    """

    settlement_name: str
    chain_id: ChainId
    start_block: BlockNumber
    contracts: Mapping[ContractName, Address]
    epoch: Epoch
    attempt: int
    previous_manifest_digest: Hash32
    clock: Timeline
    boundary_block: BlockPoint
    reference_block: BlockPoint
    completeness_level: Level
    completeness_digest: Hash32
    completeness_previous: Hash32
    input_count: int
    input_rolling_hash: Hash32
    registry_digest: Hash32
    ruleset_name: str
    ruleset_parameters_digest: Hash32
    ruleset_parameters: Mapping[str, JsonValue]
    totals: tuple[AssetTotals, ...]
    quarantine_count: int
    quarantine_digest: Hash32
    leaf_count: int
    root: Hash32

    @property
    def payouts(self) -> Address:
        """The `EpochPayouts` contract of the settlement."""
        return self.contracts[ContractName.EPOCH_PAYOUTS]


def block_point(block: BlockRef) -> BlockPoint:
    """What a manifest says of a block."""
    return BlockPoint(number=block.number, hash=block.hash, timestamp=block.timestamp)


def manifest_bytes(manifest: Manifest) -> bytes:
    """The one spelling of a manifest."""
    return canonical_json(_document(manifest))


def manifest_digest(data: bytes) -> Hash32:
    """What guardians sign and the chain records."""
    return keccak(data)


def _document(manifest: Manifest) -> dict[str, JsonValue]:
    return {
        "format": FORMAT,
        "settlement": {
            "name": manifest.settlement_name,
            "chain_id": str(manifest.chain_id),
            "contract": str(manifest.payouts),
            "start_block": str(manifest.start_block),
        },
        "contracts": {name.value: str(manifest.contracts[name]) for name in CONTRACTS},
        "epoch": str(manifest.epoch),
        "attempt": str(manifest.attempt),
        "previous_manifest_digest": str(manifest.previous_manifest_digest),
        "clock": {
            "genesis": str(manifest.clock.genesis),
            "length": str(manifest.clock.length),
            "grace": str(manifest.clock.grace),
        },
        "boundary_block": _point_document(manifest.boundary_block),
        "reference_block": _point_document(manifest.reference_block),
        "completeness": {
            "level": manifest.completeness_level.value,
            "digest": str(manifest.completeness_digest),
            "previous": str(manifest.completeness_previous),
        },
        "inputs": {
            "count": str(manifest.input_count),
            "rolling_hash": str(manifest.input_rolling_hash),
        },
        "registry_digest": str(manifest.registry_digest),
        "ruleset": {
            "name": manifest.ruleset_name,
            "parameters_digest": str(manifest.ruleset_parameters_digest),
            "parameters": manifest.ruleset_parameters,
        },
        "usage_mode": USAGE_MODE,
        "totals": [_totals_document(totals) for totals in manifest.totals],
        "quarantine": {
            "count": str(manifest.quarantine_count),
            "digest": str(manifest.quarantine_digest),
        },
        "tree": {
            "profile": TREE_PROFILE,
            "leaf_count": str(manifest.leaf_count),
            "root": str(manifest.root),
        },
    }


def _point_document(point: BlockPoint) -> dict[str, JsonValue]:
    return {
        "number": str(point.number),
        "hash": str(point.hash),
        "timestamp": str(point.timestamp),
    }


def _totals_document(totals: AssetTotals) -> dict[str, JsonValue]:
    amounts = {name: str(getattr(totals, name)) for name in AMOUNTS}
    return {"asset": str(totals.asset), **amounts}
