"""What holds for every command there is, and for those to come.

Subject: scripts.cli.arguments. Each command is called with values that it cannot use, one at a
time, where no database and no node answers: it must say so before it asks either.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.addresses import settlements_to_json
from scripts.cli.app import app, expected_errors_end
from scripts.cli.arguments import TEXT_CHARACTERS_MAX, WITHOUT_ANSWER
from tests.command_arguments import Leaf, bad, is_option, kind_of, leaves
from tests.royalties_builders import SETTLEMENT

LEAVES = tuple(leaves())
CONFIG = """
[[chain]]
id = {chain_id}
name = "test"
rpc = ["http://127.0.0.1:1"]
start_block = 0
finality = {{ tag = "finalized", depth = 12 }}
addresses = "addresses.json"
tokens = []
"""

every_command = pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.path)


@pytest.fixture(autouse=True)
def _one_settlement_and_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("QUITTANCE_"):
            monkeypatch.delenv(name)
    (tmp_path / "addresses.json").write_text(settlements_to_json((SETTLEMENT,)))
    (tmp_path / "quittance.toml").write_text(CONFIG.format(chain_id=SETTLEMENT.chain_id))
    (tmp_path / "object.json").write_text("{}")
    (tmp_path / "key").write_text("11" * 32)
    monkeypatch.setenv("QUITTANCE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("QUITTANCE_DATABASE_URL", "postgresql://127.0.0.1:1/nobody")
    monkeypatch.chdir(tmp_path)


def ending(line: list[str]) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as stop, expected_errors_end():
        app(line)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def refusals(leaf: Leaf) -> Iterator[tuple[str, list[str]]]:
    """Each command line with one bad value, and the name of what is bad."""
    for each in leaf.parameters:
        name = each.opts[0].lstrip("-") if is_option(each) else each.metavar or each.name
        for value in bad(each):
            yield name, leaf.line(each, value)
        if "settlement" in name:
            yield name, leaf.line(each, "another")


@every_command
def test_command__bad_value__one_sentence_that_names_it_and_nothing_is_asked(
    leaf: Leaf, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, line in refusals(leaf):
        code = ending(line)

        output, errors = capsys.readouterr()
        assert (code, output) == (2, ""), (line, errors)
        assert errors.count("\n") == 1, (line, errors)
        assert name.lower() in errors.lower(), line


@every_command
def test_command__help__says_of_each_parameter_what_it_is(leaf: Leaf) -> None:
    said = {each.name: each.help for each in leaf.parameters}

    assert all(said.values()), said


@pytest.mark.parametrize(
    "leaf", [each for each in LEAVES if each.path not in WITHOUT_ANSWER], ids=lambda leaf: leaf.path
)
def test_command__json__is_an_option_of_each_that_answers(leaf: Leaf) -> None:
    options = {option for each in leaf.parameters for option in each.opts}

    assert "--json" in options or leaf.path == "reconcile export"


def test_text__too_long__told_by_its_length_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code = ending(["payout", "stop", "--reason", "x" * (TEXT_CHARACTERS_MAX + 1)])

    assert code == 2
    assert "it has 10001 characters, more than 10000" in capsys.readouterr().err


def test_kinds__of_all_parameters__each_is_tried() -> None:
    kinds = {kind_of(each) for leaf in LEAVES for each in leaf.parameters}

    words = {"amount", "period", "text"}
    assert kinds == {"flag", "choice", "number", "path", "hash", "address"} | words
