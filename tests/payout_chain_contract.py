"""What any node must do: run against the simulated one and against a real one."""

from typing import Protocol

import pytest

from contracts.calls import Refusal, withdraw_batch_call, withdrawal_from_call
from contracts.evm import Hash32
from settlement.errors import ChainUnavailable
from settlement.payouts.broadcast import Answer
from settlement.payouts.operation import Operation, SignedTransaction
from settlement.payouts.protocols import PayoutChain
from settlement.payouts.view import Objection, Usage

FEE_WEI = 10**10


class ChainSite(Protocol):
    """A chain with the contract, an epoch that is not active, and a sender with money."""

    @property
    def chain(self) -> PayoutChain:
        """The node."""
        ...

    def signed(self, nonce: int, *, fee_wei: int = FEE_WEI) -> SignedTransaction:
        """A batch of withdrawals, whose fee and tip are both the fee."""
        ...

    def noop(self, nonce: int, *, gas: int) -> SignedTransaction:
        """Nothing to the sender itself."""
        ...

    def operations(self) -> list[Operation]:
        """The withdrawals of the batch, one by one."""
        ...

    def mine(self) -> None:
        """Put what waits into a block."""
        ...

    def replace_last_block(self) -> None:
        """Put another block, without transactions, in the place of the last one."""
        ...


class PayoutChainContract:
    """`PayoutChain`, with a fixture `site`."""

    def test_reads__pinned__do_not_follow_the_head(self, site: ChainSite) -> None:
        before, sent = site.chain.head(), site.signed(0)
        site.chain.send_raw(sent.raw)
        site.mine()
        after = site.chain.head()

        assert (after.number, after.parent_hash) == (before.number + 1, before.hash)
        counts = [site.chain.nonce_count(sent.sender, at) for at in (before, after)]
        assert counts == [0, 1]
        balances = [site.chain.balance(sent.sender, at) for at in (before, after)]
        assert balances[1] < balances[0]
        contract = site.operations()[0].contract
        assert site.chain.paused([contract], after) == frozenset()

    def test_reads__block_that_was_replaced__unavailable(self, site: ChainSite) -> None:
        site.mine()
        gone = site.chain.head()
        site.replace_last_block()

        for read in (
            lambda: site.chain.nonce_count(site.signed(0).sender, gone),
            lambda: site.chain.usages(site.operations(), gone),
            lambda: site.chain.fees(gone),
        ):
            with pytest.raises(ChainUnavailable):
                read()

    def test_usages__nothing_paid__all_unused(self, site: ChainSite) -> None:
        operations = site.operations()

        found = site.chain.usages(operations, site.chain.head())

        assert found == [Usage.UNUSED] * len(operations)

    def test_receipts__refused_items__named_with_reason(self, site: ChainSite) -> None:
        sent = site.signed(0)
        site.chain.send_raw(sent.raw)
        site.mine()

        receipts = site.chain.receipts([sent.tx_hash, Hash32(bytes(32))])

        assert receipts.keys() == {sent.tx_hash}
        receipt, head = receipts[sent.tx_hash], site.chain.head()
        assert (receipt.is_success, receipt.settled) == (True, frozenset())
        assert (receipt.block_number, receipt.block_hash) == (head.number, head.hash)
        wanted = dict.fromkeys(
            (one.event_op_id for one in site.operations()), Refusal.EPOCH_NOT_ACTIVE
        )
        assert receipt.refused == wanted

    def test_known__mined_waiting_and_never_seen__told_apart(self, site: ChainSite) -> None:
        mined, waiting = site.signed(0), site.signed(1)
        site.chain.send_raw(mined.raw)
        site.mine()
        site.chain.send_raw(waiting.raw)

        known = site.chain.known([mined.tx_hash, waiting.tx_hash, Hash32(bytes(32))])

        assert known == {mined.tx_hash, waiting.tx_hash}
        assert site.chain.receipts([waiting.tx_hash]) == {}

    def test_pending_count__with_a_gap__counts_up_to_the_gap(self, site: ChainSite) -> None:
        sender = site.signed(0).sender
        empty = site.chain.pending_count(sender)
        for nonce in (0, 1, 3):
            site.chain.send_raw(site.signed(nonce).raw)

        assert (empty, site.chain.pending_count(sender)) == (0, 2)

    def test_send_raw__known_cheaper_dearer_and_spent__classified(self, site: ChainSite) -> None:
        first, cheaper = site.signed(0), site.signed(0, fee_wei=FEE_WEI - 1)
        dearer = site.signed(0, fee_wei=FEE_WEI * 2)

        sent = [first, first, cheaper, dearer]
        answers = [site.chain.send_raw(one.raw).answer for one in sent]
        site.mine()

        assert answers == [
            Answer.ACCEPTED,
            Answer.ALREADY_KNOWN,
            Answer.UNDERPRICED,
            Answer.ACCEPTED,
        ]
        assert site.chain.receipts([first.tx_hash, dearer.tx_hash]).keys() == {dearer.tx_hash}
        assert site.chain.send_raw(first.raw).answer is Answer.NONCE_SPENT

    def test_send_raw__nonce_gap__waits_until_it_is_filled(self, site: ChainSite) -> None:
        first, second = site.signed(0), site.signed(1)
        site.chain.send_raw(second.raw)
        site.mine()
        waits = site.chain.receipts([second.tx_hash])
        site.chain.send_raw(first.raw)
        site.mine()

        assert waits == {}
        hashes = [first.tx_hash, second.tx_hash]
        assert site.chain.receipts(hashes).keys() == set(hashes)

    def test_objections__epoch_not_active__refused_with_reason(self, site: ChainSite) -> None:
        (first, *_), head = site.operations(), site.chain.head()

        found = site.chain.objections([first], sender=site.signed(0).sender, at=head)

        assert found == [Objection(Refusal.EPOCH_NOT_ACTIVE, "epoch_not_active")]

    def test_estimate_gas__nothing_to_oneself__the_least_that_the_pool_takes(
        self, site: ChainSite
    ) -> None:
        sender = site.signed(0).sender

        gas = site.chain.estimate_gas(sender, b"", sender=sender, at=site.chain.head())

        assert isinstance(gas, int)
        answers = [site.chain.send_raw(site.noop(0, gas=limit).raw) for limit in (gas - 1, gas)]
        assert [one.answer for one in answers] == [Answer.REFUSED, Answer.ACCEPTED]

    def test_estimate_and_fees__head__more_than_a_transfer(self, site: ChainSite) -> None:
        head, one = site.chain.head(), site.operations()[0]

        gas = site.chain.estimate_gas(
            one.contract,
            withdraw_batch_call([withdrawal_from_call(one.call)]),
            sender=site.signed(0).sender,
            at=head,
        )
        quote = site.chain.fees(head)

        assert isinstance(gas, int)
        assert gas > 21_000
        assert quote.base_fee_wei > 0
