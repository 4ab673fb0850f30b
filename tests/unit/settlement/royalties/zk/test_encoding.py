import re

import pytest

from contracts.evm import keccak
from settlement.royalties.zk.curve import G2_B
from settlement.royalties.zk.encoding import (
    proof_from_bytes,
    proof_from_document,
    proof_from_words,
    proof_to_words,
    verifying_key_from_bytes,
    verifying_key_to_words,
)
from settlement.royalties.zk.errors import BadProofDocument
from settlement.royalties.zk.field import (
    FIELD_MODULUS,
    Fq2,
    fq2_add,
    fq2_mul,
    fq2_root,
    fq2_square,
    fq_root,
)
from tests.zk_vectors import (
    ProvedStatement,
    key_bytes,
    key_documents,
    point_outside_of_g2,
    proved_statements,
)

STATEMENTS = proved_statements()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_proof__compressed_and_as_words__is_the_same(statement: ProvedStatement) -> None:
    compressed = bytes.fromhex(str(statement.document["compressed"])[2:])

    assert proof_from_bytes(compressed) == statement.proof
    assert proof_from_words(proof_to_words(statement.proof)) == statement.proof
    assert proof_from_document(statement.document) == (statement.proof, statement.public_input)
    assert statement.public_input == int(str(statement.document["digest"]), 16)


def test_proof_to_words__imaginary_limbs_first() -> None:
    proof = STATEMENTS[0].proof

    words = proof_to_words(proof)

    assert len(words) == 256
    assert int.from_bytes(words[64:96], "big") == proof.b[0][1]
    assert int.from_bytes(words[96:128], "big") == proof.b[0][0]


def test_key__as_words__is_what_the_contract_was_tried_with() -> None:
    for document in key_documents():
        key = verifying_key_from_bytes(bytes.fromhex(document["verifying_key"][2:]))

        words = verifying_key_to_words(key)

        assert words.hex() == "".join(word[2:] for word in document["key_words"])
        assert str(keccak(words)) == document["key_hash"]


def test_key__other_length_or_count__refused() -> None:
    data = key_bytes()

    with pytest.raises(BadProofDocument, match=r"^verifying key: '295 bytes' is not 296 bytes"):
        verifying_key_from_bytes(data[:-1])
    with pytest.raises(BadProofDocument, match=r"^count: '3' is not 2"):
        verifying_key_from_bytes(data[:224] + (3).to_bytes(8, "little") + data[232:])


@pytest.mark.parametrize("inputs", [0, 2, 9])
def test_key__of_another_number_of_public_inputs__says_so(inputs: int) -> None:
    data, count = key_bytes(), (1 + inputs).to_bytes(8, "little")

    with pytest.raises(BadProofDocument, match=rf"^public inputs: '{inputs}' is not 1$"):
        verifying_key_from_bytes(data[:224] + count + data[232:264] * (1 + inputs))


def test_key__flags__decide_the_root_and_refuse_infinity() -> None:
    data = bytearray(key_bytes())
    key = verifying_key_from_bytes(bytes(data))
    data[31] ^= 0x80
    other = verifying_key_from_bytes(bytes(data))
    data[31] |= 0x40

    assert other.alpha == (key.alpha[0], FIELD_MODULUS - key.alpha[1])
    with pytest.raises(BadProofDocument, match="alpha: 'the infinite point'"):
        verifying_key_from_bytes(bytes(data))


def test_key__coordinate_above_the_modulus__refused() -> None:
    data = key_bytes()
    too_large = _x(data[:32]) + FIELD_MODULUS
    if too_large >> 254:
        pytest.fail("pick another vector: this x has no second spelling")

    with pytest.raises(BadProofDocument, match="below the field's modulus"):
        verifying_key_from_bytes(too_large.to_bytes(32, "little") + data[32:])


def test_key__x_of_no_point__refused() -> None:
    data = bytearray(key_bytes())
    data[0] = next(
        low for low in range(256) if fq_root(_x(bytes((low,)) + bytes(data[1:32])) ** 3 + 3) is None
    )

    with pytest.raises(BadProofDocument, match=r"alpha: .* is not the x of a point"):
        verifying_key_from_bytes(bytes(data))


def _x(data: bytes) -> int:
    return int.from_bytes(data, "little") & ((1 << 254) - 1)


def spelled(x: Fq2) -> bytes:
    return b"".join(limb.to_bytes(32, "little") for limb in x)


@pytest.mark.parametrize(("name", "place"), [("beta", 32), ("gamma", 96), ("delta", 160)])
def test_key__point_outside_of_the_subgroup__named(name: str, place: int) -> None:
    foreign, _ = point_outside_of_g2()
    data = key_bytes()

    with pytest.raises(BadProofDocument, match=f"^{name}: .* is not a point of G2"):
        verifying_key_from_bytes(data[:place] + spelled(foreign) + data[place + 64 :])


KEY_FIELDS = [
    ("alpha", 31),
    ("beta", 95),
    ("gamma", 159),
    ("delta", 223),
    ("IC0", 263),
    ("IC1", 295),
]


@pytest.mark.parametrize(("name", "last"), KEY_FIELDS)
def test_key__infinite_point__named(name: str, last: int) -> None:
    data = bytearray(key_bytes())
    data[last] |= 0x40

    with pytest.raises(BadProofDocument, match=f"^{name}: 'the infinite point'"):
        verifying_key_from_bytes(bytes(data))


@pytest.mark.parametrize(("name", "last"), [("a", 31), ("b", 95), ("c", 127)])
def test_proof__infinite_point__named(name: str, last: int) -> None:
    data = bytearray(bytes.fromhex(str(STATEMENTS[0].document["compressed"])[2:]))
    data[last] |= 0x40

    with pytest.raises(BadProofDocument, match=f"^{name}: 'the infinite point'"):
        proof_from_bytes(bytes(data))


@pytest.mark.parametrize("limb", [0, 1])
def test_proof__coordinate_of_b_not_canonical__refused(limb: int) -> None:
    """Either limb of b.x has a second spelling above the modulus."""
    compressed = bytes.fromhex(str(STATEMENTS[0].document["compressed"])[2:])
    place = 32 + 32 * limb
    above = FIELD_MODULUS.to_bytes(32, "little")

    with pytest.raises(BadProofDocument, match=f"^b: '{FIELD_MODULUS:#x}' is not below"):
        proof_from_bytes(compressed[:place] + above + compressed[place + 32 :])


def test_proof__x_of_no_point_of_the_second_group__refused() -> None:
    compressed = bytes.fromhex(str(STATEMENTS[0].document["compressed"])[2:])
    x = next(
        (real, 1)
        for real in range(100)
        if fq2_root(fq2_add(fq2_mul(fq2_square((real, 1)), (real, 1)), G2_B)) is None
    )

    with pytest.raises(BadProofDocument, match=f"^b: '{x[0]:#x}, 0x1' is not the x of a point"):
        proof_from_bytes(compressed[:32] + spelled(x) + compressed[96:])


def test_proof__flag_of_b__gives_the_opposite_point() -> None:
    statement = STATEMENTS[0]
    compressed = bytearray(bytes.fromhex(str(statement.document["compressed"])[2:]))
    compressed[95] ^= 0x80
    x, (y0, y1) = statement.proof.b

    assert proof_from_bytes(bytes(compressed)).b == (x, (FIELD_MODULUS - y0, FIELD_MODULUS - y1))


@pytest.mark.parametrize("length", [0, 127, 129])
def test_proof__other_length__refused(length: int) -> None:
    with pytest.raises(BadProofDocument, match=f"^proof: '{length} bytes' is not 128 bytes"):
        proof_from_bytes(bytes(length))
    with pytest.raises(BadProofDocument, match=f"^proof: '{length} bytes' is not 256 bytes"):
        proof_from_words(bytes(length))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", 5),
        ("digest", "0x"),
        ("digest", "0xzz"),
        ("digest", "12"),
        ("digest", "0xX1"),
        ("digest", "0x" + "0" * 65),
        ("a", ["0x01"]),
        ("b", [["0x01", "0x02"]]),
        ("b", [["0x01", "0x02"], "0x01"]),
        ("c", None),
    ],
)
def test_document__malformed__names_the_field(field: str, value: object) -> None:
    document = STATEMENTS[0].document | {field: value}

    with pytest.raises(BadProofDocument, match=f"^{field}"):
        proof_from_document(document)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"a": ["0x01", 7]}, "a[1]: '7' is not"),
        ({"a": None}, "a: 'None' is not a list of two"),
        ({"b": "0x"}, "b: '0x' is not"),
        ({"b": [["0x01", "x"], ["0x01", "0x02"]]}, "b[0][1]: 'x' is not"),
        ({"b": [["0x01", "0x02"], "y"]}, "b[1]: 'y' is not"),
        ({"c": ["0x", "0x02"]}, "c[0]: '0x' is not"),
        ({"digest": "12"}, "digest: '12' is not"),
    ],
)
def test_document__malformed__names_place_and_value(changes: dict[str, object], named: str) -> None:
    with pytest.raises(BadProofDocument, match="^" + re.escape(named)):
        proof_from_document(STATEMENTS[0].document | changes)


def test_document__no_object__refused() -> None:
    with pytest.raises(BadProofDocument, match=r"^document: '\[1\]' is not"):
        proof_from_document([1])


@pytest.mark.parametrize("digits", ["f" * 64, "F", "0" * 64])
def test_document__any_word__read(digits: str) -> None:
    _, read = proof_from_document(STATEMENTS[0].document | {"digest": "0x" + digits})

    assert read == int(digits, 16)
