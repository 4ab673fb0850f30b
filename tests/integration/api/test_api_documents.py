"""Payout documents over HTTP: one person adds, another accepts, and a list means one thing.

Subjects: api.routes.documents, api.documents, api.schemas.documents, scripts.documents.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from eth_account.messages import encode_typed_data

from api.auth_access import Access
from api.context import Deps
from api.documents import DocumentDesk
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address
from contracts.operations import payout_operation_id
from scripts.documents import BatchDocuments
from settlement.payouts.acceptance import proof_problems
from settlement.payouts.adapters.signed_document_file import read_signed_document
from settlement.payouts.documents import list_id_of
from tests.access_builders import DOMAIN, NOT_LIMITED, ORIGIN, Person, signed_in
from tests.api_client import APIClient, problem_of, running_api
from tests.api_world import ALICE, BOB, CHAIN_ID, EUR, USD, World, address, name_hash

BATCH = address("batch")
ANN, BEN, MALLORY = (Person.named(name) for name in ("ann", "ben", "mallory"))
PATH = "/v1/payout-documents"


def line(payee: str = str(ALICE), asset: str = str(USD), amount: str = "300") -> dict[str, str]:
    return {"payee": payee, "asset": asset, "amount": amount}


def body(*lines: dict[str, str], **changes: Any) -> dict[str, Any]:
    whole = {
        "list": "july/2026",
        "chain_id": CHAIN_ID,
        "contract": str(BATCH),
        "lines": list(lines) or [line(), line(str(BOB), str(ZERO_ADDRESS), "7")],
    }
    return whole | changes


class Office:
    """The API with a payout batch, and who is signed in to it."""

    def __init__(self, api: APIClient) -> None:
        self.api = api
        self.cookies = {one: signed_in(api, one) for one in (ANN, BEN, MALLORY)}

    def add(self, who: Person | None, document: dict[str, Any]) -> httpx.Response:
        headers = {} if who is None else self.cookies[who]
        return self.api.post(PATH, json=document, headers=headers)

    def sign(self, who: Person | None, digest: str, signature: str) -> httpx.Response:
        headers = {} if who is None else self.cookies[who]
        body = {"signature": signature}
        return self.api.post(f"{PATH}/{digest}/signatures", json=body, headers=headers)

    def read(self, who: Person | None, digest: str, what: str) -> httpx.Response:
        headers = {} if who is None else self.cookies[who]
        return self.api.get(f"{PATH}/{digest}/{what}", headers=headers)

    def signature(self, who: Person, digest: str) -> str:
        """As a wallet makes it, from what the API says is to be signed."""
        typed_data = self.read(who, digest, "message").json()
        signed = who.account.sign_message(encode_typed_data(full_message=typed_data))
        return "0x" + bytes(signed.signature).hex()

    def accept(self, who: Person | None, digest: str) -> httpx.Response:
        headers = {} if who is None else self.cookies[who]
        return self.api.post(f"{PATH}/{digest}/acceptance", headers=headers)


@pytest.fixture
def office(world: World, deps: Deps) -> Iterator[Office]:
    with opened_office(world, deps, None) as one:
        yield one


@contextmanager
def opened_office(world: World, deps: Deps, signers: frozenset[Address] | None) -> Iterator[Office]:
    """The API with a desk for documents."""
    settlement = replace(
        world.settlement, payments={ContractName.PAYOUT_BATCH: BATCH}, tokens=(USD,)
    )
    desk = DocumentDesk(
        documents=BatchDocuments(world.engine, settlement, BATCH, signers),
        persons={ANN.address: "ann", BEN.address: "ben"},
    )
    ours = replace(
        deps,
        settlements=(settlement,),
        documents={settlement.name: desk},
        access=Access(domain=DOMAIN, origins=(ORIGIN,), rates=NOT_LIMITED),
    )
    with running_api(ours) as api:
        yield Office(api)


def test_document__added_by_one_accepted_by_another__owed_from_the_finalized_block(
    office: Office,
) -> None:
    added, again = office.add(ANN, body()), office.add(BEN, body())
    digest = added.json()["document"]["digest"]
    accepted = office.accept(BEN, digest)

    assert (added.status_code, again.status_code, accepted.status_code) == (201, 200, 200)
    kept = added.json()["document"]
    assert (kept["added_by"], kept["accepted_by"], kept["lines"]) == ("ann", None, 2)
    assert kept["totals"] == {str(ZERO_ADDRESS): "7", str(USD): "300"}
    list_id = list_id_of("july/2026")
    assert kept["op_ids"] == [
        str(payout_operation_id(list_id, index, chain_id=CHAIN_ID, contract=BATCH))
        for index in range(2)
    ]
    assert again.json() == added.json()
    told = accepted.json()["document"]
    assert (told["added_by"], told["accepted_by"]) == ("ann", "ben")
    assert told["accepted_at"] is not None
    assert office.accept(BEN, digest).json() == accepted.json()


OTHERS = {
    "amount": body(line(amount="301"), line(str(BOB), str(ZERO_ADDRESS), "7")),
    "payee": body(line(str(BOB)), line(str(BOB), str(ZERO_ADDRESS), "7")),
    "asset": body(line(asset=str(ZERO_ADDRESS)), line(str(BOB), str(ZERO_ADDRESS), "7")),
    "lines": body(line()),
}


def test_document__same_list_with_other_content__conflict_and_nothing_changed(
    office: Office,
) -> None:
    office.add(ANN, body())

    for what, other in OTHERS.items():
        refused = office.add(ANN, other)
        assert problem_of(refused)[:2] == (409, "list-taken"), what
        assert "july/2026" in refused.text

    assert office.add(ANN, body()).status_code == 200


def test_document__accepted_by_who_added_it_or_never_added__refused(office: Office) -> None:
    digest = office.add(ANN, body()).json()["document"]["digest"]

    assert problem_of(office.accept(ANN, digest))[:2] == (409, "not-acceptable")
    unknown = office.accept(BEN, str(name_hash("no document")))
    assert problem_of(unknown)[:2] == (409, "not-acceptable")
    assert office.add(ANN, body()).json()["document"]["accepted_by"] is None


def test_document__nobody_or_somebody_else_signed_in__refused(office: Office) -> None:
    digest = office.add(ANN, body()).json()["document"]["digest"]

    assert [office.add(None, body()).status_code, office.accept(None, digest).status_code] == [
        401,
        401,
    ]
    for answer in (office.add(MALLORY, body(list="august")), office.accept(MALLORY, digest)):
        assert problem_of(answer)[:2] == (403, "not-an-approver")
        assert str(MALLORY.address) in answer.text


BAD = [
    (body(line(amount="0")), "lines[0].amount", "0"),
    (body(line(amount=str(2**256))), "lines", str(2**256)),
    (body(line(amount=str(2**256 - 1)), line(amount="1")), "lines", f'"value":"{2**256}"'),
    (body(line(asset=str(EUR))), "lines[0].asset", str(EUR)),
    (body(line(payee=str(BATCH))), "lines[0].payee", str(BATCH)),
    (body(contract=str(USD)), "contract", str(USD)),
    (body(chain_id=1), "chain_id", "1"),
    (body(list="no spaces"), "list", "no spaces"),
    (body(lines=[]), "lines", ""),
]


def test_document__bad_content__field_and_value_named_and_nothing_kept(office: Office) -> None:
    for document, field, value in BAD:
        refused = office.add(ANN, document)
        assert refused.status_code in {400, 422}, field
        assert field in refused.text
        assert value in refused.text

    assert office.add(ANN, body()).status_code == 201


def test_document__settlement_without_a_batch__not_found(world: World, deps: Deps) -> None:
    access = Access(domain=DOMAIN, origins=(ORIGIN,), rates=NOT_LIMITED)
    with running_api(replace(deps, access=access)) as api:
        answer = api.post(PATH, json=body(), headers=signed_in(api, ANN))

    assert problem_of(answer)[0] == 404


def test_signatures__of_both_approvers__shown_in_a_file_that_anybody_can_check(
    world: World, deps: Deps
) -> None:
    """Where the policy wants signatures, nothing is accepted before two approvers have signed."""
    signers = frozenset({ANN.address, BEN.address})
    with opened_office(world, deps, signers) as office:
        digest = office.add(ANN, body()).json()["document"]["digest"]
        first = office.sign(ANN, digest, office.signature(ANN, digest))
        early = office.accept(BEN, digest)
        again = office.sign(ANN, digest, office.signature(ANN, digest))
        second = office.sign(BEN, digest, office.signature(BEN, digest))
        accepted = office.accept(BEN, digest)
        shown = office.read(BEN, digest, "signed")

    assert [one.status_code for one in (first, again, second, accepted)] == [200] * 4
    assert problem_of(early)[:2] == (409, "not-acceptable")
    assert "1 of 2" in early.text
    assert first.json() == again.json()
    assert shown.json() == second.json()
    signed = read_signed_document(json.dumps(shown.json()).encode())
    assert str(signed.document.digest) == digest
    assert proof_problems(signed, signers) == ()


def test_signatures__not_theirs_or_of_nobody_signed_in__refused(office: Office) -> None:
    digest = office.add(ANN, body()).json()["document"]["digest"]
    of_ben = office.signature(BEN, digest)

    assert office.sign(None, digest, of_ben).status_code == 401
    assert problem_of(office.sign(MALLORY, digest, of_ben))[:2] == (403, "not-an-approver")
    assert problem_of(office.sign(ANN, digest, of_ben))[:2] == (422, "bad-value")
    assert problem_of(office.sign(ANN, digest, "0x00"))[:2] == (422, "bad-value")
    unknown = str(name_hash("no document"))
    assert problem_of(office.sign(BEN, unknown, of_ben))[:2] == (409, "not-acceptable")
    for what in ("message", "signed"):
        assert office.read(None, digest, what).status_code == 401
        assert problem_of(office.read(MALLORY, digest, what))[:2] == (403, "not-an-approver")
        assert problem_of(office.read(ANN, unknown, what))[:2] == (404, "not-found")
    assert office.read(ANN, digest, "signed").json()["acceptances"] == []
