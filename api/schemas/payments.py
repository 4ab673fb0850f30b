"""Questions and answers about payments."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic.config import JsonDict

from api.fields import (
    AddressIn,
    AddressOut,
    AmountIn,
    AmountOut,
    BytesOut,
    HashIn,
    HashOut,
    SmallNumber,
)
from api.payment_calls import Asked, paying_call
from api.schemas.envelope import Block, OfSettlement
from contracts.evm import Timestamp
from contracts.units import BaseUnits
from settlement.payments.intent import REFERENCE_LENGTH_MAX
from settlement.payments.policies import Outcome
from settlement.payments.states import State
from settlement.payments.verification import Check

FamilyName = Literal["ppv", "tip", "tip_native", "ticket", "offramp_send"]


_INTENT: JsonDict = {
    "family": "ppv",
    "payer": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "payee": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "subject": "0x" + "5e" * 32,
    "asset": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "amount": "10000000",
    "reference": "checkout 4711",
    "since": 1_800_000_000,
    "until": 1_800_003_600,
}


class IntentRequest(BaseModel):
    """What shall be paid; the same content again is the same intent, with the same id."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_INTENT]})

    family: FamilyName = Field(
        description="`ppv` a content, `tip` in a token, `tip_native` in the native coin, `ticket` "
        "to an event, `offramp_send` a plain transfer to the address that an off-ramp named"
    )
    payer: AddressIn | None = Field(
        default=None,
        description="who must pay, as the contract's event names it (a smart account, say; never "
        "its relayer). Without it anybody may, except for `offramp_send`, and no `call` is made",
    )
    payee: AddressIn = Field(description="the creator, or the off-ramp's address")
    subject: HashIn | None = Field(
        default=None, description="the content id of `ppv`, the event id of `ticket`; else absent"
    )
    tier_id: SmallNumber | None = Field(default=None, description="of `ticket`; else absent")
    asset: AddressIn = Field(description="the token; the zero address is the native coin")
    amount: AmountIn = Field(
        description="what the payee gets, exactly, in base units; the fee comes on top of it"
    )
    order_id: HashIn | None = Field(
        default=None,
        description="leave it out: then it is the intent's id, which nobody else can ask for. One "
        "of your own must be random, since whoever asks for an order first has its payment",
    )
    reference: str = Field(
        min_length=1,
        max_length=REFERENCE_LENGTH_MAX,
        description="your own name for it, printable; another reference is another intent",
    )
    since: SmallNumber = Field(description="Unix seconds of block time; earlier is not in time")
    until: SmallNumber = Field(
        description="Unix seconds of block time; this second and later are not in time. At most "
        "366 days after `since` (7 for `offramp_send`), and 366 from now. An intent that nobody "
        "pays is forgotten months after it; said again it is the same intent again"
    )


class SubmissionRequest(BaseModel):
    """A transaction that is said to pay."""

    model_config = ConfigDict(extra="forbid")

    transaction_hash: HashIn


class CallOut(BaseModel):
    """A transaction for the payer's wallet: send it unchanged, in time, from the payer.

    Before it, let the payer's token allow `to` to take `allowance` (ERC-20 `approve`), or use the
    contract's `payWithPermit`. It pays the intent or reverts: price, fee and time are in it.
    """

    to: AddressOut
    data: BytesOut
    value: AmountOut = Field(description="of the native coin, in wei")
    allowance: AmountOut = Field(description="of the asset; 0 where none is needed")


class IntentOut(BaseModel):
    """What shall be paid, through which contract; `total` is the amount with the quoted fee.

    `fee` is null where no terms are known yet: say the same again later for a quote. `order_id` is
    null for a transfer, which names none.
    """

    intent_id: HashOut
    family: str
    contract: AddressOut
    payer: AddressOut | None
    payee: AddressOut
    subject: HashOut | None
    tier_id: int | None
    asset: AddressOut
    amount: AmountOut
    fee: AmountOut | None
    total: AmountOut
    order_id: HashOut | None
    reference: str
    since: int
    until: int

    @computed_field(  # type: ignore[prop-decorator]  # of pydantic's own
        description="what pays it; null where the payer or the fee is not known"
    )
    @property
    def call(self) -> CallOut | None:
        """The call that pays."""
        asked = Asked(
            family_name=self.family,
            contract=self.contract,
            payer=self.payer,
            payee=self.payee,
            subject=self.subject,
            tier_id=self.tier_id,
            amount=BaseUnits(self.amount),
            fee=None if self.fee is None else BaseUnits(self.fee),
            order_id=self.order_id,
            until=Timestamp(self.until),
        )
        found = paying_call(asked)
        return None if found is None else CallOut.model_validate(found, from_attributes=True)


class SubmissionOut(BaseModel):
    """A transaction, and where it stands; `ordinal` is set where it is bound to the order.

    `state`: `awaited` no block has it yet; `received`, `safe`, `final` it pays, and so sure is its
    block; `gone` a reorganisation took it, it may come back; `refused` a check failed, and `failed`
    says which, `reason` with what was expected and found; `expired` no block can have it in time
    any more. With `is_terminal` this is the last word. Deliver at `received` what can be taken
    back, at `final` what cannot. The ordinal counts the logs of the transaction that say the same;
    with an order it is 0.
    """

    transaction_hash: HashOut
    state: State
    is_terminal: bool
    outcome: Outcome | None
    failed: list[Check]
    reason: str
    block_number: int | None
    block_hash: HashOut | None
    log_index: int | None
    ordinal: int | None
    confirmations: int


class IntentStored(BaseModel):
    """An intent, right after it was stored."""

    settlement: str
    chain_id: int
    intent: IntentOut


class IntentAnswer(OfSettlement):
    """An intent and where it stands.

    `state` is that of the claimed transaction which is first on the chain, of the newest where all
    are gone, `awaited` while there is none.
    """

    head: Block
    intent: IntentOut
    state: State
    is_refunded: bool
    submissions: list[SubmissionOut]


class SubmissionList(OfSettlement):
    """Transactions that an intent was told of, or that name its order."""

    head: Block
    intent_id: HashOut
    submissions: list[SubmissionOut]


class SubmissionAnswer(BaseModel):
    """What one look at a transaction found."""

    settlement: str
    chain_id: int
    intent_id: HashOut
    submission: SubmissionOut
