"""Errors as documents, and the bounds on requests: api.problem_details, api.middleware, api.app."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI

from api.context import Deps, Limits
from api.errors import BadValue, NotReady, StoredLeafDiffers
from api.problem_details import VALUE_LENGTH_MAX
from contracts.evm import Timestamp
from tests.api_client import APIClient, problem_of, running_api

LIMITS = Limits(query_bytes_max=64, body_bytes_max=128)


@pytest.fixture
def api() -> Iterator[APIClient]:
    deps = Deps(
        database_url="host=/nonexistent",
        chain_ids=(),
        settlements=(),
        now=lambda: Timestamp(0),
        head_of=None,
        limits=LIMITS,
    )
    with running_api(deps) as client:
        _add_failing_routes(client.app)
        yield client


def _add_failing_routes(app: FastAPI) -> None:
    failures = {
        "unexpected": RuntimeError("secret of the server"),
        "corrupt": StoredLeafDiffers(1, 2, "0xab"),
        "transient": NotReady("too late"),
        "rejected": BadValue("no good", field="what", value="x" * 1000),
    }

    @app.get("/fails/{how}")
    async def fail(how: str) -> None:
        raise failures[how]


def test_problem__no_such_route__document(api: APIClient) -> None:
    assert problem_of(api.get("/v2/nothing")) == (404, "no-such-route", [])


def test_problem__wrong_method__says_what_is_allowed(api: APIClient) -> None:
    response = api.post("/healthz")
    (of_two_routes,) = api.at_once([("PUT", "/v1/sessions", {})])

    assert problem_of(response) == (405, "method-not-allowed", [])
    assert response.headers["allow"] == "GET"
    assert of_two_routes.headers["allow"] == "DELETE, GET, POST"


def test_problem__unexpected_error__nothing_leaks(api: APIClient) -> None:
    response = api.get("/fails/unexpected")

    assert problem_of(response) == (500, "internal-error", [])
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_problem__corrupt_facts__500(api: APIClient) -> None:
    response = api.get("/fails/corrupt")

    assert problem_of(response) == (500, "stored-leaf-differs", [])
    assert response.json()["detail"] == "epoch 1 attempt 2: the tree proves no leaf 0xab"


def test_problem__transient__says_when_to_come_back(api: APIClient) -> None:
    response = api.get("/fails/transient")

    assert problem_of(response) == (503, "not-ready", [])
    assert response.headers["retry-after"] == "5"


def test_problem__long_value__cut(api: APIClient) -> None:
    response = api.get("/fails/rejected")

    assert problem_of(response) == (422, "bad-value", ["what"])
    assert response.json()["errors"][0]["value"] == "x" * VALUE_LENGTH_MAX


def test_problem__no_settlement__asks_for_the_name(api: APIClient) -> None:
    assert problem_of(api.get("/v1/settlements/none/epochs")) == (404, "not-found", ["settlement"])


def test_bounds__long_query__414(api: APIClient) -> None:
    assert api.get("/healthz?" + "q" * 64).status_code == 200
    assert problem_of(api.get("/healthz?" + "q" * 65)) == (414, "query-too-long", [])


def test_bounds__large_body__413(api: APIClient) -> None:
    response = api.post("/v1/proofs/verify", content=b"x" * 129)

    assert problem_of(response) == (413, "body-too-large", [])


def test_bounds__large_body_without_length__413(api: APIClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 64

    response = api.post(
        "/v1/settlements/main/proofs/verify",
        content=chunks(),
        headers={"content-type": "application/json"},
    )

    assert problem_of(response) == (413, "body-too-large", [])


@pytest.mark.parametrize("length", ["-1", "x", "129", "9" * 5000])
def test_bounds__declared_length__refused_unread(api: APIClient, length: str) -> None:
    response = api.post("/v1/proofs/verify", content=b"x", headers={"content-length": length})

    assert problem_of(response) == (413, "body-too-large", [])


def test_body__not_json__422(api: APIClient) -> None:
    response = api.post(
        "/v1/proofs/verify", content=b"{", headers={"content-type": "application/json"}
    )

    assert problem_of(response) == (422, "bad-value", ["body"])
