"""`quittance reconcile` over a real chain and books that have no index beside them.

Subjects: scripts.cli.reconcile, scripts.reconciling, reconciliation.rebuild.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.evm import BlockNumber
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.ports import Run
from scripts.embedded.anvil import AnvilNode
from scripts.reconciling import register_of, stops_of
from tests.payouts_settlement import DevNode, database_engine, withdrawals
from tests.reconcile_command import Command
from tests.reconciled_settlement import World


@pytest.fixture
def world(anvil: AnvilNode, database: str) -> Iterator[World]:
    world = World(DevNode(anvil.url), database_engine(database))
    world.store_document()
    world.commit_and_activate()
    world.withdraw(1, refused=(str(withdrawals(world.place)[1].leaf.lines[0].payee),))
    world.post()
    yield world
    world.engine.dispose()


@pytest.fixture
def command(
    tmp_path: Path, database: str, world: World, capsys: pytest.CaptureFixture[str]
) -> Command:
    return Command(tmp_path, database, world, capsys)


def test_run__from_chain_only__every_part_with_its_basis_and_no_difference(
    command: Command, world: World
) -> None:
    code, answer = command.json("run", "--from-chain-only")
    ours = str(world.place.payouts)
    parts = {part["name"]: part for part in answer["parts"] if part["contract"] == ours}

    assert (code, answer["differences"], answer["contradictions"]) == (0, [], [])
    assert parts["balance"]["basis"] == "chain: state, proven"
    assert parts["balance"]["amount"] == parts["cash"]["amount"]
    assert parts["payouts"]["basis"] == "chain: logs"
    (wallet,) = answer["wallets"]
    assert (wallet["balance"], wallet["nonces_not_shown"]) == (str(10**19), [])
    assert {part["basis"] for name, part in parts.items() if name.startswith("payable:")} == {
        "document, root on chain"
    }


def test_report__open_then_explained_then_accepted__each_step_told(
    command: Command, world: World
) -> None:
    found = Discrepancy(
        kind=Kind.AMOUNT,
        subject="log 1/1",
        asset=world.place.token,
        expected="-5",
        actual="6",
        evidence=("entry", "log"),
    )
    register = register_of(world.engine, world.settlement)
    block = world.facts.block(BlockNumber(1))
    assert block is not None
    empty = command.run("export")[1].splitlines()
    register.record(Run(block=block, checks=20, discrepancies=(found,)), lambda _: None)

    code, report = command.json("report")
    stopped = stops_of(world.engine, world.settlement).reason(world.place.token)
    _, explained = command.json("explain", str(found.id), "=1+1", "--by", "ann")
    refused = command.run("resolve", str(found.id), "--by", "ann")[0]
    _, resolved = command.json("resolve", str(found.id), "--by", "ben")
    _, shown = command.json("show", str(found.id))
    over = command.json("report")

    assert (code, report["counts"]) == (1, {"high": {"0-1": 1}})
    assert report["discrepancies"][0]["runbook"].startswith("Run `quittance ledger verify`")
    assert stopped is not None
    assert (explained["status"], refused, resolved["status"]) == ("explained", 2, "resolved")
    assert [step["status"] for step in shown["history"]] == ["open", "explained", "resolved"]
    assert over == (0, {"counts": {}, "discrepancies": []})
    assert stops_of(world.engine, world.settlement).reason(world.place.token) is None
    (row,) = csv.DictReader(io.StringIO(command.run("export")[1]))
    assert (row["id"], row["expected"], row["evidence"]) == (str(found.id), "'-5", "entry; log")
    assert empty == [",".join(row)]
    assert row["explanation"] == "'=1+1"
    (line,) = command.run("export", "--format", "jsonl")[1].splitlines()
    assert (json.loads(line)["expected"], json.loads(line)["explained_by"]) == ("-5", "ann")


def test_show__never_found_or_no_id__refused(command: Command) -> None:
    assert command.run("show", "0x" + "ee" * 32)[0] == 2
    assert command.run("show", "0x12")[0] == 2
