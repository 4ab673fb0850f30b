"""`quittance ledger`: balances, the journal, its chain and its seals.

Every command prints one JSON object. A settlement has a book for its epochs, one for each payment
contract and one for each payout wallet; `--book` names it by contract name or address.
"""

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import Connection

from contracts.evm import BlockNumber, BlockRef, Epoch, Hash32, Timestamp
from indexer.adapters.book_reads import finalized_hashes
from scripts.bookkeeping import books_of_settlement, seal_books
from scripts.cli import ledger_periods
from scripts.cli.book_choice import (
    BookOption,
    JsonOption,
    account_named,
    book_name,
    hash_named,
    named_book,
    opened_book,
)
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, BadInput, fail
from scripts.ledger_documents import block_json, entry_json, proof_json, seal_json, verified_json
from scripts.progress import Progress, shown_bars
from scripts.wiring import snapshot
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.seals import SealReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.adapters.verification import Verified, verify_book
from settlement.ledger.balances import JournalKey
from settlement.ledger.seal import canonical_bytes, verify_inclusion

app = typer.Typer(
    help="The books: balances, journal, verification, seals, periods, entries by hand.",
    no_args_is_help=True,
)
app.add_typer(ledger_periods.period, name="period")
app.add_typer(ledger_periods.manual, name="manual")

BlockOption = Annotated[
    int | None, typer.Option("--at-block", min=0, help="As the books stand at that block.")
]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="An account's path, as `journal` prints it.")
]


@app.command()
def balance(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    settlement: SettlementOption = None,
    book: BookOption = None,
    account: AccountOption = None,
    at_block: BlockOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print an account's balance, or the trial balance; exit 1 if that is not zero."""
    wanted = None if account is None else account_named(account)
    at = None if at_block is None else BlockNumber(at_block)
    with opened_book(context, settlement, book) as (connection, one):
        cursor = _reached(connection, one, at)
        reads = LedgerReads(connection, one)
        place = {
            "book": str(one.contract),
            "block": at if at is not None else block_json(cursor),
        }
        if wanted is not None:
            print_json(place | _balances(reads, wanted, at))
            return
        lines = reads.trial_balance(at)
    net: dict[str, int] = {}
    for line in lines:
        asset = str(line.asset)
        net[asset] = net.get(asset, 0) + line.debits - line.credits
    accounts = [
        {"kind": line.kind.value, "asset": str(line.asset)}
        | {"debits": str(line.debits), "credits": str(line.credits)}
        for line in lines
    ]
    nets = {asset: str(units) for asset, units in net.items()}
    print_json(place | {"accounts": accounts, "net": nets})
    if any(net.values()):
        raise typer.Exit(CHECK_FAILED)


@app.command()
def journal(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    settlement: SettlementOption = None,
    book: BookOption = None,
    account: AccountOption = None,
    at_block: BlockOption = None,
    after: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Entries of a page.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Print a page of the journal by chain time, each entry checked against its digest."""
    wanted = None if account is None else account_named(account)
    at = None if at_block is None else BlockNumber(at_block)
    place = _place(after)
    with opened_book(context, settlement, book) as (connection, one):
        _reached(connection, one, at)
        entries = LedgerReads(connection, one).journal(
            after=place, entries_max=limit, account=wanted, at=at
        )
    last = entries[-1] if len(entries) == limit else None
    print_json(
        {
            "book": str(one.contract),
            "entries": [entry_json(entry) for entry in entries],
            "next": None if last is None else f"{last.effective_at}:{last.id}",
        }
    )


@app.command()
def verify(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    settlement: SettlementOption = None,
    book: BookOption = None,
    published: Annotated[
        list[str] | None,
        typer.Option("--seal", help="EPOCH=ROOT of a seal that you hold; needs --book."),
    ] = None,
    closed: Annotated[
        str | None,
        typer.Option("--closed", help="YYYY-MM, the last month that you hold a report of."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute everything in the books again; exit 1 if anything differs, naming what first."""
    roots = dict(map(_published, published or ()))
    month = None if closed is None else ledger_periods.period_named(closed, "--closed")
    for option, value in (("--seal", roots), ("--closed", closed)):
        if value and book is None:
            raise BadInput(option, "book", book, "named by --book")
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with snapshot(engine) as connection:
            known = books_of_settlement(connection, one, settings.settlements)
            books = known if book is None else [named_book(one, book)]
            results = [(each, _verified(connection, each, roots, month)) for each in books]
    print_json(
        {
            "books": [
                {"book": str(each.contract), "name": book_name(one, each)} | verified_json(result)
                for each, result in results
            ]
        }
    )
    if any(result.difference is not None for _, result in results):
        raise typer.Exit(CHECK_FAILED)


@app.command()
def seal(
    context: typer.Context,
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Number and seal what the worker has not yet, and print all seals."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        seal_books(engine, one, settings.settlements)
        with snapshot(engine) as connection:
            sealed = [
                {
                    "book": str(each.contract),
                    "name": book_name(one, each),
                    "seals": [seal_json(made) for made in SealReads(connection, each).seals()],
                }
                for each in books_of_settlement(connection, one, settings.settlements)
            ]
    print_json({"books": sealed})


@app.command()
def proof(
    context: typer.Context,
    entry_id: Annotated[str, typer.Argument(help="The entry's id, 0x and 64 digits.")],
    settlement: SettlementOption = None,
    book: BookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that an entry is under the seal of its epoch; exit 1 while it is not sealed."""
    wanted = hash_named(entry_id, "ENTRY_ID")
    with opened_book(context, settlement, book) as (connection, one):
        reads = SealReads(connection, one)
        proved, recorded = reads.proof(wanted), reads.recorded(wanted)
    if proved is None or recorded is None:
        fail(f"entry {wanted} is not sealed in book {one.contract}", CHECK_FAILED)
    data = canonical_bytes(recorded[0].spelled, one, recorded[1])
    print_json(
        {"book": str(one.contract)}
        | proof_json(proved)
        | {"canonical": "0x" + data.hex(), "holds": verify_inclusion(proved)}
    )


def _reached(connection: Connection, book: Book, at: BlockNumber | None) -> BlockRef | None:
    """The books' cursor, which must have reached the block that is asked for."""
    cursor = LedgerStore(connection, book).cursor()
    if at is not None and (cursor is None or cursor.number < at):
        reached = "nothing" if cursor is None else f"block {cursor.number}"
        raise BadInput("--at-block", "block", at, f"posted yet: the books are at {reached}")
    return cursor


def _balances(reads: LedgerReads, account: Account, at: BlockNumber | None) -> dict[str, object]:
    balances = [
        {
            "asset": str(asset),
            "debits": str(debits),
            "credits": str(credits),
            "posted": str(account.balance(debits=debits, credits=credits)),
        }
        for asset, (debits, credits) in reads.balances_at(account, at).items()
    ]
    return {"account": account.path, "balances": balances}


def _verified(
    connection: Connection, book: Book, roots: Mapping[Epoch, Hash32], closed: int | None
) -> Verified:
    with shown_bars(Console(stderr=True)) as bars:
        progress = Progress(f"book {book.contract}", "entries", bars)
        return verify_book(
            connection,
            book,
            published=roots,
            finalized=lambda numbers: finalized_hashes(connection, book.chain_id, numbers),
            told=lambda done, total: progress.moved(done=done, total=total),
            closed=closed,
        )


def _published(text: str) -> tuple[Epoch, Hash32]:
    epoch, _, root = text.partition("=")
    if not epoch.isdecimal():
        raise BadInput("--seal", "epoch", text, "EPOCH=ROOT")
    return Epoch(int(epoch)), hash_named(root, "--seal")


def _place(text: str | None) -> JournalKey | None:
    if text is None:
        return None
    time, _, entry_id = text.partition(":")
    if not time.isdecimal():
        raise BadInput("--after", "after", text, "`next` of a page")
    return JournalKey(Timestamp(int(time)), hash_named(entry_id, "--after"))
