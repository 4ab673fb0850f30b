"""The submitter: one tick plans, observes, records, sends again and signs anew.

    plan            operations and reservations, one database transaction
    observe         usage and spent nonces at one finalized block; receipts and mempool now
    record          outcomes that are final
    send again      the stored bytes of every open nonce that the node does not know
    sign            next nonce → sign → store raw and hash, one committed transaction → broadcast

A crash at any point is harmless, because every tick derives everything again: what is stored but
was not sent is sent again as it is; what was sent but not observed is observed again. Nothing is
ever sent that is not stored. The caller holds the key (`adapters.ownership`) for the whole tick.
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from contracts.calls import withdraw_batch_call, withdrawal_from_call
from contracts.evm import Address, BlockRef, ChainId, Hash32, keccak
from settlement.errors import NodeBehind, NonceDrift, SignatureMismatch
from settlement.payouts.batch import grouped, halves
from settlement.payouts.broadcast import Answer
from settlement.payouts.decision import (
    Done,
    Exhausted,
    Rebroadcast,
    SignNew,
    Wait,
    next_action,
    spent_outcomes,
    unknown_to_node,
)
from settlement.payouts.gas import Fee, FeeAboveCap, FeeCaps, fee_for, gas_limit
from settlement.payouts.observe import Sighting, observe
from settlement.payouts.operation import (
    Attempt,
    History,
    Kind,
    Operation,
    Outcome,
    SignedTransaction,
    TransactionDraft,
    commit_operation,
    withdraw_operation,
)
from settlement.payouts.protocols import (
    ApprovedCommits,
    Finality,
    PayableLeaves,
    PayoutChain,
    PayoutStore,
    Signer,
)
from settlement.payouts.view import Objection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitLimits:
    """Bounds of one submitter; `gas_max` is the budget of one transaction.

    `in_flight_max` should not exceed 16, the executable slots that a geth pool guarantees to one
    account. `nonces_per_operation_max` bounds what an operation that always fails may burn.
    """

    caps: FeeCaps
    gas_max: int
    in_flight_max: int
    open_operations_max: int
    nonces_per_operation_max: int


class Stop(StrEnum):
    """Why a tick signed nothing or not all; each ends by itself or by a person's decision."""

    NO_FINALIZED_BLOCK = "no_finalized_block"
    PAUSED = "paused"
    KEY_UNSETTLED = "key_unsettled"  # first use of the key while it has unfinalized transactions
    FEE_ABOVE_CAP = "fee_above_cap"
    IN_FLIGHT_FULL = "in_flight_full"


@dataclass(frozen=True, slots=True)
class Held:
    """An operation that is not signed because its call would revert now, or never fits."""

    op_id: Hash32
    objection: Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """What one tick did; `exhausted` and most of `held` need a person."""

    planned: int = 0
    recorded: tuple[Outcome, ...] = ()
    sent_again: tuple[Hash32, ...] = ()
    signed: tuple[Hash32, ...] = ()
    held: tuple[Held, ...] = ()
    exhausted: tuple[Hash32, ...] = ()
    stop: Stop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitter:
    """Pays from one contract with one key."""

    chain_id: ChainId
    contract: Address
    leaves: PayableLeaves
    commits: ApprovedCommits
    finality: Finality
    chain: PayoutChain
    store: PayoutStore
    signer: Signer
    limits: SubmitLimits

    def tick(self) -> TickReport:
        """Do everything that can be done now.

        Raises:
            ChainUnavailable, NodeBehind: try again later.
            NonceDrift, NonceTaken, OperationConflict, PartlyPaid, SignatureMismatch: stop.
        """
        finalized = self.finality.finalized()
        if finalized is None:
            return TickReport(stop=Stop.NO_FINALIZED_BLOCK)
        head = self.chain.head()
        if head.number < finalized.number:
            raise NodeBehind(head=head.number, finalized=finalized.number)
        is_paused = self.chain.is_paused(head)
        planned, commit_calls = (0, {}) if is_paused else self._plan(finalized)
        nonce = self._next_nonce(head, finalized)
        in_flight, histories, sighting = self._observe(finalized)
        recorded, due, exhausted = self._decide(histories, sighting)
        report = TickReport(planned=planned, recorded=recorded, exhausted=exhausted)
        if is_paused:
            return replace(report, stop=Stop.PAUSED)
        sent_again = self._send_again(unknown_to_node(in_flight, sighting.view))
        report = replace(report, sent_again=sent_again)
        if nonce is None:
            return replace(report, stop=Stop.KEY_UNSETTLED)
        fresh = [replace(one, call=commit_calls.get(one.op_id, one.call)) for one in due]
        slots = self.limits.in_flight_max - len(in_flight)
        return self._sign_due(fresh, report, head=head, nonce=nonce, slots=slots)

    def _plan(self, finalized: BlockRef) -> tuple[int, dict[Hash32, bytes]]:
        """Store what is owed now; also returns the calls of commits, whose signatures may vary."""
        commits = [
            commit_operation(
                one.approval, one.signatures, chain_id=self.chain_id, contract=self.contract
            )
            for one in self.commits.approved(finalized)
        ]
        room = self.limits.open_operations_max - self.store.open_count() - len(commits)
        leaves = self.leaves.payable(finalized, limit=room) if room > 0 else ()
        withdrawals = [
            withdraw_operation(leaf, chain_id=self.chain_id, contract=self.contract)
            for leaf in leaves
        ]
        planned = self.store.plan([*commits, *withdrawals])
        if planned:
            log.info("operations planned", extra={"operations": planned})
        return planned, {commit.op_id: commit.call for commit in commits}

    def _next_nonce(self, head: BlockRef, finalized: BlockRef) -> int | None:
        """The next nonce of our key; None if the chain cannot tell yet where a new key starts.

        Raises:
            NonceDrift: the chain has seen nonces that we never signed.
        """
        sender = self.signer.address
        stored = self.store.next_nonce(sender)
        count = self.chain.nonce_count(sender, head)
        if stored is None:
            return count if count == self.chain.nonce_count(sender, finalized) else None
        if count > stored:
            raise NonceDrift(sender, stored=stored, chain=count)
        return stored

    def _observe(self, finalized: BlockRef) -> tuple[list[Attempt], list[History], Sighting]:
        sender = self.signer.address
        spent = self.chain.nonce_count(sender, finalized)
        in_flight = self.store.open_attempts(sender, first_nonce=spent)
        histories = self.store.open_histories()
        sighting = observe(
            self.chain, finalized, histories, spent={sender: spent}, open_attempts=in_flight
        )
        return in_flight, histories, sighting

    def _decide(
        self, histories: Sequence[History], sighting: Sighting
    ) -> tuple[tuple[Outcome, ...], list[Operation], tuple[Hash32, ...]]:
        """Record what is final; returns it, the operations to sign, and the exhausted ones."""
        outcomes: list[Outcome] = []
        due: list[Operation] = []
        exhausted: list[Hash32] = []
        for history in histories:
            operation = history.operation
            usage = sighting.usages[operation.op_id]
            outcomes.extend(spent_outcomes(history, usage, sighting.view))
            action = next_action(
                history,
                usage,
                sighting.view,
                attempts_max=self.limits.nonces_per_operation_max,
            )
            match action:
                case Done(outcome):
                    outcomes.append(outcome)
                case SignNew():
                    due.append(operation)
                case Exhausted():
                    exhausted.append(operation.op_id)
                case Wait() | Rebroadcast():
                    pass  # every open nonce of the key is looked after below, by `_send_again`
                case _:
                    assert_never(action)
        self._record(outcomes)
        return tuple(outcomes), due, tuple(exhausted)

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self.store.record(outcomes)
        for outcome in outcomes:
            level = logging.INFO if outcome.is_closing else logging.WARNING
            fields = {"op_id": str(outcome.op_id), "fate": outcome.fate.value}
            log.log(level, "outcome recorded", extra=fields | {"block": outcome.block_number})

    def _send_again(self, transactions: Sequence[SignedTransaction]) -> tuple[Hash32, ...]:
        """Broadcast stored bytes once more, in the order of nonces."""
        for transaction in transactions:
            self._broadcast(transaction)
        return tuple(transaction.tx_hash for transaction in transactions)

    def _sign_due(
        self,
        due: Sequence[Operation],
        report: TickReport,
        *,
        head: BlockRef,
        nonce: int,
        slots: int,
    ) -> TickReport:
        """Sign, store and send transaction after transaction, while nonces may be in flight."""
        queue = deque(grouped(due, gas_max=self.limits.gas_max))
        signed: list[Hash32] = []
        held: list[Held] = []
        stop: Stop | None = None
        while queue and stop is None:
            if len(signed) >= slots:
                stop = Stop.IN_FLIGHT_FULL
                break
            ready = self._without_objection(queue.popleft(), held, head)
            if not ready:
                continue
            estimate = self._estimate(ready, head)
            if not isinstance(estimate, int) and len(ready) > 1:
                queue.extendleft(reversed(halves(ready)))
            elif not isinstance(estimate, int):
                held.append(Held(ready[0].op_id, estimate))
            else:
                fee = fee_for(self.chain.fees(head), self.limits.caps)
                if isinstance(fee, FeeAboveCap):
                    stop = Stop.FEE_ABOVE_CAP
                else:
                    draft = self._draft(ready, nonce + len(signed), gas_limit(estimate), fee)
                    signed.append(self._sign(draft, ready))
        for one in held:
            log.warning(
                "operation held", extra={"op_id": str(one.op_id), "reason": one.objection.reason}
            )
        return replace(report, signed=tuple(signed), held=tuple(held), stop=stop)

    def _without_objection(
        self, group: Sequence[Operation], held: list[Held], head: BlockRef
    ) -> list[Operation]:
        """Those of a group that the contract would pay now; the rest joins `held`."""
        objections = self.chain.objections(
            [one.call for one in group], sender=self.signer.address, at=head
        )
        ready: list[Operation] = []
        for operation, objection in zip(group, objections, strict=True):
            if objection is None:
                ready.append(operation)
            else:
                held.append(Held(operation.op_id, objection))
        return ready

    def _estimate(self, group: Sequence[Operation], head: BlockRef) -> int | Objection:
        """The node's estimate; an estimate above the budget is an objection."""
        sender = self.signer.address
        estimate = self.chain.estimate_gas(_calldata(group), sender=sender, at=head)
        if isinstance(estimate, int) and estimate > self.limits.gas_max:
            return Objection(None, f"needs {estimate} gas, budget {self.limits.gas_max}")
        return estimate

    def _draft(
        self, group: Sequence[Operation], nonce: int, gas: int, fee: Fee
    ) -> TransactionDraft:
        return TransactionDraft(
            chain_id=self.chain_id,
            nonce=nonce,
            to=self.contract,
            data=_calldata(group),
            gas=gas,
            max_fee_wei=fee.max_fee_wei,
            tip_wei=fee.tip_wei,
        )

    def _sign(self, draft: TransactionDraft, group: Sequence[Operation]) -> Hash32:
        """Sign, store, and only then send."""
        transaction = self.signer.sign(draft)
        _require_signed(transaction, draft, self.signer.address)
        self.store.add_transaction(transaction, [one.op_id for one in group])
        self._broadcast(transaction)
        return transaction.tx_hash

    def _broadcast(self, transaction: SignedTransaction) -> None:
        result = self.chain.send_raw(transaction.raw)
        is_fine = result.answer in (Answer.ACCEPTED, Answer.ALREADY_KNOWN)
        log.log(
            logging.INFO if is_fine else logging.WARNING,
            "transaction broadcast",
            extra={
                "tx_hash": str(transaction.tx_hash),
                "nonce": transaction.nonce,
                "answer": result.answer.value,
                "detail": result.detail,
            },
        )


def _calldata(group: Sequence[Operation]) -> bytes:
    """One call for a group: a commit's own, or a batch, which reports refusals one by one."""
    if group[0].kind is Kind.COMMIT:
        return group[0].call
    return withdraw_batch_call([withdrawal_from_call(one.call) for one in group])


def _require_signed(
    transaction: SignedTransaction, draft: TransactionDraft, sender: Address
) -> None:
    """A remote signer is outside: what it returned must be what was asked.

    Raises:
        SignatureMismatch: it is not.
    """
    pairs = (
        ("sender", transaction.sender, sender),
        ("hash", transaction.tx_hash, keccak(transaction.raw)),
        ("chain", transaction.chain_id, draft.chain_id),
        ("nonce", transaction.nonce, draft.nonce),
        ("recipient", transaction.to, draft.to),
    )
    for what, actual, expected in pairs:
        if actual != expected:
            raise SignatureMismatch(sender, draft.nonce, what)
