"""What transfers of tokens do to balances, summed on their way to the store.

    range      [90, 100)  [100, 110)  [110, 120)          as they are stored, all of them final
    sums       above 89 ──────────────────────► upto 119

Balances can be summed from the stored transfers alone, and are where these sums do not join on to
them: after a crash, or where a range was not final when it was stored. But to read transfers back
and sum them in the database costs about as much as storing them, and here they are at hand.

Sums are exact. An amount is cut into limbs of 32 bits, and each limb is summed by itself in 64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.events import ERC20_TRANSFER
from contracts.evm import BlockNumber
from indexer.decode import Decoded, FactColumns
from indexer.factor import row_hashes, row_words
from indexer.logs import ByteRows, Integers
from indexer.ranges import BlockRange

_ADDRESS_BYTES = 20
_LIMB_BITS = 32
_LIMBS = 8  # of a uint256
_KEY_WORDS = 5  # of a token and an account
_WORD_BITS = 64
_BUCKETS_PER_ACCOUNT = 2
_STEPS_MAX = 8

_Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movements:
    """What the transfers of blocks (above, upto] gave to accounts of tokens, minus what they took.

    Every account that a transfer names is there once, also with a change of zero. Shapes, for n
    changes: `token` and `account` (n, 20).
    """

    above: BlockNumber
    upto: BlockNumber
    token: ByteRows
    account: ByteRows
    change: list[int]


class MovementSums:
    """Sums over ranges that follow each other, from the block above `above` on.

    Accounts stand in the order of their hashes, and a table says where the hashes that begin alike
    stand, so that an account is found in a step or two. Where that finds another one, which shares
    its hash or is crowded by too many, the account is summed by itself, slowly.
    """

    def __init__(self, above: BlockNumber) -> None:
        self._above = self._upto = above
        self._hashes: _Words = np.empty(0, dtype=np.uint64)
        self._keys: _Words = np.empty((_KEY_WORDS, 0), dtype=np.uint64)
        self._limbs: Integers = np.empty((_LIMBS, 0), dtype=np.int64)
        self._first: Integers = np.empty(0, dtype=np.int64)
        self._others: dict[bytes, int] = {}

    def __len__(self) -> int:
        """How many accounts of tokens have moved."""
        return len(self._hashes) + len(self._others)

    @property
    def upto(self) -> BlockNumber:
        """The last block whose transfers are in the sums."""
        return self._upto

    def add(self, blocks: BlockRange, decoded: Decoded) -> None:
        """Add the transfers of these blocks, which follow `upto`."""
        for facts in decoded.facts:
            if facts.spec == ERC20_TRANSFER:
                self._add(facts)
        self._upto = BlockNumber(blocks.end - 1)

    def movements(self) -> Movements:
        """What they add up to."""
        changes = [0] * len(self._hashes)
        for limb, sums in enumerate(self._limbs):
            if sums.any():
                shift = _LIMB_BITS * (_LIMBS - 1 - limb)
                parts = sums.tolist()
                changes = [one + (part << shift) for one, part in zip(changes, parts, strict=True)]
        others = np.frombuffer(b"".join(self._others), dtype=np.uint8)
        known = np.ascontiguousarray(self._keys.T).view(np.uint8)
        keys = np.vstack((known, others.reshape(-1, 2 * _ADDRESS_BYTES)))
        return Movements(
            above=self._above,
            upto=self._upto,
            token=keys[:, :_ADDRESS_BYTES],
            account=keys[:, _ADDRESS_BYTES:],
            change=[*changes, *self._others.values()],
        )

    def _add(self, transfers: FactColumns) -> None:
        source, target, amount = (np.asarray(column) for column in transfers.values)
        token = transfers.address
        keys = row_words(np.vstack((np.hstack((token, source)), np.hstack((token, target)))))
        place, is_other = self._places(keys)
        limbs = np.ascontiguousarray(amount).view(">u4")
        for limb, sums in enumerate(self._limbs):
            part = limbs[:, limb].astype(np.int64)
            if part.any():
                change = np.concatenate((-part, part))
                change[is_other] = 0
                np.add.at(sums, place, change)
        for row in np.flatnonzero(is_other).tolist():
            self._add_other(keys[row].tobytes(), amount, row)

    def _add_other(self, key: bytes, amount: ByteRows, row: int) -> None:
        is_target, transfer = divmod(row, len(amount))
        units = int.from_bytes(amount[transfer].tobytes())
        self._others[key] = self._others.get(key, 0) + (units if is_target else -units)

    def _places(self, keys: _Words) -> tuple[Integers, NDArray[np.bool_]]:
        """Where each account stands, and whether another one stands there."""
        hashes = row_hashes(keys)
        place = self._found(hashes)
        is_missing = self._hashes[place] != hashes if len(place) else np.ones(len(keys), np.bool_)
        if is_missing.any() and self._learn(keys[is_missing], hashes[is_missing]):
            place = self._found(hashes)
        is_other = np.zeros(len(keys), dtype=np.bool_)
        for known, word in zip(self._keys, keys.T, strict=True):
            is_other |= known[place] != word
        return place, is_other

    def _found(self, hashes: _Words) -> Integers:
        """Where each hash stands; the place of another one if it is nowhere, or too far."""
        if not len(self._hashes):
            return np.empty(0, dtype=np.int64)
        bits = len(self._first).bit_length() - 1
        place: Integers = self._first[hashes >> np.uint64(_WORD_BITS - bits)]
        for _ in range(_STEPS_MAX):
            is_below = self._hashes[place] < hashes
            if not is_below.any():
                break
            place = np.minimum(place + is_below, len(self._hashes) - 1)
        return place

    def _learn(self, keys: _Words, hashes: _Words) -> bool:
        """Give a place to every hash that has none; whether there was one."""
        fresh, row = np.unique(hashes, return_index=True)
        place = np.searchsorted(self._hashes, fresh)
        is_new = place == np.searchsorted(self._hashes, fresh, side="right")
        if not is_new.any():
            return False
        place = place[is_new]
        self._hashes = np.insert(self._hashes, place, fresh[is_new])
        self._keys = np.insert(self._keys, place, keys[row[is_new]].T, axis=1)
        self._limbs = np.insert(self._limbs, place, 0, axis=1)
        bits = (_BUCKETS_PER_ACCOUNT * len(self._hashes)).bit_length()
        starts = np.arange(1 << bits, dtype=np.uint64) << np.uint64(_WORD_BITS - bits)
        self._first = np.searchsorted(self._hashes, starts).clip(max=len(self._hashes) - 1)
        return True
