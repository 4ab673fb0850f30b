"""Wiring of statements, exports and the monthly close, for the command line.

Everything that is read for one document is read in one snapshot.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine

from api.schemas.statements import StatementAnswer
from api.statements import statement_answer
from contracts.addresses import Settlement
from contracts.evm import Address, Timestamp
from indexer.adapters.reads import FactReads
from reconciliation.adapters.close_figures import read_close
from reconciliation.adapters.creator_statement_rows import StatementQuestion
from reconciliation.adapters.creator_statements import SqlCreatorStatements
from reconciliation.adapters.journal_reads import JournalReads, settlement_books
from reconciliation.adapters.store import SqlRegister
from reconciliation.beancount import beancount_lines
from reconciliation.close_figures import AssetUnit, DiscrepancyLine
from reconciliation.close_report import close_report
from reconciliation.journal_exports import csv_lines, json_lines
from reconciliation.period import ALL_TIME, Period, period_from_text
from reconciliation.register import Status
from scripts.errors import NothingPosted
from scripts.wiring import snapshot
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.seals import SealReads
from settlement.ledger.errors import JournalDiffers
from settlement.ledger.seal import InclusionProof, canonical_bytes, leaf_of, verify_inclusion
from settlement.royalties.epoch import Timeline


class ExportFormat(StrEnum):
    """How the journal is written."""

    CSV = "csv"
    JSONL = "jsonl"
    BEANCOUNT = "beancount"


_ANY_TIMELINE = Timeline(genesis=Timestamp(0), length=1, grace=0)


def refuse_bad_period(text: str) -> None:
    """Say what is wrong with a period before anything is opened for it.

    Raises:
        BadPeriod: no settlement has a period that is spelled like this.
    """
    period_from_text(text, _ANY_TIMELINE)


def period_of(connection: Connection, settlement: Settlement, text: str | None) -> Period:
    """The period that is meant; without a text, all time.

    Raises:
        BadPeriod: the text names none.
    """
    if text is None:
        return ALL_TIME
    clock = FactReads(connection, settlement).clock()
    timeline = None
    if clock is not None:
        timeline = Timeline(
            genesis=Timestamp(clock.genesis), length=clock.length, grace=clock.grace
        )
    return period_from_text(text, timeline)


def creator_statement(
    engine: Engine,
    settlement: Settlement,
    *,
    payee: Address,
    period: str,
    units: Mapping[Address, AssetUnit],
) -> StatementAnswer:
    """The whole statement of a payee, with every posting; `units` are how people write the tokens.

    Raises:
        NothingPosted: there are no books yet.
        BadPeriod, CreatorStatementBroken: see there.
    """
    with snapshot(engine) as connection:
        question = StatementQuestion(
            settlement=settlement,
            payee=payee,
            period=period_of(connection, settlement, period),
        )
        reads = SqlCreatorStatements(connection)
        cursors = reads.cursors(question)
        if not cursors:
            raise NothingPosted(settlement.name)
        return statement_answer(
            question,
            cursors,
            reads.statements(question),
            list(reads.moves(question)),
            None,
            units=units,
        )


def sealed_entries(
    engine: Engine, settlement: Settlement, answer: StatementAnswer
) -> list[dict[str, object]]:
    """The entries of a statement with the proof that each is in the sealed journal, checked.

    `bytes` is what the leaf hashes: everything that the journal says of the entry.

    Raises:
        JournalDiffers: a proof does not hold, or the entry is not what its leaf says.
    """
    documents = []
    with snapshot(engine) as connection:
        entries = {move.entry_id: move.contract for move in answer.moves if move.seal}
        for entry_id, contract in entries.items():
            book = Book(chain_id=settlement.chain_id, contract=contract)
            reads = SealReads(connection, book)
            proof, recorded = reads.proof(entry_id), reads.recorded(entry_id)
            if proof is not None and recorded is not None:
                data = canonical_bytes(recorded[0].spelled, book, recorded[1])
                documents.append(_sealed(proof, data))
    return documents


def _sealed(proof: InclusionProof, data: bytes) -> dict[str, object]:
    if not verify_inclusion(proof) or leaf_of(data) != proof.leaf:
        raise JournalDiffers(f"proof of entry {proof.entry_id}", expected="holds", actual="fails")
    return {
        "entry_id": str(proof.entry_id),
        "bytes": "0x" + data.hex(),
        "sequence": proof.sequence,
        "epoch": proof.epoch,
        "leaf": str(proof.leaf),
        "path": [{"side": side, "hash": str(sibling)} for side, sibling in proof.path],
        "root": str(proof.root),
    }


def export_journal(
    engine: Engine, settlement: Settlement, *, period: str | None, form: ExportFormat, out: Path
) -> int:
    """Write the journal of a period to a file, which appears when it is whole; its bytes."""
    with snapshot(engine) as connection:
        reads = JournalReads(
            connection,
            settlement_books(connection, settlement),
            period_of(connection, settlement, period),
        )
        return write_whole(out, _lines(reads, form))


def close_page(
    engine: Engine,
    settlement: Settlement,
    period: str,
    discrepancies: Iterable[DiscrepancyLine],
    units: Mapping[Address, AssetUnit],
) -> str:
    """The monthly close as HTML; `units` are how people write the tokens.

    Raises:
        BadPeriod, CloseBroken: see there.
    """
    with snapshot(engine) as connection:
        wanted = period_of(connection, settlement, period)
        found = list(discrepancies)
        return close_report(read_close(connection, settlement, wanted, found, units))


def found_discrepancies(engine: Engine, settlement: Settlement) -> list[DiscrepancyLine]:
    """Every discrepancy that was ever found, with the time at which it was resolved."""
    register = SqlRegister(engine, settlement.chain_id, settlement.payouts)
    return [
        DiscrepancyLine(
            id=one.id,
            kind=one.kind,
            subject=one.subject,
            severity=one.severity,
            owner=one.owner,
            explanation=one.explanation.text if one.explanation else None,
            found_at=one.opened_at,
            resolved_at=register.transitions(one.id)[-1].at
            if one.status is Status.RESOLVED
            else None,
        )
        for one in register.standing()
    ]


def write_papers(
    engine: Engine,
    settlement: Settlement,
    period: str,
    directory: Path,
    units: Mapping[Address, AssetUnit],
) -> list[Path]:
    """Write everything that goes to finance and auditors: all journals, and the close of a period.

    Raises:
        BadPeriod, CloseBroken: see there.
    """
    papers = []
    for form in ExportFormat:
        out = directory / f"journal.{form.value}"
        export_journal(engine, settlement, period=None, form=form, out=out)
        papers.append(out)
    page = directory / f"close-{period}.html"
    found = found_discrepancies(engine, settlement)
    write_whole(page, [close_page(engine, settlement, period, found, units)])
    return [*papers, page]


def write_whole(out: Path, lines: Iterable[str]) -> int:
    """Write lines to a file that appears under its name only when it is whole; its bytes."""
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        size = partial.stat().st_size
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return size


def _lines(reads: JournalReads, form: ExportFormat) -> Iterator[str]:
    match form:
        case ExportFormat.CSV:
            return csv_lines(reads.entries())
        case ExportFormat.JSONL:
            return json_lines(reads.entries())
        case ExportFormat.BEANCOUNT:
            return beancount_lines(reads.beancount())
