"""Questions and answers about payout documents."""

from pydantic import BaseModel, ConfigDict, Field

from api.fields import AddressIn, AmountIn, HashOut, SmallNumber
from api.schemas.sessions import SignatureIn

LINES_MAX = 10_000
ADDRESS_PATTERN = "^0x[0-9a-fA-F]{40}$"
AMOUNT_PATTERN = "^(0|[1-9][0-9]{0,77})$"
SIGNATURE_PATTERN = "^0x[0-9a-f]{130}$"


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


class SignatureRequest(BaseModel):
    """A signature over a document."""

    model_config = ConfigDict(extra="forbid")

    signature: SignatureIn


class LineFile(BaseModel):
    """A line as the document's file spells it."""

    payee: str = Field(pattern=ADDRESS_PATTERN, description="who is owed")
    asset: str = Field(pattern=ADDRESS_PATTERN, description="of what; zero is the native coin")
    amount: str = Field(pattern=AMOUNT_PATTERN, description="how much, in base units")


class DocumentFile(BaseModel):
    """A document as its file spells it: its digest is keccak256 of this in canonical JSON."""

    name: str = Field(alias="list", description="what the list is called")
    chain_id: str = Field(description="the chain that pays, as a decimal string")
    contract: str = Field(pattern=ADDRESS_PATTERN, description="the payout batch that pays")
    lines: list[LineFile] = Field(description="who is owed what, numbered from 0")


class AcceptanceFile(BaseModel):
    """A signature over a document."""

    signer: str = Field(pattern=ADDRESS_PATTERN, description="whose key is said to have signed")
    signature: str = Field(pattern=SIGNATURE_PATTERN, description="r, s and v")


class SignedDocumentFile(BaseModel):
    """What shows who signed a document, to whoever knows the approvers' addresses."""

    format: str = Field(description="which form of file this is")
    document: DocumentFile = Field(description="what was signed")
    acceptances: list[AcceptanceFile] = Field(description="the signatures, by signer")


class TypedField(BaseModel):
    """A member of a struct of EIP-712."""

    name: str = Field(description="of the member")
    type: str = Field(description="of the member, in Solidity's words")


class DocumentMessage(BaseModel):
    """Typed data, as `eth_signTypedData_v4` takes it."""

    types: dict[str, list[TypedField]] = Field(description="the structs, by name")
    primary_type: str = Field(alias="primaryType", description="the struct that is signed")
    domain: dict[str, str] = Field(description="the batch and chain that the signature is for")
    message: dict[str, str | list[dict[str, str]]] = Field(description="what is signed")
