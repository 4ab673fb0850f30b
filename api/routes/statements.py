"""Statements of accounts: what a creator had, earned, was paid and is left with, over a period."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.adapters.standpoint import scope_of
from api.adapters.statements import read_cursors, read_moves, read_statements, read_timeline
from api.conditional import answer_at_block
from api.context import ViewOf
from api.errors import BadValue
from api.fields import AddressIn
from api.pagination import PageOf, encode_cursor, page_of
from api.schemas.statements import StatementAnswer
from api.statements import statement_answer
from reconciliation.adapters.creator_statement_rows import StatementQuestion
from reconciliation.errors import BadPeriod
from reconciliation.period import period_from_text

router = APIRouter(tags=["accounts"])
_MOVES = "statement-moves"
_KEY_TYPES = (int, bytes, int)
_PERIOD = Query(
    max_length=32,
    pattern=r"^(\d{4}-\d{2}|epoch:\d{1,9}(-\d{1,9})?)$",
    description="a month in UTC (YYYY-MM), an epoch (epoch:N) or several (epoch:N-M)",
)


@router.get("/accounts/{address}/statements", response_model=StatementAnswer)
async def show_statement(
    request: Request,
    view: ViewOf,
    address: AddressIn,
    period: Annotated[str, _PERIOD],
    page: PageOf,
) -> Response:
    """The account of one payee over one period, and the postings that it is made of.

    opening + earned - paid = closing, in every asset; an answer that does not add up is not given.
    """
    after = page.key(_MOVES, _KEY_TYPES)
    async with view.reads() as reads:
        timeline = await read_timeline(reads, scope_of(view.settlement))
        try:
            wanted = period_from_text(period, timeline)
        except BadPeriod as error:
            raise BadValue(str(error), field="period", value=period) from error
        question = StatementQuestion(settlement=view.settlement, payee=address, period=wanted)
        cursors = await read_cursors(reads, question)
        statements = await read_statements(reads, question, cursors)
        key = None if after is None else (after[0], after[1], after[2])
        rows = await read_moves(reads, question, key, page.limit + 1)
    moves, cursor = page_of(rows, page.limit, lambda row: encode_cursor(_MOVES, *row.key))
    units = view.context.deps.units.get(view.settlement.name, {})
    answer = statement_answer(question, cursors, statements, moves, cursor, units=units)
    return answer_at_block(request, answer, answer.block.hash)
