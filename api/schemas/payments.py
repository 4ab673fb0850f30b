"""Questions and answers about payments."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.fields import AddressIn, AddressOut, AmountIn, AmountOut, HashIn, HashOut, SmallNumber
from api.schemas.envelope import Block, OfSettlement
from settlement.payments.intent import REFERENCE_LENGTH_MAX
from settlement.payments.policies import Outcome
from settlement.payments.states import State
from settlement.payments.verification import Check

FamilyName = Literal["ppv", "tip", "tip_native", "ticket", "offramp_send"]


class IntentRequest(BaseModel):
    """What shall be paid; the same content again is the same intent.

    `payee` is the creator, or the address that an off-ramp named. `subject` is the content id of
    `ppv`, the event id of `ticket`. Without `payer` anybody may pay, except for `offramp_send`.
    `since` and `until` are Unix seconds of block time; `until` is too late.
    """

    model_config = ConfigDict(extra="forbid")

    family: FamilyName
    payer: AddressIn | None = None
    payee: AddressIn
    subject: HashIn | None = None
    tier_id: SmallNumber | None = None
    asset: AddressIn = Field(description="the zero address is the native coin")
    amount: AmountIn
    order_id: HashIn | None = Field(default=None, description="by default the intent's id")
    reference: str = Field(min_length=1, max_length=REFERENCE_LENGTH_MAX)
    since: SmallNumber
    until: SmallNumber


class SubmissionRequest(BaseModel):
    """A transaction that is said to pay."""

    model_config = ConfigDict(extra="forbid")

    transaction_hash: HashIn


class IntentOut(BaseModel):
    """What shall be paid, through which contract; `total` is the amount with the quoted fee."""

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


class SubmissionOut(BaseModel):
    """A transaction, and where it stands; `ordinal` is set where it is bound to the order.

    The ordinal counts the logs of the transaction that say the same; with an order it is 0.
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
    """Every transaction that an intent was told of, oldest first."""

    head: Block
    intent_id: HashOut
    submissions: list[SubmissionOut]


class SubmissionAnswer(BaseModel):
    """What one look at a transaction found."""

    settlement: str
    chain_id: int
    intent_id: HashOut
    submission: SubmissionOut
