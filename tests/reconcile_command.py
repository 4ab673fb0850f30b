"""`quittance reconcile …` as somebody types it, for a world that a test has made."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.addresses import settlements_to_json
from scripts.cli.app import app, expected_errors_end
from tests.reconciled_settlement import World


class Command:
    """`quittance reconcile …`, in this process."""

    def __init__(
        self, directory: Path, url: str, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._capsys = capsys
        addresses = directory / "addresses.json"
        addresses.write_text(settlements_to_json((world.settlement,)))
        config = directory / "quittance.toml"
        config.write_text(
            f'[[chain]]\nid = 31337\nname = "dev"\nrpc = ["{world.node.url}"]\nstart_block = 0\n'
            'addresses = "addresses.json"\nfinality = { tag = "none", depth = 0 }\n'
        )
        self._environ = {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(directory),
            "QUITTANCE_DATABASE_URL": url,
        }

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ending, expected_errors_end():
                app(["reconcile", *arguments])
        code = ending.value.code
        assert isinstance(code, int)
        return code, self._capsys.readouterr().out

    def json(self, *arguments: str) -> tuple[int, Any]:
        code, output = self.run(*arguments)
        return code, json.loads(output)
