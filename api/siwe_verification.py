"""Whether a sign-in message is meant for this server, for one of its chains, and for now.

A message must be younger than the nonce that it names can be, whatever it says of its own end:

        issued - skew        issued                  issued + NONCE_LIFE + skew
    ────────┼──────────────────┼──────────────────────────────┼────────►  now
            └──────────────────── accepted ───────────────────┘
                      not before ├────────┤ expiration          (where it says so)

The nonce itself and the signature are not judged here: the database knows the one, a key or a
contract wallet the other.

Source: EIP-4361, "Verifying a signed Message".
"""

from collections.abc import Collection
from dataclasses import dataclass

from api.errors import SignInRefused
from api.siwe import SignInMessage
from api.siwe_grammar import NANOSECONDS, instant_ns, origin_of
from contracts.evm import ChainId, Timestamp

NONCE_LIFE_S = 600
CLOCK_SKEW_S = 60
"""How far the clock of a wallet may be ahead of ours, or behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInTerms:
    """What a message must say: the domain, one of the chains, a URI of one of the origins."""

    domain: str
    origins: Collection[str]
    chain_ids: Collection[ChainId]


def require_terms(message: SignInMessage, terms: SignInTerms, now: Timestamp) -> None:
    """Compare a message with what it must say.

    Raises:
        SignInRefused: with the first field that says something else.
    """
    if message.domain != terms.domain:
        raise _refused("domain", message.domain, f"this server's, which is {terms.domain}")
    if message.scheme is not None:
        origin = f"{message.scheme.lower()}://{message.domain}"
        if origin not in terms.origins:
            raise _refused("scheme", message.scheme, "that of an origin of this server")
    if origin_of(message.uri) not in terms.origins:
        raise _refused("uri", message.uri, "of an origin of this server")
    if message.chain_id not in terms.chain_ids:
        served = ", ".join(map(str, sorted(terms.chain_ids))) or "none"
        raise _refused("chain_id", str(message.chain_id), f"served here ({served})")
    _require_time(message, now)


def _require_time(message: SignInMessage, now: Timestamp) -> None:
    now_ns = now * NANOSECONDS
    age_ns = now_ns - _ns(message.issued_at)
    if age_ns < -CLOCK_SKEW_S * NANOSECONDS:
        raise _refused("issued_at", message.issued_at, "past")
    if age_ns >= (NONCE_LIFE_S + CLOCK_SKEW_S) * NANOSECONDS:
        raise _refused("issued_at", message.issued_at, f"of the last {NONCE_LIFE_S} seconds")
    if message.not_before is not None and now_ns < _ns(message.not_before):
        raise _refused("not_before", message.not_before, "past")
    if message.expiration_time is not None and now_ns >= _ns(message.expiration_time):
        raise _refused("expiration_time", message.expiration_time, "to come")


def _ns(moment: str) -> int:
    instant = instant_ns(moment)
    if instant is None:
        raise ValueError(f"{moment!r} was not read by the parser")
    return instant


def _refused(field: str, value: str, wanted: str) -> SignInRefused:
    return SignInRefused(
        f"message.{field}: {value!r} is not {wanted}", field=f"message.{field}", value=value
    )
