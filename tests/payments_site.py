"""Payment contracts on a real chain, an index of it in Postgres, and the desk over both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.evm import (
    ZERO_HASH,
    Address,
    BlockNumber,
    ChainId,
    Hash32,
    Timestamp,
    bytes_from_hex,
)
from contracts.orders import Order, order_digest, pay_call, pay_for_call
from contracts.units import BaseUnits
from indexer.adapters.store import owned_chain
from indexer.chain_profiles import chain_profile_named
from indexer.finality import FinalityRule, FinalityTag
from indexer.levels import Level
from indexer.plan import IndexedChain, SyncLimits
from indexer.sync import is_synced, run_until
from scripts.payments import payment_desk
from settlement.payments.adapters.chain import NodePayments
from settlement.payments.families import AssetSource, family_named
from settlement.payments.intent import PaymentIntent
from settlement.payments.verify_payment import PaymentDesk
from tests.anvil_chain import CHAIN_ID, opened
from tests.payments_builders import NATIVE, account, digest
from tests.payouts_settlement import FINALITY_DEPTH, DevNode

UNIT = 10**6
RELAY_MINIMUM = 5 * 10**14
CREATOR, TREASURY, PROVIDER = account("creator"), account("treasury"), account("provider")
CONTENT = digest("content")

# Emits LOG4: four topics from the calldata, and the rest of it as data.
_EMITTER_RUNTIME = "608036038060806000376060356040356020356000358460 00a400".replace(" ", "")
_EMITTER = "601b80600b6000396000f3" + _EMITTER_RUNTIME
_PROXY_CREATION = bytes_from_hex("0x3d602d80600a3d3981f3")
_PROXY = (
    bytes_from_hex("0x363d3d373d3d3d363d73"),
    bytes_from_hex("0x5af43d82803e903d91602b57fd5bf3"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that was mined."""

    tx_hash: Hash32
    block: int
    is_success: bool


class Site:
    """Deployed contracts, three funded accounts, and an index; tests begin with an empty one."""

    engine: Engine

    def __init__(self, url: str) -> None:
        self.node = DevNode(url)
        self.node.mine()
        self.payer, self.relayer, self.host = (
            Account.from_key(bytes([n]) * 32) for n in (0x71, 0x72, 0x73)
        )
        for one in (self.payer, self.relayer, self.host):
            self.node.call("anvil_setBalance", one.address, hex(10**20))
        self.token = self.node.deploy("DemoToken", self.node.admin)
        self.ppv = self._splitter("PayPerViewSplitter", UNIT, 1_000)
        self.tips = self._splitter("TipSplitter", UNIT, 500)
        self.sale = self._splitter("TicketSale", 0, 1_000)
        sale = self.node.contract("TicketSale", self.sale).functions
        self.tickets = Address.from_hex(sale.ticket().call())
        terms = (str(TREASURY), RELAY_MINIMUM, 500)
        self.relay = self.node.deploy("TipRelay", terms, 10**16, 60, self.node.admin)
        self.wallet = self.node.deploy("DemoWallet", self.payer.address)
        money = self.node.contract("DemoToken", self.token).functions
        for owner in (self.payer.address, str(self.wallet)):
            self.node.send(money.mint(owner, 10_000 * UNIT))
        for spender in (self.ppv, self.tips, self.sale):
            self.send(self.payer, self.token, data_of(money.approve(str(spender), 2**255)))

    @property
    def settlement(self) -> Settlement:
        return Settlement(
            name="site",
            chain_id=CHAIN_ID,
            start_block=BlockNumber(1),
            contracts={name: account(name.value) for name in ROYALTY_CONTRACTS},
            payments={
                ContractName.PAY_PER_VIEW_SPLITTER: self.ppv,
                ContractName.TIP_SPLITTER: self.tips,
                ContractName.TICKET: self.tickets,
                ContractName.TICKET_SALE: self.sale,
                ContractName.TIP_RELAY: self.relay,
            },
            tokens=(self.token,),
        )

    @property
    def now(self) -> int:
        return int(self.node.web3.eth.get_block("latest")["timestamp"])

    def desk(self, *, asks_node: bool = True) -> PaymentDesk:
        node = None
        if asks_node:
            node = NodePayments(
                self.node.url,
                timeout_s=10,
                has_finality_tag=True,
                depth_blocks=FINALITY_DEPTH,
                start_block=BlockNumber(1),
            )
        return payment_desk(self.engine, self.settlement, node)

    def index(self) -> None:
        """Index to the head."""
        plan = IndexedChain(
            chain_id=ChainId(CHAIN_ID),
            start_block=BlockNumber(0),
            end_block=None,
            sources=self.settlement.sources(),
            finality=FinalityRule(tag=FinalityTag.FINALIZED, depth_blocks=FINALITY_DEPTH),
            limits=SyncLimits(window_blocks_max=100, range_logs_max=10_000),
            level=Level.RECEIPTS,
            profile=chain_profile_named("ethereum"),
        )
        with owned_chain(self.engine, ChainId(CHAIN_ID)) as store:
            run_until(opened(plan, self.node.url, store), is_synced, wait=lambda: None)

    def intent(self, family_name: str, **changes: Any) -> PaymentIntent:
        family = family_named(family_name)
        contracts = {"ppv": self.ppv, "tip": self.tips, "tip_native": self.relay}
        contracts |= {"ticket": self.sale, "offramp_send": self.token}
        values: dict[str, Any] = {
            "chain_id": CHAIN_ID,
            "family_name": family_name,
            "contract": contracts[family_name],
            "payer": Address.from_hex(self.payer.address),
            "payee": PROVIDER if family.order is None else CREATOR,
            "subject": None if family.subject is None else CONTENT,
            "tier_id": None if family.tier is None else 1,
            "asset": NATIVE if family.asset is AssetSource.NATIVE else self.token,
            "amount": BaseUnits(10 * UNIT),
            "fee_terms": None,
            "stated_order": None,
            "reference": "order 1",
            "since": Timestamp(self.now - 3_600),
            "until": Timestamp(self.now + 36_000),
        }
        intent = PaymentIntent(**values | changes)
        self.desk().declare(intent)
        return intent

    def order(self, intent: PaymentIntent) -> Order:
        assert intent.order_id is not None
        assert intent.payer is not None
        return Order(
            order_id=intent.order_id,
            payer=intent.payer,
            creator=intent.payee,
            subject=intent.subject or ZERO_HASH,
            tier_id=intent.tier_id or 0,
            price=intent.amount,
            max_fee=BaseUnits(100 * UNIT),
            deadline=Timestamp(2**40),
        )

    def pay(self, intent: PaymentIntent) -> Sent:
        """By the payer itself."""
        return self.send(self.payer, intent.contract, pay_call(self.order(intent)))

    def pay_relayed(self, intent: PaymentIntent) -> Sent:
        """By a relayer, with the payer's signature over the order."""
        hashed = order_digest(self.order(intent), chain_id=CHAIN_ID, contract=intent.contract)
        signature = bytes(self.payer.unsafe_sign_hash(hashed).signature)
        call = pay_for_call(self.order(intent), signature)
        return self.send(self.relayer, intent.contract, call)

    def pay_by_wallet(self, *intents: PaymentIntent) -> Sent:
        """By the payer's smart account, all in one transaction."""
        money = self.node.contract("DemoToken", self.token).functions
        calls: list[tuple[str, bytes]] = [
            (str(self.token), data_of(money.approve(str(self.ppv), 2**255)))
        ]
        calls += [(str(one.contract), pay_call(self.order(one))) for one in intents]
        wallet = self.node.contract("DemoWallet", self.wallet).functions
        return self.send(self.payer, self.wallet, data_of(wallet.execute(calls)))

    def transfer(self, to: Address, amount: int) -> Sent:
        money = self.node.contract("DemoToken", self.token).functions
        return self.send(self.payer, self.token, data_of(money.transfer(str(to), amount)))

    def fake_emitter(self) -> Address:
        """A contract that emits whatever it is told."""
        return self._created(bytes_from_hex("0x" + _EMITTER))

    def proxy_of(self, contract: Address) -> Address:
        """A minimal proxy (EIP-1167): the code of `contract`, with an address of its own."""
        runtime = _PROXY[0] + bytes(contract) + _PROXY[1]
        return self._created(_PROXY_CREATION + runtime)

    def emit(self, emitter: Address, topics: Sequence[bytes], data: bytes) -> Sent:
        return self.send(self.relayer, emitter, b"".join(topics) + data)

    def send(self, sender: Any, to: Address | None, data: bytes, *, value: int = 0) -> Sent:
        """One transaction in a block of its own."""
        transaction = {
            "chainId": CHAIN_ID,
            "nonce": self.node.web3.eth.get_transaction_count(sender.address),
            "gas": 3_000_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
            "value": value,
            "data": "0x" + data.hex(),
        }
        if to is not None:
            transaction["to"] = str(to)
        signed = sender.sign_transaction(transaction)
        tx_hash = self.node.call(
            "eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex()
        )
        self.node.mine()
        receipt = self.node.web3.eth.wait_for_transaction_receipt(tx_hash)
        return Sent(Hash32.from_hex(tx_hash), receipt["blockNumber"], receipt["status"] == 1)

    def _created(self, creation: bytes) -> Address:
        sent = self.send(self.relayer, None, creation)
        receipt = self.node.call("eth_getTransactionReceipt", str(sent.tx_hash))
        return Address.from_hex(receipt["contractAddress"])

    def _splitter(self, name: str, minimum: int, bps: int) -> Address:
        terms = (str(TREASURY), minimum, bps)
        return self.node.deploy(name, str(self.token), terms, 10 * UNIT, 60, self.node.admin)


def data_of(function: Any) -> bytes:
    encoded: str = function._encode_transaction_data()
    return bytes_from_hex(encoded)
