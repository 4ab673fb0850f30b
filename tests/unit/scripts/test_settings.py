"""What a configuration may say, and how everything that is wrong with it is told at once.

Subjects: scripts.settings, scripts.setting_values.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.addresses import Settlement, settlements_to_json
from contracts.event_spec import ContractName
from contracts.evm import Address, ChainId
from indexer.chain_profiles import CHAIN_PROFILES
from scripts.settings import BadSettings, Settings, load_settings
from tests.royalties_builders import SETTLEMENT

CHAIN = """
[[chain]]
id = 31337
name = "dev"
rpc = ["http://127.0.0.1:8545"]
start_block = 3
finality = { tag = "finalized", depth = 12 }
addresses = "addresses.json"
"""
TOKEN, OTHER_TOKEN = SETTLEMENT.tokens[0], Address(b"\x07" * 20)
TOKENS_ONLY = CHAIN.replace('addresses = "addresses.json"', f'tokens = ["{OTHER_TOKEN}"]')
PROFILES = [profile.name for profile in CHAIN_PROFILES]
KEY = "0x" + "51" * 32


def never_committed(_: ChainId) -> tuple[Settlement, ...]:
    return ()


def load(
    directory: Path,
    text: str = CHAIN,
    *,
    committed: tuple[Settlement, ...] = (),
    **environ: str,
) -> Settings:
    """Settings of a file in a directory, beside the addresses of the sample settlement."""
    (directory / "addresses.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = directory / "quittance.toml"
    config.write_text(text)
    variables = {f"QUITTANCE_{name}": value for name, value in environ.items()}
    return load_settings(
        {"QUITTANCE_CONFIG": str(config), "QUITTANCE_DATA_DIR": str(directory)} | variables,
        committed=lambda _: committed,
    )


def problems(directory: Path, text: str = CHAIN, **environ: str) -> tuple[str, ...]:
    with pytest.raises(BadSettings) as caught:
        load(directory, text, committed=(), **environ)
    return caught.value.problems


def test_settings__no_configuration__no_chains(tmp_path: Path) -> None:
    settings = load_settings({"QUITTANCE_DATA_DIR": str(tmp_path)}, committed=never_committed)

    assert settings == Settings(
        data_directory=tmp_path,
        database_url=None,
        broker_url=None,
        chains=(),
        signer=None,
        fee_per_gas_wei_max=None,
        poll_interval_ms=1_000,
        api_host="127.0.0.1",
        api_port=0,
    )


def test_settings__one_chain__as_written(tmp_path: Path) -> None:
    settings = load(tmp_path)

    (chain,) = settings.chains
    assert (chain.id, chain.name, chain.start_block) == (31337, "dev", 3)
    assert chain.rpc == ("http://127.0.0.1:8545",)
    assert (chain.finality_tag, chain.finality_depth_blocks) == ("finalized", 12)
    assert settings.settlements == (SETTLEMENT,)


def test_settings__indexing__receipts_on_two_workers_unless_told(tmp_path: Path) -> None:
    (chain,) = load(tmp_path).chains

    assert (chain.verify, chain.profile, chain.workers) == ("receipts", "ethereum", 2)
    assert chain.tokens == ()


def test_settings__indexing__as_written(tmp_path: Path) -> None:
    text = CHAIN + 'verify = "headers"\nprofile = "hyperevm"\nworkers = 7'

    (chain,) = load(tmp_path, text).chains

    assert (chain.verify, chain.profile, chain.workers) == ("headers", "hyperevm", 7)


@pytest.mark.parametrize(
    ("chain_id", "profile"),
    [
        (1, "ethereum"),
        (25, "cronos"),
        (137, "polygon"),
        (999, "hyperevm"),
        (42161, "arbitrum"),
        (10, "optimism"),
        (8453, "base"),
    ],
)
def test_settings__profile__that_of_the_chain_id(
    tmp_path: Path, chain_id: int, profile: str
) -> None:
    text = TOKENS_ONLY.replace("id = 31337", f"id = {chain_id}")

    (chain,) = load(tmp_path, text).chains

    assert chain.profile == profile


def test_settings__several_problems__all_reported_with_field_and_value(tmp_path: Path) -> None:
    text = """
    api_host = 5
    poll_interval_ms = true

    [[chain]]
    id = "31337"
    rpc = "http://127.0.0.1:8545"
    start_block = -1
    finality = { tag = "safe" }

    [[chain]]
    id = 7
    name = ""
    rpc = []
    start_block = 1.5
    finality = "finalized"
    addresses = "missing.json"
    tokens = ["0x12"]
    verify = "bloom"
    profile = "etherium"
    workers = -1
    """

    found = problems(tmp_path, text, API_PORT="70000", SIGNER_KEY_FILE="/nowhere")

    missing = tmp_path / "missing.json"
    assert sorted(found) == sorted(
        (
            "QUITTANCE_SIGNER_KEY_FILE: /nowhere: No such file or directory",
            "api_host: 5 is not text",
            "api_port: 70000 is not at most 65535",
            "poll_interval_ms: True is not a whole number",
            "chain[0]: id: '31337' is not a whole number from 1",
            "chain[0]: name is missing",
            "chain[0]: rpc: the value is not a list of 1 or more texts",
            "chain[0]: start_block: -1 is not a whole number from 0",
            "chain[0]: finality.tag: 'safe' is neither finalized nor none",
            "chain[0]: finality.depth is missing",
            "chain[1]: name: '' is not text",
            "chain[1]: rpc: [] is not a list of 1 or more texts",
            "chain[1]: start_block: 1.5 is not a whole number from 0",
            "chain[1]: finality: 'finalized' is not a table",
            "chain[1]: tokens: '0x12': address has 20 bytes, not 1",
            "chain[1]: verify: 'bloom' is not one of none, headers, receipts",
            f"chain[1]: profile: 'etherium' is not one of {', '.join(PROFILES)}",
            "chain[1]: workers: -1 is not a whole number from 0",
            f"chain[1]: addresses: [Errno 2] No such file or directory: '{missing}'",
        )
    )


@pytest.mark.parametrize(
    "field", ["id", "name", "rpc", "start_block", "finality", "addresses", "finality.depth"]
)
def test_settings__missing_field__named(tmp_path: Path, field: str) -> None:
    lines = [line for line in CHAIN.splitlines() if not line.startswith(f"{field} =")]
    text = "\n".join(lines).replace(
        ", depth = 12", "" if field == "finality.depth" else ", depth = 12"
    )

    assert problems(tmp_path, text) == (f"chain[0]: {field} is missing",)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("id = 31337", "id = true", "id: True is not a whole number from 1"),
        ("id = 31337", "id = 0", "id: 0 is not a whole number from 1"),
        ("start_block = 3", "start_block = false", "start_block: False is not a whole number"),
        ("start_block = 3", 'start_block = "3"', "start_block: '3' is not a whole number"),
        ("depth = 12", 'depth = "12"', "finality.depth: '12' is not a whole number"),
        ('tag = "finalized"', 'tag = "latest"', "finality.tag: 'latest' is neither"),
        ('tag = "finalized"', "tag = [1]", "finality.tag: [1] is not text"),
        ('tag = "finalized", ', "", "finality.tag is missing"),
        ('["http://127.0.0.1:8545"]', "[1]", "rpc: [1] is not a list"),
        ('8545"]', '8545", "ws://node"]', "rpc: number 2 is not an http or https URL"),
        ("http://127.0.0.1:8545", "127.0.0.1:8545", "rpc: number 1 is not an http or https URL"),
        ("http://127.0.0.1:8545", "http://node:no", "rpc: number 1 is not an http or https URL"),
        ("http://127.0.0.1:8545", "http:///key", "rpc: number 1 is not an http or https URL"),
        ("start_block = 3", "start_block = 3\nverify = 2", "verify: 2 is not one of none, headers"),
        ("start_block = 3", "start_block = 3\nworkers = true", "workers: True is not a whole"),
        ("id = 31337", "id = 5", "addresses: they are of chain 31337, not 5"),
        ('"addresses.json"', "7", "addresses: 7 is not text"),
    ],
)
def test_settings__wrong_value__named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    (found,) = problems(tmp_path, CHAIN.replace(old, new))

    assert found.startswith(f"chain[0]: {problem}")


@pytest.mark.parametrize("text", ["chain = 5", "[chain]\nid = 1", "chain = [1]"])
def test_settings__chain_not_a_list_of_tables__told(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ("chain: write each chain as a table [[chain]]",)


def test_settings__same_chain_twice__told(tmp_path: Path) -> None:
    assert problems(tmp_path, CHAIN + CHAIN) == (
        "chain: id 31337 is configured twice",
        "chain: two settlements are named 'test'",
    )


def test_settings__empty_table__every_field_missed(tmp_path: Path) -> None:
    text = CHAIN.replace('{ tag = "finalized", depth = 12 }', "{}")

    assert problems(tmp_path, text) == (
        "chain[0]: finality.tag is missing",
        "chain[0]: finality.depth is missing",
    )


def test_settings__file_that_is_not_toml__named(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "[[chain")

    assert found.startswith(f"{tmp_path / 'quittance.toml'}: ")


def test_settings__named_file_missing__named(tmp_path: Path) -> None:
    path = str(tmp_path / "absent.toml")

    with pytest.raises(BadSettings, match=r"absent\.toml: .*No such file"):
        load_settings({"QUITTANCE_CONFIG": path}, committed=never_committed)


def test_settings__environment__wins_over_the_file(tmp_path: Path) -> None:
    text = """
    database_url = "postgresql://file/books"
    broker_url = "redis://file"
    poll_interval_ms = 250
    fee_per_gas_wei_max = 5
    api_host = "0.0.0.0"
    """

    settings = load(
        tmp_path, text, DATABASE_URL="postgresql://env/books", POLL_INTERVAL_MS="100", API_HOST=""
    )

    assert settings.database_url == "postgresql://env/books"
    assert settings.poll_interval_ms == 100
    assert (settings.broker_url, settings.fee_per_gas_wei_max) == ("redis://file", 5)
    assert settings.api_host == "0.0.0.0"  # noqa: S104 - an empty variable is none


@pytest.mark.parametrize(
    ("text", "environ", "problem"),
    [
        ('poll_interval_ms = "250"', {}, "poll_interval_ms: '250' is not a whole number"),
        ("", {"POLL_INTERVAL_MS": "fast"}, "poll_interval_ms: 'fast' is not a whole number"),
        ("", {"POLL_INTERVAL_MS": "0"}, "poll_interval_ms: 0 is not at least 1"),
        ("poll_interval_ms = 0", {}, "poll_interval_ms: 0 is not at least 1"),
        ("forget_unpaid_days = 6", {}, "forget_unpaid_days: 6 is not at least 7"),
        ("", {"FEE_PER_GAS_WEI_MAX": "1.5"}, "fee_per_gas_wei_max: '1.5' is not a whole number"),
        ("", {"FEE_PER_GAS_WEI_MAX": "-1"}, "fee_per_gas_wei_max: '-1' is not a whole number"),
    ],
)
def test_settings__wrong_number__named(
    tmp_path: Path, text: str, environ: dict[str, str], problem: str
) -> None:
    assert problems(tmp_path, text, **environ) == (problem,)


def test_settings__database_url_of_another_kind__told_without_the_value(tmp_path: Path) -> None:
    found = problems(tmp_path, DATABASE_URL="mysql://me:hunter2@host/books")

    assert found == ("database_url: the value does not begin with postgresql://",)


@pytest.mark.parametrize("place", ["host:hunter2", "[::1"])
def test_settings__database_url_without_a_port__told_without_the_value(
    tmp_path: Path, place: str
) -> None:
    found = problems(tmp_path, DATABASE_URL=f"postgresql://{place}/books")

    assert found == ("database_url: host or port of the value are not those of a URL",)


def test_settings__database_url_of_a_socket__as_written(tmp_path: Path) -> None:
    url = "postgresql:///books?host=%2Ftmp%2Fsocket&port=5432"

    assert load(tmp_path, DATABASE_URL=url).database_url == url


def test_settings__addresses__relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert load(tmp_path).settlements == (SETTLEMENT,)


def test_settings__committed_chain__needs_no_addresses(tmp_path: Path) -> None:
    text = CHAIN.replace('addresses = "addresses.json"', "")

    assert load(tmp_path, text, committed=(SETTLEMENT,)).settlements == (SETTLEMENT,)


def test_settings__committed_chain__cannot_be_overridden(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, committed=(replace(SETTLEMENT, name="committed"),))

    assert caught.value.problems == (
        "chain[0]: addresses: chain 31337 is in the committed address book",
    )


def test_settings__tokens__of_the_chain_and_each_once(tmp_path: Path) -> None:
    settings = load(tmp_path, CHAIN + f'tokens = ["{OTHER_TOKEN}", "{TOKEN}", "{OTHER_TOKEN}"]')

    (chain,) = settings.chains
    assert chain.tokens == (OTHER_TOKEN, TOKEN)
    assert chain.settlements == (SETTLEMENT,)
    assert chain.sources() == SETTLEMENT.sources() | {OTHER_TOKEN: ContractName.ERC20}


def test_settings__tokens_alone__indexable_without_settlement(tmp_path: Path) -> None:
    (chain,) = load(tmp_path, TOKENS_ONLY).chains

    assert chain.settlements == ()
    assert chain.sources() == {OTHER_TOKEN: ContractName.ERC20}


def test_settings__no_tokens_and_no_addresses__nothing_to_index(tmp_path: Path) -> None:
    text = TOKENS_ONLY.replace(f'"{OTHER_TOKEN}"', "")

    assert problems(tmp_path, text) == ("chain[0]: addresses is missing",)


def test_settings__token_that_is_a_contract_of_the_settlement__told(tmp_path: Path) -> None:
    payouts = SETTLEMENT.payouts

    assert problems(tmp_path, CHAIN + f'tokens = ["{payouts}"]') == (
        f"chain[0]: tokens: '{payouts}' is the EpochPayouts of settlement 'test'",
    )


@pytest.mark.parametrize(
    ("password", "is_taken"),
    [
        ("hunter2", True),
        ("hunter%32", True),
        ("hunter%2", False),
        ("hunter%zz", False),
        ("hunter@2", False),
        ("hunter 2", False),
        ("hunter\t2", False),
    ],
)
def test_settings__database_password_that_libpq_would_repeat__refused_and_not_repeated(
    tmp_path: Path, password: str, *, is_taken: bool
) -> None:
    """What it cannot decode stands in its message, and what follows the first @ is the host."""
    url = f"postgresql://me:{password}@host/books"
    if is_taken:
        assert load(tmp_path, DATABASE_URL=url).database_url == url
        return

    found = problems(tmp_path, DATABASE_URL=url)

    assert found == (
        "database_url: in user and password write % as %25, @ as %40 and a space as %20",
    )


@pytest.mark.parametrize(
    "text",
    [
        'database_url = ["postgresql://me:hunter2@host/books"]',
        'broker_url = { url = "redis://:hunter2@host" }',
        'poll_interval_ms = "redis://:hunter2@host"',
        'signer = { kind = ["https://signer.example/hunter2"] }',
        CHAIN.replace("http://127.0.0.1:8545", "http://node.example/hunter2").replace(
            '["http://node.example/hunter2"]', '"http://node.example/hunter2"'
        ),
        CHAIN.replace('["http://127.0.0.1:8545"]', '[["node.example/hunter2"]]'),
    ],
)
def test_settings__address_of_the_wrong_type_or_place__told_without_it(
    tmp_path: Path, text: str
) -> None:
    found = problems(tmp_path, text)

    assert found
    assert not any("hunter2" in one for one in found), found


def test_settings__secret_file_of_bytes__told_without_the_bytes(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(b"\xff\xfe\x51")

    assert problems(tmp_path, SIGNER_KEY_FILE=str(secret)) == (
        f"QUITTANCE_SIGNER_KEY_FILE: {secret}: not text",
    )


def test_settings__printed__no_secret(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        CHAIN.replace("127.0.0.1:8545", "node/hunter3"),
        SIGNER_KEY=KEY,
        DATABASE_URL="postgresql://me:hunter2@host/books",
        BROKER_URL="redis://:hunter4@host",
    )

    for shown in (repr(settings), str(settings), f"{settings.signer}{settings.signer!r}"):
        assert KEY not in shown
        assert "hunter" not in shown
