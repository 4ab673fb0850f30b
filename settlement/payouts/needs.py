"""What payouts need from a person, in words that say what to do: for whoever is called at night.

A tick says everything that it held back and why it stopped. Most of that ends by itself; what does
not is a *need*: a kind to alert on, one reason of those that it met, how many operations wait for
it, and the next thing to do, with its command.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from contracts.calls import SkipReason
from settlement.payouts.assemble import Held
from settlement.payouts.report import Stop, TickReport
from settlement.payouts.view import OwnCheck

TRANSACTIONS_AHEAD_MIN = 10
"""With gas money for fewer transactions than this left, somebody should send some."""


LOOK_AGE_S_MAX = 600
"""A look that is older than this is nobody's: the worker does not run, or has halted."""


class NeedKind(StrEnum):
    """What somebody has to see to."""

    WORKER = "worker"
    INDEXER = "indexer"
    RESUME = "resume"
    FEE_CAP = "fee_cap"
    GAS_MONEY = "gas_money"
    GAS_MONEY_SOON = "gas_money_soon"
    FLOAT = "float"
    SHORTFALL = "shortfall"
    PAUSED = "paused"
    OTHER_KEY = "other_key"
    EXHAUSTED = "exhausted"
    SIGNING_LIMIT = "signing_limit"
    POLICY = "policy"
    RECONCILIATION = "reconciliation"
    HELD_ON_CHAIN = "held_on_chain"
    REFUSED = "refused"


WHAT_TO_DO: dict[NeedKind, str] = {
    NeedKind.WORKER: "Nobody has looked at payouts for a while: look whether `quittance worker` "
    "runs, and in its log for `job halted`. A halted job goes on after a restart.",
    NeedKind.INDEXER: "No block is final in the index yet: look whether `quittance index` runs.",
    NeedKind.RESUME: "A person stopped signing; when that is over: `quittance payout resume "
    "--reason …`.",
    NeedKind.FEE_CAP: "The chain asks more than QUITTANCE_FEE_PER_GAS_WEI_MAX. Wait until it asks "
    "less, or raise the cap and restart the worker; nothing is lost meanwhile.",
    NeedKind.GAS_MONEY: "The payout key cannot pay for gas. Send coins to it, and book them: "
    "`quittance ledger manual propose`. `quittance payout plan` says how much is lacking.",
    NeedKind.GAS_MONEY_SOON: "The payout key has gas money for a few more transactions only. Send "
    "coins to it, and book them: `quittance ledger manual propose`.",
    NeedKind.FLOAT: "The payout batch does not hold enough of an asset. Send that much to the "
    "batch contract; `quittance payout plan` lists the lines that wait.",
    NeedKind.SHORTFALL: "A contract holds less than it owes. Stop (`quittance payout stop --reason "
    "…`) and look at `quittance reconcile report`: money has left it.",
    NeedKind.PAUSED: "A contract is paused and gets nothing. Ask who paused it; the pauser role "
    "unpauses it, and the worker goes on by itself.",
    NeedKind.OTHER_KEY: "Operations wait for transactions of a key that is not configured any "
    "more. They are sent for it; if no block takes them, configure that key until they are spent.",
    NeedKind.EXHAUSTED: "Every transaction for an operation has failed so far; it is tried again "
    "now and then. `quittance payout status OP_ID` shows each of them.",
    NeedKind.SIGNING_LIMIT: "The signing policy refuses it: compare it with `[[signer.limit]]`. A "
    "limit of a day frees itself; any other needs a decision and a restart.",
    NeedKind.POLICY: "The payout policy refuses it: `quittance payout held` says by which rule.",
    NeedKind.RECONCILIATION: "An asset does not tie out, so none of it is paid: `quittance "
    "reconcile report` says what to do.",
    NeedKind.HELD_ON_CHAIN: "The compliance role holds the payee on chain; when it lifts the hold, "
    "or the hold ends, the line is paid.",
    NeedKind.REFUSED: "The contract would refuse it as things are: `quittance payout plan` says "
    "with which reason.",
}
"""One sentence or two for each."""

_OF_STOPS = {
    Stop.NO_FINALIZED_BLOCK: NeedKind.INDEXER,
    Stop.SIGNING_STOPPED: NeedKind.RESUME,
    Stop.FEE_ABOVE_CAP: NeedKind.FEE_CAP,
    Stop.NO_GAS_MONEY: NeedKind.GAS_MONEY,
}
"""The others end by themselves: open nonces are mined, or are final."""

_OF_CHECKS = {
    OwnCheck.FLOAT: NeedKind.FLOAT,
    OwnCheck.BACKING: NeedKind.SHORTFALL,
    OwnCheck.SIGNING_POLICY: NeedKind.SIGNING_LIMIT,
    OwnCheck.POLICY: NeedKind.POLICY,
    OwnCheck.RECONCILIATION: NeedKind.RECONCILIATION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing to see to; `count` operations, contracts or keys wait for it."""

    kind: NeedKind
    detail: str
    count: int

    @property
    def what_to_do(self) -> str:
        """The next step."""
        return WHAT_TO_DO[self.kind]


def needs_of(report: TickReport) -> tuple[Need, ...]:
    """What a tick found that does not end by itself; one need of each kind."""
    met: defaultdict[NeedKind, list[str]] = defaultdict(list)
    for kind, detail in _met(report):
        met[kind].append(detail)
    return tuple(
        Need(kind=kind, detail=met[kind][0], count=len(met[kind]))
        for kind in NeedKind
        if kind in met
    )


def needs_by_age(seconds_ago: int) -> tuple[Need, ...]:
    """What the age of the last look needs, whatever was found then."""
    if seconds_ago <= LOOK_AGE_S_MAX:
        return ()
    return (Need(kind=NeedKind.WORKER, detail=f"the last look was {seconds_ago} s ago", count=1),)


def need_of_held(held: Held) -> NeedKind:
    """What an operation that is held back waits for."""
    objection = held.objection
    if objection.refusal is SkipReason.PAYEE_HELD:
        return NeedKind.HELD_ON_CHAIN
    return NeedKind.REFUSED if objection.check is None else _OF_CHECKS[objection.check]


def _met(report: TickReport) -> Iterator[tuple[NeedKind, str]]:
    if report.stop in _OF_STOPS:
        yield _OF_STOPS[report.stop], report.stop.value
    ahead = report.transactions_ahead
    if ahead is not None and ahead < TRANSACTIONS_AHEAD_MIN:
        yield NeedKind.GAS_MONEY_SOON, f"{ahead} more transactions"
    for one in report.held:
        yield need_of_held(one), f"operation {one.op_id}: {one.objection.reason}"
    for refusal in report.refusals:
        yield NeedKind.SIGNING_LIMIT, f"replacement: {refusal.kind.value}: {refusal.detail}"
    for contract in report.paused:
        yield NeedKind.PAUSED, f"contract {contract}"
    for key in report.other_keys:
        yield NeedKind.OTHER_KEY, f"key {key}"
    for op_id in report.exhausted:
        yield NeedKind.EXHAUSTED, f"operation {op_id}"
