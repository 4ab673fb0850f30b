"""What `quittance up` hands to its processes."""

from pathlib import Path

import pytest
from eth_account import Account

from scripts.devnet import SEED
from scripts.devnode import account_from_seed
from scripts.setting_values import Secret
from scripts.settings import Settings, load_settings
from scripts.signer_settings import KeySettings, SignerSettings
from scripts.up import up_environment

OPERATOR = {"PATH": "/bin", "QUITTANCE_SIGNER_KEY_FILE": "/run/secrets/key"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {
        "QUITTANCE_DATA_DIR": str(tmp_path),
        "QUITTANCE_DATABASE_URL": "postgresql://books",
    }
    return load_settings(environ, committed=lambda _: ())


def test_environment__configured_chain__the_operators_and_no_known_key(settings: Settings) -> None:
    made = up_environment(OPERATOR, settings, None)

    assert made == OPERATOR | {"QUITTANCE_DATABASE_URL": "postgresql://books"}


def test_environment__dev_chain__its_own_signer_and_a_cap(
    settings: Settings, tmp_path: Path
) -> None:
    config = tmp_path / "quittance.toml"

    made = up_environment(OPERATOR, settings, config)

    assert made["QUITTANCE_CONFIG"] == str(config)
    signer = Account.from_key(made["QUITTANCE_SIGNER_KEY"])
    assert signer.address == account_from_seed(SEED, "submitter").address
    assert int(made["QUITTANCE_FEE_PER_GAS_WEI_MAX"]) > 0
    assert made["PATH"] == "/bin"
    # On the dev chain nobody's real key is used, wherever it may be named.
    read = load_settings(made | {"QUITTANCE_CONFIG": ""}, committed=lambda _: ())
    assert read.signer == SignerSettings(KeySettings(Secret(made["QUITTANCE_SIGNER_KEY"])))
