"""What the last tick of a submitter needs from a person, kept for people and monitors."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, ChainId
from settlement.payouts.adapters.standing_tables import PAYOUT_STANDING
from settlement.payouts.needs import Need, NeedKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutStanding:
    """The last tick that came to its end: how long ago, why it stopped, and its needs."""

    seconds_ago: int
    stop: str | None
    needs: tuple[Need, ...]


class SqlPayoutStanding:
    """The row of one settlement."""

    def __init__(self, engine: Engine, chain_id: ChainId, contract: Address) -> None:
        self._engine = engine
        self._place = {"chain_id": chain_id, "contract": contract}

    def write(self, stop: str | None, needs: tuple[Need, ...]) -> None:
        """Overwrite the row."""
        spelled = [
            {"kind": one.kind.value, "detail": one.detail, "count": one.count} for one in needs
        ]
        row = {"stop": stop, "needs": spelled, "updated_at": func.clock_timestamp()}
        statement = insert(PAYOUT_STANDING).values(**self._place, **row)
        with self._engine.begin() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["chain_id", "contract"], set_=row)
            )

    def read(self) -> PayoutStanding | None:
        """The row; None before the first tick."""
        table = PAYOUT_STANDING.c
        age = func.extract("epoch", func.clock_timestamp() - table.updated_at).label("age")
        query = select(table.stop, table.needs, age).filter_by(**self._place)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        needs = tuple(
            Need(kind=NeedKind(one["kind"]), detail=one["detail"], count=one["count"])
            for one in row.needs
        )
        return PayoutStanding(seconds_ago=int(row.age), stop=row.stop, needs=needs)
