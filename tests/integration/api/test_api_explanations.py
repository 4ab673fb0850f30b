"""Explanations, differences and the log of manifests over HTTP, from a database of two epochs.

Subjects: api.explanations, api.routes.explanations, api.adapters.explanations,
api.schemas.explanations,
api.routes.differences, api.adapters.differences,
api.schemas.differences,
api.routes.manifest_log, api.adapters.commitments,
api.schemas.manifest_log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text

from api.context import Deps, Limits
from api.schemas.explanations import ExplanationOut
from contracts.evm import Hash32, Timestamp
from scripts.bootstrap import open_database
from scripts.embedded.postgres import PostgresServer
from settlement.royalties.difference import difference
from settlement.royalties.explanation import explain
from settlement.royalties.manifest_log import entry_hash, is_consistent, is_included, log_root
from tests.api_client import APIClient, problem_of, running_api
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    address,
    work,
)
from tests.two_epochs import FILM, NEXT_EPOCH, SONG, store, two_epochs

CHAIN, FIRST, NEXT = two_epochs()
_TEMPLATE = "two_epochs"


@pytest.fixture(scope="module")
def template(postgres_server: PostgresServer, _migrated_template: str) -> str:
    """The name of a database with both epochs, to which nobody is connected any more."""
    engine = open_database(postgres_server.url(_TEMPLATE, template=_migrated_template))
    store(engine, CHAIN, FIRST, NEXT)
    engine.dispose()
    return _TEMPLATE


@pytest.fixture(scope="module")
def api(template: str, postgres_server: PostgresServer) -> Iterator[APIClient]:
    """The API over a database that stays as it is."""
    with running_api(_deps(postgres_server.url("two_epochs_shared", template=template))) as client:
        yield client


@pytest.fixture(scope="module")
def engine(template: str, postgres_server: PostgresServer) -> Iterator[Engine]:
    """A copy whose tables tests change and put back."""
    engine = open_database(postgres_server.url("two_epochs_changed", template=template))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def own(engine: Engine) -> Iterator[APIClient]:
    """The API over the copy."""
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "", 1)
    with running_api(_deps(url)) as client:
        yield client


def _deps(url: str) -> Deps:
    return Deps(
        database_url=url,
        chain_ids=(SETTLEMENT.chain_id,),
        settlements=(SETTLEMENT,),
        now=lambda: Timestamp(CHAIN.blocks[-1].timestamp),
        head_of=None,
        limits=Limits(),
    )


@contextmanager
def tampered(engine: Engine, table: str, *statements: str) -> Iterator[None]:
    """Change what nobody may change, without triggers and keys; put it back at the end."""
    run(engine, f"CREATE TABLE kept AS TABLE {table}")
    try:
        assert all(rows > 0 for rows in run(engine, *statements))
        yield
    finally:
        undo = f"INSERT INTO {table} SELECT * FROM kept"  # noqa: S608
        run(engine, f"DELETE FROM {table}", undo, "DROP TABLE kept")  # noqa: S608


def run(engine: Engine, *statements: str) -> list[int]:
    """How many rows each statement touched."""
    with engine.begin() as connection:
        connection.execute(
            text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
        )
        return [connection.execute(text(statement)).rowcount for statement in statements]


def explain_path(account: Any = ANN, work_id: Hash32 = SONG, **query: object) -> str:
    values = {"epoch": FIRST_EPOCH, "work": work_id, "asset": DUSD} | query
    given = "&".join(f"{name}={value}" for name, value in values.items() if value is not None)
    return f"/v1/accounts/{account}/explain?{given}"


def test_explain__work_and_asset__what_the_engine_computes(api: APIClient) -> None:
    for epoch, computed in ((FIRST_EPOCH, FIRST), (NEXT_EPOCH, NEXT)):
        answer = api.get(explain_path(epoch=epoch)).json()

        of_engine = ExplanationOut.model_validate(explain(computed, SONG, DUSD))
        wanted = of_engine.model_dump(mode="json")
        assert {name: answer[name] for name in wanted} == wanted
        assert answer["settlement"] == SETTLEMENT.name
        assert answer["finality"] == "finalized"


def test_explain__row_of_a_work_under_verdict__weight_counts_and_the_verdict_is_named(
    api: APIClient,
) -> None:
    answer = api.get(explain_path(epoch=NEXT_EPOCH)).json()
    held = api.get(explain_path(CAT, FILM, epoch=NEXT_EPOCH)).json()

    (bob,) = (one for one in answer["subscribers"] if one["subscriber"] == str(BOB))
    song, film = bob["rows"]
    assert (song["verdict"], song["credibility_ppm"]) == (None, "1000000")
    assert (film["credibility_ppm"], film["counted"], film["credited"]) == ("0", "0", "0")
    verdicts = NEXT.facts.frame.verdicts
    place = film["verdict"]["block_number"], film["verdict"]["log_index"]
    assert place == (verdicts.block_number[0], verdicts.log_index[0])
    assert int(bob["unallocated"]) > 0
    assert (held["amount"], held["left_out"]) == (
        "0",
        [{"reason": "work_under_verdict", "count": 1}],
    )


def test_explain__account__its_line_of_the_split(api: APIClient) -> None:
    answer = api.get(explain_path(BOB)).json()

    (bob,) = (one for one in answer["split"]["lines"] if one["payee"] == str(BOB))
    assert answer["amount"] == bob["amount"] != "0"
    (leaf,) = (
        leaf for leaf in FIRST.distribution.leaves if (leaf.work_id, leaf.asset) == (SONG, DUSD)
    )
    assert [line.amount for line in leaf.lines if line.payee == BOB] == [int(answer["amount"])]


def test_explain__payee_that_cannot_be_paid__nothing_and_why(api: APIClient) -> None:
    answer = api.get(explain_path(SETTLEMENT.payouts, FILM)).json()

    assert answer["amount"] == "0"
    payees = answer["split"]["shared"]["payees"]
    fates = {one["payee"]: (one["fate"], one["reason"]) for one in payees}
    assert fates == {
        str(CAT): ("leaf", None),
        str(SETTLEMENT.payouts): ("suspense", "unpayable_payee"),
    }


def test_explain__left_out__counted_by_reason(api: APIClient) -> None:
    answer = api.get(explain_path()).json()

    reasons = {one["reason"]: one["count"] for one in answer["left_out"]}
    assert reasons == {"duplicate_work": 1, "reused_pseudonym": 1}


def test_explain__pages__every_subscriber_once_and_the_sum_is_the_amount(api: APIClient) -> None:
    path: str | None = explain_path(limit=1)
    seen: list[str] = []
    credited = 0
    while path is not None:
        answer = api.get(path).json()
        (part,) = answer["subscribers"]
        assert answer["credited_before"] == str(credited)
        seen.append(part["subscriber"])
        credited += int(part["credited"])
        cursor = answer["next_cursor"]
        path = None if cursor is None else explain_path(limit=1, cursor=cursor)

    assert seen == [str(one) for one in sorted((ANN, BOB))]
    assert answer["subscriber_count"] == 2
    assert answer["split"]["amount"] == str(credited)


def test_explain__several_assets__one_must_be_named(api: APIClient) -> None:
    response = api.get(explain_path(asset=None))

    assert problem_of(response) == (422, "bad-value", ["asset"])
    assert all(str(asset) in response.json()["detail"] for asset in (DUSD, EURT))
    assert api.get(explain_path(asset=None, epoch=NEXT_EPOCH)).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"epoch": FIRST_EPOCH - 1}, "epoch"),
        ({"epoch": NEXT_EPOCH + 1}, "epoch"),
        ({"work": work("ghost")}, "work"),
        ({"asset": ANN}, "work"),
        ({"account": address("nobody")}, "address"),
    ],
)
def test_explain__nothing_there__not_found(
    api: APIClient, query: dict[str, Any], field: str
) -> None:
    assert problem_of(api.get(explain_path(**query))) == (404, "not-found", [field])


def test_explain__same_answer__not_sent_again(api: APIClient) -> None:
    tag = api.get(explain_path()).headers["etag"]

    assert tag.startswith(f'W/"{FIRST.manifest.root}-')
    assert api.get(explain_path(), headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("computed_credit", "credited = credited + 1"),
        ("computed_credit", "raw = raw + 1"),
        ("computed_credit", "discount_ppm = 999999"),
        ("computed_allocation", "fee = fee + 1"),
        ("computed_allocation", "unallocated = unallocated + 1"),
        ("computed_line", "amount = amount + 1"),
        ("fact_subscribed", "amount = amount - 1"),
        (
            "fact_consumption_submitted",
            "minutes_played = array_fill(7::bigint, ARRAY[cardinality(work_ids)])",
        ),
        ("fact_work_terms_set", "price_ppm = price_ppm + 1"),
        ("computed_credit", "credibility_ppm = 0"),
        ("fact_subscribed", None),
        ("fact_consumption_submitted", None),
        ("fact_work_terms_set", None),
        ("fact_parameters_set", None),
    ],
)
def test_explain__anything_changed_or_lost__no_explanation(
    own: APIClient, engine: Engine, table: str, change: str | None
) -> None:
    statement = f"DELETE FROM {table}" if change is None else f"UPDATE {table} SET {change}"  # noqa: S608
    assert own.get(explain_path()).status_code == 200
    with tampered(engine, table, statement):
        response = own.get(explain_path())

    assert problem_of(response)[:2] == (500, "stored-explanation-differs")


def test_difference__two_epochs__what_the_pure_function_says(api: APIClient) -> None:
    wanted = difference(NEXT.distribution, FIRST.distribution)

    payees = api.get(f"/v1/epochs/{NEXT_EPOCH}/difference/payees").json()
    works = api.get(f"/v1/settlements/test/epochs/{NEXT_EPOCH}/difference/works").json()

    assert payees["previous_manifest_digest"] == str(FIRST.manifest_digest)
    assert [(one["payee"], one["asset"], one["change"]["delta"]) for one in payees["items"]] == [
        (str(one.payee), str(one.asset), str(one.change.delta)) for one in wanted.payees
    ]
    assert [(one["work_id"], one["change"]["before"]) for one in works["items"]] == [
        (str(one.work_id), str(one.change.before)) for one in wanted.works
    ]
    assert payees["totals"] == works["totals"]
    for total in payees["totals"]:
        for listed in (payees, works):
            deltas = [
                int(one["change"]["delta"])
                for one in listed["items"]
                if one["asset"] == total["asset"]
            ]
            terms = ("allocated", "fees", "escrow")
            assert sum(deltas) == sum(int(total[term]["delta"]) for term in terms) != 0


def test_difference__first_epoch__all_of_it_is_new(api: APIClient) -> None:
    answer = api.get(f"/v1/epochs/{FIRST_EPOCH}/difference/works").json()

    assert answer["previous_manifest_digest"] == "0x" + "00" * 32
    assert {one["change"]["before"] for one in answer["items"]} == {"0"}
    assert answer["totals"][0]["paid_in"]["before"] == "0"


@pytest.mark.parametrize("name", ["payees", "works"])
def test_difference__pages__the_same_items(api: APIClient, name: str) -> None:
    path = f"/v1/epochs/{NEXT_EPOCH}/difference/{name}"
    whole = api.get(path).json()["items"]
    paged: list[Any] = []
    following: str | None = f"{path}?limit=2"
    while following is not None:
        answer = api.get(following).json()
        paged += answer["items"]
        cursor = answer["next_cursor"]
        following = None if cursor is None else f"{path}?limit=2&cursor={cursor}"

    assert len(whole) > 2
    assert paged == whole


def test_difference__not_computed__not_found(api: APIClient) -> None:
    path = f"/v1/epochs/{NEXT_EPOCH + 1}/difference/payees"

    assert problem_of(api.get(path)) == (404, "not-found", ["epoch"])


def test_difference__previous_lost__not_found(own: APIClient, engine: Engine) -> None:
    lost = f"DELETE FROM computed_epoch WHERE epoch = {FIRST_EPOCH}"  # noqa: S608
    with tampered(engine, "computed_epoch", lost):
        response = own.get(f"/v1/epochs/{NEXT_EPOCH}/difference/payees")

    assert problem_of(response) == (404, "not-found", ["epoch"])
    assert str(FIRST.manifest_digest) in response.json()["detail"]


def commit(log_index: int, attempt: int, digest: Hash32) -> str:
    """One more commitment at the second epoch, in the last block."""
    return (
        "INSERT INTO fact_epoch_committed SELECT chain_id, "  # noqa: S608 - our own values
        f"{CHAIN.blocks[-1].number}, {log_index}, address, {NEXT_EPOCH}, {attempt}, "
        f"'\\x{digest.hex()}', root, active_at, guardian_set, signers, totals_asset, "
        "totals_paid_in, totals_carried_in, totals_allocated, totals_escrow, "
        "totals_unallocated, totals_fees FROM fact_epoch_committed LIMIT 1"
    )


VETOED = work("vetoed later")


@pytest.fixture
def grown(engine: Engine) -> Iterator[None]:
    """The second epoch was committed twice."""
    both = commit(0, 1, VETOED), commit(1, 2, NEXT.manifest_digest)
    with tampered(engine, "fact_epoch_committed", *both):
        yield


def nodes(texts: list[str]) -> list[Hash32]:
    return [Hash32.from_hex(one) for one in texts]


def test_log__one_commitment__size_and_root(api: APIClient) -> None:
    answer = api.get("/v1/log").json()

    assert answer["size"] == 1
    assert answer["root"] == str(entry_hash(FIRST.manifest_digest))
    assert answer["block"]["hash"] == str(CHAIN.blocks[-1].hash)


@pytest.mark.usefixtures("grown")
def test_log__grown__old_root_is_its_beginning(own: APIClient, api: APIClient) -> None:
    before = api.get("/v1/settlements/test/log").json()
    after = own.get("/v1/log").json()

    proof = own.get(f"/v1/log/consistency?from={before['size']}").json()
    same = own.get("/v1/log/consistency?from=2&to=2").json()

    assert (proof["from_root"], proof["to_root"]) == (before["root"], after["root"])
    assert is_consistent(
        nodes(proof["path"]),
        old_size=1,
        size=after["size"],
        old_root=Hash32.from_hex(before["root"]),
        root=Hash32.from_hex(after["root"]),
    )
    assert (same["path"], same["from_root"]) == ([], same["to_root"])


@pytest.mark.usefixtures("grown")
def test_log__inclusion__verifies_for_each_attempt_and_older_size(own: APIClient) -> None:
    root = log_root([entry_hash(one) for one in (FIRST.manifest_digest, VETOED)])

    last = own.get(f"/v1/log/inclusion?epoch={NEXT_EPOCH}").json()
    older = own.get(f"/v1/log/inclusion?epoch={NEXT_EPOCH}&attempt=1&size=2").json()

    assert (last["attempt"], last["index"], last["size"]) == (2, 2, 3)
    assert last["manifest_digest"] == str(NEXT.manifest_digest)
    assert (older["index"], older["root"]) == (1, str(root))
    for answer in (last, older):
        assert is_included(
            entry_hash(Hash32.from_hex(answer["manifest_digest"])),
            nodes(answer["path"]),
            index=answer["index"],
            size=answer["size"],
            root=Hash32.from_hex(answer["root"]),
        )


def test_log__nothing_committed__empty_and_no_proofs(own: APIClient, engine: Engine) -> None:
    with tampered(engine, "fact_epoch_committed", "DELETE FROM fact_epoch_committed"):
        empty = own.get("/v1/log").json()
        inclusion = own.get(f"/v1/log/inclusion?epoch={FIRST_EPOCH}")
        consistency = own.get("/v1/log/consistency?from=1")

    assert (empty["size"], empty["root"]) == (0, str(log_root([])))
    assert problem_of(inclusion) == (404, "not-found", ["epoch"])
    assert problem_of(consistency) == (422, "bad-value", ["from"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("consistency?from=0", "from"),
        ("consistency?from=2", "from"),
        ("consistency?from=1&to=2", "to"),
        ("consistency?from=-1", "from"),
        (f"inclusion?epoch={FIRST_EPOCH}&size=2", "size"),
        (f"inclusion?epoch={FIRST_EPOCH}&size=0", "size"),
    ],
)
def test_log__size_that_the_log_does_not_have__refused(
    api: APIClient, query: str, field: str
) -> None:
    assert problem_of(api.get(f"/v1/log/{query}")) == (422, "bad-value", [field])


def test_log__epoch_or_attempt_not_committed__not_found(api: APIClient) -> None:
    for query in (f"epoch={NEXT_EPOCH}", f"epoch={FIRST_EPOCH}&attempt=2"):
        assert problem_of(api.get(f"/v1/log/inclusion?{query}")) == (404, "not-found", ["epoch"])
