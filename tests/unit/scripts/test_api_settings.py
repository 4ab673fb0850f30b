"""The section [api], and the terms of access that follow: scripts.api_settings, scripts.serve."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from api.rate_limits import Rate, Rates
from contracts.evm import ChainId
from scripts.api_settings import APISettings
from scripts.serve import access_of
from scripts.settings import BadSettings, Settings, load_settings

CHAIN = """
[[chain]]
id = 31337
name = "dev"
rpc = ["http://127.0.0.1:8545"]
start_block = 0
finality = { tag = "none", depth = 1 }
tokens = ["0x0707070707070707070707070707070707070707"]
"""


def load(directory: Path, text: str) -> Settings:
    config = directory / "quittance.toml"
    config.write_text(CHAIN + text)
    environ = {"QUITTANCE_CONFIG": str(config), "QUITTANCE_DATA_DIR": str(directory)}
    return load_settings(environ, committed=lambda _: ())


def problems(directory: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(BadSettings) as caught:
        load(directory, text)
    return caught.value.problems


def test_api__no_section__nothing_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, "").api is None


def test_api__domain_alone__safe_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, '[api]\ndomain = "pay.example"')

    assert settings.api == APISettings(
        domain="pay.example", origins=("https://pay.example",), is_secure=True, proxies=()
    )
    assert settings.api.rates == Rates(
        authentication=Rate(20), payments=Rate(120), reads=Rate(6_000)
    )


def test_api__everything__as_written(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [api]
        domain = "localhost:8080"
        origins = ["http://localhost:8080", "http://[::1]:8080"]
        secure_cookie = false
        proxies = ["10.0.0.0/8", "fd00::/8"]
        authentication_per_minute = 5
        payments_per_minute = "unlimited"
        reads_per_minute = 7
        """,
    )

    assert settings.api == APISettings(
        domain="localhost:8080",
        origins=("http://localhost:8080", "http://[::1]:8080"),
        is_secure=False,
        proxies=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
        rates=Rates(authentication=Rate(5), payments=None, reads=Rate(7)),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api = 1", "api: write it as a table [api]"),
        ("[api]\nhost = 'x'", "api.host: no such setting here"),
        ("[api]\ndomain = 'https://pay.example'", "api.domain: 'https://pay.example' is not a"),
        ("[api]\ndomain = 'user@pay.example'", "api.domain: 'user@pay.example' is not a host"),
        ("[api]\ndomain = 'Pay.example'", "api.domain: 'Pay.example' is not a host in lower case"),
        ("[api]\ndomain = ''", "api.domain: '' is not text"),
        ("[api]\norigins = ['https://pay.example']", "api.origins: there is no domain"),
        ("[api]\ndomain = 'a'\norigins = []", "api.origins: [] is not a list of 1 or more"),
        ("[api]\ndomain = 'a'\norigins = ['*']", "api.origins: '*' is not an origin"),
        ("[api]\ndomain = 'a'\norigins = ['https://a/']", "'https://a/' is not an origin"),
        ("[api]\ndomain = 'a'\norigins = ['https://A']", "'https://A' is not an origin"),
        ("[api]\ndomain = 'a'\norigins = ['ftp://a']", "'ftp://a' is not an origin"),
        ("[api]\ndomain = 'a'\norigins = ['http://a.example']", "use https, or a page of this"),
        ("[api]\ndomain = 'a'\nsecure_cookie = false", "api.secure_cookie: false only where"),
        ("[api]\nsecure_cookie = false", "api.secure_cookie: false only where"),
        ("[api]\nsecure_cookie = 0", "api.secure_cookie: 0 is neither true nor false"),
        ("[api]\nproxies = ['10.0.0.1/8']", "api.proxies: 10.0.0.1/8 has host bits set"),
        ("[api]\nproxies = ['any']", "api.proxies: 'any' does not appear to be"),
        ("[api]\nreads_per_minute = 0", "api.reads_per_minute: 0 is not a whole number from 1"),
        ("[api]\nauthentication_per_minute = 'unlimited'", "'unlimited' is not a whole number"),
    ],
)
def test_api__wrong__told_by_name(tmp_path: Path, text: str, said: str) -> None:
    # A bare key must stand before the first table.
    config = tmp_path / "quittance.toml"
    config.write_text(text + "\n" + CHAIN if text.startswith("api") else CHAIN + text)
    environ = {"QUITTANCE_CONFIG": str(config), "QUITTANCE_DATA_DIR": str(tmp_path)}
    with pytest.raises(BadSettings) as caught:
        load_settings(environ, committed=lambda _: ())

    assert any(said in one for one in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(("host", "domain"), [("127.0.0.1", "127.0.0.1:81"), ("::1", "[::1]:81")])
def test_access__development_on_this_machine__sign_in_to_the_address(
    tmp_path: Path, host: str, domain: str
) -> None:
    access = access_of(load(tmp_path, ""), host, 81)

    assert (access.domain, access.origins) == (domain, (f"http://{domain}",))
    assert not access.is_secure
    assert access.cookie_name == "quittance"
    assert access.wallets is not None


def test_access__nothing_configured_but_others_listen_or_pay__nobody_signs_in(
    tmp_path: Path,
) -> None:
    settings = load(tmp_path, "")
    (chain,) = settings.chains
    main = replace(settings, chains=(replace(chain, id=ChainId(8453)),))

    for access in (access_of(settings, "0.0.0.0", 81), access_of(main, "127.0.0.1", 81)):  # noqa: S104
        assert (access.domain, access.origins, access.is_secure) == (None, (), True)


def test_access__configured__as_the_section_says(tmp_path: Path) -> None:
    settings = load(tmp_path, '[api]\ndomain = "pay.example"\nproxies = ["10.0.0.0/8"]')

    access = access_of(replace(settings, broker_url="redis://r"), "127.0.0.1", 81)

    assert (access.domain, access.is_secure) == ("pay.example", True)
    assert access.proxies == (ip_network("10.0.0.0/8"),)
    assert access.redis_url == "redis://r"
    assert "redis://r" not in repr(access)
