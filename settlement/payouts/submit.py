"""The submitter: one tick plans, observes, records, keeps open nonces going and signs anew.

    plan            operations and reservations, one database transaction
    adopt           nonces of the key that the chain shows and that are not stored
    observe         usage and spent nonces at one finalized block; receipts and mempool now
    record          outcomes that are final
    keep up         the stored bytes of every open nonce that the node does not know; replacements
                    of what nobody includes; no-ops for nonces that pay nothing
    sign            next nonce → sign → store raw and hash, one committed transaction → broadcast

A crash at any point is harmless, because every tick derives everything again: what is stored but
was not sent is sent again as it is; what was sent but not observed is observed again. Nothing is
ever sent that is not stored. The caller holds the key (`adapters.ownership`) for the whole tick.

One tick serves all contracts that the key pays from, since nonces belong to the key: what waits for
one contract would otherwise be nobody's to replace while another one is served. A contract that is
paused gets nothing; what waits for it gives way to no-ops once it stands in the way of others.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from contracts.evm import Address, BlockRef, ChainId, Hash32
from settlement.errors import NodeBehind
from settlement.payouts.adopt import adopted
from settlement.payouts.assemble import Assembler
from settlement.payouts.decision import (
    Done,
    Exhausted,
    Rebroadcast,
    SignNew,
    Wait,
    next_action,
    reverts,
    spent_outcomes,
)
from settlement.payouts.gas import FeeAboveCap, FeeCaps, fee_for
from settlement.payouts.keep_up import Kept, keep_up
from settlement.payouts.nonces import Counts, Market, useful_nonces
from settlement.payouts.observe import Sighting, observe
from settlement.payouts.operation import (
    Attempt,
    History,
    Operation,
    Outcome,
    SignedTransaction,
)
from settlement.payouts.other_keys import OtherKeys, other_keys, send_for_others
from settlement.payouts.owed import Owed
from settlement.payouts.protocols import (
    ApprovedCommits,
    Finality,
    GuardedKey,
    PayableLeaves,
    PayableLines,
    PayoutChain,
    PayoutStore,
)
from settlement.payouts.report import Stop, TickReport
from settlement.payouts.send import Sending
from settlement.payouts.sign import Signing, stopped
from settlement.payouts.signing_policy import RefusalKind

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitLimits:
    """Bounds of one submitter; `gas_max` is the budget of one transaction.

    `in_flight_max` should not exceed 16, the executable slots that a geth pool guarantees to one
    account. `nonces_per_operation_max` bounds what an operation that always fails may burn: after
    so many it gets one more in `retry_after_blocks`. What is not mined `replace_after_blocks`
    blocks after it was signed is replaced.
    """

    caps: FeeCaps
    gas_max: int
    in_flight_max: int
    open_operations_max: int
    nonces_per_operation_max: int
    retry_after_blocks: int
    replace_after_blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitter:
    """Pays with one key, from `contract` (an `EpochPayouts`) and from those that owe lines."""

    chain_id: ChainId
    contract: Address
    leaves: PayableLeaves
    commits: ApprovedCommits
    lines: tuple[PayableLines, ...]
    finality: Finality
    chain: PayoutChain
    store: PayoutStore
    signer: GuardedKey
    limits: SubmitLimits

    @property
    def contracts(self) -> tuple[Address, ...]:
        """All contracts that are paid from."""
        return (self.contract, *(one.contract for one in self.lines))

    def tick(self) -> TickReport:
        """Do everything that can be done now.

        Raises:
            ChainUnavailable, NodeBehind: try again later.
            NonceDrift, NonceTaken, OperationConflict, UnknownLines, SignatureMismatch: stop.
        """
        finalized = self.finality.finalized()
        if finalized is None:
            return TickReport(stop=Stop.NO_FINALIZED_BLOCK)
        head = self.chain.head()
        if head.number < finalized.number:
            raise NodeBehind(head=head.number, finalized=finalized.number)
        paused = self.chain.paused(self.contracts, head)
        planned, commit_calls = self._plan(finalized, paused)
        counts = self.counts(head, finalized)
        next_nonce = adopted(self.store, self.chain_id, self.signer.address, counts, head=head)
        histories, others, sighting = self._observe(finalized, head, counts)
        histories = [_with_fresh_call(one, commit_calls) for one in histories]
        recorded, due, exhausted = self._decide(histories, sighting)
        report = TickReport(
            planned=planned,
            recorded=recorded,
            exhausted=exhausted,
            paused=tuple(sorted(paused)),
            other_keys=others.waited_for,
        )
        if paused.issuperset(self.contracts):
            return replace(report, stop=Stop.PAUSED)
        over = {outcome.op_id for outcome in recorded if outcome.is_closing}
        still = [
            history
            for history in histories
            if history.operation.op_id not in over and history.operation.contract not in paused
        ]
        market = self.market(head)
        sending = self.sending(head)
        sent_for_others = send_for_others(others, sending, sighting.view, paused=paused)
        kept = keep_up(
            self.in_flight(counts),
            useful_nonces(still, self.signer.address),
            contracts=self.contracts,
            sending=sending,
            view=sighting.view,
            counts=counts,
            market=market,
            next_nonce=next_nonce,
        )
        report = replace(
            report,
            sent_again=(*sent_for_others, *kept.sent_again),
            replaced=kept.replaced,
            refusals=kept.refusals,
        )
        stop = self._stopped(kept)
        if stop is not None:
            return replace(report, stop=stop)
        due = [operation for operation in due if operation.contract not in paused]
        assembler = self.assembler(head, still, sighting, self.mined(counts, others))
        return self._sign_due(due, report, assembler, counts, market=market, next_nonce=next_nonce)

    def owed(
        self, finalized: BlockRef, paused: Collection[Address]
    ) -> tuple[list[Operation], list[Operation]]:
        """What contracts that are not paused owe now: commits, and everything else."""
        owed = Owed(
            chain_id=self.chain_id,
            contract=self.contract,
            leaves=self.leaves,
            commits=self.commits,
            lines=self.lines,
        )
        commits = owed.commitments(finalized, paused)
        room = self.limits.open_operations_max - self.store.open_count() - len(commits)
        return commits, owed.payments(finalized, paused, limit=room)

    def counts(self, head: BlockRef, finalized: BlockRef) -> Counts:
        """How far the key's nonces are used, as the node shows it."""
        sender = self.signer.address
        return Counts(
            finalized=self.chain.nonce_count(sender, finalized),
            head=self.chain.nonce_count(sender, head),
            pending=self.chain.pending_count(sender),
        )

    def in_flight(self, counts: Counts) -> list[Attempt]:
        """Everything stored for nonces that are not spent for good."""
        return self.store.open_attempts(self.signer.address, first_nonce=counts.finalized)

    def market(self, head: BlockRef) -> Market:
        """What the chain asks at the head, and what we pay at most."""
        return Market(
            head=head.number,
            quote=self.chain.fees(head),
            caps=self.limits.caps,
            replace_after_blocks=self.limits.replace_after_blocks,
        )

    def sending(self, head: BlockRef) -> Sending:
        """What signs, stores and sends."""
        return Sending(
            chain_id=self.chain_id,
            chain=self.chain,
            store=self.store,
            signer=self.signer,
            head=head,
            gas_max=self.limits.gas_max,
        )

    def mined(self, counts: Counts, others: OtherKeys) -> Mapping[Address, int]:
        """Transaction counts at the head of all keys that may have something under way."""
        return {**others.mined, self.signer.address: counts.head}

    def assembler(
        self,
        head: BlockRef,
        histories: Sequence[History],
        sighting: Sighting,
        mined: Mapping[Address, int],
    ) -> Assembler:
        """What puts due operations into calls; `mined` are counts of keys at the head."""
        ids = [one.operation.op_id for one in histories]
        return Assembler(
            chain=self.chain,
            sender=self.signer.address,
            head=head,
            gas_max=self.limits.gas_max,
            underway=_underway(histories, mined),
            reverts={
                op_id: reverts(one, sighting.usages[op_id], sighting.view)
                for op_id, one in zip(ids, histories, strict=True)
            },
        )

    def money_left(self, in_flight: Sequence[Attempt], counts: Counts, head: BlockRef) -> int:
        """Wei that what is not mined yet leaves, if it all costs what it may cost."""
        waiting = [one.newest for one in in_flight if one.nonce >= counts.head]
        promised = sum(self._cost_max(transaction, head) for transaction in waiting)
        return self.chain.balance(self.signer.address, head) - promised

    def _plan(
        self, finalized: BlockRef, paused: frozenset[Address]
    ) -> tuple[int, dict[Hash32, bytes]]:
        """Store what is owed now; also returns the calls of commits."""
        if paused.issuperset(self.contracts):
            return 0, {}
        commits, others = self.owed(finalized, paused)
        planned = self.store.plan([*commits, *others])
        if planned:
            log.info("operations planned", extra={"operations": planned})
        return planned, {commit.op_id: commit.call for commit in commits}

    def _observe(
        self, finalized: BlockRef, head: BlockRef, counts: Counts
    ) -> tuple[list[History], OtherKeys, Sighting]:
        sender = self.signer.address
        histories = self.store.open_histories()
        others = other_keys(
            histories,
            sender,
            chain=self.chain,
            store=self.store,
            finalized=finalized,
            head=head,
        )
        sighting = observe(
            self.chain,
            finalized,
            histories,
            spent={**others.spent, sender: counts.finalized},
            open_attempts=[*others.attempts, *self.in_flight(counts)],
        )
        return histories, others, sighting

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
                retry_after_blocks=self.limits.retry_after_blocks,
            )
            match action:
                case Done(outcome):
                    outcomes.append(outcome)
                case SignNew():
                    due.append(operation)
                case Exhausted():
                    exhausted.append(operation.op_id)
                case Wait() | Rebroadcast():
                    pass  # every open nonce is looked after below, of other keys too
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

    def _sign_due(
        self,
        due: Sequence[Operation],
        report: TickReport,
        assembler: Assembler,
        counts: Counts,
        *,
        market: Market,
        next_nonce: int,
    ) -> TickReport:
        """Sign, store and send transaction after transaction, while nonces may be in flight."""
        if not due:
            return report
        fee = fee_for(market.quote, market.caps)
        if isinstance(fee, FeeAboveCap):
            return replace(report, stop=self._at_cap(fee))
        in_flight = self.in_flight(counts)
        slots = self.limits.in_flight_max - len(in_flight)
        if slots <= 0:
            return replace(report, stop=Stop.IN_FLIGHT_FULL)
        signed = Signing(
            assembler=assembler,
            sending=self.sending(assembler.head),
            fee=fee,
            slots=slots,
            money_wei=self.money_left(in_flight, counts, assembler.head),
            next_nonce=next_nonce,
        ).signed(due)
        return replace(
            report,
            signed=signed.hashes,
            held=signed.held,
            stop=signed.stop,
            transactions_ahead=signed.transactions_ahead,
        )

    def _stopped(self, kept: Kept) -> Stop | None:
        """Why nothing new may be signed after the open nonces were looked after."""
        for refusal in kept.refusals:
            fields = {"reason": refusal.kind.value, "detail": refusal.detail}
            log.error("replacement refused by the signing policy", extra=fields)
            if refusal.kind is RefusalKind.STOPPED:
                return stopped(refusal)
        if kept.above_cap is not None:
            return self._at_cap(kept.above_cap)
        return Stop.KEY_UNSETTLED if kept.is_unsettled else None

    def _cost_max(self, transaction: SignedTransaction, head: BlockRef) -> int:
        data_fee = self.chain.data_fee(transaction.raw, head)
        return transaction.gas * transaction.max_fee_wei + data_fee

    def _at_cap(self, above: FeeAboveCap) -> Stop:
        fields = {"needed_wei": str(above.needed_wei), "cap_wei": str(above.cap_wei)}
        log.error("fee above the cap", extra=fields | {"sender": str(self.signer.address)})
        return Stop.FEE_ABOVE_CAP


def _with_fresh_call(history: History, commit_calls: Mapping[Hash32, bytes]) -> History:
    """The history with the call of today: an approval that lapsed is given again."""
    operation = history.operation
    call = commit_calls.get(operation.op_id, operation.call)
    return replace(history, operation=replace(operation, call=call))


def _underway(histories: Iterable[History], mined: Mapping[Address, int]) -> list[Operation]:
    """What the head has not paid yet, but something signed with one of these keys may."""
    return [
        history.operation
        for history in histories
        if any(one.nonce >= mined.get(one.sender, one.nonce + 1) for one in history.attempts)
    ]
