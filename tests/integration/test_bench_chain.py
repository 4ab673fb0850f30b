"""The bench's chain and its node: a bench that serves or expects nonsense would measure nothing."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.cli import blocks
from tests.bench.build_chain import built_chain
from tests.bench.chain_files import ChainFiles, Rows, RowsDigest
from tests.bench.processes import RunningNode, running_node
from tests.bench.yardstick import APPROVAL, TOKEN, TRANSFER, YARDSTICK, shape_of

SHAPE = shape_of(20)
WANTED = {"address": "0x" + TOKEN.hex(), "topics": [["0x" + TRANSFER.hex(), "0x" + APPROVAL.hex()]]}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> ChainFiles:
    return built_chain(tmp_path_factory.mktemp("chain"), SHAPE)


@pytest.fixture(scope="module")
def node(chain: ChainFiles) -> Iterator[RunningNode]:
    with running_node(chain.directory) as running:
        yield running


def test_shape__yardstick__has_its_logs_and_accounts() -> None:
    assert (YARDSTICK.logs, YARDSTICK.accounts) == (592_240, 20_001)
    assert shape_of(YARDSTICK.blocks) == YARDSTICK


def test_chain__every_block__verifies(chain: ChainFiles, tmp_path: Path) -> None:
    counted = 0
    for number in range(SHAPE.blocks):
        block, receipts = tmp_path / "block.json", tmp_path / "receipts.json"
        block.write_bytes(chain.segments["blocks"].of(number, number))
        receipts.write_bytes(chain.segments["receipts"].of(number, number))
        arguments = ["verify", "--block", str(block), "--receipts", str(receipts), "--json"]
        verdict = json.loads(CliRunner().invoke(blocks.app, arguments).stdout)

        checks = ("block_hash", "logs_bloom", "receipts_root", "consistent")
        assert [verdict[check] for check in checks] == [True] * len(checks)
        assert verdict["hash"] == f"0x{chain.block_hash(number).hex()}"
        counted += verdict["log_count"]

    assert counted == SHAPE.logs


def test_chain__built_again__is_the_same(chain: ChainFiles, tmp_path: Path) -> None:
    again = built_chain(tmp_path, SHAPE)

    assert again.hashes == chain.hashes
    assert again.expected == chain.expected


def test_node__batch_of_headers__is_linked_and_shares_times(
    node: RunningNode, chain: ChainFiles
) -> None:
    blocks = [node.call("eth_getBlockByNumber", hex(one), False) for one in range(SHAPE.blocks)]

    digest = RowsDigest()
    for below, block in zip([None, *blocks], blocks, strict=False):
        assert block["parentHash"] == (below["hash"] if below else "0x" + 64 * "0")
        hashes = (bytes.fromhex(block[name][2:]) for name in ("hash", "parentHash"))
        digest.add(int(block["number"], 16), *hashes, int(block["timestamp"], 16))
    assert digest.rows == chain.expected["block"]
    assert node.call("eth_getBlockByHash", blocks[7]["hash"], False) == blocks[7]
    assert node.call("eth_getBlockByNumber", "finalized", False) == blocks[-1]
    assert node.call("eth_getBlockByNumber", hex(SHAPE.blocks), False) is None


def test_node__logs_of_the_filter__are_those_of_the_receipts_and_of_the_oracle(
    node: RunningNode, chain: ChainFiles
) -> None:
    logs = node.call("eth_getLogs", WANTED | {"fromBlock": "0x0", "toBlock": "latest"})

    assert logs == [log for log in _logs_of_receipts(node) if _is_wanted(log)]
    assert len(logs) == SHAPE.transfers + SHAPE.approvals
    transfers = [log for log in logs if log["topics"][0] == "0x" + TRANSFER.hex()]
    assert _balance_rows(transfers) == chain.expected["balance"]
    assert len(transfers) == chain.expected["transfer"].count


def test_node__other_filters__look_at_every_log(node: RunningNode) -> None:
    everything = node.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    last = [log for log in everything if log["blockHash"] == everything[-1]["blockHash"]]
    account = next(log["topics"][1] for log in last if len(log["topics"]) > 1)

    assert everything == _logs_of_receipts(node)
    wanted = node.call("eth_getLogs", WANTED | {"blockHash": last[0]["blockHash"]})
    assert wanted == [log for log in last if _is_wanted(log)]
    of_account = node.call("eth_getLogs", {"topics": [None, account], "fromBlock": "latest"})
    assert of_account == [log for log in last if account in log["topics"][1:2]]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"fromBlock": "0x0", "toBlock": "0x64"}, "query exceeds max block range 100"),
        ({"fromBlock": "0x0", "toBlock": "0x14"}, "block range extends beyond current head block"),
        ({"fromBlock": "0x2", "toBlock": "0x1"}, "invalid block range params"),
        ({"blockHash": "0x" + 64 * "7"}, "unknown block"),
    ],
)
def test_node__logs_that_it_does_not_serve__are_refused_in_a_node_s_words(
    node: RunningNode, asked: dict[str, str], message: str
) -> None:
    assert node.error("eth_getLogs", WANTED | asked)["message"] == message


def _logs_of_receipts(node: RunningNode) -> list[dict[str, Any]]:
    return [
        log
        for number in range(SHAPE.blocks)
        for receipt in node.call("eth_getBlockReceipts", hex(number))
        for log in receipt["logs"]
    ]


def _is_wanted(log: dict[str, Any]) -> bool:
    return log["address"] == WANTED["address"] and log["topics"][0] in WANTED["topics"][0]


def _balance_rows(transfers: list[dict[str, Any]]) -> Rows:
    balances: Counter[bytes] = Counter()
    for log in transfers:
        source, target = (bytes.fromhex(topic[26:]) for topic in log["topics"][1:])
        balances[source] -= int(log["data"], 16)
        balances[target] += int(log["data"], 16)
    digest = RowsDigest()
    for account, balance in sorted(balances.items()):
        if balance:
            digest.add(account, balance)
    return digest.rows
