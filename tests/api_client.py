"""A client of the API without a server: one event loop, the app's lifespan, plain calls."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.context import Deps, Limits
from contracts.evm import Timestamp

Result = TypeVar("Result")


class APIClient:
    """Calls the app in-process; an error of the app is the response that a server would send."""

    def __init__(self, runner: asyncio.Runner, app: FastAPI) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.app = app
        self._runner = runner
        self._client = httpx.AsyncClient(transport=transport, base_url="http://api")

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.get(path, **options))

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.post(path, **options))

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.delete(path, **options))

    def at_once(self, requests: Sequence[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """Answers to many requests (method, path, options) that are in the air together."""

        async def all_of_them() -> list[httpx.Response]:
            sent = (self._client.request(method, path, **more) for method, path, more in requests)
            return await asyncio.gather(*sent)

        return self._runner.run(all_of_them())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something else on the app's event loop."""
        return self._runner.run(work)

    def close(self) -> None:
        self._runner.run(self._client.aclose())


def deps_without_database(limits: Limits | None = None) -> Deps:
    """What requests need that end before the database is asked: it is not there."""
    return Deps(
        database_url="host=/nonexistent",
        chain_ids=(),
        settlements=(),
        now=lambda: Timestamp(0),
        head_of=None,
        limits=limits or Limits(),
    )


def problem_of(response: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, last part of the type, and the fields at fault of a problem document."""
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == response.status_code
    path, _, _ = response.request.url.raw_path.partition(b"?")
    assert body["instance"] == path.decode()
    return body["status"], body["type"].rpartition(":")[2], [one["field"] for one in body["errors"]]


@contextmanager
def running_api(deps: Deps) -> Iterator[APIClient]:
    """The API inside its lifespan."""
    with asyncio.Runner() as runner:
        app = create_app(deps)
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        client = APIClient(runner, app)
        try:
            yield client
        finally:
            client.close()
            runner.run(lifespan.__aexit__(None, None, None))


@contextmanager
def api_without_database(limits: Limits | None = None) -> Iterator[APIClient]:
    """The API where no database is."""
    with running_api(deps_without_database(limits)) as client:
        yield client
