"""Signing in the one order that forgets nothing: sign, store, and only then send."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, ChainId, Hash32, keccak
from settlement.errors import SignatureMismatch
from settlement.payouts.broadcast import Answer
from settlement.payouts.gas import NOOP_GAS, Fee, noop_gas_limit
from settlement.payouts.operation import Attempt, SignedTransaction, TransactionDraft
from settlement.payouts.protocols import GuardedKey, PayoutChain, PayoutStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One key at work; `head` is what signing saw, `gas_max` the budget of one transaction."""

    chain_id: ChainId
    chain: PayoutChain
    store: PayoutStore
    signer: GuardedKey
    head: BlockRef
    gas_max: int

    def draft(
        self, to: Address, data: bytes, *, nonce: int, gas: int, fee: Fee
    ) -> TransactionDraft:
        """What the key would be asked to sign."""
        return TransactionDraft(
            chain_id=self.chain_id,
            nonce=nonce,
            to=to,
            data=data,
            gas=gas,
            max_fee_wei=fee.max_fee_wei,
            tip_wei=fee.tip_wei,
        )

    def replacement_draft(self, data: bytes, old: Attempt, *, fee: Fee) -> TransactionDraft:
        """A call to where the nonce went at first, with the gas that was estimated then."""
        to, gas = old.transactions[0].to, old.newest.gas
        return self.draft(to, data, nonce=old.nonce, gas=gas, fee=fee)

    def noop_draft(self, nonce: int, *, fee: Fee) -> TransactionDraft:
        """Nothing to ourselves, with the gas that the node says this takes."""
        sender = self.signer.address
        estimate = self.chain.estimate_gas(sender, b"", sender=sender, at=self.head)
        # An account with code may refuse it: reverted, it spends its nonce all the same.
        needed = estimate if isinstance(estimate, int) else NOOP_GAS
        gas = noop_gas_limit(needed, gas_max=self.gas_max)
        return self.draft(sender, b"", nonce=nonce, gas=gas, fee=fee)

    def anew(self, draft: TransactionDraft, op_ids: Sequence[Hash32]) -> Hash32:
        """Send a call with the next nonce."""
        transaction = self._signed(draft)
        self.store.add_transaction(transaction, op_ids, head=self.head.number)
        self.broadcast(transaction)
        return transaction.tx_hash

    def version(self, draft: TransactionDraft) -> Hash32:
        """Send a call, or nothing to ourselves, with a nonce that is taken already."""
        transaction = self._signed(draft)
        self.store.add_version(transaction, head=self.head.number)
        self.broadcast(transaction)
        return transaction.tx_hash

    def broadcast(self, transaction: SignedTransaction) -> None:
        """Send what is stored; whatever the node says, the next tick looks for itself."""
        result = self.chain.send_raw(transaction.raw)
        is_fine = result.answer in (Answer.ACCEPTED, Answer.ALREADY_KNOWN)
        log.log(
            logging.INFO if is_fine else logging.WARNING,
            "transaction broadcast",
            extra={
                "tx_hash": str(transaction.tx_hash),
                "nonce": transaction.nonce,
                "answer": result.answer.value,
                "detail": result.detail,
            },
        )

    def _signed(self, draft: TransactionDraft) -> SignedTransaction:
        """A remote signer is outside: what it returned must be what was asked.

        Raises:
            SignatureMismatch: it is not.
        """
        sender = self.signer.address
        transaction = self.signer.sign(draft)
        pairs = (
            ("sender", transaction.sender, sender),
            ("hash", transaction.tx_hash, keccak(transaction.raw)),
            ("chain", transaction.chain_id, draft.chain_id),
            ("nonce", transaction.nonce, draft.nonce),
            ("recipient", transaction.to, draft.to),
            ("gas limit", transaction.gas, draft.gas),
            ("max fee", transaction.max_fee_wei, draft.max_fee_wei),
            ("tip", transaction.tip_wei, draft.tip_wei),
        )
        for what, actual, expected in pairs:
            if actual != expected:
                raise SignatureMismatch(sender, draft.nonce, what)
        return transaction
