"""Chart of accounts.

One book per contract that money goes through, and one per payout wallet, for its gas. All the money
of a book sits in one place, so there is one cash account; every other account says for whom it is
held, or why it came or went.

`EpochPayouts`:

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

`PayPerViewSplitter`, `TipSplitter`, `TicketSale`, which keep nothing, so that balances are zero and
turnovers say what was earned (sold: the content, the event, or zero for a tip):

    cash                              in and out in one entry            debit-normal
    earned:<sold>:<payee>             a creator's price                  credit-normal
    platform_fees                     the treasury's fee                 credit-normal
    refunded:<sold>:<payee>           what a payer got back, of a sale   credit-normal

`TipRelay` and `PayoutBatch`, which pay lines of lists:

    cash, unclaimed:<payee>, in_transit   as above
    owed:<op-id>:<payee>              a tip, or a line of a document     credit-normal
    platform_fees                     fees of tips, not withdrawn        credit-normal
    float                             brought in to pay lines with       credit-normal
    documents:<list>                  what accepted documents oblige to  debit-normal
    unexplained                       left for no line that we know      debit-normal

A payout wallet:

    wallet                            coins, as far as they are booked   debit-normal
    gas                               what transactions cost             debit-normal
    unexplained                       coins that they sent               debit-normal
    float                             there at first, or brought in      credit-normal

Any book, by manual entries alone:

    surplus                           came without a cause that we know  credit-normal

Fees are payable to their payees once they are active: their leaf has an id where others have a
work. What is held stays payable; that it is held is a fact, and no account.

An account holds any number of assets, each with its own balance. No posted balance is ever below
zero, but for `wallet`: coins come without a log, so gas is booked before the funding, which is a
manual entry. `in_transit` has no posted balance at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

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
    EARNED = "earned"
    REFUNDED = "refunded"
    PLATFORM_FEES = "platform_fees"
    OWED = "owed"
    FLOAT = "float"
    DOCUMENTS = "documents"
    UNEXPLAINED = "unexplained"
    WALLET = "wallet"
    GAS = "gas"
    SURPLUS = "surplus"

    @property
    def is_debit_normal(self) -> bool:
        """Whether debits raise its balances."""
        return self in _DEBIT_NORMAL


_DEBIT_NORMAL = frozenset(
    {
        AccountKind.CASH,
        AccountKind.DOCUMENTS,
        AccountKind.UNEXPLAINED,
        AccountKind.WALLET,
        AccountKind.GAS,
    }
)

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
    AccountKind.EARNED: ("work_id", "payee"),
    AccountKind.REFUNDED: ("work_id", "payee"),
    AccountKind.PLATFORM_FEES: (),
    AccountKind.OWED: ("work_id", "payee"),
    AccountKind.FLOAT: (),
    AccountKind.DOCUMENTS: ("work_id",),
    AccountKind.UNEXPLAINED: (),
    AccountKind.WALLET: (),
    AccountKind.GAS: (),
    AccountKind.SURPLUS: (),
}
"""Which attributes an account of each kind has, in the order of its path; all others are None.

`work_id` is the id that a leaf names: of a work, of the fees, or of an escrow; of what was sold; of
the line that is owed; of a document's list.
"""

RESERVABLE = (AccountKind.PAYABLE, AccountKind.OWED)
"""What a payout takes its money from."""

MAY_BE_NEGATIVE = (AccountKind.WALLET,)

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
_WANTED = {
    kind: tuple(name in dimensions for name in _ATTRIBUTES)
    for kind, dimensions in DIMENSIONS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of a book; its kind decides which attributes are set (`DIMENSIONS`).

    `path` is its name: its kind and attributes, joined by colons; bytes in lower case. No two
    accounts share one, so accounts compare by it. `spelled` is the name as digests contain it.
    """

    kind: AccountKind = field(compare=False)
    epoch: Epoch | None = field(default=None, compare=False)
    work_id: Hash32 | None = field(default=None, compare=False)
    part: int | None = field(default=None, compare=False)
    payee: Address | None = field(default=None, compare=False)
    path: str = field(init=False, repr=False)
    spelled: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse an account that the chart does not have, and name any other."""
        values = (self.epoch, self.work_id, self.part, self.payee)
        path = str(self.kind)
        for name, value, is_wanted in zip(_ATTRIBUTES, values, _WANTED[self.kind], strict=True):
            if (value is not None) is not is_wanted:
                raise BadEntry(f"account of kind {self.kind} with {name}={value}")
            if is_wanted:
                path += f":0x{value.hex()}" if isinstance(value, bytes) else f":{value}"
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "spelled", length_prefixed(path.encode()))

    def balance(self, *, debits: int, credits: int) -> int:
        """Balance on the normal side."""
        return debits - credits if self.kind.is_debit_normal else credits - debits


def length_prefixed(*fields: bytes) -> bytes:
    """The fields joined, each behind its length: no two lists of fields are spelled alike."""
    return b"".join([prefixed(each) for each in fields])


def prefixed(value: bytes) -> bytes:
    """One field behind its length."""
    return len(value).to_bytes(4, "big") + value


@lru_cache(maxsize=64)
def prefixed_name(name: str) -> bytes:
    """One of a few names, behind its length."""
    return prefixed(name.encode())


AssetAccount = tuple[Account, Address]
"""An account and one of its assets, which have a balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The books of one contract or one payout wallet, named by its address."""

    chain_id: ChainId
    contract: Address

    def account_id(self, account: Account) -> Hash32:
        """Permanent id of an account of this book."""
        return keccak(_book_prefix(self) + account.path.encode())


@lru_cache(maxsize=64)
def _book_prefix(book: Book) -> bytes:
    """The checksum in an address's spelling costs more than all else of an id."""
    return f"{book.chain_id}/{book.contract}/".encode()


def account_from_path(path: str) -> Account:
    """The account of that name.

    Raises:
        BadEntry: the chart has no such account.
    """
    kind_name, *parts = path.split(":")
    try:
        kind = AccountKind(kind_name)
        values = {
            name: _READ[name](part) for name, part in zip(DIMENSIONS[kind], parts, strict=True)
        }
        account = Account(kind=kind, **values)
    except (ValueError, BadEntry) as error:
        raise BadEntry(f"no account is named {path!r}") from error
    if account.path != path:
        raise BadEntry(f"no account is named {path!r}")
    return account


_READ: dict[str, Callable[[str], Any]] = {
    "epoch": int,
    "work_id": Hash32.from_hex,
    "part": int,
    "payee": Address.from_hex,
}

CASH = Account(kind=AccountKind.CASH)
IN_TRANSIT = Account(kind=AccountKind.IN_TRANSIT)
PLATFORM_FEES = Account(kind=AccountKind.PLATFORM_FEES)
FLOAT = Account(kind=AccountKind.FLOAT)
UNEXPLAINED = Account(kind=AccountKind.UNEXPLAINED)
WALLET = Account(kind=AccountKind.WALLET)
GAS = Account(kind=AccountKind.GAS)
SURPLUS = Account(kind=AccountKind.SURPLUS)

_remembered = lru_cache(maxsize=8_192)
"""Such accounts are named several times in a step of posting, or by every sale of one content."""


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


@_remembered
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


@_remembered
def earned(sold: Hash32, payee: Address) -> Account:
    """A creator's price of a content or of an event's tickets; of tips with `sold` zero."""
    return Account(kind=AccountKind.EARNED, work_id=sold, payee=payee)


@_remembered
def refunded(sold: Hash32, payee: Address) -> Account:
    """What payers got back of a creator's sales."""
    return Account(kind=AccountKind.REFUNDED, work_id=sold, payee=payee)


@_remembered
def owed(op_id: Hash32, payee: Address) -> Account:
    """A tip, or a line of a document, that is not settled."""
    return Account(kind=AccountKind.OWED, work_id=op_id, payee=payee)


def documents(list_id: Hash32) -> Account:
    """What the lines of a document oblige to pay."""
    return Account(kind=AccountKind.DOCUMENTS, work_id=list_id)
