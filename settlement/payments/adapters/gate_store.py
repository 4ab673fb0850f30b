"""Gates, aliases and offers of one settlement's contents. The transaction is the caller's."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from contracts.addresses import Settlement
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from contracts.units import UINT256_MAX, BaseUnits
from settlement.payments.adapters.gate_tables import CONTENT_ALIAS, CONTENT_GATE, CONTENT_OFFER
from settlement.payments.errors import BadGate
from settlement.payments.gates import Gate, GateKind

_LOCK = func.pg_advisory_xact_lock(0x67617465)  # "gate"
_TIME_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A content that is the archive of another; `ended_at` is when that ended, if it was told."""

    archive: Hash32
    source: Hash32
    ended_at: Timestamp | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Who sells a content, and for how much at least, to those who pay in `from_block` or later.

    The splitter takes any creator and any price for any content, so a payment says no more than
    that somebody was paid: the offer says who must be, and how much.
    """

    content_id: Hash32
    creator: Address
    price: BaseUnits
    from_block: BlockNumber


class ContentRecords:
    """What is in force for the contents of a settlement, and changes of it."""

    def __init__(self, connection: Connection, settlement: Settlement) -> None:
        self._connection, self._settlement = connection, settlement

    def gates(self) -> list[Gate]:
        """The gates in force, in the order in which they were added."""
        return [
            Gate(
                chain_id=self._settlement.chain_id,
                contract=self._settlement.payouts,
                content_id=row.content_id,
                kind=GateKind(row.kind),
                token=row.token,
                minimum=row.minimum,
            )
            for row in self._in_force(CONTENT_GATE, "gate_id")
        ]

    def add_gate(self, gate: Gate) -> None:
        """Put a gate in force.

        Raises:
            BadGate: it is in force already.
        """
        self._connection.execute(select(_LOCK))
        if gate in self.gates():
            raise BadGate("gate", gate.id, "new: it is in force already")
        self._add_gate_row(gate, "add")

    def remove_gate(self, gate_id: Hash32) -> Gate:
        """End a gate, and say which it was.

        Raises:
            BadGate: no such gate is in force.
        """
        self._connection.execute(select(_LOCK))
        for gate in self.gates():
            if gate.id == gate_id:
                self._add_gate_row(gate, "remove")
                return gate
        raise BadGate("gate", gate_id, "a gate in force")

    def aliases(self) -> list[Alias]:
        """The aliases in force, in the order in which they were added."""
        return [
            Alias(archive=row.content_id, source=row.source_id, ended_at=row.ended_at)
            for row in self._in_force(CONTENT_ALIAS, "source_id")
        ]

    def add_alias(self, alias: Alias) -> None:
        """Make a content the archive of another; said again with another end, that one holds.

        Raises:
            BadGate: it is said already, or would be an archive of an archive.
        """
        self._connection.execute(select(_LOCK))
        stood = self.aliases()
        _check_alias(alias, stood)
        self._add_alias_row(alias, "add")

    def remove_alias(self, archive: Hash32, source: Hash32) -> None:
        """End an alias.

        Raises:
            BadGate: it is not in force.
        """
        self._connection.execute(select(_LOCK))
        for alias in self.aliases():
            if (alias.archive, alias.source) == (archive, source):
                self._add_alias_row(alias, "remove")
                return
        raise BadGate("archive", archive, f"an archive of {source}")

    def offers(self) -> list[Offer]:
        """Every offer ever made, in the order in which they were recorded."""
        columns = CONTENT_OFFER.c
        query = select(CONTENT_OFFER).where(
            columns.chain_id == self._settlement.chain_id,
            columns.contract == self._settlement.payouts,
        )
        return [
            Offer(
                content_id=row.content_id,
                creator=row.creator,
                price=row.price,
                from_block=row.from_block,
            )
            for row in self._connection.execute(query.order_by(columns.id))
        ]

    def add_offer(self, offer: Offer) -> None:
        """Record an offer: what was paid before it stays as it was.

        Raises:
            BadGate: its creator is nobody, its price no price, or an earlier offer begins later.
        """
        self._connection.execute(select(_LOCK))
        _check_offer(offer, [one for one in self.offers() if one.content_id == offer.content_id])
        members = ("content_id", "creator", "price", "from_block")
        self._insert(CONTENT_OFFER, **{name: getattr(offer, name) for name in members})

    def _in_force(self, table: Table, *key: str) -> list[Any]:
        """The last row of each (content, key), unless it removes."""
        subject = (table.c.content_id, *(table.c[name] for name in key))
        last = (
            select(func.max(table.c.id))
            .where(
                table.c.chain_id == self._settlement.chain_id,
                table.c.contract == self._settlement.payouts,
            )
            .group_by(*subject)
        )
        query = select(table).where(table.c.id.in_(last), table.c.action == "add")
        return list(self._connection.execute(query.order_by(table.c.id)))

    def _add_gate_row(self, gate: Gate, action: str) -> None:
        members = ("content_id", "token", "minimum")
        self._append(
            CONTENT_GATE,
            action,
            gate_id=gate.id,
            kind=gate.kind.value,
            **{name: getattr(gate, name) for name in members},
        )

    def _add_alias_row(self, alias: Alias, action: str) -> None:
        self._append(
            CONTENT_ALIAS,
            action,
            content_id=alias.archive,
            source_id=alias.source,
            ended_at=alias.ended_at,
        )

    def _append(self, table: Table, action: str, **values: object) -> None:
        self._insert(table, action=action, **values)

    def _insert(self, table: Table, **values: object) -> None:
        place = {"chain_id": self._settlement.chain_id, "contract": self._settlement.payouts}
        self._connection.execute(insert(table).values(**place, **values))


def _check_offer(offer: Offer, stood: list[Offer]) -> None:
    if offer.creator == ZERO_ADDRESS:
        raise BadGate("creator", offer.creator, "an account")
    if not 0 < offer.price <= UINT256_MAX:
        raise BadGate("price", offer.price, "a number from 1 that a uint256 holds")
    if not 0 <= offer.from_block <= _TIME_MAX:
        raise BadGate("from_block", offer.from_block, "the number of a block")
    if stood and offer.from_block <= stood[-1].from_block:
        raise BadGate("from_block", offer.from_block, f"above {stood[-1].from_block}, the last one")


def _check_alias(alias: Alias, stood: list[Alias]) -> None:
    if alias.archive == alias.source:
        raise BadGate("archive", alias.archive, "another content than its source")
    if alias.ended_at is not None and not 0 <= alias.ended_at <= _TIME_MAX:
        raise BadGate("ended_at", alias.ended_at, "a time in Unix seconds")
    if alias in stood:
        raise BadGate("alias", alias.archive, f"new: it is an archive of {alias.source} already")
    for other in stood:
        if alias.source == other.archive:
            raise BadGate("source", alias.source, f"no archive: it is one of {other.source}")
        if alias.archive == other.source:
            raise BadGate("archive", alias.archive, f"no source: {other.archive} is its archive")
