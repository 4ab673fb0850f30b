"""What the close report calls things: words of a finance team, not of the chart of accounts."""

from reconciliation.creator_statements import MoveKind
from settlement.ledger.accounts import AccountKind

ACCOUNTS: dict[AccountKind, str] = {
    AccountKind.CASH: "Money held by the contract",
    AccountKind.PAID_IN: "Paid in for an epoch, not divided yet",
    AccountKind.COMMITTED: "Divided among creators, not payable yet",
    AccountKind.FEES: "Fees of epochs, not payable yet",
    AccountKind.ESCROWED: "Set aside for unclaimed works, not active yet",
    AccountKind.UNALLOCATED: "Left to nobody",
    AccountKind.PAYABLE: "Royalties payable to creators",
    AccountKind.ESCROW: "Escrow: waits for whoever claims the work",
    AccountKind.SUSPENSE: "Suspense: a share that could not be paid",
    AccountKind.UNCLAIMED: "Refused by the payee, can be collected",
    AccountKind.IN_TRANSIT: "Reserved for payouts that are under way",
    AccountKind.EARNED: "Sales and tips passed on to creators",
    AccountKind.REFUNDED: "Refunds to payers",
    AccountKind.PLATFORM_FEES: "Platform fees",
    AccountKind.OWED: "Tips and lines of documents, owed to payees",
    AccountKind.FLOAT: "Brought in to pay from",
    AccountKind.DOCUMENTS: "Obligations from accepted documents",
    AccountKind.UNEXPLAINED: "Left without a known cause",
    AccountKind.WALLET: "Coins of the payout wallet",
    AccountKind.GAS: "Transaction costs (gas)",
    AccountKind.SURPLUS: "Came without a known cause",
}

RECEIVED = ACCOUNTS | {
    AccountKind.PAID_IN: "Paid in for epochs by subscribers",
    AccountKind.EARNED: "Sales and tips, for creators",
    AccountKind.OWED: "Tips, for creators",
    AccountKind.REFUNDED: "Handed in for refunds",
}
"""What cash came for, by the account that it raised."""

PAID = ACCOUNTS | {
    AccountKind.PAYABLE: "Royalties, paid to creators",
    AccountKind.OWED: "Tips and lines of documents, paid to payees",
    AccountKind.UNCLAIMED: "Refused before, now collected by payees",
    AccountKind.EARNED: "Sales and tips, passed on to creators",
    AccountKind.PLATFORM_FEES: "Platform fees, to the treasury",
    AccountKind.UNALLOCATED: "Left to nobody, transferred after an announcement",
}
"""What cash went for, by the account that it lowered."""

EARNINGS: dict[MoveKind, str] = {
    MoveKind.ROYALTY: "Royalties",
    MoveKind.FEE: "Fees of epochs",
    MoveKind.ESCROW_RELEASE: "Released from escrow",
    MoveKind.PAY_PER_VIEW: "Pay-per-view sales",
    MoveKind.TIP: "Tips",
    MoveKind.TICKET: "Tickets",
    MoveKind.DOCUMENT: "Lines of accepted documents",
    MoveKind.ADJUSTMENT: "Adjustments by hand, and reversals",
}
"""Kinds that earn."""

GAS_FOR: dict[str | None, str] = {
    "commit": "Committing the epoch",
    "withdraw": "Paying royalties",
    "tip": "Paying tips",
    "payout": "Paying lines of documents",
    None: "No payout: nonces closed, other transactions",
}
"""Kinds of operations that gas was spent for."""
