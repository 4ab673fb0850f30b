"""Laws of sign-in messages: what is written is read back, and reading never fails otherwise."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import BadSignInMessage
from api.siwe import SignInMessage, message_from, text_of
from contracts.evm import Address, ChainId
from tests.access_builders import message

_NAMES = st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=", min_size=1, max_size=9)
_STATEMENTS = st.text(string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+,;= ", max_size=40)
_URIS = st.builds(
    lambda scheme, host, path, query: f"{scheme}://{host}/{path}?{query}",
    st.sampled_from(["https", "ipfs", "a+b.c-1"]),
    _NAMES,
    _NAMES,
    st.text("abc%20/?:@", max_size=4).filter(lambda text: text.replace("%20", "").find("%") < 0),
)
_MOMENTS = st.builds(
    lambda moment, end: moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + end,
    st.datetimes(),
    st.sampled_from(["Z", "z", ".5Z", "+02:00", ".123456789-11:30"]),
)
_MESSAGES = st.builds(
    SignInMessage,
    scheme=st.none() | st.just("https"),
    domain=_NAMES,
    address=st.binary(min_size=20, max_size=20).map(Address),
    statement=st.none() | _STATEMENTS,
    uri=_URIS,
    chain_id=st.integers(1, 10**18 - 1).map(ChainId),
    nonce=st.text(string.ascii_letters + string.digits, min_size=8, max_size=40),
    issued_at=_MOMENTS,
    expiration_time=st.none() | _MOMENTS,
    not_before=st.none() | _MOMENTS,
    request_id=st.none() | st.just("") | _NAMES,
    resources=st.none() | st.lists(_URIS, max_size=3).map(tuple),
)
_WHOLE = text_of(message())


@given(_MESSAGES)
def test_message__written__read_back(written: SignInMessage) -> None:
    assert message_from(text_of(written)) == written


@given(st.integers(0, len(_WHOLE) - 1), st.characters(exclude_categories=["Cs"]))
def test_message__any_one_character_changed__refused_or_another_message(
    place: int, character: str
) -> None:
    text = _WHOLE[:place] + character + _WHOLE[place + 1 :]
    try:
        read = message_from(text)
    except BadSignInMessage:
        return
    assert text_of(read) == text


@given(st.text(max_size=300))
def test_message__any_text__refused_as_one(text: str) -> None:
    with pytest.raises(BadSignInMessage, match=r"^message\."):
        message_from(text)
