"""A guardian's work on one epoch: export its bundle, verify it, compare with the chain, sign."""

import os
import sys
from pathlib import Path

from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.evm import Epoch, Timestamp
from scripts.bootstrap_settlement import VERIFIER
from scripts.computing import compute_now
from scripts.sharding import ShardedAllocation
from scripts.usage_progress import Readings
from settlement.royalties.adapters.bundle_directory import (
    BundleDirectory,
    VerifiedBundle,
)
from settlement.royalties.adapters.store import Approvals
from settlement.royalties.adapters.verifier import VerifierProgram
from settlement.royalties.approve import (
    ChainCheck,
    GuardianSigner,
    Refused,
    SignedApproval,
    approve,
)
from settlement.royalties.compute_epoch import NotYetComputable
from settlement.royalties.manifest_reading import manifest_from_bytes

_VERIFIER_LIMIT_S = 3_600
_APPROVAL_LIFE_S = 7 * 86_400
"""Guardians must name one deadline: this long after the end of grace."""


def export_to(
    directory: Path,
    epoch: Epoch,
    *,
    engine: Engine,
    settlement: Settlement,
    readings: Readings | None = None,
) -> NotYetComputable | None:
    """Write the bundle of an epoch's current attempt; a value if there is none yet."""
    shards = ShardedAllocation(engine=engine, settlement=settlement, readings=readings)
    computed = compute_now(epoch, shards=shards, directory=directory)
    return computed if isinstance(computed, NotYetComputable) else None


def approve_exported(
    directory: Path,
    guardian: GuardianSigner,
    *,
    engine: Engine,
    settlement: Settlement,
    chain: ChainCheck,
    url: str,
) -> SignedApproval | Refused:
    """Check an exported bundle against the guardian's own view of the chain, and sign.

    The verifier asks the node at `url` itself: headers, receipts, and the epochs before.
    """
    bundle = BundleDirectory(directory)
    program = VerifierProgram(
        interpreter=Path(sys.executable),
        script=VERIFIER,
        timeout_s=_VERIFIER_LIMIT_S,
        environ=os.environ,
        url=url,
    )
    manifest = manifest_from_bytes(bundle.manifest())
    deadline = Timestamp(manifest.clock.grace_end_of(manifest.epoch) + _APPROVAL_LIFE_S)
    with engine.begin() as connection:
        return approve(
            VerifiedBundle(bundle, program),
            settlement=settlement,
            chain=chain,
            signer=guardian,
            store=Approvals(connection),
            deadline=deadline,
        )
