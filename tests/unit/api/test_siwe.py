"""The message of Sign-In with Ethereum: api.siwe."""

import pytest

from api.errors import BadSignInMessage
from api.siwe import MESSAGE_LENGTH_MAX, message_from, text_of
from contracts.evm import Address
from tests.access_builders import message

EXAMPLE = """example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""
WHOLE = text_of(message())
CHECKSUMMED = str(message().address)


def test_message__example_of_the_standard__every_field() -> None:
    read = message_from(EXAMPLE)

    assert (read.scheme, read.domain) == (None, "example.com")
    assert read.address == Address.from_hex("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2")
    assert read.statement == "I accept the ExampleOrg Terms of Service: https://example.com/tos"
    assert (read.uri, read.chain_id) == ("https://example.com/login", 1)
    assert (read.nonce, read.issued_at) == ("32891756", "2021-09-30T16:25:24Z")
    assert (read.expiration_time, read.not_before, read.request_id) == (None, None, None)
    assert read.resources is not None
    assert len(read.resources) == 2
    assert text_of(read) == EXAMPLE


def test_message__all_fields__lines_in_the_order_of_the_grammar() -> None:
    labels = [line.partition(": ")[0] for line in WHOLE.split("\n")[5:]]

    assert WHOLE.startswith("https://pay.example wants you to sign in")
    assert labels[:-1] == [
        *("URI", "Version", "Chain ID", "Nonce", "Issued At"),
        *("Expiration Time", "Not Before", "Request ID", "Resources:"),
    ]
    assert message_from(WHOLE) == message()


@pytest.mark.parametrize(
    "changes",
    [
        {"statement": None},
        {"statement": ""},
        {"statement": "URI: https://pay.example/not-yet"},
        {"request_id": ""},
        {"resources": ()},
        {"resources": None, "request_id": None, "not_before": None, "expiration_time": None},
        {"scheme": None, "domain": "[2001:db8::1]:8080"},
        {"domain": "127.0.0.1:1", "uri": "did:key:z6Mkf#one"},
    ],
)
def test_message__absent_and_empty__are_not_the_same(changes: dict[str, object]) -> None:
    text = text_of(message(**changes))

    assert message_from(text) == message(**changes)
    assert text_of(message_from(text)) == text


WRONG = {
    "scheme": [("https://pay", "1https://pay"), ("https://pay", "ht tps://pay")],
    "domain": [
        ("https://pay.example wants", "https:// wants"),
        ("pay.example wants", "pay/example wants"),
        ("pay.example wants", "pay.example:x wants"),
        ("pay.example wants", "[::1::] wants"),
        ("wants you to sign in", "wants you to sign on"),
        ("account:\n", "account: \n"),
    ],
    "address": [
        (CHECKSUMMED, CHECKSUMMED.lower()),
        (CHECKSUMMED, CHECKSUMMED.swapcase().replace("0X", "0x")),
        (CHECKSUMMED, CHECKSUMMED[:-1]),
        (CHECKSUMMED, CHECKSUMMED[2:]),
        (CHECKSUMMED + "\n\n", CHECKSUMMED + "\n"),
    ],
    "statement": [
        ("I accept", "I \u2018accept\u2019"),
        ("I accept the terms", 'I "accept" the terms'),
        ("I accept", "I\taccept"),
        ("/tos\n\n", "/tos\n"),
        ("I accept", "I\naccept"),
        ("I accept", "I\r accept"),
    ],
    "uri": [
        ("URI: https", "URI: //https"),
        ("URI: https://pay.example/sign-in", "URI: sign-in"),
        ("/sign-in", "/sign in"),
        ("/sign-in", "/sign%2-in"),
        ("/sign-in", "/sign-in#a#b"),
        ("URI: ", "uri: "),
        ("URI: ", "URI:"),
    ],
    "version": [("Version: 1", "Version: 2"), ("Version: 1", "Version: 1 "), ("Version: 1\n", "")],
    "chain_id": [
        ("Chain ID: 31337", "Chain ID: 0"),
        ("Chain ID: 31337", "Chain ID: 031337"),
        ("Chain ID: 31337", "Chain ID: 0x7a69"),
        ("Chain ID: 31337", "Chain ID: "),
        ("Chain ID: 31337", "Chain ID: ٣"),
        ("Chain ID", "Chain Id"),
    ],
    "nonce": [
        ("32891756abcDEF", "3289175"),
        ("32891756abcDEF", "32891756-abc"),
        ("32891756abcDEF", ""),
        ("32891756abcDEF", "3289175\uff16"),
        ("Nonce: 32891756abcDEF\n", ""),
    ],
    "issued_at": [
        ("At: 2027-01-15T08:00:00Z", "At: 2027-01-15 08:00:00Z"),
        ("At: 2027-01-15T08:00:00Z", "At: 2027-01-15T08:00:00"),
        ("At: 2027-01-15T08:00:00Z", "At: 2027-02-30T08:00:00Z"),
        ("At: 2027-01-15T08:00:00Z", "At: 2027-01-15T24:00:00Z"),
        ("At: 2027-01-15T08:00:00Z", "At: 2027-01-15T08:00:00+24:00"),
        ("At: 2027-01-15T08:00:00Z", "At: 1800000000"),
        ("Issued At: 2027-01-15T08:00:00Z\n", ""),
    ],
    "expiration_time": [("08:10:00Z", "08:60:00Z"), ("08:10:00Z", "")],
    "not_before": [("08:00:00.000Z", "08:00:00.Z"), ("08:00:00.000Z", "08:00:61Z")],
    "request_id": [("some_id", "some id"), ("some_id", "some/id"), ("some_id", "some%id")],
    "resources": [("- ipfs://", "- //"), ("- ipfs://", "- ")],
    "end": [
        ("Request ID", "Request Id"),
        ("- ipfs", "-ipfs"),
        ("hwq/", "hwq/\n"),
        ("hwq/", "hwq/\nResources:"),
        ("Not Before: ", "Expiration Time: "),
        ("Resources:\n", "Resources: \n"),
        ("Resources:", "Nonce: 12345678\nResources:"),
    ],
}


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [(field, old, new) for field, cases in WRONG.items() for old, new in cases],
)
def test_message__one_field_wrong__named(field: str, old: str, new: str) -> None:
    assert old in WHOLE
    with pytest.raises(BadSignInMessage) as caught:
        message_from(WHOLE.replace(old, new, 1))

    assert caught.value.field == f"message.{field}"
    assert caught.value.field in str(caught.value)


@pytest.mark.parametrize("lines", range(len(WHOLE.split("\n")[:9])))
def test_message__cut_off__refused(lines: int) -> None:
    with pytest.raises(BadSignInMessage):
        message_from("\n".join(WHOLE.split("\n")[:lines]))


def test_message__too_long__refused_unread() -> None:
    with pytest.raises(BadSignInMessage) as caught:
        message_from("x" * (MESSAGE_LENGTH_MAX + 1))

    assert caught.value.field == "message.length"
