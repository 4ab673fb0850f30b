"""`quittance payout document …`: what the operator says is owed, who accepted it, who signed it.

Names given with `--by` are kept as they are told. Who adds a document cannot accept it. What a
restored backup has lost is added and accepted again, from its file: what the chain has paid of it
is not paid again.

Approvers sign documents with keys (`sign`; offline from `message`). `export` writes a file that
shows it to people who trust nothing here, and `verify` checks such a file without a database.
"""

from pathlib import Path
from typing import Annotated

import typer

from api.documents import KeptDocument
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, Hash32
from contracts.wire import BadWireValue, address_from_wire, hash_from_wire
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.policy import approver_key, read_file, signature_bytes
from scripts.cli.problems import CHECK_FAILED, fail
from scripts.documents import BatchDocuments, signers_of
from scripts.errors import NotConfigured, Rejected
from settlement.payouts.acceptance import proof_problems, typed_data
from settlement.payouts.adapters.approver import signed_acceptance
from settlement.payouts.adapters.document_file import read_document
from settlement.payouts.adapters.documents import SqlDocuments, StoredDocument
from settlement.payouts.adapters.signed_document_file import read_signed_document, to_file
from settlement.payouts.documents import PayoutDocument, op_ids_of, totals

document = typer.Typer(help="Lists of lines that a payout batch pays.", no_args_is_help=True)

ByOption = Annotated[str, typer.Option("--by", help="Who decides; kept as it is told.")]


DigestArgument = Annotated[str, typer.Argument(help="The document's digest, 0x and 64 digits.")]


@document.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The document, in JSON.")],
    by: ByOption,
    settlement: SettlementOption = None,
) -> None:
    """Keep a document until another person accepts it; the same one again changes nothing."""
    source = read_file(file)
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        kept = BatchDocuments(engine, one, _batch(one)).add(source, added_by=by.strip())
    given = kept.document
    op_ids = [str(one) for one in op_ids_of(given, len(given.lines))]
    print_json(_spelled(given) | {"is_new": kept.is_new, "op_ids": op_ids} | _settled(kept))


@document.command()
def accept(
    context: typer.Context,
    digest: DigestArgument,
    by: ByOption,
    settlement: SettlementOption = None,
) -> None:
    """Accept a document that somebody else added: from the finalized block on it is owed."""
    wanted = _digest(digest)
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        desk = BatchDocuments(engine, one, _batch(one), signers_of(settings))
        stored = desk.accept(wanted, accepted_by=by.strip())
    if stored is None:
        fail("no finalized block is indexed yet: run the indexer first", CHECK_FAILED)
    print_json(_told(stored) | _settled(stored))


@document.command("list")
def list_documents(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print every document, with who added and who accepted it."""
    with migrated(settings_of(context)) as (settings, engine), engine.connect() as connection:
        _, one = chosen(settings, settlement)
        found = SqlDocuments(connection, one.chain_id, _batch(one)).all()
    print_json({"documents": [_told(stored) for stored in found]})


@document.command()
def message(
    file: Annotated[Path, typer.Argument(help="The document, in JSON.")],
) -> None:
    """Print what is to be signed for a document (EIP-712), for any wallet; needs no database."""
    given = read_document(read_file(file))
    print_json({"digest": str(given.digest), "typed_data": typed_data(given)})


@document.command()
def sign(
    context: typer.Context,
    digest: DigestArgument,
    key_file: Annotated[Path | None, typer.Option(help="File with the approver's key.")] = None,
    signature: Annotated[str | None, typer.Option(help="Made elsewhere (EIP-712).")] = None,
    settlement: SettlementOption = None,
) -> None:
    """As an approver: stand for a document with a key, so that others can check who accepted it.

    Without key and signature, print what is to be signed.
    """
    if key_file is not None and signature is not None:
        raise Rejected("--key-file, --signature: give one of them")
    wanted = _digest(digest)
    key = None if key_file is None else approver_key(key_file)
    given = None if signature is None else signature_bytes(signature)
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        if settings.policy is None:
            raise NotConfigured("policy: there is none here, so nobody is an approver")
        persons = settings.policy.approvers
        desk = BatchDocuments(engine, one, _batch(one))
        kept = desk.signed(wanted)
        made = given if key is None else signed_acceptance(kept.document, key)
        if made is None:
            print_json({"digest": str(wanted), "typed_data": typed_data(kept.document)})
            return
        kept = desk.sign(wanted, made, persons=persons)
    signers = [persons.get(each.signer, str(each.signer)) for each in kept.acceptances]
    print_json({"digest": str(wanted), "signed_by": signers})


@document.command()
def export(
    context: typer.Context, digest: DigestArgument, settlement: SettlementOption = None
) -> None:
    """Print the file that shows who signed a document; `verify` checks it, anywhere."""
    wanted = _digest(digest)
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        signed = BatchDocuments(engine, one, _batch(one)).signed(wanted)
    print_json(to_file(signed))


@document.command()
def verify(
    file: Annotated[Path, typer.Argument(help="What `export` printed.")],
    signer: Annotated[
        list[str] | None, typer.Option(help="An approver's address, from elsewhere; repeat it.")
    ] = None,
) -> None:
    """Check that two approvers signed a document, with nothing but its file; needs no database.

    Without --signer it shows only that two keys did, and whose they are is for you to know.
    """
    signed = read_signed_document(read_file(file))
    named = None if signer is None else {_address(one) for one in signer}
    problems = proof_problems(signed, named)
    print_json(
        _spelled(signed.document)
        | {
            "ok": not problems,
            "signers": [str(one.signer) for one in signed.acceptances],
            "are_signers_named": named is not None,
            "problems": list(problems),
        }
    )
    if problems:
        raise typer.Exit(CHECK_FAILED)


def _digest(text: str) -> Hash32:
    try:
        return hash_from_wire(text, "DIGEST")
    except BadWireValue as error:
        raise Rejected(str(error)) from error


def _address(text: str) -> Address:
    try:
        return address_from_wire(text, "--signer")
    except BadWireValue as error:
        raise Rejected(str(error)) from error


def _batch(settlement: Settlement) -> Address:
    batch = settlement.payments.get(ContractName.PAYOUT_BATCH)
    if batch is None:
        raise NotConfigured(f"settlement {settlement.name!r} has no payout batch")
    return batch


def _told(stored: StoredDocument | KeptDocument) -> dict[str, object]:
    return _spelled(stored.document) | {
        "added_by": stored.added_by,
        "accepted_by": stored.accepted_by,
        "accepted_at": stored.accepted_at,
    }


def _spelled(one: PayoutDocument) -> dict[str, object]:
    return {
        "digest": str(one.digest),
        "list": one.name,
        "list_id": str(one.list_id),
        "lines": len(one.lines),
        "totals": {str(asset): str(units) for asset, units in sorted(totals(one.lines).items())},
    }


def _settled(kept: KeptDocument) -> dict[str, object]:
    """Lines that the chain has settled already; nothing is paid on them again."""
    return {"settled": list(kept.settled)}
