import json
import re
from functools import cache

import schemathesis

from api.glossary import WORDS
from api.openapi import PATH, document
from api.problem_details import MEDIA_TYPE
from tests.api_client import api_without_database

PATHS = (
    "/epochs",
    "/epochs/{epoch}",
    "/epochs/{epoch}/manifest",
    "/epochs/{epoch}/difference/payees",
    "/epochs/{epoch}/difference/works",
    "/proofs/{epoch}/{work}",
    "/proofs/verify",
    "/works/{work}",
    "/works/{work}/earnings",
    "/accounts/{address}/balances",
    "/accounts/{address}/earnings",
    "/accounts/{address}/explain",
    "/payout-documents",
    "/payout-documents/{digest}/acceptance",
    "/payout-documents/{digest}/message",
    "/payout-documents/{digest}/signatures",
    "/payout-documents/{digest}/signed",
    "/payouts/{op_id}",
    "/reconciliation/runs",
    "/reconciliation/discrepancies",
    "/log",
    "/log/inclusion",
    "/log/consistency",
    "/accounts/{address}/solvency",
    "/accounts/{address}/statements",
    "/entitlements/{address}/{content}",
    "/payments/intents",
    "/payments/intents/{intent_id}",
    "/payments/{intent_id}/submissions",
    "/reconciliation/register",
    "/reconciliation/register/{discrepancy}",
    "/solvency",
    "/ledger/balances",
    "/ledger/books",
    "/ledger/journal",
    "/ledger/seals",
    "/ledger/entries/{entry}",
    "/ledger/entries/{entry}/proof",
)


@cache
def text() -> str:
    """The document, made once."""
    return document()


def test_openapi__committed_file__is_what_the_app_says() -> None:
    assert PATH.read_text() == text(), "run: python -m api.openapi"


def test_openapi__committed_file__is_what_is_served() -> None:
    with api_without_database() as api:
        served = [api.get("/openapi.json").json() for _ in range(2)]

    assert served == [json.loads(PATH.read_text())] * 2


def test_openapi__document__of_the_form_that_its_version_asks_for() -> None:
    said = json.loads(text())

    assert said["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(said).validate()


def test_openapi__problems__told_of_once_for_each_status() -> None:
    said = json.loads(text())
    shared = said["components"]["responses"]
    told = [
        (int(status), response)
        for methods in said["paths"].values()
        for operation in methods.values()
        for status, response in operation["responses"].items()
    ]
    problems = [(status, response) for status, response in told if status >= 400]

    assert problems
    assert all(
        response == {"$ref": f"#/components/responses/Problem{status}"}
        for status, response in problems
    )
    assert set(shared) == {f"Problem{status}" for status, _ in problems}
    for response in shared.values():
        assert [*response["content"]] == [MEDIA_TYPE]
        schema = response["content"][MEDIA_TYPE]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


def test_openapi__paths__full_and_short_form_of_each() -> None:
    paths = json.loads(text())["paths"]

    assert set(paths) == {
        *("/healthz", "/readyz", "/metrics", "/v1/status", "/v1/settlements"),
        *("/v1/sessions", "/v1/sessions/nonce", "/v1/sessions/{session}"),
        *(f"/v1{path}" for path in PATHS),
        *(f"/v1/settlements/{{settlement}}{path}" for path in PATHS),
    }


def test_openapi__operations__have_one_id_and_a_summary() -> None:
    operations = [
        operation
        for methods in json.loads(text())["paths"].values()
        for operation in methods.values()
    ]
    ids = [operation["operationId"] for operation in operations]

    assert len(set(ids)) == len(ids)
    assert all(operation["description"] for operation in operations)


def test_openapi__fields_and_parameters__each_says_what_it_means() -> None:
    """By itself, by its type, by the glossary, or in the description of its schema."""
    said = json.loads(text())
    silent = [
        f"{name}.{field}"
        for name, schema in said["components"]["schemas"].items()
        for field, kind in schema.get("properties", {}).items()
        if not re.search(rf"\b{field}\b", schema.get("description", ""))
        and not re.search('"(description|[$]ref|const|enum)": ', json.dumps(kind))
    ]
    parameters = [
        parameter["name"]
        for methods in said["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", ())
        if '"description": ' not in json.dumps(parameter)
    ]

    assert (silent, parameters) == ([], [])


def test_glossary__every_word__is_used() -> None:
    said = text()

    assert [word for word, meaning in WORDS.items() if json.dumps(meaning) not in said] == []


def test_openapi__money__always_a_string() -> None:
    schemas = json.loads(text())["components"]["schemas"]
    amounts = ("amount", "paid_in", "withdrawn", "posted", "pending", "unfinalized", "tip_wei")
    found = [
        schema["properties"][name]
        for schema in schemas.values()
        for name in amounts
        if name in schema.get("properties", {})
    ]

    assert len(found) >= len(amounts)
    for field in found:
        for kind in field.get("anyOf", [field]):
            # An amount may be told twice, now and before: then it is an object of strings.
            inner = schemas[kind["$ref"].rpartition("/")[2]]["properties"] if "$ref" in kind else {}
            kinds = list(inner.values()) or [kind]
            assert {one["type"] for one in kinds} <= {"string", "null"}
