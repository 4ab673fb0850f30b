"""The simulated node, store and books do what the real ones do."""

from random import Random

import pytest

from contracts.calls import Withdrawal, withdraw_batch_call
from contracts.evm import Epoch
from settlement.payouts.obligations import withdraw_operation
from settlement.payouts.operation import (
    Operation,
    SignedTransaction,
    TransactionDraft,
)
from tests.ledger_builders import BOOK
from tests.ledger_contract import BooksContract
from tests.payout_chain_contract import FEE_WEI, PayoutChainContract
from tests.payout_store_contract import PayoutStoreContract
from tests.simulation.chain import SENDER
from tests.simulation.database import Database, Session, SimulatedBooks, Store
from tests.simulation.faults import Faults
from tests.simulation.node import Node
from tests.simulation.settlement import PROOF
from tests.simulation.signer import SpellingSigner
from tests.simulation.world import World


class SimulatedSite:
    """A world without faults, whose first epoch is computed and not committed."""

    def __init__(self) -> None:
        self.world = World(1, Faults(random=Random(1)))
        made = self.world.royalties.distribution(Epoch(0), 1)
        self.withdrawals = [Withdrawal(leaf, PROOF) for leaf in made.leaves]

    @property
    def chain(self) -> Node:
        return self.world.node

    def signed(self, nonce: int, *, fee_wei: int = FEE_WEI) -> SignedTransaction:
        draft = TransactionDraft(
            chain_id=BOOK.chain_id,
            nonce=nonce,
            to=BOOK.contract,
            data=withdraw_batch_call(self.withdrawals),
            gas=1_000_000,
            max_fee_wei=fee_wei,
            tip_wei=fee_wei,
        )
        return SpellingSigner().sign(draft)

    def noop(self, nonce: int, *, gas: int) -> SignedTransaction:
        draft = TransactionDraft(
            chain_id=BOOK.chain_id,
            nonce=nonce,
            to=SENDER,
            data=b"",
            gas=gas,
            max_fee_wei=FEE_WEI,
            tip_wei=FEE_WEI,
        )
        return SpellingSigner().sign(draft)

    def operations(self) -> list[Operation]:
        return [
            withdraw_operation(one, chain_id=BOOK.chain_id, contract=BOOK.contract)
            for one in self.withdrawals
        ]

    def mine(self) -> None:
        self.world.network.mine()

    def replace_last_block(self) -> None:
        self.world.network.reorg(1, returns=False, taken=0)


class TestSimulatedNode(PayoutChainContract):
    """The node of the simulation."""

    @pytest.fixture
    def site(self) -> SimulatedSite:
        made = SimulatedSite()
        made.world.network.on_arrival = lambda _: None  # these are nobody's payments
        return made


class TestSimulatedStore(PayoutStoreContract):
    """The store of the simulation."""

    @pytest.fixture
    def store(self) -> Store:
        faults = Faults(random=Random(1))
        database = Database(faults, lambda _: None, reserve=lambda _changes, _operation: None)
        return Store(database, Session("test"))


class TestSimulatedBooks(BooksContract):
    """The books of the simulation."""

    @pytest.fixture
    def books(self) -> SimulatedBooks:
        made = SimulatedBooks()
        made.is_locked = True  # whoever records an entry alone
        return made
