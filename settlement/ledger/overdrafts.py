"""No posted balance is ever below zero: what is asked after every posting that lowers one."""

from collections.abc import Collection, Iterable
from typing import Protocol

from settlement.ledger.accounts import MAY_BE_NEGATIVE, AssetAccount
from settlement.ledger.journal import JournalEntry


class PostedBalances(Protocol):
    """The posted balances of one book, in one database transaction."""

    def posted_balances(self, accounts: Collection[AssetAccount]) -> dict[AssetAccount, int]:
        """Posted balances on the accounts' normal sides, where anything was posted."""
        ...


def overdrawn(entries: Iterable[JournalEntry], books: PostedBalances) -> dict[AssetAccount, int]:
    """Balances below zero that these posted entries, which are recorded, have made.

    An account that they do not lower, all in all, had its balance before them.
    """
    change: dict[AssetAccount, int] = {}
    for entry in entries:
        for posting in entry.postings:
            debit, credit = (posting.debit, posting.asset), (posting.credit, posting.asset)
            change[debit] = change.get(debit, 0) + posting.amount
            change[credit] = change.get(credit, 0) - posting.amount
    lowered = [
        (account, asset)
        for (account, asset), units in change.items()
        if account.balance(debits=units, credits=0) < 0 and account.kind not in MAY_BE_NEGATIVE
    ]
    balances = books.posted_balances(lowered) if lowered else {}
    return {key: balance for key, balance in balances.items() if balance < 0}
