"""What happens to every request: api.middleware, api.security_headers, api.auth_access, api.auth.

The app has no database: what is asked here is answered before it, or without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api.auth_access import Access
from api.rate_limits import Rate, Rates
from api.sessions import Account, new_token, token_digest
from tests.access_builders import CHAIN_ID, NOON, ORIGIN, Clock, Person, access_deps
from tests.api_client import APIClient, problem_of, running_api

NOWHERE = "host=/nonexistent"
RATES = Rates(authentication=Rate(2), payments=Rate(3), reads=Rate(4))
FORM = "application/x-www-form-urlencoded"


def account(name: str) -> Account:
    return Account(address=Person.named(name).address, chain_id=CHAIN_ID, is_contract=False)


@contextmanager
def running(clock: Clock | None = None, **changes: Any) -> Iterator[APIClient]:
    with running_api(access_deps(NOWHERE, clock or Clock(), **changes)) as client:
        yield client


@pytest.fixture(scope="module")
def api() -> Iterator[APIClient]:
    with running() as client:
        yield client


def test_rate__reads__counted_down_refused_and_free_again() -> None:
    clock = Clock(NOON)  # the first second of a slot
    with running(clock, rates=RATES) as api:
        answers = [api.get("/v1/settlements") for _ in range(5)]
        clock.seconds += 64
        still = api.get("/v1/settlements")
        clock.seconds += 1
        again = api.get("/v1/settlements")

    assert [one.status_code for one in answers] == [200, 200, 200, 200, 429]
    assert [one.headers["ratelimit"] for one in answers[2:]] == [
        '"reads";r=1;t=65',
        '"reads";r=0;t=65',
        '"reads";r=0;t=65',
    ]
    assert {one.headers["ratelimit-policy"] for one in answers} == {'"reads";q=4;w=60'}
    assert problem_of(answers[4]) == (429, "too-many-requests", [])
    assert answers[4].headers["retry-after"] == "65"
    assert (still.status_code, still.headers["retry-after"]) == (429, "1")
    assert again.status_code == 200


def test_rate__classes__have_windows_of_their_own() -> None:
    with running(rates=RATES) as api:
        reads = [api.get("/v1/settlements").status_code for _ in range(5)]
        changes = [api.delete("/v1/sessions").status_code for _ in range(4)]
        nonces = [api.post("/v1/sessions/nonce").status_code for _ in range(3)]
        unlimited = [api.get("/healthz") for _ in range(9)]

    assert reads[-2:] == [200, 429]
    assert changes == [401, 401, 401, 429]
    assert nonces == [422, 422, 429]
    assert {one.status_code for one in unlimited} == {200}
    assert "ratelimit" not in unlimited[0].headers


def test_rate__signed_in__counted_by_account_except_for_signing_in() -> None:
    token = new_token()
    cookie = {"cookie": f"other=1; {Access().cookie_name}={token}; more=2"}
    with running(rates=RATES) as api:
        api.app.state.context.known.remember(token_digest(token), account("alice"), NOON)
        anonymous = [api.get("/v1/settlements").status_code for _ in range(5)]
        as_alice = [api.get("/v1/settlements", headers=cookie).status_code for _ in range(5)]
        nonces = [
            api.post("/v1/sessions/nonce", headers=cookie if place else None).status_code
            for place in range(3)
        ]

    assert anonymous[-2:] == [200, 429]
    assert as_alice[-2:] == [200, 429]
    assert nonces[-1] == 429


@pytest.mark.parametrize(
    ("method", "path", "status", "limit", "of_peer"),
    [
        ("DELETE", "/v1/sessions/nothing", 404, 3, "payments-of-peer"),
        ("GET", "/v1/settlements", 200, 4, "reads-of-peer"),
    ],
)
def test_rate__many_accounts_of_one_peer__together_ten_times_as_much_as_one(
    method: str, path: str, status: int, limit: int, of_peer: str
) -> None:
    """Signing in again and again multiplies nobody's allowance without end."""
    cookies = []
    with running(rates=RATES) as api:
        for number in range(12):
            token, known = new_token(), api.app.state.context.known
            known.remember(token_digest(token), account(f"account {number}"), NOON)
            cookies.append({"cookie": f"{Access().cookie_name}={token}"})
        answers = api.at_once(
            [(method, path, {"headers": cookie}) for cookie in cookies for _ in range(limit)]
        )

    assert [one.status_code for one in answers] == [status] * 10 * limit + [429] * 2 * limit
    assert answers[-1].headers["ratelimit-policy"] == f'"{of_peer}";q={10 * limit};w=60'
    assert f"more than {10 * limit} {of_peer} requests" in answers[-1].json()["detail"]


@pytest.mark.parametrize("value", ["", "x", "x" * 43, "ä" * 43, "x" * 43 + "; a=b"])
def test_rate__forged_cookie__counted_by_peer(value: str) -> None:
    cookie = {"cookie": f"{Access().cookie_name}={value}".encode("latin-1")}
    with running(rates=RATES) as api:
        answers = [api.get("/v1/settlements", headers=cookie).status_code for _ in range(5)]

    assert answers[-2:] == [200, 429]


def test_rate__off__no_headers() -> None:
    with running(rates=Rates(reads=None)) as api:
        answer = api.get("/v1/settlements")

    assert "ratelimit" not in answer.headers


def test_headers__every_answer__also_refusals_and_failures(api: APIClient) -> None:
    @api.app.get("/fails")
    async def fail() -> None:
        raise RuntimeError("secret")

    answers = [
        api.get("/healthz"),
        api.get("/nothing"),
        api.get("/v1/settlements?" + "q" * 5_000),
        api.post("/v1/proofs/verify", content=b"a=b", headers={"content-type": FORM}),
        api.delete("/v1/sessions"),
        api.get("/fails"),
    ]

    assert [one.status_code for one in answers] == [200, 404, 414, 415, 401, 500]
    for answer in answers:
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert len(set(answer.headers)) == len(answer.headers.multi_items())


def test_headers__development_on_this_machine__no_strict_transport() -> None:
    with running(is_secure=False) as api:
        assert "strict-transport-security" not in api.get("/healthz").headers


def test_headers__page_of_the_console__keeps_its_own_policy(api: APIClient) -> None:
    answer = api.get("/console/verify")

    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-frame-options"] == "DENY"
    assert len(set(answer.headers)) == len(answer.headers.multi_items())


@pytest.mark.parametrize("said", [None, FORM, "text/plain", "application/jsonx", "json", ""])
def test_body__not_json_by_its_type__415(api: APIClient, said: str | None) -> None:
    headers = {} if said is None else {"content-type": said}

    answer = api.post("/v1/proofs/verify", content=b"{}", headers=headers)

    assert problem_of(answer) == (415, "unsupported-media-type", [])


@pytest.mark.parametrize("said", ["application/json", "Application/JSON; charset=utf-8"])
def test_body__json_by_its_type__read(api: APIClient, said: str) -> None:
    answer = api.post("/v1/proofs/verify", content=b"{}", headers={"content-type": said})

    assert answer.status_code in (404, 422)


def test_origin__page_of_ours__may_read_the_answer(api: APIClient) -> None:
    ours = api.get("/v1/settlements", headers={"origin": ORIGIN})
    foreign = api.get("/v1/settlements", headers={"origin": "https://evil.example"})

    assert ours.headers["access-control-allow-origin"] == ORIGIN
    assert ours.headers["access-control-allow-credentials"] == "true"
    assert "RateLimit" in ours.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in foreign.headers


def test_no_session__401__names_a_scheme(api: APIClient) -> None:
    answer = api.get("/v1/sessions")

    assert problem_of(answer) == (401, "no-session", ["cookie"])
    assert answer.headers["www-authenticate"] == "SIWE"


def test_no_domain__nobody_signs_in() -> None:
    with running(domain=None, origins=()) as api:
        answer = api.post("/v1/sessions/nonce", json={"chain_id": 31337})

    assert problem_of(answer) == (404, "sign-in-off", ["domain"])


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ORIGIN + ".evil.example"},
        {"origin": "http://pay.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_sign_in__from_a_foreign_page__403(api: APIClient, headers: dict[str, str]) -> None:
    answer = api.post("/v1/sessions/nonce", json={"chain_id": 31337}, headers=headers)

    assert problem_of(answer) == (403, "foreign-origin", ["origin"])


def test_cookie__secure_or_not__as_browsers_want_it() -> None:
    whole = b"; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"

    assert Access().cookie_of("t") == b"__Host-quittance=t" + whole + b"; Secure"
    assert Access(is_secure=False).cookie_of("t") == b"quittance=t" + whole
    assert b"=; Path=/; Max-Age=0; " in Access().cookie_of("")
