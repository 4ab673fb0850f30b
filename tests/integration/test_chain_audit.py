"""`quittance chain audit`: rows that were changed behind our back are found, and named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, select

from contracts.evm import BlockNumber
from indexer.adapters.stored_logs import audit_rows
from indexer.adapters.tables import LOG
from indexer.ranges import BlockRange
from scripts.bootstrap import open_database
from scripts.cli import chain as chain_command
from tests.chain_command import ChainCommand
from tests.fakes_chain import CHAIN_ID
from tests.rewind_world import Indexed, story

FINAL = BlockRange(BlockNumber(1), BlockNumber(13))


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_database(database)
    Indexed(engine).index(story())
    yield engine
    engine.dispose()


@pytest.fixture
def command(
    tmp_path: Path, database: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> ChainCommand:
    assert chain_command.app
    assert engine
    return ChainCommand(tmp_path, database, capsys)


def test_audit__untouched__digest_of_all_final_blocks(
    engine: Engine, command: ChainCommand
) -> None:
    code, output, errors = command.run("audit", "--json")

    with engine.connect() as connection:
        expected = audit_rows(connection, CHAIN_ID, FINAL)
    assert (code, errors) == (0, "")
    assert json.loads(output) == {
        "chain": "dev",
        "from": 1,
        "to": 12,
        "rows_digest": str(expected.rows_digest),
        "differing": [],
        "differing_count": 0,
    }


def test_audit__a_log_lost__block_named_and_exit_1(engine: Engine, command: ChainCommand) -> None:
    with engine.begin() as connection:
        block = connection.execute(select(func.min(LOG.c.block_number))).scalar_one()
        connection.execute(delete(LOG).where(LOG.c.block_number == block))

    code, output, errors = command.run("audit")

    assert code == 1
    assert f"differing: [{block}]" in output
    assert "not those that were indexed" in errors


@pytest.mark.parametrize("options", [("--to", "13"), ("--from", "0"), ("--from", "9", "--to", "8")])
def test_audit__blocks_that_are_not_final__one_sentence(
    command: ChainCommand, options: tuple[str, ...]
) -> None:
    code, output, errors = command.run("audit", *options)

    assert (code, output) == (2, "")
    assert "the final blocks are 1 to 12" in errors
    assert errors.count("\n") == 1


def test_audit__nothing_indexed__unavailable(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, errors = ChainCommand(tmp_path, database, capsys).run("audit")

    assert code == 3
    assert "no block is final yet" in errors
