"""Chart of accounts.

One book per settlement. All its money sits in one contract, so there is one cash account; every
other account says for whom the contract holds a part of that money:

    cash                              in EpochPayouts                    debit-normal
    paid_in:<epoch>                   paid for an epoch, not committed   credit-normal
    committed:<epoch>                 allocated, not active yet          credit-normal
    fees:<epoch>                      charged, not active yet            credit-normal
    escrowed:<epoch>                  to hold in escrow, not active yet  credit-normal
    unallocated:<epoch>               left to nobody                     credit-normal
    payable:<epoch>:<work>:<part>:<payee>   one payee's part of a leaf   credit-normal
    escrow:<epoch>:<escrow id>        for whoever claims a content       credit-normal
    suspense:<epoch>:<escrow id>      what a work's split could not pay  credit-normal
    unclaimed:<payee>                 pull balance                       credit-normal
    in_transit                        pending side of reservations       credit-normal

Fees are payable to their payees once they are active: their leaf has an id where others have a
work. What is held stays payable; that it is held is a fact, and no account.

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
    FEES = "fees"
    ESCROWED = "escrowed"
    UNALLOCATED = "unallocated"
    PAYABLE = "payable"
    ESCROW = "escrow"
    SUSPENSE = "suspense"
    UNCLAIMED = "unclaimed"
    IN_TRANSIT = "in_transit"


DIMENSIONS: dict[AccountKind, tuple[str, ...]] = {
    AccountKind.CASH: (),
    AccountKind.PAID_IN: ("epoch",),
    AccountKind.COMMITTED: ("epoch",),
    AccountKind.FEES: ("epoch",),
    AccountKind.ESCROWED: ("epoch",),
    AccountKind.UNALLOCATED: ("epoch",),
    AccountKind.PAYABLE: ("epoch", "work_id", "part", "payee"),
    AccountKind.ESCROW: ("epoch", "work_id"),
    AccountKind.SUSPENSE: ("epoch", "work_id"),
    AccountKind.UNCLAIMED: ("payee",),
    AccountKind.IN_TRANSIT: (),
}
"""Which attributes an account of each kind has, in the order of its path; all others are None.

`work_id` is the id that a leaf names: of a work, of the fees, or of an escrow.
"""

OWED_TO_LEAVES = (AccountKind.COMMITTED, AccountKind.FEES, AccountKind.PAYABLE)
"""What the contract holds to pay leaves: their sum is `remaining` on chain."""

IN_ESCROW = (AccountKind.ESCROWED, AccountKind.ESCROW, AccountKind.SUSPENSE)
"""What the contract holds until its beneficiary is known: their sum is `escrowed` on chain."""

LIABILITIES = (
    AccountKind.PAID_IN,
    *OWED_TO_LEAVES,
    *IN_ESCROW,
    AccountKind.UNALLOCATED,
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


def fees(epoch: Epoch) -> Account:
    """Charged by a commitment that is not active yet."""
    return Account(kind=AccountKind.FEES, epoch=epoch)


def escrowed(epoch: Epoch) -> Account:
    """For the escrow and suspense leaves of a commitment that is not active yet."""
    return Account(kind=AccountKind.ESCROWED, epoch=epoch)


def unallocated(epoch: Epoch) -> Account:
    """Left to nobody; backs nothing."""
    return Account(kind=AccountKind.UNALLOCATED, epoch=epoch)


def payable(*, epoch: Epoch, work_id: Hash32, part: int, payee: Address) -> Account:
    """One payee's line of a leaf."""
    return Account(kind=AccountKind.PAYABLE, epoch=epoch, work_id=work_id, part=part, payee=payee)


def escrow(epoch: Epoch, escrow_id: Hash32) -> Account:
    """Money of a content that nobody has claimed."""
    return Account(kind=AccountKind.ESCROW, epoch=epoch, work_id=escrow_id)


def suspense(epoch: Epoch, escrow_id: Hash32) -> Account:
    """Money of a work that its split cannot pay to anybody."""
    return Account(kind=AccountKind.SUSPENSE, epoch=epoch, work_id=escrow_id)


def unclaimed(payee: Address) -> Account:
    """Refused once, or released from escrow; waits for its payee."""
    return Account(kind=AccountKind.UNCLAIMED, payee=payee)
