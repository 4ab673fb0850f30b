"""`quittance payment`: what shall be paid, and whether a transaction pays it.

An intent is given by its id, or by a file that holds one JSON object:

    {"family": "ppv", "payer": "0x…", "payee": "0x…", "subject": "0x…", "asset": "0x…",
     "amount": "10000000", "reference": "order 17", "since": 1760000000, "until": 1760003600}

Optional are `payer`, `subject`, `tier_id`, `order_id` and `contract` (by default the settlement's).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.evm import ZERO_ADDRESS, Address, Hash32, Timestamp
from contracts.wire import BadWireValue, address_from_wire, amount_from_wire, hash_from_wire
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, BadInput, fail, read_object
from scripts.errors import Rejected
from scripts.payments import payment_desk, payment_node, payment_store
from scripts.settings import ChainSettings
from settlement.payments.errors import UnknownIntent
from settlement.payments.families import AssetSource, Family, family_named
from settlement.payments.intent import PaymentIntent
from settlement.payments.ports import RecordedVerdict, Submission
from settlement.payments.states import Level
from settlement.payments.verify_payment import Look, PaymentDesk

app = typer.Typer(help="Payments: what shall be paid, what paid it.", no_args_is_help=True)

_FIELDS = frozenset(
    {
        *("family", "contract", "payer", "payee", "subject", "tier_id", "asset", "amount"),
        *("order_id", "reference", "since", "until"),
    }
)
_LEVELS = {level.name.lower(): level for level in Level}

IntentArgument = Annotated[
    str, typer.Argument(metavar="INTENT", help="An intent's id, or a file that holds one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def intent(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What shall be paid, as one JSON object.")],
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store what shall be paid; print its id, the order id, and the fee by the terms in force."""
    with migrated(settings_of(context)) as (settings, engine):
        chain, one = chosen(settings, settlement)
        desk = _desk(engine, chain, one)
        quoted = desk.quoted(_intent_from(file, one))
        is_new = desk.declare(quoted)
    _print(_intent_document(quoted) | {"is_new": is_new}, as_json=as_json)


@app.command()
def verify(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    wanted: IntentArgument,
    transaction: Annotated[str, typer.Argument(metavar="TX", help="The transaction's hash.")],
    settlement: SettlementOption = None,
    finality: Annotated[
        str, typer.Option(help="How final it must be: received, safe or final.")
    ] = "received",
    claim: Annotated[
        bool, typer.Option("--claim", help="Bind the payment to the intent, and record it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a transaction against an intent; exit 1 if a check fails, naming every one.

    The index is asked, and the node for what is not indexed. Without --claim nothing is written.
    """
    tx_hash = _hash(transaction, "TX")
    needed = _LEVELS.get(finality)
    if needed is None:
        raise Rejected(f"--finality: {finality!r} is none of {', '.join(_LEVELS)}")
    with migrated(settings_of(context)) as (settings, engine):
        chain, one = chosen(settings, settlement)
        desk = _desk(engine, chain, one)
        asked = _wanted(wanted, desk, one)
        if claim:
            desk.declare(asked)
            desk.submit(Submission(asked.intent_id, tx_hash))
        found = desk.inspect(asked, tx_hash, needed=needed)
    _print(_look_document(found), as_json=as_json)
    if not found.is_verified:
        fail(f"not verified: {found.reason}", CHECK_FAILED)


@app.command()
def show(
    context: typer.Context,
    intent_id: Annotated[str, typer.Argument(help="The intent's id.")],
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print an intent, its transactions, what is bound to it, and every verdict there was."""
    wanted = _hash(intent_id, "INTENT_ID")
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        store = payment_store(engine, one)
        asked = store.intent(wanted)
        if asked is None:
            raise UnknownIntent(wanted)
        document = _intent_document(asked) | {
            "claims": [
                {"transaction_hash": str(place.transaction_hash), "ordinal": place.ordinal}
                for place in store.claims(wanted)
            ],
            "submissions": [
                {
                    "transaction_hash": str(told.transaction_hash),
                    "verdicts": [_line(line) for line in store.history(told)],
                }
                for told in store.submissions(wanted)
            ],
        }
    _print(document, as_json=as_json)


def _desk(engine: Engine, chain: ChainSettings, settlement: Settlement) -> PaymentDesk:
    node = payment_node(chain, settlement, timeout_s=RPC_LIMITS.timeout_s)
    return payment_desk(engine, settlement, node, neighbours=chain.settlements)


def _wanted(text: str, desk: PaymentDesk, settlement: Settlement) -> PaymentIntent:
    """The intent that an id or a file names; a file's is not quoted, so any fee terms pass."""
    if not text.startswith("0x"):
        return _intent_from(Path(text), settlement)
    intent_id = _hash(text, "INTENT")
    found = desk.store.intent(intent_id)
    if found is None:
        raise UnknownIntent(intent_id)
    return found


def _intent_from(path: Path, settlement: Settlement) -> PaymentIntent:
    """Read an intent.

    Raises:
        BadInput: naming the file, the field and the value.
        settlement.errors.Rejected: no payment could satisfy it.
    """
    content = read_object(path)
    unknown = sorted(content.keys() - _FIELDS)
    if unknown:
        raise BadInput(str(path), unknown[0], content[unknown[0]], "a field of an intent")
    try:
        return _intent(content, settlement, str(path))
    except BadWireValue as error:
        raise Rejected(f"{path}: {error}") from error


def _intent(content: Mapping[str, object], settlement: Settlement, place: str) -> PaymentIntent:
    family = family_named(_text(content, "family", place))
    asset = _address(content, "asset") or ZERO_ADDRESS
    payee = address_from_wire(content.get("payee"), "payee")
    tier_id = content.get("tier_id")
    return PaymentIntent(
        chain_id=settlement.chain_id,
        family_name=family.name,
        contract=_address(content, "contract") or _contract(settlement, family, asset, place),
        payer=_address(content, "payer"),
        payee=payee,
        subject=_optional_hash(content, "subject"),
        tier_id=None if tier_id is None else _number(content, "tier_id", place),
        asset=asset,
        amount=amount_from_wire(content.get("amount"), "amount"),
        fee_terms=None,
        stated_order=_optional_hash(content, "order_id"),
        reference=_text(content, "reference", place),
        since=Timestamp(_number(content, "since", place)),
        until=Timestamp(_number(content, "until", place)),
    )


def _contract(settlement: Settlement, family: Family, asset: Address, place: str) -> Address:
    if family.asset is AssetSource.EMITTER:
        return asset
    contract = settlement.payments.get(family.event.contract)
    if contract is None:
        raise BadInput(place, "family", family.name, f"taken by settlement {settlement.name!r}")
    return contract


def _text(content: Mapping[str, object], name: str, place: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise BadInput(place, name, value, "a string")
    return value


def _number(content: Mapping[str, object], name: str, place: str) -> int:
    value = content.get(name)
    if type(value) is not int:
        raise BadInput(place, name, value, "a whole number")
    return value


def _address(content: Mapping[str, object], name: str) -> Address | None:
    value = content.get(name)
    return None if value is None else address_from_wire(value, name)


def _optional_hash(content: Mapping[str, object], name: str) -> Hash32 | None:
    value = content.get(name)
    return None if value is None else hash_from_wire(value, name)


def _hash(text: str, name: str) -> Hash32:
    try:
        return hash_from_wire(text, name)
    except BadWireValue as error:
        raise Rejected(str(error)) from error


def _intent_document(one: PaymentIntent) -> dict[str, object]:
    return {
        "intent_id": str(one.intent_id),
        "order_id": _shown(one.order_id),
        "family": one.family_name,
        "chain_id": one.chain_id,
        "contract": str(one.contract),
        "payer": _shown(one.payer),
        "payee": str(one.payee),
        "subject": _shown(one.subject),
        "tier_id": one.tier_id,
        "asset": str(one.asset),
        "amount": str(one.amount),
        "fee": _shown(one.fee),
        "reference": one.reference,
        "since": one.since,
        "until": one.until,
    }


def _look_document(found: Look) -> dict[str, object]:
    verdict, ruling, claim = found.verdict, found.ruling, found.claim
    block = None if verdict is None else verdict.seen.block
    return {
        "intent_id": str(found.intent.intent_id),
        "transaction_hash": str(found.transaction_hash),
        "is_verified": found.is_verified,
        "state": found.standing.state.value,
        "is_terminal": found.standing.is_terminal,
        "outcome": None if ruling is None else ruling.outcome.value,
        "due_back": None if ruling is None else str(ruling.due_back),
        "source": None if verdict is None else verdict.seen.source.value,
        "block": None if block is None else {"number": block.number, "hash": str(block.hash)},
        "confirmations": found.confirmations,
        "ordinal": None if claim is None else claim.ordinal,
        "failed": [] if verdict is None else [check.value for check in verdict.failed],
        "checks": []
        if verdict is None
        else [
            {
                "check": one.check.value,
                "result": one.result.value,
                "expected": one.expected,
                "actual": one.actual,
            }
            for one in verdict.findings
        ],
        "reason": found.reason,
    }


def _line(line: RecordedVerdict) -> dict[str, object]:
    return {
        "state": line.state.value,
        "is_terminal": line.is_terminal,
        "outcome": None if line.outcome is None else line.outcome.value,
        "failed": list(line.failed),
        "source": None if line.source is None else line.source.value,
        "block_number": line.block_number,
        "block_hash": _shown(line.block_hash),
        "reason": line.reason,
    }


def _shown(value: object) -> str | None:
    return None if value is None else str(value)


def _print(document: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        if isinstance(value, list):
            typer.echo(f"{name}:")
            for item in value:
                typer.echo(f"  {_row(item)}")
        else:
            typer.echo(f"{name}: {value}")


def _row(item: object) -> str:
    if isinstance(item, dict):
        return "  ".join(f"{name}={value}" for name, value in item.items())
    return str(item)
