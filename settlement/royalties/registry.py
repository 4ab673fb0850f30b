"""The registry as it stood for one epoch: terms in force, of works and of split accounts.

Terms in force in epoch e are the last `WorkTermsSet`, or `SplitTermsSet`, in chain order, with
effectiveEpoch ≤ e. A work is as old as the first of its `WorkTermsSet`. A work is held if a verdict
stood on it both at the last block before the epoch and at the reference block; a verdict that came
or went in between does not reach back into the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import SplitTermsColumns, VerdictColumns, WorkTermsColumns
from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex, Timestamp
from settlement.royalties.split_graph import SplitTerms
from settlement.royalties.splits import is_well_formed

PRICE_PPM_LIMIT = 2**40
"""Every price is below this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTerms:
    """One work's terms, and the log that set them; they may be malformed.

    `registered_at` is the timestamp of the block that first set terms of the work.
    """

    work_id: Hash32
    registrant: Address
    registered_at: Timestamp
    content_id: Hash32
    version: int
    price_ppm: int
    region_rule: Hash32
    payees: tuple[Address, ...]
    shares_ppm: tuple[int, ...]
    block_number: BlockNumber
    log_index: LogIndex

    @property
    def is_recognised(self) -> bool:
        """Whether nobody has adopted the work yet, so that its money waits in escrow."""
        return not self.payees and not self.shares_ppm

    @property
    def is_well_formed(self) -> bool:
        """Whether usage of the work can be priced, and what it earns shared out."""
        is_priced = 0 < self.price_ppm < PRICE_PPM_LIMIT
        return is_priced and (self.is_recognised or is_well_formed(self.payees, self.shares_ppm))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Works in force in one epoch, ascending by id, and those of them that a verdict holds.

    `accounts` are the split accounts in force, ascending by address.
    """

    works: Mapping[Hash32, WorkTerms]
    held: frozenset[Hash32]
    accounts: Mapping[Address, SplitTerms]


def registry_in_force(
    terms: WorkTermsColumns,
    verdicts: VerdictColumns,
    splits: SplitTermsColumns,
    *,
    epoch: Epoch,
    last_before_start: BlockNumber | None,
    timestamps: Mapping[BlockNumber, Timestamp],
) -> Registry:
    """The registry of one epoch.

    Args:
        terms: up to the reference block.
        verdicts: up to the reference block.
        splits: up to the reference block.
        epoch: the epoch.
        last_before_start: the highest block before the epoch; None if the chain was not there yet.
        timestamps: of every block of `terms`.
    """
    rows = [row for row in range(len(terms)) if terms.effective_epoch[row] <= epoch]
    registered_at: dict[Hash32, Timestamp] = {}
    for row in rows:
        registered_at.setdefault(terms.work_id[row], timestamps[terms.block_number[row]])
    works = {
        terms.work_id[row]: _work_terms(terms, row, registered_at[terms.work_id[row]])
        for row in rows
    }
    accounts = {
        splits.account[row]: _split_terms(splits, row)
        for row in range(len(splits))
        if splits.effective_epoch[row] <= epoch
    }
    held_at_start = (
        frozenset[Hash32]() if last_before_start is None else _standing(verdicts, last_before_start)
    )
    return Registry(
        works=dict(sorted(works.items())),
        held=held_at_start & _standing(verdicts, None),
        accounts=dict(sorted(accounts.items())),
    )


def _work_terms(terms: WorkTermsColumns, row: int, registered_at: Timestamp) -> WorkTerms:
    return WorkTerms(
        work_id=terms.work_id[row],
        registrant=terms.registrant[row],
        registered_at=registered_at,
        content_id=terms.content_id[row],
        version=terms.version[row],
        price_ppm=terms.price_ppm[row],
        region_rule=terms.region_rule[row],
        payees=tuple(terms.payees[row]),
        shares_ppm=tuple(terms.shares_ppm[row]),
        block_number=terms.block_number[row],
        log_index=terms.log_index[row],
    )


def _split_terms(splits: SplitTermsColumns, row: int) -> SplitTerms:
    return SplitTerms(
        account=splits.account[row],
        owner=splits.owner[row],
        version=splits.version[row],
        payees=tuple(splits.payees[row]),
        shares_ppm=tuple(splits.shares_ppm[row]),
        block_number=splits.block_number[row],
        log_index=splits.log_index[row],
    )


def _standing(verdicts: VerdictColumns, upto: BlockNumber | None) -> frozenset[Hash32]:
    """Works whose last verdict event, up to a block if one is given, is a placement."""
    is_placed: dict[Hash32, bool] = {}
    for number, work_id, placed in zip(
        verdicts.block_number, verdicts.work_id, verdicts.is_placed, strict=True
    ):
        if upto is None or number <= upto:
            is_placed[work_id] = placed
    return frozenset(work_id for work_id, placed in is_placed.items() if placed)
