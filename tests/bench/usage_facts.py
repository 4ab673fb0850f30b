"""An epoch of usage as rows in Postgres: what an index of a large settlement would hold.

Everything follows from a seed. A subscriber pays once and reports its works in one submission of
`rows_each`, or, one subscriber in five, in two; works are taken with a preference for the first.
Some rows are bad on purpose: unknown works, tiers that were not paid, works twice, pseudonyms of
others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Table

from contracts.event_spec import EventSpec
from contracts.events import CONSUMPTION_SUBMITTED, SUBSCRIBED
from indexer.adapters.tables import FACTS, LOG

Bytes = NDArray[np.uint8]

CHAIN_ID, EPOCH = 31337, 3
SUBMISSIONS_PER_BLOCK = 200
FIRST_USAGE_BLOCK = 1_000_000
REFERENCE_BLOCK = 1_999_999
TIER, OTHER_TIER = bytes([1]) * 32, bytes([2]) * 32
ASSET = bytes([3]) * 20
_SUBMISSIONS_PER_CHUNK = 20_000
_BYTEA, _INT8 = 17, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageShape:
    """How large the epoch is; one subscriber in `bad_every` has a bad row."""

    subscribers: int
    works: int
    rows_each: int = 10
    bad_every: int = 1_000
    seed: int = 7
    first_usage_block: int = FIRST_USAGE_BLOCK

    @property
    def rows(self) -> int:
        return self.subscribers * self.rows_each


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageFacts:
    """What was generated: ids by rank, ascending; fees by subscriber."""

    shape: UsageShape
    subscribers: Bytes
    works: Bytes
    price_ppm: NDArray[np.int64]
    fees: NDArray[np.int64]


def usage_facts(shape: UsageShape) -> UsageFacts:
    random = np.random.default_rng(shape.seed)
    works = random.integers(0, 256, (shape.works, 32), dtype=np.uint8)
    works[:, 0] = 0
    return UsageFacts(
        shape=shape,
        subscribers=_ascending(random.integers(0, 256, (shape.subscribers, 20), dtype=np.uint8)),
        works=_ascending(works),
        price_ppm=random.integers(500_000, 3_000_000, shape.works),
        fees=random.integers(10**18, 9 * 10**18, shape.subscribers),
    )


def load_usage(
    url: str, facts: UsageFacts, *, tiers: bytes, usage: bytes, has_logs: bool = False
) -> None:
    """Write subscriptions and submissions; the addresses are those that emitted them.

    With logs, the raw logs that an index keeps beside them are written too.
    """
    filled = [FACTS[SUBSCRIBED.table], FACTS[CONSUMPTION_SUBMITTED.table]]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        _copy(cursor, filled[0], (_payment_rows(one, tiers) for one in _payments(facts)))
        _copy(cursor, filled[1], (_submission_rows(one, usage) for one in _submitted(facts)))
        if has_logs:
            filled.append(LOG)
            _copy(cursor, LOG, (payment_logs(one, tiers) for one in _payments(facts)))
            _copy(cursor, LOG, (submission_logs(one, usage) for one in _submitted(facts)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"VACUUM (ANALYZE) {', '.join(table.name for table in filled)}")
        connection.execute("CHECKPOINT")


def _copy(cursor: psycopg.Cursor[Any], table: Table, chunks: Iterator[bytes]) -> None:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for chunk in chunks:
            copy.write(chunk)
        copy.write(b"\xff\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """Some subscriptions: where they stand, who paid, and how much."""

    block_number: NDArray[np.int64]
    log_index: NDArray[np.int64]
    subscriber: Bytes
    amount: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """Some submissions (m,) of equally many rows (m, n)."""

    block_number: NDArray[np.int64]
    log_index: NDArray[np.int64]
    submitter: Bytes
    part: int
    work_id: Bytes
    minutes: NDArray[np.int64]
    plays: NDArray[np.int64]
    pseudonym: Bytes


def _payments(facts: UsageFacts) -> Iterator[Payments]:
    shape = facts.shape
    for start in range(0, shape.subscribers, _SUBMISSIONS_PER_CHUNK):
        part = slice(start, min(start + _SUBMISSIONS_PER_CHUNK, shape.subscribers))
        rank = np.arange(part.start, part.stop)
        yield Payments(
            block_number=shape.first_usage_block - 1 - rank // SUBMISSIONS_PER_BLOCK,
            log_index=rank % SUBMISSIONS_PER_BLOCK,
            subscriber=facts.subscribers[part],
            amount=facts.fees[part],
        )


def _payment_rows(one: Payments, tiers: bytes) -> bytes:
    count = len(one.log_index)
    return _records(
        [
            _int8(np.full(count, CHAIN_ID)),
            _int8(one.block_number),
            _int8(one.log_index),
            _constant(tiers, count),
            _bytea(one.subscriber),
            _int8(np.full(count, EPOCH)),
            _constant(TIER, count),
            _bytea(one.subscriber),
            _constant(ASSET, count),
            _numeric(one.amount),
        ]
    )


def _submitted(facts: UsageFacts) -> Iterator[Submissions]:
    """Submissions in a random order of subscribers; chain order is the order of writing."""
    shape = facts.shape
    random = np.random.default_rng(shape.seed + 1)
    order, log = random.permutation(shape.subscribers), 0
    for start in range(0, shape.subscribers, _SUBMISSIONS_PER_CHUNK):
        who = order[start : start + _SUBMISSIONS_PER_CHUNK]
        rows = _rows(facts, who, random)
        split = who % 5 == 0
        first = shape.rows_each * 3 // 5
        for chosen, places, part in (
            (~split, slice(0, shape.rows_each), 0),
            (split, slice(0, first), 0),
            (split, slice(first, shape.rows_each), 1),
        ):
            count = int(chosen.sum())
            if not count or places.start == places.stop:
                continue
            yield _submissions(
                facts, who[chosen], [a[chosen, places] for a in rows], part=part, log=log
            )
            log += count


def _rows(facts: UsageFacts, who: NDArray[np.int64], random: np.random.Generator) -> list[Any]:
    """Work ranks, minutes, plays and pseudonyms (m, rows_each[, 32]) of some subscribers."""
    shape = facts.shape
    m, n = len(who), shape.rows_each
    # Distinct works for one subscriber: a random start and steps, denser at the low ranks.
    steps = random.integers(1, max(2, shape.works // (4 * n)), (m, n)).cumsum(axis=1)
    ranks = (random.integers(0, shape.works, (m, 1)) // 2 + steps) % shape.works
    minutes, plays = random.integers(0, 2_000, (m, n)), random.integers(0, 60, (m, n))
    pseudonyms = random.integers(0, 256, (m, n, 32), dtype=np.uint8)
    pseudonyms[:, :, 0] = 0
    if shape.bad_every:
        bad = np.flatnonzero(who % shape.bad_every == 0)
        ranks[bad, 1] = ranks[bad, 0]  # a work twice
        pseudonyms[bad, 2] = pseudonyms[bad - 1, 3]  # a pseudonym of somebody else
        ranks[bad, 4] = -1  # a work that nobody registered
    return [ranks, minutes, plays, pseudonyms]


def _submissions(
    facts: UsageFacts,
    who: NDArray[np.int64],
    rows: list[Any],
    *,
    part: int,
    log: int,
) -> Submissions:
    ranks, minutes, plays, pseudonyms = rows
    place = log + np.arange(len(who))
    work_ids = facts.works[ranks]
    work_ids[ranks < 0] = 0
    return Submissions(
        block_number=facts.shape.first_usage_block + place // SUBMISSIONS_PER_BLOCK,
        log_index=place % SUBMISSIONS_PER_BLOCK,
        submitter=facts.subscribers[who],
        part=part,
        work_id=work_ids,
        minutes=minutes,
        plays=plays,
        pseudonym=pseudonyms,
    )


def _submission_rows(one: Submissions, usage: bytes) -> bytes:
    count = len(one.log_index)
    return _records(
        [
            _int8(np.full(count, CHAIN_ID)),
            _int8(one.block_number),
            _int8(one.log_index),
            _constant(usage, count),
            _bytea(one.submitter),
            _int8(np.full(count, EPOCH)),
            _constant(TIER, count),
            _int8(np.full(count, one.part)),
            _array(_BYTEA, one.work_id),
            _array(_INT8, one.minutes.astype(">i8").view(np.uint8).reshape(*one.minutes.shape, 8)),
            _array(_INT8, one.plays.astype(">i8").view(np.uint8).reshape(*one.plays.shape, 8)),
            _array(_BYTEA, one.pseudonym),
            _constant(bytes(32), count),
        ]
    )


def payment_logs(one: Payments, tiers: bytes) -> bytes:
    """The raw logs of these subscriptions."""
    count = len(one.log_index)
    data = [_word(one.subscriber), _word(_constant(ASSET, count)), _word(_int8(one.amount))]
    who = _word(one.subscriber)
    return _log_rows(SUBSCRIBED, one, tiers, who, np.concatenate(data, axis=1))


def submission_logs(one: Submissions, usage: bytes) -> bytes:
    """The raw logs of these submissions: six words, four of them offsets of the arrays behind."""
    count, each = one.minutes.shape
    arrays = [
        one.work_id.reshape(count, -1),
        _words_of(one.minutes),
        _words_of(one.plays),
        one.pseudonym.reshape(count, -1),
    ]
    offsets = [32 * (6 + place * (1 + each)) for place in range(4)]
    data = [_number(one.part, count), *(_number(offset, count) for offset in offsets)]
    data.append(_number(0, count))  # the digest, as in the facts
    for array in arrays:
        data += [_number(each, count), array]
    who = _word(one.submitter)
    return _log_rows(CONSUMPTION_SUBMITTED, one, usage, who, np.concatenate(data, axis=1))


def _log_rows(
    spec: EventSpec, one: Payments | Submissions, address: bytes, who: Bytes, data: Bytes
) -> bytes:
    count = len(who)
    topics = [_constant(spec.topic0, count), who, _number(EPOCH, count), _constant(TIER, count)]
    return _records(
        [
            _int8(np.full(count, CHAIN_ID)),
            _int8(one.block_number),
            _int8(one.log_index),
            _constant(address, count),
            data,
            _constant(bytes(32), count),
            _int8(np.zeros(count)),
            _array(_BYTEA, np.stack(topics, axis=1)),
        ]
    )


def _word(values: Bytes) -> Bytes:
    """Bytes (m, up to 32) as words of the EVM, with zeros before them."""
    return np.pad(values, ((0, 0), (32 - values.shape[1], 0)))


def _number(value: int, count: int) -> Bytes:
    return _constant(value.to_bytes(32, "big"), count)


def _words_of(values: NDArray[np.int64]) -> Bytes:
    """Numbers (m, n) as n words a row."""
    words = _word(_int8(np.ascontiguousarray(values).ravel()))
    return words.reshape(len(values), -1)


def _records(fields: list[Bytes]) -> bytes:
    """One record a row: the count of fields, then each with its length before it."""
    columns = [np.full((len(fields[0]), 1), len(fields)).astype(">i2").view(np.uint8)]
    for field in fields:
        length = np.full((len(field), 1), field.shape[1]).astype(">i4").view(np.uint8)
        columns += [length, field]
    return np.concatenate(columns, axis=1).tobytes()


def _int8(values: NDArray[Any]) -> Bytes:
    return values.astype(">i8").view(np.uint8).reshape(-1, 8)


def _bytea(values: Bytes) -> Bytes:
    return values


def _constant(value: bytes, count: int) -> Bytes:
    return np.tile(np.frombuffer(value, dtype=np.uint8), (count, 1))


def _numeric(values: NDArray[np.int64]) -> Bytes:
    digits = np.stack([values // 10 ** (4 * place) % 10**4 for place in range(4, -1, -1)], axis=1)
    head = np.tile(np.array([5, 4, 0, 0]), (len(values), 1))
    return np.concatenate([head, digits], axis=1).astype(">i2").view(np.uint8).reshape(-1, 18)


def _array(element_type: int, values: Bytes) -> Bytes:
    """Arrays of one length: (m, n, width) to one field a row."""
    m, n, width = values.shape
    head = np.tile(np.array([1, 0, element_type, n, 1]).astype(">i4").view(np.uint8), (m, 1))
    lengths = np.full((m, n, 1), width).astype(">i4").view(np.uint8).reshape(m, n, 4)
    return np.concatenate([head, np.concatenate([lengths, values], axis=2).reshape(m, -1)], axis=1)


def _ascending(values: Bytes) -> Bytes:
    keys = [values[:, place : place + 4].copy().view(">u4").ravel() for place in range(0, 20, 4)]
    return values[np.lexsort(keys[::-1])]
