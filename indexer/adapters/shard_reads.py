"""Usage of one epoch in packed columns, by ranges of subscribers: for millions of rows.

Satisfies `settlement.royalties.allocate_shards.ShardFacts`. All reads are of one snapshot, in which
the border blocks of the epoch are indexed: connection and transaction are the caller's, and must be
REPEATABLE READ.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import ARRAY, Connection, LargeBinary, any_, literal, select

from contracts.addresses import Settlement
from contracts.batches import ConsumptionColumns, SubscribedColumns
from contracts.event_spec import EventSpec
from contracts.events import CONSUMPTION_SUBMITTED, SUBSCRIBED
from contracts.evm import Address, BlockRef, Epoch
from contracts.packed_usage import ByteRows, PackedPseudonyms, PackedSubscriptions, PackedUsage
from indexer.adapters.copy_out import (
    Layout,
    Records,
    Rows,
    array,
    copied_rows,
    integers,
    numeric,
    octets,
    records,
    scalar,
    width_of,
)
from indexer.adapters.reads import FactReads
from indexer.adapters.tables import FACTS
from indexer.errors import NotIndexed, StoredShapeUnknown

_ADDRESS, _WORD = 20, 32
_ID = octets("id", _WORD)
_NUMBER = scalar("value", ">i8")
_FRONT: Layout = [
    *scalar("block_number", ">i8"),
    *scalar("log_index", ">i8"),
    *scalar("part", ">i8"),
    *scalar("pseudonym_count", ">i4"),
    *octets("submitter", _ADDRESS),
    *octets("tier_id", _WORD),
]
_USAGE_COLUMNS = (
    "block_number, log_index, part, cardinality(pseudonyms), submitter, tier_id,"
    " work_ids, minutes_played, plays"
)
_USAGE_ARRAYS = ("work_id", "minutes", "plays")
_PAYMENT: Layout = [
    *octets("subscriber", _ADDRESS),
    *octets("tier_id", _WORD),
    *octets("asset", _ADDRESS),
]


class ShardReads:
    """One epoch of one settlement: subscriptions up to its boundary, usage up to its reference."""

    def __init__(
        self,
        connection: Connection,
        settlement: Settlement,
        epoch: Epoch,
        *,
        boundary: BlockRef,
        reference: BlockRef,
    ) -> None:
        self._connection, self._settlement, self._epoch = connection, settlement, epoch
        self._boundary, self._reference = boundary, reference

    def subscriptions(self, low: bytes, high: bytes | None) -> PackedSubscriptions:
        """Subscriptions of subscribers in [low, high), in no order."""
        columns = "subscriber, tier_id, asset, amount"
        found = []
        for length, rows in self._copied(SUBSCRIBED, columns, "subscriber", (low, high)):
            count = (length - width_of([*_PAYMENT, *numeric("amount", 0)])) // 2
            found.append(records(rows, [*_PAYMENT, *numeric("amount", count)]))
        return PackedSubscriptions(
            subscriber=_stacked([one["subscriber"] for one in found], _ADDRESS),
            tier_id=_stacked([one["tier_id"] for one in found], _WORD),
            asset=_stacked([one["asset"] for one in found], _ADDRESS),
            amount=[amount for one in found for amount in integers(one, "amount")],
        )

    def usage(self, low: bytes, high: bytes | None) -> Iterator[PackedUsage]:
        """Usage of submitters in [low, high), in no order."""
        bounds = (low, high)
        for length, rows in self._copied(
            CONSUMPTION_SUBMITTED, _USAGE_COLUMNS, "submitter", bounds
        ):
            each = _elements(length, _usage_layout(1), _usage_layout(2))
            if each == 0:
                yield _without_rows(_front(rows, length))
                continue
            found = records(rows, _usage_layout(each))
            is_whole = _is_whole(found, each)
            if is_whole.all():
                yield _packed(found)
            else:
                yield _without_rows(_front(rows, length)[~is_whole])
                yield _packed(found[is_whole])

    def pseudonyms(self) -> Iterator[PackedPseudonyms]:
        """All pseudonyms, in no order; a submission without any is left out."""
        columns, whole = "submitter, pseudonyms", (b"", None)
        for length, rows in self._copied(CONSUMPTION_SUBMITTED, columns, "submitter", whole):
            each = _elements(length, _pseudonym_layout(1), _pseudonym_layout(2))
            if each == 0:
                continue
            found = records(rows, _pseudonym_layout(each))
            _require_widths(found["pseudonym"]["id_length"], _WORD)
            yield PackedPseudonyms(submitter=found["submitter"], pseudonym=found["pseudonym"]["id"])

    def subscribed_by(self, subscribers: Sequence[Address]) -> SubscribedColumns:
        """Subscriptions of these subscribers, in chain order."""
        names = ("subscriber", "tier_id", "payer", "asset", "amount")
        columns = self._events(SUBSCRIBED, names, "subscriber", subscribers, self._boundary)
        return SubscribedColumns(**columns)

    def submitted_by(self, submitters: Sequence[Address]) -> ConsumptionColumns:
        """Usage that these submitted, in chain order."""
        names = (
            *("submitter", "tier_id", "part", "work_ids"),
            *("minutes_played", "plays", "pseudonyms", "digest"),
        )
        upto = self._reference
        columns = self._events(CONSUMPTION_SUBMITTED, names, "submitter", submitters, upto)
        return ConsumptionColumns(**columns)

    def _copied(
        self, spec: EventSpec, columns: str, owner: str, bounds: tuple[bytes, bytes | None]
    ) -> Iterator[tuple[int, Rows]]:
        upto = self._boundary if spec is SUBSCRIBED else self._reference
        self._require(upto)
        low, high = bounds
        conditions = [
            sql.SQL("chain_id = {}").format(int(self._settlement.chain_id)),
            sql.SQL("address = {}").format(bytes(self._settlement.contracts[spec.contract])),
            sql.SQL("epoch = {}").format(int(self._epoch)),
            sql.SQL("block_number <= {}").format(int(upto.number)),
        ]
        if low:
            conditions.append(sql.SQL("{} >= {}").format(sql.Identifier(owner), low))
        if high is not None:
            conditions.append(sql.SQL("{} < {}").format(sql.Identifier(owner), high))
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(columns), sql.Identifier(spec.table), sql.SQL(" AND ").join(conditions)
        )
        driver = self._driver()
        yield from copied_rows(driver, query.as_bytes(driver))

    def _events(
        self,
        spec: EventSpec,
        names: Sequence[str],
        owner: str,
        wanted: Sequence[Address],
        upto: BlockRef,
    ) -> dict[str, list[Any]]:
        self._require(upto)
        facts = FACTS[spec.table].c
        names = ("block_number", "log_index", *names)
        owners = literal([bytes(one) for one in wanted], ARRAY(LargeBinary))
        rows = self._connection.execute(
            select(*(facts[name] for name in names))
            .where(facts.chain_id == self._settlement.chain_id)
            .where(facts.address == self._settlement.contracts[spec.contract])
            .where(facts.epoch == self._epoch, facts.block_number <= upto.number)
            .where(facts[owner] == any_(owners))
            .order_by(facts.block_number, facts.log_index)
        ).all()
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    def _require(self, upto: BlockRef) -> None:
        """Refuse to answer about a block that is not in the index; it also begins a transaction."""
        held = FactReads(self._connection, self._settlement).block(upto.number)
        if held is None or held.hash != upto.hash:
            raise NotIndexed(self._settlement.chain_id, f"block {upto.number} {upto.hash}")

    def _driver(self) -> psycopg.Connection[Any]:
        driver = self._connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError("the connection is closed")
        return driver


def _usage_layout(each: int) -> Layout:
    work_id, minutes, plays = _USAGE_ARRAYS
    return [
        *_FRONT,
        *array(work_id, _ID, each),
        *array(minutes, _NUMBER, each),
        *array(plays, _NUMBER, each),
    ]


def _pseudonym_layout(each: int) -> Layout:
    return [*octets("submitter", _ADDRESS), *array("pseudonym", _ID, each)]


def _elements(length: int, of_one: Layout, of_two: Layout) -> int:
    """How many elements each array of a row has, if all have equally many; else zero."""
    one, step = width_of(of_one), width_of(of_two) - width_of(of_one)
    more, rest = divmod(length - one, step)
    return 0 if rest or more < 0 else more + 1


def _is_whole(found: Records, each: int) -> NDArray[np.bool_]:
    """Whether all arrays of a row have `each` elements.

    In this order: where an array is shorter, what is read after it is not what it seems.
    """
    is_whole: NDArray[np.bool_] = found["pseudonym_count"] == each
    for name in _USAGE_ARRAYS:
        is_whole &= found[f"{name}_dimensions"] == 1
        is_whole &= found[f"{name}_count"] == each
    whole = found if is_whole.all() else found[is_whole]
    _require_widths(whole["work_id"]["id_length"], _WORD)
    _require_widths(whole["minutes"]["value_length"], 8)
    _require_widths(whole["plays"]["value_length"], 8)
    return is_whole


def _require_widths(lengths: NDArray[Any], width: int) -> None:
    if (lengths != width).any():
        raise StoredShapeUnknown(CONSUMPTION_SUBMITTED.table, f"an element is not {width} bytes")


def _front(rows: Rows, length: int) -> Records:
    """What stands before the arrays of a row, whatever their shape."""
    bare = np.frombuffer(rows, dtype=np.uint8).reshape(-1, length)
    return records(np.ascontiguousarray(bare[:, : width_of(_FRONT)]).tobytes(), _FRONT)


def _packed(found: Records) -> PackedUsage:
    return PackedUsage(
        block_number=found["block_number"].astype(np.int64),
        log_index=found["log_index"].astype(np.int64),
        submitter=np.ascontiguousarray(found["submitter"]),
        tier_id=np.ascontiguousarray(found["tier_id"]),
        part=found["part"].astype(np.int64),
        work_id=np.ascontiguousarray(found["work_id"]["id"]),
        minutes_played=found["minutes"]["value"].astype(np.int64),
        plays=found["plays"]["value"].astype(np.int64),
    )


def _without_rows(found: Records) -> PackedUsage:
    return PackedUsage(
        block_number=found["block_number"].astype(np.int64),
        log_index=found["log_index"].astype(np.int64),
        submitter=np.ascontiguousarray(found["submitter"]),
        tier_id=np.ascontiguousarray(found["tier_id"]),
        part=found["part"].astype(np.int64),
        work_id=np.zeros((len(found), 0, _WORD), dtype=np.uint8),
        minutes_played=np.zeros((len(found), 0), dtype=np.int64),
        plays=np.zeros((len(found), 0), dtype=np.int64),
    )


def _stacked(parts: Sequence[ByteRows], width: int) -> ByteRows:
    return np.concatenate(parts) if parts else np.zeros((0, width), dtype=np.uint8)
