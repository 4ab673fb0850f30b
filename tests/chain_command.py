"""The commands of `quittance chain`, run in this process."""

from pathlib import Path

import pytest

from scripts.cli.app import app, expected_errors_end
from tests.api_world import USD


class ChainCommand:
    """`quittance chain …` with a configuration of one chain."""

    def __init__(self, tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        config = tmp_path / "quittance.toml"
        config.write_text(
            '[[chain]]\nid = 31337\nname = "dev"\nrpc = ["http://127.0.0.1:1"]\nstart_block = 1\n'
            f'tokens = ["{USD}"]\nfinality = {{ tag = "finalized", depth = 8 }}\n'
        )
        self._environ = {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(tmp_path),
            "QUITTANCE_DATABASE_URL": url,
        }

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ending, expected_errors_end():
                app(["chain", *arguments])
        output, errors = self._capsys.readouterr()
        assert isinstance(ending.value.code, int)
        return ending.value.code, output, errors
