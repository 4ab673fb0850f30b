"""Screening lists: accounts that must not be paid, and whose money must not be paid out.

A list is a file somebody accepted: its bytes are kept, its digest names it, and every refusal names
the digest, so that months later it can be shown what was known when. One list is in force: the one
accepted last. Results of a screening service are accepted the same way, as a file; so what moved,
or did not move, never depends on what a service answers today. `adapters.screening_file` reads it.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, Hash32, Timestamp, keccak


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningList:
    """A list as it was accepted; `listings` says of each account why it is on it."""

    digest: Hash32
    accepted_at: Timestamp
    listings: Mapping[Address, str]


class Screening(Protocol):
    """Whoever knows which list is in force."""

    def in_force(self) -> ScreeningList | None:
        """The list that was accepted last; None if none ever was."""
        ...


@dataclass(frozen=True, slots=True)
class Rescreened:
    """What a change of lists does to accounts that are owed or have paid: ascending."""

    newly_listed: tuple[Address, ...]
    no_longer_listed: tuple[Address, ...]


def list_digest(source: bytes) -> Hash32:
    """The name of a list: keccak256 of the file's bytes."""
    return keccak(source)


def rescreened(
    accounts: Set[Address], *, before: ScreeningList | None, after: ScreeningList
) -> Rescreened:
    """Which of these accounts a new list adds, and which it takes off."""
    old = set() if before is None else accounts & before.listings.keys()
    new = accounts & after.listings.keys()
    return Rescreened(tuple(sorted(new - old)), tuple(sorted(old - new)))
