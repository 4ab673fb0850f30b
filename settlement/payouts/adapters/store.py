"""Intents and outcomes in Postgres. Rows become domain records here, and nowhere else."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.calls import Refusal
from contracts.evm import Address, ChainId, Hash32
from settlement.errors import NonceTaken, OperationConflict
from settlement.payouts.adapters.ownership import PayoutsOwner
from settlement.payouts.adapters.tables import (
    PAYOUT_INCLUSION,
    PAYOUT_OPERATION,
    PAYOUT_OUTCOME,
    PAYOUT_RETRACTION,
    PAYOUT_TRANSACTION,
)
from settlement.payouts.operation import (
    CLOSING_FATES,
    Attempt,
    EpochSubject,
    Fate,
    History,
    Kind,
    LeafSubject,
    Operation,
    Outcome,
    SignedTransaction,
)

_Key = tuple[Address, int]  # sender, nonce


class Reservations(Protocol):
    """The books' side of planning."""

    def reserve(self, connection: Connection, operation: Operation) -> None:
        """Write the pending entry of a new withdrawal, inside the given transaction."""
        ...


class SqlHistories:
    """Read access to all histories; each call is one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def history(self, op_id: Hash32) -> History | None:
        """All that is stored about one operation."""
        wanted = select(PAYOUT_OPERATION).where(PAYOUT_OPERATION.c.op_id == op_id)
        with self._connection.begin():
            return next(iter(_histories(self._connection, wanted)), None)


class SqlPayoutStore:
    """The owner's store of one contract."""

    def __init__(
        self,
        owner: PayoutsOwner,
        chain_id: ChainId,
        contract: Address,
        reservations: Reservations,
    ) -> None:
        self._owner = owner
        self._chain_id, self._contract = chain_id, contract
        self._reservations = reservations

    def plan(self, operations: Sequence[Operation]) -> int:
        """Insert operations with their reservations, or verify them; returns how many are new.

        A stored operation that is planned again reserves again: its books were taken back, and
        posted anew without the reservation.

        Raises:
            OperationConflict: an op-id is stored with other content.
        """
        with self._owner.transaction() as connection:
            return sum(self._plan_one(connection, operation) for operation in operations)

    def open_count(self) -> int:
        """How many operations are not closed."""
        with self._owner.transaction() as connection:
            return connection.scalar(select(func.count()).select_from(self._open().subquery())) or 0

    def open_histories(self) -> list[History]:
        """All operations that are not closed."""
        with self._owner.transaction() as connection:
            return _histories(connection, self._open())

    def open_attempts(self, sender: Address, *, first_nonce: int) -> list[Attempt]:
        """All that was signed for nonces from `first_nonce` on, ascending."""
        table = PAYOUT_TRANSACTION
        signed = select(table).where(
            table.c.chain_id == self._chain_id,
            table.c.sender == sender,
            table.c.nonce >= first_nonce,
        )
        with self._owner.transaction() as connection:
            return list(_attempts(connection, signed).values())

    def next_nonce(self, sender: Address) -> int | None:
        """One above the highest stored nonce; None if the key never signed."""
        with self._owner.transaction() as connection:
            return self._next_nonce(connection, sender)

    def add_transaction(self, transaction: SignedTransaction, op_ids: Sequence[Hash32]) -> None:
        """Store a signed transaction with a new nonce and what it carries.

        Raises:
            NonceTaken: the nonce is not the next one.
        """
        name = {
            "chain_id": transaction.chain_id,
            "sender": transaction.sender,
            "nonce": transaction.nonce,
        }
        with self._owner.transaction() as connection:
            following = self._next_nonce(connection, transaction.sender)
            if following is not None and transaction.nonce != following:
                raise NonceTaken(transaction.sender, nonce=transaction.nonce, following=following)
            connection.execute(
                insert(PAYOUT_TRANSACTION).values(
                    tx_hash=transaction.tx_hash,
                    ordinal=0,
                    raw=transaction.raw,
                    recipient=transaction.to,
                    gas=transaction.gas,
                    max_fee_wei=transaction.max_fee_wei,
                    tip_wei=transaction.tip_wei,
                    **name,
                )
            )
            rows = [{"op_id": op_id} | name for op_id in op_ids]
            connection.execute(insert(PAYOUT_INCLUSION), rows)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Append outcomes."""
        rows: list[dict[str, Any]] = [
            {
                "op_id": outcome.op_id,
                "fate": outcome.fate.value,
                "refusal": outcome.refusal,
                "sender": outcome.sender,
                "nonce": outcome.nonce,
                "tx_hash": outcome.tx_hash,
                "block_number": outcome.block_number,
                "block_hash": outcome.block_hash,
            }
            for outcome in outcomes
        ]
        with self._owner.transaction() as connection:
            versions = _versions(connection, [outcome.op_id for outcome in outcomes])
            versioned = [row | {"version": versions.get(row["op_id"], 0)} for row in rows]
            connection.execute(insert(PAYOUT_OUTCOME), versioned)

    def _plan_one(self, connection: Connection, operation: Operation) -> bool:
        table = PAYOUT_OPERATION
        inserted = connection.execute(
            insert(table)
            .values(_operation_row(operation))
            .on_conflict_do_nothing(index_elements=[table.c.op_id])
            .returning(table.c.op_id)
        )
        is_new = inserted.first() is not None
        stored = connection.execute(
            select(table.c.content_digest).where(table.c.op_id == operation.op_id)
        ).scalar_one()
        if stored != operation.content_digest:
            raise OperationConflict(
                operation.op_id, stored=stored, planned=operation.content_digest
            )
        if operation.kind is Kind.WITHDRAW:
            self._reservations.reserve(connection, operation)
        return is_new

    def _next_nonce(self, connection: Connection, sender: Address) -> int | None:
        table = PAYOUT_TRANSACTION
        highest = connection.scalar(
            select(func.max(table.c.nonce)).where(
                table.c.chain_id == self._chain_id, table.c.sender == sender
            )
        )
        return None if highest is None else highest + 1

    def _open(self) -> Select[Any]:
        table, outcome = PAYOUT_OPERATION, PAYOUT_OUTCOME
        closed = select(outcome.c.op_id).where(
            outcome.c.op_id == table.c.op_id,
            outcome.c.fate.in_([one.value for one in CLOSING_FATES]),
            stands(),
        )
        return select(table).where(
            table.c.chain_id == self._chain_id,
            table.c.contract == self._contract,
            ~closed.exists(),
        )


def stands() -> ColumnElement[bool]:
    """Whether an outcome was not taken back."""
    last = PAYOUT_RETRACTION.alias("last")
    version = (
        select(func.coalesce(func.max(last.c.version), 0))
        .where(last.c.op_id == PAYOUT_OUTCOME.c.op_id)
        .scalar_subquery()
    )
    return PAYOUT_OUTCOME.c.version == version


def _versions(connection: Connection, op_ids: Sequence[Hash32]) -> dict[Hash32, int]:
    """The version in which outcomes of these operations are recorded, where it is not 0."""
    table = PAYOUT_RETRACTION
    query = select(table.c.op_id, func.max(table.c.version).label("version"))
    rows = connection.execute(query.where(table.c.op_id.in_(op_ids)).group_by(table.c.op_id))
    return {row.op_id: row.version for row in rows}


def _histories(connection: Connection, wanted: Select[Any]) -> list[History]:
    """The histories of the selected operations, in three queries, in canonical order."""
    operations = [_operation(row) for row in connection.execute(wanted)]
    ids = wanted.with_only_columns(PAYOUT_OPERATION.c.op_id)
    inclusion, transaction = PAYOUT_INCLUSION, PAYOUT_TRANSACTION
    nonces: defaultdict[Hash32, set[_Key]] = defaultdict(set)
    for row in connection.execute(select(inclusion).where(inclusion.c.op_id.in_(ids))):
        nonces[row.op_id].add((row.sender, row.nonce))
    is_same_nonce = and_(
        transaction.c.chain_id == inclusion.c.chain_id,
        transaction.c.sender == inclusion.c.sender,
        transaction.c.nonce == inclusion.c.nonce,
    )
    carries = select(inclusion.c.op_id).where(is_same_nonce, inclusion.c.op_id.in_(ids)).exists()
    attempts = _attempts(connection, select(transaction).where(carries))
    outcomes: defaultdict[Hash32, list[Outcome]] = defaultdict(list)
    recorded = select(PAYOUT_OUTCOME).where(PAYOUT_OUTCOME.c.op_id.in_(ids), stands())
    for row in connection.execute(recorded.order_by(PAYOUT_OUTCOME.c.nonce)):
        outcomes[row.op_id].append(_outcome(row))
    return [
        History(
            operation=operation,
            attempts=tuple(attempts[key] for key in sorted(nonces[operation.op_id])),
            outcomes=tuple(outcomes[operation.op_id]),
        )
        for operation in sorted(operations, key=lambda one: one.order)
    ]


def _attempts(connection: Connection, signed: Select[Any]) -> dict[_Key, Attempt]:
    table = PAYOUT_TRANSACTION
    versions: defaultdict[_Key, list[SignedTransaction]] = defaultdict(list)
    for row in connection.execute(signed.order_by(table.c.sender, table.c.nonce, table.c.ordinal)):
        versions[row.sender, row.nonce].append(_transaction(row))
    return {
        (sender, nonce): Attempt(sender=sender, nonce=nonce, transactions=tuple(transactions))
        for (sender, nonce), transactions in versions.items()
    }


def _operation_row(operation: Operation) -> dict[str, object]:
    subject = operation.subject
    row: dict[str, object] = {
        "op_id": operation.op_id,
        "kind": operation.kind.value,
        "chain_id": operation.chain_id,
        "contract": operation.contract,
        "list_id": operation.list_id,
        "list_index": operation.index,
        "content_digest": operation.content_digest,
        "call": operation.call,
        "epoch": subject.epoch,
    }
    names: Iterable[str] = ("attempt", "manifest_digest")
    if isinstance(subject, LeafSubject):
        names = ("work_id", "part", "asset", "amount", "lines", "proof_nodes")
    return row | {name: getattr(subject, name) for name in names}


def _operation(row: Row[Any]) -> Operation:
    subject: LeafSubject | EpochSubject
    if row.kind == Kind.WITHDRAW.value:
        subject = LeafSubject(
            epoch=row.epoch,
            work_id=row.work_id,
            part=row.part,
            asset=row.asset,
            amount=row.amount,
            lines=row.lines,
            proof_nodes=row.proof_nodes,
        )
    else:
        subject = EpochSubject(
            epoch=row.epoch, attempt=row.attempt, manifest_digest=row.manifest_digest
        )
    return Operation(
        op_id=row.op_id,
        chain_id=row.chain_id,
        contract=row.contract,
        list_id=row.list_id,
        index=row.list_index,
        content_digest=row.content_digest,
        call=bytes(row.call),
        subject=subject,
    )


def _transaction(row: Row[Any]) -> SignedTransaction:
    return SignedTransaction(
        chain_id=row.chain_id,
        sender=row.sender,
        nonce=row.nonce,
        tx_hash=row.tx_hash,
        raw=bytes(row.raw),
        to=row.recipient,
        gas=row.gas,
        max_fee_wei=row.max_fee_wei,
        tip_wei=row.tip_wei,
    )


def _outcome(row: Row[Any]) -> Outcome:
    return Outcome(
        op_id=row.op_id,
        fate=Fate(row.fate),
        refusal=None if row.refusal is None else Refusal(row.refusal),
        sender=row.sender,
        nonce=row.nonce,
        tx_hash=row.tx_hash,
        block_number=row.block_number,
        block_hash=row.block_hash,
    )
