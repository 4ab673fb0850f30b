"""Every rule at its boundary, and leaves judged together.

Subjects: settlement.payouts.policy, settlement.payouts.policy_terms.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address, Hash32, Timestamp, keccak
from contracts.leaves import SplitLine
from contracts.units import BaseUnits
from settlement.ledger.paid import PaidLine
from settlement.payouts.policy import DAY_S, verdicts, window_s_max
from settlement.payouts.policy_terms import (
    AssetPolicy,
    LeafVerdict,
    ManualHold,
    OpenLeaf,
    Policy,
    Reason,
    Rule,
    Stage,
    Standing,
)
from settlement.payouts.screening import ScreeningList

CONTRACT = Address(b"\xc0" * 20)
USD, EUR = Address(b"\x01" * 20), Address(b"\x02" * 20)
ANN, BEN, CID, DAN, EVE = (Address(bytes([n]) * 20) for n in range(0xA1, 0xA6))
NOW = Timestamp(10_000_000)
OWED_SINCE = Timestamp(NOW - 500)
MONTH_S, HOUR_S = 30 * DAY_S, 3_600
OPEN = AssetPolicy(
    minimum_units=0,
    kyc_window_s=MONTH_S,
    kyc_units_max=(None,),
    velocity_window_s=HOUR_S,
    velocity_lines_max=None,
    payee_day_units_max=None,
    settlement_day_units_max=None,
    unapproved_units_max=None,
)
"""Limits that refuse nothing."""

LIST = ScreeningList(digest=keccak(b"list"), accepted_at=Timestamp(NOW - 50), listings={EVE: "sdn"})
STANDING = Standing(screening=LIST, holds={}, tiers={}, approvals={}, chain_holds={})


def policy(**limits: Any) -> Policy:
    return Policy(
        assets={USD: replace(OPEN, **limits)},
        approvers=frozenset({ANN, BEN, CID}),
        chain_hold_margin_s=1_000,
    )


def leaf(number: int = 1, /, *amounts: int, payees: Sequence[Address] = (ANN, BEN)) -> OpenLeaf:
    return OpenLeaf(
        contract=CONTRACT,
        op_id=Hash32.from_int(number),
        leaf_id=Hash32.from_int(1_000 + number),
        asset=USD,
        lines=tuple(
            SplitLine(payee=payee, amount=BaseUnits(amount))
            for payee, amount in zip(payees, amounts or (100,), strict=False)
        ),
        owed_since=OWED_SINCE,
        stage=Stage.OWED,
        payers=(),
        is_line=False,
    )


def paid(payee: Address, amount: int, ago_s: int, asset: Address = USD) -> PaidLine:
    return PaidLine(payee=payee, asset=asset, amount=amount, paid_at=Timestamp(NOW - ago_s))


def judge(
    *leaves: OpenLeaf,
    rules: Policy | None = None,
    standing: Standing = STANDING,
    history: Sequence[PaidLine] = (),
) -> list[LeafVerdict]:
    return verdicts(leaves, policy=rules or policy(), standing=standing, paid=history, now=NOW)


def reasons(*found: LeafVerdict) -> list[Reason]:
    return [reason for one in found for line in one.lines for reason in line.reasons]


def rules_of(*found: LeafVerdict) -> list[Rule]:
    return [reason.rule for reason in reasons(*found)]


def allowed(found: Sequence[LeafVerdict]) -> list[int]:
    return [int.from_bytes(one.leaf.op_id, "big") for one in found if one.is_allowed]


def test_verdicts__nothing_objects__allowed() -> None:
    (one,) = judge(leaf(1, 100, 200))

    assert one.is_allowed
    assert [(line.payee, line.amount, line.reasons) for line in one.lines] == [
        (ANN, 100, ()),
        (BEN, 200, ()),
    ]


@pytest.mark.parametrize(
    ("limits", "history", "objection"),
    [
        # minimum: what is owed in all, exactly at the limit is enough
        ({"minimum_units": 100}, [], None),
        ({"minimum_units": 101}, [], (Rule.BELOW_MINIMUM, 100, 101)),
        # KYC: the first second of the window counts, the one before does not
        ({"kyc_units_max": (100,)}, [], None),
        ({"kyc_units_max": (99,)}, [], (Rule.KYC_LIMIT, 100, 99)),
        ({"kyc_units_max": (104,)}, [(5, MONTH_S - 1)], (Rule.KYC_LIMIT, 105, 104)),
        ({"kyc_units_max": (105,)}, [(5, MONTH_S - 1)], None),
        ({"kyc_units_max": (104,)}, [(5, MONTH_S)], None),
        ({"kyc_units_max": (104,)}, [(5, 0)], (Rule.KYC_LIMIT, 105, 104)),
        ({"kyc_units_max": ()}, [], (Rule.KYC_LIMIT, 100, 0)),
        ({"kyc_units_max": (0,)}, [], (Rule.KYC_LIMIT, 100, 0)),
        # velocity: lines, not units
        ({"velocity_lines_max": 1}, [], None),
        ({"velocity_lines_max": 0}, [], (Rule.VELOCITY, 1, 0)),
        ({"velocity_lines_max": 1}, [(1, HOUR_S - 1)], (Rule.VELOCITY, 2, 1)),
        ({"velocity_lines_max": 1}, [(1, HOUR_S)], None),
        ({"velocity_lines_max": 2}, [(1, 0), (1, HOUR_S)], None),
        # a day of the payee
        ({"payee_day_units_max": 100}, [], None),
        ({"payee_day_units_max": 99}, [], (Rule.PAYEE_DAILY_CAP, 100, 99)),
        ({"payee_day_units_max": 100}, [(1, DAY_S - 1)], (Rule.PAYEE_DAILY_CAP, 101, 100)),
        ({"payee_day_units_max": 100}, [(1, DAY_S)], None),
        # a day of the settlement
        ({"settlement_day_units_max": 100}, [], None),
        ({"settlement_day_units_max": 99}, [], (Rule.SETTLEMENT_DAILY_CAP, 100, 99)),
        (
            {"settlement_day_units_max": 100},
            [(1, DAY_S - 1)],
            (Rule.SETTLEMENT_DAILY_CAP, 101, 100),
        ),
        ({"settlement_day_units_max": 100}, [(1, DAY_S)], None),
        # approval: above, not at
        ({"unapproved_units_max": 100}, [], None),
        ({"unapproved_units_max": 99}, [], (Rule.NOT_APPROVED, 100, 99)),
    ],
)
def test_limit__at_its_boundary__objects_above_only(
    limits: dict[str, Any],
    history: list[tuple[int, int]],
    objection: tuple[Rule, int, int] | None,
) -> None:
    lines = [paid(ANN, amount, ago_s) for amount, ago_s in history]

    (one,) = judge(leaf(), rules=policy(**limits), history=lines)

    found = [(reason.rule, reason.actual, reason.limit) for reason in reasons(one)]
    assert found == ([] if objection is None else [objection])
    assert one.is_allowed == (objection is None)
    assert all(str(number) in reasons(one)[0].detail for number in (objection or ())[1:])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"kyc_units_max": (105,)}, []),
        ({"payee_day_units_max": 105}, []),
        ({"velocity_lines_max": 1}, []),
        ({"settlement_day_units_max": 105}, [Rule.SETTLEMENT_DAILY_CAP]),
    ],
)
def test_limit__paid_to_another__counts_for_the_settlement_only(
    limits: dict[str, Any], expected: list[Rule]
) -> None:
    found = judge(leaf(), rules=policy(**limits), history=[paid(BEN, 6, 1)])

    assert rules_of(*found) == expected


def test_limits__paid_in_another_asset__not_counted() -> None:
    limits = {"kyc_units_max": (100,), "velocity_lines_max": 1}
    limits |= {"payee_day_units_max": 100, "settlement_day_units_max": 100}

    (one,) = judge(leaf(), rules=policy(**limits), history=[paid(ANN, 1, 1, asset=EUR)])

    assert one.is_allowed


def test_limits__paid_after_now__counted() -> None:
    """The books may be a block ahead of the one that names the time."""
    found = judge(leaf(), rules=policy(payee_day_units_max=100), history=[paid(ANN, 1, -12)])

    assert rules_of(*found) == [Rule.PAYEE_DAILY_CAP]


@pytest.mark.parametrize(("tier", "expected"), [(None, 50), (0, 50), (1, 99), (2, None), (3, 0)])
def test_kyc__tier__has_its_limit(tier: int | None, expected: int | None) -> None:
    tiers = {} if tier is None else {ANN: tier}

    found = judge(
        leaf(),
        rules=policy(kyc_units_max=(50, 99, None)),
        standing=replace(STANDING, tiers=tiers),
    )

    assert [one.limit for one in reasons(*found)] == ([] if expected is None else [expected])


def test_minimum__one_payee_reaches_it_over_all_leaves__both_lines_go() -> None:
    together = judge(leaf(1, 60, 1), leaf(2, 40), rules=policy(minimum_units=100))
    apart = judge(leaf(1, 60, 1), rules=policy(minimum_units=100))

    assert allowed(together) == [1, 2]
    assert [(one.actual, one.limit) for one in reasons(*apart)] == [(60, 100), (1, 100)]


@pytest.mark.parametrize(
    ("accounts", "rules"),
    [
        ([ANN], []),
        ([EVE], [Rule.PAYEE_LISTED]),
        ([ANN, EVE], [Rule.PAYEE_LISTED]),
    ],
)
def test_screening__payee__refused_while_listed(accounts: list[Address], rules: list[Rule]) -> None:
    found = judge(leaf(1, 10, 20, payees=accounts))

    assert rules_of(*found) == rules
    for one in reasons(*found):
        assert str(EVE) in one.detail
        assert str(LIST.digest) in one.detail
        assert "sdn" in one.detail
        assert one.since == LIST.accepted_at
    assert all(line.reasons == () for line in found[0].lines if line.payee != EVE)


def test_screening__payer__every_line_refused() -> None:
    (one,) = judge(replace(leaf(1, 10, 20), payers=(DAN, EVE)))

    assert rules_of(one) == [Rule.PAYER_LISTED, Rule.PAYER_LISTED]
    assert all(str(EVE) in reason.detail for reason in reasons(one))


def test_screening__list_updated_between_plan_and_send__refused_then_allowed() -> None:
    planned = replace(leaf(1, 10, payees=[DAN]), stage=Stage.RESERVED)
    updated = replace(LIST, digest=keccak(b"new"), listings={DAN: "new entry"})

    (before,) = judge(planned)
    (after,) = judge(planned, standing=replace(STANDING, screening=updated))
    (again,) = judge(planned)

    assert before.is_allowed
    assert rules_of(after) == [Rule.PAYEE_LISTED]
    assert again.is_allowed


def test_screening__no_list__nothing_goes() -> None:
    (one,) = judge(leaf(), standing=replace(STANDING, screening=None))

    assert rules_of(one) == [Rule.NOT_SCREENED]
    assert not one.is_allowed


def test_asset__without_policy__nothing_goes_and_records_still_speak() -> None:
    (one,) = judge(replace(leaf(1, 10, payees=[EVE]), asset=EUR))

    assert rules_of(one) == [Rule.PAYEE_LISTED, Rule.NO_POLICY]


def test_hold__payee__refused_with_name_reason_and_time() -> None:
    hold = ManualHold(held_by="kim", reason="case 7", held_at=Timestamp(NOW - 10))

    (one,) = judge(leaf(1, 10, 20), standing=replace(STANDING, holds={BEN: hold}))

    (reason,) = reasons(one)
    assert (reason.rule, reason.since) == (Rule.HELD, NOW - 10)
    assert all(word in reason.detail for word in (str(BEN), "kim", "case 7"))
    assert [line.is_allowed for line in one.lines] == [True, False]


def test_reason__older_than_the_debt__since_it_is_owed() -> None:
    hold = ManualHold(held_by="kim", reason="case 7", held_at=Timestamp(OWED_SINCE - 1))

    found = judge(
        leaf(),
        rules=policy(payee_day_units_max=1),
        standing=replace(STANDING, holds={ANN: hold}),
    )

    assert [(one.rule, one.since) for one in reasons(*found)] == [
        (Rule.HELD, OWED_SINCE),
        (Rule.PAYEE_DAILY_CAP, OWED_SINCE),
    ]


@pytest.mark.parametrize(
    ("until", "is_allowed"), [(NOW + 1, False), (NOW + 999, False), (NOW + 1_000, True)]
)
def test_hold_on_chain__lasts_long_enough__only_its_line_waits(
    until: int, is_allowed: bool
) -> None:
    standing = replace(STANDING, chain_holds={EVE: Timestamp(until)})

    (one,) = judge(leaf(1, 10, 20, payees=[ANN, EVE]), standing=standing)

    assert one.is_allowed == is_allowed
    assert rules_of(one) == [Rule.PAYEE_LISTED]
    assert one.lines[1].held_until == (until if is_allowed else None)


def test_hold_on_chain__held_line__in_no_sum_but_that_to_be_approved() -> None:
    standing = replace(STANDING, chain_holds={BEN: Timestamp(NOW + 5_000)})
    limits = {"settlement_day_units_max": 20, "unapproved_units_max": 1_009}

    first, second = judge(
        leaf(1, 10, 1_000), leaf(2, 10), rules=policy(**limits), standing=standing
    )

    assert rules_of(first) == [Rule.NOT_APPROVED, Rule.NOT_APPROVED]
    assert rules_of(second) == []


@pytest.mark.parametrize(
    ("approvers", "is_allowed"),
    [
        ((), False),
        ((ANN,), False),
        ((ANN, DAN), False),
        ((ANN, BEN), True),
        ((ANN, BEN, CID), True),
    ],
)
def test_approval__two_approvers__let_it_go(
    approvers: tuple[Address, ...], is_allowed: bool
) -> None:
    """DAN signed, but is no approver."""
    approvals = {leaf().op_id: frozenset(approvers), Hash32.from_int(2): frozenset({ANN, BEN})}

    (one,) = judge(
        leaf(),
        rules=policy(unapproved_units_max=99),
        standing=replace(STANDING, approvals=approvals),
    )

    assert one.is_allowed == is_allowed


def test_approval__lines_sum_above_the_threshold__every_line_waits() -> None:
    found = judge(leaf(1, 60, 41), rules=policy(unapproved_units_max=100))

    assert [(one.rule, one.actual) for one in reasons(*found)] == [(Rule.NOT_APPROVED, 101)] * 2


def test_verdicts__several_rules_object__all_are_named_in_order() -> None:
    hold = ManualHold(held_by="kim", reason="case 7", held_at=Timestamp(NOW - 10))
    limits = {
        "minimum_units": 101,
        "kyc_units_max": (99,),
        "velocity_lines_max": 0,
        "payee_day_units_max": 99,
        "settlement_day_units_max": 99,
        "unapproved_units_max": 99,
    }

    found = judge(
        replace(leaf(1, 100, payees=[EVE]), payers=(EVE,)),
        rules=policy(**limits),
        standing=replace(STANDING, holds={EVE: hold}),
    )

    assert rules_of(*found) == [
        rule for rule in Rule if rule not in {Rule.NOT_SCREENED, Rule.NO_POLICY}
    ]


@pytest.mark.parametrize(
    "limits",
    [
        {"kyc_units_max": (250,)},
        {"payee_day_units_max": 250},
        {"settlement_day_units_max": 250},
        {"velocity_lines_max": 2},
    ],
)
def test_verdicts__leaves_together__only_as_many_as_fit(limits: dict[str, Any]) -> None:
    leaves = [leaf(1), leaf(2), leaf(3)]

    assert allowed(judge(*leaves, rules=policy(**limits))) == [1, 2]


def test_verdicts__refused_leaf__leaves_room_for_the_next() -> None:
    big, small = leaf(1, 300), leaf(2, 100)

    assert allowed(judge(big, small, rules=policy(payee_day_units_max=250))) == [2]


def test_verdicts__stages__reserved_before_owed_and_signed_counts_though_refused() -> None:
    owed, reserved = leaf(1), replace(leaf(2), stage=Stage.RESERVED)
    signed = replace(leaf(3), stage=Stage.SIGNED)
    rules = policy(payee_day_units_max=200)
    hold = ManualHold(held_by="kim", reason="case 7", held_at=Timestamp(NOW - 10))

    assert allowed(judge(owed, reserved, signed, rules=rules)) == [3, 2]
    assert allowed(judge(owed, replace(reserved, stage=Stage.OWED), rules=rules)) == [1, 2]
    refused = replace(signed, lines=(*signed.lines, *leaf(9, 1, payees=[BEN]).lines))
    standing = replace(STANDING, holds={BEN: hold})
    assert allowed(judge(owed, reserved, refused, rules=rules, standing=standing)) == [2]


def test_verdicts__signed_leaf__not_counted_against_itself() -> None:
    signed = replace(leaf(), stage=Stage.SIGNED)

    assert allowed(judge(signed, rules=policy(payee_day_units_max=100))) == [1]


def test_verdicts__cap_lowered_below_what_is_reserved__what_fits_still_goes() -> None:
    leaves = [replace(leaf(n), stage=Stage.RESERVED) for n in (1, 2, 3)]

    assert allowed(judge(*leaves, rules=policy(settlement_day_units_max=150))) == [1]


@pytest.mark.parametrize(
    ("kyc_s", "velocity_s", "expected"),
    [(MONTH_S, HOUR_S, MONTH_S), (1, 2 * MONTH_S, 2 * MONTH_S), (1, 1, DAY_S)],
)
def test_window_s_max__longest_of_all_rules(kyc_s: int, velocity_s: int, expected: int) -> None:
    assert window_s_max(policy(kyc_window_s=kyc_s, velocity_window_s=velocity_s)) == expected


_LINES = st.lists(
    st.tuples(st.sampled_from([ANN, BEN, CID]), st.integers(1, 60)),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one[0],
)
_STAGES = st.sampled_from(list(Stage))


@given(
    shapes=st.lists(st.tuples(_LINES, _STAGES), max_size=8),
    history=st.lists(
        st.tuples(st.sampled_from([ANN, BEN, CID]), st.integers(1, 60), st.integers(0, 2 * DAY_S)),
        max_size=6,
    ),
    cap=st.integers(0, 200),
)
def test_verdicts__any_leaves__what_is_allowed_never_exceeds_a_cap(
    shapes: list[tuple[list[tuple[Address, int]], Stage]],
    history: list[tuple[Address, int, int]],
    cap: int,
) -> None:
    leaves = [
        replace(
            leaf(n, *(amount for _, amount in lines), payees=[payee for payee, _ in lines]),
            stage=stage,
        )
        for n, (lines, stage) in enumerate(shapes)
    ]
    before = [paid(*one) for one in history]

    found = judge(
        *leaves,
        rules=policy(payee_day_units_max=cap, settlement_day_units_max=2 * cap),
        history=before,
    )

    fresh = {one.leaf.op_id for one in found if one.is_allowed and one.leaf.stage != Stage.SIGNED}
    moving = [one for one in leaves if one.op_id in fresh or one.stage is Stage.SIGNED]
    recent = [line for line in before if line.paid_at > NOW - DAY_S]
    if fresh:
        total = sum(one.outstanding for one in moving) + sum(line.amount for line in recent)
        assert total <= 2 * cap
    for payee in (ANN, BEN, CID):
        going = [line.amount for one in moving for line in one.lines if line.payee == payee]
        went = [line.amount for line in recent if line.payee == payee]
        touched = [one for one in leaves if one.op_id in fresh and payee in _payees(one)]
        assert not touched or sum(going) + sum(went) <= cap
    assert len(found) == len(leaves)


def _payees(one: OpenLeaf) -> set[Address]:
    return {line.payee for line in one.lines}


def test_verdicts__line_of_a_list__a_hold_on_the_payouts_contract_lets_nothing_pass() -> None:
    """The contract of a leaf leaves a held line out; the one of a line asks its own holds."""
    tip = replace(leaf(1), is_line=True)
    ends = Timestamp(NOW + 10_000)
    hold = ManualHold(held_by="kim", reason="case 7", held_at=OWED_SINCE)
    held = replace(STANDING, chain_holds={ANN: ends}, holds={ANN: hold})

    (of_leaf, of_line) = judge(leaf(2), tip, standing=held)

    assert of_leaf.is_allowed
    assert not of_line.is_allowed
    assert [line.held_until for line in of_line.lines] == [None]


def test_verdicts__lines_and_leaves__one_cap_for_both() -> None:
    tip, royalty = replace(leaf(1), is_line=True), leaf(2)

    assert allowed(judge(royalty, tip, rules=policy(settlement_day_units_max=150))) == [2]
