"""What commands share: which settlement is meant, which database, and JSON on stdout."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.addresses import Settlement
from contracts.evm import BlockNumber, ChainId
from scripts.cli.context import chosen, database, print_json
from scripts.errors import NotConfigured, NothingConfigured
from scripts.settings import ChainSettings, Settings, load_settings
from tests.royalties_builders import SETTLEMENT


def settings_with(directory: Path, *settlements: Settlement) -> Settings:
    """One chain for each settlement."""
    chains = tuple(
        ChainSettings(
            id=ChainId(number),
            name=f"chain {number}",
            rpc=("http://127.0.0.1:1",),
            start_block=BlockNumber(0),
            finality_tag="finalized",
            finality_depth_blocks=1,
            verify="receipts",
            profile="ethereum",
            workers=2,
            tokens=(),
            settlements=(settlement,),
        )
        for number, settlement in enumerate(settlements, 1)
    )
    empty = load_settings({"QUITTANCE_DATA_DIR": str(directory)}, committed=lambda _: ())
    return replace(empty, chains=chains)


MAIN, OTHER = (replace(SETTLEMENT, name=name) for name in ("main", "other"))


def test_chosen__only_one__needs_no_name(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, MAIN)

    assert chosen(settings, None) == (settings.chains[0], MAIN)


def test_chosen__named__that_one_with_its_chain(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, MAIN, OTHER)

    assert chosen(settings, "other") == (settings.chains[1], OTHER)


@pytest.mark.parametrize("name", [None, "third"])
def test_chosen__several_or_unknown__names_what_there_is(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(NotConfigured, match="settlements: main, other"):
        chosen(settings_with(tmp_path, MAIN, OTHER), name)


def test_chosen__nothing_configured__says_how(tmp_path: Path) -> None:
    with pytest.raises(NothingConfigured, match=r"^no settlement is configured: write it in "):
        chosen(settings_with(tmp_path), None)


def test_database__configured__nothing_is_started(tmp_path: Path) -> None:
    settings = replace(settings_with(tmp_path), database_url="postgresql://elsewhere")

    with database(settings) as ready:
        assert ready == settings

    assert list(tmp_path.iterdir()) == []


def test_print_json__document__one_object(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"amount": "1", "list": [1]})

    output = capsys.readouterr().out
    assert output.endswith("}\n")
    assert json.loads(output) == {"amount": "1", "list": [1]}
