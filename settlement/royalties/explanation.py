"""Why a work earned what it earned: every number, from events to the units of its leaves.

The steps are computed anew from events and parameters, and each is compared with what the ruleset
computed (`explanation_parts.py`). One number that differs, and there is no explanation but
`ExplanationDiffers`.
"""

from collections.abc import Sequence

from contracts.evm import Address, Hash32
from contracts.units import BaseUnits
from settlement.royalties.derivation import ComputedEpoch, EpochFacts
from settlement.royalties.derivation_steps import EventId, Explanation, Sources
from settlement.royalties.distribution import SubscriberAllocation
from settlement.royalties.errors import UnknownWork
from settlement.royalties.explanation_parts import (
    explain_split,
    explain_subscriber,
    never_paid,
    payments_by_subscriber,
    play_sums,
)
from settlement.royalties.parameters import parameters_in_force


def explained_assets(computed: ComputedEpoch, work_id: Hash32) -> tuple[Address, ...]:
    """The assets of the fees that a work has a part in, ascending; with zero units too.

    Raises:
        UnknownWork: no such work is registered in the epoch.
    """
    if work_id not in computed.registry.works:
        raise UnknownWork(work_id, computed.facts.epoch)
    return tuple(
        sorted(
            {
                share.asset
                for share in computed.distribution.allocations
                if _has_row_of(share, work_id)
            }
        )
    )


def explain(computed: ComputedEpoch, work_id: Hash32, asset: Address) -> Explanation:
    """The derivation of what a work earned in one asset.

    Raises:
        UnknownName: the epoch was computed by a ruleset whose steps are not known here.
        UnknownWork: no such work is registered in the epoch.
        ExplanationDiffers: the steps do not lead to what was computed.
    """
    facts, manifest = computed.facts, computed.manifest
    if work_id not in computed.registry.works:
        raise UnknownWork(work_id, facts.epoch)
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
        [
            leaf
            for leaf in computed.distribution.leaves
            if (leaf.work_id, leaf.asset) == (work_id, asset)
        ],
        work_id=work_id,
        never_paid=never_paid(asset, facts.payouts),
        sources=sources,
    )
    return Explanation(
        epoch=facts.epoch,
        attempt=facts.attempt,
        manifest_digest=computed.manifest_digest,
        root=manifest.root,
        asset=asset,
        work_id=work_id,
        ruleset=sources.parameters.ruleset,
        k_ppm=sources.parameters.k_ppm,
        plays_max=sources.parameters.plays_max,
        parameters=sources.parameters_event,
        subscribers=subscribers,
        split=split,
    )


def _sources(computed: ComputedEpoch, shares: Sequence[SubscriberAllocation]) -> Sources:
    facts = computed.facts
    parameters = parameters_in_force(facts.parameters, facts.epoch)
    hashes = {number: block.hash for number, block in facts.blocks.items()}
    plays = (credit.row.plays for share in shares for credit in share.credits)
    return Sources(
        chain_id=facts.chain_id,
        parameters=parameters,
        parameters_event=_parameters_event(facts),
        terms=computed.registry.works,
        verdicts=_verdicts(computed),
        block_hashes=hashes,
        play_sums=play_sums(parameters, plays),
    )


def _verdicts(computed: ComputedEpoch) -> dict[Hash32, EventId]:
    """The last placement, for every work that is held."""
    facts, columns = computed.facts, computed.facts.verdicts
    return {
        columns.work_id[row]: EventId(
            chain_id=facts.chain_id,
            block_number=columns.block_number[row],
            block_hash=facts.blocks[columns.block_number[row]].hash,
            log_index=columns.log_index[row],
        )
        for row in range(len(columns))
        if columns.is_placed[row] and columns.work_id[row] in computed.registry.held
    }


def _parameters_event(facts: EpochFacts) -> EventId:
    """The place of what `parameters_in_force` found."""
    columns = facts.parameters
    row = max(row for row in range(len(columns)) if columns.effective_epoch[row] <= facts.epoch)
    number = columns.block_number[row]
    return EventId(
        chain_id=facts.chain_id,
        block_number=number,
        block_hash=facts.blocks[number].hash,
        log_index=columns.log_index[row],
    )


def _has_row_of(share: SubscriberAllocation, work_id: Hash32) -> bool:
    return any(credit.row.work_id == work_id for credit in share.credits)
