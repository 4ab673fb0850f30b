"""Every event that the engine reads, as data; `EVENTS` is all of them.

One `EventSpec` per event: its contract, its Solidity parameters in order, and the fact table that
holds it. Decoder, fact tables and topics are derived from `EVENTS`: a new event is one entry. An
event is told by (address, topic0), never by topic0 alone: contracts may share one signature.

Mirrors the `event` declarations of `src/settlement/*.sol` and `src/cwe/*.sol`, of ERC-20 (EIP-20)
and ERC-721 (EIP-721); those of single payments stand in `payment_event_specs.py`.
"""

from contracts.event_spec import ContractName, EventSpec, Field, event
from contracts.payment_event_specs import PAYMENT_EVENTS

_TOTALS = Field(
    "totals",
    "tuple[]",
    components=(
        Field("asset", "address"),
        *(
            Field(name, "uint256")
            for name in ("paid_in", "carried_in", "allocated", "escrow", "unallocated", "fees")
        ),
    ),
)

EPOCH_CLOCK_STARTED = event(
    ContractName.EPOCH_CLOCK, "EpochClockStarted", "uint64 genesis", "uint64 length", "uint64 grace"
)
PARAMETERS_SET = event(
    ContractName.RULESET_PARAMETERS,
    "ParametersSet",
    "uint64 indexed effective_epoch",
    "bytes32 indexed digest",
    "bytes parameters",
)
WORK_REGISTERED = event(
    ContractName.WORK_REGISTRY,
    "WorkRegistered",
    "bytes32 indexed work_id",
    "address indexed registrant",
    "bytes32 salt",
)
WORK_TERMS_SET = event(
    ContractName.WORK_REGISTRY,
    "WorkTermsSet",
    "bytes32 indexed work_id",
    "address indexed registrant",
    "bytes32 indexed content_id",
    "uint64 effective_epoch",
    "uint32 version",
    "uint64 price_ppm",
    "bytes32 region_rule",
    "address[] payees",
    "uint32[] shares_ppm",
)
VERDICT_PLACED = event(
    ContractName.WORK_REGISTRY,
    "VerdictPlaced",
    "bytes32 indexed work_id",
    "bytes32 indexed case_digest",
)
VERDICT_LIFTED = event(
    ContractName.WORK_REGISTRY,
    "VerdictLifted",
    "bytes32 indexed work_id",
    "bytes32 indexed case_digest",
)
TIER_SET = event(
    ContractName.SUBSCRIPTION_TIERS,
    "TierSet",
    "bytes32 indexed tier_id",
    "address indexed asset",
    "uint64 effective_epoch",
    "uint256 price",
)
SUBSCRIBED = event(
    ContractName.SUBSCRIPTION_TIERS,
    "Subscribed",
    "address indexed subscriber",
    "uint64 indexed epoch",
    "bytes32 indexed tier_id",
    "address payer",
    "address asset",
    "uint256 amount",
)
CONSUMPTION_SUBMITTED = event(
    ContractName.CONSUMPTION_SUBMISSIONS,
    "ConsumptionSubmitted",
    "address indexed submitter",
    "uint64 indexed epoch",
    "bytes32 indexed tier_id",
    "uint16 part",
    "bytes32[] work_ids",
    "uint32[] minutes_played",
    "uint32[] plays",
    "bytes32[] pseudonyms",
    "bytes32 digest",
)
SETTLEMENT_STARTED = event(
    ContractName.EPOCH_PAYOUTS,
    "SettlementStarted",
    "address clock",
    "address registry",
    "uint64 veto_window",
)
GUARDIAN_SET_CHANGED = event(
    ContractName.EPOCH_PAYOUTS,
    "GuardianSetChanged",
    "uint32 indexed guardian_set",
    "uint32 threshold",
    "address[] guardians",
)
EPOCH_FUNDED = event(
    ContractName.EPOCH_PAYOUTS,
    "EpochFunded",
    "uint64 indexed epoch",
    "address indexed asset",
    "address indexed source",
    "uint256 amount",
)
EPOCH_COMMITTED = event(
    ContractName.EPOCH_PAYOUTS,
    "EpochCommitted",
    "uint64 indexed epoch",
    "uint32 indexed attempt",
    "bytes32 indexed manifest_digest",
    "bytes32 root",
    "uint64 active_at",
    "uint32 guardian_set",
    "address[] signers",
    _TOTALS,
)
EPOCH_VETOED = event(
    ContractName.EPOCH_PAYOUTS,
    "EpochVetoed",
    "uint64 indexed epoch",
    "uint32 indexed attempt",
    "address indexed by",
    "bytes32 reason_digest",
)
LEAF_WITHDRAWN = event(
    ContractName.EPOCH_PAYOUTS,
    "LeafWithdrawn",
    "bytes32 indexed op_id",
    "uint64 indexed epoch",
    "bytes32 indexed work_id",
    "uint32 part",
    "address asset",
    "uint256 amount",
)
PAYEE_PAID = event(
    ContractName.EPOCH_PAYOUTS,
    "PayeePaid",
    "bytes32 indexed op_id",
    "address indexed payee",
    "address indexed asset",
    "uint256 amount",
    "uint32 line",
)
PAYEE_UNCLAIMED = event(
    ContractName.EPOCH_PAYOUTS,
    "PayeeUnclaimed",
    "bytes32 indexed op_id",
    "address indexed payee",
    "address indexed asset",
    "uint256 amount",
    "uint32 line",
)
PAYEE_HELD = event(
    ContractName.EPOCH_PAYOUTS,
    "PayeeHeld",
    "bytes32 indexed op_id",
    "address indexed payee",
    "address indexed asset",
    "uint256 amount",
    "uint32 line",
)
WITHDRAW_REFUSED = event(
    ContractName.EPOCH_PAYOUTS,
    "WithdrawRefused",
    "bytes32 indexed op_id",
    "uint64 indexed epoch",
    "bytes32 indexed work_id",
    "uint32 part",
    "address asset",
    "uint8 refusal",
)
UNCLAIMED_WITHDRAWN = event(
    ContractName.EPOCH_PAYOUTS,
    "UnclaimedWithdrawn",
    "address indexed payee",
    "address indexed asset",
    "address to",
    "uint256 amount",
)
GUARDIANS_ANNOUNCED = event(
    ContractName.EPOCH_PAYOUTS,
    "GuardiansAnnounced",
    "bytes32 indexed announcement",
    "uint64 applicable_at",
    "uint32 threshold",
    "address[] guardians",
)
GUARDIANS_CANCELLED = event(
    ContractName.EPOCH_PAYOUTS, "GuardiansCancelled", "bytes32 indexed announcement", "address by"
)
PAYEE_HOLD_PLACED = event(
    ContractName.EPOCH_PAYOUTS,
    "PayeeHoldPlaced",
    "address indexed account",
    "bytes32 indexed reason_digest",
    "uint64 expires_at",
)
PAYEE_HOLD_LIFTED = event(ContractName.EPOCH_PAYOUTS, "PayeeHoldLifted", "address indexed account")
ESCROW_RELEASED = event(
    ContractName.EPOCH_PAYOUTS,
    "EscrowReleased",
    "bytes32 indexed op_id",
    "uint64 indexed epoch",
    "bytes32 indexed escrow_id",
    "address asset",
    "address beneficiary",
    "uint256 amount",
)
ESCROW_EXPIRED = event(
    ContractName.EPOCH_PAYOUTS,
    "EscrowExpired",
    "bytes32 indexed op_id",
    "uint64 indexed epoch",
    "bytes32 indexed escrow_id",
    "address asset",
    "uint256 amount",
)
UNALLOCATED_TRANSFER_ANNOUNCED = event(
    ContractName.EPOCH_PAYOUTS,
    "UnallocatedTransferAnnounced",
    "bytes32 indexed transfer_id",
    "uint64 indexed epoch",
    "address indexed asset",
    "address to",
    "uint256 amount",
    "uint64 applicable_at",
)
UNALLOCATED_TRANSFER_CANCELLED = event(
    ContractName.EPOCH_PAYOUTS,
    "UnallocatedTransferCancelled",
    "bytes32 indexed transfer_id",
    "address by",
)
UNALLOCATED_TRANSFERRED = event(
    ContractName.EPOCH_PAYOUTS,
    "UnallocatedTransferred",
    "bytes32 indexed transfer_id",
    "uint64 indexed epoch",
    "address indexed asset",
    "address to",
    "uint256 amount",
)
ISSUER_SET = event(
    ContractName.CREATOR_ATTESTATIONS, "IssuerSet", "address indexed issuer", "bool is_trusted"
)
ATTESTED = event(
    ContractName.CREATOR_ATTESTATIONS,
    "Attested",
    "address indexed subject",
    "bytes32 indexed credential",
    "address indexed issuer",
    "uint64 expires_at",
)
REVOKED = event(
    ContractName.CREATOR_ATTESTATIONS,
    "Revoked",
    "address indexed subject",
    "bytes32 indexed credential",
    "address indexed by",
)
SPLIT_TERMS_SET = event(
    ContractName.SPLIT_ACCOUNTS,
    "SplitTermsSet",
    "address indexed account",
    "address indexed owner",
    "uint64 effective_epoch",
    "uint32 version",
    "address[] payees",
    "uint32[] shares_ppm",
)
CONTENT_CLAIMED = event(
    ContractName.CONTENT_CLAIMS,
    "ContentClaimed",
    "bytes32 indexed content_id",
    "address indexed claimant",
    "bytes32 indexed work_id",
    "uint64 final_at",
)
CLAIM_CHALLENGED = event(
    ContractName.CONTENT_CLAIMS,
    "ClaimChallenged",
    "bytes32 indexed content_id",
    "address indexed challenger",
    "bytes32 evidence_digest",
    "uint64 decide_by",
)
CLAIM_RESOLVED = event(
    ContractName.CONTENT_CLAIMS,
    "ClaimResolved",
    "bytes32 indexed content_id",
    "address indexed claimant",
    "bool is_upheld",
)
BENEFICIARY_ANNOUNCED = event(
    ContractName.CONTENT_CLAIMS,
    "BeneficiaryAnnounced",
    "bytes32 indexed escrow_id",
    "address indexed account",
    "uint64 applicable_at",
)
BENEFICIARY_CANCELLED = event(
    ContractName.CONTENT_CLAIMS,
    "BeneficiaryCancelled",
    "bytes32 indexed escrow_id",
    "address indexed account",
)
BENEFICIARY_ASSIGNED = event(
    ContractName.CONTENT_CLAIMS,
    "BeneficiaryAssigned",
    "bytes32 indexed escrow_id",
    "address indexed account",
)
ERC20_TRANSFER = event(
    ContractName.ERC20,
    "Transfer",
    "address indexed source",
    "address indexed target",
    "uint256 amount",
    table="fact_erc20_transfer",
    is_bulk=True,
)
ERC20_APPROVAL = event(
    ContractName.ERC20,
    "Approval",
    "address indexed owner",
    "address indexed spender",
    "uint256 amount",
    table="fact_erc20_approval",
    is_bulk=True,
)
ERC721_TRANSFER = event(
    ContractName.ERC721,
    "Transfer",
    "address indexed source",
    "address indexed target",
    "uint256 indexed token_id",
    table="fact_erc721_transfer",
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
    PAYEE_HELD,
    WITHDRAW_REFUSED,
    UNCLAIMED_WITHDRAWN,
    GUARDIANS_ANNOUNCED,
    GUARDIANS_CANCELLED,
    PAYEE_HOLD_PLACED,
    PAYEE_HOLD_LIFTED,
    ESCROW_RELEASED,
    ESCROW_EXPIRED,
    UNALLOCATED_TRANSFER_ANNOUNCED,
    UNALLOCATED_TRANSFER_CANCELLED,
    UNALLOCATED_TRANSFERRED,
    ISSUER_SET,
    ATTESTED,
    REVOKED,
    SPLIT_TERMS_SET,
    CONTENT_CLAIMED,
    CLAIM_CHALLENGED,
    CLAIM_RESOLVED,
    BENEFICIARY_ANNOUNCED,
    BENEFICIARY_CANCELLED,
    BENEFICIARY_ASSIGNED,
    *PAYMENT_EVENTS,
    ERC20_TRANSFER,
    ERC20_APPROVAL,
    ERC721_TRANSFER,
)
