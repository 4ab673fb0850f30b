"""Types and hashes of the EVM.

Addresses and hashes are bytes, not hexadecimal text: one canonical form, which sorts exactly as
Solidity orders it (EIP-55 text does not). Text exists only at the edges, through `str()` and
`from_hex`.
"""

from dataclasses import dataclass
from typing import NewType, Self

import sha3

ChainId = NewType("ChainId", int)
BlockNumber = NewType("BlockNumber", int)
LogIndex = NewType("LogIndex", int)
Timestamp = NewType("Timestamp", int)  # Unix seconds, from a block header
Epoch = NewType("Epoch", int)

SCALAR_FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of the BN254 scalar field; ids and digests of consumption are below it."""


class NotBytesOfLength(ValueError):
    """A value that should be an address or a hash has another length."""

    def __init__(self, kind: str, expected: int, actual: int) -> None:
        super().__init__(f"{kind} has {expected} bytes, not {actual}")


class Address(bytes):
    """Twenty bytes; prints as EIP-55 text."""

    def __new__(cls, value: bytes) -> Self:
        """Check the length."""
        if len(value) != 20:
            raise NotBytesOfLength("address", 20, len(value))
        return super().__new__(cls, value)

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read `0x…` text of any letter case."""
        return cls(bytes_from_hex(text))

    def __str__(self) -> str:
        plain = self.hex()
        nibbles = sha3.keccak_256(plain.encode()).hexdigest()
        # In ASCII "8" and "9" stand before "a" to "f", so text compares as the numbers do.
        cased = [c.upper() if nibble >= "8" else c for c, nibble in zip(plain, nibbles)]  # noqa: B905 - 40 of 64
        return "0x" + "".join(cased)

    def __repr__(self) -> str:
        return f"Address({self})"


class Hash32(bytes):
    """Thirty-two bytes; prints as lower-case `0x…` text."""

    def __new__(cls, value: bytes) -> Self:
        """Check the length."""
        if len(value) != 32:
            raise NotBytesOfLength("hash", 32, len(value))
        return super().__new__(cls, value)

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read `0x…` text of any letter case."""
        return cls(bytes_from_hex(text))

    @classmethod
    def from_int(cls, value: int) -> Self:
        """Spell an integer as a big-endian word."""
        return cls(value.to_bytes(32, "big"))

    def __str__(self) -> str:
        return "0x" + self.hex()

    def __repr__(self) -> str:
        return f"Hash32({self})"


ZERO_ADDRESS = Address(bytes(20))
ZERO_HASH = Hash32(bytes(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRef:
    """One block, named by number and hash; every read of the chain is pinned to one."""

    number: BlockNumber
    hash: Hash32
    parent_hash: Hash32
    timestamp: Timestamp


@dataclass(frozen=True, slots=True, order=True)
class LogRef:
    """Identity of one event inside our database: the primary key of every fact."""

    chain_id: ChainId
    block_number: BlockNumber
    log_index: LogIndex


def bytes_from_hex(text: str) -> bytes:
    """Decode `0x…` text.

    Raises:
        ValueError: the prefix is missing, or a character is not hexadecimal.
    """
    if not text.startswith("0x"):
        raise ValueError(f"not 0x-prefixed: {text!r}")
    data = bytes.fromhex(text[2:])
    if 2 * len(data) + 2 != len(text):  # `fromhex` skips white space
        raise ValueError(f"white space in {text!r}")
    return data


def keccak(data: bytes) -> Hash32:
    """Hash with Keccak-256, as the EVM does (not NIST SHA-3)."""
    # Past the check of the length, which a digest has: it took a fifth of the time of hashing.
    return bytes.__new__(Hash32, sha3.keccak_256(data).digest())
