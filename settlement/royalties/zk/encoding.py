"""Keys and proofs as bytes: the compressed encoding of arkworks, and the words of a contract call.

Compressed points are little-endian x; the two highest bits of the last byte say that y is the
larger root (0x80) and that the point is infinite (0x40). On chain a proof is eight big-endian
words, and an element of Fq2 has its imaginary limb first (EIP-197).

    key     alpha G1 │ beta G2 │ gamma G2 │ delta G2 │ count = 2 │ IC0 G1 │ IC1 G1       296 bytes
    proof   A G1 │ B G2 │ C G1                                                          128 bytes
    words   a.x a.y b.x.c1 b.x.c0 b.y.c1 b.y.c0 c.x c.y                                 256 bytes

Everything is read strictly: what is not the one canonical form is refused.
"""

from collections.abc import Mapping, Sequence

from settlement.royalties.zk.curve import G1_B, G2_B, is_on_g2
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
from settlement.royalties.zk.groth16 import Proof, VerifyingKey

_G1_BYTES, _G2_BYTES, _COUNT_BYTES, _WORD_BYTES = 32, 64, 8, 32
_IS_LARGER, _IS_INFINITE = 0x80, 0x40
_PUBLIC_INPUTS = 1
_WORD_DIGITS = 64
_FOREIGN_FIELDS = frozenset({"pi_a", "protocol"})
"""Fields of snarkjs, which writes decimal numbers, real limbs first, and has other systems too."""


def verifying_key_from_bytes(data: bytes) -> VerifyingKey:
    """Read a compressed key for one public input; every point is known to lie in its group.

    Raises:
        BadProofDocument: naming the field.
    """
    fixed = _G1_BYTES + 3 * _G2_BYTES
    count = int.from_bytes(data[fixed : fixed + _COUNT_BYTES], "little")
    if len(data) == fixed + _COUNT_BYTES + count * _G1_BYTES and count != _PUBLIC_INPUTS + 1:
        raise BadProofDocument("public inputs", count - 1, f"{_PUBLIC_INPUTS}")
    length = fixed + _COUNT_BYTES + (_PUBLIC_INPUTS + 1) * _G1_BYTES
    if len(data) != length:
        wanted = f"{length} bytes, compressed as arkworks does"
        raise BadProofDocument("verifying key", f"{len(data)} bytes", wanted)
    if count != _PUBLIC_INPUTS + 1:
        raise BadProofDocument("count", count, f"{_PUBLIC_INPUTS + 1}")
    reader = _Reader(data)
    alpha = reader.g1("alpha")
    beta, gamma, delta = reader.g2("beta"), reader.g2("gamma"), reader.g2("delta")
    reader.take(_COUNT_BYTES)
    for name, point in (("beta", beta), ("gamma", gamma), ("delta", delta)):
        if not is_on_g2(*point):
            raise BadProofDocument(name, "a point outside of the subgroup", "a point of G2")
    ic = reader.g1("IC0"), reader.g1("IC1")
    return VerifyingKey(alpha=alpha, beta=beta, gamma=gamma, delta=delta, ic=ic)


def verifying_key_to_words(key: VerifyingKey) -> bytes:
    """The argument of the verifier contract's constructor; keccak256 of it is in its event."""
    words = [*key.alpha]
    for (x0, x1), (y0, y1) in (key.beta, key.gamma, key.delta):
        words += (x1, x0, y1, y0)
    return _to_words((*words, *key.ic[0], *key.ic[1]))


def proof_from_bytes(data: bytes) -> Proof:
    """Read a compressed proof; whether B lies in the subgroup is for `groth16` to check.

    Raises:
        BadProofDocument: naming the field.
    """
    length = 2 * _G1_BYTES + _G2_BYTES
    if len(data) != length:
        raise BadProofDocument("proof", f"{len(data)} bytes", f"{length} bytes")
    reader = _Reader(data)
    return Proof(a=reader.g1("a"), b=reader.g2("b"), c=reader.g1("c"))


def proof_from_words(data: bytes) -> Proof:
    """Read the words of a contract call; coordinates may still be those of no point.

    Raises:
        BadProofDocument: these are not eight words.
    """
    if len(data) != 8 * _WORD_BYTES:
        raise BadProofDocument("proof", f"{len(data)} bytes", f"{8 * _WORD_BYTES} bytes")
    words = [
        int.from_bytes(data[start : start + _WORD_BYTES], "big")
        for start in range(0, len(data), _WORD_BYTES)
    ]
    return _proof(words)


def proof_to_words(proof: Proof) -> bytes:
    """The argument of the verifier contract."""
    (bx0, bx1), (by0, by1) = proof.b
    return _to_words((*proof.a, bx1, bx0, by1, by0, *proof.c))


def proof_from_document(document: object) -> tuple[Proof, int]:
    """Read `{"digest", "a", "b", "c"}`: hexadecimal words, imaginary limbs first.

    Other fields may stand beside them.

    Returns:
        The proof and its public input; neither is known to be canonical yet.

    Raises:
        BadProofDocument: naming the field and its value.
    """
    if not isinstance(document, Mapping):
        raise BadProofDocument("document", document, "an object")
    for foreign in sorted(_FOREIGN_FIELDS & document.keys()):
        raise BadProofDocument(foreign, document[foreign], "of a proof as digest, a, b and c")
    b = _list(document.get("b"), "b")
    words = [
        *_words(document.get("a"), "a"),
        *_words(b[0], "b[0]"),
        *_words(b[1], "b[1]"),
        *_words(document.get("c"), "c"),
    ]
    return _proof(words), _word(document.get("digest"), "digest")


def _to_words(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(_WORD_BYTES, "big") for value in values)


def _proof(words: Sequence[int]) -> Proof:
    ax, ay, bx1, bx0, by1, by0, cx, cy = words
    return Proof(a=(ax, ay), b=((bx0, bx1), (by0, by1)), c=(cx, cy))


class _Reader:
    """Takes compressed points off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def take(self, length: int) -> bytes:
        self._place += length
        return self._data[self._place - length : self._place]

    def g1(self, name: str) -> tuple[int, int]:
        x, is_larger = _coordinate(self.take(_G1_BYTES), name)
        root = fq_root(x * x * x + G1_B)
        if root is None:
            raise BadProofDocument(name, hex(x), "the x of a point of the curve")
        ascending = sorted((root, -root % FIELD_MODULUS))
        return x, ascending[1] if is_larger else ascending[0]

    def g2(self, name: str) -> tuple[Fq2, Fq2]:
        data = self.take(_G2_BYTES)
        low = _limb(data[:_WORD_BYTES], name)
        high, is_larger = _coordinate(data[_WORD_BYTES:], name)
        x = (low, high)
        root = fq2_root(fq2_add(fq2_mul(fq2_square(x), x), G2_B))
        if root is None:
            raise BadProofDocument(name, f"{x[0]:#x}, {x[1]:#x}", "the x of a point of the curve")
        other = (-root[0] % FIELD_MODULUS, -root[1] % FIELD_MODULUS)
        ascending = sorted((root, other), key=lambda y: (y[1], y[0]))
        return x, ascending[1] if is_larger else ascending[0]


def _coordinate(data: bytes, name: str) -> tuple[int, bool]:
    """The number without its flags, and whether y is the larger root."""
    flags = data[-1]
    if flags & _IS_INFINITE:
        raise BadProofDocument(name, "the infinite point", "a finite one")
    return _limb(data[:-1] + bytes((flags & 0x3F,)), name), bool(flags & _IS_LARGER)


def _limb(data: bytes, name: str) -> int:
    value = int.from_bytes(data, "little")
    if value >= FIELD_MODULUS:
        raise BadProofDocument(name, hex(value), "below the field's modulus")
    return value


def _list(value: object, name: str) -> Sequence[object]:
    if not isinstance(value, list) or len(value) != 2:
        raise BadProofDocument(name, value, "a list of two")
    return value


def _words(value: object, name: str) -> list[int]:
    return [_word(one, f"{name}[{place}]") for place, one in enumerate(_list(value, name))]


def _word(value: object, name: str) -> int:
    digits = value.removeprefix("0x") if isinstance(value, str) else ""
    is_word = isinstance(value, str) and value.startswith("0x") and len(digits) <= _WORD_DIGITS
    if not is_word or not digits or not set(digits) <= set("0123456789abcdefABCDEF"):
        raise BadProofDocument(name, value, "0x and up to 64 hexadecimal digits")
    return int(digits, 16)
