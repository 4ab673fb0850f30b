"""Reads for entitlements: everything about wallets and contents, in one statement.

The statement answers for one moment: head, finality, facts and records are of one snapshot, so no
answer is older than the head that it names, and a reorg is seen whole or not at all. Questions that
come while the database is busy are put together into the next statement (`gathering`), which costs
it hardly more than one question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from api.adapters.direct import direct_rows
from api.adapters.entitlement_queries import CLAIM, GATE, PAYMENT, TICKET, WHOLE, Row
from api.adapters.gathering import Gathering
from api.adapters.snapshot import Pool
from api.errors import NotIndexed
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from settlement.payments.entitlements import Claim, Facts, GateVisit, Payment, Standing, Ticket
from settlement.payments.gates import GateKind, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementRead:
    """What a statement found; `hashes` are those of the head and of the blocks of facts."""

    facts: Facts
    at: Standing
    hashes: Mapping[int, Hash32]

    @property
    def head_hash(self) -> Hash32:
        """The hash of the head."""
        return self.hashes[self.at.head]


class EntitlementReads:
    """Reads about one settlement."""

    def __init__(self, pool: Pool, settlement: Settlement) -> None:
        payments = settlement.payments
        self._name, self._chain_id = settlement.name, settlement.chain_id
        self._contracts = (
            bytes(settlement.payouts),
            bytes(payments.get(ContractName.PAY_PER_VIEW_SPLITTER, ZERO_ADDRESS)),
            bytes(payments.get(ContractName.TICKET, ZERO_ADDRESS)),
            bytes(payments.get(ContractName.TICKET_SALE, ZERO_ADDRESS)),
        )
        self._gathering = Gathering(pool, self._rows)

    async def read(self, wallet: Address, content_id: Hash32) -> EntitlementRead:
        """Everything about a wallet and a content.

        Raises:
            NotIndexed: there is no head yet.
            DatabaseUnavailable: no connection, no answer in time, or no schema.
        """
        place, (head, found) = await self._gathering.ask((wallet, content_id))
        if head is None:
            raise NotIndexed(self._name, "indexed block")
        return _read(wallet, content_id, head, found[place])

    async def _rows(
        self, connection: AsyncConnection[Any], asked: Sequence[tuple[Address, Hash32]]
    ) -> tuple[Row | None, list[list[Row]]]:
        """The row of the head, and those of each question."""
        questions = b"".join(wallet + content_id for wallet, content_id in asked)
        values = (self._chain_id, questions, *self._contracts)
        head: Row | None = None
        found: list[list[Row]] = [[] for _ in asked]
        for row in map(Row._make, await direct_rows(connection, WHOLE, values)):
            if row.place is None:
                head = row
            else:
                found[row.place].append(row)
        return head, found


def _read(wallet: Address, content_id: Hash32, head: Row, rows: Sequence[Row]) -> EntitlementRead:
    sorts: tuple[list[Row], ...] = ([], [], [], [], [])
    hashes: dict[int, Hash32] = {}
    for row in (head, *rows):
        sorts[row.sort].append(row)
        if row.hash is not None:
            hashes[row.block_number] = Hash32(row.hash)
        if row.other_hash is not None and row.other_block is not None:
            hashes[row.other_block] = Hash32(row.other_hash)
    return EntitlementRead(
        facts=Facts(
            wallet=wallet,
            content_id=content_id,
            payments=tuple(map(_payment, sorts[PAYMENT])),
            tickets=tuple(map(_ticket, sorts[TICKET])),
            gates=tuple(map(_gate, sorts[GATE])),
            claims=tuple(map(_claim, sorts[CLAIM])),
        ),
        at=Standing(
            head=BlockNumber(head.block_number),
            timestamp=Timestamp(head.timestamp),
            finalized=_block(head.other_block),
        ),
        hashes=hashes,
    )


def _payment(row: Row) -> Payment:
    return Payment(
        content_id=Hash32(row.content_id),
        order_id=Hash32(row.subject),
        block=BlockNumber(row.block_number),
        log_index=row.log_index,
        refunded=_block(row.other_block),
        is_as_offered=bool(row.units),
    )


def _ticket(row: Row) -> Ticket:
    return Ticket(
        event_id=Hash32(row.content_id),
        ticket_id=int(row.units),
        block=BlockNumber(row.block_number),
        log_index=row.log_index,
        holder=Address(row.account),
        redeemer=Address(row.subject) if row.subject else None,
    )


def _gate(row: Row) -> GateVisit:
    reading = (
        None
        if row.hash is None
        else Reading(
            balance=int(row.units),
            block=BlockNumber(row.block_number),
            timestamp=Timestamp(row.timestamp),
        )
    )
    return GateVisit(
        content_id=Hash32(row.content_id),
        gate_id=Hash32(row.subject),
        kind=GateKind(row.kind),
        token=Address(row.account),
        minimum=int(row.minimum),
        reading=reading,
        first_met=_block(row.other_block),
        first_met_at=None if row.other_timestamp is None else Timestamp(row.other_timestamp),
        ended_at=None if row.ended_at is None else Timestamp(row.ended_at),
    )


def _claim(row: Row) -> Claim:
    return Claim(content_id=Hash32(row.content_id), order_id=Hash32(row.subject))


def _block(number: int | None) -> BlockNumber | None:
    return None if number is None else BlockNumber(number)
