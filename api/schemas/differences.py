"""The difference of an epoch to the one before; also what `quittance epoch diff` prints."""

from pydantic import BaseModel, ConfigDict

from api.fields import AddressOut, AmountOut, DeltaOut, HashOut
from api.schemas.envelope import Page


class _OfRecord(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ChangeOut(_OfRecord):
    """One amount: delta = now - before."""

    now: AmountOut
    before: AmountOut
    delta: DeltaOut


class TotalChangeOut(_OfRecord):
    """The money of one asset: paid in = allocated + fees + escrow + unallocated."""

    asset: AddressOut
    paid_in: ChangeOut
    allocated: ChangeOut
    fees: ChangeOut
    escrow: ChangeOut
    unallocated: ChangeOut


class PayeeChangeOut(_OfRecord):
    """One payee in one asset; escrow and suspense stand under the payouts contract."""

    payee: AddressOut
    asset: AddressOut
    change: ChangeOut


class WorkChangeOut(_OfRecord):
    """One work in one asset; fees, escrow and suspense stand under the ids of their leaves."""

    work_id: HashOut
    asset: AddressOut
    change: ChangeOut


class DifferenceOut(_OfRecord):
    """All of it; by asset, payees and works both sum to allocated + fees + escrow."""

    totals: list[TotalChangeOut]
    payees: list[PayeeChangeOut]
    works: list[WorkChangeOut]


class DifferencePage(Page):
    """What both lists begin with; the epoch before is the one that the manifest names.

    `previous_manifest_digest` is zero, and every amount before too, for the first epoch.
    """

    epoch: int
    attempt: int
    manifest_digest: HashOut
    previous_manifest_digest: HashOut
    totals: list[TotalChangeOut]


class PayeeDifferences(DifferencePage):
    """Amounts by payee, ascending by (payee, asset); all pages sum to what is in leaves."""

    items: list[PayeeChangeOut]


class WorkDifferences(DifferencePage):
    """Amounts by work, ascending by (work, asset); all pages sum to what is in leaves."""

    items: list[WorkChangeOut]
