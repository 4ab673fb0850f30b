"""The `quittance` command: registers every command, and turns errors into exit codes.

Exit 0 done or holds, 1 a check failed, 2 bad input, 3 something outside was unavailable. Each error
is one sentence on stderr.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

import indexer.errors
import reconciliation.errors
import scripts.errors
import settlement.errors
from contracts.addresses import BadAddressBook
from scripts.cli import allocate, blocks, books, epochs, processes, tree
from scripts.cli.context import SettingsSource
from scripts.launcher import OPTION, stop_with_stdin
from scripts.observability import set_up_logging
from scripts.settings import BadSettings, load_settings

_BAD_INPUT = (
    indexer.errors.Rejected,
    settlement.errors.Rejected,
    reconciliation.errors.Rejected,
    scripts.errors.Rejected,
    BadAddressBook,
)
_UNAVAILABLE = (
    indexer.errors.Transient,
    settlement.errors.Transient,
    reconciliation.errors.Transient,
    scripts.errors.Transient,
)
_CHECK_FAILED = (
    indexer.errors.Corrupt,
    settlement.errors.Corrupt,
    reconciliation.errors.Corrupt,
    scripts.errors.Corrupt,
)

app = typer.Typer(
    name="quittance",
    help="Blockchain indexer and settlement engine for creator economies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def prepare(
    context: typer.Context,
    until_stdin_closes: Annotated[bool, typer.Option(OPTION, hidden=True)] = False,
) -> None:
    """Give commands a way to the configuration, which is read when one asks for it."""
    if until_stdin_closes:
        stop_with_stdin()
    context.obj = SettingsSource(lambda: load_settings(os.environ))


processes.register(app)
app.command("allocate")(allocate.allocate)
app.add_typer(tree.app, name="tree")
app.add_typer(blocks.app, name="blocks")
app.add_typer(epochs.app, name="epoch")
app.add_typer(books.ledger, name="ledger")
app.add_typer(books.payout, name="payout")
app.add_typer(books.reconcile, name="reconcile")


def main() -> None:
    """Run the command line, and exit with its code."""
    set_up_logging()
    with expected_errors_end():
        app()


@contextmanager
def expected_errors_end() -> Iterator[None]:
    """Turn each error that a command is expected to meet into a sentence and an exit code."""
    try:
        yield
    except BadSettings as error:
        _say(*error.problems)
        sys.exit(2)
    except _BAD_INPUT as error:
        _say(str(error))
        sys.exit(2)
    except _UNAVAILABLE as error:
        _say(str(error))
        sys.exit(3)
    except OperationalError as error:
        _say(f"the database is unavailable: {error.orig}")
        sys.exit(3)
    except _CHECK_FAILED as error:
        _say(str(error))
        sys.exit(1)


def _say(*sentences: str) -> None:
    for sentence in sentences:
        typer.echo(f"quittance: {sentence}", err=True)


if __name__ == "__main__":
    main()
