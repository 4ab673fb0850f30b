"""What a key may sign: the list of calls, and every limit at its edge."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from contracts.calls import (
    RELEASE_ESCROW,
    VETO,
    Withdrawal,
    commit_epoch_call,
    release_escrow_call,
    withdraw_batch_call,
    withdraw_call,
)
from contracts.evm import ZERO_ADDRESS, Address, ChainId, Timestamp
from settlement.payouts.obligations import lines_call
from settlement.payouts.operation import TransactionDraft
from settlement.payouts.signing_policy import (
    AssetLimit,
    EmergencyStop,
    RefusalKind,
    SigningPolicy,
    Spending,
    UnreadableCall,
    largest,
    refusal_of,
    spending,
    tip_numbers,
)
from tests.fakes_payout_chain import (
    ASSET,
    CHAIN_ID,
    CONTRACT,
    approved_commit,
    payment,
    tip,
    withdrawal,
)
from tests.signing_builders import SENDER, draft

OTHER_ASSET = Address(b"\x0b" * 20)
BATCH = draft().data[:4]
COMMIT = commit_epoch_call(approved_commit().approval, approved_commit().signatures)
MOVED = 301  # 100 and 101 of the first leaf, 100 of the second
POLICY = SigningPolicy(
    chain_id=CHAIN_ID,
    calls=frozenset({(CONTRACT, BATCH), (CONTRACT, COMMIT[:4])}),
    limits={ASSET: AssetLimit(transaction_units=MOVED, day_units=1_000)},
    gas_max=500_000,
    fee_per_gas_wei_max=100,
)


def of_other_asset(one: Withdrawal) -> Withdrawal:
    return replace(one, leaf=replace(one.leaf, asset=OTHER_ASSET))


def kind_of(
    one: TransactionDraft,
    *,
    policy: SigningPolicy = POLICY,
    stop: EmergencyStop | None = None,
    signed: Mapping[int, Spending] | None = None,
) -> RefusalKind | None:
    refusal = refusal_of(one, policy, sender=SENDER, stop=stop, signed=signed or {}, tips={})
    return None if refusal is None else refusal.kind


def test_spending__batch__every_line_of_every_leaf_by_asset() -> None:
    data = withdraw_batch_call(
        [withdrawal(1, lines=2), withdrawal(2), of_other_asset(withdrawal(3, lines=3))]
    )

    assert spending(data, {}) == {ASSET: MOVED, OTHER_ASSET: 303}


def test_spending__one_withdrawal__its_lines() -> None:
    assert spending(withdraw_call(withdrawal(1, lines=2)), {}) == {ASSET: 201}


def test_spending__commit_empty_batch_and_noop__nothing() -> None:
    for data in (COMMIT, withdraw_batch_call([]), b""):
        assert spending(data, {}) == {}


def test_spending__lines_of_a_list__their_sum_in_its_asset() -> None:
    data = lines_call([payment(1, amount=7), payment(2, amount=5)])

    assert spending(data, {}) == {ASSET: 12}


def test_spending__tips__what_was_planned_under_their_numbers() -> None:
    data = lines_call([tip(1), tip(4)])

    assert tip_numbers(data) == (1, 4)
    assert spending(data, {1: 30, 4: 12, 9: 1}) == {ZERO_ADDRESS: 42}
    assert spending(lines_call([tip(1), tip(1)]), {1: 30}) == {ZERO_ADDRESS: 60}


def test_spending__tip_that_was_never_planned__unreadable() -> None:
    with pytest.raises(UnreadableCall, match="tip 4 was never planned"):
        spending(lines_call([tip(1), tip(4)]), {1: 30})


def test_tip_numbers__other_and_broken_calls__none() -> None:
    for data in (b"", COMMIT, lines_call([tip(1)])[:-1], lines_call([tip(1)]) + bytes(32)):
        assert tip_numbers(data) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        BATCH,
        BATCH + b"\xff" * 32,
        draft().data[:-32],
        draft().data + b"\x00" * 32,  # another decoder may read it in another way
        b"\x00" + draft().data[1:],
        release_escrow_call(withdrawal(1)),
        VETO.encode(1, bytes(32)),
    ],
)
def test_spending__other_function_or_broken_arguments__unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableCall):
        spending(data, {})


def test_policy__allowed_calls_at_every_limit__signed() -> None:
    assert kind_of(draft()) is None
    assert kind_of(draft(data=COMMIT)) is None
    assert kind_of(draft(to=SENDER, data=b"", gas=21_000)) is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"chain_id": ChainId(1)}, RefusalKind.OTHER_CHAIN),
        ({"to": Address(b"\x66" * 20)}, RefusalKind.CALL_NOT_ALLOWED),
        ({"to": SENDER}, RefusalKind.CALL_NOT_ALLOWED),  # data, so it is no no-op
        ({"data": b""}, RefusalKind.CALL_NOT_ALLOWED),
        ({"data": BATCH[:3]}, RefusalKind.CALL_NOT_ALLOWED),
        ({"data": withdraw_call(withdrawal(1))}, RefusalKind.CALL_NOT_ALLOWED),
        ({"data": VETO.encode(1, bytes(32))}, RefusalKind.CALL_NOT_ALLOWED),
        ({"to": ASSET, "data": draft().data}, RefusalKind.CALL_NOT_ALLOWED),
        ({"data": BATCH + b"\xff" * 64}, RefusalKind.UNREADABLE_CALL),
        ({"gas": 500_001}, RefusalKind.GAS_ABOVE_CAP),
        ({"to": SENDER, "data": b"", "gas": 500_001}, RefusalKind.GAS_ABOVE_CAP),
        ({"max_fee_wei": 101}, RefusalKind.FEE_ABOVE_CAP),
        ({"tip_wei": 101}, RefusalKind.FEE_ABOVE_CAP),
        ({"to": SENDER, "data": b"", "max_fee_wei": 101}, RefusalKind.FEE_ABOVE_CAP),
        (
            {"data": withdraw_batch_call([withdrawal(1, lines=2), withdrawal(2), withdrawal(3)])},
            RefusalKind.TRANSACTION_LIMIT,
        ),
        (
            {"data": withdraw_batch_call([of_other_asset(withdrawal(1))])},
            RefusalKind.NO_LIMIT,
        ),
    ],
)
def test_policy__one_thing_too_much__refused_for_it(
    changes: dict[str, Any], kind: RefusalKind
) -> None:
    assert kind_of(draft(**changes)) is kind


def test_policy__listed_selector_on_a_call_that_nobody_can_read__refused() -> None:
    policy = replace(POLICY, calls=POLICY.calls | {(CONTRACT, RELEASE_ESCROW.selector)})

    escrow = draft(data=release_escrow_call(withdrawal(1)))

    assert kind_of(escrow, policy=policy) is RefusalKind.UNREADABLE_CALL


@pytest.mark.parametrize("one", [draft(), draft(data=COMMIT), draft(to=SENDER, data=b"")])
def test_policy__stopped__nothing_at_all(one: TransactionDraft) -> None:
    stop = EmergencyStop("a key was lost", Timestamp(1_700_000_000))

    refusal = refusal_of(one, POLICY, sender=SENDER, stop=stop, signed={}, tips={})

    assert refusal is not None
    assert refusal.kind is RefusalKind.STOPPED
    assert refusal.detail == "a key was lost (since 1700000000)"


@pytest.mark.parametrize(
    ("signed", "kind"),
    [
        ({1: {ASSET: 699}}, None),
        ({1: {ASSET: 700}}, RefusalKind.DAY_LIMIT),
        ({1: {ASSET: 350}, 2: {ASSET: 349}}, None),
        ({1: {ASSET: 350}, 2: {ASSET: 350}}, RefusalKind.DAY_LIMIT),
        ({1: {ASSET: 350}, 9: {ASSET: 350}}, RefusalKind.DAY_LIMIT),
        ({1: {OTHER_ASSET: 700}}, None),  # each asset by itself
        ({1: {ASSET: 699}, 3: {ASSET: 300}}, None),  # nonce 3 is this one: not counted twice
        ({1: {ASSET: 700}, 3: {ASSET: 300}}, RefusalKind.DAY_LIMIT),
        ({1: {ASSET: 700}, 3: {ASSET: 301}}, None),  # it could move that much before
    ],
)
def test_policy__day__one_unit_below_at_and_above(
    signed: dict[int, Spending], kind: RefusalKind | None
) -> None:
    assert kind_of(draft(), signed=signed) is kind


def test_policy__day_used_up__commits_and_noops_still_signed() -> None:
    signed = {1: {ASSET: 1_000}}

    assert kind_of(draft(data=COMMIT), signed=signed) is None
    assert kind_of(draft(to=SENDER, data=b""), signed=signed) is None


def test_policy__second_asset_above_its_limit__refused_with_the_numbers() -> None:
    limits = {
        ASSET: AssetLimit(transaction_units=100, day_units=100),
        OTHER_ASSET: AssetLimit(transaction_units=99, day_units=100),
    }
    both = [withdrawal(1), of_other_asset(withdrawal(2))]

    refusal = refusal_of(
        draft(data=withdraw_batch_call(both)),
        replace(POLICY, limits=limits),
        sender=SENDER,
        stop=None,
        signed={},
        tips={},
    )

    assert refusal is not None
    assert refusal.kind is RefusalKind.TRANSACTION_LIMIT
    assert refusal.detail == f"asset {OTHER_ASSET}: 100 units, limit 99 a transaction"


def test_policy__without_limits__calls_fees_and_stop_still_bind() -> None:
    policy = replace(POLICY, limits=None)

    assert kind_of(draft(), policy=policy) is None
    assert kind_of(draft(data=BATCH), policy=policy) is RefusalKind.UNREADABLE_CALL
    assert kind_of(draft(to=ASSET), policy=policy) is RefusalKind.CALL_NOT_ALLOWED
    assert kind_of(draft(gas=10**6), policy=policy) is RefusalKind.GAS_ABOVE_CAP


def test_largest__versions_of_a_nonce__the_most_of_each_asset() -> None:
    assert largest([{ASSET: 5, OTHER_ASSET: 1}, {ASSET: 3, OTHER_ASSET: 2}, {}]) == {
        ASSET: 5,
        OTHER_ASSET: 2,
    }
    assert largest([{}]) == {}
