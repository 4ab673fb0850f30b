"""`quittance payout held`, `hold`, `release`, `tier`, `approve` and `screen`: who waits, and why.

Names given with `--by` are kept as they are told; only an approval is bound to a key.
"""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.evm import Address, BlockRef, Hash32, bytes_from_hex
from contracts.wire import BadWireValue, address_from_wire, hash_from_wire
from scripts.bootstrap_settlement import policy_gate
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.epochs import SettlementOption
from scripts.cli.problems import CHECK_FAILED, fail
from scripts.errors import NotConfigured, Rejected
from scripts.policing import PolicyGate
from scripts.policy_reports import (
    NOT_BOUND,
    call_json,
    exposures,
    holds_to_place,
    refused_json,
    units_json,
)
from scripts.policy_settings import PolicySettings
from scripts.wiring import FinalizedFacts, snapshot
from settlement.payouts.adapters.approver import checked_approval, signed_approval
from settlement.payouts.adapters.policy_store import PolicyRecords
from settlement.payouts.approval import PayoutToApprove
from settlement.payouts.errors import NotAnApproval
from settlement.payouts.screening import rescreened

ReasonOption = Annotated[str, typer.Option(help="Why; it is kept for ever.")]
ByOption = Annotated[str, typer.Option("--by", help="Who decides; kept as it is told.")]
AccountArgument = Annotated[str, typer.Argument(help="The payee, 0x and 40 digits.")]


def held(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print every payout that is refused now, since when, and each rule that objects."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        gate, at = policy_gate(settings, engine, one), _finalized(engine, one)
        found = [] if gate is None else gate.verdicts(at)
        calls = _calls(engine, one, gate, at)
    print_json(
        {
            "settlement": one.name,
            "block": {"number": at.number, "hash": str(at.hash), "timestamp": at.timestamp},
            "policy": "off" if gate is None else "on",
            "held": refused_json(found),
            "compliance_calls": calls,
            "not_bound": NOT_BOUND,
        }
    )


def hold(
    context: typer.Context, account: AccountArgument, reason: ReasonOption, by: ByOption
) -> None:
    """Hold back everything that is owed to a payee, until it is released."""
    payee = _account(account)
    with migrated(settings_of(context)) as (_, engine), engine.begin() as connection:
        records = PolicyRecords(connection)
        records.hold(payee, reason=reason.strip(), decided_by=by.strip())
    print_json({"account": str(payee), "held": True, "not_bound": NOT_BOUND})


def release(
    context: typer.Context, account: AccountArgument, reason: ReasonOption, by: ByOption
) -> None:
    """End the hold of a payee; what other rules say of it stays."""
    payee = _account(account)
    with migrated(settings_of(context)) as (_, engine), engine.begin() as connection:
        records = PolicyRecords(connection)
        records.release(payee, reason=reason.strip(), decided_by=by.strip())
    print_json({"account": str(payee), "held": False})


def tier(
    context: typer.Context,
    account: AccountArgument,
    number: Annotated[int, typer.Argument(min=0, help="The KYC tier; 0 is nothing known.")],
    reason: ReasonOption,
    by: ByOption,
) -> None:
    """Put a payee into a KYC tier, which limits what it may withdraw in a window."""
    payee = _account(account)
    with migrated(settings_of(context)) as (_, engine), engine.begin() as connection:
        PolicyRecords(connection).set_tier(
            payee, number, reason=reason.strip(), decided_by=by.strip()
        )
    print_json({"account": str(payee), "tier": number})


def approve(
    context: typer.Context,
    op_id: Annotated[str, typer.Argument(help="The payout's operation, 0x and 64 digits.")],
    key_file: Annotated[Path | None, typer.Option(help="File with the approver's key.")] = None,
    signature: Annotated[str | None, typer.Option(help="Made elsewhere (EIP-191).")] = None,
    settlement: SettlementOption = None,
) -> None:
    """As an approver: let a large payout go. Without key and signature, print what is to be signed.

    It takes two approvers, and is worth nothing once part of the payout has been made.
    """
    wanted = _operation(op_id)
    if key_file is not None and signature is not None:
        raise Rejected("--key-file, --signature: give one of them")
    key = None if key_file is None else approver_key(key_file)
    given = None if signature is None else signature_bytes(signature)
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        gate = policy_gate(settings, engine, one)
        if gate is None or settings.policy is None:
            raise NotConfigured("policy: there is none here, so nothing waits for an approval")
        payout = _open_payout(gate, wanted, _finalized(engine, one))
        made = given if key is None else signed_approval(payout, key)
        if made is None:
            print_json({"op_id": str(wanted), "to_sign": payout.sentence})
            return
        with engine.begin() as connection:
            name, have = _recorded(PolicyRecords(connection), payout, made, settings.policy)
    print_json({"op_id": str(wanted), "approved_by": name, "approvals": have})


def screen(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The list to accept; without it, the one in force.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who accepts it; kept as it is told.")] = "",
    settlement: SettlementOption = None,
) -> None:
    """Accept a screening list, and screen anew everybody to whom something is owed.

    A listed account is named with the call that the compliance role must send to bind it on chain.
    """
    source = None if file is None else read_file(file)
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        gate, at = policy_gate(settings, engine, one), _finalized(engine, one)
        with engine.begin() as connection:
            records = PolicyRecords(connection)
            before = records.in_force()
            if source is not None:
                records.accept(source, accepted_by=by.strip())
            after = records.in_force()
            if after is None:
                fail("no screening list was ever accepted: name a FILE", CHECK_FAILED)
            exposed = exposures(connection, one, at)
        accounts = set().union(*(each.accounts for each in exposed))
        changed = rescreened(accounts, before=before, after=after)
        found = [] if gate is None else gate.verdicts(at)
        calls = _calls(engine, one, gate, at)
    listed = sorted(accounts & after.listings.keys())
    print_json(
        {
            "settlement": one.name,
            "digest": str(after.digest),
            "accepted_at": after.accepted_at,
            "accounts": len(after.listings),
            "screened": len(accounts),
            "listed": [
                {"account": str(account), "label": after.listings[account]}
                | {"owed": units_json((each.owed for each in exposed), account)}
                | {"unclaimed": units_json((each.unclaimed for each in exposed), account)}
                for account in listed
            ],
            "newly_listed": [str(account) for account in changed.newly_listed],
            "no_longer_listed": [str(account) for account in changed.no_longer_listed],
            "held": refused_json(found),
            "compliance_calls": calls,
            "not_bound": NOT_BOUND,
        }
    )


def register(payout: typer.Typer) -> None:
    """Add the commands to the group `quittance payout`."""
    for command in (held, hold, release, tier, approve, screen):
        payout.command()(command)


def _finalized(engine: Engine, settlement: Settlement) -> BlockRef:
    block = FinalizedFacts(engine, settlement).finalized()
    if block is None:
        fail("no finalized block is indexed yet: run the indexer first", CHECK_FAILED)
    return block


def _calls(
    engine: Engine, settlement: Settlement, gate: PolicyGate | None, at: BlockRef
) -> list[dict[str, object]]:
    margin_s = 0 if gate is None else gate.policy.chain_hold_margin_s
    with snapshot(engine) as connection:
        records = PolicyRecords(connection)
        calls = [
            call
            for exposed in exposures(connection, settlement, at)
            for call in holds_to_place(exposed, records, at=at, margin_s=margin_s)
        ]
    return [call_json(call) for call in calls]


def _open_payout(gate: PolicyGate, op_id: Hash32, at: BlockRef) -> PayoutToApprove:
    """What an approval of this operation would be of."""
    for verdict in gate.verdicts(at):
        if verdict.leaf.op_id == op_id:
            return PayoutToApprove(
                chain_id=gate.settlement.chain_id,
                contract=verdict.leaf.contract,
                op_id=op_id,
                asset=verdict.leaf.asset,
                amount=verdict.leaf.outstanding,
            )
    raise Rejected(f"OP_ID: the books owe nothing under {op_id}")


def _recorded(
    records: PolicyRecords, payout: PayoutToApprove, signature: bytes, policy: PolicySettings
) -> tuple[str, int]:
    """Record an approval; returns whose it is, and how many there are of the payout."""
    approval = checked_approval(payout, signature)
    name = policy.approvers.get(approval.approver)
    if name is None:
        raise NotAnApproval(payout.op_id, f"{approval.approver} is not among the approvers")
    records.approve(approval)
    known = records.approvals(payout.chain_id, payout.contract)
    persons = {one.approver for one in known if one.payout == payout}
    return name, len(persons & policy.approvers.keys())


def approver_key(key_file: Path) -> bytes:
    """A private key in hexadecimal, which no message repeats."""
    text = read_file(key_file, "--key-file").strip().removeprefix(b"0x")
    try:
        return bytes.fromhex(text.decode())
    except ValueError:
        # The cause would show the key.
        raise Rejected(f"--key-file: {key_file}: not a private key in hexadecimal") from None


def signature_bytes(text: str) -> bytes:
    """What `--signature` says."""
    try:
        return bytes_from_hex(text)
    except ValueError as error:
        raise Rejected(f"--signature: {error}") from error


def read_file(path: Path, place: str = "FILE") -> bytes:
    """What a file holds; one that cannot be read is bad input."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Rejected(f"{place}: {path}: {error.strerror}") from error


def _account(text: str) -> Address:
    try:
        return address_from_wire(text, "ACCOUNT")
    except BadWireValue as error:
        raise Rejected(str(error)) from error


def _operation(text: str) -> Hash32:
    try:
        return hash_from_wire(text, "OP_ID")
    except BadWireValue as error:
        raise Rejected(str(error)) from error
