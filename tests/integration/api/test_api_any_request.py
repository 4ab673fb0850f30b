"""Requests that nobody thought of, made from the OpenAPI document by schemathesis.

Every operation is asked with values that fit and values that do not, over a real socket, on one of
two databases: epochs with true manifests, or the story with its books. No answer is a failure of
the server, and every answer is one that the document promises (status, media type, schema,
headers); what does not fit is refused, what fits is not, and the limits of every parameter are
tried one by one.

Subjects: api.openapi, api.app, api.problem_details.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from api.auth_access import Access
from api.context import Deps, Limits
from api.documents import DocumentDesk
from api.openapi import PATH
from contracts.addresses import Settlement
from contracts.event_spec import PAYMENT_CONTRACTS, ContractName
from contracts.evm import Timestamp
from scripts.bootstrap import open_database
from scripts.documents import BatchDocuments
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


_LONG_FORM = r"^/v1/settlements/\{settlement\}/"
"""The same operations as without it, where the limits of their parameters are tried one by one."""

_MORE_THAN_A_SCHEMA_SAYS = re.compile(
    r".*/payments/intents"  # each family needs fields of its own
    r"|.*/payout-documents"  # its chain, its contract and their assets alone
    r"|.*/payout-documents/\{digest\}/signatures"  # of one document, by one key
    r"|/v1/sessions(/nonce)?"  # a message has a grammar, and the chains are those served
    r"|.*/log/(consistency|inclusion)"  # sizes are those that the log has
    r"|.*/ledger/(balances|journal)"  # accounts are those of the chart
    r"|.*/statements"  # months end at the twelfth
)
"""Operations that refuse what their schema allows, for reasons that no schema can state."""

_BESIDE_A_PARAMETER = "/payouts/documents"
"""Also a `/payouts/{op_id}`, which takes other methods: both are said to be allowed."""


def schema_about(known: Known, *, limits: bool) -> BaseSchema:
    """The committed document, with values for requests; and whether limits are tried, too."""
    names = {name: name.replace(".", "-") for name in known}
    content = {
        "seed": 1,
        "dictionaries": {names[name]: {"values": values} for name, values in known.items()},
        "parameters": {name: {"dictionary": names[name], "probability": 0.8} for name in known},
        "generation": {"deterministic": True},
        "phases": {"coverage": {"enabled": limits}},
        "checks": {
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", 304, 401, 403, 404, 409],
            },
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 409, 413, 414, 415, 422]
            },
        },
    }
    config = SchemathesisConfig.from_dict(content)
    return schemathesis.openapi.from_dict(json.loads(PATH.read_text()), config=config)


def answered_as_documented(case: schemathesis.Case[Any], url: str) -> None:
    """Ask, and compare the answer with the document.

    What is meant to fit is tidied first: a schema cannot say EIP-55, nor which texts are cursors,
    and 7.0 is an integer to it.
    """
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        case.path_parameters = _tidied(case.path_parameters)
        case.query = _tidied(case.query)
        case.query.pop("cursor", None)
        case.body = _tidied(case.body)
    path = case.operation.path
    excluded: list[CheckFunction] = []
    if _MORE_THAN_A_SCHEMA_SAYS.fullmatch(path):
        excluded.append(positive_data_acceptance)
    if path.endswith(_BESIDE_A_PARAMETER):
        excluded.append(unsupported_method)
    case.call_and_validate(base_url=url, excluded_checks=excluded)


def _tidied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tidied(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_tidied(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch("0x[0-9a-fA-F]{40}", value):
        return value.lower()
    return value


_PERSON = Person.named("alice")
_BOUNDS = settings(
    max_examples=3,
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
        documents={settlement.name: _document_desk(story, settlement)},
        access=Access(domain=DOMAIN, origins=(ORIGIN,), rates=NOT_LIMITED),
    )
    with served_api(deps) as url:
        yield url


def _document_desk(story: World, settlement: Settlement) -> DocumentDesk:
    """Where the one person who signs in may add documents."""
    batch = settlement.payments[ContractName.PAYOUT_BATCH]
    return DocumentDesk(
        documents=BatchDocuments(story.engine, settlement, batch),
        persons={_PERSON.address: "alice"},
    )


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


_STORY_AND_LIMITS = schema_about(_IN_STORY, limits=True).exclude(
    path_regex=f"{_EPOCHS}|{_LONG_FORM}"
)
_NAMED_IN_STORY = (
    schema_about(_IN_STORY, limits=False).include(path_regex=_LONG_FORM).exclude(path_regex=_EPOCHS)
)
_EPOCHS_AND_LIMITS = (
    schema_about(_IN_EPOCHS, limits=True).include(path_regex=_EPOCHS).exclude(path_regex=_LONG_FORM)
)
_NAMED_AND_EPOCHS = schema_about(_IN_EPOCHS, limits=False).include(
    path_regex=f"{_LONG_FORM}.*{_EPOCHS[1:]}"
)


def of_the_story(case: schemathesis.Case[Any], url: str, client: httpx.Client) -> None:
    if Access().cookie_name in (case.cookies or {}):
        case.cookies[Access().cookie_name] = token(client)
    answered_as_documented(case, url)


@_STORY_AND_LIMITS.parametrize()
@_BOUNDS
def test_api__any_request_and_every_limit__answered_as_documented(
    case: schemathesis.Case[Any], story_url: str, client: httpx.Client
) -> None:
    of_the_story(case, story_url, client)


@_NAMED_IN_STORY.parametrize()
@_BOUNDS
def test_api__any_request_of_a_named_settlement__answered_as_documented(
    case: schemathesis.Case[Any], story_url: str, client: httpx.Client
) -> None:
    of_the_story(case, story_url, client)


@_EPOCHS_AND_LIMITS.parametrize()
@_BOUNDS
def test_api__any_request_about_epochs_and_every_limit__answered_as_documented(
    case: schemathesis.Case[Any], epochs_url: str
) -> None:
    answered_as_documented(case, epochs_url)


@_NAMED_AND_EPOCHS.parametrize()
@_BOUNDS
def test_api__any_request_about_epochs_of_a_named_settlement__answered_as_documented(
    case: schemathesis.Case[Any], epochs_url: str
) -> None:
    answered_as_documented(case, epochs_url)
