import pytest

from contracts.evm import keccak
from settlement.royalties.zk.encoding import (
    proof_from_bytes,
    proof_from_document,
    proof_from_words,
    proof_to_words,
    verifying_key_from_bytes,
    verifying_key_to_words,
)
from settlement.royalties.zk.errors import BadProofDocument
from settlement.royalties.zk.field import FIELD_MODULUS, fq_root
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

    with pytest.raises(BadProofDocument, match="295 bytes"):
        verifying_key_from_bytes(data[:-1])
    with pytest.raises(BadProofDocument, match="count"):
        verifying_key_from_bytes(data[:224] + (3).to_bytes(8, "little") + data[232:])


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


def test_key__point_outside_of_the_subgroup__refused() -> None:
    (x0, x1), _ = point_outside_of_g2()
    data = key_bytes()
    foreign = x0.to_bytes(32, "little") + x1.to_bytes(32, "little")

    with pytest.raises(BadProofDocument, match="gamma"):
        verifying_key_from_bytes(data[:96] + foreign + data[160:])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", 5),
        ("digest", "0x"),
        ("digest", "0xzz"),
        ("digest", "12"),
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


def test_document__no_object__refused() -> None:
    with pytest.raises(BadProofDocument, match="document"):
        proof_from_document([1])
