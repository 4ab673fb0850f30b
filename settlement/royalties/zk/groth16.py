"""Groth16 verification with one public input, singly and in batches.

A proof (A, B, C) of a statement with public input d holds if

    e(-A, B) · e(alpha, beta) · e(IC0 + d·IC1, gamma) · e(C, delta) = 1

Anyone can turn a valid proof into another one of the same statement, e.g. (-A, -B, C). So the bytes
of a proof name nothing: what is proved is named by its public input. And d + r satisfies the same
equation as d, so an input is a number below r or it is refused.

Source: Groth, "On the size of pairing-based non-interactive arguments" (2016).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contracts.evm import keccak
from settlement.royalties.zk.curve import (
    G1Point,
    G2Point,
    g1_negative,
    is_on_g1,
    is_on_g2,
)
from settlement.royalties.zk.field import SCALAR_ORDER, Fq2

_BATCH_DOMAIN = b"quittance.groth16.batch"
_FACTOR_BYTES = 16
_COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyingKey:
    """A verifying key for one public input; its points are checked where it is read."""

    alpha: tuple[int, int]
    beta: tuple[Fq2, Fq2]
    gamma: tuple[Fq2, Fq2]
    delta: tuple[Fq2, Fq2]
    ic: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Coordinates as they were given: not yet known to be those of points."""

    a: tuple[int, int]
    b: tuple[Fq2, Fq2]
    c: tuple[int, int]


class Verdict(StrEnum):
    """What was found of one proof."""

    VALID = "valid"
    A_IS_NO_POINT = "a is no point of G1"
    B_IS_NO_POINT = "b is no point of G2"
    C_IS_NO_POINT = "c is no point of G1"
    INPUT_NOT_CANONICAL = "the public input is not below the order of the scalar field"
    NOT_PROVED = "the proof does not prove this public input"


class PairingBackend(Protocol):
    """What verification needs of a library.

    It is given points that lie in their groups, the infinite point as None.
    """

    def sum_of_products(self, points: Sequence[G1Point], factors: Sequence[int]) -> G1Point:
        """Σ factor · point in G1; factors are taken modulo r."""

    def is_one(self, pairs: Sequence[tuple[G1Point, G2Point]]) -> bool:
        """Whether the product of the pairings is the neutral element."""


def verify_proof(
    key: VerifyingKey, proof: Proof, public_input: int, backend: PairingBackend
) -> Verdict:
    """Check one proof."""
    refused = _refusal(proof, public_input)
    if refused is not None:
        return refused
    statement = backend.sum_of_products(key.ic, (1, public_input))
    holds = backend.is_one(
        (
            (g1_negative(proof.a), proof.b),
            (key.alpha, key.beta),
            (statement, key.gamma),
            (proof.c, key.delta),
        )
    )
    return Verdict.VALID if holds else Verdict.NOT_PROVED


def verify_batch(
    key: VerifyingKey, statements: Sequence[tuple[Proof, int]], backend: PairingBackend
) -> list[Verdict]:
    """Check many proofs for one key, at little over one pairing each if all are valid.

    The equations are added up with factors that are derived from all of them, so that nobody can
    choose proofs whose errors cancel. If the sum fails, halves are checked: n proofs with one bad
    one cost some 2·log₂ n sums, and every verdict is that of `verify_proof`.
    """
    refusals = [_refusal(proof, public_input) for proof, public_input in statements]
    sound = [one for one, refusal in zip(statements, refusals, strict=True) if refusal is None]
    found = iter(_batch(key, sound, backend))
    return [next(found) if refusal is None else refusal for refusal in refusals]


def _batch(
    key: VerifyingKey, statements: Sequence[tuple[Proof, int]], backend: PairingBackend
) -> list[Verdict]:
    if not statements:
        return []
    if _holds_together(key, statements, backend):
        return [Verdict.VALID] * len(statements)
    if len(statements) == 1:
        return [Verdict.NOT_PROVED]
    middle = len(statements) >> 1
    first = _batch(key, statements[:middle], backend)
    return first + _batch(key, statements[middle:], backend)


def _holds_together(
    key: VerifyingKey, statements: Sequence[tuple[Proof, int]], backend: PairingBackend
) -> bool:
    factors = _factors(key, statements)
    total = sum(factors)
    weighted_input = sum(
        factor * public_input for factor, (_, public_input) in zip(factors, statements, strict=True)
    )
    pairs: list[tuple[G1Point, G2Point]] = [
        (g1_negative(backend.sum_of_products([proof.a], [factor])), proof.b)
        for factor, (proof, _) in zip(factors, statements, strict=True)
    ]
    pairs += (
        (backend.sum_of_products([key.alpha], [total]), key.beta),
        (backend.sum_of_products(key.ic, (total, weighted_input)), key.gamma),
        (backend.sum_of_products([proof.c for proof, _ in statements], factors), key.delta),
    )
    return backend.is_one(pairs)


def _factors(key: VerifyingKey, statements: Sequence[tuple[Proof, int]]) -> list[int]:
    """One factor of 128 bits, never zero, for each statement, bound to key and all statements."""
    words = [*_words(key.alpha, *key.beta, *key.gamma, *key.delta, *key.ic)]
    for proof, public_input in statements:
        words += (*_words(proof.a, *proof.b, proof.c), public_input)
    seed = keccak(
        _BATCH_DOMAIN + b"".join(word.to_bytes(_COORDINATE_BYTES, "big") for word in words)
    )
    digests = (keccak(seed + place.to_bytes(8, "big")) for place in range(len(statements)))
    return [int.from_bytes(digest[:_FACTOR_BYTES], "big") or 1 for digest in digests]


def _words(*pairs: tuple[int, int]) -> list[int]:
    return [word for pair in pairs for word in pair]


def _refusal(proof: Proof, public_input: int) -> Verdict | None:
    """Why a proof cannot be looked at; None if it can."""
    if not 0 <= public_input < SCALAR_ORDER:
        return Verdict.INPUT_NOT_CANONICAL
    if not is_on_g1(*proof.a):
        return Verdict.A_IS_NO_POINT
    if not is_on_g1(*proof.c):
        return Verdict.C_IS_NO_POINT
    return None if is_on_g2(*proof.b) else Verdict.B_IS_NO_POINT
