"""Reads of works: registration, and the terms in force."""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.schemas.works import Terms
from contracts.evm import Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Who registered a work, and where on the chain."""

    registrant: bytes
    block_number: int


# A registration emits the first terms in the same call; they are indexed by work.
_REGISTRATION = """
    SELECT registrant, block_number FROM fact_work_terms_set
    WHERE chain_id = %(chain_id)s AND address = %(registry)s AND work_id = %(work_id)s
      AND block_number <= %(upto)s AND version = 1
"""

# The last change with effective_epoch <= epoch is in force; changes made in one epoch replace
# each other, so of those that follow only the last will ever be.
_TERMS = """
    SELECT DISTINCT ON (effective_epoch > %(epoch)s)
           version, effective_epoch, content_id, price_ppm, region_rule, payees, shares_ppm
    FROM fact_work_terms_set
    WHERE chain_id = %(chain_id)s AND address = %(registry)s AND work_id = %(work_id)s
      AND block_number <= %(upto)s
    ORDER BY effective_epoch > %(epoch)s, block_number DESC, log_index DESC
"""


async def read_registration(
    reads: Snapshot, at: Standpoint, work_id: Hash32
) -> Registration | None:
    """The registration of a work, once it is final."""
    return await reads.row(Registration, _REGISTRATION, at.scope | {"work_id": bytes(work_id)})


async def read_terms(
    reads: Snapshot, at: Standpoint, work_id: Hash32, epoch: int
) -> tuple[Terms | None, Terms | None]:
    """The terms in force in an epoch, and those that follow it."""
    values = at.scope | {"work_id": bytes(work_id), "epoch": epoch}
    rows = await reads.rows(Terms, _TERMS, values)
    in_force = next((row for row in rows if row.effective_epoch <= epoch), None)
    following = next((row for row in rows if row.effective_epoch > epoch), None)
    return in_force, following
