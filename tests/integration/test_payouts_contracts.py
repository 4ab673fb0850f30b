"""The port contracts of payouts on a real node and a real database, as the simulation's fakes."""

from collections.abc import Iterator

import pytest

from contracts.calls import withdraw_batch_call
from scripts.embedded.anvil import AnvilNode
from settlement.payouts.adapters.chain import NodePayoutChain
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.obligations import withdraw_operation
from settlement.payouts.operation import (
    Operation,
    SignedTransaction,
    TransactionDraft,
)
from tests.fakes_payout_chain import BATCH, CONTRACT, RELAY, SENDER
from tests.payout_chain_contract import FEE_WEI, PayoutChainContract
from tests.payout_store_contract import PayoutStoreContract
from tests.payouts_settlement import (
    CHAIN_ID,
    SENDER_KEY,
    DevNode,
    NoReservations,
    create_tables,
    database_engine,
    deployed,
    withdrawals,
)

SIGNER = LocalSigner.from_hex(SENDER_KEY)


class AnvilSite:
    """A deployed settlement whose epoch is not committed."""

    def __init__(self, node: DevNode) -> None:
        self.node, self.place = node, deployed(node)
        self.chain = NodePayoutChain(
            node.url, CHAIN_ID, [self.place.payouts], timeout_s=10, told=str
        )

    def signed(self, nonce: int, *, fee_wei: int = FEE_WEI) -> SignedTransaction:
        draft = TransactionDraft(
            chain_id=CHAIN_ID,
            nonce=nonce,
            to=self.place.payouts,
            data=withdraw_batch_call(withdrawals(self.place)),
            gas=1_000_000,
            max_fee_wei=fee_wei,
            tip_wei=fee_wei,
        )
        return SIGNER.sign(draft)

    def noop(self, nonce: int, *, gas: int) -> SignedTransaction:
        draft = TransactionDraft(
            chain_id=CHAIN_ID,
            nonce=nonce,
            to=SIGNER.address,
            data=b"",
            gas=gas,
            max_fee_wei=FEE_WEI,
            tip_wei=FEE_WEI,
        )
        return SIGNER.sign(draft)

    def operations(self) -> list[Operation]:
        return [
            withdraw_operation(one, chain_id=CHAIN_ID, contract=self.place.payouts)
            for one in withdrawals(self.place)
        ]

    def mine(self) -> None:
        self.node.mine()

    def replace_last_block(self) -> None:
        self.node.call("anvil_reorg", 1, [])


class TestAnvil(PayoutChainContract):
    """The node adapter."""

    @pytest.fixture
    def site(self, anvil: AnvilNode) -> AnvilSite:
        return AnvilSite(DevNode(anvil.url))


class TestPostgres(PayoutStoreContract):
    """The store adapter."""

    @pytest.fixture
    def store(self, empty_database: str) -> Iterator[SqlPayoutStore]:
        engine = database_engine(empty_database)
        create_tables(engine)
        contracts = [CONTRACT, RELAY, BATCH]
        with payouts_owner(engine, CHAIN_ID, sender=SENDER, contracts=contracts) as owner:
            yield SqlPayoutStore(owner, CHAIN_ID, contracts, NoReservations())
        engine.dispose()
