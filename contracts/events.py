"""Every event that the engine reads, as data.

One `EventSpec` per event: its contract, its Solidity parameters in order, and the fact table that
holds it. Decoder, fact tables and the list of topics are all derived from `EVENTS`, so that a new
event is one entry here. An event is told by (address, topic0), never by topic0 alone: two
contracts may use one signature for two meanings.

Mirrors the `event` declarations of `src/settlement/*.sol`, `src/cwe/*.sol` and ERC-20 (EIP-20).
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Hash32, keccak


class ContractName(StrEnum):
    """The contracts of a settlement, by the name of their artifact, and any ERC-20."""

    EPOCH_CLOCK = "EpochClock"
    RULESET_PARAMETERS = "RulesetParameters"
    WORK_REGISTRY = "WorkRegistry"
    SUBSCRIPTION_TIERS = "SubscriptionTiers"
    CONSUMPTION_SUBMISSIONS = "ConsumptionSubmissions"
    EPOCH_PAYOUTS = "EpochPayouts"
    ERC20 = "ERC20"


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


def _indexed(name: str, abi_type: str) -> Field:
    return Field(name, abi_type, indexed=True)


_ASSET_TOTALS = tuple(
    Field(name, "address" if name == "asset" else "uint256")
    for name in (
        "asset",
        "paid_in",
        "carried_in",
        "allocated",
        "escrow",
        "unallocated",
        "fees",
    )
)

EPOCH_CLOCK_STARTED = EventSpec(
    ContractName.EPOCH_CLOCK,
    "EpochClockStarted",
    "fact_epoch_clock_started",
    (Field("genesis", "uint64"), Field("length", "uint64"), Field("grace", "uint64")),
)
PARAMETERS_SET = EventSpec(
    ContractName.RULESET_PARAMETERS,
    "ParametersSet",
    "fact_parameters_set",
    (
        _indexed("effective_epoch", "uint64"),
        _indexed("digest", "bytes32"),
        Field("parameters", "bytes"),
    ),
)
WORK_REGISTERED = EventSpec(
    ContractName.WORK_REGISTRY,
    "WorkRegistered",
    "fact_work_registered",
    (
        _indexed("work_id", "bytes32"),
        _indexed("registrant", "address"),
        Field("salt", "bytes32"),
    ),
)
WORK_TERMS_SET = EventSpec(
    ContractName.WORK_REGISTRY,
    "WorkTermsSet",
    "fact_work_terms_set",
    (
        _indexed("work_id", "bytes32"),
        _indexed("registrant", "address"),
        _indexed("content_id", "bytes32"),
        Field("effective_epoch", "uint64"),
        Field("version", "uint32"),
        Field("price_ppm", "uint64"),
        Field("region_rule", "bytes32"),
        Field("payees", "address[]"),
        Field("shares_ppm", "uint32[]"),
    ),
)
VERDICT_PLACED = EventSpec(
    ContractName.WORK_REGISTRY,
    "VerdictPlaced",
    "fact_verdict_placed",
    (_indexed("work_id", "bytes32"), _indexed("case_digest", "bytes32")),
)
VERDICT_LIFTED = EventSpec(
    ContractName.WORK_REGISTRY,
    "VerdictLifted",
    "fact_verdict_lifted",
    (_indexed("work_id", "bytes32"), _indexed("case_digest", "bytes32")),
)
TIER_SET = EventSpec(
    ContractName.SUBSCRIPTION_TIERS,
    "TierSet",
    "fact_tier_set",
    (
        _indexed("tier_id", "bytes32"),
        _indexed("asset", "address"),
        Field("effective_epoch", "uint64"),
        Field("price", "uint256"),
    ),
)
SUBSCRIBED = EventSpec(
    ContractName.SUBSCRIPTION_TIERS,
    "Subscribed",
    "fact_subscribed",
    (
        _indexed("subscriber", "address"),
        _indexed("epoch", "uint64"),
        _indexed("tier_id", "bytes32"),
        Field("payer", "address"),
        Field("asset", "address"),
        Field("amount", "uint256"),
    ),
)
CONSUMPTION_SUBMITTED = EventSpec(
    ContractName.CONSUMPTION_SUBMISSIONS,
    "ConsumptionSubmitted",
    "fact_consumption_submitted",
    (
        _indexed("submitter", "address"),
        _indexed("epoch", "uint64"),
        _indexed("tier_id", "bytes32"),
        Field("part", "uint16"),
        Field("work_ids", "bytes32[]"),
        Field("minutes_played", "uint32[]"),
        Field("plays", "uint32[]"),
        Field("pseudonyms", "bytes32[]"),
        Field("digest", "bytes32"),
    ),
)
SETTLEMENT_STARTED = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "SettlementStarted",
    "fact_settlement_started",
    (Field("clock", "address"), Field("registry", "address"), Field("veto_window", "uint64")),
)
GUARDIAN_SET_CHANGED = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "GuardianSetChanged",
    "fact_guardian_set_changed",
    (
        _indexed("guardian_set", "uint32"),
        Field("threshold", "uint32"),
        Field("guardians", "address[]"),
    ),
)
EPOCH_FUNDED = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "EpochFunded",
    "fact_epoch_funded",
    (
        _indexed("epoch", "uint64"),
        _indexed("asset", "address"),
        _indexed("source", "address"),
        Field("amount", "uint256"),
    ),
)
EPOCH_COMMITTED = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "EpochCommitted",
    "fact_epoch_committed",
    (
        _indexed("epoch", "uint64"),
        _indexed("attempt", "uint32"),
        _indexed("manifest_digest", "bytes32"),
        Field("root", "bytes32"),
        Field("active_at", "uint64"),
        Field("guardian_set", "uint32"),
        Field("signers", "address[]"),
        Field("totals", "tuple[]", components=_ASSET_TOTALS),
    ),
)
EPOCH_VETOED = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "EpochVetoed",
    "fact_epoch_vetoed",
    (
        _indexed("epoch", "uint64"),
        _indexed("attempt", "uint32"),
        _indexed("by", "address"),
        Field("reason_digest", "bytes32"),
    ),
)
LEAF_WITHDRAWN = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "LeafWithdrawn",
    "fact_leaf_withdrawn",
    (
        _indexed("op_id", "bytes32"),
        _indexed("epoch", "uint64"),
        _indexed("work_id", "bytes32"),
        Field("part", "uint32"),
        Field("asset", "address"),
        Field("amount", "uint256"),
    ),
)
PAYEE_PAID = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "PayeePaid",
    "fact_payee_paid",
    (
        _indexed("op_id", "bytes32"),
        _indexed("payee", "address"),
        _indexed("asset", "address"),
        Field("amount", "uint256"),
        Field("line", "uint32"),
    ),
)
PAYEE_UNCLAIMED = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "PayeeUnclaimed",
    "fact_payee_unclaimed",
    PAYEE_PAID.fields,
)
WITHDRAW_REFUSED = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "WithdrawRefused",
    "fact_withdraw_refused",
    (
        _indexed("op_id", "bytes32"),
        _indexed("epoch", "uint64"),
        _indexed("work_id", "bytes32"),
        Field("part", "uint32"),
        Field("asset", "address"),
        Field("refusal", "uint8"),
    ),
)
UNCLAIMED_WITHDRAWN = EventSpec(
    ContractName.EPOCH_PAYOUTS,
    "UnclaimedWithdrawn",
    "fact_unclaimed_withdrawn",
    (
        _indexed("payee", "address"),
        _indexed("asset", "address"),
        Field("to", "address"),
        Field("amount", "uint256"),
    ),
)
ERC20_TRANSFER = EventSpec(
    ContractName.ERC20,
    "Transfer",
    "fact_erc20_transfer",
    (_indexed("source", "address"), _indexed("target", "address"), Field("amount", "uint256")),
    is_bulk=True,
)
ERC20_APPROVAL = EventSpec(
    ContractName.ERC20,
    "Approval",
    "fact_erc20_approval",
    (_indexed("owner", "address"), _indexed("spender", "address"), Field("amount", "uint256")),
    is_bulk=True,
)

EVENTS: tuple[EventSpec, ...] = (
    EPOCH_CLOCK_STARTED,
    PARAMETERS_SET,
    WORK_REGISTERED,
    WORK_TERMS_SET,
    VERDICT_PLACED,
    VERDICT_LIFTED,
    TIER_SET,
    SUBSCRIBED,
    CONSUMPTION_SUBMITTED,
    SETTLEMENT_STARTED,
    GUARDIAN_SET_CHANGED,
    EPOCH_FUNDED,
    EPOCH_COMMITTED,
    EPOCH_VETOED,
    LEAF_WITHDRAWN,
    PAYEE_PAID,
    PAYEE_UNCLAIMED,
    WITHDRAW_REFUSED,
    UNCLAIMED_WITHDRAWN,
    ERC20_TRANSFER,
    ERC20_APPROVAL,
)
