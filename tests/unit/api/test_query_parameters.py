"""Queries whose parameters nobody reads. Subject: api.query_parameters."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.api_client import (
    APIClient,
    api_without_database,
    deps_without_database,
    problem_of,
    running_api,
)
from tests.royalties_builders import SETTLEMENT


@pytest.fixture(scope="module")
def api() -> Iterator[APIClient]:
    """An app without a database: these requests end before it is asked."""
    with api_without_database() as client:
        yield client


@pytest.fixture(scope="module")
def api_of_one() -> Iterator[APIClient]:
    """An app of one settlement, without a database either."""
    with running_api(replace(deps_without_database(), settlements=(SETTLEMENT,))) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "field", "detail"),
    [
        ("/epochs?next_cursor=x", "next_cursor", "no such parameter here; known: cursor, limit"),
        ("/settlements?limit=1", "limit", "no such parameter here; known: none"),
        ("/epochs?limit=1&limit=2", "limit", "given twice"),
        ("/proofs/0/1?assett=0x", "assett", "no such parameter here; known: asset, part"),
        ("/entitlements/0/1?at=2", "at", "no such parameter here; known: none"),
        ("/settlements/main/epochs?page=2", "page", "no such parameter here; known: cursor, limit"),
    ],
)
def test_query__parameter_that_nobody_reads__refused(
    path: str, field: str, detail: str, api: APIClient
) -> None:
    answer = api.get(f"/v1{path}")

    assert problem_of(answer) == (422, "bad-value", [field])
    assert answer.json()["detail"] == f"{field}: {detail}"


@pytest.mark.parametrize(
    "limit", ["+1", "%201", "1_0", "1.0", "01", "1e1", "", "0", "201", "%D9%A1"]
)
def test_limit__not_a_number_as_all_others__refused(limit: str, api_of_one: APIClient) -> None:
    answer = api_of_one.get(f"/v1/epochs?limit={limit}")

    assert problem_of(answer) == (422, "bad-value", ["limit"])


@pytest.mark.parametrize("path", ["/v1/settlements", "/v1/settlements?", "/healthz?at=1"])
def test_query__none_or_of_a_monitor__answered(path: str, api: APIClient) -> None:
    assert api.get(path).status_code == 200
