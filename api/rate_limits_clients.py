"""Who a request is counted for: the account of a session that was verified here, or the peer.

A peer is an IPv4 address or the /64 of an IPv6 address, since one subscriber has all of that. What
a proxy says of its client counts only if the proxy is one of ours: of `X-Forwarded-For` the last
address that is not a trusted proxy. Signing in is always counted for the peer, because accounts
cost nothing.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Network = IPv4Network | IPv6Network

_NOBODY = "local"
_PREFIX_BITS = 64
_ADDRESSES_KEPT = 4_096
_FORWARDED = b"x-forwarded-for"


class Peers:
    """Names peers; `proxies` are the networks whose word counts."""

    def __init__(self, proxies: Iterable[Network] = ()) -> None:
        self._proxies = tuple(proxies)
        self._name = lru_cache(_ADDRESSES_KEPT)(peer_name)

    def peer(self, scope: Mapping[str, Any]) -> str:
        """The peer of a request; one name for all that come without an address."""
        client = scope.get("client")
        if not client:
            return _NOBODY
        host = client[0]
        if self._proxies and self._is_proxy(host):
            host = self._forwarded_for(scope["headers"]) or host
        return self._name(host)

    def _forwarded_for(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The last address that no proxy of ours has; None where there is none to be believed."""
        said = b",".join(value for name, value in headers if name == _FORWARDED)
        for text in reversed(said.decode("latin-1").split(",")):
            host = text.strip()
            if _address(host) is None:
                return None
            if not self._is_proxy(host):
                return host
        return None

    def _is_proxy(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._proxies)


def peer_name(host: str) -> str:
    """How a peer is counted; what is no address counts as it is written."""
    address = _address(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _PREFIX_BITS), strict=False))
    return host if address is None else str(address)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
