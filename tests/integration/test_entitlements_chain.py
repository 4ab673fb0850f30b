"""Who may see what on a real chain: payments, tickets, tokens that move, blocks that go away.

Subjects: indexer.adapters.balance_calls, scripts.gates, scripts.cli.entitlement, and the route over
what the real contracts emit.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.auth_access import Access
from api.context import Deps, Limits
from api.rate_limits import Rates
from contracts.addresses import settlements_to_json
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from contracts.orders import Payment, event_id_of, redeem_call, refund_call
from contracts.units import BaseUnits
from indexer.adapters.balance_calls import BalanceCalls
from indexer.adapters.json_rpc import JSONRPC
from indexer.errors import RPCFailed, RPCUnreachable
from scripts.bootstrap import open_database
from scripts.cli.endings import ending_of
from scripts.cli.entitlement import app
from scripts.embedded.anvil import AnvilNode
from scripts.gates import BalancesOfChains
from settlement.payments.adapters.gate_store import ContentRecords, Offer
from settlement.payments.gates import Gate, GateKind
from settlement.payments.intent import PaymentIntent
from settlement.payments.ports import Submission
from tests.anvil_chain import CHAIN_ID, LIMITS
from tests.api_client import APIClient, running_api
from tests.entitlement_world import told
from tests.payments_builders import digest
from tests.payments_site import CONTENT, CREATOR, UNIT, Site, data_of

NOWHERE = "http://127.0.0.1:1"


class EntitlementSite(Site):
    """The payment contracts, and wallets that are asked about."""

    @property
    def wallets(self) -> tuple[Address, Address]:
        """Payer and relayer."""
        return Address.from_hex(self.payer.address), Address.from_hex(self.relayer.address)

    def balances(self) -> BalanceCalls:
        return BalanceCalls([JSONRPC(self.node.url, LIMITS)])

    def add_gate(self, kind: GateKind, token: Address, minimum: int) -> Gate:
        gate = Gate(
            chain_id=CHAIN_ID,
            contract=self.settlement.payouts,
            content_id=CONTENT,
            kind=kind,
            token=token,
            minimum=BaseUnits(minimum),
        )
        with self.engine.begin() as connection:
            ContentRecords(connection, self.settlement).add_gate(gate)
        return gate

    def ticket_bought(self) -> tuple[Hash32, PaymentIntent]:
        """An event, and its first ticket, bought by the payer."""
        host = Address.from_hex(self.host.address)
        event_id = event_id_of(host, digest("salt"))
        sale = self.node.contract("TicketSale", self.sale).functions
        starts = self.now + 10_000
        for function in (
            sale.createEvent(bytes(digest("salt")), starts, starts + 3_600, "Concert", "Live"),
            sale.setTier(bytes(event_id), 1, 10 * UNIT, 5),
            sale.activateEvent(bytes(event_id)),
        ):
            assert self.send(self.host, self.sale, data_of(function)).is_success
        intent = self.intent("ticket", payee=host, subject=event_id)
        assert self.pay(intent).is_success
        return event_id, intent

    def ticket_moved(self, ticket: int, source: Any, target: Address) -> None:
        functions = self.node.contract("Ticket", self.tickets).functions
        call = data_of(functions.transferFrom(source.address, str(target), ticket))
        assert self.send(source, self.tickets, call).is_success

    def reorg(self, depth: int) -> None:
        """Replace the last blocks by empty ones, and one poll of the indexer."""
        self.node.call("anvil_reorg", depth, [])
        self.node.call("anvil_dropAllTransactions")
        self.node.mine(1)
        self.index()


@pytest.fixture(scope="module")
def deployed(module_anvil: AnvilNode) -> EntitlementSite:
    """Where all tests begin."""
    return EntitlementSite(module_anvil.url)


@pytest.fixture
def site(deployed: EntitlementSite, database: str) -> Iterator[EntitlementSite]:
    snapshot = deployed.node.call("evm_snapshot")
    deployed.engine = open_database(database)
    offer = Offer(
        content_id=CONTENT, creator=CREATOR, price=BaseUnits(1), from_block=BlockNumber(0)
    )
    with deployed.engine.begin() as connection:
        ContentRecords(connection, deployed.settlement).add_offer(offer)
    yield deployed
    deployed.engine.dispose()
    deployed.node.call("evm_revert", snapshot)


@pytest.fixture
def api(site: EntitlementSite, database: str) -> Iterator[APIClient]:
    deps = Deps(
        database_url=database,
        chain_ids=(CHAIN_ID,),
        settlements=(site.settlement,),
        now=lambda: Timestamp(0),
        head_of=None,
        limits=Limits(),
        access=Access(rates=Rates(reads=None)),
        balances=BalancesOfChains({CHAIN_ID: site.balances()}),
    )
    with running_api(deps) as client:
        yield client


def test_payment__relayed__the_payer_may_see_it_and_the_relayer_may_not(
    site: EntitlementSite, api: APIClient
) -> None:
    assert site.pay_relayed(site.intent("ppv")).is_success
    site.index()

    payer, relayer = site.wallets
    assert told(api, payer, CONTENT) == (True, "paid")
    assert told(api, relayer, CONTENT) == (False, "nothing_found")


def test_payment__reorg_takes_it__next_poll_denies_with_the_reason(
    site: EntitlementSite, api: APIClient
) -> None:
    intent = site.intent("ppv")
    site.node.mine(3)
    sent = site.pay(intent)
    site.index()
    site.desk().submit(Submission(intent.intent_id, sent.tx_hash))
    payer, _ = site.wallets
    assert told(api, payer, CONTENT) == (True, "paid")

    site.reorg(2)

    assert told(api, payer, CONTENT) == (False, "payment_gone")
    assert site.pay(intent).is_success
    site.index()
    assert told(api, payer, CONTENT) == (True, "paid")


def test_payment__refunded__denied(site: EntitlementSite, api: APIClient) -> None:
    intent = site.intent("ppv", payee=Address.from_hex(site.host.address))
    assert site.pay(intent).is_success
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

    assert told(api, site.wallets[0], CONTENT) == (False, "payment_refunded")


def test_ticket__sold_and_redeemed__holder_enters_and_buyer_does_not(
    site: EntitlementSite, api: APIClient
) -> None:
    event_id, _ = site.ticket_bought()
    buyer, holder = site.wallets
    site.index()
    assert told(api, buyer, event_id) == (True, "ticket_held")

    site.ticket_moved(1, site.payer, holder)
    site.index()
    assert told(api, holder, event_id) == (True, "ticket_held")
    assert told(api, buyer, event_id) == (False, "ticket_transferred")

    assert site.send(site.relayer, site.tickets, redeem_call(1)).is_success
    site.index()
    assert told(api, holder, event_id) == (True, "ticket_redeemed")
    assert told(api, buyer, event_id) == (False, "ticket_redeemed_by_another")


def test_gate__erc20_is_sent_away__denied_at_the_next_poll(
    site: EntitlementSite, api: APIClient
) -> None:
    payer, _ = site.wallets
    site.add_gate(GateKind.ERC20, site.token, 10_000 * UNIT)
    site.index()
    assert told(api, payer, CONTENT) == (True, "gate_met")

    site.transfer(CREATOR, 1)
    site.index()

    body = api.get(f"/v1/entitlements/{payer}/{CONTENT}").json()
    assert (body["is_granted"], body["reason"]) == (False, "below_minimum")
    assert body["failed"][0]["balance"] == str(10_000 * UNIT - 1)


def test_gate__nft_moves__holder_enters(site: EntitlementSite, api: APIClient) -> None:
    site.ticket_bought()
    buyer, holder = site.wallets
    site.add_gate(GateKind.ERC721, site.tickets, 1)
    site.index()
    assert told(api, buyer, CONTENT) == (True, "gate_met")

    site.ticket_moved(1, site.payer, holder)
    site.index()

    assert told(api, buyer, CONTENT) == (False, "below_minimum")
    assert told(api, holder, CONTENT) == (True, "gate_met")


def test_gate__native_coin_is_spent__denied_at_the_next_block(
    site: EntitlementSite, api: APIClient
) -> None:
    payer, _ = site.wallets
    held = site.node.web3.eth.get_balance(site.payer.address)
    site.add_gate(GateKind.NATIVE, ZERO_ADDRESS, held)
    site.index()
    assert told(api, payer, CONTENT) == (True, "gate_met")

    site.send(site.payer, CREATOR, b"", value=1)
    site.index()

    assert told(api, payer, CONTENT) == (False, "below_minimum")


def test_balances__of_a_block_that_was_replaced__refused(site: EntitlementSite) -> None:
    payer, _ = site.wallets
    site.node.mine(2)
    gone = Hash32(bytes(site.node.web3.eth.get_block("latest")["hash"]))
    site.node.call("anvil_reorg", 1, [])
    site.node.mine(1)
    now = Hash32(bytes(site.node.web3.eth.get_block("latest")["hash"]))

    with pytest.raises(RPCFailed):
        site.balances().balances(payer, [site.token], gone)
    assert site.balances().balances(payer, [site.token], now) == [10_000 * UNIT]


def test_balances__no_contract_there__none_and_the_others_told(site: EntitlementSite) -> None:
    payer, _ = site.wallets
    head = Hash32(bytes(site.node.web3.eth.get_block("latest")["hash"]))

    found = site.balances().balances(payer, [CREATOR, site.ppv, ZERO_ADDRESS], head)

    assert found[:2] == [None, None]
    assert found[2] == site.node.web3.eth.get_balance(site.payer.address)


def test_balances__first_endpoint_down__the_next_one_is_asked(site: EntitlementSite) -> None:
    payer, _ = site.wallets
    head = Hash32(bytes(site.node.web3.eth.get_block("latest")["hash"]))
    down, up = JSONRPC(NOWHERE, LIMITS), JSONRPC(site.node.url, LIMITS)

    assert BalanceCalls([down, up]).balances(payer, [site.token], head) == [10_000 * UNIT]
    with pytest.raises(RPCUnreachable):
        BalanceCalls([down]).balances(payer, [site.token], head)


@dataclass(frozen=True)
class Command:
    """`quittance entitlement`, over the site's chain and database."""

    environ: dict[str, str]

    def run(self, *arguments: object) -> tuple[int, Any, str]:
        """Exit code, what was printed, and the sentence of an error."""
        result = CliRunner().invoke(app, [str(one) for one in arguments], obj=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            assert isinstance(result.exception, Exception)
            ending = ending_of(result.exception)
            if ending is None:
                raise result.exception
            return ending[0], None, " ".join(ending[1])
        printed = json.loads(result.stdout) if result.stdout.startswith("{") else result.stdout
        return result.exit_code, printed, result.stderr


@pytest.fixture
def command(site: EntitlementSite, database: str, tmp_path: Path) -> Command:
    (tmp_path / "book.json").write_text(settlements_to_json((site.settlement,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = 31337\nname = "test"\nrpc = ["{site.node.url}"]\n'
        'start_block = 0\naddresses = "book.json"\n'
        'finality = { tag = "finalized", depth = 12 }\n'
    )
    return Command(
        {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(tmp_path),
            "QUITTANCE_DATABASE_URL": database,
        }
    )


def test_check__gate_met_and_not__exit_codes_and_sentences(
    site: EntitlementSite, command: Command
) -> None:
    payer, relayer = site.wallets
    site.index()

    code, made, _ = command.run(
        *("gate", "add", CONTENT, "--kind", "erc20", "--token", site.token, "--minimum", 5)
    )
    assert code == 0
    granted = command.run("check", payer, CONTENT)
    denied = command.run("check", relayer, CONTENT)
    as_json = command.run("check", relayer, CONTENT, "--json")

    assert granted[0] == 0
    assert granted[1].startswith("granted: gate_met, until ")
    assert denied[0] == 1
    assert "gate: below_minimum (" in denied[1]
    assert "balance 0, minimum 5" in denied[1]
    assert as_json[0] == 1
    assert as_json[1]["failed"][0]["gate_id"] == made["gate_id"]


def test_gate_command__added_and_removed__list_and_answer_follow(
    site: EntitlementSite, command: Command
) -> None:
    payer, _ = site.wallets
    site.index()
    _, made, _ = command.run("gate", "add", CONTENT, "--kind", "native", "--minimum", 1)
    assert command.run("gate", "list")[1]["gates"] == [made]
    assert command.run("check", payer, CONTENT)[0] == 0

    assert command.run("gate", "remove", made["gate_id"])[0] == 0

    assert command.run("gate", "list")[1]["gates"] == []
    assert command.run("check", payer, CONTENT)[0] == 1
    assert command.run("gate", "add", CONTENT, "--kind", "native", "--minimum", 1)[0] == 0
    assert command.run("check", payer, CONTENT)[0] == 0


def test_alias_command__archive_of_what_was_paid__granted_until_removed(
    site: EntitlementSite, command: Command
) -> None:
    payer, archive = site.wallets[0], digest("archive")
    assert site.pay(site.intent("ppv")).is_success
    site.index()
    assert command.run("check", payer, archive)[0] == 1

    code, made, _ = command.run("alias", "add", archive, "--of", CONTENT, "--ended-at", 5)
    assert (code, made["ended_at"]) == (0, 5)
    assert command.run("alias", "list")[1]["aliases"] == [made]
    assert command.run("check", payer, archive)[0] == 0

    assert command.run("alias", "remove", archive, "--of", CONTENT)[0] == 0
    assert command.run("check", payer, archive)[0] == 1


def test_records__refused__one_sentence_that_names_the_member(
    site: EntitlementSite, command: Command
) -> None:
    film, archive = CONTENT, digest("archive")
    site.index()
    gate = ("gate", "add", film, "--kind")
    assert command.run(*gate, "native", "--minimum", 1)[0] == 0
    assert command.run("alias", "add", archive, "--of", film)[0] == 0

    refusals = {
        "token: ": (*gate, "erc20", "--token", CREATOR, "--minimum", 1),
        "token: 0x0000": (*gate, "erc721"),
        "--minimum is missing": (*gate, "erc20", "--token", site.token),
        "minimum: 0 is not": (*gate, "native", "--minimum", 0),
        "--minimum: '1.5' is not": (*gate, "native", "--minimum", "1.5"),
        "CONTENT: 'film' is not": ("gate", "add", "film", "--kind", "native", "--minimum", 1),
        "gate: ": (*gate, "native", "--minimum", 1),
        "gate: 0x": ("gate", "remove", digest("no gate")),
        "archive: ": ("alias", "add", film, "--of", film),
        "alias: ": ("alias", "add", archive, "--of", film),
        "source: ": ("alias", "add", digest("other"), "--of", archive),
        "archive: 0x": ("alias", "add", film, "--of", digest("other")),
    }
    for sentence, arguments in refusals.items():
        code, _, said = command.run(*arguments)
        assert code == 2, (sentence, said)
        assert said.startswith(sentence), (sentence, said)


def test_check__no_answer_from_the_chain__exit_3(site: EntitlementSite, command: Command) -> None:
    site.index()
    assert command.run("gate", "add", CONTENT, "--kind", "native", "--minimum", 1)[0] == 0
    config = Path(command.environ["QUITTANCE_CONFIG"])
    config.write_text(config.read_text().replace(site.node.url, NOWHERE))

    code, _, said = command.run("check", site.wallets[0], CONTENT)

    assert code == 3
    assert "balances at the head could not be read" in said
