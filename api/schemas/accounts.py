"""Answers about what was earned, and what an account has."""

from enum import StrEnum

from pydantic import BaseModel

from api.fields import AddressOut, AmountOut, DeltaOut, HashOut
from api.schemas.envelope import Block, OfSettlement, Page


class EarningStatus(StrEnum):
    """How certain an amount is, and where it went."""

    COMPUTED = "computed"  # not committed: a veto or a new attempt can still change it
    PENDING = "pending"  # committed, inside the veto window
    PAYABLE = "payable"
    PAID = "paid"
    UNCLAIMED = "unclaimed"  # refused by payee or token: a pull balance
    WITHDRAWN = "withdrawn"  # a whole leaf; its lines say how


class Earning(BaseModel):
    """What one work earned in one epoch and asset, or one payee's line of that."""

    epoch: int
    attempt: int
    work_id: HashOut
    part: int
    asset: AddressOut
    amount: AmountOut
    status: EarningStatus
    op_id: HashOut


class WorkEarnings(Page):
    """Leaves of one work, newest epoch first."""

    work_id: HashOut
    items: list[Earning]


class AccountEarnings(Page):
    """Lines of one payee, newest epoch first."""

    account: AddressOut
    items: list[Earning]


class Balance(BaseModel):
    """A balance of the books at `block`.

    `pending` is the part of `posted` that planned payouts have reserved. `unfinalized` is what the
    events between `block` and `head` will change, with its sign.
    """

    posted: AmountOut
    pending: AmountOut
    unfinalized: DeltaOut


class AssetBalances(BaseModel):
    """Balances of one account in one asset.

    `outstanding` is earned and active, not withdrawn; `unclaimed` waits in the contract for the
    payee to pull it.
    """

    asset: AddressOut
    outstanding: Balance
    unclaimed: Balance


class BalancesAnswer(OfSettlement):
    """What one account has, asset by asset; `block` is the last one that the books contain."""

    account: AddressOut
    head: Block
    assets: list[AssetBalances]
