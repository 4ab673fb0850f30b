"""Accounts: what an address has, and what it earned. An address that nobody paid has nothing."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from api.adapters.balances import BalanceRow, read_balances, read_books, read_escrow
from api.adapters.earnings import read_payee_earnings
from api.adapters.holds import read_holds
from api.adapters.standpoint import envelope_of
from api.conditional import answer_at_block
from api.context import ViewOf
from api.earnings import OF_ACCOUNT
from api.fields import AddressIn
from api.pagination import PageOf
from api.schemas.accounts import AccountEarnings, AssetBalances, Balance, BalancesAnswer, Hold
from contracts.evm import Address

router = APIRouter(tags=["accounts"])


@router.get("/accounts/{address}/balances", response_model=BalancesAnswer)
async def show_balances(request: Request, view: ViewOf, address: AddressIn) -> Response:
    """Balances from the books, and what later events will change.

    `posted` + `unfinalized` is the balance at `head`; `pending` is reserved by planned payouts.
    """
    async with view.reads() as reads:
        books = await read_books(reads, view.settlement)
        rows = await read_balances(reads, view.settlement, address, books)
        escrow = await read_escrow(reads, view.settlement, address, books)
        holds = await read_holds(reads, view.settlement, [address], books.block)
    hold = holds.get(address)
    escrowed = {row.asset: row.posted for row in escrow}
    answer = BalancesAnswer(
        **envelope_of(view.settlement, books.block),
        account=address,
        head=books.head,
        hold=None if hold is None else Hold.model_validate(hold, from_attributes=True),
        assets=[
            _asset(asset, rows, is_held=hold is not None, escrow=escrowed.get(asset, 0))
            for asset in sorted({row.asset for row in rows} | escrowed.keys())
        ],
    )
    return answer_at_block(request, answer, books.block.hash)


@router.get("/accounts/{address}/earnings", response_model=AccountEarnings)
async def list_account_earnings(
    request: Request, view: ViewOf, address: AddressIn, page: PageOf
) -> Response:
    """Lines of a payee under standing attempts, newest epoch first."""
    wanted = OF_ACCOUNT.wanted(page)
    async with view.standpoint() as (reads, at):
        rows = await read_payee_earnings(reads, at, address, wanted)
        holds = await read_holds(reads, view.settlement, [address], at.finalized)
        items, cursor = await OF_ACCOUNT.shown(
            reads, at, rows, page.limit, is_held=address in holds
        )
    answer = AccountEarnings(**at.envelope, account=address, items=items, next_cursor=cursor)
    return answer_at_block(request, answer, at.finalized.hash)


def _asset(
    asset: bytes, rows: Sequence[BalanceRow], *, is_held: bool, escrow: int
) -> AssetBalances:
    balances = {
        row.kind: Balance(
            posted=row.posted,
            pending=row.pending,
            held=row.posted if is_held else row.under_verdict,
            unfinalized=row.unfinalized,
        )
        for row in rows
        if row.asset == asset
    }
    nothing = Balance(posted=0, pending=0, held=0, unfinalized=0)
    return AssetBalances(
        asset=Address(asset),
        outstanding=balances.get("payable", nothing),
        unclaimed=balances.get("unclaimed", nothing),
        escrow=escrow,
    )
