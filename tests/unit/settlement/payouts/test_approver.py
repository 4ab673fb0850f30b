"""Signatures of approvers, and what they are over.

Subjects: settlement.payouts.adapters.approver, settlement.payouts.approval.
"""

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from contracts.evm import Address, ChainId, Hash32
from settlement.errors import BadSigningKey
from settlement.payouts.adapters.approver import checked_approval, is_genuine, signed_approval
from settlement.payouts.approval import PayoutToApprove
from settlement.payouts.errors import NotAnApproval

KEY = b"\x41" * 32
APPROVER = Address.from_hex(Account.from_key(KEY).address)
PAYOUT = PayoutToApprove(
    chain_id=ChainId(8453),
    contract=Address(b"\x0c" * 20),
    op_id=Hash32(b"\x01" * 32),
    asset=Address(b"\x0a" * 20),
    amount=1_000,
)


def test_sentence__payout__names_everything_it_depends_on() -> None:
    for value in (PAYOUT.op_id, PAYOUT.amount, PAYOUT.asset, PAYOUT.contract, PAYOUT.chain_id):
        assert f" {value}" in PAYOUT.sentence


def test_approval__signed__of_the_key() -> None:
    approval = checked_approval(PAYOUT, signed_approval(PAYOUT, KEY))

    assert approval.approver == APPROVER
    assert is_genuine(approval)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": ChainId(1)},
        {"contract": Address(b"\x0d" * 20)},
        {"op_id": Hash32(b"\x02" * 32)},
        {"asset": Address(b"\x0b" * 20)},
        {"amount": 1_001},
    ],
)
def test_approval__of_another_payout__of_nobody_we_know(change: dict[str, Any]) -> None:
    signature = signed_approval(PAYOUT, KEY)
    other = replace(PAYOUT, **change)

    assert checked_approval(other, signature).approver != APPROVER
    assert not is_genuine(replace(checked_approval(PAYOUT, signature), payout=other))


def test_approval__said_to_be_of_another__not_genuine() -> None:
    approval = checked_approval(PAYOUT, signed_approval(PAYOUT, KEY))

    assert not is_genuine(replace(approval, approver=Address(b"\x07" * 20)))


@pytest.mark.parametrize("signature", [b"", b"\x01" * 64, b"\x00" * 65, b"\xff" * 65])
def test_approval__no_signature__refused(signature: bytes) -> None:
    with pytest.raises(NotAnApproval, match=str(PAYOUT.op_id)):
        checked_approval(PAYOUT, signature)


@pytest.mark.parametrize("key", [b"", b"\x01" * 31, b"\x00" * 32])
def test_sign__no_key__refused_without_showing_it(key: bytes) -> None:
    with pytest.raises(BadSigningKey) as caught:
        signed_approval(PAYOUT, key)

    assert caught.value.__cause__ is None
    assert key.hex() == "" or key.hex() not in str(caught.value)
