"""Totals of one account of a book at the end of any block, from totals that were drawn before."""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.checkpoints import ASSETS, TOTALS, driver_spelled


@dataclass(frozen=True, slots=True, kw_only=True)
class _AssetRow:
    id: bytes
    asset: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetTotals:
    """Posted totals of both sides of one account in one asset."""

    id: bytes
    asset: bytes
    debits: int
    credits: int


_ASSETS_OF = driver_spelled(ASSETS)
_TOTALS_AT = driver_spelled(TOTALS)


async def read_balances(
    reads: Snapshot, book: Book, account: Account, *, version: int, upto: int
) -> list[AssetTotals]:
    """Posted debits and credits of an account at the end of a block, by asset.

    Takes a few milliseconds however busy the account is (`checkpoints`).
    """
    ids = [bytes(book.account_id(account))]
    assets = [row.asset for row in await reads.rows(_AssetRow, _ASSETS_OF, {"ids": ids})]
    values = {
        "ids": ids * len(assets),
        "assets": assets,
        "version": version,
        "block": upto,
        "late": upto,
    }
    found = await reads.rows(AssetTotals, _TOTALS_AT, values) if assets else []
    return [row for row in found if row.debits or row.credits]
