"""Questions and answers about payout documents."""

from pydantic import BaseModel, ConfigDict, Field

from api.fields import AddressIn, AmountIn, HashOut, SmallNumber

LINES_MAX = 10_000


class LineRequest(BaseModel):
    """Who is owed how much; the zero address as an asset is the native coin."""

    model_config = ConfigDict(extra="forbid")

    payee: AddressIn
    asset: AddressIn
    amount: AmountIn


class DocumentRequest(BaseModel):
    """Lines, numbered from 0; the same content again is the same document."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        alias="list",
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$",
        description="what the list is called; it stands for these lines for ever",
    )
    chain_id: SmallNumber
    contract: AddressIn = Field(description="the payout batch that pays")
    lines: list[LineRequest] = Field(min_length=1, max_length=LINES_MAX)


class DocumentOut(BaseModel):
    """A document as it is kept; `op_ids` are what its lines are paid under, in order.

    `settled` are the lines that the chain has settled: nothing is owed on them, also where the
    document is given again because a restored backup had lost it. `accepted_at` is the time of the
    finalized block from which it is owed.
    """

    digest: HashOut
    name: str = Field(alias="list")
    list_id: HashOut
    lines: int
    totals: dict[str, str]
    op_ids: list[HashOut]
    settled: list[int]
    added_by: str
    accepted_by: str | None
    accepted_at: int | None


class DocumentStored(BaseModel):
    """A document that is kept."""

    settlement: str
    chain_id: int
    document: DocumentOut
