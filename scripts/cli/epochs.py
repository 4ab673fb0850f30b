"""`quittance epoch …`: look at epochs, explain them; compute, export, approve, commit by hand."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import orjson
import typer

from api.schemas.differences import DifferenceOut
from contracts.evm import ZERO_HASH, Epoch
from contracts.wire import BadWireValue, address_from_wire, hash_from_wire
from scripts.bootstrap_settlement import SettlementJobs, chain_check
from scripts.cli.context import chosen, migrated, print_json, settings_of
from scripts.cli.differing import difference_lines
from scripts.cli.explaining import explanation_lines, explanation_out
from scripts.cli.problems import CHECK_FAILED, fail
from scripts.committing import commit_now
from scripts.computing import compute_now
from scripts.errors import Rejected
from scripts.guardians import approve_exported, export_to
from scripts.reviewing import (
    NotComputed,
    difference_to_previous,
    explained,
    reputations,
    shadowed,
)
from scripts.settling import warn_if_late
from scripts.sharding import ShardedAllocation
from scripts.usage_progress import shown_readings
from scripts.wiring import snapshot
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.signer import LocalGuardian
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.approve import Refused
from settlement.royalties.compute_epoch import NotYetComputable

app = typer.Typer(
    help="Epochs: look, explain, compute, export, approve, commit.", no_args_is_help=True
)

SettlementOption = Annotated[
    str | None, typer.Option(help="Name of the settlement, where there is more than one.")
]
EpochArgument = Annotated[int, typer.Argument(help="The epoch's number.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("list")
def list_epochs(context: typer.Context, settlement: SettlementOption = None) -> None:
    """Print every computed attempt, newest last, as JSON."""
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        rows = ComputedAttempts(connection).of_settlement(one.chain_id, one.payouts)
    epochs = [
        {"epoch": row.epoch, "attempt": row.attempt, "root": str(row.root)}
        | {"manifest_digest": str(row.manifest_digest), "leaf_count": row.leaf_count}
        for row in rows
    ]
    print_json({"epochs": epochs})


@app.command()
def show(context: typer.Context, epoch: EpochArgument, settlement: SettlementOption = None) -> None:
    """Print the manifest of an epoch's newest attempt."""
    with migrated(settings_of(context)) as (settings, engine), engine.begin() as connection:
        _, one = chosen(settings, settlement)
        manifest = ComputedEpochs(connection).latest_manifest(
            Epoch(epoch), chain_id=one.chain_id, contract=one.payouts
        )
    if manifest is None:
        raise NotComputed(epoch)
    print_json(orjson.loads(manifest))


@app.command()
def compute(
    context: typer.Context, epoch: EpochArgument, settlement: SettlementOption = None
) -> None:
    """Compute an epoch's current attempt and store it; a large one in shards."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with snapshot(engine) as connection:
            warn_if_late(connection, one)
        with shown_readings(Epoch(epoch)) as readings:
            shards = ShardedAllocation(engine=engine, settlement=one, readings=readings)
            computed = compute_now(Epoch(epoch), shards=shards)
    if isinstance(computed, NotYetComputable):
        fail(_not_yet(epoch, computed), CHECK_FAILED)
    print_json(
        {
            "epoch": epoch,
            "attempt": computed.manifest.attempt,
            "root": str(computed.manifest.root),
            "manifest_digest": str(computed.manifest_digest),
        }
    )


@app.command()
def export(
    context: typer.Context,
    epoch: EpochArgument,
    directory: Annotated[Path, typer.Argument(help="Where the bundle is written.")],
    settlement: SettlementOption = None,
) -> None:
    """Write an epoch's bundle, which `scripts/verify_epoch.py` checks without us."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with shown_readings(Epoch(epoch)) as readings:
            missing = export_to(
                directory, Epoch(epoch), engine=engine, settlement=one, readings=readings
            )
    if missing is not None:
        fail(_not_yet(epoch, missing), CHECK_FAILED)
    print_json({"epoch": epoch, "directory": str(directory)})


@app.command("explain")
def explain_work(  # noqa: PLR0917 - the options of a command
    context: typer.Context,
    epoch: EpochArgument,
    work: Annotated[str, typer.Argument(help="The id of a work or a leaf, 0x and 64 digits.")],
    asset: Annotated[str | None, typer.Option(help="Only this asset's fees.")] = None,
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why a work, or a leaf of fees, escrow or suspense, has what it has, to the last unit.

    The epoch is computed again from the facts; if that does not come to the stored manifest, or any
    step not to the stored units, it says so and ends with exit code 1.
    """
    try:
        work_id = hash_from_wire(work, "WORK")
        wanted = None if asset is None else address_from_wire(asset, "--asset")
    except BadWireValue as error:
        raise Rejected(str(error)) from error
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with shown_readings(Epoch(epoch)) as readings:
            shards = ShardedAllocation(engine=engine, settlement=one, readings=readings)
            found = explained(Epoch(epoch), work_id, wanted, shards=shards)
    if isinstance(found, NotYetComputable):
        fail(_not_yet(epoch, found), CHECK_FAILED)
    if as_json:
        shown = [explanation_out(each).model_dump(mode="json") for each in found]
        print_json({"settlement": one.name, "explanations": shown})
        return
    if not found:
        typer.echo(f"nobody whose fee was shared in epoch {epoch} used work {work_id}")
    for each in found:
        typer.echo("\n".join(explanation_lines(each)))


@app.command("diff")
def diff_epoch(
    context: typer.Context,
    epoch: EpochArgument,
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what an epoch's newest attempt pays otherwise than the epoch before."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        manifest, found = difference_to_previous(Epoch(epoch), engine=engine, settlement=one)
    if as_json:
        shown = DifferenceOut.model_validate(found).model_dump(mode="json")
        previous = str(manifest.previous_manifest_digest)
        print_json(
            {"settlement": one.name, "epoch": epoch, "attempt": manifest.attempt}
            | {"previous_manifest_digest": previous}
            | shown
        )
        return
    is_first = manifest.previous_manifest_digest == ZERO_HASH
    before = "nothing: it is the first" if is_first else f"epoch {epoch - 1}"
    typer.echo(f"epoch {epoch}, attempt {manifest.attempt}, compared with {before}")
    typer.echo("\n".join(difference_lines(found)))


@app.command("reputation")
def show_reputation(
    context: typer.Context,
    epoch: EpochArgument,
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many subscribers used each work, and their counted weight; it moves no money."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with shown_readings(Epoch(epoch)) as readings:
            shards = ShardedAllocation(engine=engine, settlement=one, readings=readings)
            found = reputations(Epoch(epoch), shards=shards)
    if isinstance(found, NotYetComputable):
        fail(_not_yet(epoch, found), CHECK_FAILED)
    works = [
        {"work_id": str(work)}
        | {"distinct_users": each.distinct_users, "weighted_usage": str(each.weighted_usage)}
        for work, each in found.items()
    ]
    if as_json:
        print_json({"settlement": one.name, "epoch": epoch, "works": works})
        return
    for row in works:
        typer.echo(
            f"{row['work_id']}: {row['distinct_users']} users, weight {row['weighted_usage']}"
        )


@app.command("shadow")
def shadow_epoch(
    context: typer.Context,
    epoch: EpochArgument,
    parameters: Annotated[
        Path | None, typer.Option(help="Canonical JSON; without it, those announced on chain.")
    ] = None,
    settlement: SettlementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what an epoch would have paid under other parameters; nothing is stored."""
    try:
        data = None if parameters is None else parameters.read_bytes()
    except OSError as error:
        raise Rejected(f"--parameters: {parameters}: {error.strerror}") from error
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with shown_readings(Epoch(epoch)) as readings:
            shards = ShardedAllocation(engine=engine, settlement=one, readings=readings)
            found = shadowed(Epoch(epoch), shards=shards, parameters=data)
    if isinstance(found, NotYetComputable):
        fail(_not_yet(epoch, found), CHECK_FAILED)
    digests = {
        "parameters_digest": str(found.present.digest),
        "shadow_parameters_digest": str(found.other.digest),
    }
    if as_json:
        shown = DifferenceOut.model_validate(found.difference).model_dump(mode="json")
        print_json({"settlement": one.name, "epoch": epoch} | digests | shown)
        return
    typer.echo(
        f"epoch {epoch} under parameters {found.other.digest}, compared with {found.present.digest}"
    )
    typer.echo("\n".join(difference_lines(found.difference)))


@app.command("approve")
def approve_epoch(
    context: typer.Context,
    epoch: EpochArgument,
    key_file: Annotated[Path, typer.Option(help="File with the guardian's private key.")],
    settlement: SettlementOption = None,
) -> None:
    """As a guardian: verify an epoch against your own RPC, then sign its approval."""
    guardian = _guardian(key_file)
    with (
        migrated(settings_of(context)) as (settings, engine),
        TemporaryDirectory(prefix="quittance-approve-") as scratch,
    ):
        chain, one = chosen(settings, settlement)
        bundle = Path(scratch) / "bundle"
        with shown_readings(Epoch(epoch)) as readings:
            missing = export_to(
                bundle, Epoch(epoch), engine=engine, settlement=one, readings=readings
            )
        if missing is not None:
            fail(_not_yet(epoch, missing), CHECK_FAILED)
        answer = approve_exported(
            bundle,
            guardian,
            engine=engine,
            settlement=one,
            chain=chain_check(chain, one),
            url=chain.rpc[0],
        )
    if isinstance(answer, Refused):
        reasons = "; ".join(f"{one.reason.value}: {one.detail}" for one in answer.findings)
        fail(f"epoch {epoch} was not approved: {reasons}", CHECK_FAILED)
    print_json({"epoch": epoch, "guardian": str(answer.guardian), "digest": str(answer.digest)})


@app.command("commit")
def commit_epoch(
    context: typer.Context, epoch: EpochArgument, settlement: SettlementOption = None
) -> None:
    """Commit an approved epoch now, as the worker does by itself; again, it sends nothing twice.

    What else the payout key has due is looked after too: nonces belong to the key.
    """
    with migrated(settings_of(context)) as (settings, engine):
        chain, one = chosen(settings, settlement)
        sent = commit_now(
            Epoch(epoch),
            name=one.name,
            jobs=SettlementJobs(settings, engine),
            chain=chain_check(chain, one),
        )
    approval = sent.plan.approval
    print_json(
        {
            "epoch": epoch,
            "attempt": approval.attempt,
            "root": str(approval.root),
            "manifest_digest": str(approval.manifest_digest),
            "op_id": str(sent.plan.op_id),
            "transactions": [str(one) for one in sent.tx_hashes],
        }
    )


def _guardian(key_file: Path) -> LocalGuardian:
    try:
        return LocalGuardian(bytes.fromhex(key_file.read_text().strip().removeprefix("0x")))
    except OSError as error:
        raise Rejected(f"--key-file: {key_file}: {error.strerror}") from error
    except ValueError:
        # The cause would show the key.
        raise Rejected(f"--key-file: {key_file}: not a private key in hexadecimal") from None


def _not_yet(epoch: int, answer: NotYetComputable) -> str:
    until = "" if answer.until is None else f"; needs a final block at or after {answer.until}"
    missing = "" if answer.missing is None else f"; {answer.missing}"
    return f"epoch {epoch} cannot be computed yet: {answer.reason.value}{until}{missing}"
