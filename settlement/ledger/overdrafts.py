"""No posted balance is ever below zero: what is asked after every posting that lowers one."""

from collections.abc import Collection, Iterable
from typing import Protocol

from contracts.evm import Address
from settlement.ledger.accounts import MAY_BE_NEGATIVE, Account, AssetAccount
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
    change: dict[tuple[str, Address], int] = {}  # a path is hashed faster than its account
    named: dict[str, Account] = {}
    for entry in entries:
        for posting in entry.postings:
            asset, units = posting.asset, posting.amount
            for account, moved in ((posting.debit, units), (posting.credit, -units)):
                key = account.path, asset
                change[key] = change.get(key, 0) + moved
                named[account.path] = account
    lowered = [
        (account, asset)
        for (path, asset), units in change.items()
        if (account := named[path]).kind not in MAY_BE_NEGATIVE
        and account.balance(debits=units, credits=0) < 0
    ]
    balances = books.posted_balances(lowered) if lowered else {}
    return {key: balance for key, balance in balances.items() if balance < 0}
