"""Tips and lines of documents, paid on a real chain with a real database beside royalties.

Subjects: settlement.payouts.submit, settlement.payouts.adapters.chain,
settlement.payouts.adapters.answers, settlement.payouts.adapters.endpoint.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts.calls import SkipReason
from contracts.evm import Address, BlockRef, keccak
from indexer.adapters.rpc_answers import header_from_answer
from indexer.chain import header_rlp
from scripts.embedded.anvil import AnvilNode
from settlement.errors import OperationConflict, PayoutsOwnedElsewhere
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.state import NodeState
from settlement.payouts.adapters.store import SqlHistories
from settlement.payouts.assemble import Held
from settlement.payouts.batch import least_gas
from settlement.payouts.decision import State
from settlement.payouts.obligations import line_operation
from settlement.payouts.operation import Fate, Kind, LineSubject, Operation
from settlement.payouts.preview import preview
from settlement.payouts.prove import ProvedLine, prove_operation
from settlement.payouts.report import Stop
from settlement.payouts.signing_policy import AssetLimit, RefusalKind
from settlement.payouts.status import payout_status
from settlement.payouts.view import Objection, Usage
from tests.fakes_payout_chain import FakeBooks
from tests.lines_settlement import FLOAT, SENDER, TIP, LinesSite, creator, native, payment
from tests.payouts_settlement import CHAIN_ID, DevNode, approved, database_engine

REASON = b"\x07" * 32


@pytest.fixture
def site(anvil: AnvilNode, empty_database: str) -> Iterator[LinesSite]:
    engine = database_engine(empty_database)
    yield LinesSite(DevNode(anvil.url), engine)
    engine.dispose()


def operation(site: LinesSite, line: LineSubject) -> Operation:
    contract = site.relay if line.kind is Kind.TIP else site.batch
    return line_operation(line, chain_id=CHAIN_ID, contract=contract)


def status(site: LinesSite, line: LineSubject) -> State:
    with site.engine.connect() as connection:
        found = payout_status(
            operation(site, line).op_id,
            histories=SqlHistories(connection),
            chain=site.chain,
            finality=site.node,
        )
    assert found is not None
    assert found.standing is not None
    return found.standing.state


def test_tick__royalties_tips_and_documents__one_key_consecutive_nonces_all_paid_once(
    site: LinesSite,
) -> None:
    tips = [site.give_tip() for _ in range(3)]
    token = site.place.token
    site.payments += [payment(0, 300, token), payment(1, 200, token)]
    site.books = FakeBooks(commits=[approved(site.node, site.place)])
    site.node.finalize()

    first = site.tick()
    final = site.settle()

    assert (first.planned, len(first.signed), first.held) == (6, 3, ())
    nonces = [site.chain.nonce_count(SENDER, site.chain.head())]
    assert nonces == [3]
    assert {one.fate for one in final.recorded} == {Fate.SETTLED}
    assert [site.coins(creator(number)) for number in range(3)] == [TIP] * 3
    assert [site.tokens(creator(number)) for number in range(2)] == [300, 200]
    assert {status(site, line) for line in (*tips, *site.payments)} == {State.FINAL}
    assert site.tick().signed == ()


def test_tick__held_payee__waits_and_the_others_are_paid(site: LinesSite) -> None:
    held, other = site.give_tip(), site.give_tip()
    hold = (str(held.payee), REASON, site.node.web3.eth.get_block("latest")["timestamp"] + 10**6)
    site.send("TipRelay", site.relay, "placeHold", *hold)
    site.node.finalize()

    first = site.tick()
    site.settle()
    site.send("TipRelay", site.relay, "liftHold", str(held.payee))
    last = site.tick()
    site.settle()

    (waiting,) = first.held
    assert waiting.op_id == operation(site, held).op_id
    assert waiting.objection.refusal is SkipReason.PAYEE_HELD
    assert (len(first.signed), len(last.signed)) == (1, 1)
    assert [site.coins(one.payee) for one in (held, other)] == [TIP, TIP]


def test_tick__hold_placed_after_signing__skipped_recorded_and_paid_once_it_is_lifted(
    site: LinesSite,
) -> None:
    tip = site.give_tip()
    site.node.finalize()
    report = site.tick()
    assert len(report.signed) == 1
    site.node.call("anvil_dropTransaction", str(report.signed[0]))
    end = site.node.web3.eth.get_block("latest")["timestamp"] + 10**6
    site.send("TipRelay", site.relay, "placeHold", str(tip.payee), REASON, end)
    site.tick()  # sent again as it is: what is signed is sent
    skipped = site.settle()
    site.send("TipRelay", site.relay, "liftHold", str(tip.payee))
    site.node.finalize()
    again = site.tick()
    paid = site.settle()

    (outcome,) = skipped.recorded
    assert (outcome.fate, outcome.refusal) == (Fate.REFUSED, SkipReason.PAYEE_HELD)
    assert len(again.signed) == 1
    assert [one.fate for one in paid.recorded] == [Fate.SETTLED]
    assert site.coins(tip.payee) == TIP


def test_tick__line_that_another_operator_paid__no_nonce_before_that_is_final(
    site: LinesSite,
) -> None:
    tip, other = site.give_tip(), site.give_tip()
    site.node.finalize()
    site.send("TipRelay", site.relay, "grantRole", keccak(b"OPERATOR_ROLE"), site.node.admin)
    site.send("TipRelay", site.relay, "payTips", [tip.index])

    first = site.tick()
    final = site.settle()

    (waiting,) = first.held
    assert (waiting.op_id, waiting.objection.refusal) == (
        operation(site, tip).op_id,
        SkipReason.SETTLED,
    )
    assert len(first.signed) == 1
    fates = {one.op_id: one.fate for one in final.recorded}
    assert fates[operation(site, tip).op_id] is Fate.SETTLED_ELSEWHERE
    assert fates[operation(site, other).op_id] is Fate.SETTLED


def test_tick__payee_refuses__unclaimed_is_settled(site: LinesSite) -> None:
    tip = site.give_tip(site.place.payouts)  # it takes no coins
    site.node.finalize()

    site.tick()
    final = site.settle()

    assert [one.fate for one in final.recorded] == [Fate.SETTLED]
    relay = site.node.contract("TipRelay", site.relay)
    assert relay.functions.unclaimed(str(tip.payee), "0x" + "00" * 20).call() == TIP


def test_tick__float_too_small__what_fits_is_paid_and_the_rest_waits_with_the_numbers(
    site: LinesSite,
) -> None:
    token = site.place.token
    site.payments += [payment(0, FLOAT - 100, token), payment(1, 101, token), native(2, 5)]
    site.node.finalize()

    first = site.tick()
    site.settle()
    site.send("DemoToken", token, "mint", str(site.batch), 1)
    second = site.tick()
    site.settle()

    reasons = {one.op_id: one.objection.reason for one in first.held}
    wanted = [operation(site, one).op_id for one in site.payments]
    assert reasons == {
        wanted[1]: f"the float has 100 units left of {token}",
        wanted[2]: "the float has 0 units left of 0x0000000000000000000000000000000000000000",
    }
    assert len(second.signed) == 1
    assert [site.tokens(creator(number)) for number in range(2)] == [FLOAT - 100, 101]
    assert site.chain.nonce_count(SENDER, site.chain.head()) == 2


def test_tick__limit_of_the_signing_policy__smaller_batches_and_the_one_above_it_is_held(
    site: LinesSite,
) -> None:
    token = site.place.token
    site.payments += [payment(n, amount, token) for n, amount in enumerate((40, 40, 101, 40, 40))]
    limits = {token: AssetLimit(transaction_units=100, day_units=1_000)}
    site.signer = replace(site.signer, policy=replace(site.signer.policy, limits=limits))
    site.node.finalize()

    report = site.tick()
    site.settle()

    (held,) = report.held
    assert held.op_id == operation(site, site.payments[2]).op_id
    assert RefusalKind.TRANSACTION_LIMIT.value in held.objection.reason
    assert "101 units, limit 100 a transaction" in held.objection.reason
    assert report.stop is None
    assert [site.tokens(creator(number)) for number in range(5)] == [40, 40, 0, 40, 40]


def test_tick__relay_paused__the_batch_goes_on_and_nothing_of_the_relay_is_planned(
    site: LinesSite,
) -> None:
    site.give_tip()
    site.payments.append(payment(0, 10, site.place.token))
    site.send("TipRelay", site.relay, "pause")
    site.node.finalize()

    report = site.tick()

    assert (report.paused, report.planned, len(report.signed)) == ((site.relay,), 1, 1)


@pytest.mark.parametrize("change", ["payee", "amount", "asset"])
def test_tick__same_line_with_other_content__conflict_and_nothing_planned_or_signed(
    site: LinesSite, change: str
) -> None:
    line = payment(0, 10, site.place.token)
    site.payments.append(line)
    site.node.finalize()
    site.tick()
    site.settle()
    other = {
        "payee": replace(line, payee=creator(7)),
        "amount": payment(0, 11, site.place.token),
        "asset": payment(0, 10, site.place.claims),
    }[change]
    site.payments[:] = [other, payment(1, 5, site.place.token)]

    with pytest.raises(OperationConflict):
        site.tick()

    assert site.chain.nonce_count(SENDER, site.chain.head()) == 1
    assert site.tokens(creator(0)) == 10


def test_tick__unknown_asset_or_signer_without_funds__refused_and_no_nonce_lost(
    site: LinesSite,
) -> None:
    site.payments += [payment(0, 10, site.place.claims), payment(1, 10, site.place.token)]
    site.node.finalize()
    site.node.call("anvil_setBalance", str(SENDER), hex(1))
    site.node.mine()

    report = site.tick()

    assert (report.signed, report.stop) == ((), Stop.NO_GAS_MONEY)
    (held,) = report.held
    reason = f"asset {site.place.claims} is no token: it tells no balance"
    assert held == Held(operation(site, site.payments[0]).op_id, Objection(None, reason))
    assert site.chain.nonce_count(SENDER, site.chain.head()) == 0


def test_preview__lines__what_the_tick_then_signs(site: LinesSite) -> None:
    site.give_tip()
    site.payments.append(payment(0, 10, site.place.token))
    site.node.finalize()

    with site.submitter() as process, site.engine.connect() as connection:
        seen = preview(process, SqlHistories(connection))

    assert seen is not None
    assert [one.contract for one in seen.proposed] == [site.relay, site.batch]
    assert len(seen.planned) == 2
    assert [one.nonce for one in seen.proposed] == [0, 1]


def test_prove__line_before_and_after_payment__from_the_state_root(site: LinesSite) -> None:
    tips = [site.give_tip(), site.give_tip()]
    site.tips.pop()
    line = payment(300, 10, site.place.token)
    site.payments.append(line)
    site.node.finalize()
    before = site.node.finalized()
    site.tick()
    site.settle()

    wanted = [operation(site, one) for one in (*tips, line, payment(301, 1, site.place.token))]
    found = {
        block: [prove_at(site, one, block) for one in wanted]
        for block in (before, site.node.finalized())
    }

    assert list(found.values()) == [[False] * 4, [True, False, True, False]]


def prove_at(site: LinesSite, one: Operation, block: BlockRef) -> bool:
    answer = site.node.call("eth_getBlockByNumber", hex(block.number), False)
    header = header_rlp(header_from_answer(answer))
    source = NodeState(site.node.url, timeout_s=10, told=str)
    proved = prove_operation(one, block=block, header=header, source=source)
    assert isinstance(proved, ProvedLine)
    return proved.is_used


def test_usages__many_lines_of_one_word__one_view(site: LinesSite) -> None:
    site.give_tip()
    site.node.finalize()
    site.tick()
    site.settle()
    lines = [operation(site, payment(n, 1, site.place.token)) for n in range(600)]

    usages = site.chain.usages([operation(site, site.tips[0]), *lines], site.node.finalized())

    assert usages == [Usage.SETTLED, *[Usage.UNUSED] * 600]


def test_ownership__key_of_another_contract_set__refused_while_it_is_held(site: LinesSite) -> None:
    """Nonces belong to the key: who serves the relay alone would sign with the same ones."""
    with (
        site.submitter(),
        pytest.raises(PayoutsOwnedElsewhere),
        payouts_owner(site.engine, CHAIN_ID, sender=SENDER, contracts=[Address(b"\x77" * 20)]),
    ):
        pass


BURNS_WHAT_IS_PAID_FOR = "0x3a15600657fe5b00"
"""Stops where gas has no price, as in a question to a node; else runs into INVALID."""


def test_tick__payees_that_burn_gas_only_when_it_is_real__cost_nobody_else_a_payment(
    site: LinesSite,
) -> None:
    """An estimate is the word of whoever runs in it: it says what payees want it to say."""
    burners = [site.give_tip() for _ in range(12)]
    for one in burners:
        site.node.call("anvil_setCode", str(one.payee), BURNS_WHAT_IS_PAID_FOR)
    innocent = site.give_tip()
    site.node.finalize()

    report = site.tick()
    final = site.settle()

    assert len(report.signed) == 1
    assert {one.fate for one in final.recorded} == {Fate.SETTLED}
    assert [site.coins(one.payee) for one in (*burners, innocent)] == [0] * 12 + [TIP]
    receipt = site.node.call("eth_getTransactionReceipt", str(report.signed[0]))
    every = [operation(site, one) for one in (*burners, innocent)]
    assert int(receipt["gasUsed"], 16) < least_gas(every)
