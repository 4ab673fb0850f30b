"""Recompute one epoch of a Quittance settlement from public data, trusting nothing else.

    python3 -I -S verify_epoch.py BUNDLE [--rpc URL] [--workers N]              a whole bundle
    python3 -I -S verify_epoch.py BUNDLE --work ID [--rpc URL]                  one work of it
    python3 -I -S verify_epoch.py BUNDLE --shard I/N                            some subscribers
    python3 -I -S verify_epoch.py --rpc URL --settlement FILE --epoch N         no bundle at all

One file, the standard library, integers only. It shares no code with the engine; read it from top
to bottom, in the order of the argument:

    1 outcomes     2 keccak-256       3 JSON          4 ABI and events    5 the bundle's files
    6 time         7 what was in force                8 half-life and usage rows
    9 shares of each fee              10 splits, leaves, tree             11 completeness
    12 totals and manifest            13 receipts and their trie          14 the chain (--rpc)
    15 an epoch from a node alone     16 payments, one work, one shard    17 main

Without --rpc a bundle shows that the manifest follows from logs.jsonl by the published rules, and
that blocks without logs have none by the bloom filters of their headers. Whether the headers are
the chain's, and the logs of the other blocks all there and real, only a node can say: --rpc asks
yours, and rebuilds the receipts root of every block that is claimed to be proved. It also compares
what was paid since with the leaves. In any case compare the contract addresses and the start block
with the settlement's published addresses: they say *which* settlement this is. Offline, nothing
shows that `previous_manifest_digest`, `attempt`, `settlement.name` and the certificate of the epoch
before are right; a commitment on chain binds them through the manifest digest, and --rpc computes
the certificates of all epochs before again.

Without a bundle everything is read from the node. Block hashes, blooms and the logs of earlier
epochs are its word; the logs of this epoch's blocks are proved by receipts where the parameters
demand it. The published addresses come from FILE. What was computed is compared with what is
committed, so that a watcher may veto.

--work and --shard recompute a part, quickly: they do not bind logs.jsonl to the manifest.

Exit code: 0 everything agrees, 1 a difference (the first one is printed), 2 the input cannot be
read (file and field are printed), 3 the node was unavailable, or the epoch is not over.
"""

import argparse
import functools
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import stat
import struct
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from http.client import HTTPException
from typing import Any, BinaryIO, NamedTuple, TypeVar

Item = TypeVar("Item")

# ------------------------------------------------------------------------------- 1. outcomes


SENTENCE_MAX = 2_000  # letters


class Difference(Exception):
    """A check failed: exit 1."""

    def __init__(self, place: str, expected: object, found: object) -> None:
        super().__init__(f"{printable(place)}: expected {spell(expected)}, found {spell(found)}")


class BadInput(Exception):
    """Something cannot be read as what it must be: exit 2."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


class Unavailable(Exception):
    """The node (or a helping process) did not answer, or cannot answer this: exit 3."""


def expect(place: str, expected: object, found: object) -> None:
    """Require equality, or name the place, what was expected and what was found."""
    if expected != found:
        raise Difference(place, expected, found)


def spell(value: object) -> str:
    """Write a value for a sentence: bytes as 0x…, nothing unprintable, not too long."""
    if isinstance(value, bytes):
        return hex0x(value)
    if isinstance(value, list | tuple):
        return f"({', '.join(map(spell, value))})"
    text = str(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 300 else f"{text[:300]}…"


def printable(text: str) -> str:
    """Escape what could move a cursor, hide, or not be printed at all; not too long."""
    text = text if len(text) <= SENTENCE_MAX else f"{text[:SENTENCE_MAX]}…"
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def in_groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Give the items in lists of `size`, the last one shorter: few are in memory at once."""
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group


# ----------------------------------------------------------------------------- 2. keccak-256
#
# FIPS 202's permutation with the original padding (0x01), as Ethereum uses it. Each of the 25
# lanes is one Python int. To hash many messages at once, each lane holds the same lane of up to
# SIDE_BY_SIDE messages in slots of 128 bits: 64 bits of lane, 64 bits of room for a rotation.

RATE = 136  # bytes absorbed per permutation: 1600 - 2 * 256 bits
SIDE_BY_SIDE = 128
PIECE = 1_024  # messages that are hashed, or given to a helper, at once
LANE_MASK = 2**64 - 1
ROUND_CONSTANTS = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
    0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip


def permute(state: list[int], mask: int, constants: Sequence[int]) -> list[int]:  # noqa: PLR0915
    """keccak-f[1600], unrolled. c, d: column parities (theta); b: rotated and moved (rho, pi)."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12 = state[:13]
    a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24 = state[13:]
    for constant in constants:
        c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20
        c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21
        c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22
        c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23
        c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
        d0 = c4 ^ (((t := c1 << 1) | t >> 64) & mask)
        d1 = c0 ^ (((t := c2 << 1) | t >> 64) & mask)
        d2 = c1 ^ (((t := c3 << 1) | t >> 64) & mask)
        d3 = c2 ^ (((t := c4 << 1) | t >> 64) & mask)
        d4 = c3 ^ (((t := c0 << 1) | t >> 64) & mask)
        b0 = a0 ^ d0
        b1 = ((t := (a6 ^ d1) << 44) | t >> 64) & mask
        b2 = ((t := (a12 ^ d2) << 43) | t >> 64) & mask
        b3 = ((t := (a18 ^ d3) << 21) | t >> 64) & mask
        b4 = ((t := (a24 ^ d4) << 14) | t >> 64) & mask
        b5 = ((t := (a3 ^ d3) << 28) | t >> 64) & mask
        b6 = ((t := (a9 ^ d4) << 20) | t >> 64) & mask
        b7 = ((t := (a10 ^ d0) << 3) | t >> 64) & mask
        b8 = ((t := (a16 ^ d1) << 45) | t >> 64) & mask
        b9 = ((t := (a22 ^ d2) << 61) | t >> 64) & mask
        b10 = ((t := (a1 ^ d1) << 1) | t >> 64) & mask
        b11 = ((t := (a7 ^ d2) << 6) | t >> 64) & mask
        b12 = ((t := (a13 ^ d3) << 25) | t >> 64) & mask
        b13 = ((t := (a19 ^ d4) << 8) | t >> 64) & mask
        b14 = ((t := (a20 ^ d0) << 18) | t >> 64) & mask
        b15 = ((t := (a4 ^ d4) << 27) | t >> 64) & mask
        b16 = ((t := (a5 ^ d0) << 36) | t >> 64) & mask
        b17 = ((t := (a11 ^ d1) << 10) | t >> 64) & mask
        b18 = ((t := (a17 ^ d2) << 15) | t >> 64) & mask
        b19 = ((t := (a23 ^ d3) << 56) | t >> 64) & mask
        b20 = ((t := (a2 ^ d2) << 62) | t >> 64) & mask
        b21 = ((t := (a8 ^ d3) << 55) | t >> 64) & mask
        b22 = ((t := (a14 ^ d4) << 39) | t >> 64) & mask
        b23 = ((t := (a15 ^ d0) << 41) | t >> 64) & mask
        b24 = ((t := (a21 ^ d1) << 2) | t >> 64) & mask
        a0 = b0 ^ b1 ^ (b1 | b2) ^ constant
        a1 = b1 ^ b2 ^ (b2 | b3)
        a2 = b2 ^ b3 ^ (b3 | b4)
        a3 = b3 ^ b4 ^ (b4 | b0)
        a4 = b4 ^ b0 ^ (b0 | b1)
        a5 = b5 ^ b6 ^ (b6 | b7)
        a6 = b6 ^ b7 ^ (b7 | b8)
        a7 = b7 ^ b8 ^ (b8 | b9)
        a8 = b8 ^ b9 ^ (b9 | b5)
        a9 = b9 ^ b5 ^ (b5 | b6)
        a10 = b10 ^ b11 ^ (b11 | b12)
        a11 = b11 ^ b12 ^ (b12 | b13)
        a12 = b12 ^ b13 ^ (b13 | b14)
        a13 = b13 ^ b14 ^ (b14 | b10)
        a14 = b14 ^ b10 ^ (b10 | b11)
        a15 = b15 ^ b16 ^ (b16 | b17)
        a16 = b16 ^ b17 ^ (b17 | b18)
        a17 = b17 ^ b18 ^ (b18 | b19)
        a18 = b18 ^ b19 ^ (b19 | b15)
        a19 = b19 ^ b15 ^ (b15 | b16)
        a20 = b20 ^ b21 ^ (b21 | b22)
        a21 = b21 ^ b22 ^ (b22 | b23)
        a22 = b22 ^ b23 ^ (b23 | b24)
        a23 = b23 ^ b24 ^ (b24 | b20)
        a24 = b24 ^ b20 ^ (b20 | b21)
    plane = [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12]
    return [*plane, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24]


def keccak256_many(messages: Sequence[bytes]) -> list[bytes]:
    """keccak256 of each message, in their order."""
    order = sorted(range(len(messages)), key=lambda index: -len(messages[index]))
    digests = [b""] * len(messages)
    for first in range(0, len(order), SIDE_BY_SIDE):
        group = order[first : first + SIDE_BY_SIDE]
        hashed = _hash_side_by_side([_pad(messages[index]) for index in group])
        for index, digest in zip(group, hashed, strict=True):
            digests[index] = digest
    return digests


def keccak256(message: bytes) -> bytes:
    """keccak256 of one message."""
    return keccak256_many([message])[0]


def keccak256_joined(pieces: Iterable[bytes]) -> bytes:
    """keccak256 of one long message that comes in pieces."""
    state, rest = [0] * 25, b""
    for piece in pieces:
        message = rest + piece
        whole = len(message) - len(message) % RATE
        state, rest = _absorb(state, message[:whole]), message[whole:]
    state = _absorb(state, _pad(rest))
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _absorb(state: list[int], blocks: bytes) -> list[int]:
    """Take whole blocks of one message into the state."""
    for words in struct.iter_unpack("<17Q", blocks):
        mixed = [lane ^ word for lane, word in zip(state, words, strict=False)]
        state = permute([*mixed, *state[17:]], LANE_MASK, ROUND_CONSTANTS)
    return state


def _pad(message: bytes) -> bytes:
    """Fill the last block: 0x01, zeros, and the last bit set."""
    room = RATE - len(message) % RATE
    return message + (b"\x81" if room == 1 else b"\x01" + bytes(room - 2) + b"\x80")


@functools.cache
def _slots(width: int) -> tuple[int, tuple[int, ...]]:
    """Lane mask and round constants, repeated in `width` slots."""
    ones = sum(1 << 128 * slot for slot in range(width))
    return LANE_MASK * ones, tuple(constant * ones for constant in ROUND_CONSTANTS)


def _hash_side_by_side(padded: Sequence[bytes]) -> list[bytes]:
    """Sponge over padded messages, longest first; a finished message gives up its slot."""
    width = len(padded)
    digests = [b""] * width
    state = [0] * 25
    for at in range(0, len(padded[0]), RATE):
        mask, constants = _slots(width)
        blocks = [struct.unpack_from("<17Q", message, at) for message in padded[:width]]
        for lane, words in enumerate(zip(*blocks, strict=True)):
            state[lane] ^= int.from_bytes(struct.pack("<" + "Q8x" * width, *words), "little")
        state = permute(state, mask, constants)
        while width and len(padded[width - 1]) == at + RATE:
            width -= 1
            lanes = [(lane >> 128 * width) & LANE_MASK for lane in state[:4]]
            digests[width] = b"".join(lane.to_bytes(8, "little") for lane in lanes)
            state = [lane & _slots(width)[0] for lane in state]
    return digests


def _end_with_parent() -> None:
    """See to it that a helper does not outlive the program, however that ends."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class Helpers:
    """Processes that hash beside this one.

    What they were asked is asked for again where the argument needs it, so that the first
    difference is the same however many there are.
    """

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = None
        if workers > 1:
            self._pool = ProcessPoolExecutor(workers, context, _end_with_parent)

    def __enter__(self) -> "Helpers":
        """Helpers end with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def start(self, function: Callable[..., Item], *arguments: object) -> Callable[[], Item]:
        """Begin to compute; the answer waits until it is there. Alone: compute when asked."""
        if self._pool is None:
            return functools.partial(function, *arguments)
        future = self._pool.submit(function, *arguments)

        def answer() -> Item:
            try:
                return future.result()
            except BrokenExecutor:
                raise Unavailable("a helping process was ended; try --workers 1") from None

        return answer

    def hash_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """keccak256 of each message, in their order."""
        pieces = [
            self.start(keccak256_many, messages[first : first + PIECE])
            for first in range(0, len(messages), PIECE)
        ]
        return [digest for piece in pieces for digest in piece()]


# ----------------------------------------------------------------------------------- 3. JSON
#
# Canonical JSON (RFC 8785) of strings, arrays and objects only; numbers are decimal strings. All
# keys of our documents are ASCII, so sorting by code point is sorting as the RFC asks.

NESTING_MAX = 16
KINDS: dict[type, str] = {dict: "an object", list: "an array", str: "a string"}


def canonical(value: object) -> bytes:
    """Serialise: keys sorted, no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def parse(data: bytes, place: str) -> Any:  # noqa: ANN401
    """Read JSON and require its canonical spelling (which also refuses a key given twice)."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place}: not JSON in UTF-8 ({error})") from None
    _refuse_other_kinds(value, place)
    if canonical(value) != data:
        raise Difference(place, "canonical JSON (RFC 8785)", "another spelling of the same value")
    return value


def _refuse_other_kinds(value: object, *path: object) -> None:
    """Require strings, arrays and objects alone, not nested deeper than any of our documents."""
    if isinstance(value, dict | list):
        if len(path) > NESTING_MAX:
            raise BadInput(f"{path[0]}: nested deeper than {NESTING_MAX} levels")
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            if not isinstance(member, str):
                _refuse_other_kinds(member, *path, key)
    elif not isinstance(value, str):
        place, kinds = " ".join(map(str, path)), "a string, an array or an object"
        raise BadInput(f"{place}: {json.dumps(value)[:80]} is not {kinds}")


class Record:
    """A JSON object with exactly the named members, each read by its type."""

    def __init__(self, value: object, place: str, keys: str) -> None:
        if not isinstance(value, dict):
            raise BadInput(f"{place}: not an object")
        wrong = set(value) ^ set(keys.split())
        if wrong:
            raise BadInput(f"{place}: fields missing or unknown: {spell(sorted(wrong))}")
        self.value, self.place = value, place

    def text(self, key: str) -> str:
        """Read a string."""
        if not isinstance(self.value[key], str):
            raise BadInput(f"{self.place} {key}: not a string")
        return str(self.value[key])

    def number(self, key: str, bits: int) -> int:
        """Read a decimal string below 2^bits, without leading zeros."""
        text = self.text(key)
        if not re.fullmatch("0|[1-9][0-9]{0,77}", text) or int(text) >> bits:
            raise BadInput(f"{self.place} {key}: {text[:80]!r} is not a decimal uint{bits}")
        return int(text)

    def data(self, key: str, length: int | None = None) -> bytes:
        """Read 0x and lower-case hexadecimal, of `length` bytes if given."""
        return bytes_from_hex(self.text(key), length, f"{self.place} {key}")

    def address(self, key: str) -> bytes:
        """Read an address in EIP-55 spelling."""
        address = bytes_from_hex(self.text(key).lower(), 20, f"{self.place} {key}")
        if self.text(key) != eip55(address):
            raise BadInput(f"{self.place} {key}: EIP-55 spells this address {eip55(address)}")
        return address

    def record(self, key: str, keys: str) -> "Record":
        """Read an object with exactly these members."""
        return Record(self.value[key], f"{self.place} {key}", keys)


def bytes_from_hex(text: str, length: int | None, place: str) -> bytes:
    """Read 0x and lower-case hexadecimal, of `length` bytes if given."""
    try:
        value = bytes.fromhex(text[2:])
    except ValueError:
        value = b""
    if hex0x(value) != text:
        raise BadInput(f"{place}: {text[:80]!r} is not 0x and lower-case hexadecimal bytes")
    if length is not None and len(value) != length:
        raise BadInput(f"{place}: {len(value)} bytes where {length} are needed")
    return value


def hex0x(value: bytes) -> str:
    """Spell bytes as 0x and lower-case hexadecimal."""
    return "0x" + value.hex()


def eip55(address: bytes) -> str:
    """Spell an address: a letter is a capital where the hash of the spelling has a digit >= 8."""
    if address not in SPELLED:
        eip55_many([address])
    return SPELLED[address]


SPELLED: dict[bytes, str] = {}
"""Addresses that were spelled lately."""
SPELLED_MAX = 50_000


def eip55_many(addresses: Iterable[bytes]) -> None:
    """Spell many addresses side by side, for later."""
    if len(SPELLED) > SPELLED_MAX:
        SPELLED.clear()
    new = sorted(set(addresses) - SPELLED.keys())
    signs = keccak256_many([address.hex().encode() for address in new])
    for address, sign in zip(new, signs, strict=True):
        pairs = zip(address.hex(), sign.hex(), strict=False)
        SPELLED[address] = "0x" + "".join(
            digit.upper() if sign >= "8" else digit for digit, sign in pairs
        )


def compare(place: str, expected: object, found: object) -> None:
    """Name the first difference between a recomputed JSON value and the one in the bundle."""
    if type(expected) is not type(found):
        raise BadInput(f"{place}: not {KINDS[type(expected)]}")
    if isinstance(expected, dict) and isinstance(found, dict):
        expect(f"{place}, its fields", sorted(expected), sorted(found))
        for key, value in expected.items():
            compare(f"{place} {key}", value, found[key])
    elif isinstance(expected, list) and isinstance(found, list):
        for index, (left, right) in enumerate(zip(expected, found, strict=False)):
            compare(f"{place} {index}", left, right)
        expect(f"{place}, number of entries", len(expected), len(found))
    else:
        expect(place, expected, found)


# ------------------------------------------------------------------------- 4. ABI and events

EVENTS = (
    # The inputs of an epoch.
    "EpochClock EpochClockStarted(uint64 genesis, uint64 length, uint64 grace)",
    "RulesetParameters ParametersSet(uint64 indexed effectiveEpoch, bytes32 indexed digest, "
    "bytes parameters)",
    "WorkRegistry WorkTermsSet(bytes32 indexed workId, address indexed registrant, "
    "bytes32 indexed contentId, uint64 effectiveEpoch, uint32 version, uint64 pricePpm, "
    "bytes32 regionRule, address[] payees, uint32[] sharesPpm)",
    "WorkRegistry VerdictPlaced(bytes32 indexed workId, bytes32 indexed caseDigest)",
    "WorkRegistry VerdictLifted(bytes32 indexed workId, bytes32 indexed caseDigest)",
    "SplitAccounts SplitTermsSet(address indexed account, address indexed owner, "
    "uint64 effectiveEpoch, uint32 version, address[] payees, uint32[] sharesPpm)",
    "SubscriptionTiers Subscribed(address indexed subscriber, uint64 indexed epoch, "
    "bytes32 indexed tierId, address payer, address asset, uint256 amount)",
    "EpochPayouts EpochFunded(uint64 indexed epoch, address indexed asset, "
    "address indexed source, uint256 amount)",
    "ConsumptionSubmissions ConsumptionSubmitted(address indexed submitter, "
    "uint64 indexed epoch, bytes32 indexed tierId, uint16 part, bytes32[] workIds, "
    "uint32[] minutesPlayed, uint32[] plays, bytes32[] pseudonyms, bytes32 digest)",
    # What --rpc reads besides: what was committed.
    "EpochPayouts SettlementStarted(address clock, address registry, uint64 vetoWindow)",
    "EpochPayouts EpochCommitted(uint64 indexed epoch, uint32 indexed attempt, "
    "bytes32 indexed manifestDigest, bytes32 root, uint64 activeAt, uint32 guardianSet, "
    "address[] signers, (address,uint256,uint256,uint256,uint256,uint256,uint256)[] totals)",
    "EpochPayouts EpochVetoed(uint64 indexed epoch, uint32 indexed attempt, "
    "address indexed by, bytes32 reasonDigest)",
)
PAYMENT_EVENTS = (
    "EpochPayouts LeafWithdrawn(bytes32 indexed opId, uint64 indexed epoch, "
    "bytes32 indexed workId, uint32 part, address asset, uint256 amount)",
    "EpochPayouts PayeePaid(bytes32 indexed opId, address indexed payee, "
    "address indexed asset, uint256 amount, uint32 line)",
    "EpochPayouts PayeeUnclaimed(bytes32 indexed opId, address indexed payee, "
    "address indexed asset, uint256 amount, uint32 line)",
    "EpochPayouts PayeeHeld(bytes32 indexed opId, address indexed payee, "
    "address indexed asset, uint256 amount, uint32 line)",
    "EpochPayouts EscrowReleased(bytes32 indexed opId, uint64 indexed epoch, "
    "bytes32 indexed escrowId, address asset, address beneficiary, uint256 amount)",
    "EpochPayouts EscrowExpired(bytes32 indexed opId, uint64 indexed epoch, "
    "bytes32 indexed escrowId, address asset, uint256 amount)",
)
"""What happened to committed leaves; read from the reference block on, by --rpc with a bundle."""
OTHER_EVENTS = (
    "WorkRegistered(bytes32,address,bytes32)",
    "TierSet(bytes32,address,uint64,uint256)",
    "GuardianSetChanged(uint32,uint32,address[])",
    "GuardiansAnnounced(bytes32,uint64,uint32,address[])",
    "GuardiansCancelled(bytes32,address)",
    "PayeeHoldPlaced(address,bytes32,uint64)",
    "PayeeHoldLifted(address)",
    "WithdrawRefused(bytes32,uint64,bytes32,uint32,address,uint8)",
    "UnclaimedWithdrawn(address,address,address,uint256)",
    "UnallocatedTransferAnnounced(bytes32,uint64,address,address,uint256,uint64)",
    "UnallocatedTransferCancelled(bytes32,address)",
    "UnallocatedTransferred(bytes32,uint64,address,address,uint256)",
    "IssuerSet(address,bool)",
    "Attested(address,bytes32,address,uint64)",
    "Revoked(address,bytes32,address)",
    "ContentClaimed(bytes32,address,bytes32,uint64)",
    "ClaimChallenged(bytes32,address,bytes32,uint64)",
    "ClaimResolved(bytes32,address,bool)",
    "BeneficiaryAnnounced(bytes32,address,uint64)",
    "BeneficiaryCancelled(bytes32,address)",
    "BeneficiaryAssigned(bytes32,address)",
)
"""Events that are not read here, but are part of what completeness is certified for."""


class Event(NamedTuple):
    """A declaration, read: topic0, and (type, name) of the indexed and the other parameters."""

    contract: str
    name: str
    topic0: bytes
    indexed: list[tuple[str, str]]
    plain: list[tuple[str, str]]


class Log(NamedTuple):
    """One raw log, and where it was read."""

    place: str
    block_number: int
    block_hash: bytes
    log_index: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes

    @property
    def position(self) -> tuple[int, int]:
        """Chain order."""
        return self.block_number, self.log_index


class Fact:
    """One decoded log; `fact["workId"]` is a parameter by its name in Solidity."""

    def __init__(self, name: str, log: Log, values: dict[str, Any]) -> None:
        self.name, self.log, self._values = name, log, values

    def __getitem__(self, parameter: str) -> Any:  # noqa: ANN401
        return self._values[parameter]

    def without_raw_data(self) -> "Fact":
        """Give the same fact, whose log holds its place and position only."""
        return Fact(self.name, self.log._replace(topics=(), data=b""), self._values)


def select(facts: Iterable[Fact], *names: str) -> list[Fact]:
    """Give the facts of these events, in chain order."""
    return [fact for fact in facts if fact.name in names]


@functools.cache
def declared(declarations: tuple[str, ...]) -> tuple[Event, ...]:
    """Read declarations of events; in each, the indexed parameters come first."""
    events = []
    for declaration in declarations:
        contract, name, inside = re.fullmatch(r"(\w+) (\w+)\((.*)\)", declaration).groups()  # type: ignore[union-attr]
        words = [parameter.split(" ") for parameter in inside.split(", ")]
        signature = f"{name}({','.join(word[0] for word in words)})"
        indexed = [(word[0], word[-1]) for word in words if "indexed" in word]
        plain = [(word[0], word[-1]) for word in words if "indexed" not in word]
        events.append(Event(contract, name, keccak256(signature.encode()), indexed, plain))
    return tuple(events)


def decode_log(
    log: Log, contracts: dict[str, bytes], declarations: tuple[str, ...] = EVENTS
) -> Fact | None:
    """Decode a log, told by address and topic0 together; None if it is no event of these.

    Strict: only what the Solidity compiler emits for these types is accepted.
    """
    for event in declared(declarations):
        if log.topics[:1] == (event.topic0,) and log.address == contracts[event.contract]:
            break
    else:
        return None
    place = f"{log.place}, {event.name}"
    if len(log.topics) != 1 + len(event.indexed):
        raise BadInput(f"{place} topics: {len(log.topics)}, not {1 + len(event.indexed)}")
    values: dict[str, Any] = {}
    for (kind, name), topic in zip(event.indexed, log.topics[1:], strict=True):
        values[name] = decode_word(kind, topic, f"{place} {name}")
    return Fact(event.name, log, values | decode_data(event.plain, log.data, place))


def decode_word(kind: str, word: bytes, place: str) -> int | bytes:
    """Read one 32-byte word as an address, bytes32 or uintN; unused bits must be zero."""
    if kind == "bytes32":
        return word
    value = int.from_bytes(word, "big")
    if value >> (160 if kind == "address" else int(kind.removeprefix("uint"))):
        raise BadInput(f"{place}: {hex0x(word)} is not an ABI {kind}")
    return word[12:] if kind == "address" else value


def decode_data(parameters: Sequence[tuple[str, str]], data: bytes, place: str) -> dict[str, Any]:
    """Decode parameters: fixed ones in the head, arrays and bytes behind it, without gaps."""
    tail = 32 * len(parameters)
    if len(data) < tail or len(data) % 32:
        raise BadInput(f"{place} data: {len(data)} bytes is not the length of its ABI encoding")
    values: dict[str, Any] = {}
    for index, (kind, name) in enumerate(parameters):
        head = data[32 * index : 32 * index + 32]
        if not kind.endswith(("[]", "bytes")):
            values[name] = decode_word(kind, head, f"{place} {name}")
        elif int.from_bytes(head, "big") != tail or tail == len(data):
            raise BadInput(f"{place} {name}: does not start at byte {tail} of the data")
        else:
            values[name], tail = decode_tail(kind, data, tail, f"{place} {name}")
    if tail != len(data):
        raise BadInput(f"{place} data: {len(data) - tail} bytes after the last parameter")
    return values


def decode_tail(kind: str, data: bytes, start: int, place: str) -> tuple[Any, int]:
    """Decode bytes or an array (also of tuples) from `start`; give the value and its end."""
    count, start = int.from_bytes(data[start : start + 32], "big"), start + 32
    members = kind.removesuffix("[]").strip("()").split(",")
    words = (count + 31) >> 5 if kind == "bytes" else count * len(members)
    end = start + 32 * words
    if end > len(data):
        raise BadInput(f"{place}: length {count} passes the end of the data")
    if kind == "bytes":
        if any(data[start + count : end]):
            raise BadInput(f"{place}: not padded with zeros")
        return data[start : start + count], end
    flat = [
        decode_word(members[index % len(members)], data[at : at + 32], place)
        for index, at in enumerate(range(start, end, 32))
    ]
    if len(members) == 1:
        return flat, end
    return [tuple(flat[at : at + len(members)]) for at in range(0, len(flat), len(members))], end


def encode(*values: int | bytes) -> bytes:
    """Encode numbers, addresses and bytes32 as ABI words."""
    words = [value if isinstance(value, bytes) else value.to_bytes(33, "big") for value in values]
    if any(word[:-32].strip(b"\0") for word in words):
        raise BadInput("logs.jsonl: amounts add up to more than a uint256")
    return b"".join(word[-32:].rjust(32, b"\0") for word in words)


# ------------------------------------------------------------------- 5. the bundle's files
#
# Files are read line by line, again for each check, and every whole reading must find the SHA-256
# of the first: what grows with the usage of an epoch is not kept, and a file that is changed
# meanwhile is refused.

FILES = (
    "manifest.json blocks.jsonl headers.jsonl logs.jsonl works.jsonl splits.jsonl "
    "quarantine.jsonl allocations.jsonl leaves.jsonl"
)
RECOMPUTED = "works.jsonl splits.jsonl quarantine.jsonl allocations.jsonl leaves.jsonl"
CONTRACTS = (
    "EpochClock RulesetParameters WorkRegistry SubscriptionTiers ConsumptionSubmissions "
    "EpochPayouts CreatorAttestations SplitAccounts ContentClaims"
)
CLAIMS = {"unproved": 0, "empty": 1, "proved": 2}
ANCHOR = "anchor"
CLAIM_OF = (*CLAIMS, ANCHOR)
MANIFEST = (
    "format settlement contracts epoch attempt previous_manifest_digest clock boundary_block "
    "reference_block completeness inputs registry_digest ruleset usage_mode totals quarantine tree"
)
MANIFEST_BYTES_MAX = 1_000_000
LINE_BYTES_MAX = 1 << 28
READ_BYTES = 1 << 20
ZERO32 = bytes(32)


class Block(NamedTuple):
    """A block of the chain."""

    number: int
    hash: bytes
    timestamp: int


class BundleFile(NamedTuple):
    """A file of the bundle, and its SHA-256 by bundle.json."""

    name: str
    path: str
    digest: bytes

    def pieces(self) -> Iterator[bytes]:
        """Give all of it, piece by piece."""
        return self._checked(lambda file: file.read(READ_BYTES))

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Give place and text of each line of a JSON Lines file."""
        with open_file(self.path, self.name) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - 1, 0))
            if file.read(1) not in (b"", b"\n"):
                raise BadInput(f"{self.name}: the last line does not end with a newline")
        lines = self._checked(lambda file: file.readline(LINE_BYTES_MAX))
        for number, line in enumerate(lines, start=1):
            place = f"{self.name} line {number}"
            if not line.endswith(b"\n"):
                raise BadInput(f"{place}: longer than {LINE_BYTES_MAX} bytes, or cut off")
            yield place, line[:-1]

    def line_count(self) -> int:
        """Count the lines."""
        return sum(piece.count(b"\n") for piece in self.pieces())

    def _checked(self, read: Callable[[BinaryIO], bytes]) -> Iterator[bytes]:
        """Read to the end, and compare the SHA-256 there."""
        digest = hashlib.sha256()
        with open_file(self.path, self.name) as file:
            while piece := read(file):
                digest.update(piece)
                yield piece
        expect(f"{self.name}, SHA-256 by bundle.json", self.digest, digest.digest())


def open_file(path: str, name: str) -> BinaryIO:
    """Open a file of the bundle: one that lies in it, no link, pipe or device."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    try:
        if os.path.islink(path):
            raise BadInput(f"{name}: a link, not a file of the bundle")
        descriptor = os.open(path, flags)
    except OSError as error:
        where = os.path.dirname(path)
        raise BadInput(f"{name}: {error.strerror or error} (in {where})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(f"{name}: a directory, pipe or device, not a file of the bundle")
    return os.fdopen(descriptor, "rb")


class Header(NamedTuple):
    """A line of headers.jsonl: a block's header, and what is claimed of the block's logs."""

    place: str
    block: Block
    parent: bytes
    receipts_root: bytes
    bloom: int
    claim: str


class Clock(NamedTuple):
    """Epoch e covers `length` seconds from genesis + e * length; usage has `grace` more."""

    genesis: int
    length: int
    grace: int


class Inputs(NamedTuple):
    """Which epoch of which settlement, and everything that it is computed from."""

    name: str
    chain_id: int
    start_block: int
    contracts: dict[str, bytes]
    epoch: int
    attempt: int
    previous: bytes  # digest of the manifest of the epoch before
    clock: Clock
    boundary: Block
    reference: Block
    blocks: dict[int, Block]
    logs: Collection[Log]  # in chain order; those of a bundle are read again from its file

    @property
    def start(self) -> int:
        """The first second of the epoch."""
        return self.clock.genesis + self.epoch * self.clock.length

    @property
    def end(self) -> int:
        """The first second after the epoch."""
        return self.start + self.clock.length

    def epoch_of(self, block_number: int) -> int:
        """Give the epoch that a listed block lies in."""
        return (self.blocks[block_number].timestamp - self.clock.genesis) // self.clock.length


class Link(NamedTuple):
    """What is kept of a header: the block, the hash of its parent, and the claim."""

    place: str
    block: Block
    parent: bytes
    claim: str


HEADER = "claim header number"


class Headers(Sequence[Link]):
    """What is kept of headers.jsonl: 81 bytes a header, without bloom and receipts root."""

    def __init__(self, file: BundleFile) -> None:
        """Read the file once; a block's hash is the keccak256 of its header."""
        self._name = file.name
        self._hashes, self._parents, self._claims = bytearray(), bytearray(), bytearray()
        self._numbers, self._times = array("Q"), array("Q")
        for group in in_groups(file.lines(), PIECE):
            records = [Record(parse(line, place), place, HEADER) for place, line in group]
            hashes = keccak256_many([record.data("header") for record in records])
            for record, digest in zip(records, hashes, strict=True):
                header = _header(record, digest)
                self._hashes += digest
                self._parents += header.parent
                self._claims.append(CLAIM_OF.index(header.claim))
                self._numbers.append(header.block.number)
                self._times.append(header.block.timestamp)

    def __len__(self) -> int:
        return len(self._claims)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401
        if isinstance(index, slice):
            return [self[one] for one in range(len(self))[index]]
        at = range(len(self))[index]
        digest, parent = (
            bytes(column[32 * at : 32 * at + 32]) for column in (self._hashes, self._parents)
        )
        block = Block(self._numbers[at], digest, self._times[at])
        return Link(f"{self._name} line {at + 1}", block, parent, CLAIM_OF[self._claims[at]])


class Logs:
    """logs.jsonl: the raw logs in chain order, read from the file whenever they are asked for."""

    def __init__(self, file: BundleFile) -> None:
        """Read the file once, so that it is known to be one."""
        self._file = file
        self._count = sum(1 for _ in self)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Log]:
        return read_logs(self._file.lines())

    def __contains__(self, log: object) -> bool:
        return any(log == one for one in self)


class Bundle(NamedTuple):
    """A bundle: its files, and what the manifest claims."""

    files: dict[str, BundleFile]
    manifest_digest: bytes
    headers: Sequence[Link]
    manifest: dict[str, Any]
    inputs: Inputs

    @property
    def has_anchor(self) -> bool:
        """Tell whether the first header is the anchor, of which nothing is claimed."""
        return len(self.headers) > 0 and self.headers[0].claim == ANCHOR

    def certified(self) -> Iterator[Header]:
        """Give the headers that something is claimed of, whole, with their blooms."""
        lines = self.files["headers.jsonl"].lines()
        for link, (place, line) in zip(self.headers, lines, strict=True):
            if link.claim != ANCHOR or link.place != self.headers[0].place:
                yield _header(Record(parse(line, place), place, HEADER), link.block.hash)

    def claims(self) -> Iterator[tuple[bytes, str]]:
        """Give hash and claim of each block that something is claimed of."""
        for at in range(int(self.has_anchor), len(self.headers)):
            yield self.headers[at].block.hash, self.headers[at].claim


def read_bundle(directory: str) -> Bundle:
    """Read every file, and compare its SHA-256 with bundle.json."""
    index = BundleFile("bundle.json", os.path.join(directory, "bundle.json"), b"")
    listing = parse(read_short(index).removesuffix(b"\n"), "bundle.json")
    claims = Record(listing, "bundle.json", "files manifest_digest")
    listed = claims.record("files", FILES)
    for name in FILES.split():
        open_file(os.path.join(directory, name), name).close()
    files = {
        name: BundleFile(name, os.path.join(directory, name), listed.data(name, 32))
        for name in FILES.split()
    }
    for file in files.values():
        for _ in file.pieces():
            pass
    contents = read_short(files["manifest.json"])
    manifest_digest = keccak256(contents)
    claimed = claims.data("manifest_digest", 32)
    expect("manifest.json, keccak256 by bundle.json manifest_digest", claimed, manifest_digest)
    manifest = parse(contents, "manifest.json")
    headers = Headers(files["headers.jsonl"])
    return Bundle(files, manifest_digest, headers, manifest, read_inputs(files, manifest))


def read_short(file: BundleFile) -> bytes:
    """Read a whole file that is never long; what the manifest's is, its keccak256 tells."""
    with open_file(file.path, file.name) as opened:
        data = opened.read(MANIFEST_BYTES_MAX + 1)
    if len(data) > MANIFEST_BYTES_MAX:
        raise BadInput(f"{file.name}: longer than {MANIFEST_BYTES_MAX} bytes")
    return data


def read_inputs(files: dict[str, BundleFile], manifest: object) -> Inputs:
    """Read the logs and their blocks, and what the manifest says that they are about."""
    top = Record(manifest, "manifest.json", MANIFEST)
    completeness = top.record("completeness", "level digest previous")
    completeness.data("digest", 32)
    completeness.data("previous", 32)
    settlement = top.record("settlement", "name chain_id contract start_block")
    contracts = {
        name: top.record("contracts", CONTRACTS).address(name) for name in CONTRACTS.split()
    }
    expect("manifest.json contracts, different addresses", 9, len(set(contracts.values())))
    contract = settlement.address("contract")
    expect("manifest.json settlement contract", contracts["EpochPayouts"], contract)
    clock = top.record("clock", "genesis length grace")
    if clock.number("length", 64) == 0:
        raise BadInput("manifest.json clock length: zero")
    if top.number("attempt", 32) == 0:
        raise Difference("manifest.json attempt", "at least 1", 0)
    return Inputs(
        name=settlement.text("name"),
        chain_id=settlement.number("chain_id", 256),
        start_block=settlement.number("start_block", 64),
        contracts=contracts,
        epoch=top.number("epoch", 64),
        attempt=top.number("attempt", 32),
        previous=top.data("previous_manifest_digest", 32),
        clock=Clock(*(clock.number(key, 64) for key in ("genesis", "length", "grace"))),
        boundary=_block(top.value["boundary_block"], "manifest.json boundary_block"),
        reference=_block(top.value["reference_block"], "manifest.json reference_block"),
        blocks=read_blocks(files["blocks.jsonl"].lines()),
        logs=Logs(files["logs.jsonl"]),
    )


def _block(value: object, place: str) -> Block:
    record = Record(value, place, "number hash timestamp")
    number, timestamp = record.number("number", 64), record.number("timestamp", 64)
    return Block(number, record.data("hash", 32), timestamp)


def read_blocks(lines: Iterable[tuple[str, bytes]]) -> dict[int, Block]:
    """Read blocks.jsonl: numbers ascend, and time never goes back."""
    blocks = [_block(parse(line, place), place) for place, line in lines]
    for earlier, later in itertools.pairwise(blocks):
        if later.number <= earlier.number or later.timestamp < earlier.timestamp:
            raise Difference("blocks.jsonl", f"a block later than {spell(earlier)}", later)
    return {block.number: block for block in blocks}


def _header(record: Record, digest: bytes) -> Header:
    """Read the fields of a header that matter here; forks only append others."""
    place, fields = record.place, rlp_strings(record.data("header"), record.place)
    if len(fields) < 15 or (len(fields[0]), len(fields[5]), len(fields[6])) != (32, 32, 256):
        raise BadInput(f"{place} header: not the fields of a block header")
    if max(len(fields[8]), len(fields[11])) > 8:
        raise BadInput(f"{place} header: a number or a time that is no uint64")
    number, timestamp = (int.from_bytes(fields[index], "big") for index in (8, 11))
    expect(f"{place} number, by its header", number, record.number("number", 64))
    claim = record.text("claim")
    if claim not in CLAIM_OF:
        raise BadInput(f"{place} claim: {claim[:80]!a} is none of {', '.join(CLAIM_OF)}")
    bloom = int.from_bytes(fields[6], "big")
    return Header(place, Block(number, digest, timestamp), fields[0], fields[5], bloom, claim)


def rlp_strings(data: bytes, place: str) -> list[bytes]:
    """Decode an RLP list of byte strings, as every header is one."""
    at, end = _rlp_payload(data, 0, 0xC0, place)
    if end != len(data):
        raise BadInput(f"{place} header: {len(data)} bytes is not the length of its RLP")
    strings = []
    while at < end:
        if data[at] < 0x80:
            start, at = at, at + 1
        else:
            start, at = _rlp_payload(data, at, 0x80, place)
        strings.append(data[start:at])
    if at != end:
        raise BadInput(f"{place} header: its last field passes its end")
    return strings


def _rlp_payload(data: bytes, at: int, offset: int, place: str) -> tuple[int, int]:
    """Give start and end of what a string (offset 0x80) or a list (0xc0) holds."""
    if at >= len(data) or not offset <= data[at] < offset + 0x40:
        raise BadInput(f"{place} header: not the RLP of a list of byte strings")
    length, start = data[at] - offset, at + 1
    if length > 55:
        start += length - 55
        length = int.from_bytes(data[at + 1 : start], "big")
    return start, start + length


def read_logs(lines: Iterable[tuple[str, bytes]]) -> Iterator[Log]:
    """Read logs.jsonl: in chain order, no log twice."""
    before: Log | None = None
    keys = "address block_hash block_number data log_index topics"
    for place, line in lines:
        record = Record(parse(line, place), place, keys)
        topics = record.value["topics"]
        if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
            raise BadInput(f"{place} topics: not an array of strings")
        log = Log(
            place=place,
            block_number=record.number("block_number", 64),
            block_hash=record.data("block_hash", 32),
            log_index=record.number("log_index", 32),
            address=record.data("address", 20),
            topics=tuple(bytes_from_hex(topic, 32, f"{place} topics") for topic in topics),
            data=record.data("data"),
        )
        if before is not None and log.position <= before.position:
            raise Difference(place, f"a log after {spell(before.position)}", log.position)
        before = log
        yield log


def rolling_hash(logs: Iterable[Log]) -> bytes:
    """Chain the digests of all logs in order; each digest covers the log and its block's hash."""
    rolled = ZERO32
    for group in in_groups(logs, PIECE):
        parts = [
            log.block_number.to_bytes(8, "big")
            + log.block_hash
            + log.log_index.to_bytes(4, "big")
            + log.address
            + bytes([len(log.topics)])
            + b"".join(log.topics)
            + len(log.data).to_bytes(4, "big")
            + log.data
            for log in group
        ]
        for digest in keccak256_many(parts):
            rolled = keccak256_joined([rolled + digest])
    return rolled


def is_input(fact: Fact, inputs: Inputs) -> bool:
    """Tell whether a fact counts for the epoch: it is of the epoch, or in force in it."""
    if fact.log.block_number > inputs.reference.number:
        return False
    if fact.name in ("Subscribed", "EpochFunded", "ConsumptionSubmitted"):
        return bool(fact["epoch"] == inputs.epoch)
    if fact.name in ("ParametersSet", "WorkTermsSet", "SplitTermsSet"):
        return bool(fact["effectiveEpoch"] <= inputs.epoch)
    return fact.name in ("EpochClockStarted", "VerdictPlaced", "VerdictLifted")


def decode_inputs(inputs: Inputs) -> Iterator[Fact]:
    """Decode the logs; nothing among them may be from elsewhere or count for another epoch."""
    for log in inputs.logs:
        fact = decode_log(log, inputs.contracts)
        if fact is None or not is_input(fact, inputs):
            found = fact.name if fact else f"topics {spell(log.topics)} of {hex0x(log.address)}"
            raise Difference(log.place, f"an input of epoch {inputs.epoch}", found)
        yield fact


class Gathered(NamedTuple):
    """What is kept of the logs after one reading of all.

    `facts` has everything but usage, and of the payments of a block the first of each kind, with
    which the others share block and epoch. `named` has, by number and hash of each block that logs
    name, the first place that does.
    """

    first: tuple[int, int]  # position of the first log
    facts: list[Fact]
    named: dict[tuple[int, bytes], str]
    fees: dict[tuple[bytes, bytes], int]  # by subscriber and asset, ascending
    tiers: set[tuple[bytes, bytes]]  # paid for, by subscriber and tier
    paid_in: dict[bytes, int]  # by asset
    repeats: "Repeats"


def gather(inputs: Inputs) -> Gathered:
    """Decode every log, and keep what does not grow with each row of usage."""
    facts, first, repeats = [], (0, 0), Repeats()
    named: dict[tuple[int, bytes], str] = {}
    fees: dict[tuple[bytes, bytes], int] = defaultdict(int)
    paid_in: dict[bytes, int] = defaultdict(int)
    tiers: set[tuple[bytes, bytes]] = set()
    last_block: dict[str, int] = {}
    shared: dict[bytes, bytes] = {}
    for fact in decode_inputs(inputs):
        log = fact.log
        first = first if named else log.position
        named.setdefault((log.block_number, log.block_hash), log.place)
        if fact.name == "ConsumptionSubmitted":
            for work_id, pseudonym in zip(fact["workIds"], fact["pseudonyms"], strict=False):
                repeats.count(use_key(fact["submitter"], work_id))
                repeats.count(pseudonym)
            continue
        if fact.name in ("Subscribed", "EpochFunded"):
            asset = shared.setdefault(fact["asset"], fact["asset"])
            if fact.name == "EpochFunded":
                paid_in[asset] += fact["amount"]
            else:
                who, tier = (shared.setdefault(fact[key], fact[key]) for key in SUBSCRIPTION)
                fees[who, asset] += fact["amount"]
                tiers.add((who, tier))
            if last_block.get(fact.name) == log.block_number:
                continue
            last_block[fact.name] = log.block_number
        facts.append(fact.without_raw_data())
    ascending = dict(sorted(fees.items()))
    return Gathered(first, facts, named, ascending, tiers, dict(paid_in), repeats)


SUBSCRIPTION = ("subscriber", "tierId")
SLOTS = 1 << 24


def use_key(submitter: bytes, work_id: bytes) -> bytes:
    """Tell a subscriber's use of a work from all others."""
    return submitter + work_id


class Repeats:
    """Which keys may come twice: one in memory of a fixed size that never denies a repetition.

    Every key is counted first, in the slot of its CRC. Who is alone in its slot comes once; only
    the others have to be remembered, and compared exactly.
    """

    def __init__(self) -> None:
        self._slots = bytearray(SLOTS)

    def count(self, key: bytes) -> None:
        """Count one key."""
        slot = zlib.crc32(key) % SLOTS
        self._slots[slot] = min(self._slots[slot] + 1, 2)

    def is_possible(self, key: bytes) -> bool:
        """Tell whether a counted key may have been counted twice."""
        return self._slots[zlib.crc32(key) % SLOTS] > 1


# ----------------------------------------------------------------------------------- 6. time
#
#                     start                    end            end + grace
#     - - - - - B - - - -|- - - - - - - - - B - -|- - - - - B - - -|- - -
#         last block before             boundary          reference
#             the start                   block             block


def check_blocks(named: dict[tuple[int, bytes], str], inputs: Inputs) -> None:
    """Every log names a listed block; the border blocks lie where the clock puts them.

    Listed are the blocks of the logs, both border blocks, the last one before the start; no more.
    """
    for (number, digest), place in named.items():
        listed = inputs.blocks.get(number)
        if listed is None:
            raise Difference("blocks.jsonl", f"block {number} of {place}", "none")
        expect(f"{place} block_hash, by blocks.jsonl", listed.hash, digest)
    needed = {number for number, _ in named}
    for name, last, limit in (
        ("boundary", inputs.boundary, inputs.end),
        ("reference", inputs.reference, inputs.end + inputs.clock.grace),
    ):
        needed.add(last.number)
        expect(f"blocks.jsonl, the {name} block", last, inputs.blocks.get(last.number, "none"))
        for block in inputs.blocks.values():
            if (block.number <= last.number) != (block.timestamp < limit):
                expected = f"time below {limit} exactly up to the {name} block {last.number}"
                raise Difference(f"blocks.jsonl, block {block.number}", expected, block.timestamp)
    before = [block.number for block in inputs.blocks.values() if block.timestamp < inputs.start]
    unneeded = set(inputs.blocks) - needed - set(before[-1:])
    expect("blocks.jsonl, blocks that are not needed", [], sorted(unneeded))


def check_clock(facts: Sequence[Fact], first: tuple[int, int], inputs: Inputs) -> None:
    """The clock is the contract's own, and inputs are read from where it was made or earlier.

    Every other contract is given the clock's address when it is made, so no log is older.
    """
    started = select(facts, "EpochClockStarted")
    expect("logs.jsonl, number of EpochClockStarted", 1, len(started))
    made, (genesis, length, grace) = started[0], inputs.clock
    values = (made["genesis"], made["length"], made["grace"])
    expect("manifest.json clock", values, (genesis, length, grace))
    expect("logs.jsonl, its first log", made.log.position, first)
    if inputs.start_block > made.log.block_number:
        limit = f"at most {made.log.block_number}, where the clock was made"
        raise Difference("manifest.json settlement start_block", limit, inputs.start_block)


def check_epochs(facts: Sequence[Fact], inputs: Inputs) -> None:
    """Payments and terms lie in an epoch in which their contract accepts them, by block time.

    Payments: their epoch or the one before. First terms and parameters are in force at once,
    later terms from the next epoch, later parameters from the next epoch or a later one. Versions
    of a work or a split account count up from 1. Usage is judged in section 8.
    """
    versions: dict[object, int] = defaultdict(int)
    for fact in facts:
        now, place = inputs.epoch_of(fact.log.block_number), fact.log.place
        if fact.name in ("Subscribed", "EpochFunded"):
            first, last, about = now, now + 1, fact["epoch"]
        elif fact.name in ("WorkTermsSet", "SplitTermsSet", "ParametersSet"):
            key = {"WorkTermsSet": "workId", "SplitTermsSet": "account"}.get(fact.name)
            subject = fact.name, fact[key] if key else None
            versions[subject] += 1
            first, about = now + (versions[subject] > 1), fact["effectiveEpoch"]
            last = first if key or versions[subject] == 1 else max(first, inputs.epoch)
            if key:
                expect(f"{place} version", versions[subject], fact["version"])
        else:
            continue
        if not first <= about <= last:
            expected = str(first) if first == last else f"{first} to {last}"
            raise Difference(f"{place}, its epoch by its block's time", expected, about)


# --------------------------------------------------------------------- 7. what was in force


class Fee(NamedTuple):
    """An entry of the parameters' list of fees."""

    payee: bytes
    ppm: int


class Parameters(NamedTuple):
    """Parameters of usercentric-v1 in force in the epoch."""

    document: dict[str, Any]
    log: Log
    digest: bytes
    k_ppm: int
    plays_max: int
    minutes_max: int
    regions: dict[bytes, int]
    fees: list[Fee]
    has_half_life: bool
    completeness: str


PLAYS_MAX = 100_000
OPTIONAL_PARAMETERS = ("completeness", "fees", "half_life", "minutes_max")


def parameters_in_force(facts: Sequence[Fact]) -> Parameters:
    """The last ParametersSet with effectiveEpoch <= e counts; its digest is of its bytes."""
    changes = select(facts, "ParametersSet")
    if not changes:
        raise Difference("logs.jsonl", "a ParametersSet in force in the epoch", "none")
    for change in changes:
        expect(f"{change.log.place} digest", keccak256(change["parameters"]), change["digest"])
    place = f"{changes[-1].log.place}, parameters"
    document = parse(changes[-1]["parameters"], place)
    level = completeness_level(document, place)
    given = [key for key in OPTIONAL_PARAMETERS if key in document]
    record = Record(document, place, " ".join(["k_ppm plays_max regions ruleset", *given]))
    expect(f"{place} ruleset", "usercentric-v1", record.text("ruleset"))
    if "half_life" in given and record.text("half_life") != "v1":
        raise BadInput(f"{place} half_life: not v1")
    if not 1 <= record.number("plays_max", 64) <= PLAYS_MAX:
        raise BadInput(f"{place} plays_max: not 1 to {PLAYS_MAX}")
    minutes_max = record.number("minutes_max", 32) if "minutes_max" in given else 2**32 - 1
    if minutes_max == 0:
        raise BadInput(f"{place} minutes_max: zero")
    rules = record.value["regions"]
    if not isinstance(rules, dict):
        raise BadInput(f"{place} regions: not an object")
    regions = record.record("regions", " ".join(rules))
    return Parameters(
        document=record.value,
        log=changes[-1].log,
        digest=changes[-1]["digest"],
        k_ppm=record.number("k_ppm", 64),
        plays_max=record.number("plays_max", 64),
        minutes_max=minutes_max,
        regions={bytes_from_hex(rule, 32, place): regions.number(rule, 64) for rule in rules},
        fees=read_fees(document["fees"], f"{place} fees") if "fees" in given else [],
        has_half_life="half_life" in given,
        completeness=level,
    )


def read_fees(entries: object, place: str) -> list[Fee]:
    """Read the list of fees: 1 to 8, of different names, and at most half of the money."""
    if not isinstance(entries, list) or not 1 <= len(entries) <= 8:
        raise BadInput(f"{place}: not an array of 1 to 8 entries")
    fees, names = [], set()
    for index, entry in enumerate(entries):
        record = Record(entry, f"{place} {index}", "name payee ppm")
        name, fee = record.text("name"), Fee(record.data("payee", 20), record.number("ppm", 32))
        if not re.fullmatch("[a-z_]{1,16}", name) or name in names:
            raise BadInput(f"{place} {index} name: not 1 to 16 of a-z and _, or given twice")
        if fee.payee == bytes(20) or fee.ppm == 0:
            raise BadInput(f"{place} {index}: payee or ppm is zero")
        names.add(name)
        fees.append(fee)
    if sum(fee.ppm for fee in fees) > 500_000:
        raise BadInput(f"{place}: more than 500000 ppm together")
    return fees


def completeness_level(document: object, place: str) -> str:
    """Give the least level of completeness that parameters demand: receipts unless they say."""
    level = document.get("completeness", "receipts") if isinstance(document, dict) else "receipts"
    if level not in ("headers", "receipts"):
        raise BadInput(f"{place} completeness: neither headers nor receipts")
    return str(level)


def in_force(facts: Sequence[Fact], name: str, key: str) -> dict[bytes, Fact]:
    """The last terms of each work or account, of those with effectiveEpoch <= e; ascending."""
    latest = {terms[key]: terms for terms in select(facts, name)}
    return dict(sorted(latest.items()))


SCALAR_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Ids are below the order of BN254's scalar field; contracts refuse others."""


class Work(NamedTuple):
    """A work in force: its terms, and when its first terms were set."""

    terms: Fact
    registered_at: int

    @property
    def is_malformed(self) -> bool:
        """Terms that nobody can be paid by. Without payees a work is recognised: well formed."""
        price, is_recognised = self.terms["pricePpm"], not parties(self.terms)
        return not 0 < price < 2**40 or not (is_recognised or is_split(self.terms))


def works_in_force(facts: Sequence[Fact], inputs: Inputs) -> dict[bytes, Work]:
    """Give the works that are registered, ascending by id.

    Ids with another first byte than zero are of other leaves; the registry makes none.
    """
    first_at: dict[bytes, int] = {}
    for terms in select(facts, "WorkTermsSet"):
        if terms["workId"][0]:
            first_byte = "a work id that begins with a zero byte"
            raise Difference(f"{terms.log.place} workId", first_byte, terms["workId"])
        first_at.setdefault(terms["workId"], inputs.blocks[terms.log.block_number].timestamp)
    latest = in_force(facts, "WorkTermsSet", "workId")
    return {work_id: Work(terms, first_at[work_id]) for work_id, terms in latest.items()}


def parties(terms: Fact) -> list[tuple[bytes | None, int | None]]:
    """Pair payees and shares; None for what is missing where there are not as many."""
    return list(itertools.zip_longest(terms["payees"], terms["sharesPpm"]))


def is_split(terms: Fact) -> bool:
    """Tell whether payees ascend, and have shares above zero that are the whole together."""
    payees, shares = terms["payees"], terms["sharesPpm"]
    is_ascending = all(low < high for low, high in itertools.pairwise(payees))
    return is_ascending and len(payees) == len(shares) and all(shares) and sum(shares) == 10**6


def parties_line(terms: Fact) -> list[list[str]]:
    """Spell payees and shares; what is missing is empty."""
    return [
        ["" if payee is None else eip55(payee), "" if share is None else str(share)]
        for payee, share in parties(terms)
    ]


def works_lines(works: dict[bytes, Work]) -> Iterator[dict[str, Any]]:
    """works.jsonl: the registry as in force in the epoch."""
    for work_id, (terms, registered_at) in works.items():
        yield {
            "content_id": hex0x(terms["contentId"]),
            "payees": parties_line(terms),
            "price_ppm": str(terms["pricePpm"]),
            "region_rule": hex0x(terms["regionRule"]),
            "registered_at": str(registered_at),
            "registrant": eip55(terms["registrant"]),
            "version": str(terms["version"]),
            "work_id": hex0x(work_id),
        }


def splits_lines(splits: dict[bytes, Fact]) -> Iterator[dict[str, Any]]:
    """splits.jsonl: the split accounts as in force in the epoch."""
    for account, terms in splits.items():
        yield {
            "account": eip55(account),
            "owner": eip55(terms["owner"]),
            "payees": parties_line(terms),
            "version": str(terms["version"]),
        }


def compare_lines(bundle: Bundle, name: str, expected: Iterable[dict[str, Any]]) -> None:
    """Compare a JSON Lines file with its recomputed records, line by line."""
    found, count = bundle.files[name].lines(), 0
    for record in expected:
        place, line = next(found, (name, None))
        count += 1
        if line is not None and line != canonical(record):
            compare(place, record, parse(line, place))
    expect(f"{name}, number of lines", count, bundle.files[name].line_count())


def held_works(facts: Sequence[Fact], inputs: Inputs) -> set[bytes]:
    """Works under verdict at both ends: just before the start, and at the reference block."""
    at_start: set[bytes] = set()
    at_reference: set[bytes] = set()
    for fact in select(facts, "VerdictPlaced", "VerdictLifted"):
        change = set.add if fact.name == "VerdictPlaced" else set.discard
        change(at_reference, fact["workId"])
        if inputs.blocks[fact.log.block_number].timestamp < inputs.start:
            change(at_start, fact["workId"])
    return at_start & at_reference


# --------------------------------------------------------------- 8. half-life and usage rows
#
# A work keeps 10 % of its weight for ever; the rest shrinks by 4/9 in every ten years, so that a
# work of ten years weighs half. X_n is (4/9)^(n / 120) in units of 10^-30, n in steps of a month.

HALF_LIFE_STEP_S = 2_629_800  # a twelfth of a Julian year
HALF_LIFE_SCALE = 10**30
HALF_LIFE_RATIO = 993265030455071799108401672492  # floor(10^30 * (4/9)^(1/120))
HALF_LIFE_STEPS = 2_400


@functools.cache
def half_life_factors() -> list[int]:
    """Give the factor in ppm for each number of steps; the last one stands for all later ones."""
    factors, remainder = [], HALF_LIFE_SCALE
    for _ in range(HALF_LIFE_STEPS):
        weight = 100_000 * HALF_LIFE_SCALE + 900_000 * remainder
        factors.append((weight + (HALF_LIFE_SCALE >> 1)) // HALF_LIFE_SCALE)
        remainder = remainder * HALF_LIFE_RATIO // HALF_LIFE_SCALE
    return factors


def half_life_ppm(registered_at: int, inputs: Inputs) -> int:
    """Give the factor of a work, by the whole epochs of its age at the reference block."""
    length = inputs.clock.length
    epochs = (inputs.reference.timestamp - registered_at) // length
    return half_life_factors()[min(epochs * length // HALF_LIFE_STEP_S, HALF_LIFE_STEPS - 1)]


class Row(NamedTuple):
    """One work used by one subscriber; a held row weighs in the denominator only."""

    work_id: bytes
    minutes: int
    plays: int
    price_ppm: int
    region_ppm: int
    age_ppm: int
    held: bool


class Quarantined(NamedTuple):
    """A row, or `amount` in `asset` of one payee, that is left out. Sorts in chain order."""

    block_number: int
    log_index: int
    position: int
    asset: bytes
    reason: str
    submitter: bytes
    work_id: bytes
    amount: int


class Usage:
    """What rows are judged by, what was accepted before, and the rows that enter the formula.

    Rows are kept in columns, twelve bytes each, and made again for one subscriber at a time.
    """

    def __init__(
        self, gathered: Gathered, works: dict[bytes, Work], parameters: Parameters, inputs: Inputs
    ) -> None:
        self.inputs, self.parameters, self.works = inputs, parameters, works
        self.paid, self.repeats = gathered.tiers, gathered.repeats
        self.malformed = {work_id for work_id, work in works.items() if work.is_malformed}
        self.held = held_works(gathered.facts, inputs)
        self.parts: set[tuple[bytes, int]] = set()
        self.used: set[bytes] = set()  # subscriber and work, of those that may come again
        self.pseudonyms: set[bytes] = set()  # of those that may come again
        self._ids = list(works)
        self._index = {work_id: index for index, work_id in enumerate(works)}
        self._works, self._minutes, self._plays = array("I"), array("I"), array("I")
        self._places: dict[bytes, array[int]] = {}

    def accept(self, submitter: bytes, work_id: bytes, minutes: int, plays: int) -> None:
        """Take a row into the formula."""
        self._places.setdefault(submitter, array("Q")).append(len(self._works))
        self._works.append(self._index[work_id])
        self._minutes.append(minutes)
        self._plays.append(plays)

    def remember(self, submitter: bytes, work_id: bytes, pseudonym: bytes) -> None:
        """Remember a row, as far as another may repeat it."""
        key = use_key(submitter, work_id)
        if self.repeats.is_possible(key):
            self.used.add(key)
        if self.repeats.is_possible(pseudonym):
            self.pseudonyms.add(pseudonym)

    def rows_of(self, subscriber: bytes) -> list[Row]:
        """Give the rows of a subscriber, in chain order."""
        return [
            weighed(self._ids[self._works[at]], self._minutes[at], self._plays[at], self)
            for at in self._places.get(subscriber, ())
        ]

    def plays(self) -> set[int]:
        """Give all numbers of plays."""
        return set(self._plays)

    def users_of(self, works: set[bytes]) -> set[bytes]:
        """Give the subscribers with a row of one of these works."""
        wanted = {self._index[work_id] for work_id in works}
        return {
            who
            for who, places in self._places.items()
            if not wanted.isdisjoint(self._works[at] for at in places)
        }


ROWS_MAX = 16


def columns_of(submission: Fact) -> list[list[Any]]:
    """Give the arrays of a submission: one entry a row, if it is well formed."""
    return [submission[key] for key in ("workIds", "minutesPlayed", "plays", "pseudonyms")]


def reason_against_submission(submission: Fact, usage: Usage) -> str:
    """Name the first reason to leave a whole submission out; empty if there is none."""
    lengths = {len(column) for column in columns_of(submission)}
    if len(lengths) > 1 or lengths == {0}:
        return "malformed_submission"
    if len(submission["workIds"]) > ROWS_MAX:
        return "too_many_rows"
    if usage.inputs.blocks[submission.log.block_number].timestamp < usage.inputs.start:
        return "outside_grace"
    is_repeated = (submission["submitter"], submission["part"]) in usage.parts
    return "duplicate_submission" if is_repeated else ""


def reason_against_row(
    submission: Fact, work_id: bytes, minutes: int, pseudonym: bytes, usage: Usage
) -> str:
    """Name the first reason to leave a row out; empty if there is none."""
    submitter, work = submission["submitter"], usage.works.get(work_id)
    highest_id = max(int.from_bytes(work_id, "big"), int.from_bytes(pseudonym, "big"))
    region_rule = work.terms["regionRule"] if work else ZERO32
    reasons = {
        "non_canonical_id": highest_id >= SCALAR_ORDER,
        "unpaid_tier": (submitter, submission["tierId"]) not in usage.paid,
        "unregistered_work": work is None,
        "duplicate_work": use_key(submitter, work_id) in usage.used,
        "reused_pseudonym": pseudonym in usage.pseudonyms,
        "absurd_minutes": minutes > usage.parameters.minutes_max,
        "malformed_terms": work_id in usage.malformed,
        "unknown_region_rule": region_rule not in usage.parameters.regions,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def sort_rows(usage: Usage) -> list[Quarantined]:
    """Take every submitted row, in chain order, into the formula or into quarantine.

    What is left out does not count as seen: a later row with its work or pseudonym may stand. A row
    of a held work does, and stays in the denominator.
    """
    quarantined: list[Quarantined] = []
    for submission in submissions(usage.inputs):
        submitter, at = submission["submitter"], submission.log.position
        reason = reason_against_submission(submission, usage)
        if reason:
            listed = [ZERO32] if reason == "malformed_submission" else submission["workIds"]
            for index, work_id in enumerate(listed):
                entry = Quarantined(*at, index, b"", reason, submitter, work_id, 0)
                quarantined.append(entry)
            continue
        usage.parts.add((submitter, submission["part"]))
        for index, row in enumerate(zip(*columns_of(submission), strict=True)):
            work_id, minutes, plays, pseudonym = row
            reason = reason_against_row(submission, work_id, minutes, pseudonym, usage)
            if not reason:
                usage.remember(submitter, work_id, pseudonym)
                usage.accept(submitter, work_id, minutes, plays)
                reason = "work_under_verdict" if work_id in usage.held else ""
            if reason:
                quarantined.append(Quarantined(*at, index, b"", reason, submitter, work_id, 0))
    return quarantined


def submissions(inputs: Inputs) -> Iterator[Fact]:
    """Decode the usage again; its logs are known to be inputs."""
    events = {event.name: event for event in declared(EVENTS)}
    topic0 = events["ConsumptionSubmitted"].topic0
    for log in inputs.logs:
        fact = decode_log(log, inputs.contracts) if log.topics[0] == topic0 else None
        if fact is not None:
            yield fact


def weighed(work_id: bytes, minutes: int, plays: int, usage: Usage) -> Row:
    """Give a row what its work and the parameters say of its weight."""
    terms, registered_at = usage.works[work_id]
    has_half_life = usage.parameters.has_half_life
    return Row(
        work_id,
        minutes,
        plays,
        price_ppm=terms["pricePpm"],
        region_ppm=usage.parameters.regions[terms["regionRule"]],
        age_ppm=half_life_ppm(registered_at, usage.inputs) if has_half_life else 10**6,
        held=work_id in usage.held,
    )


def quarantine_lines(quarantined: Iterable[Quarantined]) -> Iterator[dict[str, Any]]:
    """quarantine.jsonl: every row and line left out, and why."""
    for entry in sorted(quarantined):
        of_line = {"amount": str(entry.amount), "asset": eip55(entry.asset)} if entry.asset else {}
        yield {
            "block_number": str(entry.block_number),
            "log_index": str(entry.log_index),
            "position": str(entry.position),
            "reason": entry.reason,
            "submitter": eip55(entry.submitter),
            "work_id": hex0x(entry.work_id),
            **of_line,
        }


# --------------------------------------------------------------- 9. shares of each fee (DAPR)


class Allocation(NamedTuple):
    """One subscriber's fee in one asset: charged by the fees, and divided over the rows."""

    subscriber: bytes
    asset: bytes
    fee: int
    charged: list[int]
    rows: list[Row]
    credited: list[int]

    @property
    def unallocated(self) -> int:
        """What is neither charged nor earned by a row."""
        return self.fee - sum(self.charged) - sum(self.credited)


def multipliers(plays: Iterable[int], k_ppm: int, plays_max: int) -> dict[int, int]:
    """D in ppm for each number of plays v: the mean over j = 1..v of 1 / (1 + k * (j - 1)).

    Each term and the mean are rounded down; v is held between 1 and plays_max.
    """
    clamped = {count: min(max(count, 1), plays_max) for count in plays}
    mean: dict[int, int] = {}
    total = terms = 0
    for v in sorted(set(clamped.values())):
        while terms < v:
            total += 10**12 // (10**6 + k_ppm * terms)
            terms += 1
        mean[v] = total // v
    return {count: mean[v] for count, v in clamped.items()}


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Divide `total` by weight, rounding down; units left over go to the largest remainders.

    Equal remainders: the lower index first.
    """
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in order[: total - sum(shares)]:
        shares[index] += 1
    return shares


def divide_fee(fee: int, raw: Sequence[int], credible: Sequence[int]) -> list[int]:
    """Credit fee * (sum credible) // (sum raw) to the rows, in proportion to `credible`."""
    if sum(raw) == 0 or sum(credible) == 0:
        return [0] * len(raw)
    return largest_remainder(fee * sum(credible) // sum(raw), credible)


def allocate(fees: dict[tuple[bytes, bytes], int], usage: Usage) -> Iterator[Allocation]:
    """Charge what each subscriber paid in each asset, and divide the rest over its own rows."""
    parameters = usage.parameters
    factor = multipliers(usage.plays(), parameters.k_ppm, parameters.plays_max)
    for (subscriber, asset), fee in fees.items():
        rows = usage.rows_of(subscriber)
        charged = [fee * entry.ppm // 10**6 for entry in parameters.fees]
        raw = []
        for row in rows:
            weight = row.minutes * row.price_ppm * row.region_ppm * factor[row.plays] // 10**6
            raw.append(weight * row.age_ppm // 10**6)
        credible = [0 if row.held else weight for weight, row in zip(raw, rows, strict=True)]
        credited = divide_fee(fee - sum(charged), raw, credible)
        yield Allocation(subscriber, asset, fee, charged, rows, credited)


class Sums:
    """What is kept of the allocations once they were made: sums, and the SHA-256 of their file."""

    def __init__(self) -> None:
        self.earned: dict[tuple[bytes, bytes], int] = defaultdict(int)  # by work and asset
        self.charged: dict[bytes, list[int]] = {}  # by asset, of each entry of fees
        self.fees: dict[bytes, int] = defaultdict(int)
        self.unallocated: dict[bytes, int] = defaultdict(int)
        self.file = hashlib.sha256()

    def add(self, each: Allocation) -> None:
        """Add one allocation, without its line."""
        for row, amount in zip(each.rows, each.credited, strict=True):
            self.earned[row.work_id, each.asset] += amount
        before = self.charged.get(each.asset, [0] * len(each.charged))
        pairs = zip(before, each.charged, strict=True)
        self.charged[each.asset] = [total + amount for total, amount in pairs]
        self.fees[each.asset] += each.fee
        self.unallocated[each.asset] += each.unallocated


def sum_up(allocations: Iterable[Allocation]) -> Sums:
    """Add up all allocations, one group after the other."""
    sums = Sums()
    for group in in_groups(allocations, PIECE):
        for each in group:
            sums.add(each)
        for record in allocation_lines(group):
            sums.file.update(canonical(record) + b"\n")
    return sums


def allocation_lines(allocations: Iterable[Allocation]) -> Iterator[dict[str, Any]]:
    """allocations.jsonl: the derivation for every subscriber and asset."""
    for group in in_groups(allocations, PIECE):
        eip55_many(each.subscriber for each in group)
        for each in group:
            credits = zip(each.rows, each.credited, strict=True)
            yield {
                "asset": eip55(each.asset),
                "charged": [str(amount) for amount in each.charged],
                "fee": str(each.fee),
                "rows": [{"credited": str(c), "work_id": hex0x(row.work_id)} for row, c in credits],
                "subscriber": eip55(each.subscriber),
                "unallocated": str(each.unallocated),
            }


# ---------------------------------------------------------------- 10. splits, leaves, tree
#
# Leaves of works have ids with a first byte of zero. Three kinds more, told apart by that byte:
#
#     1  fees       what the parameters' fees charged, in lines of their payees
#     2  escrow     what works of one content earned that nobody has claimed yet
#     3  suspense   what payees of one work cannot be paid
#
# Escrow and suspense are one line to EpochPayouts itself, which nobody can withdraw.

LEAF = "amount asset leaf lines part split_hash work_id"
LINES_MAX = 32
DEPTH_MAX = 8  # split accounts on one path
VISITS_MAX = 4_096  # payees that one work's amount in one asset is divided over, all levels
FEES, ESCROW, SUSPENSE = 1, 2, 3
TERMS_OF_TAGS = {0: "allocated", FEES: "fees", ESCROW: "escrow", SUSPENSE: "escrow"}


def tagged_id(tag: int, rest: bytes = ZERO32) -> bytes:
    """Give an id with this first byte; the first byte of `rest` makes room."""
    return bytes([tag]) + rest[1:]


def escrow_ids(works: dict[bytes, Work]) -> dict[bytes, bytes]:
    """Give the escrow id of the content of each recognised work: its hash, shifted by a byte."""
    recognised = {work.terms["contentId"] for work in works.values() if not parties(work.terms)}
    contents = sorted(recognised)
    hashes = keccak256_many(contents)
    return {
        content: tagged_id(ESCROW, b"\0" + digest[:31])
        for content, digest in zip(contents, hashes, strict=True)
    }


class Leaf(NamedTuple):
    """What one work (or one of the other ids) gets in one asset, as at most 32 lines."""

    work_id: bytes
    part: int
    asset: bytes
    lines: list[tuple[bytes, int]]

    @property
    def amount(self) -> int:
        """The sum of its lines."""
        return sum(amount for _, amount in self.lines)


class Registry(NamedTuple):
    """Who is paid: works, split accounts, and the contracts that are no payees."""

    works: dict[bytes, Work]
    splits: dict[bytes, Fact]
    payouts: bytes
    split_accounts: bytes

    def is_unpayable(self, payee: bytes, asset: bytes) -> bool:
        """Tell whether money for this payee would be lost, or refused by the contract."""
        return payee in (bytes(20), asset, self.payouts, self.split_accounts)


class Destination(NamedTuple):
    """Where a unit of a work's amount ends: with a payee, or refused for a reason."""

    position: int  # of the payee in the work's own terms
    reason: str
    payee: bytes


def divide(amount: int, terms: Fact) -> list[tuple[bytes, int]]:
    """Divide by shares. Payees ascend, so the lower address wins a tie; zero lines are dropped."""
    shares = largest_remainder(amount, terms["sharesPpm"])
    return [line for line in zip(terms["payees"], shares, strict=True) if line[1]]


def destinations(
    amount: int, terms: Fact, asset: bytes, registry: Registry
) -> dict[Destination, int]:
    """Follow a work's amount through split accounts, dividing to the unit at every level.

    More than VISITS_MAX payees in all lists that are divided: the whole amount is refused.
    """
    found: dict[Destination, int] = defaultdict(int)
    top = divide(amount, terms)
    path: tuple[bytes, ...] = ()
    todo = [(terms["payees"].index(payee), payee, share, path) for payee, share in top]
    visits = len(terms["payees"])
    while todo and visits <= VISITS_MAX:
        position, payee, share, path = todo.pop()
        split = registry.splits.get(payee)
        reason = reason_against_payee(payee, path, asset, registry)
        if split is None or reason:
            found[Destination(position, reason, b"" if reason else payee)] += share
            continue
        visits += len(split["payees"])
        todo += [(position, one, part, (*path, payee)) for one, part in divide(share, split)]
    if visits > VISITS_MAX:
        return {Destination(0, "split_too_large", b""): amount}
    return found


def reason_against_payee(
    payee: bytes, path: tuple[bytes, ...], asset: bytes, registry: Registry
) -> str:
    """Name the first reason not to pay this payee, or not to divide its share further."""
    if registry.is_unpayable(payee, asset):
        return "unpayable_payee"
    if payee not in registry.splits:
        return ""
    if payee in path:
        return "split_cycle"
    if len(path) == DEPTH_MAX:
        return "split_too_deep"
    return "" if is_split(registry.splits[payee]) else "split_malformed"


def leaves_of_lines(work_id: bytes, asset: bytes, amounts: dict[bytes, int]) -> list[Leaf]:
    """Cut lines, ascending by payee and none of zero, into leaves."""
    lines = sorted(line for line in amounts.items() if line[1])
    parts = range(0, len(lines), LINES_MAX)
    return [
        Leaf(work_id, part, asset, lines[first : first + LINES_MAX])
        for part, first in enumerate(parts)
    ]


def split_works(
    earned: dict[tuple[bytes, bytes], int], registry: Registry
) -> tuple[list[Leaf], list[Quarantined]]:
    """Divide each work's amount over its payees; what nobody can be paid goes to suspense.

    The amount of a work without payees goes to the escrow of its content.
    """
    escrow_of = escrow_ids(registry.works)
    kept: dict[tuple[bytes, bytes], int] = defaultdict(int)
    leaves: list[Leaf] = []
    refused: list[Quarantined] = []
    for (work_id, asset), amount in earned.items():
        terms = registry.works[work_id].terms
        if not amount:
            continue
        if not parties(terms):
            kept[escrow_of[terms["contentId"]], asset] += amount
            continue
        lines: dict[bytes, int] = defaultdict(int)
        for (position, reason, payee), units in destinations(
            amount, terms, asset, registry
        ).items():
            if not reason:
                lines[payee] += units
                continue
            kept[tagged_id(SUSPENSE, work_id), asset] += units
            at = (*terms.log.position, position)
            refused.append(Quarantined(*at, asset, reason, terms["registrant"], work_id, units))
        leaves += leaves_of_lines(work_id, asset, lines)
    for (leaf_id, asset), amount in kept.items():
        leaves += leaves_of_lines(leaf_id, asset, {registry.payouts: amount})
    return leaves, refused


def collect_fees(
    charged: dict[bytes, list[int]], parameters: Parameters, registry: Registry
) -> tuple[list[Leaf], list[Quarantined]]:
    """Pay what each fee charged in each asset, in one leaf an asset.

    A split account is not followed here: as a payee of fees it cannot be paid.
    """
    leaves: list[Leaf] = []
    refused: list[Quarantined] = []
    fees_id = tagged_id(FEES)
    for asset, amounts in sorted(charged.items()):
        lines: dict[bytes, int] = defaultdict(int)
        for position, (fee, amount) in enumerate(zip(parameters.fees, amounts, strict=True)):
            if not registry.is_unpayable(fee.payee, asset) and fee.payee not in registry.splits:
                lines[fee.payee] += amount
            elif amount:
                at = (*parameters.log.position, position)
                refused.append(
                    Quarantined(*at, asset, "unpayable_payee", bytes(20), fees_id, amount)
                )
        leaves += leaves_of_lines(fees_id, asset, lines)
    return leaves, refused


def encoded_splits(leaves: Sequence[Leaf]) -> list[bytes]:
    """Give abi.encode(address[] payees, uint256[] amounts) of each leaf."""
    encoded = []
    for leaf in leaves:
        count = len(leaf.lines)
        payees, amounts = zip(*leaf.lines, strict=True)
        encoded.append(encode(64, 96 + 32 * count, count, *payees, count, *amounts))
    return encoded


def leaf_hashes(
    leaves: Sequence[Leaf], splits: Sequence[bytes], inputs: Inputs, helpers: Helpers
) -> list[bytes]:
    """Hash each leaf twice, so that no inner node can pass for a leaf."""
    where = (inputs.chain_id, inputs.contracts["EpochPayouts"], inputs.epoch)
    encoded = [
        encode(*where, leaf.work_id, leaf.part, leaf.asset, leaf.amount, split)
        for leaf, split in zip(leaves, splits, strict=True)
    ]
    return helpers.hash_many(helpers.hash_many(encoded))


def leaf_lines(
    leaves: Sequence[Leaf], splits: Sequence[bytes], hashes: Sequence[bytes]
) -> Iterator[dict[str, Any]]:
    """leaves.jsonl: every leaf with its lines and hashes."""
    for leaf, split, leaf_hash in zip(leaves, splits, hashes, strict=True):
        yield {
            "amount": str(leaf.amount),
            "asset": eip55(leaf.asset),
            "leaf": hex0x(leaf_hash),
            "lines": [[eip55(payee), str(amount)] for payee, amount in leaf.lines],
            "part": str(leaf.part),
            "split_hash": hex0x(split),
            "work_id": hex0x(leaf.work_id),
        }


def tree_heap(hashes: Sequence[bytes]) -> list[bytes]:
    """Build OpenZeppelin's standard tree: a heap of 2n - 1 nodes, root first; none for no leaves.

    The leaves stand at its end, in descending order; node i hashes its children 2i + 1 and 2i + 2,
    the lower one first.
    """
    known = max(len(hashes) - 1, 0)  # nodes from here on are known
    heap = [b""] * known + sorted(hashes, reverse=True)
    while known:
        ready = known >> 1  # from here on both children are known
        pairs = [sorted(heap[2 * node + 1 : 2 * node + 3]) for node in range(ready, known)]
        heap[ready:known] = keccak256_many([left + right for left, right in pairs])
        known = ready
    return heap


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """Give the root; without leaves it is zero."""
    return tree_heap(hashes)[0] if hashes else ZERO32


def hash_pair(one: bytes, other: bytes) -> bytes:
    """Hash two nodes, the lower one first."""
    return keccak256(min(one, other) + max(one, other))


def proof_of(heap: Sequence[bytes], leaf: bytes) -> list[bytes]:
    """Give the sibling of each node on the way from a leaf to the root."""
    node, proof = heap.index(leaf, len(heap) >> 1), []
    while node:
        proof.append(heap[node + 1 if node & 1 else node - 1])
        node = (node - 1) >> 1
    return proof


# --------------------------------------------------------------------------- 11. completeness
#
#     headers.jsonl:    anchor <- first <- … <- reference block      (<- the parent hash)
#
# One certificate an epoch. It is about the blocks after the reference block of the epoch before (in
# the first epoch: from the settlement's start block on) up to the epoch's own reference block. The
# anchor is the block before them; the first epoch has none. Of each block one thing is claimed:
#
#     empty      its bloom rules out every event of ours from a contract of ours
#     proved     the receipts root in its header was rebuilt from all receipts (--rpc does so again)
#     unproved   neither: at level headers every block that is not empty, at level receipts none


class Filter(NamedTuple):
    """What completeness is about: the settlement's contracts, and the first topics of events."""

    addresses: list[bytes]
    topics: list[bytes]


def settlement_filter(contracts: dict[str, bytes]) -> Filter:
    """Give the contracts' addresses and the topics of all their events, ascending."""
    topics = [event.topic0 for event in declared(EVENTS) + declared(PAYMENT_EVENTS)]
    topics += keccak256_many([signature.encode() for signature in OTHER_EVENTS])
    return Filter(sorted(contracts.values()), sorted(topics))


@functools.lru_cache(maxsize=4_096)
def bloom_bits(value: bytes) -> int:
    """Give the three bits of 2048 that an address or topic sets in a bloom."""
    return bits_of_hash(keccak256(value))


def bits_of_hash(digest: bytes) -> int:
    """Give the bits of the value with this keccak256."""
    bits = 0
    for word in struct.unpack(">3H", digest[:6]):
        bits |= 1 << (word & 2047)
    return bits


def in_bloom(bloom: int, value: bytes) -> bool:
    """Tell whether a bloom may hold an address or topic; False is a proof that it does not."""
    return bloom & bloom_bits(value) == bloom_bits(value)


def may_hold(bloom: int, wanted: Filter) -> bool:
    """Tell whether a block with this bloom can have a log of the filter."""
    return any(in_bloom(bloom, address) for address in wanted.addresses) and any(
        in_bloom(bloom, topic) for topic in wanted.topics
    )


def claim_at(level: str, *, is_possible: bool) -> str:
    """Give what a certificate of this level claims of a block that can, or cannot, have a log."""
    if not is_possible:
        return "empty"
    return "proved" if level == "receipts" else "unproved"


def certificate_digest(
    inputs: Inputs,
    level: str,
    blocks: range,
    claims: Iterable[tuple[bytes, str]],
    previous: bytes,
) -> bytes:
    """keccak256 of the certificate: eight members, each behind its length in four bytes.

    `claims` are block hash and claim of each of the blocks.
    """
    claimed = (digest + bytes([CLAIMS[claim]]) for digest, claim in claims)
    wanted = settlement_filter(inputs.contracts)
    members = [
        b"quittance-completeness-v1",
        inputs.chain_id.to_bytes(32, "big"),
        keccak256(prefixed(b"".join(wanted.addresses)) + prefixed(b"".join(wanted.topics))),
        level.encode(),
        blocks.start.to_bytes(8, "big"),
        blocks.stop.to_bytes(8, "big"),
        keccak256_joined(claimed),
        previous,
    ]
    return keccak256(b"".join(map(prefixed, members)))


def prefixed(member: bytes) -> bytes:
    """Put the length before the bytes."""
    return len(member).to_bytes(4, "big") + member


def check_completeness(level: str, bundle: Bundle) -> None:
    """The certificate is right at the level that the parameters demand, and the manifest names it.

    Every header links to the one before, every claim follows from a bloom, no log contradicts one.
    """
    check_links(bundle)
    check_first_header(bundle)
    wanted, blooms = settlement_filter(bundle.inputs.contracts), {}
    for header in bundle.certified():
        expected = claim_at(level, is_possible=may_hold(header.bloom, wanted))
        expect(f"{header.place} claim, at level {level} by its bloom", expected, header.claim)
        if header.block.number in bundle.inputs.blocks:
            blooms[header.block.number] = header.bloom
    check_blooms(blooms, bundle)
    completeness = bundle.manifest["completeness"]
    previous = bytes.fromhex(completeness["previous"][2:])
    end = bundle.inputs.reference.number + 1
    blocks = range(end - len(bundle.headers) + bundle.has_anchor, end)
    digest = certificate_digest(bundle.inputs, level, blocks, bundle.claims(), previous)
    made = {"level": level, "digest": hex0x(digest), "previous": completeness["previous"]}
    compare("manifest.json completeness", made, completeness)


def check_blooms(blooms: dict[int, int], bundle: Bundle) -> None:
    """No log holds what the bloom of its block rules out, of the blocks with a header here.

    The anchor is one of them, though nothing is claimed of it.
    """
    if bundle.has_anchor:
        place, line = next(bundle.files["headers.jsonl"].lines())
        anchor = _header(Record(parse(line, place), place, HEADER), b"")
        blooms = {anchor.block.number: anchor.bloom} | blooms
    for group in in_groups(bundle.inputs.logs, PIECE):
        values = list({value for log in group for value in (log.address, *log.topics)})
        bits = dict(zip(values, map(bits_of_hash, keccak256_many(values)), strict=True))
        for log in group:
            for value in (log.address, *log.topics) if log.block_number in blooms else ():
                if bits[value] & ~blooms[log.block_number]:
                    raise Difference(log.place, "only what the bloom of its block holds", value)


def check_links(bundle: Bundle) -> None:
    """The headers follow each other up to the reference block, and are those of blocks.jsonl."""
    if not bundle.headers:
        raise Difference("headers.jsonl", "headers up to the reference block", "none")
    for below, header in itertools.pairwise(bundle.headers):
        expect(f"{header.place} number", below.block.number + 1, header.block.number)
        expect(f"{header.place} parent hash", below.block.hash, header.parent)
        if header.block.timestamp < below.block.timestamp:
            expected = f"at least {below.block.timestamp}"
            raise Difference(f"{header.place} timestamp", expected, header.block.timestamp)
    for header in bundle.headers:
        listed = bundle.inputs.blocks.get(header.block.number, header.block)
        expect(f"blocks.jsonl, block {listed.number}", header.block, listed)
    expect("headers.jsonl, its last block", bundle.inputs.reference, bundle.headers[-1].block)


def check_first_header(bundle: Bundle) -> None:
    """The range begins at the start block, or after the reference block of the epoch before.

    Only the settlement's first epoch, that of the start block, has nothing before it.
    """
    first, start = bundle.headers[0], bundle.inputs.start_block
    is_first_epoch = first.claim != ANCHOR
    for name, digest in (
        ("previous_manifest_digest", bundle.manifest["previous_manifest_digest"]),
        ("completeness previous", bundle.manifest["completeness"]["previous"]),
    ):
        if is_first_epoch != (digest == hex0x(ZERO32)):
            expected = "zero in the settlement's first epoch and only there"
            raise Difference(f"manifest.json {name}", expected, digest)
    if is_first_epoch:
        expect(f"{first.place} number, the start block", start, first.block.number)
        epoch = (first.block.timestamp - bundle.inputs.clock.genesis) // bundle.inputs.clock.length
        expect(f"{first.place}, its epoch by its time", bundle.inputs.epoch, epoch)
        return
    if start in bundle.inputs.blocks and bundle.inputs.epoch_of(start) == bundle.inputs.epoch:
        raise Difference(f"{first.place} claim", "no anchor in the first epoch", first.claim)
    limit = bundle.inputs.start + bundle.inputs.clock.grace
    for header in bundle.headers:
        if (header.block.timestamp < limit) != (header.place == first.place):
            expected = f"time below {limit} in the anchor and only there"
            raise Difference(f"{header.place} timestamp", expected, header.block.timestamp)


# ------------------------------------------------------------------ 12. totals and manifest


class Outcome(NamedTuple):
    """Everything recomputed; `files` makes the records of each file that follows from the logs.

    Of the longest one, allocations.jsonl, `allocations_digest` is the SHA-256.
    """

    parameters: Parameters
    subscribers: int
    works: int
    splits: int
    leaves: list[Leaf]
    files: dict[str, Callable[[], Iterator[dict[str, Any]]]]
    allocations_digest: bytes
    quarantined: int
    totals: list[dict[str, Any]]
    root: bytes


def total_up(
    paid: dict[bytes, int],
    sums: Sums,
    leaves: Sequence[Leaf],
    unpayable: Sequence[Quarantined],
) -> list[dict[str, Any]]:
    """Check for each asset that every unit paid in is in a leaf or unallocated.

    Unallocated is what subscribers' rows did not earn, fees whose payee cannot be paid, and money
    that came without a subscription. Nothing is carried in.
    """
    paid_in, fees, unallocated = (
        defaultdict(int, of) for of in (paid, sums.fees, sums.unallocated)
    )
    for line in unpayable:
        unallocated[line.asset] += line.amount
    in_leaves: dict[tuple[bytes, str], int] = defaultdict(int)
    for leaf in leaves:
        in_leaves[leaf.asset, TERMS_OF_TAGS[leaf.work_id[0]]] += leaf.amount
    totals: list[dict[str, Any]] = []
    for asset in sorted({*paid_in, *fees}):
        unsubscribed = paid_in[asset] - fees[asset]
        if unsubscribed < 0:
            place = f"logs.jsonl, sum of EpochFunded of asset {eip55(asset)}"
            raise Difference(
                place, f"at least {fees[asset]}, the sum of Subscribed", paid_in[asset]
            )
        remaining = unallocated[asset] + unsubscribed
        allocated, escrow, charged = (
            in_leaves[asset, term] for term in ("allocated", "escrow", "fees")
        )
        divided = allocated + escrow + remaining + charged
        expect(f"conservation of {eip55(asset)}", paid_in[asset], divided)
        totals.append(
            {
                "asset": asset,
                "paid_in": paid_in[asset],
                "carried_in": 0,
                "allocated": allocated,
                "escrow": escrow,
                "unallocated": remaining,
                "fees": charged,
            }
        )
    return totals


class Judged(NamedTuple):
    """What the facts of an epoch say before any money is divided."""

    gathered: Gathered
    registry: Registry
    usage: Usage
    quarantined: list[Quarantined]


def judge(inputs: Inputs) -> Judged:
    """Decode the logs, check their places in time, and judge every submitted row."""
    gathered = gather(inputs)
    facts = gathered.facts
    check_blocks(gathered.named, inputs)
    check_clock(facts, gathered.first, inputs)
    check_epochs(facts, inputs)
    parameters, registry = parameters_in_force(facts), registry_in_force(facts, inputs)
    usage = Usage(gathered, registry.works, parameters, inputs)
    return Judged(gathered, registry, usage, sort_rows(usage))


def recompute(inputs: Inputs, helpers: Helpers) -> Outcome:
    """Run the rules: from the logs to the root."""
    gathered, registry, usage, quarantined = judge(inputs)
    parameters, fees = usage.parameters, gathered.fees
    sums = sum_up(allocate(fees, usage))
    of_works, refused = split_works(sums.earned, registry)
    of_fees, unpayable = collect_fees(sums.charged, parameters, registry)
    leaves = sorted(of_works + of_fees)
    split_digests = helpers.hash_many(encoded_splits(leaves))
    hashes = leaf_hashes(leaves, split_digests, inputs, helpers)
    spell_all(registry, leaves)
    left_out = quarantined + refused + unpayable
    return Outcome(
        parameters=parameters,
        subscribers=len({subscriber for subscriber, _ in fees}),
        works=len(registry.works),
        splits=len(registry.splits),
        leaves=leaves,
        files={
            "works.jsonl": lambda: works_lines(registry.works),
            "splits.jsonl": lambda: splits_lines(registry.splits),
            "quarantine.jsonl": lambda: quarantine_lines(left_out),
            "allocations.jsonl": lambda: allocation_lines(allocate(fees, usage)),
            "leaves.jsonl": lambda: leaf_lines(leaves, split_digests, hashes),
        },
        allocations_digest=sums.file.digest(),
        quarantined=len(left_out),
        totals=total_up(gathered.paid_in, sums, leaves, unpayable),
        root=tree_root(hashes),
    )


def registry_in_force(facts: Sequence[Fact], inputs: Inputs) -> Registry:
    """Give everything that says who is paid."""
    splits, contracts = in_force(facts, "SplitTermsSet", "account"), inputs.contracts
    no_payees = contracts["EpochPayouts"], contracts["SplitAccounts"]
    return Registry(works_in_force(facts, inputs), splits, *no_payees)


def spell_all(registry: Registry, leaves: Sequence[Leaf]) -> None:
    """Spell the addresses of the registry and the leaves at once, quicker than one by one."""
    terms = [work.terms for work in registry.works.values()]
    addresses = {one["registrant"] for one in terms}
    for one in (*terms, *registry.splits.values()):
        addresses.update(one["payees"])
    for leaf in leaves:
        addresses.update(payee for payee, _ in leaf.lines)
    eip55_many(addresses)


def manifest_of(
    outcome: Outcome, inputs: Inputs, completeness: dict[str, str], digests: dict[str, bytes]
) -> dict[str, Any]:
    """Write the manifest; what follows from no log is as `inputs` and `completeness` have it.

    `digests` are those of the logs (rolling), the registry and quarantine.jsonl.
    """
    parameters = outcome.parameters
    return {
        "format": "quittance-manifest-v1",
        "settlement": {
            "name": inputs.name,
            "chain_id": str(inputs.chain_id),
            "contract": eip55(inputs.contracts["EpochPayouts"]),
            "start_block": str(inputs.start_block),
        },
        "contracts": {name: eip55(address) for name, address in inputs.contracts.items()},
        "epoch": str(inputs.epoch),
        "attempt": str(inputs.attempt),
        "previous_manifest_digest": hex0x(inputs.previous),
        "clock": {key: str(value) for key, value in inputs.clock._asdict().items()},
        "boundary_block": block_record(inputs.boundary),
        "reference_block": block_record(inputs.reference),
        "completeness": completeness,
        "usage_mode": "attested",
        "inputs": {"count": str(len(inputs.logs)), "rolling_hash": hex0x(digests["logs"])},
        "registry_digest": hex0x(digests["registry"]),
        "ruleset": {
            "name": "usercentric-v1",
            "parameters_digest": hex0x(parameters.digest),
            "parameters": parameters.document,
        },
        "totals": totals_records(outcome.totals),
        "quarantine": {
            "count": str(outcome.quarantined),
            "digest": hex0x(digests["quarantine"]),
        },
        "tree": {
            "profile": "quittance-v1",
            "leaf_count": str(len(outcome.leaves)),
            "root": hex0x(outcome.root),
        },
    }


def block_record(block: Block) -> dict[str, str]:
    """Spell a block."""
    number, digest, timestamp = block
    return {"number": str(number), "hash": hex0x(digest), "timestamp": str(timestamp)}


def totals_records(totals: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Spell the totals."""
    return [
        {key: eip55(value) if key == "asset" else str(value) for key, value in term.items()}
        for term in totals
    ]


def manifest_digests(
    inputs: Inputs, files: dict[str, BundleFile] | dict[str, bytes], helpers: Helpers
) -> Callable[[], dict[str, bytes]]:
    """Begin to hash what the manifest names; these are the longest hashes of all."""
    started = {
        "registry": helpers.start(hash_files, files["works.jsonl"], files["splits.jsonl"]),
        "logs": helpers.start(rolling_hash, inputs.logs),
        "quarantine": helpers.start(hash_files, files["quarantine.jsonl"]),
    }
    return lambda: {name: digest() for name, digest in started.items()}


def hash_files(*files: BundleFile | bytes) -> bytes:
    """keccak256 over these files, one after the other."""
    pieces = ([file] if isinstance(file, bytes) else file.pieces() for file in files)
    return keccak256_joined(itertools.chain.from_iterable(pieces))


def verify(bundle: Bundle, helpers: Helpers) -> Outcome:
    """Run the whole argument that needs no node."""
    digests = manifest_digests(bundle.inputs, bundle.files, helpers)
    outcome = recompute(bundle.inputs, helpers)
    check_completeness(outcome.parameters.completeness, bundle)
    for name in RECOMPUTED.split():
        is_same = name == "allocations.jsonl" and (
            outcome.allocations_digest == bundle.files[name].digest
        )
        if not is_same:
            compare_lines(bundle, name, outcome.files[name]())
    completeness = bundle.manifest["completeness"]
    expected = manifest_of(outcome, bundle.inputs, completeness, digests())
    compare("manifest.json", expected, bundle.manifest)
    return outcome


# ------------------------------------------------------------- 13. receipts and their trie
#
# A header commits to its block's receipts: the root of a Merkle-Patricia trie whose keys are the
# RLP of 0, 1, 2 … No key begins another, so the trie is built top-down from the sorted keys.


def rlp(item: int | bytes | list[bytes]) -> bytes:
    """Encode a number, a byte string, or a list of what is encoded already."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) >> 3, "big")
    if isinstance(item, bytes) and len(item) == 1 and item[0] < 0x80:
        return item
    offset = 0xC0 if isinstance(item, list) else 0x80
    payload = b"".join(item) if isinstance(item, list) else item
    if len(payload) <= 55:
        return bytes([offset + len(payload)]) + payload
    size = len(payload).to_bytes((len(payload).bit_length() + 7) >> 3, "big")
    return bytes([offset + 55 + len(size)]) + size + payload


def trie_root(values: Sequence[bytes]) -> bytes:
    """Give the root over values in their order."""
    if not values:
        return keccak256(rlp(b""))
    return keccak256(trie_node(sorted((rlp(at).hex(), one) for at, one in enumerate(values)), 0))


def trie_node(pairs: Sequence[tuple[str, bytes]], depth: int) -> bytes:
    """Encode the node of these pairs, ascending by key, which agree in `depth` hexadecimal digits.

    One pair is a leaf; pairs that agree further are behind an extension; else they branch.
    """
    (first, value), (last, _) = pairs[0], pairs[-1]
    if len(pairs) == 1:
        return rlp([_trie_path(first[depth:], 2), rlp(value)])
    fork = depth
    while first[fork] == last[fork]:
        fork += 1
    if fork > depth:
        return rlp([_trie_path(first[depth:fork], 0), _trie_link(trie_node(pairs, fork))])
    children = [rlp(b"")] * 17
    for digit, group in itertools.groupby(pairs, key=lambda pair: pair[0][depth]):
        children[int(digit, 16)] = _trie_link(trie_node(list(group), depth + 1))
    return rlp(children)


def _trie_path(digits: str, flag: int) -> bytes:
    """Encode the digits of a leaf (flag 2) or an extension (0), told apart by the first digit."""
    odd = len(digits) & 1
    return rlp(bytes.fromhex(f"{flag + odd:x}" + "0" * (1 - odd) + digits))


def _trie_link(node: bytes) -> bytes:
    """Refer to a node: by its hash, or by itself if that is shorter."""
    return node if len(node) < 32 else rlp(keccak256(node))


class ReceiptLog(NamedTuple):
    """A log in a receipt; its index in the block follows from its place."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


def logs_of_receipt(receipt: dict[str, Any]) -> list[ReceiptLog]:
    """Read the logs of a receipt as a node gives it."""
    return [
        ReceiptLog(
            bytes.fromhex(log["address"][2:]),
            tuple(bytes.fromhex(topic[2:]) for topic in log["topics"]),
            bytes.fromhex(log["data"][2:]),
        )
        for log in receipt["logs"]
    ]


def encode_receipt(receipt: dict[str, Any]) -> bytes:
    """Encode a receipt as consensus does: its type unless 0, outcome, gas, bloom and logs.

    The bloom is recomputed. Deposits of the OP stack (type 0x7e) have two more fields.
    """
    logs, bloom = logs_of_receipt(receipt), 0
    for log in logs:
        for value in (log.address, *log.topics):
            bloom |= bloom_bits(value)
    fields = [
        rlp(int(receipt["status"], 16)),
        rlp(int(receipt["cumulativeGasUsed"], 16)),
        rlp(bloom.to_bytes(256, "big")),
        rlp([rlp([rlp(log[0]), rlp([*map(rlp, log[1])]), rlp(log[2])]) for log in logs]),
    ]
    kind = int(receipt.get("type") or "0x0", 16)
    if kind == 0x7E and receipt.get("depositReceiptVersion") is not None:
        keys = ("depositNonce", "depositReceiptVersion")
        fields += [rlp(int(receipt[key], 16)) for key in keys]
    return bytes([kind] if kind else []) + rlp(fields)


# -------------------------------------------------------------------- 14. the chain (--rpc)

TIMEOUT_S = 60
KEY_LENGTH_MIN = 8  # what is shorter in a URL is a word like `mainnet`
HEADERS_PER_REQUEST = 100
BLOCKS_PER_REQUEST = 2_000


class Refused(Exception):
    """The node answered with an error; a smaller request may succeed."""


class Node:
    """An Ethereum JSON-RPC node that the auditor trusts."""

    def __init__(self, url: str) -> None:
        if url.startswith("env:"):
            url = os.environ.get(url[4:], "")
        try:
            parts = urllib.parse.urlsplit(url)
        except ValueError:
            raise BadInput("--rpc: not a URL") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput("--rpc: not an http or https URL")
        self.url = url
        self.name = f"the node at {parts.hostname}"  # not the path: it may hold a key
        words = [parts.username, parts.password, *re.split("[/&=]", f"{parts.path}&{parts.query}")]
        found = {one for word in words if word for one in (word, urllib.parse.unquote(word))}
        self.keys = sorted((one for one in found if len(one) >= KEY_LENGTH_MIN), key=len)

    def ask(self, method: str, *params: object) -> Any:  # noqa: ANN401
        """Make one call."""
        return self._result(self._post(_request(0, method, params)))

    def ask_many(self, method: str, many: Sequence[Sequence[object]]) -> list[Any]:
        """Make one call for each tuple of parameters, in one request."""
        if len(many) == 1:
            return [self.ask(method, *many[0])]
        answers = self._post([_request(i, method, params) for i, params in enumerate(many)])
        if not isinstance(answers, list):
            return [self._result(answers)]  # one error for the whole batch: raises Refused
        by_id = {str(answer.get("id")): answer for answer in answers if isinstance(answer, dict)}
        return [self._result(by_id.get(str(i))) for i in range(len(many))]

    def _post(self, body: object) -> Any:  # noqa: ANN401
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        try:
            request = urllib.request.Request(self.url, data, headers)  # noqa: S310 - checked above
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            raise Refused(f"HTTP status {error.code}") from None
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            raise Unavailable(f"{self.name} did not answer: {self._told(error)}") from None

    def _told(self, said: object) -> str:
        """Repeat what was said, with stars for what may be a key in the URL."""
        pattern = "|".join(map(re.escape, reversed(self.keys)))
        return re.sub(pattern, "***", str(said), flags=re.IGNORECASE) if pattern else str(said)

    def _result(self, answer: object) -> Any:  # noqa: ANN401
        if isinstance(answer, dict) and "result" in answer:
            return answer["result"]
        error = answer.get("error") if isinstance(answer, dict) else answer
        raise Refused(self._told(spell(json.dumps(error))))

    def headers(self, start: int, end: int) -> list[Header]:
        """Give the headers of the blocks [start, end), as the node tells them."""
        params = [(hex(number), False) for number in range(start, end)]
        headers = []
        answers = self.ask_many("eth_getBlockByNumber", params)
        for number, header in zip(range(start, end), answers, strict=True):
            if header is None:
                raise Unavailable(f"{self.name} has no block {number}")
            try:
                names = ("hash", "parentHash", "receiptsRoot")
                digest, parent, root = (bytes.fromhex(header[name][2:]) for name in names)
                block = Block(number, digest, int(header["timestamp"], 16))
                bloom = int(header["logsBloom"], 16)
            except (KeyError, TypeError, ValueError):
                raise Unavailable(f"{self.name} gave block {number} in another form") from None
            headers.append(Header(f"the node's block {number}", block, parent, root, bloom, ""))
        return headers

    def block_at(self, number: int) -> Block:
        """Give one block."""
        return next(in_pieces(number, number + 1, 1, self.headers)).block

    def facts(
        self, start: int, contracts: dict[str, bytes], events: tuple[str, ...] = EVENTS
    ) -> tuple[list[Fact], Block]:
        """Give all facts from a block on, in chain order, and the head they are known up to."""
        criteria = {
            "address": [hex0x(address) for address in contracts.values()],
            "topics": [[hex0x(event.topic0) for event in declared(events)]],
        }

        def fetch(start: int, end: int) -> list[Log]:
            span = {"fromBlock": hex(start), "toBlock": hex(end - 1)}
            try:
                entries = self.ask("eth_getLogs", criteria | span)
                return [_log_from_node(entry) for entry in entries]
            except (KeyError, TypeError, ValueError):
                raise Unavailable(f"{self.name} gave a log in another form") from None

        head = self.number("eth_blockNumber")
        logs = sorted(
            in_pieces(start, head + 1, BLOCKS_PER_REQUEST, fetch), key=lambda log: log.position
        )
        decoded = [decode_log(log, contracts, events) for log in logs]
        return [fact for fact in decoded if fact is not None], self.block_at(head)

    def number(self, method: str) -> int:
        """Ask for a number."""
        try:
            return int(self.ask(method), 16)
        except (Refused, TypeError, ValueError) as error:
            raise Unavailable(f"{self.name} did not answer {method}: {self._told(error)}") from None

    def receipts(self, number: int) -> list[dict[str, Any]]:
        """Give all receipts of a block, one by one where the node knows no other way."""
        try:
            receipts = self.ask("eth_getBlockReceipts", hex(number))
        except Refused:
            block = self.ask("eth_getBlockByNumber", hex(number), False)
            each = [[digest] for digest in block["transactions"]]
            receipts = self.ask_many("eth_getTransactionReceipt", each) if each else []
        return list(receipts)


def _request(number: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _log_from_node(entry: dict[str, Any]) -> Log:
    number, index = int(entry["blockNumber"], 16), int(entry["logIndex"], 16)
    return Log(
        place=f"the node's log {index} of block {number}",
        block_number=number,
        block_hash=bytes.fromhex(entry["blockHash"][2:]),
        log_index=index,
        address=bytes.fromhex(entry["address"][2:]),
        topics=tuple(bytes.fromhex(topic[2:]) for topic in entry["topics"]),
        data=bytes.fromhex(entry["data"][2:]),
    )


def in_pieces(
    start: int, end: int, size: int, fetch: Callable[[int, int], list[Item]]
) -> Iterator[Item]:
    """Fetch [start, end) piece by piece; what the node refuses is asked again in halves."""
    is_shown = end - start > size and sys.stderr.isatty()
    while start < end:
        stop = min(start + size, end)
        try:
            yield from fetch(start, stop)
        except Refused as error:
            if stop - start == 1:
                raise Unavailable(f"the node refused block {start}: {error}") from None
            size = (stop - start) >> 1
            continue
        start = stop
        if is_shown:
            print(f"\r  read up to block {stop - 1} of {end - 1}", end="", file=sys.stderr)
    if is_shown:
        print(file=sys.stderr)


class Seen(NamedTuple):
    """A block of the node's chain, and whether it can have a log of the settlement."""

    block: Block
    receipts_root: bytes
    is_possible: bool


def read_chain(node: Node, inputs: Inputs) -> list[Seen]:
    """Give all blocks of the node's chain from the start block to the reference block."""
    seen: list[Seen] = []
    wanted, end = settlement_filter(inputs.contracts), inputs.reference.number + 1
    for header in in_pieces(inputs.start_block, end, HEADERS_PER_REQUEST, node.headers):
        if seen and header.parent != seen[-1].block.hash:
            number = header.block.number
            raise Unavailable(f"{node.name} changed its chain at block {number}; try again")
        seen.append(Seen(header.block, header.receipts_root, may_hold(header.bloom, wanted)))
    return seen


def check_chain_id(node: Node, place: str, chain_id: int) -> None:
    """The node is one of the settlement's chain."""
    expect(place, node.number("eth_chainId"), chain_id)


def check_on_chain(outcome: Outcome, bundle: Bundle, node: Node) -> "Commitment | None":
    """Check a bundle against a node; give the commitment of its attempt, if there is one."""
    inputs = bundle.inputs
    check_chain_id(node, "manifest.json settlement chain_id", inputs.chain_id)
    check_border_blocks(node, inputs)
    seen = read_chain(node, inputs)
    check_listed_blocks(seen, inputs)
    facts, head = node.facts(inputs.start_block, inputs.contracts)
    check_logs(facts, inputs)
    previous, _ = certificate_before(seen, facts, inputs)
    named = bundle.manifest["completeness"]["previous"]
    expect("manifest.json completeness previous", hex0x(previous), named)
    check_receipts(node, facts, bundle.certified(), inputs)
    check_settlement(facts, inputs)
    before = standing(facts, inputs.epoch - 1, head)
    if before is not None:
        place = "manifest.json previous_manifest_digest"
        expect(place, before.fact["manifestDigest"], inputs.previous)
    commitment = commitment_of(facts, inputs.epoch, inputs.attempt, head)
    check_commitment(commitment, outcome, bundle.manifest_digest, inputs)
    return commitment


def check_border_blocks(node: Node, inputs: Inputs) -> None:
    """Boundary and reference block are on the chain, and the block after each is too late."""
    for name, claimed, limit in (
        ("boundary_block", inputs.boundary, inputs.end),
        ("reference_block", inputs.reference, inputs.end + inputs.clock.grace),
    ):
        pair = in_pieces(claimed.number, claimed.number + 2, 1, node.headers)
        block, following = (header.block for header in pair)
        expect(f"manifest.json {name}", block, claimed)
        if following.timestamp < limit:
            expected = f"the last block before time {limit}"
            raise Difference(f"manifest.json {name}", expected, f"one before {spell(following)}")


def check_listed_blocks(seen: Sequence[Seen], inputs: Inputs) -> None:
    """Every block of blocks.jsonl is on the chain; the last one before the epoch is listed.

    Those of headers.jsonl are: they link to the reference block, which the node has too.
    """
    listed, before = dict(inputs.blocks), None
    for block, _, _ in seen:
        if block.number in listed:
            expect(f"blocks.jsonl, block {block.number}", block, listed.pop(block.number))
        if block.timestamp < inputs.start:
            before = block
    expect("blocks.jsonl, blocks before the start block", [], list(listed))
    if before is not None and before.number not in inputs.blocks:
        raise Difference("blocks.jsonl", f"block {before.number}, last before the epoch", "none")


def certificate_before(
    seen: Sequence[Seen], facts: Sequence[Fact], inputs: Inputs
) -> tuple[bytes, int]:
    """Compute the certificates of all epochs before; give the last one's digest, and its end.

    The end is the index in `seen` of the first block that this epoch's own certificate is about.
    Blooms of those epochs are the node's word.
    """
    digest, first, clock = ZERO32, 0, inputs.clock
    for epoch in range((seen[0].block.timestamp - clock.genesis) // clock.length, inputs.epoch):
        limit, end = clock.genesis + (epoch + 1) * clock.length + clock.grace, first
        while end < len(seen) and seen[end].block.timestamp < limit:
            end += 1
        level = "receipts"
        for change in select(facts, "ParametersSet"):
            is_known = change.log.block_number <= seen[end - 1].block.number
            if is_known and change["effectiveEpoch"] <= epoch:
                place = f"{change.log.place}, parameters"
                level = completeness_level(parse(change["parameters"], place), place)
        claims = [
            (one.block.hash, claim_at(level, is_possible=one.is_possible))
            for one in seen[first:end]
        ]
        blocks = range(inputs.start_block + first, inputs.start_block + end)
        digest, first = certificate_digest(inputs, level, blocks, claims, digest), end
    return digest, first


def check_receipts(
    node: Node, facts: Sequence[Fact], certified: Iterable[Header], inputs: Inputs
) -> None:
    """Blocks claimed to be proved are: their receipts give the root in the header, and the logs.

    So the node cannot have kept a log of theirs back. Blocks claimed to be empty have none.
    """
    by_block: dict[int, list[tuple[int, ReceiptLog]]] = defaultdict(list)
    for log in (fact.log for fact in facts):
        found = ReceiptLog(log.address, log.topics, log.data)
        by_block[log.block_number].append((log.log_index, found))
    topics = {event.topic0 for event in declared(EVENTS)}
    addresses = set(inputs.contracts.values())
    for header in certified:
        number = header.block.number
        place = f"the node's logs of block {number}"
        if header.claim == "empty":
            expect(f"{place}, which is claimed to be empty", [], by_block[number])
        elif header.claim == "proved":
            in_receipts = check_receipts_root(node, header)
            held = [
                (index, log)
                for index, log in enumerate(in_receipts)
                if log.address in addresses and log.topics[:1] and log.topics[0] in topics
            ]
            expect(f"{place}, by its receipts", held, by_block[number])


def check_receipts_root(node: Node, header: Header) -> list[ReceiptLog]:
    """Rebuild the root of all receipts of a block; give the logs in them, in order."""
    number = header.block.number
    try:
        receipts = node.receipts(number)
        root = trie_root([encode_receipt(receipt) for receipt in receipts])
        logs = [log for receipt in receipts for log in logs_of_receipt(receipt)]
    except Refused as error:
        raise Unavailable(f"{node.name} refused the receipts of block {number}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        form = f"{node.name} gave the receipts of block {number} in another form"
        raise Unavailable(form) from None
    expect(f"the node's receipts of block {number}, their root", header.receipts_root, root)
    return logs


def check_logs(facts: Sequence[Fact], inputs: Inputs) -> None:
    """logs.jsonl holds exactly the input logs that the chain holds: none missing, none added."""
    chain = [fact.log for fact in facts if is_input(fact, inputs)]
    for real, log in zip(chain, inputs.logs, strict=False):
        expect(f"{log.place}, block number and log index", real.position, log.position)
        for key, value in real._asdict().items():
            if key != "place":
                expect(f"{log.place} {key}", value, getattr(log, key))
    expect("logs.jsonl, number of logs", len(chain), len(inputs.logs))


def check_settlement(facts: Sequence[Fact], inputs: Inputs) -> None:
    """EpochPayouts was started with this clock and this registry."""
    started = [(fact["clock"], fact["registry"]) for fact in select(facts, "SettlementStarted")]
    expected = [(inputs.contracts["EpochClock"], inputs.contracts["WorkRegistry"])]
    expect("clock and registry that EpochPayouts started with", expected, started)


class Commitment(NamedTuple):
    """What was committed, and whether it is pending, active or vetoed at the node's head."""

    fact: Fact
    status: str


def commitment_of(
    facts: Sequence[Fact], epoch: int, attempt: int, head: Block
) -> Commitment | None:
    """Give the commitment of an attempt at an epoch."""
    vetoed = {(fact["epoch"], fact["attempt"]) for fact in select(facts, "EpochVetoed")}
    for fact in select(facts, "EpochCommitted"):
        if (fact["epoch"], fact["attempt"]) == (epoch, attempt):
            status = "active" if head.timestamp >= fact["activeAt"] else "pending"
            return Commitment(fact, "vetoed" if (epoch, attempt) in vetoed else status)
    return None


def attempts_vetoed(facts: Sequence[Fact], epoch: int) -> int:
    """Count the vetoes against an epoch."""
    return sum(fact["epoch"] == epoch for fact in select(facts, "EpochVetoed"))


def standing(facts: Sequence[Fact], epoch: int, head: Block) -> Commitment | None:
    """Give the commitment of an epoch that was not vetoed."""
    return commitment_of(facts, epoch, attempts_vetoed(facts, epoch) + 1, head)


def check_commitment(
    commitment: Commitment | None, outcome: Outcome, manifest_digest: bytes, inputs: Inputs
) -> None:
    """A commitment of this attempt holds what was recomputed."""
    if commitment is None:
        return
    place, fact = (
        f"EpochCommitted of epoch {inputs.epoch}, attempt {inputs.attempt},",
        commitment[0],
    )
    expect(f"{place} root", outcome.root, fact["root"])
    totals = [tuple(term.values()) for term in outcome.totals]
    expect(f"{place} totals", totals, fact["totals"])
    expect(f"{place} manifest digest", manifest_digest, fact["manifestDigest"])


# ------------------------------------------------------------- 15. an epoch from a node alone


def read_addresses(path: str, name: str | None) -> Inputs:
    """Read which settlement is meant from an address book; the rest of the inputs is empty."""
    try:
        with open(path, encoding="utf-8") as file:
            book = json.load(file)
        entries = book["settlements"]
        if name is None:
            (name,) = entries
        entry = entries[name]
        contracts = {
            key: bytes_from_hex(entry["contracts"][key].lower(), 20, f"{path} contracts {key}")
            for key in CONTRACTS.split()
        }
        chain_id, start_block = int(book["chain_id"]), int(entry["start_block"])
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        what = "not an address book that holds this settlement, or --name is needed"
        raise BadInput(f"{path}: {what} ({spell(repr(error))})") from None
    if len(set(contracts.values())) != len(contracts):
        raise BadInput(f"{path}: two contracts with one address")
    nothing = Block(0, ZERO32, 0)
    clock = Clock(0, 1, 0)
    return Inputs(
        str(name), chain_id, start_block, contracts, 0, 1, ZERO32, clock, nothing, nothing, {}, []
    )


def read_inputs_from(
    node: Node, settlement: Inputs, epoch: int
) -> tuple[Inputs, list[Seen], list[Fact], Block]:
    """Read the inputs of an epoch from a node, its blocks, all facts, and the node's head."""
    facts, head = node.facts(settlement.start_block, settlement.contracts)
    started = select(facts, "EpochClockStarted")
    try:
        check_chain_id(node, "chain_id", settlement.chain_id)
        expect("number of EpochClockStarted", 1, len(started))
        check_settlement(facts, settlement)
    except Difference as error:  # nothing is said against a commitment
        raise BadInput(f"--settlement: not that of this node's chain: {error}") from None
    clock = Clock(*(started[0][key] for key in ("genesis", "length", "grace")))
    inputs = settlement._replace(epoch=epoch, clock=clock)
    limit = inputs.end + clock.grace
    if head.timestamp < limit:
        when = f"its grace ends at {limit}, and the node's head is at {head.timestamp}"
        raise Unavailable(f"epoch {epoch} is not over: {when}")
    first = node.block_at(settlement.start_block)
    if first.timestamp >= inputs.end:
        raise BadInput(f"--epoch: {epoch} was over before the settlement's start block")
    inputs = inputs._replace(reference=last_before(node, first, head, limit))
    seen = read_chain(node, inputs)
    blocks = {one.block.number: one.block for one in seen}
    logs = [fact.log for fact in facts if is_input(fact, inputs)]
    boundary = max(block for block in blocks.values() if block.timestamp < inputs.end)
    earlier = [block.number for block in blocks.values() if block.timestamp < inputs.start]
    needed = {log.block_number for log in logs} | {boundary.number, inputs.reference.number}
    needed.update(earlier[-1:])
    attempt, previous = attempts_vetoed(facts, epoch) + 1, ZERO32
    if (first.timestamp - clock.genesis) // clock.length < epoch:
        before = standing(facts, epoch - 1, head)
        if before is None:
            raise Unavailable(f"epoch {epoch - 1} is not committed, so {epoch} has no manifest yet")
        previous = before.fact["manifestDigest"]
    listed = {number: block for number, block in blocks.items() if number in needed}
    inputs = inputs._replace(
        attempt=attempt, previous=previous, boundary=boundary, blocks=listed, logs=logs
    )
    return inputs, seen, facts, head


def last_before(node: Node, low: Block, high: Block, limit: int) -> Block:
    """Find the last block before a time by halving; `low` is before it, `high` is not."""
    while high.number - low.number > 1:
        middle = node.block_at((low.number + high.number) >> 1)
        low, high = (middle, high) if middle.timestamp < limit else (low, middle)
    return low


def certify(
    node: Node, level: str, seen: Sequence[Seen], facts: Sequence[Fact], inputs: Inputs
) -> dict[str, str]:
    """Compute the epoch's certificate, as far as its level demands, and check the receipts."""
    previous, first = certificate_before(seen, facts, inputs)
    certified = []
    for block, root, is_possible in seen[first:]:
        claim = claim_at(level, is_possible=is_possible)
        certified.append(Header(f"block {block.number}", block, b"", root, 0, claim))
    check_receipts(node, facts, certified, inputs)
    claims = [(header.block.hash, header.claim) for header in certified]
    blocks = range(inputs.start_block + first, inputs.start_block + first + len(claims))
    digest = certificate_digest(inputs, level, blocks, claims, previous)
    return {"level": level, "digest": hex0x(digest), "previous": hex0x(previous)}


def recompute_from(
    node: Node, settlement: Inputs, epoch: int, helpers: Helpers, report: dict[str, Any]
) -> tuple[Outcome, Inputs]:
    """Recompute an epoch from a node alone, and compare it with its commitment if there is one."""
    inputs, seen, facts, head = read_inputs_from(node, settlement, epoch)
    report |= {"epoch": str(epoch), "attempt": str(inputs.attempt)}
    commitment = commitment_of(facts, epoch, inputs.attempt, head)
    shown = commitment or commitment_of(facts, epoch, inputs.attempt - 1, head)
    report["committed"] = shown and {
        "attempt": str(shown.fact["attempt"]),
        "root": hex0x(shown.fact["root"]),
        "manifest_digest": hex0x(shown.fact["manifestDigest"]),
        "active_at": str(shown.fact["activeAt"]),
        "status": shown.status,
    }
    outcome = recompute(inputs, helpers)
    report |= {"root": hex0x(outcome.root), "totals": totals_records(outcome.totals)}
    named = ("works.jsonl", "splits.jsonl", "quarantine.jsonl")
    files = {name: json_lines(outcome.files[name]()) for name in named}
    digests = manifest_digests(inputs, files, helpers)
    completeness = certify(node, outcome.parameters.completeness, seen, facts, inputs)
    document = manifest_of(outcome, inputs, completeness, digests())
    manifest_digest = keccak256(canonical(document))
    report["manifest_digest"] = hex0x(manifest_digest)
    check_commitment(commitment, outcome, manifest_digest, inputs)
    return outcome, inputs


def json_lines(records: Iterable[dict[str, Any]]) -> bytes:
    """Write a JSON Lines file."""
    return b"".join(canonical(record) + b"\n" for record in records)


# ------------------------------------------------------- 16. payments, one work, one shard

OPERATION_DOMAIN = b"quittance.operation.v1"
WITHDRAW = b"WITHDRAW"


def operation_ids(leaves: Sequence[Leaf], inputs: Inputs) -> list[bytes]:
    """Give the permanent id of each leaf's payment: of a line in the list that its epoch is."""
    domain, kind = keccak256_many([OPERATION_DOMAIN, WITHDRAW])
    where = (domain, inputs.chain_id, inputs.contracts["EpochPayouts"], kind, inputs.epoch)
    keys = [encode(leaf.work_id, leaf.part, leaf.asset) for leaf in leaves]
    return keccak256_many([encode(*where, line) for line in keccak256_many(keys)])


LINE_EVENTS = {"PayeePaid": "paid", "PayeeUnclaimed": "unclaimed", "PayeeHeld": "held"}
ESCROW_EVENTS = {"EscrowReleased": "released", "EscrowExpired": "expired"}


def check_payments(
    facts: Sequence[Fact], leaves: Sequence[Leaf], inputs: Inputs
) -> dict[bytes, list[str]]:
    """What was paid of these leaves is what they hold; give by op-id the state of every line.

    A line is open, held, paid, unclaimed (refused by its payee, and kept for it), released or
    expired (of escrow). Only open and held ones change; LeafWithdrawn sums up what was settled.
    """
    leaf_of = dict(zip(operation_ids(leaves, inputs), leaves, strict=True))
    states = {op_id: ["open"] * len(leaf.lines) for op_id, leaf in leaf_of.items()}
    settled: dict[bytes, int] = defaultdict(int)
    for fact in facts:
        op_id, place = fact["opId"], f"{fact.log.place}, {fact.name}"
        leaf = leaf_of.get(op_id)
        if leaf is None:
            continue
        if fact.name == "LeafWithdrawn":
            found = tuple(fact[key] for key in ("epoch", "workId", "part", "asset"))
            expect(f"{place} leaf", (inputs.epoch, leaf.work_id, leaf.part, leaf.asset), found)
            settled[op_id] -= fact["amount"]
            continue
        index = fact["line"] if fact.name in LINE_EVENTS else 0
        if index >= len(leaf.lines):
            raise Difference(f"{place} line", f"below {len(leaf.lines)}", index)
        payee, amount = leaf.lines[index]
        expect(f"{place} asset and amount", (leaf.asset, amount), (fact["asset"], fact["amount"]))
        if states[op_id][index] not in ("open", "held"):
            raise Difference(place, "a line that is open", f"one that is {states[op_id][index]}")
        if fact.name in LINE_EVENTS:
            expect(f"{place} payee", payee, fact["payee"])
            states[op_id][index] = LINE_EVENTS[fact.name]
            settled[op_id] += 0 if fact.name == "PayeeHeld" else amount
        else:
            expect(f"{place} leaf", (inputs.epoch, leaf.work_id), (fact["epoch"], fact["escrowId"]))
            states[op_id][index] = ESCROW_EVENTS[fact.name]
    for op_id, amount in settled.items():
        expect(f"LeafWithdrawn of {hex0x(op_id)}, sum less that of its lines", 0, amount)
    return states


def read_payments(node: Node, inputs: Inputs) -> list[Fact]:
    """Read what happened to leaves from the reference block on; those of this epoch are known."""
    facts, _ = node.facts(inputs.reference.number, inputs.contracts, PAYMENT_EVENTS)
    return facts


def check_no_other_payments(facts: Sequence[Fact], leaves: Sequence[Leaf], inputs: Inputs) -> None:
    """No payment names this epoch and a leaf that it does not have."""
    known = set(operation_ids(leaves, inputs))
    for fact in facts:
        names_epoch = fact.name not in LINE_EVENTS and fact["epoch"] == inputs.epoch
        if names_epoch and fact["opId"] not in known:
            place = f"{fact.log.place}, {fact.name} opId"
            raise Difference(place, f"that of a leaf of epoch {inputs.epoch}", fact["opId"])


def verify_allocations(bundle: Bundle, part: Judged, subscribers: set[bytes]) -> list[Allocation]:
    """Recompute the lines of allocations.jsonl of these subscribers."""
    fees, file = part.gathered.fees, bundle.files["allocations.jsonl"]
    chosen = {key: fee for key, fee in fees.items() if key[0] in subscribers}
    allocations = list(allocate(chosen, part.usage))
    expect(f"{file.name}, number of lines", len(fees), file.line_count())
    lines = zip(fees, file.lines(), strict=True)
    listed = (line for key, line in lines if key in chosen)
    for (place, line), record in zip(listed, allocation_lines(allocations), strict=True):
        compare(place, record, parse(line, place))
    return allocations


def verify_shard(bundle: Bundle, shard: int, shards: int) -> dict[str, Any]:
    """Recompute the shares of one of N shards of the subscribers, by ascending address.

    The sums over all N shards are those of the file: one shard begins where another ends.
    """
    part = judge(bundle.inputs)
    subscribers = sorted({subscriber for subscriber, _ in part.gathered.fees})
    first, end = (len(subscribers) * number // shards for number in (shard - 1, shard))
    allocations = verify_allocations(bundle, part, set(subscribers[first:end]))
    sums = []
    for asset in sorted({asset for _, asset in part.gathered.fees}):
        own = [each for each in allocations if each.asset == asset]
        total = {
            "fee": sum(each.fee for each in own),
            "charged": sum(sum(each.charged) for each in own),
            "credited": sum(sum(each.credited) for each in own),
            "unallocated": sum(each.unallocated for each in own),
        }
        sums.append({"asset": eip55(asset)} | {key: str(value) for key, value in total.items()})
    return {"shard": f"{shard}/{shards}", "subscribers": str(end - first), "sums": sums}


def verify_work(bundle: Bundle, work_id: bytes) -> tuple[list[Leaf], dict[str, Any]]:
    """Recompute what one work got: shares, split, leaves and their proofs.

    A recognised work shares its escrow leaf with all works of its content.
    """
    inputs, part = bundle.inputs, judge(bundle.inputs)
    work = part.registry.works.get(work_id)
    if work is None:
        raise BadInput(f"--work: {hex0x(work_id)} is not registered in epoch {inputs.epoch}")
    ids = {work_id, tagged_id(SUSPENSE, work_id)}
    works = {work_id}
    if not parties(work.terms):
        content = work.terms["contentId"]
        works = {
            one
            for one, other in part.registry.works.items()
            if other.terms["contentId"] == content and not parties(other.terms)
        }
        ids.add(escrow_ids(part.registry.works)[content])
    users = part.usage.users_of(works)
    allocations = [only_of(works, each) for each in verify_allocations(bundle, part, users)]
    sums = Sums()
    for each in allocations:
        sums.add(each)
    leaves = sorted(split_works(sums.earned, part.registry)[0])
    records, proofs = verify_leaves(bundle, leaves, ids)
    for record, op_id, proof in zip(records, operation_ids(leaves, inputs), proofs, strict=True):
        record |= {"op_id": hex0x(op_id), "proof": [hex0x(node) for node in proof]}
    credited = [
        {
            "asset": eip55(each.asset),
            "credited": str(sum(each.credited)),
            "subscriber": eip55(each.subscriber),
        }
        for each in allocations
    ]
    return leaves, {"work": hex0x(work_id), "credited": credited, "leaves": records}


def only_of(works: set[bytes], each: Allocation) -> Allocation:
    """Keep the rows of these works."""
    kept = [
        (row, amount)
        for row, amount in zip(each.rows, each.credited, strict=True)
        if row.work_id in works
    ]
    return each._replace(rows=[row for row, _ in kept], credited=[amount for _, amount in kept])


def verify_leaves(
    bundle: Bundle, leaves: Sequence[Leaf], ids: set[bytes]
) -> tuple[list[dict[str, Any]], list[list[bytes]]]:
    """The leaves of these ids are the recomputed ones, and proved by the manifest's root.

    Of all other leaves the listed hash is taken: a wrong one gives another root.
    """
    splits = keccak256_many(encoded_splits(leaves))
    hashes = leaf_hashes(leaves, splits, bundle.inputs, Helpers(1))
    expected = list(leaf_lines(leaves, splits, hashes))
    spelled, own, listed = {hex0x(one) for one in ids}, [], []
    for place, line in bundle.files["leaves.jsonl"].lines():
        record = Record(parse(line, place), place, LEAF)
        listed.append(record.data("leaf", 32))
        if record.text("work_id") in spelled:
            own.append(record)
    for wanted, found in zip(expected, own, strict=False):
        compare(found.place, wanted, found.value)
    expect("leaves.jsonl, number of leaves of the work", len(expected), len(own))
    heap = tree_heap(listed)
    tree = Record(bundle.manifest["tree"], "manifest.json tree", "profile leaf_count root")
    root = tree.data("root", 32)
    expect("manifest.json tree root", heap[0] if heap else ZERO32, root)
    proofs = [proof_of(heap, leaf) for leaf in hashes]
    for leaf, proof in zip(hashes, proofs, strict=True):
        expect("Merkle proof, its root", root, functools.reduce(hash_pair, proof, leaf))
    return expected, proofs


# --------------------------------------------------------------------------------- 17. main

NOTES = {
    None: "not checked: that headers and logs are the chain's (give --rpc URL)",
    "equal": "chain: inputs are complete; this root, manifest and totals are committed",
    "vetoed": "chain: inputs are complete; this root was committed and then VETOED",
    "absent": "chain: inputs are complete; this epoch and attempt are not committed yet",
}
IN_PART = "in part: this does not bind logs.jsonl to the manifest, as a run without {} does"
LARGE_BYTES = 4_000_000


def spell_claims(bundle: Bundle) -> str:
    """Tell how many blocks are claimed to be what."""
    claims = [claim for _, claim in bundle.claims()]
    counts = [f"{claims.count(claim)} {claim}" for claim in CLAIMS if claim in claims]
    return f"{len(claims)} blocks, {', '.join(counts) or 'none'}"


def summary(outcome: Outcome, inputs: Inputs, middle: str, last: Sequence[str]) -> str:
    """Tell a person what was recomputed."""
    lines = [
        f"OK  epoch {inputs.epoch}, attempt {inputs.attempt}, of settlement "
        f"{inputs.name!a} on chain {inputs.chain_id}",
        f"  EpochPayouts     {eip55(inputs.contracts['EpochPayouts'])}",
        f"  start block      {inputs.start_block}",
        f"  inputs           {len(inputs.logs)} logs",
        f"  completeness     {outcome.parameters.completeness}{middle}",
        f"  subscribers      {outcome.subscribers}",
        f"  works in force   {outcome.works}",
        f"  split accounts   {outcome.splits}",
        f"  quarantined      {outcome.quarantined}",
        f"  leaves           {len(outcome.leaves)}",
    ]
    for term in outcome.totals:
        lines.append(f"  asset            {eip55(term['asset'])}")
        for key in ("paid_in", "allocated", "fees", "escrow", "unallocated"):
            lines.append(f"    {key:<14} {term[key]}")
    return "\n".join([*lines, f"  root             {hex0x(outcome.root)}", *last])


def run_bundle(arguments: argparse.Namespace, report: dict[str, Any]) -> str:
    """Verify a whole bundle, with --rpc also against the chain."""
    bundle = read_bundle(arguments.bundle)
    node = arguments.rpc and Node(arguments.rpc)
    inputs = bundle.inputs
    report |= {"epoch": inputs.epoch, "manifest_digest": hex0x(bundle.manifest_digest)}
    paths = (os.path.join(arguments.bundle, name) for name in FILES.split())
    is_large = sum(map(os.path.getsize, paths)) > LARGE_BYTES
    workers = arguments.workers or (is_large and os.cpu_count()) or 1
    with Helpers(workers) as helpers:
        outcome = verify(bundle, helpers)
    report["root"] = hex0x(outcome.root)
    last = [f"  manifest digest  {hex0x(bundle.manifest_digest)}"]
    if node:
        commitment = check_on_chain(outcome, bundle, node)
        equal = {None: "absent", "vetoed": "vetoed"}
        report["commitment"] = equal.get(commitment and commitment.status, "equal")
        report["rpc"] = "checked"
        if report["commitment"] == "equal":
            facts = read_payments(node, inputs)
            check_no_other_payments(facts, outcome.leaves, inputs)
            states = check_payments(facts, outcome.leaves, inputs)
            report["payments"] = count(state for lines in states.values() for state in lines)
            shown = ", ".join(f"{number} {state}" for state, number in report["payments"].items())
            last.append(f"  lines of leaves  {shown or 'none'}")
    last.append(f"  {NOTES[report['commitment']]}")
    return summary(outcome, inputs, f": {spell_claims(bundle)}", last)


def count(states: Iterable[str]) -> dict[str, int]:
    """Count equal words."""
    counts: dict[str, int] = defaultdict(int)
    for state in states:
        counts[state] += 1
    return dict(sorted(counts.items()))


def run_chain(arguments: argparse.Namespace, report: dict[str, Any]) -> str:
    """Recompute an epoch from a node alone."""
    settlement, node = read_addresses(arguments.settlement, arguments.name), Node(arguments.rpc)
    with Helpers(arguments.workers or os.cpu_count() or 1) as helpers:
        outcome, inputs = recompute_from(node, settlement, arguments.epoch, helpers, report)
    committed = report["committed"]
    status = "not committed yet" if committed is None else f"committed, {committed['status']}"
    last = [f"  manifest digest  {report['manifest_digest']}", f"  chain: {status}"]
    return summary(outcome, inputs, "", last)


def run_work(arguments: argparse.Namespace, report: dict[str, Any]) -> str:
    """Verify what one work got; with --rpc also that its root is committed, and what was paid."""
    bundle = read_bundle(arguments.bundle)
    inputs, node = bundle.inputs, arguments.rpc and Node(arguments.rpc)
    work_id = bytes_from_hex(arguments.work, 32, "--work")
    leaves, found = verify_work(bundle, work_id)
    report |= {"epoch": inputs.epoch, **found}
    states = [["unknown"] * len(leaf.lines) for leaf in leaves]
    if node:
        check_chain_id(node, "manifest.json settlement chain_id", inputs.chain_id)
        facts, head = node.facts(inputs.reference.number, inputs.contracts)
        commitment = commitment_of(facts, inputs.epoch, inputs.attempt, head)
        status = commitment.status if commitment else "not committed"
        report["commitment"] = status
        if commitment:
            place = f"EpochCommitted of epoch {inputs.epoch}, manifest digest"
            expect(place, commitment.fact["manifestDigest"], bundle.manifest_digest)
        if status in ("pending", "active"):
            states = list(check_payments(read_payments(node, inputs), leaves, inputs).values())
    for record, lines in zip(report["leaves"], states, strict=True):
        record["states"] = lines
    text = [f"OK  work {arguments.work} in epoch {inputs.epoch}, attempt {inputs.attempt}"]
    text += [
        f"  {one['credited']:>24} of {one['asset']} from {one['subscriber']}"
        for one in report["credited"]
    ]
    for record in report["leaves"]:
        text.append(f"  leaf {record['leaf']}, id {record['work_id']}, part {record['part']}")
        text.append(f"    operation {record['op_id']}, proof of {len(record['proof'])} hashes")
        for (payee, amount), state in zip(record["lines"], record["states"], strict=True):
            text.append(f"    {amount:>24} of {record['asset']} to {payee}: {state}")
    text.append(f"  chain: {report['commitment'] or 'not asked'}")
    return "\n".join([*text, f"  {IN_PART.format('--work')}"])


def run_shard(arguments: argparse.Namespace, report: dict[str, Any]) -> str:
    """Verify the shares of one shard of the subscribers."""
    found = re.fullmatch("([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", arguments.shard)
    if not found or int(found[1]) > int(found[2]):
        raise BadInput("--shard: not I/N with I from 1 to N")
    bundle = read_bundle(arguments.bundle)
    report |= {"epoch": bundle.inputs.epoch}
    report |= verify_shard(bundle, int(found[1]), int(found[2]))
    text = [f"OK  shard {report['shard']} of epoch {bundle.inputs.epoch}"]
    text.append(f"  subscribers      {report['subscribers']}")
    for total in report["sums"]:
        text.append(f"  asset            {total['asset']}")
        text += [f"    {key:<14} {value}" for key, value in total.items() if key != "asset"]
    return "\n".join([*text, "  " + IN_PART.format("--shard")])


MODES: dict[str, tuple[Callable[[argparse.Namespace, dict[str, Any]], str], str]] = {
    "bundle": (run_bundle, "epoch manifest_digest root rpc commitment payments"),
    "chain": (run_chain, "epoch attempt root manifest_digest totals committed"),
    "work": (run_work, "epoch work credited leaves commitment"),
    "shard": (run_shard, "epoch shard subscribers sums"),
}
"""What is run, and what its report names besides the result; null where it did not get there."""


def read_arguments(words: Sequence[str] | None) -> tuple[str, argparse.Namespace]:
    """Read the command line; give the mode and the arguments."""
    parser = argparse.ArgumentParser(
        description="Recompute one epoch of a Quittance settlement from its public bundle, or "
        "from a node alone.",
        epilog="Exit code: 0 all agrees, 1 a difference, 2 bad input, 3 the node was unavailable. "
        "Without --rpc, whether the bundle's logs are complete and real is not checked.",
    )
    add = parser.add_argument
    add("bundle", metavar="BUNDLE", nargs="?", help="directory with manifest.json and the rest")
    add("--rpc", metavar="URL", help="ask this Ethereum node; env:NAME takes the URL from there")
    add("--settlement", metavar="FILE", help="no bundle: the settlement of this address book")
    add("--name", help="which settlement of the address book")
    add("--epoch", type=int, metavar="N", help="no bundle: this epoch")
    add("--work", metavar="ID", help="only what concerns this work")
    add("--shard", metavar="I/N", help="only the shares of the I-th of N parts of the subscribers")
    add("--workers", type=int, metavar="N", help="processes that hash (the number of cores)")
    add("--json", action="store_true", help="print one JSON object")
    found = parser.parse_args(words)
    given = {key for key, value in vars(found).items() if value is not None and value is not False}
    mode = "chain" if "settlement" in given else "bundle"
    mode = next((one for one in ("work", "shard") if one in given), mode)
    needed = {"chain": {"settlement", "rpc", "epoch"}}.get(mode, {"bundle"} | {mode})
    allowed = {
        "chain": {"name", "workers"},
        "bundle": {"rpc", "workers"},
        "work": {"rpc"},
        "shard": set(),
    }[mode]
    wrong = (needed - given) | (given - needed - allowed - {"json"})
    if wrong or found.workers == 0 or min(found.workers or 1, found.epoch or 0) < 0:
        parser.error(f"these options do not go together, or lack one: {', '.join(sorted(wrong))}")
    return mode, found


def main(words: Sequence[str] | None = None) -> int:
    """Verify, print the outcome, and give the exit code."""
    mode, arguments = read_arguments(words)
    run, keys = MODES[mode]
    report: dict[str, Any] = dict.fromkeys(keys.split())
    code, text = 0, "OK"
    try:
        text = run(arguments, report)
    except Difference as difference:
        code, text = 1, str(difference)
    except BadInput as error:
        code, text = 2, str(error)
    except Unavailable as error:
        code, text = 3, str(error)
    if mode == "chain":
        report |= {"is_ok": code == 0, "difference": text if code == 1 else None}
    if arguments.json:
        result = text if code else "OK"
        print(json.dumps({"result": result, **report}, sort_keys=True))
    else:
        print(text, file=sys.stderr if code > 1 else sys.stdout)
    return code


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main())
