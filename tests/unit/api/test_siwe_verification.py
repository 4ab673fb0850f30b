"""Which messages are for this server and for now: api.siwe_verification, api.siwe_grammar."""

import pytest

from api.errors import SignInRefused
from api.siwe_grammar import NANOSECONDS, instant_ns, is_authority, is_uri, origin_of
from api.siwe_verification import CLOCK_SKEW_S, NONCE_LIFE_S, SignInTerms, require_terms
from contracts.evm import Timestamp
from tests.access_builders import CHAIN_ID, DOMAIN, NOON, ORIGIN, message

TERMS = SignInTerms(domain=DOMAIN, origins=(ORIGIN, "http://app.example:81"), chain_ids={CHAIN_ID})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scheme": None},
        {"scheme": "HTTPS"},
        {"uri": "http://app.example:81"},
        {"uri": "https://PAY.example?from=here#top"},
        {"not_before": None, "expiration_time": None},
        {"issued_at": "2027-01-15T10:00:00+02:00"},
        {"issued_at": "2027-01-15T08:01:00Z"},  # a wallet whose clock is ahead
    ],
)
def test_terms__message_that_meets_them__passes(changes: dict[str, object]) -> None:
    require_terms(message(**changes), TERMS, NOON)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domain", "evil.example"),
        ("domain", "pay.example.evil.example"),
        ("domain", "pay.example:443"),
        ("domain", "user@pay.example"),
        ("domain", "PAY.example"),
        ("scheme", "http"),
        ("uri", "https://evil.example/sign-in"),
        ("uri", "https://pay.example@evil.example/sign-in"),
        ("uri", "https://pay.example.evil.example"),
        ("uri", "http://pay.example/sign-in"),
        ("uri", "did:pkh:eip155:1"),
        ("chain_id", 1),
        ("issued_at", "2027-01-15T08:01:00.000000001Z"),
        ("issued_at", "2027-01-15T07:49:00Z"),
        ("not_before", "2027-01-15T08:00:00.000000001Z"),
        ("expiration_time", "2027-01-15T08:00:00Z"),
        ("expiration_time", "2027-01-15T09:59:59+02:00"),
    ],
)
def test_terms__one_field_off__refused_by_name(field: str, value: object) -> None:
    with pytest.raises(SignInRefused) as caught:
        require_terms(message(**{field: value}), TERMS, NOON)

    assert caught.value.field == f"message.{field}"
    assert caught.value.value == str(value)


def test_terms__message_grows_old__refused_when_no_nonce_can_live_any_more() -> None:
    issued = message(not_before=None, expiration_time=None)
    last = NOON + NONCE_LIFE_S + CLOCK_SKEW_S - 1

    require_terms(issued, TERMS, Timestamp(last))
    with pytest.raises(SignInRefused, match="issued_at"):
        require_terms(issued, TERMS, Timestamp(last + 1))


@pytest.mark.parametrize(
    ("text", "seconds", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("1970-01-01t00:00:00z", 0, 0),
        ("2027-01-15T08:00:00.5Z", NOON, 500_000_000),
        ("2027-01-15T08:00:00.123456789Z", NOON, 123_456_789),
        ("2027-01-15T13:45:00+05:45", NOON, 0),
        ("2027-01-15T00:30:00-07:30", NOON, 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800, 0),
        ("1969-12-31T23:59:59.5Z", -1, 500_000_000),
    ],
)
def test_instant__rfc_3339__to_the_nanosecond(text: str, seconds: int, nanoseconds: int) -> None:
    assert instant_ns(text) == seconds * NANOSECONDS + nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "2027-01-15", "2027-01-15T08:00Z", "2027-1-15T08:00:00Z", "20270115T080000Z"),
        *("2027-01-15T08:00:00,5Z", "2027-01-15T08:00:00+0200", "0000-01-01T00:00:00Z"),
        *("2027-01-15T08:00:00Z\n", "2027-13-01T08:00:00Z", "\uff12027-01-15T08:00:00Z"),
    ],
)
def test_instant__anything_else__none(text: str) -> None:
    assert instant_ns(text) is None


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        *(("a.example", True), ("a.example:", True), ("[::1]:80", True), ("[v1.x]", True)),
        *(("u:p@a%20b", True), ("1.2.3.4", True), ("", False), ("a b", False), ("a/b", False)),
        *(("a:b:1", False), ("[::g]", False), ("[1.2.3.4]", False), ("a%2", False), ("ä", False)),
    ],
)
def test_authority__rfc_3986(text: str, is_right: bool) -> None:
    assert is_authority(text) is is_right


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://A.example:81/x?y#z", "https://a.example:81"),
        ("HTTP://a.example", "http://a.example"),
        ("mailto:a@b.example", ""),
        ("urn:isbn:1", ""),
        ("file:/etc/passwd", ""),
        ("https://[::1]/", "https://[::1]"),
    ],
)
def test_uri__origin(text: str, origin: str) -> None:
    assert is_uri(text)
    assert origin_of(text) == origin


@pytest.mark.parametrize(
    "text", ["", "a", "1a:b", "//a/b", "a:b c", "a:%zz", "http://[::1", "a:\n"]
)
def test_uri__anything_else__refused(text: str) -> None:
    assert not is_uri(text)
    assert origin_of(text) == ""
