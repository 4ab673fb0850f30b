"""Poseidon over the scalar field of BN254, and the digest that a proof of consumption speaks of.

Width 3, rate 2, x⁵, 4 + 57 + 4 rounds. The constants come from the Grain generator that the paper
prescribes, so nobody chose them. The sponge absorbs into lanes 1 and 2 and gives lane 1; it neither
pads nor writes a length, so that only inputs of one fixed length may share a use.

    preimage of the digest, 51 elements:
    epoch │ tier │ epoch key │ 16 of (pseudonym, work id, weight), rows first, then padding

Source: Grassi et al., "Poseidon" (2021), appendix E and F; arkworks' ark-crypto-primitives.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from contracts.evm import Epoch, Hash32
from settlement.royalties.zk.field import SCALAR_ORDER

ROWS_MAX = 16

_WIDTH, _FULL_ROUNDS_HALF, _PARTIAL_ROUNDS = 3, 4, 57
_ELEMENT_BITS = 254
_GRAIN_TAPS = (62, 51, 38, 23, 13, 0)
_GRAIN_DISCARDED = 160


class UsageRow(NamedTuple):
    """One row of the digest: elements of the field."""

    pseudonym: int
    work_id: int
    weight: int


def element(value: bytes) -> int:
    """32 bytes as an element: the big-endian integer, modulo r."""
    return int.from_bytes(value, "big") % SCALAR_ORDER


def poseidon(values: Sequence[int]) -> int:
    """Hash of at least one element; all are below r."""
    state = [0] * _WIDTH
    for start in range(0, len(values), _WIDTH - 1):
        for lane, value in enumerate(values[start : start + _WIDTH - 1], start=1):
            state[lane] = (state[lane] + value) % SCALAR_ORDER
        _permute(state)
    return state[1]


def row_commitment(*, work_id: Hash32, minutes: int, plays: int, salt: Hash32) -> int:
    """What a wallet commits to for one row."""
    return poseidon((element(work_id), minutes, plays, element(salt)))


def pseudonym(epoch_key: Hash32, commitment: int) -> int:
    """The name of a row that is public: the same row has another one in another epoch."""
    return poseidon((element(epoch_key), commitment))


def consumption_digest(
    *, epoch: Epoch, tier_id: Hash32, epoch_key: Hash32, rows: Sequence[UsageRow]
) -> Hash32:
    """The public input of a proof of consumption, as canonical bytes.

    Raises:
        ValueError: there are more than `ROWS_MAX` rows.
    """
    if len(rows) > ROWS_MAX:
        raise ValueError(f"{len(rows)} rows, at most {ROWS_MAX}")
    padding = UsageRow(pseudonym(epoch_key, poseidon((0, 0, 0, 0))), 0, 0)
    preimage = [epoch, element(tier_id), element(epoch_key)]
    for row in (*rows, *[padding] * (ROWS_MAX - len(rows))):
        preimage.extend(row)
    return Hash32(poseidon(preimage).to_bytes(32, "big"))


def _permute(state: list[int]) -> None:
    round_constants, matrix = _constants()
    partial = range(_FULL_ROUNDS_HALF, _FULL_ROUNDS_HALF + _PARTIAL_ROUNDS)
    for place, constants in enumerate(round_constants):
        lanes = [value + constant for value, constant in zip(state, constants, strict=True)]
        lanes[0] = pow(lanes[0], 5, SCALAR_ORDER)
        if place not in partial:
            lanes[1:] = [pow(lane, 5, SCALAR_ORDER) for lane in lanes[1:]]
        state[:] = [
            sum(factor * lane for factor, lane in zip(row, lanes, strict=True)) % SCALAR_ORDER
            for row in matrix
        ]


@cache
def _constants() -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """The constants of every round, and the matrix that mixes the lanes."""
    bits = _grain_bits()
    rounds = tuple(
        tuple(_below_order(bits) for _ in range(_WIDTH))
        for _ in range(2 * _FULL_ROUNDS_HALF + _PARTIAL_ROUNDS)
    )
    xs, ys = ([_integer(bits) % SCALAR_ORDER for _ in range(_WIDTH)] for _ in range(2))
    matrix = tuple(tuple(pow(x + y, -1, SCALAR_ORDER) for y in ys) for x in xs)
    return rounds, matrix


def _grain_bits() -> Iterator[int]:
    """The self-shrinking output: of each pair of bits the second, if the first is 1."""
    raw = _grain_raw()
    for first in raw:
        second = next(raw)
        if first:
            yield second


def _grain_raw() -> Iterator[int]:
    fields = (
        (1, 2),  # a prime field
        (0, 4),  # x to a positive power
        (_ELEMENT_BITS, 12),
        (_WIDTH, 12),
        (2 * _FULL_ROUNDS_HALF, 10),
        (_PARTIAL_ROUNDS, 10),
        ((1 << 30) - 1, 30),
    )
    state = [int(bit) for value, width in fields for bit in f"{value:0{width}b}"]
    produced = 0
    while True:
        bit = sum(state[tap] for tap in _GRAIN_TAPS) & 1
        state = [*state[1:], bit]
        produced += 1
        if produced > _GRAIN_DISCARDED:
            yield bit


def _integer(bits: Iterator[int]) -> int:
    value = 0
    for _ in range(_ELEMENT_BITS):
        value = value << 1 | next(bits)
    return value


def _below_order(bits: Iterator[int]) -> int:
    while (value := _integer(bits)) >= SCALAR_ORDER:
        pass
    return value
