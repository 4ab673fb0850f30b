"""One disagreement between chain and books: what it is, where, and how old."""

from dataclasses import dataclass, field
from enum import StrEnum

from contracts.evm import Address, Hash32, Timestamp, keccak

_DAY_S = 86_400


class Kind(StrEnum):
    """What a disagreement is. Tolerance is zero for all but `TIMING` and `UNCLAIMED_OR_EXPIRED`.

    MISSING_ON_CHAIN      the books have an entry that no event on chain caused
    MISSING_IN_BOOKS      money moved, or came in, that the books do not know: a surplus too
    AMOUNT                both know the movement, with other amounts
    PAYEE                 both know the movement, from or to another account
    ASSET_OR_CONTRACT     both know the movement, in another asset, or by another contract
    DUPLICATE             the books have one movement twice
    TIMING                booked at another time, or later than the tolerance
    REORGED               booked from a block that is not of the chain any more
    REVERTED              one of our transactions failed, and our records do not say so
    GAS                   what a transaction cost is booked otherwise, or coins came to a wallet
    DUST                  parts differ from their whole by less than one unit a part
    UNAUTHORISED_OUTFLOW  something left a payout wallet that nobody planned
    ROOT_MISMATCH         a root on chain is not the one of our documents, or of our books
    INSOLVENCY            a contract holds less than it owes, or its token does not say
    SOURCE_DIVERGENCE     two endpoints, or two answers of one, contradict each other
    UNCLAIMED_OR_EXPIRED  money that lies around for too long
    """

    MISSING_ON_CHAIN = "missing_on_chain"
    MISSING_IN_BOOKS = "missing_in_books"
    AMOUNT = "amount"
    PAYEE = "payee"
    ASSET_OR_CONTRACT = "asset_or_contract"
    DUPLICATE = "duplicate"
    TIMING = "timing"
    REORGED = "reorged"
    REVERTED = "reverted"
    GAS = "gas"
    DUST = "dust"
    UNAUTHORISED_OUTFLOW = "unauthorised_outflow"
    ROOT_MISMATCH = "root_mismatch"
    INSOLVENCY = "insolvency"
    SOURCE_DIVERGENCE = "source_divergence"
    UNCLAIMED_OR_EXPIRED = "unclaimed_or_expired"


class AgeBucket(StrEnum):
    """How long a discrepancy has been open, in days of the chain's time."""

    DAY = "0-1"
    WEEK = "1-7"
    MONTH = "7-30"
    OLDER = "30+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a discrepancy is, as far as it has such a place."""

    transaction_hash: Hash32 | None = None
    block_number: int | None = None
    block_hash: Hash32 | None = None
    log_index: int | None = None
    entry_id: Hash32 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One disagreement. `expected` is what the one side says, `actual` what is found instead.

    Between books and chain, `expected` are the books. `asset` is None where it concerns all assets.
    Kind and subject name it for ever: the same disagreement has the same id in every run of a
    settlement, also when the amounts have changed since.
    """

    kind: Kind
    subject: str
    expected: str
    actual: str
    evidence: tuple[str, ...]
    asset: Address | None = None
    place: Place = field(default=Place())

    @property
    def id(self) -> Hash32:
        """keccak256 of kind and subject."""
        return keccak(f"{self.kind}:{self.subject}".encode())

    @property
    def content_digest(self) -> Hash32:
        """What an explanation is about: it does not explain other amounts."""
        words = (self.kind.value, self.subject, self.expected, self.actual)
        return keccak("\n".join(words).encode())


def age_bucket(opened_at: Timestamp, now: Timestamp) -> AgeBucket:
    """The bucket of an age, by chain time; borders belong to the older bucket."""
    days = max(now - opened_at, 0) // _DAY_S
    if days < 1:
        return AgeBucket.DAY
    if days < 7:
        return AgeBucket.WEEK
    return AgeBucket.MONTH if days < 30 else AgeBucket.OLDER
