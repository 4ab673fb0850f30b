"""The story of the demo, scene by scene.

three times:  people pay, use, are late ── grace ends ── compute ── two guardians approve
              ── commit ── veto window ── withdraw
epoch 0:      eight blocks with payments are reorganised after they were indexed
epoch 1:      people pay for single things in every way (contents, tips, tickets), and one payment
              is reorganised away; a work comes under verdict, a payee is held, and somebody claims
              a content whose money waits in escrow; the settlement process is killed between
              storing a signed transaction and the node seeing it, and started again
epoch 2:      the hold is lifted and the payee is paid; the claim is final and its escrow withdrawn;
              the indexer's endpoint leaves one log out, and the epoch cannot be computed until a
              second endpoint answers; guardians commit a wrong root, and a watcher vetoes it
in the end:   reconciliation, the independent verifier, the report
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
from rich.console import Console

from contracts.evm import Epoch, Timestamp
from indexer.adapters.reads import FactReads
from reconciliation.period import date_of
from scripts.bootstrap_settlement import VERIFIER, SettlementJobs, chain_check
from scripts.demo import authority
from scripts.demo.conditions import (
    are_operations_closed,
    holds_head,
    is_committed,
    is_computed,
    is_final_on_chain,
    is_paid,
    is_stored_unseen,
)
from scripts.demo.market import Market, trade
from scripts.demo.options import DemoOptions
from scripts.demo.outcome import DemoOutcome, settled_epochs
from scripts.demo.report import print_report
from scripts.demo.scenes import REORG_DEPTH_BLOCKS, VETO_WINDOW_S
from scripts.demo.theatre import Theatre, opened
from scripts.devnet import THRESHOLD, guardian
from scripts.errors import Corrupt
from scripts.guardians import approve_exported, export_to
from scripts.reconciling import asset_units
from scripts.serve import bound_socket, serve_api
from scripts.stating import write_papers
from settlement.royalties.adapters.signer import LocalGuardian
from settlement.royalties.approve import Refused

EPOCHS = 3
_REORG_EPOCH = Epoch(0)
_TRADE_EPOCH = _VERDICT_EPOCH = _HOLD_EPOCH = _CLAIM_EPOCH = _CRASH_EPOCH = Epoch(1)
_LIFT_EPOCH = _RELEASE_EPOCH = _OMISSION_EPOCH = _VETO_EPOCH = Epoch(2)
_JUDGED_WORK = 1
_VERIFIER_LIMIT_S = 300
_WIDTH_MIN = 110

Tell = Callable[[str], None]


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
    with opened(options, environ) as theatre, _interruption_told(tell):
        market = _play(theatre, options, tell)
        if not options.is_served:
            outcome = _outcome(theatre, market, options, api=None)
            _print(outcome, options)
            return 1 if outcome.problems else 0
        with bound_socket("127.0.0.1", 0) as listening:
            api = f"http://127.0.0.1:{listening.getsockname()[1]}"
            outcome = _outcome(theatre, market, options, api=api)
            _print(outcome, options)
            serve_api(theatre.settings, theatre.database_url, listening)
    return 1 if outcome.problems else 0


@contextmanager
def _interruption_told(tell: Tell) -> Iterator[None]:
    """Stopping takes seconds, so that a person who interrupts should read what goes on."""
    try:
        yield
    except KeyboardInterrupt:
        tell("interrupted: stopping every process")
        raise


def _play(theatre: Theatre, options: DemoOptions, tell: Tell) -> Market | None:
    """Everything that happens; returns the trade in single things."""
    scenes, market = theatre.scenes, None
    scenes.open()
    tell(f"{options.works} works registered, {options.subscribers} wallets filled")
    for epoch in map(Epoch, range(EPOCHS)):
        if epoch == _TRADE_EPOCH:
            market = trade(theatre, tell)
        _live_through(theatre, epoch, tell)
        _settle(theatre, epoch, options, tell)
    if market is not None:
        theatre.wait_until("every single payment is settled", market.is_settled)
    theatre.wait_until("every operation is closed", lambda: are_operations_closed(theatre))
    tell("all payouts are final and booked")
    return market


def _live_through(theatre: Theatre, epoch: Epoch, tell: Tell) -> None:
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
    if epoch == _HOLD_EPOCH:
        scenes.hold(scenes.population.band.producer)
        tell(f"epoch {epoch}: a payee is held by compliance")
    if epoch == _CLAIM_EPOCH:
        scenes.claim(scenes.population.claimed)
        tell(f"epoch {epoch}: somebody claims a content whose money waits in escrow")
    scenes.use_with_bad_proof(epoch)
    scenes.use_late(epoch)
    tell(f"epoch {epoch}: usage submitted; over, and its grace too")


def _reorganise(theatre: Theatre, replace_blocks: Callable[[], None]) -> None:
    """Replace blocks only after they were stored, and wait until the index has the new ones."""
    theatre.wait_until("the index holds the head", lambda: holds_head(theatre), is_mining=False)
    replace_blocks()
    theatre.wait_until("the index follows", lambda: holds_head(theatre), is_mining=False)


def _settle(theatre: Theatre, epoch: Epoch, options: DemoOptions, tell: Tell) -> None:
    if epoch == _LIFT_EPOCH:
        theatre.hold = authority.lift_hold(
            theatre, theatre.scenes.population.band.producer, _HOLD_EPOCH
        )
    if epoch == _RELEASE_EPOCH:
        theatre.claim = authority.release_escrow(theatre, range(_RELEASE_EPOCH))
        tell(f"epoch {epoch}: a claim is final, its escrow released and withdrawn")
    if epoch == _OMISSION_EPOCH:
        _refuse_omission(theatre, epoch, tell)
    theatre.wait_until(f"epoch {epoch} is computed", lambda: is_computed(theatre, epoch))
    tell(f"epoch {epoch}: computed")
    if theatre.hold is not None:
        theatre.hold = authority.await_payment(
            theatre, theatre.scenes.population.band.producer, theatre.hold
        )
        tell(f"epoch {epoch}: the hold is lifted, and what was held is paid")
    attempt = 1
    if epoch == _VETO_EPOCH:
        _see_veto(theatre, epoch, options.seed, tell)
        attempt = 2
    for index in range(THRESHOLD):
        _approve(theatre, epoch, options.seed, index)
    tell(f"epoch {epoch}: verified and approved by {THRESHOLD} guardians")
    theatre.wait_until(f"epoch {epoch} is committed", lambda: is_committed(theatre, epoch, attempt))
    if epoch == _CRASH_EPOCH:
        theatre.gateway.hold()
    _, now = theatre.node.head()
    theatre.node.move_time_to(Timestamp(now + VETO_WINDOW_S))
    if epoch == _CRASH_EPOCH:
        theatre.wait_until("a stored transaction is held", lambda: is_stored_unseen(theatre))
        theatre.kill_and_restart("worker")
        tell(f"epoch {epoch}: worker killed with a signed transaction that no node has seen")
    theatre.wait_until(f"epoch {epoch} is paid", lambda: is_paid(theatre, epoch))
    tell(f"epoch {epoch}: committed, active, withdrawn")


def _see_veto(theatre: Theatre, epoch: Epoch, seed: int, tell: Tell) -> None:
    """Guardians commit a wrong root; the watcher finds and vetoes it; the engine tries again."""
    theatre.start("watch")
    authority.commit_wrong_root(theatre, epoch, seed)
    tell(f"epoch {epoch}: a quorum of guardians commits a wrong root")
    theatre.wait_until(
        "a watcher vetoes", lambda: authority.veto_by_watcher(theatre, epoch) is not None
    )
    theatre.veto = authority.veto_by_watcher(theatre, epoch)
    tell(f"epoch {epoch}: a watcher with a node of its own vetoes it")
    theatre.wait_until("attempt 2 is computed", lambda: is_computed(theatre, epoch, attempt=2))
    tell(f"epoch {epoch}: computed again")


def _refuse_omission(theatre: Theatre, epoch: Epoch, tell: Callable[[str], None]) -> None:
    """The index stops below the block that is not told whole; a second endpoint frees it.

    Raises:
        OmissionAccepted: it did not stop.
    """
    omitting = theatre.omitting
    theatre.wait_until("a log is left out", lambda: omitting.omitted_block is not None)
    block = omitting.omitted_block or 0
    theatre.wait_until("the epoch is final on chain", lambda: is_final_on_chain(theatre, epoch))
    held = theatre.read(lambda connection: FactReads(connection, theatre.settlement).head())
    if is_computed(theatre, epoch) or (held is not None and held.number >= block):
        raise OmissionAccepted(block)
    tell(f"epoch {epoch}: an endpoint leaves a log of block {block} out: not indexed, not computed")
    theatre.witness.open()


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
        url=theatre.chain.rpc[0],
    )
    if isinstance(answer, Refused):
        reasons = "; ".join(f"{one.reason.value}: {one.detail}" for one in answer.findings)
        raise GuardianRefused(f"guardian {index} did not approve epoch {epoch}: {reasons}")


def _outcome(
    theatre: Theatre, market: Market | None, options: DemoOptions, *, api: str | None
) -> DemoOutcome:
    settlement = theatre.settlement
    run = SettlementJobs(theatre.settings, theatre.engine).reconcile_once(settlement.name)
    settled = theatre.read(lambda connection: settled_epochs(connection, settlement))
    if options.papers is not None:
        _write_papers(theatre, options.papers)
    return DemoOutcome(
        chain_id=settlement.chain_id,
        epochs=settled.epochs,
        refused_on_chain=theatre.scenes.refused_on_chain,
        quarantined=settled.quarantined,
        held=settled.held,
        hold=theatre.hold,
        claim=theatre.claim,
        veto=theatre.veto,
        payments=None if market is None else market.outcome(),
        discrepancies=len(run.discrepancies) if run else 1,
        verifier=_audit(theatre),
        restarts=theatre.restarts,
        omission_refused_at=theatre.omitting.omitted_block,
        api=api,
    )


def _write_papers(theatre: Theatre, directory: Path) -> None:
    """What finance gets at the end of the month that the chain is in."""
    directory.mkdir(parents=True, exist_ok=True)
    _, now = theatre.node.head()
    month = date_of(now)[: len("2026-01")]
    units = asset_units(theatre.chain, theatre.settlement) or {}
    write_papers(theatre.engine, theatre.settlement, month, directory, units)


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
