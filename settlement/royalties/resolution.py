"""From what works earned in one asset to the leaves that pay it.

| the work | its money |
|---|---|
| has payees | one leaf or more for those of them who can be paid, through split accounts too |
| ... some of whom cannot be paid | a suspense leaf of the work, with the rest |
| has no payees yet | the escrow leaf of its content, with that of its other works |

Escrow and suspense leaves have one line, for the payouts contract itself: nobody can withdraw them,
and the contract has ways of its own to give them to a beneficiary.

Invariant: the leaves sum to what the works earned.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.evm import ZERO_ADDRESS, Address, Hash32
from contracts.leaves import Leaf, SplitLine, escrow_id, suspense_id
from contracts.units import BaseUnits
from settlement.royalties.inputs import EpochScope
from settlement.royalties.reasons import Quarantined
from settlement.royalties.registry import Registry, WorkTerms
from settlement.royalties.split_graph import Expansion, Payability, Refused, expand
from settlement.royalties.splits import parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Leaves in no order, and the amounts whose payees cannot be paid."""

    leaves: tuple[Leaf, ...]
    unpaid: tuple[Quarantined, ...]


def resolve(
    asset: Address, earned: Mapping[Hash32, BaseUnits], *, registry: Registry, scope: EpochScope
) -> Resolved:
    """The leaves of all works in one asset."""
    leaves: list[Leaf] = []
    unpaid: list[Quarantined] = []
    escrowed: dict[Hash32, int] = {}
    payability = payability_in(asset, registry=registry, scope=scope)
    for work_id, amount in earned.items():
        terms = registry.works[work_id]
        if terms.is_recognised:
            escrowed[terms.content_id] = escrowed.get(terms.content_id, 0) + amount
            continue
        expansion = expansion_of(amount, terms, payability)
        leaves += _leaves_of_work(expansion, terms, asset, scope)
        unpaid += (_quarantined(refused, terms, asset) for refused in expansion.refused)
    leaves += (
        locked_leaf(escrow_id(content_id), BaseUnits(amount), asset, scope)
        for content_id, amount in escrowed.items()
        if amount > 0
    )
    return Resolved(leaves=tuple(leaves), unpaid=tuple(unpaid))


def payability_in(asset: Address, *, registry: Registry, scope: EpochScope) -> Payability:
    """Who can be paid in an asset, and which split accounts there are."""
    return Payability(never_paid=never_paid_in(asset, scope), accounts=registry.accounts)


def never_paid_in(asset: Address, scope: EpochScope) -> frozenset[Address]:
    """Payees who can never be paid in an asset: zero, the asset, the contracts that pay and split.

    No token pays the first two, and the last two would send money back where it came from, or keep
    it for ever.
    """
    return frozenset({ZERO_ADDRESS, asset, scope.payouts, scope.split_accounts})


def expansion_of(amount: BaseUnits, terms: WorkTerms, payability: Payability) -> Expansion:
    """What a work earned, followed to those who are paid."""
    return expand(amount, payees=terms.payees, shares_ppm=terms.shares_ppm, payability=payability)


def locked_leaf(leaf_id: Hash32, amount: BaseUnits, asset: Address, scope: EpochScope) -> Leaf:
    """A leaf of escrow or suspense."""
    line = SplitLine(payee=scope.payouts, amount=amount)
    return Leaf(epoch=scope.epoch, work_id=leaf_id, part=0, asset=asset, lines=(line,))


def _leaves_of_work(
    expansion: Expansion, terms: WorkTerms, asset: Address, scope: EpochScope
) -> Iterator[Leaf]:
    for part, lines in enumerate(parts(expansion.lines)):
        yield Leaf(epoch=scope.epoch, work_id=terms.work_id, part=part, asset=asset, lines=lines)
    suspended = sum(refused.amount for refused in expansion.refused)
    if suspended > 0:
        yield locked_leaf(suspense_id(terms.work_id), BaseUnits(suspended), asset, scope)


def _quarantined(refused: Refused, terms: WorkTerms, asset: Address) -> Quarantined:
    return Quarantined(
        block_number=terms.block_number,
        log_index=terms.log_index,
        position=refused.position,
        reason=refused.reason,
        submitter=terms.registrant,
        work_id=terms.work_id,
        asset=asset,
        amount=refused.amount,
    )
