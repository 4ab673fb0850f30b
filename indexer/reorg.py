"""How the remote chain fits onto the part that we hold.

    ours    … ─ F ─ 11 ─ 12 ─ 13          F: the finalized block
                     └─ 12'─ 13'─ 14'     theirs: 14' is unknown, so is its parent 13', and 12';
                                          the parent of 12' is ours: rewind to 11

The walk starts at the remote head and goes down one block at a time, by parent hash, until it
meets a block of ours. The head may also have moved back to a block that we hold: that is a reorg
to an ancestor, and what stood above it is no longer on the chain.
"""

from dataclasses import dataclass

from contracts.evm import BlockNumber, BlockRef, Hash32
from indexer.chain import LocalChain


@dataclass(frozen=True, slots=True)
class Extend:
    """Our head stands: the remote block is our head, or its child, or our chain is empty."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """Our blocks above `ancestor`, up to our `head`, are replaced; None: all of them are."""

    ancestor: BlockRef | None
    head: BlockRef


@dataclass(frozen=True, slots=True)
class NeedParent:
    """Look at a lower block: by hash where a child has named it, else by number."""

    number: BlockNumber
    hash: Hash32 | None


@dataclass(frozen=True, slots=True)
class TooDeep:
    """The remote chain does not hold our finalized block."""

    finalized: BlockRef
    remote: BlockRef


def reconcile(local: LocalChain, remote: BlockRef) -> Extend | Rewind | NeedParent | TooDeep:
    """Fit one remote block onto the local chain.

    Cases: (1) our head, its child, or nothing held yet → Extend; (2) a block of ours below the
    head, or the child of one → Rewind to it; (3) not yet connected → NeedParent; (4) at or below
    the height where only the finalized block can be → TooDeep.

    Invariants: `local` is linked; the result never removes a finalized block; the number that
    NeedParent asks for is below `remote`, so that the walk ends.
    """
    head = local.head
    if head is None:
        return Extend()
    if remote.number > head.number + 1:
        return NeedParent(BlockNumber(head.number + 1), None)
    met = _block_of_ours(local, remote)
    if met == head:
        return Extend()
    if met is not None:
        return Rewind(met, head)
    finalized = local.finalized
    floor = local.unfinalized[0].number if finalized is None else finalized.number + 1
    if remote.number > floor:
        return NeedParent(BlockNumber(remote.number - 1), remote.parent_hash)
    return Rewind(None, head) if finalized is None else TooDeep(finalized, remote)


def _block_of_ours(local: LocalChain, remote: BlockRef) -> BlockRef | None:
    """The block of ours that the remote one is, or is the child of."""
    same = local.at(remote.number)
    if same is not None and same.hash == remote.hash:
        return same
    parent = local.at(remote.number - 1)
    return parent if parent is not None and parent.hash == remote.parent_hash else None
