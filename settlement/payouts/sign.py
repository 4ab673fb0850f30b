"""The part of a tick that signs with new nonces: call after call, as far as slots and money reach.

What the signing policy refuses for its size goes in smaller parts; what it refuses by itself is
held with the reason, and the others go on. No nonce is used up by either.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.evm import Hash32
from contracts.units import mul_div_down
from settlement.payouts.assemble import Assembler, Held
from settlement.payouts.gas import Fee
from settlement.payouts.operation import Operation
from settlement.payouts.report import Stop
from settlement.payouts.send import Sending
from settlement.payouts.signing_policy import Refusal, RefusalKind

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed and sent, what is held, and why nothing more was signed.

    `transactions_ahead` is for how many more of the dearest kind money is left; None without one.
    """

    hashes: tuple[Hash32, ...]
    held: tuple[Held, ...]
    stop: Stop | None
    transactions_ahead: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What signing may use: nonces from `next_nonce` on, up to `slots` of them, and `money_wei`."""

    assembler: Assembler
    sending: Sending
    fee: Fee
    slots: int
    money_wei: int
    next_nonce: int

    def signed(self, due: Sequence[Operation]) -> Signed:
        """Sign, store and send transaction after transaction."""
        hashes: list[Hash32] = []
        held: list[Held] = []
        stop: Stop | None = None
        money_wei, dearest_wei = self.money_wei, 0
        for one in self.assembler.assembled(due):
            if isinstance(one, Held):
                held.append(one)
                continue
            cost_wei = self._cost_max(one.gas, one.data)
            if len(hashes) >= self.slots:
                stop = Stop.IN_FLIGHT_FULL
            elif money_wei < cost_wei:
                stop = self._without_money(money_wei - cost_wei)
            if stop is not None:
                break
            nonce = self.next_nonce + len(hashes)
            draft = self.sending.draft(
                one.contract, one.data, nonce=nonce, gas=one.gas, fee=self.fee
            )
            refusal = self.sending.signer.refusal(draft)
            if refusal is None:
                hashes.append(self.sending.anew(draft, one.op_ids))
                money_wei, dearest_wei = money_wei - cost_wei, max(dearest_wei, cost_wei)
                continue
            if refusal.kind is RefusalKind.STOPPED:
                stop = stopped(refusal)
                break
            held += self.assembler.refused(one, refusal)
        for spoiled in held:
            fields = {"op_id": str(spoiled.op_id), "reason": spoiled.objection.reason}
            log.warning("operation held", extra=fields)
        ahead = mul_div_down(money_wei, 1, dearest_wei) if dearest_wei else None
        return Signed(tuple(hashes), tuple(held), stop, ahead)

    def _cost_max(self, gas: int, data: bytes) -> int:
        chain, head = self.assembler.chain, self.assembler.head
        return gas * self.fee.max_fee_wei + chain.data_fee(data, head)

    def _without_money(self, missing_wei: int) -> Stop:
        sender = str(self.assembler.sender)
        fields = {"sender": sender, "missing_wei": str(-missing_wei)}
        log.error("payout key lacks money for gas", extra=fields)
        return Stop.NO_GAS_MONEY


def stopped(refusal: Refusal) -> Stop:
    """Signing is stopped by a person."""
    log.warning("signing is stopped", extra={"detail": refusal.detail})
    return Stop.SIGNING_STOPPED
