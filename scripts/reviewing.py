"""Looking at what was computed: again from the facts, and beside the epoch before."""

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.evm import ZERO_HASH, Epoch, Hash32
from indexer.adapters.reads import FactReads
from scripts.errors import Rejected
from scripts.wiring import snapshot
from settlement.errors import ConflictingComputation
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.compute_epoch import NotYetComputable, gather
from settlement.royalties.derivation import ComputedEpoch, derive
from settlement.royalties.difference import Difference, StoredOutcome, difference
from settlement.royalties.manifest import Manifest, manifest_digest
from settlement.royalties.manifest_reading import manifest_from_bytes
from settlement.royalties.parameters import parameters_from_bytes
from settlement.royalties.shadow import Shadow, announced_parameters, shadow

_LAST_EPOCH = Epoch(2**63 - 1)


class NotComputed(Rejected):
    """The epoch was not computed here."""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"epoch {epoch} is not computed yet: run `quittance epoch compute {epoch}`"
        )


class NothingAnnounced(Rejected):
    """No parameters are announced that are not in force in the epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"no parameters are announced for after epoch {epoch}: name a file with --parameters"
        )


def recomputed(
    epoch: Epoch, *, engine: Engine, settlement: Settlement
) -> ComputedEpoch | NotYetComputable:
    """The current attempt at an epoch, computed again from the facts; nothing is stored.

    Raises:
        NotComputed: no such attempt is stored.
        ConflictingComputation: it comes to another manifest than the stored one.
        Exception: whatever `gather` and `derive` raise.
    """
    with snapshot(engine) as connection:
        facts = gather(
            epoch,
            settlement=settlement,
            source=FactReads(connection, settlement),
            store=ComputedEpochs(connection),
        )
        if isinstance(facts, NotYetComputable):
            return facts
        attempts = ComputedAttempts(connection).of_settlement(
            settlement.chain_id, settlement.payouts
        )
    stored = {(one.epoch, one.attempt): one.manifest_digest for one in attempts}
    digest = stored.get((epoch, facts.frame.attempt))
    if digest is None:
        raise NotComputed(epoch)
    computed = derive(facts)
    if computed.manifest_digest != digest:
        raise ConflictingComputation(
            epoch, facts.frame.attempt, stored=digest, computed=computed.manifest_digest
        )
    return computed


def shadowed(
    epoch: Epoch, *, engine: Engine, settlement: Settlement, parameters: bytes | None
) -> Shadow | NotYetComputable:
    """An epoch under other parameters: the given ones, or those announced last.

    Raises:
        NothingAnnounced: none are given, and none are announced.
        BadParameters, UnknownName: they cannot be used.
        NotComputed, ConflictingComputation: as `recomputed`.
    """
    computed = recomputed(epoch, engine=engine, settlement=settlement)
    if isinstance(computed, NotYetComputable):
        return computed
    if parameters is not None:
        return shadow(computed, parameters_from_bytes(parameters))
    with snapshot(engine) as connection:
        source = FactReads(connection, settlement)
        head = source.head()
        columns = None if head is None else source.parameters(head, _LAST_EPOCH)
    announced = None if columns is None else announced_parameters(columns, epoch)
    if announced is None:
        raise NothingAnnounced(epoch)
    return shadow(computed, announced)


def difference_to_previous(
    epoch: Epoch, *, engine: Engine, settlement: Settlement
) -> tuple[Manifest, Difference]:
    """The newest attempt at an epoch beside the manifest that it follows.

    Raises:
        NotComputed: one of the two is not stored here.
        DifferenceBroken: the leaves of one do not sum to its totals.
    """
    with snapshot(engine) as connection:
        data = ComputedEpochs(connection).latest_manifest(
            epoch, chain_id=settlement.chain_id, contract=settlement.payouts
        )
        if data is None:
            raise NotComputed(epoch)
        manifest = manifest_from_bytes(data)
        now = _outcome(connection, manifest, manifest_digest(data))
        before = _before(connection, manifest)
    return manifest, difference(now, before)


def _before(connection: Connection, manifest: Manifest) -> StoredOutcome:
    digest = manifest.previous_manifest_digest
    if digest == ZERO_HASH:
        return StoredOutcome()
    data = ComputedAttempts(connection).manifest(digest)
    if data is None:
        raise NotComputed(manifest.epoch - 1)
    return _outcome(connection, manifest_from_bytes(data), digest)


def _outcome(connection: Connection, manifest: Manifest, digest: Hash32) -> StoredOutcome:
    leaves = ComputedEpochs(connection).leaves(digest)
    return StoredOutcome(totals=manifest.totals, leaves=tuple(leaves))
