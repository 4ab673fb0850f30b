"""A key behind the signing policy: refuses before the key is asked, checks what the key answers.

It reads the stop and what was signed in the last 24 hours anew for every transaction, from what is
stored, so a restart forgets nothing. Storing the signed transaction is the submitter's part; that
is done before the next one is signed, hence the next one counts it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, ChainId
from settlement.payouts.errors import SigningHeld, SigningRefused
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.protocols import Signer
from settlement.payouts.signing_policy import (
    PASSING,
    EmergencyStop,
    Refusal,
    SigningPolicy,
    Spending,
    refusal_of,
    tip_numbers,
)
from settlement.payouts.transaction import require_signed


class SigningRecord(Protocol):
    """What is stored about a key."""

    def stop(self) -> EmergencyStop | None:
        """The stop in force; None if signing was never stopped, or resumed since."""
        ...

    def tip_amounts(
        self, chain_id: ChainId, relay: Address, numbers: Sequence[int]
    ) -> Mapping[int, int]:
        """What those of the tips are worth that were planned, by number."""
        ...

    def signed_today(self, chain_id: ChainId, sender: Address) -> Mapping[int, Spending]:
        """By nonce, the most that could be moved by what was signed in the last 24 hours."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedSigner:
    """A `Signer` that signs what the policy allows, and nothing else."""

    signer: Signer
    policy: SigningPolicy
    record: SigningRecord

    @property
    def address(self) -> Address:
        """The sender of everything it signs."""
        return self.signer.address

    def refusal(self, draft: TransactionDraft) -> Refusal | None:
        """Why it would not sign `draft` now; None if it would ask the key."""
        is_limited = self.policy.limits is not None
        return refusal_of(
            draft,
            self.policy,
            sender=self.address,
            stop=self.record.stop(),
            signed=self.record.signed_today(draft.chain_id, self.address) if is_limited else {},
            tips=self.record.tip_amounts(draft.chain_id, draft.to, tip_numbers(draft.data)),
        )

    def sign(self, draft: TransactionDraft) -> SignedTransaction:
        """Sign what the policy allows.

        Raises:
            SigningRefused, SigningHeld: it is not allowed, ever or now; the key was not asked.
            SignatureMismatch: the key answered with something else than the signed draft.
        """
        refusal = self.refusal(draft)
        if refusal is not None:
            error = SigningHeld if refusal.kind in PASSING else SigningRefused
            raise error(self.address, draft.nonce, refusal.kind.value, refusal.detail)
        transaction = self.signer.sign(draft)
        require_signed(transaction, draft, self.address)
        return transaction
