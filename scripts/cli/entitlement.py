"""`quittance entitlement`: who may see what, and what is recorded about contents.

A content is named by 32 bytes: the id that payments name, or the id of an event whose tickets are
sold. Gates, archives and offers are records; what they decide changes with the next question.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from api.adapters.direct import new_direct_pool
from api.adapters.snapshot import new_pool
from api.context import Limits
from api.entitlements import EntitlementDesk, document
from contracts.addresses import Settlement
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32, Timestamp
from contracts.wire import BadWireValue, address_from_wire, amount_from_wire, hash_from_wire
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED
from scripts.errors import Rejected
from scripts.gates import balance_source, check_gate
from scripts.settings import Settings
from settlement.payments.adapters.gate_store import Alias, ContentRecords, Offer
from settlement.payments.gates import Gate, GateKind

app = typer.Typer(
    help="Who may see what; gates, archives and offers of contents.", no_args_is_help=True
)
gate = typer.Typer(help="Gates: who holds enough of a token gets in.", no_args_is_help=True)
alias = typer.Typer(help="Archives: who had access to a stream keeps it.", no_args_is_help=True)
offer = typer.Typer(help="Offers: whom a payment must pay, and how much.", no_args_is_help=True)
app.add_typer(gate, name="gate")
app.add_typer(alias, name="alias")
app.add_typer(offer, name="offer")

ContentArgument = Annotated[str, typer.Argument(help="The content's id, 0x and 64 digits.")]
ArchiveArgument = Annotated[str, typer.Argument(help="The archive's id, 0x and 64 digits.")]
OfOption = Annotated[str, typer.Option("--of", help="The stream's id, 0x and 64 digits.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

_Value = TypeVar("_Value")


@app.command()
def check(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The wallet, 0x and 40 digits.")],
    content: ContentArgument,
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a wallet may see a content, and why; exit 1 if it may not."""
    wallet = _read(address_from_wire, address, "ADDRESS")
    wanted = _read(hash_from_wire, content, "CONTENT")
    with migrated(settings_of(context)) as (settings, _):
        _, one = chosen(settings, settlement)
        answer = asyncio.run(_answer(settings, one, wallet, wanted))
    if as_json:
        print_json(answer)
    else:
        typer.echo("\n".join(_sentences(answer)))
    if not answer["is_granted"]:
        raise typer.Exit(CHECK_FAILED)


@gate.command("add")
def add_gate(
    context: typer.Context,
    content: ContentArgument,
    *,
    kind: Annotated[GateKind, typer.Option(help="What is counted.")],
    token: Annotated[
        str | None, typer.Option(help="The token's contract; none for the native coin.")
    ] = None,
    minimum: Annotated[
        str | None, typer.Option(help="How much, in base units; by default 1 token of an ERC-721.")
    ] = None,
    settlement: SettlementOption = None,
) -> None:
    """Let in who holds at least so much of a token; prints the gate."""
    wanted = _read(hash_from_wire, content, "CONTENT")
    at = ZERO_ADDRESS if token is None else _read(address_from_wire, token, "--token")
    if minimum is None and kind is not GateKind.ERC721:
        raise Rejected(f"--minimum is missing: a gate of kind {kind.value} needs one")
    least = _read(amount_from_wire, minimum or "1", "--minimum")
    with migrated(settings_of(context)) as (settings, engine):
        chain, one = chosen(settings, settlement)
        new = Gate(
            chain_id=one.chain_id,
            contract=one.payouts,
            content_id=wanted,
            kind=kind,
            token=at,
            minimum=least,
        )
        check_gate(chain, one, new)
        with engine.begin() as connection:
            ContentRecords(connection, one).add_gate(new)
    print_json(_gate(new))


@gate.command("remove")
def remove_gate(
    context: typer.Context,
    gate_id: Annotated[str, typer.Argument(help="The gate's id, as `gate list` prints it.")],
    settlement: SettlementOption = None,
) -> None:
    """End a gate; prints which it was."""
    wanted = _read(hash_from_wire, gate_id, "GATE_ID")
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        print_json(_gate(ContentRecords(connection, one).remove_gate(wanted)))


@gate.command("list")
def list_gates(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print every gate in force."""
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        gates = ContentRecords(connection, one).gates()
    print_json({"settlement": one.name, "gates": [_gate(each) for each in gates]})


@alias.command("add")
def add_alias(
    context: typer.Context,
    archive: ArchiveArgument,
    of: OfOption,
    ended_at: Annotated[
        int | None,
        typer.Option(min=0, help="When the stream ended (Unix seconds); gates count before that."),
    ] = None,
    settlement: SettlementOption = None,
) -> None:
    """Give who had access to a stream access to its archive; again, with another end, to change."""
    new = Alias(
        archive=_read(hash_from_wire, archive, "ARCHIVE"),
        source=_read(hash_from_wire, of, "--of"),
        ended_at=None if ended_at is None else Timestamp(ended_at),
    )
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        ContentRecords(connection, one).add_alias(new)
    print_json(_alias(new))


@alias.command("remove")
def remove_alias(
    context: typer.Context,
    archive: ArchiveArgument,
    of: OfOption,
    settlement: SettlementOption = None,
) -> None:
    """End an alias."""
    what = _read(hash_from_wire, archive, "ARCHIVE")
    source = _read(hash_from_wire, of, "--of")
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        ContentRecords(connection, one).remove_alias(what, source)
    print_json({"archive": str(what), "of": str(source), "removed": True})


@alias.command("list")
def list_aliases(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print every alias in force."""
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        aliases = ContentRecords(connection, one).aliases()
    print_json({"settlement": one.name, "aliases": [_alias(each) for each in aliases]})


@offer.command("add")
def add_offer(
    context: typer.Context,
    content: ContentArgument,
    *,
    creator: Annotated[str, typer.Option(help="Who must be paid, 0x and 40 digits.")],
    price: Annotated[str, typer.Option(help="How much at least, without the fee, in base units.")],
    from_block: Annotated[
        int, typer.Option(min=0, help="The first block whose payments it is for.")
    ] = 0,
    settlement: SettlementOption = None,
) -> None:
    """Say who sells a content, and for how much; from then on other payments open nothing."""
    new = Offer(
        content_id=_read(hash_from_wire, content, "CONTENT"),
        creator=_read(address_from_wire, creator, "--creator"),
        price=_read(amount_from_wire, price, "--price"),
        from_block=BlockNumber(from_block),
    )
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        ContentRecords(connection, one).add_offer(new)
    print_json(_offer(new))


@offer.command("list")
def list_offers(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print every offer ever made; of a content the last one that began is in force."""
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        offers = ContentRecords(connection, one).offers()
    print_json({"settlement": one.name, "offers": [_offer(each) for each in offers]})


async def _answer(
    settings: Settings, settlement: Settlement, wallet: Address, content: Hash32
) -> dict[str, Any]:
    """What the API answers, asked the same way."""
    url, limits = settings.database_url or "", Limits()
    pools = [
        new(
            url,
            connections_max=1,
            wait_s=limits.pool_wait_s,
            statement_timeout_ms=limits.statement_timeout_ms,
        )
        for new in (new_pool, new_direct_pool)
    ]
    async with pools[0] as pool, pools[1] as direct:
        desk = EntitlementDesk(direct=direct, pool=pool, balances=balance_source(settings))
        return document(settlement, await desk.answer(settlement, wallet, content))


def _sentences(answer: dict[str, Any]) -> list[str]:
    block = answer["block"]
    until = "does not end by itself" if answer["until"] is None else f"until {answer['until']}"
    said = f"granted: {answer['reason']}, {until}" if answer["is_granted"] else "denied:"
    at = f"as of block {block['number']} {block['hash']}, {answer['finality']}"
    return [said, *(f"  {_failed(one)}" for one in answer["failed"]), at]


def _failed(finding: dict[str, Any]) -> str:
    said = {
        name: value
        for name, value in finding.items()
        if value is not None and name not in {"check", "reason"}
    }
    members = ", ".join(f"{name} {value}" for name, value in said.items())
    return f"{finding['check']}: {finding['reason']} ({members})"


def _gate(one: Gate) -> dict[str, object]:
    return {
        "gate_id": str(one.id),
        "content_id": str(one.content_id),
        "chain_id": one.chain_id,
        "kind": one.kind.value,
        "token": None if one.kind is GateKind.NATIVE else str(one.token),
        "minimum": str(one.minimum),
    }


def _alias(one: Alias) -> dict[str, object]:
    return {"archive": str(one.archive), "of": str(one.source), "ended_at": one.ended_at}


def _offer(one: Offer) -> dict[str, object]:
    return {
        "content_id": str(one.content_id),
        "creator": str(one.creator),
        "price": str(one.price),
        "from_block": one.from_block,
    }


def _read(read: Callable[[object, str], _Value], text: str, name: str) -> _Value:
    try:
        return read(text, name)
    except BadWireValue as error:
        raise Rejected(str(error)) from error
