"""What a tick reports: what it did, what it held back, and why it stopped."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, Hash32
from settlement.payouts.assemble import Held
from settlement.payouts.operation import Outcome
from settlement.payouts.signing_policy import Refusal


class Stop(StrEnum):
    """Why a tick signed nothing or not all; each ends by itself or by a person's decision."""

    NO_FINALIZED_BLOCK = "no_finalized_block"
    PAUSED = "paused"
    SIGNING_STOPPED = "signing_stopped"  # by a person
    KEY_UNSETTLED = "key_unsettled"  # nonces that we know nothing of are not spent for good
    FEE_ABOVE_CAP = "fee_above_cap"
    NO_GAS_MONEY = "no_gas_money"  # for everything in flight and the next transaction
    IN_FLIGHT_FULL = "in_flight_full"


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """What one tick did; `exhausted`, `refusals` and most of `held` need a person.

    `replaced` are replacements and no-ops, for nonces that were taken before; `refusals` say what
    the signing policy did not let be replaced. `paused` are contracts that get nothing,
    `other_keys` keys that were configured before, and whose open nonces operations wait for.
    `transactions_ahead` says for how many more transactions as dear as the dearest of this tick the
    key has money; None where none was signed.
    """

    planned: int = 0
    recorded: tuple[Outcome, ...] = ()
    sent_again: tuple[Hash32, ...] = ()
    replaced: tuple[Hash32, ...] = ()
    signed: tuple[Hash32, ...] = ()
    held: tuple[Held, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    paused: tuple[Address, ...] = ()
    other_keys: tuple[Address, ...] = ()
    exhausted: tuple[Hash32, ...] = ()
    transactions_ahead: int | None = None
    stop: Stop | None = None
