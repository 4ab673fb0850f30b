"""A chain of payments, tickets and tokens, indexed as in production, and questions about it.

The chain is a fake with true headers; its facts come into a real Postgres through the indexer. What
wallets hold is what a test says (`held`), told by a node that knows the canonical blocks only.
"""

from collections.abc import Callable, Sequence

import httpx
from sqlalchemy import Engine

from api.auth_access import Access
from api.context import Deps, Limits
from api.rate_limits import Rates
from contracts.addresses import Settlement
from contracts.event_spec import PAYMENT_CONTRACTS, ROYALTY_CONTRACTS, ContractName
from contracts.events import ERC20_TRANSFER, ERC721_TRANSFER
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, ChainId, Hash32, Timestamp, keccak
from contracts.payment_event_specs import (
    CONTENT_PAID,
    CONTENT_REFUNDED,
    TICKET_ISSUED,
    TICKET_REDEEMED,
    TICKET_TRANSFER,
)
from contracts.units import BaseUnits
from indexer.adapters.store import owned_chain
from indexer.errors import RPCFailed, RPCUnreachable
from settlement.payments.adapters.gate_store import Alias, ContentRecords, Offer
from settlement.payments.gates import Gate, GateKind
from tests.api_client import APIClient
from tests.fakes_chain import CHAIN_ID, FakeChain, FakeLog, log_of, plan
from tests.postgres_facts import synced


def wallet(name: str) -> Address:
    return Address(keccak(name.encode())[:20])


def content(name: str) -> Hash32:
    return keccak(name.encode())


ALICE, BOB, CREATOR = (wallet(name) for name in ("alice", "bob", "creator"))
USD, NFT, STRANGE_NFT = (wallet(name) for name in ("usd", "nft", "strange nft"))
FILM, SHOW, ARCHIVE = (content(name) for name in ("film", "show", "archive"))

SETTLEMENT = Settlement(
    name="main",
    chain_id=CHAIN_ID,
    start_block=BlockNumber(0),
    contracts={name: wallet(name) for name in ROYALTY_CONTRACTS},
    tokens=(USD,),
    payments={name: wallet(name) for name in PAYMENT_CONTRACTS},
    collections=(NFT,),
)
SPLITTER = SETTLEMENT.payments[ContractName.PAY_PER_VIEW_SPLITTER]
TICKETS = SETTLEMENT.payments[ContractName.TICKET]


def paid(
    payer: Address,
    what: Hash32,
    order: str = "order",
    at: Address = SPLITTER,
    *,
    creator: Address = CREATOR,
    price: int = 10,
) -> FakeLog:
    values = (content(order), bytes(payer), bytes(creator), what, bytes(USD), price, 1)
    return log_of(CONTENT_PAID, at, values)


def refunded(payer: Address, what: Hash32, order: str = "order") -> FakeLog:
    values = (content(order), bytes(payer), bytes(CREATOR), what, bytes(USD), 10, 1)
    return log_of(CONTENT_REFUNDED, SPLITTER, values)


def issued(ticket: int, what: Hash32, to: Address) -> list[FakeLog]:
    return [
        log_of(TICKET_ISSUED, TICKETS, (ticket, what, 1, ticket)),
        ticket_moved(ticket, ZERO_ADDRESS, to),
    ]


def ticket_moved(ticket: int, source: Address, target: Address) -> FakeLog:
    return log_of(TICKET_TRANSFER, TICKETS, (bytes(source), bytes(target), ticket))


def redeemed(ticket: int, what: Hash32, by: Address) -> FakeLog:
    return log_of(TICKET_REDEEMED, TICKETS, (ticket, what, bytes(by)))


def nft_moved(source: Address, target: Address, token: Address = NFT) -> FakeLog:
    return log_of(ERC721_TRANSFER, token, (bytes(source), bytes(target), 1))


def usd_moved(source: Address, target: Address, amount: int) -> FakeLog:
    return log_of(ERC20_TRANSFER, USD, (bytes(source), bytes(target), amount))


def gate(what: Hash32, kind: GateKind, token: Address, minimum: int = 1) -> Gate:
    return Gate(
        chain_id=CHAIN_ID,
        contract=SETTLEMENT.payouts,
        content_id=what,
        kind=kind,
        token=token,
        minimum=BaseUnits(minimum),
    )


class EntitlementWorld:
    """The chain, its index, the records about contents, and a node that tells balances."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.chain = FakeChain()
        self.held: dict[tuple[Address, Address], int] = {}
        self.is_node_up = True
        self.asked = 0
        self.before_answer: Callable[[], None] = lambda: None

    def deps(self, database_url: str) -> Deps:
        """An API over this world that refuses nobody."""
        return Deps(
            database_url=database_url,
            chain_ids=(CHAIN_ID,),
            settlements=(SETTLEMENT,),
            now=lambda: Timestamp(0),
            head_of=None,
            limits=Limits(),
            access=Access(rates=Rates(reads=None)),
            balances=self.balances,
        )

    def balances(
        self, chain_id: ChainId, of: Address, tokens: Sequence[Address], block_hash: Hash32
    ) -> Sequence[int | None]:
        """What a node answers; it refuses a block that is not on its chain."""
        self.asked += 1
        if not self.is_node_up:
            raise RPCUnreachable("fake", "eth_call", "down")
        found = [self.held.get((of, token), 0) for token in tokens]
        is_known = block_hash in {block.header.hash for block in self.chain.canonical}
        self.before_answer()
        if chain_id != CHAIN_ID or not is_known:
            raise RPCFailed("fake", "eth_call", code=-32000, message="header not found")
        return found

    def mine(self, *logs: FakeLog, seconds: int = 12) -> None:
        """One block with these logs, indexed."""
        self.chain.mine(logs, seconds=seconds)
        self.index()

    def reorg(self, depth: int, *contents: Sequence[FakeLog]) -> None:
        """Replace the last blocks; the next poll of the indexer sees it."""
        self.chain.reorg(depth, *(contents or ([], [])), seconds=12)
        self.index()

    def index(self) -> None:
        """One poll of the indexer."""
        with owned_chain(self.engine, CHAIN_ID) as store:
            synced(plan(sources=SETTLEMENT.sources()), self.chain, store)

    def add_gate(self, one: Gate) -> Gate:
        with self.engine.begin() as connection:
            ContentRecords(connection, SETTLEMENT).add_gate(one)
        return one

    def add_offer(self, what: Hash32, creator: Address, price: int, from_block: int = 0) -> None:
        offer = Offer(
            content_id=what,
            creator=creator,
            price=BaseUnits(price),
            from_block=BlockNumber(from_block),
        )
        with self.engine.begin() as connection:
            ContentRecords(connection, SETTLEMENT).add_offer(offer)

    def add_alias(self, archive: Hash32, source: Hash32, ended_at: int | None = None) -> None:
        ended = None if ended_at is None else Timestamp(ended_at)
        with self.engine.begin() as connection:
            ContentRecords(connection, SETTLEMENT).add_alias(
                Alias(archive=archive, source=source, ended_at=ended)
            )


def ask(api: APIClient, who: Address, what: Hash32) -> httpx.Response:
    return api.get(f"/v1/entitlements/{who}/{what}")


def told(api: APIClient, who: Address, what: Hash32) -> tuple[bool, str]:
    """Whether it is granted, and why."""
    response = ask(api, who, what)
    assert response.status_code == 200, response.text
    body = response.json()
    return body["is_granted"], body["reason"]
