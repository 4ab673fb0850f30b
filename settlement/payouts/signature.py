"""ECDSA signatures over secp256k1, in the one form that the chain takes.

A signer outside (a key service, a hardware module) answers with (r, s) in DER and no recovery id,
and as often as not with the upper one of the two values of s that verify. The chain takes the lower
one alone (EIP-2), and wants the recovery id, which is found by trial: of the keys that could have
made the signature, one is ours, or it is not our signature.

Source: EIP-2; SEC 1 §4.1.6 (recovery); RFC 5480 (public keys); X.690 (DER).
"""

from dataclasses import dataclass

from coincurve import PublicKey

from contracts.evm import Address, Hash32, keccak

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER = CURVE_ORDER // 2

_SEQUENCE, _INTEGER = 0x30, 0x02
_INTEGER_BYTES_MAX = 33  # 32, and a zero in front where the first bit is set
_WORD_BYTES = 32
_KEY_BYTES = 65  # 0x04, x, y
_KEY_INFO = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")
"""What precedes an uncompressed secp256k1 key in a SubjectPublicKeyInfo; all of it is constant."""


class BadSignature(ValueError):
    """Bytes that are no signature, or no public key, of the wanted form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A recoverable signature.

    Invariants: 0 < r < n; 0 < s <= n / 2; y_parity is 0 or 1.
    """

    r: int
    s: int
    y_parity: int

    def __post_init__(self) -> None:
        if not 0 < self.r < CURVE_ORDER:
            raise BadSignature("r is not below the order of the curve")
        if not 0 < self.s <= HALF_ORDER:
            raise BadSignature("s is not in the lower half of the curve's order")
        if self.y_parity not in (0, 1):
            raise BadSignature("the parity of y is neither 0 nor 1")

    def signer_of(self, digest: Hash32) -> Address | None:
        """Whose signature of the digest it is; None where no key could have made it."""
        words = self.r.to_bytes(_WORD_BYTES, "big") + self.s.to_bytes(_WORD_BYTES, "big")
        try:
            key = PublicKey.from_signature_and_message(
                words + bytes([self.y_parity]), bytes(digest), hasher=None
            )
        except ValueError:
            return None
        return _address(key.format(compressed=False))


def signature_from_der(der: bytes, digest: Hash32, signer: Address) -> Signature:
    """The signature of `digest` by `signer`, from the (r, s) that a key service answers.

    Raises:
        BadSignature: it is no DER, or another key's, or of another digest.
    """
    r, s = rs_from_der(der)
    low = min(s, CURVE_ORDER - s)
    for y_parity in (0, 1):
        signature = Signature(r=r, s=low, y_parity=y_parity)
        if signature.signer_of(digest) == signer:
            return signature
    raise BadSignature(f"the signature is not one of this digest by {signer}")


def rs_from_der(der: bytes) -> tuple[int, int]:
    """Read SEQUENCE { INTEGER r, INTEGER s }, strictly: one encoding for one pair.

    Raises:
        BadSignature: it is not that.
    """
    # Short lengths suffice: two integers of at most 33 bytes.
    if len(der) < 2 or der[0] != _SEQUENCE or der[1] != len(der) - 2:
        raise BadSignature("the signature is not one DER sequence")
    r, rest = _integer(der[2:])
    s, rest = _integer(rest)
    if rest:
        raise BadSignature("the DER sequence holds more than r and s")
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise BadSignature("r or s is not below the order of the curve")
    return r, s


def address_from_key_info(der: bytes) -> Address:
    """The address of a secp256k1 key that is spelled as SubjectPublicKeyInfo in DER.

    Raises:
        BadSignature: it is another kind of key, or no point of the curve.
    """
    key = der[len(_KEY_INFO) :]
    if not der.startswith(_KEY_INFO) or len(key) != _KEY_BYTES:
        raise BadSignature("the public key is not an uncompressed secp256k1 key")
    try:
        PublicKey(key)
    except ValueError as error:
        raise BadSignature("the public key is no point of secp256k1") from error
    return _address(key)


def _integer(der: bytes) -> tuple[int, bytes]:
    """A positive DER integer, and what follows it."""
    if len(der) < 3 or der[0] != _INTEGER:
        raise BadSignature("r or s is no DER integer")
    length = der[1]
    content = der[2 : 2 + length]
    if not 0 < length <= _INTEGER_BYTES_MAX or len(content) != length:
        raise BadSignature("r or s has a length that no DER integer here has")
    is_padded = length > 1 and content[0] == 0 and content[1] < 0x80
    if content[0] >= 0x80 or is_padded:
        raise BadSignature("r or s is negative, or not in its shortest form")
    return int.from_bytes(content, "big"), der[2 + length :]


def _address(uncompressed: bytes) -> Address:
    return Address(keccak(uncompressed[1:])[12:])
