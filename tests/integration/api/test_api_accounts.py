"""Works and accounts over HTTP: terms, earnings, balances.

Subjects: api.routes.works, api.routes.accounts, api.earnings, api.adapters.works,
api.adapters.earnings, api.adapters.balances, api.adapters.holds,
api.schemas.works,
api.schemas.accounts.
"""

from typing import Any

import pytest

from contracts.events import BENEFICIARY_ASSIGNED
from contracts.evm import Address, BlockNumber
from contracts.leaves import FEES_ID, Leaf, escrow_id, suspense_id
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
    SONG_1,
    USD,
    World,
    address,
    block_hash,
    leaf,
    name_hash,
    timestamp,
)

CONTENT = name_hash("content without a registrant")


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


def balance(posted: int, *, pending: int, unfinalized: int) -> dict[str, str]:
    """A balance of which nothing is held."""
    values = {"posted": posted, "pending": pending, "held": 0, "unfinalized": unfinalized}
    return {name: str(value) for name, value in values.items()}


def test_balances__books_and_later_events__posted_pending_unfinalized(
    shared: APIClient, story: World
) -> None:
    answer = shared.get(f"/v1/accounts/{BOB}/balances").json()

    assert (answer["block"]["number"], answer["finality"]) == (25, "finalized")
    assert answer["head"]["hash"] == str(block_hash(30))
    assert answer["assets"] == [
        {
            "asset": str(USD),
            "outstanding": {"posted": "0", "pending": "0", "held": "0", "unfinalized": "0"},
            "unclaimed": {"posted": "300", "pending": "0", "held": "0", "unfinalized": "-100"},
            "escrow": "0",
        }
    ]
    assert answer["hold"] is None
    (carol,) = shared.get(f"/v1/accounts/{CAROL}/balances").json()["assets"]
    assert carol["outstanding"] == {
        "posted": "50",
        "pending": "0",
        "held": "0",
        "unfinalized": "-50",
    }


def test_balances__open_reservation__pending_inside_posted(api: APIClient, world: World) -> None:
    with world.engine.begin() as connection:
        reserve(world.books(connection), world.op_id_of(FILM_0))

    (carol,) = api.get(f"/v1/accounts/{CAROL}/balances").json()["assets"]

    assert carol["outstanding"] == {
        "posted": "50",
        "pending": "50",
        "held": "0",
        "unfinalized": "-50",
    }


def test_balances__books_caught_up__nothing_unfinalized(api: APIClient, world: World) -> None:
    world.finalize(30)
    with world.engine.begin() as connection:
        reserve(world.books(connection), world.op_id_of(FILM_0))
    world.post_books()

    (carol,) = api.get(f"/v1/accounts/{CAROL}/balances").json()["assets"]
    (bob,) = api.get(f"/v1/accounts/{BOB}/balances").json()["assets"]

    assert carol["outstanding"] == balance(0, pending=0, unfinalized=0)
    assert bob["unclaimed"] == balance(200, pending=0, unfinalized=0)


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
    assert carol["outstanding"] == {
        "posted": "50",
        "pending": "0",
        "held": "0",
        "unfinalized": "-50",
    }
    with world.engine.begin() as connection:
        reserve(world.books(connection), world.op_id_of(FILM_0))
    (carol,) = api.get(path).json()["assets"]
    assert carol["outstanding"] == {
        "posted": "50",
        "pending": "50",
        "held": "0",
        "unfinalized": "-50",
    }


def test_balances__hold_stands__everything_of_the_account_held_until_it_is_over(
    api: APIClient, world: World
) -> None:
    def shown(who: Address) -> dict[str, Any]:
        answer: dict[str, Any] = api.get(f"/v1/accounts/{who}/balances").json()
        return answer

    world.mine(31)
    world.hold(BOB, expires_at=timestamp(33))
    world.hold(ALICE, expires_at=timestamp(99))
    world.finalize(31)
    world.post_books()
    held = shown(BOB)
    world.mine(32)
    world.lift_hold(ALICE)
    world.mine(33)
    world.finalize(33)
    world.post_books()
    over = shown(BOB)

    (asset,) = held["assets"]
    assert held["hold"] == {"reason_digest": str(name_hash("reason")), "expires_at": 1_330}
    assert (asset["unclaimed"]["posted"], asset["unclaimed"]["held"]) == ("200", "200")
    assert over["hold"] is None
    assert over["assets"][0]["unclaimed"]["held"] == "0"
    assert shown(ALICE)["hold"] is None


def test_balances__work_under_verdict__only_what_it_owes_is_held(
    api: APIClient, world: World
) -> None:
    world.mine(31)
    world.commit(1, 2, world.manifest_of(1, 2), paid_in=100)
    world.mine(34)
    world.place_verdict(SONG)
    world.finalize(34)
    world.post_books()
    (alice,) = api.get(f"/v1/accounts/{ALICE}/balances").json()["assets"]
    world.mine(35)
    world.lift_verdict(SONG)
    world.finalize(35)
    world.post_books()
    (lifted,) = api.get(f"/v1/accounts/{ALICE}/balances").json()["assets"]

    assert (alice["outstanding"]["posted"], alice["outstanding"]["held"]) == ("70", "70")
    assert (lifted["outstanding"]["posted"], lifted["outstanding"]["held"]) == ("70", "0")


@pytest.fixture
def escrowed(world: World) -> dict[str, Leaf]:
    """Epoch 1 is active with leaves of every kind: fees, two escrows, one suspense."""
    leaves = {
        "song": SONG_1,
        "fees": leaf(1, FEES_ID, {CAROL: 12}),
        "content": world.escrow(1, escrow_id(CONTENT), 9),
        "other": world.escrow(1, escrow_id(name_hash("other content")), 4),
        "suspense": world.escrow(1, suspense_id(SONG), 3),
    }
    world.commit(1, 2, world.manifest_of(1, 2), paid_in=100)
    world.mine(31)
    world.veto(1, 2)
    digest = world.compute(1, 3, list(leaves.values()), paid_in=100)
    world.commit(1, 3, digest, paid_in=100)
    world.mine(34)
    return leaves


def shown_escrow(api: APIClient, who: Address) -> list[str]:
    answer = api.get(f"/v1/accounts/{who}/balances").json()
    return [one["escrow"] for one in answer["assets"]]


def test_balances__content_claimed__its_escrow_until_refused_or_released(
    api: APIClient, world: World, escrowed: dict[str, Leaf]
) -> None:
    stranger = address("claimant")
    world.claim(CONTENT, stranger)
    world.finalize(34)
    world.post_books()
    claimed = shown_escrow(api, stranger)
    world.mine(35)
    world.refuse_claim(CONTENT, stranger)
    world.finalize(35)
    world.post_books()
    refused = shown_escrow(api, stranger)
    world.mine(36)
    world.claim(CONTENT, BOB)
    world.mine(37)
    world.release(escrowed["content"], BOB)
    world.finalize(36)
    world.post_books()
    (before,) = api.get(f"/v1/accounts/{BOB}/balances").json()["assets"]
    world.finalize(37)
    world.post_books()
    (after,) = api.get(f"/v1/accounts/{BOB}/balances").json()["assets"]

    assert (claimed, refused) == (["9"], [])
    assert (before["escrow"], before["unclaimed"]["posted"]) == ("9", "200")
    assert before["unclaimed"]["unfinalized"] == "9"
    assert (after["escrow"], after["unclaimed"]["posted"]) == ("0", "209")
    assert after["unclaimed"]["unfinalized"] == "0"


def test_balances__content_claimed_by_another_since__theirs(
    api: APIClient, world: World, escrowed: dict[str, Leaf]
) -> None:
    first, second = address("first"), address("second")
    world.claim(CONTENT, first)
    world.mine(35)
    world.refuse_claim(CONTENT, first)
    world.claim(CONTENT, second)
    world.finalize(35)
    world.post_books()

    assert (shown_escrow(api, first), shown_escrow(api, second)) == ([], ["9"])


def test_balances__suspense_assigned__its_beneficiary_s(
    api: APIClient, world: World, escrowed: dict[str, Leaf]
) -> None:
    heir, other = address("heir"), address("other heir")
    suspense = escrowed["suspense"].work_id
    world.emit(BENEFICIARY_ASSIGNED, escrow_id=suspense, account=heir)
    world.finalize(34)
    world.post_books()
    assigned = shown_escrow(api, heir)
    world.mine(35)
    world.emit(BENEFICIARY_ASSIGNED, escrow_id=suspense, account=other)
    world.finalize(35)
    world.post_books()

    assert assigned == ["3"]
    assert (shown_escrow(api, heir), shown_escrow(api, other)) == ([], ["3"])


def test_earnings__held_and_partly_withdrawn__said_of_line_and_leaf(
    api: APIClient, world: World
) -> None:
    def first(path: str) -> dict[str, Any]:
        item: dict[str, Any] = api.get(path).json()["items"][0]
        return item

    both = leaf(1, SONG, {ALICE: 50, BOB: 20})
    world.veto(1, 2)
    world.mine(31)
    world.commit(1, 3, world.compute(1, 3, [both], paid_in=100), paid_in=100)
    world.mine(34)
    world.hold(BOB, expires_at=timestamp(99))
    world.withdraw(both, held=[BOB])
    world.finalize(34)
    work, bob = f"/v1/works/{SONG}/earnings", f"/v1/accounts/{BOB}/earnings"
    partly, held = first(work), first(bob)
    world.mine(35)
    world.lift_hold(BOB)
    world.finalize(35)
    lifted = first(bob)
    world.mine(36)
    world.withdraw(both, settled=[ALICE])
    world.finalize(36)

    assert (partly["status"], held["status"], lifted["status"]) == (
        "partly_withdrawn",
        "held",
        "payable",
    )
    assert (first(work)["status"], first(bob)["status"]) == ("withdrawn", "paid")


def test_earnings__escrow_leaf__escrowed_then_released(
    api: APIClient, world: World, escrowed: dict[str, Leaf]
) -> None:
    world.finalize(34)
    path = f"/v1/accounts/{world.settlement.payouts}/earnings"
    before = {one["work_id"]: one["status"] for one in api.get(path).json()["items"]}
    world.mine(35)
    world.release(escrowed["content"], BOB)
    world.finalize(35)
    after = {one["work_id"]: one["status"] for one in api.get(path).json()["items"]}

    content, suspense = (str(escrowed[name].work_id) for name in ("content", "suspense"))
    assert (before[content], before[suspense]) == ("escrowed", "escrowed")
    assert (after[content], after[suspense]) == ("released", "escrowed")


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
