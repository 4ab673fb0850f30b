"""A small bundle with known answers, for the tests of `scripts/verify_epoch.py`.

Shares no code with the engine or with the verifier: hashes come from pysha3, ABI encoding from
eth-abi, RLP from rlp, and every amount below was worked out by hand, as the comments show.

The story (clock: genesis 1000, length 100, grace 20; epoch 2 is [1200, 1300), grace until 1320):

    block  10    11    12    13    14   15   16    17    18   19    20    21   22
    time  1100  1105  1110  1150  1190 1199 1205  1250  1299 1300  1310  1315 1320
          clock  k=½  works  B v2  S3        S1,S2  S1        .    S2
                            k=1,   pays      pay    uses           uses
                            C held      last             boundary       reference

Every block with logs has two receipts: one without logs, and one that holds them all. Blocks 18, 19
and 21 have logs that are not ours; those of 21 make its bloom look as if there were one.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import rlp
import sha3
from eth_abi.abi import encode

Json = dict[str, Any]

CHAIN_ID = 31337
EPOCH = 2
ATTEMPT = 1
START_BLOCK = 10
BOUNDARY, REFERENCE, LAST_BEFORE_START, HEAD = 18, 21, 15, 22
TIMES = {
    10: 1100, 11: 1105, 12: 1110, 13: 1150, 14: 1190, 15: 1199, 16: 1205,
    17: 1250, 18: 1299, 19: 1300, 20: 1310, 21: 1315, 22: 1320,
}  # fmt: skip


def keccak(data: bytes) -> bytes:
    """keccak256 by pysha3."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def hex0x(data: bytes) -> str:
    return "0x" + data.hex()


def eip55(address: bytes) -> str:
    digits = address.hex()
    signs = keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(sign, 16) > 7 else digit
        for digit, sign in zip(digits, signs, strict=False)
    )


def named_address(name: str) -> bytes:
    return keccak(name.encode())[12:]


def named_word(name: str) -> bytes:
    """A bytes32 below the scalar field's order, as contracts demand of ids."""
    return b"\0" + keccak(name.encode())[1:]


CONTRACTS = {
    name: named_address(name)
    for name in (
        "EpochClock",
        "RulesetParameters",
        "WorkRegistry",
        "SubscriptionTiers",
        "ConsumptionSubmissions",
        "EpochPayouts",
        "CreatorAttestations",
        "SplitAccounts",
        "ContentClaims",
    )
}
SCALAR_FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
# Ascending: P1 < P2 < TOKEN_Y, so that P1 wins the tie in work A's split in asset Y.
P1, P2 = bytes.fromhex("11" * 20), bytes.fromhex("22" * 20)
TOKEN_X, TOKEN_Y = bytes.fromhex("aa" * 20), bytes.fromhex("bb" * 20)
S1, S2, S3 = (bytes([0x51, n]) + bytes(18) for n in (1, 2, 3))
REGISTRANT = named_address("registrant")
DONOR = named_address("donor")
A, B, C, E = (bytes([0, n]) + bytes(30) for n in (0xA, 0xB, 0xC, 0xE))
UNREGISTERED = bytes([0, 0xF]) + bytes(30)
TIER_1, TIER_2, TIER_9 = (named_word(name) for name in ("tier 1", "tier 2", "tier 9"))
NEUTRAL, HALF, UNLISTED = bytes(32), named_word("half"), named_word("unlisted")
PREVIOUS_DIGEST = keccak(b"the manifest of epoch 1")


def canonical(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def json_lines(records: Iterable[Json]) -> bytes:
    return b"".join(canonical(record) + b"\n" for record in records)


HASHES: dict[int, bytes] = {}
"""Filled at the end of this module, when the logs of all blocks are known."""


def block_hash(number: int) -> bytes:
    return HASHES.get(number, keccak(f"block {number}".encode()))


def block(number: int) -> Json:
    digest = hex0x(block_hash(number))
    return {"number": str(number), "hash": digest, "timestamp": str(TIMES[number])}


SIGNATURES = {
    "EpochClockStarted": "uint64,uint64,uint64",
    "ParametersSet": "uint64,bytes32,bytes",
    "WorkTermsSet": "bytes32,address,bytes32,uint64,uint32,uint64,bytes32,address[],uint32[]",
    "SplitTermsSet": "address,address,uint64,uint32,address[],uint32[]",
    "VerdictPlaced": "bytes32,bytes32",
    "VerdictLifted": "bytes32,bytes32",
    "Subscribed": "address,uint64,bytes32,address,address,uint256",
    "EpochFunded": "uint64,address,address,uint256",
    "ConsumptionSubmitted": (
        "address,uint64,bytes32,uint16,bytes32[],uint32[],uint32[],bytes32[],bytes32"
    ),
    "SettlementStarted": "address,address,uint64",
    "EpochCommitted": (
        "uint64,uint32,bytes32,bytes32,uint64,uint32,address[],"
        "(address,uint256,uint256,uint256,uint256,uint256,uint256)[]"
    ),
    "EpochVetoed": "uint64,uint32,address,bytes32",
    "LeafWithdrawn": "bytes32,uint64,bytes32,uint32,address,uint256",
    "PayeePaid": "bytes32,address,address,uint256,uint32",
    "PayeeUnclaimed": "bytes32,address,address,uint256,uint32",
    "PayeeHeld": "bytes32,address,address,uint256,uint32",
    "EscrowReleased": "bytes32,uint64,bytes32,address,address,uint256",
    "EscrowExpired": "bytes32,uint64,bytes32,address,uint256",
}
INDEXED = {
    "EpochClockStarted": 0,
    "ParametersSet": 2,
    "WorkTermsSet": 3,
    "SplitTermsSet": 2,
    "VerdictPlaced": 2,
    "VerdictLifted": 2,
    "Subscribed": 3,
    "EpochFunded": 3,
    "ConsumptionSubmitted": 3,
    "SettlementStarted": 0,
    "EpochCommitted": 3,
    "EpochVetoed": 3,
    "LeafWithdrawn": 3,
    "PayeePaid": 3,
    "PayeeUnclaimed": 3,
    "PayeeHeld": 3,
    "EscrowReleased": 3,
    "EscrowExpired": 3,
}


def types_of(event: str) -> list[str]:
    """The parameter types of an event; commas inside a tuple do not separate."""
    types, depth = [""], 0
    for sign in SIGNATURES[event]:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            types.append("")
        else:
            types[-1] += sign
    return types


def raw_log(number: int, index: int, contract: str, event: str, values: Sequence[Any]) -> Json:
    """One log as in logs.jsonl."""
    types, indexed = types_of(event), INDEXED[event]
    topics = [keccak(f"{event}({SIGNATURES[event]})".encode())]
    topics += [encode([types[i]], [values[i]]) for i in range(indexed)]
    return {
        "address": hex0x(CONTRACTS[contract]),
        "block_hash": hex0x(block_hash(number)),
        "block_number": str(number),
        "data": hex0x(encode(types[indexed:], list(values[indexed:]))),
        "log_index": str(index),
        "topics": [hex0x(topic) for topic in topics],
    }


def parameters(k_ppm: int) -> Json:
    return {
        "k_ppm": str(k_ppm),
        "plays_max": "100000",
        "regions": {hex0x(NEUTRAL): "1000000", hex0x(HALF): "500000"},
        "ruleset": "usercentric-v1",
    }


PARAMETERS = parameters(1_000_000)


def parameters_log(number: int, index: int, effective_epoch: int, k_ppm: int) -> Json:
    data = canonical(parameters(k_ppm))
    values = (effective_epoch, keccak(data), data)
    return raw_log(number, index, "RulesetParameters", "ParametersSet", values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a work as the registry emits them; all works are registered in block 12."""

    work_id: bytes
    effective_epoch: int = 1
    version: int = 1
    price_ppm: int = 1_000_000
    region_rule: bytes = NEUTRAL
    payees: Mapping[bytes, int] = field(default_factory=lambda: {P2: 1_000_000})

    def log(self, number: int, index: int) -> Json:
        content_id = keccak(self.work_id)
        values = (
            self.work_id,
            REGISTRANT,
            content_id,
            self.effective_epoch,
            self.version,
            self.price_ppm,
            self.region_rule,
            list(self.payees),
            list(self.payees.values()),
        )
        return raw_log(number, index, "WorkRegistry", "WorkTermsSet", values)

    def line(self) -> Json:
        """The work as in works.jsonl."""
        return {
            "content_id": hex0x(keccak(self.work_id)),
            "payees": [[eip55(payee), str(share)] for payee, share in self.payees.items()],
            "price_ppm": str(self.price_ppm),
            "region_rule": hex0x(self.region_rule),
            "registered_at": str(TIMES[12]),
            "registrant": eip55(REGISTRANT),
            "version": str(self.version),
            "work_id": hex0x(self.work_id),
        }


TERMS_A = Terms(work_id=A, payees={P1: 700_000, TOKEN_Y: 300_000})
TERMS_B1 = Terms(work_id=B, price_ppm=9_999_999)
TERMS_B2 = Terms(work_id=B, effective_epoch=2, version=2, region_rule=HALF)
TERMS_C = Terms(work_id=C)
TERMS_E = Terms(work_id=E, region_rule=UNLISTED)


def payment_logs(
    number: int, index: int, subscriber: bytes, tier_id: bytes, amount: tuple[bytes, int]
) -> list[Json]:
    """What one subscription emits: Subscribed, then EpochFunded by the tiers contract."""
    asset, units = amount
    paid = (subscriber, EPOCH, tier_id, subscriber, asset, units)
    funded = (EPOCH, asset, CONTRACTS["SubscriptionTiers"], units)
    return [
        raw_log(number, index, "SubscriptionTiers", "Subscribed", paid),
        raw_log(number, index + 1, "EpochPayouts", "EpochFunded", funded),
    ]


def usage_digest(values: Sequence[Any]) -> bytes:
    """What the contract makes of all other parameters of a submission."""
    data = encode(types_of("ConsumptionSubmitted")[:-1], list(values))
    return (int.from_bytes(keccak(data), "big") % SCALAR_FIELD_ORDER).to_bytes(32, "big")


def usage_log(
    number: int,
    index: int,
    subject: tuple[bytes, bytes, int],
    rows: Sequence[tuple[bytes, int, int, str]],
) -> Json:
    """A submission of (subscriber, tier, part) with rows (work, minutes, plays, pseudonym)."""
    subscriber, tier_id, part = subject
    columns = (
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [named_word(row[3]) for row in rows],
    )
    reported = (subscriber, EPOCH, tier_id, part, *columns)
    values = (*reported, usage_digest(reported))
    return raw_log(number, index, "ConsumptionSubmissions", "ConsumptionSubmitted", values)


def verdict_log(number: int, index: int, event: str, work_id: bytes) -> Json:
    return raw_log(number, index, "WorkRegistry", event, (work_id, keccak(b"case")))


def story_logs() -> list[Json]:
    """Every input log of epoch 2, in chain order."""
    return [
        raw_log(10, 0, "EpochClock", "EpochClockStarted", (1000, 100, 20)),
        parameters_log(11, 0, effective_epoch=1, k_ppm=500_000),
        TERMS_A.log(12, 0),
        TERMS_B1.log(12, 1),
        TERMS_C.log(12, 2),
        TERMS_E.log(12, 3),
        TERMS_B2.log(13, 0),
        parameters_log(13, 1, effective_epoch=2, k_ppm=1_000_000),
        verdict_log(13, 2, "VerdictPlaced", C),
        verdict_log(13, 3, "VerdictPlaced", B),  # lifted below: not held
        *payment_logs(14, 0, S3, TIER_1, (TOKEN_X, 50)),
        *payment_logs(16, 0, S1, TIER_1, (TOKEN_X, 1_000_003)),
        *payment_logs(16, 4, S2, TIER_1, (TOKEN_X, 500_000)),
        *payment_logs(16, 6, S2, TIER_2, (TOKEN_Y, 101)),
        raw_log(16, 9, "EpochPayouts", "EpochFunded", (EPOCH, TOKEN_X, DONOR, 7)),
        usage_log(
            17,
            0,
            (S1, TIER_1, 0),
            [(A, 60, 1, "p1"), (B, 40, 4, "p2"), (UNREGISTERED, 5, 1, "p3")],
        ),
        verdict_log(17, 1, "VerdictPlaced", A),  # after the start: A is not held in epoch 2
        verdict_log(17, 2, "VerdictLifted", B),
        usage_log(20, 0, (S2, TIER_1, 0), [(A, 30, 0, "p4"), (C, 10, 1, "p5")]),
        usage_log(20, 1, (S2, TIER_9, 1), [(B, 10, 1, "p6"), (A, 10, 1, "p7")]),
        usage_log(
            20,
            2,
            (S2, TIER_1, 2),
            [(A, 99, 1, "p8"), (B, 99, 1, "p2"), (E, 99, 1, "p9")],
        ),
    ]


def started_log(clock: str = "EpochClock") -> Json:
    values = (CONTRACTS[clock], CONTRACTS["WorkRegistry"], 3600)
    return raw_log(11, 5, "EpochPayouts", "SettlementStarted", values)


def other_logs() -> list[Json]:
    """Logs of our contracts that are no inputs of epoch 2."""
    commitment: tuple[Any, ...] = (1, 1, PREVIOUS_DIGEST, bytes(32), 5000, 1, [S1, S2], [])
    return [
        started_log(),
        Terms(work_id=A, version=2, effective_epoch=3).log(17, 5),
        parameters_log(17, 6, effective_epoch=3, k_ppm=0),
        raw_log(17, 7, "EpochPayouts", "EpochFunded", (3, TOKEN_X, DONOR, 9)),
        raw_log(17, 9, "EpochPayouts", "EpochCommitted", commitment),
        verdict_log(22, 3, "VerdictPlaced", E),
    ]


# S1 pays 1,000,003 X. One minute at price 1, region 1, one play weighs 10^12.
#   A: 60 min, 1 play                     60 * 10^12                         = 60,000,000,000,000
#   B: 40 min, region 1/2, 4 plays; D(4) = (1000000 + 500000 + 333333 + 250000) / 4 = 520833
#      40 * 10^6 * 500,000 = 2 * 10^13;   2 * 10^13 * 520,833 / 10^6         = 10,416,660,000,000
#   sum                                                                        70,416,660,000,000
#   No row is held, so all of the fee is shared out. Weights in units of 10^7: A 6,000,000,
#   B 1,041,666, sum 7,041,666:
#      852,073 * 7,041,666 = 6,000,013,473,618   (6,000,018,000,000 - it = 4,526,382)
#      147,929 * 7,041,666 = 1,041,666,609,714   (1,041,669,124,998 - it = 2,515,284)
#   852,073 + 147,929 = 1,000,002: one unit left, to A (4,526,382 > 2,515,284).
S1_A, S1_B = 852_074, 147_929
# S2 pays 500,000 X and 101 Y. A: 30 min, 0 plays count as 1; C: 10 min, held.
#   X: 500,000 * 30 / 40 = 375,000 to A, 125,000 unallocated.
#   Y: 101 * 30 / 40 = 75.75, so 75 to A, 26 unallocated.
S2_A_X, S2_A_Y = 375_000, 75
# Work A in X: 852,074 + 375,000 = 1,227,074: P1 70 % = 858,951.8, TOKEN_Y 30 % = 368,122.2;
#   858,951 + 368,122 = 1,227,073: one unit left, to P1 (0.8 > 0.2).
A_X_P1, A_X_TOKEN_Y = 858_952, 368_122
# Work A in Y: 75: P1 52.5, TOKEN_Y 22.5: a tie, so the lower address P1 gets 53. TOKEN_Y can not be
#   paid in itself: its 22 go to suspense.
A_Y_P1, A_Y_SUSPENDED = 53, 22
# X: paid in 1,000,003 + 500,000 + 50 + 7 = 1,500,060; allocated 1,227,074 + 147,929 = 1,375,003;
#   unallocated 125,000 (S2) + 50 (S3, no rows) + 7 (donor) = 125,057.  1,375,003 + 125,057: yes.
# Y: paid in 101; allocated 53; escrow 22; unallocated 26.  53 + 22 + 26 = 101: yes.
TOTALS = {
    TOKEN_X: {"paid_in": 1_500_060, "allocated": 1_375_003, "unallocated": 125_057},
    TOKEN_Y: {"paid_in": 101, "allocated": 53, "escrow": 22, "unallocated": 26},
}


def quarantine_line(
    at: tuple[int, int, int], reason: str, submitter: bytes, work_id: bytes
) -> Json:
    number, index, position = map(str, at)
    return {
        "block_number": number,
        "log_index": index,
        "position": position,
        "reason": reason,
        "submitter": eip55(submitter),
        "work_id": hex0x(work_id),
    }


def quarantine_lines() -> list[Json]:
    unpayable = quarantine_line((12, 0, 1), "unpayable_payee", REGISTRANT, A)
    return [
        unpayable | {"amount": str(A_Y_SUSPENDED), "asset": eip55(TOKEN_Y)},
        quarantine_line((17, 0, 2), "unregistered_work", S1, UNREGISTERED),
        quarantine_line((20, 0, 1), "work_under_verdict", S2, C),
        quarantine_line((20, 1, 0), "unpaid_tier", S2, B),
        quarantine_line((20, 1, 1), "unpaid_tier", S2, A),
        quarantine_line((20, 2, 0), "duplicate_work", S2, A),
        quarantine_line((20, 2, 1), "reused_pseudonym", S2, B),
        quarantine_line((20, 2, 2), "unknown_region_rule", S2, E),
    ]


def allocation_line(
    subscriber: bytes, amount: tuple[bytes, int], rows: Sequence[tuple[bytes, int]], rest: int
) -> Json:
    asset, fee = amount
    return {
        "asset": eip55(asset),
        "charged": [],
        "fee": str(fee),
        "rows": [{"credited": str(units), "work_id": hex0x(work)} for work, units in rows],
        "subscriber": eip55(subscriber),
        "unallocated": str(rest),
    }


def allocation_lines() -> list[Json]:
    return [
        allocation_line(S1, (TOKEN_X, 1_000_003), [(A, S1_A), (B, S1_B)], 0),
        allocation_line(S2, (TOKEN_X, 500_000), [(A, S2_A_X), (C, 0)], 125_000),
        allocation_line(S2, (TOKEN_Y, 101), [(A, S2_A_Y), (C, 0)], 26),
        allocation_line(S3, (TOKEN_X, 50), [], 50),
    ]


def leaf_line(work_id: bytes, asset: bytes, lines: Sequence[tuple[bytes, int]]) -> Json:
    amount = sum(units for _, units in lines)
    payees, units = [line[0] for line in lines], [line[1] for line in lines]
    split = keccak(encode(["address[]", "uint256[]"], [payees, units]))
    types = ["uint256", "address", "uint64", "bytes32", "uint32", "address", "uint256", "bytes32"]
    values = (CHAIN_ID, CONTRACTS["EpochPayouts"], EPOCH, work_id, 0, asset, amount, split)
    return {
        "amount": str(amount),
        "asset": eip55(asset),
        "leaf": hex0x(keccak(keccak(encode(types, values)))),
        "lines": [[eip55(payee), str(paid)] for payee, paid in lines],
        "part": "0",
        "split_hash": hex0x(split),
        "work_id": hex0x(work_id),
    }


SUSPENSE_OF_A = b"\x03" + A[1:]
"""3 << 248 | A, whose own top byte is zero."""


def leaf_lines() -> list[Json]:
    return [
        leaf_line(A, TOKEN_X, [(P1, A_X_P1), (TOKEN_Y, A_X_TOKEN_Y)]),
        leaf_line(A, TOKEN_Y, [(P1, A_Y_P1)]),
        leaf_line(B, TOKEN_X, [(P2, S1_B)]),
        leaf_line(SUSPENSE_OF_A, TOKEN_Y, [(CONTRACTS["EpochPayouts"], A_Y_SUSPENDED)]),
    ]


def root_of_four(leaves: Sequence[Json]) -> bytes:
    """Root of leaves l1 < l2 < l3 < l4: the heap is [root, (l3 l4), (l1 l2), l4, l3, l2, l1]."""
    first, second, third, fourth = sorted(bytes.fromhex(leaf["leaf"][2:]) for leaf in leaves)
    return keccak(b"".join(sorted((keccak(first + second), keccak(third + fourth)))))


def rolling_hash(logs: Iterable[Json]) -> bytes:
    rolled = bytes(32)
    for log in logs:
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        data = bytes.fromhex(log["data"][2:])
        text = int(log["block_number"]).to_bytes(8, "big") + bytes.fromhex(log["block_hash"][2:])
        text += int(log["log_index"]).to_bytes(4, "big") + bytes.fromhex(log["address"][2:])
        text += bytes([len(topics)]) + b"".join(topics) + len(data).to_bytes(4, "big") + data
        rolled = keccak(rolled + keccak(text))
    return rolled


Log = tuple[bytes, list[bytes], bytes]
"""Address, topics and data."""
STRANGER, NOISE = named_address("stranger"), keccak(b"Noise()")
NOISE_LOG: Log = (STRANGER, [NOISE], b"")
FOREIGN_LOGS: dict[int, list[Log]] = {
    18: [(CONTRACTS["EpochPayouts"], [NOISE], b"")],
    19: [NOISE_LOG],
    21: [
        (CONTRACTS["EpochPayouts"], [NOISE], b""),
        (STRANGER, [keccak(f"Subscribed({SIGNATURES['Subscribed']})".encode())], b""),
    ],
}
OTHER_SIGNATURES = (
    "WorkRegistered(bytes32,address,bytes32)",
    "TierSet(bytes32,address,uint64,uint256)",
    "GuardianSetChanged(uint32,uint32,address[])",
    "WithdrawRefused(bytes32,uint64,bytes32,uint32,address,uint8)",
    "UnclaimedWithdrawn(address,address,address,uint256)",
    "GuardiansAnnounced(bytes32,uint64,uint32,address[])",
    "GuardiansCancelled(bytes32,address)",
    "PayeeHoldPlaced(address,bytes32,uint64)",
    "PayeeHoldLifted(address)",
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


@cache
def logs_of_block(number: int) -> list[Log]:
    """Every log of a block; where ours leave an index out, there is one of a stranger."""
    ours = {
        int(log["log_index"]): (
            bytes.fromhex(log["address"][2:]),
            [bytes.fromhex(topic[2:]) for topic in log["topics"]],
            bytes.fromhex(log["data"][2:]),
        )
        for log in (*story_logs(), *other_logs())
        if log["block_number"] == str(number)
    }
    if number in FOREIGN_LOGS:
        return FOREIGN_LOGS[number]
    return [ours.get(index, NOISE_LOG) for index in range(max(ours, default=-1) + 1)]


def bloom_of(logs: Iterable[Log]) -> bytes:
    bloom = 0
    for address, topics, _ in logs:
        for value in (address, *topics):
            digest = keccak(value)
            for at in (0, 2, 4):
                bloom |= 1 << (int.from_bytes(digest[at : at + 2], "big") % 2048)
    return bloom.to_bytes(256, "big")


def receipts_of(number: int) -> list[Json]:
    """The receipts of a block as a node gives them."""
    logs = logs_of_block(number)
    if not logs:
        return []
    spelled = [
        {"address": hex0x(one), "topics": [hex0x(topic) for topic in topics], "data": hex0x(data)}
        for one, topics, data in logs
    ]
    return [
        {"type": "0x0", "status": "0x0", "cumulativeGasUsed": "0x5208", "logs": []},
        {"type": "0x2", "status": "0x1", "cumulativeGasUsed": "0xffff", "logs": spelled},
    ]


def receipts_root(number: int) -> bytes:
    """Of no receipts, or of two: a branch whose child 0 is the leaf of key 01, child 8 of 80."""
    logs = logs_of_block(number)
    if not logs:
        return keccak(rlp.encode(b""))
    plain = rlp.encode([b"", 0x5208, bytes(256), []])
    full = b"\x02" + rlp.encode([b"\x01", 0xFFFF, bloom_of(logs), logs])
    children = [b""] * 17
    children[0] = keccak(rlp.encode([b"\x31", full]))
    children[8] = keccak(rlp.encode([b"\x30", plain]))
    return keccak(rlp.encode(children))


def header_of(number: int, *, parent: bytes, bloom: bytes, root: bytes) -> bytes:
    """RLP of a header with the fields of London."""
    before = [parent, bytes(32), bytes(20), bytes(32), bytes(32), root, bloom]
    after = [0, number, 30_000_000, 21_000, TIMES[number], b"", bytes(32), bytes(8), 7]
    data: bytes = rlp.encode([*before, *after])
    return data


def header(number: int) -> bytes:
    return header_of(
        number,
        parent=block_hash(number - 1),
        bloom=bloom_of(logs_of_block(number)),
        root=receipts_root(number),
    )


CLAIMS = {
    10: "proved", 11: "proved", 12: "proved", 13: "proved", 14: "proved", 15: "empty",
    16: "proved", 17: "proved", 18: "empty", 19: "empty", 20: "proved", 21: "proved",
}  # fmt: skip
CLAIM_BYTES = {"unproved": 0, "empty": 1, "proved": 2}


def prefixed(*members: bytes) -> bytes:
    return b"".join(len(member).to_bytes(4, "big") + member for member in members)


def certificate(start: int, blocks: Sequence[tuple[bytes, str]], level: str, before: str) -> str:
    """Digest of a certificate of (header, claim) from `start` on."""
    signatures = [f"{name}({types})" for name, types in SIGNATURES.items()]
    topics = sorted(keccak(one.encode()) for one in (*signatures, *OTHER_SIGNATURES))
    wanted = prefixed(b"".join(sorted(CONTRACTS.values())), b"".join(topics))
    claimed = b"".join(
        keccak(data) + bytes([CLAIM_BYTES.get(claim, 255)]) for data, claim in blocks
    )
    document = prefixed(
        b"quittance-completeness-v1",
        CHAIN_ID.to_bytes(32, "big"),
        keccak(wanted),
        level.encode(),
        start.to_bytes(8, "big"),
        (start + len(blocks)).to_bytes(8, "big"),
        keccak(claimed),
        bytes.fromhex(before[2:]),
    )
    return hex0x(keccak(document))


def certified(start: int, end: int) -> list[tuple[bytes, str]]:
    return [(header(number), CLAIMS[number]) for number in range(start, end)]


def header_lines() -> list[Json]:
    """The header of block 16, where the certificate of epoch 1 ends, and those of 17 to 21."""
    claims = {16: "anchor"} | {number: CLAIMS[number] for number in range(17, 22)}
    return [
        {"claim": claim, "header": hex0x(header(number)), "number": str(number)}
        for number, claim in claims.items()
    ]


def completeness() -> Json:
    """Epoch 1 has blocks 10 to 16, epoch 2 has 17 to 21."""
    previous = certificate(10, certified(10, 17), "receipts", hex0x(bytes(32)))
    digest = certificate(17, certified(17, 22), "receipts", previous)
    return {"level": "receipts", "digest": digest, "previous": previous}


def manifest() -> Json:
    data = canonical(PARAMETERS)
    return {
        "format": "quittance-manifest-v1",
        "settlement": {
            "name": "Grüße",
            "chain_id": str(CHAIN_ID),
            "contract": eip55(CONTRACTS["EpochPayouts"]),
            "start_block": str(START_BLOCK),
        },
        "contracts": {name: eip55(address) for name, address in CONTRACTS.items()},
        "epoch": str(EPOCH),
        "attempt": str(ATTEMPT),
        "previous_manifest_digest": hex0x(PREVIOUS_DIGEST),
        "clock": {"genesis": "1000", "length": "100", "grace": "20"},
        "boundary_block": block(BOUNDARY),
        "reference_block": block(REFERENCE),
        "completeness": completeness(),
        "inputs": {"count": "25", "rolling_hash": hex0x(rolling_hash(story_logs()))},
        "registry_digest": hex0x(keccak(json_lines(works_lines()) + json_lines(split_lines()))),
        "ruleset": {
            "name": "usercentric-v1",
            "parameters_digest": hex0x(keccak(data)),
            "parameters": PARAMETERS,
        },
        "usage_mode": "attested",
        "totals": [
            {
                "asset": eip55(asset),
                "carried_in": "0",
                "escrow": "0",
                "fees": "0",
                **{key: str(value) for key, value in terms.items()},
            }
            for asset, terms in TOTALS.items()
        ],
        "quarantine": {"count": "8", "digest": hex0x(keccak(json_lines(quarantine_lines())))},
        "tree": {
            "profile": "quittance-v1",
            "leaf_count": "4",
            "root": hex0x(root_of_four(leaf_lines())),
        },
    }


def works_lines() -> list[Json]:
    return [terms.line() for terms in (TERMS_A, TERMS_B2, TERMS_C, TERMS_E)]


def split_lines() -> list[Json]:
    """There are no split accounts in this story."""
    return []


LISTED_BLOCKS = (10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21)


def story_files() -> dict[str, bytes]:
    """Every file of the bundle but bundle.json."""
    return {
        "manifest.json": canonical(manifest()),
        "blocks.jsonl": json_lines(block(number) for number in LISTED_BLOCKS),
        "headers.jsonl": json_lines(header_lines()),
        "logs.jsonl": json_lines(story_logs()),
        "works.jsonl": json_lines(works_lines()),
        "splits.jsonl": json_lines(split_lines()),
        "quarantine.jsonl": json_lines(quarantine_lines()),
        "allocations.jsonl": json_lines(allocation_lines()),
        "leaves.jsonl": json_lines(leaf_lines()),
    }


def bundle_json(files: Mapping[str, bytes]) -> bytes:
    """The list of digests."""
    return canonical(
        {
            "files": {name: hex0x(sha256(data).digest()) for name, data in files.items()},
            "manifest_digest": hex0x(keccak(files["manifest.json"])),
        }
    )


def with_digests(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with the manifest's own digests made right again, as a careful forger would."""
    logs = [json.loads(line) for line in files["logs.jsonl"].splitlines()]
    document = json.loads(files["manifest.json"])
    document["inputs"] = {
        "count": str(len(logs)),
        "rolling_hash": hex0x(rolling_hash(logs)),
    }
    document["registry_digest"] = hex0x(keccak(files["works.jsonl"] + files["splits.jsonl"]))
    quarantine = files["quarantine.jsonl"]
    document["quarantine"] = {
        "count": str(quarantine.count(b"\n")),
        "digest": hex0x(keccak(quarantine)),
    }
    claimed = [json.loads(line) for line in files["headers.jsonl"].splitlines()]
    blocks = [
        (bytes.fromhex(line["header"][2:]), line["claim"])
        for line in claimed
        if line["claim"] != "anchor"
    ]
    named = document["completeness"]
    start = int(document["reference_block"]["number"]) + 1 - len(blocks)
    named["digest"] = certificate(start, blocks, named["level"], named["previous"])
    return {**files, "manifest.json": canonical(document)}


def write_bundle(directory: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files and a bundle.json that fits them."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    (directory / "bundle.json").write_bytes(bundle_json(files))
    return directory


for _number in TIMES:
    HASHES[_number] = keccak(header(_number))
