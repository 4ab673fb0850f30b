"""`quittance ledger period` and `ledger manual`: months that are closed, and entries by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from contracts.addresses import Settlement
from contracts.evm import BlockNumber, BlockRef, Hash32, keccak
from contracts.units import BaseUnits
from contracts.wire import BadWireValue, address_from_wire, amount_from_wire
from indexer.adapters.reads import FactReads
from scripts.cli.book_choice import (
    BookOption,
    JsonOption,
    account_named,
    changed_book,
    hash_named,
    opened_book,
)
from scripts.cli.context import print_json
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import BadInput, read_bytes
from scripts.ledger_documents import posting_json
from settlement.errors import BadEntry
from settlement.ledger import manual as manuals
from settlement.ledger import periods
from settlement.ledger.adapters import manual_rows
from settlement.ledger.adapters.period_reads import closed_periods
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.journal import Posting
from settlement.ledger.manual import Decided, Decision, ManualEntry

period = typer.Typer(help="Accounting periods: calendar months.", no_args_is_help=True)
manual = typer.Typer(help="Entries by hand: proposed by one, approved by another.")

ByOption = Annotated[str, typer.Option("--by", help="Who does this; kept with the books.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the books.")]
IdArgument = Annotated[str, typer.Argument(help="The proposal's id, 0x and 64 digits.")]


@period.command("close")
def close_period(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    month: Annotated[str, typer.Argument(help="YYYY-MM")],
    by: ByOption,
    settlement: SettlementOption = None,
    book: BookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a month of a book: what comes late counts for the first month that is open."""
    number = period_named(month)
    with changed_book(context, settlement, book) as (connection, one, _):
        periods.close(LedgerStore(connection, one), number, closed_by=by)
    print_json({"book": str(one.contract), "closed": month})


@period.command("list")
def list_periods(
    context: typer.Context,
    settlement: SettlementOption = None,
    book: BookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the months that are closed, and the first that is open."""
    with opened_book(context, settlement, book) as (connection, one):
        closed = closed_periods(connection, one)
        first = LedgerStore(connection, one).first_period()
    opened = periods.next_period(closed[-1].period) if closed else first
    print_json(
        {
            "book": str(one.contract),
            "closed": [
                {
                    "period": _month(each.period),
                    "by": each.closed_by,
                    "at": each.closed_at.isoformat(),
                    "entries": each.entries,
                    "late": each.late,
                    "leaf": str(each.leaf),
                    "sealed_in": each.sealed_in,
                }
                for each in closed
            ],
            "open": None if opened is None else _month(opened),
        }
    )


@manual.command("propose")
def propose_entry(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    debit: Annotated[str, typer.Option(help="Path of the account that is debited.")],
    credit: Annotated[str, typer.Option(help="Path of the account that is credited.")],
    asset: Annotated[str, typer.Option(help="Address; zero is the native coin.")],
    amount: Annotated[str, typer.Option(help="Base units.")],
    document: Annotated[Path, typer.Option(help="What it is based on; its digest is kept.")],
    by: ByOption,
    reason: ReasonOption,
    at_block: Annotated[int, typer.Option(min=0, help="The block at which it takes effect.")],
    settlement: SettlementOption = None,
    book: BookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose an entry; nothing is booked until somebody else approves it."""
    posting, paper = _posting(debit, credit, asset, amount), read_bytes(document)
    with changed_book(context, settlement, book) as (connection, one, deployed):
        block = _block(connection, deployed, BlockNumber(at_block))
        made = ManualEntry(
            book=one,
            maker=by,
            reason=reason,
            document_digest=keccak(paper),
            effective_at=block.timestamp,
            effective_block=block.number,
            postings=(posting,),
        )
        manuals.propose(LedgerStore(connection, one), made)
    print_json(_manual_json(made, None))


@manual.command("approve")
def approve_entry(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    manual_id: IdArgument,
    by: ByOption,
    reason: ReasonOption,
    settlement: SettlementOption = None,
    book: BookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a proposal of somebody else, which books it."""
    decided = Decided(decision=Decision.APPROVED, checker=by, reason=reason)
    wanted = hash_named(manual_id, "MANUAL_ID")
    with changed_book(context, settlement, book) as (connection, one, _):
        _decide(connection, LedgerStore(connection, one), wanted, decided)


@manual.command("reject")
def reject_entry(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    manual_id: IdArgument,
    by: ByOption,
    reason: ReasonOption,
    settlement: SettlementOption = None,
    book: BookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a proposal of somebody else."""
    decided = Decided(decision=Decision.REJECTED, checker=by, reason=reason)
    wanted = hash_named(manual_id, "MANUAL_ID")
    with changed_book(context, settlement, book) as (connection, one, _):
        _decide(connection, LedgerStore(connection, one), wanted, decided)


@manual.command("list")
def list_entries(
    context: typer.Context,
    settlement: SettlementOption = None,
    book: BookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every proposal with what was decided."""
    with opened_book(context, settlement, book) as (connection, one):
        found = manual_rows.listed(connection, one)
    proposals = [_manual_json(made, decided) for made, decided in found]
    print_json({"book": str(one.contract), "proposals": proposals})


def _decide(connection: Connection, books: LedgerStore, wanted: Hash32, decided: Decided) -> None:
    manuals.decide(books, wanted, decided)
    found = manual_rows.find(connection, wanted)
    if found is not None:
        print_json(_manual_json(*found))


def _manual_json(made: ManualEntry, decided: Decided | None) -> dict[str, object]:
    return {
        "id": str(made.id),
        "book": str(made.book.contract),
        "maker": made.maker,
        "reason": made.reason,
        "document_digest": str(made.document_digest),
        "effective_at": made.effective_at,
        "effective_block": made.effective_block,
        "postings": [posting_json(posting) for posting in made.postings],
        "decision": None
        if decided is None
        else {
            "decision": decided.decision.value,
            "checker": decided.checker,
            "reason": decided.reason,
        },
    }


def _posting(debit: str, credit: str, asset: str, amount: str) -> Posting:
    try:
        return Posting(
            asset=address_from_wire(asset, "--asset"),
            amount=BaseUnits(amount_from_wire(amount, "--amount")),
            debit=account_named(debit),
            credit=account_named(credit),
        )
    except (BadWireValue, BadEntry) as error:
        raise BadInput("command", "posting", f"{amount} of {asset}", f"one: {error}") from error


def _block(connection: Connection, settlement: Settlement, number: BlockNumber) -> BlockRef:
    block = FactReads(connection, settlement).block(number)
    if block is None:
        raise BadInput("--at-block", "block", number, "a block that is indexed")
    return block


def period_named(month: str, place: str = "MONTH") -> int:
    """The month that YYYY-MM names, as the books write it."""
    try:
        read = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput(place, "month", month, "YYYY-MM") from error
    return read.year * 100 + read.month


def _month(period_number: int) -> str:
    return f"{period_number // 100:04}-{period_number % 100:02}"
