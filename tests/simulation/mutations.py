"""Bugs put into a copy of the product, to see whether the simulation finds them.

    python -m tests.simulation.mutations [--seeds N] [NAME …]

Each is a replacement of source text. One of `MUTATIONS` is caught if a seed shows a violation; one
of `GUARDS`, which take away the line that guards against a known incident, if the test of that
incident turns red. A long run: seconds for what is found, a minute for what is not.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("contracts", "settlement", "tests")
SEEDS = 200
_PAYOUTS, _LEDGER = "settlement/payouts", "settlement/ledger"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One bug: in `path`, `old` becomes `new`."""

    name: str
    path: str
    old: str
    new: str

    def count(self, root: Path) -> int:
        """How often the product has the text; once, or the mutation is out of date."""
        return (root / self.path).read_text().count(self.old)

    def apply(self, root: Path) -> None:
        """Put the bug into a copy."""
        path = root / self.path
        path.write_text(path.read_text().replace(self.old, self.new))


MUTATIONS = (
    Mutation(
        "skip the stored raw transaction",
        f"{_PAYOUTS}/send.py",
        """        self.store.add_transaction(transaction, op_ids, head=self.head.number)
        self.broadcast(transaction)
""",
        """        self.broadcast(transaction)
        self.store.add_transaction(transaction, op_ids, head=self.head.number)
""",
    ),
    Mutation(
        "re-nonce on null receipt",
        f"{_PAYOUTS}/decision.py",
        "any(view.is_open(attempt) for attempt in (*history.attempts, *history.others))",
        "any(view.receipt(one) for one in history.attempts if view.is_open(one))",
    ),
    Mutation(
        "trust depth 0",
        f"{_PAYOUTS}/submit.py",
        "        histories, others, sighting = self._observe(finalized, head, counts)\n",
        "        histories, others, sighting = self._observe(head, head, counts)\n",
    ),
    Mutation(
        "forget one hash",
        f"{_PAYOUTS}/operation.py",
        "return tuple(transaction.tx_hash for transaction in self.transactions)",
        "return (self.transactions[-1].tx_hash,)",
    ),
    Mutation(
        "plan from unposted entries",
        f"{_LEDGER}/reserve.py",
        "_open_lines(books, leaf) if leaf and not leaf.kind.is_escrow else []",
        "list(leaf.lines) if leaf and not leaf.kind.is_escrow else []",
    ),
    Mutation(
        "sign while the key is unsettled",
        f"{_PAYOUTS}/submit.py",
        "return Stop.KEY_UNSETTLED if kept.is_unsettled else None",
        "return None",
    ),
    Mutation(
        "other operations of the leaf ignored",
        f"{_PAYOUTS}/decision.py",
        "(*history.attempts, *history.others)):\n        lacking",
        "history.attempts):\n        lacking",
    ),
    Mutation(
        "halving loses an item",
        f"{_PAYOUTS}/batch.py",
        "tuple(group[:middle]), tuple(group[middle:])",
        "tuple(group[:middle]), tuple(group[middle + 1 :])",
    ),
    Mutation(
        "a payment for a paused contract",
        f"{_PAYOUTS}/submit.py",
        "        due = [operation for operation in due if operation.contract not in paused]\n",
        "",
    ),
    Mutation(
        "lines of two lists in one call",
        f"{_PAYOUTS}/operation.py",
        "return Route(self.kind, self.contract, line.list_id, line.asset)",
        "return Route(self.kind, self.contract, ZERO_HASH, line.asset)",
    ),
    Mutation(
        "what is under way forgotten in the float",
        f"{_PAYOUTS}/assemble.py",
        "        promised[fund] += operation.subject.amount\n",
        "        promised[fund] += 0\n",
    ),
    Mutation(
        "what another key has under way forgotten in the float",
        f"{_PAYOUTS}/submit.py",
        "        return {**others.mined, self.signer.address: counts.head}\n",
        "        return {self.signer.address: counts.head}\n",
    ),
    Mutation(
        "paid to the payee of another line",
        f"{_PAYOUTS}/obligations.py",
        "payee=line.payee, amount=line.amount) for line in lines",
        "payee=first.payee, amount=line.amount) for line in lines",
    ),
    Mutation(
        "a document given again owes what was paid",
        f"{_LEDGER}/payment_rules.py",
        "        postings=(owed_now, *explained),\n",
        "        postings=(owed_now,),\n",
    ),
    Mutation(
        "a document given again is settled twice",
        f"{_LEDGER}/post_payments.py",
        "            is_open = event.op_id not in told\n",
        "            is_open = True\n",
    ),
    Mutation(
        "a line's reservation never ends",
        f"{_LEDGER}/post_payments.py",
        "    books.post_reservations(settled)\n",
        "",
    ),
)

GUARDS = (
    Mutation(
        "oz_relayer_818",
        f"{_PAYOUTS}/nonces.py",
        "    return counts.pending if is_told and counts.pending in missing.adopted else None\n",
        "    return None\n",
    ),
    Mutation(
        "oz_relayer_843",
        f"{_PAYOUTS}/nonces.py",
        "    return Resend(newest)\n",
        "    return Leave()\n",
    ),
    Mutation(
        "oz_relayer_681",
        f"{_PAYOUTS}/broadcast.py",
        '"nonce too low", "nonce is too low", ',
        "",
    ),
    Mutation(
        "engine_core_null_receipt",
        f"{_PAYOUTS}/decision.py",
        "any(view.is_open(attempt) for attempt in (*history.attempts, *history.others))",
        "any(view.receipt(one) for one in history.attempts if view.is_open(one))",
    ),
    Mutation(
        "rrelayer_36",
        f"{_PAYOUTS}/view.py",
        "        return attempt.nonce >= self.spent[attempt.sender]\n",
        "        return True\n",
    ),
    Mutation(
        "rrelayer_99",
        f"{_PAYOUTS}/keep_up.py",
        "                draft = sending.noop_draft(attempt.nonce, fee=fee)\n",
        "                continue\n",
    ),
    Mutation(
        "rrelayer_113_funds",
        f"{_PAYOUTS}/sign.py",
        "            elif money_wei < cost_wei:\n",
        "            elif money_wei < -(10**30):\n",
    ),
    Mutation(
        "rrelayer_113_lost_response",
        f"{_PAYOUTS}/submit.py",
        "            finalized=self.chain.nonce_count(sender, finalized),\n",
        "            finalized=self.chain.nonce_count(sender, head),\n",
    ),
    Mutation(
        "open_ethereum_pool_216",
        f"{_PAYOUTS}/send.py",
        """        self.store.add_transaction(transaction, op_ids, head=self.head.number)
        self.broadcast(transaction)
""",
        """        self.broadcast(transaction)
        self.store.add_transaction(transaction, op_ids, head=self.head.number)
""",
    ),
    Mutation(
        "rbuilder_104",
        f"{_PAYOUTS}/submit.py",
        "            spent={**others.spent, sender: counts.finalized},\n",
        "            spent={**others.spent, sender: counts.head},\n",
    ),
    Mutation(
        "bitcoin_mobile_2601",
        f"{_PAYOUTS}/nonces.py",
        "    return Resend(newest)\n",
        "    return Replace(attempt, fee) if isinstance(fee, Fee) else Leave()\n",
    ),
    Mutation(
        "optimism_11614",
        f"{_PAYOUTS}/gas.py",
        "    return fee_wei + max(tenth_wei, 1)\n",
        "    return fee_wei + min(tenth_wei, 1)\n",
    ),
    Mutation(
        "slopdotcash_455",
        f"{_PAYOUTS}/batch.py",
        "tuple(group[:middle]), tuple(group[middle:])",
        "tuple(group[:middle]), tuple(group[middle + 1 :])",
    ),
    Mutation(
        "burnt_estimate",
        f"{_PAYOUTS}/assemble.py",
        "max(gas_limit(estimate), min(least_gas(ready), self.gas_max))",
        "gas_limit(estimate)",
    ),
    Mutation(
        "forgotten_underpriced",
        f"{_PAYOUTS}/keep_up.py",
        "return nonce if adopted_at is not None and is_left(adopted_at, market) else None",
        "return None",
    ),
    Mutation(
        "plan_outdated",
        f"{_LEDGER}/reserve.py",
        "    if settled is not None and settled != _settled_lines(leaf, lines):\n",
        "    if settled is not None and settled < 0:\n",
    ),
    Mutation(
        "midaz_2485",
        f"{_LEDGER}/journal.py",
        """keccak(kind.encode() + b":" + source_id""",
        """keccak(id(source_id).to_bytes(16, "big") + source_id""",
    ),
)


def judge(mutation: Mutation, *, seeds: int) -> str | None:
    """What showed the bug; None if nothing did.

    Raises:
        ValueError: the product does not have the text once.
    """
    found = mutation.count(ROOT)
    if found != 1:
        raise ValueError(f"{mutation.name}: {mutation.path} has the text {found} times")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        wanted = shutil.ignore_patterns("__pycache__", "node_modules", "ganache", "src")
        for part in PARTS:
            shutil.copytree(ROOT / part, copy / part, ignore=wanted)
        mutation.apply(copy)
        if mutation in GUARDS:
            test = f"test_incident__{mutation.name}__"
            where = ("tests/simulation/test_incidents.py", "-k", test)
            return _words(copy, "-m", "pytest", "-q", "--noconftest", *where, starts="E   ")
        options = ("--seeds", str(seeds), "--stop-at-first")
        return _words(copy, "-m", "tests.simulation", *options, starts="  seed ")


def _words(copy: Path, *command: str, starts: str) -> str | None:
    """The first line that says what failed; None if the command was content."""
    run = subprocess.run(
        [sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False
    )
    said = [line.strip() for line in run.stdout.splitlines() if line.startswith(starts)]
    return said[0] if run.returncode == 1 and said else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge all, or those that are named; exit with 1 if one was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations")
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args(arguments)
    missed = 0
    for mutation in (*MUTATIONS, *GUARDS):
        if options.names and mutation.name not in options.names:
            continue
        words = judge(mutation, seeds=options.seeds)
        missed += words is None
        sys.stdout.write(f"{mutation.name:<34} {words or 'NOT CAUGHT'}\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
