"""Reads of solvency statements and of the proofs of their lines."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from contracts.addresses import Settlement
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from reconciliation.adapters.period_sql import booked_contracts
from reconciliation.adapters.solvency import node_from_bytes
from reconciliation.liability_tree import SumNode, sibling_places
from reconciliation.reading import Reading
from reconciliation.solvency import (
    Liability,
    LineProof,
    Stated,
    Subject,
    account_id,
    payee_holder,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _StatedRow:
    digest: bytes
    chain_id: int
    contract: bytes
    epoch: int
    asset: bytes
    block_number: int
    block_hash: bytes
    parent_hash: bytes
    block_timestamp: int
    root: bytes
    total: int
    line_count: int
    reserve: int | None
    is_proven: bool | None
    evidence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineRow:
    position: int
    account_id: bytes
    holder: str
    amount: int


@dataclass(frozen=True, slots=True)
class _NodeRow:
    node: bytes


@dataclass(frozen=True, slots=True)
class _EpochRow:
    epoch: int | None


_CURRENT = """
    FROM solvency_statement s
    JOIN block b ON b.chain_id = s.chain_id AND b.number = s.block_number
                AND b.hash = s.block_hash
    WHERE s.chain_id = %(chain_id)s AND s.contract = ANY(%(contracts)s::bytea[])
"""

_NEWEST = f"SELECT max(s.epoch) AS epoch {_CURRENT}"

_STATED = """
    SELECT s.digest, s.chain_id, s.contract, s.epoch, s.asset, s.block_number, s.block_hash,
           s.parent_hash, s.block_timestamp, s.root, s.total, s.line_count,
           r.amount AS reserve, r.is_proven, r.evidence
    FROM solvency_statement s
    JOIN block b ON b.chain_id = s.chain_id AND b.number = s.block_number
                AND b.hash = s.block_hash
    LEFT JOIN solvency_reserve r ON r.digest = s.digest
    WHERE s.chain_id = %(chain_id)s AND s.contract = ANY(%(contracts)s::bytea[])
      AND s.epoch = %(epoch)s
    ORDER BY s.contract, s.asset
"""

_LINE = """
    SELECT position, account_id, holder, amount FROM solvency_line
    WHERE digest = %(digest)s AND account_id = %(account_id)s
"""

_NODES = """
    SELECT substring(l.nodes FROM w.place * 64 + 1 FOR 64) AS node
    FROM unnest(%(levels)s::int[], %(places)s::int[]) WITH ORDINALITY w (level, place, ordinal)
    JOIN solvency_level l ON l.digest = %(digest)s AND l.level = w.level
    ORDER BY w.ordinal
"""


async def newest_epoch(reads: Snapshot, settlement: Settlement) -> int | None:
    """The newest epoch with statements."""
    row = await reads.row(_EpochRow, _NEWEST, _scope(settlement))
    return None if row is None else row.epoch


async def read_stated(reads: Snapshot, settlement: Settlement, epoch: int) -> list[Stated]:
    """The statements of one epoch, by contract and asset."""
    rows = await reads.rows(_StatedRow, _STATED, _scope(settlement) | {"epoch": epoch})
    return [_stated(row) for row in rows]


async def read_line_proofs(
    reads: Snapshot, statements: Sequence[Stated], payee: Address
) -> list[tuple[LineProof, Stated]]:
    """The proofs of a payee's lines, as far as the payee has any."""
    found = []
    for stated in statements:
        wanted = account_id(stated.subject, payee_holder(payee))
        digest: dict[str, object] = {"digest": bytes(stated.digest)}
        row = await reads.row(_LineRow, _LINE, digest | {"account_id": bytes(wanted)})
        if row is None:
            continue
        places = sibling_places(row.position, stated.line_count)
        values = {"levels": [one[0] for one in places], "places": [one[1] for one in places]}
        nodes = await reads.rows(_NodeRow, _NODES, digest | values)
        siblings = tuple(node_from_bytes(node.node) for node in nodes)
        found.append((_proof(stated, row, siblings), stated))
    return found


def _proof(stated: Stated, row: _LineRow, siblings: tuple[SumNode, ...]) -> LineProof:
    return LineProof(
        subject=stated.subject,
        line=Liability(
            holder=row.holder, account_id=Hash32(row.account_id), amount=int(row.amount)
        ),
        index=row.position,
        count=stated.line_count,
        siblings=siblings,
        root=stated.root,
    )


def _stated(row: _StatedRow) -> Stated:
    reserve = None
    if row.reserve is not None:
        reserve = Reading(
            value=int(row.reserve), is_proven=bool(row.is_proven), evidence=row.evidence or ""
        )
    return Stated(
        subject=Subject(
            chain_id=ChainId(row.chain_id),
            contract=Address(row.contract),
            epoch=Epoch(row.epoch),
            asset=Address(row.asset),
            block=BlockRef(
                number=BlockNumber(row.block_number),
                hash=Hash32(row.block_hash),
                parent_hash=Hash32(row.parent_hash),
                timestamp=Timestamp(row.block_timestamp),
            ),
        ),
        digest=Hash32(row.digest),
        root=SumNode(Hash32(row.root), int(row.total)),
        line_count=row.line_count,
        reserve=reserve,
    )


def _scope(settlement: Settlement) -> dict[str, object]:
    contracts = [bytes(address) for address in booked_contracts(settlement)]
    return {"chain_id": settlement.chain_id, "contracts": contracts}
