"""The section `[policy]`: nothing has a default, and everything that is wrong is told at once."""

import tomllib
from pathlib import Path

import pytest

from contracts.evm import Address, ChainId
from scripts.errors import NotConfigured
from scripts.policy_settings import PolicySettings, policy_of, policy_settings
from scripts.setting_values import TopLevel
from scripts.settings import load_settings
from settlement.payouts.policy_terms import AssetPolicy

ANN, BEN, USD = (Address(bytes([n]) * 20) for n in (0xA1, 0xA2, 0x01))
BASE, DEV = ChainId(8453), ChainId(31337)
ASSET = f"""
[[policy.asset]]
chain = 8453
asset = "{USD}"
minimum = "10"
kyc_window_s = 2592000
kyc_max = ["500", "unlimited"]
velocity_window_s = 3600
velocity_max = "20"
payee_day_max = "1000"
settlement_day_max = "unlimited"
unapproved_max = "250"
"""
SECTION = f"""
[policy]
approvers = {{ ann = "{ANN}", ben = "{BEN}" }}
chain_hold_margin_s = 86400
"""
WHOLE = SECTION + ASSET


def read(text: str) -> tuple[PolicySettings | None, list[str]]:
    problems: list[str] = []
    reader = TopLevel(tomllib.loads(text), {}, problems)
    return policy_settings(reader, (BASE, DEV)), problems


def test_policy__whole__every_number_as_written() -> None:
    settings, problems = read(WHOLE)

    assert problems == []
    policy = policy_of(settings, BASE)
    assert policy is not None
    assert policy.assets == {
        USD: AssetPolicy(
            minimum_units=10,
            kyc_window_s=2_592_000,
            kyc_units_max=(500, None),
            velocity_window_s=3_600,
            velocity_lines_max=20,
            payee_day_units_max=1_000,
            settlement_day_units_max=None,
            unapproved_units_max=250,
        )
    }
    assert (policy.approvers, policy.chain_hold_margin_s) == (frozenset({ANN, BEN}), 86_400)
    assert settings is not None
    assert settings.approvers == {ANN: "ann", BEN: "ben"}


def test_policy__section_without_the_asset_of_a_chain__nothing_of_it_is_allowed() -> None:
    settings, _ = read(WHOLE)

    policy = policy_of(settings, DEV)

    assert policy is not None
    assert policy.assets == {}


def test_policy__no_section__off_on_development_chains_only() -> None:
    settings, problems = read("")

    assert (settings, problems) == (None, [])
    assert policy_of(settings, DEV) is None
    with pytest.raises(NotConfigured, match="chain 8453"):
        policy_of(settings, BASE)


@pytest.mark.parametrize("line", [line for line in ASSET.splitlines() if " = " in line])
def test_policy__any_line_of_an_asset_left_out__told(line: str) -> None:
    _, problems = read(WHOLE.replace(line, ""))

    assert f"policy.asset[0]: {line.partition(' = ')[0]} is missing" in problems


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (SECTION, "policy = 1", "policy: write it as a table [policy]"),
        ("chain_hold_margin_s = 86400", "", "policy.chain_hold_margin_s is missing"),
        (
            "chain_hold_margin_s = 86400",
            "chain_hold_margin_s = 0",
            "policy.chain_hold_margin_s: 0 is not a whole number from 1",
        ),
        (f', ben = "{BEN}"', "", "policy.approvers: 1 cannot approve, it takes 2"),
        (
            f'ben = "{BEN}"',
            f'ben = "{ANN}"',
            "policy.approvers.ben: has the key of ann",
        ),
        (
            f'ben = "{BEN}"',
            'ben = "0x1"',
            "policy.approvers.ben: '0x1' is not an address (0x and 40 hexadecimal digits)",
        ),
        ("[[policy.asset]]", "[policy.asset]", "policy.asset: write each asset as a table"),
        (
            "chain = 8453",
            "chain = 1",
            "policy.asset[0]: chain: no payouts are configured on chain 1",
        ),
        (
            'minimum = "10"',
            'minimum = "unlimited"',
            "policy.asset[0]: minimum: a minimum cannot be unlimited",
        ),
        (
            'minimum = "10"',
            "minimum = 10",
            "policy.asset[0]: minimum: 10 is not text",
        ),
        (
            'velocity_max = "20"',
            'velocity_max = "2.0"',
            "policy.asset[0]: velocity_max: '2.0' is not a decimal string below 2^256, "
            'nor "unlimited"',
        ),
        (
            'kyc_max = ["500", "unlimited"]',
            "kyc_max = []",
            "policy.asset[0]: kyc_max: [] is not a list of 1 or more texts",
        ),
        (
            "kyc_window_s = 2592000",
            "kyc_window_s = 0",
            "policy.asset[0]: kyc_window_s: 0 is not a whole number from 1",
        ),
        (
            f'asset = "{USD}"',
            'asset = "usd"',
            "policy.asset[0]: asset: 'usd' is not an address (0x and 40 hexadecimal digits)",
        ),
        ("[policy]", "[policy]\noff = true", "policy.off: no such setting here; known: "),
        (
            'minimum = "10"',
            'minimum = "10"\nminimun = "1"',
            "policy.asset[0]: minimun: no such setting here; known: ",
        ),
        (ASSET, ASSET + ASSET, f"policy.asset[1]: asset: asset {USD} of chain 8453 has a policy"),
    ],
)
def test_policy__wrong__told_with_field_and_value(old: str, new: str, problem: str) -> None:
    text = new if new == "policy = 1" else WHOLE.replace(old, new)
    assert text != WHOLE

    _, problems = read(text)

    assert any(one.startswith(problem) for one in problems), problems


def test_policy__nothing_waits_for_approval__needs_no_approvers() -> None:
    text = WHOLE.replace('unapproved_max = "250"', 'unapproved_max = "unlimited"')

    _, problems = read(text.replace(f'ann = "{ANN}", ben = "{BEN}"', ""))

    assert problems == []


def test_settings__policy__read_with_everything_else(tmp_path: Path) -> None:
    config = tmp_path / "quittance.toml"
    config.write_text("policy = 1\n")

    with pytest.raises(ValueError, match=r"policy: write it as a table \[policy\]"):
        load_settings({"QUITTANCE_CONFIG": str(config), "QUITTANCE_DATA_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    ("written", "are_signed", "said"),
    [
        ("", False, []),
        ("signed_documents = false", False, []),
        ("signed_documents = true", True, []),
        ('signed_documents = "yes"', False, ["policy.signed_documents: is neither true nor false"]),
    ],
)
def test_policy__signed_documents__off_unless_it_says_so(
    written: str, are_signed: bool, said: list[str]
) -> None:
    settings, problems = read(SECTION + written + ASSET)

    assert settings is not None
    assert (settings.are_documents_signed, problems) == (are_signed, said)


def test_policy__signed_documents_and_one_approver__refused() -> None:
    one = SECTION.replace(f', ben = "{BEN}"', "") + "signed_documents = true\n"

    _, problems = read(one)

    assert problems == ["policy.approvers: 1 cannot approve, it takes 2"]
