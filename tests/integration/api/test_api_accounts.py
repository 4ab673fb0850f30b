"""Works and accounts over HTTP: terms, earnings, balances.

Subjects: api.routes.works, api.routes.accounts, api.earnings, api.adapters.works,
api.adapters.earnings, api.adapters.balances,
api.schemas.works,
api.schemas.accounts.
"""

from typing import Any

from contracts.evm import BlockNumber
from indexer.adapters.reads import FactReads
from settlement.ledger.reserve import reserve
from settlement.ledger.rewind import rewind
from tests.api_client import APIClient, problem_of
from tests.api_world import (
    ALICE,
    BOB,
    CAROL,
    FILM,
    FILM_0,
    REGISTRANT,
    SONG,
    SONG_0,
    USD,
    World,
    address,
    block_hash,
    leaf,
    name_hash,
)


def test_work__registered__terms_in_force_and_following(shared: APIClient) -> None:
    film = shared.get(f"/v1/works/{FILM}").json()

    assert film["registrant"] == str(REGISTRANT)
    assert (film["epoch"], film["terms"]["version"]) == (2, 1)
    assert film["terms"]["payees"] == [str(CAROL)]
    assert film["next_terms"]["payees"] == [str(REGISTRANT)]
    assert film["is_under_verdict"] is False


def test_work__changed_twice_in_one_epoch__last_change_follows(
    api: APIClient, world: World
) -> None:
    for version, payee in ((3, ALICE), (4, BOB)):
        world.set_terms(FILM, {payee: 1_000_000}, version=version, effective_epoch=3)
    world.finalize(30)
    before = api.get(f"/v1/works/{FILM}").json()
    world.mine(40)
    world.finalize(40)
    after = api.get(f"/v1/works/{FILM}").json()

    assert (before["epoch"], before["terms"]["version"]) == (3, 4)
    assert after["terms"]["payees"] == [str(BOB)]
    assert after["next_terms"] is None


def test_work__verdict_lifted__not_held(api: APIClient, world: World) -> None:
    world.place_verdict(SONG)
    world.lift_verdict(SONG)
    world.finalize(30)

    assert api.get(f"/v1/works/{SONG}").json()["is_under_verdict"] is False


def test_work__unknown__not_found(shared: APIClient) -> None:
    unknown = name_hash("unknown")

    assert problem_of(shared.get(f"/v1/works/{unknown}")) == (404, "not-found", ["work"])
    assert problem_of(shared.get(f"/v1/works/{unknown}/earnings")) == (404, "not-found", ["work"])


def test_work_earnings__standing_attempts__newest_first(shared: APIClient, story: World) -> None:
    answer = shared.get(f"/v1/works/{SONG}/earnings").json()

    shown = [
        (one["epoch"], one["attempt"], one["amount"], one["status"]) for one in answer["items"]
    ]
    assert shown == [(1, 2, "70", "computed"), (0, 1, "900", "withdrawn")]
    assert answer["items"][1]["op_id"] == str(story.op_id_of(SONG_0))


def test_account_earnings__each_line__says_where_it_went(api: APIClient, world: World) -> None:
    def statuses(who: str) -> list[tuple[int, str, str]]:
        items = api.get(f"/v1/accounts/{who}/earnings").json()["items"]
        return [(one["epoch"], one["amount"], one["status"]) for one in items]

    assert statuses(str(ALICE)) == [(1, "70", "computed"), (0, "600", "paid")]
    assert statuses(str(BOB)) == [(0, "300", "unclaimed")]
    assert statuses(str(CAROL)) == [(0, "50", "payable")]
    world.commit(1, 2, world.manifest_of(1, 2), paid_in=100)
    world.finalize(30)
    assert statuses(str(ALICE))[0] == (1, "70", "pending")


def test_account_earnings__pages_over_a_new_epoch__nothing_skipped_or_repeated(
    api: APIClient, world: World
) -> None:
    path = f"/v1/accounts/{ALICE}/earnings?limit=1"
    first = api.get(path).json()
    world.compute(2, 1, [leaf(2, SONG, {ALICE: 1}), leaf(2, FILM, {ALICE: 2})], paid_in=3)

    second = api.get(f"{path}&cursor={first['next_cursor']}").json()

    assert [one["epoch"] for one in first["items"]] == [1]
    assert [one["epoch"] for one in second["items"]] == [0]
    assert second["next_cursor"] is None
    everything = _all_pages(api, path)
    assert [(one["epoch"], one["amount"]) for one in everything[:2]] in (
        [(2, "1"), (2, "2")],
        [(2, "2"), (2, "1")],
    )
    assert [one["epoch"] for one in everything] == [2, 2, 1, 0]


def test_list__cursor_of_another_list__refused(shared: APIClient) -> None:
    cursor = shared.get(f"/v1/accounts/{ALICE}/earnings?limit=1").json()["next_cursor"]

    for path in (f"/v1/works/{SONG}/earnings?cursor={cursor}", "/v1/epochs?cursor=%00%ff"):
        assert problem_of(shared.get(path)) == (422, "bad-value", ["cursor"])


def test_list__bad_limit__refused(shared: APIClient) -> None:
    for limit in ("0", "201", "many"):
        response = shared.get(f"/v1/epochs?limit={limit}")
        assert problem_of(response) == (422, "bad-value", ["limit"])


def test_balances__books_and_later_events__posted_pending_unfinalized(
    shared: APIClient, story: World
) -> None:
    answer = shared.get(f"/v1/accounts/{BOB}/balances").json()

    assert (answer["block"]["number"], answer["finality"]) == (25, "finalized")
    assert answer["head"]["hash"] == str(block_hash(30))
    assert answer["assets"] == [
        {
            "asset": str(USD),
            "outstanding": {"posted": "0", "pending": "0", "unfinalized": "0"},
            "unclaimed": {"posted": "300", "pending": "0", "unfinalized": "-100"},
        }
    ]
    (carol,) = shared.get(f"/v1/accounts/{CAROL}/balances").json()["assets"]
    assert carol["outstanding"] == {"posted": "50", "pending": "0", "unfinalized": "-50"}


def test_balances__open_reservation__pending_inside_posted(api: APIClient, world: World) -> None:
    with world.engine.begin() as connection:
        reserve(world.books(connection), world.op_id_of(FILM_0))

    (carol,) = api.get(f"/v1/accounts/{CAROL}/balances").json()["assets"]

    assert carol["outstanding"] == {"posted": "50", "pending": "50", "unfinalized": "-50"}


def test_balances__books_caught_up__nothing_unfinalized(api: APIClient, world: World) -> None:
    world.finalize(30)
    with world.engine.begin() as connection:
        reserve(world.books(connection), world.op_id_of(FILM_0))
    world.post_books()

    (carol,) = api.get(f"/v1/accounts/{CAROL}/balances").json()["assets"]
    (bob,) = api.get(f"/v1/accounts/{BOB}/balances").json()["assets"]

    assert carol["outstanding"] == {"posted": "0", "pending": "0", "unfinalized": "0"}
    assert bob["unclaimed"] == {"posted": "200", "pending": "0", "unfinalized": "0"}


def test_balances__books_taken_back__not_indexed_then_as_posted_again(
    api: APIClient, world: World
) -> None:
    path = f"/v1/accounts/{CAROL}/balances"
    with world.engine.begin() as connection:
        books = world.books(connection)
        reserve(books, world.op_id_of(FILM_0))
        block = FactReads(connection, world.settlement).block(BlockNumber(12))
        assert block is not None
        rewind(books, block, reason="blocks from 13 on were replaced")

    in_between = api.get(path)
    world.post_books()

    assert problem_of(in_between) == (503, "not-indexed", [])
    (carol,) = api.get(path).json()["assets"]
    assert carol["outstanding"] == {"posted": "50", "pending": "0", "unfinalized": "-50"}
    with world.engine.begin() as connection:
        reserve(world.books(connection), world.op_id_of(FILM_0))
    (carol,) = api.get(path).json()["assets"]
    assert carol["outstanding"] == {"posted": "50", "pending": "50", "unfinalized": "-50"}


def test_balances__stranger__nothing_and_no_error(shared: APIClient) -> None:
    stranger = address("stranger")

    answer = shared.get(f"/v1/accounts/{stranger}/balances").json()

    assert (answer["account"], answer["assets"]) == (str(stranger), [])


def test_balances__wrong_checksum__refused_with_the_right_one(shared: APIClient) -> None:
    wrong = str(ALICE).swapcase().replace("0X", "0x")

    response = shared.get(f"/v1/accounts/{wrong}/balances")

    assert problem_of(response) == (422, "bad-value", ["address"])
    assert str(ALICE) in response.json()["detail"]
    assert response.json()["errors"][0]["value"] == wrong


def test_balances__block_replaced_at_head__etag_changes(api: APIClient, world: World) -> None:
    path = f"/v1/accounts/{BOB}/balances"
    known = {"If-None-Match": api.get(path).headers["etag"]}

    assert api.get(path, headers=known).status_code == 304
    world.replace_head("other")
    assert api.get(path, headers=known).status_code == 200


def _all_pages(api: APIClient, path: str) -> list[dict[str, Any]]:
    page = api.get(path).json()
    items = list(page["items"])
    while page["next_cursor"] is not None:
        page = api.get(f"{path}&cursor={page['next_cursor']}").json()
        items += page["items"]
    return items
