"""The same story on two kinds of nodes: deploy, pay, index, kill -9, index on, reorg, compare.

Both reach level `receipts`: header hashes, blooms and receipts roots are those of consensus. They
differ in what the indexer has to live with:

* anvil (hard fork Prague or later) has `eth_getBlockReceipts`, and `finalized` trails the head.
* Ganache (hard fork Shanghai: no blob fields in its headers) has no `eth_getBlockReceipts`, so
  receipts are asked for one by one; and it calls its newest block `finalized`, so only the depth
  that is configured keeps a block from being final too early.
"""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from contracts.addresses import settlements_to_json
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address
from scripts.deploy import Delays, Deployment, DeploymentPlan, deploy_settlement
from scripts.devnet import offices
from scripts.devnode import Call, DevNode, account_from_seed, address_of
from scripts.embedded.anvil import AnvilNode
from scripts.embedded.places import scratch_directory
from scripts.governance import Change, govern
from tests.ganache_node import running_ganache
from tests.services import needed_service

LIMIT_S = 60
DEPTH = 12
FIRST_RANGE = 100
PRICE = 5_000
TIER = b"\x07" * 32
ADMIN, ALICE, BOB = (account_from_seed(3, role) for role in ("admin", "alice", "bob"))

Moved = tuple[Address, Address, int]


@dataclass(frozen=True)
class Node:
    """A node, what it answers for receipts, and how far `finalized` is below its head."""

    url: str
    receipts_method: str
    tag_behind: int


@pytest.fixture(params=["anvil", "ganache"])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    if request.param == "anvil":
        anvil: AnvilNode = request.getfixturevalue("anvil")
        yield Node(anvil.url, "eth_getBlockReceipts", 12)
        return
    with needed_service(), scratch_directory() as directory, running_ganache(directory) as url:
        yield Node(url, "eth_getTransactionReceipt", 0)


class Door:
    """Between an indexer and its node: counts the methods, and can be shut above a block."""

    def __init__(self, url: str) -> None:
        self.methods: set[str] = set()
        self.shut_from: int | None = None
        self.knocked, self.open = threading.Event(), threading.Event()
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                door.pass_through(json.loads(body))
                request = urllib.request.Request(  # noqa: S310
                    url, body, {"content-type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=LIMIT_S) as reply:  # noqa: S310
                    content = reply.read()
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                with suppress(BrokenPipeError):  # who asked was killed
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def pass_through(self, body: Any) -> None:
        """Let a request pass, unless it is about a block that is not to be seen yet."""
        for call in body if isinstance(body, list) else [body]:
            self.methods.add(call["method"])
            place = call["params"][0] if call["method"] == "eth_getBlockByNumber" else "latest"
            number = int(place, 16) if place.startswith("0x") else -1
            if self.shut_from is not None and number == self.shut_from:
                self.knocked.set()
                self.open.wait(LIMIT_S)


@contextmanager
def door_to(url: str) -> Iterator[Door]:
    door = Door(url)
    thread = threading.Thread(target=door.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.open.set()
        door.server.shutdown()
        door.server.server_close()
        thread.join()


class Story:
    """What we do on the chain, and what must be found in the index of it."""

    def __init__(self, url: str) -> None:
        self.node = DevNode(url)
        rich = self.node.request("eth_accounts")[0]
        for account in (ADMIN, ALICE, BOB):
            gift = {"from": rich, "to": account.address, "value": hex(10**20)}
            self.node.request("eth_sendTransaction", gift)
        self.node.mine()
        self.deployed = self._deploy()
        self.moved: list[Moved] = []
        self.subscribed = 0

    def tell(self) -> None:
        """Mint, pay each other, subscribe."""
        token, tiers = self.deployed.token, self._tiers
        for account in (ADMIN, ALICE):
            self._act(ADMIN, "DemoToken", token, "mint", account.address, 100_000)
            self.moved.append((ZERO_ADDRESS, address_of(account), 100_000))
        for amount in range(1, 6):
            self.pay(amount)
        contract = self.node.contract("SubscriptionTiers", tiers)
        price = contract.encode_abi("setTier", [TIER, str(token), PRICE])
        change = Change(tiers, bytes.fromhex(price.removeprefix("0x")))
        govern(self.node, self.deployed.timelock, ADMIN, [change])
        self._act(ALICE, "DemoToken", token, "approve", str(tiers), PRICE)
        epoch = self.node.contract("EpochClock", self._contract(ContractName.EPOCH_CLOCK))
        now = epoch.functions.currentEpoch().call()
        self._act(ALICE, "SubscriptionTiers", tiers, "subscribe", TIER, now, ALICE.address)
        self.subscribed += 1
        payouts = self.deployed.settlement.payouts
        self.moved += [(address_of(ALICE), tiers, PRICE), (tiers, payouts, PRICE)]

    def pay(self, amount: int) -> None:
        """Alice pays Bob."""
        self._act(ALICE, "DemoToken", self.deployed.token, "transfer", BOB.address, amount)
        self.moved.append((address_of(ALICE), address_of(BOB), amount))

    def mine_to(self, number: int) -> None:
        self.node.mine(number - self.node.head()[0])

    def balances(self) -> dict[Address, int]:
        """What the token says that everybody has."""
        balance_of = self.node.contract("DemoToken", self.deployed.token).functions.balanceOf
        people = {who for source, target, _ in self.moved for who in (source, target)}
        found = {who: balance_of(str(who)).call() for who in people - {ZERO_ADDRESS}}
        return {who: units for who, units in found.items() if units}

    @property
    def _tiers(self) -> Address:
        return self._contract(ContractName.SUBSCRIPTION_TIERS)

    def _contract(self, name: ContractName) -> Address:
        return self.deployed.settlement.contracts[name]

    def _act(self, account: Any, name: str, at: Address, function: str, *arguments: object) -> None:
        data = self.node.contract(name, at).encode_abi(function, list(arguments))
        self.node.transact([Call(account, at, bytes.fromhex(data.removeprefix("0x")))])

    def _deploy(self) -> Deployment:
        guardians = tuple(address_of(account_from_seed(3, "guardian", one)) for one in range(3))
        plan = DeploymentPlan(
            name="story",
            genesis=self.node.head()[1],
            epoch_length_s=86_400,
            grace_s=7_200,
            guardians=guardians,
            threshold=2,
            attestor=guardians[0],
            governors=(address_of(ADMIN),),
            offices=offices(3),
            delays=Delays(timelock_s=0),
        )
        return deploy_settlement(self.node, ADMIN, plan)


class Index:
    """The command line, one chain, one database."""

    def __init__(self, directory: Path, database: str, rpc: str, story: Story) -> None:
        self._directory, self._database, self._rpc = directory, database, rpc
        addresses = settlements_to_json((story.deployed.settlement,))
        (directory / "addresses.json").write_text(addresses)

    def start(self, *, depth: int = DEPTH) -> "subprocess.Popen[str]":
        config = self._directory / "quittance.toml"
        config.write_text(
            "[[chain]]\n"
            'id = 31337\nname = "dev"\nstart_block = 0\naddresses = "addresses.json"\n'
            f'rpc = ["{self._rpc}"]\n'
            f'finality = {{ tag = "finalized", depth = {depth} }}\n'
        )
        kept = {name: value for name, value in os.environ.items() if "QUITTANCE_" not in name}
        command = [sys.executable, "-m", "scripts.cli.app", "index", "--until-synced", "--json"]
        return subprocess.Popen(
            command,
            env=kept
            | {
                "QUITTANCE_CONFIG": str(config),
                "QUITTANCE_DATA_DIR": str(self._directory),
                "QUITTANCE_DATABASE_URL": self._database,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *, depth: int = DEPTH) -> dict[str, Any]:
        """What was done, when nothing is left to do."""
        with self.start(depth=depth) as process:
            output, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, errors
        (chain,) = json.loads(output)["chains"]
        assert isinstance(chain, dict)
        return chain

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database) as connection:
            return connection.execute(query.encode()).fetchall()

    def moved(self) -> list[Moved]:
        query = "SELECT source, target, amount FROM fact_erc20_transfer ORDER BY block_number"
        return [
            (Address(source), Address(target), int(amount))
            for source, target, amount in self.rows(query + ", log_index")
        ]

    def balances(self) -> dict[Address, int]:
        query = "SELECT account, balance FROM token_balance WHERE balance > 0"
        return {Address(account): int(balance) for account, balance in self.rows(query)}


def test_index__two_kinds_of_nodes__facts_are_what_was_sent(
    node: Node, database: str, tmp_path: Path
) -> None:
    with door_to(node.url) as door:
        story = Story(node.url)
        index = Index(tmp_path, database, door.url, story)
        story.tell()
        story.mine_to(FIRST_RANGE + 40)
        kept, before = len(story.moved), story.node.request("evm_snapshot")
        story.pay(70)
        story.pay(71)
        top, _ = story.node.head()

        door.shut_from = FIRST_RANGE
        with index.start() as process:
            assert door.knocked.wait(LIMIT_S)
            process.kill()
        held_then = index.rows("SELECT number FROM cursor")
        door.shut_from = None
        door.open.set()
        first = index.run()

        assert process.returncode < 0
        assert held_then == [(FIRST_RANGE - 1,)]
        assert (first["level"], first["height"]) == ("receipts", top)
        assert first["blocks"] == top + 1 - FIRST_RANGE
        assert first["finalized"] == top - DEPTH
        assert {"eth_getBlockReceipts", node.receipts_method} <= door.methods
        assert ("eth_getTransactionReceipt" in door.methods) is (node.tag_behind == 0)
        assert index.moved() == story.moved
        assert index.rows("SELECT count(*) FROM fact_subscribed") == [(story.subscribed,)]

        assert story.node.request("evm_revert", before)
        story.node.forget_nonces()
        del story.moved[kept:]
        story.pay(90)
        story.node.mine(node.tag_behind)
        last = index.run(depth=0)

        depth = top - FIRST_RANGE - 40
        assert index.rows("SELECT ancestor_number, depth_blocks FROM reorg") == [
            (FIRST_RANGE + 40, depth)
        ]
        assert last["finalized"] == last["head"] - node.tag_behind
        assert index.moved() == story.moved
        assert index.balances() == story.balances()
        assert {proof for (proof,) in index.rows("SELECT DISTINCT proof FROM block")} == {1, 2}
