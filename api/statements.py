"""Creator statements as they are answered: by the API, and by the command line as the same JSON."""

from collections.abc import Mapping, Sequence

from api.adapters.standpoint import envelope_of
from api.schemas.envelope import Block
from api.schemas.statements import (
    AssetStatementOut,
    EventRef,
    MoveOut,
    PeriodOut,
    SealRef,
    StatementAnswer,
    StatementLineOut,
    UnitOut,
    WrittenOut,
)
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, Hash32
from reconciliation.adapters.creator_statement_rows import CursorRow, MoveRow, StatementQuestion
from reconciliation.close_figures import NATIVE_UNIT, AssetUnit
from reconciliation.creator_statements import AssetStatement


def statement_answer(
    question: StatementQuestion,
    cursors: Sequence[CursorRow],
    statements: Sequence[AssetStatement],
    moves: Sequence[MoveRow],
    next_cursor: str | None,
    *,
    units: Mapping[Address, AssetUnit],
) -> StatementAnswer:
    """Put the parts together; `cursors` is not empty, and its first is the shortest book.

    `units` are how people write the tokens, as far as they say; coins are known.
    """
    known = {ZERO_ADDRESS: NATIVE_UNIT} | dict(units)
    contracts, period = question.contracts(), question.period
    shortest = cursors[0]
    is_final = len(cursors) == len(contracts) and shortest.timestamp >= period.end
    block = Block(number=shortest.number, hash=Hash32(shortest.hash), timestamp=shortest.timestamp)
    return StatementAnswer(
        **envelope_of(question.settlement, block),
        account=question.payee,
        period=PeriodOut(name=period.name, start=period.start, end=period.end),
        state="final" if is_final else "interim",
        assets=[asset_out(each, known.get(each.asset)) for each in statements],
        moves=[move_out(move, contracts, known.get(Address(move.asset))) for move in moves],
        next_cursor=next_cursor,
    )


def asset_out(statement: AssetStatement, unit: AssetUnit | None) -> AssetStatementOut:
    """One asset."""
    amounts = {name: getattr(statement, name) for name in WrittenOut.model_fields}
    written = None
    if unit is not None:
        written = WrittenOut(**{name: unit.written(amount) for name, amount in amounts.items()})
    return AssetStatementOut(
        asset=statement.asset,
        unit=None if unit is None else UnitOut(symbol=unit.symbol, decimals=unit.decimals),
        **amounts,
        written=written,
        lines=[
            StatementLineOut(
                kind=line.kind,
                contract=line.contract,
                epoch=line.epoch,
                subject=line.subject,
                amount=line.amount,
                written=_written(line.amount, unit),
                postings=line.postings,
            )
            for line in statement.lines
        ],
    )


def _written(amount: int, unit: AssetUnit | None) -> str | None:
    return None if unit is None else unit.written(amount)


def move_out(
    move: MoveRow, contracts: Mapping[Address, ContractName], unit: AssetUnit | None
) -> MoveOut:
    """One posting with its cause."""
    event = None
    if move.block_number is not None and move.block_hash and move.log_index is not None:
        event = EventRef(
            block_number=move.block_number,
            block_hash=Hash32(move.block_hash),
            log_index=move.log_index,
            transaction_hash=Hash32(move.transaction_hash) if move.transaction_hash else None,
        )
    seal = None
    if move.sequence is not None and move.sealed_in is not None and move.seal_root:
        seal = SealRef(sequence=move.sequence, epoch=move.sealed_in, root=Hash32(move.seal_root))
    return MoveOut(
        kind=move.kind(contracts),
        entry_id=Hash32(move.entry_id),
        posting=move.posting,
        source_kind=move.source_kind,
        source="0x" + move.source_id.hex(),
        effective_at=move.effective_at,
        contract=Address(move.contract),
        asset=Address(move.asset),
        epoch=move.epoch,
        subject=Hash32(move.subject) if move.subject else None,
        part=move.part,
        amount=int(move.amount),
        written=_written(int(move.amount), unit),
        debit=move.debit_kind,
        credit=move.credit_kind,
        event=event,
        seal=seal,
    )
