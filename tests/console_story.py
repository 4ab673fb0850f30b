"""Bundles of epochs in which every rule of the royalties shows, for the verifiers' tests.

A `Story` is a chain of blocks with logs, encoded with eth-abi apart from the engine and from the
verifiers. What an epoch makes of them is computed by the verifier in JavaScript, made into files
here, and then up to the others: `scripts/verify_epoch.py` must accept the same files, and the tests
name by hand the amounts that a rule is about. Logs that no contract would emit are among them.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rlp
from eth_abi.abi import encode

from contracts.event_spec import ROYALTY_CONTRACTS
from contracts.events import EVENTS as DECLARED
from tests.bundle_builder import (
    Json,
    Log,
    bloom_of,
    bundle_json,
    canonical,
    eip55,
    hex0x,
    json_lines,
    keccak,
    named_address,
    named_word,
    prefixed,
    rolling_hash,
)

VERIFY_JS = Path(__file__).parents[1] / "api" / "console" / "verify.js"
CHAIN_ID = 31337
START_BLOCK = 10
CONTRACTS = {
    name: named_address(f"nine {name}")
    for name in (
        "ConsumptionSubmissions",
        "ContentClaims",
        "CreatorAttestations",
        "EpochClock",
        "EpochPayouts",
        "RulesetParameters",
        "SplitAccounts",
        "SubscriptionTiers",
        "WorkRegistry",
    )
}
PAYOUTS, SPLITS, REGISTRY = (
    CONTRACTS[name] for name in ("EpochPayouts", "SplitAccounts", "WorkRegistry")
)
EVENTS = {
    "EpochClockStarted": ("EpochClock", "uint64,uint64,uint64", 0),
    "ParametersSet": ("RulesetParameters", "uint64,bytes32,bytes", 2),
    "WorkTermsSet": (
        "WorkRegistry",
        "bytes32,address,bytes32,uint64,uint32,uint64,bytes32,address[],uint32[]",
        3,
    ),
    "SplitTermsSet": ("SplitAccounts", "address,address,uint64,uint32,address[],uint32[]", 2),
    "VerdictPlaced": ("WorkRegistry", "bytes32,bytes32", 2),
    "Subscribed": ("SubscriptionTiers", "address,uint64,bytes32,address,address,uint256", 3),
    "EpochFunded": ("EpochPayouts", "uint64,address,address,uint256", 3),
    "ConsumptionSubmitted": (
        "ConsumptionSubmissions",
        "address,uint64,bytes32,uint16,bytes32[],uint32[],uint32[],bytes32[],bytes32",
        3,
    ),
}
"""Contract, types and how many of them are indexed (the first ones)."""
SCALAR_FIELD_ORDER = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
REGION = named_word("everywhere")
DUSD, EURT = bytes.fromhex("dd" * 20), bytes.fromhex("ee" * 20)
ANN, BEN, CAT, DAN = (bytes([at]) * 20 for at in (0xA1, 0xA2, 0xA3, 0xA4))
OWNER, DONOR = named_address("owner"), named_address("donor of the nine")
TIER = named_word("tier of the nine")
WHOLE = 1_000_000


def node() -> str | None:
    return shutil.which("node")


def work_id(name: str) -> bytes:
    return named_word(f"work {name}")


def payee(number: int) -> bytes:
    """Payees that ascend by number, all above ANN to DAN."""
    return bytes([0xB0]) + number.to_bytes(19, "big")


def account(name: str) -> bytes:
    return bytes([0xC0]) + keccak(name.encode())[:19]


Event = tuple[str, tuple[Any, ...]]


def evenly(payees: Sequence[bytes]) -> dict[bytes, int]:
    """Shares of as many as are given; the last gets what is over."""
    share = WHOLE // len(payees)
    shares = dict.fromkeys(sorted(payees), share)
    shares[max(payees)] += WHOLE - sum(shares.values())
    return shares


@dataclass(kw_only=True)
class Story:
    """A chain up to the end of grace of one epoch."""

    epoch: int = 5
    length: int = 3_000_000
    grace: int = 100_000
    genesis: int = 1_000
    parameters: Json = field(default_factory=dict)
    blocks: list[tuple[int, list[Event]]] = field(default_factory=list)
    versions: dict[bytes, int] = field(default_factory=dict)
    words: int = 0

    def __post_init__(self) -> None:
        """The clock and the parameters are older than everything else."""
        document = {
            "completeness": "headers",
            "k_ppm": "1000000",
            "plays_max": "100000",
            "regions": {hex0x(REGION): "1000000"},
            "ruleset": "usercentric-v1",
            **self.parameters,
        }
        self.parameters = document
        data = canonical(document)
        clock = (self.genesis, self.length, self.grace)
        parameters = (0, keccak(data), data)
        started = [("EpochClockStarted", clock), ("ParametersSet", parameters)]
        self.blocks.append((self.genesis, started))

    def start(self, epoch: int) -> int:
        return self.genesis + epoch * self.length

    def mine(self, time: int, *events: Event) -> None:
        """A block; no time is as the block before."""
        assert time >= self.blocks[-1][0], "blocks go on in time"
        self.blocks.append((time, list(events)))

    def word(self) -> bytes:
        """A pseudonym that nobody had yet."""
        self.words += 1
        return named_word(f"pseudonym {self.words}")

    def work(self, name: str | bytes, shares: object, effective: int = 0, **terms: Any) -> Event:
        """Terms of a work; `shares` are by payee, or two lists that need not fit."""
        one = work_id(name) if isinstance(name, str) else name
        payees, parts = _columns(shares)
        self.versions[one] = self.versions.get(one, 0) + 1
        content = terms.get("content", keccak(one))
        price, region = terms.get("price", WHOLE), terms.get("region", REGION)
        first = (one, terms.get("registrant", OWNER), content)
        values = (*first, effective, self.versions[one], price, region, payees, parts)
        return "WorkTermsSet", values

    def recognised(self, name: str, effective: int = 0, **terms: Any) -> Event:
        return self.work(name, {}, effective, registrant=REGISTRY, **terms)

    def split(self, name: str, shares: object, effective: int = 0) -> Event:
        one = account(name)
        payees, parts = _columns(shares)
        self.versions[one] = self.versions.get(one, 0) + 1
        return "SplitTermsSet", (one, OWNER, effective, self.versions[one], payees, parts)

    def pay(self, who: bytes, amount: int, asset: bytes = DUSD, tier: bytes = TIER) -> list[Event]:
        tiers = CONTRACTS["SubscriptionTiers"]
        return [
            ("Subscribed", (who, self.epoch, tier, who, asset, amount)),
            ("EpochFunded", (self.epoch, asset, tiers, amount)),
        ]

    def donate(self, amount: int, asset: bytes = DUSD) -> Event:
        return "EpochFunded", (self.epoch, asset, DONOR, amount)

    def use(self, who: bytes, part: int, *rows: tuple[Any, ...], **columns: Any) -> Event:
        """Rows are (work, minutes[, plays[, pseudonym]]); `columns` replace what they make."""
        works = [work_id(row[0]) if isinstance(row[0], str) else row[0] for row in rows]
        made = {
            "works": works,
            "minutes": [row[1] for row in rows],
            "plays": [row[2] if len(row) > 2 else 1 for row in rows],
            "pseudonyms": [row[3] if len(row) > 3 else self.word() for row in rows],
            **columns,
        }
        digest = self.word()
        return (
            "ConsumptionSubmitted",
            (
                *(who, self.epoch, columns.get("tier", TIER), part),
                *(made[name] for name in ("works", "minutes", "plays", "pseudonyms")),
                digest,
            ),
        )

    def headers(self) -> list[bytes]:
        """RLP of all headers, linked."""
        headers: list[bytes] = []
        for at, (time, events) in enumerate(self.blocks):
            parent = keccak(headers[-1]) if headers else bytes(32)
            bloom = bloom_of(map(_spelled, events))
            before = [parent, bytes(32), bytes(20), bytes(32), bytes(32), bytes(32), bloom]
            after = [0, START_BLOCK + at, 30_000_000, 21_000, time, b"", bytes(32), bytes(8), 7]
            headers.append(rlp.encode([*before, *after]))
        return headers

    def inputs(self) -> Json:
        """Manifest without results, logs, blocks and headers."""
        headers = self.headers()
        refs = [
            {"hash": hex0x(keccak(header)), "number": str(START_BLOCK + at), "timestamp": str(time)}
            for at, ((time, _), header) in enumerate(zip(self.blocks, headers, strict=True))
        ]
        logs = [
            _raw(ref, index, event)
            for ref, (_, events) in zip(refs, self.blocks, strict=True)
            for index, event in enumerate(events)
        ]
        times = [time for time, _ in self.blocks]
        start, end = self.start(self.epoch), self.start(self.epoch + 1)
        anchor = _last(times, start + self.grace)
        boundary, before = _last(times, end), _last(times, start)
        assert times[-1] < end + self.grace, "the last block is the reference block"
        needed = {before, boundary, len(times) - 1}
        needed |= {at for at, (_, events) in enumerate(self.blocks) if events}
        claims = ["unproved" if events else "empty" for _, events in self.blocks]
        lines = [
            {
                "claim": "anchor" if at == anchor else claims[at],
                "header": hex0x(headers[at]),
                "number": refs[at]["number"],
            }
            for at in range(anchor, len(times))
        ]
        certified = [(keccak(headers[at]), claims[at]) for at in range(anchor + 1, len(times))]
        previous = hex0x(keccak(b"the certificate before"))
        data = canonical(self.parameters)
        manifest = {
            "format": "quittance-manifest-v1",
            "settlement": {
                "chain_id": str(CHAIN_ID),
                "contract": eip55(PAYOUTS),
                "name": "nine",
                "start_block": str(START_BLOCK),
            },
            "contracts": {name: eip55(one) for name, one in CONTRACTS.items()},
            "epoch": str(self.epoch),
            "attempt": "1",
            "previous_manifest_digest": hex0x(keccak(b"the manifest before")),
            "clock": {
                "genesis": str(self.genesis),
                "grace": str(self.grace),
                "length": str(self.length),
            },
            "boundary_block": refs[boundary],
            "reference_block": refs[-1],
            "completeness": {
                "digest": _certificate(START_BLOCK + anchor + 1, certified, previous),
                "level": "headers",
                "previous": previous,
            },
            "ruleset": {
                "name": "usercentric-v1",
                "parameters": self.parameters,
                "parameters_digest": hex0x(keccak(data)),
            },
            "usage_mode": "attested",
        }
        return {
            "manifest": manifest,
            "logs": logs,
            "blocks": [refs[at] for at in sorted(needed)],
            "headers": lines,
            "before": refs[before]["number"],
        }


def _columns(shares: object) -> tuple[list[bytes], list[int]]:
    if isinstance(shares, Mapping):
        return list(shares), list(shares.values())
    assert isinstance(shares, tuple)
    return list(shares[0]), list(shares[1])


def _last(times: Sequence[int], before: int) -> int:
    return max(at for at, time in enumerate(times) if time < before)


def _spelled(event: Event) -> Log:
    name, values = event
    contract, types, indexed = EVENTS[name]
    kinds = types.split(",")
    topics = [keccak(f"{name}({types})".encode())]
    topics += [encode([kinds[at]], [values[at]]) for at in range(indexed)]
    return CONTRACTS[contract], topics, encode(kinds[indexed:], list(values[indexed:]))


def _raw(ref: Json, index: int, event: Event) -> Json:
    address, topics, data = _spelled(event)
    return {
        "address": hex0x(address),
        "block_hash": ref["hash"],
        "block_number": ref["number"],
        "data": hex0x(data),
        "log_index": str(index),
        "topics": [hex0x(topic) for topic in topics],
    }


def _certificate(start: int, blocks: Sequence[tuple[bytes, str]], previous: str) -> str:
    ours = [one for one in DECLARED if one.contract in ROYALTY_CONTRACTS]
    topics = sorted(keccak(one.signature.encode()) for one in ours)
    wanted = prefixed(b"".join(sorted(CONTRACTS.values())), b"".join(topics))
    claimed = b"".join(digest + bytes([claim == "empty"]) for digest, claim in blocks)
    document = prefixed(
        b"quittance-completeness-v1",
        CHAIN_ID.to_bytes(32, "big"),
        keccak(wanted),
        b"headers",
        start.to_bytes(8, "big"),
        (start + len(blocks)).to_bytes(8, "big"),
        keccak(claimed),
        bytes.fromhex(previous[2:]),
    )
    return hex0x(keccak(document))


_PUBLISH = """
import { readFileSync } from "node:fs";
const { script, stories } = JSON.parse(readFileSync(0, "utf8"));
const { published } = await import(script);
const epochs = Object.entries(stories).map(([name, story]) => [name, published(story)]);
process.stdout.write(JSON.stringify(Object.fromEntries(epochs)));
"""
_PUBLISHED = """
export function published({ manifest: document, logs: raw, blocks: refs, before }) {
  const at = { file: "a story" };
  const zero = { count: "0", digest: ZERO_HASH };
  const inputs = { count: "0", rolling_hash: ZERO_HASH };
  const results = { registry_digest: ZERO_HASH, quarantine: zero, totals: [], inputs };
  const tree = { leaf_count: "0", profile: "quittance-v1", root: ZERO_HASH };
  const manifest = MANIFEST({ ...document, ...results, tree }, at);
  const logs = raw.map((log) => LINES["logs.jsonl"](log, at));
  const blocks = blocksByNumber(refs.map((ref) => BLOCK(ref, at)));
  const events = decodedLogs(logs, manifest.contracts);
  const parameters = parametersInForce(events);
  const timeOf = (one) => blocks.get(one.block).timestamp;
  const { length } = manifest.clock;
  const lastBefore = BigInt(before);
  const epoch = recomputed(events, manifest, { parameters, lastBefore, length, timeOf });
  return { ...epoch, root: treeOf(epoch.leaves.map((line) => line.leaf)).root };
}
"""


def epochs_of(stories: Mapping[str, Story], directory: Path) -> dict[str, Json]:
    """What the verifier in JavaScript makes of the logs: lines by file, totals and root."""
    copy = directory / "verify.js"
    copy.write_text(VERIFY_JS.read_text() + _PUBLISHED)
    (directory / "package.json").write_text('{ "type": "module" }')
    inputs = {name: story.inputs() for name, story in stories.items()}
    program = node()
    assert program is not None
    done = subprocess.run(
        [program, "--input-type=module", "-e", _PUBLISH],
        input=json.dumps({"script": copy.as_uri(), "stories": inputs}),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    epochs: dict[str, Json] = json.loads(done.stdout)
    return epochs


def files_of(story: Story, epoch: Json) -> dict[str, bytes]:
    """Every file of the bundle of a story that came to this."""
    inputs = story.inputs()
    files = {f"{name}.jsonl": json_lines(inputs[name]) for name in ("logs", "blocks", "headers")}
    for name in ("works", "splits", "quarantine", "allocations", "leaves"):
        files[f"{name}.jsonl"] = json_lines(epoch[name])
    tree = {
        "leaf_count": str(len(epoch["leaves"])),
        "profile": "quittance-v1",
        "root": epoch["root"],
    }
    manifest = {**inputs["manifest"], "totals": epoch["totals"], "tree": tree}
    return sealed({**files, "manifest.json": canonical(manifest)})


def sealed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with every digest over files made right, as a careful forger would."""
    made = {name: data for name, data in files.items() if name != "bundle.json"}
    document = json.loads(made["manifest.json"])
    logs = [json.loads(line) for line in made["logs.jsonl"].splitlines()]
    quarantine = made["quarantine.jsonl"]
    document["inputs"] = {"count": str(len(logs)), "rolling_hash": hex0x(rolling_hash(logs))}
    document["registry_digest"] = hex0x(keccak(made["works.jsonl"] + made["splits.jsonl"]))
    document["quarantine"] = {
        "count": str(quarantine.count(b"\n")),
        "digest": hex0x(keccak(quarantine)),
    }
    made["manifest.json"] = canonical(document)
    return {**made, "bundle.json": bundle_json(made)}
