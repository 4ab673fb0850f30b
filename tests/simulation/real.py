"""The same story on real servers: Postgres, anvil, and processes that die by SIGKILL.

One settlement is brought to where its epoch is payable, once; every seed starts from a copy of its
database and a snapshot of its chain. Then, step by step, a forked process catches up and pays, and
is killed at some commit, before or after it; transactions are lost, blocks are reorganised, and a
backup is restored, which forgets what was signed since. After every step the chain itself is asked:
no line may be settled twice. When the faults stop, everything owed must be paid, and the books must
agree with the chain.

    python -m tests.simulation --real 4 [--first S]
"""

import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy import Engine, event

from contracts.events import PAYEE_PAID, PAYEE_UNCLAIMED
from reconciliation.discrepancy import Kind
from scripts.devnode import DevNode
from scripts.embedded.anvil import DevChain, running_anvil
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer, running_postgres
from settlement.errors import Transient
from tests.drill_house import (
    House,
    Town,
    build_town,
    made_payable,
    open_leaves,
    opened_house,
)

STEPS = (6, 14)
CALM_ROUNDS = 25
COMMITS_MAX = 24
"""Commits of a look that indexes, posts, plans, signs and sends: about this many."""

_REORG_BLOCKS_MAX = 5
_UNEXPECTED = 3


class Strike(StrEnum):
    """What happened to a run, besides ticks that ended well."""

    KILLED_BEFORE_COMMIT = "killed before a commit"
    KILLED_AFTER_COMMIT = "killed after a commit"
    TRANSACTION_LOST = "the node lost a transaction"
    REORG = "blocks were reorganised"
    BACKUP_RESTORED = "an older backup was restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealRun:
    """What one seed came to."""

    seed: int
    steps: int
    strikes: Counter[Strike]
    violation: str | None


class Violated(AssertionError):
    """Something that must always hold does not."""


@dataclass(slots=True)
class RealSettlement:
    """Servers with one payable epoch; `begin` puts them back to there."""

    town: Town
    server: PostgresServer
    funded: int
    template: str
    snapshot_id: str
    databases: int = 0

    def begin(self) -> str:
        """The chain as it was, and a new copy of the database as it was."""
        node = self.town.node
        node.request("evm_revert", self.snapshot_id)
        self.snapshot_id = node.request("evm_snapshot")
        node.request("anvil_dropAllTransactions")
        node.forget_nonces()
        return self.copy_of(self.template)

    def copy_of(self, database: str) -> str:
        """The name of a copy; whoever is connected to the original is thrown out first."""
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database],
            )
        self.databases += 1
        name = f"real_{self.databases}"
        self.server.url(name, template=database)
        return name


@contextmanager
def real_settlement() -> Iterator[RealSettlement]:
    """Start the servers, and bring one epoch to where it is payable."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(scratch_directory()))
        server = stack.enter_context(running_postgres(directory / "postgres", is_durable=False))
        chain = DevChain(chain_id=31337, slots_in_an_epoch=6)
        anvil = stack.enter_context(running_anvil(directory / "anvil", chain))
        town = build_town(DevNode(anvil.url), directory)
        funded = town.token_balance(town.settlement.payouts)
        with opened_house(town, server.url("payable"), paid_in=funded) as house:
            made_payable(house)
        yield RealSettlement(town, server, funded, "payable", town.node.request("evm_snapshot"))


def run_real(seed: int, settlement: RealSettlement) -> RealRun:
    """One seed, from the payable epoch to the end of the calm."""
    run = _Run(settlement, Random(f"{seed}/real"), settlement.begin())
    violation = None
    try:
        for _ in range(run.random.randint(*STEPS)):
            run.step()
            run.require_settled_once()
        run.calm_down()
    except Violated as error:
        violation = str(error)
    return RealRun(seed=seed, steps=run.steps, strikes=run.strikes, violation=violation)


@dataclass(slots=True)
class _Run:
    settlement: RealSettlement
    random: Random
    database: str
    backup: str | None = None
    steps: int = 0
    strikes: Counter[Strike] = field(default_factory=Counter)

    def step(self) -> None:
        """One thing that happens."""
        self.steps += 1
        match self.random.choices(
            ("tick", "mine", "finalize", "lose", "reorg", "back up", "restore"),
            weights=(12, 5, 3, 3, 2, 2, 1),
        )[0]:
            case "tick":
                self._tick(is_killed=self.random.random() < 0.7)
            case "mine":
                self.settlement.town.node.mine(self.random.randint(1, 3))
            case "finalize":
                self.settlement.town.finalize()
            case "lose":
                self._lose()
            case "reorg":
                blocks = self.random.randint(1, _REORG_BLOCKS_MAX)
                self.settlement.town.node.reorganise([[]] * blocks)
                self.strikes[Strike.REORG] += 1
            case "back up":
                self.backup = self.settlement.copy_of(self.database)
            case "restore" if self.backup is not None:
                self.database = self.settlement.copy_of(self.backup)
                self.strikes[Strike.BACKUP_RESTORED] += 1

    def calm_down(self) -> None:
        """No more faults: go on until nothing is owed; then chain and books must agree.

        Raises:
            Violated: they do not, or it takes for ever.
        """
        for _ in range(CALM_ROUNDS):
            self._tick(is_killed=False)
            self.settlement.town.finalize()
            self.require_settled_once()
            with self._house() as house:
                house.catch_up()
                if not open_leaves(house):
                    self._require_reconciled(house)
                    return
        raise Violated(f"something is owed still after {CALM_ROUNDS} calm rounds")

    def require_settled_once(self) -> None:
        """Ask the chain itself.

        Raises:
            Violated: a line was settled twice.
        """
        town, lines = self.settlement.town, Counter[tuple[str, int]]()
        topics = [str(spec.topic0) for spec in (PAYEE_PAID, PAYEE_UNCLAIMED)]
        question = {
            "address": str(town.settlement.payouts),
            "fromBlock": "0x0",
            "toBlock": "latest",
            "topics": [topics],
        }
        for log in town.node.request("eth_getLogs", question):
            lines[log["topics"][1], int(log["data"][-64:], 16)] += 1
        twice = [line for line, times in lines.items() if times > 1]
        if twice:
            raise Violated(f"settled twice: {twice}")

    def _require_reconciled(self, house: House) -> None:
        """Books and chain agree; what a lost database had signed is left to be explained."""
        run = house.jobs.reconcile_once(house.name)
        unexplained = [
            one
            for one in (run.discrepancies if run else ())
            if one.kind is not Kind.UNAUTHORISED_OUTFLOW or not self.strikes[Strike.BACKUP_RESTORED]
        ]
        if run is None or unexplained:
            raise Violated(f"reconciliation: {unexplained}")

    def _lose(self) -> None:
        pending = self.settlement.town.node.request("txpool_content")["pending"]
        hashes = sorted(one["hash"] for of in pending.values() for one in of.values())
        if hashes:
            lost = self.random.choice(hashes)
            self.settlement.town.node.request("anvil_dropTransaction", lost)
            self.strikes[Strike.TRANSACTION_LOST] += 1

    def _tick(self, *, is_killed: bool) -> None:
        """A process that catches up and pays, or dies on the way.

        Raises:
            Violated: it ended with an error that nobody expects.
        """
        commit, is_before = self.random.randint(1, COMMITS_MAX), self.random.random() < 0.5
        child = os.fork()
        if child == 0:
            os._exit(self._in_child(commit if is_killed else None, is_before=is_before))
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            before, after = Strike.KILLED_BEFORE_COMMIT, Strike.KILLED_AFTER_COMMIT
            self.strikes[before if is_before else after] += 1
        elif os.WEXITSTATUS(status) == _UNEXPECTED:
            raise Violated("a tick ended with an unexpected error; it is printed above")

    def _in_child(self, commit: int | None, *, is_before: bool) -> int:
        try:
            with self._house() as house:
                if commit is not None:
                    _die_at(house.engine, commit, is_before=is_before)
                house.catch_up()
                house.pay()
        except Transient:
            return 0  # the next hint tries again
        except BaseException:  # noqa: BLE001 - the parent must hear of it
            traceback.print_exc(file=sys.stderr)
            return _UNEXPECTED
        return 0

    @contextmanager
    def _house(self) -> Iterator[House]:
        url = self.settlement.server.url(self.database)
        with opened_house(self.settlement.town, url, paid_in=self.settlement.funded) as house:
            yield house


def _die_at(engine: Engine, commit: int, *, is_before: bool) -> None:
    """Kill this process at its n-th commit: before it is sent, or when it is known to be done."""
    count, is_due = 0, False

    @event.listens_for(engine, "commit")
    def _committing(_: object) -> None:
        nonlocal count, is_due
        count += 1
        if count == commit and is_before:
            os.kill(os.getpid(), signal.SIGKILL)
        is_due = count >= commit

    @event.listens_for(engine, "checkin")
    def _returned(*_: object) -> None:
        if is_due:
            os.kill(os.getpid(), signal.SIGKILL)
