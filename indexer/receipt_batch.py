"""Receipts of many blocks as columns, and the proof that they are all that the blocks have.

The receipts root of a header commits to every receipt of its block, to their order, and to every
value of every log but for places and hashes. So if the root that is rebuilt from an answer is that
of a header which we trust, no log is missing, added or changed. Block, transaction and log index
follow from the order; what the node states of them is compared, and used no more. Only the hash of
a transaction does not follow: it is compared with the list of the block, and stays the node's word
as that list does (`transactions.py` says how it is proved).

Nothing here proves a header: its hash is checked, and linked to a block that we hold, before.

Source: Ethereum yellow paper §4.3.1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.bloom import BLOOM_BYTES, bloom_mask
from contracts.evm import Hash32
from indexer.blocks import Block, hash_rows
from indexer.chain import Header
from indexer.chain_profiles import ChainProfile, Check
from indexer.errors import ReceiptsRefused
from indexer.log_encoding import encoded_logs
from indexer.logs import ByteRows, Integers, LogBatch
from indexer.receipts import DepositFields, receipt_encoding
from indexer.trie import trie_root


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptBatch:
    """Receipts of k blocks, in the order of the blocks, r in all; and all their logs.

    Shapes: `receipt_count` (k,); `block_hash` and `transaction_hash` (r, 32); all others (r,).
    `logs_bloom` is None where the node states none. Block, transaction hash and index of a receipt,
    and all places of logs, are as the node states them.
    """

    receipt_count: Integers
    type: Sequence[int]
    outcome: Sequence[bytes]
    cumulative_gas_used: Sequence[int]
    logs_bloom: Sequence[bytes | None]
    deposit: Sequence[DepositFields | None]
    block_number: Integers
    block_hash: ByteRows
    transaction_hash: ByteRows
    transaction_index: Integers
    log_count: Integers
    logs: LogBatch

    def __len__(self) -> int:
        return len(self.log_count)


def prove_receipts(
    blocks: Sequence[Block], receipts: ReceiptBatch, profile: ChainProfile
) -> LogBatch:
    """All logs of the blocks that their headers commit to, in chain order.

    Logs of receipts that the profile leaves out are proved by nothing, and are not among them.

    Args:
        blocks: with headers that are trusted.
        receipts: what a node says that are all receipts of these blocks.
        profile: how the chain differs from Ethereum. A check that it calls unproved is not made,
            but for that of the receipts root: without it nothing would be proved.

    Raises:
        ReceiptsRefused: they are not the receipts of these blocks.
    """
    _check_counts(blocks, receipts)
    _check_places(blocks, receipts)
    left_out = _left_out(blocks, receipts, profile)
    blooms = _blooms(receipts)
    encoded = _encoded(receipts, blooms)
    for block, (start, end) in zip(blocks, _spans(receipts.receipt_count), strict=True):
        header = block.header
        committed = [place for place in range(start, end) if place not in left_out]
        root = trie_root([encoded[place] for place in committed])
        if root != header.receipts_root:
            raise ReceiptsRefused(
                header.number, f"their root is {root}, the header has {header.receipts_root}"
            )
        _check_bloom(header, blooms[committed], profile)
    if not left_out:
        return receipts.logs
    is_proved = np.ones(len(receipts), dtype=np.bool_)
    is_proved[sorted(left_out)] = False
    return receipts.logs.take(np.flatnonzero(np.repeat(is_proved, receipts.log_count)))


def _check_counts(blocks: Sequence[Block], receipts: ReceiptBatch) -> None:
    """A block has as many receipts as transactions."""
    for block, count in zip(blocks, receipts.receipt_count.tolist(), strict=True):
        if block.transactions is not None and len(block.transactions) != count:
            raise ReceiptsRefused(
                block.header.number,
                f"they are {count}, the block lists {len(block.transactions)} transactions",
            )


def _check_places(blocks: Sequence[Block], receipts: ReceiptBatch) -> None:
    """What is stated of places is what follows from the order of receipts and logs."""
    logs, count = receipts.logs, receipts.log_count
    block = np.repeat(np.arange(len(blocks)), receipts.receipt_count)
    numbers = np.array([one.header.number for one in blocks], dtype=np.int64)
    hashes = hash_rows([one.header.hash for one in blocks])
    index = _places_within(receipts.receipt_count)
    names = _transaction_hashes(blocks, receipts)
    log_index = _places_within(_sums(count, receipts.receipt_count))
    receipt = np.repeat(np.arange(len(receipts)), count)
    stated: tuple[tuple[str, Integers | ByteRows, Integers | ByteRows, Integers], ...] = (
        ("block number", receipts.block_number, numbers[block], block),
        ("block hash", receipts.block_hash, hashes[block], block),
        ("transaction index", receipts.transaction_index, index, block),
        ("transaction hash", receipts.transaction_hash, names, block),
        ("block number of a log", logs.block_number, numbers[block[receipt]], block[receipt]),
        ("block hash of a log", logs.block_hash, hashes[block[receipt]], block[receipt]),
        ("transaction index of a log", logs.transaction_index, index[receipt], block[receipt]),
        ("transaction hash of a log", logs.transaction_hash, names[receipt], block[receipt]),
        ("log index", logs.log_index, log_index, block[receipt]),
    )
    for what, actual, expected, block_of in stated:
        _check_equal(blocks, what, actual, expected=expected, block_of=block_of)


def _check_equal(
    blocks: Sequence[Block],
    what: str,
    actual: Integers | ByteRows,
    *,
    expected: Integers | ByteRows,
    block_of: Integers,
) -> None:
    differs = actual != expected
    if not differs.any():
        return
    row = int(np.flatnonzero(differs.reshape(len(differs), -1).any(axis=1))[0])
    raise ReceiptsRefused(
        blocks[int(block_of[row])].header.number,
        f"{what} is {_shown(actual[row])}, their order says {_shown(expected[row])}",
    )


def _shown(value: np.int64 | ByteRows) -> str:
    return "0x" + value.tobytes().hex() if isinstance(value, np.ndarray) else str(int(value))


def _transaction_hashes(blocks: Sequence[Block], receipts: ReceiptBatch) -> ByteRows:
    """Hashes as blocks list them, and as receipts state them where a block lists none."""
    if not blocks:
        return receipts.transaction_hash
    return np.concatenate(
        [
            receipts.transaction_hash[start:end]
            if block.transactions is None
            else block.transactions
            for block, (start, end) in zip(blocks, _spans(receipts.receipt_count), strict=True)
        ]
    )


def _left_out(
    blocks: Sequence[Block], receipts: ReceiptBatch, profile: ChainProfile
) -> frozenset[int]:
    """Receipts, by place in the batch, that the header of their block does not commit to."""
    if not profile.left_out_reason:
        return frozenset()
    hashes = [Hash32(row.tobytes()) for row in receipts.transaction_hash]
    return frozenset(
        place
        for block, (start, end) in zip(blocks, _spans(receipts.receipt_count), strict=True)
        for place in range(start, end)
        if profile.is_left_out(block.header, hashes[place], receipts.cumulative_gas_used[place])
    )


def _blooms(receipts: ReceiptBatch) -> ByteRows:
    """The bloom of every receipt, of shape (r, 256).

    A stated one is not recomputed: it is a part of what the receipts root is rebuilt from, so if
    the root fits, it is the one that consensus made of the receipt's logs.
    """
    missing = [place for place, bloom in enumerate(receipts.logs_bloom) if bloom is None]
    blooms = list(receipts.logs_bloom)
    for place, bloom in zip(missing, _recomputed_blooms(receipts, missing), strict=True):
        blooms[place] = bloom
    joined = b"".join(bloom for bloom in blooms if bloom is not None)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(receipts), BLOOM_BYTES)


def _recomputed_blooms(receipts: ReceiptBatch, places: Sequence[int]) -> Iterator[bytes]:
    spans = _spans(receipts.log_count) if places else []
    for place in places:
        bloom = 0
        for log in receipts.logs.take(np.arange(*spans[place])).rows():
            for value in (log.address, *log.topics):
                bloom |= bloom_mask(value)
        yield bloom.to_bytes(BLOOM_BYTES, "big")


def _encoded(receipts: ReceiptBatch, blooms: ByteRows) -> list[bytes]:
    """The consensus encoding of every receipt."""
    buffer, lengths = encoded_logs(receipts.logs)
    logs, rows = buffer.tobytes(), blooms.tobytes()
    spans = _spans(_sums(lengths, receipts.log_count))
    return [
        receipt_encoding(
            kind,
            outcome,
            gas,
            logs_bloom=rows[BLOOM_BYTES * place : BLOOM_BYTES * (place + 1)],
            logs=logs[span[0] : span[1]],
            deposit=deposit,
        )
        for place, (kind, outcome, gas, deposit, span) in enumerate(
            zip(
                receipts.type,
                receipts.outcome,
                receipts.cumulative_gas_used,
                receipts.deposit,
                spans,
                strict=True,
            )
        )
    ]


def _check_bloom(header: Header, blooms: ByteRows, profile: ChainProfile) -> None:
    if any(
        one.check is Check.LOGS_BLOOM and header.number < one.end_block for one in profile.unproved
    ):
        return
    if np.bitwise_or.reduce(blooms, axis=0).tobytes() != header.logs_bloom:
        raise ReceiptsRefused(header.number, "their blooms do not make that of the header")


def _spans(counts: Integers) -> list[tuple[int, int]]:
    """Where the items of every owner begin and end, if each has so many, end to end."""
    ends = np.cumsum(counts)
    return list(zip((ends - counts).tolist(), ends.tolist(), strict=True))


def _sums(values: Integers, counts: Integers) -> Integers:
    """The sum of the values of every owner, if each has so many, end to end."""
    upto: NDArray[np.int64] = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(values)))
    ends = np.cumsum(counts)
    sums: Integers = upto[ends] - upto[ends - counts]
    return sums


def _places_within(counts: Integers) -> Integers:
    """The place of every item among those of its owner: 0, 1, … for each."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    places: Integers = np.arange(total, dtype=np.int64) - np.repeat(ends - counts, counts)
    return places
