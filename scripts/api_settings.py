"""The section `[api]`: where people sign in, who is believed about clients, how often one may ask.

    [api]
    domain = "pay.example"                  # what a wallet shows; without it nobody can sign in
    origins = ["https://pay.example"]       # pages that may act for their visitors; this by default
    secure_cookie = true                    # false only where every origin is on this machine
    proxies = ["10.0.0.0/8"]                # whose X-Forwarded-For is believed; nobody's by default
    authentication_per_minute = 20          # a client's; the others may be "unlimited"
    payments_per_minute = 120
    reads_per_minute = 6000

Without the section, where only development chains are configured and the API listens on this
machine alone, people sign in to the address that it listens on.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from api.rate_limits import Rate, Rates
from api.rate_limits_clients import Network
from api.siwe_grammar import is_authority, origin_of
from scripts.setting_values import Table, TopLevel

UNLIMITED = "unlimited"
_FIELDS = {
    *("domain", "origins", "secure_cookie", "proxies"),
    *("authentication_per_minute", "payments_per_minute", "reads_per_minute"),
}
_DEFAULT = Rates()


@dataclass(frozen=True, slots=True, kw_only=True)
class APISettings:
    """What the section says; `domain` is None where it is absent."""

    domain: str | None = None
    origins: tuple[str, ...] = ()
    is_secure: bool = True
    proxies: tuple[Network, ...] = ()
    rates: Rates = field(default_factory=Rates)


def api_settings(reader: TopLevel) -> APISettings:
    """Read the section."""
    content = reader.document.get("api", {})
    if not isinstance(content, dict):
        reader.problems.append("api: write it as a table [api]")
        return APISettings()
    section = Table("api.", content, reader.problems)
    for name in sorted(section.content.keys() - _FIELDS):
        section.reject(name, f"no such setting here; known: {', '.join(sorted(_FIELDS))}")
    domain = _domain(section)
    origins = _origins(section, domain)
    return APISettings(
        domain=domain,
        origins=origins,
        is_secure=_is_secure(section, origins),
        proxies=_proxies(section),
        rates=Rates(
            authentication=_rate(section, "authentication_per_minute") or _DEFAULT.authentication,
            payments=_rate(section, "payments_per_minute", _DEFAULT.payments),
            reads=_rate(section, "reads_per_minute", _DEFAULT.reads),
        ),
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _domain(section: Table) -> str | None:
    if "domain" not in section.content:
        return None
    domain = section.text("domain")
    if domain and (not is_authority(domain) or "@" in domain or domain != domain.lower()):
        section.reject("domain", f"{domain!r} is not a host in lower case, with or without port")
    return domain or None


def _origins(section: Table, domain: str | None) -> tuple[str, ...]:
    if "origins" not in section.content:
        return () if domain is None else (f"https://{domain}",)
    if domain is None:
        section.reject("origins", "there is no domain that their visitors could sign in to")
    origins = tuple(section.texts("origins", least=1))
    for origin in origins:
        is_web = origin.startswith(("http://", "https://"))
        if not is_web or origin_of(origin) != origin or "@" in origin:
            section.reject("origins", f"{origin!r} is not an origin (https://host in lower case)")
        elif origin.startswith("http://") and not _is_local(origin):
            section.reject("origins", f"{origin!r}: use https, or a page of this machine")
    return origins


def _is_secure(section: Table, origins: tuple[str, ...]) -> bool:
    value = section.content.get("secure_cookie", True)
    if not isinstance(value, bool):
        section.reject("secure_cookie", f"{value!r} is neither true nor false")
    elif not value and not (origins and all(map(_is_local, origins))):
        section.reject("secure_cookie", "false only where every origin is http on this machine")
    return value is not False


def _proxies(section: Table) -> tuple[Network, ...]:
    networks = []
    for text in section.texts("proxies") if "proxies" in section.content else ():
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            section.reject("proxies", str(error))
    return tuple(networks)


def _rate(section: Table, name: str, default: Rate | None = None) -> Rate | None:
    if name not in section.content:
        return default
    if section.content[name] == UNLIMITED and default is not None:
        return None
    return Rate(section.whole(name, least=1) or 1)


def _is_local(origin: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme == "http" and parts.hostname is not None and is_loopback(parts.hostname)
