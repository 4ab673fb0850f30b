"""The books as one consistent snapshot: every query of one REPEATABLE READ transaction."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Engine

from contracts.evm import Address, BlockNumber
from reconciliation.snapshot import BookSnapshot, Committed, EpochAsset, LeafKey, TrialLine
from settlement.ledger.accounts import (
    IN_ESCROW,
    LIABILITIES,
    OWED_TO_LEAVES,
    AccountKind,
    Book,
)
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.balances import Flow, TrialBalanceLine


class SqlBooks:
    """The books of one settlement; serves `reconcile.Books`."""

    def __init__(self, engine: Engine, book: Book) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")
        self._book = book

    def snapshot(self, *, since: BlockNumber) -> BookSnapshot | None:
        """The books at their cursor, None if nothing is posted; what they do not know is empty.

        Of leaves that are settled whole, only those settled above block `since` are listed.
        """
        with self._engine.begin() as connection:
            return _snapshot(connection, self._book, since)


def _snapshot(connection: Connection, book: Book, since: BlockNumber) -> BookSnapshot | None:
    cursor = LedgerStore(connection, book).cursor()
    if cursor is None:
        return None
    reads = LedgerReads(connection, book)
    flows, trial = reads.flows(), reads.trial_balance()
    return BookSnapshot(
        block=cursor,
        cash=_sums(trial, (AccountKind.CASH,)),
        owed=_sums(trial, LIABILITIES),
        paid_in=_paid_in(flows),
        remaining=_balances(flows, OWED_TO_LEAVES),
        escrowed=_balances(flows, IN_ESCROW),
        unallocated=_balances(flows, (AccountKind.UNALLOCATED,)),
        announced={},
        unclaimed={
            (line.account.payee, line.asset): line.posted
            for line in reads.balances(kind=AccountKind.UNCLAIMED)
            if line.account.payee is not None
        },
        paid_lines={
            LeafKey(leaf.epoch, leaf.work_id, leaf.part, leaf.asset): leaf.settled
            for leaf in reads.leaf_lines(since)
        },
        holds={},
        committed={
            each.epoch: Committed(each.manifest_digest, each.root)
            for each in reads.standing_commitments()
        },
        computed_roots={},
        trial_balance=tuple(
            TrialLine(asset=line.asset, debits=line.debits, credits=line.credits) for line in trial
        ),
        overdrawn={(line.account.path, line.asset): line.posted for line in reads.overdrawn()},
    )


def _sums(trial: Iterable[TrialBalanceLine], kinds: Sequence[AccountKind]) -> dict[Address, int]:
    """Balances of these kinds on their normal side, which is the same for all of them."""
    sums: Counter[Address] = Counter()
    for line in trial:
        if line.kind in kinds:
            sums[line.asset] += line.credits - line.debits
    is_cash = AccountKind.CASH in kinds
    return {asset: -units if is_cash else units for asset, units in sums.items()}


def _paid_in(flows: Iterable[Flow]) -> dict[EpochAsset, int]:
    """All that came from cash, before anything was divided."""
    return {
        (flow.epoch, flow.asset): flow.amount
        for flow in flows
        if (flow.debit, flow.credit) == (AccountKind.CASH, AccountKind.PAID_IN)
    }


def _balances(flows: Iterable[Flow], kinds: Sequence[AccountKind]) -> dict[EpochAsset, int]:
    sums: Counter[EpochAsset] = Counter()
    for flow in flows:
        sums[flow.epoch, flow.asset] += flow.amount * (flow.credit in kinds)
        sums[flow.epoch, flow.asset] -= flow.amount * (flow.debit in kinds)
    return dict(sums)
