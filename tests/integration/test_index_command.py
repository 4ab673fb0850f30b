"""`quittance index` as a user runs it: exit codes, one sentence each, and nothing half-written.

Subjects: scripts.cli.index, scripts.index, scripts.indexing, scripts.bootstrap_indexer,
scripts.errors.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from contracts.events import ERC20_TRANSFER
from contracts.evm import Hash32
from scripts.cli.app import app, expected_errors_end
from scripts.devnode import DevNode
from scripts.embedded.anvil import AnvilNode
from scripts.embedded.postgres import PostgresServer
from tests.anvil_chain import AnvilToken
from tests.imports_of_a_command import NOT_FOR_INDEXING, imports_of

LIMIT_S = 60
NOBODY = "0x" + "07" * 20
FACTS = ("block", "log", "fact_erc20_transfer", "cursor", "chain_finality", "indexer_status")
_EMIT = bytes.fromhex(f"6001600260037f{ERC20_TRANSFER.topic0.hex()}60006000a400")
CREATION = bytes.fromhex("602d600c600039602d6000f3") + _EMIT
"""A contract that logs the event of ERC-721: the same topic, but three indexed fields."""


@pytest.fixture
def token(anvil: AnvilNode) -> AnvilToken:
    """A token with a few transfers, in a chain of which some blocks are final."""
    token = AnvilToken(anvil.url)
    token.move(5)
    token.mine(40)
    return token


class Indexing:
    """Runs the command with a configuration of one chain and a database."""

    def __init__(self, directory: Path, database: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory, self.database = directory, database
        self._capsys = capsys

    def run(
        self, *options: str, rpc: str, token: object, **fields: object
    ) -> tuple[int, str, list[str]]:
        """Exit code, stdout, and the lines on stderr; without the log."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environ(rpc=rpc, token=token, **fields).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ending, expected_errors_end():
                app(["index", *options])
        output, errors = self._capsys.readouterr()
        assert isinstance(ending.value.code, int)
        return ending.value.code, output, errors.splitlines()

    def environ(self, *, rpc: str, token: object, **fields: object) -> dict[str, str]:
        """Write the configuration of a chain, and name it in the environment."""
        chain: dict[str, object] = {
            "id": 31337,
            "name": "dev",
            "rpc": [rpc],
            "start_block": 0,
            "tokens": [str(token)],
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in (chain | fields).items()]
        config = self.directory / "quittance.toml"
        config.write_text(
            "\n".join(("[[chain]]", *lines, 'finality = { tag = "finalized", depth = 12 }'))
        )
        return {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(self.directory),
            "QUITTANCE_DATABASE_URL": self.database,
            "QUITTANCE_POLL_INTERVAL_MS": "100",
        }

    def rows(self) -> dict[str, int]:
        """How many rows each table has that indexing writes."""
        with psycopg.connect(self.database) as connection:
            return {table: count_of(connection, table) for table in FACTS}

    def status(self) -> tuple[str, str | None]:
        """State and reason of the last report."""
        with psycopg.connect(self.database) as connection:
            (row,) = connection.execute("SELECT state, reason FROM indexer_status").fetchall()
        return row

    def digest(self) -> list[tuple[Any, ...]]:
        """All blocks and transfers, and where indexing stands."""
        with psycopg.connect(self.database) as connection:
            return [
                row
                for table in ("block", "fact_erc20_transfer", "cursor", "chain_finality")
                for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608
            ]


def count_of(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    assert row is not None
    count: int = row[0]
    return count


@pytest.fixture
def indexing(
    tmp_path: Path,
    database: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Indexing]:
    for name in os.environ:
        if name.startswith("QUITTANCE_"):
            monkeypatch.delenv(name)
    stopped_by = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(each) for each in stopped_by]
    yield Indexing(tmp_path, database, capsys)
    for each, handler in zip(stopped_by, handlers, strict=True):
        signal.signal(each, handler)


def sent(anvil: AnvilNode, **fields: str) -> dict[str, Any]:
    """The receipt of a transaction of the node's first account."""
    node = DevNode(anvil.url)
    transaction = {"from": node.request("eth_accounts")[0], **fields}
    transaction_hash = Hash32.from_hex(node.request("eth_sendTransaction", transaction))
    node.mine()
    (receipt,) = node.receipts([transaction_hash])
    return receipt


def nothing() -> dict[str, int]:
    return dict.fromkeys(FACTS, 0)


def refused(code: int, sentence: str) -> Callable[[tuple[int, str, list[str]]], None]:
    """Checks that a run ended with this code, this one sentence, and nothing on stdout."""

    def check(ended: tuple[int, str, list[str]]) -> None:
        said = ended[2]
        assert (ended[0], ended[1], len(said)) == (code, "", 1), ended
        assert re.fullmatch(f"quittance: {sentence}", said[0]), said[0]

    return check


def test_index__until_synced__one_object_with_what_was_done(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.cli.app", "index", "--until-synced", "--json"],
        env=os.environ | indexing.environ(rpc=anvil.url, token=token.address),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )

    (chain,) = json.loads(ended.stdout)["chains"]
    head = token.head()
    assert (chain["chain_id"], chain["name"], chain["level"]) == (31337, "dev", "receipts")
    assert (chain["blocks"], chain["height"], chain["head"]) == (head + 1, head, head)
    assert chain["events"] == 6
    assert chain["finalized"] == head - 12
    assert chain["seconds"] > 0
    assert chain["blocks_per_second"] == chain["blocks"] * 1000 // round(chain["seconds"] * 1000)
    assert chain["stalled_on_fetch_seconds"] + chain["stalled_on_storage_seconds"] > 0
    assert indexing.status() == ("synced", None)
    for line in ended.stderr.splitlines():
        assert "message" in json.loads(line)


def test_index__whole_run__imports_nothing_that_pays_serves_queues_or_migrates(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    environ = indexing.environ(rpc=anvil.url, token=token.address)

    code, output, imported = imports_of(
        *("index", "--until-synced", "--json"),
        environ=os.environ | environ,
        directory=indexing.directory,
    )

    (chain,) = json.loads(output)["chains"]
    assert (code, chain["height"]) == (0, token.head())
    assert {"sqlalchemy", "psycopg", "indexer"} <= imported
    assert not imported & NOT_FOR_INDEXING


def test_index__again__nothing_left_but_the_same_places(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    first = indexing.run("--until-synced", "--json", rpc=anvil.url, token=token.address)
    again = indexing.run("--until-synced", "--json", rpc=anvil.url, token=token.address)

    (before,), (after,) = (json.loads(ended[1])["chains"] for ended in (first, again))
    assert (after["blocks"], after["events"]) == (0, 0)
    for place in ("height", "head", "finalized"):
        assert after[place] == before[place]


def test_index__token_added_later__its_past_too_and_never_taken_out_again(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    second = AnvilToken(anvil.url)
    second.move(3)
    second.mine(20)
    run = partial(indexing.run, "--until-synced", "--json", rpc=anvil.url, token=token.address)
    run()
    before = indexing.rows()["fact_erc20_transfer"]

    added = run(tokens=[str(token.address), str(second.address)])
    rows = indexing.rows()["fact_erc20_transfer"]
    taken_out = run()

    assert (added[0], before, rows) == (0, 6, 10)
    refused(2, f".* without {second.address} .* may only be added.*")(taken_out)
    assert indexing.rows()["fact_erc20_transfer"] == rows


@pytest.mark.parametrize("level", ["none", "headers", "receipts"])
def test_index__verify__overrides_the_setting(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode, level: str
) -> None:
    code, output, _ = indexing.run(
        "--to-block=9", "--json", f"--verify={level}", rpc=anvil.url, token=token.address
    )

    (chain,) = json.loads(output)["chains"]
    assert (code, chain["level"], chain["height"], chain["blocks"]) == (0, level, 9, 10)


def test_index__verify_of_no_level__usage(indexing: Indexing) -> None:
    code, output, said = indexing.run("--verify=bloom", rpc="http://127.0.0.1:1", token=NOBODY)

    assert (code, output) == (2, "")
    words = " ".join(" ".join(said).replace("│", " ").split())
    assert "'--verify': 'bloom' is not one of 'none', 'headers', 'receipts'" in words


def test_index__rpc_unreachable__3(indexing: Indexing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    ended = indexing.run(rpc=f"http://127.0.0.1:{port}/key", token=NOBODY)

    refused(3, rf"127\.0\.0\.1(:{port})? did not answer eth_\w+: .*")(ended)
    assert "key" not in ended[2][0]
    assert indexing.rows() == nothing()


def test_index__wrong_chain__2(indexing: Indexing, token: AnvilToken, anvil: AnvilNode) -> None:
    ended = indexing.run(rpc=anvil.url, token=token.address, id=5)

    refused(2, ".*serves chain 31337, configured is chain 5")(ended)
    assert indexing.rows() == nothing()


def test_index__start_block_in_the_future__2(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    ended = indexing.run(rpc=anvil.url, token=token.address, start_block=10_000)

    refused(2, rf"start block 10000 is above the chain's head {token.head()}")(ended)
    assert indexing.rows() == nothing()


def test_index__abi_that_does_not_match__2(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    made = sent(anvil, data="0x" + CREATION.hex())["contractAddress"]
    number = int(sent(anvil, to=made)["blockNumber"], 16)
    token.mine(20)

    ended = indexing.run(rpc=anvil.url, token=made)

    refused(
        2,
        f"(?i:{made}) is configured as ERC20, but its logs are not what that contract declares; "
        f"the first is log 0 of block {number}",
    )(ended)
    assert indexing.rows() == nothing() | {"indexer_status": 1}
    assert indexing.status()[0] == "halted"


def test_index__level_that_the_chain_cannot_reach__2(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    ended = indexing.run(rpc=anvil.url, token=token.address, profile="polygon")

    refused(2, "level 'receipts' cannot be reached on a chain like 'polygon': .*")(ended)
    assert indexing.rows() == nothing()


def test_index__profile_that_nobody_knows__2(indexing: Indexing) -> None:
    ended = indexing.run(rpc="http://127.0.0.1:1", token=NOBODY, profile="etherium")

    refused(2, r"chain\[0\]: profile: 'etherium' is not one of ethereum, .*")(ended)


def test_index__to_block_below_the_start__2(indexing: Indexing) -> None:
    ended = indexing.run("--to-block=6", rpc="http://127.0.0.1:1", token=NOBODY, start_block=7)

    refused(2, "--to-block: 6 is below start block 7 of chain dev")(ended)


def test_index__node_lags_behind_what_is_held__3_and_all_as_before(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    indexing.run("--until-synced", rpc=anvil.url, token=token.address)
    before, final = indexing.digest(), token.head() - 12
    token.rollback(20)

    ended = indexing.run("--until-synced", rpc=anvil.url, token=token.address)

    refused(
        3, f"dev: the node lags: it is at block {token.head()}, below block {final} that .* final"
    )(ended)
    assert indexing.digest() == before
    assert indexing.status()[0] == "lagging"


def test_index__finalized_block_replaced__1_and_halted(
    indexing: Indexing, token: AnvilToken, anvil: AnvilNode
) -> None:
    indexing.run("--until-synced", rpc=anvil.url, token=token.address)
    before = indexing.digest()
    token.reorg(20)
    token.mine(1)

    ended = indexing.run("--until-synced", rpc=anvil.url, token=token.address)

    refused(1, "chain 31337 replaced finalized block .*")(ended)
    assert indexing.digest() == before
    assert indexing.status() == ("halted", ended[2][0].removeprefix("quittance: "))


def test_index__database_away__3(indexing: Indexing) -> None:
    indexing.database = "postgresql://127.0.0.1:1/books"

    ended = indexing.run(rpc="http://127.0.0.1:1", token=NOBODY)

    refused(3, "the database is unavailable: .*Connection refused.*")(ended)


def test_index__database_of_a_newer_version__3(indexing: Indexing) -> None:
    with psycopg.connect(indexing.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    ended = indexing.run(rpc="http://127.0.0.1:1", token=NOBODY)

    refused(3, "the database cannot be migrated: .*9999.*")(ended)


def test_index__database_of_somebody_else__3_and_nothing_of_ours_in_it(
    indexing: Indexing, postgres_server: PostgresServer
) -> None:
    indexing.database = postgres_server.url("somebody_elses")
    with psycopg.connect(indexing.database) as connection:
        connection.execute("CREATE TABLE reorg (what text)")

    ended = indexing.run(rpc="http://127.0.0.1:1", token=NOBODY)

    refused(3, 'the database cannot be migrated: relation "reorg" already exists')(ended)
    with psycopg.connect(indexing.database) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert names == [("reorg",)]
