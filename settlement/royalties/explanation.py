"""Why a leaf holds what it holds: every number, from events to its units.

| leaf of | its explanation |
|---|---|
| a work | what each subscriber's fee gave to it, and how its payees share that |
| a work's suspense | the same: what its split could not pay is named there |
| fees | what each fee takes of what each subscriber paid |
| an escrowed content | what each recognised work of it earned |

The steps are computed anew from events and parameters, and each is compared with what the engine
computed (`explanation_parts.py`, `explanation_splits.py`). One number that differs, and there is no
explanation but `ExplanationDiffers`.
"""

from collections.abc import Sequence

from contracts.evm import Address, Epoch, Hash32
from contracts.leaves import FEES_ID, Leaf, LeafKind, escrow_id, leaf_kind, suspense_id
from contracts.units import BaseUnits
from settlement.royalties.derivation import ComputedEpoch
from settlement.royalties.derivation_steps import (
    EscrowedWork,
    EscrowExplanation,
    EventId,
    Explanation,
    FeeExplanation,
    Sources,
)
from settlement.royalties.distribution import SubscriberAllocation
from settlement.royalties.errors import UnknownWork, agree
from settlement.royalties.explanation_fees import charged_subscribers, fee_lines_of, fee_parts
from settlement.royalties.explanation_parts import (
    explain_subscriber,
    payments_by_subscriber,
    play_sums,
)
from settlement.royalties.explanation_splits import agree_on_lines, explain_split
from settlement.royalties.parameters import parameters_in_force
from settlement.royalties.registry import Registry


def explained_assets(computed: ComputedEpoch, leaf_id: Hash32) -> tuple[Address, ...]:
    """The assets of the fees that a work, or another leaf, has a part in, ascending.

    Raises:
        UnknownWork: nothing of this id is known in the epoch.
    """
    epoch = computed.frame.epoch
    kind, works = kind_of_leaf(leaf_id, epoch), works_of_leaf(leaf_id, computed.registry, epoch)
    return tuple(
        sorted(
            {
                share.asset
                for share in computed.distribution.allocations
                if kind is LeafKind.FEES or any(_has_row_of(share, work) for work in works)
            }
        )
    )


def explain_leaf(
    computed: ComputedEpoch, leaf_id: Hash32, asset: Address
) -> Explanation | FeeExplanation | EscrowExplanation:
    """The derivation of the leaves of an id in one asset; an id of suspense gives its work's.

    Raises:
        UnknownName: the epoch was computed by a ruleset whose steps are not known here.
        UnknownWork: nothing of this id is known in the epoch.
        ExplanationDiffers: the steps do not lead to what was computed.
    """
    kind = kind_of_leaf(leaf_id, computed.frame.epoch)
    if kind is LeafKind.FEES:
        return explain_fees(computed, asset)
    if kind is LeafKind.ESCROW:
        return explain_escrow(computed, leaf_id, asset)
    (work_id,) = works_of_leaf(leaf_id, computed.registry, computed.frame.epoch)
    return explain(computed, work_id, asset)


def explain(computed: ComputedEpoch, work_id: Hash32, asset: Address) -> Explanation:
    """The derivation of what a work earned in one asset.

    Raises:
        UnknownName: the epoch was computed by a ruleset whose steps are not known here.
        UnknownWork: no such work is registered in the epoch.
        ExplanationDiffers: the steps do not lead to what was computed.
    """
    facts = computed.facts
    if work_id not in computed.registry.works:
        raise UnknownWork(work_id, facts.frame.epoch)
    shares = [
        share
        for share in computed.distribution.allocations
        if share.asset == asset and _has_row_of(share, work_id)
    ]
    sources = _sources(computed, shares)
    payments = payments_by_subscriber(facts.subscribed, asset, sources)
    subscribers = tuple(
        explain_subscriber(
            share, payments.get(share.subscriber, ()), work_id=work_id, sources=sources
        )
        for share in shares
    )
    split = explain_split(
        BaseUnits(sum(part.credited for part in subscribers)),
        _leaves(computed, asset, work_id, suspense_id(work_id)),
        asset=asset,
        work_id=work_id,
        sources=sources,
    )
    return Explanation(
        epoch=facts.frame.epoch,
        attempt=facts.frame.attempt,
        manifest_digest=computed.manifest_digest,
        root=computed.manifest.root,
        asset=asset,
        parameters=sources.parameters_event,
        work_id=work_id,
        ruleset=sources.parameters.ruleset,
        k_ppm=sources.parameters.k_ppm,
        plays_max=sources.parameters.plays_max,
        has_half_life=sources.parameters.has_half_life,
        subscribers=subscribers,
        split=split,
    )


def explain_fees(computed: ComputedEpoch, asset: Address) -> FeeExplanation:
    """The derivation of the fees in one asset.

    Raises:
        UnknownName: the epoch was computed by a ruleset whose steps are not known here.
        ExplanationDiffers: the steps do not lead to what was computed.
    """
    facts = computed.facts
    shares = [share for share in computed.distribution.allocations if share.asset == asset]
    sources = _sources(computed, shares)
    payments = payments_by_subscriber(facts.subscribed, asset, sources)
    subscribers = tuple(charged_subscribers(shares, payments, sources))
    entries = tuple(fee_parts(subscribers, asset, sources))
    lines = tuple(fee_lines_of(entries))
    agree_on_lines("fees", lines, _leaves(computed, asset, FEES_ID))
    return FeeExplanation(
        epoch=facts.frame.epoch,
        attempt=facts.frame.attempt,
        manifest_digest=computed.manifest_digest,
        root=computed.manifest.root,
        asset=asset,
        parameters=sources.parameters_event,
        entries=entries,
        subscribers=subscribers,
        lines=lines,
    )


def explain_escrow(computed: ComputedEpoch, leaf_id: Hash32, asset: Address) -> EscrowExplanation:
    """The derivation of what is escrowed for a content in one asset.

    Raises:
        UnknownName: the epoch was computed by a ruleset whose steps are not known here.
        UnknownWork: no recognised work has a content of this id in the epoch.
        ExplanationDiffers: the steps do not lead to what was computed.
    """
    works = works_of_leaf(leaf_id, computed.registry, computed.frame.epoch)
    earned = [explain(computed, work_id, asset) for work_id in works]
    amount = BaseUnits(sum(one.split.escrowed for one in earned))
    leaves = _leaves(computed, asset, leaf_id)
    agree(f"escrow {leaf_id}", amount, sum(leaf.amount for leaf in leaves))
    facts = computed.facts
    return EscrowExplanation(
        epoch=facts.frame.epoch,
        attempt=facts.frame.attempt,
        manifest_digest=computed.manifest_digest,
        root=computed.manifest.root,
        asset=asset,
        parameters=_sources(computed, ()).parameters_event,
        escrow_id=leaf_id,
        content_id=computed.registry.works[works[0]].content_id,
        works=tuple(
            EscrowedWork(work_id=one.work_id, terms=one.split.terms, amount=one.split.amount)
            for one in earned
        ),
        amount=amount,
    )


def kind_of_leaf(leaf_id: Hash32, epoch: Epoch) -> LeafKind:
    """What a leaf of this id holds.

    Raises:
        UnknownWork: no leaf can have it.
    """
    try:
        return leaf_kind(leaf_id)
    except ValueError as error:
        raise UnknownWork(leaf_id, epoch) from error


def works_of_leaf(leaf_id: Hash32, registry: Registry, epoch: Epoch) -> list[Hash32]:
    """The works whose money a leaf holds, ascending; none for fees.

    Raises:
        UnknownWork: there are none.
    """
    works, kind = registry.works, kind_of_leaf(leaf_id, epoch)
    if kind is LeafKind.FEES:
        return []
    if kind is LeafKind.ESCROW:
        recognised = (terms for terms in works.values() if terms.is_recognised)
        found = [one.work_id for one in recognised if escrow_id(one.content_id) == leaf_id]
    elif kind is LeafKind.SUSPENSE:
        found = [work_id for work_id in works if suspense_id(work_id) == leaf_id]
    else:
        found = [leaf_id] if leaf_id in works else []
    if not found:
        raise UnknownWork(leaf_id, epoch)
    return found


def _leaves(computed: ComputedEpoch, asset: Address, *leaf_ids: Hash32) -> list[Leaf]:
    """The leaves of these ids in one asset, ascending by (id, part)."""
    leaves = computed.distribution.leaves
    return [leaf for leaf in leaves if leaf.asset == asset and leaf.work_id in leaf_ids]


def _sources(computed: ComputedEpoch, shares: Sequence[SubscriberAllocation]) -> Sources:
    facts = computed.facts
    parameters = parameters_in_force(facts.frame.parameters, facts.frame.epoch)
    plays = (credit.row.plays for share in shares for credit in share.credits)
    return Sources(
        chain_id=facts.frame.chain_id,
        scope=facts.frame.scope,
        parameters=parameters,
        terms=computed.registry.works,
        accounts=computed.registry.accounts,
        verdicts=_verdicts(computed),
        block_hashes={number: block.hash for number, block in facts.blocks.items()},
        play_sums=play_sums(parameters, plays),
    )


def _verdicts(computed: ComputedEpoch) -> dict[Hash32, EventId]:
    """The last placement, for every work that is held."""
    facts, columns = computed.facts, computed.frame.verdicts
    return {
        columns.work_id[row]: EventId(
            chain_id=facts.frame.chain_id,
            block_number=columns.block_number[row],
            block_hash=facts.blocks[columns.block_number[row]].hash,
            log_index=columns.log_index[row],
        )
        for row in range(len(columns))
        if columns.is_placed[row] and columns.work_id[row] in computed.registry.held
    }


def _has_row_of(share: SubscriberAllocation, work_id: Hash32) -> bool:
    return any(credit.row.work_id == work_id for credit in share.credits)
