"""`settlement.ledger.overdrafts`."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from contracts.evm import ZERO_ADDRESS, Epoch, Timestamp
from contracts.units import BaseUnits
from settlement.ledger.accounts import (
    CASH,
    FLOAT,
    WALLET,
    Account,
    AssetAccount,
    paid_in,
    unclaimed,
)
from settlement.ledger.journal import Posting
from settlement.ledger.overdrafts import overdrawn
from settlement.ledger.posting_rules import funded
from tests.ledger_builders import ALICE, ASSET, MoneyChain

PAID_IN = paid_in(Epoch(0))
ENTRY = funded(MoneyChain().funded(5), 0)


@dataclass
class Balances:
    """Posted balances; remembers what was asked."""

    posted: dict[AssetAccount, int]
    asked: set[AssetAccount]

    def posted_balances(self, accounts: Collection[AssetAccount]) -> dict[AssetAccount, int]:
        self.asked |= set(accounts)
        return {key: self.posted[key] for key in accounts if key in self.posted}


def found(
    *moves: tuple[Account, Account, int], **posted: int
) -> tuple[dict[AssetAccount, int], set[AssetAccount]]:
    """What is overdrawn by moves (debit, credit, amount), and what was asked for."""
    accounts = {"cash": CASH, "float": FLOAT, "paid_in": PAID_IN, "wallet": WALLET}
    books = Balances({(accounts[name], ASSET): units for name, units in posted.items()}, set())
    postings = tuple(
        Posting(asset=ASSET, amount=BaseUnits(amount), debit=debit, credit=credit)
        for debit, credit, amount in moves
    )
    return overdrawn([replace(ENTRY, postings=postings)], books), books.asked


def test_overdrawn__lowered_below_zero__named_with_its_balance() -> None:
    assert found((PAID_IN, CASH, 5), cash=-2, paid_in=0) == (
        {(CASH, ASSET): -2},
        {(CASH, ASSET), (PAID_IN, ASSET)},
    )


def test_overdrawn__raised_or_passed_through__not_asked() -> None:
    assert found((CASH, PAID_IN, 5)) == ({}, set())
    assert found((CASH, PAID_IN, 5), (PAID_IN, CASH, 5)) == ({}, set())


def test_overdrawn__raised_by_less_than_it_is_lowered__asked() -> None:
    _, asked = found((CASH, PAID_IN, 4), (PAID_IN, CASH, 5))

    assert asked == {(CASH, ASSET), (PAID_IN, ASSET)}


def test_overdrawn__account_that_may_be__never() -> None:
    assert found((FLOAT, WALLET, 5), wallet=-9, float=0) == ({}, {(FLOAT, ASSET)})


def test_overdrawn__other_asset_does_not_make_up_for_it() -> None:
    came = Posting(asset=ZERO_ADDRESS, amount=BaseUnits(9), debit=CASH, credit=unclaimed(ALICE))
    left = Posting(asset=ASSET, amount=BaseUnits(5), debit=unclaimed(ALICE), credit=CASH)
    books = Balances({(CASH, ASSET): -5, (CASH, ZERO_ADDRESS): 9}, set())

    entry = replace(ENTRY, postings=(came, left), effective_at=Timestamp(1))

    assert overdrawn([entry], books) == {(CASH, ASSET): -5}
