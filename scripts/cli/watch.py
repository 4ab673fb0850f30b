"""`quittance watch`: vetoes a wrong root by itself."""

from typing import Annotated, assert_never

import typer

from scripts.cli.context import chosen, print_json, settings_of
from scripts.launcher import stop_event
from scripts.watch import tell, watch_on, watching
from settlement.royalties.watch import Agrees, Gone, Look, NothingPending, Undecided, Wrong

_EXIT_WRONG, _EXIT_UNDECIDED = 1, 3


def watch(
    context: typer.Context,
    settlement: Annotated[str | None, typer.Option(help="Which settlement.")] = None,
    once: Annotated[bool, typer.Option(help="Look once, then end.")] = False,
    json: Annotated[bool, typer.Option(help="With --once: print one JSON object.")] = False,
) -> None:
    """Recompute every committed root from a node of your own, and veto a wrong one.

    Needs no database. The endpoint is the first `rpc` of the chain's configuration; the key is
    QUITTANCE_WATCHER_KEY or the file that QUITTANCE_WATCHER_KEY_FILE names: a guardian's, or one
    with VETO_ROLE. Without a key a wrong root is only told. With --once it ends with 0 if nothing
    wrong is pending, 1 if a root is wrong, 3 if there is no verdict.
    """
    settings = settings_of(context)
    stop = stop_event()
    chain, chosen_settlement = chosen(settings, settlement)
    with watching(chain, chosen_settlement, settings.watcher_key) as watcher:
        if not once:
            watch_on(watcher, stop, poll_interval_ms=settings.poll_interval_ms)
            return
        found = watcher.look()
        tell(found)
    if json:
        print_json(document_of(found))
    match found:
        case Wrong() | Gone():
            raise typer.Exit(_EXIT_WRONG)
        case Undecided():
            raise typer.Exit(_EXIT_UNDECIDED)


def document_of(found: Look) -> dict[str, object]:
    """One look as JSON."""
    match found:
        case NothingPending():
            return {"verdict": "nothing_pending"}
        case Agrees(pending):
            rest: dict[str, object] = {"verdict": "agrees"}
        case Undecided(pending, cause):
            rest = {"verdict": "undecided", "cause": cause}
        case Gone(pending, recomputed):
            rest = {"verdict": "gone", "difference": recomputed.difference}
        case Wrong(pending, recomputed, reason_digest, transaction):
            rest = {
                "verdict": "wrong",
                "difference": recomputed.difference,
                "recomputed_root": recomputed.root,
                "reason_digest": str(reason_digest),
                "veto": None if transaction is None else str(transaction),
            }
        case _:
            assert_never(found)
    return rest | {
        "epoch": pending.epoch,
        "attempt": pending.attempt,
        "root": str(pending.root),
        "manifest_digest": str(pending.manifest_digest),
        "seconds_left": pending.seconds_left,
    }
