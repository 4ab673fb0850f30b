"""Chart of accounts.

One book per settlement. All its money sits in one contract, so there is one cash account; every
other account says for whom the contract holds a part of that money:

    cash                              in EpochPayouts                    debit-normal
    paid_in:<epoch>                   paid for an epoch, not committed   credit-normal
    committed:<epoch>                 allocated, not active yet          credit-normal
    unallocated:<epoch>               left to nobody by the commitment   credit-normal
    payable:<epoch>:<work>:<part>:<payee>   one payee's part of a leaf   credit-normal
    unclaimed:<payee>                 refused once, pull balance         credit-normal
    in_transit                        pending side of reservations       credit-normal

An account holds any number of assets, each with its own balance. No posted balance is ever below
zero, and `in_transit` has no posted balance at all.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, ChainId, Epoch, Hash32, keccak
from settlement.errors import BadEntry


class AccountKind(StrEnum):
    """What the money of an account is held for."""

    CASH = "cash"
    PAID_IN = "paid_in"
    COMMITTED = "committed"
    UNALLOCATED = "unallocated"
    PAYABLE = "payable"
    UNCLAIMED = "unclaimed"
    IN_TRANSIT = "in_transit"


DIMENSIONS: dict[AccountKind, tuple[str, ...]] = {
    AccountKind.CASH: (),
    AccountKind.PAID_IN: ("epoch",),
    AccountKind.COMMITTED: ("epoch",),
    AccountKind.UNALLOCATED: ("epoch",),
    AccountKind.PAYABLE: ("epoch", "work_id", "part", "payee"),
    AccountKind.UNCLAIMED: ("payee",),
    AccountKind.IN_TRANSIT: (),
}
"""Which attributes an account of each kind has, in the order of its path; all others are None."""

LIABILITIES = (
    AccountKind.PAID_IN,
    AccountKind.COMMITTED,
    AccountKind.UNALLOCATED,
    AccountKind.PAYABLE,
    AccountKind.UNCLAIMED,
)
"""What the contract owes or holds for somebody: their sum is `accounted` on chain."""

_ATTRIBUTES = ("epoch", "work_id", "part", "payee")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of a book; its kind decides which attributes are set (`DIMENSIONS`)."""

    kind: AccountKind
    epoch: Epoch | None = None
    work_id: Hash32 | None = None
    part: int | None = None
    payee: Address | None = None

    def __post_init__(self) -> None:
        """Refuse an account that the chart does not have."""
        wanted = DIMENSIONS[self.kind]
        for name in _ATTRIBUTES:
            if (getattr(self, name) is not None) != (name in wanted):
                raise BadEntry(f"account of kind {self.kind} with {name}={getattr(self, name)}")

    @property
    def path(self) -> str:
        """The account's name: its kind and attributes, joined by colons; bytes in lower case."""
        parts = (getattr(self, name) for name in DIMENSIONS[self.kind])
        spelled = ("0x" + part.hex() if isinstance(part, bytes) else str(part) for part in parts)
        return ":".join((self.kind.value, *spelled))

    def balance(self, *, debits: int, credits: int) -> int:
        """Balance on the normal side: cash is debit-normal, everything else credit-normal."""
        return debits - credits if self.kind is AccountKind.CASH else credits - debits


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The books of one settlement, named by its `EpochPayouts` contract."""

    chain_id: ChainId
    contract: Address

    def account_id(self, account: Account) -> Hash32:
        """Permanent id of an account of this book."""
        return keccak(f"{self.chain_id}/{self.contract}/{account.path}".encode())


CASH = Account(kind=AccountKind.CASH)
IN_TRANSIT = Account(kind=AccountKind.IN_TRANSIT)


def paid_in(epoch: Epoch) -> Account:
    """Money paid for an epoch that no commitment has divided."""
    return Account(kind=AccountKind.PAID_IN, epoch=epoch)


def committed(epoch: Epoch) -> Account:
    """Allocated by a commitment that is not active yet."""
    return Account(kind=AccountKind.COMMITTED, epoch=epoch)


def unallocated(epoch: Epoch) -> Account:
    """Left to nobody; backs nothing."""
    return Account(kind=AccountKind.UNALLOCATED, epoch=epoch)


def payable(*, epoch: Epoch, work_id: Hash32, part: int, payee: Address) -> Account:
    """One payee's line of a leaf."""
    return Account(kind=AccountKind.PAYABLE, epoch=epoch, work_id=work_id, part=part, payee=payee)


def unclaimed(payee: Address) -> Account:
    """Refused once; waits for its payee."""
    return Account(kind=AccountKind.UNCLAIMED, payee=payee)
