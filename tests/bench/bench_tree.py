"""Our tree of a million leaves beside OpenZeppelin's JavaScript library, in one run.

`python -m tests.bench.bench_tree [--leaves N] [--full]`. Both get the eight members of our leaf,
ready in memory, and both must find the same root. OpenZeppelin builds a tenth of the leaves unless
`--full`, which takes minutes; its time for all of them is then reckoned in proportion. Where nodes
are written to a file, proofs are sliced from that file, mapped into memory. Exit 1 if a root or a
proof is wrong.
"""

import argparse
import json
import mmap
import random
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

from contracts.evm import Address, ChainId, Epoch, Hash32, keccak
from contracts.leaf_packing import pack_leaves
from contracts.leaves import LEAF_TYPES, Leaf, SplitLine, split_hash
from contracts.packed_leaves import PackedLeaves
from contracts.units import BaseUnits
from settlement.royalties.adapters.tree_processes import hashed_tree_by_two
from settlement.royalties.tree import folded
from settlement.royalties.tree_flat import FlatTree, HashedTree, hashed_tree

GOAL_BUILD_S, GOAL_PROOF_US, GOAL_BYTES = 3, 10, 2 * 2**30
CHAIN_ID, CONTRACT, ASSET = ChainId(8453), Address(b"\xc0" * 20), Address(b"\xa5" * 20)
PACE_S = 170
"""What OpenZeppelin takes for a million leaves on an idle machine of two cores."""
PROOFS = 100_000
_PROOFS_CHECKED = 1_000
_ROOT = Path(__file__).resolve().parents[2]
_LIBRARY = _ROOT / "node_modules" / "@openzeppelin" / "merkle-tree"
_SCRIPT = """
const { StandardMerkleTree } = require(process.argv[1]);
const { types, values } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const start = performance.now();
const root = StandardMerkleTree.of(values, types).root;
const built_s = (performance.now() - start) / 1000;
const peak_bytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ root, built_s, peak_bytes }));
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """What OpenZeppelin's library found, and what it took."""

    root: str
    built_s: float
    peak_bytes: int


def main(count: int, their_count: int) -> int:
    leaves = [_leaf(number) for number in range(count)]
    packed_s, packed = _packed(leaves)
    two_s, made = _timed_tree(packed)
    peak = _peak_bytes()
    one_s, alone = _timed_tree(packed, is_alone=True)
    _say(f"{count:,} leaves")
    _say(f"  leaves with their splits, packed   {packed_s:8.2f} s")
    _say(f"  packed leaves to the root          {two_s:8.2f} s, two processes{_goal(count, two_s)}")
    _say(f"  the same in one process            {one_s:8.2f} s")
    _say(f"  peak memory, with all the leaves   {_mib(peak)}{_reached(peak, GOAL_BYTES, '2 GiB')}")
    are_proofs_right = _measure_proofs(made)
    root = made.tree.root if their_count == count else _tree_of(leaves[:their_count]).tree.root
    theirs = _openzeppelin(leaves[:their_count])
    whole_s = theirs.built_s * count / their_count
    _say(f"OpenZeppelin, {their_count:,} leaves")
    _say(f"  values to the root                 {theirs.built_s:8.2f} s")
    _say(f"  in proportion, {count:,} leaves  {whole_s:8.2f} s")
    _say(f"  peak memory                        {_mib(theirs.peak_bytes)}")
    _say(f"ours takes 1/{whole_s / two_s:.0f} of the time; 1/{whole_s / (packed_s + two_s):.0f}")
    _say("where the split hashes, which OpenZeppelin is given, are counted too;")
    _say(f"at a pace at which OpenZeppelin takes {PACE_S} s: {PACE_S * two_s / whole_s:.1f} s")
    is_root_right = theirs.root == str(root) and alone == made
    _say(f"roots {'agree' if is_root_right else 'DIFFER'}")
    return 0 if is_root_right and are_proofs_right else 1


def _leaf(number: int) -> Leaf:
    name = keccak(number.to_bytes(4, "big"))
    line = SplitLine(payee=Address(name[12:]), amount=BaseUnits(10**18 + number))
    return Leaf(
        epoch=Epoch(7),
        work_id=Hash32(b"\x00" + name[:31]),
        part=0,
        asset=ASSET,
        lines=(line,),
    )


def _packed(leaves: list[Leaf]) -> tuple[float, PackedLeaves]:
    started = perf_counter()
    packed = pack_leaves(leaves, chain_id=CHAIN_ID, contract=CONTRACT)
    return perf_counter() - started, packed


def _timed_tree(packed: PackedLeaves, *, is_alone: bool = False) -> tuple[float, HashedTree]:
    started = perf_counter()
    made = hashed_tree(packed) if is_alone else hashed_tree_by_two(packed)
    return perf_counter() - started, made


def _tree_of(leaves: list[Leaf]) -> HashedTree:
    return hashed_tree(pack_leaves(leaves, chain_id=CHAIN_ID, contract=CONTRACT))


def _measure_proofs(made: HashedTree) -> bool:
    """Proofs of random leaves from a mapped file; the clock's own time is in each figure."""
    draw = random.Random(1)
    count = made.tree.leaf_count
    with TemporaryDirectory() as directory:
        path = Path(directory) / "tree"
        path.write_bytes(made.tree.nodes)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as nodes:
            tree = FlatTree(nodes)
            ranks = [draw.randrange(count) for _ in range(PROOFS)]
            known = [tree.leaf(rank) for rank in ranks]
            proofs_us, ranks_us = [], []
            for rank, leaf in zip(ranks, known, strict=True):
                started = perf_counter()
                tree.proof(rank)
                between = perf_counter()
                tree.rank(leaf)
                ranks_us.append(1e6 * (perf_counter() - between))
                proofs_us.append(1e6 * (between - started))
            are_right = all(
                folded(leaf, tree.proof(rank)) == made.tree.root and tree.rank(leaf) == rank
                for rank, leaf in zip(ranks[:_PROOFS_CHECKED], known, strict=False)
            )
    for name, figures in (("a proof", proofs_us), ("finding its leaf", ranks_us)):
        median, high = quantiles(figures, n=100)[49], quantiles(figures, n=100)[98]
        goal = _reached(median, GOAL_PROOF_US, "10 µs") if figures is proofs_us else ""
        _say(f"  {name:34} {median:8.1f} µs median, {mean(figures):.1f} mean, {high:.1f} p99{goal}")
    return are_right


def _openzeppelin(leaves: list[Leaf]) -> Theirs:
    node = shutil.which("node")
    if node is None or not _LIBRARY.exists():
        sys.exit("node or node_modules/@openzeppelin/merkle-tree is missing: run npm ci")
    values = [
        [
            str(CHAIN_ID),
            str(CONTRACT),
            str(leaf.epoch),
            str(leaf.work_id),
            str(leaf.part),
            str(leaf.asset),
            str(leaf.amount),
            str(split_hash(leaf.lines)),
        ]
        for leaf in leaves
    ]
    done = subprocess.run(
        [node, "--max-old-space-size=16384", "-e", _SCRIPT, str(_LIBRARY)],
        input=json.dumps({"types": LEAF_TYPES, "values": values}),
        capture_output=True,
        check=True,
        text=True,
    )
    return Theirs(**json.loads(done.stdout))


def _peak_bytes() -> int:
    """The most this process ever held, and the most its child did: never less than both at once."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return 1024 * sum(resource.getrusage(who).ru_maxrss for who in both)


def _goal(count: int, built_s: float) -> str:
    return _reached(built_s, GOAL_BUILD_S, "3 s") if count == 1_000_000 else ""


def _reached(figure: float, goal: float, named: str) -> str:
    return f"  (goal {named}: {'reached' if figure <= goal else 'missed'})"


def _mib(size: int) -> str:
    return f"{size / 2**20:8.0f} MiB"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leaves", type=int, default=1_000_000)
    arguments.add_argument("--full", action="store_true", help="OpenZeppelin builds them all too")
    chosen = arguments.parse_args()
    sys.exit(main(chosen.leaves, chosen.leaves if chosen.full else max(1, chosen.leaves // 10)))
