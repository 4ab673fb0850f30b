"""How an event that the engine reads is described: its contract, its parameters, its fact table."""

import re
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Hash32, keccak


class ContractName(StrEnum):
    """The contracts of a settlement, by the name of their artifact, and any ERC-20 or ERC-721.

    Epochs are settled by `ROYALTY_CONTRACTS`, of which a settlement has all; payments go through
    `PAYMENT_CONTRACTS`, of which it may have any.
    """

    EPOCH_CLOCK = "EpochClock"
    RULESET_PARAMETERS = "RulesetParameters"
    WORK_REGISTRY = "WorkRegistry"
    SUBSCRIPTION_TIERS = "SubscriptionTiers"
    CONSUMPTION_SUBMISSIONS = "ConsumptionSubmissions"
    EPOCH_PAYOUTS = "EpochPayouts"
    CREATOR_ATTESTATIONS = "CreatorAttestations"
    SPLIT_ACCOUNTS = "SplitAccounts"
    CONTENT_CLAIMS = "ContentClaims"
    PAY_PER_VIEW_SPLITTER = "PayPerViewSplitter"
    TIP_SPLITTER = "TipSplitter"
    TIP_RELAY = "TipRelay"
    TICKET = "Ticket"
    TICKET_SALE = "TicketSale"
    PAYOUT_BATCH = "PayoutBatch"
    ERC20 = "ERC20"
    ERC721 = "ERC721"


ROYALTY_CONTRACTS = (
    ContractName.EPOCH_CLOCK,
    ContractName.RULESET_PARAMETERS,
    ContractName.WORK_REGISTRY,
    ContractName.SUBSCRIPTION_TIERS,
    ContractName.CONSUMPTION_SUBMISSIONS,
    ContractName.EPOCH_PAYOUTS,
    ContractName.CREATOR_ATTESTATIONS,
    ContractName.SPLIT_ACCOUNTS,
    ContractName.CONTENT_CLAIMS,
)
"""What epochs are computed, committed and paid with; manifests and certificates know only these."""

PAYMENT_CONTRACTS = (
    ContractName.PAY_PER_VIEW_SPLITTER,
    ContractName.TIP_SPLITTER,
    ContractName.TIP_RELAY,
    ContractName.TICKET,
    ContractName.TICKET_SALE,
    ContractName.PAYOUT_BATCH,
)
"""What single payments, tickets and payouts of documents go through."""


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter of an event.

    `name` is the column; `components` are the members of a `tuple[]`, each stored as one array
    column named `<name>_<member>`.
    """

    name: str
    abi_type: str
    indexed: bool = False
    components: tuple["Field", ...] = ()

    @property
    def canonical_type(self) -> str:
        """The type as it stands in the event's signature."""
        if not self.components:
            return self.abi_type
        members = ",".join(member.canonical_type for member in self.components)
        return f"({members}){self.abi_type.removeprefix('tuple')}"

    @property
    def is_dynamic(self) -> bool:
        """Whether the length of a value varies, so that it is not one word of the data."""
        return self.abi_type.endswith("[]") or self.abi_type == "bytes"

    @property
    def columns(self) -> tuple["Field", ...]:
        """The stored columns: this field, or one array per member of a tuple array."""
        if not self.components:
            return (self,)
        return tuple(
            Field(f"{self.name}_{member.name}", f"{member.abi_type}[]")
            for member in self.components
        )


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event: who emits it, its parameters, and its fact table.

    `is_bulk` says that it comes in such numbers that the typed row is the only row: it says the
    whole log, so it carries the transaction too, and no raw log is kept beside it.
    """

    contract: ContractName
    name: str
    table: str
    fields: tuple[Field, ...]
    is_bulk: bool = False

    @property
    def signature(self) -> str:
        """Name and canonical types, as hashed into topic0."""
        return f"{self.name}({','.join(field.canonical_type for field in self.fields)})"

    @property
    def topic0(self) -> Hash32:
        """keccak256 of the signature."""
        return keccak(self.signature.encode())

    @property
    def columns(self) -> tuple[Field, ...]:
        """Every stored column, in order."""
        return tuple(column for field in self.fields for column in field.columns)

    @property
    def is_static(self) -> bool:
        """Whether every parameter is one word, so that topics and data say all values."""
        return not any(field.is_dynamic for field in self.fields)


def event(
    contract: ContractName,
    name: str,
    *parameters: str | Field,
    table: str | None = None,
    is_bulk: bool = False,
) -> EventSpec:
    """Describe an event by its Solidity parameters: `"bytes32 indexed work_id"`.

    The fact table is `fact_` and the event's name in snake case, unless `table` names another.
    """
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    fields = tuple(
        _field(parameter) if isinstance(parameter, str) else parameter for parameter in parameters
    )
    return EventSpec(contract, name, table or f"fact_{snake}", fields, is_bulk)


def _field(parameter: str) -> Field:
    abi_type, *indexed, name = parameter.split()
    return Field(name, abi_type, indexed=indexed == ["indexed"])
