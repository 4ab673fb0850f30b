"""A guarded key is not asked for what the policy refuses, and not believed what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from contracts.evm import Address, ChainId, Timestamp
from settlement.errors import Rejected, SignatureMismatch, Transient
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.errors import SigningHeld, SigningRefused
from settlement.payouts.guarded_signer import GuardedSigner
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.signing_policy import AssetLimit, EmergencyStop, SigningPolicy, Spending
from tests.fakes_payout_chain import ASSET, CHAIN_ID, CONTRACT
from tests.signing_builders import KEY, SENDER, draft

POLICY = SigningPolicy(
    chain_id=CHAIN_ID,
    calls=frozenset({(CONTRACT, draft().data[:4])}),
    limits={ASSET: AssetLimit(transaction_units=301, day_units=1_000)},
    gas_max=500_000,
    fee_per_gas_wei_max=100,
)


@dataclass
class CountingSigner:
    """A key that counts how often it is asked, and may sign something else."""

    change: dict[str, Any] = field(default_factory=dict)
    asked: int = 0

    @property
    def address(self) -> Address:
        return SENDER

    def sign(self, one: TransactionDraft) -> SignedTransaction:
        self.asked += 1
        return LocalSigner.from_hex(KEY).sign(replace(one, **self.change))


@dataclass
class MemoryRecord:
    """A record that a test writes."""

    stopped: EmergencyStop | None = None
    signed: dict[int, Spending] = field(default_factory=dict)

    def stop(self) -> EmergencyStop | None:
        return self.stopped

    def tip_amounts(
        self, chain_id: ChainId, relay: Address, numbers: Sequence[int]
    ) -> Mapping[int, int]:
        return {}

    def signed_today(self, chain_id: ChainId, sender: Address) -> Mapping[int, Spending]:
        assert (chain_id, sender) == (CHAIN_ID, SENDER)
        return self.signed


def guarded(
    key: CountingSigner, record: MemoryRecord, policy: SigningPolicy = POLICY
) -> GuardedSigner:
    return GuardedSigner(signer=key, policy=policy, record=record)


def test_sign__allowed__what_the_key_signs() -> None:
    key = CountingSigner()

    signer = guarded(key, MemoryRecord())

    assert signer.sign(draft()) == LocalSigner.from_hex(KEY).sign(draft())
    assert (signer.address, key.asked, signer.refusal(draft())) == (SENDER, 1, None)


def test_sign__not_allowed__refused_for_good_and_the_key_not_asked() -> None:
    key = CountingSigner()

    with pytest.raises(SigningRefused, match=r"nonce 3: refused \(fee_above_cap\): 101") as caught:
        guarded(key, MemoryRecord()).sign(draft(max_fee_wei=101))

    assert isinstance(caught.value, Rejected)
    assert (caught.value.kind, key.asked) == ("fee_above_cap", 0)


def test_sign__stopped_and_resumed__held_until_then() -> None:
    key, record = CountingSigner(), MemoryRecord(EmergencyStop("drill", Timestamp(5)))
    signer = guarded(key, record)

    with pytest.raises(SigningHeld, match=r"held \(stopped\): drill \(since 5\)") as caught:
        signer.sign(draft())
    assert isinstance(caught.value, Transient)
    assert key.asked == 0

    record.stopped = None
    signer.sign(draft())
    assert key.asked == 1


def test_sign__day_used_up__held_and_the_key_not_asked() -> None:
    key, record = CountingSigner(), MemoryRecord(signed={2: {ASSET: 700}})

    with pytest.raises(SigningHeld, match="day_limit"):
        guarded(key, record).sign(draft())
    assert key.asked == 0

    record.signed = {2: {ASSET: 699}}
    guarded(key, record).sign(draft())
    assert key.asked == 1


@pytest.mark.parametrize(
    "change",
    [{"nonce": 4}, {"data": b"\x00"}, {"to": Address(b"\x66" * 20)}, {"gas": 1}, {"tip_wei": 1}],
)
def test_sign__key_signs_something_else__refused(change: dict[str, object]) -> None:
    with pytest.raises(SignatureMismatch):
        guarded(CountingSigner(change), MemoryRecord()).sign(draft())


def test_sign__policy_without_limits__the_days_sum_is_not_needed() -> None:
    class Unread(MemoryRecord):
        def signed_today(self, chain_id: ChainId, sender: Address) -> Mapping[int, Spending]:
            raise AssertionError("the sum was read")

    key = CountingSigner()

    guarded(key, Unread(), replace(POLICY, limits=None)).sign(draft())

    assert key.asked == 1
