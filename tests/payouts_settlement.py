"""A real settlement for the submitter: contracts on a dev chain, intents in Postgres.

One epoch with leaves of every kind: four works, fees, one escrow and one suspense.

Run as a module it is a submitter process that ends itself by SIGKILL at a border:

    python -m tests.payouts_settlement DATABASE_URL RPC_URL PLACE.json before|after
"""

import json
import os
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from sqlalchemy import Connection, Engine, create_engine, text
from sqlmodel import SQLModel
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from contracts.abi import artifact
from contracts.approvals import Approval, AssetTotals, approval_digest
from contracts.calls import (
    COMMIT_EPOCH,
    WITHDRAW_BATCH,
    Function,
    GuardianSignature,
    Withdrawal,
)
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    Timestamp,
    keccak,
)
from contracts.leaves import FEES_ID, Leaf, SplitLine, escrow_id, leaf_hash, suspense_id
from contracts.units import BaseUnits
from settlement.payouts.adapters.chain import NodePayoutChain
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.adapters.tables import EXTRA_DDL, TABLES
from settlement.payouts.broadcast import SendResult
from settlement.payouts.gas import FeeCaps
from settlement.payouts.guarded_signer import GuardedSigner
from settlement.payouts.operation import Operation
from settlement.payouts.protocols import ApprovedCommit
from settlement.payouts.signing_policy import AssetLimit, SigningPolicy, Spending
from settlement.payouts.submit import SubmitLimits, Submitter
from settlement.royalties.tree_flat import FlatTree, flat_tree
from tests.fakes_payout_chain import FakeBooks

CHAIN_ID = ChainId(31337)
EPOCH = Epoch(0)
LENGTH, GRACE, VETO_WINDOW = 1_000, 100, 50
GOVERNANCE_DELAY, ESCROW_EXPIRY, BENEFICIARY_DELAY = 60, 5_000, 70
FINALITY_DEPTH = 12
AMOUNT, FEES, IN_ESCROW, IN_SUSPENSE, UNALLOCATED = 1_000, 90, 70, 30, 50
SUSPENDED_WORK = Hash32.from_int(9)
SENDER_KEY = "0x" + "51" * 32
GUARDIAN_KEYS = tuple(bytes([n]) * 32 for n in (0x61, 0x62, 0x63))
LIMITS = SubmitLimits(
    caps=FeeCaps(max_fee_wei=10**12, tip_wei=10**9),
    gas_max=16_777_216,
    in_flight_max=4,
    open_operations_max=100,
    nonces_per_operation_max=5,
    retry_after_blocks=50,
    replace_after_blocks=3,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the contracts stand."""

    payouts: Address
    token: Address
    claims: Address

    def to_json(self) -> str:
        names = ("payouts", "token", "claims")
        return json.dumps({name: str(getattr(self, name)) for name in names})

    @classmethod
    def from_json(cls, written: str) -> "Place":
        return cls(**{name: Address.from_hex(at) for name, at in json.loads(written).items()})


class DevNode:
    """The dev chain as its operator uses it: a block is mined when a test says so.

    Left alone, anvil mines after it has answered, and a test that then reads may be too early.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.provider = HTTPProvider(url, exception_retry_configuration=None)
        self.web3 = Web3(self.provider)
        self.admin = self.web3.eth.accounts[0]
        self.call("evm_setAutomine", False)

    def call(self, method: str, *params: object) -> Any:
        response: Any = self.provider.make_request(RPCEndpoint(method), list(params))
        assert "error" not in response, response
        return response["result"]

    def mine(self, blocks: int = 1) -> None:
        self.call("anvil_mine", hex(blocks))

    def finalize(self) -> None:
        self.mine(FINALITY_DEPTH + 1)

    def advance(self, seconds: int) -> None:
        self.call("evm_increaseTime", hex(seconds))
        self.mine()

    def finalized(self) -> BlockRef:
        """`Finality` by the node's own tag."""
        block = self.call("eth_getBlockByNumber", "finalized", False)
        return BlockRef(
            number=BlockNumber(int(block["number"], 16)),
            hash=Hash32.from_hex(block["hash"]),
            parent_hash=Hash32.from_hex(block["parentHash"]),
            timestamp=Timestamp(int(block["timestamp"], 16)),
        )

    def deploy(self, name: str, *arguments: object) -> Address:
        compiled = artifact(name)
        factory = self.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        tx_hash = factory.constructor(*arguments).transact({"from": self.admin})
        self.mine()
        deployed = self.web3.eth.wait_for_transaction_receipt(tx_hash)["contractAddress"]
        return Address.from_hex(str(deployed))

    def contract(self, name: str, address: Address) -> Any:
        return self.web3.eth.contract(
            address=Web3.to_checksum_address(bytes(address)), abi=artifact(name).abi
        )

    def send(self, function: Any) -> None:
        tx_hash = function.transact({"from": self.admin})
        self.mine()
        assert self.web3.eth.wait_for_transaction_receipt(tx_hash)["status"] == 1

    def balance(self, token: Address, owner: Address) -> int:
        return int(self.contract("DemoToken", token).functions.balanceOf(str(owner)).call())


def guardians() -> list[Any]:
    """Three guardians by ascending address."""
    accounts = [Account.from_key(key) for key in GUARDIAN_KEYS]
    return sorted(accounts, key=lambda account: bytes.fromhex(account.address[2:]))


def deployed(node: DevNode) -> Place:
    """Contracts with one funded epoch that is over; the sender has gas."""
    node.mine()  # at its genesis block anvil runs calls at time 1
    genesis = node.web3.eth.get_block("latest")["timestamp"]
    clock = node.deploy("EpochClock", genesis, LENGTH, GRACE)
    registry, claims = _registry_and_claims(node, clock)
    addresses = [account.address for account in guardians()]
    payouts = node.deploy(
        "EpochPayouts",
        str(clock),
        str(registry),
        str(claims),
        (VETO_WINDOW, GOVERNANCE_DELAY, ESCROW_EXPIRY),
        addresses,
        2,
        node.admin,
    )
    token = node.deploy("DemoToken", node.admin)
    place = Place(payouts, token, claims)
    contract, money = node.contract("EpochPayouts", payouts), node.contract("DemoToken", token)
    for role in (b"FUNDER_ROLE", b"COMPLIANCE_ROLE"):
        node.send(contract.functions.grantRole(keccak(role), node.admin))
    total = sum(leaf.amount for leaf in all_leaves(place)) + UNALLOCATED
    node.send(money.functions.mint(node.admin, total))
    node.send(money.functions.approve(str(payouts), total))
    node.send(contract.functions.fund(EPOCH, str(token), total))
    node.call("anvil_setBalance", str(LocalSigner.from_hex(SENDER_KEY).address), hex(10**19))
    node.advance(LENGTH + GRACE)
    return place


def _registry_and_claims(node: DevNode, clock: Address) -> tuple[Address, Address]:
    """They name each other: the registry comes right after the claims."""
    attestations = node.deploy("CreatorAttestations", node.admin)
    splits = node.deploy("SplitAccounts", str(clock))
    nonce = node.web3.eth.get_transaction_count(node.admin) + 1
    assert 0 < nonce < 0x80  # one byte of RLP
    sender = Address.from_hex(node.admin)
    to_be = str(Address(keccak(b"\xd6\x94" + sender + bytes([nonce]))[12:]))
    windows = (100, 100, BENEFICIARY_DELAY)
    claims = node.deploy("ContentClaims", to_be, str(attestations), windows, node.admin)
    registry = node.deploy(
        "WorkRegistry", str(clock), str(attestations), str(splits), str(claims), node.admin
    )
    return registry, claims


def payee(work: int, line: int) -> Address:
    """A payee that nobody else is."""
    return Address(keccak(bytes([work, line]))[:20])


def leaves(place: Place) -> list[Leaf]:
    """Four works with two payees each."""
    return [
        Leaf(
            epoch=EPOCH,
            work_id=Hash32.from_int(work + 1),
            part=0,
            asset=place.token,
            lines=tuple(
                SplitLine(payee=one, amount=BaseUnits(AMOUNT + work))
                for one in sorted((payee(work, 0), payee(work, 1)))
            ),
        )
        for work in range(4)
    ]


def fee_leaf(place: Place) -> Leaf:
    """The fees of the epoch, for one payee."""
    return _tagged_leaf(place, FEES_ID, payee(99, 0), FEES)


def escrow_leaf(place: Place) -> Leaf:
    """Money of a content that nobody claims."""
    return _tagged_leaf(place, escrow_id(keccak(b"content")), place.payouts, IN_ESCROW)


def suspense_leaf(place: Place) -> Leaf:
    """Money of a work that its split cannot pay."""
    return _tagged_leaf(place, suspense_id(SUSPENDED_WORK), place.payouts, IN_SUSPENSE)


def _tagged_leaf(place: Place, leaf_id: Hash32, to: Address, amount: int) -> Leaf:
    line = SplitLine(payee=to, amount=BaseUnits(amount))
    return Leaf(epoch=EPOCH, work_id=leaf_id, part=0, asset=place.token, lines=(line,))


def all_leaves(place: Place) -> list[Leaf]:
    """Everything that the root commits to: works, fees, escrow and suspense."""
    return [*leaves(place), fee_leaf(place), escrow_leaf(place), suspense_leaf(place)]


def withdrawals(place: Place) -> list[Withdrawal]:
    """The leaves of the works with their proofs."""
    return [withdrawal_of(leaf, place) for leaf in leaves(place)]


def withdrawal_of(leaf: Leaf, place: Place) -> Withdrawal:
    """One leaf with its proof."""
    tree = _tree(place)
    rank = tree.rank(leaf_hash(leaf, chain_id=CHAIN_ID, contract=place.payouts))
    assert rank is not None
    return Withdrawal(leaf, tuple(map(Hash32, tree.proof(rank))))


def _tree(place: Place) -> FlatTree:
    return flat_tree(
        [leaf_hash(one, chain_id=CHAIN_ID, contract=place.payouts) for one in all_leaves(place)]
    )


def approved(node: DevNode, place: Place) -> ApprovedCommit:
    """The commit of the epoch with two guardians' signatures."""
    allocated = sum(leaf.amount for leaf in leaves(place))
    in_escrow = IN_ESCROW + IN_SUSPENSE
    totals = AssetTotals(
        asset=place.token,
        paid_in=BaseUnits(allocated + FEES + in_escrow + UNALLOCATED),
        carried_in=BaseUnits(0),
        allocated=BaseUnits(allocated),
        escrow=BaseUnits(in_escrow),
        unallocated=BaseUnits(UNALLOCATED),
        fees=BaseUnits(FEES),
    )
    approval = Approval(
        epoch=EPOCH,
        attempt=1,
        guardian_set=1,
        manifest_digest=keccak(b"manifest"),
        root=_tree(place).root,
        totals=(totals,),
        deadline=Timestamp(node.web3.eth.get_block("latest")["timestamp"] + 10_000),
    )
    digest = approval_digest(approval, chain_id=CHAIN_ID, contract=place.payouts)
    signatures = tuple(
        GuardianSignature(
            Address.from_hex(one.address), bytes(one.unsafe_sign_hash(digest).signature)
        )
        for one in guardians()[:2]
    )
    return ApprovedCommit(approval, signatures)


def database_engine(url: str) -> Engine:
    """An engine for a libpq address."""
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))


def create_tables(engine: Engine) -> None:
    """The tables and triggers of payouts in an empty database."""
    SQLModel.metadata.create_all(engine, tables=TABLES)
    with engine.begin() as connection:
        for statement in EXTRA_DDL:
            connection.execute(text(statement))


class NoReservations:
    """Books that reserve nothing."""

    def reserve(self, connection: Connection, operation: Operation) -> None:
        """Accept."""


class KillingChain(NodePayoutChain):
    """A node during whose broadcast the process is killed: before or after it arrived."""

    moment = "before"

    def send_raw(self, raw: bytes) -> SendResult:
        if self.moment == "after":
            super().send_raw(raw)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


class EmptyRecord:
    """Nothing was signed or stopped, and a tip is worth one unit."""

    def stop(self) -> None:
        """Never stopped."""

    def tip_amounts(
        self, chain_id: ChainId, relay: Address, numbers: Sequence[int]
    ) -> dict[int, int]:
        return dict.fromkeys(numbers, 1)

    def signed_today(self, chain_id: ChainId, sender: Address) -> dict[int, Spending]:
        return {}


def guarded_key(
    calls: Collection[tuple[Address, Function]], limits: dict[Address, AssetLimit] | None = None
) -> GuardedSigner:
    """The sender's key, which signs these calls."""
    policy = SigningPolicy(
        chain_id=CHAIN_ID,
        calls=frozenset((contract, call.selector) for contract, call in calls),
        limits=limits,
        gas_max=LIMITS.gas_max,
        fee_per_gas_wei_max=LIMITS.caps.max_fee_wei,
    )
    key = LocalSigner.from_hex(SENDER_KEY)
    return GuardedSigner(signer=key, policy=policy, record=EmptyRecord())


@contextmanager
def submitter(
    engine: Engine, node: DevNode, place: Place, books: FakeBooks, chain: NodePayoutChain
) -> Iterator[Submitter]:
    """One submitter process: it owns the key while the context lasts."""
    signer = guarded_key([(place.payouts, WITHDRAW_BATCH), (place.payouts, COMMIT_EPOCH)])
    with payouts_owner(engine, CHAIN_ID, sender=signer.address, contracts=[place.payouts]) as owner:
        yield Submitter(
            chain_id=CHAIN_ID,
            contract=place.payouts,
            leaves=books,
            commits=books,
            lines=(),
            finality=node,
            chain=chain,
            store=SqlPayoutStore(owner, CHAIN_ID, [place.payouts], NoReservations()),
            signer=signer,
            limits=LIMITS,
        )


def main(database_url: str, rpc_url: str, place_file: str, moment: str) -> None:
    """Tick once with every leaf owed, and die on the way."""
    place = Place.from_json(Path(place_file).read_text())
    node = DevNode(rpc_url)
    chain = KillingChain(rpc_url, CHAIN_ID, [place.payouts], timeout_s=10, told=str)
    chain.moment = moment
    books = FakeBooks(leaves=withdrawals(place))
    with submitter(database_engine(database_url), node, place, books, chain) as process:
        process.tick()


if __name__ == "__main__":
    main(*sys.argv[1:])
