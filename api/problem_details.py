"""Errors as problem details (RFC 9457), media type `application/problem+json`.

`type` is stable and made for programs, `detail` for people; `errors` names every field and value
at fault, each cut to a bounded length. Nothing else of a failure leaves the process: no trace, no
SQL, no address of a server.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.errors import ApiError, Corrupt, Rejected, Transient
from api.security_headers import Headers

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
VALUE_LENGTH_MAX = 200
DETAIL_LENGTH_MAX = 2_000
ERRORS_MAX = 20
NO_SUCH_ROUTE = "no route has this path; /openapi.json lists them all"

_TYPE = "urn:quittance:problem:"
_FRAMEWORK_TYPE = "application/json"  # what the framework takes every answer for
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_FRAMEWORK_ERRORS = {
    400: ("unreadable-body", "The body cannot be read"),
    404: ("no-such-route", "There is no such route"),
    405: ("method-not-allowed", "The route does not take this method"),
    408: ("request-timeout", "The body did not arrive in time"),
    413: ("body-too-large", "The body is too large"),
    414: ("query-too-long", "The query is too long"),
    415: ("unsupported-media-type", "The body is not of a type that is read"),
    429: ("too-many-requests", "There were too many requests"),
}
"""Slug and title of what is refused before a route runs; the names are ours, so they are stable."""
_PHRASES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
_CHALLENGE = "SIWE"  # EIP-4361; a scheme of our own, since RFC 9110 wants one named
_log = logging.getLogger(__name__)


class FieldError(BaseModel):
    """One field at fault; `value` is cut to a bounded length."""

    field: str
    value: str
    detail: str


class Problem(BaseModel):
    """What went wrong, for programs by `type`, for people by `detail`."""

    type: str = Field(examples=[_TYPE + "not-found"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documents that a route may answer with, for its entry in the OpenAPI document."""
    return {one: {"model": Problem, "description": _phrase(one)} for one in statuses}


def _phrase(status: int) -> str:
    """The reason phrase of RFC 9110, which Python spells so from 3.13 on."""
    return _PHRASES.get(status, HTTPStatus(status).phrase)


def share_problems(document: dict[str, Any]) -> None:
    """Let an OpenAPI document tell of the problems of each status once, by their media type."""
    shared = document["components"].setdefault("responses", {})
    for path in document["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            for status, response in responses.items():
                content = response.get("content", {})
                if int(status) < HTTPStatus.BAD_REQUEST or _FRAMEWORK_TYPE not in content:
                    continue
                content[MEDIA_TYPE] = content.pop(_FRAMEWORK_TYPE)
                name = f"{Problem.__name__}{status}"
                if shared.setdefault(name, response) == response:
                    responses[status] = {"$ref": f"#/components/responses/{name}"}


def problem_response(
    request: Request,
    status: int,
    *,
    slug: str,
    title: str,
    detail: str,
    errors: Sequence[FieldError] = (),
) -> Response:
    """One problem document, with Retry-After where the same request may succeed later."""
    problem = Problem(
        type=_TYPE + slug,
        title=title,
        status=status,
        detail=_told(detail, DETAIL_LENGTH_MAX),
        instance=request.scope["raw_path"][:VALUE_LENGTH_MAX].decode("latin-1"),
        errors=list(errors),
    )
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = _CHALLENGE
    return Response(orjson.dumps(problem.model_dump()), status, headers, MEDIA_TYPE)


def refusal(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The problem document of a request that never reached its route."""
    slug, title = _FRAMEWORK_ERRORS.get(status, ("bad-request", "The request was refused"))
    response = problem_response(request, status, slug=slug, title=title, detail=detail)
    response.headers.update(headers or {})
    return response


def install_handlers(app: FastAPI, *, headers: Headers) -> None:
    """Let every error of `app` end as a problem document.

    `headers` are for failures that no route expected: their answer passes no middleware.
    """
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, partial(_on_unexpected, headers=headers))


async def _on_api_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    if isinstance(error, Corrupt):
        _log.error("stored facts disagreed", extra={"detail": str(error)})
    if isinstance(error, Transient):
        _log.warning("request was not served", extra={"detail": str(error)})
    errors = (
        [_field_error(error.field, error.value, str(error))] if isinstance(error, Rejected) else []
    )
    return problem_response(
        request, error.status, slug=error.slug, title=error.title, detail=str(error), errors=errors
    )


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        _field_error(
            _field_at(one["loc"], one["type"]),
            one.get("input"),
            one["msg"].removeprefix("Value error, "),
        )
        for one in error.errors()[:ERRORS_MAX]
    ]
    return problem_response(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        slug="bad-value",
        title="A value is not acceptable",
        detail="; ".join(f"{one.field}: {one.detail}" for one in errors),
        errors=errors,
    )


async def _on_http_error(request: Request, error: Exception) -> Response:
    """An error of the framework: an unknown path, a wrong method, an unreadable body."""
    if not isinstance(error, HTTPException):
        raise error
    headers, detail = dict(error.headers or {}), str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = NO_SUCH_ROUTE
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
        detail = f"{request.method[:VALUE_LENGTH_MAX]} is not among {headers['Allow']}"
    return refusal(request, error.status_code, detail, headers)


def _methods(request: Request) -> list[str]:
    """Every method that the path takes; the framework names those of its first route alone."""
    routes = request.app.router.routes
    asked = {method: {**request.scope, "method": method} for method in _METHODS}
    taken = [
        method
        for method, scope in asked.items()
        if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]
    return sorted({*taken, "HEAD"} if "GET" in taken else taken)


async def _on_unexpected(request: Request, error: Exception, headers: Headers) -> Response:
    """A fault of ours: the server logs it with its trace, the client learns only that."""
    del error
    response = problem_response(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        slug="internal-error",
        title="Internal error",
        detail="The server failed; the failure was logged.",
    )
    said = {name for name, _ in response.raw_headers}
    response.raw_headers += [one for one in headers if one[0] not in said]
    return response


def _field_at(place: Sequence[str | int], kind: str) -> str:
    """The path of a field; where no JSON could be read there are no fields."""
    if kind == "json_invalid":
        return "body"
    return ".".join(str(part) for part in place[1:]) or "body"


def _field_error(field: str, value: object, detail: str) -> FieldError:
    return FieldError(
        field=_told(field, VALUE_LENGTH_MAX),
        value=_told(str(value), VALUE_LENGTH_MAX),
        detail=_told(detail, DETAIL_LENGTH_MAX),
    )


def _told(text: str, length_max: int) -> str:
    """What was asked as it can be answered: cut, and escaped where it is no Unicode text.

    A JSON string may hold half of a surrogate pair, which UTF-8 cannot spell (RFC 8259 §8.2).
    """
    return text[:length_max].encode(errors="backslashreplace").decode()[:length_max]
