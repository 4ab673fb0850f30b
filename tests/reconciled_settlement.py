"""One settlement on a dev chain with its books, intents and documents in Postgres.

What reconciliation compares, made by everything but reconciliation: commits and withdrawals go
through the submitter, entries are posted by the ledger, documents are stored as computed.
"""

from sqlalchemy import Engine, insert

from contracts.addresses import Settlement
from contracts.calls import commit_epoch_call, withdraw_call
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.evm import Address, BlockNumber, BlockRef, Epoch, Hash32
from contracts.leaves import SplitLine, leaf_hash, split_hash
from scripts.bookkeeping import WalletFacts
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.commitments import Distribution
from settlement.ledger.post import post_step
from settlement.ledger.post_payments import post_payments_step
from settlement.payouts.adapters.chain import NodePayoutChain
from settlement.payouts.adapters.gas import SqlGas
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.wallet_node import NodeWallet
from settlement.payouts.record_gas import record_step
from settlement.royalties.adapters import tables as royalties
from tests.chain_facts import ChainFacts
from tests.fakes_payout_chain import FakeBooks
from tests.payouts_settlement import (
    CHAIN_ID,
    EPOCH,
    SENDER_KEY,
    VETO_WINDOW,
    DevNode,
    all_leaves,
    approved,
    deployed,
    submitter,
    withdrawals,
)

SENDER = LocalSigner.from_hex(SENDER_KEY).address


class World:
    """One funded epoch of seven leaves on a real chain, and our side of it."""

    def __init__(self, node: DevNode, engine: Engine) -> None:
        self.node, self.engine = node, engine
        self.place = deployed(node)
        self.money = node.contract("DemoToken", self.place.token)
        self.payouts = node.contract("EpochPayouts", self.place.payouts)
        self.book = Book(chain_id=CHAIN_ID, contract=self.place.payouts)
        self.facts = ChainFacts(node, self.place)
        self.wallet_start = self.head().number
        self.approval = approved(node, self.place)
        clock = Address.from_hex(self.payouts.functions.clock().call())
        nowhere = Address(b"\xfe" * 20)
        contracts = dict.fromkeys(ROYALTY_CONTRACTS, nowhere)
        contracts |= {
            ContractName.EPOCH_PAYOUTS: self.place.payouts,
            ContractName.EPOCH_CLOCK: clock,
        }
        self.settlement = Settlement(
            name="test",
            chain_id=CHAIN_ID,
            start_block=BlockNumber(0),
            contracts=contracts,
            tokens=(self.place.token,),
        )

    def distribution(self, epoch: Epoch, manifest_digest: Hash32) -> Distribution | None:
        """`ledger.books.CommittedLeaves`."""
        approval = self.approval.approval
        if (epoch, manifest_digest) != (EPOCH, approval.manifest_digest):
            return None
        return Distribution(
            manifest_digest=manifest_digest, root=approval.root, leaves=all_leaves(self.place)
        )

    def has_computed(self, epoch: Epoch, attempt: int) -> bool:
        """`ledger.books.CommittedLeaves`."""
        return True

    def store_document(self) -> None:
        """The computed epoch, with its leaves and lines."""
        approval = self.approval.approval
        row = {
            "chain_id": CHAIN_ID,
            "contract": self.place.payouts,
            "epoch": EPOCH,
            "attempt": approval.attempt,
            "settlement": "test",
            "manifest_digest": approval.manifest_digest,
            "manifest": b"{}",
            "root": approval.root,
            "leaf_count": len(all_leaves(self.place)),
            "boundary_block": 1,
            "reference_block": 2,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(royalties.COMPUTED_EPOCH).values(row))
            for leaf in all_leaves(self.place):
                key = {
                    "manifest_digest": approval.manifest_digest,
                    "work_id": leaf.work_id,
                    "part": leaf.part,
                    "asset": leaf.asset,
                }
                hashed = leaf_hash(leaf, chain_id=CHAIN_ID, contract=self.place.payouts)
                values = {"split_hash": split_hash(leaf.lines), "leaf_hash": hashed}
                connection.execute(
                    insert(royalties.COMPUTED_LEAF).values(key | values | {"amount": leaf.amount})
                )
                for number, line in enumerate(leaf.lines):
                    connection.execute(
                        insert(royalties.COMPUTED_LINE).values(
                            **key, line=number, payee=line.payee, amount=line.amount
                        )
                    )

    def call(self, data: bytes, to: Address | None = None) -> str:
        """A transaction of the operator, mined; its hash."""
        transaction = {
            "from": self.node.admin,
            "to": str(to or self.place.payouts),
            "data": "0x" + data.hex(),
            "gas": hex(3_000_000),
        }
        tx_hash = str(self.node.call("eth_sendTransaction", transaction))
        self.node.mine()
        assert self.node.call("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"
        return tx_hash

    def commit_and_activate(self) -> None:
        """By the operator, without the submitter."""
        self.call(commit_epoch_call(self.approval.approval, self.approval.signatures))
        self.node.advance(VETO_WINDOW)

    def withdraw(self, *works: int, refused: tuple[str, ...] = ()) -> None:
        """Withdraw leaves of works, by the operator, while payees refuse the token."""
        for payee in refused:
            self.node.send(self.money.functions.refuse(payee, True))
        for work in works:
            self.call(withdraw_call(withdrawals(self.place)[work]))
        for payee in refused:
            self.node.send(self.money.functions.refuse(payee, False))

    def submit(self, *works: int, commit: bool = False) -> None:
        """Have the submitter commit, or withdraw leaves of works; final and observed."""
        books = FakeBooks(
            leaves=[withdrawals(self.place)[work] for work in works],
            commits=[self.approval] if commit else [],
        )
        chain = NodePayoutChain(
            self.node.url, CHAIN_ID, [self.place.payouts], timeout_s=10, told=str
        )
        self.node.finalize()
        with submitter(self.engine, self.node, self.place, books, chain) as process:
            process.tick()
            self.node.finalize()
            process.tick()

    def head(self) -> BlockRef:
        """The newest block: everything that is mined counts as final."""
        block = self.facts.finalized()
        assert block is not None
        return block

    def post(self) -> None:
        """Post everything that is mined."""
        is_caught_up = False
        while not is_caught_up:
            with self.engine.begin() as connection:
                is_caught_up = post_step(
                    self.facts,
                    self,
                    LedgerStore(connection, self.book),
                    start_block=BlockNumber(0),
                    blocks_max=500,
                ).is_caught_up
        self.record_wallet()
        with self.engine.begin() as connection:
            post_payments_step(
                WalletFacts(self.facts, SqlGas(connection, CHAIN_ID, SENDER)),  # type: ignore[arg-type]
                (),
                LedgerStore(connection, Book(chain_id=CHAIN_ID, contract=SENDER)),
                start_block=self.wallet_start,
                blocks_max=10_000,
            )

    def record_wallet(self) -> None:
        """Record what the submitter's wallet spent, from its funding on."""
        node = NodeWallet(self.node.url, SENDER, timeout_s=10, told=str)
        is_caught_up = False
        while not is_caught_up:
            with self.engine.begin() as connection:
                record = SqlGas(connection, CHAIN_ID, SENDER)
                step = record_step(node, self.facts, record, start_block=self.wallet_start)
            is_caught_up = step.is_caught_up

    def owed(self) -> dict[Hash32, tuple[int, tuple[SplitLine, ...]]]:
        """Settled lines and open lines of every leaf that the books owe, by work."""
        with self.engine.connect() as connection:
            found = LedgerReads(connection, self.book).payable_leaves()
        return {one.work_id: (one.settled, one.open_lines) for one in found}
