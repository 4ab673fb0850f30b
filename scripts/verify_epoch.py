"""Recompute one epoch of a Quittance settlement from its public bundle, trusting nothing else.

    python3 -I -S verify_epoch.py BUNDLE [--rpc URL] [--json]

One file, the standard library, integers only. It shares no code with the engine; read it from top
to bottom, in the order of the argument:

    1 outcomes     2 keccak-256       3 JSON          4 ABI and events    5 the bundle's files
    6 time         7 what was in force                8 usage rows        9 shares of each fee
    10 splits, leaves, tree           11 completeness                     12 totals and manifest
    13 receipts and their trie        14 the chain (--rpc)                15 main

Without --rpc this shows that the manifest follows from logs.jsonl by the published rules, and that
blocks without logs have none by the bloom filters of their headers. Whether the headers are the
chain's, and the logs of the other blocks all there and real, only a node can say: --rpc asks yours,
and rebuilds the receipts root of every block that is claimed to be proved. In both cases compare
the contract addresses and the start block with the settlement's published addresses: they say
*which* settlement this is. Offline, nothing shows that `previous_manifest_digest`, `attempt`,
`settlement.name` and the certificate of the epoch before are right; a commitment on chain binds
them through the manifest digest, and --rpc computes the certificates of all epochs before again.

Exit code: 0 everything agrees, 1 a difference (the first one is printed), 2 the input cannot be
read (file and field are printed), 3 the node was unavailable.
"""

import argparse
import functools
import itertools
import json
import os
import re
import struct
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.client import HTTPException
from typing import Any, NamedTuple, TypeVar

# ------------------------------------------------------------------------------- 1. outcomes


class Difference(Exception):
    """A check failed: exit 1."""

    def __init__(self, place: str, expected: object, found: object) -> None:
        super().__init__(f"{place}: expected {spell(expected)}, found {spell(found)}")


class BadInput(Exception):
    """Something cannot be read as what it must be: exit 2."""


class Unavailable(Exception):
    """The node did not answer, or cannot answer this: exit 3."""


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


# ----------------------------------------------------------------------------- 2. keccak-256
#
# FIPS 202's permutation with the original padding (0x01), as Ethereum uses it. Each of the 25
# lanes is one Python int. To hash many messages at once, each lane holds the same lane of up to
# SIDE_BY_SIDE messages in slots of 128 bits: 64 bits of lane, 64 bits of room for a rotation.

RATE = 136  # bytes absorbed per permutation: 1600 - 2 * 256 bits
SIDE_BY_SIDE = 32
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


# ----------------------------------------------------------------------------------- 3. JSON
#
# Canonical JSON (RFC 8785) of strings, arrays and objects only; numbers are decimal strings. All
# keys of our documents are ASCII, so sorting by code point is sorting as the RFC asks.

KINDS: dict[type, str] = {dict: "an object", list: "an array", str: "a string"}


def canonical(value: object) -> bytes:
    """Serialise: keys sorted, no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def parse(data: bytes, place: str) -> Any:  # noqa: ANN401
    """Read JSON and require its canonical spelling (which also refuses a key given twice)."""
    try:
        value = json.loads(data.decode("utf-8"))
        _refuse_other_kinds(value, place)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place}: not JSON in UTF-8 ({error})") from None
    if canonical(value) != data:
        raise Difference(place, "canonical JSON (RFC 8785)", "another spelling of the same value")
    return value


def _refuse_other_kinds(value: object, place: str) -> None:
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            _refuse_other_kinds(member, f"{place} {key}")
    elif not isinstance(value, str):
        raise BadInput(f"{place}: {json.dumps(value)} is not a string, an array or an object")


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
    if not re.fullmatch("0x([0-9a-f]{2})*", text):
        raise BadInput(f"{place}: {text[:80]!r} is not 0x and lower-case hexadecimal bytes")
    if length is not None and len(text) != 2 + 2 * length:
        raise BadInput(f"{place}: {(len(text) - 2) >> 1} bytes where {length} are needed")
    return bytes.fromhex(text[2:])


def hex0x(value: bytes) -> str:
    """Spell bytes as 0x and lower-case hexadecimal."""
    return "0x" + value.hex()


@functools.cache
def eip55(address: bytes) -> str:
    """Spell an address: a letter is a capital where the hash of the spelling has a digit >= 8."""
    digits = address.hex()
    signs = keccak256(digits.encode()).hex()[:40]
    pairs = zip(digits, signs, strict=True)
    return "0x" + "".join(digit.upper() if sign >= "8" else digit for digit, sign in pairs)


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
    "EpochClock EpochClockStarted(uint64 genesis, uint64 length, uint64 grace)",
    "RulesetParameters ParametersSet(uint64 indexed effectiveEpoch, bytes32 indexed digest, "
    "bytes parameters)",
    "WorkRegistry WorkTermsSet(bytes32 indexed workId, address indexed registrant, "
    "bytes32 indexed contentId, uint64 effectiveEpoch, uint32 version, uint64 pricePpm, "
    "bytes32 regionRule, address[] payees, uint32[] sharesPpm)",
    "WorkRegistry VerdictPlaced(bytes32 indexed workId, bytes32 indexed caseDigest)",
    "WorkRegistry VerdictLifted(bytes32 indexed workId, bytes32 indexed caseDigest)",
    "SubscriptionTiers Subscribed(address indexed subscriber, uint64 indexed epoch, "
    "bytes32 indexed tierId, address payer, address asset, uint256 amount)",
    "EpochPayouts EpochFunded(uint64 indexed epoch, address indexed asset, "
    "address indexed source, uint256 amount)",
    "ConsumptionSubmissions ConsumptionSubmitted(address indexed submitter, "
    "uint64 indexed epoch, bytes32 indexed tierId, uint16 part, bytes32[] workIds, "
    "uint32[] minutesPlayed, uint32[] plays, bytes32[] pseudonyms, bytes32 digest)",
    # The following are no inputs; --rpc reads them.
    "EpochPayouts SettlementStarted(address clock, address registry, uint64 vetoWindow)",
    "EpochPayouts EpochCommitted(uint64 indexed epoch, uint32 indexed attempt, "
    "bytes32 indexed manifestDigest, bytes32 root, uint64 activeAt, uint32 guardianSet, "
    "address[] signers, (address,uint256,uint256,uint256,uint256,uint256,uint256)[] totals)",
    "EpochPayouts EpochVetoed(uint64 indexed epoch, uint32 indexed attempt, "
    "address indexed by, bytes32 reasonDigest)",
)


OTHER_EVENTS = (
    "WorkRegistered(bytes32,address,bytes32)",
    "TierSet(bytes32,address,uint64,uint256)",
    "GuardianSetChanged(uint32,uint32,address[])",
    "LeafWithdrawn(bytes32,uint64,bytes32,uint32,address,uint256)",
    "PayeePaid(bytes32,address,address,uint256,uint32)",
    "PayeeUnclaimed(bytes32,address,address,uint256,uint32)",
    "WithdrawRefused(bytes32,uint64,bytes32,uint32,address,uint8)",
    "UnclaimedWithdrawn(address,address,address,uint256)",
)
"""Events that change no epoch, but are part of what completeness is certified for."""


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


def select(facts: Iterable[Fact], *names: str) -> list[Fact]:
    """Give the facts of these events, in chain order."""
    return [fact for fact in facts if fact.name in names]


@functools.cache
def declared_events() -> tuple[Event, ...]:
    """Read EVENTS; in each, the indexed parameters come first."""
    events = []
    for declaration in EVENTS:
        contract, name, inside = re.fullmatch(r"(\w+) (\w+)\((.*)\)", declaration).groups()  # type: ignore[union-attr]
        words = [parameter.split(" ") for parameter in inside.split(", ")]
        signature = f"{name}({','.join(word[0] for word in words)})"
        indexed = [(word[0], word[-1]) for word in words if "indexed" in word]
        plain = [(word[0], word[-1]) for word in words if "indexed" not in word]
        events.append(Event(contract, name, keccak256(signature.encode()), indexed, plain))
    return tuple(events)


def decode_log(log: Log, contracts: dict[str, bytes]) -> Fact | None:
    """Decode a log, told by address and topic0 together; None if it is no event of ours.

    Strict: only what the Solidity compiler emits for these types is accepted.
    """
    for event in declared_events():
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

FILES = (
    "manifest.json blocks.jsonl headers.jsonl logs.jsonl works.jsonl quarantine.jsonl "
    "allocations.jsonl leaves.jsonl"
)
CONTRACTS = (
    "EpochClock RulesetParameters WorkRegistry SubscriptionTiers ConsumptionSubmissions "
    "EpochPayouts"
)
CLAIMS = {"unproved": 0, "empty": 1, "proved": 2}
ANCHOR = "anchor"
MANIFEST = (
    "format settlement contracts epoch attempt previous_manifest_digest clock boundary_block "
    "reference_block completeness inputs registry_digest ruleset usage_mode totals quarantine tree"
)
ZERO32 = bytes(32)


class Block(NamedTuple):
    """A block of the chain."""

    number: int
    hash: bytes
    timestamp: int


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


class Bundle(NamedTuple):
    """The files, read and with their digests checked; the rest is what the manifest claims."""

    contents: dict[str, bytes]
    digests: dict[str, bytes]
    blocks: dict[int, Block]
    headers: list[Header]
    logs: list[Log]
    manifest: dict[str, Any]
    chain_id: int
    start_block: int
    contracts: dict[str, bytes]
    epoch: int
    attempt: int
    clock: Clock
    boundary: Block
    reference: Block

    @property
    def start(self) -> int:
        """The first second of the epoch."""
        return self.clock.genesis + self.epoch * self.clock.length

    @property
    def certified(self) -> list[Header]:
        """The headers that something is claimed of: all but an anchor at the beginning."""
        has_anchor = bool(self.headers) and self.headers[0].claim == ANCHOR
        return self.headers[has_anchor:]

    @property
    def end(self) -> int:
        """The first second after the epoch."""
        return self.start + self.clock.length

    def epoch_of(self, block_number: int) -> int:
        """Give the epoch that a listed block lies in."""
        return (self.blocks[block_number].timestamp - self.clock.genesis) // self.clock.length


def read_bundle(directory: str) -> Bundle:
    """Read every file, and compare its keccak256 with bundle.json."""
    listing = parse(_read(directory, "bundle.json").removesuffix(b"\n"), "bundle.json")
    claims = Record(listing, "bundle.json", "files manifest_digest")
    files = claims.record("files", FILES)
    contents = {name: _read(directory, name) for name in FILES.split()}
    digests = dict(zip(contents, keccak256_many(list(contents.values())), strict=True))
    for name, digest in digests.items():
        expect(f"{name}, keccak256 by bundle.json", files.data(name, 32), digest)
    claimed = claims.data("manifest_digest", 32)
    expect(
        "manifest.json, keccak256 by bundle.json manifest_digest", claimed, digests["manifest.json"]
    )
    top = Record(parse(contents["manifest.json"], "manifest.json"), "manifest.json", MANIFEST)
    top.data("previous_manifest_digest", 32)
    completeness = top.record("completeness", "level digest previous")
    completeness.data("digest", 32)
    completeness.data("previous", 32)
    settlement = top.record("settlement", "name chain_id contract start_block")
    settlement.text("name")
    contracts = {
        name: top.record("contracts", CONTRACTS).address(name) for name in CONTRACTS.split()
    }
    expect("manifest.json contracts, different addresses", 6, len(set(contracts.values())))
    contract = settlement.address("contract")
    expect("manifest.json settlement contract", contracts["EpochPayouts"], contract)
    clock = top.record("clock", "genesis length grace")
    if clock.number("length", 64) == 0:
        raise BadInput("manifest.json clock length: zero")
    return Bundle(
        contents=contents,
        digests=digests,
        blocks=read_blocks(contents["blocks.jsonl"]),
        headers=read_headers(contents["headers.jsonl"]),
        logs=read_logs(contents["logs.jsonl"]),
        manifest=top.value,
        chain_id=settlement.number("chain_id", 256),
        start_block=settlement.number("start_block", 64),
        contracts=contracts,
        epoch=top.number("epoch", 64),
        attempt=top.number("attempt", 32),
        clock=Clock(*(clock.number(key, 64) for key in ("genesis", "length", "grace"))),
        boundary=_block(top.value["boundary_block"], "manifest.json boundary_block"),
        reference=_block(top.value["reference_block"], "manifest.json reference_block"),
    )


def _read(directory: str, name: str) -> bytes:
    try:
        with open(os.path.join(directory, name), "rb") as file:
            return file.read()
    except OSError as error:
        raise BadInput(f"{name}: {error.strerror or error} (in {directory})") from None


def _block(value: object, place: str) -> Block:
    record = Record(value, place, "number hash timestamp")
    number, timestamp = record.number("number", 64), record.number("timestamp", 64)
    return Block(number, record.data("hash", 32), timestamp)


def lines_of(data: bytes, name: str) -> list[tuple[str, bytes]]:
    """Give place and text of each line of a JSON Lines file."""
    *lines, rest = data.split(b"\n")
    if rest:
        raise BadInput(f"{name}: the last line does not end with a newline")
    return [(f"{name} line {number}", line) for number, line in enumerate(lines, start=1)]


def read_blocks(data: bytes) -> dict[int, Block]:
    """Read blocks.jsonl: numbers ascend, and time never goes back."""
    blocks = [_block(parse(line, place), place) for place, line in lines_of(data, "blocks.jsonl")]
    for earlier, later in itertools.pairwise(blocks):
        if later.number <= earlier.number or later.timestamp < earlier.timestamp:
            raise Difference("blocks.jsonl", f"a block later than {spell(earlier)}", later)
    return {block.number: block for block in blocks}


def read_headers(data: bytes) -> list[Header]:
    """Read headers.jsonl; a block's hash is the keccak256 of its header."""
    records = [
        Record(parse(line, place), place, "claim header number")
        for place, line in lines_of(data, "headers.jsonl")
    ]
    hashes = keccak256_many([record.data("header") for record in records])
    return [_header(record, digest) for record, digest in zip(records, hashes, strict=True)]


def _header(record: Record, digest: bytes) -> Header:
    """Read the fields of a header that matter here; forks only append others."""
    place, fields = record.place, rlp_strings(record.data("header"), record.place)
    if len(fields) < 15 or (len(fields[0]), len(fields[5]), len(fields[6])) != (32, 32, 256):
        raise BadInput(f"{place} header: not the fields of a block header")
    number, timestamp = (int.from_bytes(fields[index], "big") for index in (8, 11))
    expect(f"{place} number, by its header", number, record.number("number", 64))
    claim = record.text("claim")
    if claim not in (*CLAIMS, ANCHOR):
        raise BadInput(f"{place} claim: {claim[:80]!a} is none of {', '.join((*CLAIMS, ANCHOR))}")
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


def read_logs(data: bytes) -> list[Log]:
    """Read logs.jsonl: in chain order, no log twice."""
    logs: list[Log] = []
    keys = "address block_hash block_number data log_index topics"
    for place, line in lines_of(data, "logs.jsonl"):
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
        if logs and log.position <= logs[-1].position:
            raise Difference(place, f"a log after {spell(logs[-1].position)}", log.position)
        logs.append(log)
    return logs


def rolling_hash(logs: Sequence[Log]) -> bytes:
    """Chain the digests of all logs in order; each digest covers the log and its block's hash."""
    rolled = ZERO32
    parts = [
        log.block_number.to_bytes(8, "big")
        + log.block_hash
        + log.log_index.to_bytes(4, "big")
        + log.address
        + bytes([len(log.topics)])
        + b"".join(log.topics)
        + len(log.data).to_bytes(4, "big")
        + log.data
        for log in logs
    ]
    for digest in keccak256_many(parts):
        rolled = keccak256(rolled + digest)
    return rolled


def is_input(fact: Fact, bundle: Bundle) -> bool:
    """Tell whether a fact counts for the epoch: it is of the epoch, or in force in it."""
    if fact.log.block_number > bundle.reference.number:
        return False
    if fact.name in ("Subscribed", "EpochFunded", "ConsumptionSubmitted"):
        return bool(fact["epoch"] == bundle.epoch)
    if fact.name in ("ParametersSet", "WorkTermsSet"):
        return bool(fact["effectiveEpoch"] <= bundle.epoch)
    return fact.name in ("EpochClockStarted", "VerdictPlaced", "VerdictLifted")


def decode_inputs(bundle: Bundle) -> list[Fact]:
    """Decode logs.jsonl; nothing in it may be from elsewhere or count for another epoch."""
    facts: list[Fact] = []
    for log in bundle.logs:
        fact = decode_log(log, bundle.contracts)
        if fact is None or not is_input(fact, bundle):
            found = fact.name if fact else f"topics {spell(log.topics)} of {hex0x(log.address)}"
            raise Difference(log.place, f"an input of epoch {bundle.epoch}", found)
        facts.append(fact)
    return facts


# ----------------------------------------------------------------------------------- 6. time
#
#                     start                    end            end + grace
#     - - - - - B - - - -|- - - - - - - - - B - -|- - - - - B - - -|- - -
#         last block before             boundary          reference
#             the start                   block             block


def check_blocks(bundle: Bundle) -> None:
    """Every log names a listed block; the border blocks lie where the clock puts them.

    Listed are the blocks of the logs, both border blocks, the last one before the start; no more.
    """
    for log in bundle.logs:
        block = bundle.blocks.get(log.block_number)
        if block is None:
            raise Difference("blocks.jsonl", f"block {log.block_number} of {log.place}", "none")
        expect(f"{log.place} block_hash, by blocks.jsonl", block.hash, log.block_hash)
    needed = {log.block_number for log in bundle.logs}
    for name, last, limit in (
        ("boundary", bundle.boundary, bundle.end),
        ("reference", bundle.reference, bundle.end + bundle.clock.grace),
    ):
        needed.add(last.number)
        expect(f"blocks.jsonl, the {name} block", last, bundle.blocks.get(last.number, "none"))
        for block in bundle.blocks.values():
            if (block.number <= last.number) != (block.timestamp < limit):
                expected = f"time below {limit} exactly up to the {name} block {last.number}"
                raise Difference(f"blocks.jsonl, block {block.number}", expected, block.timestamp)
    before = [block.number for block in bundle.blocks.values() if block.timestamp < bundle.start]
    unneeded = set(bundle.blocks) - needed - set(before[-1:])
    expect("blocks.jsonl, blocks that are not needed", [], sorted(unneeded))


def check_clock(facts: Sequence[Fact], bundle: Bundle) -> None:
    """The clock is the contract's own, and inputs are read from where it was made or earlier.

    Every other contract is given the clock's address when it is made, so no log is older.
    """
    started = select(facts, "EpochClockStarted")
    expect("logs.jsonl, number of EpochClockStarted", 1, len(started))
    made, (genesis, length, grace) = started[0], bundle.clock
    values = (made["genesis"], made["length"], made["grace"])
    expect("manifest.json clock", values, (genesis, length, grace))
    expect("logs.jsonl, its first log", made.log.position, bundle.logs[0].position)
    if bundle.start_block > made.log.block_number:
        limit = f"at most {made.log.block_number}, where the clock was made"
        raise Difference("manifest.json settlement start_block", limit, bundle.start_block)


def check_epochs(facts: Sequence[Fact], bundle: Bundle) -> None:
    """Every fact lies in an epoch in which its contract accepts it, by the time of its block.

    Payments: their epoch or the one before. Usage: its epoch or the one after (within grace, as
    no block after the reference block is listed). First terms and parameters are in force at
    once, later ones from the next epoch. A work's versions count up from 1.
    """
    versions: dict[bytes, int] = defaultdict(int)
    for fact in facts:
        now, about = bundle.epoch_of(fact.log.block_number), bundle.epoch
        allowed = {now}
        if fact.name in ("Subscribed", "EpochFunded"):
            allowed = {now, now + 1}
        elif fact.name == "ConsumptionSubmitted":
            allowed = {now, now - 1}
        elif fact.name in ("WorkTermsSet", "ParametersSet"):
            key = fact["workId"] if fact.name == "WorkTermsSet" else b""
            versions[key] += 1
            allowed, about = {now + (versions[key] > 1)}, fact["effectiveEpoch"]
            if fact.name == "WorkTermsSet":
                expect(f"{fact.log.place} version", versions[key], fact["version"])
        else:
            continue
        if about not in allowed:
            expected = " or ".join(map(str, sorted(allowed)))
            raise Difference(f"{fact.log.place}, its epoch by its block's time", expected, about)


# --------------------------------------------------------------------- 7. what was in force


class Parameters(NamedTuple):
    """Parameters of usercentric-v1 in force in the epoch."""

    document: dict[str, Any]
    digest: bytes
    k_ppm: int
    plays_max: int
    regions: dict[bytes, int]
    completeness: str


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
    keys = "k_ppm plays_max regions ruleset" + " completeness" * ("completeness" in document)
    record = Record(document, place, keys)
    expect(f"{place} ruleset", "usercentric-v1", record.text("ruleset"))
    if record.number("plays_max", 64) == 0:
        raise BadInput(f"{place} plays_max: zero")
    rules = record.value["regions"]
    if not isinstance(rules, dict):
        raise BadInput(f"{place} regions: not an object")
    regions = record.record("regions", " ".join(rules))
    return Parameters(
        document=record.value,
        digest=changes[-1]["digest"],
        k_ppm=record.number("k_ppm", 64),
        plays_max=record.number("plays_max", 64),
        regions={bytes_from_hex(rule, 32, place): regions.number(rule, 64) for rule in rules},
        completeness=level,
    )


def completeness_level(document: object, place: str) -> str:
    """Give the least level of completeness that parameters demand: receipts unless they say."""
    level = document.get("completeness", "receipts") if isinstance(document, dict) else "receipts"
    if level not in ("headers", "receipts"):
        raise BadInput(f"{place} completeness: neither headers nor receipts")
    return str(level)


def terms_in_force(facts: Sequence[Fact]) -> dict[bytes, Fact]:
    """The last WorkTermsSet of each work with effectiveEpoch <= e counts; ascending work id."""
    latest: dict[bytes, Fact] = {}
    for terms in select(facts, "WorkTermsSet"):
        place, payees = terms.log.place, terms["payees"]
        expect(f"{place} payees, ascending and different", sorted(set(payees)), payees)
        expect(f"{place}, number of shares", len(payees), len(terms["sharesPpm"]))
        expect(f"{place}, sum of shares", 1_000_000, sum(terms["sharesPpm"]))
        latest[terms["workId"]] = terms
    return dict(sorted(latest.items()))


def works_lines(terms_of: dict[bytes, Fact]) -> Iterator[dict[str, Any]]:
    """works.jsonl: the registry as in force in the epoch."""
    for work_id, terms in terms_of.items():
        payees = zip(terms["payees"], terms["sharesPpm"], strict=True)
        yield {
            "content_id": hex0x(terms["contentId"]),
            "payees": [[eip55(payee), str(share)] for payee, share in payees],
            "price_ppm": str(terms["pricePpm"]),
            "region_rule": hex0x(terms["regionRule"]),
            "registrant": eip55(terms["registrant"]),
            "version": str(terms["version"]),
            "work_id": hex0x(work_id),
        }


def compare_lines(bundle: Bundle, name: str, expected: Iterable[dict[str, Any]]) -> None:
    """Compare a JSON Lines file with its recomputed records, line by line."""
    found, records = lines_of(bundle.contents[name], name), list(expected)
    for (place, line), record in zip(found, records, strict=False):
        if line != canonical(record):
            compare(place, record, parse(line, place))
    expect(f"{name}, number of lines", len(records), len(found))


def held_works(facts: Sequence[Fact], bundle: Bundle) -> set[bytes]:
    """Works under verdict at both ends: just before the start, and at the reference block."""
    at_start: set[bytes] = set()
    at_reference: set[bytes] = set()
    for fact in select(facts, "VerdictPlaced", "VerdictLifted"):
        change = set.add if fact.name == "VerdictPlaced" else set.discard
        change(at_reference, fact["workId"])
        if bundle.blocks[fact.log.block_number].timestamp < bundle.start:
            change(at_start, fact["workId"])
    return at_start & at_reference


# ------------------------------------------------------------------------------ 8. usage rows


class Row(NamedTuple):
    """One work used by one subscriber; a held row weighs in the denominator only."""

    work_id: bytes
    minutes: int
    plays: int
    price_ppm: int
    region_ppm: int
    held: bool


class Quarantined(NamedTuple):
    """A row, or a payee's line of `amount` in `asset`, that is left out. Sorts in chain order."""

    block_number: int
    log_index: int
    position: int
    asset: bytes
    reason: str
    submitter: bytes
    work_id: bytes
    amount: int


def sort_rows(
    facts: Sequence[Fact], terms_of: dict[bytes, Fact], regions: dict[bytes, int], held: set[bytes]
) -> tuple[dict[bytes, list[Row]], list[Quarantined]]:
    """Take every submitted row, in chain order, into the formula or into quarantine.

    A row that is left out does not count as seen: a later one with its work or pseudonym may stand.
    """
    paid = {(fact["subscriber"], fact["tierId"]) for fact in select(facts, "Subscribed")}
    seen: set[object] = set()
    rows: dict[bytes, list[Row]] = defaultdict(list)
    quarantined: list[Quarantined] = []
    for usage in select(facts, "ConsumptionSubmitted"):
        submitter, place = usage["submitter"], usage.log.place
        columns = [usage[key] for key in ("workIds", "minutesPlayed", "plays", "pseudonyms")]
        expect(f"{place}, different array lengths", 1, len(set(map(len, columns))))
        for position, (work_id, minutes, plays, pseudonym) in enumerate(zip(*columns, strict=True)):
            terms = terms_of.get(work_id)
            region_ppm = regions.get(terms["regionRule"]) if terms else None
            if (submitter, usage["tierId"]) not in paid:
                reason = "unpaid_tier"
            elif terms is None:
                reason = "unregistered_work"
            elif (submitter, work_id) in seen:
                reason = "duplicate_work"
            elif pseudonym in seen:
                reason = "reused_pseudonym"
            elif region_ppm is None:
                reason = "unknown_region_rule"
            else:
                seen |= {(submitter, work_id), pseudonym}
                price, is_held = terms["pricePpm"], work_id in held
                rows[submitter].append(Row(work_id, minutes, plays, price, region_ppm, is_held))
                reason = "work_under_verdict" if is_held else ""
            if reason:
                at = (*usage.log.position, position)
                quarantined.append(Quarantined(*at, b"", reason, submitter, work_id, 0))
    return rows, quarantined


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
    """One subscriber's fee in one asset, divided over the rows of that subscriber."""

    subscriber: bytes
    asset: bytes
    fee: int
    rows: list[Row]
    credited: list[int]

    @property
    def unallocated(self) -> int:
        """What no row earned."""
        return self.fee - sum(self.credited)


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


def allocate(
    facts: Sequence[Fact], rows_of: dict[bytes, list[Row]], parameters: Parameters
) -> list[Allocation]:
    """Divide what each subscriber paid, asset by asset, over that subscriber's own rows."""
    fees: dict[tuple[bytes, bytes], int] = defaultdict(int)
    for payment in select(facts, "Subscribed"):
        fees[payment["subscriber"], payment["asset"]] += payment["amount"]
    plays = {row.plays for rows in rows_of.values() for row in rows}
    factor = multipliers(plays, parameters.k_ppm, parameters.plays_max)
    allocations = []
    for (subscriber, asset), fee in sorted(fees.items()):
        rows = rows_of.get(subscriber, [])
        full = [row.minutes * row.price_ppm * row.region_ppm for row in rows]
        raw = [weight * factor[row.plays] // 10**6 for weight, row in zip(full, rows, strict=True)]
        credible = [0 if row.held else weight for weight, row in zip(raw, rows, strict=True)]
        credited = divide_fee(fee, raw, credible)
        allocations.append(Allocation(subscriber, asset, fee, rows, credited))
    return allocations


def allocation_lines(allocations: Iterable[Allocation]) -> Iterator[dict[str, Any]]:
    """allocations.jsonl: the derivation for every subscriber and asset."""
    for each in allocations:
        credits = zip(each.rows, each.credited, strict=True)
        yield {
            "asset": eip55(each.asset),
            "fee": str(each.fee),
            "rows": [{"credited": str(c), "work_id": hex0x(row.work_id)} for row, c in credits],
            "subscriber": eip55(each.subscriber),
            "unallocated": str(each.unallocated),
        }


# ---------------------------------------------------------------- 10. splits, leaves, tree

LINES_MAX = 32


class Leaf(NamedTuple):
    """What one work earned in one asset, as at most 32 lines (payee, amount)."""

    work_id: bytes
    part: int
    asset: bytes
    lines: list[tuple[bytes, int]]

    @property
    def amount(self) -> int:
        """The sum of its lines."""
        return sum(amount for _, amount in self.lines)


def split_works(
    allocations: Sequence[Allocation], terms_of: dict[bytes, Fact], payouts: bytes
) -> tuple[list[Leaf], list[Quarantined]]:
    """Divide each work's amount over its payees, and cut the lines into leaves.

    Payees are ascending, so the lower address wins a tie. Lines of zero are dropped. A payee that
    the contract cannot pay (the asset itself, EpochPayouts, zero) loses its line to unallocated.
    """
    earned: dict[tuple[bytes, bytes], int] = defaultdict(int)
    for each in allocations:
        for row, amount in zip(each.rows, each.credited, strict=True):
            earned[row.work_id, each.asset] += amount
    leaves: list[Leaf] = []
    unpayable: list[Quarantined] = []
    for (work_id, asset), amount in earned.items():
        terms = terms_of[work_id]
        shares = largest_remainder(amount, terms["sharesPpm"])
        lines = [line for line in zip(terms["payees"], shares, strict=True) if line[1]]
        paid = [line for line in lines if line[0] not in (asset, payouts, bytes(20))]
        for payee, share in set(lines) - set(paid):
            at, who = (*terms.log.position, terms["payees"].index(payee)), terms["registrant"]
            unpayable.append(Quarantined(*at, asset, "unpayable_payee", who, work_id, share))
        for part, first in enumerate(range(0, len(paid), LINES_MAX)):
            leaves.append(Leaf(work_id, part, asset, paid[first : first + LINES_MAX]))
    return sorted(leaves), unpayable


def split_hashes(leaves: Sequence[Leaf]) -> list[bytes]:
    """keccak256(abi.encode(address[] payees, uint256[] amounts)) of each leaf."""
    encoded = []
    for leaf in leaves:
        count = len(leaf.lines)
        payees, amounts = zip(*leaf.lines, strict=True)
        encoded.append(encode(64, 96 + 32 * count, count, *payees, count, *amounts))
    return keccak256_many(encoded)


def leaf_hashes(leaves: Sequence[Leaf], splits: Sequence[bytes], bundle: Bundle) -> list[bytes]:
    """Hash each leaf twice, so that no inner node can pass for a leaf."""
    where = (bundle.chain_id, bundle.contracts["EpochPayouts"], bundle.epoch)
    encoded = [
        encode(*where, leaf.work_id, leaf.part, leaf.asset, leaf.amount, split)
        for leaf, split in zip(leaves, splits, strict=True)
    ]
    return keccak256_many(keccak256_many(encoded))


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


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """Root of OpenZeppelin's standard tree: a heap of 2n - 1 nodes, root first.

    The leaves stand at its end, in descending order; node i hashes its children 2i + 1 and 2i + 2,
    the lower one first. Without leaves the root is zero.
    """
    if not hashes:
        return ZERO32
    known = len(hashes) - 1  # nodes from here on are known
    heap = [b""] * known + sorted(hashes, reverse=True)
    while known:
        ready = known >> 1  # from here on both children are known
        pairs = [sorted(heap[2 * node + 1 : 2 * node + 3]) for node in range(ready, known)]
        heap[ready:known] = keccak256_many([left + right for left, right in pairs])
        known = ready
    return heap[0]


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
    topics = [event.topic0 for event in declared_events()]
    topics += keccak256_many([signature.encode() for signature in OTHER_EVENTS])
    return Filter(sorted(contracts.values()), sorted(topics))


@functools.lru_cache(maxsize=65_536)
def bloom_bits(value: bytes) -> int:
    """Give the three bits of 2048 that an address or topic sets in a bloom."""
    bits = 0
    for word in struct.unpack(">3H", keccak256(value)[:6]):
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
    bundle: Bundle, level: str, start: int, claims: Sequence[tuple[bytes, str]], previous: bytes
) -> bytes:
    """keccak256 of the certificate: eight members, each behind its length in four bytes.

    `claims` are block hash and claim of each block from `start` on.
    """
    wanted = settlement_filter(bundle.contracts)
    members = [
        b"quittance-completeness-v1",
        bundle.chain_id.to_bytes(32, "big"),
        keccak256(prefixed(b"".join(wanted.addresses)) + prefixed(b"".join(wanted.topics))),
        level.encode(),
        start.to_bytes(8, "big"),
        (start + len(claims)).to_bytes(8, "big"),
        keccak256(b"".join(digest + bytes([CLAIMS[claim]]) for digest, claim in claims)),
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
    wanted = settlement_filter(bundle.contracts)
    for header in bundle.certified:
        expected = claim_at(level, is_possible=may_hold(header.bloom, wanted))
        expect(f"{header.place} claim, at level {level} by its bloom", expected, header.claim)
    blooms = {header.block.number: header.bloom for header in bundle.headers}
    for log in bundle.logs:
        for value in (log.address, *log.topics) if log.block_number in blooms else ():
            if not in_bloom(blooms[log.block_number], value):
                raise Difference(log.place, "only what the bloom of its block holds", value)
    completeness = bundle.manifest["completeness"]
    previous = bytes.fromhex(completeness["previous"][2:])
    claims = [(header.block.hash, header.claim) for header in bundle.certified]
    start = bundle.reference.number + 1 - len(claims)
    digest = certificate_digest(bundle, level, start, claims, previous)
    made = {"level": level, "digest": hex0x(digest), "previous": completeness["previous"]}
    compare("manifest.json completeness", made, completeness)


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
        listed = bundle.blocks.get(header.block.number, header.block)
        expect(f"blocks.jsonl, block {listed.number}", header.block, listed)
    expect("headers.jsonl, its last block", bundle.reference, bundle.headers[-1].block)


def check_first_header(bundle: Bundle) -> None:
    """The range begins at the start block, or after the reference block of the epoch before.

    Only the settlement's first epoch, that of the start block, has nothing before it.
    """
    first, start = bundle.headers[0], bundle.start_block
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
        epoch = (first.block.timestamp - bundle.clock.genesis) // bundle.clock.length
        expect(f"{first.place}, its epoch by its time", bundle.epoch, epoch)
        return
    if start in bundle.blocks and bundle.epoch_of(start) == bundle.epoch:
        raise Difference(f"{first.place} claim", "no anchor in the first epoch", first.claim)
    limit = bundle.start + bundle.clock.grace
    for header in bundle.headers:
        if (header.block.timestamp < limit) != (header is first):
            expected = f"time below {limit} in the anchor and only there"
            raise Difference(f"{header.place} timestamp", expected, header.block.timestamp)


# ------------------------------------------------------------------ 12. totals and manifest


class Outcome(NamedTuple):
    """Everything recomputed that the manifest, the summary and the chain checks need."""

    parameters: Parameters
    works: int
    subscribers: int
    quarantined: int
    leaves: int
    totals: list[dict[str, Any]]
    root: bytes


def total_up(
    facts: Sequence[Fact],
    allocations: Sequence[Allocation],
    leaves: Sequence[Leaf],
    unpayable: Sequence[Quarantined],
) -> list[dict[str, Any]]:
    """Check for each asset that every unit paid in is in a leaf or unallocated.

    Unallocated is what subscribers' rows did not earn, lines that cannot be paid, and money that
    came without a subscription. Nothing is carried in, held in escrow or taken as a fee.
    """
    paid_in: dict[bytes, int] = defaultdict(int)
    for funded in select(facts, "EpochFunded"):
        paid_in[funded["asset"]] += funded["amount"]
    fees: dict[bytes, int] = defaultdict(int)
    unallocated: dict[bytes, int] = defaultdict(int)
    for each in allocations:
        fees[each.asset] += each.fee
        unallocated[each.asset] += each.unallocated
    for line in unpayable:
        unallocated[line.asset] += line.amount
    totals = []
    for asset in sorted({*paid_in, *fees}):
        unsubscribed = paid_in[asset] - fees[asset]
        if unsubscribed < 0:
            place = f"logs.jsonl, sum of EpochFunded of asset {eip55(asset)}"
            raise Difference(
                place, f"at least {fees[asset]}, the sum of Subscribed", paid_in[asset]
            )
        allocated = sum(leaf.amount for leaf in leaves if leaf.asset == asset)
        remaining = unallocated[asset] + unsubscribed
        expect(f"conservation of {eip55(asset)}", paid_in[asset], allocated + remaining)
        term = {"asset": asset, "paid_in": paid_in[asset], "carried_in": 0, "allocated": allocated}
        term |= {"escrow": 0, "unallocated": remaining, "fees": 0}
        totals.append(term)
    return totals


def check_manifest(outcome: Outcome, bundle: Bundle) -> None:
    """Every field of the manifest that follows from the inputs is what was recomputed."""
    if bundle.attempt == 0:
        raise Difference("manifest.json attempt", "at least 1", 0)
    parameters, count = outcome.parameters, len(bundle.contents["quarantine.jsonl"].splitlines())
    expected = {
        "format": "quittance-manifest-v1",
        "usage_mode": "attested",
        "inputs": {
            "count": str(len(bundle.logs)),
            "rolling_hash": hex0x(rolling_hash(bundle.logs)),
        },
        "registry_digest": hex0x(bundle.digests["works.jsonl"]),
        "ruleset": {
            "name": "usercentric-v1",
            "parameters_digest": hex0x(parameters.digest),
            "parameters": parameters.document,
        },
        "totals": [
            {key: eip55(value) if key == "asset" else str(value) for key, value in term.items()}
            for term in outcome.totals
        ],
        "quarantine": {"count": str(count), "digest": hex0x(bundle.digests["quarantine.jsonl"])},
        "tree": {
            "profile": "quittance-v1",
            "leaf_count": str(outcome.leaves),
            "root": hex0x(outcome.root),
        },
    }
    for key, value in expected.items():
        compare(f"manifest.json {key}", value, bundle.manifest[key])


def verify(bundle: Bundle) -> Outcome:
    """Run the whole argument that needs no node."""
    facts = decode_inputs(bundle)
    check_blocks(bundle)
    check_clock(facts, bundle)
    check_epochs(facts, bundle)
    parameters, terms_of = parameters_in_force(facts), terms_in_force(facts)
    check_completeness(parameters.completeness, bundle)
    compare_lines(bundle, "works.jsonl", works_lines(terms_of))
    held = held_works(facts, bundle)
    rows_of, quarantined = sort_rows(facts, terms_of, parameters.regions, held)
    allocations = allocate(facts, rows_of, parameters)
    leaves, unpayable = split_works(allocations, terms_of, bundle.contracts["EpochPayouts"])
    quarantined += unpayable
    compare_lines(bundle, "quarantine.jsonl", quarantine_lines(quarantined))
    compare_lines(bundle, "allocations.jsonl", allocation_lines(allocations))
    splits = split_hashes(leaves)
    hashes = leaf_hashes(leaves, splits, bundle)
    compare_lines(bundle, "leaves.jsonl", leaf_lines(leaves, splits, hashes))
    outcome = Outcome(
        parameters=parameters,
        works=len(terms_of),
        subscribers=len({each.subscriber for each in allocations}),
        quarantined=len(quarantined),
        leaves=len(leaves),
        totals=total_up(facts, allocations, leaves, unpayable),
        root=tree_root(hashes),
    )
    check_manifest(outcome, bundle)
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
HEADERS_PER_REQUEST = 100
BLOCKS_PER_REQUEST = 2_000


class Refused(Exception):
    """The node answered with an error; a smaller request may succeed."""


class Node:
    """An Ethereum JSON-RPC node that the auditor trusts."""

    def __init__(self, url: str) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
        except ValueError:
            raise BadInput("--rpc: not a URL") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput("--rpc: not an http or https URL")
        self.url = url
        self.name = f"the node at {parts.hostname}"  # not the path: it may hold a key

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
            raise Unavailable(f"{self.name} did not answer: {error}") from None

    def _result(self, answer: object) -> Any:  # noqa: ANN401
        if isinstance(answer, dict) and "result" in answer:
            return answer["result"]
        error = answer.get("error") if isinstance(answer, dict) else answer
        raise Refused(spell(json.dumps(error)))

    def blocks(self, start: int, end: int) -> list[tuple[Block, bytes, int]]:
        """Give the blocks [start, end), each with the hash of its parent and its bloom."""
        params = [(hex(number), False) for number in range(start, end)]
        blocks = []
        answers = self.ask_many("eth_getBlockByNumber", params)
        for number, header in zip(range(start, end), answers, strict=True):
            if header is None:
                raise Unavailable(f"{self.name} has no block {number}")
            try:
                hashes = [bytes.fromhex(header[key][2:]) for key in ("hash", "parentHash")]
                block = Block(number, hashes[0], int(header["timestamp"], 16))
                blocks.append((block, hashes[1], int(header["logsBloom"], 16)))
            except (KeyError, TypeError, ValueError):
                raise Unavailable(f"{self.name} gave block {number} in another form") from None
        return blocks

    def logs(self, start: int, end: int, contracts: Iterable[bytes]) -> list[Log]:
        """Give all logs of our events by our contracts in the blocks [start, end)."""
        criteria = {
            "fromBlock": hex(start),
            "toBlock": hex(end - 1),
            "address": [hex0x(address) for address in contracts],
            "topics": [[hex0x(event.topic0) for event in declared_events()]],
        }
        try:
            return [_log_from_node(entry) for entry in self.ask("eth_getLogs", criteria)]
        except (KeyError, TypeError, ValueError):
            raise Unavailable(f"{self.name} gave a log in another form") from None

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


Item = TypeVar("Item")


def in_pieces(
    start: int, end: int, size: int, fetch: Callable[[int, int], list[Item]]
) -> Iterator[Item]:
    """Fetch [start, end) piece by piece; what the node refuses is asked again in halves."""
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
        if sys.stderr.isatty():
            print(f"\r  read up to block {stop - 1} of {end - 1}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)


def check_on_chain(outcome: Outcome, bundle: Bundle, url: str) -> str:
    """Check against a node; say whether the epoch is committed: equal, vetoed or absent."""
    node, contracts = Node(url), bundle.contracts
    try:
        chain_id = int(node.ask("eth_chainId"), 16)
        head = int(node.ask("eth_blockNumber"), 16)
    except (Refused, TypeError, ValueError) as error:
        raise Unavailable(f"{node.name} did not name its chain and head: {error}") from None
    expect("manifest.json settlement chain_id", chain_id, bundle.chain_id)
    check_border_blocks(node, bundle)
    seen = check_headers(node, bundle)

    def fetch(start: int, end: int) -> list[Log]:
        return node.logs(start, end, contracts.values())

    logs = in_pieces(bundle.start_block, head + 1, BLOCKS_PER_REQUEST, fetch)
    decoded = [decode_log(log, contracts) for log in sorted(logs, key=lambda log: log.position)]
    facts = [fact for fact in decoded if fact is not None]
    check_logs(facts, bundle)
    check_previous_certificates(seen, facts, bundle)
    check_receipts(node, [fact.log for fact in facts], bundle)
    started = [(fact["clock"], fact["registry"]) for fact in select(facts, "SettlementStarted")]
    expected = [(contracts["EpochClock"], contracts["WorkRegistry"])]
    expect("clock and registry that EpochPayouts started with", expected, started)
    return check_commitment(facts, outcome, bundle)


def check_border_blocks(node: Node, bundle: Bundle) -> None:
    """Boundary and reference block are on the chain, and the block after each is too late."""
    for name, claimed, limit in (
        ("boundary_block", bundle.boundary, bundle.end),
        ("reference_block", bundle.reference, bundle.end + bundle.clock.grace),
    ):
        pair = in_pieces(claimed.number, claimed.number + 2, 1, node.blocks)
        (block, *_), (following, *_) = pair
        expect(f"manifest.json {name}", block, claimed)
        if following.timestamp < limit:
            expected = f"the last block before time {limit}"
            raise Difference(f"manifest.json {name}", expected, f"one before {spell(following)}")


class Seen(NamedTuple):
    """A block of the node, and whether it can have a log of the settlement."""

    block: Block
    is_possible: bool


def check_headers(node: Node, bundle: Bundle) -> list[Seen]:
    """Give all blocks of the node's chain from the start block to the reference block.

    Every block of blocks.jsonl is among them, and so is the last block before the epoch's start.
    Those of headers.jsonl are: they link to the reference block, which the node has too.
    """
    listed, before = dict(bundle.blocks), None
    seen: list[Seen] = []
    wanted, end = settlement_filter(bundle.contracts), bundle.reference.number + 1
    pieces = in_pieces(bundle.start_block, end, HEADERS_PER_REQUEST, node.blocks)
    for block, parent, bloom in pieces:
        if seen and parent != seen[-1].block.hash:
            raise Unavailable(f"{node.name} changed its chain at block {block.number}; try again")
        seen.append(Seen(block, may_hold(bloom, wanted)))
        if block.number in listed:
            expect(f"blocks.jsonl, block {block.number}", block, listed.pop(block.number))
        if block.timestamp < bundle.start:
            before = block
    expect("blocks.jsonl, blocks before the start block", [], list(listed))
    if before is not None and before.number not in bundle.blocks:
        raise Difference("blocks.jsonl", f"block {before.number}, last before the epoch", "none")
    return seen


def check_previous_certificates(
    seen: Sequence[Seen], facts: Sequence[Fact], bundle: Bundle
) -> None:
    """The certificates of all epochs before, computed from the node's chain, end in the named one.

    Blooms of those epochs are the node's word; this epoch's are in headers that hash to its blocks.
    """
    digest, first, clock = ZERO32, 0, bundle.clock
    for epoch in range((seen[0].block.timestamp - clock.genesis) // clock.length, bundle.epoch):
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
        start = bundle.start_block + first
        digest, first = certificate_digest(bundle, level, start, claims, digest), end
    named = bundle.manifest["completeness"]["previous"]
    expect("manifest.json completeness previous", hex0x(digest), named)


def check_receipts(node: Node, logs: Sequence[Log], bundle: Bundle) -> None:
    """Blocks claimed to be proved are: their receipts give the root in the header, and the logs.

    So the node cannot have kept a log of theirs back. Blocks claimed to be empty have none.
    """
    by_block: dict[int, list[tuple[int, ReceiptLog]]] = defaultdict(list)
    for log in logs:
        found = ReceiptLog(log.address, log.topics, log.data)
        by_block[log.block_number].append((log.log_index, found))
    topics = {event.topic0 for event in declared_events()}
    addresses = set(bundle.contracts.values())
    for header in bundle.certified:
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


def check_logs(facts: Sequence[Fact], bundle: Bundle) -> None:
    """logs.jsonl holds exactly the input logs that the chain holds: none missing, none added."""
    chain = [fact.log for fact in facts if is_input(fact, bundle)]
    for real, log in zip(chain, bundle.logs, strict=False):
        expect(f"{log.place}, block number and log index", real.position, log.position)
        for key, value in real._asdict().items():
            if key != "place":
                expect(f"{log.place} {key}", value, getattr(log, key))
    expect("logs.jsonl, number of logs", len(chain), len(bundle.logs))


def check_commitment(facts: Sequence[Fact], outcome: Outcome, bundle: Bundle) -> str:
    """A commitment of this attempt holds what was recomputed; the previous epoch's is named."""
    vetoed = {(fact["epoch"], fact["attempt"]) for fact in select(facts, "EpochVetoed")}
    commitment = "absent"
    for fact in select(facts, "EpochCommitted"):
        key = (fact["epoch"], fact["attempt"])
        if fact["epoch"] == bundle.epoch - 1 and key not in vetoed:
            place, found = "manifest.json previous_manifest_digest", bundle.manifest
            expect(place, hex0x(fact["manifestDigest"]), found["previous_manifest_digest"])
        if key == (bundle.epoch, bundle.attempt):
            place = f"EpochCommitted of epoch {bundle.epoch}, attempt {bundle.attempt},"
            digest = bundle.digests["manifest.json"]
            expect(f"{place} root", outcome.root, fact["root"])
            expect(f"{place} manifest digest", digest, fact["manifestDigest"])
            totals = [tuple(term.values()) for term in outcome.totals]
            expect(f"{place} totals", totals, fact["totals"])
            commitment = "vetoed" if key in vetoed else "equal"
    return commitment


# --------------------------------------------------------------------------------- 15. main

NOTES = {
    None: "not checked: that headers and logs are the chain's (give --rpc URL)",
    "equal": "chain: inputs are complete; this root, manifest and totals are committed",
    "vetoed": "chain: inputs are complete; this root was committed and then VETOED",
    "absent": "chain: inputs are complete; this epoch and attempt are not committed yet",
}


def spell_claims(bundle: Bundle) -> str:
    """Tell how many blocks are claimed to be what."""
    claims = [header.claim for header in bundle.certified]
    counts = [f"{claims.count(claim)} {claim}" for claim in CLAIMS if claim in claims]
    return f"{len(claims)} blocks, {', '.join(counts) or 'none'}"


def summary(outcome: Outcome, bundle: Bundle, commitment: str | None) -> str:
    """Tell a person what was verified."""
    lines = [
        f"OK  epoch {bundle.epoch}, attempt {bundle.attempt}, of settlement "
        f"{bundle.manifest['settlement']['name']!a} on chain {bundle.chain_id}",
        f"  EpochPayouts     {eip55(bundle.contracts['EpochPayouts'])}",
        f"  start block      {bundle.start_block}",
        f"  inputs           {len(bundle.logs)} logs",
        f"  completeness     {outcome.parameters.completeness}: {spell_claims(bundle)}",
        f"  subscribers      {outcome.subscribers}",
        f"  works in force   {outcome.works}",
        f"  quarantined      {outcome.quarantined}",
        f"  leaves           {outcome.leaves}",
    ]
    for term in outcome.totals:
        lines.append(f"  asset            {eip55(term['asset'])}")
        for key in ("paid_in", "allocated", "unallocated"):
            lines.append(f"    {key:<14} {term[key]}")
    lines += [
        f"  root             {hex0x(outcome.root)}",
        f"  manifest digest  {hex0x(bundle.digests['manifest.json'])}",
        f"  {NOTES[commitment]}",
    ]
    return "\n".join(lines)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Recompute one epoch of a Quittance settlement from its public bundle.",
        epilog="Exit code: 0 all agrees, 1 a difference, 2 bad input, 3 the node was unavailable. "
        "Without --rpc, whether the bundle's logs are complete and real is not checked.",
    )
    parser.add_argument(
        "bundle", metavar="BUNDLE", help="directory with manifest.json and the rest"
    )
    parser.add_argument("--rpc", metavar="URL", help="check the inputs against this Ethereum node")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Verify, print the outcome, and give the exit code."""
    arguments = read_arguments(words)
    report: dict[str, Any] = dict.fromkeys(
        ("epoch", "manifest_digest", "root", "rpc", "commitment")
    )
    code, text = 0, "OK"
    try:
        bundle = read_bundle(arguments.bundle)
        report["epoch"] = bundle.epoch
        report["manifest_digest"] = hex0x(bundle.digests["manifest.json"])
        outcome = verify(bundle)
        report["root"] = hex0x(outcome.root)
        if arguments.rpc is not None:
            report["commitment"] = check_on_chain(outcome, bundle, arguments.rpc)
            report["rpc"] = "checked"
        if not arguments.json:
            text = summary(outcome, bundle, report["commitment"])
    except Difference as difference:
        code, text = 1, str(difference)
    except BadInput as error:
        code, text = 2, str(error)
    except Unavailable as error:
        code, text = 3, str(error)
    if arguments.json:
        print(json.dumps({"result": text, **report}, sort_keys=True))
    else:
        print(text, file=sys.stderr if code > 1 else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
