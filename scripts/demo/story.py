"""The story of the demo, scene by scene.

three times:  people pay, use, are late ── grace ends ── compute ── two guardians approve
              ── commit ── veto window ── withdraw
epoch 0:      eight blocks with payments are reorganised after they were indexed
epoch 1:      a work comes under verdict; the settlement process is killed between storing a
              signed transaction and the node seeing it, and started again
epoch 2:      the indexer's endpoint leaves one log out; the epoch cannot be computed until a second
              endpoint answers
in the end:   reconciliation, the independent verifier, the report
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import orjson
from rich.console import Console
from sqlalchemy import select

from contracts.evm import Epoch, Timestamp
from contracts.money_events import EpochCommitted
from indexer.adapters.reads import FactReads
from scripts.bootstrap_settlement import VERIFIER, SettlementJobs, book_of, chain_check
from scripts.demo.options import DemoOptions
from scripts.demo.outcome import DemoOutcome, settled_epochs
from scripts.demo.report import print_report
from scripts.demo.scenes import GRACE_S, REORG_DEPTH_BLOCKS, VETO_WINDOW_S
from scripts.demo.theatre import Theatre, opened
from scripts.devnet import THRESHOLD, guardian
from scripts.errors import Corrupt
from scripts.guardians import approve_exported, export_to
from scripts.serve import bound_socket, serve_api
from scripts.wiring import LedgerReservations
from settlement.payouts.adapters.ownership import PayoutsOwner
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.adapters.tables import PAYOUT_TRANSACTION
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.signer import LocalGuardian
from settlement.royalties.approve import Refused

EPOCHS = 3
_REORG_EPOCH = Epoch(0)
_VERDICT_EPOCH = _CRASH_EPOCH = Epoch(1)
_OMISSION_EPOCH = Epoch(2)
_JUDGED_WORK = 1
_VERIFIER_LIMIT_S = 300
_WIDTH_MIN = 110


class OmissionAccepted(Corrupt):
    """The index took a block from which an endpoint had left a log out."""

    def __init__(self, block: int) -> None:
        super().__init__(f"block {block} was indexed although its endpoint left a log out")


class GuardianRefused(Corrupt):
    """A guardian found a reason not to sign: the demo cannot go on."""


def run_demo(options: DemoOptions, environ: Mapping[str, str]) -> int:
    """Play the story, print the outcome, serve the API if asked; returns the exit code."""
    console = Console(stderr=True, highlight=False)
    began = time.monotonic()

    def tell(sentence: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.0f} s[/]  {sentence}")

    tell("starting Postgres, a development chain, the indexer and the settlement worker")
    with opened(options, environ) as theatre:
        _play(theatre, options, tell)
        if not options.is_served:
            outcome = _outcome(theatre, api=None)
            _print(outcome, options)
            return 1 if outcome.problems else 0
        with bound_socket("127.0.0.1", 0) as listening:
            outcome = _outcome(theatre, api=f"http://127.0.0.1:{listening.getsockname()[1]}")
            _print(outcome, options)
            serve_api(theatre.settings, theatre.database_url, listening)
    return 1 if outcome.problems else 0


def _play(theatre: Theatre, options: DemoOptions, tell: Callable[[str], None]) -> None:
    scenes = theatre.scenes
    scenes.open()
    tell(f"{options.works} works registered, {options.subscribers} wallets filled")
    for epoch in map(Epoch, range(EPOCHS)):
        _live_through(theatre, epoch, tell)
        _settle(theatre, epoch, options, tell)
    _wait_for_books(theatre)
    tell("all payouts are final and booked")


def _live_through(theatre: Theatre, epoch: Epoch, tell: Callable[[str], None]) -> None:
    scenes, node = theatre.scenes, theatre.node
    _, now = node.head()
    if scenes.epoch_start(epoch) > now:
        node.move_time_to(scenes.epoch_start(epoch))
    rest = scenes.pay(epoch)
    calls = scenes.pay_rest(epoch, rest)
    tell(f"epoch {epoch}: subscriptions paid")
    if epoch == _REORG_EPOCH:
        _reorganise(theatre, lambda: scenes.reorganise_payments(epoch, rest, calls))
        tell(f"epoch {epoch}: {REORG_DEPTH_BLOCKS} indexed blocks replaced, payments moved")
    if epoch == _OMISSION_EPOCH:
        theatre.omitting.arm()
    scenes.use(epoch)
    if epoch == _VERDICT_EPOCH:
        scenes.place_verdict(epoch, scenes.population.works[_JUDGED_WORK])
        tell(f"epoch {epoch}: a verdict against a work")
    scenes.use_with_bad_proof(epoch)
    scenes.use_late(epoch)
    tell(f"epoch {epoch}: usage submitted; over, and its grace too")


def _reorganise(theatre: Theatre, replace_blocks: Callable[[], None]) -> None:
    """Replace blocks only after they were stored, and wait until the index has the new ones."""
    theatre.wait_until("the index holds the head", lambda: _holds_head(theatre), is_mining=False)
    replace_blocks()
    theatre.wait_until("the index follows", lambda: _holds_head(theatre), is_mining=False)


def _settle(
    theatre: Theatre, epoch: Epoch, options: DemoOptions, tell: Callable[[str], None]
) -> None:
    if epoch == _OMISSION_EPOCH:
        _refuse_omission(theatre, epoch, tell)
    theatre.wait_until(f"epoch {epoch} is computed", lambda: _is_computed(theatre, epoch))
    tell(f"epoch {epoch}: computed")
    for index in range(THRESHOLD):
        _approve(theatre, epoch, options.seed, index)
    tell(f"epoch {epoch}: verified and approved by {THRESHOLD} guardians")
    theatre.wait_until(f"epoch {epoch} is committed", lambda: _is_committed(theatre, epoch))
    if epoch == _CRASH_EPOCH:
        theatre.gateway.hold()
    _, now = theatre.node.head()
    theatre.node.move_time_to(Timestamp(now + VETO_WINDOW_S))
    if epoch == _CRASH_EPOCH:
        theatre.wait_until("a stored transaction is held", lambda: _is_stored_unseen(theatre))
        theatre.kill_and_restart("worker")
        tell(f"epoch {epoch}: worker killed with a signed transaction that no node has seen")
    theatre.wait_until(f"epoch {epoch} is paid", lambda: _is_paid(theatre, epoch))
    tell(f"epoch {epoch}: committed, active, withdrawn")


def _refuse_omission(theatre: Theatre, epoch: Epoch, tell: Callable[[str], None]) -> None:
    """The index stops below the block that is not told whole; a second endpoint frees it.

    Raises:
        OmissionAccepted: it did not stop.
    """
    omitting = theatre.omitting
    theatre.wait_until("a log is left out", lambda: omitting.omitted_block is not None)
    block = omitting.omitted_block or 0
    theatre.wait_until("the epoch is final on chain", lambda: _is_final_on_chain(theatre, epoch))
    held = theatre.read(lambda connection: FactReads(connection, theatre.settlement).head())
    if _is_computed(theatre, epoch) or (held is not None and held.number >= block):
        raise OmissionAccepted(block)
    tell(f"epoch {epoch}: an endpoint leaves a log of block {block} out: not indexed, not computed")
    theatre.witness.open()


def _is_final_on_chain(theatre: Theatre, epoch: Epoch) -> bool:
    """Whether the chain itself would allow the epoch to be computed."""
    finalized = theatre.node.request("eth_getBlockByNumber", "finalized", False)
    grace_end = theatre.scenes.epoch_start(Epoch(epoch + 1)) + GRACE_S
    head, _ = theatre.node.head()
    depth = theatre.chain.finality_depth_blocks
    number = min(int(finalized["number"], 16), head - depth)
    block = theatre.node.request("eth_getBlockByNumber", hex(max(number, 0)), False)
    return int(block["timestamp"], 16) >= grace_end


def _approve(theatre: Theatre, epoch: Epoch, seed: int, index: int) -> None:
    """One guardian, with an own copy of the bundle and an own connection to the chain."""
    settlement = theatre.settlement
    bundle = theatre.directory / f"guardian-{index}" / f"epoch-{epoch}"
    export_to(bundle, epoch, engine=theatre.engine, settlement=settlement)
    answer = approve_exported(
        bundle,
        LocalGuardian(bytes(guardian(seed, index).key)),
        engine=theatre.engine,
        settlement=settlement,
        chain=chain_check(theatre.chain, settlement),
    )
    if isinstance(answer, Refused):
        reasons = "; ".join(f"{one.reason.value}: {one.detail}" for one in answer.findings)
        raise GuardianRefused(f"guardian {index} did not approve epoch {epoch}: {reasons}")


def _holds_head(theatre: Theatre) -> bool:
    settlement = theatre.settlement
    number, _ = theatre.node.head()
    wanted = theatre.node.request("eth_getBlockByNumber", hex(number), False)["hash"]
    held = theatre.read(lambda connection: FactReads(connection, settlement).head())
    return held is not None and str(held.hash) == wanted


def _is_computed(theatre: Theatre, epoch: Epoch) -> bool:
    settlement = theatre.settlement
    latest = theatre.read(
        lambda connection: ComputedAttempts(connection).latest(
            settlement.chain_id, settlement.payouts
        )
    )
    return latest is not None and latest.epoch == epoch


def _is_committed(theatre: Theatre, epoch: Epoch) -> bool:
    settlement = theatre.settlement
    facts = theatre.read(lambda connection: _commitments(FactReads(connection, settlement), epoch))
    return bool(facts)


def _commitments(facts: FactReads, epoch: Epoch) -> list[EpochCommitted]:
    finalized = facts.finalized()
    events = [] if finalized is None else facts.commitments(epoch, finalized)
    return [event for event in events if isinstance(event, EpochCommitted)]


def _is_stored_unseen(theatre: Theatre) -> bool:
    """Whether the worker stored a signed transaction that the gateway kept from the node."""
    if not theatre.gateway.has_held.is_set():
        return False
    newest = select(PAYOUT_TRANSACTION.c.tx_hash).order_by(PAYOUT_TRANSACTION.c.nonce.desc())
    tx_hash = theatre.read(lambda connection: connection.scalar(newest.limit(1)))
    return theatre.node.request("eth_getTransactionByHash", str(tx_hash)) is None


def _is_paid(theatre: Theatre, epoch: Epoch) -> bool:
    """Whether the books owe nothing on this epoch that no verdict holds back."""
    settlement = theatre.settlement
    result = theatre.read(lambda connection: settled_epochs(connection, settlement))
    amounts = {one.number: one.amounts for one in result.epochs}[epoch]
    placed = amounts["withdrawn"] + amounts["unclaimed"] + amounts["held"]
    return amounts["allocated"] > 0 and amounts["allocated"] == placed


def _wait_for_books(theatre: Theatre) -> None:
    settlement = theatre.settlement

    def is_closed() -> bool:
        reservations = LedgerReservations(book_of(settlement))
        with theatre.engine.connect() as connection:
            store = SqlPayoutStore(
                PayoutsOwner(connection), settlement.chain_id, settlement.payouts, reservations
            )
            return store.open_count() == 0

    theatre.wait_until("every operation is closed", is_closed)


def _outcome(theatre: Theatre, *, api: str | None) -> DemoOutcome:
    settlement = theatre.settlement
    run = SettlementJobs(theatre.settings, theatre.engine).reconcile_once(settlement.name)
    settled = theatre.read(lambda connection: settled_epochs(connection, settlement))
    return DemoOutcome(
        chain_id=settlement.chain_id,
        epochs=settled.epochs,
        refused_on_chain=theatre.scenes.refused_on_chain,
        quarantined=settled.quarantined,
        held=settled.held,
        discrepancies=len(run.discrepancies) if run else 1,
        verifier=_audit(theatre),
        restarts=theatre.restarts,
        omission_refused_at=theatre.omitting.omitted_block,
        api=api,
    )


def _audit(theatre: Theatre) -> str:
    """What the verifier says of every epoch against the chain itself: OK, or the first finding."""
    for epoch in range(EPOCHS):
        bundle = theatre.directory / "guardian-0" / f"epoch-{epoch}"
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            [
                *(sys.executable, "-I", "-S", str(VERIFIER), str(bundle)),
                *("--rpc", theatre.node.url, "--json"),
            ],
            capture_output=True,
            check=False,
            text=True,
            timeout=_VERIFIER_LIMIT_S,
        )
        if done.returncode != 0:
            finding = json.loads(done.stdout)["result"] if done.stdout else done.stderr.strip()
            return f"epoch {epoch}: {finding}"
    return "OK"


def _print(outcome: DemoOutcome, options: DemoOptions) -> None:
    if options.is_json:
        sys.stdout.write(orjson.dumps(outcome.to_json(), option=orjson.OPT_INDENT_2).decode())
        sys.stdout.write("\n")
        sys.stdout.flush()
    else:
        print_report(outcome, Console(width=max(_WIDTH_MIN, Console().width)))
