"""Reconcile: two snapshots at one finalized block, compared line by line; one recorded run.

    chain   own endpoints: logs, state, proofs, receipts ──► entries that the books must have
    books   the journal, the intents, the documents      ──► entries that they have

The block is the books' cursor, which is final. The chain is asked at the hash that it has at this
height; if that is not the cursor's, the books were posted from blocks that are gone. Nothing of the
chain side comes through the indexer. It finds and records, and never corrects.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from contracts.addresses import Settlement
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, BlockRef, Hash32
from reconciliation.begun import begun
from reconciliation.chain_events import events_of
from reconciliation.checks import (
    CHECKS,
    Flow,
    Roots,
    facts_against_chain,
    money_against_debts,
    roots_against_chain,
    state_against_logs,
    unbalanced,
)
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.divergence import LogTally, Witness, answers_differ, blocks_differ
from reconciliation.errors import ChainUnavailable
from reconciliation.lines import Corrections, Surroundings, in_other_assets, judged
from reconciliation.matching import Booked, Journal, Matched, match, uncaused
from reconciliation.movements import Expected
from reconciliation.overdue import Tolerances, dormant, late
from reconciliation.payment_books import (
    payment_discrepancies,
    payment_holdings,
    payment_tallies,
)
from reconciliation.ports import (
    Books,
    Chain,
    Document,
    Documents,
    Run,
    Runs,
    Sources,
    StandingFacts,
)
from reconciliation.replay import GENESIS, Replay, cash_by_transaction
from reconciliation.snapshot import ChainState, Commitment, Rebuilt
from reconciliation.standing import announced_transfers, standing_holds
from reconciliation.wallet_books import wallet_discrepancies
from reconciliation.wallets import (
    WalletHistory,
    contradicted,
    failures,
    outflows,
)

log = logging.getLogger(__name__)

READ = ("log", "manifest_leaf", "manual")
"""Kinds of cause that entries of `EpochPayouts` can have."""

_CURSOR = "cursor of "
"""How the subject begins where a whole book is at a block that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSide:
    """Everything that a run takes from the chain and from documents, and from nothing else."""

    at: BlockRef
    rebuilt: Rebuilt
    state: ChainState
    documents: Mapping[Hash32, Document]
    tally: LogTally
    logs: Matched
    leaves: Matched

    def is_sound(self, commitment: Commitment) -> bool:
        """Whether there is a document of this manifest whose leaves hash to the root."""
        document = self.documents.get(commitment.manifest_digest)
        return document is not None and document.root == commitment.root


def reconcile(
    sources: Sources, runs: Runs, *, settlement: Settlement, tolerances: Tolerances
) -> Run | None:
    """Compare both sides at the books' cursor and record the run; None if nothing is posted yet.

    Raises:
        ChainUnavailable: an endpoint does not answer for this block.
        BadAnswer, BadLog: a contract answers what its interface rules out.
    """
    chain = sources.chain
    cursor = sources.books.cursor()
    if cursor is None:
        return None
    at = chain.block(cursor.number)
    if at is None:
        raise ChainUnavailable(chain.host, f"no block {cursor.number}")
    others = {one.host: _hash_of(one, cursor.number) for one in sources.witnesses}
    since = runs.last_clean_block() or GENESIS
    found, side = blocks_differ(at, chain.host, others), None
    histories: list[WalletHistory] = []
    if not found:
        side = chain_side(
            chain,
            at,
            sources.documents,
            sources.books,
            settlement=settlement,
            flags_since=since,
            has_witnesses=bool(sources.witnesses),
        )
        found = _divergences(sources, side, settlement)
    is_complete = not found
    if side is not None and is_complete:
        wallets = sources.books.wallets()
        histories = [chain.wallet(one, at, proven_upto=since) for one in wallets]
        found = _compared(
            sources,
            side,
            histories=histories,
            cursor=cursor,
            settlement=settlement,
            tolerances=tolerances,
        )
    readings = () if side is None else tuple(side.state.balances.values())
    run = Run(
        block=cursor,
        checks=len(CHECKS),
        discrepancies=tuple(found),
        lines=0 if side is None else side.logs.agreeing + side.leaves.agreeing,
        endpoints=1 + len(sources.witnesses),
        proven=sum(one.is_proven for one in readings),
        stated=sum(not one.is_proven for one in readings),
        receipts=Counter(one.basis.value for each in histories for one in each.transactions),
        is_complete=is_complete,
    )
    number = runs.record(run, sources.books.resolution)
    log.info(
        "settlement reconciled",
        extra={
            "run": number,
            "block_number": run.block.number,
            "lines": run.lines,
            "discrepancies": len(run.discrepancies),
        },
    )
    return run


def chain_side(
    chain: Chain,
    at: BlockRef,
    documents: Documents,
    books: Journal,
    *,
    settlement: Settlement,
    flags_since: BlockNumber = GENESIS,
    has_witnesses: bool = False,
) -> ChainSide:
    """Rebuild everything from the endpoint and the accepted documents, and pair it with the books.

    Entries of leaves are compared where the document is the one that the chain committed to.
    """
    replay = Replay(settlement.chain_id, settlement.payouts, flags_since=flags_since)
    tally = LogTally()
    entries = epoch_entries(replay, chain, at, settlement, tally if has_witnesses else None)
    with begun(books.entries("log")) as booked:
        logs = match(entries, booked)
    digests = {one.manifest_digest: one.root for one in replay.commitments.values()}
    known = documents.of(digests)
    sound = {digest: one.leaves for digest, one in known.items() if one.root == digests[digest]}
    with closing(books.entries("manifest_leaf")) as booked:
        comparable = (
            one
            for one in booked
            if one.source_id[:32] in sound or one.source_id[:32] not in digests
        )
        leaves = match(replay.activations(sound, at), comparable)
    rebuilt = replay.rebuilt(at)
    return ChainSide(
        at=at,
        rebuilt=rebuilt,
        state=chain.state(at, rebuilt.questions()),
        documents=known,
        tally=tally,
        logs=logs,
        leaves=leaves,
    )


def unexplained_flows(
    chain: Chain, state: ChainState, adjustments: Mapping[Address, int], settlement: Settlement
) -> Sequence[Flow]:
    """Transfers that no event explains, of assets that are not even; only then they are read."""
    assets = unbalanced(state, adjustments)
    if not assets:
        return ()
    replay = Replay(settlement.chain_id, settlement.payouts)
    explained = cash_by_transaction(epoch_entries(replay, chain, state.block, settlement))
    return chain.flows(settlement.payouts, state.block, assets.keys(), explained)


def epoch_entries(
    replay: Replay,
    chain: Chain,
    at: BlockRef,
    settlement: Settlement,
    tally: LogTally | None = None,
) -> Iterator[Expected]:
    """The entries that the events of `EpochPayouts` cause up to a block, in chain order."""
    sources = settlement.sources()
    for chunk in chain.money_logs(at):
        if tally is not None:
            tally.add(chunk.logs)
        yield from replay.entries(events_of(chunk.logs, sources), chunk.times)


def _hash_of(chain: Chain, number: BlockNumber) -> Hash32 | None:
    block = chain.block(number)
    return block.hash if block else None


def _divergences(sources: Sources, side: ChainSide, settlement: Settlement) -> list[Discrepancy]:
    """What other endpoints say otherwise, of the settlement's contracts and of our wallets."""
    if not sources.witnesses:
        return []
    chain, payouts = sources.chain, settlement.payouts
    balances = {(asset, payouts): one.value for asset, one in side.state.balances.items()}
    others = [(ZERO_ADDRESS, one.wallet) for one in sources.books.wallets()]
    others += payment_holdings(settlement)
    balances |= chain.balances(side.at, others)
    tallies = {payouts: side.tally} | payment_tallies(chain, settlement, side.at)
    found = []
    for other in sources.witnesses:
        theirs = {payouts: _tally(other, side.at)} | payment_tallies(other, settlement, side.at)
        witness = Witness(
            host=other.host, tallies=theirs, balances=other.balances(side.at, balances.keys())
        )
        found += answers_differ(side.at, chain.host, tallies, balances, witness)
    return found


def _tally(chain: Chain, at: BlockRef) -> LogTally:
    tally = LogTally()
    for chunk in chain.money_logs(at):
        tally.add(chunk.logs)
    return tally


def _compared(
    sources: Sources,
    side: ChainSide,
    *,
    histories: Sequence[WalletHistory],
    cursor: BlockRef,
    settlement: Settlement,
    tolerances: Tolerances,
) -> list[Discrepancy]:
    """Everything that the two sides, and each side by itself, disagree about."""
    chain, books, facts = sources.chain, sources.books, sources.facts
    wallets = books.wallets()
    leaves = {digest: one.leaves for digest, one in side.documents.items()}
    corrections = Corrections(books.manuals())
    found = judged(
        (side.logs, side.leaves, uncaused(books, READ)),
        lambda booked: _surroundings(booked, chain, books, histories, settlement),
        corrections,
    )
    if cursor.hash != side.at.hash and not any(one.kind is Kind.REORGED for one in found):
        found.append(_cursor_is_gone(cursor, side.at))
    found += in_other_assets(books.misstated(), found)
    roots = Roots(
        booked=books.commitments(),
        documents={digest: one.root for digest, one in side.documents.items()},
        stored={digest: one.stored_root for digest, one in side.documents.items()},
    )
    found += roots_against_chain(side.state, side.rebuilt, roots)
    found += state_against_logs(side.state, side.rebuilt)
    adjustments = corrections.cash()
    flows = unexplained_flows(chain, side.state, adjustments, settlement)
    found += money_against_debts(side.state, adjustments, flows)
    for history, records in zip(histories, wallets, strict=True):
        found += contradicted(history)
        found += outflows(history, records, side.at)
        found += failures(history, records, at=side.at, tolerance_s=tolerances.unrecorded_s)
        found += _not_told(
            wallet_discrepancies(
                chain,
                books.payments(records.wallet),
                history,
                records,
                at=side.at,
                tolerances=tolerances,
            ),
            found,
        )
    failed = {
        number: one for history in histories for number, one in history.failed_by_block.items()
    }
    found += _not_told(payment_discrepancies(chain, books, settlement, tolerances, failed), found)
    if facts is not None and cursor.hash == side.at.hash:
        found += _planned_with(facts, side.state)
    found += late(cursor, chain.finalized(), books.reservations(), tolerances)
    return found + dormant(side.rebuilt, side.state, leaves, tolerances)


def _not_told(more: Iterable[Discrepancy], told: Sequence[Discrepancy]) -> list[Discrepancy]:
    """Those that are news: missing coins show in history and book, a reorg in every cursor."""
    names = {one.id for one in told}
    is_reorged = any(one.kind is Kind.REORGED for one in told)
    return [
        one
        for one in more
        if one.id not in names
        and not (is_reorged and one.kind is Kind.REORGED and one.subject.startswith(_CURSOR))
    ]


def _surroundings(
    booked: Booked,
    chain: Chain,
    books: Books,
    histories: Sequence[WalletHistory],
    settlement: Settlement,
) -> Surroundings:
    """What stands in the place of an entry that nothing caused."""
    number = booked.block_number
    if number is None:
        return Surroundings(twin=books.twin(booked))
    there = chain.log_at(number, int.from_bytes(booked.source_id[-8:], "big"))
    failed = [one.failed_by_block[number] for one in histories if number in one.failed_by_block]
    return Surroundings(
        block_hash=chain.hashes((number,)).get(number),
        foreign=there if there and there.address != settlement.payouts else None,
        failed=failed[0] if failed else None,
        twin=books.twin(booked),
    )


def _cursor_is_gone(cursor: BlockRef, at: BlockRef) -> Discrepancy:
    return Discrepancy(
        kind=Kind.REORGED,
        subject=f"{_CURSOR}the books",
        expected=f"block {cursor.number} {cursor.hash}",
        actual=f"block {at.number} {at.hash}",
        evidence=("no entry is of a block that is gone",),
        place=Place(block_number=at.number, block_hash=at.hash),
    )


def _planned_with(facts: StandingFacts, state: ChainState) -> list[Discrepancy]:
    return facts_against_chain(
        state,
        holds=standing_holds(facts.hold_events(state.block), state.block.timestamp),
        announced=announced_transfers(facts.transfer_events(state.block)),
    )
