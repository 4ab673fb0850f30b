"""Failures of payments; the branches are those of `settlement.errors`."""

from contracts.evm import Hash32
from settlement.errors import Corrupt, Rejected, Transient


class UnknownIntent(Rejected):
    """No payment intent has this id."""

    def __init__(self, intent_id: Hash32) -> None:
        super().__init__(f"no payment intent has the id {intent_id}")
        self.intent_id = intent_id


class TooManySubmissions(Rejected):
    """An intent was told of as many transactions as it may be.

    Source: `payments.adapters.store`. Effect: the transaction is not looked at.
    """

    def __init__(self, intent_id: Hash32, maximum: int) -> None:
        super().__init__(f"intent {intent_id} has {maximum} transactions already")
        self.intent_id = intent_id


class IntentConflict(Corrupt):
    """An intent is stored under an id that its content does not have.

    Source: `payments.adapters.store`. Effect: the intent is not used.
    """

    def __init__(self, intent_id: Hash32, actual: Hash32) -> None:
        super().__init__(f"intent {intent_id} is stored with content of the id {actual}")
        self.intent_id = intent_id


class ClaimLost(Transient):
    """Two requests bound the same order at once, again and again.

    Source: `payments.verify_payment`. Effect: this request bound nothing; ask again.
    """

    def __init__(self, intent_id: Hash32) -> None:
        super().__init__(f"intent {intent_id} is being claimed by others right now")
        self.intent_id = intent_id


class BadGate(Rejected):
    """A gate or an alias that cannot be one; `field` says which member is wrong.

    Source: `payments.gates`, `payments.adapters.gate_store`. Effect: nothing is recorded.
    """

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{field}: {value} is not {wanted}")
        self.field = field
