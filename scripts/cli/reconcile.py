"""`quittance reconcile`: chain against books, and what became of every difference."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import orjson
import typer

from contracts.addresses import Settlement
from contracts.evm import Hash32
from contracts.wire import BadWireValue, hash_from_wire
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.ports import Run
from reconciliation.rebuild import FromChain
from reconciliation.register import LIVE, Standing, Status
from reconciliation.runbook import RULES, reproduction
from reconciliation.wallets import ReceiptBasis
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, fail
from scripts.errors import Rejected
from scripts.reconciling import rebuild_settlement, reconcile_settlement, register_of

app = typer.Typer(help="Chain against books.", no_args_is_help=True)

_COLUMNS = (
    *("id", "kind", "severity", "owner", "status", "age_days", "subject", "asset", "expected"),
    *("actual", "evidence", "transaction_hash", "block_number", "block_hash", "log_index"),
    *("entry_id", "first_run", "last_run", "opened_at", "explanation", "explained_by"),
    *("runbook", "reproduce"),
)
"""Of the register as CSV."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

DiscrepancyArgument = Annotated[
    str, typer.Argument(help="The discrepancy's id, 0x and 64 digits.", metavar="ID")
]
PersonOption = Annotated[str, typer.Option("--by", help="Who says so; it is recorded.")]


class ExportFormat(StrEnum):
    """How discrepancies are written; amounts are text in both."""

    CSV = "csv"
    JSONL = "jsonl"


@app.command()
def run(
    context: typer.Context,
    settlement: SettlementOption = None,
    from_chain_only: Annotated[
        bool,
        typer.Option(
            "--from-chain-only",
            help="Rebuild everything from the endpoint and accepted documents; then compare.",
        ),
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="Look for one discrepancy alone, by its id.")
    ] = None,
) -> None:
    """Compare chain and books at one finalized block; exit 1 if they disagree."""
    wanted = None if only is None else _id(only, "--only")
    with migrated(settings_of(context)) as (settings, engine):
        chain, one = chosen(settings, settlement)
        if from_chain_only:
            rebuilt = rebuild_settlement(engine, chain, one)
            print_json(_rebuilt(rebuilt))
            is_clean = not (
                rebuilt.unsound
                or rebuilt.contradictions
                or rebuilt.differences
                or any(each.unlocated for each in rebuilt.wallets)
            )
        else:
            result = reconcile_settlement(engine, chain, one)
            if result is None:
                fail("nothing is posted yet: run the worker first", CHECK_FAILED)
            found = [each for each in result.discrepancies if wanted in {None, each.id}]
            print_json(_run(result, found, one))
            is_clean = not found
    if not is_clean:
        raise typer.Exit(CHECK_FAILED)


@app.command()
def report(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print what is open, most severe and oldest first, with what to do; exit 1 if anything is."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        waiting = register_of(engine, one).standing((*LIVE, Status.ABSENT))
    counts: dict[str, dict[str, int]] = {}
    for each in waiting:
        by_age = counts.setdefault(each.severity, {})
        by_age[each.age.value] = by_age.get(each.age.value, 0) + 1
    print_json({"counts": counts, "discrepancies": [_standing(each, one) for each in waiting]})
    if any(each.status in LIVE for each in waiting):
        raise typer.Exit(CHECK_FAILED)


@app.command()
def export(
    context: typer.Context,
    settlement: SettlementOption = None,
    file_format: Annotated[
        ExportFormat, typer.Option("--format", help="How to write it.")
    ] = ExportFormat.CSV,
) -> None:
    """Write the whole register to stdout: everything that was ever found."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        rows = [_standing(each, one) for each in register_of(engine, one).standing()]
    written = _csv(rows) if file_format is ExportFormat.CSV else _jsonl(rows)
    typer.echo(written, nl=False)


@app.command()
def show(
    context: typer.Context, discrepancy: DiscrepancyArgument, settlement: SettlementOption = None
) -> None:
    """Print one discrepancy with its whole history."""
    wanted = _id(discrepancy)
    with _register(context, settlement) as (register, one):
        shown = _standing(register.one(wanted), one)
        history = [
            {
                "status": step.status.value,
                "at": step.at,
                "run": step.run,
                "by": step.by,
                "entry_id": _text(step.entry_id),
                "explanation": step.explanation.text if step.explanation else None,
                "recorded_at": step.recorded_at,
            }
            for step in register.transitions(wanted)
        ]
    print_json(shown | {"history": history})


@app.command()
def explain(
    context: typer.Context,
    discrepancy: DiscrepancyArgument,
    text: Annotated[str, typer.Argument(help="Why it is right as it is.")],
    by: PersonOption,
    settlement: SettlementOption = None,
) -> None:
    """Give an explanation; it counts once another person has accepted it."""
    wanted = _id(discrepancy)
    with _register(context, settlement) as (register, one):
        print_json(_standing(register.explain(wanted, maker=by, words=text), one))


@app.command()
def resolve(
    context: typer.Context,
    discrepancy: DiscrepancyArgument,
    by: PersonOption,
    settlement: SettlementOption = None,
) -> None:
    """Accept the explanation that another person gave."""
    wanted = _id(discrepancy)
    with _register(context, settlement) as (register, one):
        print_json(_standing(register.resolve(wanted, checker=by), one))


@contextmanager
def _register(
    context: typer.Context, settlement: str | None
) -> Iterator[tuple[SqlRegister, Settlement]]:
    """The register of the chosen settlement, while the context lasts."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        yield register_of(engine, one), one


def _id(text: str, name: str = "ID") -> Hash32:
    try:
        return hash_from_wire(text, name)
    except BadWireValue as error:
        raise Rejected(str(error)) from error


def _run(result: Run, found: Iterable[Discrepancy], settlement: Settlement) -> object:
    return {
        "block": {"number": result.block.number, "hash": str(result.block.hash)},
        "checks": result.checks,
        "lines": result.lines,
        "endpoints": result.endpoints,
        "balances": {"proven": result.proven, "stated": result.stated},
        "receipts": {one.value: result.receipts.get(one.value, 0) for one in ReceiptBasis},
        "discrepancies": [_found(each, settlement) for each in found],
    }


def _found(found: Discrepancy, settlement: Settlement) -> dict[str, object]:
    rule, place = RULES[found.kind], found.place
    return {
        "id": str(found.id),
        "kind": found.kind.value,
        "severity": rule.severity.value,
        "owner": rule.owner.value,
        "subject": found.subject,
        "asset": _text(found.asset),
        "expected": found.expected,
        "actual": found.actual,
        "evidence": list(found.evidence),
        "transaction_hash": _text(place.transaction_hash),
        "block_number": place.block_number,
        "block_hash": _text(place.block_hash),
        "log_index": place.log_index,
        "entry_id": _text(place.entry_id),
        "runbook": rule.line,
        "reproduce": reproduction(settlement.name, found.id),
    }


def _standing(one: Standing, settlement: Settlement) -> dict[str, object]:
    return {
        "id": str(one.id),
        "kind": one.kind,
        "severity": one.severity,
        "owner": one.owner,
        "status": one.status.value,
        "age_days": one.age.value,
        "subject": one.subject,
        "asset": _text(one.asset),
        "expected": one.expected,
        "actual": one.actual,
        "evidence": list(one.evidence),
        "transaction_hash": _text(one.place.transaction_hash),
        "block_number": one.place.block_number,
        "block_hash": _text(one.place.block_hash),
        "log_index": one.place.log_index,
        "entry_id": _text(one.place.entry_id),
        "first_run": one.first_seen.run,
        "last_run": one.last_seen.run,
        "opened_at": one.opened_at,
        "explanation": one.explanation.text if one.explanation else None,
        "explained_by": one.explanation.maker if one.explanation else None,
        "runbook": RULES[Kind(one.kind)].line,
        "reproduce": reproduction(settlement.name, one.id),
    }


def _rebuilt(rebuilt: FromChain) -> object:
    return {
        "block": {"number": rebuilt.block.number, "hash": str(rebuilt.block.hash)},
        "parts": [
            {
                "contract": str(part.contract),
                "block": part.block.number,
                "name": part.name,
                "asset": str(part.asset),
                "amount": str(part.amount),
                "basis": part.basis,
            }
            for part in rebuilt.parts
        ],
        "wallets": [
            {
                "wallet": str(one.wallet),
                "block": one.block.number,
                "first_nonce": one.first_nonce,
                "nonce": one.nonce,
                "balance": str(one.coins_wei),
                "balance_is_proven": one.is_proven,
                "receipts": dict(one.receipts),
                "nonces_not_shown": list(one.unlocated),
            }
            for one in rebuilt.wallets
        ],
        "epochs_without_a_document": list(rebuilt.unsound),
        "contradictions": [
            {"kind": one.kind.value, "subject": one.subject, "evidence": list(one.evidence)}
            for one in rebuilt.contradictions
        ],
        "differences": [
            {
                "contract": str(one.contract),
                "account": one.account,
                "asset": str(one.asset),
                "chain": str(one.chain),
                "books": str(one.books),
            }
            for one in rebuilt.differences
        ],
    }


def _csv(rows: list[dict[str, object]]) -> str:
    """RFC 4180, with a header; lists joined by semicolons, nothing as an empty field."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in _COLUMNS])
    return buffer.getvalue()


def _cell(value: object) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    if value is None:
        return ""
    # A spreadsheet would run what begins like a formula.
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def _jsonl(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(orjson.dumps(row).decode() + "\n" for row in rows)


def _text(value: bytes | None) -> str | None:
    return None if value is None else str(value)
