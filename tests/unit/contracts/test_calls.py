"""Calldata against web3's own encoder and the committed ABI."""

from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract

from contracts import calls
from contracts.abi import artifact
from contracts.approvals import Approval, AssetTotals
from contracts.evm import Address, Epoch, Hash32, Timestamp
from contracts.leaves import Leaf, SplitLine
from contracts.units import UINT256_MAX, BaseUnits
from tests.escrow_calls import expire_escrow_call

ASSET = Address(b"\xaa" * 20)


@pytest.fixture(scope="module")
def contract() -> type[Contract]:
    return Web3().eth.contract(abi=artifact("EpochPayouts").abi)


def withdrawal(*, lines: int = 2, proof: int = 3, epoch: int = 7) -> calls.Withdrawal:
    split = tuple(
        SplitLine(payee=Address(bytes([n + 1]) * 20), amount=BaseUnits(10**18 + n))
        for n in range(lines)
    )
    leaf = Leaf(epoch=Epoch(epoch), work_id=Hash32(b"\x01" * 32), part=4, asset=ASSET, lines=split)
    return calls.Withdrawal(leaf, tuple(Hash32(bytes([n]) * 32) for n in range(proof)))


def as_arguments(item: calls.Withdrawal) -> dict[str, Any]:
    return {
        "epoch": item.leaf.epoch,
        "workId": bytes(item.leaf.work_id),
        "part": item.leaf.part,
        "asset": str(item.leaf.asset),
        "payees": [str(line.payee) for line in item.leaf.lines],
        "amounts": [line.amount for line in item.leaf.lines],
        "proof": [bytes(node) for node in item.proof],
    }


def approval() -> Approval:
    totals = AssetTotals(
        asset=ASSET,
        paid_in=BaseUnits(UINT256_MAX),
        carried_in=BaseUnits(1),
        allocated=BaseUnits(2),
        escrow=BaseUnits(3),
        unallocated=BaseUnits(4),
        fees=BaseUnits(5),
    )
    return Approval(
        epoch=Epoch(9),
        attempt=2,
        guardian_set=1,
        manifest_digest=Hash32(b"\x05" * 32),
        root=Hash32(b"\x06" * 32),
        totals=(totals,),
        deadline=Timestamp(1_900_000_000),
    )


def test_withdraw__two_lines__equals_web3(contract: type[Contract]) -> None:
    item = withdrawal()

    expected = contract.encode_abi("withdraw", args=[as_arguments(item)])

    assert "0x" + calls.withdraw_call(item).hex() == expected


@pytest.mark.parametrize("count", [0, 1, 3])
def test_withdraw_batch__any_count__equals_web3(contract: type[Contract], count: int) -> None:
    items = [withdrawal(lines=n + 1, proof=n, epoch=n) for n in range(count)]

    expected = contract.encode_abi("withdrawBatch", args=[[as_arguments(i) for i in items]])

    assert "0x" + calls.withdraw_batch_call(items).hex() == expected


def test_escrow_calls__leaf_of_one_line__equal_web3(contract: type[Contract]) -> None:
    item = withdrawal(lines=1)
    arguments = {
        "epoch": 7,
        "escrowId": bytes(item.leaf.work_id),
        "asset": str(ASSET),
        "amount": item.leaf.amount,
        "proof": [bytes(node) for node in item.proof],
    }

    for function, call in (
        ("releaseEscrow", calls.release_escrow_call(item)),
        ("expireEscrow", expire_escrow_call(item)),
    ):
        assert "0x" + call.hex() == contract.encode_abi(function, args=[arguments])


def test_commit_epoch__signatures_out_of_order__equals_web3_in_order(
    contract: type[Contract],
) -> None:
    low = calls.GuardianSignature(Address(b"\x01" * 20), b"\x11" * 65)
    high = calls.GuardianSignature(Address(b"\xf1" * 20), b"\x22" * 65)
    totals = ("asset", "paidIn", "carriedIn", "allocated", "escrow", "unallocated", "fees")
    arguments = {
        "epoch": 9,
        "attempt": 2,
        "guardianSet": 1,
        "manifestDigest": b"\x05" * 32,
        "root": b"\x06" * 32,
        "totals": [dict(zip(totals, (str(ASSET), UINT256_MAX, 1, 2, 3, 4, 5), strict=True))],
        "deadline": 1_900_000_000,
    }
    signatures = [{"signer": str(one.signer), "signature": one.signature} for one in (low, high)]

    expected = contract.encode_abi("commitEpoch", args=[arguments, signatures])

    assert "0x" + calls.commit_epoch_call(approval(), [high, low]).hex() == expected


def test_veto_and_views__any__equal_web3(contract: type[Contract]) -> None:
    digest, work = Hash32(b"\x07" * 32), Hash32(b"\x08" * 32)

    assert "0x" + calls.veto_call(Epoch(3), digest).hex() == contract.encode_abi(
        "veto", args=[3, bytes(digest)]
    )
    assert "0x" + calls.paid_lines_call(Epoch(3), work, 1, ASSET).hex() == contract.encode_abi(
        "paidLines", args=[3, bytes(work), 1, str(ASSET)]
    )
    assert "0x" + calls.epoch_of_call(Epoch(3)).hex() == contract.encode_abi("epochOf", args=[3])
    assert "0x" + calls.PAUSED.encode().hex() == contract.encode_abi("paused", args=[])


def test_payout_calls__any__equal_web3() -> None:
    batch = Web3().eth.contract(abi=artifact("PayoutBatch").abi)
    relay = Web3().eth.contract(abi=artifact("TipRelay").abi)
    list_id, line = Hash32(b"\x07" * 32), (UINT256_MAX, str(ASSET), 10**18)
    payment = calls.LinePayment(index=line[0], payee=ASSET, amount=BaseUnits(line[2]))

    for call, expected in (
        (
            calls.pay_batch_call(list_id, ASSET, [payment]),
            batch.encode_abi("payBatch", args=[bytes(list_id), str(ASSET), [line]]),
        ),
        (calls.pay_tips_call([1, 2]), relay.encode_abi("payTips", args=[[1, 2]])),
        (
            calls.settled_lines_call(list_id, 9),
            batch.encode_abi("settledLines", args=[bytes(list_id), 9]),
        ),
    ):
        assert "0x" + call.hex() == expected


def test_withdrawal_from_call__own_calldata__round_trips() -> None:
    item = withdrawal(lines=32, proof=12)

    assert calls.withdrawal_from_call(calls.withdraw_call(item)) == item


def test_withdrawal_from_call__other_function__refused() -> None:
    with pytest.raises(calls.NotThisCall, match="withdraw"):
        calls.withdrawal_from_call(calls.veto_call(Epoch(1), Hash32(bytes(32))))


def test_refusal_from_revert__refused_and_foreign__told_apart() -> None:
    refused = calls.WITHDRAWAL_REFUSED.encode(5)

    assert calls.refusal_from_revert(refused) is calls.Refusal.ALREADY_WITHDRAWN
    held = calls.WITHDRAWAL_REFUSED.encode(7)
    assert calls.refusal_from_revert(held) is calls.Refusal.ALL_LINES_HELD
    assert calls.refusal_from_revert(b"") is None
    assert calls.refusal_from_revert(b"\xd9\x3c\x06\x65") is None  # EnforcedPause()


def test_errors_and_structs__committed_abi__name_the_same_types() -> None:
    entries = {entry["name"]: entry for entry in artifact("EpochPayouts").abi if "name" in entry}

    assert [one["type"] for one in entries["WithdrawalRefused"]["inputs"]] == ["uint8"]
    (state,) = entries["epochOf"]["outputs"]
    assert [one["name"] for one in state["components"]] == [
        "root",
        "manifestDigest",
        "activeAt",
        "attempt",
        "status",
    ]


def test_epoch_state__answer_of_view__read() -> None:
    words = (b"\x01" * 32, b"\x02" * 32, (99).to_bytes(32, "big"), (2).to_bytes(32, "big"))
    answer = b"".join(words) + (1).to_bytes(32, "big")

    state = calls.EpochState.from_answer(answer)

    assert state.attempt == 2
    assert state.active_at == 99
    assert state.status is calls.EpochStatus.PENDING
    assert state.manifest_digest == Hash32(b"\x02" * 32)


def test_uint_from_answer__one_word__read() -> None:
    assert calls.uint_from_answer((7).to_bytes(32, "big")) == 7
