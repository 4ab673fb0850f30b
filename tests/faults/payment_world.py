"""Payment contracts beside a settlement: a relay with tips, a batch with a document, a splitter.

Indexed by the indexer, posted by the ledger: made by everything but reconciliation.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp, keccak
from contracts.orders import Order, pay_call
from contracts.units import BaseUnits
from indexer.adapters.store import owned_chain
from indexer.chain_profiles import chain_profile_named
from indexer.finality import FinalityRule, FinalityTag
from indexer.levels import Level
from indexer.plan import IndexedChain, SyncLimits
from indexer.sync import is_synced, run_until
from scripts.bookkeeping import payment_sources, post_books
from settlement.ledger.documents import DocumentLine
from settlement.payouts.adapters.documents import SqlDocuments
from settlement.payouts.documents import PayoutDocument
from tests.anvil_chain import opened
from tests.payouts_settlement import CHAIN_ID, VETO_WINDOW, DevNode
from tests.reconciled_settlement import World

TIP, PRICE, FLOAT = 10**15, 5_000, 1_000
FEE_TERMS = (5 * 10**14, 500)
CREATOR, TREASURY = Address(b"\x21" * 20), Address(b"\x22" * 20)
TIP_REFUSER, TOKEN_REFUSER, COIN_REFUSER = (Address(bytes([n]) * 20) for n in (0x31, 0x32, 0x33))
"""Who does not take the tip, the line in tokens, the line in coins."""

RELAY, BATCH, SPLITTER = (
    ContractName.TIP_RELAY,
    ContractName.PAYOUT_BATCH,
    ContractName.PAY_PER_VIEW_SPLITTER,
)
_REFUSING = "0xfe"


class PaymentWorld(World):
    """A settlement with three payment contracts; the administrator operates them."""

    def __init__(self, node: DevNode, engine: Engine) -> None:
        super().__init__(node, engine)
        admin, treasury = node.admin, str(TREASURY)
        relay = node.deploy("TipRelay", (treasury, *FEE_TERMS), 10**16, 60, admin)
        batch = node.deploy("PayoutBatch", admin)
        terms = (treasury, 0, 1_000)
        splitter = node.deploy("PayPerViewSplitter", str(self.place.token), terms, 10**7, 60, admin)
        self.payments = {RELAY: relay, BATCH: batch, SPLITTER: splitter}
        self.settlement = replace(self.settlement, payments=self.payments)
        for name in (RELAY, BATCH):
            self.act(name, "grantRole", keccak(b"OPERATOR_ROLE"), admin)

    def act(self, name: ContractName, function: str, *arguments: Any, value: int = 0) -> None:
        """A transaction of the administrator to a payment contract, mined."""
        call = self.node.contract(name.value, self.payments[name]).functions[function](*arguments)
        tx_hash = call.transact({"from": self.node.admin, "value": value})
        self.node.mine()
        assert self.node.web3.eth.wait_for_transaction_receipt(tx_hash)["status"] == 1

    def settle(self) -> None:
        """Two tips, one of them refused, a document of three lines, one sale; a leaf withdrawn."""
        for payee in (TIP_REFUSER, COIN_REFUSER):
            self.node.call("anvil_setCode", str(payee), _REFUSING)
        for number, creator in enumerate((CREATOR, TIP_REFUSER)):
            order = bytes(Hash32.from_int(number + 1))
            fee = max(FEE_TERMS[0], TIP * FEE_TERMS[1] // 10_000)
            self.act(RELAY, "tip", str(creator), order, TIP, value=TIP + fee)
        self.act(RELAY, "payTips", [0, 1])
        self._pay_document()
        self._sell()
        self.store_document()
        self.submit(commit=True)
        self.node.advance(VETO_WINDOW)
        self.submit(0)
        self.post()

    def post(self, *, but: Collection[ContractName] = ()) -> None:
        """Index and post everything that is mined, but the books of some payment contracts."""
        super().post()
        self._index()
        left_out = {self.payments[name] for name in but}
        sources = payment_sources(self.settlement)
        wanted = [one for one in sources if one.book.contract not in left_out]
        post_books(self.engine, self.settlement, wanted)

    def _pay_document(self) -> None:
        token, batch = self.place.token, self.payments[BATCH]
        lines = ((CREATOR, token, 40), (TOKEN_REFUSER, token, 60), (COIN_REFUSER, ZERO_ADDRESS, 7))
        made = PayoutDocument(
            name="june",
            chain_id=CHAIN_ID,
            contract=batch,
            lines=tuple(
                DocumentLine(index=index, payee=payee, asset=asset, amount=BaseUnits(amount))
                for index, (payee, asset, amount) in enumerate(lines)
            ),
        )
        self.node.send(self.money.functions.mint(str(batch), FLOAT))
        funding = {"from": self.node.admin, "to": str(batch), "value": hex(FLOAT)}
        self.node.call("eth_sendTransaction", funding)
        self.node.mine()
        with self.engine.begin() as connection:
            documents = SqlDocuments(connection, CHAIN_ID, batch)
            documents.add(made, added_by="ann")
            documents.accept(made.digest, accepted_by="ben", at=self.head().timestamp)
        self.node.advance(60)
        self.node.send(self.money.functions.refuse(str(TOKEN_REFUSER), True))
        for asset in (token, ZERO_ADDRESS):
            paid = [
                (index, str(payee), amount)
                for index, (payee, of, amount) in enumerate(lines)
                if of == asset
            ]
            self.act(BATCH, "payBatch", bytes(made.list_id), str(asset), paid)

    def _sell(self) -> None:
        admin, splitter = Address.from_hex(self.node.admin), self.payments[SPLITTER]
        self.node.send(self.money.functions.mint(str(admin), 2 * PRICE))
        self.node.send(self.money.functions.approve(str(splitter), 2 * PRICE))
        order = Order(
            order_id=keccak(b"order"),
            payer=admin,
            creator=CREATOR,
            subject=keccak(b"content"),
            tier_id=0,
            price=BaseUnits(PRICE),
            max_fee=BaseUnits(PRICE),
            deadline=Timestamp(self.head().timestamp + 10**6),
        )
        self.call(pay_call(order), splitter)

    def _index(self) -> None:
        sources = {contract: name for name, contract in self.payments.items()}
        plan = IndexedChain(
            chain_id=CHAIN_ID,
            start_block=BlockNumber(0),
            end_block=None,
            sources=sources | {self.place.token: ContractName.ERC20},
            finality=FinalityRule(tag=FinalityTag.NONE, depth_blocks=0),
            limits=SyncLimits(window_blocks_max=1_000, range_logs_max=10_000),
            level=Level.NONE,
            profile=chain_profile_named("ethereum"),
        )
        with owned_chain(self.engine, CHAIN_ID) as store:
            run_until(opened(plan, self.node.url, store), is_synced, wait=lambda: None)
