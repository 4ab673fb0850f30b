"""A small epoch with every modifier on, and what it comes to, worked out by hand.

Shares no code with the engine or the verifiers: `console_story.Story` encodes the chain, and every
line of the other files is written down here. Epochs are five years long, so that a work of two
epochs is past its half-life by exactly nothing:

    block 10        11           12                 13        14                  15       16
    genesis     OLD, epoch 1   too early       grace of 1    all else           boundary  reference
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from eth_abi.abi import encode

from tests.bundle_builder import Json, eip55, hex0x, keccak, named_word
from tests.console_story import (
    ANN,
    BEN,
    CAT,
    CHAIN_ID,
    DAN,
    DUSD,
    OWNER,
    PAYOUTS,
    REGION,
    REGISTRY,
    SCALAR_FIELD_ORDER,
    WHOLE,
    Story,
    account,
    files_of,
    payee,
    work_id,
)

EPOCH, STEP = 2, 2_629_800
A, B = account("a"), account("b")
OLD, NEW, FILM, BAD = (work_id(name) for name in ("old", "new", "film", "bad"))
HUGE = SCALAR_FIELD_ORDER.to_bytes(32, "big")
WORD = named_word("first pseudonym")
CONTENT = keccak(b"a film")
FEES_ID = b"\x01" + bytes(31)
ESCROW_ID = b"\x02" + keccak(CONTENT)[:31]
SUSPENSE_ID = b"\x03" + NEW[1:]
PARAMETERS = {
    "fees": [
        {"name": "protocol", "payee": hex0x(payee(9)), "ppm": "25000"},
        {"name": "curator", "payee": hex0x(DUSD), "ppm": "10000"},
    ],
    "half_life": "v1",
    "minutes_max": "600",
}
SHARES_NEW = {ANN: 250_000, A: 750_000}
SPLIT_A, SPLIT_B = {BEN: 500_000, B: 500_000}, {ANN: 500_000, A: 500_000}


@cache
def story() -> Story:
    """The chain."""
    one = Story(epoch=EPOCH, length=60 * STEP, grace=1_000, parameters=PARAMETERS)
    start = one.start(EPOCH)
    one.mine(one.start(1) + 50, one.work("old", {ANN: WHOLE}, 1))
    one.mine(start - 10, one.use(CAT, 0, ("old", 9)))
    one.mine(start + one.grace - 1)
    one.mine(
        start + one.grace + 5,
        one.split("a", SPLIT_A, EPOCH),
        one.split("b", SPLIT_B, EPOCH),
        one.work("new", SHARES_NEW, EPOCH),
        one.recognised("film", EPOCH, content=CONTENT),
        one.work("bad", {DAN: WHOLE}, EPOCH, price=0),
        *one.pay(CAT, 1_000_000),
        *one.pay(BEN, 1_003),
        one.donate(7),
        one.use(CAT, 0, ("old", 10, 1, WORD), ("new", 15), ("film", 20)),
        one.use(CAT, 0, ("bad", 1)),
        one.use(CAT, 1, ("old", 1), ("bad", 600), ("bad", 601), ("none", 1), (HUGE, 1)),
        one.use(CAT, 2),
        one.use(CAT, 3, *[("bad", at) for at in range(17)]),
        one.use(DAN, 0, ("old", 601)),
        one.use(BEN, 0, ("old", 5, 1, WORD)),
    )
    one.mine(one.start(3) - 1)
    one.mine(one.start(3) + one.grace - 1)
    return one


# CAT pays 1,000,000: 25,000 to the protocol; 10,000 to a curator who is the asset itself, so that
#   they are unallocated; 965,000 are shared. OLD is two epochs of five years old: it weighs half.
#   OLD 10 minutes / 2 = 5, NEW 15, FILM 20, together 40; 965,000 / 40 = 24,125 each.
#   OLD 120,625   NEW 361,875   FILM 482,500   (sum 965,000)
# NEW: ANN 25 % = 90,468.75, A 75 % = 271,406.25: the unit left over to ANN (.75 > .25).
#   ANN 90,469; A 271,406: half to BEN 135,703, half to B 135,703.
#   B: 67,851.5 each, a tie: ANN, the lower address, 67,852; A 67,851, which is on the path already.
#   ANN 90,469 + 67,852 = 158,321; BEN 135,703; in suspense 67,851.
# BEN pays 1,003 and uses nothing that counts: 25.075 and 10.03 are charged rounded down, 968
#   unallocated.
# Paid in 1,000,000 + 1,003 + 7 = 1,001,010. Allocated 120,625 + 158,321 + 135,703 = 414,649. Fees
#   25,025. Escrow 482,500 + 67,851 = 550,351. Unallocated 10,010 + 968 + 7 = 10,985. Together:
#   414,649 + 25,025 + 550,351 + 10,985 = 1,001,010: yes.
TOTALS = {
    "paid_in": 1_001_010,
    "carried_in": 0,
    "allocated": 414_649,
    "escrow": 550_351,
    "unallocated": 10_985,
    "fees": 25_025,
}
LEAVES = {
    OLD: [(ANN, 120_625)],
    NEW: [(ANN, 158_321), (BEN, 135_703)],
    FEES_ID: [(payee(9), 25_025)],
    ESCROW_ID: [(PAYOUTS, 482_500)],
    SUSPENSE_ID: [(PAYOUTS, 67_851)],
}


def work_line(one: bytes, shares: dict[bytes, int], at: int, **changes: Any) -> Json:
    """A work registered at this time, with version 1."""
    line = {
        "content_id": hex0x(keccak(one)),
        "payees": [[eip55(who), str(share)] for who, share in shares.items()],
        "price_ppm": str(WHOLE),
        "region_rule": hex0x(REGION),
        "registered_at": str(at),
        "registrant": eip55(OWNER),
        "version": "1",
        "work_id": hex0x(one),
    }
    return line | changes


def split_line(one: bytes, shares: dict[bytes, int]) -> Json:
    return {
        "account": eip55(one),
        "owner": eip55(OWNER),
        "payees": [[eip55(who), str(share)] for who, share in shares.items()],
        "version": "1",
    }


def left_out(at: tuple[int, int, int], reason: str, who: bytes, one: bytes, **more: Any) -> Json:
    number, index, position = map(str, at)
    place = {"block_number": number, "log_index": index, "position": position}
    subject = {"reason": reason, "submitter": eip55(who), "work_id": hex0x(one)}
    return place | subject | more


def quarantine() -> list[Json]:
    asset = {"asset": eip55(DUSD)}
    none = work_id("none")
    return [
        left_out((10, 1, 1), "unpayable_payee", bytes(20), FEES_ID, amount="10010", **asset),
        left_out((12, 0, 0), "outside_grace", CAT, OLD),
        left_out((14, 2, 1), "split_cycle", OWNER, NEW, amount="67851", **asset),
        left_out((14, 11, 0), "duplicate_submission", CAT, BAD),
        left_out((14, 12, 0), "duplicate_work", CAT, OLD),
        left_out((14, 12, 1), "malformed_terms", CAT, BAD),
        left_out((14, 12, 2), "absurd_minutes", CAT, BAD),
        left_out((14, 12, 3), "unregistered_work", CAT, none),
        left_out((14, 12, 4), "non_canonical_id", CAT, HUGE),
        left_out((14, 13, 0), "malformed_submission", CAT, bytes(32)),
        *(left_out((14, 14, at), "too_many_rows", CAT, BAD) for at in range(17)),
        left_out((14, 15, 0), "unpaid_tier", DAN, OLD),
        left_out((14, 16, 0), "reused_pseudonym", BEN, OLD),
    ]


def allocations() -> list[Json]:
    rows = [(OLD, 120_625), (NEW, 361_875), (FILM, 482_500)]
    of_ben = {"charged": ["25", "10"], "fee": "1003", "rows": [], "unallocated": "968"}
    of_cat = {
        "charged": ["25000", "10000"],
        "fee": "1000000",
        "rows": [{"credited": str(units), "work_id": hex0x(one)} for one, units in rows],
        "unallocated": "0",
    }
    asset = {"asset": eip55(DUSD)}
    return [
        asset | of_ben | {"subscriber": eip55(BEN)},
        asset | of_cat | {"subscriber": eip55(CAT)},
    ]


def leaf_line(one: bytes, lines: Sequence[tuple[bytes, int]]) -> Json:
    payees, units = [line[0] for line in lines], [line[1] for line in lines]
    split = keccak(encode(["address[]", "uint256[]"], [payees, units]))
    types = ["uint256", "address", "uint64", "bytes32", "uint32", "address", "uint256", "bytes32"]
    values = (CHAIN_ID, PAYOUTS, EPOCH, one, 0, DUSD, sum(units), split)
    return {
        "amount": str(sum(units)),
        "asset": eip55(DUSD),
        "leaf": hex0x(keccak(keccak(encode(types, values)))),
        "lines": [[eip55(who), str(amount)] for who, amount in lines],
        "part": "0",
        "split_hash": hex0x(split),
        "work_id": hex0x(one),
    }


def root_of_five(leaves: Sequence[Json]) -> str:
    """Of leaves a < b < c < d < e: the heap is [root, ((a b) e), (c d), (a b), e, d, c, b, a]."""
    a, b, c, d, e = sorted(bytes.fromhex(leaf["leaf"][2:]) for leaf in leaves)

    def over(one: bytes, other: bytes) -> bytes:
        return keccak(min(one, other) + max(one, other))

    return hex0x(over(over(over(a, b), e), over(c, d)))


@cache
def epoch() -> Json:
    """Every recomputed file, the totals and the root."""
    old_at, new_at = story().start(1) + 50, story().start(EPOCH) + 1_005
    works = [
        work_line(OLD, {ANN: WHOLE}, old_at),
        work_line(NEW, SHARES_NEW, new_at),
        work_line(FILM, {}, new_at, content_id=hex0x(CONTENT), registrant=eip55(REGISTRY)),
        work_line(BAD, {DAN: WHOLE}, new_at, price_ppm="0"),
    ]
    splits = {A: SPLIT_A, B: SPLIT_B}
    leaves = [leaf_line(one, LEAVES[one]) for one in sorted(LEAVES)]
    return {
        "works": sorted(works, key=lambda line: str(line["work_id"])),
        "splits": [split_line(one, splits[one]) for one in sorted(splits)],
        "quarantine": quarantine(),
        "allocations": allocations(),
        "leaves": leaves,
        "totals": [{"asset": eip55(DUSD)} | {key: str(value) for key, value in TOTALS.items()}],
        "root": root_of_five(leaves),
    }


@cache
def files() -> dict[str, bytes]:
    """Every file of the bundle but bundle.json."""
    return {
        name: data for name, data in files_of(story(), epoch()).items() if name != "bundle.json"
    }
