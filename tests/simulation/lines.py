"""`TipRelay` and `PayoutBatch` as the submitter and the books know them.

One bit for each line keeps it from being settled twice; the batch pays what the calldata says, to
whom it says, as the real one does: that this is what is owed, only our books can tell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from contracts.calls import SkipReason
from contracts.evm import ZERO_ADDRESS, Address, Hash32, keccak
from contracts.operations import TIP_LIST, payout_operation_id, tip_operation_id
from contracts.payment_events import (
    FloatReceived,
    LinePaid,
    LineUnclaimed,
    PaymentEvent,
    TipReceived,
    TokensReceived,
)
from contracts.units import BaseUnits
from tests.ledger_builders import BOOK
from tests.simulation.calls import BATCH, NATIVE, RELAY, PayLines, PayTips
from tests.simulation.chain import State, Tip, Transaction

PAYER = Address(b"\x66" * 20)
OPERATOR = Address(b"\x67" * 20)
GAS_OF_BURNER = 75_000

Emit = Callable[[Address, type[PaymentEvent], dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class GiveTip:
    """Somebody tips through the relay."""

    payee: Address
    amount: int
    fee: int


@dataclass(frozen=True, slots=True)
class BringFloat:
    """Money comes into the batch, to pay lines with."""

    asset: Address
    amount: int


@dataclass(frozen=True, slots=True)
class PayByHand:
    """Another operator of the batch or the relay has lines paid."""

    call: PayLines | PayTips


@dataclass(frozen=True, slots=True)
class Line:
    """What is asked to be paid, as the contract reads it."""

    op_id: Hash32
    list_id: Hash32
    index: int
    payee: Address
    asset: Address
    amount: int


def lines_of(call: PayLines | PayTips, state: State) -> list[Line]:
    """The lines that a call asks for; an unknown tip has no payee."""
    if isinstance(call, PayLines):
        return [
            Line(
                line_op_id(call.list_id, one.index),
                call.list_id,
                one.index,
                one.payee,
                call.asset,
                one.amount,
            )
            for one in call.payments
        ]
    nobody = Tip(ZERO_ADDRESS, 0)
    tips = [(n, state.tips[n] if n < len(state.tips) else nobody) for n in call.numbers]
    return [Line(tip_op_id(n), TIP_LIST, n, tip.payee, NATIVE, tip.amount) for n, tip in tips]


def skip_reason(line: Line, state: State) -> SkipReason | None:
    """Why a contract would pass over a line."""
    if state.lines.get(line.op_id):
        return SkipReason.SETTLED
    if not line.amount or line.payee in (ZERO_ADDRESS, line.asset):
        return SkipReason.MALFORMED
    return SkipReason.PAYEE_HELD if line.payee in state.held else None


def lines_objection(call: PayLines | PayTips, state: State) -> str | None:
    """Why the whole call would revert."""
    contract = RELAY if isinstance(call, PayTips) else BATCH
    if contract in state.paused:
        return "reverts with 0xd93c0665"
    if isinstance(call, PayTips):
        return None
    due = sum(one.amount for one in lines_of(call, state) if skip_reason(one, state) is None)
    return None if due <= float_of(state, call.asset) else "reverts with 0xba1a"


def float_of(state: State, asset: Address) -> int:
    """What the batch holds and nobody has a claim to."""
    return state.holdings[BATCH, asset] - waiting_in(state, BATCH, asset)


def waiting_in(state: State, contract: Address, asset: Address) -> int:
    """Pull balances in one asset."""
    keys = [key for key in state.waiting if key[:2] == (contract, asset)]
    return sum(state.waiting[key] for key in keys)


def pay_lines(
    call: PayLines | PayTips, by: Transaction | None, state: State, emit: Emit
) -> tuple[set[Hash32], dict[Hash32, SkipReason]]:
    """Pay what can be paid of a call that does not revert: op-ids settled and skipped."""
    contract = RELAY if isinstance(call, PayTips) else BATCH
    settled: set[Hash32] = set()
    skipped: dict[Hash32, SkipReason] = {}
    for line in lines_of(call, state):
        if by is not None:
            state.reach(by, line.op_id)
        reason = skip_reason(line, state)
        if reason is not None:
            skipped[line.op_id] = reason
            continue
        _settle(line, contract, by, state, emit)
        settled.add(line.op_id)
    return settled, skipped


def give_tip(one: GiveTip, state: State, emit: Emit) -> None:
    """The relay takes a tip, and owes it from now on."""
    number = len(state.tips)
    state.tips = (*state.tips, Tip(one.payee, one.amount))
    state.fees += one.fee
    state.holdings[RELAY, NATIVE] += one.amount + one.fee
    fields = {
        "order_id": Hash32.from_int(number + 1),
        "creator": one.payee,
        "payer": PAYER,
        "op_id": tip_op_id(number),
        "number": number,
        "amount": BaseUnits(one.amount),
        "fee": BaseUnits(one.fee),
    }
    emit(RELAY, TipReceived, fields)


def bring_float(one: BringFloat, state: State, emit: Emit) -> None:
    """The batch has more to pay with."""
    state.holdings[BATCH, one.asset] += one.amount
    state.floats[one.asset] += one.amount
    amount = BaseUnits(one.amount)
    if one.asset == NATIVE:
        emit(BATCH, FloatReceived, {"sender": PAYER, "amount": amount})
    else:
        emit(BATCH, TokensReceived, {"asset": one.asset, "source": PAYER, "amount": amount})


@lru_cache(maxsize=1024)
def tip_op_id(number: int) -> Hash32:
    """What the relay's events call a tip."""
    return tip_operation_id(number, chain_id=BOOK.chain_id, contract=RELAY)


@lru_cache(maxsize=1024)
def line_op_id(list_id: Hash32, index: int) -> Hash32:
    """What the batch's events call a line."""
    return payout_operation_id(list_id, index, chain_id=BOOK.chain_id, contract=BATCH)


def strange_list(salt: int) -> Hash32:
    """A list that no document of ours has."""
    return keccak(b"strange" + salt.to_bytes(8, "big"))


def burnt_gas(call: object, state: State) -> int:
    """What payees burn of a transaction, beside what its estimate was told."""
    if not isinstance(call, PayTips | PayLines):
        return 0
    burners = [line for line in lines_of(call, state) if _burns(line, state)]
    return GAS_OF_BURNER * sum(skip_reason(line, state) is None for line in burners)


def _burns(line: Line, state: State) -> bool:
    return line.asset == NATIVE and line.payee in state.burning


def _settle(
    line: Line, contract: Address, by: Transaction | None, state: State, emit: Emit
) -> None:
    kind: type[LinePaid | LineUnclaimed] = LinePaid
    state.settle(line.op_id, 0, by)
    if line.payee in state.refusing or _burns(line, state):
        kind = LineUnclaimed
        state.waiting[contract, line.asset, line.payee] += line.amount
    else:
        state.holdings[contract, line.asset] -= line.amount
        state.paid[line.op_id, 0] += 1
    fields = {
        "op_id": line.op_id,
        "list_id": line.list_id,
        "payee": line.payee,
        "index": line.index,
        "asset": line.asset,
        "amount": BaseUnits(line.amount),
    }
    emit(contract, kind, fields)
