"""`quittance ledger`, `payout` and `reconcile`: the books, the payouts, and whether they agree."""

from typing import Annotated

import orjson
import typer

from contracts.wire import BadWireValue, hash_from_wire
from reconciliation.reconcile import Run
from scripts.bootstrap_settlement import SettlementJobs, book_of, payout_chain
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, fail
from scripts.errors import Rejected
from scripts.wiring import FinalizedFacts
from settlement.ledger.adapters.reads import LedgerReads
from settlement.payouts.adapters.store import SqlHistories
from settlement.payouts.status import PayoutStatus, payout_status

ledger = typer.Typer(help="The books.", no_args_is_help=True)
payout = typer.Typer(help="Payouts: submit now, or look one up.", no_args_is_help=True)
reconcile = typer.Typer(help="Chain against books.", no_args_is_help=True)


@ledger.command()
def balance(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print the trial balance; exit 1 if it is not zero."""
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        lines = LedgerReads(connection, book_of(one)).trial_balance()
    net: dict[str, int] = {}
    for line in lines:
        asset = str(line.asset)
        net[asset] = net.get(asset, 0) + line.debits - line.credits
    print_json(
        {
            "accounts": [
                {"kind": line.kind.value, "asset": str(line.asset)}
                | {"debits": str(line.debits), "credits": str(line.credits)}
                for line in lines
            ],
            "net": {asset: str(amount) for asset, amount in net.items()},
        }
    )
    if any(net.values()):
        raise typer.Exit(CHECK_FAILED)


@payout.command()
def submit(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Do once what the worker does over and over: plan, observe, send again, sign."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        SettlementJobs(settings, engine).submit_payouts(one.name)


@payout.command()
def status(
    context: typer.Context,
    op_id: Annotated[str, typer.Argument(help="The operation's id, 0x and 64 digits.")],
    settlement: SettlementOption = None,
) -> None:
    """Print the whole history of one operation."""
    try:
        wanted = hash_from_wire(op_id, "OP_ID")
    except BadWireValue as error:
        raise Rejected(str(error)) from error
    with migrated(settings_of(context)) as (settings, engine), engine.connect() as connection:
        chain, one = chosen(settings, settlement)
        answer = payout_status(
            wanted,
            histories=SqlHistories(connection),
            chain=payout_chain(chain, one),
            finality=FinalizedFacts(engine, one),
        )
    if answer is None:
        fail(f"operation {wanted} was never planned here", CHECK_FAILED)
    print_json(_spelled(answer))


@reconcile.command()
def run(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Compare chain and books at one finalized block; exit 1 if they disagree."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        result = SettlementJobs(settings, engine).reconcile_once(one.name)
    if result is None:
        fail("nothing is posted yet: run the worker first", CHECK_FAILED)
    print_json(_run(result))
    if result.discrepancies:
        raise typer.Exit(CHECK_FAILED)


def _run(result: Run) -> object:
    return {
        "block": {"number": result.block.number, "hash": str(result.block.hash)},
        "checks": result.checks,
        "discrepancies": [
            {
                "id": str(found.id),
                "kind": found.kind.value,
                "subject": found.subject,
                "expected": found.expected,
                "actual": found.actual,
                "evidence": list(found.evidence),
            }
            for found in result.discrepancies
        ],
    }


def _spelled(answer: PayoutStatus) -> object:
    """Bytes as hexadecimal text; everything else as it is."""
    return orjson.loads(orjson.dumps(answer, default=_text, option=orjson.OPT_NON_STR_KEYS))


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
