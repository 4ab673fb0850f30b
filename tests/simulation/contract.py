"""`EpochPayouts` as the submitter and the books know it: what a block's content does to a state.

Its flags keep a line from being settled twice, as the real ones do. The submitter must not rely on
that, so every transaction of ours that reaches a leaf is noted with what ours had settled before.
`lines` has the two contracts beside it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.calls import EpochState, EpochStatus, Refusal, SkipReason
from contracts.evm import Address, BlockRef, Epoch, Hash32, LogIndex, LogRef, Timestamp, keccak
from contracts.leaves import Leaf
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EpochVetoed,
    LeafWithdrawn,
    MoneyEvent,
    PayeeHeld,
    PayeePaid,
    PayeeUnclaimed,
)
from contracts.operations import commit_operation_id
from contracts.payment_events import PaymentEvent
from settlement.payouts.view import Receipt
from tests.ledger_builders import ASSET, BOOK
from tests.simulation.calls import (
    Commit,
    PayLines,
    PayTips,
    Withdrawals,
    all_lines,
    call_to,
    gas_of,
    op_id_of,
)
from tests.simulation.chain import VETO_WINDOW, State, Transaction
from tests.simulation.lines import (
    BringFloat,
    GiveTip,
    PayByHand,
    bring_float,
    burnt_gas,
    give_tip,
    lines_objection,
    pay_lines,
)

GUARDIAN = Address(b"\x61" * 20)


@dataclass(frozen=True, slots=True)
class Fund:
    """Subscribers paid for an epoch."""

    epoch: Epoch
    amount: int


@dataclass(frozen=True, slots=True)
class Veto:
    """A guardian undoes a commitment."""

    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A stranger withdraws a leaf."""

    leaf: Leaf


@dataclass(frozen=True, slots=True)
class SpendNonce:
    """Somebody signs another transaction with a key of ours, for the next nonce."""

    sender: Address
    nonce: int


@dataclass(frozen=True, slots=True)
class Change:
    """A switch of the contract or of an account: the named field of the state has this value."""

    name: str
    value: object

    def __str__(self) -> str:
        value = self.value
        shown = sorted(map(str, value)) if isinstance(value, frozenset) else value
        return f"{self.name} = {shown}"


External = Fund | Veto | Withdraw | SpendNonce | Change | GiveTip | BringFloat | PayByHand
"""What others do; it is executed in the block that takes it, if it still can be."""


class Executor:
    """Executes one block on a state; collects its events."""

    def __init__(
        self, ref: BlockRef, state: State, distributions: Mapping[Hash32, frozenset[Leaf]]
    ) -> None:
        self.ref, self.state, self.events = ref, state, list[MoneyEvent]()
        self.line_events = defaultdict[Address, list[PaymentEvent]](list)
        self._distributions = distributions

    def external(self, one: External) -> bool:
        """What others do; whether it could be done."""
        match one:
            case Fund(epoch, amount):
                self.state.paid_in[epoch] += amount
                self.state.cash += amount
                self._emit(EpochFunded, epoch=epoch, asset=ASSET, source=GUARDIAN, amount=amount)
            case Veto(epoch):
                return self._veto(epoch)
            case Withdraw(leaf):
                if BOOK.contract in self.state.paused or self.refusal(leaf) is not None:
                    return False
                self._settle(leaf, None)
            case SpendNonce(sender, nonce):
                if self.state.counts[sender] != nonce:
                    return False
                self.state.counts[sender] += 1
            case Change(name, value):
                setattr(self.state, name, value)
            case GiveTip() | BringFloat() | PayByHand():
                return self._of_lines(one)
        return True

    def transaction(self, one: Transaction, base_fee_wei: int, *, runs_dry: bool) -> None:
        """A transaction of ours; the nonce is spent whatever happens."""
        state = self.state
        state.counts[one.sender] += 1
        cost_wei = gas_of(one.data) * min(one.max_fee_wei, base_fee_wei + one.tip_wei)
        state.funds = {**state.funds, one.sender: state.funds[one.sender] - cost_wei}
        call = call_to(one.to, one.data)
        settled: set[Hash32] = set()
        refused: dict[Hash32, Refusal | SkipReason] = {}
        needed = gas_of(one.data) + burnt_gas(call, state)
        is_success = not (runs_dry or one.to in state.paused or needed > one.gas)
        match call:
            case Commit() if is_success:
                is_success = self.commit_objection(call) is None
                if is_success:
                    settled.add(self._commit(call))
            case Withdrawals(items) if is_success:
                for item in items:
                    self._item(one, item.leaf, settled, refused)
            case PayTips() | PayLines() if is_success:
                is_success = lines_objection(call, state) is None
                if is_success:
                    settled, skipped = pay_lines(call, one, state, self._emit_line)
                    refused.update(skipped)
        state.receipts[one.tx_hash] = Receipt(
            tx_hash=one.tx_hash,
            block_number=self.ref.number,
            block_hash=self.ref.hash,
            is_success=is_success,
            settled=frozenset(settled),
            refused=refused,
        )

    def _of_lines(self, one: GiveTip | BringFloat | PayByHand) -> bool:
        match one:
            case GiveTip():
                give_tip(one, self.state, self._emit_line)
            case BringFloat():
                bring_float(one, self.state, self._emit_line)
            case PayByHand(call):
                if lines_objection(call, self.state) is not None:
                    return False
                pay_lines(call, None, self.state, self._emit_line)
        return True

    def refusal(self, leaf: Leaf) -> Refusal | None:
        """Why the contract would not settle anything of a leaf."""
        state, op_id = self.state, op_id_of(leaf)
        epoch = state.epoch(leaf.epoch)
        if epoch.status is EpochStatus.NONE or self.ref.timestamp < epoch.active_at:
            return Refusal.EPOCH_NOT_ACTIVE
        if leaf.work_id in state.under_verdict:
            return Refusal.WORK_UNDER_VERDICT
        if leaf not in self._distributions[epoch.root]:
            return Refusal.BAD_PROOF
        is_open = all_lines(leaf) & ~state.lines.get(op_id, 0)
        if not is_open:
            return Refusal.ALREADY_WITHDRAWN
        held = sum(1 << n for n, line in enumerate(leaf.lines) if line.payee in state.held)
        return None if is_open & ~held else Refusal.ALL_LINES_HELD

    def commit_objection(self, call: Commit) -> str | None:
        """Why `commitEpoch` would revert."""
        state, epoch = self.state, self.state.epoch(call.epoch)
        before = state.epoch(Epoch(call.epoch - 1))
        is_ready = not call.epoch or (
            before.status is not EpochStatus.NONE and before.active_at <= self.ref.timestamp
        )
        if not is_ready or epoch.status is not EpochStatus.NONE or call.attempt != epoch.attempt:
            return "reverts with 0xe0"
        if self.ref.timestamp > call.deadline:
            return "reverts with 0xdead"
        (totals,) = call.totals
        return None if totals.paid_in == state.paid_in[call.epoch] else "reverts with 0x70"

    def _item(
        self,
        one: Transaction,
        leaf: Leaf,
        settled: set[Hash32],
        refused: dict[Hash32, Refusal | SkipReason],
    ) -> None:
        op_id, state = op_id_of(leaf), self.state
        state.reach(one, op_id)
        refusal = self.refusal(leaf)
        if refusal is not None:
            refused[op_id] = refusal
            return
        self._settle(leaf, one)
        settled.add(op_id)

    def _settle(self, leaf: Leaf, by: Transaction | None) -> None:
        op_id, state = op_id_of(leaf), self.state
        before = state.lines.get(op_id, 0)
        due = [(n, line) for n, line in enumerate(leaf.lines) if not before >> n & 1]
        amount = sum(line.amount for _, line in due if line.payee not in state.held)
        place = {"op_id": op_id, "asset": leaf.asset}
        named = {"epoch": leaf.epoch, "work_id": leaf.work_id, "part": leaf.part}
        self._emit(LeafWithdrawn, **place, **named, amount=amount)
        for number, line in due:
            kind: type[PayeePaid | PayeeUnclaimed | PayeeHeld] = PayeePaid
            if line.payee in state.held:
                kind = PayeeHeld
            elif line.payee in state.refusing:
                kind = PayeeUnclaimed
                state.unclaimed[line.payee] += line.amount
            else:
                state.cash -= line.amount
                state.paid[op_id, number] += 1
            if kind is not PayeeHeld:
                state.settle(op_id, number, by)
            self._emit(kind, **place, payee=line.payee, amount=line.amount, line=number)

    def _commit(self, call: Commit) -> Hash32:
        active_at = Timestamp(self.ref.timestamp + VETO_WINDOW)
        self.state.epochs[call.epoch] = EpochState(
            root=call.root,
            manifest_digest=call.manifest_digest,
            active_at=active_at,
            attempt=call.attempt,
            status=EpochStatus.PENDING,
        )
        self._emit(
            EpochCommitted,
            epoch=call.epoch,
            attempt=call.attempt,
            manifest_digest=call.manifest_digest,
            root=call.root,
            active_at=active_at,
            guardian_set=1,
            signers=(GUARDIAN,),
            totals=call.totals,
        )
        return commit_operation_id(
            call.epoch, call.attempt, chain_id=BOOK.chain_id, contract=BOOK.contract
        )

    def _veto(self, epoch: Epoch) -> bool:
        vetoed = self.state.epoch(epoch)
        if vetoed.status is EpochStatus.NONE or self.ref.timestamp >= vetoed.active_at:
            return False
        self.state.epochs[epoch] = EpochState(
            root=Hash32(bytes(32)),
            manifest_digest=Hash32(bytes(32)),
            active_at=Timestamp(0),
            attempt=vetoed.attempt + 1,
            status=EpochStatus.NONE,
        )
        reason = keccak(b"reason")
        attempt = vetoed.attempt
        self._emit(EpochVetoed, epoch=epoch, attempt=attempt, by=GUARDIAN, reason_digest=reason)
        return True

    def _emit(self, kind: type[MoneyEvent], **fields: object) -> None:
        self.events.append(kind(**self._place(), **fields))  # type: ignore[arg-type]

    def _emit_line(
        self, contract: Address, kind: type[PaymentEvent], fields: dict[str, Any]
    ) -> None:
        self.line_events[contract].append(kind(**self._place(), **fields))

    def _place(self) -> dict[str, Any]:
        before = len(self.events) + sum(map(len, self.line_events.values()))
        return {
            "ref": LogRef(BOOK.chain_id, self.ref.number, LogIndex(before)),
            "block_hash": self.ref.hash,
            "timestamp": self.ref.timestamp,
        }
