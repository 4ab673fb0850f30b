"""People who sign in, a clock that stands still, and an app that they sign in to."""

from dataclasses import dataclass, replace
from typing import Any

import httpx
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from api.auth_access import Access
from api.context import Deps, Limits
from api.rate_limits import Rate, Rates
from api.siwe import SignInMessage, message_from, text_of
from contracts.evm import Address, ChainId, Timestamp, keccak
from tests.api_client import APIClient

DOMAIN, ORIGIN = "pay.example", "https://pay.example"
CHAIN_ID, OTHER_CHAIN = ChainId(31337), ChainId(8453)
NOON = Timestamp(1_800_000_000)  # 2027-01-15T08:00:00Z
MUCH = Rate(1_000_000)
NOT_LIMITED = Rates(authentication=MUCH, payments=None, reads=None)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: int = NOON) -> None:
        self.seconds = now

    def __call__(self) -> Timestamp:
        return Timestamp(self.seconds)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key."""

    account: LocalAccount

    @classmethod
    def named(cls, name: str) -> "Person":
        return cls(Account.from_key(keccak(name.encode())))

    @property
    def address(self) -> Address:
        return Address.from_hex(self.account.address)

    def signed(self, text: str) -> dict[str, str]:
        """The body of a sign-in."""
        signature = self.account.sign_message(encode_defunct(text=text)).signature
        return {"message": text, "signature": "0x" + bytes(signature).hex()}


def message(**changes: Any) -> SignInMessage:
    """A message with every field, as it is right for `terms` at noon."""
    whole = SignInMessage(
        scheme="https",
        domain=DOMAIN,
        address=Person.named("alice").address,
        statement="I accept the terms: https://pay.example/tos",
        uri="https://pay.example/sign-in",
        chain_id=CHAIN_ID,
        nonce="32891756abcDEF",
        issued_at="2027-01-15T08:00:00Z",
        expiration_time="2027-01-15T08:10:00Z",
        not_before="2027-01-15T08:00:00.000Z",
        request_id="some_id",
        resources=("ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/",),
    )
    return replace(whole, **changes)


def access_deps(database_url: str, clock: Clock, **changes: Any) -> Deps:
    """An app that serves two chains and no settlement."""
    access = Access(domain=DOMAIN, origins=(ORIGIN,), rates=NOT_LIMITED)
    return Deps(
        database_url=database_url,
        chain_ids=(CHAIN_ID, OTHER_CHAIN),
        settlements=(),
        now=clock,
        head_of=None,
        limits=Limits(),
        access=replace(access, **changes),
    )


def new_message(api: APIClient, who: Address, *, chain_id: int = CHAIN_ID) -> str:
    """The message that the server asks somebody to sign."""
    wanted = {"chain_id": chain_id, "address": str(who)}
    answer = api.post("/v1/sessions/nonce", json=wanted)
    assert answer.status_code == 200, answer.text
    text = answer.json()["message"]
    assert isinstance(text, str)
    return text


def changed(text: str, **changes: Any) -> str:
    """A message with other fields."""
    return text_of(replace(message_from(text), **changes))


def signed_in(api: APIClient, who: Person, *, chain_id: int = CHAIN_ID) -> dict[str, str]:
    """Sign somebody in; the headers of their next requests."""
    text = new_message(api, who.address, chain_id=chain_id)
    answer = api.post("/v1/sessions", json=who.signed(text))
    assert answer.status_code == 201, answer.text
    return {"cookie": cookie_of(answer)}


def cookie_of(answer: httpx.Response) -> str:
    """Name and value of the cookie that an answer sets."""
    return answer.headers["set-cookie"].partition(";")[0]
