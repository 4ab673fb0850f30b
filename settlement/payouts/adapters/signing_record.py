"""What is stored about signing: the stop in force, and what was signed in the last 24 hours.

Time is the database's, as it stands beside each row: our own clock has no part in a limit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, func, insert, select, text

from contracts.evm import Address, ChainId, Hash32, Timestamp
from contracts.operations import tip_operation_id
from settlement.payouts.adapters.signing_tables import SIGNING_SWITCH
from settlement.payouts.adapters.tables import PAYOUT_OPERATION, PAYOUT_TRANSACTION
from settlement.payouts.errors import SignedUnreadable
from settlement.payouts.operation import Kind
from settlement.payouts.signing_policy import (
    DAY_S,
    EmergencyStop,
    Spending,
    UnreadableCall,
    largest,
    spending,
    tip_numbers,
)
from settlement.payouts.transaction import BadTransaction, decoded

STOP, RESUME = "stop", "resume"


class SqlSigningSwitch:
    """The emergency stop of all keys that this database signs for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def turn(self, position: str, reason: str) -> None:
        """Append a row; a row that changes nothing is a record too."""
        with self._engine.begin() as connection:
            connection.execute(insert(SIGNING_SWITCH).values(position=position, reason=reason))

    def stop(self) -> EmergencyStop | None:
        """The stop in force."""
        switch = SIGNING_SWITCH.c
        since = func.extract("epoch", switch.recorded_at).label("since")
        newest = select(switch.position, switch.reason, since).order_by(switch.id.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(newest).one_or_none()
        if row is None or row.position == RESUME:
            return None
        return EmergencyStop(row.reason, Timestamp(int(row.since)))


class SqlSigningRecord:
    """Reads in transactions of its own: it sees what the submitter has committed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._switch = SqlSigningSwitch(engine)
        self._read: dict[Hash32, Spending] = {}

    def stop(self) -> EmergencyStop | None:
        """The stop in force; None if signing was never stopped, or resumed since."""
        return self._switch.stop()

    def tip_amounts(
        self, chain_id: ChainId, relay: Address, numbers: Sequence[int]
    ) -> Mapping[int, int]:
        """What those of the tips are worth that were planned, by number."""
        if not numbers:
            return {}
        with self._engine.connect() as connection:
            return _tip_amounts(connection, chain_id, relay, numbers)

    def signed_today(self, chain_id: ChainId, sender: Address) -> Mapping[int, Spending]:
        """By nonce, the most that could be moved by what was signed in the last 24 hours.

        All versions of a nonce count if one of them is that young: a replacement sends the nonce's
        money on its way again.

        Raises:
            SignedUnreadable: one of them does not say what it moves.
        """
        table = PAYOUT_TRANSACTION.c
        of_key = (table.chain_id == chain_id, table.sender == sender)
        young = select(table.nonce).where(
            *of_key, table.recorded_at > func.now() - text(f"interval '{DAY_S} seconds'")
        )
        versions = select(table.nonce, table.tx_hash).where(*of_key, table.nonce.in_(young))
        with self._engine.connect() as connection:
            rows = connection.execute(versions).all()
            unread = [row.tx_hash for row in rows if row.tx_hash not in self._read]
            wanted = select(table.tx_hash, table.raw).where(table.tx_hash.in_(unread))
            raws = connection.execute(wanted).all() if unread else []
            fresh = {row.tx_hash: _moved(connection, row.tx_hash, row.raw) for row in raws}
        # What is no longer young is forgotten, so that the memory is bounded by a day.
        self._read = {row.tx_hash: (self._read | fresh)[row.tx_hash] for row in rows}
        by_nonce: defaultdict[int, list[Spending]] = defaultdict(list)
        for row in rows:
            by_nonce[row.nonce].append(self._read[row.tx_hash])
        return {nonce: largest(moved) for nonce, moved in by_nonce.items()}


def _moved(connection: Connection, tx_hash: Hash32, raw: bytes) -> Spending:
    try:
        draft = decoded(raw).draft
        numbers = tip_numbers(draft.data)
        tips = _tip_amounts(connection, draft.chain_id, draft.to, numbers) if numbers else {}
        return spending(draft.data, tips)
    except (BadTransaction, UnreadableCall) as error:
        raise SignedUnreadable(tx_hash, str(error)) from error


def _tip_amounts(
    connection: Connection, chain_id: ChainId, relay: Address, numbers: Sequence[int]
) -> dict[int, int]:
    table = PAYOUT_OPERATION.c
    ids = [tip_operation_id(one, chain_id=chain_id, contract=relay) for one in numbers]
    planned = select(table.list_index, table.amount).where(
        table.op_id.in_(ids), table.kind == Kind.TIP.value
    )
    return {row.list_index: row.amount for row in connection.execute(planned)}
