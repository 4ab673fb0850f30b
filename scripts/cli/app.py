"""The `quittance` command: lists every command, and turns errors into exit codes.

Exit 0 done or holds, 1 a check failed, 2 bad input, 3 something outside was unavailable. Each error
is one sentence on stderr. Nothing is imported here that a single command needs.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from scripts.cli.lazy import LazyCommand, LazyGroup
from scripts.collector import collect_seldom
from scripts.launcher import OPTION, stop_with_stdin
from scripts.observability import set_up_logging


class Commands(LazyGroup):
    """Every command, with the first line of its help."""

    members = (
        LazyCommand(
            "demo",
            "scripts.cli.demo:demo",
            "Settle three epochs on a real chain and a real database, then serve the API.",
        ),
        LazyCommand(
            "up",
            "scripts.cli.local:up",
            "Run indexer, worker and API on this machine; without configuration, on a dev chain.",
        ),
        LazyCommand("index", "scripts.cli.index:index", "Index the configured chains."),
        LazyCommand(
            "schedule",
            "scripts.cli.schedule:schedule",
            "Enqueue hints to look again (needs a broker; without one the worker does it).",
        ),
        LazyCommand(
            "worker",
            "scripts.cli.worker:worker",
            "Post the journal, compute epochs, submit payouts, reconcile.",
        ),
        LazyCommand(
            "serve", "scripts.cli.serve:serve", "Serve the read API over HTTP; prints its URL."
        ),
        LazyCommand(
            "watch",
            "scripts.cli.watch:watch",
            "Recompute every committed root from a node of your own, and veto a wrong one.",
        ),
        LazyCommand(
            "devnet",
            "scripts.cli.local:devnet",
            "Run the development chain until Ctrl-C; prints its configuration file.",
        ),
        LazyCommand(
            "allocate",
            "scripts.cli.allocate:allocate",
            "Share every user's fee over what that user used, and print what each work gets.",
        ),
        LazyCommand("db", "scripts.cli.schema:app", "The database schema."),
        LazyCommand(
            "tree",
            "scripts.cli.tree:app",
            "Merkle trees: build, prove, verify, and tell their profile.",
        ),
        LazyCommand("blocks", "scripts.cli.blocks:app", "Blocks: prove the receipts of one."),
        LazyCommand("zk", "scripts.cli.zk:app", "Proofs of consumption: verify one."),
        LazyCommand("chain", "scripts.cli.chain:app", "A chain's index."),
        LazyCommand(
            "epoch",
            "scripts.cli.epochs:app",
            "Epochs: look, explain, compute, export, approve, commit.",
        ),
        LazyCommand(
            "ledger",
            "scripts.cli.ledger:app",
            "The books: balances, journal, verification, seals, periods, entries by hand.",
        ),
        LazyCommand(
            "payout",
            "scripts.cli.books:payout",
            "Payouts: plan, submit, needs, look up, prove, hold, release, approve, stop.",
        ),
        LazyCommand(
            "payment", "scripts.cli.payment:app", "Payments: what shall be paid, what paid it."
        ),
        LazyCommand(
            "entitlement",
            "scripts.cli.entitlement:app",
            "Who may see what; gates, archives and offers of contents.",
        ),
        LazyCommand("reconcile", "scripts.cli.reconcile:app", "Chain against books."),
        LazyCommand("statement", "scripts.cli.statements:statement", "Statements of creators."),
        LazyCommand("export", "scripts.cli.statements:export", "The journal for other programs."),
        LazyCommand("close", "scripts.cli.statements:close", "The monthly close."),
        LazyCommand(
            "solvency", "scripts.cli.statements:solvency", "What is owed against what is held."
        ),
    )


app = typer.Typer(
    name="quittance",
    help="Blockchain indexer and settlement engine for creator economies.",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def prepare(
    context: typer.Context,
    until_stdin_closes: Annotated[bool, typer.Option(OPTION, hidden=True)] = False,
) -> None:
    """Give commands the environment, from which they read the configuration when they need it."""
    if until_stdin_closes:
        stop_with_stdin()
    context.obj = os.environ


def main() -> None:
    """Run the command line, and exit with its code."""
    set_up_logging()
    collect_seldom()
    with expected_errors_end():
        app()


@contextmanager
def expected_errors_end() -> Iterator[None]:
    """Turn each error that a command is expected to meet into a sentence and an exit code."""
    try:
        yield
    except Exception as error:
        from scripts.cli.endings import ending_of  # noqa: PLC0415 - names errors of all packages

        ending = ending_of(error)
        if ending is None:
            raise
        code, sentences = ending
        for sentence in sentences:
            typer.echo(f"quittance: {sentence}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
