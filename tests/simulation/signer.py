"""A signer that spells the draft, and the node's reading of what it wrote."""

from functools import lru_cache

from contracts.evm import Address, Hash32, keccak
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.signing_policy import Refusal
from tests.simulation.chain import SENDER, Transaction

_WORD = 32


class SpellingSigner:
    """Deterministic: the same draft gives the same bytes."""

    def __init__(self, address: Address = SENDER) -> None:
        self.address = address

    def refusal(self, draft: TransactionDraft) -> Refusal | None:
        """It signs everything."""
        return None

    def sign(self, draft: TransactionDraft) -> SignedTransaction:
        numbers = (draft.chain_id, draft.nonce, draft.gas, draft.max_fee_wei, draft.tip_wei)
        words = b"".join(number.to_bytes(_WORD, "big") for number in numbers)
        raw = bytes(self.address) + bytes(draft.to) + words + draft.data
        return SignedTransaction(
            chain_id=draft.chain_id,
            sender=self.address,
            nonce=draft.nonce,
            tx_hash=keccak(raw),
            raw=raw,
            to=draft.to,
            gas=draft.gas,
            max_fee_wei=draft.max_fee_wei,
            tip_wei=draft.tip_wei,
        )


@lru_cache(maxsize=4096)
def transaction_from_raw(raw: bytes) -> Transaction:
    """What any node reads in the bytes."""
    words = [raw[40 + _WORD * n :][:_WORD] for n in range(5)]
    _, nonce, gas, max_fee_wei, tip_wei = (int.from_bytes(word, "big") for word in words)
    return Transaction(
        tx_hash=Hash32(keccak(raw)),
        sender=Address(raw[:20]),
        nonce=nonce,
        to=Address(raw[20:40]),
        data=raw[40 + 5 * _WORD :],
        gas=gas,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
    )
