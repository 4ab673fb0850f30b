"""The payout policy at work: gathers what its rules look at, before planning and before signing.

Royalties, tips and lines of documents are judged together, so that a cap holds for all of them.

Two places ask. `wiring.PostedLeaves` and `wiring.PostedLines` plan nothing that is refused;
`policed_chain` stands between the submitter and the chain and objects, right before a transaction
is signed, to every payment that the rules refuse by then: whatever was held, listed or lowered
since it was planned.

Not bound by this: a transaction that is signed is sent, and sent again with a higher fee; and
anybody may call `withdraw` on chain, unless compliance has placed a hold there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.evm import Address, BlockRef, Epoch, Hash32
from contracts.leaves import FEES_ID, SplitLine
from contracts.operations import remainder_operation_id
from contracts.units import BaseUnits
from indexer.adapters.payer_reads import subscriptions_touched_by
from indexer.adapters.reads import FactReads
from reconciliation.standing import standing_holds
from scripts.wiring import line_books, snapshot
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.paid import owed_since, paid_lines
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.balances import PayableLeaf
from settlement.payouts.adapters.approver import is_genuine
from settlement.payouts.adapters.policy_store import PolicyRecords
from settlement.payouts.outflow import window_start
from settlement.payouts.policy import verdicts, window_s_max
from settlement.payouts.policy_terms import LeafVerdict, OpenLeaf, Policy, Stage, Standing
from settlement.payouts.screening import Screening, ScreeningList
from settlement.royalties.adapters.funding import works_funded_by

_LeafKey = tuple[Epoch, Address, Hash32]  # epoch, asset, work id


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGate:
    """The policy of one settlement, over what its books owe.

    `screening` opens whatever knows the list in force, on the connection of the other reads.
    """

    engine: Engine
    settlement: Settlement
    book: Book
    policy: Policy
    screening: Callable[[Connection], Screening]

    def allowed(self, connection: Connection, at: BlockRef) -> set[Hash32]:
        """`wiring.LeafPolicy`: the leaves and lines that may be planned."""
        return {one.leaf.leaf_id for one in self.judged(connection, at) if one.is_allowed}

    def verdicts(self, at: BlockRef) -> list[LeafVerdict]:
        """What the rules say now of all that the books owe, also of what is planned already."""
        with snapshot(self.engine) as connection:
            return self.judged(connection, at)

    def judged(self, connection: Connection, at: BlockRef) -> list[LeafVerdict]:
        """The verdicts over all that the books owe, in one database snapshot."""
        records = PolicyRecords(connection)
        screening = self.screening(connection).in_force()
        since = window_start(at.timestamp, window_s_max(self.policy))
        leaves = LedgerReads(connection, self.book).payable_leaves()
        owed = self._open(connection, leaves, screening, at)
        owed += self._open_lines(connection)
        books = [self.book, *line_books(self.settlement)]
        return verdicts(
            owed,
            policy=self.policy,
            standing=self._standing(connection, records, screening, owed, at),
            paid=[line for book in books for line in paid_lines(connection, book, since)],
            now=at.timestamp,
        )

    def operation_id(self, leaf: PayableLeaf) -> Hash32:
        """The id of the operation that pays what is open of a leaf."""
        if not leaf.settled:
            return leaf.op_id
        return remainder_operation_id(
            leaf.op_id,
            leaf.settled,
            chain_id=self.settlement.chain_id,
            contract=self.settlement.payouts,
        )

    def _open(
        self,
        connection: Connection,
        leaves: Sequence[PayableLeaf],
        screening: ScreeningList | None,
        at: BlockRef,
    ) -> list[OpenLeaf]:
        ids = {leaf.op_id: self.operation_id(leaf) for leaf in leaves}
        signed = PolicyRecords(connection).signed(ids.values())
        since = owed_since(connection, self.book, list(ids))
        payers = self._listed_payers(connection, leaves, screening, at)
        return [
            OpenLeaf(
                contract=self.settlement.payouts,
                op_id=ids[leaf.op_id],
                leaf_id=leaf.op_id,
                asset=leaf.asset,
                lines=leaf.open_lines,
                owed_since=since[leaf.op_id],
                stage=_stage(is_reserved=leaf.is_reserved, is_signed=ids[leaf.op_id] in signed),
                payers=payers.get((leaf.epoch, leaf.asset, leaf.work_id), ()),
                is_line=False,
            )
            for leaf in leaves
        ]

    def _open_lines(self, connection: Connection) -> list[OpenLeaf]:
        owed = [
            (book.contract, line)
            for book in line_books(self.settlement)
            for line in LedgerReads(connection, book).payable_lines()
        ]
        signed = PolicyRecords(connection).signed(line.op_id for _, line in owed)
        return [
            OpenLeaf(
                contract=contract,
                op_id=line.op_id,
                leaf_id=line.op_id,
                asset=line.asset,
                lines=(SplitLine(payee=line.payee, amount=BaseUnits(line.amount)),),
                owed_since=line.owed_since,
                stage=_stage(is_reserved=line.is_reserved, is_signed=line.op_id in signed),
                payers=line.payers,
                is_line=True,
            )
            for contract, line in owed
        ]

    def _standing(
        self,
        connection: Connection,
        records: PolicyRecords,
        screening: ScreeningList | None,
        owed: Sequence[OpenLeaf],
        at: BlockRef,
    ) -> Standing:
        facts = FactReads(connection, self.settlement)
        return Standing(
            screening=screening,
            holds=records.holds(),
            tiers=records.tiers(),
            approvals=self._approvals(records, owed),
            chain_holds=standing_holds(facts.hold_events(at), at.timestamp),
        )

    def _approvals(
        self, records: PolicyRecords, owed: Sequence[OpenLeaf]
    ) -> dict[Hash32, frozenset[Address]]:
        """Who approved exactly what is open; the signatures are checked again."""
        open_now = {one.op_id: (one.contract, one.asset, one.outstanding) for one in owed}
        contracts = sorted({one.contract for one in owed})
        approvals: dict[Hash32, frozenset[Address]] = {}
        for contract in contracts:
            for one in records.approvals(self.settlement.chain_id, contract):
                payout = one.payout
                is_open = open_now.get(payout.op_id) == (contract, payout.asset, payout.amount)
                if is_open and is_genuine(one):
                    before = approvals.get(payout.op_id, frozenset())
                    approvals[payout.op_id] = before | {one.approver}
        return approvals

    def _listed_payers(
        self,
        connection: Connection,
        leaves: Sequence[PayableLeaf],
        screening: ScreeningList | None,
        at: BlockRef,
    ) -> Mapping[_LeafKey, tuple[Address, ...]]:
        """The accounts on the list that paid for each leaf, directly or for a subscriber.

        A work is paid for by those whose fees it was credited with, the fees by all of the epoch.
        """
        if screening is None or not leaves:
            return {}
        touched = subscriptions_touched_by(
            connection,
            self.settlement,
            screening.listings.keys(),
            epochs={leaf.epoch for leaf in leaves},
            upto=at,
        )
        listed_of: dict[tuple[Epoch, Address], dict[Address, set[Address]]] = {}
        for one in touched:
            accounts = {one.subscriber, one.payer} & screening.listings.keys()
            of_epoch = listed_of.setdefault((one.epoch, one.asset), {})
            of_epoch.setdefault(one.subscriber, set()).update(accounts)
        digests = {
            one.epoch: one.manifest_digest
            for one in LedgerReads(connection, self.book).standing_commitments()
        }
        payers: dict[_LeafKey, set[Address]] = {}
        for (epoch, asset), of_subscriber in listed_of.items():
            payers[epoch, asset, FEES_ID] = set().union(*of_subscriber.values())
            funded = works_funded_by(connection, digests[epoch], asset, of_subscriber.keys())
            for subscriber, work_id in funded:
                payers.setdefault((epoch, asset, work_id), set()).update(of_subscriber[subscriber])
        return {key: tuple(sorted(accounts)) for key, accounts in payers.items()}


def _stage(*, is_reserved: bool, is_signed: bool) -> Stage:
    if is_signed:
        return Stage.SIGNED
    return Stage.RESERVED if is_reserved else Stage.OWED
