"""Payments on a real chain: whoever sends them, whatever becomes of their blocks.

Subjects: settlement.payments.adapters.chain, indexer.adapters.payment_reads, scripts.payments,
scripts.cli.payment.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from contracts.addresses import settlements_to_json
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.evm import Address, BlockNumber, Hash32, Timestamp
from contracts.orders import Payment, event_id_of, pay_call, refund_call
from contracts.units import BaseUnits
from scripts.bootstrap import open_database
from scripts.bootstrap_settlement import SettlementJobs
from scripts.cli.endings import ending_of
from scripts.cli.payment import app
from scripts.embedded.anvil import AnvilNode
from scripts.jobs import JobName
from scripts.payments import payment_desks
from scripts.settings import Settings, load_settings
from settlement.errors import ChainUnavailable
from settlement.payments.adapters.chain import NodePayments
from settlement.payments.evidence import Source
from settlement.payments.intent import PaymentIntent
from settlement.payments.look_again import look_again
from settlement.payments.policies import Outcome
from settlement.payments.ports import Submission
from settlement.payments.states import Level, State
from settlement.payments.verification import Check
from settlement.payments.verify_payment import Look, PaymentDesk
from tests.payments_builders import account, digest, log_of, values_of
from tests.payments_site import CONTENT, CREATOR, PROVIDER, TREASURY, UNIT, Sent, Site, data_of


@pytest.fixture(scope="module")
def deployed(module_anvil: AnvilNode) -> Site:
    """Where all tests begin."""
    return Site(module_anvil.url)


@pytest.fixture
def site(deployed: Site, database: str) -> Iterator[Site]:
    snapshot = deployed.node.call("evm_snapshot")
    deployed.engine = open_database(database)
    yield deployed
    deployed.engine.dispose()
    deployed.node.call("evm_revert", snapshot)


def submitted(site: Site, intent: PaymentIntent, tx_hash: Hash32, **options: bool) -> Look:
    return site.desk(**options).submit(Submission(intent.intent_id, tx_hash))


def states(site: Site, intent: PaymentIntent, sent: Sent) -> list[State]:
    store = site.desk().store
    lines = store.history(Submission(intent.intent_id, sent.tx_hash))  # type: ignore[attr-defined]
    return [line.state for line in lines]


def failed(found: Look) -> tuple[Check, ...]:
    assert found.verdict is not None
    return found.verdict.failed


def outcome(found: Look) -> Outcome:
    assert found.ruling is not None
    return found.ruling.outcome


def test_payment__from_first_block_to_finality__received_safe_final(site: Site) -> None:
    quoted = site.desk().quoted(site.intent("ppv"))
    assert quoted.fee is None  # nothing is indexed yet
    site.index()
    intent = site.desk().quoted(quoted)
    site.desk().declare(intent)
    sent = site.pay(intent)
    site.index()

    first = submitted(site, intent, sent.tx_hash)
    site.node.mine(8)
    site.index()
    look_again(site.desk())
    site.node.finalize()
    site.index()
    look_again(site.desk())

    assert intent.fee == UNIT
    assert first.is_verified
    assert (first.standing.state, first.confirmations) == (State.RECEIVED, 1)
    assert states(site, intent, sent) == [State.RECEIVED, State.SAFE, State.FINAL]


def test_payment__index_behind__node_and_index_say_the_same(site: Site) -> None:
    intent = site.intent("ppv")
    sent = site.pay(intent)

    by_node = site.desk().inspect(intent, sent.tx_hash, needed=Level.RECEIVED)
    assert submitted(site, intent, sent.tx_hash, asks_node=False).verdict is None
    site.index()
    by_index = site.desk(asks_node=False).inspect(intent, sent.tx_hash, needed=Level.RECEIVED)

    assert by_node.verdict is not None
    assert by_index.verdict is not None
    assert by_node.is_verified
    assert by_node.verdict.seen.source is Source.NODE
    assert by_index.verdict.seen.source is Source.FACTS
    assert by_node.verdict.findings == by_index.verdict.findings
    assert by_node.claim == by_index.claim


def test_payment__relayed__the_payer_is_who_signed(site: Site) -> None:
    intent = site.intent("ppv")
    sent = site.pay_relayed(intent)
    site.index()

    found = submitted(site, intent, sent.tx_hash)

    assert found.is_verified
    assert found.verdict is not None
    assert found.verdict.paid is not None
    assert str(found.verdict.paid.payer) == site.payer.address


def test_payment__relayer_named_as_payer__refused(site: Site) -> None:
    """The sender of the transaction is nobody's payer."""
    intent = site.intent("ppv")
    sent = site.pay_relayed(intent)
    site.index()
    claimed = site.intent(
        "ppv",
        payer=Address.from_hex(site.relayer.address),
        stated_order=intent.order_id,
        since=intent.since,
        until=intent.until,
    )

    assert failed(submitted(site, claimed, sent.tx_hash)) == (Check.PAYER, Check.CLAIM)


def test_payment__smart_account_pays_two_orders_at_once__each_has_its_own_log(site: Site) -> None:
    first, second = (
        site.intent("ppv", payer=site.wallet, reference=name, amount=BaseUnits(amount * UNIT))
        for name, amount in (("first", 10), ("second", 20))
    )
    sent = site.pay_by_wallet(first, second)
    site.index()

    looks = [submitted(site, one, sent.tx_hash) for one in (first, second)]

    assert sent.is_success
    assert [one.is_verified for one in looks] == [True, True]
    claims = [one.claim for one in looks]
    assert [None if one is None else one.key for one in claims] == [
        f"{bytes(site.wallet).hex()}/{bytes(one.order_id or b'').hex()}" for one in (first, second)
    ]


def test_payment__reorg_takes_it__gone_with_the_reason_then_paid_again(site: Site) -> None:
    intent = site.intent("ppv")
    site.node.mine(3)
    sent = site.pay(intent)
    site.index()
    assert submitted(site, intent, sent.tx_hash).standing.state is State.RECEIVED

    site.node.call("anvil_reorg", 2, [])
    site.node.call("anvil_dropAllTransactions")
    site.node.mine(3)
    site.index()
    look_again(site.desk())
    gone = submitted(site, intent, sent.tx_hash)

    assert gone.standing.state is State.GONE
    assert f"block {sent.block} " in gone.reason
    assert "was replaced" in gone.reason
    assert not gone.is_verified

    again = site.pay(intent)
    site.index()
    found = submitted(site, intent, again.tx_hash)

    assert found.is_verified
    assert states(site, intent, sent)[:2] == [State.RECEIVED, State.GONE]


def test_payment__paid_the_same_order_again__the_second_transaction_failed(site: Site) -> None:
    intent = site.intent("ppv")
    site.pay(intent)
    second = site.pay(intent)
    site.index()

    found = submitted(site, intent, second.tx_hash)

    assert not second.is_success
    assert {Check.RECEIPT, Check.EVENT} <= set(failed(found))
    assert outcome(found) is Outcome.NOT_OURS


def test_payment__fake_contract_emits_the_event__refused(site: Site) -> None:
    intent = site.intent("ppv")
    values = values_of(intent) | {"fee": UNIT}
    log = log_of(intent.family.event, intent.contract, values)
    sent = site.emit(site.fake_emitter(), log.topics, log.data)
    site.index()

    found = submitted(site, intent, sent.tx_hash)

    assert sent.is_success
    assert failed(found) == (Check.EMITTER,)
    assert outcome(found) is Outcome.NOT_OURS
    assert found.claim is None


def test_payment__our_code_in_a_proxy_emits_the_event__refused(site: Site) -> None:
    """Real money moves, by code like ours, but by terms and books of another contract."""
    intent = site.intent("ppv")
    proxy = site.proxy_of(site.ppv)
    money = site.node.contract("DemoToken", site.token).functions
    site.send(site.payer, site.token, data_of(money.approve(str(proxy), 2**255)))
    sent = site.send(site.payer, proxy, pay_call(site.order(intent)))
    site.index()

    found = submitted(site, intent, sent.tx_hash)

    assert Check.EMITTER in failed(found)
    assert outcome(found) is Outcome.NOT_OURS


def test_payment__other_content_and_less_money__both_named(site: Site) -> None:
    asked = site.intent("ppv", amount=BaseUnits(30 * UNIT))
    paid = site.intent(
        "ppv", subject=digest("something else"), stated_order=asked.order_id, reference="cheaper"
    )
    sent = site.pay(paid)
    site.index()

    found = submitted(site, asked, sent.tx_hash)

    assert failed(found) == (Check.SUBJECT, Check.AMOUNT)
    assert outcome(found) is Outcome.MISMATCHED


def test_payment__underpaid__refund_is_due(site: Site) -> None:
    asked = site.intent("ppv", amount=BaseUnits(30 * UNIT))
    paid = site.intent("ppv", stated_order=asked.order_id, reference="cheaper")
    sent = site.pay(paid)
    site.index()

    found = submitted(site, asked, sent.tx_hash)

    assert failed(found) == (Check.AMOUNT,)
    assert outcome(found) is Outcome.UNDERPAID
    assert found.ruling is not None
    assert found.ruling.due_back == 11 * UNIT


def test_payment__after_its_time__untimely(site: Site) -> None:
    intent = site.intent("ppv")
    site.node.advance(40_000)
    sent = site.pay(intent)
    site.index()

    assert failed(submitted(site, intent, sent.tx_hash)) == (Check.DEADLINE,)


def test_payment__fee_terms_changed_before_it__judged_by_those_in_force(site: Site) -> None:
    site.index()
    old = site.desk().quoted(site.intent("ppv"))
    site.desk().declare(old)
    functions = site.node.contract("PayPerViewSplitter", site.ppv).functions
    site.node.send(functions.announceFeeTerms((str(TREASURY), 2 * UNIT, 500)))
    site.node.advance(61)
    site.node.send(functions.applyFeeTerms())
    unquoted = site.intent("ppv", stated_order=old.order_id, since=old.since, until=old.until)
    sent = site.pay(old)
    by_node = site.desk().inspect(old, sent.tx_hash, needed=Level.RECEIVED)
    site.index()

    assert failed(by_node) == (Check.FEE_TERMS,)
    found = submitted(site, old, sent.tx_hash)
    assert failed(found) == (Check.FEE_TERMS,)
    assert outcome(found) is Outcome.OTHER_FEE
    assert submitted(site, unquoted, sent.tx_hash).is_verified


def test_payment__refunded__the_ruling_says_so(site: Site) -> None:
    intent = site.intent("ppv", payee=Address.from_hex(site.host.address))
    sent = site.pay(intent)
    money = site.node.contract("DemoToken", site.token).functions
    site.node.send(money.mint(site.host.address, 100 * UNIT))
    site.send(site.host, site.token, data_of(money.approve(str(site.ppv), 2**255)))
    order = site.order(intent)
    payment = Payment(
        order_id=order.order_id,
        payer=order.payer,
        creator=order.creator,
        subject=order.subject,
        ticket_id=0,
        price=order.price,
        fee=BaseUnits(UNIT),
    )
    assert site.send(site.host, site.ppv, refund_call(payment)).is_success
    site.index()

    assert outcome(submitted(site, intent, sent.tx_hash)) is Outcome.REFUNDED


def test_tips__through_splitter_and_relay__verified(site: Site) -> None:
    tip = site.intent("tip", amount=BaseUnits(20 * UNIT))
    by_splitter = site.pay(tip)
    native = site.intent("tip_native", amount=BaseUnits(10**16))
    assert native.order_id is not None
    relay = site.node.contract("TipRelay", site.relay).functions
    call = data_of(relay.tip(str(CREATOR), bytes(native.order_id), native.amount))
    by_relay = site.send(site.payer, site.relay, call, value=10**16 + 5 * 10**14)
    site.index()

    looks = [submitted(site, tip, by_splitter.tx_hash), submitted(site, native, by_relay.tx_hash)]

    assert [one.is_verified for one in looks] == [True, True]
    paid = [one.verdict.paid for one in looks if one.verdict is not None]
    assert [one.fee for one in paid if one is not None] == [UNIT, 5 * 10**14]


def on_sale(site: Site, *, lasts_s: int) -> tuple[Hash32, Callable[[int], bytes]]:
    """An event whose only tier costs ten dollars, and how to set another price."""
    event_id = event_id_of(Address.from_hex(site.host.address), digest("salt"))
    sale = site.node.contract("TicketSale", site.sale).functions
    starts = site.now + 10_000

    def priced(dollars: int) -> bytes:
        return data_of(sale.setTier(bytes(event_id), 1, dollars * UNIT, 5))

    for call in (
        data_of(
            sale.createEvent(bytes(digest("salt")), starts, starts + lasts_s, "Concert", "Live")
        ),
        priced(10),
        data_of(sale.activateEvent(bytes(event_id))),
    ):
        assert site.send(site.host, site.sale, call).is_success
    return event_id, priced


def test_ticket__price_raised_after_the_purchase__verified_at_its_own(site: Site) -> None:
    event_id, priced = on_sale(site, lasts_s=3_600)
    intent = site.intent("ticket", payee=Address.from_hex(site.host.address), subject=event_id)
    sent = site.pay(intent)
    assert site.send(site.host, site.sale, priced(12)).is_success
    by_node = site.desk().inspect(intent, sent.tx_hash, needed=Level.RECEIVED)
    site.index()

    assert sent.is_success
    assert by_node.is_verified
    found = submitted(site, intent, sent.tx_hash)
    assert found.is_verified
    assert Check.PRICE in {one.check for one in (found.verdict.findings if found.verdict else ())}


def test_ticket__paid_too_late_and_sold_on__nothing_is_due_back(site: Site) -> None:
    event_id, _ = on_sale(site, lasts_s=90_000)
    intent = site.intent("ticket", payee=Address.from_hex(site.host.address), subject=event_id)
    site.node.advance(40_000)
    sent = site.pay(intent)
    site.index()
    held = submitted(site, intent, sent.tx_hash).ruling
    moves = site.node.contract("Ticket", site.tickets).functions
    sold = data_of(moves.transferFrom(site.payer.address, site.host.address, 1))
    assert site.send(site.payer, site.tickets, sold).is_success
    site.index()
    given_up = submitted(site, intent, sent.tx_hash).ruling

    assert held is not None
    assert given_up is not None
    assert (held.outcome, held.due_back) == (Outcome.UNTIMELY, 11 * UNIT)
    assert (given_up.outcome, given_up.due_back) == (Outcome.UNTIMELY, 0)


def test_offramp_send__two_announced_one_sent__bound_to_one(site: Site) -> None:
    first = site.intent("offramp_send", reference="first")
    second = site.intent("offramp_send", reference="second")
    sent = site.transfer(PROVIDER, 10 * UNIT)
    site.index()

    assert submitted(site, first, sent.tx_hash).is_verified
    refused = submitted(site, second, sent.tx_hash)
    other = site.transfer(PROVIDER, 10 * UNIT)
    site.index()

    assert outcome(refused) is Outcome.CLAIMED_ELSEWHERE
    found = submitted(site, second, other.tx_hash)
    assert found.is_verified
    site.node.finalize()
    site.index()
    look_again(site.desk())
    last = submitted(site, second, other.tx_hash)
    assert (last.standing.state, last.standing.is_terminal) == (State.FINAL, True)
    assert last.confirmations > 12


def test_offramp_send__too_little_or_elsewhere__refused(site: Site) -> None:
    intent = site.intent("offramp_send")
    less = site.transfer(PROVIDER, 10 * UNIT - 1)
    elsewhere = site.transfer(CREATOR, 10 * UNIT)
    site.index()

    assert failed(submitted(site, intent, less.tx_hash)) == (Check.AMOUNT,)
    assert failed(submitted(site, intent, elsewhere.tx_hash)) == (Check.PAYEE,)


@pytest.mark.parametrize("is_indexed", [False, True], ids=["by a node", "by the index"])
def test_offramp_send__its_payee_is_a_creator__a_payment_does_not_pay_it(
    site: Site, is_indexed: bool
) -> None:
    """One transfer is evidence of one thing: what the splitter moves is the payment's."""
    bought = site.intent("ppv", payee=PROVIDER)
    announced = site.intent("offramp_send")
    fee = site.intent("offramp_send", payee=TREASURY, amount=BaseUnits(UNIT))
    sent = site.pay(bought)
    if is_indexed:
        site.index()

    found = [submitted(site, one, sent.tx_hash) for one in (announced, bought, fee)]

    assert [failed(one) for one in found] == [(Check.CLAIM,), (), (Check.CLAIM,)]
    assert outcome(found[0]) is Outcome.CLAIMED_ELSEWHERE


def test_offramp_send__over_and_no_node_tells_of_it__found_by_the_index(site: Site) -> None:
    intent = site.intent("offramp_send", until=Timestamp(site.now + 600))
    sent = site.transfer(PROVIDER, 10 * UNIT)
    other = site.transfer(CREATOR, 10 * UNIT)
    site.index()
    waiting = submitted(site, intent, sent.tx_hash, asks_node=False)
    site.node.call("evm_increaseTime", 1_000)
    site.node.mine()
    site.node.finalize()
    site.index()

    found = submitted(site, intent, sent.tx_hash, asks_node=False)
    elsewhere = submitted(site, intent, other.tx_hash, asks_node=False)
    unknown = submitted(site, intent, digest("no such transaction"), asks_node=False)

    assert waiting.standing.state is State.AWAITED
    assert (found.standing.state, found.is_verified) == (State.FINAL, True)
    assert failed(elsewhere) == (Check.PAYEE,)
    assert (unknown.standing.state, unknown.standing.is_terminal) == (State.EXPIRED, True)


class _Babbler(BaseHTTPRequestHandler):
    """A provider that repeats the URL, with the key in it, in what it says of an error."""

    def do_POST(self) -> None:
        error = {"code": -32601, "message": "no route for /v3/a1b2c3d4e5f6"}
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "error": error}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_node__error_that_repeats_our_key__told_by_its_code_alone() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Babbler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v3/a1b2c3d4e5f6"
        node = NodePayments(
            url, timeout_s=5, has_finality_tag=True, depth_blocks=1, start_block=BlockNumber(0)
        )

        with pytest.raises(ChainUnavailable) as caught:
            node.transaction(digest("any transaction"))
        server.shutdown()

    assert "a1b2c3d4e5f6" not in str(caught.value)
    assert "-32601" in str(caught.value)


def test_payment__nobody_told__found_by_its_order(site: Site) -> None:
    intent = site.intent("ppv")
    sent = site.pay(intent)
    site.index()

    assert look_again(site.desk(asks_node=False)) == 1

    assert states(site, intent, sent) == [State.RECEIVED]


def test_payment__transaction_that_nobody_sent__awaited(site: Site) -> None:
    intent = site.intent("tip")

    found = submitted(site, intent, digest("no such transaction"))

    assert (found.standing.state, found.verdict) == (State.AWAITED, None)


@dataclass(frozen=True)
class Command:
    """`quittance payment`, over the site's chain and database."""

    directory: Path
    environ: dict[str, str]

    def run(self, *arguments: object) -> tuple[int, Any, str]:
        """Exit code, the JSON that was printed, and what was said on stderr."""
        texts = [str(one) for one in arguments]
        result = CliRunner().invoke(app, texts, obj=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            assert isinstance(result.exception, Exception)
            ending = ending_of(result.exception)
            if ending is None:
                raise result.exception
            return ending[0], None, " ".join(ending[1])
        printed = json.loads(result.stdout) if result.stdout.startswith("{") else result.stdout
        return result.exit_code, printed, result.stderr

    def written(self, **fields: object) -> Path:
        path = self.directory / "intent.json"
        path.write_text(json.dumps(fields))
        return path


@pytest.fixture
def command(site: Site, database: str, tmp_path: Path) -> Command:
    (tmp_path / "book.json").write_text(settlements_to_json((site.settlement,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = 31337\nname = "test"\nrpc = ["{site.node.url}"]\n'
        'start_block = 0\naddresses = "book.json"\n'
        'finality = { tag = "finalized", depth = 12 }\n'
    )
    return Command(
        tmp_path,
        {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(tmp_path),
            "QUITTANCE_DATABASE_URL": database,
        },
    )


def fields_of(site: Site) -> dict[str, object]:
    return {
        "family": "ppv",
        "payer": site.payer.address,
        "payee": str(CREATOR),
        "subject": str(CONTENT),
        "asset": str(site.token),
        "amount": str(10 * UNIT),
        "reference": "by hand",
        "since": site.now - 60,
        "until": site.now + 3_600,
    }


def test_command__intent_paid_and_verified__exit_codes_say_so(site: Site, command: Command) -> None:
    site.index()
    code, stored, _ = command.run("intent", command.written(**fields_of(site)), "--json")
    assert (code, stored["fee"], stored["is_new"]) == (0, str(UNIT), True)
    intent = site.desk().store.intent(Hash32.from_hex(stored["intent_id"]))
    assert intent is not None
    sent = site.pay(intent)

    verified = command.run("verify", intent.intent_id, sent.tx_hash, "--claim", "--json")
    not_final = command.run(
        "verify", intent.intent_id, sent.tx_hash, "--finality", "final", "--json"
    )
    shown = command.run("show", intent.intent_id, "--json")
    plain = command.run("verify", intent.intent_id, sent.tx_hash)

    assert (verified[0], verified[1]["state"], verified[1]["source"]) == (0, "received", "node")
    assert {one["result"] for one in verified[1]["checks"]} == {"passed"}
    assert (not_final[0], not_final[1]["failed"]) == (1, ["finality"])
    assert "finality" in not_final[2]
    assert shown[1]["claims"] == [{"transaction_hash": str(sent.tx_hash), "ordinal": 0}]
    assert [one["state"] for one in shown[1]["submissions"][0]["verdicts"]] == ["received"]
    assert plain[0] == 0
    assert "is_verified: True" in plain[1]


def test_command__file_that_is_not_stored__every_failed_check_named(
    site: Site, command: Command
) -> None:
    paid = site.intent("ppv")
    sent = site.pay(paid)
    asked = fields_of(site) | {"amount": str(11 * UNIT), "order_id": str(paid.order_id)}
    asked |= {"payee": str(PROVIDER)}

    code, found, said = command.run("verify", command.written(**asked), sent.tx_hash, "--json")

    assert (code, found["is_verified"]) == (1, False)
    assert found["failed"] == ["payee", "amount", "claim"]  # it pays who asked for the order
    assert "payee" in said
    assert "amount" in said


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"amount": "1.5"}, "amount"),
        ({"payee": "0x12"}, "payee"),
        ({"family": "barter"}, "barter"),
        ({"family": 5}, "family"),
        ({"since": "now"}, "since"),
        ({"tier_id": 1}, "tier_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_command__bad_intent__names_the_field(
    site: Site, command: Command, changes: dict[str, object], named: str
) -> None:
    code, _, said = command.run("intent", command.written(**fields_of(site) | changes))

    assert code == 2
    assert named in said


def test_job__payment_that_nobody_told_of__looked_at(site: Site, command: Command) -> None:
    intent = site.intent("ppv")
    sent = site.pay(intent)
    site.index()

    SettlementJobs(load_settings(command.environ), site.engine).all()[JobName.VERIFY_PAYMENTS](
        "site"
    )

    assert states(site, intent, sent) == [State.RECEIVED]


def test_job__intent_that_nobody_paid_a_hundred_days_ago__forgotten(
    site: Site, command: Command
) -> None:
    long_ago = Timestamp(site.now - 100 * 86_400)
    old = site.intent("ppv", since=Timestamp(long_ago - 3_600), until=long_ago)
    open_one = site.intent("ppv")
    for _ in range(40):
        site.node.mine()
    site.index()
    with site.engine.begin() as connection:
        connection.execute(text("RESET ROLE"))  # only the owner can make it look older
        connection.execute(text("ALTER TABLE payment_intent DISABLE TRIGGER USER"))
        aged = "UPDATE payment_intent SET recorded_at = now() - interval '100 days'"
        connection.execute(text(aged))
        connection.execute(text("ALTER TABLE payment_intent ENABLE TRIGGER USER"))
    jobs = SettlementJobs(load_settings(command.environ), site.engine).all()
    store = site.desk().store

    jobs[JobName.FORGET_INTENTS]("site")
    nothing_noted_yet = store.intent(old.intent_id)
    jobs[JobName.VERIFY_PAYMENTS]("site")
    jobs[JobName.FORGET_INTENTS]("site")

    assert nothing_noted_yet == old
    assert store.intent(old.intent_id) is None
    assert store.intent(open_one.intent_id) == open_one


def test_command__bad_arguments__exit_two(site: Site, command: Command) -> None:
    path = command.written(**fields_of(site))
    unknown = digest("no such intent")

    assert command.run("verify", path, "0x12")[0] == 2
    assert command.run("verify", path, unknown, "--finality", "soon")[0] == 2
    assert command.run("verify", unknown, unknown)[0] == 2
    assert command.run("show", unknown)[0] == 2
    assert command.run("verify", command.directory / "nowhere.json", unknown)[0] == 2


def test_command__transaction_that_nobody_has__not_verified(site: Site, command: Command) -> None:
    path = command.written(**fields_of(site))

    code, found, said = command.run("verify", path, digest("nothing"), "--json")

    assert (code, found["state"], found["checks"]) == (1, "awaited", [])
    assert "no block has the transaction" in said


def test_command__node_away__exit_three(site: Site, command: Command) -> None:
    config = Path(command.environ["QUITTANCE_CONFIG"])
    config.write_text(config.read_text().replace(site.node.url, "http://127.0.0.1:1"))
    path = command.written(**fields_of(site))

    assert command.run("verify", path, digest("nothing"))[0] == 3


@pytest.fixture
def paid_next_door(site: Site, command: Command) -> Callable[[], Sent]:
    """Pays the off-ramp's address through the splitter of a second settlement of the chain."""
    terms = (str(TREASURY), UNIT, 1_000)
    splitter = site.node.deploy(
        "PayPerViewSplitter", str(site.token), terms, 10 * UNIT, 60, site.node.admin
    )
    money = site.node.contract("DemoToken", site.token).functions
    site.send(site.payer, site.token, data_of(money.approve(str(splitter), 2**255)))
    next_door = replace(
        site.settlement,
        name="next door",
        contracts={name: account(f"next door: {name.value}") for name in ROYALTY_CONTRACTS},
        payments={ContractName.PAY_PER_VIEW_SPLITTER: splitter},
    )
    book = command.directory / "book.json"
    book.write_text(settlements_to_json((site.settlement, next_door)))

    def pay() -> Sent:
        bought = replace(site.intent("ppv", payee=PROVIDER), contract=splitter)
        return site.pay(bought)

    return pay


DESKS: dict[str, Callable[[Settings, Engine], PaymentDesk]] = {
    "of the API": lambda settings, engine: payment_desks(settings, engine)["site"],
    "of the jobs": lambda settings, engine: SettlementJobs(settings, engine).payments("site"),
}


@pytest.mark.parametrize("name", DESKS)
def test_offramp_send__paid_through_the_settlement_next_door__does_not_pay_it(
    site: Site, command: Command, paid_next_door: Callable[[], Sent], name: str
) -> None:
    """What the contracts of any settlement of the chain move, is a payment there."""
    announced = site.intent("offramp_send")
    sent = paid_next_door()
    desk = DESKS[name](load_settings(command.environ), site.engine)

    found = desk.inspect(announced, sent.tx_hash, needed=Level.RECEIVED)
    alone = site.desk().inspect(announced, sent.tx_hash, needed=Level.RECEIVED)

    assert failed(found) == (Check.CLAIM,)
    assert alone.is_verified  # who does not know of the other settlement cannot tell


def test_command__paid_through_the_settlement_next_door__not_verified(
    site: Site, command: Command, paid_next_door: Callable[[], Sent]
) -> None:
    announced = site.intent("offramp_send")
    sent = paid_next_door()

    code, found, _ = command.run(
        *("verify", announced.intent_id, sent.tx_hash, "--settlement", "site", "--json")
    )

    assert (code, found["failed"]) == (1, ["claim"])
