"""Use case: publish the bundle of an epoch's current attempt.

A bundle is a function of the facts, so exporting is computing again: what is written is equal to
what is stored, or `ConflictingComputation` is raised and nothing is written.
"""

from collections.abc import Mapping
from typing import Protocol

from contracts.addresses import Settlement
from contracts.evm import Epoch
from settlement.royalties.compute_epoch import (
    EpochSource,
    EpochStore,
    NotYetComputable,
    compute_epoch,
)
from settlement.royalties.derivation import ComputedEpoch, bundle_files


class BundleWriter(Protocol):
    """A place for one bundle."""

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write all files or none; the same files again change nothing.

        Raises:
            BundleExists: something else is there.
        """


def export_bundle(
    epoch: Epoch,
    *,
    settlement: Settlement,
    source: EpochSource,
    store: EpochStore,
    writer: BundleWriter,
) -> ComputedEpoch | NotYetComputable:
    """Compute the current attempt at an epoch, and write its bundle.

    Raises:
        BundleExists: another bundle is at that place.
        Exception: whatever `compute_epoch` raises.
    """
    computed = compute_epoch(epoch, settlement=settlement, source=source, store=store)
    if isinstance(computed, NotYetComputable):
        return computed
    writer.write(bundle_files(computed))
    return computed
