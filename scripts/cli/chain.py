"""`quittance chain`: audit an index; and the way out when final blocks were replaced."""

from collections.abc import Iterator
from typing import Annotated

import typer

from contracts.evm import Address, BlockNumber
from indexer.adapters.stored_logs import audit_rows, final_blocks
from indexer.errors import NotIndexed
from indexer.ranges import BlockRange
from scripts.cli.context import migrated, print_json, settings_of
from scripts.cli.problems import BAD_INPUT, CHECK_FAILED, fail
from scripts.errors import NotConfigured, NothingConfigured, Rejected
from scripts.rewinding import RewindReport, rewind_chain, rewind_planned, rewinding
from scripts.settings import ChainSettings, Settings

app = typer.Typer(help="A chain's index.", no_args_is_help=True)

_SHOWN_MAX = 20


@app.command()
def rewind(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    to: Annotated[int, typer.Option(min=0, help="The last block that still stands.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the index and the books.")],
    chain: Annotated[str | None, typer.Option(help="The chain, where there are several.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, do not only show it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take back all that was made of blocks above BLOCK, also past finality.

    Facts are deleted, and read from the chain again. Books are reversed whole, by entries of their
    own, and posted again. Payout operations and computed epochs stay. Without --yes, show what it
    would do and exit 2. Stop the indexer first.
    """
    settings = settings_of(context)
    one = _chosen(settings, chain)
    with migrated(settings) as (_, engine), rewinding(engine, one) as db_tx:
        if yes:
            report = rewind_chain(db_tx, one, BlockNumber(to), reason=reason.strip())
        else:
            report = rewind_planned(db_tx, one, BlockNumber(to))
    if as_json:
        print_json(_document(report, one, is_done=yes))
    else:
        typer.echo("\n".join(_lines(report, one)))
    if not yes:
        fail("nothing was done: run the same command with --yes to do it", BAD_INPUT)


@app.command()
def audit(
    context: typer.Context,
    start: Annotated[int | None, typer.Option("--from", min=0, help="First block.")] = None,
    end: Annotated[int | None, typer.Option("--to", min=0, help="Last block.")] = None,
    chain: Annotated[str | None, typer.Option(help="The chain, where there are several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Digest the stored logs of final blocks again; exit 1 if a block's rows were changed.

    Two databases that print the same digest for the same blocks hold the same logs, whoever
    indexed them, from whom, and in which ranges.
    """
    settings = settings_of(context)
    one = _chosen(settings, chain)
    with migrated(settings) as (_, engine), engine.connect() as connection:
        final = final_blocks(connection, one.id)
        if final is None:
            raise NotIndexed(one.id, "no block is final yet")
        blocks = _within(final, start, end)
        found = audit_rows(connection, one.id, blocks)
    report: dict[str, object] = {
        "chain": one.name,
        "from": blocks.start,
        "to": blocks.end - 1,
        "rows_digest": str(found.rows_digest),
        "differing": list(found.differing[:_SHOWN_MAX]),
        "differing_count": len(found.differing),
    }
    if as_json:
        print_json(report)
    else:
        typer.echo("\n".join(f"{name}: {value}" for name, value in report.items()))
    if found.differing:
        fail("the rows of these blocks are not those that were indexed", CHECK_FAILED)


def _within(final: BlockRange, start: int | None, end: int | None) -> BlockRange:
    """The blocks asked for, which must be final; all final ones where nothing is asked."""
    first = final.start if start is None else start
    last = final.end - 1 if end is None else end
    if not final.start <= first <= last < final.end:
        raise Rejected(
            f"--from {first} --to {last}: the final blocks are {final.start} to {final.end - 1}"
        )
    return BlockRange(BlockNumber(first), BlockNumber(last + 1))


def _chosen(settings: Settings, name: str | None) -> ChainSettings:
    """The chain of that name, or the only one."""
    found = [one for one in settings.chains if name in {None, one.name}]
    if len(found) == 1:
        return found[0]
    if not settings.chains:
        raise NothingConfigured("chain")
    names = ", ".join(one.name for one in settings.chains)
    raise NotConfigured(f"--chain: name one of the configured chains: {names}")


def _document(report: RewindReport, chain: ChainSettings, *, is_done: bool) -> dict[str, object]:
    facts = report.facts
    return {
        "done": is_done,
        "chain": chain.name,
        "to": {"number": facts.to.number, "hash": str(facts.to.hash)},
        "head": {"number": facts.head[0], "hash": str(facts.head[1])},
        "finalized": facts.finalized,
        "rows": dict(facts.rows),
        "books": [
            {"settlement": _name(chain, book.book.contract), "contract": str(book.book.contract)}
            | {"entries": book.entries, "version": book.version}
            for book in report.books
        ],
        "payout_operations": report.operations,
        "payments": report.payments,
        "epochs": [
            {"settlement": _name(chain, contract), "epoch": one.epoch, "attempt": one.attempt}
            | {"manifest_digest": str(one.manifest_digest)}
            for contract, one in report.epochs
        ],
    }


def _lines(report: RewindReport, chain: ChainSettings) -> Iterator[str]:
    facts = report.facts
    place = f"{facts.to.number} {facts.to.hash}"
    yield f"{chain.name}: index from block {facts.head[0]} back to {place}"
    if facts.finalized is not None and facts.finalized > facts.to.number:
        yield f"finalized block from {facts.finalized} back to {facts.to.number}"
    for table, rows in facts.rows.items():
        yield f"{table}: {rows} rows removed"
    for book in report.books:
        name = _name(chain, book.book.contract)
        yield f"books of {name}: {book.entries} entries reversed, version {book.version} begins"
    if report.operations:
        yield f"payouts: outcomes of {report.operations} operations taken back, they are seen anew"
    if report.payments:
        yield f"payments: verdicts of {report.payments} submissions reopened, claims stay"
    for contract, one in report.epochs:
        name = _name(chain, contract)
        yield (
            f"epoch {one.epoch}, attempt {one.attempt} of {name} was computed from removed blocks "
            f"and stays: once they are indexed again, `quittance epoch compute {one.epoch}` says "
            "whether it comes to the same"
        )


def _name(chain: ChainSettings, contract: Address) -> str:
    """The settlement's configured name; its contract if it is configured no more."""
    names = (one.name for one in chain.settlements if one.payouts == contract)
    return next(names, str(contract))
