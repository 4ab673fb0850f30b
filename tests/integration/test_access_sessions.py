"""Signing in on a real database: api.routes.sessions, api.adapters.sessions, api.adapters.changes,
api.adapters.tables, api.schemas.sessions.
"""

from collections.abc import Iterator
from hashlib import sha256

import psycopg
import pytest
from sqlalchemy import create_engine

from api.adapters.changes import change
from api.adapters.sessions import SWEPT_MAX
from api.adapters.tables import ACCESS_NONCE, ACCESS_SESSION
from api.auth_access import Access
from api.rate_limits import Rate, Rates
from api.sessions import SEEN_STEP_S, SESSION_LIFE_S, SESSIONS_MAX
from api.siwe import message_from
from api.siwe_verification import NONCE_LIFE_S
from contracts.evm import Address
from scripts.embedded.postgres import PostgresServer
from tests.access_builders import (
    CHAIN_ID,
    DOMAIN,
    MUCH,
    NOON,
    ORIGIN,
    OTHER_CHAIN,
    Clock,
    Person,
    access_deps,
    changed,
    cookie_of,
    new_message,
    signed_in,
)
from tests.api_client import APIClient, problem_of, running_api

ALICE, BOB = Person.named("alice"), Person.named("bob")
COOKIE = Access().cookie_name


@pytest.fixture(scope="module")
def access_database(postgres_server: PostgresServer) -> str:
    """A database with the tables of access alone."""
    url = postgres_server.url("access")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    ACCESS_SESSION.metadata.create_all(engine, [ACCESS_NONCE, ACCESS_SESSION])
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def _lasting_clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def _lasting_api(access_database: str, _lasting_clock: Clock) -> Iterator[APIClient]:
    with running_api(access_deps(access_database, _lasting_clock)) as client:
        yield client


@pytest.fixture
def clock(_lasting_clock: Clock) -> Clock:
    """At noon again."""
    _lasting_clock.seconds = NOON
    return _lasting_clock


@pytest.fixture
def api(_lasting_api: APIClient, access_database: str, clock: Clock) -> APIClient:
    """The app, with nobody signed in."""
    with psycopg.connect(access_database) as connection:
        connection.execute("TRUNCATE access_nonce, access_session")
    return _lasting_api


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_sign_in__message_of_the_server__session_and_cookie(api: APIClient) -> None:
    text = new_message(api, ALICE.address)
    answer = api.post("/v1/sessions", json=ALICE.signed(text), headers={"origin": ORIGIN})
    listed = api.get("/v1/sessions", headers={"cookie": cookie_of(answer)})

    session = answer.json()
    assert answer.status_code == 201
    assert (session["address"], session["chain_id"]) == (str(ALICE.address), CHAIN_ID)
    assert session["created_at"] == session["seen_at"] == "2027-01-15T08:00:00Z"
    assert session["expires_at"] == "2027-01-22T08:00:00Z"
    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-quittance"
    assert attributes.split("; ")[1:] == [
        *("Path=/", "Max-Age=604800", "HttpOnly", "SameSite=Lax", "Secure")
    ]
    assert listed.json()["items"] == [session | {"is_current": True}]
    assert {answer.headers["cache-control"], listed.headers["cache-control"]} == {"no-store"}


def test_nonce__without_account__all_that_a_message_needs(api: APIClient) -> None:
    answer = api.post("/v1/sessions/nonce", json={"chain_id": OTHER_CHAIN}).json()

    assert answer.pop("nonce").isalnum()
    assert answer == {
        "domain": DOMAIN,
        "uri": ORIGIN,
        "chain_id": OTHER_CHAIN,
        "issued_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-15T08:10:00Z",
        "message": None,
    }


def test_nonce__chain_that_is_not_served__refused(api: APIClient) -> None:
    answer = api.post("/v1/sessions/nonce", json={"chain_id": 1})

    assert problem_of(answer) == (422, "bad-value", ["chain_id"])


def test_sign_in__same_message_again__refused(api: APIClient) -> None:
    body = ALICE.signed(new_message(api, ALICE.address))
    first, again = (api.post("/v1/sessions", json=body) for _ in range(2))

    assert first.status_code == 201
    assert problem_of(again) == (401, "sign-in-refused", ["message.nonce"])
    assert "set-cookie" not in again.headers


def test_sign_in__nonce_in_another_message__refused(api: APIClient) -> None:
    text = new_message(api, ALICE.address)
    assert api.post("/v1/sessions", json=ALICE.signed(text)).status_code == 201

    of_bob = changed(text, address=BOB.address)

    assert problem_of(api.post("/v1/sessions", json=BOB.signed(of_bob)))[0] == 401


def test_sign_in__fifty_at_once_with_one_nonce__one_wins(
    api: APIClient, access_database: str
) -> None:
    body = ALICE.signed(new_message(api, ALICE.address))

    answers = api.at_once([("POST", "/v1/sessions", {"json": body})] * 50)

    assert sorted(one.status_code for one in answers) == [201] + [401] * 49
    assert {problem_of(one)[2][0] for one in answers if one.status_code == 401} == {"message.nonce"}
    assert rows(access_database, "SELECT count(*) FROM access_session") == [(1,)]


def test_sign_in__nonce_of_its_last_second__taken_and_then_not(
    api: APIClient, clock: Clock
) -> None:
    in_time, late = (changed(new_message(api, ALICE.address), expiration_time=None) for _ in "ab")

    clock.seconds += NONCE_LIFE_S - 1
    taken = api.post("/v1/sessions", json=ALICE.signed(in_time))
    clock.seconds += 1
    refused = api.post("/v1/sessions", json=ALICE.signed(late))

    assert taken.status_code == 201
    assert problem_of(refused) == (401, "sign-in-refused", ["message.nonce"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"domain": "evil.example"}, "message.domain"),
        ({"uri": "https://evil.example"}, "message.uri"),
        ({"chain_id": 1}, "message.chain_id"),
        ({"chain_id": OTHER_CHAIN}, "message.nonce"),  # served, but the nonce is of another chain
        ({"nonce": "0123456789abcdef"}, "message.nonce"),
        ({"issued_at": "2027-01-15T07:00:00Z"}, "message.issued_at"),
        ({"not_before": "2027-01-15T09:00:00Z"}, "message.not_before"),
        ({"expiration_time": "2027-01-15T07:59:59Z"}, "message.expiration_time"),
    ],
)
def test_sign_in__signed_but_not_for_here_and_now__401_names_the_field(
    api: APIClient, changes: dict[str, object], field: str
) -> None:
    text = changed(new_message(api, ALICE.address), **changes)

    answer = api.post("/v1/sessions", json=ALICE.signed(text))

    assert problem_of(answer) == (401, "sign-in-refused", [field])


def test_sign_in__refused__nonce_is_not_used_up(api: APIClient) -> None:
    text = new_message(api, ALICE.address)
    body = ALICE.signed(text)
    forged = api.post("/v1/sessions", json=BOB.signed(text))
    malformed = api.post("/v1/sessions", json=body | {"message": text.replace("Nonce", "nonce")})

    assert problem_of(forged) == (401, "sign-in-refused", ["signature"])
    assert problem_of(malformed) == (422, "bad-sign-in-message", ["message.nonce"])
    assert api.post("/v1/sessions", json=body).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "x"}, "signature"),
        ({"message": "x", "signature": "xx"}, "signature"),
        ({"message": "x", "signature": "0x1"}, "signature"),
        ({"message": "x", "signature": "0x 11"}, "signature"),
        ({"message": "x", "signature": "0x" + "11" * 8_193}, "signature"),
        ({"message": "x", "signature": 1}, "signature"),
        ({"message": "x" * 4_097, "signature": "0x"}, "message"),
        ({"message": "x", "signature": "0x", "more": 1}, "more"),
    ],
)
def test_sign_in__body_that_is_none__422(
    api: APIClient, body: dict[str, object], field: str
) -> None:
    assert problem_of(api.post("/v1/sessions", json=body)) == (422, "bad-value", [field])


def test_session__sixth__revokes_the_oldest(api: APIClient) -> None:
    signed = [signed_in(api, ALICE) for _ in range(SESSIONS_MAX + 1)]
    of_bob = signed_in(api, BOB)

    statuses = [api.get("/v1/sessions", headers=one).status_code for one in signed]

    assert statuses == [401, 200, 200, 200, 200, 200]
    assert len(api.get("/v1/sessions", headers=signed[-1]).json()["items"]) == SESSIONS_MAX
    assert api.get("/v1/sessions", headers=of_bob).status_code == 200


def test_session__twenty_sign_ins_at_once__five_sessions(
    api: APIClient, access_database: str
) -> None:
    bodies = [ALICE.signed(new_message(api, ALICE.address)) for _ in range(20)]

    answers = api.at_once([("POST", "/v1/sessions", {"json": body}) for body in bodies])

    alive = [
        api.get("/v1/sessions", headers={"cookie": cookie_of(one)}).status_code for one in answers
    ]
    assert {one.status_code for one in answers} == {201}
    assert sorted(alive) == [200] * 5 + [401] * 15
    assert rows(access_database, "SELECT count(*) FROM access_session") == [(SESSIONS_MAX,)]


def test_session__used__slides_and_its_cookie_with_it(api: APIClient, clock: Clock) -> None:
    headers = signed_in(api, ALICE)

    clock.seconds += SEEN_STEP_S - 1
    early = api.get("/v1/sessions", headers=headers)
    clock.seconds += 1
    slid = api.get("/v1/sessions", headers=headers)

    assert "set-cookie" not in early.headers
    assert early.json()["items"][0]["seen_at"] == "2027-01-15T08:00:00Z"
    assert cookie_of(slid) == headers["cookie"]
    assert "Max-Age=604800" in slid.headers["set-cookie"]
    assert slid.json()["items"][0]["expires_at"] == "2027-01-22T08:01:00Z"


def test_session__last_second__alive_and_slides_for_another_week(
    api: APIClient, clock: Clock
) -> None:
    headers = signed_in(api, ALICE)

    clock.seconds += SESSION_LIFE_S - 1
    last = api.get("/v1/sessions", headers=headers)
    clock.seconds += SESSION_LIFE_S - 1
    again = api.get("/v1/sessions", headers=headers)
    clock.seconds += SESSION_LIFE_S
    gone = api.get("/v1/sessions", headers=headers)

    assert (last.status_code, again.status_code) == (200, 200)
    assert problem_of(gone) == (401, "no-session", ["cookie"])


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        f"{COOKIE}=",
        f"{COOKIE}={'A' * 43}",
        f"{COOKIE}={'A' * 500}",
        f"{COOKIE}=' OR 1=1 --",
        f"quittance={'A' * 43}",
    ],
)
def test_session__forged_cookie__nobody(api: APIClient, forged: str) -> None:
    signed_in(api, ALICE)

    assert problem_of(api.get("/v1/sessions", headers={"cookie": forged}))[0] == 401


def test_session__what_the_database_holds__opens_nothing(
    api: APIClient, access_database: str
) -> None:
    token = signed_in(api, ALICE)["cookie"].partition("=")[2]

    [(digest, identity)] = rows(access_database, "SELECT token_digest, id FROM access_session")

    assert digest == sha256(token.encode()).digest()
    for stolen in (bytes(digest).hex(), bytes(digest).hex()[:43], str(identity)):
        answer = api.get("/v1/sessions", headers={"cookie": f"{COOKIE}={stolen}"})
        assert answer.status_code == 401


def test_session__one_revoked__the_others_stay(api: APIClient) -> None:
    first, second = signed_in(api, ALICE), signed_in(api, ALICE)
    newest, oldest = api.get("/v1/sessions", headers=first).json()["items"]

    gone = api.delete(f"/v1/sessions/{newest['id']}", headers=first)

    assert oldest["is_current"]
    assert (gone.status_code, gone.content) == (204, b"")
    assert "set-cookie" not in gone.headers
    assert api.get("/v1/sessions", headers=second).status_code == 401
    assert api.get("/v1/sessions", headers=first).status_code == 200


def test_session__own_one_revoked__cookie_goes_too(api: APIClient) -> None:
    headers = signed_in(api, ALICE)
    [session] = api.get("/v1/sessions", headers=headers).json()["items"]

    gone = api.delete(f"/v1/sessions/{session['id']}", headers=headers)

    assert gone.headers["set-cookie"].startswith(f"{COOKIE}=; Path=/; Max-Age=0; ")
    assert api.get("/v1/sessions", headers=headers).status_code == 401


def test_session__of_somebody_else__is_not_there(api: APIClient) -> None:
    of_alice, of_bob = signed_in(api, ALICE), signed_in(api, BOB)
    [session] = api.get("/v1/sessions", headers=of_bob).json()["items"]

    answer = api.delete(f"/v1/sessions/{session['id']}", headers=of_alice)

    assert problem_of(answer) == (404, "not-found", ["session"])
    assert api.get("/v1/sessions", headers=of_bob).status_code == 200


def test_sessions__all_revoked__of_this_account_alone(api: APIClient) -> None:
    of_alice = [signed_in(api, ALICE) for _ in range(3)]
    of_bob = signed_in(api, BOB)

    gone = api.delete("/v1/sessions", headers=of_alice[0])

    assert gone.status_code == 204
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert {api.get("/v1/sessions", headers=one).status_code for one in of_alice} == {401}
    assert api.get("/v1/sessions", headers=of_bob).status_code == 200


@pytest.mark.parametrize(
    "page", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_change__from_a_foreign_page__refused_though_the_cookie_came(
    api: APIClient, page: dict[str, str]
) -> None:
    headers = signed_in(api, ALICE)

    answer = api.delete("/v1/sessions", headers=headers | page)

    assert problem_of(answer) == (403, "foreign-origin", ["origin"])
    assert api.get("/v1/sessions", headers=headers | page).status_code == 200


def test_sweep__expired_rows__deleted_in_bounded_parts(
    api: APIClient, access_database: str, clock: Clock
) -> None:
    with psycopg.connect(access_database) as connection:
        connection.execute(
            "INSERT INTO access_nonce"
            " SELECT 'old' || n, 'd', 1, %s - n FROM generate_series(0, %s) n",
            (NOON, 2 * SWEPT_MAX),
        )
        connection.execute(
            "INSERT INTO access_session"
            " (token_digest, address, chain_id, created_at, seen_at, expires_at)"
            " SELECT sha256(n::text::bytea), %s, 1, 0, 0, %s - n"
            " FROM generate_series(0, %s) n",
            (bytes(BOB.address), NOON, 2 * SWEPT_MAX),
        )
    before = (2 * SWEPT_MAX + 1,)

    new_message(api, ALICE.address)
    nonces = rows(access_database, "SELECT count(*) FROM access_nonce")
    signed_in(api, ALICE)
    sessions = rows(access_database, "SELECT count(*) FROM access_session")
    for _ in range(2):
        signed_in(api, ALICE)

    assert nonces == [(before[0] - SWEPT_MAX + 1,)]
    assert sessions == [(before[0] - SWEPT_MAX + 1,)]
    assert rows(access_database, "SELECT count(*) FROM access_nonce") == [(1,)]
    assert rows(access_database, "SELECT count(*) FROM access_session") == [(3,)]


def test_sign_in__by_peer__tried_too_often__429(access_database: str, clock: Clock) -> None:
    rates = Rates(authentication=Rate(4), payments=MUCH, reads=None)
    with running_api(access_deps(access_database, clock, rates=rates)) as api:
        for _ in range(2):
            signed_in(api, ALICE)
        refused = api.post("/v1/sessions/nonce", json={"chain_id": CHAIN_ID})
        clock.seconds += 65
        again = api.post("/v1/sessions/nonce", json={"chain_id": CHAIN_ID})

    assert problem_of(refused) == (429, "too-many-requests", [])
    assert again.status_code == 200


def test_sign_in__database_away__503_and_no_cookie(clock: Clock) -> None:
    with running_api(access_deps("host=/nonexistent", clock)) as api:
        nonce = api.post("/v1/sessions/nonce", json={"chain_id": CHAIN_ID})
        listed = api.get("/v1/sessions", headers={"cookie": f"{COOKIE}={'A' * 43}"})

    assert problem_of(nonce) == (503, "database-unavailable", [])
    assert problem_of(listed) == (503, "database-unavailable", [])


def test_change__failure_inside__nothing_is_written(api: APIClient, access_database: str) -> None:
    async def fail() -> None:
        async with change(api.app.state.context.pool) as connection:
            await connection.execute("INSERT INTO access_nonce VALUES ('n', 'd', 1, 1)")
            raise ValueError("changed our mind")

    with pytest.raises(ValueError, match="changed our mind"):
        api.run(fail())

    assert rows(access_database, "SELECT count(*) FROM access_nonce") == [(0,)]


def test_change__connection_afterwards__reads_only_again(api: APIClient) -> None:
    new_message(api, ALICE.address)

    async def setting() -> object:
        async with api.app.state.context.pool.connection() as connection:
            cursor = await connection.execute("SHOW transaction_read_only")
            return await cursor.fetchone()

    assert api.run(setting()) == ("on",)


def test_message__of_the_server__binds_account_domain_chain_and_time(api: APIClient) -> None:
    read = message_from(new_message(api, ALICE.address, chain_id=OTHER_CHAIN))

    assert read.address == Address(ALICE.address)
    assert (read.domain, read.uri, read.chain_id) == (DOMAIN, ORIGIN, OTHER_CHAIN)
    assert (read.issued_at, read.expiration_time) == (
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:10:00Z",
    )
