"""The events of the yardstick chain: an ERC-20 token and its neighbours, decided by a seed.

2,501 blocks, 592,240 logs: 512,624 transfers and 22,392 approvals of one token among 20,001
accounts (the zero address among them), the rest noise. The token is a real one: its first transfer
mints, the next ones fund every account once, and from then on nobody spends what he lacks.
Amounts are as of a token of 18 decimals; some are zero, some transfers go to oneself, some burn,
and one account is minted, and burns, amounts of 200 bits and more. Allowances have any width.

Random words come from SHAKE-128, so that every machine and every version of numpy makes one chain.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.bench.consensus import keccak

CHAIN_ID = 9_007_001
ZERO = bytes(20)
TOKEN = keccak(b"yardstick token")[:20]
TRANSFER = keccak(b"Transfer(address,address,uint256)")
APPROVAL = keccak(b"Approval(address,address,uint256)")
OTHER_EVENT = keccak(b"Paused(address)")
RECEIPTS_PER_BLOCK = 10
FAILED_EVERY = 97  # one transaction of so many fails, and has no logs
_OTHERS = tuple(keccak(b"other contract %d" % place)[:20] for place in range(40))
_MINTED = 10**28
_WEI = 10**12  # the least that is given to an account, of 10**18 that are one token
_WIDE_BITS = 190  # added to the width of a random word
_UNLIMITED = (1 << 256) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How much there is of everything; the first block has no transactions."""

    blocks: int
    transfers: int
    approvals: int
    noise: int
    accounts: int

    @property
    def logs(self) -> int:
        return self.transfers + self.approvals + self.noise

    @property
    def receipts(self) -> int:
        return RECEIPTS_PER_BLOCK * (self.blocks - 1)


YARDSTICK = Shape(blocks=2_501, transfers=512_624, approvals=22_392, noise=57_224, accounts=20_001)


def shape_of(blocks: int) -> Shape:
    """The yardstick with so many blocks, as dense as the whole one."""

    def part(whole: int) -> int:
        return whole * (blocks - 1) // (YARDSTICK.blocks - 1)

    return Shape(
        blocks=blocks,
        transfers=part(YARDSTICK.transfers),
        approvals=part(YARDSTICK.approvals),
        noise=part(YARDSTICK.noise),
        accounts=max(5, part(YARDSTICK.accounts)),
    )


class Event(NamedTuple):
    """One log without its place."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All events in chain order, and the receipt (counted through the chain) that each is in."""

    events: list[Event]
    receipt: NDArray[np.int64]
    balances: dict[bytes, int]


def words(label: str, count: int) -> NDArray[np.uint64]:
    """Random 64-bit words."""
    return np.frombuffer(hashlib.shake_128(label.encode()).digest(8 * count), dtype="<u8")


def history_of(shape: Shape) -> History:
    accounts = [ZERO, *(keccak(b"account %d" % place)[:20] for place in range(1, shape.accounts))]
    transfers, balances = _transfers(shape, accounts)
    approvals, noise = _approvals(shape, accounts), _noise(shape, accounts)
    kinds = np.repeat([0, 1, 2], [shape.transfers, shape.approvals, shape.noise])
    kinds = kinds[np.argsort(words("kinds", shape.logs), kind="stable")]
    following = (iter(transfers), iter(approvals), iter(noise))
    return History(
        events=[next(following[kind]) for kind in kinds.tolist()],
        receipt=_receipts(shape),
        balances=balances,
    )


def _receipts(shape: Shape) -> NDArray[np.int64]:
    """Ascending; those of failed transactions are left out."""
    holding = np.array([one for one in range(shape.receipts) if one % FAILED_EVERY], dtype=np.int64)
    picked = words("receipts", shape.logs) % np.uint64(len(holding))
    return holding[np.sort(picked).astype(np.int64)]


def _transfers(shape: Shape, accounts: list[bytes]) -> tuple[list[Event], dict[bytes, int]]:
    mint, treasury, whale, *others = accounts
    balances: Counter[bytes] = Counter()
    events: list[Event] = []

    def move(source: bytes, target: bytes, amount: int) -> None:
        balances[source] -= amount
        balances[target] += amount
        topics = (TRANSFER, bytes(12) + source, bytes(12) + target)
        events.append(Event(TOKEN, topics, amount.to_bytes(32, "big")))

    move(mint, treasury, _MINTED)
    drawn = words("transfers", 3 * shape.transfers).reshape(-1, 3).tolist()
    for place in range(1, shape.transfers):
        who, whom, how = drawn[place]
        source, target = others[who % len(others)], others[whom % len(others)]
        if place <= len(others):
            move(treasury, others[place - 1], (how % 10**11) * _WEI)
        elif how % 4000 == 3:
            move(mint, whale, who << _WIDE_BITS)
        elif how % 4000 == 4:
            move(whale, mint, balances[whale] >> 1)
        elif how % 300 == 2:
            move(source, target, 0)
        else:
            target = source if how % 500 == 0 else mint if how % 1000 == 1 else target
            move(source, target, balances[source] >> (1 + how % 30))
    return events, dict(balances)


def _approvals(shape: Shape, accounts: list[bytes]) -> list[Event]:
    events = []
    for who, whom, how in words("approvals", 3 * shape.approvals).reshape(-1, 3).tolist():
        owner = accounts[1 + who % (len(accounts) - 1)]
        spender = accounts[1 + whom % (len(accounts) - 1)]
        amount = (_UNLIMITED, 0, how << (how % 193))[how % 3]
        topics = (APPROVAL, bytes(12) + owner, bytes(12) + spender)
        events.append(Event(TOKEN, topics, amount.to_bytes(32, "big")))
    return events


def _noise(shape: Shape, accounts: list[bytes]) -> list[Event]:
    """Logs near ours: our topic elsewhere, our token with another topic, every number of topics."""
    events = []
    for who, what in words("noise", 2 * shape.noise).reshape(-1, 2).tolist():
        account = bytes(12) + accounts[who % len(accounts)]
        other = _OTHERS[what % len(_OTHERS)]
        amount = what.to_bytes(32, "big")
        kinds = (
            Event(other, (TRANSFER, account, account), amount),
            Event(other, (APPROVAL, account, account), amount),
            Event(other, (TRANSFER, account, account, amount), b""),  # as ERC-721 has it
            Event(TOKEN, (OTHER_EVENT,), account),
            Event(other, (), account[: what % 33]),
            Event(other, (OTHER_EVENT, account), amount * (what % 14)),
        )
        events.append(kinds[who % len(kinds)])
    return events
