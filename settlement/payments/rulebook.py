"""What was in force at one place of the chain: our contracts, their fee terms, prices of tiers.

Terms are set by events, so what was in force at a log is what the last such event *before* it said,
also within one block. A contract is ours from the block that its address book names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, Hash32
from contracts.units import BaseUnits
from settlement.payments.fees import FeeTerms

LogPlace = tuple[int, int]
"""Block number and log index: the order of the chain."""

END_OF_CHAIN: LogPlace = (2**63, 0)
"""After every log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedContract:
    """A contract that is ours in blocks [start_block, end_block); without an end it still is."""

    name: ContractName
    address: Address
    start_block: BlockNumber
    end_block: BlockNumber | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTermsInForce:
    """Fee terms of a contract, from a place on."""

    since: LogPlace
    contract: Address
    terms: FeeTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPriceInForce:
    """The price of a tier, from a place on."""

    since: LogPlace
    contract: Address
    subject: Hash32
    tier_id: int
    price: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All that may bear on a payment; `fee_terms` and `prices` in any order."""

    contracts: Sequence[AllowedContract]
    fee_terms: Sequence[FeeTermsInForce] = ()
    prices: Sequence[TierPriceInForce] = ()

    def is_allowed(self, name: ContractName, address: Address, block: BlockNumber) -> bool:
        """Whether this address was our contract of that name in a block."""
        return any(
            one.name is name
            and one.address == address
            and one.start_block <= block
            and (one.end_block is None or block < one.end_block)
            for one in self.contracts
        )

    def fee_terms_at(self, contract: Address, place: LogPlace) -> FeeTerms | None:
        """The fee terms of a contract just before a place; None if there were none."""
        before = [one for one in self.fee_terms if one.contract == contract and one.since < place]
        return max(before, key=lambda one: one.since).terms if before else None

    def price_at(
        self, contract: Address, place: LogPlace, *, subject: Hash32, tier_id: int
    ) -> BaseUnits | None:
        """The price of a tier just before a place; None if it had none."""
        before = [
            one
            for one in self.prices
            if (one.contract, one.subject, one.tier_id) == (contract, subject, tier_id)
            and one.since < place
        ]
        return max(before, key=lambda one: one.since).price if before else None
