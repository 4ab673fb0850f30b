from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.royalties.zk.backends import BACKENDS, backend_named
from settlement.royalties.zk.curve import G1Point, G2Point
from settlement.royalties.zk.encoding import (
    proof_from_words,
    proof_to_words,
)
from settlement.royalties.zk.errors import UnknownBackend
from settlement.royalties.zk.field import FIELD_MODULUS, SCALAR_ORDER
from settlement.royalties.zk.groth16 import (
    Proof,
    Verdict,
    VerifyingKey,
    verify_batch,
    verify_proof,
)
from tests.zk_vectors import (
    PUBLISHED,
    ProvedStatement,
    point_outside_of_g2,
    proved_statements,
    published_statements,
)

STATEMENTS = proved_statements()
FIRST = STATEMENTS[0]
FAST = backend_named("zksnake")


@pytest.mark.parametrize("name", [name for name, _ in BACKENDS])
@pytest.mark.parametrize("statement", STATEMENTS[::5])
def test_verify__real_proof__valid_and_next_input_not(
    statement: ProvedStatement, name: str
) -> None:
    backend = backend_named(name)
    key, proof, public_input, _ = statement

    assert verify_proof(key, proof, public_input, backend) is Verdict.VALID
    assert verify_proof(key, proof, public_input + 1, backend) is Verdict.NOT_PROVED


@pytest.mark.parametrize("multiple", range(1, 6))
def test_verify__input_plus_order__refused_before_any_pairing(multiple: int) -> None:
    other_name = FIRST.public_input + multiple * SCALAR_ORDER

    verdict = verify_proof(FIRST.key, FIRST.proof, other_name, FAST)

    assert verdict is Verdict.INPUT_NOT_CANONICAL


def test_verify__coordinates_of_no_point__named() -> None:
    proof, key = FIRST.proof, FIRST.key
    cases = {
        Verdict.A_IS_NO_POINT: replace(proof, a=(proof.a[0], proof.a[1] + FIELD_MODULUS)),
        Verdict.B_IS_NO_POINT: replace(proof, b=point_outside_of_g2()),
        Verdict.C_IS_NO_POINT: replace(proof, c=(0, 0)),
    }

    for verdict, tampered in cases.items():
        assert verify_proof(key, tampered, FIRST.public_input, FAST) is verdict


def test_verify__negated_a_and_b__also_valid_so_bytes_name_nothing() -> None:
    (ax, ay), (bx, by) = FIRST.proof.a, FIRST.proof.b
    twin = replace(
        FIRST.proof,
        a=(ax, FIELD_MODULUS - ay),
        b=(bx, (FIELD_MODULUS - by[0], FIELD_MODULUS - by[1])),
    )

    assert twin != FIRST.proof
    assert verify_proof(FIRST.key, twin, FIRST.public_input, FAST) is Verdict.VALID


@settings(max_examples=60, deadline=None)
@given(bit=st.integers(0, 8 * 256 - 1), which=st.integers(0, len(STATEMENTS) - 1))
def test_verify__one_bit_flipped__never_valid(bit: int, which: int) -> None:
    statement = STATEMENTS[which]
    words = bytearray(proof_to_words(statement.proof))
    words[bit >> 3] ^= 1 << (bit & 7)

    verdict = verify_proof(
        statement.key, proof_from_words(bytes(words)), statement.public_input, FAST
    )

    assert verdict is not Verdict.VALID


@pytest.mark.parametrize("bit", [255, 600, 2047])
def test_verify__one_bit_flipped__both_back_ends_agree(bit: int) -> None:
    words = bytearray(proof_to_words(FIRST.proof))
    words[bit >> 3] ^= 1 << (bit & 7)
    proof = proof_from_words(bytes(words))

    verdicts = {
        verify_proof(FIRST.key, proof, FIRST.public_input, backend_named(name))
        for name, _ in BACKENDS
    }

    assert len(verdicts) == 1


def test_verify__proof_of_another_circuit__not_proved() -> None:
    other = STATEMENTS[-1]

    assert verify_proof(FIRST.key, other.proof, other.public_input, FAST) is Verdict.NOT_PROVED


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.data())
def test_batch__any_mixture__each_verdict_as_alone(kinds: list[int], data: st.DataObject) -> None:
    same_key = [one for one in STATEMENTS if one.key == FIRST.key]
    statements = []
    for kind in kinds:
        one = data.draw(st.sampled_from(same_key))
        proof = replace(one.proof, b=point_outside_of_g2()) if kind == 3 else one.proof
        shift = {1: 1, 2: SCALAR_ORDER}.get(kind, 0)
        statements.append((proof, one.public_input + shift))

    verdicts = verify_batch(FIRST.key, statements, FAST)

    assert verdicts == [verify_proof(FIRST.key, *one, FAST) for one in statements]


def test_batch__errors_that_cancel__are_found() -> None:
    """Two wrong inputs whose errors add up to nothing without factors."""
    one, two = STATEMENTS[0], STATEMENTS[1]
    shifted = [(one.proof, one.public_input + 1), (two.proof, two.public_input - 1)]

    assert verify_batch(one.key, shifted, FAST) == [Verdict.NOT_PROVED] * 2


class NotesFactors:
    """`groth16.PairingBackend` that says what a batch is weighed by, and believes everything."""

    def __init__(self) -> None:
        self.factors: list[tuple[int, ...]] = []

    def sum_of_products(self, points: Sequence[G1Point], factors: Sequence[int]) -> G1Point:
        self.factors.append(tuple(factors))
        return points[0]

    def is_one(self, pairs: Sequence[tuple[G1Point, G2Point]]) -> bool:
        return bool(pairs)


def factors_of(key: VerifyingKey, *statements: tuple[Proof, int]) -> list[int]:
    """The factor of each statement in a batch."""
    backend = NotesFactors()
    assert verify_batch(key, statements, backend) == [Verdict.VALID] * len(statements)
    return list(backend.factors[-1])


def test_batch__anything_of_it_changed__other_factors() -> None:
    """Whoever could change a part without changing the factors could choose errors that cancel."""
    one, two = ((one.proof, one.public_input) for one in STATEMENTS[:2])
    (proof, public_input), (other, _) = one, two
    key, foreign = FIRST.key, STATEMENTS[-1].key
    assert key != foreign
    keys = [
        replace(key, **{name: getattr(foreign, name)})
        for name in ("alpha", "beta", "gamma", "delta")
    ]
    keys += [
        replace(key, ic=(key.ic[0], foreign.ic[1])),
        replace(key, ic=(foreign.ic[0], key.ic[1])),
    ]
    proofs = [replace(proof, **{name: getattr(other, name)}) for name in ("a", "b", "c")]

    seen = [
        factors_of(key, one, two),
        factors_of(key, two, one),
        factors_of(key, (proof, public_input + 1), two),
        *(factors_of(changed, one, two) for changed in keys if changed != key),
        *(factors_of(key, (changed, public_input), two) for changed in proofs),
    ]

    assert len({tuple(factors) for factors in seen}) == len(seen) >= 9
    assert all(0 < factor < 2**128 for factors in seen for factor in factors)
    assert all(factors[0] != factors[1] for factors in seen)


def test_batch__nothing__nothing() -> None:
    assert verify_batch(FIRST.key, [], FAST) == []


def test_backend__unknown__names_the_known() -> None:
    with pytest.raises(UnknownBackend, match="zksnake, py-ecc"):
        backend_named("arkworks")


@pytest.mark.skipif(not PUBLISHED.exists(), reason="third-party vectors are not here")
@pytest.mark.parametrize("name", [name for name, _ in BACKENDS])
def test_published_proofs__verify_and_bad_digests_are_refused(name: str) -> None:
    backend, found = backend_named(name), published_statements()

    assert found
    for key, proof, digest, document in found:
        assert verify_proof(key, proof, digest, backend) is Verdict.VALID
        assert verify_proof(key, proof, digest + 1, backend) is Verdict.NOT_PROVED
        bad = int(str(document.get("bad_digest", hex(digest + SCALAR_ORDER))), 16)
        assert verify_proof(key, proof, bad, backend) is not Verdict.VALID
