"""One look at the chain for a set of operations, pinned to one finalized block.

Usage and spent nonces are read at the hash of the same block: the rule against a second payment
holds only for one block. Receipts and mempool are read afterwards, as of now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, Hash32
from settlement.payouts.operation import Attempt, History
from settlement.payouts.protocols import PayoutChain
from settlement.payouts.view import ChainView, Usage


@dataclass(frozen=True, slots=True)
class Sighting:
    """The chain as seen, and the usage of each operation at the finalized block."""

    view: ChainView
    usages: Mapping[Hash32, Usage]


def observe(
    chain: PayoutChain,
    finalized: BlockRef,
    histories: Sequence[History],
    *,
    spent: Mapping[Address, int],
    open_attempts: Iterable[Attempt],
) -> Sighting:
    """Look at operations, and at open nonces whose operations may be closed.

    Args:
        chain: the node that is asked.
        finalized: the block of all statements that must not change any more.
        histories: operations that are not closed.
        spent: transaction counts at `finalized` that are known already.
        open_attempts: further attempts to look up.

    Raises:
        ChainUnavailable: the node does not have the block, or did not answer.
    """
    usages = chain.usages([history.operation for history in histories], finalized)
    attempts = _attempts_of(histories) | {(one.sender, one.nonce): one for one in open_attempts}
    counts = dict(spent)
    for sender in sorted({attempt.sender for attempt in attempts.values()} - counts.keys()):
        counts[sender] = chain.nonce_count(sender, finalized)
    hashes = sorted({tx_hash for attempt in attempts.values() for tx_hash in attempt.hashes})
    receipts = chain.receipts(hashes)
    known = chain.known([tx_hash for tx_hash in hashes if tx_hash not in receipts])
    return Sighting(
        view=ChainView(
            finalized=finalized,
            spent=counts,
            receipts=receipts,
            known=known | receipts.keys(),
        ),
        usages={
            history.operation.op_id: usage for history, usage in zip(histories, usages, strict=True)
        },
    )


def _attempts_of(histories: Iterable[History]) -> dict[tuple[Address, int], Attempt]:
    """Every attempt, by (sender, nonce): one transaction carries many operations."""
    return {
        (attempt.sender, attempt.nonce): attempt
        for history in histories
        for attempt in (*history.attempts, *history.others)
    }
