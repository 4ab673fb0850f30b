"""The rules that a payout must pass before money moves; each that objects says why, with numbers.

The verdict is over the open lines of one leaf, because the contract pays a leaf whole: a leaf may
go if no rule objects to any line that would be paid. A line whose payee is held on chain long
enough is not paid by the contract, so objections to it do not stop the others.

Amounts that reach a limit exactly are within it. Windows are half-open (`outflow`). Whatever is not
known (no policy for the asset, no screening list, a tier without a limit) is an objection.

A tip, and a line of a document, is judged as a leaf of one line, in the same sums.

What these rules cannot bind: `withdraw` on chain, which anybody may call for any leaf unless the
compliance role has placed a hold on the payee; and a transaction that is signed already.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import Address, Timestamp
from contracts.leaves import SplitLine
from settlement.ledger.paid import PaidLine
from settlement.payouts.outflow import Outflow
from settlement.payouts.policy_terms import (
    AssetPolicy,
    LeafVerdict,
    LineVerdict,
    OpenLeaf,
    Policy,
    Reason,
    Rule,
    Stage,
    Standing,
)

DAY_S = 86_400
APPROVALS_NEEDED = 2
_STAGES = tuple(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One leaf before the rules, with all that they may look at.

    `due` are lines to be paid, `due_units` their sum, `outstanding` the sum of all open ones;
    `most_owed` is what the payee of the leaf is owed in all who is owed most. They are the same for
    each line, of which a leaf may have many, so they are summed once.
    """

    leaf: OpenLeaf
    due: tuple[SplitLine, ...]
    due_units: int
    outstanding: int
    most_owed: int
    policy: Policy
    standing: Standing
    outflow: Outflow
    owed: Mapping[tuple[Address, Address], int]

    def reason(
        self,
        rule: Rule,
        detail: str,
        *,
        since: Timestamp | None = None,
        actual: int | None = None,
        limit: int | None = None,
    ) -> Reason:
        """An objection; nothing is refused before it is owed."""
        began = max(since or self.leaf.owed_since, self.leaf.owed_since)
        return Reason(rule=rule, detail=detail, since=began, actual=actual, limit=limit)


def verdicts(
    leaves: Sequence[OpenLeaf],
    *,
    policy: Policy,
    standing: Standing,
    paid: Iterable[PaidLine],
    now: Timestamp,
) -> list[LeafVerdict]:
    """Judge all open leaves of a settlement, each as if those allowed before it were paid.

    Signed leaves come first, then reserved ones, then the others, each kind in the given order; the
    answer is in that order.

    Args:
        leaves: all that are open, also those that nobody asks for: limits bind them together.
        policy: the rules.
        standing: the records in force.
        paid: lines that were paid within `window_s_max` of `now`, or more.
        now: when the payment would be made, by the time of the chain.
    """
    outflow, owed = Outflow(paid, now), _owed(leaves)
    ends = now + policy.chain_hold_margin_s
    held = {payee: until for payee, until in standing.chain_holds.items() if until >= ends}
    for leaf in leaves:
        if leaf.stage is Stage.SIGNED:
            outflow.add(leaf.asset, leaf.lines)
    answers: list[LeafVerdict] = []
    for leaf in sorted(leaves, key=lambda one: _STAGES.index(one.stage)):
        is_signed = leaf.stage is Stage.SIGNED
        if is_signed:
            outflow.remove(leaf.asset, leaf.lines)
        passed = {} if leaf.is_line else held
        due = tuple(line for line in leaf.lines if line.payee not in passed)
        case = _Case(
            leaf=leaf,
            due=due,
            due_units=sum(line.amount for line in due),
            outstanding=leaf.outstanding,
            most_owed=max(owed[line.payee, leaf.asset] for line in leaf.lines),
            policy=policy,
            standing=standing,
            outflow=outflow,
            owed=owed,
        )
        verdict = LeafVerdict(leaf, tuple(_judged(case, line, passed) for line in leaf.lines))
        answers.append(verdict)
        if is_signed:
            outflow.add(leaf.asset, leaf.lines)
        elif verdict.is_allowed:
            outflow.add(leaf.asset, case.due)
    return answers


def window_s_max(policy: Policy) -> int:
    """The longest window of any rule: how far back paid lines matter."""
    windows = [
        window
        for limits in policy.assets.values()
        for window in (limits.kyc_window_s, limits.velocity_window_s)
    ]
    return max([DAY_S, *windows])


def _owed(leaves: Sequence[OpenLeaf]) -> dict[tuple[Address, Address], int]:
    """What each payee is owed of each asset, over all open leaves."""
    owed: dict[tuple[Address, Address], int] = {}
    for leaf in leaves:
        for line in leaf.lines:
            key = (line.payee, leaf.asset)
            owed[key] = owed.get(key, 0) + line.amount
    return owed


def _judged(case: _Case, line: SplitLine, held: Mapping[Address, Timestamp]) -> LineVerdict:
    reasons = [reason for rule in _RULES for reason in rule(case, line)]
    limits = case.policy.assets.get(case.leaf.asset)
    if limits is None:
        reasons.append(case.reason(Rule.NO_POLICY, f"asset {case.leaf.asset} has no policy"))
    else:
        reasons += [reason for rule in _LIMITS for reason in rule(case, limits, line)]
    return LineVerdict(
        payee=line.payee,
        amount=line.amount,
        held_until=held.get(line.payee),
        reasons=tuple(reasons),
    )


def _manual_hold(case: _Case, line: SplitLine) -> Iterator[Reason]:
    hold = case.standing.holds.get(line.payee)
    if hold is not None:
        detail = f"payee {line.payee} is held by {hold.held_by}: {hold.reason}"
        yield case.reason(Rule.HELD, detail, since=hold.held_at)


def _screening(case: _Case, line: SplitLine) -> Iterator[Reason]:
    screening = case.standing.screening
    if screening is None:
        yield case.reason(Rule.NOT_SCREENED, "no screening list was ever accepted")
        return
    roles = [(Rule.PAYEE_LISTED, "payee", line.payee)]
    roles += [(Rule.PAYER_LISTED, "payer", payer) for payer in case.leaf.payers]
    for rule, role, account in roles:
        label = screening.listings.get(account)
        if label is not None:
            because = f": {label}" if label else ""
            detail = f"{role} {account} is on list {screening.digest}{because}"
            yield case.reason(rule, detail, since=screening.accepted_at)


def _minimum(case: _Case, limits: AssetPolicy, line: SplitLine) -> Iterator[Reason]:
    """A leaf is worth paying once any one of its payees is owed the minimum in all.

    So small lines wait for each other and not for ever, and never hold up somebody else's money.
    """
    limit = limits.minimum_units
    if case.most_owed < limit:
        actual = case.owed[line.payee, case.leaf.asset]
        detail = f"payee {line.payee} is owed {actual} in all, and nobody here {limit}"
        yield case.reason(Rule.BELOW_MINIMUM, detail, actual=actual, limit=limit)


def _kyc(case: _Case, limits: AssetPolicy, line: SplitLine) -> Iterator[Reason]:
    tier = case.standing.tiers.get(line.payee, 0)
    window_s, tiers = limits.kyc_window_s, limits.kyc_units_max
    limit = tiers[tier] if tier < len(tiers) else 0
    actual = case.outflow.volume(line.payee, case.leaf.asset, window_s) + line.amount
    if limit is not None and actual > limit:
        detail = f"payee {line.payee} of tier {tier} would have {actual} in {window_s} s of {limit}"
        yield case.reason(Rule.KYC_LIMIT, detail, actual=actual, limit=limit)


def _velocity(case: _Case, limits: AssetPolicy, line: SplitLine) -> Iterator[Reason]:
    window_s, limit = limits.velocity_window_s, limits.velocity_lines_max
    actual = case.outflow.count(line.payee, case.leaf.asset, window_s) + 1
    if limit is not None and actual > limit:
        detail = f"it would be payment {actual} to payee {line.payee} in {window_s} s, of {limit}"
        yield case.reason(Rule.VELOCITY, detail, actual=actual, limit=limit)


def _payee_day(case: _Case, limits: AssetPolicy, line: SplitLine) -> Iterator[Reason]:
    limit = limits.payee_day_units_max
    actual = case.outflow.volume(line.payee, case.leaf.asset, DAY_S) + line.amount
    if limit is not None and actual > limit:
        detail = f"payee {line.payee} would have {actual} in a day, cap {limit}"
        yield case.reason(Rule.PAYEE_DAILY_CAP, detail, actual=actual, limit=limit)


def _settlement_day(case: _Case, limits: AssetPolicy, _: SplitLine) -> Iterator[Reason]:
    limit = limits.settlement_day_units_max
    actual = case.outflow.total(case.leaf.asset, DAY_S) + case.due_units
    if limit is not None and actual > limit:
        detail = f"the settlement would pay {actual} in a day, cap {limit}"
        yield case.reason(Rule.SETTLEMENT_DAILY_CAP, detail, actual=actual, limit=limit)


def _approval(case: _Case, limits: AssetPolicy, _: SplitLine) -> Iterator[Reason]:
    """All open lines count, also held ones: a hold on chain may be lifted at any time."""
    limit, actual = limits.unapproved_units_max, case.outstanding
    if limit is None or actual <= limit:
        return
    approved = case.policy.approvers & case.standing.approvals.get(case.leaf.op_id, frozenset())
    if len(approved) < APPROVALS_NEEDED:
        detail = f"{actual} is above {limit}: {len(approved)} of {APPROVALS_NEEDED} persons approve"
        yield case.reason(Rule.NOT_APPROVED, detail, actual=actual, limit=limit)


_RULES: tuple[Callable[[_Case, SplitLine], Iterator[Reason]], ...] = (_manual_hold, _screening)
_LIMITS: tuple[Callable[[_Case, AssetPolicy, SplitLine], Iterator[Reason]], ...] = (
    _minimum,
    _kyc,
    _velocity,
    _payee_day,
    _settlement_day,
    _approval,
)
