"""The journal over HTTP: an auditor recomputes leaves, links and seals from the answers alone.

Subjects: api.ledger, with api.adapters.ledger, api.adapters.seals, api.adapters.account_totals,
api.routes.ledger, api.schemas.ledger.
The check below is spelled from the description of the answers and imports nothing of the books.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from merkletools import MerkleTools
from sqlalchemy import Engine, text

from api.context import Deps, Limits
from contracts.evm import Address, Timestamp
from scripts.bootstrap import open_database
from scripts.embedded.postgres import PostgresServer
from settlement.ledger.adapters.seals import SealStore
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.sealing import seal_step
from tests.api_client import APIClient, problem_of, running_api
from tests.ledger_builders import BOOK
from tests.ledger_seal_contract import Clock
from tests.statement_world import RELAY, SETTLEMENT, SPLITTER, WALLET, StatementWorld

EPOCHS = Clock(genesis=0, length=10 * 86_400)
NO_ENTRY = f"0x{'ab' * 32}"


@pytest.fixture(scope="module")
def engine(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[Engine]:
    url = postgres_server.url("api_ledger", template=_migrated_template)
    engine = open_database(url)
    world = StatementWorld(engine)
    world.tell()
    with engine.begin() as connection:
        LedgerStore(connection, BOOK).close_period(197001, "ann", Timestamp(31 * 86_400 + 10))
    for book in (BOOK, *world.entries):
        with engine.begin() as connection:
            seal_step(SealStore(connection, book), EPOCHS, entries_max=1000)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def api(engine: Engine) -> Iterator[APIClient]:
    url = engine.url.render_as_string(hide_password=False)
    deps = Deps(
        database_url=url.replace("+psycopg", "", 1),
        chain_ids=(SETTLEMENT.chain_id,),
        settlements=(SETTLEMENT,),
        now=lambda: Timestamp(10_000_000),
        head_of=None,
        limits=Limits(),
    )
    with running_api(deps) as client:
        yield client


def answer(api: APIClient, path: str) -> Any:
    response = api.get(f"/v1/ledger{path}")
    assert response.status_code == 200, response.text
    return response.json()


def pages(api: APIClient, path: str) -> list[Any]:
    """Every item of a list, asked for two at a time."""
    items: list[Any] = []
    cursor = ""
    while True:
        page = answer(api, f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


def prefixed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def raw(spelled: str) -> bytes:
    return bytes.fromhex(spelled[2:])


def canonical(entry: Any, *, chain_id: int, book: str) -> bytes:
    """As the description of the answers says."""
    head = (
        b"quittance.journal.v1",
        chain_id.to_bytes(8, "big"),
        raw(book),
        entry["sequence"].to_bytes(8, "big"),
        raw(entry["id"]),
        entry["source_kind"].encode(),
        raw(entry["source_id"]),
        entry["leg"].to_bytes(4, "big"),
        entry["version"].to_bytes(4, "big"),
        entry["status"].encode(),
        entry["effective_at"].to_bytes(8, "big"),
        entry["effective_block"].to_bytes(8, "big"),
        b"" if entry["evidence"] is None else raw(entry["evidence"]),
        entry["booked_at"].to_bytes(8, "big"),
        entry["period"].to_bytes(4, "big"),
        entry["recorded_at_us"].to_bytes(8, "big"),
    )
    lines = [
        field
        for posting in entry["postings"]
        for field in (
            raw(posting["asset"]),
            int(posting["amount"]).to_bytes(32, "big"),
            posting["debit"].encode(),
            posting["credit"].encode(),
        )
    ]
    return prefixed(*head, *lines)


def tree_of(previous: str, leaves: list[str]) -> MerkleTools:
    tree = MerkleTools(hash_type="sha256")
    tree.add_leaf([sha256(b"\x00" + raw(previous)).hexdigest(), *leaves])
    tree.make_tree()
    return tree


@pytest.mark.parametrize("book", [SETTLEMENT.payouts, SPLITTER.contract, RELAY.contract, WALLET])
def test_journal__recomputed_from_the_answers_alone__has_every_link_and_seal(
    api: APIClient, book: Address
) -> None:
    entries = pages(api, f"/journal?book={book}")
    seals = pages(api, f"/seals?book={book}")
    chain_id = answer(api, f"/seals?book={book}")["chain_id"]

    link, leaves = bytes(32), []
    for place, entry in enumerate(entries, start=1):
        data = canonical(entry, chain_id=chain_id, book=str(book))
        link = sha256(prefixed(link, data)).digest()
        leaves.append(sha256(b"\x00" + data).hexdigest())
        assert (entry["sequence"], raw(entry["link"])) == (place, link)
    previous = f"0x{'00' * 32}"
    for seal in seals:
        under = leaves[seal["first_sequence"] - 1 : seal["last_sequence"]]
        under += [close["leaf"][2:] for close in seal["closes"]]
        assert seal["previous"] == previous
        assert seal["root"] == "0x" + tree_of(previous, under).get_merkle_root()
        previous = seal["root"]
    assert seals
    months = [close["month"] for seal in seals for close in seal["closes"]]
    assert months == (["1970-01"] if book == BOOK.contract else [])


def test_proof__of_every_sealed_entry__holds_by_its_answer_alone(api: APIClient) -> None:
    seals = {seal["epoch"]: seal["root"] for seal in pages(api, "/seals")}
    entries = pages(api, "/journal")
    sealed = [entry for entry in entries if entry["seal"] is not None]

    for entry in sealed:
        proof = answer(api, f"/entries/{entry['id']}/proof")
        data = canonical(proof["entry"], chain_id=proof["chain_id"], book=proof["book"])
        leaf = sha256(b"\x00" + data).hexdigest()
        path = [{step["side"]: step["hash"][2:]} for step in proof["path"]]
        assert raw(proof["canonical"]) == data
        assert proof["leaf"] == "0x" + leaf
        assert MerkleTools(hash_type="sha256").validate_proof(path, leaf, seals[entry["seal"]][2:])
        assert proof["entry"] == entry
        assert proof["seal"]["root"] == seals[entry["seal"]]
    assert len(sealed) > 5


def test_proof__one_digit_changed__does_not_hold(api: APIClient) -> None:
    entry = next(one for one in pages(api, "/journal") if one["seal"] is not None)
    proof = answer(api, f"/entries/{entry['id']}/proof")
    changed = {**entry, "booked_at": entry["booked_at"] + 1}

    data = canonical(changed, chain_id=proof["chain_id"], book=proof["book"])

    leaf = sha256(b"\x00" + data).hexdigest()
    path = [{step["side"]: step["hash"][2:]} for step in proof["path"]]
    assert not MerkleTools(hash_type="sha256").validate_proof(path, leaf, proof["seal"]["root"][2:])


def test_journal__of_one_seal__its_entries_alone(api: APIClient) -> None:
    for seal in pages(api, "/seals"):
        entries = pages(api, f"/journal?seal={seal['epoch']}")
        numbers = [entry["sequence"] for entry in entries]
        assert numbers == list(range(seal["first_sequence"], seal["last_sequence"] + 1))
        assert {entry["seal"] for entry in entries} == {seal["epoch"]}


def summed(entries: list[Any], account: str) -> dict[str, tuple[int, int]]:
    """Posted debits and credits of an account by asset, as the entries say."""
    totals: dict[str, tuple[int, int]] = {}
    for entry in entries:
        for posting in entry["postings"] if entry["status"] == "posted" else ():
            debits, credits = totals.get(posting["asset"], (0, 0))
            debits += int(posting["amount"]) * (posting["debit"] == account)
            credits += int(posting["amount"]) * (posting["credit"] == account)
            totals[posting["asset"]] = debits, credits
    return {asset: both for asset, both in totals.items() if any(both)}


def balances(api: APIClient, query: str) -> dict[str, tuple[int, int]]:
    found = answer(api, f"/balances?{query}")["balances"]
    return {one["asset"]: (int(one["debits"]), int(one["credits"])) for one in found}


@pytest.mark.parametrize("book", [SETTLEMENT.payouts, SPLITTER.contract, RELAY.contract, WALLET])
def test_balances__of_every_account_at_every_block__what_its_entries_add_up_to(
    api: APIClient, engine: Engine, book: Address
) -> None:
    entries = pages(api, f"/journal?book={book}")
    blocks = sorted({entry["effective_block"] for entry in entries})
    indexed(engine, answer(api, "/books")["chain_id"], blocks)
    accounts = {
        posting[side]
        for entry in entries
        for posting in entry["postings"]
        for side in ("debit", "credit")
    }

    for account in accounts:
        own = pages(api, f"/journal?book={book}&account={account}")
        assert own == [one for one in entries if account in str(one["postings"])]
        assert balances(api, f"book={book}&account={account}") == summed(entries, account)
        for block in blocks:
            place = f"book={book}&account={account}&at_block={block}"
            then = [entry for entry in entries if entry["effective_block"] <= block]
            assert answer(api, f"/balances?{place}")["block"]["number"] == block
            assert balances(api, place) == summed(then, account)
            assert pages(api, f"/journal?{place}") == [one for one in own if one in then]


def indexed(engine: Engine, chain_id: int, numbers: list[int]) -> None:
    """Rows of blocks, as far as there are none."""
    statement = text(
        "INSERT INTO block"
        " (chain_id, number, hash, parent_hash, timestamp, header, rows_digest, proof)"
        " VALUES (:chain_id, :number, :hash, :hash, :number, '', :hash, 0)"
        " ON CONFLICT DO NOTHING"
    )
    with engine.begin() as connection:
        for number in numbers:
            values = {"chain_id": chain_id, "number": number, "hash": number.to_bytes(32, "big")}
            connection.execute(statement, values)


@pytest.mark.parametrize("path", ["/balances?account=", "/journal?account="])
@pytest.mark.parametrize("name", ["purse", "payable:1", "cash:", "CASH"])
def test_account__that_the_chart_has_not__422(api: APIClient, path: str, name: str) -> None:
    refused = problem_of(api.get(f"/v1/ledger{path}{name}"))

    assert refused == (422, "bad-value", ["account"])


def test_books__listed__how_far_each_is(api: APIClient) -> None:
    books = {one["book"]: one for one in answer(api, "/books")["items"]}

    assert str(SETTLEMENT.payouts) in books
    for name, book in books.items():
        assert book["numbered"] == len(pages(api, f"/journal?book={name}"))
        assert book["sealed_to"] <= book["numbered"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"/entries/{NO_ENTRY}", "entry"),
        (f"/entries/{NO_ENTRY}/proof", "entry"),
        (f"/journal?book=0x{'09' * 20}", "book"),
        ("/journal?seal=9999", "seal"),
        ("/journal?at_block=99999999", "at_block"),
        ("/balances?account=cash&at_block=99999999", "at_block"),
    ],
)
def test_unknown__404_and_the_field(api: APIClient, path: str, field: str) -> None:
    assert problem_of(api.get(f"/v1/ledger{path}")) == (404, "not-found", [field])


def test_entry__of_another_book__404(api: APIClient) -> None:
    entry = pages(api, f"/journal?book={SPLITTER.contract}")[0]

    assert answer(api, f"/entries/{entry['id']}?book={SPLITTER.contract}")["entry"] == entry
    assert api.get(f"/v1/ledger/entries/{entry['id']}").status_code == 404


def test_entry__tampered_with__not_answered(api: APIClient, engine: Engine) -> None:
    by_triggers_off = "SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica"
    change = "UPDATE posting SET amount = amount {} 1 WHERE entry_id = decode(:id, 'hex')"
    entry = pages(api, "/journal")[0]
    values = {"id": entry["id"][2:]}
    with engine.begin() as connection:
        connection.execute(text(by_triggers_off))
        connection.execute(text(change.format("+")), values)

    status, kind, _ = problem_of(api.get(f"/v1/ledger/entries/{entry['id']}"))
    listed = api.get("/v1/ledger/journal").status_code

    with engine.begin() as connection:
        connection.execute(text(by_triggers_off))
        connection.execute(text(change.format("-")), values)
    assert (status, kind, listed) == (500, "journal-differs", 500)
