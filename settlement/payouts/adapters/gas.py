"""What payout wallets spent, in Postgres: recorded at finality, read by the books."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    func,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, Timestamp, keccak
from settlement.ledger.gas import GasSpent, WalletOpened
from settlement.payouts.adapters.gas_tables import (
    PAYOUT_GAS,
    PAYOUT_GAS_OPERATION,
    PAYOUT_WALLET_CURSOR,
    PAYOUT_WALLET_OPENING,
    PAYOUT_WALLET_RETRACTION,
)
from settlement.payouts.adapters.tables import PAYOUT_ADOPTION, PAYOUT_TRANSACTION
from settlement.payouts.gas_operations import operations_of
from settlement.payouts.record_gas import AccountAt, MinedTransaction, Seen, WalletOpening

_DOMAIN = b"quittance.payouts.gas.v1"


class SqlGas:
    """The record of one wallet; serves `record_gas.WalletRecord` and `ledger.gas.GasFacts`.

    What is written has the version that was the last one when this was made: so what a recorder
    writes that was overtaken by a retraction is taken back by it.
    """

    def __init__(self, connection: Connection, chain_id: ChainId, wallet: Address) -> None:
        self._connection = connection
        self._chain_id, self._wallet = chain_id, wallet
        self._key: dict[str, Any] = {"chain_id": chain_id, "sender": wallet}
        self._version = _version(connection, chain_id)

    def is_free(self) -> bool:
        """Keep every other recorder of this wallet out until the transaction ends, if none is."""
        name = keccak(_DOMAIN + self._chain_id.to_bytes(32, "big") + self._wallet)
        lock = func.pg_try_advisory_xact_lock(int.from_bytes(name[:8], "big", signed=True))
        return bool(self._connection.scalar(select(lock)))

    def opening(self) -> WalletOpening | None:
        """Where it begins; None before the first step."""
        table = PAYOUT_WALLET_OPENING
        newest = self._of(table).where(_stands(table)).order_by(table.c.version.desc()).limit(1)
        row = self._connection.execute(newest).one_or_none()
        if row is None:
            return None
        return WalletOpening(block=_block(row), account=AccountAt(row.balance_wei, row.nonce))

    def open(self, opening: WalletOpening) -> None:
        """Begin it."""
        account = {"nonce": opening.account.nonce, "balance_wei": opening.account.balance_wei}
        self._connection.execute(
            insert(PAYOUT_WALLET_OPENING).values(
                **self._key, version=self._version, **account, **_block_row(opening.block)
            )
        )

    def seen(self) -> Seen | None:
        """How far it goes; None before the first transaction was looked for."""
        query = self._of(PAYOUT_WALLET_CURSOR)
        query = query.where(PAYOUT_WALLET_CURSOR.c.version == self._version)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Seen(_block(row), row.nonce)

    def signed(self, first_nonce: int, end_nonce: int) -> Sequence[Hash32]:
        """Hashes of everything that was signed for nonces [first, end)."""
        table = PAYOUT_TRANSACTION
        query = (
            select(table.c.tx_hash)
            .where(table.c.chain_id == self._chain_id, table.c.sender == self._wallet)
            .where(table.c.nonce >= first_nonce, table.c.nonce < end_nonce)
            .order_by(table.c.nonce, table.c.ordinal)
        )
        return self._connection.execute(query).scalars().all()

    def add(self, transactions: Sequence[tuple[MinedTransaction, BlockRef]], upto: Seen) -> None:
        """Add transactions with their blocks, and move `seen`."""
        rows: list[dict[str, Any]] = [
            self._key
            | {
                "version": self._version,
                "nonce": one.nonce,
                "tx_hash": one.tx_hash,
                "recipient": one.recipient,
                "value_wei": one.value_wei,
                "is_success": one.is_success,
                "block_number": block.number,
                "block_hash": block.hash,
                "block_timestamp": block.timestamp,
                "gas_used": one.gas_used,
                "effective_gas_price_wei": one.effective_gas_price_wei,
                "l1_fee_wei": one.l1_fee_wei,
                "other_fee_wei": one.other_fee_wei,
            }
            for one, block in transactions
        ]
        if rows:
            self._connection.execute(insert(PAYOUT_GAS), rows)
            self._add_operations([one for one, _ in transactions])
        _move(self._connection, self._key | {"version": self._version}, upto)

    def _add_operations(self, transactions: Sequence[MinedTransaction]) -> None:
        """What transactions were for; one that is mined anew was for the same."""
        rows = [
            {
                "chain_id": self._chain_id,
                "tx_hash": one.tx_hash,
                "ordinal": ordinal,
                "op_id": paid_for.op_id,
                "kind": paid_for.kind.value,
                "epoch": paid_for.epoch,
            }
            for one in transactions
            for ordinal, paid_for in enumerate(operations_of(one, self._chain_id))
        ]
        if rows:
            self._connection.execute(insert(PAYOUT_GAS_OPERATION).on_conflict_do_nothing(), rows)

    def finalized(self) -> BlockRef | None:
        """The finalized block up to which every transaction of the wallet was observed."""
        seen = self.seen()
        return None if seen is None else seen.block

    def opened(self) -> WalletOpened | None:
        """How the wallet's book begins; None while nothing was observed."""
        opening = self.opening()
        if opening is None:
            return None
        return WalletOpened(
            wallet=self._wallet,
            block=opening.block,
            balance_wei=opening.account.balance_wei,
        )

    def spent(self, after: BlockNumber, upto: BlockRef) -> list[GasSpent]:
        """Transactions of blocks (after, upto], in chain order.

        What an overtaken recorder wrote of blocks that still stand is there twice, and the same.
        """
        table = PAYOUT_GAS
        query = (
            self._of(table)
            .where(table.c.block_number > after, table.c.block_number <= upto.number)
            .where(_stands(table))
            .order_by(table.c.nonce, table.c.version)
        )
        return list({row.nonce: _spent(row) for row in self._connection.execute(query)}.values())

    def _of(self, table: Table) -> Select[Any]:
        return select(table).where(
            table.c.chain_id == self._chain_id, table.c.sender == self._wallet
        )


def known_wallets(connection: Connection, chain_id: ChainId) -> list[Address]:
    """Wallets of a chain that ever signed for us, or whose record was begun."""
    tables = (PAYOUT_TRANSACTION, PAYOUT_ADOPTION, PAYOUT_WALLET_OPENING)
    senders = union(*(select(one.c.sender).where(one.c.chain_id == chain_id) for one in tables))
    return sorted(connection.execute(senders).scalars())


def recorded_wallets(connection: Connection, chain_id: ChainId) -> list[Address]:
    """Wallets of a chain whose record was begun, so that they have a book."""
    table = PAYOUT_WALLET_OPENING
    senders = select(table.c.sender).where(table.c.chain_id == chain_id).distinct()
    return sorted(connection.execute(senders).scalars())


def retract_gas(db_tx: Connection, chain_id: ChainId, to: BlockRef) -> None:
    """Take back what is recorded of the blocks above one; each record goes on from there."""
    seen = {
        wallet: SqlGas(db_tx, chain_id, wallet).seen()
        for wallet in recorded_wallets(db_tx, chain_id)
    }
    version = _version(db_tx, chain_id) + 1
    db_tx.execute(
        insert(PAYOUT_WALLET_RETRACTION).values(
            chain_id=chain_id, version=version, block_number=to.number
        )
    )
    for wallet, before in seen.items():
        record = SqlGas(db_tx, chain_id, wallet)
        opening = record.opening()
        if before is None or opening is None:
            continue
        block = min(before.block, to, key=lambda one: one.number)
        nonce = opening.account.nonce + len(record.spent(opening.block.number, block))
        key = {"chain_id": chain_id, "sender": wallet, "version": version}
        _move(db_tx, key, Seen(block, nonce))


def _move(connection: Connection, key: dict[str, Any], upto: Seen) -> None:
    values = {"nonce": upto.nonce, **_block_row(upto.block)}
    connection.execute(
        insert(PAYOUT_WALLET_CURSOR)
        .values(**key, **values)
        .on_conflict_do_update(index_elements=["chain_id", "sender", "version"], set_=values)
    )


def _version(connection: Connection, chain_id: ChainId) -> int:
    """How often records of the chain were taken back."""
    table = PAYOUT_WALLET_RETRACTION
    newest = select(func.max(table.c.version)).where(table.c.chain_id == chain_id)
    return connection.scalar(newest) or 0


def _stands(table: Table) -> ColumnElement[bool]:
    """Whether a row was not taken back."""
    later = PAYOUT_WALLET_RETRACTION.alias("later").c
    is_taken_back = (
        select(later.version)
        .where(later.chain_id == table.c.chain_id)
        .where(later.version > table.c.version, later.block_number < table.c.block_number)
        .exists()
    )
    return ~is_taken_back


def _block(row: Row[Any]) -> BlockRef:
    return BlockRef(
        number=BlockNumber(row.block_number),
        hash=row.block_hash,
        parent_hash=row.parent_hash,
        timestamp=Timestamp(row.block_timestamp),
    )


def _block_row(block: BlockRef) -> dict[str, Any]:
    return {
        "block_number": block.number,
        "block_hash": block.hash,
        "parent_hash": block.parent_hash,
        "block_timestamp": block.timestamp,
    }


def _spent(row: Row[Any]) -> GasSpent:
    return GasSpent(
        tx_hash=row.tx_hash,
        sender=row.sender,
        block_number=BlockNumber(row.block_number),
        block_hash=row.block_hash,
        timestamp=Timestamp(row.block_timestamp),
        gas_used=row.gas_used,
        effective_gas_price_wei=row.effective_gas_price_wei,
        l1_fee_wei=row.l1_fee_wei,
        other_fee_wei=row.other_fee_wei,
        value_wei=row.value_wei,
    )
