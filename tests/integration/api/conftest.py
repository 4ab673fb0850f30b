"""One story of a settlement, told once: shared by tests that only read, copied for all others."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

import scripts.tables
from api.context import Deps, Limits
from contracts.evm import BlockNumber
from indexer.status import State
from reconciliation.adapters.tables import REGISTER_VIEW
from scripts.embedded.postgres import PostgresServer
from settlement.ledger.adapters.trigger_functions import NEWEST_ENTRY
from tests.api_client import APIClient, running_api
from tests.api_world import World, tell, timestamp
from tests.scratch_databases import scratch_database

_TEMPLATE = "api_story"


@pytest.fixture(scope="session")
def template(postgres_server: PostgresServer) -> World:
    """The story in a database to which nobody is connected any more."""
    engine = _engine(postgres_server.url(_TEMPLATE))
    # Triggers are left out, so that a test may tamper with a row.
    scripts.tables.METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(REGISTER_VIEW)
        connection.exec_driver_sql(NEWEST_ENTRY)
    world = World(engine)
    tell(world)
    engine.dispose()
    return world


@pytest.fixture(scope="session")
def story(template: World, postgres_server: PostgresServer) -> Iterator[World]:
    """The story; its rows must stay as they are."""
    engine = _engine(postgres_server.url("api_shared", template=_TEMPLATE))
    yield template.on(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def story_deps(story: World) -> Deps:
    """Dependencies over the shared story."""
    return _deps(story)


@pytest.fixture(scope="session")
def shared_client(story_deps: Deps) -> Iterator[APIClient]:
    """The API over the shared story."""
    with running_api(story_deps) as client:
        yield client


@pytest.fixture
def shared(shared_client: APIClient, story: World) -> APIClient:
    """The API over the shared story, whose indexer has just reported: reports age by the clock."""
    story.report(State.SYNCED)
    return shared_client


@pytest.fixture
def world(template: World, postgres_server: PostgresServer) -> Iterator[World]:
    """A copy of the story that the test may go on with."""
    with scratch_database(postgres_server, template=_TEMPLATE) as url:
        engine = _engine(url)
        copy = template.on(engine)
        copy.report(State.SYNCED)  # the template's report ages while other tests run
        yield copy
        engine.dispose()


@pytest.fixture
def deps(world: World) -> Deps:
    """Dependencies over the test's own world."""
    return _deps(world)


@pytest.fixture
def api(deps: Deps) -> Iterator[APIClient]:
    """The API over the test's own world."""
    with running_api(deps) as client:
        yield client


def _deps(world: World) -> Deps:
    return Deps(
        database_url=world.engine.url.render_as_string(hide_password=False).replace(
            "+psycopg", "", 1
        ),
        chain_ids=(world.settlement.chain_id,),
        settlements=(world.settlement,),
        now=lambda: timestamp(31),
        head_of=lambda _: BlockNumber(33),
        limits=Limits(),
    )


def _engine(url: str) -> Engine:
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        connect_args={"options": "-c synchronous_commit=off"},
    )
