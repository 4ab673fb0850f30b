"""Reads for entitlements: everything about one wallet and one content, in one statement.

The statement answers for one moment: head, finality, facts and records are of one snapshot, so no
answer is older than the head that it names, and a reorg is seen whole or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from api.adapters.direct import direct_rows
from api.adapters.entitlement_queries import (
    CLAIM,
    GATE,
    HAS_RULES,
    HEAD,
    PAYMENT,
    PLAIN,
    TICKET,
    WHOLE,
    Row,
)
from api.adapters.snapshot import Pool
from api.errors import NotIndexed
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from settlement.payments.entitlements import Claim, Facts, GateVisit, Payment, Standing, Ticket
from settlement.payments.gates import GateKind, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementRead:
    """What a statement found; `hashes` are those of the head and of the blocks of facts.

    `is_whole` says that there is nothing else to find, `has_rules` that gates or archives were
    recorded for the content.
    """

    facts: Facts
    at: Standing
    hashes: Mapping[int, Hash32]
    is_whole: bool
    has_rules: bool

    @property
    def head_hash(self) -> Hash32:
        """The hash of the head."""
        return self.hashes[self.at.head]


async def read_plain(
    pool: Pool, settlement: Settlement, wallet: Address, content_id: Hash32
) -> EntitlementRead:
    """Payments and tickets of the content itself, and whether there is anything else.

    Raises:
        NotIndexed: there is no head yet.
    """
    return await _read(pool, PLAIN, settlement, wallet, content_id)


async def read_whole(
    pool: Pool, settlement: Settlement, wallet: Address, content_id: Hash32
) -> EntitlementRead:
    """Everything about a wallet and a content.

    Raises:
        NotIndexed: there is no head yet.
    """
    return await _read(pool, WHOLE, settlement, wallet, content_id)


async def _read(
    pool: Pool, statement: str, settlement: Settlement, wallet: Address, content_id: Hash32
) -> EntitlementRead:
    payments = settlement.payments
    values = (
        settlement.chain_id,
        bytes(wallet),
        bytes(content_id),
        bytes(settlement.payouts),
        bytes(payments.get(ContractName.PAY_PER_VIEW_SPLITTER, ZERO_ADDRESS)),
        bytes(payments.get(ContractName.TICKET, ZERO_ADDRESS)),
        bytes(payments.get(ContractName.TICKET_SALE, ZERO_ADDRESS)),
    )
    sorts: tuple[list[Row], ...] = ([], [], [], [], [])
    hashes: dict[int, Hash32] = {}
    for values_of_row in await direct_rows(pool, statement, values):
        row = Row._make(values_of_row)
        sorts[row.sort].append(row)
        if row.hash is not None:
            hashes[row.block_number] = Hash32(row.hash)
        if row.other_hash is not None and row.other_block is not None:
            hashes[row.other_block] = Hash32(row.other_hash)
    if not sorts[HEAD]:
        raise NotIndexed(settlement.name, "indexed block")
    head = sorts[HEAD][0]
    facts = Facts(
        wallet=wallet,
        content_id=content_id,
        payments=tuple(map(_payment, sorts[PAYMENT])),
        tickets=tuple(map(_ticket, sorts[TICKET])),
        gates=tuple(map(_gate, sorts[GATE])),
        claims=tuple(map(_claim, sorts[CLAIM])),
    )
    is_nothing = not (facts.payments or facts.tickets or head.more)
    return EntitlementRead(
        facts=facts,
        at=Standing(
            head=BlockNumber(head.block_number),
            timestamp=Timestamp(head.timestamp),
            finalized=_block(head.other_block),
        ),
        hashes=hashes,
        is_whole=statement is WHOLE or is_nothing,
        has_rules=bool(head.more & HAS_RULES),
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
