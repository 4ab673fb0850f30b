"""What of an endpoint's address may be said aloud."""

import pytest

from indexer.adapters.endpoint_address import EndpointAddress
from indexer.errors import BadEndpoint

KEY = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://node", "node", "/"),
        ("https://node:8545/v3/x?a=b", "node:8545", "/v3/x?a=b"),
        ("http://user:word@node:1/", "node:1", "/"),
    ],
)
def test_of__parts__as_requests_need_them(url: str, host: str, path: str) -> None:
    address = EndpointAddress.of(url)

    assert (address.host, address.path) == (host, path)
    assert (address.authorization is None) == ("@" not in url)


@pytest.mark.parametrize("url", ["ws://node", "node:8545", "http://"])
def test_of__no_http_address__refused(url: str) -> None:
    with pytest.raises(BadEndpoint):
        EndpointAddress.of(url)


@pytest.mark.parametrize(
    ("url", "said", "told"),
    [
        (f"https://node/v3/{KEY}", f"/v3/{KEY.upper()} is no project", "/v3/*** is no project"),
        (f"https://node/?dkey={KEY}&network=base", f"key {KEY} on base", "key *** on base"),
        ("https://node/?token=a%2Fb%2Fc%2Fd", "a/b/c/d and a%2Fb%2Fc%2Fd", "*** and ***"),
        ("https://adm%40in:pass:word@node", "adm@in, pass:word", "***, ***"),
        ("https://node/v3/mainnet", "no v3 of mainnet", "no v3 of mainnet"),
        ("https://node", "", ""),
    ],
)
def test_without_secrets__what_an_endpoint_says__told_without_our_key(
    url: str, said: str, told: str
) -> None:
    assert EndpointAddress.of(url).without_secrets(said) == told


def test_repr__address__holds_no_key() -> None:
    address = EndpointAddress.of(f"https://user:{KEY}@node/{KEY}?key={KEY}")

    assert KEY not in repr(address)
    assert "node" in repr(address)
