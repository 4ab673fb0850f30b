"""Nonces of our key that the chain shows and that are not stored: taken, before any other is used.

The database was restored from a backup, or the key was used elsewhere; `nonces` says what follows.
"""

import logging

from contracts.evm import Address, BlockRef, ChainId
from settlement.errors import NonceDrift
from settlement.payouts.nonces import Counts
from settlement.payouts.operation import Adoption
from settlement.payouts.protocols import PayoutStore

log = logging.getLogger(__name__)

FORGOTTEN_MAX = 1_000
"""More nonces than this, not spent for good, are not taken for ours because a node shows them."""


def adopted(
    store: PayoutStore, chain_id: ChainId, sender: Address, counts: Counts, *, head: BlockRef
) -> int:
    """The next nonce of our key, after taking those that the chain shows and we do not store.

    Raises:
        NonceDrift: there are more of them than we can ever have signed and forgotten.
    """
    stored = store.next_nonce(sender)
    following = counts.finalized if stored is None else stored
    if counts.shown <= following:
        return following
    if counts.shown - max(following, counts.finalized) > FORGOTTEN_MAX:
        raise NonceDrift(sender, stored=following, chain=counts.shown)
    store.adopt(
        Adoption(
            chain_id=chain_id,
            sender=sender,
            first_nonce=following,
            next_nonce=counts.shown,
            block_number=head.number,
            block_hash=head.hash,
        )
    )
    fields = {"sender": str(sender), "first_nonce": following, "next_nonce": counts.shown}
    log.warning("nonces adopted", extra=fields)
    return counts.shown
