"""One seed, and many: steps with faults, then calm, then everything owed must be paid."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from settlement.errors import SettlementError
from settlement.payouts.operation import Kind
from tests.simulation.calls import CONTRACTS
from tests.simulation.faults import Fault, drawn
from tests.simulation.violation import require
from tests.simulation.world import EPOCHS_MAX, World

STEPS = (40, 120)
_VIOLATIONS = (AssertionError, SettlementError, LookupError, TypeError, ValueError)
"""What ends a run: whatever the product does not expect is one, too."""

_SHARE_WARM = 0.7
"""Runs that begin with an epoch that is active and not paid yet."""

_SHARE_OWING, _SHARE_BACKED_UP, _SHARE_ACCEPTED_AGAIN = 0.1, 0.1, 0.1
"""Steps that begin with another tip or document, a backup, or lost documents given again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one seed came to."""

    seed: int
    steps: int
    faults: Counter[Fault]
    closed: Counter[Kind]
    killed_mid_payment: bool
    violation: str | None
    trace: tuple[str, ...]


@dataclass(slots=True)
class Report:
    """What many seeds came to."""

    seeds: int = 0
    steps: int = 0
    killed_mid_payment: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    closed: Counter[Kind] = field(default_factory=Counter)
    violations: list[Run] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Count one run."""
        self.seeds += 1
        self.steps += run.steps
        self.killed_mid_payment += run.killed_mid_payment
        self.faults += run.faults
        self.closed += run.closed
        if run.violation is not None:
            self.violations.append(run)

    def lines(self) -> Iterator[str]:
        """The report, as it is printed."""
        yield f"seeds                     {self.seeds:>9,}"
        yield f"steps                     {self.steps:>9,}"
        share = 100 * self.killed_mid_payment // max(1, self.seeds)
        yield f"crashed mid-payment       {self.killed_mid_payment:>9,}  ({share} % of the runs)"
        yield f"operations closed         {self.closed.total():>9,}"
        for kind in Kind:
            yield f"  {kind:<48}{self.closed[kind]:>9,}"
        yield f"faults                    {self.faults.total():>9,}"
        for fault in Fault:
            yield f"  {fault:<48}{self.faults[fault]:>9,}"
        yield f"violations                {len(self.violations):>9,}"
        for run in self.violations:
            yield f"  seed {run.seed}: {run.violation}"
            yield f"    python -m tests.simulation --replay {run.seed}"


def run_seed(seed: int) -> Run:
    """One seed, from the first step to the end of the calm."""
    world = World(seed, drawn(Random(f"{seed}/faults")))
    steps, violation = 0, None
    try:
        for _ in story(world):
            steps += 1
            world.invariants.check()
    except _VIOLATIONS as error:
        violation = f"{type(error).__name__}: {error}"
        world.note(f"VIOLATION {violation}")
    return Run(
        seed=seed,
        steps=steps,
        faults=world.faults.counts,
        closed=_closed(world),
        killed_mid_payment=world.killed_mid_payment,
        violation=violation,
        trace=tuple(world.trace),
    )


def _closed(world: World) -> Counter[Kind]:
    store = world.database.store
    over = [one.op_id for one in store.outcomes if one.is_closing]
    return Counter(store.operations[op_id].kind for op_id in over)


def story(world: World) -> Iterator[None]:
    """A run, step by step."""
    random = world.random
    world.fund(0)
    world.network.mine()
    if random.random() < _SHARE_WARM:
        world.warm_up()
    epochs, steps = 1, random.randint(*STEPS)
    for _ in range(steps):
        if epochs < EPOCHS_MAX and random.random() < 0.05:
            world.fund(epochs)
            epochs += 1
        if random.random() < _SHARE_OWING:
            world.outside.owe_lines()
        if random.random() < _SHARE_BACKED_UP:
            world.back_up()
        if random.random() < _SHARE_ACCEPTED_AGAIN:
            world.accept_again()
        _step(world)
        yield
    world.note(f"calm after {steps} steps")
    world.calm_down()
    store = world.database.store
    rounds = 40 + 20 * epochs + 2 * len(store.transactions)
    while (left := world.left_to_do()) is not None or world.network.externals:
        require(rounds, f"not done in bounded time: {left}")
        rounds -= 1
        world.calm_round()
        yield
    last = world.calm_round()
    is_still = last is not None and not (
        last.planned or last.signed or last.sent_again or last.replaced
    )
    require(is_still, "something is done although nothing is left to do")
    yield


def _step(world: World) -> None:
    random, strikes = world.random, world.faults.strikes
    if strikes(Fault.BACKUP_RESTORED):
        world.restore()
    match random.choices(("tick", "post", "move"), weights=(10, 6, 14))[0]:
        case "tick":
            world.tick()
            if strikes(Fault.DUPLICATE_JOB):
                world.tick("duplicate")
        case "post":
            contract = random.choices(CONTRACTS, weights=(2, 1, 1))[0]
            world.post(contract, blocks_max=random.randint(1, 12))
            if strikes(Fault.DUPLICATE_JOB):
                world.post(contract, blocks_max=random.randint(1, 12))
        case "move":
            world.outside.move()


def run_seeds(seeds: Iterable[int]) -> Iterator[Run]:
    """Many seeds, one after the other."""
    for seed in seeds:
        yield run_seed(seed)
