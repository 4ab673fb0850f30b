"""The node adapter against a real node."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.calls import Refusal, veto_call, withdraw_batch_call
from contracts.evm import Address, ChainId, Epoch, Hash32
from scripts.embedded.anvil import AnvilNode
from settlement.errors import ChainUnavailable
from settlement.payouts.adapters.chain import OP_STACK_ORACLE, NodePayoutChain
from settlement.payouts.adapters.endpoint import BATCH_MAX
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.broadcast import Answer
from settlement.payouts.errors import NoBaseFee, OtherChain
from settlement.payouts.gas import NOOP_GAS, Fee, FeeCaps, FeeQuote, replacement_fee
from settlement.payouts.obligations import withdraw_operation
from settlement.payouts.operation import Kind, SignedTransaction, TransactionDraft
from settlement.payouts.view import Backing, Fund, Objection, Usage
from tests.faults.liar import NoSuchMethodError, lying
from tests.payouts_settlement import CHAIN_ID, SENDER_KEY, DevNode, Place, deployed, withdrawals
from tests.scripted_node import failure, scripted_node

SIGNER = LocalSigner.from_hex(SENDER_KEY)


class Site:
    """A deployed settlement whose epoch is not committed."""

    def __init__(self, node: DevNode) -> None:
        self.node = node
        self.place: Place = deployed(node)
        self.chain = NodePayoutChain(
            node.url, CHAIN_ID, [self.place.payouts], timeout_s=10, told=str
        )

    def through(self, url: str) -> NodePayoutChain:
        """The same chain by way of another endpoint."""
        return NodePayoutChain(url, CHAIN_ID, [self.place.payouts], timeout_s=10, told=str)

    def noop(self, nonce: int, *, fee: Fee) -> SignedTransaction:
        return SIGNER.sign(
            TransactionDraft(
                chain_id=CHAIN_ID,
                nonce=nonce,
                to=SIGNER.address,
                data=b"",
                gas=NOOP_GAS,
                max_fee_wei=fee.max_fee_wei,
                tip_wei=fee.tip_wei,
            )
        )

    def signed(self, nonce: int, *, fee_wei: int = 10**10) -> SignedTransaction:
        return SIGNER.sign(
            TransactionDraft(
                chain_id=CHAIN_ID,
                nonce=nonce,
                to=self.place.payouts,
                data=withdraw_batch_call(withdrawals(self.place)),
                gas=1_000_000,
                max_fee_wei=fee_wei,
                tip_wei=fee_wei,
            )
        )


@pytest.fixture
def site(anvil: AnvilNode) -> Site:
    return Site(DevNode(anvil.url))


def test_reads__pinned_to_a_block__do_not_follow_the_head(site: Site) -> None:
    before = site.chain.head()
    site.chain.send_raw(site.signed(0).raw)
    site.node.mine()
    after = site.chain.head()

    assert after.number == before.number + 1
    assert after.parent_hash == before.hash
    assert site.chain.nonce_count(SIGNER.address, before) == 0
    assert site.chain.nonce_count(SIGNER.address, after) == 1
    assert site.chain.paused([site.place.payouts], after) == frozenset()


def test_reads__block_that_was_reorged_away__unavailable(site: Site) -> None:
    site.chain.send_raw(site.signed(0).raw)
    site.node.mine()
    gone = site.chain.head()
    site.node.call("anvil_reorg", 1, [])
    operations = [
        withdraw_operation(item, chain_id=CHAIN_ID, contract=site.place.payouts)
        for item in withdrawals(site.place)
    ]

    for read in (
        lambda: site.chain.nonce_count(SIGNER.address, gone),
        lambda: site.chain.usages(operations, gone),
        lambda: site.chain.fees(gone),
    ):
        with pytest.raises(ChainUnavailable):
            read()


def test_usages__more_than_one_batch__in_order(site: Site) -> None:
    (first, *_) = withdrawals(site.place)
    one = withdraw_operation(first, chain_id=CHAIN_ID, contract=site.place.payouts)

    usages = site.chain.usages([one] * (BATCH_MAX + 1), site.chain.head())

    assert usages == [Usage.UNUSED] * (BATCH_MAX + 1)


def test_receipts__refused_items__named_with_reason(site: Site) -> None:
    sent = site.signed(0)
    site.chain.send_raw(sent.raw)
    site.node.mine()

    receipts = site.chain.receipts([sent.tx_hash, Hash32(bytes(32))])

    assert receipts.keys() == {sent.tx_hash}
    receipt = receipts[sent.tx_hash]
    assert receipt.is_success
    assert receipt.settled == frozenset()
    assert set(receipt.refused.values()) == {Refusal.EPOCH_NOT_ACTIVE}
    assert len(receipt.refused) == 4


def test_known__waiting_mined_and_never_seen__told_apart(site: Site) -> None:
    mined, waiting = site.signed(0), site.signed(1)
    site.chain.send_raw(mined.raw)
    site.node.mine()
    site.chain.send_raw(waiting.raw)

    known = site.chain.known([mined.tx_hash, waiting.tx_hash, Hash32(bytes(32))])

    assert known == {mined.tx_hash, waiting.tx_hash}
    assert site.chain.receipts([waiting.tx_hash]) == {}


def test_send_raw__node_objects__classified(site: Site) -> None:
    first = site.signed(0)
    cheaper = site.signed(0, fee_wei=10**10 - 1)
    poor = LocalSigner.from_hex("0x" + "77" * 32).sign(
        TransactionDraft(
            chain_id=CHAIN_ID,
            nonce=0,
            to=site.place.payouts,
            data=b"",
            gas=50_000,
            max_fee_wei=10**10,
            tip_wei=0,
        )
    )

    answers = [site.chain.send_raw(raw).answer for raw in (first.raw, first.raw, cheaper.raw)]
    site.node.mine()
    late = site.chain.send_raw(cheaper.raw)

    assert answers == [Answer.ACCEPTED, Answer.ALREADY_KNOWN, Answer.UNDERPRICED]
    assert late.answer is Answer.NONCE_SPENT
    assert site.chain.send_raw(poor.raw).answer is Answer.NO_FUNDS
    assert site.chain.send_raw(b"\x00").answer in (Answer.REFUSED, Answer.UNCLEAR)


def test_replacement__by_the_least_fee_that_we_bid__accepted_and_mined_for_21_000_gas(
    site: Site,
) -> None:
    """A no-op takes the place of a call that waits."""
    first = site.signed(0, fee_wei=10**10 + 1)
    old = Fee(max_fee_wei=first.max_fee_wei, tip_wei=first.tip_wei)
    caps = FeeCaps(max_fee_wei=10**12, tip_wei=10**12)
    fee = replacement_fee(old, FeeQuote(base_fee_wei=1, tip_wei=1), caps)
    assert isinstance(fee, Fee)
    noop = site.noop(0, fee=fee)
    site.chain.send_raw(first.raw)

    answer = site.chain.send_raw(noop.raw).answer
    pending = site.chain.pending_count(SIGNER.address)
    site.node.mine()

    receipt = site.node.call("eth_getTransactionReceipt", str(noop.tx_hash))
    assert (answer, pending) == (Answer.ACCEPTED, 1)
    assert int(receipt["status"], 16) == 1
    assert int(receipt["gasUsed"], 16) == NOOP_GAS
    assert site.chain.receipts([first.tx_hash]) == {}


def test_pending_count__pool_with_a_gap__counts_up_to_it(site: Site) -> None:
    counts = [site.chain.pending_count(SIGNER.address)]
    for nonce in (0, 2, 1):
        site.chain.send_raw(site.signed(nonce).raw)
        counts.append(site.chain.pending_count(SIGNER.address))
    site.node.mine()

    assert counts == [0, 1, 1, 3]
    assert site.chain.pending_count(SIGNER.address) == 3


def test_balance_and_backing__at_a_block__what_key_and_contract_have(site: Site) -> None:
    before = site.chain.head()
    site.node.mine()
    site.node.call("anvil_setBalance", str(SIGNER.address), hex(5))
    site.node.mine()
    fund = Fund(Kind.WITHDRAW, site.place.payouts, site.place.token)
    (backing,) = site.chain.backing([fund], before)
    assert isinstance(backing, Backing)

    assert site.chain.balance(SIGNER.address, before) == 10**19
    assert site.chain.balance(SIGNER.address, site.chain.head()) == 5
    assert backing.held == site.node.balance(site.place.token, site.place.payouts)
    assert backing.accounted == backing.held > 0
    assert backing.shortfall == 0


ORACLE_CODE = "0x60243560005260206000f3"
"""Answers with the length of the bytes that it is asked about."""


def test_data_fee__oracle_of_an_op_stack_chain__asked_for_the_call_and_its_envelope(
    site: Site,
) -> None:
    site.node.call("anvil_setCode", str(OP_STACK_ORACLE), ORACLE_CODE)
    site.node.mine()
    chain = NodePayoutChain(
        site.node.url,
        CHAIN_ID,
        [site.place.payouts],
        timeout_s=10,
        data_fee_oracle=OP_STACK_ORACLE,
        told=str,
    )

    assert chain.data_fee(b"\x01" * 1_000, chain.head()) == 1_200
    assert site.chain.data_fee(b"\x01" * 1_000, chain.head()) == 0


def test_objections__refused_and_reverting_calls__named(site: Site) -> None:
    first, *_ = withdrawals(site.place)
    one = withdraw_operation(first, chain_id=CHAIN_ID, contract=site.place.payouts)
    operations = [one, replace(one, call=veto_call(Epoch(0), Hash32(bytes(32))))]
    head = site.chain.head()

    refused, reverting = site.chain.objections(operations, sender=SIGNER.address, at=head)

    assert refused == Objection(Refusal.EPOCH_NOT_ACTIVE, "epoch_not_active")
    assert reverting is not None
    assert reverting.refusal is None
    assert reverting.reason.startswith("reverts with 0x")


def test_estimate_gas__batch_and_reverting_call__gas_or_objection(site: Site) -> None:
    head = site.chain.head()
    batch = withdraw_batch_call(withdrawals(site.place))

    contract = site.place.payouts
    gas = site.chain.estimate_gas(contract, batch, sender=SIGNER.address, at=head)
    objection = site.chain.estimate_gas(
        contract, veto_call(Epoch(0), Hash32(bytes(32))), sender=SIGNER.address, at=head
    )

    assert isinstance(gas, int)
    assert gas > 21_000
    assert isinstance(objection, Objection)


def test_fees__head__base_fee_of_the_block(site: Site) -> None:
    head = site.chain.head()
    block = site.node.call("eth_getBlockByHash", str(head.hash), False)

    assert site.chain.fees(head).base_fee_wei == int(block["baseFeePerGas"], 16)


def test_fees__node_without_a_suggestion_for_tips__what_its_gas_price_is_above_the_base_fee(
    site: Site,
) -> None:
    def lie(method: str, _: list[Any], result: Any) -> Any:
        if method == "eth_maxPriorityFeePerGas":
            raise NoSuchMethodError
        return result

    head = site.chain.head()
    price_wei = int(site.node.call("eth_gasPrice"), 16)
    with lying(site.node.url, lie) as url:
        quote = site.through(url).fees(head)

    assert quote.tip_wei == price_wei - quote.base_fee_wei > 0


def test_fees__chain_without_a_base_fee__says_so_and_is_not_called_unavailable(site: Site) -> None:
    def lie(method: str, _: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByHash":
            del result["baseFeePerGas"]
        return result

    with lying(site.node.url, lie) as url, pytest.raises(NoBaseFee, match="EIP-1559"):
        site.through(url).fees(site.chain.head())


def test_head__endpoint_of_another_chain__refused_before_anything_is_signed(site: Site) -> None:
    """A gateway may be switched over while the worker runs."""
    other = NodePayoutChain(site.node.url, ChainId(1), [site.place.payouts], timeout_s=10, told=str)

    with pytest.raises(OtherChain, match=f"of chain {CHAIN_ID}, payouts are made on 1"):
        other.head()


def test_nobody_listens__reads_and_broadcast__unavailable_and_unclear() -> None:
    chain = NodePayoutChain(
        "http://127.0.0.1:9", CHAIN_ID, [Address(b"\x01" * 20)], timeout_s=1, told=str
    )

    with pytest.raises(ChainUnavailable, match="eth_getBlockByNumber"):
        chain.head()
    assert chain.send_raw(b"\x01").answer is Answer.UNCLEAR


def test_errors__that_repeat_the_address_with_its_key__told_without_it() -> None:
    with scripted_node() as node:
        node.script = [failure(-32001, "no route for /v3/SECRETSECRET")]
        chain = NodePayoutChain(
            node.url,
            CHAIN_ID,
            [Address(b"\x01" * 20)],
            timeout_s=1,
            told=lambda text: text.replace("SECRETSECRET", "***"),
        )
        with pytest.raises(ChainUnavailable) as one:
            chain.pending_count(SIGNER.address)
        with pytest.raises(ChainUnavailable) as many:
            chain.head()
        sent = chain.send_raw(b"\x01")

    for said in (str(one.value), str(many.value), sent.detail):
        assert "no route for /v3/***" in said
