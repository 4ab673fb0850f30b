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
    HELD = "held"  # a line that stays payable, while a hold stands against its payee
    PAID = "paid"
    UNCLAIMED = "unclaimed"  # refused by payee or token: a pull balance
    PARTLY_WITHDRAWN = "partly_withdrawn"  # a leaf whose other lines were held
    WITHDRAWN = "withdrawn"  # a whole leaf; its lines say how
    ESCROWED = "escrowed"  # a leaf without a beneficiary yet
    RELEASED = "released"  # from escrow, to its beneficiary's pull balance
    EXPIRED = "expired"  # from escrow, to nobody


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

    `pending` is the part of `posted` that planned payouts have reserved, `held` the part that is
    not paid now: a hold stands against the account, or a verdict against the work. `unfinalized` is
    what the events between `block` and `head` will change, with its sign.
    """

    posted: AmountOut
    pending: AmountOut
    held: AmountOut
    unfinalized: DeltaOut


class Hold(BaseModel):
    """A hold that stands against an account at `block`: nothing is paid to it before it ends."""

    reason_digest: HashOut
    expires_at: int


class AssetBalances(BaseModel):
    """Balances of one account in one asset.

    `outstanding` is earned and active, not withdrawn; `unclaimed` waits in the contract for the
    payee to pull it. `escrow` is what waits for contents that the account is the last to have
    claimed, and in suspense for it by decision; it is released once the claim is final.
    """

    asset: AddressOut
    outstanding: Balance
    unclaimed: Balance
    escrow: AmountOut


class BalancesAnswer(OfSettlement):
    """What one account has, asset by asset; `block` is the last one that the books contain."""

    account: AddressOut
    head: Block
    hold: Hold | None
    assets: list[AssetBalances]
