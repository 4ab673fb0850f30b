"""The registry as it stood for one epoch: terms in force, and works held by a verdict.

Terms in force in epoch e are the last `WorkTermsSet`, in chain order, with effectiveEpoch ≤ e. A
work is held if a verdict stood on it both at the last block before the epoch and at the reference
block; a verdict that came or went in between does not reach back into the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import VerdictColumns, WorkTermsColumns
from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTerms:
    """One work's terms, and the log that set them; payees are ascending."""

    work_id: Hash32
    registrant: Address
    content_id: Hash32
    version: int
    price_ppm: int
    region_rule: Hash32
    payees: tuple[Address, ...]
    shares_ppm: tuple[int, ...]
    block_number: BlockNumber
    log_index: LogIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Works in force in one epoch, ascending by id, and those of them that a verdict holds."""

    works: Mapping[Hash32, WorkTerms]
    held: frozenset[Hash32]


def registry_in_force(
    terms: WorkTermsColumns,
    verdicts: VerdictColumns,
    *,
    epoch: Epoch,
    last_before_start: BlockNumber | None,
) -> Registry:
    """The registry of one epoch.

    Args:
        terms: up to the reference block.
        verdicts: up to the reference block.
        epoch: the epoch.
        last_before_start: the highest block before the epoch; None if the chain was not there yet.
    """
    rows = (row for row in range(len(terms)) if terms.effective_epoch[row] <= epoch)
    works = {terms.work_id[row]: _work_terms(terms, row) for row in rows}
    held_at_start = (
        frozenset[Hash32]() if last_before_start is None else _standing(verdicts, last_before_start)
    )
    held = held_at_start & _standing(verdicts, None)
    return Registry(works=dict(sorted(works.items())), held=held)


def _work_terms(terms: WorkTermsColumns, row: int) -> WorkTerms:
    return WorkTerms(
        work_id=terms.work_id[row],
        registrant=terms.registrant[row],
        content_id=terms.content_id[row],
        version=terms.version[row],
        price_ppm=terms.price_ppm[row],
        region_rule=terms.region_rule[row],
        payees=tuple(terms.payees[row]),
        shares_ppm=tuple(terms.shares_ppm[row]),
        block_number=terms.block_number[row],
        log_index=terms.log_index[row],
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
