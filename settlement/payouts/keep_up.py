"""The part of a tick that keeps open nonces going: sent again, replaced, or spent by a no-op."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.evm import Address, Hash32
from settlement.payouts.assemble import calldata
from settlement.payouts.gas import Fee, FeeAboveCap, fee_for, outbidding_fee
from settlement.payouts.nonces import (
    AtCap,
    Cancel,
    Care,
    Counts,
    Forgotten,
    Leave,
    Market,
    Replace,
    Resend,
    care,
    forgotten,
    gap,
    is_left,
    waiting,
)
from settlement.payouts.operation import Attempt, Operation, TransactionDraft
from settlement.payouts.send import Sending
from settlement.payouts.signing_policy import Refusal
from settlement.payouts.view import ChainView


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was done for open nonces; with `above_cap` or `is_unsettled`, no new nonce may follow.

    `refusals` are those of the signing policy: what it refuses to replace is left as it is.
    """

    sent_again: tuple[Hash32, ...]
    replaced: tuple[Hash32, ...]
    refusals: tuple[Refusal, ...]
    above_cap: FeeAboveCap | None
    is_unsettled: bool


def keep_up(
    in_flight: Sequence[Attempt],
    useful: Mapping[int, Sequence[Operation]],
    *,
    contracts: Collection[Address],
    sending: Sending,
    view: ChainView,
    counts: Counts,
    market: Market,
    next_nonce: int,
) -> Kept:
    """Look after every nonce that is not spent at the finalized block, in order.

    What is stored is sent before anything is signed.

    Args:
        in_flight: everything stored for them, ascending.
        useful: by nonce, what is not over and could be paid by it.
        contracts: that are paid from.
        sending: what signs, stores and sends.
        view: with receipts and mempool for all hashes in flight.
        counts: of the key.
        market: at the head.
        next_nonce: every lower nonce is taken.
    """
    needs = [
        care(
            one,
            contracts=contracts,
            is_useful=one.nonce in useful,
            view=view,
            counts=counts,
            market=market,
        )
        for one in in_flight
    ]
    sent_again = _send_again(needs, sending)
    renewed = _sign_again(needs, useful, sending, view)
    sent_again += renewed.sent_again
    above_cap = next((need.above for need in needs if isinstance(need, AtCap)), None)
    unknown = forgotten(in_flight, counts, next_nonce=next_nonce)
    nonce = _to_fill(unknown, sending, counts, market)
    if nonce is not None and above_cap is None:
        fee = _fee_to_fill(nonce, counts, market)
        if isinstance(fee, Fee):
            renewed.sign(sending, sending.noop_draft(nonce, fee=fee))
        else:
            above_cap = fee
    return Kept(
        sent_again=tuple(sent_again),
        replaced=tuple(renewed.signed),
        refusals=tuple(renewed.refusals),
        above_cap=above_cap,
        is_unsettled=bool(unknown),
    )


def _to_fill(unknown: Forgotten, sending: Sending, counts: Counts, market: Market) -> int | None:
    """The adopted nonce that stands in the way of all others, and needs a no-op."""
    nonce = waiting(unknown, counts)
    if nonce is None:
        return gap(unknown, counts)
    adopted_at = sending.store.adopted_at(sending.signer.address, nonce)
    return nonce if adopted_at is not None and is_left(adopted_at, market) else None


def _fee_to_fill(nonce: int, counts: Counts, market: Market) -> Fee | FeeAboveCap:
    """As for anything new; in the place of what waits, as if that had been bid now."""
    fee = fee_for(market.quote, market.caps)
    if isinstance(fee, FeeAboveCap) or nonce >= counts.pending:
        return fee
    return outbidding_fee(fee, market.quote, market.caps)


@dataclass(slots=True)
class _Renewed:
    """What signing for taken nonces came to."""

    signed: list[Hash32]
    refusals: list[Refusal]
    sent_again: list[Hash32]

    def sign(self, sending: Sending, draft: TransactionDraft) -> bool:
        """Sign, store and send, unless the policy refuses."""
        refusal = sending.signer.refusal(draft)
        if refusal is not None:
            self.refusals.append(refusal)
            return False
        self.signed.append(sending.version(draft))
        return True


def _send_again(needs: Sequence[Care], sending: Sending) -> list[Hash32]:
    """Broadcast the stored bytes that the node lacks."""
    lacking = [
        need.transaction if isinstance(need, Resend) else need.lacking
        for need in needs
        if isinstance(need, Resend | AtCap)
    ]
    stored = [transaction for transaction in lacking if transaction is not None]
    for transaction in stored:
        sending.broadcast(transaction)
    return [transaction.tx_hash for transaction in stored]


def _sign_again(
    needs: Sequence[Care],
    useful: Mapping[int, Sequence[Operation]],
    sending: Sending,
    view: ChainView,
) -> _Renewed:
    """Sign, store and send replacements and no-ops; what is refused is sent as it is."""
    renewed = _Renewed([], [], [])
    for need in needs:
        match need:
            case Replace(attempt, fee):
                data = calldata(useful[attempt.nonce])
                draft = sending.replacement_draft(data, attempt, fee=fee)
            case Cancel(attempt, fee):
                draft = sending.noop_draft(attempt.nonce, fee=fee)
            case Resend() | AtCap() | Leave():
                continue
            case _:
                assert_never(need)
        is_signed = renewed.sign(sending, draft)
        if not is_signed and attempt.newest.tx_hash not in view.known:
            sending.broadcast(attempt.newest)
            renewed.sent_again.append(attempt.newest.tx_hash)
    return renewed
