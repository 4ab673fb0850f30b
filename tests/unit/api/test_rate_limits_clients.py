"""Who a request is counted for: api.rate_limits_clients, api.sessions."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from api.rate_limits_clients import Peers
from api.sessions import Account, KnownSessions, is_token, new_nonce, new_token, token_digest
from api.siwe_grammar import NONCE
from contracts.evm import Address, ChainId, Timestamp

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
ALICE, BOB = (
    Account(address=Address(letter * 20), chain_id=ChainId(1), is_contract=False)
    for letter in (b"a", b"b")
)


def peer(host: str | None, *forwarded: str, trusted: bool = True) -> str:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope = {"client": None if host is None else (host, 1), "headers": headers}
    return Peers(OURS if trusted else ()).peer(scope)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, "local"),
    ],
)
def test_peer__address__as_it_is_counted(host: str | None, name: str) -> None:
    assert peer(host) == name


def test_peer__nobody_trusted__header_is_not_read() -> None:
    assert peer("10.0.0.1", "192.0.2.9", trusted=False) == "10.0.0.1"
    assert peer("198.51.100.1", "192.0.2.9") == "198.51.100.1"


@pytest.mark.parametrize(
    ("forwarded", "name"),
    [
        (("192.0.2.9",), "192.0.2.9"),
        (("203.0.113.5, 192.0.2.9",), "192.0.2.9"),  # what a client wrote itself stands before
        (("192.0.2.9, 10.1.1.1",), "192.0.2.9"),
        (("192.0.2.9", "10.1.1.1, fd00::1"), "192.0.2.9"),
        (("2001:db8:1:2::9",), "2001:db8:1:2::/64"),
        ((), "10.0.0.1"),
        (("",), "10.0.0.1"),
        (("10.2.2.2",), "10.0.0.1"),
        (("192.0.2.9, unknown",), "10.0.0.1"),
        (("192.0.2.9:4711",), "10.0.0.1"),
    ],
)
def test_peer__behind_our_proxy__last_address_that_is_not_ours(
    forwarded: tuple[str, ...], name: str
) -> None:
    assert peer("10.0.0.1", *forwarded) == name


def test_known__for_a_while__then_forgotten() -> None:
    known, digest = KnownSessions(), token_digest(new_token())
    known.remember(digest, ALICE, Timestamp(1_000))

    assert known.account(digest, Timestamp(1_599)) == ALICE
    assert known.account(digest, Timestamp(1_600)) is None
    assert known.account(token_digest(new_token()), Timestamp(1_000)) is None
    known.forget(digest)
    assert known.account(digest, Timestamp(1_000)) is None


def test_known__too_many__longest_unseen_makes_room() -> None:
    known, tokens = KnownSessions(sessions_max=2), [token_digest(new_token()) for _ in range(3)]
    for digest in (tokens[0], tokens[1], tokens[0], tokens[2]):
        known.remember(digest, BOB, Timestamp(0))

    assert [known.account(one, Timestamp(1)) for one in tokens] == [BOB, None, BOB]


def test_token__new__never_the_same_and_recognised() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(map(is_token, tokens))
    assert not any(map(is_token, ("", "x" * 42, "ä" * 43, new_token() + "=")))


def test_nonce__new__as_the_grammar_wants_it() -> None:
    nonces = {new_nonce() for _ in range(100)}

    assert len(nonces) == 100
    assert all(NONCE.fullmatch(one) for one in nonces)


def test_account__key_or_contract__counted_apart() -> None:
    """Whoever has a contract at somebody's address on another chain uses nobody's allowance up."""
    contracts = [replace(ALICE, is_contract=True, chain_id=ChainId(one)) for one in (1, 2)]

    assert ALICE.name == replace(ALICE, chain_id=ChainId(2)).name
    assert len({ALICE.name, *(one.name for one in contracts)}) == 3
