"""Errors as documents, and the bounds on requests.

Subjects: api.problem_details, api.middleware, api.head_requests, api.app.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.context import Limits
from api.errors import BadValue, NotReady, StoredLeafDiffers
from api.problem_details import ERRORS_MAX, VALUE_LENGTH_MAX
from tests.access_builders import Clock, access_deps
from tests.api_client import APIClient, api_without_database, problem_of, running_api

LIMITS = Limits(query_bytes_max=64, body_bytes_max=128, body_wait_s=0.1)


@pytest.fixture
def api() -> Iterator[APIClient]:
    with api_without_database(LIMITS) as client:
        _add_failing_routes(client.app)
        yield client


@pytest.fixture(scope="module")
def signing_in() -> Iterator[APIClient]:
    """An app that reads bodies before it asks its database, which is not there."""
    with running_api(access_deps("host=/nonexistent", Clock())) as client:
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
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json()["detail"] == "POST is not among GET, HEAD"
    assert of_two_routes.headers["allow"] == "DELETE, GET, HEAD, POST"


def test_head__wherever_get_is__same_answer_without_its_body(api: APIClient) -> None:
    paths = ("/healthz", "/v1/settlements", "/openapi.json", "/console/verify", "/v2/nothing")
    for path in paths:
        got, head = api.at_once([("GET", path, {}), ("HEAD", path, {})])
        for answer in (got, head):
            answer.headers.pop("ratelimit", None)

        assert head.status_code == got.status_code
        assert head.headers == got.headers
        assert head.content == b""
        assert got.content


def test_head__where_no_get_is__not_allowed(api: APIClient) -> None:
    (response,) = api.at_once([("HEAD", "/v1/proofs/verify", {})])

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_path__slash_at_its_end__is_another_path(api: APIClient) -> None:
    response = api.get("/healthz/")

    assert problem_of(response) == (404, "no-such-route", [])
    assert "location" not in response.headers


@pytest.mark.parametrize("path", ["/v2/a%3Fb%23c", "/v2/%0d%0aX", "//v2/%00", "/v2/%ED%A0%80%FF"])
def test_problem__instance__the_path_as_it_was_asked(path: str, api: APIClient) -> None:
    assert api.get(f"http://api{path}?q=1").json()["instance"] == path


def test_path__line_feed_at_its_end__is_another_path(api: APIClient) -> None:
    paths = ("/healthz", "/metrics", "/openapi.json", "/v1/settlements", "/console/verify")
    for path in paths:
        assert problem_of(api.get(f"{path}%0a")) == (404, "no-such-route", [])
    (deleted,) = api.at_once([("DELETE", f"/v1/sessions/{UUID(int=1)}%0a", {})])

    assert problem_of(deleted) == (404, "no-such-route", [])


def test_body__two_types__not_read(api: APIClient) -> None:
    types = ["text/plain", "application/json"]
    for first, second in (types, types[::-1]):
        headers = [("content-type", first), ("content-type", second)]
        answer = api.post("/v1/proofs/verify", content=b"{}", headers=headers)

        assert problem_of(answer) == (415, "unsupported-media-type", [])


def test_body__type__json_in_utf8_alone(api: APIClient) -> None:
    statuses = {
        "application/json": 400,
        'Application/JSON ; Charset="UTF-8"': 400,
        "application/json; charset=utf-16": 415,
        "application/jsonp": 415,
        "text/plain": 415,
    }
    for said, status in statuses.items():
        answer = api.post("/v1/proofs/verify", content=b"\xff{", headers={"content-type": said})

        assert answer.status_code == status, said
        assert "b'" not in answer.json()["detail"]


def test_body__does_not_arrive__request_timeout(api: APIClient) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    answer = api.post(
        "/v1/proofs/verify", content=half(), headers={"content-type": "application/json"}
    )

    assert problem_of(answer) == (408, "request-timeout", [])
    assert "within 0.1 seconds" in answer.json()["detail"]


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


def test_problem__half_of_a_surrogate_pair__told_with_escapes(signing_in: APIClient) -> None:
    headers = {"content-type": "application/json"}
    for body, field, value in (
        (b'{"\\ud800": 1}', "body", "\\ud800"),
        (b'{"chain_id": 1, "address": "\\udfff"}', "address", "\\udfff"),
    ):
        response = signing_in.post("/v1/sessions/nonce", content=body, headers=headers)

        assert problem_of(response)[:2] == (422, "bad-value")
        first = response.json()["errors"][0]
        assert (first["field"], first["value"]) == (field, value)


def test_problem__long_value__cut_wherever_it_is_told(signing_in: APIClient) -> None:
    many = {"x" * 3_000: "y" * 3_000} | {f"field{number}": 0 for number in range(100)}
    answers = [
        signing_in.post("/v1/sessions/nonce", json=one)
        for one in (many, {"address": "z" * 60_000, "chain_id": "z" * 5_000})
    ]

    for answer in answers:
        _, slug, fields = problem_of(answer)
        assert slug == "bad-value"
        assert 2 <= len(fields) <= ERRORS_MAX
        assert len(answer.content) < 10_000


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
