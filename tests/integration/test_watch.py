"""`quittance watch` as a guardian runs it: a process with a node and a key, and no database.

The settlement is as small as one can be: one work, one subscriber, one submission. What is right to
commit says the verifier, which the engine's tests compare with the engine.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from contracts.addresses import settlements_to_json
from contracts.approvals import Approval, AssetTotals, approval_digest
from contracts.calls import EpochStatus, GuardianSignature, commit_epoch_call
from contracts.evm import Address, Epoch, Hash32, Timestamp, keccak
from contracts.units import BaseUnits
from scripts.demo import actors
from scripts.demo.actors import Stage
from scripts.demo.gateway import running_gateway
from scripts.demo.population import TIERS, Usage, make_population, tier_id_of
from scripts.deploy import Delays, deploy_settlement
from scripts.devnet import GUARDIANS, THRESHOLD, config_text, guardian, officials, plan_of
from scripts.devnode import Call, DevNode, account_from_seed, address_of
from scripts.embedded.anvil import AnvilNode
from scripts.launcher import start_process
from scripts.watch import VERIFIER

SEED = 11
EPOCH = Epoch(0)
LENGTH, GRACE, VETO_WINDOW = 86_400, 7_200, 3_600
ADMIN, WATCHER, STRANGER = (
    account_from_seed(SEED, role) for role in ("admin", "watcher", "stranger")
)
GUARDIAN = guardian(SEED, 0)
LIMIT_S = 120
EXIT_OK, EXIT_WRONG, BAD_INPUT, UNAVAILABLE = 0, 1, 2, 3
WRONG = Hash32(b"\x66" * 32)


@dataclass(frozen=True)
class Watched:
    """A settlement with an epoch that is over, and where its watcher runs."""

    stage: Stage
    directory: Path

    @property
    def node(self) -> DevNode:
        return self.stage.node

    def environ(self, key: LocalAccount | None, url: str = "") -> dict[str, str]:
        """What a watcher's process is given: an endpoint and a key."""
        settlement = self.stage.deployment.settlement
        (self.directory / "addresses.json").write_text(settlements_to_json((settlement,)))
        config = self.directory / "watch.toml"
        config.write_text(config_text((url or self.node.url,), "addresses.json"))
        kept = {name: one for name, one in os.environ.items() if not name.startswith("QUITTANCE_")}
        keys = {} if key is None else {"QUITTANCE_WATCHER_KEY": "0x" + key.key.hex()}
        own = {"QUITTANCE_CONFIG": str(config), "QUITTANCE_POLL_INTERVAL_MS": "100"}
        return kept | keys | own

    def look(self, key: LocalAccount | None, url: str = "") -> "subprocess.CompletedProcess[str]":
        """`quittance watch --once --json`, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "scripts.cli.app", "watch", "--once", "--json"],
            capture_output=True,
            check=False,
            env=self.environ(key, url),
            text=True,
            timeout=LIMIT_S,
        )

    def commit(self, approval: Approval) -> None:
        """A quorum of guardians signs and commits."""
        settlement = self.stage.deployment.settlement
        digest = approval_digest(
            approval, chain_id=settlement.chain_id, contract=settlement.payouts
        )
        quorum = [guardian(SEED, index) for index in range(THRESHOLD)]
        signatures = [
            GuardianSignature(address_of(one), actors.sign_digest(one, digest)) for one in quorum
        ]
        call = commit_epoch_call(approval, signatures)
        self.node.transact([Call(GUARDIAN, settlement.payouts, call)])

    def status(self) -> EpochStatus:
        """Where the epoch stands on chain."""
        payouts = self.node.contract("EpochPayouts", self.stage.deployment.settlement.payouts)
        return EpochStatus(payouts.functions.epochOf(EPOCH).call()[4])

    def vetoes(self) -> list[Any]:
        """Every veto on chain."""
        payouts = self.node.contract("EpochPayouts", self.stage.deployment.settlement.payouts)
        return list(payouts.events.EpochVetoed().get_logs(from_block=0))


@pytest.fixture
def watched(anvil: AnvilNode, tmp_path: Path) -> Watched:
    """Somebody paid and played a work; the epoch is over, and its grace too."""
    node = DevNode(anvil.url)
    people = make_population(SEED, subscribers=1, works=5)
    work, subscriber = people.works[1], people.subscribers[0]
    guardians = [guardian(SEED, index) for index in range(GUARDIANS)]
    node.fund([*officials(SEED), *guardians, STRANGER, subscriber, *people.registrants], 10**21)
    _, now = node.head()
    plan = plan_of(
        SEED,
        name="watched",
        genesis=now,
        epoch_length_s=LENGTH,
        grace_s=GRACE,
        delays=Delays(veto_s=VETO_WINDOW, timelock_s=60),
    )
    stage = Stage(node, deploy_settlement(node, ADMIN, plan), SEED)
    actors.open_settlement(stage)
    tier_id = tier_id_of(TIERS[0][0])
    node.transact(actors.wallet_calls(stage, [subscriber]))
    node.transact(actors.attest_calls(stage, [work.registrant], now))
    node.transact([actors.register_call(stage, work)])
    node.transact([actors.subscribe_call(stage, subscriber, subscriber, tier_id, EPOCH)])
    usage = Usage(
        subscriber=subscriber,
        tier_id=tier_id,
        part=0,
        work_ids=(work.work_id,),
        minutes_played=(3,),
        plays=(1,),
        pseudonyms=(Hash32.from_int(1),),
    )
    node.transact([actors.submit_call(stage, usage, EPOCH)])
    node.move_time_to(Timestamp(now + LENGTH + GRACE))
    return Watched(stage, tmp_path)


@pytest.fixture
def right(watched: Watched) -> Approval:
    """What follows from the chain, by the verifier."""
    watched.environ(None)  # writes the addresses
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-S", str(VERIFIER), "--rpc", watched.node.url),
            *("--settlement", str(watched.directory / "addresses.json")),
            *("--epoch", str(EPOCH), "--json"),
        ],
        capture_output=True,
        check=True,
        text=True,
        timeout=LIMIT_S,
    )
    answer = json.loads(done.stdout)
    _, now = watched.node.head()
    amounts = [
        {name: BaseUnits(int(amount)) for name, amount in row.items() if name != "asset"}
        for row in answer["totals"]
    ]
    assets = [Address.from_hex(row["asset"]) for row in answer["totals"]]
    return Approval(
        epoch=EPOCH,
        attempt=1,
        guardian_set=1,
        manifest_digest=Hash32.from_hex(answer["manifest_digest"]),
        root=Hash32.from_hex(answer["root"]),
        totals=tuple(
            AssetTotals(asset=asset, **each) for asset, each in zip(assets, amounts, strict=True)
        ),
        deadline=Timestamp(now + LENGTH),
    )


@pytest.fixture
def wrong(watched: Watched, right: Approval) -> Approval:
    """A wrong root that is committed."""
    approval = replace(right, root=WRONG)
    watched.commit(approval)
    return approval


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("key", [WATCHER, GUARDIAN], ids=["veto_role", "guardian"])
def test_watch__wrong_root__vetoed_with_the_reason(
    watched: Watched, right: Approval, wrong: Approval, key: LocalAccount
) -> None:
    done = watched.look(key)

    assert done.returncode == EXIT_WRONG, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["verdict"], answer["epoch"], answer["attempt"]) == ("wrong", EPOCH, 1)
    assert (answer["root"], answer["recomputed_root"]) == (str(wrong.root), str(right.root))
    assert str(right.root) in answer["difference"]
    assert str(wrong.root) in answer["difference"]
    (veto,) = watched.vetoes()
    assert (veto["args"]["epoch"], veto["args"]["by"]) == (EPOCH, key.address)
    assert veto["args"]["reasonDigest"] == keccak(answer["difference"].encode())
    assert str(Hash32(veto["transactionHash"])) == answer["veto"]
    assert watched.status() is EpochStatus.NONE


def test_watch__wrong_totals_or_manifest__vetoed_too(watched: Watched, right: Approval) -> None:
    watched.commit(replace(right, manifest_digest=keccak(b"another manifest")))

    done = watched.look(WATCHER)

    assert done.returncode == EXIT_WRONG, done.stderr
    assert "manifest digest" in json.loads(done.stdout)["difference"]
    assert len(watched.vetoes()) == 1


def test_watch__right_root__not_vetoed(watched: Watched, right: Approval) -> None:
    before = watched.look(WATCHER)
    watched.commit(right)

    done = watched.look(WATCHER)

    assert (before.returncode, json.loads(before.stdout)) == (
        EXIT_OK,
        {"verdict": "nothing_pending"},
    )
    assert done.returncode == EXIT_OK, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["verdict"], answer["root"]) == ("agrees", str(right.root))
    assert 0 < answer["seconds_left"] <= VETO_WINDOW
    assert watched.vetoes() == []
    assert watched.status() is EpochStatus.PENDING


def test_watch__key_that_may_not_veto__one_sentence(watched: Watched, wrong: Approval) -> None:
    done = watched.look(STRANGER)

    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    (sentence,) = done.stderr.splitlines()
    assert STRANGER.address in sentence
    assert "may not veto" in sentence
    assert watched.vetoes() == []


def test_watch__no_key__told_and_not_vetoed(watched: Watched, wrong: Approval) -> None:
    done = watched.look(None)

    assert done.returncode == EXIT_WRONG, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["verdict"], answer["veto"]) == ("wrong", None)
    assert watched.vetoes() == []
    assert watched.status() is EpochStatus.PENDING


def test_watch__no_node__no_verdict(watched: Watched) -> None:
    done = watched.look(WATCHER, "http://127.0.0.1:9")

    assert (done.returncode, done.stdout) == (UNAVAILABLE, "")


def test_watch__killed_with_a_veto_in_its_hands__vetoed_by_the_next(
    watched: Watched, right: Approval, tmp_path: Path
) -> None:
    with running_gateway(watched.node.url) as (gateway, url):
        gateway.hold()
        environ = watched.environ(WATCHER, url)
        first = start_process("watch", environ=environ, log_file=tmp_path / "first.log")
        try:
            watched.commit(replace(right, root=WRONG))
            until(gateway.has_held.is_set)
        finally:
            first.kill()
        assert watched.vetoes() == []
        gateway.release()
        second = start_process("watch", environ=environ, log_file=tmp_path / "second.log")
        try:
            until(lambda: watched.status() is EpochStatus.NONE)
            watched.commit(replace(right, attempt=2, root=WRONG))
            until(lambda: len(watched.vetoes()) == 2)
            second.check()
        finally:
            second.stop()

    assert [veto["args"]["attempt"] for veto in watched.vetoes()] == [1, 2]
    assert {veto["args"]["by"] for veto in watched.vetoes()} == {WATCHER.address}
