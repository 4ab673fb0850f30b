"""`quittance payout document add`, `accept` and `list`: what the operator says is owed.

Names given with `--by` are kept as they are told. Who adds a document cannot accept it. What a
restored backup has lost is added and accepted again, from its file: what the chain has paid of it
is not paid again.
"""

from pathlib import Path
from typing import Annotated

import typer

from api.documents import KeptDocument
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address
from contracts.wire import BadWireValue, hash_from_wire
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, fail
from scripts.documents import BatchDocuments
from scripts.errors import NotConfigured, Rejected
from settlement.payouts.adapters.documents import SqlDocuments, StoredDocument
from settlement.payouts.documents import PayoutDocument, op_ids_of, totals

document = typer.Typer(help="Lists of lines that a payout batch pays.", no_args_is_help=True)

ByOption = Annotated[str, typer.Option("--by", help="Who decides; kept as it is told.")]


@document.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The document, in JSON.")],
    by: ByOption,
    settlement: SettlementOption = None,
) -> None:
    """Keep a document until another person accepts it; the same one again changes nothing."""
    try:
        source = file.read_bytes()
    except OSError as error:
        raise Rejected(f"FILE: {file}: {error.strerror}") from error
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        kept = BatchDocuments(engine, one, _batch(one)).add(source, added_by=by.strip())
    given = kept.document
    op_ids = [str(one) for one in op_ids_of(given, len(given.lines))]
    print_json(_spelled(given) | {"is_new": kept.is_new, "op_ids": op_ids} | _settled(kept))


@document.command()
def accept(
    context: typer.Context,
    digest: Annotated[str, typer.Argument(help="The document's digest, 0x and 64 digits.")],
    by: ByOption,
    settlement: SettlementOption = None,
) -> None:
    """Accept a document that somebody else added: from the finalized block on it is owed."""
    try:
        wanted = hash_from_wire(digest, "DIGEST")
    except BadWireValue as error:
        raise Rejected(str(error)) from error
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        stored = BatchDocuments(engine, one, _batch(one)).accept(wanted, accepted_by=by.strip())
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
