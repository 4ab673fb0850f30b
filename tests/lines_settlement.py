"""A relay with tips and a payout batch with a float, on a dev chain beside a settlement.

The submitter's key operates both, and `EpochPayouts`; intents are in Postgres.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from contracts.calls import COMMIT_EPOCH, PAY_BATCH, PAY_TIPS, WITHDRAW_BATCH
from contracts.evm import ZERO_ADDRESS, Address, BlockRef, Hash32, keccak
from contracts.units import BaseUnits
from settlement.payouts.adapters.chain import NodePayoutChain
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.guarded_signer import GuardedSigner
from settlement.payouts.obligations import tip_line
from settlement.payouts.operation import Kind, LineSubject
from settlement.payouts.report import TickReport
from settlement.payouts.submit import Submitter
from tests.fakes_payout_chain import FakeBooks
from tests.payouts_settlement import (
    CHAIN_ID,
    LIMITS,
    SENDER_KEY,
    DevNode,
    NoReservations,
    Place,
    create_tables,
    deployed,
    guarded_key,
)

SENDER = LocalSigner.from_hex(SENDER_KEY).address
LIST = keccak(b"list")
FLOAT = 1_000
TIP = 10**15
FEE_TERMS = (5 * 10**14, 500)


@dataclass(frozen=True)
class Owed:
    """`PayableLines` that says what it is told, whatever is planned."""

    contract: Address
    lines: Sequence[LineSubject]

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[LineSubject]:
        """All of them."""
        return self.lines[:limit]


def creator(number: int) -> Address:
    """Who is owed line or tip `number`."""
    return Address(keccak(b"creator" + number.to_bytes(2, "big"))[:20])


def payment(
    number: int, amount: int, asset: Address, *, payee: Address | None = None
) -> LineSubject:
    """Line `number` of the list."""
    return LineSubject(
        kind=Kind.PAYOUT,
        list_id=LIST,
        index=number,
        payee=payee or creator(number),
        asset=asset,
        amount=BaseUnits(amount),
    )


class LinesSite:
    """Contracts, database, and a submitter that owns them all."""

    def __init__(self, node: DevNode, engine: Engine) -> None:
        self.node, self.engine = node, engine
        create_tables(engine)
        self.place: Place = deployed(node)
        self.batch = node.deploy("PayoutBatch", node.admin)
        treasury = str(creator(999))
        self.relay = node.deploy("TipRelay", (treasury, *FEE_TERMS), 10**16, 60, node.admin)
        for name, at in (("PayoutBatch", self.batch), ("TipRelay", self.relay)):
            for role in (b"COMPLIANCE_ROLE", b"PAUSER_ROLE"):
                self.send(name, at, "grantRole", keccak(role), node.admin)
            self.send(name, at, "grantRole", keccak(b"OPERATOR_ROLE"), str(SENDER))
        self.send("DemoToken", self.place.token, "mint", str(self.batch), FLOAT)
        contracts = [self.place.payouts, self.relay, self.batch]
        self.chain = NodePayoutChain(node.url, CHAIN_ID, contracts, timeout_s=10, told=str)
        self.contracts = contracts
        self.tips: list[LineSubject] = []
        self.payments: list[LineSubject] = []
        self.books = FakeBooks()
        self.signer: GuardedSigner = guarded_key(
            [
                (self.place.payouts, WITHDRAW_BATCH),
                (self.place.payouts, COMMIT_EPOCH),
                (self.relay, PAY_TIPS),
                (self.batch, PAY_BATCH),
            ]
        )

    def send(self, name: str, at: Address, function: str, *arguments: Any, value: int = 0) -> None:
        """A call by the administrator, mined at once."""
        call = self.node.contract(name, at).functions[function](*arguments)
        tx_hash = call.transact({"from": self.node.admin, "value": value})
        self.node.mine()
        assert self.node.web3.eth.wait_for_transaction_receipt(tx_hash)["status"] == 1

    def give_tip(self, payee: Address | None = None) -> LineSubject:
        """Somebody tips; the books owe it from now on."""
        number = len(self.tips)
        to = payee or creator(number)
        fee = max(FEE_TERMS[0], TIP * FEE_TERMS[1] // 10_000)
        order = bytes(Hash32.from_int(number + 1))
        self.send("TipRelay", self.relay, "tip", str(to), order, TIP, value=TIP + fee)
        self.tips.append(tip_line(number, payee=to, amount=BaseUnits(TIP)))
        return self.tips[-1]

    @contextmanager
    def submitter(self) -> Iterator[Submitter]:
        """A fresh process, which owns the key."""
        with payouts_owner(self.engine, CHAIN_ID, sender=SENDER, contracts=self.contracts) as owner:
            yield Submitter(
                chain_id=CHAIN_ID,
                contract=self.place.payouts,
                leaves=self.books,
                commits=self.books,
                lines=(Owed(self.relay, self.tips), Owed(self.batch, self.payments)),
                finality=self.node,
                chain=self.chain,
                store=SqlPayoutStore(owner, CHAIN_ID, self.contracts, NoReservations()),
                signer=self.signer,
                limits=LIMITS,
            )

    def tick(self) -> TickReport:
        """One tick of a fresh process."""
        with self.submitter() as process:
            return process.tick()

    def settle(self) -> TickReport:
        """Mine and finalize what was signed, and look at it."""
        self.node.mine()
        self.node.finalize()
        return self.tick()

    def coins(self, account: Address) -> int:
        """Native coins."""
        return self.node.web3.eth.get_balance(str(account))  # type: ignore[arg-type]

    def tokens(self, account: Address) -> int:
        """Units of the token."""
        return self.node.balance(self.place.token, account)


def native(number: int, amount: int) -> LineSubject:
    """A line in the native coin."""
    return payment(number, amount, ZERO_ADDRESS)
