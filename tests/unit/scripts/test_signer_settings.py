"""The section `[signer]`: what each kind needs, and that no secret is told."""

from pathlib import Path
from typing import Any

import pytest

from contracts.addresses import settlements_to_json
from contracts.evm import Address, ChainId
from scripts.setting_values import Secret
from scripts.settings import BadSettings, Settings, load_settings
from scripts.signer_settings import (
    KeySettings,
    KeystoreSettings,
    KMSSettings,
    LimitSettings,
    RemoteSettings,
    SignerSettings,
)
from tests.royalties_builders import SETTLEMENT

KEY = "0x" + "51" * 32
PASSWORD: dict[str, Any] = {"SIGNER_PASSWORD": "hunter3"}
HOLDER = Address(b"\x5e" * 20)
ASSET, OTHER = SETTLEMENT.tokens[0], Address(b"\x0b" * 20)
CHAIN = """
[[chain]]
id = 31337
name = "dev"
rpc = ["http://127.0.0.1:8545"]
start_block = 3
finality = { tag = "finalized", depth = 12 }
addresses = "addresses.json"
"""
LIMIT = f"""
[[signer.limit]]
chain = 31337
asset = "{ASSET}"
transaction = "5"
day = "7"
"""
KEYSTORE = f'[signer]\nkind = "keystore"\naddress = "{HOLDER}"\nfile = "key.json"\n'
KMS = f'[signer]\nkind = "aws-kms"\naddress = "{HOLDER}"\nkey_id = "alias/pay"\nregion = "eu-1"\n'
REMOTE = f"""[signer]
kind = "remote"
address = "{HOLDER}"
url = "https://signer.example/hunter2"
certificate = "us.crt"
key = "us.key"
authority = "/etc/ca.pem"
"""


def load(directory: Path, text: str = "", chain_id: int = 31337, **environ: Any) -> Settings:
    addresses = settlements_to_json((SETTLEMENT,)).replace("31337", str(chain_id))
    (directory / "addresses.json").write_text(addresses)
    config = directory / "quittance.toml"
    chain = CHAIN.replace("31337", str(chain_id))
    config.write_text(chain + text)
    variables = {f"QUITTANCE_{name}": value for name, value in environ.items()}
    return load_settings(
        {"QUITTANCE_CONFIG": str(config), "QUITTANCE_DATA_DIR": str(directory)} | variables,
        committed=lambda _: (),
    )


def problems(directory: Path, text: str = "", chain_id: int = 31337, **environ: Any) -> str:
    with pytest.raises(BadSettings) as caught:
        load(directory, text, chain_id, **environ)
    return "\n".join(caught.value.problems)


def test_signer__nothing_said__none(tmp_path: Path) -> None:
    assert load(tmp_path).signer is None
    assert load(tmp_path, SIGNER_KEY="").signer is None


def test_signer__key_in_the_environment_or_a_file__a_key_in_the_clear(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    wanted = SignerSettings(KeySettings(Secret(KEY)))

    assert load(tmp_path, SIGNER_KEY=KEY).signer == wanted
    assert load(tmp_path, SIGNER_KEY_FILE=str(tmp_path / "key")).signer == wanted
    assert load(tmp_path, '[signer]\nkind = "key"', SIGNER_KEY=KEY).signer == wanted


@pytest.mark.parametrize("section", ["", '[signer]\nkind = "key"'])
@pytest.mark.parametrize("chain_id", [1, 10, 8453, 31338, 13370])
def test_signer__key_in_the_clear_on_a_real_chain__refused(
    tmp_path: Path, chain_id: int, section: str
) -> None:
    told = problems(tmp_path, section, chain_id, SIGNER_KEY=KEY)

    assert told == (
        "signer.kind: a key in the clear signs on development chains only (31337, 1337), "
        f"not on chain {chain_id}: use one of keystore, aws-kms, remote"
    )


@pytest.mark.parametrize("chain_id", [31337, 1337])
def test_signer__key_in_the_clear_on_a_development_chain__taken(
    tmp_path: Path, chain_id: int
) -> None:
    assert load(tmp_path, chain_id=chain_id, SIGNER_KEY=KEY).signer is not None


def test_signer__key_in_the_clear_with_limits__they_are_kept(tmp_path: Path) -> None:
    signer = load(tmp_path, '[signer]\nkind = "key"\n' + LIMIT, SIGNER_KEY=KEY).signer

    assert signer is not None
    assert [limit.day_units for limit in signer.limits] == [7]


def test_signer__keystore__file_beside_the_configuration(tmp_path: Path) -> None:
    signer = load(tmp_path, KEYSTORE + LIMIT, **PASSWORD).signer

    assert signer == SignerSettings(
        KeystoreSettings(address=HOLDER, file=tmp_path / "key.json", password=Secret("hunter3")),
        (LimitSettings(chain_id=ChainId(31337), asset=ASSET, transaction_units=5, day_units=7),),
    )


def test_signer__keystore_password__from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter3\n")

    signer = load(
        tmp_path, KEYSTORE + LIMIT, SIGNER_PASSWORD_FILE=str(tmp_path / "password")
    ).signer

    assert signer is not None
    assert isinstance(signer.kind, KeystoreSettings)
    assert signer.kind.password.value == "hunter3"


def test_signer__kms__as_written(tmp_path: Path) -> None:
    endpoint = 'endpoint_url = "http://localhost:4566"\n'

    plain, local = load(tmp_path, KMS + LIMIT).signer, load(tmp_path, KMS + endpoint + LIMIT).signer

    assert plain is not None
    assert local is not None
    assert plain.kind == KMSSettings(
        address=HOLDER, key_id="alias/pay", region="eu-1", endpoint_url=None
    )
    assert isinstance(local.kind, KMSSettings)
    assert local.kind.endpoint_url == "http://localhost:4566"


def test_signer__remote__files_beside_the_configuration(tmp_path: Path) -> None:
    signer = load(tmp_path, REMOTE + LIMIT, **PASSWORD).signer

    assert signer is not None
    assert signer.kind == RemoteSettings(
        address=HOLDER,
        url=Secret("https://signer.example/hunter2"),
        certificate=tmp_path / "us.crt",
        key=tmp_path / "us.key",
        authority=Path("/etc/ca.pem"),
        key_password=Secret("hunter3"),
    )


@pytest.mark.parametrize("chain_id", [1, 8453, 31337])
@pytest.mark.parametrize("section", [KEYSTORE, KMS, REMOTE])
def test_signer__every_other_kind__for_any_chain(
    tmp_path: Path, section: str, chain_id: int
) -> None:
    limit = LIMIT.replace("31337", str(chain_id))

    assert load(tmp_path, section + limit, chain_id, **PASSWORD).signer is not None


@pytest.mark.parametrize("section", [KEYSTORE, KMS, REMOTE])
def test_signer__no_limit__refused(tmp_path: Path, section: str) -> None:
    told = problems(tmp_path, section, **PASSWORD)

    assert told == "signer.limit: there is none: name a [[signer.limit]] for each asset to pay out"


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("[signer]", "signer.kind is missing"),
        ('[signer]\nkind = "vault"', "'vault' is not one of keystore, aws-kms, remote, key"),
        ('[signer]\nkind = "key"', "a key needs QUITTANCE_SIGNER_KEY"),
        (KEYSTORE + LIMIT, "a keystore needs QUITTANCE_SIGNER_PASSWORD"),
        (KMS.replace("eu-1", "") + LIMIT, "signer.region: '' is not text"),
        (KMS.replace('key_id = "alias/pay"', "") + LIMIT, "signer.key_id is missing"),
        (KMS.replace(f"{HOLDER}", "0x5e") + LIMIT, "signer.address: '0x5e' is not an address"),
        (KMS.replace("address", "#") + LIMIT, "signer.address is missing"),
        (KMS + 'endpoint_url = "none"\n' + LIMIT, "signer.endpoint_url: the value is not a URL"),
        (REMOTE.replace("https", "http") + LIMIT, "signer.url: the value is not an https URL"),
        (REMOTE.replace("https://", "https:///") + LIMIT, "the value is not an https URL"),
        (REMOTE.replace('authority = "/etc/ca.pem"', "") + LIMIT, "authority is missing"),
        (KMS + 'password = "hunter2"\n' + LIMIT, "signer.password: no such setting here"),
        (KMS + 'limit = "all"\n', "write each limit as a table [[signer.limit]]"),
        (KMS + LIMIT + LIMIT, f"asset {ASSET} of chain 31337 has two limits"),
        (KMS + LIMIT.replace('day = "7"', ""), "signer.limit[0]: day is missing"),
        (KMS + LIMIT.replace('"7"', "7"), "signer.limit[0]: day: 7 is not text"),
        (KMS + LIMIT.replace('"7"', '"-7"'), "day: '-7' is not a decimal string"),
        (KMS + LIMIT.replace('"7"', '"4"'), "transaction: 5 is more than the 4 of a day"),
        (KMS + LIMIT.replace("31337", "5"), "chain 5 is not configured"),
        (KMS + LIMIT.replace("asset", "token"), "signer.limit[0]: token: no such setting"),
    ],
)
def test_signer__something_wrong__told(tmp_path: Path, section: str, told: str) -> None:
    assert told in problems(tmp_path, section)


def test_signer__no_table__told(tmp_path: Path) -> None:
    (tmp_path / "quittance.toml").write_text("signer = 7")
    environ = {"QUITTANCE_CONFIG": str(tmp_path / "quittance.toml")}

    with pytest.raises(BadSettings, match="signer: write it as a table"):
        load_settings(environ, committed=lambda _: ())


def test_signer__key_in_the_environment_beside_another_kind__refused(tmp_path: Path) -> None:
    assert problems(tmp_path, KMS + LIMIT, SIGNER_KEY=KEY) == (
        "signer.kind: QUITTANCE_SIGNER_KEY is set too, but the key is of kind aws-kms"
    )


def test_signer__two_assets__a_limit_each(tmp_path: Path) -> None:
    signer = load(tmp_path, KMS + LIMIT + LIMIT.replace(str(ASSET), str(OTHER))).signer

    assert signer is not None
    assert [limit.asset for limit in signer.limits] == [ASSET, OTHER]


@pytest.mark.parametrize(
    ("section", "environ"),
    [
        ("", {"SIGNER_KEY": KEY}),
        (KEYSTORE + LIMIT, {"SIGNER_PASSWORD": "hunter2"}),
        (REMOTE + LIMIT, {"SIGNER_PASSWORD": "hunter2"}),
    ],
)
def test_signer__printed__no_secret(tmp_path: Path, section: str, environ: dict[str, Any]) -> None:
    settings = load(tmp_path, section, **environ)

    for shown in (repr(settings), str(settings), repr(settings.signer), str(settings.signer)):
        assert KEY not in shown
        assert "hunter" not in shown


@pytest.mark.parametrize(
    ("section", "environ"),
    [
        ("", {"SIGNER_KEY": KEY}),  # on a real chain
        (KEYSTORE, {"SIGNER_PASSWORD": "hunter2"}),
        (KMS + 'password = "hunter2"\n', {}),
        (KMS, {"SIGNER_KEY": KEY}),
        (REMOTE.replace("https", "ftp"), {"SIGNER_PASSWORD": "hunter2"}),
    ],
)
def test_signer__problems__no_secret(tmp_path: Path, section: str, environ: dict[str, Any]) -> None:
    told = problems(tmp_path, section, 1, **environ)

    assert KEY not in told
    assert "hunter" not in told
