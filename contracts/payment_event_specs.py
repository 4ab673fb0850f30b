"""The events of `PAYMENT_CONTRACTS`, as data; `events.py` has them in its registry.

Events that several contracts declare alike have one entry for each contract, and a table for each:
the emitting address tells them apart.

Mirrors the `event` declarations of `src/circuit/*.sol` and `src/payouts/*.sol`.
"""

from contracts.event_spec import ContractName, EventSpec, event

CONTENT_PAID = event(
    ContractName.PAY_PER_VIEW_SPLITTER,
    "ContentPaid",
    "bytes32 indexed order_id",
    "address indexed payer",
    "address indexed creator",
    "bytes32 content_id",
    "address asset",
    "uint256 price",
    "uint256 fee",
)
CONTENT_REFUNDED = event(
    ContractName.PAY_PER_VIEW_SPLITTER,
    "ContentRefunded",
    "bytes32 indexed order_id",
    "address indexed payer",
    "address indexed creator",
    "bytes32 content_id",
    "address asset",
    "uint256 price",
    "uint256 fee",
)
TIP_PAID = event(
    ContractName.TIP_SPLITTER,
    "TipPaid",
    "bytes32 indexed order_id",
    "address indexed payer",
    "address indexed creator",
    "address asset",
    "uint256 amount",
    "uint256 fee",
)
EVENT_CREATED = event(
    ContractName.TICKET_SALE,
    "EventCreated",
    "bytes32 indexed event_id",
    "address indexed creator",
    "uint64 starts_at",
    "uint64 ends_at",
)
EVENT_STATUS_SET = event(
    ContractName.TICKET_SALE, "EventStatusSet", "bytes32 indexed event_id", "uint8 status"
)
TICKET_TIER_SET = event(
    ContractName.TICKET_SALE,
    "TicketTierSet",
    "bytes32 indexed event_id",
    "uint32 indexed tier_id",
    "uint256 price",
    "uint32 supply_cap",
)
TICKET_PAID = event(
    ContractName.TICKET_SALE,
    "TicketPaid",
    "bytes32 indexed order_id",
    "address indexed payer",
    "address indexed creator",
    "bytes32 event_id",
    "uint32 tier_id",
    "uint256 ticket_id",
    "address asset",
    "uint256 price",
    "uint256 fee",
)
TICKET_REFUNDED = event(
    ContractName.TICKET_SALE,
    "TicketRefunded",
    "bytes32 indexed order_id",
    "address indexed payer",
    "address indexed creator",
    "bytes32 event_id",
    "uint256 ticket_id",
    "address asset",
    "uint256 price",
    "uint256 fee",
)
TICKET_TRANSFER = event(
    ContractName.TICKET,
    "Transfer",
    "address indexed source",
    "address indexed target",
    "uint256 indexed token_id",
    table="fact_ticket_transfer",
)
TICKET_ISSUED = event(
    ContractName.TICKET,
    "TicketIssued",
    "uint256 indexed ticket_id",
    "bytes32 indexed event_id",
    "uint32 tier_id",
    "uint32 number",
)
TICKET_REDEEMED = event(
    ContractName.TICKET,
    "TicketRedeemed",
    "uint256 indexed ticket_id",
    "bytes32 indexed event_id",
    "address indexed redeemer",
)
TIP_RECEIVED = event(
    ContractName.TIP_RELAY,
    "TipReceived",
    "bytes32 indexed order_id",
    "address indexed creator",
    "address indexed payer",
    "bytes32 op_id",
    "uint256 number",
    "uint256 amount",
    "uint256 fee",
)
RELAY_FEES_WITHDRAWN = event(
    ContractName.TIP_RELAY,
    "FeesWithdrawn",
    "address indexed treasury",
    "uint256 amount",
    table="fact_relay_fees_withdrawn",
)
BATCH_FLOAT_RECEIVED = event(
    ContractName.PAYOUT_BATCH,
    "FloatReceived",
    "address indexed sender",
    "uint256 amount",
    table="fact_batch_float_received",
)


def _fee_terms_set(contract: ContractName, table: str) -> EventSpec:
    return event(
        contract,
        "FeeTermsSet",
        "address indexed treasury",
        "uint80 minimum",
        "uint16 bps",
        table=table,
    )


def _line(contract: ContractName, name: str, table: str, *more: str) -> EventSpec:
    """An event of `LinePayments` about one line of a list."""
    return event(
        contract,
        name,
        "bytes32 indexed op_id",
        "bytes32 indexed list_id",
        "address indexed payee",
        "uint256 index",
        "address asset",
        "uint256 amount",
        *more,
        table=table,
    )


def _unclaimed_withdrawn(contract: ContractName, table: str) -> EventSpec:
    return event(
        contract,
        "UnclaimedWithdrawn",
        "address indexed payee",
        "address indexed asset",
        "address to",
        "uint256 amount",
        table=table,
    )


def _hold_placed(contract: ContractName, table: str) -> EventSpec:
    return event(
        contract,
        "PayeeHoldPlaced",
        "address indexed account",
        "bytes32 indexed reason_digest",
        "uint64 expires_at",
        table=table,
    )


def _hold_lifted(contract: ContractName, table: str) -> EventSpec:
    return event(contract, "PayeeHoldLifted", "address indexed account", table=table)


CONTENT_FEE_TERMS_SET = _fee_terms_set(
    ContractName.PAY_PER_VIEW_SPLITTER, "fact_content_fee_terms_set"
)
TIP_FEE_TERMS_SET = _fee_terms_set(ContractName.TIP_SPLITTER, "fact_tip_fee_terms_set")
TICKET_FEE_TERMS_SET = _fee_terms_set(ContractName.TICKET_SALE, "fact_ticket_fee_terms_set")
RELAY_FEE_TERMS_SET = _fee_terms_set(ContractName.TIP_RELAY, "fact_relay_fee_terms_set")
RELAY_LINE_PAID = _line(ContractName.TIP_RELAY, "LinePaid", "fact_relay_line_paid")
RELAY_LINE_UNCLAIMED = _line(ContractName.TIP_RELAY, "LineUnclaimed", "fact_relay_line_unclaimed")
RELAY_LINE_SKIPPED = _line(
    ContractName.TIP_RELAY, "LineSkipped", "fact_relay_line_skipped", "uint8 reason"
)
RELAY_UNCLAIMED_WITHDRAWN = _unclaimed_withdrawn(
    ContractName.TIP_RELAY, "fact_relay_unclaimed_withdrawn"
)
RELAY_HOLD_PLACED = _hold_placed(ContractName.TIP_RELAY, "fact_relay_hold_placed")
RELAY_HOLD_LIFTED = _hold_lifted(ContractName.TIP_RELAY, "fact_relay_hold_lifted")
BATCH_LINE_PAID = _line(ContractName.PAYOUT_BATCH, "LinePaid", "fact_batch_line_paid")
BATCH_LINE_UNCLAIMED = _line(
    ContractName.PAYOUT_BATCH, "LineUnclaimed", "fact_batch_line_unclaimed"
)
BATCH_LINE_SKIPPED = _line(
    ContractName.PAYOUT_BATCH, "LineSkipped", "fact_batch_line_skipped", "uint8 reason"
)
BATCH_UNCLAIMED_WITHDRAWN = _unclaimed_withdrawn(
    ContractName.PAYOUT_BATCH, "fact_batch_unclaimed_withdrawn"
)
BATCH_HOLD_PLACED = _hold_placed(ContractName.PAYOUT_BATCH, "fact_batch_hold_placed")
BATCH_HOLD_LIFTED = _hold_lifted(ContractName.PAYOUT_BATCH, "fact_batch_hold_lifted")

PAYMENT_EVENTS: tuple[EventSpec, ...] = (
    CONTENT_PAID,
    CONTENT_REFUNDED,
    TIP_PAID,
    EVENT_CREATED,
    EVENT_STATUS_SET,
    TICKET_TIER_SET,
    TICKET_PAID,
    TICKET_REFUNDED,
    TICKET_TRANSFER,
    TICKET_ISSUED,
    TICKET_REDEEMED,
    TIP_RECEIVED,
    RELAY_FEES_WITHDRAWN,
    BATCH_FLOAT_RECEIVED,
    CONTENT_FEE_TERMS_SET,
    TIP_FEE_TERMS_SET,
    TICKET_FEE_TERMS_SET,
    RELAY_FEE_TERMS_SET,
    RELAY_LINE_PAID,
    RELAY_LINE_UNCLAIMED,
    RELAY_LINE_SKIPPED,
    RELAY_UNCLAIMED_WITHDRAWN,
    RELAY_HOLD_PLACED,
    RELAY_HOLD_LIFTED,
    BATCH_LINE_PAID,
    BATCH_LINE_UNCLAIMED,
    BATCH_LINE_SKIPPED,
    BATCH_UNCLAIMED_WITHDRAWN,
    BATCH_HOLD_PLACED,
    BATCH_HOLD_LIFTED,
)
