"""Block headers, their hashes and links, and the part of the chain that we hold.

A header is believed for one reason only: keccak256 of its RLP is its hash, and its parent hash is
the hash of the block below. So a range of headers that links to a known block cannot be made up
without breaking keccak or the chain's own consensus.

Source: Ethereum yellow paper §4.3; EIP-1559, EIP-4895, EIP-4844, EIP-4788, EIP-7685.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp, keccak
from indexer.errors import AnswersDisagree, HeaderRefused

_PREFIXES_CACHED = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A block header as a node gives it: `hash` is what the node says, the rest is what it hashes.

    A field that a fork added is None in older blocks.
    """

    hash: Hash32
    parent_hash: Hash32
    uncles_hash: Hash32
    miner: Address
    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    difficulty: int
    number: BlockNumber
    gas_limit: int
    gas_used: int
    timestamp: Timestamp
    extra_data: bytes
    mix_hash: Hash32
    nonce: bytes
    base_fee_wei: int | None  # London
    withdrawals_root: Hash32 | None  # Shanghai
    blob_gas_used: int | None  # Cancun
    excess_blob_gas: int | None  # Cancun
    parent_beacon_block_root: Hash32 | None  # Cancun
    requests_hash: Hash32 | None  # Prague

    @property
    def ref(self) -> BlockRef:
        """Number, hash, parent and time of this block."""
        return BlockRef(
            number=self.number,
            hash=self.hash,
            parent_hash=self.parent_hash,
            timestamp=self.timestamp,
        )


@dataclass(frozen=True, slots=True)
class LocalChain:
    """The blocks that we hold: the finalized one, and all above it, linked and ascending.

    Nothing is finalized yet while the chain is young; then `unfinalized` begins at the start
    block. Both are empty before the first block is indexed.
    """

    finalized: BlockRef | None
    unfinalized: tuple[BlockRef, ...]

    @property
    def head(self) -> BlockRef | None:
        """The highest block that we hold: the cursor."""
        return self.unfinalized[-1] if self.unfinalized else self.finalized

    def at(self, number: int) -> BlockRef | None:
        """The block of this number, if it is the finalized one or above."""
        if self.finalized is not None and number == self.finalized.number:
            return self.finalized
        if not self.unfinalized:
            return None
        position = number - self.unfinalized[0].number
        return self.unfinalized[position] if 0 <= position < len(self.unfinalized) else None


def rlp_string(payload: bytes) -> bytes:
    """RLP of a byte string."""
    if len(payload) == 1 and payload[0] < 0x80:
        return payload
    return rlp_prefix(0x80, len(payload)) + payload


def rlp_integer(value: int) -> bytes:
    """RLP of a natural number: big-endian without leading zeros."""
    return rlp_string(value.to_bytes((value.bit_length() + 7) >> 3, "big"))


def rlp_list(items: Sequence[bytes]) -> bytes:
    """RLP of a list whose items are RLP already."""
    payload = b"".join(items)
    return rlp_prefix(0xC0, len(payload)) + payload


def header_rlp(header: Header) -> bytes:
    """The header as consensus encodes it, with the fields of its fork."""
    return rlp_list([_rlp_field(value) for value in _hashed_fields(header)])


def header_hash(header: Header) -> Hash32:
    """keccak256 of the header's RLP."""
    return keccak(header_rlp(header))


def verified(header: Header) -> Header:
    """The same header, now known to have the hash that it claims.

    Raises:
        HeaderRefused: it has another one.
    """
    actual = header_hash(header)
    if actual != header.hash:
        raise HeaderRefused(header.number, f"claims hash {header.hash}, has {actual}")
    return header


def check_links(headers: Sequence[Header], parent: BlockRef | None) -> None:
    """Check that headers follow each other, and `parent` where there is one.

    Raises:
        AnswersDisagree: a parent hash is not that of the block below; the chain has moved.
        HeaderRefused: a number or a time breaks the rules of a chain.
    """
    below = parent
    for header in headers:
        if below is not None:
            if header.number != below.number + 1:
                raise HeaderRefused(header.number, f"came after block {below.number}")
            if header.parent_hash != below.hash:
                raise AnswersDisagree(
                    f"block {header.number} has parent {header.parent_hash}, "
                    f"block {below.number} is {below.hash}"
                )
            if header.timestamp < below.timestamp:
                raise HeaderRefused(
                    header.number, f"time {header.timestamp} is before {below.timestamp}"
                )
        below = header.ref


def _hashed_fields(header: Header) -> list[bytes | int]:
    """Every field that the hash commits to, in order; forks only append."""
    fields: tuple[bytes | int | None, ...] = (
        header.parent_hash,
        header.uncles_hash,
        header.miner,
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.logs_bloom,
        header.difficulty,
        header.number,
        header.gas_limit,
        header.gas_used,
        header.timestamp,
        header.extra_data,
        header.mix_hash,
        header.nonce,
        header.base_fee_wei,
        header.withdrawals_root,
        header.blob_gas_used,
        header.excess_blob_gas,
        header.parent_beacon_block_root,
        header.requests_hash,
    )
    return [value for value in fields if value is not None]


def _rlp_field(value: bytes | int) -> bytes:
    return rlp_integer(value) if isinstance(value, int) else rlp_string(value)


@lru_cache(maxsize=_PREFIXES_CACHED)
def rlp_prefix(offset: int, length: int) -> bytes:
    """What stands before a payload of this length; `offset`: 0x80 for strings, 0xC0 for lists."""
    if length <= 55:
        return bytes((offset + length,))
    size = length.to_bytes((length.bit_length() + 7) >> 3, "big")
    return bytes((offset + 55 + len(size),)) + size
