"""`quittance payout`: what is planned, signed, sent and proved, and what it needs from you."""

from typing import Annotated

import orjson
import typer

from contracts.evm import BlockNumber, Hash32
from contracts.wire import BadWireValue, hash_from_wire
from indexer.adapters.endpoint_address import EndpointAddress
from indexer.adapters.reads import FactReads
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.bootstrap_settlement import SettlementJobs, payout_chain
from scripts.cli import policy
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.documents import document
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, fail
from scripts.cli.switching import resume, stop
from scripts.errors import Rejected
from scripts.payout_needs import spelled, standing_of
from scripts.wiring import FinalizedFacts
from settlement.payouts.adapters.state import NodeState
from settlement.payouts.adapters.store import SqlHistories
from settlement.payouts.needs import needs_by_age, needs_of
from settlement.payouts.preview import Preview
from settlement.payouts.prove import proof_document, prove_operation
from settlement.payouts.report import TickReport
from settlement.payouts.status import PayoutStatus, payout_status

payout = typer.Typer(
    help="Payouts: plan, submit, needs, look up, prove, hold, release, approve, stop.",
    no_args_is_help=True,
)
payout.command()(stop)
payout.command()(resume)
policy.register(payout)
payout.add_typer(document, name="document")


@payout.command()
def submit(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Do once what the worker does over and over: plan, observe, send again, sign."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        report = SettlementJobs(settings, engine).submit_once(one.name)
    if report is None:
        fail("no signer is configured: say who pays", CHECK_FAILED)
    print_json({"tick": _spelled(report), "needs": [spelled(need) for need in needs_of(report)]})


@payout.command()
def needs(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print what payouts need from a person, and what to do; exit 1 if there is anything.

    It is what the worker met in its last look; a worker that does not look is a need too.
    """
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        last = standing_of(engine, one).read()
    if last is None:
        fail("payouts were never looked at: run `quittance worker`", CHECK_FAILED)
    found = (*needs_by_age(last.seconds_ago), *last.needs)
    print_json(
        {
            "settlement": one.name,
            "looked_s_ago": last.seconds_ago,
            "stop": last.stop,
            "needs": [spelled(need) for need in found],
        }
    )
    if found:
        raise typer.Exit(CHECK_FAILED)


@payout.command()
def plan(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print what `submit` would plan, keep up and sign now, and its costs; change nothing."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        seen = SettlementJobs(settings, engine).preview_payouts(one.name)
    if seen is None:
        fail("no block is final yet", CHECK_FAILED)
    print_json(_spelled(seen))


@payout.command()
def status(
    context: typer.Context,
    op_id: Annotated[str, typer.Argument(help="The operation's id, 0x and 64 digits.")],
    settlement: SettlementOption = None,
) -> None:
    """Print the whole history of one operation."""
    wanted = _operation_id(op_id)
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


@payout.command()
def prove(
    context: typer.Context,
    op_id: Annotated[str, typer.Argument(help="The operation's id, 0x and 64 digits.")],
    settlement: SettlementOption = None,
) -> None:
    """Prove used or unused from the state of the finalized block; the node is not trusted."""
    wanted = _operation_id(op_id)
    with migrated(settings_of(context)) as (settings, engine), engine.connect() as connection:
        chain, one = chosen(settings, settlement)
        history = SqlHistories(connection).history(wanted)
        block = FinalizedFacts(engine, one).finalized()
        if history is None or block is None:
            fail(f"operation {wanted} was never planned here", CHECK_FAILED)
        following = BlockNumber(block.number + 1)
        (evidence,) = FactReads(connection, one).block_evidence(block.number, following)
        proved = prove_operation(
            history.operation,
            block=block,
            header=evidence.header,
            source=NodeState(
                chain.rpc[0],
                timeout_s=RPC_LIMITS.timeout_s,
                told=EndpointAddress.of(chain.rpc[0]).without_secrets,
            ),
        )
    print_json({"op_id": str(wanted)} | proof_document(proved, evidence.header))


def _operation_id(text: str) -> Hash32:
    try:
        return hash_from_wire(text, "OP_ID")
    except BadWireValue as error:
        raise Rejected(str(error)) from error


def _spelled(answer: PayoutStatus | Preview | TickReport) -> object:
    """Bytes as hexadecimal text; everything else as it is."""
    return orjson.loads(orjson.dumps(answer, default=_text, option=orjson.OPT_NON_STR_KEYS))


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
