"""What the composition root says about access: where to sign in, and how often anyone may ask.

By default nobody can sign in, nobody's proxy is believed, and every class of endpoints is limited.
"""

from dataclasses import dataclass, field

from api.auth_signatures import ContractWallets
from api.rate_limits import Rates
from api.rate_limits_clients import Network
from api.sessions import SESSION_LIFE_S

_COOKIE = "quittance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Terms of access.

    Who signs in signs for `domain` (an RFC 3986 authority), on a page of one of `origins`
    (`https://…`, lower case); without a domain nobody can. Pages of `origins` may read answers, and
    change things in their visitor's name. Cookies that are not secure are for development on this
    machine only. Without `wallets` contract wallets cannot sign in; without `redis_url` each
    process counts requests for itself.
    """

    domain: str | None = None
    origins: tuple[str, ...] = ()
    is_secure: bool = True
    proxies: tuple[Network, ...] = ()
    rates: Rates = field(default_factory=Rates)
    redis_url: str | None = field(default=None, repr=False)
    wallets: ContractWallets | None = None

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that holds a session's token."""
        return f"__Host-{_COOKIE}" if self.is_secure else _COOKIE

    def cookie_of(self, token: str) -> bytes:
        """The cookie as a header's value; an empty token takes it back."""
        life_s = SESSION_LIFE_S if token else 0
        secure = "; Secure" if self.is_secure else ""
        return (
            f"{self.cookie_name}={token}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"
        ).encode()
