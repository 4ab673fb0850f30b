"""A dry run: what the next tick would plan, keep up and sign, and what that may cost.

Nothing is written, signed or sent. Of a remainder whose leaf was never planned here, attempts of
other remainders are not seen; the tick itself sees them, and waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, Hash32
from settlement.payouts.assemble import Assembler, Held
from settlement.payouts.decision import SignNew, next_action
from settlement.payouts.gas import Fee, FeeAboveCap, fee_for
from settlement.payouts.nonces import (
    AtCap,
    Cancel,
    Care,
    Counts,
    Leave,
    Replace,
    care,
    forgotten,
    useful_nonces,
)
from settlement.payouts.observe import Sighting, observe
from settlement.payouts.operation import Attempt, History, Operation
from settlement.payouts.other_keys import OtherKeys, other_keys
from settlement.payouts.protocols import Histories
from settlement.payouts.submit import Submitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A transaction that would be signed now, and the most that it may cost."""

    nonce: int
    contract: Address
    op_ids: tuple[Hash32, ...]
    gas: int
    max_fee_wei: int
    tip_wei: int
    data_fee_wei: int
    cost_max_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What an open nonce needs now: Resend, Replace, Cancel, or AtCap."""

    nonce: int
    need: str
    tx_hash: Hash32
    fee: Fee | FeeAboveCap | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One dry run. `obstacles` are reasons why a tick would not sign, or not all of this.

    What contracts owe that are `paused` is left out, unless all are: then it is what would be paid.

    `money_left_wei` is what the key would have, if all that waits and all of this costs its most.
    """

    finalized: BlockRef
    head: BlockRef
    counts: Counts
    next_nonce: int
    planned: tuple[Hash32, ...]
    upkeep: tuple[Upkeep, ...]
    proposed: tuple[Proposed, ...]
    held: tuple[Held, ...]
    money_left_wei: int
    paused: tuple[Address, ...]
    obstacles: tuple[str, ...]


def preview(submitter: Submitter, histories: Histories) -> Preview | None:
    """Look ahead; None while no block is finalized.

    Raises:
        ChainUnavailable: the node does not have the finalized block, or did not answer.
    """
    finalized = submitter.finality.finalized()
    if finalized is None:
        return None
    head, sender = submitter.chain.head(), submitter.signer.address
    counts = submitter.counts(head, finalized)
    paused = submitter.chain.paused(submitter.contracts, head)
    stored = submitter.store.open_histories()
    fresh = _fresh(submitter, finalized, stored, histories)
    in_flight = submitter.in_flight(counts)
    place = _Place(finalized, head, counts)
    others, sighting = _observed(submitter, place, [*stored, *fresh], in_flight)
    is_halted = paused.issuperset(submitter.contracts)
    at_work = [
        one for one in (*stored, *fresh) if is_halted or one.operation.contract not in paused
    ]
    due = [one.operation for one in at_work if _is_due(submitter, one, sighting)]
    market, useful = submitter.market(head), useful_nonces(at_work, sender)
    needs = [
        care(
            one,
            contracts=submitter.contracts,
            is_useful=one.nonce in useful,
            view=sighting.view,
            counts=counts,
            market=market,
        )
        for one in in_flight
    ]
    next_nonce = max(submitter.store.next_nonce(sender) or 0, counts.shown)
    fee = fee_for(market.quote, market.caps)
    mined = submitter.mined(counts, others)
    assembler = submitter.assembler(head, at_work, sighting, mined)
    proposed, held = _proposed(submitter, due, assembler, fee=fee, next_nonce=next_nonce)
    money_left = submitter.money_left(in_flight, counts, head)
    money_left -= sum(one.cost_max_wei for one in proposed)
    checks = (
        ("paused", bool(paused)),
        ("key_unsettled", bool(forgotten(in_flight, counts, next_nonce=next_nonce))),
        ("fee_above_cap", isinstance(fee, FeeAboveCap)),
        ("no_gas_money", money_left < 0),
        ("in_flight_full", len(in_flight) + len(proposed) > submitter.limits.in_flight_max),
    )
    return Preview(
        finalized=finalized,
        head=head,
        counts=counts,
        next_nonce=next_nonce,
        planned=tuple(history.operation.op_id for history in fresh),
        upkeep=tuple(
            _upkeep(attempt, need)
            for attempt, need in zip(in_flight, needs, strict=True)
            if need != Leave()
        ),
        proposed=proposed,
        held=held,
        money_left_wei=money_left,
        paused=tuple(sorted(paused)),
        obstacles=tuple(name for name, is_so in checks if is_so),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """The blocks that are looked at, and how far the key's nonces are used there."""

    finalized: BlockRef
    head: BlockRef
    counts: Counts


def _observed(
    submitter: Submitter, place: _Place, histories: list[History], in_flight: list[Attempt]
) -> tuple[OtherKeys, Sighting]:
    sender, finalized = submitter.signer.address, place.finalized
    others = other_keys(
        histories,
        sender,
        chain=submitter.chain,
        store=submitter.store,
        finalized=finalized,
        head=place.head,
    )
    spent = {**others.spent, sender: place.counts.finalized}
    sighting = observe(submitter.chain, finalized, histories, spent=spent, open_attempts=in_flight)
    return others, sighting


def _fresh(
    submitter: Submitter, finalized: BlockRef, stored: Iterable[History], histories: Histories
) -> list[History]:
    """What would be planned, with what was signed before for the same leaf."""
    known = {history.operation.op_id for history in stored}
    commits, payments = submitter.owed(finalized, ())
    fresh: list[History] = []
    for operation in (*commits, *payments):
        if operation.op_id in known or histories.history(operation.op_id) is not None:
            continue
        first = histories.history(operation.event_op_id)
        others = (*first.attempts, *first.others) if first is not None else ()
        fresh.append(History(operation=operation, attempts=(), others=others, outcomes=()))
    return fresh


def _is_due(submitter: Submitter, history: History, sighting: Sighting) -> bool:
    usage = sighting.usages[history.operation.op_id]
    action = next_action(
        history,
        usage,
        sighting.view,
        attempts_max=submitter.limits.nonces_per_operation_max,
        retry_after_blocks=submitter.limits.retry_after_blocks,
    )
    return isinstance(action, SignNew)


def _proposed(
    submitter: Submitter,
    due: list[Operation],
    assembler: Assembler,
    *,
    fee: Fee | FeeAboveCap,
    next_nonce: int,
) -> tuple[tuple[Proposed, ...], tuple[Held, ...]]:
    if isinstance(fee, FeeAboveCap):
        return (), ()
    sending = submitter.sending(assembler.head)
    proposed: list[Proposed] = []
    held: list[Held] = []
    for one in assembler.assembled(due):
        if isinstance(one, Held):
            held.append(one)
            continue
        nonce = next_nonce + len(proposed)
        draft = sending.draft(one.contract, one.data, nonce=nonce, gas=one.gas, fee=fee)
        refusal = submitter.signer.refusal(draft)
        if refusal is not None:
            held += assembler.refused(one, refusal)
            continue
        data_fee = submitter.chain.data_fee(one.data, assembler.head)
        proposed.append(
            Proposed(
                nonce=nonce,
                contract=one.contract,
                op_ids=one.op_ids,
                gas=one.gas,
                max_fee_wei=fee.max_fee_wei,
                tip_wei=fee.tip_wei,
                data_fee_wei=data_fee,
                cost_max_wei=one.gas * fee.max_fee_wei + data_fee,
            )
        )
    return tuple(proposed), tuple(held)


def _upkeep(attempt: Attempt, need: Care) -> Upkeep:
    fee: Fee | FeeAboveCap | None = None
    match need:
        case Replace(_, bid) | Cancel(_, bid):
            fee = bid
        case AtCap(above, _):
            fee = above
    name = type(need).__name__
    return Upkeep(nonce=attempt.nonce, need=name, tx_hash=attempt.newest.tx_hash, fee=fee)
