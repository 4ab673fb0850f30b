"""Requests that nobody thought of, made from the OpenAPI document by schemathesis.

Every operation is asked with values that fit and values that do not, over a real socket, on one of
two databases: epochs with true manifests, or the story with its books. No answer is a failure of
the server, and every answer is one that the document promises (status, media type, schema,
headers); what does not fit is refused.

Subjects: api.openapi, api.app, api.problem_details.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

from api.auth_access import Access
from api.context import Deps, Limits
from api.openapi import document
from contracts.event_spec import PAYMENT_CONTRACTS
from contracts.evm import Timestamp
from scripts.bootstrap import open_database
from scripts.embedded.postgres import PostgresServer
from scripts.payments import payment_desk
from tests import royalties_builders, two_epochs
from tests.access_builders import DOMAIN, NOT_LIMITED, ORIGIN, Person
from tests.api_server import served_api
from tests.api_world import ALICE, BOB, CHAIN_ID, FILM, SONG, USD, World, address

_EPOCHS = r"/(difference|explain|log|manifest|works/\{work\})"
"""Operations that read manifests, which the story only pretends to have."""

Known = dict[str, list[str | int]]

_IN_STORY: Known = {
    "settlement": ["main"],
    "epoch": [0, 1],
    "work": [str(SONG), str(FILM)],
    "content": [str(SONG)],
    "address": [str(ALICE), str(BOB)],
    "asset": [str(USD)],
    "period": ["epoch:0", "epoch:0-1"],
    "body.chain_id": [CHAIN_ID],
    "body.epoch": [0, 1],
    "body.work_id": [str(SONG)],
    "body.asset": [str(USD)],
    "body.payer": [str(ALICE)],
    "body.payee": [str(BOB)],
    "body.until": [2_000],
    "body.since": [1_000],
    "body.amount": ["25000000"],
}
_IN_EPOCHS: Known = {
    "settlement": ["main"],
    "epoch": [royalties_builders.FIRST_EPOCH, two_epochs.NEXT_EPOCH],
    "attempt": [1],
    "work": [str(two_epochs.SONG), str(two_epochs.FILM)],
    "address": [str(royalties_builders.ANN), str(royalties_builders.BOB)],
    "asset": [str(royalties_builders.DUSD)],
    "from": [1],
    "to": [1],
    "size": [1],
}
"""Names that are known there: most requests are about them, and find something."""


def schema_about(known: Known) -> BaseSchema:
    """The document, with values that requests are made of."""
    names = {name: name.replace(".", "-") for name in known}
    content = {
        "seed": 1,
        "dictionaries": {names[name]: {"values": values} for name, values in known.items()},
        "parameters": {name: {"dictionary": names[name], "probability": 0.8} for name in known},
        "generation": {"deterministic": True},
        "phases": {"coverage": {"enabled": False}},
        "checks": {
            # A schema cannot say EIP-55, nor which texts are cursors or months.
            "positive_data_acceptance": {"enabled": False},
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 409, 413, 414, 415, 422]
            },
        },
    }
    config = SchemathesisConfig.from_dict(content)
    return schemathesis.openapi.from_dict(json.loads(document()), config=config)


_PERSON = Person.named("alice")
_BOUNDS = settings(
    max_examples=5,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def story_url(story: World, story_deps: Deps) -> Iterator[str]:
    """The story, with a desk for payments and a domain to sign in to."""
    contracts = {name: address(name) for name in PAYMENT_CONTRACTS}
    settlement = replace(story.settlement, payments=contracts)
    deps = replace(
        story_deps,
        settlements=(settlement,),
        payments={settlement.name: payment_desk(story.engine, settlement, None)},
        access=Access(domain=DOMAIN, origins=(ORIGIN,), rates=NOT_LIMITED),
    )
    with served_api(deps) as url:
        yield url


@pytest.fixture(scope="module")
def epochs_url(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[str]:
    """Two epochs as the engine computes them."""
    chain, first, following = two_epochs.two_epochs()
    database_url = postgres_server.url("any_request", template=_migrated_template)
    engine = open_database(database_url)
    two_epochs.store(engine, chain, first, following)
    engine.dispose()
    deps = Deps(
        database_url=database_url,
        chain_ids=(royalties_builders.SETTLEMENT.chain_id,),
        settlements=(replace(royalties_builders.SETTLEMENT, name="main"),),
        now=lambda: Timestamp(chain.blocks[-1].timestamp),
        head_of=None,
        limits=Limits(),
        access=Access(rates=NOT_LIMITED),
    )
    with served_api(deps) as url:
        yield url


@pytest.fixture(scope="module")
def client(story_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=story_url) as client:
        yield client


def token(client: httpx.Client) -> str:
    """The token of a session of its own, since the request may end it."""
    wanted = {"chain_id": CHAIN_ID, "address": str(_PERSON.address)}
    text = client.post("/v1/sessions/nonce", json=wanted).json()["message"]
    opened = client.post("/v1/sessions", json=_PERSON.signed(text))
    return opened.headers["set-cookie"].partition(";")[0].partition("=")[2]


@schema_about(_IN_STORY).exclude(path_regex=_EPOCHS).parametrize()
@_BOUNDS
def test_api__any_request__answered_as_documented(
    case: schemathesis.Case[Any], story_url: str, client: httpx.Client
) -> None:
    if Access().cookie_name in (case.cookies or {}):
        case.cookies[Access().cookie_name] = token(client)

    case.call_and_validate(base_url=story_url)


@schema_about(_IN_EPOCHS).include(path_regex=_EPOCHS).parametrize()
@_BOUNDS
def test_api__any_request_about_epochs__answered_as_documented(
    case: schemathesis.Case[Any], epochs_url: str
) -> None:
    case.call_and_validate(base_url=epochs_url)
