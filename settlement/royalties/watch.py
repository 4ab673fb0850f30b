"""Use case of a watcher: recompute what is committed and can still be vetoed, and veto it if wrong.

    commit ────────── veto window ────────── active: nothing changes the root any more
       └─ recompute from the watcher's own node ─┬─ equal: agrees
                                                 ├─ differs: veto(epoch, reason digest)
                                                 └─ no verdict: looked at again until time is up

The watcher keeps nothing: what is pending, and whether it was vetoed, the chain says. So it may be
killed at any moment, and any number of watchers may run. A node that cannot answer is no reason
for a veto; contradictions in what it answers are, because then nobody should trust the root.
"""

from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Epoch, Hash32, Timestamp, keccak
from settlement.errors import ChainUnavailable, VerifierUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCommitment:
    """A root that becomes active at `active_at`; `now` is the time of the newest block."""

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32
    active_at: Timestamp
    now: Timestamp

    @property
    def seconds_left(self) -> int:
        """Time until nobody can veto any more."""
        return max(self.active_at - self.now, 0)

    def is_same_as(self, other: "PendingCommitment | None") -> bool:
        """Whether the other is this commitment, perhaps seen at another time."""
        return other is not None and (
            (self.epoch, self.attempt, self.manifest_digest, self.root)
            == (other.epoch, other.attempt, other.manifest_digest, other.root)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """What the verifier made of an epoch; `difference` is its first finding, empty if none."""

    is_equal: bool
    root: str
    difference: str


class WatchedChain(Protocol):
    """The watcher's own node."""

    def pending(self) -> PendingCommitment | None:
        """The commitment that can be vetoed now; there is at most one.

        Raises:
            ChainUnavailable: the node does not answer.
        """


class Recomputation(Protocol):
    """The verifier, run against the watcher's own node."""

    def of(self, epoch: Epoch) -> Recomputed:
        """Recompute an epoch and compare it with its commitment.

        Raises:
            VerifierUnavailable: no verdict.
        """


class Vetoes(Protocol):
    """Holds a key that may veto."""

    def veto(self, epoch: Epoch, reason_digest: Hash32, *, until: Timestamp) -> Hash32:
        """Send the veto and see it mined; the hash of its transaction.

        Raises:
            ChainUnavailable: it could not be brought into a block.
        """


@dataclass(frozen=True, slots=True)
class NothingPending:
    """No root can be vetoed now."""


@dataclass(frozen=True, slots=True)
class Agrees:
    """The committed root is what follows from the chain."""

    pending: PendingCommitment


@dataclass(frozen=True, slots=True)
class Undecided:
    """No verdict yet; a person looks if time runs out."""

    pending: PendingCommitment
    cause: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """The committed root is wrong; `veto` is the transaction that stopped it, None without a key.

    The reason digest on chain is keccak256 of `difference` in UTF-8.
    """

    pending: PendingCommitment
    recomputed: Recomputed
    reason_digest: Hash32
    veto: Hash32 | None


@dataclass(frozen=True, slots=True)
class Gone:
    """What was wrong is not pending any more: it was vetoed by another, or left the chain."""

    pending: PendingCommitment
    recomputed: Recomputed


Look = NothingPending | Agrees | Undecided | Wrong | Gone


def look(
    chain: WatchedChain,
    recomputation: Recomputation,
    vetoes: Vetoes | None,
    *,
    agreed: PendingCommitment | None = None,
) -> Look:
    """Judge what is pending now, and veto it if it is wrong.

    Args:
        chain: the watcher's own node.
        recomputation: the verifier, run against that node.
        vetoes: a key that may veto; without one a wrong root is only told.
        agreed: the last commitment that was found right; it is not recomputed.

    Raises:
        ChainUnavailable: the node does not say what is pending, or does not take the veto.
    """
    pending = chain.pending()
    if pending is None:
        return NothingPending()
    if pending.is_same_as(agreed):
        return Agrees(pending)
    try:
        recomputed = recomputation.of(pending.epoch)
    except (VerifierUnavailable, ChainUnavailable) as error:
        return Undecided(pending, str(error))
    if recomputed.is_equal:
        return Agrees(pending)
    # Recomputing takes its time, and a reorg may have changed what was compared.
    if not pending.is_same_as(chain.pending()):
        return Gone(pending, recomputed)
    reason = keccak(recomputed.difference.encode())
    transaction = (
        None if vetoes is None else vetoes.veto(pending.epoch, reason, until=pending.active_at)
    )
    return Wrong(pending, recomputed, reason, transaction)
