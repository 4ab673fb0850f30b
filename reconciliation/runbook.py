"""What each kind of discrepancy means for work: how severe, whose, what stops, what to do."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Hash32
from reconciliation.discrepancy import Kind


class Severity(StrEnum):
    """How soon somebody must look."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


SEVERITIES = tuple(Severity)
"""Most severe first."""


class Owner(StrEnum):
    """Who looks."""

    FINANCE = "finance"
    ENGINEERING = "engineering"
    SECURITY = "security"
    CREATOR_SUPPORT = "creator_support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a kind is treated. While one that `stops_payouts` is open, its asset is not paid out."""

    severity: Severity
    owner: Owner
    stops_payouts: bool
    line: str


_CRITICAL, _HIGH, _MEDIUM, _LOW = SEVERITIES

RULES: dict[Kind, Rule] = {
    Kind.MISSING_ON_CHAIN: Rule(
        severity=_HIGH,
        owner=Owner.FINANCE,
        stops_payouts=True,
        line="Look the entry's block up on a second node. If nothing is there, reverse the entry.",
    ),
    Kind.MISSING_IN_BOOKS: Rule(
        severity=_HIGH,
        owner=Owner.FINANCE,
        stops_payouts=True,
        line="Book it: run `quittance worker`; what came unasked by hand, with this id as reason.",
    ),
    Kind.AMOUNT: Rule(
        severity=_HIGH,
        owner=Owner.FINANCE,
        stops_payouts=True,
        line="Run `quittance ledger verify`; reverse the entry and book what the event says.",
    ),
    Kind.PAYEE: Rule(
        severity=_HIGH,
        owner=Owner.FINANCE,
        stops_payouts=True,
        line="Run `quittance ledger verify`; reverse the entry and book it to the account it is.",
    ),
    Kind.ASSET_OR_CONTRACT: Rule(
        severity=_HIGH,
        owner=Owner.FINANCE,
        stops_payouts=True,
        line="Compare the event's address with the address book; reverse what is not ours.",
    ),
    Kind.DUPLICATE: Rule(
        severity=_CRITICAL,
        owner=Owner.FINANCE,
        stops_payouts=True,
        line="Stop payouts (`quittance payout stop`), reverse the second entry, ask why it came.",
    ),
    Kind.TIMING: Rule(
        severity=_LOW,
        owner=Owner.ENGINEERING,
        stops_payouts=False,
        line="Look whether indexer and worker run, and at `quittance payout status` of what waits.",
    ),
    Kind.REORGED: Rule(
        severity=_CRITICAL,
        owner=Owner.ENGINEERING,
        stops_payouts=True,
        line="Run `quittance chain rewind --to BLOCK --reason …` to the last common block.",
    ),
    Kind.REVERTED: Rule(
        severity=_HIGH,
        owner=Owner.ENGINEERING,
        stops_payouts=True,
        line="Look the receipt up on a second node; what failed is owed still, correct the record.",
    ),
    Kind.GAS: Rule(
        severity=_MEDIUM,
        owner=Owner.FINANCE,
        stops_payouts=False,
        line="Compare entry and receipt; book the difference, or what came, with a manual entry.",
    ),
    Kind.DUST: Rule(
        severity=_MEDIUM,
        owner=Owner.ENGINEERING,
        stops_payouts=True,
        line="Compare the leaf's lines with its entry: a rounding was done twice, or not at all.",
    ),
    Kind.UNAUTHORISED_OUTFLOW: Rule(
        severity=_CRITICAL,
        owner=Owner.SECURITY,
        stops_payouts=True,
        line="Take the key out of use now (`quittance payout stop`), then find out who signed.",
    ),
    Kind.ROOT_MISMATCH: Rule(
        severity=_CRITICAL,
        owner=Owner.SECURITY,
        stops_payouts=True,
        line="Recompute with `verify_epoch.py --rpc`; veto while the window is open, else pause.",
    ),
    Kind.INSOLVENCY: Rule(
        severity=_CRITICAL,
        owner=Owner.SECURITY,
        stops_payouts=True,
        line="Pause the contract, find the transfers that left it, put the money back or announce.",
    ),
    Kind.SOURCE_DIVERGENCE: Rule(
        severity=_CRITICAL,
        owner=Owner.ENGINEERING,
        stops_payouts=True,
        line="Ask a third node. Take the endpoint that is wrong out of the configuration.",
    ),
    Kind.UNCLAIMED_OR_EXPIRED: Rule(
        severity=_LOW,
        owner=Owner.CREATOR_SUPPORT,
        stops_payouts=False,
        line="Write to the payee; push what can be pushed; expire escrow that is over its time.",
    ),
}


def reproduction(settlement: str, discrepancy_id: Hash32) -> str:
    """The command that looks for one discrepancy anew; it exits 1 while it is there."""
    return f"quittance reconcile run --settlement {settlement} --only {discrepancy_id}"
