"""Payout documents in Postgres and on the command line: two persons, one list, no second meaning.

Subjects: settlement.payouts.adapters.documents, settlement.payouts.adapters.document_tables,
settlement.payouts.adapters.document_signatures, scripts.cli.documents.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from contracts.addresses import settlements_to_json
from contracts.event_spec import ContractName
from contracts.evm import Address, ChainId, Hash32, Timestamp
from contracts.operations import payout_operation_id
from scripts.cli.books import payout
from scripts.errors import Rejected
from settlement.payouts.acceptance import acceptance_of
from settlement.payouts.adapters.approver import signed_acceptance
from settlement.payouts.adapters.document_file import read_document
from settlement.payouts.adapters.document_signatures import SqlDocumentSignatures
from settlement.payouts.adapters.documents import SqlDocuments
from settlement.payouts.documents import PayoutDocument
from settlement.payouts.errors import (
    BadAcceptance,
    BadDocument,
    DocumentConflict,
    DocumentDiffers,
    NotAcceptable,
)
from tests.payouts_settlement import database_engine
from tests.royalties_builders import SETTLEMENT

CHAIN = SETTLEMENT.chain_id
BATCH = Address(b"\xc2" * 20)
TOKEN = Address(b"\xa5" * 20)
ANN, BEN = Address(b"\x01" * 20), Address(b"\x02" * 20)
ZERO = "0x" + "00" * 20


def source(amount: int = 5, *, name: str = "grants", asset: str = ZERO) -> bytes:
    lines = [
        {"payee": str(ANN), "asset": asset, "amount": str(amount)},
        {"payee": str(BEN), "asset": ZERO, "amount": "7"},
    ]
    document = {"list": name, "chain_id": str(CHAIN), "contract": str(BATCH), "lines": lines}
    return json.dumps(document).encode()


def document(amount: int = 5, *, name: str = "grants") -> PayoutDocument:
    return read_document(source(amount, name=name))


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """As the owner of the tables, whose triggers alone refuse a change."""
    engine = database_engine(database)
    yield engine
    engine.dispose()


def test_documents__added_and_accepted__in_the_books_order_with_their_lines(engine: Engine) -> None:
    first, second = document(name="a"), document(name="b")
    with engine.begin() as connection:
        documents = SqlDocuments(connection, CHAIN, BATCH)
        assert [documents.add(one, added_by="kim") for one in (first, second, first)] == [
            True,
            True,
            False,
        ]
        documents.accept(second.digest, accepted_by="lee", at=Timestamp(10))
        documents.accept(first.digest, accepted_by="lee", at=Timestamp(20))
        documents.accept(first.digest, accepted_by="max", at=Timestamp(30))

        found = documents.accepted()
        names = [(one.document.name, one.accepted_by) for one in documents.all()]

    assert [(one.digest, one.accepted_at) for one in found] == [
        (second.digest, 10),
        (first.digest, 20),
    ]
    assert found[1].lines == first.lines
    assert found[1].list_id == first.list_id
    assert sorted(names) == [("a", "lee"), ("b", "lee")]


def test_add__same_list_with_another_amount__conflict_and_the_first_stays(engine: Engine) -> None:
    with engine.begin() as connection:
        SqlDocuments(connection, CHAIN, BATCH).add(document(5), added_by="kim")

    with pytest.raises(DocumentConflict, match="line 0 was 5"), engine.begin() as connection:
        SqlDocuments(connection, CHAIN, BATCH).add(document(6), added_by="kim")

    with engine.connect() as connection:
        (stored,) = SqlDocuments(connection, CHAIN, BATCH).all()
        assert stored.document == document(5)
        assert SqlDocuments(connection, CHAIN, BATCH).accepted() == []


def test_add__same_lines_under_a_name_spelled_otherwise__refused(engine: Engine) -> None:
    """Two people who mean one list must not owe it twice."""
    with engine.begin() as connection:
        SqlDocuments(connection, CHAIN, BATCH).add(document(name="grants-11"), added_by="kim")

    with pytest.raises(DocumentConflict, match="'grants-11'"), engine.begin() as connection:
        SqlDocuments(connection, CHAIN, BATCH).add(document(name="Grants_11"), added_by="lee")

    with engine.connect() as connection:
        assert len(SqlDocuments(connection, CHAIN, BATCH).all()) == 1


def test_accept__names_alike_that_were_added_at_once__one_of_them_alone(engine: Engine) -> None:
    """Neither saw the other's document when it was added."""
    alike = [document(name=name) for name in ("grants-11", "Grants_11")]
    with engine.connect() as one, engine.connect() as other:
        SqlDocuments(one, CHAIN, BATCH).add(alike[0], added_by="kim")
        SqlDocuments(other, CHAIN, BATCH).add(alike[1], added_by="ann")
        one.commit()
        other.commit()
    with engine.begin() as connection:
        first = SqlDocuments(connection, CHAIN, BATCH)
        first.accept(alike[0].digest, accepted_by="lee", at=Timestamp(1))

    with engine.begin() as connection:
        second = SqlDocuments(connection, CHAIN, BATCH)
        with pytest.raises(DocumentConflict, match="'grants-11'"):
            second.accept(alike[1].digest, accepted_by="lee", at=Timestamp(2))

    with engine.connect() as connection:
        assert len(SqlDocuments(connection, CHAIN, BATCH).accepted()) == 1


def test_accept__by_who_added_it_or_unknown__refused(engine: Engine) -> None:
    with engine.begin() as connection:
        documents = SqlDocuments(connection, CHAIN, BATCH)
        documents.add(document(), added_by="kim")
        with pytest.raises(NotAcceptable, match="another person"):
            documents.accept(document().digest, accepted_by=" Kim", at=Timestamp(1))
        with pytest.raises(NotAcceptable, match="never added here"):
            documents.accept(document(6).digest, accepted_by="lee", at=Timestamp(1))
        elsewhere = SqlDocuments(connection, ChainId(1), BATCH)
        with pytest.raises(NotAcceptable):
            elsewhere.accept(document().digest, accepted_by="lee", at=Timestamp(1))
        assert documents.accepted() == []


def test_rows__changed_or_deleted__refused_and_tampering_found(engine: Engine) -> None:
    with engine.begin() as connection:
        SqlDocuments(connection, CHAIN, BATCH).add(document(), added_by="kim")
    for statement in ("DELETE FROM payout_document", "UPDATE payout_document SET added_by = 'x'"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))

    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE payout_document DISABLE TRIGGER ALL"))
        values = {"source": document(6).source}
        connection.execute(text("UPDATE payout_document SET source = :source"), values)
        with pytest.raises(DocumentDiffers):
            SqlDocuments(connection, CHAIN, BATCH).all()


@dataclass(frozen=True)
class Quittance:
    """Runs `quittance payout document` in an environment."""

    environ: dict[str, str]

    def run(self, *arguments: object) -> Any:
        """The JSON it prints; an error that it ends with is raised."""
        spelled = ["document", *(str(one) for one in arguments)]
        result = CliRunner().invoke(payout, spelled, obj=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def quittance(database: str, tmp_path: Path) -> Quittance:
    one = replace(SETTLEMENT, payments={ContractName.PAYOUT_BATCH: BATCH}, tokens=(TOKEN,))
    (tmp_path / "book.json").write_text(settlements_to_json((one,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = {CHAIN}\nname = "test"\nrpc = ["http://127.0.0.1:1"]\n'
        'start_block = 0\naddresses = "book.json"\n'
        f'tokens = ["{TOKEN}"]\nfinality = {{ tag = "finalized", depth = 1 }}\n'
    )
    return Quittance(
        {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(tmp_path),
            "QUITTANCE_DATABASE_URL": database,
        }
    )


def test_commands__add_twice_and_list__one_document_with_the_op_ids_of_its_lines(
    quittance: Quittance, tmp_path: Path
) -> None:
    file = tmp_path / "grants.json"
    file.write_bytes(source(asset=str(TOKEN)))

    first, again = (quittance.run("add", file, "--by", "kim") for _ in range(2))
    listed = quittance.run("list")

    given = read_document(file.read_bytes())
    assert (first["is_new"], again["is_new"]) == (True, False)
    assert first["digest"] == again["digest"] == str(given.digest)
    assert first["totals"] == {ZERO: "7", str(TOKEN): "5"}
    wanted = [
        payout_operation_id(given.list_id, index, chain_id=CHAIN, contract=BATCH)
        for index in range(2)
    ]
    assert first["op_ids"] == [str(one) for one in wanted]
    ((name, adder, acceptor),) = [
        (one["list"], one["added_by"], one["accepted_by"]) for one in listed["documents"]
    ]
    assert (name, adder, acceptor) == ("grants", "kim", None)


def test_commands__bad_input__refused_and_nothing_kept(
    quittance: Quittance, tmp_path: Path
) -> None:
    """Unknown asset, zero and overflowing amounts, the same id with other content."""
    file = tmp_path / "grants.json"
    for amount, asset, said in (
        (5, "0x" + "0f" * 20, "is not an asset paid here"),
        (0, ZERO, "'0' is nothing to pay"),
        (2**256, ZERO, "is not a decimal string below 2^256"),
    ):
        file.write_bytes(source(amount, asset=asset))
        with pytest.raises(BadDocument, match=re.escape(said)):
            quittance.run("add", file, "--by", "kim")
    file.write_bytes(source(5))
    quittance.run("add", file, "--by", "kim")
    file.write_bytes(source(6))
    with pytest.raises(DocumentConflict, match="line 0 was 5"):
        quittance.run("add", file, "--by", "kim")
    with pytest.raises(Rejected, match="No such file"):
        quittance.run("add", tmp_path / "nowhere.json", "--by", "kim")

    assert [one["totals"] for one in quittance.run("list")["documents"]] == [{ZERO: "12"}]


def test_commands__accept_while_nothing_is_final__says_so(quittance: Quittance) -> None:
    with pytest.raises(AssertionError, match="run the indexer first"):
        quittance.run("accept", Hash32(bytes(32)), "--by", "lee")


KIM_KEY, LEE_KEY = b"\x01" * 32, b"\x02" * 32
KIM, LEE = (Address.from_hex(Account.from_key(key).address) for key in (KIM_KEY, LEE_KEY))


@pytest.fixture
def signing(quittance: Quittance, tmp_path: Path) -> Quittance:
    """With a policy whose approvers must sign documents."""
    config = tmp_path / "quittance.toml"
    policy = (
        f'[policy]\napprovers = {{ kim = "{KIM}", lee = "{LEE}" }}\nsigned_documents = true\n'
        "chain_hold_margin_s = 1\n"
    )
    config.write_text(config.read_text() + policy)
    return quittance


def test_commands__signed_with_keys_on_and_off_line__exported_and_checked_without_a_database(
    signing: Quittance, tmp_path: Path
) -> None:
    file, key_file, shown = (tmp_path / name for name in ("grants.json", "key", "signed.json"))
    file.write_bytes(source(asset=str(TOKEN)))
    key_file.write_text(KIM_KEY.hex())
    digest = signing.run("add", file, "--by", "kim")["digest"]

    printed = signing.run("message", file)
    message = encode_typed_data(full_message=printed["typed_data"])
    elsewhere = "0x" + bytes(Account.from_key(LEE_KEY).sign_message(message).signature).hex()
    asked = signing.run("sign", digest)
    signing.run("sign", digest, "--key-file", key_file)
    last = signing.run("sign", digest, "--signature", elsewhere)
    shown.write_text(json.dumps(signing.run("export", digest)))

    assert asked == printed
    assert sorted(last["signed_by"]) == ["kim", "lee"]
    nowhere = replace(signing, environ={})
    checked = nowhere.run("verify", shown, "--signer", KIM, "--signer", LEE)
    assert (checked["ok"], checked["digest"], checked["problems"]) == (True, digest, [])
    assert nowhere.run("verify", shown)["are_signers_named"] is False
    shown.write_text(shown.read_text().replace('"amount": "5"', '"amount": "6"'))
    with pytest.raises(AssertionError, match="assert 1 == 0"):
        nowhere.run("verify", shown)


def test_commands__signature_of_somebody_else_or_of_nothing__refused_and_not_kept(
    signing: Quittance, tmp_path: Path
) -> None:
    file, key_file = tmp_path / "grants.json", tmp_path / "key"
    file.write_bytes(source())
    key_file.write_text("03" * 32)
    digest = signing.run("add", file, "--by", "kim")["digest"]

    with pytest.raises(BadAcceptance, match="no approver here"):
        signing.run("sign", digest, "--key-file", key_file)
    with pytest.raises(BadAcceptance, match="65 bytes, this 1"):
        signing.run("sign", digest, "--signature", "0x00")
    with pytest.raises(NotAcceptable, match="never added"):
        signing.run("sign", Hash32(bytes(32)), "--key-file", key_file)

    assert signing.run("export", digest)["acceptances"] == []


def test_signatures__changed_or_deleted__refused(engine: Engine) -> None:
    signature = signed_acceptance(document(), KIM_KEY)
    with engine.begin() as connection:
        SqlDocuments(connection, CHAIN, BATCH).add(document(), added_by="kim")
        signatures = SqlDocumentSignatures(connection)
        one = acceptance_of(document(), signature)
        assert [signatures.keep(document(), one) for _ in range(2)] == [True, False]
        assert signatures.signed(document()).acceptances == (one,)

    for statement in ("DELETE FROM {}", "UPDATE {} SET signer = signer"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement.format("payout_document_signature")))
