"""`quittance statement`, `export`, `close` and `solvency`: the books as others get to see them."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from api.solvency import statement_out
from contracts.evm import Address, Epoch
from contracts.wire import BadWireValue, address_from_wire, hash_from_wire
from reconciliation.adapters.solvency import SqlSolvency
from reconciliation.solvency import payee_holder, proof_document
from reconciliation.solvency_proof_check import check_line
from scripts.bootstrap_settlement import SettlementJobs
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, fail, read_object
from scripts.errors import Rejected
from scripts.reconciling import asset_units
from scripts.stating import (
    ExportFormat,
    close_page,
    creator_statement,
    export_journal,
    found_discrepancies,
    refuse_bad_period,
    sealed_entries,
    write_whole,
)
from scripts.wiring import snapshot

statement = typer.Typer(help="Statements of creators.", no_args_is_help=True)
export = typer.Typer(help="The journal for other programs.", no_args_is_help=True)
close = typer.Typer(help="The monthly close.", no_args_is_help=True)
solvency = typer.Typer(help="What is owed against what is held.", no_args_is_help=True)

_PERIOD = "A month (YYYY-MM, UTC), an epoch (epoch:N) or several (epoch:N-M)."
PeriodOption = Annotated[str, typer.Option(help=_PERIOD)]
OutOption = Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)]
EpochOption = Annotated[int, typer.Option(help="The epoch.", min=0)]


@statement.callback()
def _statements() -> None:
    """Statements of creators."""


@export.callback()
def _exports() -> None:
    """The journal for other programs."""


@close.callback()
def _closes() -> None:
    """The monthly close."""


@statement.command("show")
def show_statement(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The creator's address.")],
    period: PeriodOption,
    proofs: Annotated[
        bool, typer.Option("--proofs", help="Prove that its entries are in the sealed journal.")
    ] = False,
    settlement: SettlementOption = None,
) -> None:
    """Print what a creator had, earned, was paid and is left with, down to event ids."""
    payee = _address(address)
    refuse_bad_period(period)
    with migrated(settings_of(context)) as (settings, engine):
        chain, one = chosen(settings, settlement)
        units = asset_units(chain, one) or {}
        answer = creator_statement(engine, one, payee=payee, period=period, units=units)
        sealed = {"proofs": sealed_entries(engine, one, answer)} if proofs else {}
    print_json(orjson.loads(answer.model_dump_json()) | sealed)


@export.command("journal")
def export_the_journal(
    context: typer.Context,
    out: OutOption,
    form: Annotated[ExportFormat, typer.Option("--format", help="How to write it.")],
    period: Annotated[str | None, typer.Option(help=_PERIOD + " Without it: all.")] = None,
    settlement: SettlementOption = None,
) -> None:
    """Write the journal to a file, with exact amounts; beancount with balance assertions."""
    if period is not None:
        refuse_bad_period(period)
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        size = export_journal(engine, one, period=period, form=form, out=out)
    print_json({"file": str(out), "format": form.value, "bytes": size})


@close.command("report")
def report(
    context: typer.Context,
    period: PeriodOption,
    out: OutOption,
    settlement: SettlementOption = None,
) -> None:
    """Write the close of a month as one HTML file that loads nothing."""
    refuse_bad_period(period)
    with migrated(settings_of(context)) as (settings, engine):
        chain, one = chosen(settings, settlement)
        found = found_discrepancies(engine, one)
        page = close_page(engine, one, period, found, asset_units(chain, one) or {})
        size = write_whole(out, [page])
    print_json({"file": str(out), "period": period, "bytes": size})


@solvency.command("state")
def state(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Do once what the worker does over and over: state ended epochs, read reserves."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        made = SettlementJobs(settings, engine).state_solvency_once(one.name)
    print_json({"statements": made})


@solvency.command("show")
def show_solvency(
    context: typer.Context,
    epoch: Annotated[int | None, typer.Option(help="One epoch; without it all.", min=0)] = None,
    settlement: SettlementOption = None,
) -> None:
    """Print what each contract owes and holds; exit 1 if one holds less than it owes."""
    wanted = None if epoch is None else Epoch(epoch)
    with migrated(settings_of(context)) as (settings, engine), snapshot(engine) as connection:
        _, one = chosen(settings, settlement)
        stated = SqlSolvency(connection, one).stated(wanted)
    print_json(
        {"statements": [orjson.loads(statement_out(each).model_dump_json()) for each in stated]}
    )
    if any(each.is_covered is False for each in stated):
        raise typer.Exit(CHECK_FAILED)


@solvency.command("prove")
def prove(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The creator's address.")],
    epoch: EpochOption,
    settlement: SettlementOption = None,
) -> None:
    """Print the proofs of a creator's lines, one for each contract and asset."""
    payee = _address(address)
    with migrated(settings_of(context)) as (settings, engine), snapshot(engine) as connection:
        _, one = chosen(settings, settlement)
        proofs = SqlSolvency(connection, one).line_proofs(payee, Epoch(epoch))
    if not proofs:
        fail(f"{payee} is owed nothing in statements of epoch {epoch}", CHECK_FAILED)
    print_json({"proofs": [proof_document(proof, stated.reserve) for proof, stated in proofs]})


@solvency.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="What `prove` printed, or one proof of it.")],
    address: Annotated[str | None, typer.Option(help="Whose lines they must be.")] = None,
    digest: Annotated[str | None, typer.Option(help="The published digest of one proof.")] = None,
) -> None:
    """Check proofs offline, from the file alone; exit 1 if one does not hold."""
    holder = None if address is None else payee_holder(_address(address, "--address"))
    if digest is not None:
        _digest(digest)
    document = read_object(file)
    proofs = document.get("proofs", [document])
    if not isinstance(proofs, list) or not proofs:
        raise Rejected(f"{file}: proofs: is no list of proofs")
    checked = []
    for proof in proofs:
        if not isinstance(proof, dict):
            raise Rejected(f"{file}: proofs: {proof!r} is no object")
        outcome = check_line(proof, digest=digest)
        problems = list(outcome.problems)
        if holder is not None and outcome.holder != holder:
            problems.append(f"holder: {outcome.holder!r} is not {holder}")
        checked.append(
            {"holder": outcome.holder, "amount": str(outcome.amount), "problems": problems}
        )
    holds = not any(one["problems"] for one in checked)
    print_json({"holds": holds, "proofs": checked})
    if not holds:
        raise typer.Exit(CHECK_FAILED)


def _address(text: str, name: str = "ADDRESS") -> Address:
    try:
        return address_from_wire(text, name)
    except BadWireValue as error:
        raise Rejected(str(error)) from error


def _digest(text: str) -> None:
    try:
        hash_from_wire(text, "--digest")
    except BadWireValue as error:
        raise Rejected(str(error)) from error
